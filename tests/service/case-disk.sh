# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# What becomes of the trail where its disk fails; verdicts do not know of it.

failure_told() { # POLICY
	trail_of "$1" && (($(trail lines "$work/trail" type=failure)))
}

case_disk_full() {
	fresh
	systemctl stop ambit.socket ambit.service
	mount -t tmpfs -o size=128k,mode=700 trails "$trails"
	systemctl start ambit.socket ambit.service
	prober_start full
	await "it says so" said 'cannot write the trail of cell full'
	expect "full: what is denied is" refused within full cat "$bad"
	mount -o remount,size=64m "$trails"
	await "the trail says so" failure_told full
	prober_stop full
	systemctl stop ambit.socket ambit.service
	trail_of full
	expect_trail type=failure error="No space left on device"
	echo "# $(trail sum:missing "$work/trail" type=missing) lines are said to be missing"
	expect_trail type=missing
	verified
	umount "$trails"
}

case_log_removed() {
	fresh
	prober_start gone
	await "denials" has_denials gone 1000
	rm -r "$trails"
	expect "removed: what is denied is" refused within gone cat "$bad"
	await "it is written anew" compgen -G "$trails/gone-*.jsonl" >"$work/files"
	prober_stop gone
	systemctl stop ambit.socket ambit.service
	verified
	# The one more is the command above.
	denied=$((denied + 1))
	accounted gone
}

# Two boots: what was written before the last line of `marked` has to be there in the second. The case after
# it is done on the same disk, when the machine was cut off.
case_power_cut() {
	fresh
	prober_start power
	local file
	await "a trail" has_denials power 2000
	file=$(compgen -G "$trails/power-*.jsonl")
	cp "$file" /root/marked
	sync /root/marked
	# What was there then is two seconds old, which is syncAge twice, and the service has written on.
	trail until "$file" "$(wc -l </root/marked)" 2
	echo "# $(wc -l <"$file") lines when the power went, $(wc -l </root/marked) of them two seconds old"
	grep '^#' "$work/log" | sed 's/^#/# power-cut:/' >/dev/ttyS1
	stty -F /dev/ttyS1 raw # waits until it is out
	echo cut >/dev/ttyS2
	sleep infinity
}

case_power_after() {
	local file
	file=$(compgen -G "$trails/power-*.jsonl")
	echo "# $(wc -l <"$file") lines after the power cut; $(wc -l </root/marked) had to be there"
	head -n "$(wc -l </root/marked)" "$file" >"$work/begins"
	expect "what was two seconds old is there" cmp "$work/begins" /root/marked
	verified --unfinished
	sed '10s/e/f/' "$file" >"$work/edited"
	expect "another byte is seen" refused ambit verify --unfinished "$work/edited"
}
