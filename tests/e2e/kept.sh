# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2154
# A verdict that was kept is not used any more once something has changed that it rests on. Each case
# asks twice for what is allowed, so that the second answer is a kept one, changes the world from
# outside, and asks again. `ask` is the cell, and no act but those of a case happens in it.

kept_policy=$policies/kept.yaml
kept_names=200

kept_tree() {
	for dir in /k/in/mount /k/out/mount /k/out/view /k/in/over /k; do umount -l "$dir" 2>/dev/null; done
	mkdir -p /k && mount -t tmpfs none /k || exit 1
	for dir in in in/written in/programs in/secret in/dir in/mount out out/mount out/view other hold; do
		mkdir -p "/k/$dir"
		echo text >"/k/$dir/file"
		cp /usr/local/lib/nothing "/k/$dir/prog"
	done
}

# Begins a cell that does what it is asked, with its questions at one descriptor and answers at another.
cell_begin() { # NUMBER POLICY
	mkfifo "$work/case/ask.$1" "$work/case/answer.$1"
	# shellcheck disable=SC2016 # the inner shell's
	ambit run -q -p "$2" --trail "$work/case/trail.$1" -- sh -c '
		cd /k/in/mount 2>/dev/null
		while read -r act; do probe $act 2>&1; echo "$?"; done' \
		<"$work/case/ask.$1" >"$work/case/answer.$1" 5>&- 6>&- 7>&- 8>&- &
	case $1 in
	1) cell_1=$! && exec 5>"$work/case/ask.1" 6<"$work/case/answer.1" ;;
	2) cell_2=$! && exec 7>"$work/case/ask.2" 8<"$work/case/answer.2" ;;
	esac
}
kept_begin() {
	kept_tree
	cell_begin 1 "$kept_policy"
}
# The answer of a cell: 0 done, 1 denied as expected. What probe says goes to the log.
answer_of() { # reads lines up to a number
	while read -r answer; do
		case $answer in [0-9]) return ;; esac
		echo "# $answer"
	done
	answer=gone
}
expect_answer() { # ANSWER ACT...
	wanted=$1
	shift
	echo "$*" >&5
	answer_of <&6
	[ "$answer" = "$wanted" ] && return
	echo "answer $answer, expected $wanted, to: $*"
	exit 1
}
expect_other() { # ANSWER ACT...: of the second cell
	wanted=$1
	shift
	echo "$*" >&7
	answer_of <&8
	[ "$answer" = "$wanted" ] && return
	echo "answer $answer of the other cell, expected $wanted, to: $*"
	exit 1
}
allowed() { # ACT...: three times, the later ones by what is kept
	for _ in 1 2 3; do expect_answer 0 "$@"; done
}
denied() {
	expect_answer 1 "$@"
	expect_answer 1 "$@"
}
kept_end() {
	exec 5>&- 6<&-
	expect_status 0 wait "$cell_1"
}

# --- names ---

kept_renamed() {
	kept_begin
	allowed read /k/in/file
	expect_status 0 mv /k/in/file /k/out/moved
	denied read /k/out/moved
	expect_status 0 probe read /k/out/moved
	expect_status 0 mv /k/out/moved /k/in/secret/moved
	denied read /k/in/secret/moved
	expect_status 0 mv /k/in/secret/moved /k/in/file
	allowed read /k/in/file
	kept_end
}
kept_parent_renamed() {
	kept_begin
	allowed read /k/in/dir/file
	expect_status 0 mv /k/in/dir /k/out/dir
	denied read /k/out/dir/file
	expect_status 0 probe read /k/out/dir/file
	expect_status 0 mv /k/out/dir /k/in/dir
	allowed read /k/in/dir/file
	kept_end
}
kept_exchanged() {
	kept_begin
	allowed read /k/in/file
	denied read /k/out/file
	expect_status 0 probe exchange /k/in/file /k/out/file
	denied read /k/out/file
	allowed read /k/in/file
	kept_end
}
kept_unlinked() {
	kept_begin
	allowed reopen /k/in/written/file
	expect_answer 1 reopen-unlinked /k/in/written/file
	echo text >/k/in/written/file
	expect_status 0 probe reopen-unlinked /k/in/written/file
	kept_end
}

