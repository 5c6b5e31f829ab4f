/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events that are alike, within a second: the first is a line of its own, those that follow become
 * one line with their count. Alike are events that differ in their time and thread alone; compared
 * is every byte of them.
 */
#ifndef AMBIT_REPEATS_H
#define AMBIT_REPEATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "bpf/abi.h"

#define REPEATS_SPAN 1000000000U /* ns */
/* How many are remembered, and their bytes. What is too much is forgotten from the oldest on, as if
 * its second was over. */
#define REPEATS_MAX   4096U
#define REPEATS_BYTES (4U << 20)

struct repeats;
/* `put` gets what was counted: the event as it came, with the time and thread of the first that was
 * counted; how many there were; the time of the last. NULL without memory. */
struct repeats *ambit_repeats_new(void (*put)(const struct ambit_event *event, size_t size,
					  uint64_t count, uint64_t last, void *data),
	void *data);
/* An event and its strings. True: one like it came within the second before, and it is counted;
 * false: it is to be written. Also false without memory: more lines, but no loss. */
bool ambit_repeats_take(struct repeats *repeats, const struct ambit_event *event);
/* Puts what was counted and whose second was over at `now` (CLOCK_MONOTONIC, ns); UINT64_MAX: all. */
void ambit_repeats_expire(struct repeats *repeats, uint64_t now);
/* When the second is over of the first that was counted; 0: nothing was. */
uint64_t ambit_repeats_due(const struct repeats *repeats);
/* What was counted and not put is lost. NULL is fine. */
void ambit_repeats_free(struct repeats *repeats);

#endif
