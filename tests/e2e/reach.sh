# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2154,SC2034,SC2086,SC2016 # of daemon.sh and limits.sh, and texts for inner shells
# Names and limits of cells that are bound to a cgroup: what holds without a daemon, in a cgroup that was made anew,
# and from one policy to the next. In each case the same act is done outside first.

reach_rules() { # RULE of network.allow.connect [MORE of network.dns]
	{
		sed "s/^name: .*/name: $bound_name/" /e2e/policies/life.yaml
		printf 'network:\n  dns: {resolvers: [127.0.0.53]%s}\n  allow: {connect: [%s]}\n' "${2:-}" "$1"
	} >"$bound_policy"
}
reach_begin() { # NAME RULES
	bound_begin "$1"
	reach_rules "$2"
	reach_labels
}
# With --best-effort sockets have no label that packets could go by: then nothing is bound, and that is said.
reach_labels() {
	[ "$SUITE" = without-bpf ] || return 0
	expect_status 1 ambit attach --cgroup "$bound_cgroup" -p "$bound_policy" 2>"$work/case/err"
	expect "why" grep -q 'not enforced with --best-effort' "$work/case/err"
	expect "nothing is bound" within "$bound_cgroup" 'cat /t/out/secret'
	ambit stop
	exit 0
}
# 203.0.113.80 is what the names in it lead to; .81 is not looked up by anybody.
reach_denies() { # WHEN CGROUP
	ok=good.203-0-113-80.ok.test
	expect "$1: a name that is allowed" within "$2" "probe say $ok 7446 tls $ok"
	expect_status 1 within "$2" "probe say $ok 7446 tls evil.test"
	expect_status 1 within "$2" "probe query good.203-0-113-80.no.test"
	expect_status 1 within "$2" "probe connect tcp 203.0.113.81 7446"
}

bound_names() {
	reach_begin bound-names '"*.ok.test:7446"'
	expect_status 0 probe say good.203-0-113-80.ok.test 7446 tls evil.test
	expect_status 0 probe query good.203-0-113-80.no.test
	expect_status 0 probe connect tcp 203.0.113.81 7446
	# A connection from before says a name only now.
	mkfifo /t/in/say
	printf 'GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n' >/t/in/request
	nc 203.0.113.80 7446 </t/in/request >"$work/case/outside"
	expect "outside it comes back" grep -q evil.test "$work/case/outside"
	within "$bound_cgroup" 'exec nc 203.0.113.80 7446 </t/in/say' >"$work/case/before" 2>&1 &
	before=$!
	exec 8>/t/in/say
	until awk '$3 ~ /:1D16$/ && $4 == "01" { n++ } END { exit !n }' /proc/net/tcp; do kill -0 "$before" || exit 1; done
	# And a listener, whose connections others begin.
	within "$bound_cgroup" 'exec nc -l -p 7391 </t/in/request' >"$work/case/server" 2>&1 &
	server=$!
	until awk '$2 ~ /:1CDF$/ && $4 == "0A" { n++ } END { exit !n }' /proc/net/tcp /proc/net/tcp6; do
		kill -0 "$server" || exit 1
	done
	bound_attach
	nc 127.0.0.1 7391 </dev/null >"$work/case/served"
	wait "$server"
	expect "what a server says is free" grep -q evil.test "$work/case/served"
	cat /t/in/request >&8
	until grep -q '"reason":"other-name"' /var/log/ambit/bound-names-*.jsonl || ! kill -0 "$before"; do :; done
	echo 1 >"$bound_cgroup/cgroup.kill"
	wait "$before"
	exec 8>&-
	expect "it is denied" grep -q '"reason":"other-name"' /var/log/ambit/bound-names-*.jsonl
	expect "nothing of it came back" sh -c "! grep -q evil.test $work/case/before"
	reach_denies "at first" "$bound_cgroup"
	mkdir "$bound_cgroup/sub"
	reach_denies "in a cgroup beneath" "$bound_cgroup/sub"
	daemon_kill
	reach_denies "without a daemon" "$bound_cgroup"
	expect "the cgroup can go" rmdir "$bound_cgroup/sub" "$bound_cgroup"
	expect "and come back" mkdir "$bound_cgroup"
	reach_denies "in one that was made anew" "$bound_cgroup"
	expect "outside" probe say good.203-0-113-80.ok.test 7446 tls evil.test
	daemon_up
	reach_denies "with the next daemon" "$bound_cgroup"
	bound_end
	expect_trail verdict=deny reason=other-name domain=good.203-0-113-80.ok.test said=evil.test
	expect_trail verdict=deny domain=good.203-0-113-80.no.test port=53
	expect_trail verdict=deny addr=203.0.113.81 port=7446 reason=no-rule
	expect_status 0 ambit verify --unfinished "$work/case/trail"
}

