# SPDX-License-Identifier: Apache-2.0
# With figures.awk: the table `-v table=NAME` of the kernel `-v release=RELEASE`.

# Operations inside and outside, next to others.
function table_core(  sizes, size, i, j, op) {
	sizes = split("10 1000 10000", size, " ")
	put("operation"); put("itself"); put("empty"); put("outside")
	for (j = 1; j <= sizes; j++)
		put("inside, " grouped(size[j]))
	put("Landlock, 10"); put("Landlock, 10,000"); put("AppArmor, 10"); put("AppArmor, 10,000"); put("auditd")
	next_row()
	for (i = 1; i <= op_count["rules"]; i++) {
		op = ops["rules", i]
		if (!has(release, "landlock", "rules", 10, op))
			continue
		put(op)
		put(grouped(itself(release, "rules", 0, op)))
		put(cell_added(release, "empty", "rules", 0, op))
		put(cell_added(release, "outside", "rules", 0, op))
		for (j = 1; j <= sizes; j++)
			put(cell_added(release, "inside", "rules", size[j], op))
		put(cell_added(release, "landlock", "rules", 10, op))
		put(cell_added(release, "landlock", "rules", 10000, op))
		put(cell_added(release, "apparmor", "rules", 10, op))
		put(cell_added(release, "apparmor", "rules", 10000, op))
		put(cell_added(release, "auditd", "rules", 0, op))
		next_row()
	}
}

# One operation for each family of hooks.
function table_outside(  i, op, hooks) {
	put("operation"); put("itself"); put("hooks"); put("outside"); put("each hook"); put("empty programs")
	next_row()
	for (i = 1; i <= op_count["hooks"]; i++) {
		op = ops["hooks", i]
		hooks = figure[release, "outside", "hooks", 0, op]
		put(op)
		put(grouped(itself(release, "rules", 0, op)))
		put(hooks)
		put(cell_added(release, "outside", "rules", 0, op))
		put(hooks > 0 ? sprintf("%+.0f", added(release, "outside", "rules", 0, op) / hooks) : "")
		put(cell_added(release, "empty", "rules", 0, op))
		next_row()
	}
}

# What a run of each program takes in a task outside.
function table_programs(  i, op) {
	put("program"); put("instructions")
	next_row()
	for (i = 1; i <= op_count["programs"]; i++) {
		op = ops["programs", i]
		if (!has(release, "outside", "programs", 0, op))
			continue
		put(op); put(figure[release, "outside", "programs", 0, op])
		next_row()
	}
}

# An axis: a column for each of its values.
function table_axis(axis, values,  size, sizes, names, count, name, i, j, k, op) {
	sizes = split(values, size, " ")
	count = split("inside landlock apparmor", names, " ")
	put("case"); put("operation")
	for (j = 1; j <= sizes; j++)
		put(grouped(size[j]))
	next_row()
	for (k = 1; k <= count; k++) {
		name = names[k]
		for (i = 1; i <= op_count[axis]; i++) {
			op = ops[axis, i]
			if (!has(release, name, axis, size[1], op) || op ~ /^(stat|fstat|access|read|write)$/)
				continue
			put(name); put(op)
			for (j = 1; j <= sizes; j++)
				put(cell_added(release, name, axis, size[j], op))
			next_row()
		}
	}
}

# What a call for the kernel's memory takes.
function table_reads(  i, op, none, sixteen) {
	put("operation"); put("empty program"); put("with 16 calls"); put("each")
	next_row()
	for (i = 1; i <= op_count["reads"]; i++) {
		op = ops["reads", i]
		if (!has(release, "reads", "reads", 16, op))
			continue
		none = figure[release, "empty", "reads", 0, op]
		sixteen = figure[release, "reads", "reads", 16, op]
		put(op); put(grouped(none)); put(grouped(sixteen)); put(sprintf("%.0f", (sixteen - none) / 16))
		next_row()
	}
}

# Times of both kinds of guests.
function table_times(  i, op) {
	put("what"); put("wall clock, ms"); put("million instructions")
	next_row()
	for (i = 1; i <= op_count["times"]; i++) {
		op = ops["times", i]
		put(op)
		put(has(release, "clock", "times", 0, op) ? sprintf("%.1f", figure[release, "clock", "times", 0, op] / 1e6) : "")
		put(has(release, "icount", "times", 0, op) ? sprintf("%.1f", figure[release, "icount", "times", 0, op] / 1e6) : "")
		next_row()
	}
}

# Whole programs, as a ratio to the same without anything.
function table_macro(  i, op, free) {
	put("what"); put("million instructions"); put("outside"); put("inside"); put("Landlock")
	next_row()
	for (i = 1; i <= op_count["macro"]; i++) {
		op = ops["macro", i]
		free = figure[release, "none", "macro", 0, op]
		if (!free)
			continue
		put(op); put(grouped(int(free / 1e6 + 0.5)))
		put(ratio("outside", op, free)); put(ratio("inside", op, free)); put(ratio("landlock", op, free))
		next_row()
	}
}

function ratio(name, op, free) {
	return has(release, name, "macro", 0, op) ? sprintf("%.3f", figure[release, name, "macro", 0, op] / free) : ""
}

function table_native(  i, op) {
	put("what"); put("nanoseconds, or bytes")
	next_row()
	for (i = 1; i <= op_count["native"]; i++) {
		op = ops["native", i]
		put(op); put(figure[release, "pure", "native", 0, op])
		next_row()
	}
}

END {
	if (table == "core") table_core()
	else if (table == "outside") table_outside()
	else if (table == "programs") table_programs()
	else if (table == "rules") table_axis("rules", "10 1000 10000")
	else if (table == "peers") table_axis("peers", "10 1000 10000")
	else if (table == "depth") table_axis("depth", "1 3 7 15 30")
	else if (table == "cells") table_axis("cells", "1 100 1000")
	else if (table == "reads") table_reads()
	else if (table == "times") table_times()
	else if (table == "macro") table_macro()
	else if (table == "native") table_native()
	if (row > 1)
		print_table()
}
