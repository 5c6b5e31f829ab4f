# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2154,SC2034,SC2086,SC2016 # of limits.sh, and words
# Limits of rules for names: *.lim.ok.test has them, the other names that lead to the same addresses have none.

named_begin() { # ADDR PEER
	limits_policy=named
	limits_begin "" "$2"
	limits_serve "$1" 7201 "$work/case/got.1"
}
named_run() { # NAME COMMAND: in a cell that has asked for the name
	limits_run sh -c "probe query $1 && $2"
}

# Exact, whatever the number of threads; and nothing of what another address has cost.
named_connects() {
	named_begin 203.0.113.61 "{to: '*.lim.ok.test:7201', connectsPerMinute: 4}"
	limits_serve 203.0.113.62 7201 "$work/case/got.2"
	rush="probe connect-rush tcp 203.0.113.61 7201 $limits_many 1 4 60"
	expect_status 0 $rush
	expect_status 0 named_run good.203-0-113-62.ok.test "$(echo "$rush" | sed s/61/62/) || exit 3
		probe query good.203-0-113-61.lim.ok.test && $rush; [ \$? = 1 ]" 2>"$work/case/out"
	cat "$work/case/out"
	expect_one_event connects-per-minute "$(sed -n 's/.* \([1-9][0-9]*\) denied.*/\1/p' "$work/case/out")" \
		"$(limits_line connectsPerMinute)"
}
# An address that both names lead to is one of the name that has limits.
named_shared() {
	named_begin 203.0.113.63 "{to: '*.lim.ok.test:7201', connectsPerMinute: 2}"
	expect_status 0 named_run good.203-0-113-63.ok.test "probe query good.203-0-113-63.lim.ok.test &&
		probe connect tcp 203.0.113.63 7201 && probe connect udp 203.0.113.63 7201 &&
		{ probe connect tcp 203.0.113.63 7201; [ \$? = 1 ]; }"
	expect_one_event connects-per-minute 1 "$(limits_line connectsPerMinute)"
	# As long as nobody has asked for that name it is not.
	expect_status 0 named_run good.203-0-113-63.ok.test \
		'for i in 1 2 3 4; do probe connect tcp 203.0.113.63 7201 || exit 3; done'
}
named_datagrams() {
	named_begin 203.0.113.64 "{to: '*.lim.ok.test:7201', egressPerHour: 60000}"
	rush="probe send-rush 203.0.113.64 7201 8 10 972 60000 3600"
	expect_status 0 $rush
	limits_outside=$(got_settled 1)
	expect "80 outside" [ "$limits_outside" = $((80 * 972)) ]
	expect_status 1 named_run good.203-0-113-64.lim.ok.test "$rush"
	expect "60 in the cell" [ "$(got_settled 1)" = $((60 * 972)) ]
	expect_one_event egress-per-hour 20 "$(limits_line egressPerHour)"
}
named_stream() { # WAY
	named_begin 203.0.113.65 "{to: '*.lim.ok.test:7201', egressPerDay: 200000, tls: none}"
	stream="probe stream $1 203.0.113.65 7201 4096 64 /l/data"
	expect_status 0 $stream
	limits_outside=$(got_settled 1)
	expect "all of it outside" [ "$limits_outside" = $((64 * 4096)) ]
	named_run good.203-0-113-65.lim.ok.test "$stream"
	status=$?
	echo "status $status, $(got_settled 1) bytes"
	expect "that it fails" [ "$status" != 0 ]
	expect "no more than the limit" [ "$(got_settled 1)" -le 201000 ]
	expect "no less, but for a segment" [ "$(got_settled 1)" -ge $((200000 - 65536)) ]
	expect "one event" [ "$(trail_count type=decision reason=egress-per-day)" = 1 ]
}
named_write() { named_stream write; }
named_sendfile() { named_stream sendfile; }
named_splice() { named_stream splice; }
# What is sent counts for the name that the first bytes say. The ClientHello has 90 bytes with that name.
named_said() {
	named_begin 203.0.113.66 "{to: '*.lim.ok.test:7446', egressPerDay: 1000}"
	mkfifo -m 666 /l/begun /l/go
	free=good.203-0-113-66.ok.test
	named_run good.203-0-113-66.lim.ok.test "probe say $free 7446 tls $free && echo >/l/begun && read -r _ </l/go &&
		probe say good.203-0-113-66.lim.ok.test 7446 tls good.203-0-113-66.lim.ok.test && echo >/l/begun &&
		read -r _ </l/go" &
	pid=$!
	for used in 0 90; do
		read -r _ </l/begun
		ambit ps --json | tee "$work/case/ps"
		expect "$used bytes" grep -q "{\"limit\":\"egressPerDay\",\"line\":$(limits_line '{to:.*egress'),\"used\":$used,\"of\":1000}" "$work/case/ps"
		echo >/l/go
	done
	expect_status 0 wait "$pid"
}
# The older names: so many connects a minute, to names, addresses and resolvers alike.
named_older() {
	named_begin 203.0.113.68 "'*.lim.ok.test:7201'"
	sed -i '/^network:/,$d' "$work/case/limits.yaml"
	cat >>"$work/case/limits.yaml" <<-END
		network: {dns: {resolvers: [127.0.0.53]}}
		allowed_domains: ["good.203-0-113-68.ok.test:7201", "127.0.0.1:7201"]
		max_requests_per_minute: 3
	END
	expect_status 0 named_run good.203-0-113-68.ok.test "probe connect tcp 203.0.113.68 7201 &&
		probe connect tcp 127.0.0.1 7201 && { probe connect tcp 203.0.113.68 7201; [ \$? = 1 ]; }"
	expect_one_event connects-per-minute 1 "$(limits_line max_requests)"
}
# To ask a proxy for a name is a connect to it.
named_tunnel() {
	named_begin 203.0.113.67 "{to: '*.lim.ok.test:443', connectsPerMinute: 2}"
	ask="probe say good.203-0-113-67.proxy.test 7446 connect"
	expect_status 0 $ask x.lim.ok.test
	expect_status 0 limits_run sh -c "$ask x.lim.ok.test && $ask y.lim.ok.test && { $ask x.lim.ok.test; [ \$? = 1 ]; }"
	expect_trail type=decision reason=connects-per-minute op=connect line="$(limits_line 'lim.ok.test')" said=x.lim.ok.test:443
	expect "one event" [ "$(trail_count type=decision)" = 1 ]
}

named_all() {
	for name in named-connects named-shared named-datagrams named-write named-sendfile named-splice named-said \
		named-older named-tunnel; do
		case_run "$name" "$(echo "$name" | tr - _)"
	done
}
