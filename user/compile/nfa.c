/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "base/array.h"
#include "base/util.h"
#include "compile/nfa.h"

int nfa_init(struct nfa *nfa, struct ids *ids, bool is_peer, bool names)
{
	*nfa = (struct nfa){
		.ids = ids,
		.is_peer = is_peer,
		.names = names,
		.node_count = NFA_ROOT + 1,
		.edge_count = 1,
		.set_count = 1,
	};
	if (ARRAY_GROW(nfa, nodes, nfa->node_count) < 0 || ARRAY_GROW(nfa, edges, 1) < 0 ||
		ARRAY_GROW(nfa, sets, 1) < 0) {
		nfa_free(nfa);
		return -ENOMEM;
	}
	memset(nfa->nodes, 0, nfa->node_count * sizeof(*nfa->nodes));
	return 0;
}

void nfa_free(struct nfa *nfa)
{
	free(nfa->nodes);
	free(nfa->edges);
	free(nfa->sets);
	*nfa = (struct nfa){};
}

static int node_new(struct nfa *nfa, uint32_t parent, enum nfa_loop loop, uint32_t *ret)
{
	int r = ARRAY_GROW(nfa, nodes, nfa->node_count + 1UL);

	if (r < 0)
		return r;
	nfa->nodes[nfa->node_count] = (struct nfa_node){.parent = parent, .loop = (uint8_t)loop};
	*ret = nfa->node_count++;
	return 0;
}

static int edge_new(struct nfa *nfa, uint32_t from, struct nfa_edge edge, uint32_t *ret)
{
	int r = ARRAY_GROW(nfa, edges, nfa->edge_count + 1UL);

	if (r < 0)
		return r;
	if (!edge.target) {
		r = node_new(nfa, from, LOOP_NONE, &edge.target);
		if (r < 0)
			return r;
	}
	edge.next = nfa->nodes[from].first_edge;
	nfa->edges[nfa->edge_count] = edge;
	nfa->nodes[from].first_edge = nfa->edge_count++;
	*ret = edge.target;
	return 0;
}

int nfa_byte(struct nfa *nfa, uint32_t from, uint8_t byte, uint32_t *ret)
{
	for (uint32_t e = nfa->nodes[from].first_edge; e; e = nfa->edges[e].next) {
		const struct nfa_edge *edge = &nfa->edges[e];

		/* The way into a "**" is not a way on. */
		if (!edge->set && edge->byte == byte && nfa->nodes[edge->target].loop != LOOP_ALL) {
			*ret = edge->target;
			return 0;
		}
	}
	return edge_new(nfa, from, (struct nfa_edge){.byte = byte}, ret);
}

int nfa_set(struct nfa *nfa, uint32_t from, const struct byte_set *set, uint32_t *ret)
{
	struct nfa_set new = {.bytes = *set};
	int r;

	for (uint32_t e = nfa->nodes[from].first_edge; e; e = nfa->edges[e].next) {
		uint32_t other = nfa->edges[e].set;

		if (other && !memcmp(&nfa->sets[other].bytes, set, sizeof(*set))) {
			*ret = nfa->edges[e].target;
			return 0;
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(set->bits); i++)
		new.count += (unsigned)__builtin_popcountll(set->bits[i]);
	r = ARRAY_GROW(nfa, sets, nfa->set_count + 1UL);
	if (r < 0)
		return r;
	nfa->sets[nfa->set_count] = new;
	return edge_new(nfa, from, (struct nfa_edge){.set = nfa->set_count++}, ret);
}

int nfa_star(struct nfa *nfa, uint32_t from, uint32_t *ret)
{
	uint32_t star = nfa->nodes[from].star;
	int r;

	if (!star) {
		r = node_new(nfa, from, LOOP_NAME, &star);
		if (r < 0)
			return r;
		nfa->nodes[from].star = star;
	}
	*ret = star;
	return 0;
}

/*
 * Two nodes: `depth` stands where no component was read yet, and a '/' leads from it to `inner`,
 * which reads everything and lets `depth` go on at any time. What follows "**" begins with '/', so
 * it can only go on where a component ends.
 */
int nfa_depth(struct nfa *nfa, uint32_t from, uint32_t *ret)
{
	uint32_t depth = nfa->nodes[from].depth, inner, target;
	int r;

	if (!depth) {
		r = node_new(nfa, from, LOOP_NONE, &depth);
		if (r < 0)
			return r;
		r = node_new(nfa, depth, LOOP_ALL, &inner);
		if (r < 0)
			return r;
		r = edge_new(nfa, depth, (struct nfa_edge){.byte = '/', .target = inner}, &target);
		if (r < 0)
			return r;
		nfa->nodes[inner].depth = depth;
		nfa->nodes[from].depth = depth;
	}
	*ret = depth;
	return 0;
}

int nfa_accept(struct nfa *nfa, uint32_t node, const struct ambit_accept *accept)
{
	uint32_t ids;
	int r;

	if (nfa->rule > nfa->nodes[node].rule)
		nfa->nodes[node].rule = nfa->rule;
	r = ids_intern(nfa->ids, accept, &ids);
	if (r < 0)
		return r;
	return ids_union(nfa->ids, nfa->nodes[node].accept, ids, &nfa->nodes[node].accept);
}

/* What a "**" goes round to lies above it in the tree. */
static void inner_finish(struct nfa_node *inner, const struct nfa_node *depth)
{
	inner->reach = depth->reach;
	inner->rule = depth->rule;
}

int nfa_finish(struct nfa *nfa)
{
	int r;

	/* A node is made after its parent, so going backwards all below a node is known. */
	for (uint32_t i = nfa->node_count - 1; i >= NFA_ROOT; i--) {
		struct nfa_node *node = &nfa->nodes[i], *parent = &nfa->nodes[node->parent];

		r = ids_union(nfa->ids, node->reach, node->accept, &node->reach);
		if (r < 0)
			return r;
		r = ids_union(nfa->ids, parent->reach, node->reach, &parent->reach);
		if (r < 0)
			return r;
		if (node->rule > parent->rule)
			parent->rule = node->rule;
		node->at_once = node->accept && (nfa->is_peer || node->loop == LOOP_NAME);
	}
	for (uint32_t i = NFA_ROOT; i < nfa->node_count; i++)
		if (nfa->nodes[i].loop == LOOP_ALL)
			inner_finish(&nfa->nodes[i], &nfa->nodes[nfa->nodes[i].depth]);
	return 0;
}
