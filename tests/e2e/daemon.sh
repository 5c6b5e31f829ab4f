# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2154
# Cells that are bound to a cgroup, and the daemon that holds them: who comes into one, what a killed
# daemon leaves, what a reload changes.

bound_policy=/t/bound.yaml

# Each try is a whole question and its answer; the first that is answered ends it.
daemon_answers() { # COMMAND...
	ambit daemon 2>"$work/case/daemon" &
	daemon_pid=$!
	daemon_end=$(($(cut -d. -f1 /proc/uptime) + 200))
	until "$@" >"$work/case/up" 2>&1; do
		[ "$(cut -d. -f1 /proc/uptime)" -lt "$daemon_end" ] || kill "$daemon_pid"
		kill -0 "$daemon_pid" || { cat "$work/case/up" "$work/case/daemon"; exit 1; }
	done
}
daemon_up() {
	daemon_answers ambit reload
}
# One whose cells nobody may have taken over.
daemon_alone() {
	daemon_answers probe call /run/ambit/control self '{"method":"io.ambit.Cells.List"}'
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
	expect "who made whom" grep -q '"ancestry":\[{"pid":[^]]*},{"pid":[^]]*},{"pid":' "$work/case/trail"
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
	# The kernel takes its programs off one after the other, behind the unlinked pins.
	free_end=$(($(cut -d. -f1 /proc/uptime) + 60))
	until within "$bound_cgroup" 'cat /t/out/secret'; do
		expect "who comes into the cgroup is free" [ "$(cut -d. -f1 /proc/uptime)" -lt "$free_end" ]
	done
	cat "/var/log/ambit/$bound_name"-*.jsonl >"$work/case/trail"
	expect_trail type=service what=disarm
	expect_status 0 ambit verify "$work/case/trail"
	expect_status 0 ambit stop --disarm
}

# Whether what the policy allows is allowed; by the shell itself, since no program can be executed where
# nothing is.
bound_allows() { # CGROUP
	within "$1" 'read -r _ 2>/dev/null </t/in/file' 2>/dev/null
}
# Fills the ring of a cell: more denials than it has room for.
bound_flood() { # CGROUP
	within "$1" 'probe stress 4 9000 /t/in/file /t/out/secret' >"$work/case/flood" 2>&1
}

