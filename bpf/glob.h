/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The part of abi.h about cgroups that are bound by a glob. Plain C for both sides: what user space finds and what
 * the kernel does cannot differ.
 */
#ifndef AMBIT_BOUND_GLOB_H
#define AMBIT_BOUND_GLOB_H

/*
 * Map `globs`: cell id -> the names, beneath one cgroup, that come into the cell when a cgroup is made (bind.bpf.c).
 *
 * A glob is a row of things that each stand for one letter, with stars between. Bit i of a number says that i of
 * them may be behind us; so all that may be so is known at once, and a letter is one step for all. User space makes
 * the row (user/compile/unitglob.c) and has 63 things at most.
 */
#define AMBIT_GLOB_THINGS 63
struct ambit_glob {
	__u64 parent;	    /* id of the cgroup above */
	__u32 cell;
	__u32 order;	    /* of two that match, the one with the smaller number counts */
	__u64 stars;	    /* behind so many things stands a star */
	__u64 end;	    /* the one bit that says that all is behind us */
	__u64 letters[256]; /* which things stand for a letter: bit i for the thing that follows i others */
};

#define AMBIT_GLOB_BEGIN 1ULL

static inline __u64 ambit_glob_step(const struct ambit_glob *glob, __u64 behind, __u8 letter)
{
	return (behind & glob->letters[letter]) << 1 | (behind & glob->stars);
}

_Static_assert(sizeof(struct ambit_glob) == 2080, "glob");

#endif
