/* SPDX-License-Identifier: Apache-2.0 */
/* The walks over control data and netlink messages against plain C that follows the kernel's macros
 * (CMSG_NXTHDR, NLMSG_NEXT): tables, and random bytes that are nearly messages. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/util.h"
#include "logic.h"
#include "logic.skel.h"

#define ROUNDS 50

static struct logic *skeleton;

/* A fixed seed: a failure repeats. */
static uint64_t state = 0x9e3779b97f4a7c15;

static uint32_t rnd(uint32_t limit)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 33) % limit;
}

static int setup(void **context)
{
	(void)context;
	skeleton = logic__open_and_load();
	return skeleton ? 0 : -1;
}

static int teardown(void **context)
{
	(void)context;
	logic__destroy(skeleton);
	return 0;
}

/* Fills the map from `cases`, runs the program, reads the results back. */
static void run_walks(struct walk_case *cases)
{
	LIBBPF_OPTS(bpf_test_run_opts, options);
	int map = bpf_map__fd(skeleton->maps.walk_cases);

	for (uint32_t i = 0; i < CASES; i++)
		assert_return_code(bpf_map_update_elem(map, &i, &cases[i], BPF_ANY), 0);
	assert_return_code(
		bpf_prog_test_run_opts(bpf_program__fd(skeleton->progs.test_walks), &options), 0);
	for (uint32_t i = 0; i < CASES; i++)
		assert_return_code(bpf_map_lookup_elem(map, &i, &cases[i]), 0);
}

static const int control_types[][2] = {{SOL_SOCKET, SCM_RIGHTS}, {SOL_SOCKET, SO_MARK},
	{SOL_SOCKET, SO_TIMESTAMPING}, {SOL_SOCKET, 65}, {SOL_IP, IP_TOS}, {SOL_IP, IP_TTL},
	{SOL_IP, IP_RETOPTS}, {SOL_IP, IP_OPTIONS}, {SOL_IP, IP_PKTINFO}, {SOL_IPV6, IPV6_PKTINFO},
	{SOL_IPV6, IPV6_RTHDR}, {SOL_IPV6, IPV6_2292RTHDR}, {SOL_IPV6, IPV6_HOPOPTS},
	{SOL_IPV6, IPV6_DSTOPTS}, {SOL_IPV6, IPV6_HOPLIMIT}, {SOL_IPV6, IPV6_TCLASS},
	{SOL_IPV6, 11 /* FLOWINFO */}, {SOL_UDP, UDP_SEGMENT}, {SOL_UDP, 1}, {6, 1}, {282, 1},
	{-1, -1}};

static bool control_is_allowed(const struct cmsghdr *head, const uint8_t *data)
{
	static const int allowed[][2] = {{SOL_SOCKET, SCM_RIGHTS}, {SOL_SOCKET, SCM_CREDENTIALS},
		{SOL_SOCKET, SO_TIMESTAMPING}, {SOL_SOCKET, 65}, {SOL_IP, IP_TOS}, {SOL_IP, IP_TTL},
		{SOL_IPV6, IPV6_HOPLIMIT}, {SOL_IPV6, IPV6_2292HOPLIMIT}, {SOL_IPV6, IPV6_TCLASS},
		{SOL_IPV6, IPV6_DONTFRAG}, {SOL_UDP, UDP_SEGMENT}};
	size_t size = head->cmsg_len - CMSG_LEN(0);
	int interface;

	for (size_t i = 0; i < ARRAY_SIZE(allowed); i++) {
		if (head->cmsg_level == allowed[i][0] && head->cmsg_type == allowed[i][1])
			return true;
	}
	if (head->cmsg_level == SOL_IP && head->cmsg_type == IP_PKTINFO && size >= 12) {
		memcpy(&interface, data, sizeof(interface));
		return interface == 0;
	}
	if (head->cmsg_level == SOL_IPV6 &&
		(head->cmsg_type == IPV6_PKTINFO || head->cmsg_type == IPV6_2292PKTINFO) &&
		size >= 20) {
		memcpy(&interface, data + 16, sizeof(interface));
		return interface == 0;
	}
	return false;
}

static bool control_oracle(const uint8_t *bytes, size_t length)
{
	size_t at = 0;

	for (int count = 0; at + sizeof(struct cmsghdr) <= length; count++) {
		struct cmsghdr head;

		memcpy(&head, bytes + at, sizeof(head));
		if (count == 16 || head.cmsg_len < sizeof(head) || head.cmsg_len > length - at ||
			!control_is_allowed(&head, bytes + at + sizeof(head)))
			return true;
		at += CMSG_ALIGN(head.cmsg_len);
	}
	return false;
}

