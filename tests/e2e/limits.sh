# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2154,SC2086,SC2016 # acts are words, and texts are for inner shells
# What `limits` of a policy promise. In each case the same act is done outside first, where it succeeds as
# a whole; and what arrived is what a server outside of the cell has counted.

limits_many=64 # connects, by as many threads

limits_begin() { # LIMITS [PEER]: the policy of this case, and two servers
	umount -l /l 2>/dev/null
	mkdir -p /l && mount -t tmpfs none /l || exit 1
	sed "s|^LIMITS|$1|; s|PEER|${2:-127.0.0.1:7201}|" "/e2e/policies/${limits_policy:-limits}.yaml" >"$work/case/limits.yaml"
	expect_status 0 ambit check "$work/case/limits.yaml"
	limits_servers=
	trap limits_end EXIT
	limits_serve 127.0.0.1 7201 "$work/case/got.1"
	limits_serve 127.0.0.1 7202 "$work/case/got.2"
	head -c 65536 /dev/zero >/l/data
	head -c 65535 /dev/zero >/l/less
	limits_outside=0
}
limits_serve() { # ADDR PORT FILE
	limits_servers="$limits_servers $(probe serve-count "$1" "$2" "$3")" || exit 1
}
# Each case has a shell of its own. The next one takes the same ports: until a server is a zombie, or
# nothing any more, it may still have them.
limits_end() {
	kill $limits_servers
	for server in $limits_servers; do
		while grep -q '^State:.[^ZX]' "/proc/$server/status" 2>/dev/null; do :; done
	done
	umount -l /l
}
limits_run() { # COMMAND...
	ambit run -q -p "$work/case/limits.yaml" --trail "$work/case/trail" -- "$@"
}
got() { # 1|2: bytes that came since the last time that `got_from` was asked
	sum=$(sed 's/^0*\(.\)/\1/' "$work/case/got.$1")
	echo $((${sum:-0} - limits_outside))
}
# What the server has read, once nothing waits to be read: its queues are empty, and the count says so
# twice in a row.
got_settled() { # 1|2
	while :; do
		before=$(got "$1")
		# rx_queue of sockets on the port, of all that are left.
		waits=$(awk -v port=":1C2$1" '$2 ~ port "$" || $3 ~ port "$" { split($5, queue, ":"); if (queue[1] queue[2] != "0000000000000000") n++ } END { print n + 0 }' \
			/proc/net/tcp /proc/net/udp)
		[ "$waits" = 0 ] && [ "$before" = "$(got "$1")" ] && break
	done
	echo "$before"
}
# One event, whatever number was denied; and the rest in the count at the end.
expect_one_event() { # REASON DENIALS LINE
	expect "one event" [ "$(trail_count type=decision reason="$1")" = 1 ]
	expect "that stands for one" [ "$(trail_events decision)" = 1 ]
	expect_trail type=decision reason="$1" op=connect line="$3"
	expect "$2 denials" [ "$(tail -n 1 "$work/case/trail" | sed 's/.*"denied":\([0-9]*\).*/\1/')" = "$2" ]
}
rush_denied() { # how many of the first rush in the cell
	sed -n 's/.* \([0-9]*\) denied.*/\1/p' "$work/case/out" | head -n 1
}
limits_line() { # WORD: the line of the policy that has it
	grep -n "$1" "$work/case/limits.yaml" | sed 's/:.*//'
}

# --- connects ---

