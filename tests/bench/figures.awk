# SPDX-License-Identifier: Apache-2.0
# What the tables and plots of docs/performance.md share: reads docs/performance.csv.

BEGIN {
	FS = ","
	row = column = columns = 0
}

# "6.12" of "6.12.117+deb13-cloud-amd64".
function series(release) {
	match(release, /^[0-9]+\.[0-9]+/)
	return RLENGTH > 0 ? substr(release, 1, RLENGTH) : release
}

FILENAME ~ /\.csv$/ && $1 != "kernel" {
	figure[$1, $2, $3, $4, $5] = $6
	if (!seen_release[$1]++)
		releases[++release_count] = $1
	if (!seen_op[$3, $5]++)
		ops[$3, ++op_count[$3]] = $5
}

function has(release, name, axis, value, op) {
	return (release, name, axis, value, op) in figure
}

# The operation itself; at other depths it is another one, and those of "names" are measured there alone.
function itself(release, axis, value, op) {
	if (axis == "depth")
		return figure[release, "none", "depth", value, op]
	return figure[release, "none", axis == "names" ? "names" : "rules", 0, op]
}

function added(release, name, axis, value, op) {
	return figure[release, name, axis, value, op] - itself(release, axis, value, op)
}

function grouped(n,  text) { # 12345 -> 12,345
	n += 0
	if (n < 0)
		return "-" grouped(-n)
	for (text = ""; n >= 1000; n = int(n / 1000))
		text = sprintf(",%03d", n % 1000) text
	return n text
}

function signed(n) {
	return (n < 0 ? "" : "+") grouped(n)
}

# "+350", or nothing where it was not measured.
function cell_added(release, name, axis, value, op) {
	return has(release, name, axis, value, op) ? signed(added(release, name, axis, value, op)) : ""
}

# A table in Markdown: put() for each cell, next_row() after each row, print_table() at the end.
function put(text) {
	cell[row, ++column] = text
	if (length(text) > width[column])
		width[column] = length(text)
	if (column > columns)
		columns = column
}

function next_row() {
	row++
	column = 0
}

function print_table(  r, c, line, dashes) {
	for (r = 0; r < row; r++) {
		line = "|"
		for (c = 1; c <= columns; c++)
			line = line sprintf(c == 1 ? " %-*s |" : " %*s |", width[c], cell[r, c])
		print line
		if (r)
			continue
		line = "|"
		for (c = 1; c <= columns; c++) {
			dashes = sprintf("%*s", width[c], "")
			gsub(/ /, "-", dashes)
			line = line (c == 1 ? " " dashes " |" : " " dashes ":|")
		}
		print line
	}
	row = column = columns = 0
	split("", cell)
	split("", width)
}
