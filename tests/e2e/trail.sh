# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2154
# That the trail keeps up: what is alike becomes one line, and denials find room.

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

trail_all() {
	for name in flood denials-find-room; do
		case_run "$name" "$(echo "$name" | tr - _)"
	done
}
