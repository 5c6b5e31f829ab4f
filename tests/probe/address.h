/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROBE_ADDRESS_H
#define PROBE_ADDRESS_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Reads "127.0.0.1" or "::1"; the length, or 0 if it is neither. */
static inline socklen_t address_parse(union address *address, const char *text, const char *port)
{
	memset(address, 0, sizeof(*address));
	if (inet_pton(AF_INET, text, &address->v4.sin_addr) == 1) {
		address->v4.sin_family = AF_INET;
		address->v4.sin_port = htons((uint16_t)atoi(port));
		return sizeof(address->v4);
	}
	if (inet_pton(AF_INET6, text, &address->v6.sin6_addr) == 1) {
		address->v6.sin6_family = AF_INET6;
		address->v6.sin6_port = htons((uint16_t)atoi(port));
		return sizeof(address->v6);
	}
	return 0;
}

static inline int address_type(const char *proto)
{
	return (strcmp(proto, "udp") == 0 ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC;
}

/* "@name" is abstract; the length. */
static inline socklen_t unix_parse(struct sockaddr_un *address, const char *text)
{
	size_t length = strlen(text);

	if (length >= sizeof(address->sun_path))
		length = sizeof(address->sun_path) - 1;
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path, text, length);
	if (text[0] != '@')
		return sizeof(*address);
	address->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

#endif