limit_connects() {
	limits_begin "limits: {connectsPerMinute: 5}"
	rush="probe connect-rush tcp 127.0.0.1 7201 $limits_many 1 5 60"
	expect_status 0 $rush
	expect_status 1 limits_run $rush 2>"$work/case/out"
	cat "$work/case/out"
	expect_one_event connects-per-minute "$(rush_denied)" \
		"$(limits_line connectsPerMinute)"
}
# A peer that was allowed before is not kept: each connect counts, also of another protocol or family.
limit_connects_again() {
	limits_begin "limits: {connectsPerMinute: 3}"
	limits_serve ::1 7201 "$work/case/got.6"
	expect_status 0 limits_run sh -c 'probe connect tcp 127.0.0.1 7201 && probe connect udp 127.0.0.1 7201 &&
		probe connect tcp ::1 7201 && { probe connect tcp 127.0.0.1 7201; [ $? = 1 ]; }'
	expect_status 0 limits_run sh -c 'for i in 1 2 3; do probe connect tcp 127.0.0.1 7201 || exit 9; done
		probe sendto udp 127.0.0.1 7201; [ $? = 1 ]'
}
# What is denied by the rules draws nothing.
limit_connects_denied() {
	limits_begin "limits: {connectsPerMinute: 2}"
	expect_status 0 limits_run sh -c 'for i in 1 2 3 4; do probe connect tcp 127.0.0.1 7999; [ $? = 1 ] || exit 9; done
		probe connect tcp 127.0.0.1 7201 && probe connect tcp 127.0.0.1 7201'
	expect "one reason" [ "$(trail_count reason=connects-per-minute)" = 0 ]
}
limit_connects_peer() {
	limits_begin "" "{to: '127.0.0.0/8:7201/tcp', connectsPerMinute: 4}"
	rush="probe connect-rush tcp 127.0.0.1 7201 $limits_many 1 4 60"
	expect_status 0 $rush
	expect_status 0 limits_run sh -c "$rush; [ \$? = 1 ] && $(echo "$rush" | sed s/7201/7202/)" 2>"$work/case/out"
	cat "$work/case/out"
	expect_one_event connects-per-minute "$(rush_denied)" \
		"$(limits_line connectsPerMinute)"
}
limit_connects_audit() {
	limits_begin "limits: {connectsPerMinute: 5}"
	expect_status 0 ambit audit -q -p "$work/case/limits.yaml" --trail "$work/case/trail" -- \
		probe connect-rush tcp 127.0.0.1 7201 "$limits_many" 1 5 60
	expect "one event" [ "$(trail_count type=decision reason=connects-per-minute enforced=false)" = 1 ]
}

# --- bytes ---

limit_egress_datagrams() {
	limits_begin "limits: {egressPerHour: 60000}"
	rush="probe send-rush 127.0.0.1 7201 8 10 972 60000 3600"
	expect_status 0 $rush
	limits_outside=$(got_settled 1)
	expect "80 outside" [ "$limits_outside" = $((80 * 972)) ]
	expect_status 1 limits_run $rush
	expect "60 in the cell" [ "$(got_settled 1)" = $((60 * 972)) ]
	expect_one_event egress-per-hour 20 "$(limits_line egressPerHour)"
}
limit_egress_peer() {
	limits_begin "" "{to: '127.0.0.1:7201', egressPerDay: 20000}"
	rush="probe send-rush 127.0.0.1 7201 4 10 972 20000 86400"
	expect_status 0 $rush
	limits_outside=$(got_settled 1)
	expect_status 0 limits_run sh -c "$rush; [ \$? = 1 ] && $(echo "$rush" | sed s/7201/7202/)"
	expect "20 to the one" [ "$(got_settled 1)" = $((20 * 972)) ]
	limits_outside=0
	expect "40 to the other" [ "$(got_settled 2)" = $((40 * 972)) ]
	expect_one_event egress-per-day 20 "$(limits_line egressPerDay)"
}
# Whatever hands the bytes over: never more than the limit arrives (and what came back meanwhile), and what
# is left of it is less than a segment, which loopback has of 64 KiB.
egress_stream() { # WAY
	limits_begin "limits: {egressPerDay: 200000}"
	expect_status 0 probe stream "$1" 127.0.0.1 7201 4096 64 /l/data
	limits_outside=$(got_settled 1)
	expect "all of it outside" [ "$limits_outside" = $((64 * 4096)) ]
	limits_run probe stream "$1" 127.0.0.1 7201 4096 64 /l/data
	status=$?
	echo "status $status, $(got_settled 1) bytes"
	# 1: the next part was refused; 3: what was handed over before did not arrive, in time.
	expect "that it fails" [ "$status" != 0 ]
	expect "no more than the limit" [ "$(got_settled 1)" -le 201000 ]
	expect "no less, but for a segment" [ "$(got_settled 1)" -ge $((200000 - 65536)) ]
	expect "one event" [ "$(trail_count type=decision reason=egress-per-day)" = 1 ]
}
limit_egress_write() { egress_stream write; }
limit_egress_sendfile() { egress_stream sendfile; }
limit_egress_splice() { egress_stream splice; }
# The first of two limits that is reached refuses, and nothing is drawn from the other.
limit_egress_both() {
	limits_begin "limits: {egressPerHour: 10000, egressPerDay: 5000}"
	expect_status 1 limits_run probe send-rush 127.0.0.1 7201 1 20 972 5000 86400
	expect "5 in the cell" [ "$(got_settled 1)" = $((5 * 972)) ]
	expect_one_event egress-per-day 15 "$(limits_line egressPerDay)"
}
# Root moves itself out of the cgroup where its packets are counted.
limit_egress_cgroup() {
	limits_begin "limits: {egressPerHour: 60000}"
	act='echo $$ >/sys/fs/cgroup/cgroup.procs && probe sendto udp 127.0.0.1 7201'
	expect_status 1 limits_run sh -c "$act"
	expect_trail reason=uncounted-socket op=socket
	sed -i 's/^limits.*//' "$work/case/limits.yaml"
	expect_status 0 limits_run sh -c "$act"
}

