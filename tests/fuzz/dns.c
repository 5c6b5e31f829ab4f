/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer: any bytes as a DNS message, read by the very code that runs in the kernel. Nothing may be
 * read outside of the message, and what is taken from one has to be in it.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "bpf/lib/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The question, read in another way: no pointers, so labels follow each other. */
static void check_question(const struct dns *dns, const uint8_t *data, size_t size)
{
	char written[256] = "", turned[256] = "", joined[256];
	size_t at = DNS_HEADER, length = 0;

	while (at < size && data[at]) {
		size_t label = data[at++];
		char text[64];

		if (label > 63 || at + label > size)
			abort();
		for (size_t i = 0; i < label; i++)
			text[i] = (char)(data[at + i] >= 'A' && data[at + i] <= 'Z' ? data[at + i] | 32
										    : data[at + i]);
		text[label] = '\0';
		at += label;
		length += label + 1;
		if (length > 254)
			abort();
		strcpy(joined, turned);
		strcpy(turned, text);
		if (*joined)
			strcat(strcat(turned, "."), joined);
		if (*written)
			strcat(written, ".");
		strcat(written, text);
	}
	if (dns->text_size != strlen(written) || memcmp(dns->text, written, dns->text_size))
		abort();
	if (255 - dns->front != strlen(turned) ||
		memcmp(dns->turned + dns->front, turned, strlen(turned)))
		abort();
}

static bool holds(const uint8_t *data, size_t size, const uint8_t *bytes, size_t count)
{
	for (size_t i = DNS_HEADER; i + count <= size; i++)
		if (!memcmp(data + i, bytes, count))
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns *dns;

	if (size > DNS_SIZE)
		return 0;
	dns = malloc(sizeof(*dns)); /* so that ASan and uninitialised bytes tell */
	memset(dns, 0xa5, sizeof(*dns));
	memcpy(dns->message, data, size);
	dns->length = (uint32_t)size;
	if (dns_question(dns) && dns_spell(dns, 1)) {
		check_question(dns, data, size);
		dns_answers(dns);
		if (dns->count > DNS_ADDRESSES || (dns->error && dns->count))
			abort();
		for (unsigned i = 0; i < dns->count; i++)
			if (!holds(data, size, dns->addresses[i].bytes,
				    dns->addresses[i].family == AMBIT_FAMILY_V4 ? 4 : 16))
				abort();
	}
	free(dns);
	return 0;
}
