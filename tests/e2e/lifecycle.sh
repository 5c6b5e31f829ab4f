# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2154
# What `ambit run` promises besides denials: how it starts a command, how it ends, what it leaves.

life_policy=/e2e/policies/life.yaml

run_cell() { # COMMAND...
	ambit run -q -p "$life_policy" --trail "$work/case/trail" -- "$@"
}

# Cgroups, cells and processes there are; run in front of a case and after it.
inventory() {
	find /sys/fs/cgroup -type d | sort
	ambit ps
	for exe in /proc/[0-9]*/exe; do readlink "$exe" || true; done | grep -v -e busybox -e trailq | sort
}

expect_nothing_left() {
	inventory >"$work/case/inventory"
	expect "no cgroup, cell or process left behind" diff "$work/inventory" "$work/case/inventory"
}

# Starts ambit in the background, with its command waiting; returns once the command runs. The pid
# of ambit is in $ambit_pid.
start_waiting() { # SHELL_TEXT [SHELL_TEXT_BEFORE]
	mkfifo "$work/case/started" && chmod 666 "$work/case/started"
	mkdir -p /t/in && rm -f /t/in/started && cp -a "$work/case/started" /t/in/started
	probe fresh ambit run -q -p "$life_policy" --trail "$work/case/trail" -- \
		sh -c "${2:-} echo \$\$ >/t/in/started; $1" &
	ambit_pid=$!
	read -r _ </t/in/started
}

# --- exit status, as env(1) ---

status_passes() {
	expect_status 0 run_cell true
	expect_status 1 run_cell false
	expect_status 7 run_cell sh -c 'exit 7'
	expect_nothing_left
}
status_126() {
	expect_status 126 run_cell /t/in/file
	expect_status 126 run_cell /t/out/prog
	expect_trail op=exec verdict=deny path=/t/out/prog
	expect_nothing_left
}
status_127() {
	expect_status 127 run_cell /t/in/no-such-program
	expect_status 127 run_cell no-such-program
	expect_nothing_left
}
status_signal() {
	# shellcheck disable=SC2016 # the inner shell's
	expect_status 143 run_cell sh -c 'kill -TERM $$'
	# shellcheck disable=SC2016
	expect_status 139 run_cell sh -c 'kill -SEGV $$'
	expect_nothing_left
}

# --- 125: ambit itself failed, the command never started ---

