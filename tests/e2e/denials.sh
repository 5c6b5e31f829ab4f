# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2154,SC2094,SC2238
# Does the rows of the table `denials`, which says what each of its columns means.
#
# All rows of one policy share a cell in enforce mode and one in audit mode, which are fed through
# `inner`; the tree of files is made anew from outside before each act on files. What came out is kept in
# $work/rows/POLICY/NUMBER and judged when the cell has ended and its trail is complete.

# Sets $trimmed. Processes are dear in a guest, so functions answer by variables.
trim() {
	set -f
	# shellcheck disable=SC2086 # that is what trims
	set -- $1
	set +f
	trimmed="$*"
}

# Splits the chosen rows into files, one a column, in a directory for each policy and row.
rows_split() { # TABLE
	number=0
	rm -rf "$work/rows"
	while IFS='|' read -r name of what denied allowed act; do
		number=$((number + 1))
		case $name in '#'* | '') continue ;; esac
		trim "$name" && name=$trimmed
		chosen "$name" || continue
		trim "$of" && mkdir -p "$work/rows/$trimmed/$number"
		cd "$work/rows/$trimmed/$number" || exit 1
		echo "$name" >name
		trim "$what" && echo "$trimmed" >what
		trim "$denied" && echo "$trimmed" >denied
		trim "$allowed" && echo "$trimmed" >allowed
		trim "$act" && echo "$trimmed" >act
		for kind in d a; do ln -sf /usr/local/bin/probe "/names/$number$kind"; done
	done <"$1"
	cd /e2e || exit 1
}

put_in() { # WORD TEXT: sets $act, with TEXT for each WORD
	while :; do
		case $act in
		*"$1"*) act=${act%%"$1"*}$2${act#*"$1"} ;;
		*) return ;;
		esac
	done
}

# Sets $act to that of the row in the working directory, with the word of a column for "%".
act_with() { # denied|allowed
	read -r word <"$1"
	read -r act <act
	put_in % "$word"
	put_in VICTIM "$VICTIM"
	put_in LONGNAME "$LONGNAME"
}

has() { # denied|allowed
	read -r word <"$1"
	[ "$word" != - ]
}

session_start() { # run|audit POLICY
	rm -f "$work/in" "$work/out" "$work/$1.trail"
	mkfifo "$work/in" "$work/out"
	ambit "$1" -q -p "$policies/$2.yaml" --trail "$work/$1.trail" -- sh /usr/local/bin/inner \
		<"$work/in" >"$work/out" 2>"$work/$1.log" &
	session=$!
	exec 3>"$work/in" 4<"$work/out"
	trap '' PIPE
}

session_end() { # run|audit
	exec 3>&- 4<&-
	trap - PIPE
	wait "$session"
	trailq --ocsf "$work/$1.trail" >"$work/log" 2>&1 || case_failed "trail-$1-$policy" "a line is no event of OCSF"
}

# Does $act in the session's cell; the answer goes to the file RESULT.
session_act() { # NAME RESULT
	echo "$1 $act" 2>/dev/null >&3
	answer="the cell has ended"
	read -r answer <&4
	echo "$answer" >"$2"
}

# Whether the act of the row leaves the tree of files as it is, also where it succeeds.
looks_only() {
	case $policy in net | names*) return 0 ;; esac
	case $act in
	"read "* | "read-at "* | "read-cwd "* | "deep-read "* | "list "* | "reopen "* | "stat "*) ;;
	"exec "* | "exec-fd "* | "mmap-exec "* | "mprotect-exec "* | "uring-read "* | watch*) ;;
	"via "*" read "* | "kill "* | ipc-* | own* | "unshare "* | "terminal "*) ;;
	*) return 1 ;;
	esac
}

# The tree as it was in the beginning, made anew if something was done to it. $act is the row's.
row_tree() {
	[ -n "$tree_is_fresh" ] || tree_fresh
	tree_is_fresh=yes
	looks_only || tree_is_fresh=
}
row_state() { # FILE
	looks_only || tree_state >"$1"
}

row_outside() {
	has denied || return
	act_with denied
	row_tree
	set -f
	# shellcheck disable=SC2086 # words
	probe $act >outside.log 2>&1
	echo "$?" >outside
	set +f
}