# One that is added, one that is taken away, all of them, and back; and what was looked up before holds after.
bound_names_reload() {
	reach_begin bound-names-reload '"*.ok.test:7446"'
	bound_attach
	reach_denies before "$bound_cgroup"
	mkfifo /t/in/begun /t/in/go
	within "$bound_cgroup" 'probe query good.203-0-113-82.ok.test && echo >/t/in/begun && read -r _ </t/in/go &&
		probe connect tcp 203.0.113.82 7446' &
	late=$!
	read -r _ </t/in/begun
	reach_rules '"*.ok.test:7446", "*.no.test:7446"'
	expect_status 0 ambit reload
	echo go >/t/in/go
	expect_status 0 wait "$late"
	expect_status 0 within "$bound_cgroup" 'probe say good.203-0-113-83.no.test 7446 tls good.203-0-113-83.no.test'
	expect_status 1 within "$bound_cgroup" 'probe say good.203-0-113-83.no.test 7446 tls evil.test'
	reach_rules '"*.no.test:7446"'
	expect_status 0 ambit reload
	expect_status 1 within "$bound_cgroup" 'probe query good.203-0-113-82.ok.test'
	expect_status 1 within "$bound_cgroup" 'probe connect tcp 203.0.113.82 7446'
	expect_status 0 within "$bound_cgroup" 'probe connect tcp 203.0.113.83 7446'
	bound_rules
	expect_status 0 ambit reload
	expect_status 1 within "$bound_cgroup" 'probe connect tcp 203.0.113.83 7446'
	daemon_kill
	daemon_up
	reach_rules '"*.ok.test:7446"'
	expect_status 0 ambit reload
	reach_denies "with names again" "$bound_cgroup"
	# What only "private: allow" let in goes with that.
	expect_status 0 probe connect udp 10.9.0.1 7446
	reach_rules '"*.ok.test:7446"' ', private: allow'
	expect_status 0 ambit reload
	expect_status 0 within "$bound_cgroup" 'probe query good.10-9-0-1.ok.test && probe connect udp 10.9.0.1 7446'
	reach_rules '"*.ok.test:7446", "*.no.test:7446"' ', private: allow'
	expect_status 0 ambit reload
	expect_status 0 within "$bound_cgroup" 'probe connect udp 10.9.0.1 7446'
	reach_rules '"*.ok.test:7446"'
	expect_status 0 ambit reload
	expect_status 1 within "$bound_cgroup" 'probe connect udp 10.9.0.1 7446'
	daemon_kill
	reach_denies "and without a daemon" "$bound_cgroup"
	daemon_up
	bound_end
	expect "every reload" [ "$(trail_count type=service what=reload)" -ge 4 ]
}

reach_limits() { # LIMITS
	sed "s|^LIMITS|$1|; s|PEER|127.0.0.1:7201|; s|read: \\[/l|read: [/t/in, /l|; s/^name: .*/name: $bound_name/" /e2e/policies/limits.yaml >"$bound_policy"
}
reach_used() { # PATTERN
	ambit ps --json >"$work/case/ps"
	grep -o "\"$bound_name-.*" "$work/case/ps"
	expect "ambit ps: $1" grep -q "\"$bound_name-[^}]*.*$1" "$work/case/ps"
}
# Of a cell as a whole, whoever sends, and however often the cgroup, the daemon and the policy change.
bound_limits() {
	limits_begin "limits: {egressPerDay: 60000}"
	bound_begin bound-limits
	reach_limits "limits: {egressPerDay: 60000}"
	reach_labels
	rush="probe send-rush 127.0.0.1 7201 4 10 972" # 40 kB, and then what is left of the limit
	expect_status 0 $rush 60000 86400
	expect_status 0 $rush 20000 86400
	limits_outside=$(got_settled 1)
	expect "80 outside" [ "$limits_outside" = $((80 * 972)) ]
	bound_attach
	expect_status 0 within "$bound_cgroup" "$rush 60000 86400"
	expect "40 in the cell" [ "$(got_settled 1)" = $((40 * 972)) ]
	reach_used '"limit":"egressPerDay","used":\(39[0-9]*\|40000\),"of":60000'
	daemon_kill
	rmdir "$bound_cgroup" && mkdir -p "$bound_cgroup/sub"
	expect_status 1 within "$bound_cgroup/sub" "$rush 20000 86400"
	expect "60 in all" [ "$(got_settled 1)" = $((60 * 972)) ]
	daemon_up
	expect_status 1 within "$bound_cgroup" "$rush 0 86400"
	expect "no more" [ "$(got_settled 1)" = $((60 * 972)) ]
	# What was sent counts on in another policy; in one without limits nothing does.
	reach_limits "limits: {egressPerDay: 80000}"
	expect_status 0 ambit reload
	reach_used '"used":\(59[0-9]*\|60000\),"of":80000'
	expect_status 1 within "$bound_cgroup" "$rush 20000 86400"
	expect "20 more" [ "$(got_settled 1)" = $((80 * 972)) ]
	reach_limits ""
	expect_status 0 ambit reload
	expect_status 0 within "$bound_cgroup" "$rush 0 86400"
	expect "40 more" [ "$(got_settled 1)" = $((120 * 972)) ]
	reach_limits "limits: {egressPerDay: 20000, connectsPerMinute: 5}"
	expect_status 0 ambit reload
	daemon_kill
	expect_status 1 within "$bound_cgroup" "$rush 20000 86400"
	expect "20 more again" [ "$(got_settled 1)" = $((140 * 972)) ]
	daemon_up
	bound_end
	expect_trail type=decision reason=egress-per-day op=connect
}