refused() { # ARGUMENTS of ambit...
	rm -f /t/in/ran
	expect_status 125 ambit "$@" -- touch /t/in/ran
	expect "the command did not start" [ ! -e /t/in/ran ]
	expect_nothing_left
}
refuses_policies() {
	for bad in /e2e/bad/*.yaml; do refused run -p "$bad"; done
}
refuses_missing() {
	refused run -p /t/in/no-such-policy.yaml
	refused run -p /t/in
	refused run
}
refuses_user() {
	refused run -p "$life_policy" --user no-such-user
}
refuses_trail() {
	refused run -p "$life_policy" --trail /no/such/directory/trail
}
refuses_options() {
	expect_status 125 ambit run --no-such-option -p "$life_policy" -- true
	expect_status 125 ambit run -p "$life_policy"
}

# --- what the command gets ---

only_stdio() {
	expect_status 0 run_cell probe fds 7</etc/passwd 8>"$work/case/open" 9</e2e
}
no_privileges() {
	expect_status 0 run_cell probe no-new-privs
}
user_option() {
	expect_status 0 run_cell probe ids 0 0
	expect_status 0 ambit run -q -p "$life_policy" --trail "$work/case/trail" --user user -- probe ids 1000 1000
	expect_status 0 env SUDO_UID=1000 SUDO_GID=1000 SUDO_USER=user \
		ambit run -q -p "$life_policy" --trail "$work/case/trail" -- probe ids 1000 1000
	# shellcheck disable=SC2016
	expect_status 0 ambit run -q -p "$life_policy" --trail "$work/case/trail" --user user -- \
		sh -c '[ "$HOME" = /home/user ]'
}
standard_streams() {
	out=$(echo words | run_cell sh -c 'cat; echo more >&2' 2>"$work/case/stderr")
	expect "stdin reaches the command and its stdout us" [ "$out" = words ]
	expect "its stderr too" grep -qx more "$work/case/stderr"
}

# --- ends of every kind ---

signal_case() { # SIGNAL STATUS
	start_waiting 'exec sleep 1000'
	kill "-$1" "$ambit_pid"
	expect_status "$2" wait "$ambit_pid"
	expect_nothing_left
}
signal_int() {
	signal_case INT 130
}
signal_term() {
	signal_case TERM 143
}
signal_hup() {
	signal_case HUP 129
}
signal_ignored() {
	start_waiting 'while :; do sleep 1; done' 'trap "" TERM;'
	kill -TERM "$ambit_pid"
	expect_status 137 wait "$ambit_pid"
	expect_nothing_left
}
leftovers() {
	expect_status 0 run_cell sh -c 'setsid sleep 1000 >/dev/null 2>&1 & setsid sh -c "sleep 1000 & sleep 1000" & exit 0'
	expect_nothing_left
}
# The same of a process whose first thread has ended: its number tells of nobody who lives.
strayed_leaderless() {
	mkdir -p /t/in && rm -f /t/in/pid /t/in/ready /t/in/hold
	echo word >/t/in/file
	mkfifo /t/in/hold
	# shellcheck disable=SC2016 # the inner shell's
	expect_status 0 ambit run -p /e2e/policies/files.yaml --trail "$work/case/trail" -- sh -c \
		'sh -c "echo \$\$ >/sys/fs/cgroup/cgroup.procs && exec setsid probe keep leaderless /t/in/file /t/in/ready /t/in/hold" &
		echo $! >/t/in/pid; until [ -e /t/in/ready ]; do kill -0 $! || exit 1; done' 2>"$work/case/err"
	cat "$work/case/err"
	read -r stray </t/in/pid
	expect "that it has ended" [ -z "$(cat "/proc/$stray/task"/*/status 2>/dev/null | grep 'State:.[RSD]')" ]
	expect "an alarm" grep -q 'ALARM: .* left by 1 of its processes' "$work/case/err"
	expect_nothing_left
}
# Into the root of all cgroups, which the policy names for writing.
strayed() {
	mkdir -p /t/in && rm -f /t/in/pid
	expect_status 0 ambit run -p /e2e/policies/files.yaml --trail "$work/case/trail" -- sh -c \
		'setsid sleep 1000 >/dev/null 2>&1 & echo $! >/sys/fs/cgroup/cgroup.procs && echo $! >/t/in/pid' \
		2>"$work/case/err"
	cat "$work/case/err"
	read -r stray </t/in/pid
	expect "that it has ended" [ -z "$(grep 'State:.[RSD]' "/proc/$stray/status" 2>/dev/null)" ]
	expect "an alarm" grep -q 'ALARM: .* left by 1 of its processes' "$work/case/err"
	expect_trail type=strayed strayed=1
	expect_nothing_left
}
killed_ambit() {
	start_waiting 'sleep 1000 & wait'
	kill -KILL "$ambit_pid"
	wait "$ambit_pid"
	# The next run takes away what that one could not.
	expect_status 0 run_cell true
	expect_nothing_left
}
# The ring of a cell whose ambit was killed is full of what nobody read, and the next cell gets it.
ring_again() {
	start_waiting 'while :; do probe read /t/out/file; done'
	kill -KILL "$ambit_pid"
	wait "$ambit_pid"
	expect_status 1 ambit run -q -p "$life_policy" --trail "$work/case/trail.2" -- probe read /t/out/prog
	expect "what was denied now" [ "$(trailq "$work/case/trail.2" path=/t/out/prog)" = 1 ]
	expect "nothing of the cell before" [ "$(trailq "$work/case/trail.2" path=/t/out/file)" = 0 ]
	expect_nothing_left
}

# --- more than one ---

parallel() {
	for i in 1 2 3 4 5; do
		ambit run -q -p "$life_policy" --trail "$work/case/trail.$i" -- \
			sh -c "probe read /t/out/file; [ \$? = 1 ] && probe read /t/in/file && exit $i" &
		eval "pid_$i=$!"
	done
	for i in 1 2 3 4 5; do
		eval "pid=\$pid_$i"
		expect_status "$i" wait "$pid"
		expect "one denial in each trail" [ "$(trailq "$work/case/trail.$i" verdict=deny)" = 1 ]
	done
	expect_nothing_left
}
outside_untouched() {
	start_waiting 'read -r line </t/in/started'
	for act in 'read /t/out/file' 'write /t/out/file' 'create /t/out/new' 'bpf' 'socket 16 3 9' \
		'connect tcp 127.0.0.1 7002' 'via fork userns' 'exec /t/out/prog'; do
		# shellcheck disable=SC2086 # words
		expect_status 0 probe $act
	done
	echo go >/t/in/started
	expect_status 0 wait "$ambit_pid"
}
# Where the promise is weaker, a crowd is what breaks it: crowd-is-counted.
skip_preemptible() {
	[ "$SUITE" = without-bpf ] && preemptible || return 0
	echo "decisions can be skipped on a preemptible kernel with --best-effort"
	exit 77
}
stress() {
	skip_preemptible
	expect_status 0 run_cell probe stress 8 500 /t/in/file /t/out/file
	expect "the kernel counted every denial" [ "$(trail_count type=end)" = 1 ]
	expect_trail type=end denied=4000
}
race_rename() {
	skip_preemptible
	expect_status 0 run_cell probe race 2000 /t/in/full /t/in/moved file /t/out/file
}

