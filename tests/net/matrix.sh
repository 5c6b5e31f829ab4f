# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# Each client through each resolver: once outside, where all hosts have to work, and once in a cell.

row() { # NAME NUMBER: a field of the table
	awk -F ' *[|] *' -v name="$1" -v number="$2" '$1 == name { print $number }' "$here/clients"
}

# What a client has to say, by the hosts of its row.
expected() { # NAME inside|outside
	local host
	for host in $(row "$1" 3); do
		case $2:$host in
		inside:no) echo "no.other.test no" ;;
		outside:no) echo "no.other.test ok" ;;
		inside:bad) echo "bad.ok.test no" ;;
		*) echo "$host.ok.test ok" ;;
		esac
	done
}

# Whether the trail has a denial of this name for one of the programs.
in_trail() { # TRAIL DOMAIN PROGRAM...
	local program words=""
	for program in "${@:3}"; do words+="${words:+|}comm=$program"; done
	(($(trailq "$1" verdict=deny op=connect port=53 "domain=$2" "$words")))
}

judge() { # CASE NAME
	local out=$work/$1/out in=$work/$1/in trail=$work/$1/trail host programs
	[[ $(cut -d' ' -f1-2 "$out/$2") == "$(expected "$2" outside)" ]] ||
		{ fail "$1-$2" "not all hosts work outside of a cell" "$out/$2"; return; }
	[[ $(cut -d' ' -f1-2 "$in/$2") == "$(expected "$2" inside)" ]] ||
		{ fail "$1-$2" "another outcome in the cell" "$in/$2"; return; }
	# Go and no other tells what it had from a time-out that it had.
	[[ $2 != go || $(grep -c 'operation not permitted' "$in/$2") == $(grep -c ' no ' "$in/$2") ]] ||
		{ fail "$1-$2" "another error than of the question" "$in/$2"; return; }
	read -ra programs <<<"$(row "$2" 2)"
	while read -r host _; do
		in_trail "$trail" "$host" "${programs[@]}" ||
			{ fail "$1-$2" "the trail does not name $host" "$trail"; return; }
	done < <(grep ' no' "$in/$2")
	ok "$1-$2"
}

through() { # RESOLVER CLIENT...
	local dir=$work/$1 client
	mkdir -p "$dir/out"
	ask_through "$1"
	in_client bash "$here/inner" "$dir/out" "${@:2}"
	rm -rf /run/net/cell/in
	mkdir /run/net/cell/in
	in_cell "$dir/trail" -- bash "$here/inner" /run/net/cell/in "${@:2}"
	mv /run/net/cell/in "$dir/in"
	for client in "${@:2}"; do judge "$1" "$client"; done
}

# The short form has every client and every resolver, and not all pairs.
through_wanted() { # RESOLVER CLIENT...
	local name names=()
	for name in "${@:2}"; do
		wanted "$1-$name" && names+=("$name")
	done
	((${#names[@]} == 0)) || through "$1" "${names[@]}"
}

matrix_all() {
	local all short
	mapfile -t all < <(awk '/^[a-z]/ { print $1 }' "$here/clients")
	[[ $extent == short ]] && short=(curl go) || short=("${all[@]}")
	through_wanted resolved "${all[@]}"
	through_wanted dnsmasq "${short[@]}"
	through_wanted unbound "${short[@]}"
	through_wanted bind "${short[@]}"
}
