# SPDX-License-Identifier: Apache-2.0
# With figures.awk: an SVG of what is added to operations along an axis, of one kernel.
#   -v release=RELEASE -v axis=AXIS -v title=TEXT -v unit=TEXT [-v log_x=1]
#   -v lines="CASE:OPERATION:LABEL;CASE:OPERATION:LABEL"

function escape(text) {
	gsub(/&/, "\\&amp;", text)
	gsub(/</, "\\&lt;", text)
	return text
}

function text_at(x, y, anchor, text, style) {
	printf "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\"%s>%s</text>\n", x, y, anchor, style ? " " style : "", escape(text)
}

function line_at(x1, y1, x2, y2, style) {
	printf "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" %s/>\n", x1, y1, x2, y2, style
}

function scale_x(x) {
	if (log_x)
		return left + (right - left) * (x_max > x_min ? log(x / x_min) / log(x_max / x_min) : 0)
	return left + (right - left) * (x - x_min) / (x_max - x_min)
}

function scale_y(y) {
	return bottom - (bottom - top) * y / y_max
}

# 1, 2 or 5 times a power of ten, so that at most eight steps lead to n.
function nice_step(n,  step) {
	for (step = 1; step * 8 < n; step *= 10) {
		if (step * 16 >= n)
			return step * 2
		if (step * 40 >= n)
			return step * 5
	}
	return step
}

# Reads the points of all lines, and how far they go.
function collect(  i, j, key, at, x) {
	count = split(lines, line, ";")
	for (i = 1; i <= count; i++) {
		split(line[i], part, ":")
		label[i] = part[3]
		points[i] = 0
		for (key in figure) {
			split(key, at, SUBSEP)
			if (at[1] != release || at[2] != part[1] || at[3] != axis || at[5] != part[2])
				continue
			x = at[4] + 0
			for (j = ++points[i]; j > 1 && xs[i, j - 1] > x; j--) {
				xs[i, j] = xs[i, j - 1]
				ys[i, j] = ys[i, j - 1]
			}
			xs[i, j] = x
			ys[i, j] = added(release, at[2], axis, at[4], at[5])
			if (ys[i, j] < 0)
				ys[i, j] = 0
		}
		for (j = 1; j <= points[i]; j++)
			extend(xs[i, j], ys[i, j])
	}
}

function extend(x, y) {
	if (!ticks[x]++)
		tick[++tick_count] = x
	if (x_min == "" || x < x_min)
		x_min = x
	if (x_max == "" || x > x_max)
		x_max = x
	if (y > y_max)
		y_max = y
}

function frame(  step, y, i) {
	step = nice_step(y_max)
	y_max = step * int((y_max + step - 1) / step)
	if (!y_max)
		y_max = step = 1
	for (y = 0; y <= y_max; y += step) {
		line_at(left, scale_y(y), right, scale_y(y), "stroke=\"#ddd\"")
		text_at(left - 8, scale_y(y) + 4, "end", grouped(y))
	}
	for (i = 1; i <= tick_count; i++) {
		line_at(scale_x(tick[i]), bottom, scale_x(tick[i]), bottom + 5, "stroke=\"#333\"")
		text_at(scale_x(tick[i]), bottom + 20, "middle", grouped(tick[i]))
	}
	line_at(left, bottom, right, bottom, "stroke=\"#333\"")
	line_at(left, top, left, bottom, "stroke=\"#333\"")
	text_at((left + right) / 2, bottom + 42, "middle", unit (log_x ? " (logarithmic)" : ""))
	text_at(0, 0, "middle", "instructions added", sprintf("transform=\"translate(18 %.1f) rotate(-90)\"", (top + bottom) / 2))
	text_at(left, 24, "start", title, "font-size=\"16\" font-weight=\"bold\"")
	text_at(left, 42, "start", "Linux " release, "fill=\"#666\"")
}

function draw(i,  j, path, y) {
	for (j = 1; j <= points[i]; j++) {
		path = path sprintf("%s%.1f,%.1f", j > 1 ? " " : "", scale_x(xs[i, j]), scale_y(ys[i, j]))
		printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\" fill=\"%s\"/>\n", scale_x(xs[i, j]), scale_y(ys[i, j]), color[i]
	}
	printf "<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"%s/>\n", path, color[i], dashes[i]
	y = top + 10 + 22 * (i - 1)
	line_at(right + 20, y, right + 50, y, "stroke=\"" color[i] "\" stroke-width=\"2\"" dashes[i])
	text_at(right + 58, y + 4, "start", label[i])
}

END {
	left = 90; right = 560; top = 60; bottom = 350
	split("#0072b2 #56b4e9 #d55e00 #009e73 #cc79a7 #444444", color, " ")
	split("|stroke-dasharray=\"7 4\"|||stroke-dasharray=\"2 3\"|", dashes, "|")
	for (i in dashes)
		dashes[i] = dashes[i] ? " " dashes[i] : ""
	collect()
	print "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"820\" height=\"410\" viewBox=\"0 0 820 410\" font-family=\"sans-serif\" font-size=\"12\">"
	print "<rect width=\"820\" height=\"410\" fill=\"white\"/>"
	if (tick_count) {
		frame()
		for (i = 1; i <= count; i++)
			if (points[i])
				draw(i)
	}
	print "</svg>"
}
