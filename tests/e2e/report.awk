# SPDX-License-Identifier: Apache-2.0
# docs/mediation.md from three inputs: results ("KERNEL STATE NAME WHY"), cases of `denials`
# ("probe NAME" or "control NAME") and the table `mediation`.
BEGIN {
	kernels = split("6.1 6.12 newest", kernel, " ")
	print "# Mediation: every known way round, and what closes it\n"
	print "Made by `make mediation` from a run of `make check`; the rows stand in `tests/e2e/mediation`, the"
	print "cases in `tests/e2e`. Each probe is done outside of a cell, where it has to succeed, and inside,"
	print "where it has to be denied with the right errno, change nothing, and stand in the trail with the"
	print "right rule or reason. Controls are acts beside them that have to work inside. What stays open by"
	print "nature stands in [SECURITY.md](../SECURITY.md).\n"
	print "**passed**: every probe was denied. **not possible**: this kernel cannot do the act at all, inside"
	print "or outside. **open**: a probe was not denied, or there is none.\n"
}
FNR == 1 { input++ }
input == 1 {
	if ($2 == "release") {
		release[$1] = $3
		next
	}
	state[$1, $3] = $2
	text = $0
	sub(/^[^ ]+ [^ ]+ [^ ]+ ?/, "", text)
	why[$1, $3] = text
	next
}
input == 2 { is_control[$2] = $1 == "control"; next }

function verdict(k, name,  s) { # passed, none, open or missing
	s = state[k, name]
	if (s == "passed")
		return "passed"
	if (s == "skip")
		return why[k, name] ~ /^open/ ? "open" : "none"
	return s == "failed" ? "open" : "missing"
}

function cell(k, probes,  list, n, i, count, v, text) {
	n = split(probes, list, " ")
	if (!n)
		return "open: no probe"
	for (i = 1; i <= n; i++) {
		v = verdict(k, list[i])
		count[v]++
		if (v == "none")
			impossible[k] = impossible[k] (impossible[k] ? ", " : "") "`" list[i] "`"
		if (v == "open")
			opened[k] = opened[k] (opened[k] ? ", " : "") "`" list[i] "` (" why[k, list[i]] ")"
	}
	if (count["open"])
		return "**open**: " count["open"] " of " n
	if (count["missing"])
		return count["missing"] " of " n " not run"
	if (count["none"] == n)
		return "not possible"
	return "passed" (count["none"] ? ", " count["none"] " of " n " not possible" : "")
}

function quoted(names,  list, n, i, text) {
	n = split(names, list, " ")
	for (i = 1; i <= n; i++)
		text = text (i > 1 ? " " : "") "`" list[i] "`"
	return text
}

function row(  i, line) {
	if (key == "")
		return
	line = "| " what " | " closes " | " quoted(probes) (controls ? (probes ? "; " : "") "controls " quoted(controls) : "") " |"
	for (i = 1; i <= kernels; i++)
		line = line " " cell(kernel[i], probes) " |"
	print line
	key = ""
}

/^#($|[^#])/ || /^$/ { next }
/^## / {
	row()
	print "\n" $0 "\n"
	print "| way round | closed by | cases | 6.1 | 6.12 | newest |"
	print "|---|---|---|---|---|---|"
	next
}
/^\t/ {
	for (i = 1; i <= NF; i++) {
		if (is_control[$i])
			controls = controls " " $i
		else
			probes = probes " " $i
		if (!($i in seen))
			all = all " " $i
		seen[$i] = 1
	}
	next
}
{
	row()
	split($0, part, / *[|] */)
	key = part[1]
	what = part[2]
	closes = part[3]
	probes = controls = ""
}
END {
	row()
	print "\n## Kernels\n"
	for (i = 1; i <= kernels; i++) {
		k = kernel[i]
		print "- **" k "**: " (release[k] ? release[k] : "not run") "." \
			(impossible[k] ? " Not possible: " impossible[k] "." : "") (opened[k] ? " Open: " opened[k] "." : "")
	}
	print "\n<!-- cases:" all " -->"
}
