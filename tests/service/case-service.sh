# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# The unit: what systemd does with it, and what of that reaches who is in a cell.

# Installed is not armed; what the package promises of a first day.
case_install() {
	expect "nothing is there before" refused command -v ambit
	dpkg -i /ambit.deb
	expect "installing arms nothing" [ ! -e /sys/fs/bpf/ambit ]
	expect "it is not enabled" refused systemctl is-enabled --quiet ambit.service
	expect "it does not run" refused systemctl is-active --quiet ambit.service
	expect "the group is there" getent group ambit
	expect "trails are root's" [ "$(stat -c %a:%U "$trails")" = 700:root ]
	ambit doctor >"$work/doctor" || { cat "$work/doctor"; exit 1; }
	tail -n 1 "$work/doctor"
	expect "doctor leaves the kernel as it was" [ ! -e /sys/fs/bpf/ambit ]
	systemctl enable --now ambit.socket ambit.service
	serving
	expect "armed with the service" [ -e /sys/fs/bpf/ambit ]
}

# The first instruction of a service that asks for it is decided; without the drop-in it is not.
case_drop_in() {
	fresh
	service first /usr/bin/prober /srv/in/counts "$good" "$bad"
	expect "outside of a cell the prober says so" refused systemctl start --wait first.service
	await "its counts" test -s /srv/in/counts
	expect "one verdict is wrong there" grep -q 'wrong [1-9]' /srv/in/counts
	rm /srv/in/counts
	service bare /usr/bin/cat "$bad"
	sed -i 's/^Type=.*/Type=oneshot/' /etc/systemd/system/bare.service
	systemctl daemon-reload
	expect "outside it reads the secret" systemctl start bare.service
	bound bare
	expect "in its cell it does not" refused systemctl start bare.service
	sed -i "s|^ExecStart=.*|ExecStart=/usr/bin/cat $good|" /etc/systemd/system/bare.service
	systemctl daemon-reload
	systemctl reset-failed bare.service
	expect "what it may read it reads" systemctl start bare.service
	rm /etc/ambit/first.yaml
	bound first
	expect "without a policy it does not start" refused systemctl start first.service
	expect "not at all" [ ! -e /srv/in/counts ]
	systemctl stop ambit.socket ambit.service
	trail_of bare
	expect_trail verdict=deny path="$bad" comm=cat
	verified
}

# stop, start, restart and reload, while one in a cell goes on.
case_systemctl() {
	fresh
	prober_start life
	systemctl stop ambit.socket ambit.service
	expect "the service that is bound runs on" systemctl is-active life.service
	expect "with nobody there it is denied" refused within life cat "$bad"
	expect "what it may read is not" within life cat "$good"
	expect "outside it is not either" cat "$bad"
	# The socket alone: who asks starts the daemon.
	systemctl start ambit.socket
	expect "it is not there" refused systemctl is-active --quiet ambit.service
	expect "the socket starts it" ambit reload
	expect "now it is" systemctl is-active --quiet ambit.service
	systemctl restart ambit.service
	serving
	sed -i 's|read: \[|read: [/srv/out/other, |' /etc/ambit/life.yaml
	echo word >/srv/out/other
	systemctl reload ambit.service
	expect "the service that is bound still runs" systemctl is-active life.service
	serving
	systemctl stop ambit.socket ambit.service
	prober_stop life
	systemctl start ambit.socket ambit.service
	serving
	systemctl stop ambit.socket ambit.service
	trail_of life
	expect_trail type=service what=takeover
	expect_trail type=service what=release
	expect_trail type=service what=reload
	verified
	denied=$((denied + 1)) # the one by hand
	accounted life
}

