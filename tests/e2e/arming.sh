# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2154
# What happens where the kernel cannot be armed as it should be.

# One hook that nobody can attach to takes all others with it.
arm_all_or_none() {
	[ "$SUITE" = all ] || { echo "the places of LSM hooks alone can be taken"; exit 2; }
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
	[ "$SUITE" = all ] || { echo "with --best-effort every kernel is taken"; exit 2; }
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

arming_all() {
	for name in arm-all-or-none preempt-full other-version; do
		case_run "$name" "$(echo "$name" | tr - _)"
	done
}
