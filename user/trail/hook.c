/* SPDX-License-Identifier: Apache-2.0 */
#include "base/util.h"
#include "trail/trail.h"

static const char *const names[] = {
#define HOOK(area, hook, op, need) #hook,
#include "bpf/hooks.def"
#undef HOOK
};

const char *ambit_hook_name(unsigned hook)
{
	return hook < ARRAY_SIZE(names) ? names[hook] : NULL;
}