# systemd's own client, where there is one. It knows of the interface what the socket says.
case_varlink() {
	command -v varlinkctl >"$work/which" || skip "systemd $(systemctl --version | awk 'NR == 1 { print $2 }') has no varlinkctl"
	fresh
	serving
	local socket=/run/ambit/control
	service spoken /usr/bin/sleep infinity
	varlinkctl info "$socket" >"$work/answer"
	expect "who it is" grep -q ambit "$work/answer"
	varlinkctl list-interfaces "$socket" >"$work/answer"
	expect "the interfaces" [ "$(sort "$work/answer" | tr '\n' ' ')" = "io.ambit.Cells org.varlink.service " ]
	varlinkctl validate-idl /usr/share/ambit/varlink/io.ambit.Cells.varlink >"$work/answer"
	varlinkctl introspect "$socket" io.ambit.Cells >"$work/socket.varlink"
	varlinkctl validate-idl "$work/socket.varlink" >"$work/answer"
	expect "what the socket says is what is published" [ "$(idl "$work/socket.varlink")" = \
		"$(idl /usr/share/ambit/varlink/io.ambit.Cells.varlink)" ]
	varlinkctl call "$socket" io.ambit.Cells.Attach \
		'{"cgroup": "/sys/fs/cgroup/system.slice/spoken.service", "policy": "/etc/ambit/spoken.yaml"}' >"$work/answer"
	expect "it is bound" grep -q '"cell"' "$work/answer"
	systemctl start spoken.service
	expect "what is denied is" refused within spoken cat "$bad"
	varlinkctl -j call "$socket" io.ambit.Cells.List '{}' >"$work/answer"
	expect "the cell is there, with its denial" python3 -c 'import json, sys
cell, = json.load(sys.stdin)["cells"]
sys.exit(not (cell["policy"] == "/etc/ambit/spoken.yaml" and cell["denied"] > 0))' <"$work/answer"
	varlinkctl call "$socket" io.ambit.Cells.Reload '{}'
	expect "what is no cgroup is an error of the interface" refused varlinkctl call "$socket" io.ambit.Cells.Attach \
		'{"cgroup": "/sys/fs/cgroup/none/none", "policy": "/etc/ambit/spoken.yaml"}' 2>"$work/answer"
	expect "and says so" grep -q io.ambit.Cells.Refused "$work/answer"
	systemctl stop spoken.service
	varlinkctl call "$socket" io.ambit.Cells.Stop '{}'
}

# Its words, however they are spaced, without comments.
idl() { # FILE
	sed 's/#.*//' "$1" | tr -d '[:space:]'
}

restarted() { # TIMES_BEFORE
	(($(systemctl show -P NRestarts ambit.service) > $1))
}

# One that hangs is ended by systemd, and the next goes on.
case_watchdog() {
	fresh
	mkdir -p /run/systemd/system/ambit.service.d
	printf '[Service]\nWatchdogSec=8s\n' >/run/systemd/system/ambit.service.d/watchdog.conf
	systemctl daemon-reload
	systemctl restart ambit.service
	prober_start life
	local pid before
	pid=$(daemon_pid)
	before=$(systemctl show -P NRestarts ambit.service)
	kill -STOP "$pid"
	await "systemd starts another" restarted "$before"
	expect "systemd says why" said "Watchdog timeout"
	serving
	prober_stop life
	rm -r /run/systemd/system/ambit.service.d
	systemctl daemon-reload
	systemctl stop ambit.socket ambit.service
	verified --unfinished
	accounted life
}

larger() { # SIZE FILE
	(($(stat -c %s "$2") > $1))
}

# kill -9 every 200 ms, with verdicts all the time.
case_killed() {
	fresh
	prober_start life
	local until=$((SECONDS + seconds)) kills=0 taken=0 size pid procs=/sys/fs/cgroup/system.slice/ambit.service/cgroup.procs
	while ((SECONDS < until)); do
		if read -r pid <$procs && kill -9 "$pid"; then kills=$((kills + 1)); fi 2>/dev/null
		sleep 0.2
	done
	# And when it had just begun to serve, or to write.
	for _ in 1 2 3 4 5; do
		serving
		kill -9 "$(daemon_pid)"
		serving
		size=$(stat -c %s "$trails"/life-*.jsonl)
		await "the next one writes" larger "$size" "$trails"/life-*.jsonl
		kill -9 "$(daemon_pid)"
		kills=$((kills + 2))
	done
	serving
	prober_stop life
	systemctl stop ambit.socket ambit.service
	trail_of life
	taken=$(trail lines "$work/trail" type=service what=takeover)
	echo "# killed $kills times, taken over $taken times"
	expect "kills" [ "$kills" -gt "$((seconds / 2))" ]
	expect "takeovers" [ "$taken" -gt 10 ]
	verified --unfinished
	accounted life
}
