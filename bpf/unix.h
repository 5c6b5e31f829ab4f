/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The part of abi.h that is about peers of unix sockets. */
#ifndef AMBIT_UNIX_ABI_H
#define AMBIT_UNIX_ABI_H

/*
 * Peers of unix sockets that are no path stand in the automaton of OP_UNIX beside the paths, which all
 * begin with '/': an abstract name is AMBIT_PEER_ABSTRACT and the name's bytes, a cell is AMBIT_PEER_CELL
 * and the name of its policy.
 */
#define AMBIT_PEER_ABSTRACT "abstract:"
#define AMBIT_PEER_CELL	    "cell:"
#define AMBIT_POLICY_NAME   64  /* bytes of the longest name of a policy */
#define AMBIT_ABSTRACT_MAX  107 /* bytes of the longest abstract name (sun_path, without its NUL) */

/* Room for the text of a cell (struct ambit_cell). */
#define AMBIT_KNOWN_SIZE 72
_Static_assert(sizeof(AMBIT_PEER_CELL) + AMBIT_POLICY_NAME <= AMBIT_KNOWN_SIZE, "names of cells");

#endif