# Lines go to every sink, those of a daemon that is killed and of the next one; one that takes none holds up
# nothing.
bound_sinks() {
	mkdir -p /etc/ambit
	cat >/etc/ambit/trail.yaml <<-END
		apiVersion: ambit/v1
		sinks:
		  - {kind: program, command: [/bin/sh, -c, "exec cat >>$work/case/copy"]}
		  - {kind: program, command: [/bin/sh, -c, "exec cat >>$work/case/denied"], lines: denied}
		  - {kind: program, command: [/bin/sh, -c, "exec cat >>$work/case/checkpoints"], lines: checkpoints}
		  - {kind: program, command: [/bin/sh, -c, "exec sleep 1000"], queue: 128KiB}
	END
	bound_begin bound-sinks
	bound_attach
	secret_stays "with sinks" "$bound_cgroup"
	until grep -q '"path":"/t/out/secret".*"cell":"bound-sinks-' "$work/case/copy"; do :; done
	daemon_kill
	within "$bound_cgroup" 'read -r _ </t/out/alone' # one that waits for the next daemon
	daemon_up
	i=0
	while [ $i -lt 600 ]; do
		echo "true >/t/out/new$i"
		i=$((i + 1))
	done >/t/in/many
	within "$bound_cgroup" '. /t/in/many' 2>/dev/null
	bound_end
	rm /etc/ambit/trail.yaml
	expect "a line in the trail says who failed" grep '"type":"sink".*"dropped":[1-9]' "$work/case/trail"
	expect_status 0 ambit verify --unfinished "$work/case/trail"
	for copy in copy denied; do
		expect "every denial in $copy" [ "$(grep -c '"path":"/t/out/new' "$work/case/$copy")" = 600 ]
	done
	expect "none that was allowed in denied" sh -c "! grep -q '\"verdict\":\"allow\"' $work/case/denied"
	expect "checkpoints are signed" sh -c "! grep -v '\"sig\":\"' $work/case/checkpoints"
	# Sinks have the lines of cells of other cases, too.
	sed -n 's/.*"chain":"\([0-9a-f]*\)","seq":0,.*/"chain":"\1"/p' "$work/case/trail" >"$work/case/chains"
	expect "two chains" [ "$(wc -l <"$work/case/chains")" -ge 2 ]
	while read -r chain; do
		expect "a checkpoint of $chain" grep -qF "$chain" "$work/case/checkpoints"
	done <"$work/case/chains"
	grep -F -f "$work/case/chains" "$work/case/copy" >"$work/case/own"
	expect_status 0 ambit verify --unfinished "$work/case/own"
}

# onTrailFailure: deny, where the disk is full, and where nobody reads the ring; beside a cell without.
bound_strict() {
	mkdir -p /var/log/ambit
	mount -t tmpfs -o size=128k none /var/log/ambit || exit 1
	bound_policy=/t/strict.yaml # cells of other cases have theirs reloaded, too
	bound_begin bound-strict
	mkdir -p /sys/fs/cgroup/bound-lax
	sed "s/^name: .*/name: bound-lax/" "$bound_policy" >/t/lax.yaml
	echo "onTrailFailure: deny" >>"$bound_policy"
	# Holds what no policy has allowed, from before.
	mkfifo /t/in/strict
	within "$bound_cgroup" 'exec 3</t/out/secret; read -r _ </t/in/strict' &
	holder=$!
	until readlink "/proc/$(head -1 "$bound_cgroup/cgroup.procs")/fd/3" | grep -q secret; do kill -0 $holder || exit 1; done
	bound_attach
	expect_status 0 ambit attach --cgroup /sys/fs/cgroup/bound-lax -p /t/lax.yaml
	expect "it works" bound_allows "$bound_cgroup"
	dd if=/dev/zero of=/var/log/ambit/filler bs=4096 2>/dev/null
	while bound_allows "$bound_cgroup"; do
		within "$bound_cgroup" 'read -r _ 2>/dev/null </t/out/secret' 2>/dev/null
		within /sys/fs/cgroup/bound-lax 'read -r _ 2>/dev/null </t/out/secret' 2>/dev/null
	done
	expect "the other goes on" bound_allows /sys/fs/cgroup/bound-lax
	# What is left of the last block takes a short line: then the trail works, and the cell is opened, until that is
	# full, too.
	while ambit reload; do
		within "$bound_cgroup" 'read -r _ 2>/dev/null </t/out/secret' 2>/dev/null
	done
	expect "a killed daemon leaves it denied" sh -c "kill -9 $daemon_pid"
	wait "$daemon_pid"
	expect_status 1 within "$bound_cgroup" 'read -r _ </t/in/file'
	rm /var/log/ambit/filler
	daemon_up
	until bound_allows "$bound_cgroup"; do :; done
	# It says so when that is in force.
	until cat "/var/log/ambit/$bound_name"-*.jsonl >"$work/case/trail" && grep -q '"what":"opened"' "$work/case/trail"; do
		kill -0 "$daemon_pid" || exit 1
	done
	expect_trail type=decision reason=trail path=/t/in/file verdict=deny
	expect_trail type=service what=opened
	daemon_kill
	for cgroup in "$bound_cgroup" /sys/fs/cgroup/bound-lax; do bound_flood "$cgroup"; done
	expect_status 1 within "$bound_cgroup" 'read -r _ </t/in/file'
	expect "the other goes on with a ring that is full" bound_allows /sys/fs/cgroup/bound-lax
	umount /var/log/ambit
	# As one leaves it that is killed while it opens the cell again.
	state=$(grep -l "\"$bound_name-" /run/ambit/holds/????????)
	for kept in "$state".aside.*.tables; do
		epoch=${kept%.tables}
		epoch=${epoch##*.}
		for kind in tables links; do
			cp "$state.aside.$epoch.$kind" "$state.aside.$((epoch + 1)).$kind"
		done
	done
	daemon_up
	until bound_allows "$bound_cgroup"; do :; done
	expect "one that held something goes on" kill -0 $holder
	expect "what decides is kept once" [ "$(find /run/ambit/holds -name "${state##*/}.aside.*.tables" | wc -l)" = 1 ]
	echo go >/t/in/strict
	wait $holder
	bound_end
	expect_trail type=service what=shut
	expect_trail type=service what=opened
	expect_trail type=lost
	expect_status 0 ambit verify --unfinished "$work/case/trail"
}

# Policies that take turns under load. What both allow, or none, is decided so all the time; of what flips each
# event has the number of the policy that denies it.
bound_turns() {
	rm -f /t/in/stop /t/in/wrong
	bound_begin bound-turns
	mkdir -p /t/odd
	echo word >/t/odd/secret
	for turn in out odd; do
		sed "s/^name: .*/name: $bound_name/; s|read: \\[/t/in|read: [/t/$turn, /t/in|" \
			/e2e/policies/life.yaml >"/t/turn-$turn.yaml"
	done
	mkdir -p /t/never
	echo word >/t/never/secret
	cp /t/turn-odd.yaml "$bound_policy"
	bound_attach
	for load in 1 2; do
		# shellcheck disable=SC2016 # the inner shell's
		within "$bound_cgroup" 'while [ ! -e /t/in/stop ]; do
			probe stress 2 50 /t/in/file /t/never/secret || echo wrong >>/t/in/wrong
			(read -r _ </t/out/secret) 2>/dev/null
			(read -r _ </t/odd/secret) 2>/dev/null
			:; done; echo done >/t/in/done.$$' >"$work/case/load.$load" 2>&1 &
		eval "load_$load=$!"
	done
	i=0 turns=10
	[ "$KERNEL$SUITE" != 6.12all ] || turns=100
	while [ $i -lt $turns ]; do
		cp /t/turn-out.yaml "$bound_policy"
		expect_status 0 ambit reload
		cp /t/turn-odd.yaml "$bound_policy"
		expect_status 0 ambit reload
		i=$((i + 1))
	done
	touch /t/in/stop
	# shellcheck disable=SC2154 # set by eval
	wait "$load_1" "$load_2"
	expect "no wrong verdict" [ ! -e /t/in/wrong ]
	expect "both loads lived" [ "$(find /t/in -name 'done.*' | wc -l)" = 2 ]
	bound_end
	expect "every reload" [ "$(trail_count type=service what=reload)" = $((2 * turns)) ]
	expect "nothing was lost" [ "$(trail_count type=lost)" = 0 ]
	for turn in out:13579 odd:02468; do
		grep "\"path\":\"/t/${turn%:*}/secret\"" "$work/case/trail" >"$work/case/turn"
		expect "denials of $turn" [ -s "$work/case/turn" ]
		expect "of one half of the policies" sh -c \
			"! grep -v '\"epoch\":[0-9]*[${turn#*:}],' $work/case/turn"
	done
}

bound_all() {
	case_run bound-in bound_in
	case_run bound-refused bound_refused
	case_run bound-killed bound_killed
	case_run bound-reload bound_reload
	case_run bound-tighten bound_tighten
	case_run bound-turns bound_turns
	case_run bound-sinks bound_sinks
	case_run bound-strict bound_strict
	reach_all
	case_run bound-many bound_many
	case_run bound-disarm bound_disarm
}
