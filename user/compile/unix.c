/* SPDX-License-Identifier: Apache-2.0 */
#include "base/util.h"
#include "compile/patterns.h"

int patterns_add_unix(struct nfa *nfa, const char *name, const struct ambit_accept *accept)
{
	struct glob glob = {name, name};
	struct glob_token token;
	const char *problem;
	uint32_t node = NFA_ROOT;
	int r;

	for (;;) {
		r = glob_next(&glob, &token, &problem);
		if (r < 0)
			return r;
		switch (token.kind) {
		case GLOB_END:
			return nfa_accept(nfa, node, accept);
		case GLOB_BYTE:
			r = nfa_byte(nfa, node, token.byte, &node);
			break;
		case GLOB_SET:
			r = nfa_set(nfa, node, &token.set, &node);
			break;
		case GLOB_NAME:
			r = nfa_star(nfa, node, &node);
			break;
		case GLOB_DEPTH:
			return -EINVAL;
		}
		if (r < 0)
			return r;
	}
}
