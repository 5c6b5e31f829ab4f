/* SPDX-License-Identifier: Apache-2.0 */
/* ambit disarm: takes ambit out of the kernel. */
#include <argp.h>
#include <string.h>
#include <unistd.h>
#include "cli/cli.h"
#include "kernel/kernel.h"

int ambit_verb_disarm(int argc, char **argv)
{
	static const struct argp argp = {
		.doc = "Takes ambit's programs out of the kernel. Refuses while cells are "
		       "bound.\vThe "
		       "kernel detaches them in the background; it may take a few seconds until "
		       "`bpftool link` shows none.",
	};
	struct diag diag = {0};
	bool was_armed;
	int error;

	if (argp_parse(&argp, argc, argv, 0, NULL, NULL))
		return EXIT_USAGE;
	if (!ambit_ui_root("ambit disarm"))
		return EXIT_DENIED;
	was_armed = access(AMBIT_PIN_DIR, F_OK) == 0; /* by any version */
	error = ambit_kernel_disarm(false, &diag);
	if (error) {
		if (!diag.text)
			ambit_diag_set(&diag, NULL, 0, 0, "cannot disarm: %s", strerror(-error));
		ambit_ui_diag(&diag);
	} else {
		printf("%s\n", was_armed ? "disarmed" : "nothing was armed");
	}
	ambit_diag_clear(&diag);
	return error ? EXIT_DENIED : EXIT_SUCCESS;
}
