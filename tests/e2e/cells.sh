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

cells_all() {
	case_run cells-d cells_d
}
