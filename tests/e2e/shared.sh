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

# A policy is swapped over and over for another of many segments, while threads ask for a file that both
# allow and for one that neither does: no decision is made by half of one and half of the other, and none
# finds its tables gone.
policy_swapped() {
	skip_preemptible
	mkdir -p /t/in && rm -f /t/in/begun /t/in/stop && mkfifo -m 666 /t/in/begun
	awk '{ print } /^    read:$/ || /^    read: / { exit }' "$life_policy" | sed 's|read: .*|read:|' >"$work/case/large.yaml"
	awk 'BEGIN {
		for (i = 0; i < 2000; i++)
			printf "      - \"/t/%d/*/name%d\"\n", i * 7919, i
		split("/t/in /usr /etc/passwd @self @devices", places, " ")
		for (i = 1; i in places; i++)
			printf "      - \"%s\"\n", places[i]
		print "    write: [/t/in, \"@devices\"]\n    exec: [/t/in, /usr]"
	}' >>"$work/case/large.yaml"
	expect_status 0 ambit check "$work/case/large.yaml"
	run_cell sh -c 'echo >/t/in/begun
		while [ ! -e /t/in/stop ]; do probe stress 4 200 /t/in/file /t/out/file || exit 1; done' &
	ambit_pid=$!
	read -r _ </t/in/begun
	swap 40 "$work/case/large.yaml" "$life_policy" >"$work/case/tables"
	swapped=$?
	echo >/t/in/stop
	expect_status 0 wait "$ambit_pid"
	expect "forty swaps" [ "$swapped" = 0 ]
	expect "no table more after them" [ "$(cat "$work/case/tables")" = 0 ]
	grep -o '"reason":"[^"]*"' "$work/case/trail" | sort | uniq -c
	expect "no decision without tables" [ "$(trail_count reason=no-policy)" = 0 ]
	expect "denials of many epochs" [ "$(grep -o '"epoch":[0-9]*' "$work/case/trail" | sort -u | grep -c .)" -gt 10 ]
	expect_nothing_left
}