# Until a server has read so many bytes.
reach_got() { # 1|2|3 BYTES
	got_end=$(($(cut -d. -f1 /proc/uptime) + 60))
	until [ "$(got "$1")" = "$2" ]; do
		expect "that $2 bytes come" [ "$(cut -d. -f1 /proc/uptime)" -lt "$got_end" ]
	done
}
# So is what a connection sends that was there before; sendfile and all.
bound_limits_open() {
	limits_begin "limits: {egressPerDay: 20000}"
	bound_begin bound-limits-open
	reach_limits "limits: {egressPerDay: 20000}"
	reach_labels
	mkfifo /l/say
	nc 127.0.0.1 7201 </l/data &
	outside=$!
	reach_got 1 65536
	kill $outside 2>/dev/null # it may have ended by itself
	limits_outside=65536
	within "$bound_cgroup" 'exec nc 127.0.0.1 7201 </l/say' >"$work/case/before" 2>&1 &
	before=$!
	exec 8>/l/say
	until awk '$3 ~ /:1C21$/ && $4 == "01" { n++ } END { exit !n }' /proc/net/tcp; do kill -0 "$before" || exit 1; done
	bound_attach
	cat /l/data >&8
	# What was handed over and does not fit stays in the socket, so nothing settles.
	until grep -q '"reason":"egress-per-day"' /var/log/ambit/bound-limits-open-*.jsonl || ! kill -0 "$before"; do :; done
	expect "no more than the limit" [ "$(got 1)" -le 20100 ]
	echo 1 >"$bound_cgroup/cgroup.kill"
	wait "$before"
	exec 8>&-
	within "$bound_cgroup" "probe stream write 127.0.0.1 7201 4096 64 /l/data"
	expect "nor after it" [ "$(got 1)" -le 20100 ]
	bound_end
	expect_trail type=decision reason=egress-per-day
}

# Rules have other numbers in another policy: what a connection sends counts for its name on.
bound_limits_renumbered() {
	limits_begin "limits: {egressPerDay: 20000}"
	limits_serve 203.0.113.86 7201 "$work/case/got.3"
	limited="{to: '*.lim.ok.test:7201', egressPerDay: 30000, tls: none}"
	reach_begin bound-limits-renumbered "$limited"
	nc 203.0.113.86 7201 </l/data &
	outside=$!
	reach_got 3 65536
	kill $outside 2>/dev/null # it may have ended by itself
	limits_outside=65536
	bound_attach
	mkfifo /t/in/say
	within "$bound_cgroup" 'probe query good.203-0-113-86.lim.ok.test && exec nc 203.0.113.86 7201 </t/in/say' &
	before=$!
	exec 8>/t/in/say
	head -c 10000 /l/data >&8
	reach_got 3 10000
	reach_rules "{to: '*.no.test:7201', egressPerDay: 1000000, tls: none}, $limited"
	expect_status 0 ambit reload
	cat /l/data >&8
	until grep -q '"reason":"egress-per-day"' /var/log/ambit/bound-limits-renumbered-*.jsonl ||
		[ "$(got 3)" -gt 30100 ]; do kill -0 $before || exit 1; done
	expect "no more than the limit" [ "$(got 3)" -le 30100 ]
	echo 1 >"$bound_cgroup/cgroup.kill"
	wait "$before"
	exec 8>&-
	bound_end
	expect_trail type=decision reason=egress-per-day
}

