# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2154
# Cells that are bound to a cgroup, and the daemon that holds them: who comes into one, what a killed
# daemon leaves, what a reload changes.

bound_policy=/t/bound.yaml

# Each try is a whole question and its answer; the first that is answered ends it.
daemon_up() {
	ambit daemon 2>"$work/case/daemon" &
	daemon_pid=$!
	until ambit reload >"$work/case/up" 2>&1; do
		kill -0 "$daemon_pid" || { cat "$work/case/daemon"; exit 1; }
	done
}
daemon_kill() {
	kill -9 "$daemon_pid"
	wait "$daemon_pid"
}
# Runs a shell text in a cgroup, of which the shell itself comes into it.
within() { # CGROUP SHELL_TEXT
	sh -c "echo \$\$ >$1/cgroup.procs && $2"
}
secret_stays() { # WHAT CGROUP
	expect "$1: what the policy allows works" within "$2" 'cat /t/in/file'
	expect_status 1 within "$2" 'cat /t/out/secret'
}
# A daemon, and a cgroup of the case's own that is not bound yet. What a case that failed left goes on.
bound_begin() { # NAME
	ambit stop >/dev/null 2>&1
	bound_name=$1
	bound_cgroup=/sys/fs/cgroup/$1
	mkdir -p /var/log /t/in /t/out "$bound_cgroup"
	echo word >/t/in/file
	echo word >/t/out/secret
	bound_rules
	daemon_up
}
bound_rules() {
	sed "s/^name: .*/name: $bound_name/" /e2e/policies/life.yaml >"$bound_policy"
}
bound_attach() {
	expect_status 0 ambit attach --cgroup "$bound_cgroup" -p "$bound_policy"
}
bound_end() {
	expect_status 0 ambit stop
	secret_stays "after the daemon was stopped" "$bound_cgroup"
	cat "/var/log/ambit/$bound_name"-*.jsonl >"$work/case/trail"
	expect_trail type=service what=release
}

bound_in() {
	bound_begin bound-in
	expect "it can be read before" within "$bound_cgroup" 'cat /t/out/secret'
	# Two that run already, one of them beneath; they hold no descriptor of the secret.
	mkdir "$bound_cgroup/sub"
	for at in "$bound_cgroup" "$bound_cgroup/sub"; do
		mkfifo "/t/in/go.${at##*/}"
		within "$at" "read -r _ </t/in/go.${at##*/}; cat /t/in/file /t/out/secret; echo status \$?" \
			>"$work/case/out.${at##*/}" 2>&1 &
		ran="${ran:-} $!"
	done
	until [ "$(cat "$bound_cgroup/cgroup.procs" "$bound_cgroup/sub/cgroup.procs" | wc -l)" = 2 ]; do :; done
	bound_attach
	for out in bound-in sub; do echo go >"/t/in/go.$out"; done
	# shellcheck disable=SC2086 # words
	wait $ran
	for out in bound-in sub; do
		expect "a task that ran already is in" grep -qx 'status 1' "$work/case/out.$out"
		expect "it reads what it may" grep -qx word "$work/case/out.$out"
	done
	secret_stays "moved into it" "$bound_cgroup"
	secret_stays "moved beneath it" "$bound_cgroup/sub"
	expect "the cgroup can go" rmdir "$bound_cgroup/sub" "$bound_cgroup"
	expect "and come back" mkdir "$bound_cgroup" "$bound_cgroup/new"
	secret_stays "in the cgroup that came after" "$bound_cgroup"
	secret_stays "in a new one beneath it" "$bound_cgroup/new"
	expect "outside it can be read" cat /t/out/secret
	expect_status 1 within "$bound_cgroup" 'cat /t/in/file && echo $$ >/sys/fs/cgroup/cgroup.procs'
	expect_status 1 within "$bound_cgroup" 'ambit reload'
	rmdir "$bound_cgroup/new"
	bound_end
	expect_trail verdict=deny path=/t/out/secret reason=no-rule
}

