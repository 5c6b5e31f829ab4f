/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer: any text as the settings of trails. Refused or taken, it says why, and nothing leaks. */
#include <errno.h>
#include "trail/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct trail_config config;
	struct diags diags = {0};
	int error = ambit_trail_config_parse("trail.yaml", (const char *)data, size, &diags, &config);

	if (error == 0)
		ambit_trail_config_clear(&config);
	if (!error != !diags.count && error != -ENOMEM)
		__builtin_trap();
	ambit_diags_clear(&diags);
	return 0;
}
