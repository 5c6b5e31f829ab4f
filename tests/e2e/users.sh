# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2154,SC2016,SC2088
# Users who are not root: what the service makes for a member of the group ambit, and what it refuses.

control=/run/ambit/control
method=io.ambit.Cells

# A member (user), somebody else (other), the service, and what the administrator allows.
users_begin() {
	ambit stop >/dev/null 2>&1
	grep -q ^ambit: /etc/group || echo 'ambit:x:900:user' >>/etc/group
	grep -q ^other: /etc/passwd || echo 'other:x:1001:1001::/home/other:/bin/sh' >>/etc/passwd
	mkdir -p /etc/ambit /var/log /t/in /t/out /t/mine
	rm -f /var/log/ambit/*users*
	chown user /t/in /t/mine
	chmod 755 /t /t/in /t/out /t/mine
	echo word | tee /t/in/file /t/out/secret >/t/mine/file
	users_policy "/t/in" >/etc/ambit/policy.yaml
	users_policy "/t/in, /t/mine, /t/out" >/t/mine/users.yaml
	daemon_up
	cells_before=$(ls /run/ambit/cells)
}
# Cells of other cases stay bound.
cells_gone() {
	[ "$(ls /run/ambit/cells)" = "$cells_before" ]
}
users_policy() { # READ
	sed "s|read: \[/t/in|read: [$1|; s/^name: .*/name: users/" /e2e/policies/life.yaml
}
users_end() {
	expect "no cell is left" cells_gone
	expect_status 0 ambit stop
	cat /var/log/ambit/*users*.jsonl >"$work/case/trail"
	rm -f /etc/ambit/policy.yaml
}
as_user() { # SHELL_TEXT
	su user -c "cd /t/mine && $1"
}
run_as_user() { # SHELL_TEXT
	as_user "ambit run -p users.yaml -- sh -c '$1'"
}
# What a member hears who calls a method himself.
call_as() { # KIND METHOD PARAMETERS [MORE]
	su user -c "probe call $control $1 '{\"method\":\"$2\",\"parameters\":$3${4:-}}'" >"$work/case/answer" 2>&1
	cat "$work/case/answer"
}
refused_saying() { # WORDS KIND METHOD PARAMETERS [MORE]
	words=$1
	shift
	call_as "$@"
	expect "refused: $words" grep -q "\"error\":.*$words" "$work/case/answer"
}

users_run() {
	users_begin
	for file in /t/in/file /t/mine/file /t/out/secret; do
		expect "outside a user reads it" as_user "cat $file"
	done
	expect "what both policies allow works" run_as_user "cat /t/in/file"
	expect_status 1 run_as_user "cat /t/out/secret"
	expect_status 1 run_as_user "cat /t/mine/file"
	# Narrower than the administrator's: only what is read in the user's own policy counts then.
	sed -i 's|read: \[/t/in, |read: [|' /t/mine/users.yaml
	expect_status 1 run_as_user "cat /t/in/file"
	users_policy "/t/in, /t/out" >/etc/ambit/policy.yaml
	expect "a wider policy of the administrator is read at once" run_as_user "cat /t/out/secret"
	expect_status 1 run_as_user "cat /t/in/file"
	expect "it is the user, with his groups" run_as_user '[ $(id -u) = 1000 ] && id -G | grep -qw 900'
	expect_status 0 as_user "ambit run -p users.yaml -- probe no-new-privs"
	expect_status 7 run_as_user 'exit 7'
	expect_status 127 as_user 'ambit run -p users.yaml -- /usr/bin/no-such'
	out=$(echo words | run_as_user 'cat; echo more >&2' 2>"$work/case/stderr")
	expect "stdin and stdout are the command's" [ "$out" = words ]
	expect "so is its stderr" grep -qx more "$work/case/stderr"
	expect "what it came to is said" grep -q 'ambit: cell users-.* allowed, ' "$work/case/stderr"
	expect_status 1 run_as_user 'cat /t/mine/file' 2>"$work/case/stderr"
	cat "$work/case/stderr"
	expect "a denial is said" grep -q '^denied  read /t/mine/file ' "$work/case/stderr"
	users_together
	users_room
	users_end
	expect_trail verdict=deny path=/t/out/secret reason=no-rule
	expect_trail verdict=deny path=/t/mine/file reason=no-rule
	expect_trail type=start uid=1000
	expect_trail type=end status=7
	for trail in /var/log/ambit/*users*.jsonl; do
		expect_status 0 ambit verify "$trail"
	done
}

# What trails of one user take has an end, and those of others do not count for it.
users_room() {
	echo 'apiVersion: ambit/v1
file: {userRoom: 16MiB}' >/etc/ambit/trail.yaml
	daemon_kill
	daemon_up
	truncate -s 16M /var/log/ambit/20260101T000000Z-u1001-users-1.jsonl
	expect "there is room" run_as_user true
	truncate -s 16M /var/log/ambit/20260101T000000Z-u1000-users-1.jsonl
	expect_status 125 run_as_user true 2>"$work/case/stderr"
	expect "and then none" grep -q 'your trails take 1[67] MiB, and 16 are for all of them' "$work/case/stderr"
	rm /var/log/ambit/20260101T000000Z-u100?-users-1.jsonl /etc/ambit/trail.yaml
	expect "her trails have her number" [ "$(find /var/log/ambit -name "*Z-u1000-users-*.jsonl" | wc -l)" -ge 2 ]
	daemon_kill
	daemon_up
}

# Runs that end together, each with its connection and its process, while the service goes on.
users_together() {
	mkdir -p /sys/fs/cgroup/bound-together
	sed 's/^name: .*/name: bound-together/' /e2e/policies/life.yaml >/t/bound-together.yaml
	expect_status 0 ambit attach --cgroup /sys/fs/cgroup/bound-together -p /t/bound-together.yaml
	cells_before=$(ls /run/ambit/cells)
	mkfifo "$work/case/ready" "$work/case/go"
	chmod 666 "$work/case/ready" "$work/case/go"
	exec 5<>"$work/case/ready" 6<>"$work/case/go"
	runs=
	for i in 1 2 3 4 5 6; do
		run_as_user 'echo in; read -r _' >"$work/case/ready" <"$work/case/go" 2>/dev/null &
		runs="$runs $!"
	done
	for i in $runs; do
		read -r word <&5
		expect "run $i is there" [ "$word" = in ]
	done
	for i in $runs; do echo; done >&6
	for i in $runs; do expect_status 0 wait "$i"; done
	exec 5<&- 6<&-
	until cells_gone; do :; done
	expect "the service goes on" kill -0 "$daemon_pid"
	secret_stays "beside users" /sys/fs/cgroup/bound-together
	until grep -q '"path":"/t/out/secret"' /var/log/ambit/bound-together-*.jsonl; do :; done
	expect_status 0 ambit reload
}

