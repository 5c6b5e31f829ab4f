# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2154
# What a policy that becomes narrower does to what is held open. Cases of daemon.sh.

# What a policy that becomes narrower does to what is held open: NAME is in $work/case; `used` is what a task
# found when it used it again, 137 if it was ended.
keep() { # NAME MANNER OBJECT
	rm -f "/t/in/ready.$1" "/t/in/go.$1" "$work/case/used.$1"
	mkfifo "/t/in/go.$1"
	(within "$bound_cgroup" "exec probe keep $2 $3 /t/in/ready.$1 /t/in/go.$1"; echo $? >"$work/case/used.$1") \
		>"$work/case/keep.$1" 2>&1 &
	eval "keep_$1=$!"
	until [ -e "/t/in/ready.$1" ]; do
		[ ! -e "$work/case/used.$1" ] || { cat "$work/case/keep.$1"; echo "$1 is not held"; exit 1; }
	done
}
used() { # NAME STATUS
	eval "kept=\$keep_$1"
	exec 9<>"/t/in/go.$1" # for both: whoever was ended does not read
	echo go >&9
	wait "$kept"
	exec 9>&-
	expect "$1: status $2" [ "$(cat "$work/case/used.$1")" = "$2" ]
}
bound_wide() {
	sed "s/^name: .*/name: $bound_name/; s|read: \\[/t/in|read: [$1/t/in|" /e2e/policies/life.yaml >"$bound_policy"
	printf 'network:\n  allow:\n    connect: ["127.0.0.1:7311", "127.0.0.1:7313"%s]\n' "$2" >>"$bound_policy"
	printf '    listen: ["127.0.0.1:7313"%s]\n    unix: [/t/peers/on%s]\n' "$3" "$4" >>"$bound_policy"
}
bound_tighten() {
	files="descriptor map shaded leaderless thread"
	bound_begin bound-tighten
	probe serve-echo 127.0.0.1 7311
	probe serve-echo 127.0.0.1 7312
	mkdir -p /t/peers/on /t/peers/off
	ln -sfn peers /t/way # the name that the servers give is not the path that is decided on
	probe serve-unix /t/way/on/peer /t/way/off/peer
	bound_wide '/t/out, "/dev/zero*", "/memfd:*", "/SYSV*", ' ', "127.0.0.1:7312"' ', "127.0.0.1:7314"' ', /t/peers/off'
	bound_attach
	keep memory memory /t/in/file
	for manner in $files uring registered; do keep "gone_$manner" "$manner" /t/out/secret; done
	for manner in $files; do keep "stays_$manner" "$manner" /t/in/file; done
	keep gone_parked parked 7312
	keep gone_datagrams datagrams 7314
	keep stays_datagrams datagrams 7313
	keep cut connection 7312
	keep goes_on connection 7311
	keep cut_peer peer /t/way/off/peer.dgram
	keep stays_peer peer /t/way/on/peer.dgram
	bound_wide "" "" "" ""
	expect_status 0 ambit reload
	for manner in $files uring registered parked datagrams; do used "gone_$manner" 137; done
	for manner in $files datagrams peer; do used "stays_$manner" 0; done
	used cut 1
	used cut_peer 3 # a datagram socket without a peer: ENOTCONN
	used goes_on 0
	used memory 0
	expect "it is not frozen any more" grep -q 0 "$bound_cgroup/cgroup.freeze"

	bound_tighten_killed
	for what in link set hard; do bound_tighten_by "$what"; done
	bound_end
	expect_trail type=service what=ended
	expect_trail type=service what=cut
	expect "each with what it held" grep -q '"what":"ended".*read /t/out/secret  by process' "$work/case/trail"
	expect_status 0 ambit verify --unfinished "$work/case/trail"
}