bound_refused() {
	bound_begin bound-refused
	expect_status 1 ambit attach --cgroup /sys/fs/cgroup -p "$bound_policy"
	expect_status 1 ambit attach --cgroup /sys/fs/cgroup/ambit/x -p "$bound_policy"
	expect_status 1 ambit attach --cgroup /sys/fs/cgroup/no/such -p "$bound_policy"
	expect_status 1 ambit attach --cgroup "$bound_cgroup" -p /e2e/bad/unknown-key.yaml
	expect_status 2 ambit attach -p "$bound_policy"
	expect_status 1 ambit daemon
	expect "nothing was bound" within "$bound_cgroup" 'cat /t/out/secret'
	# All or nothing: one of its tasks has another mount namespace.
	mkfifo "$work/case/go"
	within "$bound_cgroup" "exec unshare -m sh -c 'echo in; read -r _ <$work/case/go'" >"$work/case/in" &
	foreign=$!
	until grep -q in "$work/case/in"; do :; done
	expect_status 1 ambit attach --cgroup "$bound_cgroup" -p "$bound_policy"
	expect "none of its tasks is in" within "$bound_cgroup" 'cat /t/out/secret'
	echo go >"$work/case/go"
	wait "$foreign"
	bound_attach
	expect_status 1 ambit attach --cgroup "$bound_cgroup" -p "$bound_policy"
	secret_stays "after refusals" "$bound_cgroup"
	expect_status 1 ambit disarm
	secret_stays "after disarm was refused" "$bound_cgroup"
	bound_end
}

# A load that reads what it may and what it may not, while the daemon is killed again and again.
bound_killed() {
	rm -f /t/in/stop /t/in/done /t/in/wrong
	bound_begin bound-killed
	bound_attach
	# shellcheck disable=SC2016 # the inner shell's
	within "$bound_cgroup" 'while [ ! -e /t/in/stop ]; do
		cat /t/in/file >/t/in/copy || echo denied >>/t/in/wrong
		cat /t/out/secret 2>/t/in/err && echo allowed >>/t/in/wrong
		:; done; echo done >/t/in/done' &
	for round in 1 2 3 4 5 6 7 8; do
		echo word | tee "/t/out/alone-$round" >"/t/out/held-$round"
		daemon_kill
		expect_status 1 within "$bound_cgroup" "cat /t/out/alone-$round"
		daemon_up
		expect_status 1 within "$bound_cgroup" "cat /t/out/held-$round"
	done
	daemon_kill
	expect_status 0 ambit run -q -p "$life_policy" --trail "$work/case/other" -- true
	secret_stays "with nobody there" "$bound_cgroup"
	daemon_up
	touch /t/in/stop
	until [ -e /t/in/done ]; do :; done
	expect "no wrong verdict" [ ! -e /t/in/wrong ]
	bound_end
	# Chains of killed daemons have no end; else nothing is wrong.
	expect_status 0 ambit verify --unfinished "$work/case/trail"
	for round in 1 2 3 4 5 6 7 8; do
		expect_trail verdict=deny path=/t/out/alone-$round
		expect_trail verdict=deny path=/t/out/held-$round
	done
	expect "nine that took it over" [ "$(trail_count type=service what=takeover)" -ge 9 ]
	expect "nothing was lost" [ "$(trail_count type=lost)" = 0 ]
}

bound_reload() {
	bound_begin bound-reload
	bound_attach
	secret_stays before "$bound_cgroup"
	sed -i 's|read: \[/t/in|read: [/t/out, /t/in|' "$bound_policy"
	expect_status 0 ambit reload
	expect "the wider policy is in force" within "$bound_cgroup" 'cat /t/out/secret'
	echo "reed: []" >>"$bound_policy"
	expect_status 1 ambit reload
	expect "after a policy that is not valid the one before is in force" \
		within "$bound_cgroup" 'cat /t/out/secret'
	bound_rules
	daemon_kill
	daemon_up
	secret_stays "the narrower one is in force" "$bound_cgroup"
	bound_end
	expect_trail type=service what=reload
	expect_trail type=service what=reload-refused
}

# The one way to take policies off, with a daemon and without.
bound_disarm() {
	bound_begin bound-disarm
	bound_attach
	secret_stays before "$bound_cgroup"
	expect_status 0 ambit stop --disarm
	expect "ambit is out of the kernel" [ ! -e /sys/fs/bpf/ambit ]
	expect "nothing of a cell is left" [ -z "$(ls -A /run/ambit/cells; ls -A /run/ambit/holds)" ]
	expect "who comes into the cgroup is free" within "$bound_cgroup" 'cat /t/out/secret'
	cat "/var/log/ambit/$bound_name"-*.jsonl >"$work/case/trail"
	expect_trail type=service what=disarm
	expect_status 0 ambit verify "$work/case/trail"
	expect_status 0 ambit stop --disarm
}

bound_all() {
	case_run bound-in bound_in
	case_run bound-refused bound_refused
	case_run bound-killed bound_killed
	case_run bound-reload bound_reload
	case_run bound-disarm bound_disarm
}
