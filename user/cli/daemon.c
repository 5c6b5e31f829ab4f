/* SPDX-License-Identifier: Apache-2.0 */
/* ambit daemon: the service; and how it, and whoever takes its place, reads policies. */
#include <pwd.h>
#include <string.h>
#include "base/util.h"
#include "cli/service.h"
#include "trail/config.h"

/* ~ is the home of root, and . the root directory: a service has no user and no directory of its
 * own. */
static int load(const char *file, const char *shown, struct diags *diags, struct ready *ret)
{
	const struct passwd *root = getpwuid(0);
	_cleanup_free_ char *name = strdup(shown);
	struct loaded loaded = {0};
	struct diag diag = {0};
	int error = name ? ambit_loaded_quietly(
				   file, shown, root ? root->pw_dir : "/root", NULL, diags, &loaded)
			 : -ENOMEM;

	if (!error)
		error = ambit_loaded_links(&loaded, PART_ALL, &ret->links, &diag);
	if (error) {
		if (diag.text)
			ambit_diags_add(diags, NULL, 0, 0, "%s", diag.text);
		ambit_diag_clear(&diag);
		ambit_loaded_clear(&loaded);
		return error;
	}
	free(loaded.policy->file);
	loaded.policy->file = TAKE_PTR(name);
	ret->policy = loaded.policy;
	ret->tables = loaded.tables;
	ambit_policy_env_clear(&loaded.env);
	return 0;
}

struct daemon_options ambit_service_options(void)
{
	static struct trail_config config; /* as long as the process */
	struct diags diags = {0};
	int error = ambit_trail_config_load(AMBIT_TRAIL_CONFIG, &diags, &config);

	ambit_ui_diags(&diags);
	ambit_diags_clear(&diags);
	return (struct daemon_options){.load = load,
		.serve_user = ambit_serve_user,
		.say = ambit_ui_say,
		.trail = error ? NULL : &config,
		.keep_nothing = ambit_keeps_nothing()};
}

int ambit_service_result(int error, struct diag *diag)
{
	if (error) {
		if (!diag->text)
			ambit_diag_set(diag, NULL, 0, 0, "%s", strerror(-error));
		ambit_ui_diag(diag);
	}
	ambit_diag_clear(diag);
	return error ? EXIT_DENIED : EXIT_SUCCESS;
}

int ambit_verb_daemon(int argc, char **argv)
{
	static const char doc[] =
		"Holds the cells that `ambit attach` makes: reads their events into trails, reloads their "
		"policies. What is in force does not depend on it: a daemon that is killed and started again "
		"goes on where it was.";
	struct daemon_options options = ambit_service_options();
	struct diag diag = {0};
	int error;

	if (ambit_effort_parse(argc, argv, doc, &options.best_effort))
		return EXIT_USAGE;
	if (!ambit_ui_root("ambit daemon"))
		return EXIT_DENIED;
	if (!options.trail || chdir("/") < 0)
		return EXIT_DENIED;
	error = ambit_daemon_serve(&options, &diag);
	return ambit_service_result(error, &diag);
}
