# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2154
# What files in /etc/ambit/cells.d bind: before it is there, when the service begins and when it reloads.

cells_rule() { # FILE MATCH [POLICY]
	printf 'apiVersion: ambit/v1\nmatch: {%s}\npolicy: %s\n' "$2" "${3:-$bound_policy}" >"/etc/ambit/cells.d/$1.yaml"
}

cells_d() {
	rm -rf /etc/ambit/cells.d
	mkdir -p /etc/ambit/cells.d
	bound_begin cells-d
	root=/sys/fs/cgroup
	mkdir -p $root/cells-d/one $root/user.slice/user-1001.slice
	expect "it can be read before" within $root/cells-d/one 'cat /t/out/secret'
	mkfifo /t/in/running
	within $root/cells-d/one 'read -r _ </t/in/running' &
	running=$!
	until grep -q . $root/cells-d/one/cgroup.procs; do kill -0 $running || exit 1; done
	cells_rule 10-one 'cgroup: /cells-d/one'
	cells_rule 20-user 'user: user'
	cells_rule 30-slice 'slice: night-batch.slice'
	cells_rule 40-unit 'unit: "worker@*.service"'
	expect_status 0 ambit reload
	mkdir -p $root/cells-d/two $root/user.slice/user-1000.slice/session $root/night.slice/night-batch.slice \
		$root/night.slice/other.slice $root/system.slice/system-worker.slice/worker@1.service
	for bound in cells-d/one user.slice/user-1000.slice/session night.slice/night-batch.slice \
		system.slice/system-worker.slice/worker@1.service; do
		secret_stays "in $bound" $root/$bound
	done
	for free in cells-d/two user.slice/user-1001.slice night.slice/other.slice system.slice; do
		expect "$free is as before" within $root/$free 'cat /t/out/secret'
	done
	probe call /run/ambit/control self '{"method":"io.ambit.Cells.List"}' >"$work/case/list"
	expect "who asks hears the file of each" [ "$(grep -o '"rule":"[^"]*[1-4]0-[a-z]*.yaml"' \
		"$work/case/list" | sort -u | wc -l)" = 4 ]
	echo go >/t/in/running
	wait $running
	ambit ps >"$work/case/ps"
	expect "ps says it too" [ "$(grep -c '/etc/ambit/cells.d/[1-4]0-[a-z]*.yaml$' "$work/case/ps")" = 4 ]
	# What is wrong with one file is said with its place, and changes nothing.
	cells_rule 10-one 'cgroup: /cells-d/two'
	cells_rule 50-wrong 'unit: x'
	sed -i 's|read: \[/t/in|read: [/t/out, /t/in|' "$bound_policy"
	expect_status 1 ambit reload 2>"$work/case/stderr"
	bound_rules
	cat "$work/case/stderr"
	expect "the file and the line" grep -q '/etc/ambit/cells.d/50-wrong.yaml:2:' "$work/case/stderr"
	expect_status 1 ambit doctor >"$work/case/doctor"
	expect "doctor says it too" grep -q 'cells.d  .*50-wrong.yaml:2:' "$work/case/doctor"
	expect "and what the others bind" grep -q 'cells.d  .*20-user.yaml: .*/user-1000.slice has ' "$work/case/doctor"
	expect "no rule is new" within $root/cells-d/two 'cat /t/out/secret'
	secret_stays "and none is gone" $root/cells-d/one
	# So are two files for one cgroup.
	cells_rule 50-wrong 'cgroup: /cells-d/two'
	expect_status 1 ambit reload 2>"$work/case/stderr"
	expect "both are named" grep -q '50-wrong.yaml: matches what "/etc/ambit/cells.d/10-one.yaml" does' "$work/case/stderr"
	rm /etc/ambit/cells.d/50-wrong.yaml
	# A rule with another policy; and one that goes, or is moved, takes nothing off.
	sed 's|read: \[/t/in|read: [/t/out, /t/in|' "$bound_policy" >/t/wider.yaml
	cells_rule 30-slice 'slice: night-batch.slice' /t/wider.yaml
	expect_status 0 ambit reload
	expect "the other policy is in force" within $root/night.slice/night-batch.slice 'cat /t/out/secret'
	secret_stays "a rule that came" $root/cells-d/two
	secret_stays "a rule that went" $root/cells-d/one
	# A service that begins reads them, too, one of them broken.
	cells_rule 05-wrong 'unit: x'
	cells_rule 60-late 'cgroup: /cells-d/late'
	daemon_kill
	daemon_alone
	mkdir -p $root/cells-d/late
	secret_stays "in what came with it" $root/cells-d/late
	expect "what is wrong is said" grep -q 'cells.d/05-wrong.yaml:2:' "$work/case/daemon"
	rm -rf /etc/ambit/cells.d
	expect_status 0 ambit stop
	cat /var/log/ambit/cells-d-*.jsonl >"$work/case/trail"
	expect_trail type=service what=found detail='1 tasks'
}

# Names of any length, and with a dot: each has a row of its own, which goes with it.
cells_globs_long() {
	long=$(printf 'n%.0s' $(seq 197))
	alike=$(printf 'n%.0s' $(seq 119))
	secret_stays "in one with a dot that was there" "$root/cells-l/.x-in"
	bounds >"$work/case/rows"
	for name in short-in "$long-in" .late-in; do
		mkdir "$root/cells-l/$name"
		secret_stays "in $name" "$root/cells-l/$name"
		expect "$name has a row" [ "$(bounds)" = $(($(cat "$work/case/rows") + 1)) ]
		if [ "$name" = "$long-in" ]; then
			mkdir "$root/cells-l/$alike" "$root/cells-l/$long-out"
			for free in "$alike" "$long-out"; do
				expect "what begins alike is free" within "$root/cells-l/$free" 'cat /t/out/secret'
			done
			rmdir "$root/cells-l/$alike" "$root/cells-l/$long-out"
			secret_stays "when they are gone" "$root/cells-l/$name"
		fi
		rmdir "$root/cells-l/$name"
		expect "and it goes with $name" [ "$(bounds)" = "$(cat "$work/case/rows")" ]
	done
	# One that was there when it was bound goes as well.
	rmdir "$root/cells-l/.x-in"
	expect "and with the one that was there" [ "$(bounds)" = $(($(cat "$work/case/rows") - 1)) ]
}

# Globs: what is there, what comes later, with a daemon and without, and which of two counts.
cells_globs() {
	rm -rf /etc/ambit/cells.d
	mkdir -p /etc/ambit/cells.d /t/never
	bound_begin cells-globs
	root=/sys/fs/cgroup
	units=$root/system.slice
	echo word | tee /t/never/secret >/t/out/held
	sed 's|read: \[/t/in|read: [/t/out, /t/in|' "$bound_policy" >/t/wider.yaml
	mkdir -p $units/job-old.service $units/jab-a.service $units/kob.service $root/cells-g/7x $root/cells-l/.x-in
	expect "it can be read before" within $units/job-old.service 'cat /t/out/secret'
	mkfifo /t/in/running.old
	within $units/job-old.service 'read -r _ </t/in/running.old; cat /t/out/secret; echo status $?' >"$work/case/old" 2>&1 &
	ran=$!
	until grep -q . $units/job-old.service/cgroup.procs; do kill -0 $ran || exit 1; done
	cells_rule 10-jobs 'unit: "job-*.service"'
	cells_rule 20-more 'unit: "j*.service"' /t/wider.yaml
	cells_rule 30-own 'unit: job-own.service' /t/wider.yaml
	cells_rule 40-web 'unit: "web@a*.service"'
	cells_rule 50-cgroup 'cgroup: "/cells-g/[0-9]?"'
	cells_rule 60-slice 'slice: "dusk-*.slice"'
	cells_rule 65-long 'cgroup: "/cells-l/*-in"'
	expect_status 0 ambit reload
	echo go >/t/in/running.old
	wait $ran
	expect "a task that ran already is in" grep -qx 'status 1' "$work/case/old"
	mkdir -p $units/job-new.service/sub $units/job-own.service $units/jab-b.service $root/cells-g/7y $root/cells-g/77z \
		$root/dusk.slice/dusk-a.slice $root/dusk.slice/other.slice \
		"$units/system-web.slice/web@a-1.service" "$units/system-web.slice/web@b.service"
	for bound in system.slice/job-old.service system.slice/job-new.service/sub cells-g/7x cells-g/7y \
		dusk.slice/dusk-a.slice system.slice/system-web.slice/web@a-1.service; do
		secret_stays "in $bound" $root/$bound
	done
	for free in system.slice/kob.service cells-g/77z dusk.slice/other.slice system.slice/system-web.slice/web@b.service \
		system.slice; do
		expect "in $free it can be read" within $root/$free 'cat /t/out/secret'
	done
	for wider in jab-a jab-b job-own; do
		expect "$wider has the other policy" within $units/$wider.service 'cat /t/out/secret'
		expect_status 1 within $units/$wider.service 'cat /t/never/secret'
	done
	ambit ps >"$work/case/ps"
	expect "the file of each" [ "$(grep -c '/cells.d/[1-6]0-.*yaml' "$work/case/ps")" = 6 ]
	ambit doctor >"$work/case/doctor" || : # it may miss something else
	expect "what it has now" grep -q '10-jobs.yaml: .*/job-\*.service has .*2 cgroups now' "$work/case/doctor"
	expect "and which file counts" grep -q '20-more.yaml: .*job-own.service is of .*30-own.yaml' "$work/case/doctor"
	expect "what another has" grep -q '60-slice.yaml: .*; 1 cgroup now' "$work/case/doctor"
	cells_globs_long
	# It goes with its cgroup, and comes back with it; the kernel alone does that.
	daemon_kill
	rmdir $units/job-new.service/sub $units/job-new.service
	mkdir -p $units/job-new.service $units/job-alone.service
	secret_stays "made anew, without a daemon" $units/job-new.service
	secret_stays "made without a daemon" $units/job-alone.service
	daemon_up
	secret_stays "with the next one" $units/job-alone.service
	# A narrower policy reaches all of them.
	for held in a b; do
		mkfifo /t/in/hold.$held
		within $units/jab-$held.service "exec 3</t/out/held; read -r _ </t/in/hold.$held" &
		eval "held_$held=$!"
	done
	for held in a b; do
		until readlink "/proc/$(head -1 $units/jab-$held.service/cgroup.procs)/fd/3" | grep -q /t/out/held; do :; done
	done
	cp "$bound_policy" /t/wider.yaml
	expect_status 0 ambit reload
	# shellcheck disable=SC2154 # set by eval
	wait "$held_a" "$held_b"
	secret_stays "narrower" $units/jab-a.service
	# The cgroup above, made anew.
	rmdir $root/cells-g/* $root/cells-g
	mkdir -p $root/cells-g/8a
	until grep -q '"what":"rebound"' /var/log/ambit/cells-globs-*.jsonl; do kill -0 "$daemon_pid" || exit 1; done
	secret_stays "beneath one that is made anew" $root/cells-g/8a
	mkdir $root/cells-g/8b
	secret_stays "and later" $root/cells-g/8b
	cells_rule 70-all 'unit: "*.service"'
	expect_status 1 ambit reload 2>"$work/case/stderr"
	expect "not ambit itself" grep -q "70-all.yaml:2:.*ambit's own" "$work/case/stderr"
	rm -rf /etc/ambit/cells.d
	expect_status 0 ambit stop
	secret_stays "after the daemon was stopped" $units/job-old.service
	cat /var/log/ambit/cells-globs-*.jsonl >"$work/case/trail"
	expect "who held was ended" [ "$(trail_count type=service what=ended)" = 2 ]
}

cells_all() {
	case_run cells-d cells_d
	case_run cells-globs cells_globs
}
