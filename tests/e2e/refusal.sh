# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2154
# A kernel without bpf in its list of LSMs: programs load and attach, and enforce nothing.

lsm_lacks_bpf() {
	expect "the guest has no bpf LSM" sh -c '! grep -q bpf /sys/kernel/security/lsm'
}
run_refuses() {
	rm -f /tmp/ran
	ambit run -p "$policies/tasks.yaml" --trail "$work/case/trail" -- touch /tmp/ran 2>"$work/case/stderr"
	status=$?
	cat "$work/case/stderr"
	expect "exit status 125, not $status" [ "$status" = 125 ]
	expect "the command did not start" [ ! -e /tmp/ran ]
	expect "the way out is told" grep -q -e 'lsm=' -e 'ambit doctor' "$work/case/stderr"
	expect "no cgroup is left" [ -z "$(find /sys/fs/cgroup -type d -path '*/ambit/*')" ]
}
audit_refuses() {
	rm -f /tmp/ran
	expect_status 125 ambit audit --trail "$work/case/trail" -- touch /tmp/ran
	expect "the command did not start" [ ! -e /tmp/ran ]
}
doctor_says_so() {
	ambit doctor >"$work/case/out" 2>&1
	status=$?
	cat "$work/case/out"
	expect "an exit status that is not 0" [ "$status" != 0 ]
	expect "the line for the boot loader" grep -q 'lsm=.*bpf' "$work/case/out"
}

nothing_armed() {
	expect_status 1 ambit arm
	expect "no pins" [ ! -e /sys/fs/bpf/ambit ]
	expect_status 125 ambit run -p "$policies/life.yaml" --trail "$work/case/trail" -- true
	expect "no pins of a run" [ ! -e /sys/fs/bpf/ambit ]
}

refusal_all() {
	for name in lsm-lacks-bpf run-refuses audit-refuses doctor-says-so nothing-armed; do
		case_run "$name" "$(echo "$name" | tr - _)"
	done
}

# --- the weaker promise; from here on /usr/local/sbin/ambit adds --best-effort ---

# A decision can be skipped where kernel code is preempted.
preemptible() {
	ambit ps 2>&1 | grep -q 'kernel is preemptible'
}
promise_is_named() {
	expect_status 0 ambit run -p "$policies/life.yaml" --trail "$work/case/trail" -- true 2>"$work/case/stderr"
	cat "$work/case/stderr"
	expect "the summary names it" grep -q '^ambit: best effort: ' "$work/case/stderr"
	expect_trail type=start 'best_effort=*'
	expect_trail type=end 'best_effort=*' 'skipped=*'
	expect "ps names it" sh -c 'ambit ps 2>&1 | grep -q "best effort"'
	ambit doctor >"$work/case/doctor" || { cat "$work/case/doctor"; exit 1; }
	expect "doctor names it" grep -q 'best effort: ' "$work/case/doctor"
}
plain_run_refuses() {
	rm -f /tmp/ran
	expect_status 125 /usr/local/bin/ambit run -p "$policies/life.yaml" --trail "$work/case/trail" -- touch /tmp/ran
	expect "the command did not start" [ ! -e /tmp/ran ]
	expect_status 1 /usr/local/bin/ambit arm
}
# On a kernel that can be preempted anywhere, a crowd gets decisions skipped. Each that was has to be
# counted: what was neither denied nor skipped would be a silent allow.
crowd_is_counted() {
	mode=$(preempt_set full)
	round=0 skipped_now=0
	while [ "$skipped_now" = 0 ] && [ "$round" -lt 10 ]; do
		round=$((round + 1))
		rm -f "$work/case/trail"
		ambit run -q -p "$policies/life.yaml" --trail "$work/case/trail" -- \
			probe stress 16 1000 /t/in/file /t/out/file 2>"$work/case/stderr"
		skipped_now=$(end_number skipped)
	done
	preempt_set "$mode"
	cat "$work/case/stderr"
	[ "$skipped_now" != 0 ] || { echo "no decision was skipped in $round rounds"; exit 77; }
	denied=$(end_number denied)
	echo "denied $denied, skipped $skipped_now"
	expect "every decision is a denial or counted" [ $((denied + skipped_now)) -ge 16000 ]
	expect "the alarm on stderr" grep -q 'ALARM: .* skipped' "$work/case/stderr"
	expect_trail type=skipped "skipped=$skipped_now"
	expect "ps goes on saying so" sh -c 'ambit ps 2>&1 | grep -q "ALARM: .* skipped"'
	# What is counted is counted since arming: the next run begins with none.
	expect_status 0 ambit run -q -p "$policies/life.yaml" --trail "$work/case/next" -- true
	expect "and not those of before" [ "$(trailq "$work/case/next" type=end skipped=0)" = 1 ]
}
end_number() { # KEY: a number in the last line of the trail
	sed -n '$s/.*"'"$1"'":\([0-9]*\).*/\1/p' "$work/case/trail"
}

best_effort_all() {
	for name in promise-is-named plain-run-refuses crowd-is-counted; do
		case_run "$name" "$(echo "$name" | tr - _)"
	done
}