# --- what ps shows ---

limit_ps() {
	limits_begin "limits: {connectsPerMinute: 2, egressPerDay: 1000, fileSize: 1MiB}" "{to: '127.0.0.1:7201', egressPerDay: 500}"
	mkfifo -m 666 /l/begun /l/go
	limits_run sh -c 'probe connect udp 127.0.0.1 7202; probe sendto udp 127.0.0.1 7201
		echo >/l/begun; read -r _ </l/go' &
	pid=$!
	read -r _ </l/begun
	ambit ps --json >"$work/case/ps"
	ambit ps >"$work/case/text"
	echo >/l/go
	expect_status 0 wait "$pid"
	cat "$work/case/ps" "$work/case/text"
	expect "connects" grep -q '{"limit":"connectsPerMinute","used":2,"of":2}' "$work/case/ps"
	expect "bytes" grep -q '{"limit":"egressPerDay","used":29,"of":1000}' "$work/case/ps"
	expect "bytes to a peer" grep -q "{\"limit\":\"egressPerDay\",\"line\":$(limits_line 'to:'),\"used\":29,\"of\":500}" "$work/case/ps"
	expect "for people" grep -q 'connectsPerMinute 2/2' "$work/case/text"
	expect "the size" grep -q '"file_size":1048576' "$work/case/ps"
}

# --- files ---

limit_file_read() {
	limits_begin "limits: {fileSize: 64KiB}"
	head -c 65537 /dev/zero >/l/large
	expect_status 0 probe read /l/large
	mkfifo -m 666 /l/begun /l/go
	# A file may grow after it was opened: no verdict on it is kept.
	limits_run sh -c 'for i in 1 2 3; do probe read /l/data || { echo none >/l/begun; exit 9; }; done
		probe read /l/large; [ $? = 1 ] && probe write /l/large && echo go >/l/begun && read -r _ </l/go || {
			echo none >/l/begun
			exit 8
		}
		probe read /l/data; [ $? = 1 ]' &
	pid=$!
	read -r begun </l/begun
	echo x >>/l/data
	[ "$begun" != go ] || echo >/l/go
	expect_status 0 wait "$pid"
	expect_trail reason=file-size op=read path=/l/large line="$(limits_line fileSize)"
	expect_trail reason=file-size op=read path=/l/data
}
limit_file_write() {
	limits_begin "limits: {fileSize: 64KiB}"
	for act in "grow /l/new 65536" "allocate /l/new 65536" "ftruncate /l/new 65536" "copy-range /l/less /l/new"; do
		rm -f /l/new
		expect_status 0 limits_run probe $act
	done
	for act in "grow /l/new 65537" "allocate /l/new 65537" "ftruncate /l/new 65537"; do
		rm -f /l/new
		expect_status 0 probe $act
		rm -f /l/new
		expect_status 1 limits_run probe $act
		expect "no larger file after $act" [ "$(stat -c %s /l/new)" -le 65536 ]
	done
	# A descriptor that came from outside is no way round either.
	limits_run sh -c 'cat /l/data /l/data' >/l/given
	expect "no larger file that was given" [ "$(stat -c %s /l/given)" -le 65536 ]
	expect_status 1 limits_run probe ftruncate /l/new 65537
	expect_trail reason=file-size op=write path=/l/new
}
# Not even root.
limit_file_raise() {
	limits_begin "limits: {fileSize: 64KiB}"
	expect_status 0 probe raise-fsize
	expect_status 1 limits_run probe raise-fsize
	expect_trail reason=privilege op=system
}
limit_file_audit() {
	limits_begin "limits: {fileSize: 64KiB}"
	head -c 65537 /dev/zero >/l/large
	expect_status 0 ambit audit -q -p "$work/case/limits.yaml" --trail "$work/case/trail" -- \
		sh -c 'probe read /l/large && probe grow /l/new 70000'
	expect_trail reason=file-size op=read path=/l/large enforced=false
}

limits_all() {
	ip link set lo up
	for name in limit-connects limit-connects-again limit-connects-denied limit-connects-peer limit-connects-audit \
		limit-egress-datagrams limit-egress-peer limit-egress-write limit-egress-sendfile limit-egress-splice \
		limit-egress-both limit-egress-cgroup limit-ps limit-file-read limit-file-write limit-file-raise \
		limit-file-audit; do
		case_run "$name" "$(echo "$name" | tr - _)"
	done
}
