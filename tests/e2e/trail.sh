# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2154
# That the trail keeps up: what is alike becomes one line, and denials find room. And that nobody
# changes it unseen.

flood() {
	skip_preemptible
	expect_status 0 run_cell probe stress 4 5000 /t/in/file /t/out/file
	expect_trail type=end denied=20000
	lost=$(tail -n 1 "$work/case/trail" | sed -n 's/.*"lost":\([0-9]*\).*/\1/p')
	echo "$(trail_count type=decision) lines, $(trail_events decision) denials, $lost lost"
	expect "that every denial is in the trail or known to be lost" \
		[ $(($(trail_events decision) + lost)) = 20000 ]
	expect "that those that are alike are one line" [ "$(trail_count type=decision)" -lt 2000 ]
	expect "that log says how many" sh -c "ambit log $work/case/trail | grep -q '/t/out/file.*([0-9]* times)'"
}
# While nobody reads, what only records fills a part of the ring and denials find room in the rest.
denials_find_room() {
	mkfifo "$work/case/fifo" && chmod 666 "$work/case/fifo"
	for name in started go ended; do rm -f "/t/in/$name" && cp -a "$work/case/fifo" "/t/in/$name"; done
	# Opened for both: that ambit stops is a signal to us, which would interrupt an open that waits.
	exec 6<>/t/in/go 7<>/t/in/ended
	# shellcheck disable=SC2016 # the inner shell's
	probe fresh ambit run -q --ring 32K -p "$life_policy" --trail "$work/case/trail" -- sh -c '
		echo >/t/in/started; read -r _ </t/in/go
		i=0; while [ $i -lt 200 ]; do /usr/local/lib/nothing; i=$((i + 1)); done
		i=0; while [ $i -lt 30 ]; do probe read /t/out/file; i=$((i + 1)); done
		echo >/t/in/ended' &
	ambit_pid=$!
	read -r _ </t/in/started
	kill -STOP "$ambit_pid"
	echo go >&6
	read -r _ <&7
	kill -CONT "$ambit_pid"
	expect_status 0 wait "$ambit_pid"
	tail -n 1 "$work/case/trail"
	expect "every denial in the trail" [ "$(trail_count verdict=deny path=/t/out/file)" = 30 ]
	expect_trail type=end denied=30 lost_ring_full=0 lost_no_scratch=0
	spared=$(tail -n 1 "$work/case/trail" | sed -n 's/.*"lost_for_denials":\([0-9]*\).*/\1/p')
	expect "that what only records was given up" [ "$spared" -gt 20 ]
	expect_trail type=lost "lost_for_denials=$spared"
	# Of sh and the 230.
	expect "that it was counted" [ $(($(trail_events exec) + spared)) = 231 ]
}

