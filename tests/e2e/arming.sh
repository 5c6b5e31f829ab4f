# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2154
# What happens where the kernel cannot be armed as it should be.

# For what does not depend on the list of LSMs: arming is what costs most in a guest.
arms_alike() {
	[ "$SUITE" != without-bpf ] || { echo "as with bpf in the list of LSMs"; exit 77; }
}
# One hook that nobody can attach to takes all others with it.
arm_all_or_none() {
	[ "$SUITE" != without-bpf ] || { echo "the places of LSM hooks alone can be taken"; exit 77; }
	expect_status 0 ambit disarm
	until_detached 0
	mkfifo "$work/case/hold" "$work/case/taken"
	fullhook task_kill <"$work/case/hold" >"$work/case/taken" &
	exec 5>"$work/case/hold"
	read -r taken <"$work/case/taken"
	ambit arm 2>"$work/case/stderr"
	status=$?
	cat "$work/case/stderr"
	expect "arming fails" [ "$status" = 1 ]
	expect "and names the hook" grep -q 'cannot attach.*task_kill' "$work/case/stderr"
	expect "no pins are left" [ ! -e /sys/fs/bpf/ambit ]
	rm -f /t/in/ran
	expect_status 125 run_cell touch /t/in/ran
	expect "the command did not start" [ ! -e /t/in/ran ]
	until_detached "$taken"
	exec 5>&-
	wait
	expect_status 1 run_cell probe read /t/out/file
}
until_detached() { # LINKS: the kernel takes its time
	end=$(($(cut -d. -f1 /proc/uptime) + 60))
	while [ "$(fullhook)" -gt "$1" ]; do
		[ "$(cut -d. -f1 /proc/uptime)" -lt "$end" ] || { echo "$(fullhook) links are left"; exit 1; }
	done
}
# Before 6.2 a label cannot always be read on a kernel that is preempted anywhere.
preempt_full() {
	[ "$SUITE" != without-bpf ] || { echo "with --best-effort every kernel is taken"; exit 77; }
	mode=$(preempt_set full)
	ambit run -q -p "$life_policy" --trail "$work/case/trail" -- true 2>"$work/case/stderr"
	plain=$?
	ambit run -q --best-effort -p "$life_policy" --trail "$work/case/weaker" -- probe read /t/out/file
	weaker=$?
	preempt_set "$mode"
	cat "$work/case/stderr"
	expect "a denial with --best-effort" [ "$weaker" = 1 ]
	if [ "$KERNEL" = 6.1 ]; then
		expect "a refusal" [ "$plain" = 125 ]
		expect "the way out is told" grep -q 'preempt=voluntary' "$work/case/stderr"
		expect "the weaker promise is named" [ "$(trailq "$work/case/weaker" 'best_effort=*')" = 2 ]
	else
		expect "nothing to refuse" [ "$plain" = 0 ]
		expect "nothing weaker" [ "$(trailq "$work/case/weaker" 'best_effort=*')" = 0 ]
	fi
	expect_status 0 run_cell true
}
# What another version armed is neither used nor joined by a second set.
other_version() {
	arms_alike
	expect_status 0 ambit arm
	mv /sys/fs/bpf/ambit/abi-* /sys/fs/bpf/ambit/abi-999
	ambit arm 2>"$work/case/stderr"
	expect "arming is refused" [ $? = 1 ]
	cat "$work/case/stderr"
	expect "the way out is told" grep -q 'another version.*abi-999.*ambit disarm' "$work/case/stderr"
	refused run -p "$life_policy" --trail "$work/case/trail"
	expect "one set" [ "$(ls /sys/fs/bpf/ambit)" = abi-999 ]
	expect_status 0 ambit disarm
	expect "no pins are left" [ ! -e /sys/fs/bpf/ambit ]
	expect_status 1 run_cell probe read /t/out/file
}
# What only policies without `jit: allow` need is attached by the first of them.
hook_state() { # HOOK
	ambit doctor --json | grep -o "\"name\":\"hook $1\",\"state\":\"[^\"]*" | sed 's/.*"//'
}
run_jit() { # COMMAND...: in a cell that lets memory become code, with a trail of its own
	ambit run -q -p /e2e/policies/jit.yaml --trail "$work/case/jit" -- "$@"
}
run_no_jit() { # COMMAND...
	ambit run -q -p /e2e/policies/programs.yaml --trail "$work/case/trail" -- "$@"
}
expect_jit_hooks() { # STATE
	for hook in mmap_addr inode_init_security_anon; do
		expect "$hook is $1" [ "$(hook_state "$hook")" = "$1" ]
	done
}
armed_for_jit() { # disarms, and arms by a run that needs less
	expect_status 0 ambit disarm
	expect_status 0 run_jit true
}
arm_as_needed() {
	arms_alike
	armed_for_jit
	expect_jit_hooks "not needed"
	expect "the others are" [ "$(hook_state file_open)" = attached ]
	expect_status 0 ambit doctor
	for act in code-implied-heap userfault; do
		expect_status 0 probe "$act" x
		expect_status 0 run_jit probe "$act" x
	done
	expect_jit_hooks "not needed"
	mkfifo "$work/case/up" "$work/case/go"
	# shellcheck disable=SC2016 # the inner shell's
	run_jit sh -c 'echo up; read go; exec probe code-implied-heap x' \
		<"$work/case/go" >"$work/case/up" &
	first=$!
	exec 5>"$work/case/go"
	read -r _ <"$work/case/up"
	# Two at once, and neither waits for the cell that is there.
	run_no_jit probe userfault x &
	second=$!
	expect_status 1 run_no_jit probe code-implied-heap x
	wait "$second"
	expect "the other is denied too" [ $? = 1 ]
	expect_trail op=exec verdict=deny reason=jit hook=mmap_addr
	expect_trail op=exec verdict=deny reason=jit hook=inode_init_security_anon
	expect_jit_hooks attached
	expect "nothing is half done" [ ! -e /sys/fs/bpf/ambit/new ]
	echo go >&5
	exec 5>&-
	wait "$first"
	expect "what was allowed stays so" [ $? = 0 ]
	expect_status 0 ambit doctor
}
# Without a hook that its policy needs no command starts; others go on.
arm_more_or_none() {
	[ "$SUITE" != without-bpf ] || { echo "the places of LSM hooks alone can be taken"; exit 77; }
	armed_for_jit
	mkfifo "$work/case/hold" "$work/case/taken"
	fullhook mmap_addr <"$work/case/hold" >"$work/case/taken" &
	exec 5>"$work/case/hold"
	read -r _ <"$work/case/taken"
	rm -f /t/in/ran
	run_no_jit touch /t/in/ran 2>"$work/case/stderr"
	status=$?
	cat "$work/case/stderr"
	expect "status 125" [ "$status" = 125 ]
	expect "the hook is named" grep -q 'cannot attach.*mmap_addr' "$work/case/stderr"
	expect "the command did not start" [ ! -e /t/in/ran ]
	expect "no other was left" [ "$(hook_state inode_init_security_anon)" = "not needed" ]
	expect_status 0 run_jit true
	exec 5>&-
	wait
	until run_no_jit true 2>>"$work/case/stderr"; do
		[ "$(cut -d. -f1 /proc/uptime)" -lt "${end:=$(($(cut -d. -f1 /proc/uptime) + 60))}" ] || exit 1
	done
	expect_jit_hooks attached
}
# Programs that know something else than those that are armed do not join them.
arm_other_facts() {
	arms_alike
	armed_for_jit
	expect_status 0 rmdir /sys/fs/cgroup/ambit
	rm -f /t/in/ran
	run_no_jit touch /t/in/ran 2>"$work/case/stderr"
	status=$?
	cat "$work/case/stderr"
	expect "status 125" [ "$status" = 125 ]
	expect "the way out is told" grep -q 'ambit disarm' "$work/case/stderr"
	expect "the command did not start" [ ! -e /t/in/ran ]
	expect_jit_hooks "not needed"
	expect_status 0 ambit disarm
	expect_status 1 run_no_jit probe code-implied-heap x
	expect_jit_hooks attached
}

arming_all() {
	for name in arm-all-or-none preempt-full other-version arm-as-needed arm-more-or-none \
		arm-other-facts; do
		case_run "$name" "$(echo "$name" | tr - _)"
	done
}
