/* SPDX-License-Identifier: Apache-2.0 */
/* How ambit's own verbs ask the service. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "base/util.h"
#include "daemon/daemon.h"
#include "daemon/varlink.h"

int ambit_daemon_connect(struct diag *diag)
{
	const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = AMBIT_CONTROL};
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int result;

	if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return TAKE_FD(fd);
	result = errno == ECONNREFUSED ? -ENOENT : -errno;
	ambit_diag_set(diag, NULL, 0, 0, "cannot reach the daemon (\"" AMBIT_CONTROL "\"): %s%s",
		strerror(-result),
		result == -ENOENT   ? "; `ambit daemon` starts it"
		: result == -EACCES ? "; it answers root and the group ambit"
				    : "");
	return result;
}

/* One message, to its NUL. */
static int receive(int fd, char *bytes, size_t size)
{
	size_t at = 0;

	while (at < size) {
		ssize_t length = read(fd, bytes + at, size - at);

		if (length < 0 && errno == EINTR)
			continue;
		if (length <= 0)
			return length < 0 ? -errno : -ECONNRESET;
		at += (size_t)length;
		if (!bytes[at - 1])
			return 0;
	}
	return -EMSGSIZE;
}

/* The parameters of an answer, or what it refuses. */
static int answer_read(const char *text, struct json_object **ret, struct diag *diag)
{
	struct json_object *root = json_tokener_parse(text), *error, *parameters, *reason;

	if (!root || !json_object_object_get_ex(root, "parameters", &parameters)) {
		json_object_put(root);
		ambit_diag_set(diag, NULL, 0, 0, "the daemon's answer is none");
		return -EBADMSG;
	}
	if (json_object_object_get_ex(root, "error", &error)) {
		ambit_diag_set(diag, NULL, 0, 0, "%s",
			json_object_object_get_ex(parameters, "reason", &reason)
				? json_object_get_string(reason)
				: json_object_get_string(error));
		json_object_put(root);
		return -EREMOTEIO;
	}
	*ret = json_object_get(parameters);
	json_object_put(root);
	return 0;
}

static int send_call(int fd, const char *method, struct json_object *parameters, const char *how)
{
	struct json_object *root = json_object_new_object();
	char name[64];
	const char *text;
	int result;

	snprintf(name, sizeof(name), VARLINK_INTERFACE ".%s", method);
	json_object_object_add(root, "method", json_object_new_string(name));
	json_object_object_add(root, "parameters", parameters ?: json_object_new_object());
	if (how)
		json_object_object_add(root, how, json_object_new_boolean(true));
	text = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN);
	result = !text ? -ENOMEM : strlen(text) >= VARLINK_MAX ? -EMSGSIZE : 0;
	if (result == 0 && send(fd, text, strlen(text) + 1, MSG_NOSIGNAL) != (ssize_t)strlen(text) + 1)
		result = -EIO;
	json_object_put(root);
	return result;
}

int ambit_daemon_send(int fd, const char *method, struct json_object *parameters, enum daemon_call how)
{
	return send_call(fd, method, parameters, how == CALL_MORE ? "more" : "oneway");
}

int ambit_daemon_call(const char *method, struct json_object *parameters, struct json_object **ret,
	struct diag *diag)
{
	_cleanup_close_ int fd = ambit_daemon_connect(diag);
	_cleanup_free_ char *bytes = malloc(VARLINK_MAX);
	int result = fd < 0 ? fd : bytes ? 0 : -ENOMEM;

	if (result == 0)
		result = send_call(fd, method, parameters, NULL);
	else
		json_object_put(parameters);
	if (result == 0)
		result = receive(fd, bytes, VARLINK_MAX);
	if (result == 0)
		result = answer_read(bytes, ret, diag);
	if (result < 0 && !diag->text)
		ambit_diag_set(diag, NULL, 0, 0, "cannot ask the daemon: %s", strerror(-result));
	return result;
}

int ambit_daemon_await_end(struct diag *diag)
{
	_cleanup_close_ int fd =
		open(AMBIT_RUN_DIR "/" AMBIT_DAEMON_LOCK, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd >= 0 && flock(fd, LOCK_EX) == 0)
		return 0;
	ambit_diag_set(diag, NULL, 0, 0, "cannot wait for the daemon: %s", strerror(errno));
	return -errno;
}