# What verify says of a trail that a command was done to.
expect_verify() { # STATUS PATTERN COMMAND that changes its input
	wanted=$1 pattern=$2
	shift 2
	"$@" <"$work/case/trail" >"$work/case/changed"
	ambit verify --key "$key" "$work/case/changed" >"$work/case/said" 2>&1
	got=$?
	cat "$work/case/said"
	expect "status $wanted of verify after: $*" [ "$got" = "$wanted" ]
	expect "\"$pattern\" after: $*" grep -q "$pattern" "$work/case/said"
}
chained() {
	ambit run -p "$life_policy" --trail "$work/case/trail" -- \
		sh -c 'probe read /t/out/file; probe write /t/out/file; true' 2>"$work/case/err"
	key=$(sed -n 's/^ambit: trail key: //p' "$work/case/err")
	expect "events of OCSF" trailq --ocsf "$work/case/trail"
	lines=$(wc -l <"$work/case/trail")
	expect "a key in the summary" [ "${#key}" = 64 ]
	expect "the same key in the trail" [ "$(ambit verify --show-key "$work/case/trail")" = "$key" ]
	expect "lines to change" [ "$lines" -ge 5 ]
	expect_verify 0 "^whole: $lines lines, 1 chain" cat
	expect_verify 1 "changed:3: seq 2: edit" sed '3s/"pid":/"pld":/'
	expect_verify 1 "changed:$lines: seq $((lines - 1)): edit" sed "${lines}s/\"denied\":./\"denied\":0/"
	expect_verify 1 "changed:3: seq 3: deletion" sed 3d
	expect_verify 1 "changed:2: seq 2: reordering" sed '2{h;d};3{G}'
	expect_verify 1 "changed:$((lines - 1)): seq $((lines - 2)): missing tail" sed "${lines}d"
	expect_verify 1 "changed:2: torn last line" head -c $(($(head -n 1 "$work/case/trail" | wc -c) + 50))
	# Somebody else's trail in its place is whole, but not by this key.
	mv "$work/case/trail" "$work/case/mine"
	run_cell probe read /t/out/file
	expect_status 0 ambit verify "$work/case/trail"
	expect_verify 1 "changed:1: seq 0: foreign key" cat
}
# The power fails in the middle of a line; the next run goes on and says so.
chained_after_a_cut() {
	start_waiting 'sleep 1000 & wait'
	kill -KILL "$ambit_pid"
	wait "$ambit_pid"
	size=$(wc -c <"$work/case/trail")
	head -c $((size - 40)) "$work/case/trail" >"$work/case/cut" && cat "$work/case/cut" >"$work/case/trail"
	printf '{"v":1,"type":"dec' >>"$work/case/trail"
	expect_status 1 ambit verify "$work/case/trail"
	run_cell true
	# The file begins with half a line, or with the start of the run that was killed and half a line.
	ambit verify --unfinished "$work/case/trail" >"$work/case/said" 2>&1
	expect "that verify passes" [ "$?" = 0 ]
	cat "$work/case/said"
	expect "that it says where the trail was cut" grep -q "cut short when it was written" "$work/case/said"
	expect "a line that speaks of it" grep -q '"torn":[1-9]' "$work/case/trail"
	expect "that log passes over it" sh -c "ambit log $work/case/trail | grep -q 'end  status 0'"
}

# The trail's disk is full, and the policy says that nothing is done then that cannot be recorded.
trail_failure_denies() {
	sed '$a onTrailFailure: deny' "$life_policy" >"$work/case/policy.yaml"
	mkdir "$work/case/disk" && mount -t tmpfs -o size=64m none "$work/case/disk" || exit 1
	mkfifo "$work/case/said" && mkfifo "$work/case/fifo" && chmod 666 "$work/case/fifo"
	for name in started go; do rm -f "/t/in/$name" && cp -a "$work/case/fifo" "/t/in/$name"; done
	# What is allowed is done until it is denied, with denials that have to be recorded; then until it is not.
	# There is room for all that waits by then, else the file would be full again for ever.
	# shellcheck disable=SC2016 # the inner shell's
	probe fresh ambit run -p "$work/case/policy.yaml" --trail "$work/case/disk/trail" -- sh -c '
		echo >/t/in/started; read -r _ </t/in/go
		i=0; while true </t/in/file; do true >"/t/out/new$i"; i=$((i + 1)); done
		until true </t/in/file; do :; done
		exit 9' 2>"$work/case/said" &
	ambit_pid=$!
	exec 6<"$work/case/said"
	read -r _ </t/in/started
	dd if=/dev/zero of="$work/case/disk/filler" bs=4096 2>/dev/null
	echo >/t/in/go
	while read -r line; do
		case $line in *"everything is denied until"*) break ;; esac
	done <&6
	rm "$work/case/disk/filler"
	cat <&6 | grep -v "can't\|denied  " &
	expect_status 9 wait "$ambit_pid"
	cp "$work/case/disk/trail" "$work/case/trail"
	umount "$work/case/disk"
	expect_trail type=failure denied_all=true
	expect_trail type=decision op=read path=/t/in/file verdict=deny reason=no-rule
	expect "that missing lines are told" grep -q '"type":"missing"' "$work/case/trail"
	expect_status 0 ambit verify "$work/case/trail"
}

