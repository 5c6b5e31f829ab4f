# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# For long.

kib() { # KEY: of the daemon, from its status
	awk -v key="$1:" '$1 == key { print $2 }' "/proc/$(daemon_pid)/status"
}
peak_anew() { # of what VmHWM is: else it is that of arming
	echo 5 >"/proc/$(daemon_pid)/clear_refs"
}
bpf_kib() { # what maps of BPF have, as the kernel says it of each (memlock)
	local sum=0 id
	sum=$(for id in /proc/"$(daemon_pid)"/fdinfo/*; do awk '/^memlock:/ { m = $2 } /^map_id:/ { print $2, m }' "$id" 2>/dev/null; done |
		sort -u | awk '{ sum += $2 } END { print int(sum / 1024) }')
	echo "$sum"
}

rotated() { # NUMBER: so many files were left and compressed
	compgen -G "$trails/soak-*.old/*.zst" >"$work/files" && (($(wc -l <"$work/files") >= $1))
}

# At the highest rate the guest gives, with a file that is left for another all the time: what the daemon has at most,
# and the maps have, does not grow with time. Half an hour: SOAK=1800 tests/service/check soak
case_soak() {
	fresh
	cp /etc/ambit/trail.yaml "$work/trail.yaml"
	sed -i 's/rotateSize: .*/rotateSize: 256KiB/; s/keepFiles: .*/keepFiles: 10000/' /etc/ambit/trail.yaml
	systemctl restart ambit.service
	cp "$work/trail.yaml" /etc/ambit/trail.yaml
	prober_start soak
	local length=${SOAK:-$seconds} began=$SECONDS rss bpf now maps until
	# What is made with the first files is there: buffers, and the compressor's megabytes, which malloc keeps.
	await "files that are compressed" rotated 3
	peak_anew
	await "more of them" rotated 6
	rss=$(kib VmHWM) bpf=$(bpf_kib)
	peak_anew
	until=$((SECONDS + length))
	while ((SECONDS < until)); do
		expect "what is denied is" refused within soak cat "$bad"
	done
	now=$(kib VmHWM) maps=$(bpf_kib)
	rotated 3
	prober_stop soak
	echo "# $length s, $((denied / (SECONDS - began))) denials a second, $(wc -l <"$work/files") files: daemon $rss KiB at most before, $now KiB after; maps $bpf KiB, $maps KiB"
	expect "the daemon's memory is flat, within 2 MiB" [ $((now - rss)) -lt 2048 ]
	expect "the maps' memory is flat, within 1 MiB" [ $((maps - bpf)) -lt 1024 ]
	systemctl stop ambit.socket ambit.service
	verified
	du -sk "$trails" | sed 's/^/# KiB of trail: /'
}