# --- arming ---

disarm_refuses() {
	start_waiting 'read -r line </t/in/started'
	expect "no disarming under a running cell" sh -c '! ambit disarm'
	echo go >/t/in/started
	expect_status 0 wait "$ambit_pid"
}
disarm_and_arm() {
	start=$(cut -d. -f1 /proc/uptime)
	expect_status 0 ambit disarm
	end=$(cut -d. -f1 /proc/uptime)
	expect "disarm returns at once" [ $((end - start)) -le 3 ]
	expect "no pins are left" [ ! -e /sys/fs/bpf/ambit ]
	expect_status 0 probe read /t/out/file
	# From nothing, several at once: one arms, the others wait for it.
	for i in 1 2 3; do
		ambit run -q -p "$life_policy" --trail "$work/case/trail.$i" -- probe read /t/out/file &
		eval "pid_$i=$!"
	done
	for i in 1 2 3; do
		eval "pid=\$pid_$i"
		expect_status 1 wait "$pid"
	done
	expect_nothing_left
}
# What an arming that was cut short leaves must not be taken for an armed kernel.
arm_after_crash() {
	expect_status 0 ambit disarm
	mkdir -p /sys/fs/bpf/ambit
	run_cell probe read /t/out/file
	case $? in
	1) ;;
	125) expect_status 0 ambit disarm; expect_status 1 run_cell probe read /t/out/file ;;
	*) echo "neither denied nor refused"; exit 1 ;;
	esac
}

# --- its own places ---

# Does the acts of stdin in a cell that may write anywhere, with its policy and trail in a directory
# that it may write to as well. Prints "STATUS ACT" for each.
own_acts() {
	# shellcheck disable=SC2016 # the inner shell's
	ambit run -q -p /t/in/own/policy.yaml --trail /t/in/own/trail -- \
		sh -c 'while read -r act; do probe $act; echo "$? $act"; done'
}
own_places() {
	mkdir -p /t/in/own/empty /t/in/other /var/log /var/lib
	cp "$policies/places.yaml" /t/in/own/policy.yaml
	echo text >/t/in/own/file
	rm -rf /run/ambit/compiled # a full store is emptied by whoever comes
	own_acts </dev/null # its tables are kept now
	find /run/ambit /sys/fs/bpf/ambit /usr/local | sort >"$work/case/before"
	own_acts >"$work/case/answers" <<-ACTS
		write /t/in/own/trail
		read /t/in/own/trail
		truncate /t/in/own/trail
		unlink /t/in/own/trail
		rename /t/in/own/trail /t/in/own/new
		rename /t/in/own/file /t/in/own/trail
		exchange /t/in/own/file /t/in/own/trail
		link /t/in/own/trail /t/in/own/new
		rename /t/in/own /t/in/new
		rename /t/in /t/new
		exchange /t/in/own /t/in/other
		rename /t/in/other /t/in/own
		write /t/in/own/policy.yaml
		unlink /t/in/own/policy.yaml
		rename /t/in/own/file /t/in/own/policy.yaml
		chmod /usr/local/bin/ambit
		unlink /usr/local/bin/ambit
		rename /usr/local/bin /usr/local/new
		create /usr/local/share/ambit/policies/sets/new.yaml
		create /run/ambit/new
		unlink /run/ambit/lock
		rename /run/ambit /run/new
		rename /run /new
		mkdir /etc/ambit
		symlink /t/in /etc/ambit
		rename /t/in/other /etc/ambit
		mkdir /var/lib/ambit
		create /sys/fs/bpf/ambit/new
		mkdir /sys/fs/bpf/ambit/new
		rename /sys/fs/bpf/ambit /sys/fs/bpf/new
	ACTS
	cat "$work/case/answers"
	expect "30 answers" [ "$(grep -c . "$work/case/answers")" = 30 ]
	expect "every act is denied" sh -c "! grep -v '^1 ' $work/case/answers"
	expect "and recorded" [ "$(trailq /t/in/own/trail verdict=deny "reason=guard|reason=refer")" -ge 30 ]
	find /run/ambit /sys/fs/bpf/ambit /usr/local | sort >"$work/case/after"
	expect "nothing has changed" diff "$work/case/before" "$work/case/after"
}
# What lies beside them is as free as elsewhere.
own_places_beside() {
	mkdir -p /t/in/own/empty
	cp "$policies/places.yaml" /t/in/own/policy.yaml
	echo text >/t/in/own/file
	own_acts >"$work/case/answers" <<-ACTS
		create /t/in/own/new
		rename /t/in/own/new /t/in/own/other
		rename /t/in/own/empty /t/in/own/full
		unlink /t/in/own/other
		link /t/in/own/file /t/in/own/new
		create /run/new
		unlink /run/new
		mkdir /run/new
		rmdir /run/new
		create /usr/local/bin/new
		unlink /usr/local/bin/new
		read /t/in/own/policy.yaml
	ACTS
	cat "$work/case/answers"
	expect "12 answers" [ "$(grep -c . "$work/case/answers")" = 12 ]
	expect "every act succeeds" sh -c "! grep -v '^0 ' $work/case/answers"
}

