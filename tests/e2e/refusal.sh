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

refusal_all() {
	for name in lsm-lacks-bpf run-refuses audit-refuses doctor-says-so; do
		case_run "$name" "$(echo "$name" | tr - _)"
	done
}
