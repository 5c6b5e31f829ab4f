/* SPDX-License-Identifier: Apache-2.0 */
/* What a policy allowed and another does not: of a file, a peer, a socket. */
#include <arpa/inet.h>
#include <linux/memfd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include "base/util.h"
#include "daemon/tighten.h"
#include "policy/text.h"

/* What is anonymous and shared, memfd_create(2) and shmget(2) lie in file systems that nobody can mount: nothing
 * is opened there by a name, though /proc shows one ("/dev/zero (deleted)"). A file of our own says which. */
void narrower_begin(struct tightening *tight)
{
	static const unsigned sizes[NAMELESS] = {
		0, MFD_HUGETLB, MFD_HUGETLB | MFD_HUGE_2MB, MFD_HUGETLB | MFD_HUGE_1GB};

	for (size_t i = 0; i < NAMELESS; i++) {
		_cleanup_close_ int fd = memfd_create("ambit", MFD_CLOEXEC | sizes[i]);
		struct stat file;

		if (fd >= 0 && fstat(fd, &file) == 0)
			tight->nameless[i] = file.st_dev;
	}
}

static bool is_nameless(const struct tightening *tight, const struct stat *file)
{
	for (size_t i = 0; i < NAMELESS; i++)
		if (tight->nameless[i] && tight->nameless[i] == file->st_dev)
			return true;
	return false;
}

static bool allowed_before(const struct tightening *tight, enum ambit_op op, const char *path, size_t length)
{
	return !tight->before->tables ||
	       ambit_tables_path(tight->before->tables, op, path, length).verdict == VERDICT_ALLOW;
}

bool narrower_path(const struct tightening *tight, enum ambit_op op, const char *path, size_t length)
{
	/* In the tables the root is the empty path. */
	if (length == 1 && *path == '/')
		length = 0;
	return ambit_tables_path(tight->now->tables, op, path, length).verdict != VERDICT_ALLOW &&
	       allowed_before(tight, op, path, length);
}

/* A file that is denied by what it is. Of a file system without a disk of its own (btrfs) stat(2) may have
 * another device than the kernel's: then the number of the file alone decides. */
static bool identity_denies(const struct identities *links, const struct stat *file, enum ambit_op op)
{
	const uint32_t device = major(file->st_dev) << 20 | minor(file->st_dev);

	for (size_t i = 0; i < links->count; i++) {
		const struct ambit_identity_key *key = &links->items[i].key;

		if (key->inode == file->st_ino && links->items[i].value.deny[op] &&
			(key->device == device || (!major(file->st_dev) && !(key->device >> 20))))
			return true;
	}
	return false;
}

/* One's own entry of /proc is /proc/self in a policy (bpf/lib/proc.bpf.h). */
static char *as_decided(const struct tightening *tight, const char *path)
{
	char own[32];
	const int length = snprintf(own, sizeof(own), "/proc/%d/", tight->pid);

	return strncmp(path, own, (size_t)length) == 0 ? text_format("/proc/self/%s", path + length)
						       : strdup(path);
}

/* A name that ends like that of a file that was unlinked may be such a name, or be called so: both are asked for. */
bool narrower_file(
	const struct tightening *tight, enum ambit_op op, const char *path, const struct stat *file)
{
	_cleanup_free_ char *decided = as_decided(tight, path);
	const size_t length = decided ? strlen(decided) : 0, tail = strlen(DELETED);

	if (is_nameless(tight, file))
		return false;
	if (!decided)
		return true;
	if (narrower_path(tight, op, decided, length) ||
		(length > tail && strcmp(decided + length - tail, DELETED) == 0 &&
			narrower_path(tight, op, decided, length - tail)))
		return true;
	return identity_denies(&tight->now->links, file, op) &&
	       !identity_denies(&tight->before->links, file, op);
}

/* The address of IPv4 that stands in one of IPv6, as the programs take it (address_v6() of
 * bpf/lib/address.bpf.h): v4-mapped, NAT64, 6to4. NULL: none. */
static const uint8_t *v4_inside(const uint8_t *v6)
{
	static const struct {
		uint8_t bytes[12], length, at;
	} forms[] = {
		{{[10] = 0xff, [11] = 0xff}, 12, 12},
		{{0x00, 0x64, 0xff, 0x9b}, 12, 12},
		{{0x20, 0x02}, 2, 2},
	};

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		if (memcmp(v6, forms[i].bytes, forms[i].length) == 0)
			return v6 + forms[i].at;
	return NULL;
}

bool narrower_address(const struct sockaddr_storage *from, struct address *ret)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;
	const uint8_t *inside = from->ss_family == AF_INET6 ? v4_inside(v6->sin6_addr.s6_addr)
							    : (const uint8_t *)&v4->sin_addr;

	*ret = (struct address){.port = ntohs(v4->sin_port),
		.family = inside ? AMBIT_FAMILY_V4 : AMBIT_FAMILY_V6};
	memcpy(ret->bytes, inside ?: v6->sin6_addr.s6_addr, inside ? 4 : 16);
	return from->ss_family == AF_INET || from->ss_family == AF_INET6;
}

bool narrower_peer(
	const struct tightening *tight, enum ambit_op op, uint8_t proto, const struct address *peer)
{
	const struct tables *before = tight->before->tables;

	return ambit_tables_peer(tight->now->tables, op, proto, peer->family, peer->bytes, peer->port)
			       .verdict != VERDICT_ALLOW &&
	       (!before || ambit_tables_peer(before, op, proto, peer->family, peer->bytes, peer->port)
					   .verdict == VERDICT_ALLOW);
}

/* The name is the one that the server gave, and what was decided on was the path of the socket: one that leads
 * there by a link, or to no socket any more, does not tell what was allowed before. */
bool narrower_unix(const struct tightening *tight, const char *name)
{
	_cleanup_free_ char *path = realpath(name, NULL);
	struct stat file;

	if (!path || stat(path, &file) < 0 || !S_ISSOCK(file.st_mode) ||
		narrower_path(tight, OP_UNIX, name, strlen(name)))
		return true;
	return strcmp(path, name) != 0 &&
	       ambit_tables_path(tight->now->tables, OP_UNIX, path, strlen(path)).verdict != VERDICT_ALLOW;
}
