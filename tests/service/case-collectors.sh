# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# Real readers of trails and metrics: journald, rsyslog, an OTLP receiver, Prometheus with its node exporter.

journal_has() { # TEXT
	journalctl -b -o json --no-pager SYSLOG_IDENTIFIER=ambit AMBIT_TYPE=decision >"$work/journal"
	grep -q "$1" "$work/journal"
}

# What rsyslog wrote that it took for ambit's. Facility authpriv has a file of its own in Debian's rsyslog.conf.
syslog_has() { # TEXT
	sed -n 's/^[^ ]* [^ ]* ambit\[[0-9]*\]: //p' /var/log/auth.log >"$work/syslog"
	grep -q "$1" "$work/syslog"
}

# A run with 3 denials for all sinks.
collected_run() {
	policy collect
	install -d -o nobody /srv/in
	rm -f "$work/trail" # of a case before
	cat >/etc/ambit/trail.yaml <<-X
		apiVersion: ambit/v1
		sinks:
		  - journal
		  - syslog
		  - {kind: otlp, to: "http://127.0.0.1:4318/v1/logs"}
	X
	# shellcheck disable=SC2016 # the inner shell's
	(cd /srv/in && ambit run -q --user nobody -p /etc/ambit/collect.yaml --trail "$work/trail" -- \
		bash -c 'for i in 1 2 3; do read -r _ </srv/out/secret$i; done; true')
}

collected() {
	[ "$(wc -l <"$work/otlp")" = "$(wc -l <"$work/trail")" ]
}

case_sinks() {
	fresh
	local i
	for i in 1 2 3; do echo word >/srv/out/secret$i; done
	systemctl restart rsyslog.service
	cp /etc/ambit/trail.yaml "$work/trail.yaml"
	python3 "$here/otlp.py" "$work/otlp" >"$work/otlp.log" 2>&1 &
	local receiver=$!
	await "the receiver" grep -q listening "$work/otlp.log"
	collected_run
	cp "$work/trail.yaml" /etc/ambit/trail.yaml
	for i in 1 2 3; do
		expect "one denial in the trail" [ "$(trail lines "$work/trail" verdict=deny path=/srv/out/secret$i)" = 1 ]
		await "the journal has $i" journal_has "secret$i"
		await "syslog has $i" syslog_has "secret$i"
		expect "OTLP has $i" grep -q "/srv/out/secret$i" "$work/otlp"
	done
	await "the collector has every line" collected
	kill $receiver
	expect "OTLP refused nothing" refused grep refused "$work/otlp.log"
	grep '/srv/out/secret[123]' "$work/journal" >"$work/denials"
	expect "the journal has each once" [ "$(wc -l <"$work/denials")" = 3 ]
	trail journal "$work/denials" "$work/trail"
	await "syslog has the last line" syslog_has '"type":"end"'
	expect "syslog has the trail, line by line" cmp "$work/syslog" "$work/trail"
	ambit verify "$work/trail"
}

scraped() { # JOB
	curl -sG http://127.0.0.1:9090/api/v1/query --data-urlencode \
		"query=ambit_denials_total{job=\"$1\",cell=~\"counted-.*\",op=\"read\",reason=\"no-rule\"} > 0" \
		>"$work/answer" && grep -q '"value"' "$work/answer"
}

# Two ways: the node exporter's textfiles, and the unix socket behind a port.
case_prometheus() {
	fresh
	service counted /usr/bin/prober /srv/in/counts "$good" "$bad" /srv/in/never
	bound counted
	systemctl start counted.service
	mkdir -p "$work/textfiles" "$work/tsdb"
	await "denials" has_denials counted 10
	ambit metrics --textfile "$work/textfiles/ambit.prom"
	promtool check metrics <"$work/textfiles/ambit.prom"
	promtool check rules /usr/share/doc/ambit/examples/prometheus/ambit.rules.yaml
	ambit metrics --socket "$work/metrics" &
	local pids=$!
	prometheus-node-exporter --web.listen-address=127.0.0.1:9100 --collector.disable-defaults \
		--collector.textfile --collector.textfile.directory="$work/textfiles" 2>"$work/exporter.log" &
	pids+=" $!"
	socat TCP-LISTEN:9101,bind=127.0.0.1,fork,reuseaddr UNIX-CONNECT:"$work/metrics" &
	pids+=" $!"
	cat >"$work/prometheus.yml" <<-X
		global: {scrape_interval: 5s} # which is how long an answer may take, too
		rule_files: [/usr/share/doc/ambit/examples/prometheus/ambit.rules.yaml]
		scrape_configs:
		  - {job_name: textfile, static_configs: [{targets: ["127.0.0.1:9100"]}]}
		  - {job_name: socket, static_configs: [{targets: ["127.0.0.1:9101"]}]}
	X
	prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/tsdb" \
		--web.listen-address=127.0.0.1:9090 2>"$work/prometheus.log" &
	pids+=" $!"
	# shellcheck disable=SC2064 # these
	trap "kill $pids" EXIT
	local job
	for job in textfile socket; do
		await "denials by $job" scraped "$job"
		echo "# $job: $(grep -o '"value":[^]]*' "$work/answer")"
	done
	systemctl stop counted.service
}
