/* SPDX-License-Identifier: Apache-2.0 */
/* ambit arm: loads ambit into the kernel ahead of the first run, which would do it otherwise. */
#include <argp.h>
#include <string.h>
#include "cli/cli.h"
#include "kernel/kernel.h"

int ambit_verb_arm(int argc, char **argv)
{
	static const struct argp argp = {
		.doc = "Loads and attaches ambit's programs. They do nothing until a command runs "
		       "in "
		       "a cell.",
	};
	struct kernel *kernel = NULL;
	struct diag diag = {0};
	bool was_armed;
	int error;

	if (argp_parse(&argp, argc, argv, 0, NULL, NULL))
		return EXIT_USAGE;
	if (!ambit_ui_root("ambit arm"))
		return EXIT_DENIED;
	was_armed = ambit_kernel_is_armed();
	error = ambit_kernel_arm(&kernel, &diag);
	if (error) {
		if (!diag.text)
			ambit_diag_set(&diag, NULL, 0, 0, "cannot arm: %s", strerror(-error));
		ambit_ui_diag(&diag);
	} else {
		printf("%s\n", was_armed ? "armed already" : "armed");
	}
	ambit_diag_clear(&diag);
	ambit_kernel_close(kernel);
	return error ? EXIT_DENIED : EXIT_SUCCESS;
}
