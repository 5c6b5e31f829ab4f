/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a connection counts for, by the name that its first bytes have said (named.bpf.h). */
#ifndef AMBIT_COUNTS_H
#define AMBIT_COUNTS_H

#include "named.bpf.h"
#include "question.bpf.h"
#include "reader.bpf.h"

/* The name is known: what is sent counts for it, and for no other that led to the address. What goes through a
 * tunnel goes on to count for the proxy, too, and for whom that was asked for. */
static __always_inline void counts_free(const struct ambit_names *all, const struct packet *packet,
	const struct reader *reader, const struct dns *dns, struct connection *connection)
{
	__u32 groups;

	/* 0: nothing counts for anybody. */
	if (!connection->groups || reader->tunnel)
		return;
	groups = named_groups(all->cell, &packet->peer, dns);
	if (groups)
		connection->groups = groups;
}

/* Asking a proxy is a connect, too. 0; or a reason. */
FRAME int counts_tunnel(const struct ambit_names *all, struct packet *packet,
	const struct reader *reader, const struct dns *dns, struct connection *connection)
{
	const struct address peer = {.port = reader->asked}; /* the name alone counts */
	struct verdict v = {};
	__u32 groups;

	if (!connection->groups)
		return 0;
	groups = named_groups(all->cell, &peer, dns);
	connection->groups |= groups;
	if (!groups_connect(all->cell, groups, &v))
		return 0;
	packet->rule = v.rule;
	packet->silent = v.silent;
	return v.reason;
}

#endif
