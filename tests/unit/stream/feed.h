/* SPDX-License-Identifier: Apache-2.0 */
/* The readers of streams, given a stream in pieces. */
#ifndef AMBIT_TEST_FEED_H
#define AMBIT_TEST_FEED_H

#include <stddef.h>
#include <stdint.h>
#include "bpf/lib/flight.h"
#include "bpf/lib/hello.h"
#include "bpf/lib/request.h"

/* One piece; what may be skipped is. How many bytes were taken until the head had ended. */
static inline size_t hello_feed(struct hello *hello, const uint8_t *bytes, size_t size)
{
	size_t at = 0;

	while (at < size && hello->result == STREAM_MORE) {
		size_t skip = hello_may_skip(hello);

		if (skip > size - at)
			skip = size - at;
		if (skip)
			hello_skip(hello, (uint32_t)skip);
		else
			hello_byte(hello, bytes[at]);
		at += skip ?: 1;
	}
	return at;
}

/* Likewise of what follows a hello. */
static inline size_t flight_feed(struct flight *flight, const uint8_t *bytes, size_t size)
{
	size_t at = 0;

	while (at < size && flight->result == STREAM_MORE) {
		size_t skip = flight_may_skip(flight);

		if (skip > size - at)
			skip = size - at;
		if (skip)
			flight_skip(flight, (uint32_t)skip);
		else
			flight_byte(flight, bytes[at]);
		at += skip ?: 1;
	}
	return at;
}

static inline size_t request_feed(struct http_head *request, const uint8_t *bytes, size_t size)
{
	size_t at = 0;

	while (at < size && request->result == STREAM_MORE)
		request_byte(request, bytes[at++]);
	return at;
}

#endif
