# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# The package comes over another one, and goes.

case_upgrade() {
	fresh
	systemctl stop 'ambit@*' ambit.socket ambit.service
	ambit stop --disarm
	dpkg -i /previous.deb
	cp /usr/bin/ambit "$work/previous"
	systemctl start ambit.socket ambit.service
	prober_start over
	local before
	before=$(daemon_pid)
	dpkg -i /ambit.deb
	expect "it is another program" refused cmp -s /usr/bin/ambit "$work/previous"
	serving
	expect "it runs anew" [ "$(daemon_pid)" != "$before" ]
	expect "the service that is bound runs on" systemctl is-active over.service
	prober_stop over
	systemctl stop ambit.socket ambit.service
	trail_of over
	expect_trail type=service what=takeover
	verified
	accounted over
}

# Of another interface: said, not taken over, and nothing is let go.
case_upgrade_other() {
	fresh
	prober_start other
	local before
	before=$(daemon_pid)
	dpkg -i /other.deb 2>"$work/said"
	expect "it is said" grep -q 'cannot take them over' "$work/said"
	expect "the daemon of before goes on" [ "$(daemon_pid)" = "$before" ]
	expect "the service that is bound runs on" systemctl is-active other.service
	expect "what is denied is" refused within other cat "$bad"
	expect "the new one refuses" refused ambit arm
	systemctl kill -s KILL ambit.service
	await "the new one says so" said 'armed by another version'
	expect "without a daemon it is denied, too" refused within other cat "$bad"
	prober_stop other
	systemctl stop ambit.socket ambit.service
	verified --unfinished
	ambit stop --disarm
	expect "nothing of the other is left" [ ! -e /sys/fs/bpf/ambit ]
	systemctl start ambit.socket ambit.service
	serving
	systemctl restart ambit@other.service
	expect "bound again by the new one" refused within_new other
	systemctl stop 'ambit@*' ambit.socket ambit.service
	ambit stop --disarm
	dpkg -i /ambit.deb
}

within_new() { # NAME: the unit, which has to be made anew
	printf '[Unit]\nDescription=a service of the tests\n[Service]\nType=oneshot\nExecStart=/usr/bin/cat %s\n' "$bad" \
		>"/etc/systemd/system/$1.service"
	systemctl daemon-reload
	systemctl start "$1.service"
}

case_remove() {
	fresh
	prober_start last
	dpkg -r ambit 2>"$work/said"
	expect "it is said" grep -q 'stay so until the next boot' "$work/said"
	expect "removed: no daemon" refused systemctl is-active --quiet ambit.service ambit.socket
	expect "removed: what is denied is" refused within last cat "$bad"
	expect "the settings stay" [ -e /etc/ambit/trail.yaml ]
	expect "trails stay" compgen -G "$trails/last-*.jsonl"
	prober_stop last
	dpkg -i /ambit.deb
	systemctl start ambit.socket ambit.service
	serving
	expect "the next one has it" bash -c 'ambit ps | grep -q last'
	systemctl stop 'ambit@*' ambit.socket ambit.service
	verified
	ambit stop --disarm
	dpkg -P ambit
	for left in /sys/fs/bpf/ambit "$trails" /etc/ambit/trail.yaml /usr/bin/ambit /usr/share/ambit; do
		expect "purged: no $left" [ ! -e "$left" ]
	done
	expect "policies are the administrator's" [ -e /etc/ambit/last.yaml ]
}
