# SPDX-License-Identifier: Apache-2.0
# With figures.awk: the goals of tests/bench/goals, a column for each kernel.

function trim(text) {
	gsub(/^[ \t]+|[ \t]+$/, "", text)
	return text
}

FILENAME ~ /goals$/ && /^[a-z]/ {
	parts = split($0, part, "|")
	for (i = 1; i <= parts; i++)
		part[i] = trim(part[i])
	if (part[1] == "noise") {
		noise[part[2]] = part[3] + 0
		next
	}
	goal_count++
	for (i = 1; i <= 7; i++)
		goal[goal_count, i] = part[i]
	if (part[5] ~ /^[0-9]+$/)
		goal[goal_count, 5] = part[5] + 0
}

function noise_of(op) {
	return op in noise ? noise[op] : noise["*"]
}

function verdict(text, met) {
	return met ? text : "**" text " not met**"
}

# Rows of all kernels but 6.12 may be a fifth higher.
function slack(release) {
	return series(release) == "6.12" ? 1 : 1.2
}

function judge_added(release, name, axis, value, op, limit,  n) {
	n = added(release, name, axis, value, op)
	return verdict(signed(n), n <= (limit ? limit * slack(release) : noise_of(op)))
}

# The dearest operation, by the hooks that it takes; and what an empty program takes at each of them.
function judge_hook(release, name, axis, value, which_ops, limit,  i, op, n, hooks, worst, which, floor) {
	worst = -1
	for (i = 1; i <= op_count["hooks"]; i++) {
		op = ops["hooks", i]
		hooks = figure[release, name, "hooks", 0, op]
		if (hooks < 1 || !has(release, name, axis, value, op) || op ~ /fork/ ||
			(op in noise) != (which_ops == "noise"))
			continue
		n = added(release, name, axis, value, op) / hooks
		if (n > worst) {
			worst = n
			which = op
		}
	}
	if (worst < 0)
		return ""
	floor = has(release, "empty", axis, value, which) ? sprintf(", empty %+.0f", \
		added(release, "empty", axis, value, which) / figure[release, name, "hooks", 0, which]) : ""
	return verdict(sprintf("%+.0f (%s%s)", worst, which, floor), worst <= limit * slack(release))
}

function judge_landlock(release, name, axis, value, op,  n, other) {
	if (!has(release, "landlock", axis, value, op))
		return ""
	n = added(release, name, axis, value, op)
	other = added(release, "landlock", axis, value, op)
	return verdict(signed(n) " to " signed(other), n <= other)
}

function judge_percent(release, name, axis, value, op, limit,  n) {
	n = added(release, name, axis, value, op) * 100 / itself(release, axis, value, op)
	return verdict(sprintf("%+.1f %%", n), n <= limit * slack(release))
}

function judge_grow(release, name, axis, value, op, limit,  from, n, first) {
	first = axis == "cells" ? 1 : 10
	if (!has(release, name, axis, first, op))
		return ""
	from = added(release, name, axis, first, op)
	n = added(release, name, axis, value, op)
	return verdict(sprintf("%s to %s", signed(from), signed(n)), n <= from * (1 + limit / 100) + noise_of(op))
}

function judge_below(release, name, axis, value, op, limit,  n, other, unit) {
	n = figure[release, name, axis, value, op]
	if (limit ~ /^[0-9]+$/)
		return verdict(sprintf("%.0f ms", n / 1e6), n < limit * 1e6)
	other = figure[release, name, axis, value, limit]
	unit = name == "icount" ? " million" : " ms" # a nanosecond is an instruction there
	return verdict(sprintf("%.1f%s to %.1f%s", n / 1e6, unit, other / 1e6, unit), n < other)
}

# Instructions of a guest as time of this machine: by what both take for `load`, which does the same.
function judge_converted(release, name, axis, value, op, limit,  n, guest, here) {
	guest = figure[release, name, axis, value, "load"]
	here = figure["native", "pure", "native", 0, "load"]
	if (!guest || !here)
		return "not measured"
	n = figure[release, name, axis, value, op] * here / guest
	return verdict(sprintf("%.0f ms", n / 1e6), n < limit * 1e6)
}