# --- a file that has more than one name ---

# Acts of stdin under the policy `files`; prints "STATUS ACT" for each.
files_acts() {
	# shellcheck disable=SC2016 # the inner shell's
	ambit run -q -p "$policies/files.yaml" --trail "$work/case/trail" -- \
		sh -c 'while read -r act; do probe $act; echo "$? $act"; done'
}
line_of() { # MARK
	grep -n "# $1\$" "$policies/files.yaml" | cut -d: -f1
}
mounted_again() {
	mkdir -p /t/in/view /t/in/again /t/in/hole /t/in/secret/hole
	echo text >/t/in/hole/file
	files_acts >"$work/case/control" <<-ACTS
		read /t/in/hole/file
		read /t/in/full/file
	ACTS
	mount --bind /t/in/secret /t/in/view && mount --bind /t/in /t/in/again &&
		mount --bind /t/in/hole /t/in/secret/hole || exit 1
	files_acts >"$work/case/answers" <<-ACTS
		read /t/in/view/file
		create /t/in/view/new
		read /t/in/again/secret/file
		read /t/in/again/deep/x.key
		rename /t/in/view/file /t/in/view/new
		read /t/in/hole/file
		read /t/in/full/file
		read /t/in/again/full/file
	ACTS
	umount /t/in/secret/hole /t/in/again /t/in/view
	cat "$work/case/control" "$work/case/answers"
	expect "both are allowed before" [ "$(grep -c ^0 "$work/case/control")" = 2 ]
	expect "six are denied" [ "$(grep -c ^1 "$work/case/answers")" = 6 ]
	expect "two are not" [ "$(grep -c ^0 "$work/case/answers")" = 2 ]
	expect_trail verdict=deny reason=rule op=read path=/t/in/view/file "line=$(line_of deny-read)"
	expect_trail verdict=deny reason=rule op=read path=/t/in/again/secret/file "line=$(line_of deny-read)"
	expect_trail verdict=deny reason=rule op=read path=/t/in/hole/file "line=$(line_of deny-read)"
	expect_trail verdict=deny reason=rule op=write path=/t/in/view/new "line=$(line_of deny-write)"
}

linked_before() {
	mkdir -p /t/in/empty
	ln /t/in/secret/file /t/in/alias
	ln /t/in/deep/x.key /t/in/renamed
	ln /t/in/full/file /t/in/free
	ln /t/in/secret/prog /t/in/tool
	for act in 'read /t/in/alias' 'read /t/in/renamed' 'exec /t/in/tool'; do
		# shellcheck disable=SC2086 # words
		expect_status 0 probe $act
	done
	files_acts >"$work/case/answers" <<-ACTS
		read /t/in/alias
		write /t/in/alias
		truncate /t/in/alias
		chmod /t/in/alias
		link /t/in/alias /t/in/new
		rename /t/in/alias /t/in/new
		read /t/in/renamed
		reopen /t/in/renamed
		exec /t/in/tool
		mmap-exec /t/in/tool
		unlink /t/in/deep/x.key
		read /t/in/renamed
		read /t/in/free
		write /t/in/free
		rename /t/in/free /t/in/new
		unlink /t/in/full/file
		read /t/in/new
	ACTS
	cat "$work/case/answers"
	expect "what is denied, and what is not" [ "$(cut -c1 "$work/case/answers" | tr -d '\n')" = 11111111110100000 ]
	expect_trail verdict=deny reason=rule op=read path=/t/in/alias "line=$(line_of deny-read)"
	expect_trail verdict=deny reason=rule op=write path=/t/in/alias "line=$(line_of deny-write)"
	expect_trail verdict=deny reason=rule op=exec path=/t/in/tool "line=$(line_of deny-exec)"
	expect_trail verdict=deny reason=rule op=read path=/t/in/renamed "line=$(line_of deny-glob)"
	mv "$work/case/trail" "$work/case/enforced"
	expect_status 0 ambit audit -q -p "$policies/files.yaml" --trail "$work/case/trail" -- probe read /t/in/alias
	expect_trail verdict=deny enforced=false op=read path=/t/in/alias "line=$(line_of deny-read)"
}

