/* SPDX-License-Identifier: Apache-2.0 */
/* ambit arm: loads ambit into the kernel ahead of the first run, which would do it otherwise. */
#include <string.h>
#include "cli/cli.h"
#include "kernel/kernel.h"

static int arm(const struct arm_options *options)
{
	bool was_armed = ambit_kernel_is_armed();
	struct kernel *kernel = NULL;
	struct kernel_state state;
	struct diag diag = {0};
	int error = ambit_kernel_arm(options, &kernel, &diag);

	if (error) {
		if (!diag.text)
			ambit_diag_set(&diag, NULL, 0, 0, "cannot arm: %s", strerror(-error));
		ambit_ui_diag(&diag);
	} else {
		printf("%s\n", was_armed ? "armed already" : "armed");
		if (ambit_kernel_state(options, &state) == 0 && state.weaker[0])
			ambit_ui_say("best effort: %s", state.weaker);
	}
	ambit_diag_clear(&diag);
	ambit_kernel_close(kernel);
	return error ? EXIT_DENIED : EXIT_SUCCESS;
}

int ambit_verb_arm(int argc, char **argv)
{
	static const char doc[] =
		"Loads and attaches ambit's programs. They do nothing until a command runs in a cell.";
	struct arm_options options = {.keep_nothing = ambit_keeps_nothing()};

	if (ambit_effort_parse(argc, argv, doc, &options.best_effort))
		return EXIT_USAGE;
	return ambit_ui_root("ambit arm") ? arm(&options) : EXIT_DENIED;
}