function judge(release, i,  kind, name, op, limit, at, axis, value) {
	kind = goal[i, 1]
	name = goal[i, 2]
	op = goal[i, 3]
	limit = goal[i, 5]
	split(goal[i, 4], at, " ")
	axis = at[1]
	value = at[2]
	# What this machine does itself is the same for all kernels; said once.
	if (axis == "native") {
		if (series(release) != "6.12")
			return ""
		release = "native"
	}
	if (kind == "hook")
		return judge_hook(release, name, axis, value, op, limit)
	if (!has(release, name, axis, value, op))
		return "not measured"
	if (kind == "added")
		return judge_added(release, name, axis, value, op, limit)
	if (kind == "converted")
		return judge_converted(release, name, axis, value, op, limit)
	if (kind == "info")
		return cell_added(release, name, axis, value, op)
	if (kind == "landlock")
		return judge_landlock(release, name, axis, value, op)
	if (kind == "percent")
		return judge_percent(release, name, axis, value, op, limit)
	if (kind == "least")
		return verdict(grouped(figure[release, name, axis, value, op]), figure[release, name, axis, value, op] >= limit)
	if (kind == "bytes")
		return verdict(grouped(figure[release, name, axis, value, op]), figure[release, name, axis, value, op] <= limit + 0)
	if (kind == "grow")
		return judge_grow(release, name, axis, value, op, limit)
	return judge_below(release, name, axis, value, op, limit)
}

function limit_text(i,  kind, limit) {
	kind = goal[i, 1]
	limit = goal[i, 5]
	if (kind == "added" || kind == "hook")
		return "+" grouped(limit)
	if (kind == "info")
		return ""
	if (kind == "landlock")
		return "Landlock"
	if (kind == "below" || kind == "converted")
		return limit ~ /^[0-9]+$/ ? "< " grouped(limit) " ms" : "< " limit
	if (kind == "bytes")
		return grouped(limit)
	if (kind == "least")
		return "at least " grouped(limit)
	return "+" limit " %"
}

# What the kernel takes for its part, where that is the reason: an empty program; or a label, and the
# cgroup that every cell has.
function floor_text(i,  release, op, name) {
	op = goal[i, 3]
	name = op == "vfork" ? "storage" : goal[i, 2] == "outside" && op == "open+close" ? "empty" : ""
	if (goal[i, 1] != "added" || !name)
		return ""
	for (release = release_count; release > 0; release--) {
		if (series(releases[release]) != "6.12")
			continue
		if (op == "vfork" && has(releases[release], "cgroup", "rules", 0, op))
			return "storage " signed(added(releases[release], name, "rules", 0, op)) ", cgroup " signed(added(releases[release], "cgroup", "rules", 0, op))
		return cell_added(releases[release], name, "rules", 0, op)
	}
	return ""
}

END {
	why = 0
	put("goal")
	put("at most")
	for (r = 1; r <= release_count; r++)
		if (has(releases[r], "none", "rules", 0, "open+close"))
			put(series(releases[r]))
	put("floor")
	next_row()
	for (g = 1; g <= goal_count; g++) {
		put(goal[g, 6])
		put(limit_text(g))
		for (r = 1; r <= release_count; r++)
			if (has(releases[r], "none", "rules", 0, "open+close")) {
				text = judge(releases[r], g)
				missed[g] = missed[g] (text ~ /not met/ ? (missed[g] ? ", " : "") series(releases[r]) : "")
				put(text)
			}
		put(floor_text(g) (missed[g] && goal[g, 7] ? "[^" ++why "]" : ""))
		next_row()
	}
	print_table()
	why = 0
	for (g = 1; g <= goal_count; g++)
		if (missed[g] && goal[g, 7])
			print "\n[^" ++why "]: On " missed[g] ": " goal[g, 7] "."
}
