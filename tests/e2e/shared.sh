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

# Begins a cell of the policy "server" that listens at a path and at an abstract name; returns when it does.
start_server() {
	rm -f /t/in/go && mkfifo -m 666 /t/in/go
	sed 's/^name: .*/name: server/' "$life_policy" >"$work/case/server.yaml"
	ambit run -q -p "$work/case/server.yaml" -- \
		sh -c 'probe serve-unix /t/in/served @served; echo >/t/in/go; read -r _ </t/in/go' &
	server_pid=$!
	read -r _ </t/in/go
}
peer_acts='stream /t/in/served.stream|stream @served.stream|seqpacket /t/in/served.seqpacket|send /t/in/served.dgram|dgram @served.dgram|send @served.dgram'
reach_outside() {
	echo "$peer_acts" | tr '|' '\n' | while read -r act; do
		# shellcheck disable=SC2086 # words
		probe unix-$act
		printf %s $?
	done
}
# Each act on the server, in a cell with these rules: its status.
reach_server() { # MODE ALLOWED DENIED
	sed '/^network:/,$d' "$life_policy" >"$work/case/client.yaml"
	printf 'network:\n  allow:\n    unix: [%s]\n  deny:\n    unix: [%s]\n' "$2" "$3" >>"$work/case/client.yaml"
	: >"$work/case/trail"
	# shellcheck disable=SC2016 # the inner shell's
	ambit "$1" -q -p "$work/case/client.yaml" --trail "$work/case/trail" -- sh -c '
		echo "$1" | tr "|" "\n" | while read -r act; do probe unix-$act 2>/dev/null; printf %s $?; done
		' sh "$peer_acts"
}
# What a cell serves: nobody else's unless a rule names the path, the abstract name or the cell, and what
# denies one of them denies the peer.
unix_cells() {
	mkdir -p /t/in /var/log && rm -f /t/in/served.*
	start_server
	expect "that all of it can be reached outside" [ "$(reach_outside)" = 000000 ]
	expect "nothing without a rule" [ "$(reach_server run '' '')" = 111111 ]
	expect_trail op=unix verdict=deny reason=no-rule path=/t/in/served.stream
	expect_trail op=unix verdict=deny reason=no-rule path=abstract:served.dgram
	expect "another cell's name" [ "$(reach_server run cell:serve '')" = 111111 ]
	expect "all by the cell" [ "$(reach_server run cell:server '')" = 000000 ]
	expect "no denial" [ "$(trail_count verdict=deny)" = 0 ]
	expect "all by a pattern of it" [ "$(reach_server run '"cell:s*r"' '')" = 000000 ]
	expect "by their own names" [ "$(reach_server run '/t/in, "abstract:serv*"' '')" = 000000 ]
	expect "none by a cell that is denied" [ "$(reach_server run '/t/in, "abstract:*"' cell:server)" = 111111 ]
	expect_trail op=unix verdict=deny reason=rule path=cell:server
	expect "another cell is not meant" [ "$(reach_server run '/t/in, "abstract:*"' cell:serve)" = 000000 ]
	expect "no path that is denied, of an allowed cell" [ "$(reach_server run cell:server /t/in)" = 101100 ]
	expect_trail op=unix verdict=deny reason=rule path=/t/in/served.stream
	expect "no name that is denied, of an allowed cell" [ "$(reach_server run cell:server abstract:served.dgram)" = 000011 ]
	expect_trail op=unix verdict=deny reason=rule path=abstract:served.dgram
	expect "all of it in audit mode" [ "$(reach_server audit '' cell:server)" = 000000 ]
	expect_trail op=unix verdict=deny enforced=false path=cell:server
	echo >/t/in/go
	expect_status 0 wait "$server_pid"
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