# What a policy could widen: everything but what is denied there is a word for more.
users_wide() {
	users_begin
	echo 'jit: allow' >>/t/mine/users.yaml
	expect "code in memory, outside" as_user 'probe code-map'
	expect_status 1 as_user "ambit run -p users.yaml -- probe code-map"
	sed -i 's/^mode: .*/mode: audit/' /t/mine/users.yaml
	expect_status 125 run_as_user 'cat /t/out/secret'
	expect_status 125 as_user 'ambit audit -- cat /t/out/secret'
	for option in "--user root" "--trail /t/mine/trail" "--trail-config /t/mine/x" --best-effort "--ring 8K"; do
		expect_status 125 as_user "ambit run $option -p users.yaml -- true"
	done
	users_policy "/t/in" >/t/mine/users.yaml
	expect "control: else it works" run_as_user 'cat /t/in/file'
	# Its own policy is not the cell's to write, nor is the socket its to reach, whatever both policies say.
	# A link in the place of what the administrator's policy names of the user's own.
	users_policy "~/mail/**, /t/in" >/etc/ambit/policy.yaml
	home=$(sed -n 's/^user:.*:\(.*\):.*/\1/p' /etc/passwd)
	mkdir -p "$home"
	chown user "$home"
	expect "control: without one it works" run_as_user 'cat /t/in/file'
	su user -c "ln -s / $home/mail"
	expect_status 125 run_as_user 'cat /t/in/file' 2>"$work/case/stderr"
	cat "$work/case/stderr"
	expect "with its place" grep -q '^/etc/ambit/policy.yaml:[0-9]*:[0-9]*: .*symbolic link "'"$home/mail" "$work/case/stderr"
	rm "$home/mail"
	users_policy "/t/in" >/etc/ambit/policy.yaml
	sed -i 's|write: .*|write: ["@devices", /t/mine]|' /t/mine/users.yaml /etc/ambit/policy.yaml
	expect "control: beside it can be written" run_as_user 'echo x >/t/mine/other'
	expect_status 1 run_as_user 'echo x >>/t/mine/users.yaml'
	echo 'network: {allow: {unix: [/run]}}' | tee -a /t/mine/users.yaml >>/etc/ambit/policy.yaml
	expect "baseline: outside the socket answers" as_user "probe call $control self {}"
	expect_status 1 as_user "ambit run -p users.yaml -- probe call $control self {}"
	rm /etc/ambit/policy.yaml
	expect_status 125 run_as_user 'cat /t/in/file'
	users_policy "/t/in" >/etc/ambit/policy.yaml
	chmod 666 /etc/ambit/policy.yaml
	expect_status 125 run_as_user 'cat /t/in/file'
	chmod 644 /etc/ambit/policy.yaml
	echo 'reed: []' >>/t/mine/users.yaml
	expect_status 125 as_user 'ambit run -p users.yaml -- true' 2>"$work/case/stderr"
	cat "$work/case/stderr"
	expect "what is wrong is said with its place" grep -q '^users.yaml:[0-9]*:1: unknown key "reed"' "$work/case/stderr"
	users_end
}

