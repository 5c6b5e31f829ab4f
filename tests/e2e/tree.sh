# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# The files that cases work on.
#   tree_once   what no case changes: deep directories /d, sockets /u, servers, a process to reach
#               for (its id on stdout), and the template of /t
#   tree_fresh  makes /t anew: in, in/secret, in/box, in/deep, inner and out; for the policy
#               `overlay` also /ov
#   tree_state  prints what a denied act must not change
longname=$(printf '%0255d' 0)

tree_side() { # DIR
	mkdir -p "$1/empty" "$1/full"
	for name in file marked full/file 'x (deleted)' "$longname" "$(printf '\377\376\200')" \
		"$(printf 'new\nline')" "\"\\' x"; do
		echo text >"$1/$name"
	done
	cp /usr/local/lib/nothing "$1/prog"
	cp /usr/local/lib/dynamic "$1/dynamic"
	printf '#!/t/in/prog\n' >"$1/script"
	chmod 755 "$1/prog" "$1/dynamic" "$1/script"
}

tree_template() {
	for dir in in in/secret inner out; do tree_side "/template/$dir"; done
	mkdir -p /template/in/box /template/in/deep
	echo text >/template/in/box/keys
	echo text >/template/in/deep/x.key
	echo text >/template/in/deep/x.kez
	for dir in in out; do
		ln -s "/t/$dir" "/template/in/to-$dir"
		printf '#!/t/%s/prog\n' "$dir" >"/template/in/by-$dir"
		chmod 755 "/template/in/by-$dir"
	done
}

tree_once() {
	# With more, a patch of Debian's asks for a privilege before the hook is asked.
	echo 2 >/proc/sys/kernel/perf_event_paranoid
	tree_template || return
	mkdir /w
	for dir in in out; do
		mkdir -p "/d/$dir" "/u/$dir"
		for shape in '400 3' '15 255' '16 253' '17 255'; do
			# shellcheck disable=SC2086 # two words
			probe deep-make "/d/$dir" $shape
		done
		for depth in 20 64 200; do : >"/d/$dir/$(printf "%0${depth}d" 0 | sed 's/0/ddd\//g')end"; done
		ln -s "/u/$dir" "/u/to-$dir"
	done
	# Addresses that no wider range covers have to be reachable, or a denial proves nothing.
	ip addr add 169.254.169.254/32 dev lo
	ip addr add fd00:ec2::254/128 dev lo
	ip addr add fe80::7/128 dev lo
	echo 0 2147483647 >/proc/sys/net/ipv4/ping_group_range
	ip route add 224.0.0.0/4 dev lo
	probe serve 127.0.0.1 7001 127.0.0.1 7002 ::1 7001 ::1 7002 127.0.0.3 7003 127.0.0.4 7003 \
		127.0.0.1 7004 169.254.169.254 7004 ::1 7004 fd00:ec2::254 7004 127.0.0.1 7005 \
		127.0.0.1 7006 >/dev/null
	# Where names lead to.
	for net in 203.0.113.0/24 10.9.0.0/16 192.168.9.0/24 100.64.9.0/24 169.254.7.0/24; do
		ip route add local "$net" dev lo
	done
	for address in 2001:db8:5::21 fd09::1 64:ff9b::7f00:1 64:ff9b:1::1 2002:a09:1::1 2001:0:9::1; do ip addr add "$address/128" dev lo; done
	probe serve 0.0.0.0 7443 0.0.0.0 7444 >/dev/null
	probe serve ::1 7443 2001:db8:5::21 7443 2001:db8:5::21 7444 fd09::1 7443 \
		64:ff9b::7f00:1 7443 64:ff9b:1::1 7443 2002:a09:1::1 7443 2001:0:9::1 7443 >/dev/null
	probe serve-echo 0.0.0.0 7446
	probe serve-echo 2001:db8:5::21 7446
	probe serve-dns >/dev/null
	probe serve-fds /u/in/fds >/dev/null
	probe serve-unix /u/in/sock /u/in/secret /u/out/sock @outside @inside @inside-not @a/b/c >/dev/null
	probe ipc-make 4711
	probe mq-keep /probe-kept
	probe serve-nothing
}

# An overlay at /ov over a copy of the template, on a file system that hangs nowhere any more.
overlay_fresh() { # /ov/pure is in the upper layer alone
	umount /ov 2>/dev/null
	mkdir -p /ov /layers
	mount -t tmpfs layers /layers
	mkdir -p /layers/upper/pure /layers/work
	cp -a /template /layers/lower
	probe setxattr /layers/lower/in/marked /layers/lower/out/marked 2>/dev/null # tmpfs: since 6.6
	mount -t overlay -o lowerdir=/layers/lower,upperdir=/layers/upper,workdir=/layers/work overlay /ov
	umount -l /layers
}

tree_fresh() {
	[ "${policy:-}" != overlay ] || overlay_fresh
	rm -rf /t
	cp -a /template /t
	probe setxattr /t/in/marked /t/out/marked 2>/dev/null # tmpfs: since 6.6
	cp -a /template/in/file /usr/share/readable
}

tree_state() {
	ls -lanR --full-time /t /usr/share/readable
	[ "${policy:-}" != overlay ] || ls -lanR --full-time /ov
}