# A daemon that is killed when it has looked at two of six at most: what it tells systemd of each nobody reads.
bound_tighten_killed() {
	bound_wide '/t/out, ' "" "" ""
	expect_status 0 ambit reload
	for i in 1 2 3; do
		keep "late_$i" descriptor /t/out/secret
		keep "late_stays_$i" descriptor /t/in/file
	done
	daemon_kill
	echo 0 >/proc/sys/net/unix/max_dgram_qlen
	rm -f /run/notify
	probe serve-notify /run/notify "$bound_cgroup" >"$work/case/notified" 2>&1 &
	notified=$!
	until grep -q ready "$work/case/notified"; do kill -0 $notified || exit 1; done
	export NOTIFY_SOCKET=/run/notify
	daemon_up
	unset NOTIFY_SOCKET
	bound_wide "" "" "" ""
	ambit reload >"$work/case/reload" 2>&1 &
	reload=$!
	# The reload ends only where nothing kept it.
	until grep -q frozen "$work/case/notified"; do kill -0 $reload || exit 1; done
	until grep -q '^44 ' "/proc/$daemon_pid/syscall"; do kill -0 $reload || exit 1; done # it waits in sendto(2)
	daemon_kill
	kill $notified
	wait $notified
	wait $reload
	expect "a daemon that is killed leaves it frozen" grep -q 1 "$bound_cgroup/cgroup.freeze"

	# One that cannot write its trail takes nothing over; the tasks go on, and who looks at them is the one after.
	state=$(grep -l "\"$bound_name-" /run/ambit/holds/????????)
	mv /var/log/ambit /var/log/ambit.away
	touch /var/log/ambit
	daemon_alone
	expect "nothing was taken over" grep -q . "$work/case/daemon"
	expect "it is thawed all the same" grep -q 0 "$bound_cgroup/cgroup.freeze"
	expect "it is due still" grep -q '"tightens":[1-9][0-9]*,"glob":false,"frozen":\[\]' "$state"
	daemon_kill
	rm /var/log/ambit
	mv /var/log/ambit.away /var/log/ambit
	daemon_up
	for i in 1 2 3; do
		used "late_$i" 137
		used "late_stays_$i" 0
	done
	expect "it is thawed" grep -q 0 "$bound_cgroup/cgroup.freeze"
	expect "nothing is due" grep -q '"tightens":0,"glob":false,"frozen":\[\]' "$state"
}

# The text of a policy is the same all the time, and what it means becomes less: by a symbolic link, a set, a second
# name of a file; in the daemon that bound it, and in the next.
bound_tighten_by() { # link|set|hard
	sets=/usr/local/share/ambit/policies/sets
	mkdir -p /t/aside /t/never
	echo word >/t/aside/secret
	for name in hard other; do
		rm -f "/t/in/$name" "/t/never/$name"
		echo word >"/t/in/$name"
	done
	ln /t/in/other /t/never/other
	for daemon in same next; do
		ln -sfn /t/out /t/to
		printf 'apiVersion: ambit/v1\nset: some\npaths: [/t/out]\n' >$sets/some.yaml
		rm -f /t/never/hard
		bound_wide '/t/to, "@some", ' "" "" ""
		case $1 in
		link) bound_wide '/t/to, ' "" "" "" ;;
		set) bound_wide '"@some", ' "" "" "" ;;
		esac
		sed -i 's|^network:|  deny:\n    read: [/t/never]\nnetwork:|' "$bound_policy"
		expect_status 0 ambit reload
		object=/t/out/secret
		[ "$1" != hard ] || object=/t/in/hard
		keep "$1_$daemon" descriptor $object
		keep "$1_stays_$daemon" descriptor /t/in/file
		[ $daemon = same ] || { daemon_kill; daemon_up; }
		ln -sfn /t/aside /t/to
		sed -i 's|/t/out|/t/aside|' $sets/some.yaml
		ln /t/in/hard /t/never/hard
		expect_status 0 ambit reload
		used "$1_$daemon" 137
		used "$1_stays_$daemon" 0
	done
	# The cell stays, and other cases reload it.
	bound_wide "" "" "" ""
	expect_status 0 ambit reload
	rm "$sets/some.yaml"
}
