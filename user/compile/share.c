/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ends of patterns that are the same become one. As a tree, a policy with ten thousand patterns has ten
 * thousand ends, and each multiplies with what else is being matched there; that they do not differ
 * would be found only after all of it was made.
 */
#include <string.h>
#include "base/array.h"
#include "base/util.h"
#include "compile/share.h"

struct share {
	struct nfa *nfa;
	uint32_t *same;	 /* of each node: the one that stands for it */
	uint32_t *slots; /* open addressing, of nodes that stand for themselves; 0: free */
	uint32_t slot_mask;
	uint32_t *edges; /* scratch: those of one node */
	size_t edges_room;
};

static void share_cleanup(struct share *share)
{
	free(share->same);
	free(share->slots);
	free(share->edges);
}

static const struct byte_set *edge_set(const struct nfa *nfa, uint32_t edge)
{
	return &nfa->sets[nfa->edges[edge].set].bytes;
}

/* The one total order of what edges read. */
static int edge_compare(const struct nfa *nfa, uint32_t a, uint32_t b)
{
	const struct nfa_edge *left = &nfa->edges[a], *right = &nfa->edges[b];

	if (!left->set != !right->set)
		return left->set ? 1 : -1;
	if (!left->set)
		return (int)left->byte - (int)right->byte;
	return memcmp(edge_set(nfa, a), edge_set(nfa, b), sizeof(struct byte_set));
}

/* Lets a node lead to what stands for its targets, its edges in order: those of patterns come in the
 * order of the policy. Most have one, and few more than a dozen. */
static int node_rewrite(struct share *share, struct nfa_node *node)
{
	struct nfa *nfa = share->nfa;
	size_t count = 0;

	node->star = share->same[node->star];
	node->depth = share->same[node->depth];
	for (uint32_t e = node->first_edge; e; e = nfa->edges[e].next) {
		size_t at = count;

		if (ARRAY_GROW(share, edges, count + 1) < 0)
			return -ENOMEM;
		nfa->edges[e].target = share->same[nfa->edges[e].target];
		for (; at && edge_compare(nfa, share->edges[at - 1], e) > 0; at--)
			share->edges[at] = share->edges[at - 1];
		share->edges[at] = e;
		count++;
	}
	node->first_edge = 0;
	while (count--) {
		nfa->edges[share->edges[count]].next = node->first_edge;
		node->first_edge = share->edges[count];
	}
	return 0;
}

static uint64_t node_hash(const struct nfa *nfa, const struct nfa_node *node)
{
	uint64_t hash = hash_mix((uint64_t)node->accept << 8 | node->loop);

	hash = hash_mix(hash ^ ((uint64_t)node->star << 32 | node->depth));
	for (uint32_t e = node->first_edge; e; e = nfa->edges[e].next) {
		const struct nfa_edge *edge = &nfa->edges[e];

		hash = hash_mix(hash ^ ((uint64_t)edge->target << 8 | edge->byte));
		for (size_t i = 0; edge->set && i < ARRAY_SIZE(edge_set(nfa, e)->bits); i++)
			hash = hash_mix(hash ^ edge_set(nfa, e)->bits[i]);
	}
	return hash;
}

static bool node_equals(
	const struct nfa *nfa, const struct nfa_node *a, const struct nfa_node *b)
{
	uint32_t left = a->first_edge, right = b->first_edge;

	if (a->accept != b->accept || a->loop != b->loop || a->star != b->star ||
		a->depth != b->depth)
		return false;
	for (; left && right; left = nfa->edges[left].next, right = nfa->edges[right].next)
		if (edge_compare(nfa, left, right) ||
			nfa->edges[left].target != nfa->edges[right].target)
			return false;
	return left == right;
}

/* Finds a node that is the same, or lets `index` stand for itself. */
static void node_share(struct share *share, uint32_t index)
{
	struct nfa *nfa = share->nfa;
	const struct nfa_node *node = &nfa->nodes[index];
	size_t at = node_hash(nfa, node) & share->slot_mask;

	for (; share->slots[at]; at = (at + 1) & share->slot_mask) {
		struct nfa_node *other = &nfa->nodes[share->slots[at]];

		if (!node_equals(nfa, other, node))
			continue;
		share->same[index] = share->slots[at];
		if (node->rule > other->rule)
			other->rule = node->rule;
		return;
	}
	share->slots[at] = index;
}

int nfa_share(struct nfa *nfa)
{
	_cleanup_(share_cleanup) struct share share = {.nfa = nfa};
	size_t slot_count = 64;
	int r;

	while (slot_count < nfa->node_count * 2UL)
		slot_count *= 2;
	share.slot_mask = (uint32_t)slot_count - 1;
	share.slots = calloc(slot_count, sizeof(*share.slots));
	share.same = calloc(nfa->node_count, sizeof(*share.same));
	if (!share.slots || !share.same)
		return -ENOMEM;
	for (uint32_t i = 0; i < nfa->node_count; i++)
		share.same[i] = i;
	/* A node is made after those that lead to it, so what it leads to is shared already. What a
	 * "**" goes round to is made before, and stands for itself. */
	for (uint32_t i = nfa->node_count - 1; i > NFA_ROOT; i--) {
		r = node_rewrite(&share, &nfa->nodes[i]);
		if (r < 0)
			return r;
		node_share(&share, i);
	}
	return node_rewrite(&share, &nfa->nodes[NFA_ROOT]);
}
