/* SPDX-License-Identifier: Apache-2.0 */
#include "trail/ocsf.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/utsname.h>
#include "base/util.h"

#define BOOT_ID 36U
/* Of which so much, 16 digits, tells this boot from all others. */
#define BOOT_PART 18U

static char boot[BOOT_ID + 1];
static pthread_once_t boot_once = PTHREAD_ONCE_INIT;

/* Of this machine, the same in every line as long as it keeps its name, which is looked at in each second that has
 * lines. Of the thread, so that nobody waits for another. */
static _Thread_local struct {
	uint64_t second; /* when it was looked at */
	char name[sizeof(((struct utsname *)NULL)->nodename)];
	char text[1024]; /* the name in it, each byte as \u00XX, has 384 */
	size_t size; /* 0: there was no memory, and lines are taken away */
} head;

static void read_boot(void)
{
	_cleanup_close_ int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, boot, BOOT_ID) != (ssize_t)BOOT_ID)
		memset(boot, '0', BOOT_ID);
}

/* `profiles` are those whose attributes are used: datetime has time_dt, host has actor and device, and
 * security_control has action_id, disposition_id and policy. */
static void make_head(void)
{
	static const char *const profiles[] = {"datetime", "host", "security_control"};
	_cleanup_free_ char *text = NULL;
	struct writer writer = {0};
	size_t size;

	ambit_writer_begin(&writer);
	ambit_writer_open(&writer, "metadata", '{');
	ambit_writer_string(&writer, "version", OCSF_VERSION);
	ambit_writer_open(&writer, "product", '{');
	ambit_writer_string(&writer, "name", "ambit");
	ambit_writer_string(&writer, "version", AMBIT_VERSION);
	ambit_writer_close(&writer, '}');
	ambit_writer_open(&writer, "profiles", '[');
	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++)
		ambit_writer_item(&writer, profiles[i]);
	ambit_writer_close(&writer, ']');
	ambit_writer_close(&writer, '}');
	ambit_writer_open(&writer, "device", '{');
	ambit_writer_number(&writer, "type_id", 0);
	ambit_writer_string(&writer, "hostname", head.name);
	ambit_writer_close(&writer, '}');
	size = writer.size;
	text = ambit_writer_end(&writer);
	head.size = text && size <= sizeof(head.text) ? size : 0;
	if (!head.size)
		return;
	memcpy(head.text, text, size);
	head.text[0] = ','; /* other keys are in front */
}

static void head_look(uint64_t second)
{
	struct utsname uts;
	const char *name = !uname(&uts) && uts.nodename[0] ? uts.nodename : "localhost";

	head.second = second;
	if (head.size && strcmp(head.name, name) == 0)
		return;
	strcpy(head.name, name);
	make_head();
}

const char *ambit_ocsf_boot(void)
{
	pthread_once(&boot_once, read_boot);
	return boot;
}

void ambit_ocsf_begin(struct writer *writer, struct ocsf_kind kind, uint64_t wall)
{
	if (!head.size || wall / 1000000000U != head.second)
		head_look(wall / 1000000000U);
	pthread_once(&boot_once, read_boot);
	ambit_writer_begin(writer);
	ambit_writer_number(writer, "class_uid", kind.class);
	ambit_writer_number(writer, "category_uid", kind.class / 1000);
	ambit_writer_number(writer, "activity_id", kind.activity);
	ambit_writer_number(writer, "type_uid", kind.class * 100 + kind.activity);
	ambit_writer_number(writer, "severity_id", kind.severity);
	ambit_writer_number(writer, "time", wall / 1000000U);
	ambit_writer_time(writer, "time_dt", wall);
	if (head.size)
		ambit_writer_again(writer, head.text, head.size);
	else
		writer->failed = true;
}

void ambit_ocsf_uid(struct writer *writer, const char *key, uint64_t time, uint32_t number)
{
	/* A dash and twenty digits, twice. */
	char text[BOOT_PART + 42], *from = ambit_writer_digits(text + sizeof(text), number);

	*--from = '-';
	from = ambit_writer_digits(from, time);
	*--from = '-';
	from -= BOOT_PART;
	memcpy(from, boot, BOOT_PART);
	ambit_writer_bytes(writer, key, from, (size_t)(text + sizeof(text) - from));
}

void ambit_ocsf_finding(struct writer *writer, uint64_t time, uint32_t cell, const char *title)
{
	ambit_writer_open(writer, "finding_info", '{');
	ambit_ocsf_uid(writer, "uid", time, cell);
	ambit_writer_string(writer, "title", title);
	ambit_writer_close(writer, '}');
}

void ambit_ocsf_process(struct writer *writer, uint32_t pid, uint64_t start)
{
	ambit_writer_number(writer, "pid", pid);
	if (start)
		ambit_ocsf_uid(writer, "uid", start, pid);
}

