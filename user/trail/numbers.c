/* SPDX-License-Identifier: Apache-2.0 */
/* Denials that are about a number: socket options, control messages, netlink messages, ioctls. */
#include <string.h>
#include "base/util.h"
#include "trail/trail.h"

/* Levels and numbers as include/uapi/linux has them. Names of those that one meets; the rest is
 * shown by number. */
static const struct {
	uint32_t level, number;
	const char *name;
} options[] = {
	{0, 3, "IP_HDRINCL"},
	{0, 4, "IP_OPTIONS"},
	{0, 7, "IP_RETOPTS"},
	{0, 8, "IP_PKTINFO"},
	{0, 15, "IP_FREEBIND"},
	{0, 19, "IP_TRANSPARENT"},
	{0, 32, "IP_MULTICAST_IF"},
	{0, 35, "IP_ADD_MEMBERSHIP"},
	{0, 50, "IP_UNICAST_IF"},
	{1, 12, "SO_PRIORITY"},
	{1, 25, "SO_BINDTODEVICE"},
	{1, 32, "SO_SNDBUFFORCE"},
	{1, 33, "SO_RCVBUFFORCE"},
	{1, 36, "SO_MARK"},
	{1, 46, "SO_BUSY_POLL"},
	{1, 50, "SO_ATTACH_BPF"},
	{1, 62, "SO_BINDTOIFINDEX"},
	{6, 13, "TCP_CONGESTION"},
	{6, 19, "TCP_REPAIR"},
	{6, 31, "TCP_ULP"},
	{17, 100, "UDP_ENCAP"},
	{41, 1, "IPV6_ADDRFORM"},
	{41, 20, "IPV6_ADD_MEMBERSHIP"},
	{41, 50, "IPV6_PKTINFO"},
	{41, 57, "IPV6_RTHDR"},
	{41, 75, "IPV6_TRANSPARENT"},
};

const char *ambit_option_name(const struct ambit_numbers *numbers)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (options[i].level == numbers->level && options[i].number == numbers->number)
			return options[i].name;
	return NULL;
}

bool ambit_reason_has_numbers(unsigned reason)
{
	return reason == REASON_OPTION || reason == REASON_CONTROL || reason == REASON_NETLINK ||
	       reason == REASON_IOCTL;
}

bool ambit_event_numbers(const struct ambit_event *event, struct ambit_numbers *ret)
{
	if (!ambit_reason_has_numbers(event->reason))
		return false;
	memcpy(ret, event->addr, sizeof(*ret));
	return true;
}
