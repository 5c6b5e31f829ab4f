/* SPDX-License-Identifier: Apache-2.0 */
/* What hosts of the older names allowed_domains and denied_domains are as peers. */
#include <string.h>
#include "base/util.h"
#include "policy/pattern.h"
#include "policy/rule.h"
#include "policy/text.h"

/* True for a name of the DNS and not what lies beneath one. */
static bool is_name(const char *text)
{
	struct peer peers[PEERS_MAX] = {};
	_cleanup_free_ char *problem = NULL;
	size_t count;

	return peer_parse(text, OP_CONNECT, peers, &count, &problem) >= 0 &&
	       peers[0].family == AMBIT_FAMILY_NAME && !peers[0].beneath;
}

int domain_peers(const char *text, enum ambit_verdict verdict, char *ret[DOMAIN_PEERS])
{
	static const char *const forms[VERDICT_MAX][DOMAIN_PEERS][2] = {
		[VERDICT_ALLOW] = {{"", ":443/tcp"}, {"", ":80/tcp"}},
		[VERDICT_DENY] = {{"", ":*"}, {"*.", ":*"}},
	};
	const char *host = *text == '[' ? text + strcspn(text, "]") : text;
	bool as_it_is = strchr(host, ':') || *text == '@';
	size_t count = as_it_is || (verdict == VERDICT_DENY && !is_name(text)) ? 1 : DOMAIN_PEERS;

	for (size_t i = 0; i < count; i++) {
		ret[i] = as_it_is ? strdup(text)
				  : text_format("%s%s%s", forms[verdict][i][0], text,
					    forms[verdict][i][1]);
		if (!ret[i])
			return -ENOMEM;
	}
	return 0;
}