static void control_random(struct walk_case *walk)
{
	uint32_t count = rnd(20) ? rnd(6) : 14 + rnd(6), at = 0;

	memset(walk, 0, sizeof(*walk));
	for (uint32_t i = 0; i < count && at + 64 < WALK_BYTES; i++) {
		uint32_t pick = rnd(count > 6 ? 1 : ARRAY_SIZE(control_types)), size = rnd(40);
		struct cmsghdr head = {.cmsg_len = CMSG_LEN(size),
			.cmsg_level = control_types[pick][0],
			.cmsg_type = control_types[pick][1]};

		if (!rnd(20))
			head.cmsg_len = rnd(4) ? rnd(64) : SIZE_MAX - rnd(32);
		for (uint32_t j = 0; j < size; j++)
			walk->bytes[at + sizeof(head) + j] = rnd(3) ? 0 : (uint8_t)rnd(256);
		memcpy(&walk->bytes[at], &head, sizeof(head));
		at += (uint32_t)CMSG_SPACE(size);
	}
	walk->length = rnd(8) ? at : rnd(WALK_BYTES);
}

static bool message_oracle(const uint8_t *bytes, size_t length)
{
	static const int questions[] = {RTM_GETLINK, RTM_GETADDR, RTM_GETROUTE, RTM_GETNEIGH,
		RTM_GETRULE, RTM_GETQDISC, RTM_GETMULTICAST, RTM_GETANYCAST, RTM_GETNEIGHTBL,
		RTM_GETADDRLABEL, RTM_GETNETCONF, RTM_GETNSID, RTM_GETSTATS, RTM_GETNEXTHOP};
	size_t at = 0;

	for (int count = 0; at < length && length - at >= sizeof(struct nlmsghdr); count++) {
		struct nlmsghdr head;
		bool known = false;

		memcpy(&head, bytes + at, sizeof(head));
		/* The kernel reads no further. */
		if (head.nlmsg_len < sizeof(head) || head.nlmsg_len > length - at)
			return false;
		for (size_t i = 0; i < ARRAY_SIZE(questions); i++)
			known |= head.nlmsg_type == questions[i];
		if (count == 16 || !known)
			return true;
		at += NLMSG_ALIGN(head.nlmsg_len);
	}
	return false;
}

static void message_random(struct walk_case *walk)
{
	uint32_t count = rnd(20) ? rnd(6) : 14 + rnd(6), at = 0;

	memset(walk, 0, sizeof(*walk));
	walk->netlink = 1;
	for (uint32_t i = 0; i < count && at + 64 < WALK_BYTES; i++) {
		struct nlmsghdr head = {.nlmsg_len = NLMSG_LENGTH(rnd(24)),
			.nlmsg_type = (uint16_t)(rnd(8) ? 18 + 4 * rnd(28) : rnd(130))};
		uint32_t step = NLMSG_ALIGN(head.nlmsg_len);

		if (!rnd(20))
			head.nlmsg_len = rnd(4) ? rnd(64) : UINT32_MAX - rnd(32);
		memcpy(&walk->bytes[at], &head, sizeof(head));
		at += step;
	}
	walk->length = rnd(8) ? at : rnd(WALK_BYTES);
}

static void test_random_walks(void **context)
{
	static struct walk_case cases[CASES];
	uint32_t denied = 0, all = 0;

	(void)context;
	for (int round = 0; round < ROUNDS; round++) {
		for (uint32_t i = 0; i < CASES; i++)
			i % 2 ? control_random(&cases[i]) : message_random(&cases[i]);
		run_walks(cases);
		for (uint32_t i = 0; i < CASES; i++) {
			bool expected = cases[i].netlink
						? message_oracle(cases[i].bytes, cases[i].length)
						: control_oracle(cases[i].bytes, cases[i].length);

			if (cases[i].denied != expected)
				fail_msg("round %d case %u: denied %u, expected %d", round, i,
					cases[i].denied, expected);
			denied += expected;
			all++;
		}
	}
	/* Both answers are common, or this proves little. */
	assert_in_range(denied, all / 10, all - all / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_walks),
	};

	if (geteuid() != 0) {
		print_message("BPF_PROG_TEST_RUN needs root\n");
		return 77;
	}
	return cmocka_run_group_tests_name("walks", tests, setup, teardown);
}