bool ambit_ocsf_file(struct writer *writer, const char *path, size_t size, unsigned type)
{
	const char *slash = size ? memrchr(path, '/', size) : NULL, *name = slash ? slash + 1 : path;
	size_t length = size - (size_t)(name - path);
	bool exact;

	ambit_writer_open(writer, "file", '{');
	/* A file has to have a name; a path that ends in a slash is the root's. */
	if (length)
		ambit_writer_bytes(writer, "name", name, length);
	else
		ambit_writer_string(writer, "name", size ? "/" : "unknown");
	ambit_writer_number(writer, "type_id", type);
	exact = ambit_writer_bytes(writer, "path", path, size);
	ambit_writer_close(writer, '}');
	return exact;
}

void ambit_ocsf_own(struct writer *writer, const char *type)
{
	ambit_writer_open(writer, "unmapped", '{');
	ambit_writer_number(writer, "v", AMBIT_TRAIL_SCHEMA);
	ambit_writer_string(writer, "type", type);
}

/* --- which kind an event is --- */

enum {
#define HOOK(area, hook, op, need, when) HOOK_##hook,
#include "bpf/hooks.def"
#undef HOOK
};

/* activity_id of File System Activity. */
enum { FILE_CREATE = 1, FILE_READ, FILE_UPDATE, FILE_DELETE, FILE_RENAME, FILE_SET_ATTRIBUTES, FILE_SET_SECURITY };

/* Hooks that say more than the operation does. */
static const uint8_t file_activities[] = {
	[HOOK_path_mknod] = FILE_CREATE,
	[HOOK_path_mkdir] = FILE_CREATE,
	[HOOK_path_symlink] = FILE_CREATE,
	[HOOK_path_link] = FILE_CREATE,
	[HOOK_path_rmdir] = FILE_DELETE,
	[HOOK_path_unlink] = FILE_DELETE,
	[HOOK_path_rename] = FILE_RENAME,
	[HOOK_path_chmod] = FILE_SET_SECURITY,
	[HOOK_path_chown] = FILE_SET_SECURITY,
	[HOOK_inode_set_acl] = FILE_SET_SECURITY,
	[HOOK_inode_remove_acl] = FILE_SET_SECURITY,
	[HOOK_inode_setattr] = FILE_SET_ATTRIBUTES,
	[HOOK_inode_setxattr] = FILE_SET_ATTRIBUTES,
	[HOOK_inode_removexattr] = FILE_SET_ATTRIBUTES,
	[HOOK_inode_file_setattr] = FILE_SET_ATTRIBUTES,
};

/* Launch; Open, Listen; Query. What has no class of its own is a finding, which is made (Create). */
static const struct {
	enum ocsf_class class;
	uint8_t activity;
} kinds[OP_MAX] = {
	[OP_READ] = {OCSF_FILE, FILE_READ},
	[OP_WRITE] = {OCSF_FILE, FILE_UPDATE},
	[OP_EXEC] = {OCSF_PROCESS, 1},
	[OP_UNIX] = {OCSF_NETWORK, 1},
	[OP_CONNECT] = {OCSF_NETWORK, 1},
	[OP_LISTEN] = {OCSF_NETWORK, 7},
	[OP_SOCKET] = {OCSF_FINDING, 1},
	[OP_TASK] = {OCSF_FINDING, 1},
	[OP_SYSTEM] = {OCSF_FINDING, 1},
};
_Static_assert(OP_MAX == 9, "a kind for each operation");

static uint8_t severity_of(const struct ambit_event *event)
{
	if (event->verdict == VERDICT_ALLOW)
		return 1;
	return event->flags & AMBIT_EVENT_ENFORCED ? 3 : 2;
}

/* A question to a resolver is refused as the message that it is (question_deny() of bpf/lib/question.bpf.h), and its
 * name is the one that was asked for. Of a connection the name is that of the peer, and so it is of a message to
 * somebody who is no resolver of the policy. */
static bool is_question(const struct record *record)
{
	const struct ambit_event *event = record->event;

	return event->op == OP_CONNECT && event->hook == HOOK_socket_sendmsg && event->port == AMBIT_DNS_PORT &&
	       record->path_length && event->reason != REASON_RESOLVER;
}

struct ocsf_kind ambit_ocsf_kind(const struct record *record)
{
	const struct ambit_event *event = record->event;
	struct ocsf_kind kind = {kinds[event->op].class, kinds[event->op].activity, severity_of(event)};

	if (is_question(record))
		kind.class = OCSF_DNS;
	if (kind.class == OCSF_FILE && event->hook < ARRAY_SIZE(file_activities) &&
		file_activities[event->hook])
		kind.activity = file_activities[event->hook];
	return kind;
}
