/* SPDX-License-Identifier: Apache-2.0 */
/* Everything of a policy that decides what ambit_tables_compile() makes of it, as bytes: policies with the
 * same bytes have the same tables. */
#ifndef AMBIT_QUESTION_H
#define AMBIT_QUESTION_H

#include "policy/policy.h"

struct question {
	uint8_t *bytes; /* owned; a multiple of 8, and zeroes behind the last field */
	size_t bytes_room, count;
};

/* Of a resolved policy. -ENOMEM. */
int question_write(const struct policy *policy, struct question *ret);
void question_clear(struct question *question);

#endif
