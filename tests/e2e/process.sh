# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2154
# One process that runs already is bound, with what it makes later, and nobody beside it.

# A shell that does what comes by a fifo, line by line, and says how it went.
process_begin() { # NAME
	mkfifo "/t/in/do.$1" "/t/in/said.$1"
	within "$bound_cgroup" "exec sh -c 'echo \$\$; while read -r line; do sh -c \"\$line\" >/dev/null 2>&1; echo \$?; done' \
		</t/in/do.$1 >/t/in/said.$1" &
}
# The number that a shell's act ends with.
process_does() { # NAME ACT
	echo "$2" >&"$do"
	read -r said <&"$hear"
	echo "$1: $2: $said"
	[ "$said" = 0 ]
}
first_does() { do=5 hear=6 process_does first "$1"; }
second_does() { do=7 hear=8 process_does second "$1"; }

bound_process() {
	bound_begin bound-process
	rm -f /t/in/do.* /t/in/said.*
	process_begin first
	exec 5>/t/in/do.first 6</t/in/said.first
	read -r first <&6
	process_begin second
	exec 7>/t/in/do.second 8</t/in/said.second
	read -r second <&8
	expect "it reads before" first_does "cat /t/out/secret"
	expect "so does the other" second_does "cat /t/out/secret"
	for pid in 1 2 "$daemon_pid" 4194303; do
		expect_status 1 ambit attach --pid "$pid" -p "$bound_policy"
	done
	expect_status 2 ambit attach --pid 0 -p "$bound_policy"
	expect_status 2 ambit attach --pid 1x -p "$bound_policy"
	expect_status 2 ambit attach --pid "$first" --cgroup "$bound_cgroup" -p "$bound_policy"
	expect_status 1 ambit attach --pid "$first" -p /e2e/bad/unknown-key.yaml
	expect "after a refusal it is where it was" [ "$(cat "/proc/$first/cgroup")" = "0::/bound-process" ]
	expect "and free" first_does "cat /t/out/secret"
	expect_status 0 ambit attach --pid "$first" -p "$bound_policy"
	expect "in a cgroup of its own" grep -q "^0::/bound-process/ambit-$first-" "/proc/$first/cgroup"
	expect "what the policy allows works" first_does "cat /t/in/file"
	expect "the secret stays" eval '! first_does "cat /t/out/secret"'
	expect "also to what it makes" eval '! first_does "sh -c \"sh -c \\\"cat /t/out/secret\\\"\""'
	expect "it gets out by no door" eval '! first_does "echo 0 >/sys/fs/cgroup/cgroup.procs"'
	expect "the other is free as before" second_does "cat /t/out/secret"
	expect_status 1 ambit attach --pid "$first" -p "$bound_policy"
	ambit ps
	exec 5>&- 7>&-
	while read -r said <&6 || read -r said <&8; do :; done # until both have ended
	exec 6<&- 8<&-
	expect_status 0 ambit stop
	cat "/var/log/ambit/$bound_name"-*.jsonl >"$work/case/trail"
	expect_trail verdict=deny path=/t/out/secret reason=no-rule
}

process_all() {
	case_run bound-process bound_process
}