bound_limits_connects() {
	limits_begin "limits: {connectsPerMinute: 5}"
	bound_begin bound-limits-connects
	reach_limits "limits: {connectsPerMinute: 5}"
	rush="probe connect-rush tcp 127.0.0.1 7201 $limits_many 1 5 60"
	expect_status 0 $rush
	bound_attach
	expect_status 1 within "$bound_cgroup" "$rush"
	daemon_kill
	# One comes back in 12 s.
	expect_status 1 within "$bound_cgroup" 'for i in 1 2 3 4 5 6; do probe connect tcp 127.0.0.1 7201 || exit 1; done'
	daemon_up
	bound_end
	expect_trail type=decision reason=connects-per-minute
}

# What cannot be enforced is refused, and then nothing is bound.
bound_limits_refused() {
	limits_begin "limits: {fileSize: 64KiB}"
	bound_begin bound-limits-refused
	reach_limits "limits: {fileSize: 64KiB}"
	expect_status 1 ambit attach --cgroup "$bound_cgroup" -p "$bound_policy" 2>"$work/case/err"
	expect "the way out" grep -q LimitFSIZE= "$work/case/err"
	expect "nothing is bound" within "$bound_cgroup" 'cat /t/out/secret'
	ambit stop
}

# Many cells, each of them listed and enforced, and taken over by another daemon: as many as $MANY says
# (`make check-many`). What they cost is written to $work/many.
many_memory() { # WHEN
	{
		awk -v when="$1" '/^(MemAvailable|Slab|Percpu|VmallocUsed):/ { text = text "  " $1 " " $2 " kB" } END { print when ":" text }' \
			/proc/meminfo
		echo "  the daemon: $(awk '/^VmRSS/ { print $2 " kB" }' "/proc/$daemon_pid/status"), $(find "/proc/$daemon_pid/fd" | wc -l) descriptors"
	} | tee -a "$work/many"
}
bound_many() {
	many=${MANY:-20}
	: >"$work/many"
	rm -rf /etc/ambit/cells.d
	mkdir -p /etc/ambit/cells.d /sys/fs/cgroup/bound-many
	bound_begin bound-many
	many_memory "before $many cells"
	i=0
	while [ $i -lt "$many" ]; do
		cells_rule $i "cgroup: /bound-many/$i"
		i=$((i + 1))
	done
	from=$(cut -d. -f1 /proc/uptime)
	expect_status 0 ambit reload
	echo "bound in $(($(cut -d. -f1 /proc/uptime) - from)) s" | tee -a "$work/many"
	many_memory "with $many cells"
	ambit ps --json >"$work/case/ps"
	expect "all are listed" [ "$(grep -c '"bound-many-' "$work/case/ps")" = "$many" ]
	mkdir -p /sys/fs/cgroup/bound-many/0 "/sys/fs/cgroup/bound-many/$((many / 2))" "/sys/fs/cgroup/bound-many/$((many - 1))"
	for i in 0 $((many / 2)) $((many - 1)); do
		secret_stays "in cell $i" "/sys/fs/cgroup/bound-many/$i"
	done
	expect "beside them it can be read" within /sys/fs/cgroup/bound-many 'cat /t/out/secret'
	daemon_kill
	secret_stays "without a daemon" "/sys/fs/cgroup/bound-many/$((many - 1))"
	from=$(cut -d. -f1 /proc/uptime)
	daemon_alone
	echo "taken over in $(($(cut -d. -f1 /proc/uptime) - from)) s" | tee -a "$work/many"
	many_memory "after another daemon took over"
	ambit ps --json >"$work/case/ps"
	expect "all are listed still" [ "$(grep -c '"bound-many-' "$work/case/ps")" = "$many" ]
	secret_stays "with the next one" "/sys/fs/cgroup/bound-many/$((many - 1))"
	expect_status 0 ambit stop
	denials=$(cat /var/log/ambit/bound-many-*.jsonl | grep -c '"path":"/t/out/secret"')
	expect "each denial is in a trail" [ "$denials" -ge 5 ]
	rm -rf /etc/ambit/cells.d
}

reach_all() {
	for name in bound-names bound-names-reload bound-limits bound-limits-open bound-limits-renumbered bound-limits-connects \
		bound-limits-refused; do
		case_run "$name" "$(echo "$name" | tr - _)"
	done
}