# Files that are left when they are full, with the chain over all; and a program that gets the lines, too.
trail_rotates() {
	cat >"$work/case/config" <<-END
		apiVersion: ambit/v1
		file: {rotateSize: 64KiB, keepFiles: 100}
		sinks:
		  - {kind: program, command: [/bin/sh, -c, "exec cat >$work/case/copy"]}
	END
	# shellcheck disable=SC2016 # the inner shell's
	expect_status 0 ambit run -q -p "$life_policy" --trail "$work/case/trail" \
		--trail-config "$work/case/config" -- sh -c '
			i=0; while [ $i -lt 300 ]; do true >"/t/out/new$i"; i=$((i + 1)); done; exit 0'
	expect "several files, compressed" [ -f "$work/case/trail.old/000001.zst" ]
	expect_status 0 ambit verify "$work/case/trail"
	expect "every denial in one of them" [ "$(grep -c '"type":"decision"' "$work/case/copy")" = 300 ]
	expect "that the copy is the chain" ambit verify "$work/case/copy"
	expect "that all of it is OCSF" trailq --ocsf "$work/case/copy"
	mv "$work/case/trail.old/000001.zst" "$work/case/000001.zst"
	expect "that one is missed" sh -c "ambit verify $work/case/trail | grep -q 'missing file'"
	expect_status 0 ambit verify --part "$work/case/000001.zst"
}

# While a cell runs: what is counted, for Prometheus and for people.
metrics() {
	mkfifo "$work/case/fifo" && chmod 666 "$work/case/fifo"
	for name in ready go; do rm -f "/t/in/$name" && cp -a "$work/case/fifo" "/t/in/$name"; done
	# shellcheck disable=SC2016 # the inner shell's
	probe fresh ambit run -q -p "$life_policy" --trail "$work/case/trail" -- sh -c '
		i=0; while [ $i -lt 7 ]; do true >"/t/out/new$i"; i=$((i + 1)); done
		echo >/t/in/ready; read -r _ </t/in/go' &
	ambit_pid=$!
	read -r _ </t/in/ready
	ambit ps --json >"$work/case/ps"
	cell=$(sed -n 's/.*"cell":"\([^"]*\)".*/\1/p' "$work/case/ps")
	ambit metrics >"$work/case/metrics"
	ambit metrics --textfile "$work/case/textfile"
	ambit top -n 2 >"$work/case/top"
	ambit ps --rates >"$work/case/rates"
	echo >/t/in/go
	expect_status 0 wait "$ambit_pid"
	cat "$work/case/metrics"
	for line in 'ambit_armed 1' 'ambit_cells 1' "ambit_cell_epoch{cell=\"$cell\"} 1" \
		"ambit_decisions_total{cell=\"$cell\",op=\"write\",verdict=\"deny\"} 7" \
		"ambit_denials_total{cell=\"$cell\",op=\"write\",reason=\"no-rule\",rule=\"\"} 7" \
		"ambit_events_lost_total{cell=\"$cell\",reason=\"ring-full\"} 0" \
		"ambit_ring_size_bytes{cell=\"$cell\"} 4194304" 'ambit_map_rows{map="cells"} [0-9]*' \
		'ambit_programs_skipped_total [0-9]*'; do
		expect "$line" grep -qx "$line" "$work/case/metrics"
	done
	expect "the same in a file" grep -qx 'ambit_cells 1' "$work/case/textfile"
	cat "$work/case/top" "$work/case/rates"
	expect "two looks of top at the cell" [ "$(grep -c " 7 .*$cell" "$work/case/top")" = 2 ]
	expect "rates: nothing was denied in that second" grep -q " 7 .* 0\.0 .*$cell" "$work/case/rates"
}

trail_all() {
	for name in flood denials-find-room chained chained-after-a-cut trail-failure-denies trail-rotates \
		metrics; do
		case_run "$name" "$(echo "$name" | tr - _)"
	done
}