# A dentry that gets the memory of one that a verdict was kept of. Nothing is renamed or mounted.
kept_reborn() {
	kept_begin
	round=0
	expect_status 0 probe many-make /k/hold $kept_names
	while [ "$round" -lt 8 ]; do
		round=$((round + 1))
		expect_status 0 probe many-link /k/hold /k/in/dir $kept_names
		allowed many-read /k/in/dir $kept_names
		expect_status 0 probe many-unlink /k/in/dir $kept_names
		echo 2 >/proc/sys/vm/drop_caches
		expect_status 0 probe many-link /k/hold /k/out $kept_names
		expect_status 0 probe many-read /k/out $kept_names
		denied many-read /k/out $kept_names
		expect_status 0 probe many-unlink /k/out $kept_names
		echo 2 >/proc/sys/vm/drop_caches
	done
	kept_end
}

# --- mounts ---

# Where a directory becomes a place to mount on, rename_lock changes too (d_set_mounted() in
# fs/dcache.c); a move does so with the root of what it moves. Here it is one already, by another mount
# of the directory above, so that mount_lock alone tells.
mounted_elsewhere() { # DIR NAME
	mkdir -p "/k/hold/$1"
	mount --bind "/k/$1" "/k/hold/$1" && mount -t tmpfs none "/k/hold/$1/$2" || exit 1
}

kept_mount_moved() {
	kept_tree
	mounted_elsewhere in dir
	mounted_elsewhere out mount
	mount --bind /k/in/dir /k/in/dir || exit 1
	cell_begin 1 "$kept_policy"
	allowed read /k/in/dir/file
	expect_status 0 mount --move /k/in/dir /k/out/mount
	denied read /k/out/mount/file
	expect_status 0 probe read /k/out/mount/file
	expect_status 0 mount --move /k/out/mount /k/in/dir
	allowed read /k/in/dir/file
	kept_end
}
# What lies on a mount above the file's moves with it.
kept_mount_above() {
	kept_tree
	mounted_elsewhere out mount
	mount --bind /k/in/dir /k/in/dir && mkdir /k/in/dir/below && mount -t tmpfs none /k/in/dir/below &&
		echo text >/k/in/dir/below/file || exit 1
	cell_begin 1 "$kept_policy"
	allowed read /k/in/dir/below/file
	expect_status 0 mount --move /k/in/dir /k/out/mount
	denied read /k/out/mount/below/file
	expect_status 0 probe read /k/out/mount/below/file
	kept_end
}
# The cell is in a directory of a mount that is taken away.
kept_unmounted() {
	kept_tree
	mount -t tmpfs none /k/in/mount && echo text >/k/in/mount/file || exit 1
	cell_begin 1 "$kept_policy"
	allowed read file
	expect_status 0 umount -l /k/in/mount
	denied read file
	kept_end
}
kept_bound() {
	kept_begin
	allowed read /k/in/dir/file
	expect_status 0 mount --bind /k/in/dir /k/out/view
	denied read /k/out/view/file
	expect_status 0 probe read /k/out/view/file
	allowed read /k/in/dir/file
	kept_end
}

# --- what is asked, and who asks ---

