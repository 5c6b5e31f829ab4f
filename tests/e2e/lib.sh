# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2034
# What the files of cases share. A case prints one line: "ok NAME", "skip NAME (why)" or
# "not ok NAME: why", the latter with the output and the command that repeats it.
work=/run/e2e
policies=/e2e/policies
passed=0 failed=0 skipped=0

# Whether a case is wanted: all are, or those of a list set apart by commas.
chosen() { # NAME
	[ -n "$ONLY" ] || return 0
	case ,$ONLY, in *,"$1",*) return 0 ;; esac
	return 1
}

case_ok() { # NAME
	passed=$((passed + 1))
	echo "ok $1"
}

case_skip() { # NAME WHY
	skipped=$((skipped + 1))
	echo "skip $1 ($2)"
}

case_failed() { # NAME WHY, with the output in $work/log
	failed=$((failed + 1))
	echo "not ok $1: $2"
	sed 's/^/    | /' "$work/log"
	[ "$SUITE" = all ] && option="" || option=" --$SUITE"
	echo "    repeat: tests/vm/check --kernel $KERNEL$option --case $1"
}

# Runs a function as a case: its output is shown only when it fails. Status 77: skip, and the last
# line of the output says why. (With 2 the shell ends where it is at fault itself.)
case_run() { # NAME FUNCTION
	chosen "$1" || return 0
	rm -rf "$work/case"
	mkdir -p "$work/case"
	(
		set -u
		cd / || exit 1
		"$2"
	) >"$work/log" 2>&1
	case $? in
	0) case_ok "$1" ;;
	77) case_skip "$1" "$(tail -n 1 "$work/log")" ;;
	*) case_failed "$1" "$(tail -n 1 "$work/log")" ;;
	esac
}

# For the body of a case: what has to hold, else the case ends here.
expect() { # WHAT COMMAND...
	what=$1
	shift
	"$@" && return
	echo "expected: $what"
	exit 1
}

expect_status() { # STATUS COMMAND...
	wanted=$1
	shift
	"$@"
	got=$?
	[ "$got" = "$wanted" ] && return
	echo "exit status $got, expected $wanted, of: $*"
	exit 1
}

# Lines in the trail of this case that have every KEY=VALUE.
trail_count() {
	trailq "$work/case/trail" "$@"
}

# Events of a type that the trail of this case stands for: those that are alike are one line.
trail_events() { # TYPE
	awk -v type="\"type\":\"$1\"" '
		index($0, type) { sum += match($0, /"count":[0-9]+,"end_time"/) ? substr($0, RSTART + 8) + 0 : 1 }
		END { printf "%d\n", sum }' "$work/case/trail"
}

expect_trail() { # KEY=VALUE...
	[ "$(trail_count "$@")" -gt 0 ] 2>/dev/null && return
	echo "the trail has no line with: $*"
	cat "$work/case/trail"
	exit 1
}

# Sets how the kernel preempts itself, and prints how it did. debugfs need not be mounted for ambit,
# so it is not left mounted.
preempt_set() { # MODE
	mkdir -p /tmp/debugfs
	mount -t debugfs none /tmp/debugfs
	sed 's/.*(\(.*\)).*/\1/' /tmp/debugfs/sched/preempt
	echo "$1" >/tmp/debugfs/sched/preempt
	umount /tmp/debugfs
}
