/* SPDX-License-Identifier: Apache-2.0 */
/* Whom the command runs as. The policy's ~ is that user's home. */
#include <pwd.h>
#include <string.h>
#include "base/util.h"
#include "cli/cli.h"

static int parse_id(const char *text, unsigned *ret)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || *end || end == text || *text == '-' || value >= UINT32_MAX)
		return -EINVAL;
	*ret = (unsigned)value;
	return 0;
}

static char *copy(const char *text)
{
	return text && *text ? strdup(text) : NULL;
}

static void fill(struct target *target, const struct passwd *account)
{
	target->uid = account->pw_uid;
	target->gid = account->pw_gid;
	target->name = copy(account->pw_name);
	target->home = copy(account->pw_dir);
	target->shell = copy(account->pw_shell);
}

static int find_named(const char *user, struct target *target, struct diag *diag)
{
	const struct passwd *account = getpwnam(user);
	unsigned uid;

	if (!account && !parse_id(user, &uid))
		account = getpwuid(uid);
	if (!account) {
		ambit_diag_set(diag, NULL, 0, 0, "there is no user \"%s\" on this machine", user);
		return -ENOENT;
	}
	fill(target, account);
	target->switched = true;
	return 0;
}

/* sudo says who called it; an id without an account is used as it is. */
static int find_sudo(const char *uid_text, struct target *target, struct diag *diag)
{
	const char *gid_text = getenv("SUDO_GID");
	const struct passwd *account;
	unsigned uid, gid;

	if (parse_id(uid_text, &uid) || !gid_text || parse_id(gid_text, &gid)) {
		ambit_diag_set(diag, NULL, 0, 0,
			"SUDO_UID and SUDO_GID are not the ids of a user: name one with --user");
		return -EINVAL;
	}
	account = getpwuid(uid);
	if (account)
		fill(target, account);
	target->uid = uid;
	target->gid = gid;
	target->switched = true;
	return 0;
}

static void find_self(struct target *target)
{
	const char *home = getenv("HOME");
	const struct passwd *account;

	target->uid = getuid();
	target->gid = getgid();
	/* The home is all that is asked for of who stays who he is. */
	if (home && *home == '/') {
		target->home = strdup(home);
		return;
	}
	account = getpwuid(target->uid);
	target->home = account ? copy(account->pw_dir) : NULL;
}

int ambit_target_find(const char *user, struct target *ret, struct diag *diag)
{
	const char *sudo = geteuid() ? NULL : getenv("SUDO_UID");
	struct target target = {0};
	int error = 0;

	if (user)
		error = find_named(user, &target, diag);
	else if (sudo)
		error = find_sudo(sudo, &target, diag);
	else
		find_self(&target);
	if (!error && !target.home && !(target.home = strdup("/")))
		error = -ENOMEM;
	if (error) {
		ambit_target_clear(&target);
		return error;
	}
	*ret = target;
	return 0;
}

void ambit_target_clear(struct target *target)
{
	free(target->name);
	free(target->home);
	free(target->shell);
	*target = (struct target){0};
}