kept_other_operation() {
	kept_begin
	allowed read /k/in/file
	for act in write rdwr append trunc read-trunc mode3 truncate; do
		denied "$act" /k/in/file
		allowed "$act" /k/in/written/file
	done
	allowed read /k/in/file
	kept_end
}
kept_code() {
	kept_begin
	allowed read /k/in/prog
	denied mmap-exec /k/in/prog
	denied exec /k/in/prog
	allowed mmap-exec /k/in/programs/prog
	allowed mprotect-exec /k/in/programs/prog
	allowed exec /k/in/programs/prog
	expect_status 0 mv /k/in/programs/prog /k/in/moved
	allowed read /k/in/moved
	denied mmap-exec /k/in/moved
	denied mprotect-exec /k/in/moved
	denied exec /k/in/moved
	kept_end
}
kept_other_cell() {
	kept_begin
	cell_begin 2 "$policies/kept-other.yaml"
	allowed read /k/in/file
	expect_other 1 read /k/in/file
	expect_other 0 read /k/other/file
	expect_other 0 read /k/other/file
	denied read /k/other/file
	allowed mmap-exec /k/in/programs/prog
	expect_other 1 mmap-exec /k/in/programs/prog
	allowed read /k/in/file
	exec 7>&- 8<&-
	expect_status 0 wait "$cell_2"
	kept_end
}
kept_address() {
	kept_begin
	cell_begin 2 "$policies/kept-other.yaml"
	allowed connect tcp 127.0.0.1 7001
	denied connect tcp 127.0.0.1 7002
	denied connect tcp 127.0.0.3 7001
	denied bind tcp 127.0.0.1 7001
	allowed connect tcp 127.0.0.1 7005
	denied connect udp 127.0.0.1 7005
	expect_other 1 connect tcp 127.0.0.1 7001
	expect_other 1 connect tcp 127.0.0.1 7001
	allowed connect tcp 127.0.0.1 7001
	exec 7>&- 8<&-
	expect_status 0 wait "$cell_2"
	kept_end
}
kept_other_policy() {
	kept_begin
	allowed read /k/in/file
	allowed connect tcp 127.0.0.1 7001
	expect_status 0 swap 1 "$policies/kept-other.yaml" "$kept_policy"
	denied read /k/in/file
	denied connect tcp 127.0.0.1 7001
	allowed read /k/other/file
	kept_end
}

# --- whose entry of /proc it is ---

# What is known of the directory above /proc must not answer for what lies in it.
kept_proc() {
	kept_tree
	echo text >/kept-file
	expect_status 0 probe read /proc/1/environ
	cell_begin 1 "$policies/kept-proc.yaml"
	allowed read /kept-file
	denied read /proc/1/environ
	denied read /proc/1/stat
	allowed read /proc/self/environ
	kept_end
	rm /kept-file
}

# --- what is counted ---

# The allowed decisions of a cell that opens a file so many times.
allowed_of() { # OPENS
	rm -f "$work/case/counted"
	ambit run -q -p "$kept_policy" --trail "$work/case/counted" -- probe again-read "$1" /k/in/file || exit 1
	tail -n 1 "$work/case/counted" | sed -n 's/.*"type":"end".*"allowed":\([0-9]*\).*/\1/p'
}
expect_counts() { # HOW
	one=$(allowed_of 1) many=$(allowed_of 1001)
	echo "$1: $one and $many allowed"
	expect "a thousand more, $1" [ $((many - one)) = 1000 ]
}
kept_counted() {
	[ "$KERNEL$SUITE" = 6.12all ] || { echo "the counters are the same everywhere, and it arms twice: done on 6.12"; exit 77; }
	kept_tree
	expect_counts "as armed"
	kept_one=$one
	expect_status 0 ambit disarm
	expect_status 0 env AMBIT_KEEP=no ambit arm
	expect_counts "with nothing kept"
	expect_status 0 ambit disarm
	expect_status 0 ambit arm
	expect "as many as with kept verdicts" [ "$one" = "$kept_one" ]
	expect_counts "armed again"
}

kept_all() {
	for name in kept-renamed kept-parent-renamed kept-exchanged kept-unlinked kept-reborn kept-mount-moved \
		kept-mount-above kept-unmounted kept-bound kept-other-operation kept-code kept-other-cell \
		kept-address kept-other-policy kept-proc kept-counted; do
		case_run "$name" "$(echo "$name" | tr - _)"
	done
}
