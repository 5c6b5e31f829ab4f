/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a line of a trail has in common with events of other products: the Open Cybersecurity Schema
 * Framework, version 1.5.0 (schema.ocsf.io). A line is an OCSF event; what OCSF has no word for is in its
 * object `unmapped`, which comes last. docs/notes/2026-11-28-ocsf.md says how and why.
 */
#ifndef AMBIT_OCSF_H
#define AMBIT_OCSF_H

#include <stdint.h>
#include "trail/trail.h"
#include "trail/writer.h"

#define OCSF_VERSION "1.5.0"

/* The classes that are used, by their class_uid. */
enum ocsf_class {
	OCSF_FILE = 1001,
	OCSF_PROCESS = 1007,
	OCSF_FINDING = 2004,
	OCSF_NETWORK = 4001,
	OCSF_DNS = 4003,
	OCSF_CONFIG = 5019,
};

struct ocsf_kind {
	enum ocsf_class class;
	uint8_t activity; /* activity_id of that class */
	uint8_t severity; /* severity_id: 1 is a piece of information, 2 low, 3 medium, 4 high, 5 critical */
};

/* Which one an event is. */
struct ocsf_kind ambit_ocsf_kind(const struct record *record);
/* Of this boot, as the kernel has it. */
const char *ambit_ocsf_boot(void);
/* Begins a line: what every event has. `wall`: ns since 1970. */
void ambit_ocsf_begin(struct writer *writer, struct ocsf_kind kind, uint64_t wall);
/* `finding_info`, which a Detection Finding has to have; `time` (CLOCK_MONOTONIC, ns) and cell name it. */
void ambit_ocsf_finding(struct writer *writer, uint64_t time, uint32_t cell, const char *title);
/* Names something for good: "BOOT-TIME-NUMBER", of a process its start and pid. BOOT is how the boot's id
 * begins: as many bits as a start in ns and a pid leave to chance. */
void ambit_ocsf_uid(struct writer *writer, const char *key, uint64_t time, uint32_t number);
/* A process as it is known for good: `start` is CLOCK_BOOTTIME, ns; 0: nobody's. */
void ambit_ocsf_process(struct writer *writer, uint32_t pid, uint64_t start);
/* `file` by its path; `type` is its type_id: 0 is not known, 1 a regular file. False: the text is not the
 * path's bytes. */
bool ambit_ocsf_file(struct writer *writer, const char *path, size_t size, unsigned type);
/* What follows is ambit's own, to the end of the line. */
void ambit_ocsf_own(struct writer *writer, const char *type);

#endif