# --- what is shown ---

summary_text() {
	ambit run -p "$life_policy" --trail "$work/case/trail" -- probe read /t/out/file 2>"$work/case/stderr"
	cat "$work/case/stderr"
	expect "a line for the denial" grep -q 'denied.*read.*/t/out/file.*files\.allow\.read' "$work/case/stderr"
	expect "a summary" grep -q '1 denied.*events lost: 0' "$work/case/stderr"
}
summary_json() {
	ambit run --json -p "$life_policy" --trail "$work/case/trail" -- probe fds 2>"$work/case/stderr"
	expect "stderr is JSON lines" trailq "$work/case/stderr"
}
log_reads() {
	run_cell sh -c 'probe read /t/out/file; probe read /t/in/file; true'
	expect "log shows the denial" sh -c "ambit log --denied $work/case/trail | grep -q /t/out/file"
	ambit log --json "$work/case/trail" >"$work/case/json"
	expect "log --json is JSON lines" trailq "$work/case/json"
}
log_follows() {
	mkfifo "$work/case/follow"
	: >"$work/case/trail"
	ambit log -f --denied "$work/case/trail" >"$work/case/follow" &
	pid=$!
	exec 5<"$work/case/follow"
	run_cell probe read /t/out/file
	read -r line <&5
	kill "$pid"
	echo "$line"
	expect "the denial, as it happens" sh -c "echo '$line' | grep -q /t/out/file"
}
audit_without_policy() {
	expect_status 0 ambit audit -q --trail "$work/case/trail" -- probe read /t/out/file
	expect_trail verdict=deny enforced=false op=read path=/t/out/file
	expect_status 5 ambit audit -q --trail "$work/case/trail" -- sh -c 'exit 5'
	expect_nothing_left
}
check_unprivileged() {
	expect_status 0 su user -c "ambit check $life_policy"
	for bad in /e2e/bad/*.yaml; do
		expect "$bad is refused" sh -c "! su user -c 'ambit check $bad'"
	done
}
doctor_text() {
	expect_status 0 ambit doctor
	ambit doctor --json >"$work/case/doctor"
	expect "doctor --json is JSON" trailq "$work/case/doctor"
}

# cgroup v2 beside v1, as hybrid hosts have it.
hybrid() {
	umount /sys/fs/cgroup && mount -t tmpfs none /sys/fs/cgroup && mkdir /sys/fs/cgroup/unified &&
		mount -t cgroup2 none /sys/fs/cgroup/unified || exit 1
	run_cell probe read /t/out/file
	status=$?
	find /sys/fs/cgroup/unified -type d -path '*/ambit/*' >"$work/case/left"
	umount /sys/fs/cgroup/unified && umount /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup || exit 1
	expect "denied as elsewhere" [ "$status" = 1 ]
	expect "no cgroup left" [ ! -s "$work/case/left" ]
}

lifecycle_all() {
	tree_fresh
	# The first run makes what stays: the cgroup of all cells, the pins.
	mkdir -p "$work/case"
	run_cell true
	inventory >"$work/inventory"
	for name in status-passes status-126 status-127 status-signal refuses-policies refuses-missing \
		refuses-user refuses-trail refuses-options only-stdio no-privileges user-option \
		standard-streams signal-int signal-term signal-hup signal-ignored leftovers strayed strayed-leaderless killed-ambit ring-again \
		parallel policy-shared unix-cells policy-swapped outside-untouched stress race-rename disarm-refuses disarm-and-arm \
		arm-after-crash own-places own-places-beside mounted-again linked-before summary-text summary-json log-reads log-follows audit-without-policy \
		check-unprivileged doctor-text hybrid; do
		case_run "$name" "$(echo "$name" | tr - _)"
	done
}
