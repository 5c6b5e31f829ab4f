# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2154
# Does the rows of the table `denials`, which says what each of its columns means.

trim() {
	echo "$1" | sed 's/^ *//; s/ *$//; s/  */ /g'
}

# The act with the word for "%" put in.
act_of() { # WORD
	echo "$act" | sed "s|%|$1|g; s|VICTIM|$VICTIM|g; s|LONGNAME|$LONGNAME|g"
}

# Runs the act; 4 stands for an ambit that failed.
act_in() { # MODE WORD
	rm -f "$work/case/trail"
	# shellcheck disable=SC2046 # words
	case $1 in
	outside) probe $(act_of "$2") ;;
	enforce) ambit run -q -p "$policies/$policy.yaml" --trail "$work/case/trail" -- probe $(act_of "$2") ;;
	audit) ambit audit -q -p "$policies/$policy.yaml" --trail "$work/case/trail" -- probe $(act_of "$2") ;;
	esac
}

# What a line of the trail has to have for this denial.
conditions() { # ENFORCED
	echo "type=decision verdict=deny enforced=$1"
	[ "$op" = "*" ] || echo "op=$op"
	[ "$reason" = "*" ] || echo "reason=$reason"
	[ -z "$mark" ] || echo "line=$(grep -n "# $mark\$" "$policies/$policy.yaml" | cut -d: -f1)"
}

denied_part() {
	/e2e/tree fresh
	act_in outside "$denied"
	case $? in
	0) ;;
	2) echo "not possible on this kernel"; exit 2 ;;
	*) echo "outside of a cell it does not succeed"; exit 1 ;;
	esac
	/e2e/tree fresh
	/e2e/tree state >"$work/case/before"
	expect_status 1 act_in enforce "$denied"
	/e2e/tree state >"$work/case/after"
	expect "nothing changed by a denied act" cmp "$work/case/before" "$work/case/after"
	# shellcheck disable=SC2046 # words
	expect_trail $(conditions true)
	/e2e/tree fresh
	expect_status 0 act_in audit "$denied"
	# shellcheck disable=SC2046 # words
	expect_trail $(conditions false)
}

allowed_part() {
	/e2e/tree fresh
	act_in outside "$allowed" || { echo "outside of a cell the control does not succeed"; exit 1; }
	/e2e/tree fresh
	expect_status 0 act_in enforce "$allowed"
	expect "no denial of the control" [ "$(trail_count verdict=deny)" = 0 ]
}

row_case() {
	set -f
	[ "$denied" = - ] || denied_part
	[ "$allowed" = - ] || allowed_part
}

denials_all() {
	VICTIM=$(/e2e/tree once) || { echo "not ok tree: the tree of files cannot be made"; exit 1; }
	LONGNAME=$(printf '%0255d' 0)
	while IFS='|' read -r name policy what denied allowed act; do
		case $name in '#'* | '') continue ;; esac
		name=$(trim "$name") policy=$(trim "$policy") denied=$(trim "$denied") allowed=$(trim "$allowed")
		act=$(trim "$act") what=$(trim "$what")
		op=${what%% *} mark="" reason=${what#* }
		case $reason in *" "*) mark=${reason#* } reason=${reason%% *} ;; esac
		case_run "$name" row_case </dev/null
	done <"$1"
}
