/* SPDX-License-Identifier: Apache-2.0 */
/* Text -> how trails are kept on this machine (docs/trail.md). Whoever may write the file is trusted; what
 * it says is checked all the same. */
#ifndef AMBIT_TRAIL_CONFIG_H
#define AMBIT_TRAIL_CONFIG_H

#include "trail/sinks.h"
#include "trail/trail.h"

struct trail_config {
	struct trail_keep keep;
	uint64_t user_room; /* bytes: of all trails of one user who is not root */
	struct sink_config *sinks;
	size_t sink_count, sinks_room;
};

/* `file` is for messages. -EINVAL, with what is wrong in `diags`, leaves nothing to be freed. */
int ambit_trail_config_parse(const char *file, const char *text, size_t size, struct diags *diags,
	struct trail_config *ret);
/* Reads `path`; without such a file all is as if it left everything out. */
int ambit_trail_config_load(const char *path, struct diags *diags, struct trail_config *ret);
void ambit_trail_config_clear(struct trail_config *config);

#endif
