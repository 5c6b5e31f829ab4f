# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2154
# Several cells with one policy; the cases stand in the list of lifecycle.sh.

# Begins a cell that waits, and then asks two questions; returns once it runs. Its trail has a place of
# its own in /var/log/ambit: one that is named would be one more thing that the policy guards.
start_shared() { # NUMBER POLICY
	rm -f "/t/in/begun.$1" "/t/in/go.$1"
	mkfifo -m 666 "/t/in/begun.$1" "/t/in/go.$1"
	ambit run -q -p "$2" -- sh -c "echo >/t/in/begun.$1; read -r _ </t/in/go.$1
		probe read /t/out/file; [ \$? = 1 ] && probe read /t/in/file" &
	shared_pid=$!
	read -r _ <"/t/in/begun.$1"
}
policy_ids() {
	ambit ps --json | sed 's/.*"policy_id":\([0-9]*\).*/\1/' | sort | uniq -c | sed 's/^ *//; s/ .*//' | tr '\n' ' '
}
policy_shared() {
	mkdir -p /t/in /var/log
	sed 's|/etc/passwd|/etc/passwd, /etc/hosts|' "$life_policy" >"$work/case/other.yaml"
	start_shared 1 "$life_policy" && pid_1=$shared_pid
	start_shared 2 "$life_policy" && pid_2=$shared_pid
	start_shared 3 "$life_policy" && pid_3=$shared_pid
	expect "one policy of three cells" [ "$(policy_ids)" = "3 " ]
	start_shared 4 "$work/case/other.yaml" && pid_4=$shared_pid
	expect "another policy beside it" [ "$(policy_ids | tr ' ' '\n' | sort | tr -d '\n')" = 13 ]
	# The first ends, the second is killed and reaped by the next run: the third works on.
	echo >/t/in/go.1
	expect_status 0 wait "$pid_1"
	kill -KILL "$pid_2"
	wait "$pid_2"
	expect_status 0 run_cell true
	expect "two cells with a policy each" [ "$(policy_ids)" = "1 1 " ]
	echo >/t/in/go.3
	expect_status 0 wait "$pid_3"
	echo >/t/in/go.4
	expect_status 0 wait "$pid_4"
	expect_nothing_left
}
