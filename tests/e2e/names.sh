# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2154,SC2016
# Cells with names, beyond what the table `denials` has: what holds when ambit or a task goes astray.

# What is attached to a cgroup stays when ambit is killed, and with it the first process of its cell.
names_killed() (
	life_policy=/e2e/policies/names-life.yaml
	rm -f /t/in/go /t/in/said && mkfifo /t/in/go /t/in/said
	expect_status 0 probe query good.203-0-113-50.no.test
	# It begins before ambit is killed: the shell that starts it goes at once then.
	start_waiting wait 'for name in no ok; do read -r _ </t/in/go
		probe query good.203-0-113-50.$name.test; echo $? >/t/in/said; done &'
	kill -KILL "$ambit_pid"
	wait "$ambit_pid"
	echo go >/t/in/go
	read -r denied </t/in/said
	expect "that a name is not asked for" [ "$denied" = 1 ]
	echo go >/t/in/go
	read -r allowed </t/in/said
	expect "that another is" [ "$allowed" = 0 ]
	life_policy=/e2e/policies/life.yaml
	expect_status 0 run_cell true
	expect_nothing_left
)

# A task that left the cgroup makes sockets whose packets nobody reads, so they reach neither a resolver nor what
# a name leads to.
names_strayed() {
	expect_status 0 ambit run -q -p /e2e/policies/names-life.yaml --trail "$work/case/trail" -- sh -c \
		'probe query good.203-0-113-51.ok.test && probe connect tcp 203.0.113.51 7446 &&
		echo $$ >/sys/fs/cgroup/cgroup.procs &&
		{ probe query good.203-0-113-51.ok.test; [ $? = 1 ]; } &&
		{ probe connect tcp 203.0.113.51 7446; [ $? = 1 ]; }' 2>"$work/case/err"
	cat "$work/case/err"
	expect_trail op=connect verdict=deny reason=stray-socket port=53
	expect_trail op=connect verdict=deny reason=stray-socket port=7446
	expect_nothing_left
}

# Denials name the domain: of a question, and of an address that a name led to.
names_told() {
	expect_status 1 ambit run -q -p /e2e/policies/names-life.yaml --trail "$work/case/trail" -- sh -c \
		'probe query good.203-0-113-52.no.test; probe lookup udp good.203-0-113-52.ok.test 7444'
	expect_trail verdict=deny domain=good.203-0-113-52.no.test port=53 proto=udp
	expect_trail verdict=deny domain=good.203-0-113-52.ok.test port=7444 addr=203.0.113.52
	ambit log --denied "$work/case/trail" >"$work/case/out"
	cat "$work/case/out"
	expect "both in words" [ "$(grep -c 'connect good.203-0-113-52.*(.*) ' "$work/case/out")" = 2 ]
	expect_nothing_left
}

# Byte by byte, so that packets leave in whatever task runs when an answer comes: both names are told, and no
# process but one of the cell.
names_said() {
	for how in tls-bytes http-bytes; do
		said=evil.test
		[ "$how" = tls-bytes ] || said=$said:7446 # as Host has it
		expect_status 0 ambit run -q -p /e2e/policies/names-life.yaml --trail "$work/case/first" -- \
			probe say good.203-0-113-53.ok.test 7446 $how good.203-0-113-53.ok.test
		expect_status 1 ambit run -q -p /e2e/policies/names-life.yaml --trail "$work/case/trail" -- \
			probe say good.203-0-113-53.ok.test 7446 $how evil.test
		expect_trail verdict=deny reason=other-name domain=good.203-0-113-53.ok.test \
			"said=$said" addr=203.0.113.53 port=7446 enforced=true
		ambit log --denied "$work/case/trail" >"$work/case/out"
		cat "$work/case/out"
		expect "both in words" grep -q "(203.0.113.53:7446) saying evil.test" "$work/case/out"
		grep '"reason":"other-name"' "$work/case/trail" | grep '"tid":[0-9]*,"name"' |
			grep -v '"tid":[0-9]*,"name":"probe"' >"$work/case/other"
		expect "no other process" [ ! -s "$work/case/other" ]
		rm "$work/case/trail"
	done
	expect_nothing_left
}

names_all() {
	for name in names-killed names-strayed names-told names-said; do
		case_run "$name" "$(echo "$name" | tr - _)"
	done
}
