# SPDX-License-Identifier: Apache-2.0
# Compares figures of now with recorded ones: goals, docs/performance.csv, docs/verifier.csv, and the same
# two of now. Exit status 1 if a row failed.

BEGIN { FS = "," }

function series(release) {
	match(release, /^[0-9]+\.[0-9]+/)
	return substr(release, 1, RLENGTH)
}

FNR == 1 { file++ }

file == 1 && /^noise/ {
	split($0, part, "|")
	gsub(/^ +| +$/, "", part[2])
	noise[part[2]] = part[3] + 0
}

file == 2 { recorded[series($1), $2, $3, $4, $5] = $6 }
file == 3 { verified[series($1), $2] = $3 }
file == 4 {
	now[$2, $3, $4, $5] = $6
	row[++rows] = $2 SUBSEP $3 SUBSEP $4 SUBSEP $5
	kernel = series($1)
}
file == 5 { check("verifier, " $2, $3, (series($1), $2) in verified ? verified[series($1), $2] : "", 0) }

# `room`: instructions that two boots may differ by, where 3 % is less.
function check(name, figure, before, room,  limit) {
	if (before == "") {
		print "skip " name ": nothing is recorded for this kernel; make bench does"
		return
	}
	limit = before > 0 ? before * 1.03 : before
	if (limit < before + room)
		limit = before + room
	if (figure <= limit) {
		print "ok " name ": " figure ", recorded " before
		return
	}
	print "not ok " name ": " figure ", recorded " before "; repeat: " repeat
	failed = 1
}

# What is compared is what a case adds; of "none" there is nothing to compare. What a program takes is
# compared as it is. How many hooks an operation takes is in what it adds.
END {
	for (i = 1; i <= rows; i++) {
		split(row[i], at, SUBSEP)
		if (at[1] == "none" || at[2] == "hooks")
			continue
		name = at[1] ", " at[3] " " at[2] ", " at[4]
		key = kernel SUBSEP row[i]
		if (at[2] == "programs") {
			check("program, " at[4], now[row[i]], key in recorded ? recorded[key] : "", 0)
			continue
		}
		base = kernel SUBSEP "none" SUBSEP "rules" SUBSEP 0 SUBSEP at[4]
		check(name, now[row[i]] - now["none", "rules", 0, at[4]],
			(key in recorded) && (base in recorded) ? recorded[key] - recorded[base] : "",
			at[4] in noise ? noise[at[4]] : noise["*"])
	}
	exit failed
}