row_enforce() {
	if has denied; then
		act_with denied
		row_tree
		row_state before
		session_act "${row}d" enforced
		row_state after
		# That a denied act changed nothing is judged later; here it saves time.
		looks_only || { cmp -s before after && tree_is_fresh=yes; }
	fi
	has allowed || return
	act_with allowed
	row_tree
	session_act "${row}a" control
}

row_audit() {
	has denied || return
	act_with denied
	row_tree
	session_act "${row}d" audited
}

rows_each() { # FUNCTION
	for dir in "$work/rows/$policy"/*; do
		[ -d "$dir" ] || continue
		cd "$dir" || exit 1
		row=${dir##*/}
		"$1"
	done
	cd /e2e || exit 1
}

# Lines of a trail that are this act's: by its name, by its process (a name can be changed, and
# workers of the kernel have one of their own) or by the parent (another program has its own too).
lines_of() { # MODE NAME RESULT CONDITION...
	trail=$work/$1.trail comm=$2
	read -r status pid <"$3"
	shift 3
	trailq "$trail" "comm=$comm|pid=$pid|ppid=$pid" "$@"
}

# What a line of the trail has to have for this denial.
conditions() { # ENFORCED
	read -r op reason mark <what
	echo "type=decision verdict=deny enforced=$1"
	[ "$op" = "*" ] || echo "op=$op"
	[ "$reason" = "*" ] || echo "reason=$reason"
	[ -z "$mark" ] || echo "line=$(grep -n "# $mark\$" "$policies/$policy.yaml" | cut -d: -f1)"
}

expect_act() { # WHAT STATUS RESULT
	read -r status pid <"$3"
	[ "$status" = "$2" ] && return
	grep -h -e "names/${row}[da]" -e '^ambit' -e '^/e2e' "$work"/*.log
	echo "$1: status $status, expected $2"
	exit 1
}

expect_line() { # MODE RESULT ENFORCED
	set -f
	# shellcheck disable=SC2046 # words
	count=$(lines_of "$1" "${row}d" "$2" $(conditions "$3"))
	[ "${count:-0}" -gt 0 ] && return
	read -r status pid <"$2"
	grep -e "\"name\":\"${row}d\"" -e "\"pid\":$pid," "$work/$1.trail"
	echo "not in the trail ($1): $(conditions "$3" | tr '\n' ' ')"
	exit 1
}

judge_denied() {
	read -r outside <outside
	if [ "$outside" = 2 ]; then
		# Denied, or the kernel says so before it asks.
		read -r inside pid <enforced
		[ "$inside" = 2 ] || expect_act "under the policy" 1 enforced
		echo "not possible on this kernel"
		exit 77
	fi
	cat outside.log
	expect "that it succeeds outside of a cell" [ "$outside" = 0 ]
	expect_act "under the policy" 1 enforced
	[ ! -e before ] || expect "that a denied act changes nothing" cmp before after
	expect_line run enforced true
	expect_act "in audit mode" 0 audited
	expect_line audit audited false
}

judge_allowed() {
	expect_act "the control" 0 control
	[ "$(lines_of run "${row}a" control verdict=deny)" = 0 ] ||
		grep -h -e "\"name\":\"${row}a\"" -e "\"pid\":$pid," "$work/run.trail" | grep '"deny"'
	expect "no denial of the control" [ "$(lines_of run "${row}a" control verdict=deny)" = 0 ]
}

row_judge() {
	cd "$work/rows/$policy/$row" || exit 1
	! has denied || judge_denied
	! has allowed || judge_allowed
}

row_case() {
	read -r name <name
	case_run "$name" row_judge
}

denials_all() { # TABLE
	VICTIM=$(tree_once) || { echo "not ok tree: the tree of files cannot be made"; exit 1; }
	LONGNAME=$(printf '%0255d' 0)
	mkdir -p /names
	rows_split "$1"
	for policy in files refer programs net names names-few pass tasks jit places overlay rates; do
		[ -d "$work/rows/$policy" ] || continue
		tree_is_fresh=
		rows_each row_outside
		session_start run "$policy"
		rows_each row_enforce
		session_end run
		session_start audit "$policy"
		rows_each row_audit
		session_end audit
		rows_each row_case
	done
}
