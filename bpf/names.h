/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The part of abi.h that is about names. */
#ifndef AMBIT_NAMES_ABI_H
#define AMBIT_NAMES_ABI_H

/*
 * Map `names`: `cgroup` of struct ambit_cell -> an array of one of these, for cells whose policy has names:
 * what they asked for, and which addresses they were told. Made and taken away by user space with the
 * cell; filled by bpf/dns.bpf.c. Rows are found by a hash, and what a cell pushes out is its own.
 *
 * Rows are written by one program at a time: `version` is odd meanwhile, and counts.
 */
struct ambit_lease_name {
	__u32 until;  /* seconds of CLOCK_BOOTTIME; 0: no name */
	__u32 state;  /* behind the name and its '/', in the cell's automaton */
	__u32 epoch;  /* of that automaton, the lower half */
	__u32 domain; /* hash of the name */
};
#define AMBIT_LEASE_NAMES 4 /* of one address */
struct ambit_lease {
	__u64 address[2]; /* as it stands in an IPv6 packet: IPv4 is mapped */
	__u32 version;
	__u32 limits; /* bits of destinations (limits.h) whose names have led there */
	struct ambit_lease_name names[AMBIT_LEASE_NAMES];
};

/* A question that left the cell. */
struct ambit_question {
	__u64 resolver[2]; /* likewise */
	__u64 hash;	   /* of the name */
	__u32 version;
	__u32 key; /* the port that it came from << 16 | its id */
	__u32 asked; /* seconds, as above; 0: it was answered */
	__u32 state, epoch; /* what its answer leases */
	__u16 type;
	__u16 proto;
};

/* A name as it is written, to be shown. */
struct ambit_domain {
	__u32 version;
	__u32 domain;
	__u16 length;
	char text[AMBIT_DOMAIN_SIZE];
};

#define AMBIT_WAYS 4 /* rows that are looked at for a key */
#define AMBIT_LEASE_BITS    12
#define AMBIT_QUESTION_BITS 9
#define AMBIT_DOMAIN_BITS   9
struct ambit_names {
	__u64 seed;   /* of hashes; secret, so that nobody can make two names alike */
	__u64 paid;   /* when the questions so far would be over at the rate that is allowed, ns */
	__u64 dropped; /* the last segment that was not sent, by port and sequence: TCP tries it again */
	__u32 cell;
	__u32 queries; /* a minute */
	__u32 label, grace, longest; /* struct dns of user/policy/policy.h */
	__u32 private_names;
	__u32 limited; /* the rate was reached, and that was said */
	__u32 resolvers; /* a hash of those that may answer, for who gives the cell another policy */
	struct ambit_question questions[1 << AMBIT_QUESTION_BITS];
	struct ambit_domain domains[1 << AMBIT_DOMAIN_BITS];
	struct ambit_lease leases[1 << AMBIT_LEASE_BITS];
};

_Static_assert(sizeof(struct ambit_lease) == 88, "lease");
_Static_assert(sizeof(struct ambit_question) == 48, "question");
_Static_assert(sizeof(struct ambit_domain) == 264, "domain");
/* 100,000 leases, with all that belongs to them, in 16 MiB. */
_Static_assert(sizeof(struct ambit_names) / (1 << AMBIT_LEASE_BITS) * 100000 <= 16 << 20, "names");

#endif
