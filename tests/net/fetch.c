// SPDX-License-Identifier: Apache-2.0
/* fetch HOST...: gets http://HOST/ with the resolver of the C library; a line for each. Linked statically
 * with musl, which asks all resolvers at once, from a socket that is not connected. */
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Whether the server at one of its addresses says hello to this name; or why not. */
static const char *get(const char *host)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *all, *address;
	char text[1024], hello[300];
	int r = getaddrinfo(host, "80", &hints, &all), fd = -1;
	size_t size = 0;
	ssize_t got;

	if (r)
		return gai_strerror(r);
	for (address = all; address; address = address->ai_next) {
		fd = socket(address->ai_family, SOCK_STREAM, 0);
		if (!connect(fd, address->ai_addr, address->ai_addrlen))
			break;
		close(fd);
	}
	freeaddrinfo(all);
	if (!address)
		return "no address can be reached";
	dprintf(fd, "GET / HTTP/1.0\r\nHost: %s\r\n\r\n", host);
	while ((got = read(fd, text + size, sizeof(text) - 1 - size)) > 0)
		size += (size_t)got;
	text[size] = '\0';
	close(fd);
	snprintf(hello, sizeof(hello), "\r\n\r\nhello %s\n", host);
	return strstr(text, hello) ? NULL : "another answer";
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *problem = get(argv[i]);

		printf("%s %s %s\n", argv[i], problem ? "no" : "ok", problem ? problem : "");
		fflush(stdout);
	}
	return 0;
}
