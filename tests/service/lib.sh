# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# What the cases share. A case is a function case_NAME that ends with a status other than 0 where something
# is not as it should be; its last line says what. Lines that begin with # are figures, and shown.

trails=/var/log/ambit
good=/srv/in/file
bad=/srv/out/secret

expect() { # WHAT COMMAND...
	"${@:2}" && return
	echo "expected: $1"
	exit 1
}

# Until it holds; what never does ends the case after five minutes, which none takes.
await() { # WHAT COMMAND...
	local end=$((SECONDS + 300))
	until "${@:2}"; do
		((SECONDS < end)) || { echo "in vain: $1"; exit 1; }
	done
}

skip() { # WHY
	echo "$1"
	exit 77
}

refused() { # COMMAND...: it has to fail
	! "$@"
}

trail() { # lines|events|sum:KEY FILE KEY=VALUE...
	python3 "$here/trail.py" "$@"
}

# All that one cell wrote: what was rotated comes before.
trail_of() { # POLICY: in $work/trail
	cat "$trails/$1"-*.jsonl >"$work/trail"
}

expect_trail() { # KEY=VALUE...
	(($(trail lines "$work/trail" "$@") > 0)) && return
	echo "the trail has no line with: $*"
	exit 1
}

denials() { # POLICY: so many are in its trail
	trail_of "$1"
	trail events "$work/trail" verdict=deny
}
has_denials() { # POLICY NUMBER
	compgen -G "$trails/$1-*.jsonl" >"$work/files" && (($(denials "$1") > $2))
}

# In the cgroup of a service, of which the shell comes into it first.
within() { # NAME COMMAND...
	bash -c "echo \$\$ >/sys/fs/cgroup/system.slice/$1.service/cgroup.procs && exec \"\$@\"" in "${@:2}"
}

answers() {
	ambit reload >"$work/answer" 2>&1 && return
	[[ $(systemctl is-failed ambit.service) != failed ]] || { cat "$work/answer"; exit 1; }
	return 1
}
serving() {
	await "the daemon answers" answers
}

# What the daemon, or systemd of it, said. Not through a pipe, which grep leaves early.
said() { # TEXT
	journalctl -b --no-pager -u ambit.service >"$work/said.log"
	grep -q "$1" "$work/said.log"
}

daemon_pid() {
	systemctl show -P MainPID ambit.service
}

# What a program needs to start stands in the sets, and what systemd needs in front of it does but for one: since
# 255 the program that it executes between fork and exec (systemd-executor) moves itself into the cgroup that
# it is in already.
policy() { # NAME
	cat >"/etc/ambit/$1.yaml" <<-X
		apiVersion: ambit/v1
		name: $1
		mode: enforce
		files:
		  allow:
		    read: [/srv/in, "@system", "@self", "@devices"]
		    write: [/srv/in, "@devices", /sys/fs/cgroup/system.slice/$1.service/cgroup.procs]
		    exec: ["@runtime", "@programs"]
	X
}

# A service in a cell: its unit with the drop-in of the package, and a policy of its name.
service() { # NAME COMMAND...
	policy "$1"
	printf '[Unit]\nDescription=a service of the tests\n[Service]\nType=exec\nExecStart=%s\n' "${*:2}" \
		>"/etc/systemd/system/$1.service"
	systemctl daemon-reload
}

bound() { # NAME: the drop-in
	mkdir -p "/etc/systemd/system/$1.service.d"
	ln -sf /usr/share/ambit/systemd/bind.conf "/etc/systemd/system/$1.service.d/bind.conf"
	systemctl daemon-reload
}

# Everything off, as on a machine that never had it, and the package there.
fresh() {
	rm -rf /srv/in /srv/out
	mkdir -p /srv/in /srv/out
	echo word | tee "$good" >"$bad"
	dpkg -s ambit >"$work/dpkg" 2>&1 || dpkg -i /ambit.deb >"$work/dpkg" 2>&1
	systemctl stop 'ambit@*' ambit.socket ambit.service
	ambit stop --disarm >"$work/answer"
	rm -rf "${trails:?}"/*
	systemctl start ambit.socket ambit.service
}

# A prober that runs as a service, in its cell.
prober_start() { # NAME
	rm -f /srv/in/stop /srv/in/counts
	service "$1" /usr/bin/prober /srv/in/counts "$good" "$bad" /srv/in/stop
	bound "$1"
	systemctl start "$1.service"
}

# What came of it: nothing wrong, and as many denials as the kernel counted.
prober_stop() { # NAME
	touch /srv/in/stop
	await "the prober ends" refused systemctl is-active --quiet "$1.service"
	[[ -s /srv/in/counts ]] || { echo "the prober of $1 left no counts"; systemctl status "$1.service"; exit 1; }
	read -r _ allowed _ denied _ wrong </srv/in/counts
	echo "# prober: $allowed allowed, $denied denied, $wrong wrong"
	expect "no wrong verdict" [ "$wrong" = 0 ]
	expect "verdicts at all" [ "$denied" -gt 0 ]
}

verified() { # OPTION...
	local file
	for file in "$trails"/*.jsonl; do
		ambit verify "$@" "$file" >"$work/verify" 2>&1 || { cat "$work/verify"; echo "ambit verify $file"; exit 1; }
		echo "# $(tail -n 1 "$work/verify")"
	done
}

# Every denial is in the trail, once, or counted as lost there.
accounted() { # NAME
	local events lost
	trail_of "$1"
	events=$(trail events "$work/trail" verdict=deny path="$bad")
	lost=$(trail sum:lost "$work/trail" type=lost)
	echo "# $denied denied: $events in the trail, $lost said to be lost"
	expect "each denial is in the trail once, or counted" [ $((events + lost)) -eq "$denied" ]
}