users_hostile() {
	users_begin
	parameters="\"policy\":\"apiVersion: ambit/v1\\nname: x\\n\",\"directory\":\"/\",\"command\":[\"x\"],\"pid\""
	more=',"more":true'
	call_as self org.varlink.service.GetInfo '{}'
	expect "a member is answered" grep -q '"product":"ambit"' "$work/case/answer"
	for what in Attach Reload List Stop; do
		refused_saying "only root" self "$method.$what" '{"cgroup":"/sys/fs/cgroup/x","policy":"/x"}'
	done
	# The group of the socket, not ambit, says no.
	expect_status 3 su other -c "probe call $control self '{\"method\":\"org.varlink.service.GetInfo\"}'"
	refused_saying "with ..more" safe "$method.Run" "{$parameters:@PID@}"
	refused_saying InvalidParameter safe "$method.Run" "{$parameters:\"@PID@\"}" "$more"
	refused_saying InvalidParameter safe "$method.Run" "{$parameters:@PID@,\"variables\":[1]}" "$more"
	refused_saying "was not started" self "$method.Run" "{$parameters:@PID@}" "$more"
	expect "itself is no child" grep -q 'is no child of whoever asks' "$work/case/answer"
	refused_saying "was not started" "$daemon_pid" "$method.Run" "{$parameters:@PID@}" "$more"
	expect "neither is root's" grep -q 'is no child of whoever asks' "$work/case/answer"
	refused_saying "was not started" plain "$method.Run" "{$parameters:@PID@}" "$more"
	expect "without no_new_privs" grep -q 'can gain privileges' "$work/case/answer"
	refused_saying "was not started" threads "$method.Run" "{$parameters:@PID@}" "$more"
	expect "with threads" grep -q 'has several threads' "$work/case/answer"
	for bytes in x '{' '[]' '{"method":1}'; do
		su user -c "probe call $control self '$bytes'" >"$work/case/answer"
		expect "no answer to $bytes" [ ! -s "$work/case/answer" ]
	done
	# Two calls at once: whoever takes the connection has the first alone, and hears what is no Ended.
	expect "control: it is made" users_made
	run_as_user 'cat /t/in/file' || exit 1
	users_end
}
# A cell that is made for a child, and ends with the connection.
users_made() {
	mkfifo /tmp/users
	su user -c "probe call $control safe '{\"method\":\"$method.Run\",\"more\":true,\"parameters\":{$parameters:@PID@}}'" >/tmp/users &
	made_pid=$!
	read -r made </tmp/users
	echo "$made"
	rm /tmp/users
	case $made in *'"cell":"x-'*) ;; *) return 1 ;; esac
	kill -9 "$made_pid"
	wait "$made_pid"
	until cells_gone; do :; done
}

# Whoever is killed takes the command along, and the cell, whichever it is.
users_killed() {
	users_begin
	mkfifo "$work/case/ready"
	chmod 666 "$work/case/ready"
	as_user "exec ambit run -p users.yaml -- sh -c 'echo in \$\$; exec sleep 1000'" >"$work/case/ready" &
	client=$!
	read -r word command <"$work/case/ready"
	expect "the command runs" [ "$word" = in ]
	expect "as this one" [ -e "/proc/$command" ]
	expect "in a cell that is there" eval '! cells_gone'
	for pid in $(pidof ambit); do
		! grep -q '^Uid:.1000' "/proc/$pid/status" || kill -9 "$pid"
	done
	wait "$client"
	until cells_gone; do :; done
	expect "and so is the command" [ ! -e "/proc/$command" ]
	# A service that is killed: what it began for users goes on to its end.
	mkfifo "$work/case/go"
	as_user "exec ambit run -p users.yaml -- sh -c 'echo in; read -r _; cat /t/in/file; cat /t/out/secret'" \
		>"$work/case/ready" <"$work/case/go" 2>"$work/case/stderr" &
	client=$!
	exec 4<"$work/case/ready" 3>"$work/case/go"
	read -r word <&4
	expect "it runs" [ "$word" = in ]
	daemon_kill
	daemon_up
	echo >&3
	exec 3>&-
	read -r word <&4
	exec 4<&-
	expect "it reads what it may" [ "$word" = word ]
	wait "$client"
	expect "and nothing else" [ $? = 1 ]
	cat "$work/case/stderr"
	expect "with its summary" grep -q 'ambit: cell users-.* allowed, 1 denied' "$work/case/stderr"
	users_end
	expect_trail type=end status=125
}

users_all() {
	case_run users-run users_run
	case_run users-wide users_wide
	case_run users-hostile users_hostile
	case_run users-killed users_killed
}
