# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# Each row of `tricks`: outside, and in a cell of its own.

tricks_all() {
	local name resolver what denied allowed act
	while IFS='|' read -r name resolver what denied allowed act; do
		name=${name// /}
		wanted "$name" || continue
		trick "$name" "${resolver// /}" "$(trim "$what")" "$(trim "$denied")" "$(trim "$allowed")" "$(trim "$act")"
	done < <(tricks_of | grep '^[a-z]')
}

# The rows, or those of the short form.
tricks_of() {
	if [[ $extent == short ]]; then sed '/not in the short form/,$d' "$here/tricks"; else cat "$here/tricks"; fi
}

trim() {
	sed 's/^ *//; s/ *$//' <<<"$1"
}

# The act, in the directory of the tests, with `acts.sh` at hand: so it is done outside and inside.
act() { # FILE ACT: writes what is run
	printf 'cd %s\n. ./acts.sh\nset -o pipefail\n%s\n' "$here" "$2" >"$1"
}

trick() { # NAME RESOLVER "OPERATION REASON" DENIED ALLOWED ACT
	local dir=$work/$1 op=${3% *} reason=${3#* } status
	mkdir -p "$dir"
	act /run/net/cell/denied "${6//\%/$4}"
	act /run/net/cell/allowed "${6//\%/$5}"
	ask_through "$2"
	in_client timeout -k 5 120 bash /run/net/cell/denied >"$dir/outside" 2>&1 </dev/null ||
		{ fail "$1" "it does not work outside of a cell" "$dir/outside"; return; }
	in_cell "$dir/trail" -- timeout -k 5 240 bash -c \
		'bash /run/net/cell/allowed || exit 101; bash /run/net/cell/denied; exit $?' \
		>"$dir/inside" 2>&1 </dev/null
	status=$?
	case $status in
	0) fail "$1" "it works in the cell" "$dir/inside" "$dir/trail" ;;
	124 | 137) fail "$1" "it has no end in the cell" "$dir/inside" "$dir/trail" ;;
	101) fail "$1" "what is allowed does not work" "$dir/inside" "$dir/trail" ;;
	*)
		if (($(trailq "$dir/trail" verdict=deny "op=$op" "reason=$reason"))); then
			ok "$1"
		else
			fail "$1" "status $status, but no $op $reason in the trail" "$dir/inside" "$dir/trail"
		fi
		;;
	esac
}
