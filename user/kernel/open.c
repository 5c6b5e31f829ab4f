/* SPDX-License-Identifier: Apache-2.0 */
/* The programs as they were built, made fit for this kernel before libbpf sees them. */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <string.h>
#include "bpf/abi.h"
#include "ambit.skel.h"
#include "base/util.h"
#include "kernel/internal.h"

/*
 * Makes every call of AMBIT_CALL_CAST a call of the kernel function with this id in its BTF. An
 * instruction is eight bytes, and sections are laid out at multiples of eight (their alignment for
 * code); no other eight bytes of the file look like that, because no helper has that number.
 */
static void calls_set(unsigned char *bytes, size_t size, __s32 id)
{
	const struct bpf_insn call = {.code = BPF_JMP | BPF_CALL, .imm = AMBIT_CALL_CAST};
	const struct bpf_insn real = {
		.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_KFUNC_CALL, .imm = id};

	for (size_t at = 0; at + sizeof(call) <= size; at += sizeof(call))
		if (memcmp(bytes + at, &call, sizeof(call)) == 0)
			memcpy(bytes + at, &real, sizeof(real));
}

/* The file with its calls set, made once: libbpf reads in it until the programs are loaded, and one
 * process meets one kernel. NULL without memory. */
static const void *bytes_get(const void *built, size_t size, __s32 id)
{
	static unsigned char *bytes;

	if (!bytes) {
		bytes = malloc(size);
		if (bytes)
			calls_set(memcpy(bytes, built, size), size, id);
	}
	return bytes;
}

static int bytes_open(const struct btf *btf, struct ambit_bpf *skeleton)
{
	__s32 id = btf__find_by_name_kind(btf, CAST_FUNCTION, BTF_KIND_FUNC);
	struct bpf_object_skeleton *object = skeleton->skeleton;

	if (id > 0) {
		object->data = (void *)bytes_get(object->data, object->data_sz, id);
		if (!object->data)
			return -ENOMEM;
	}
	return bpf_object__open_skeleton(object, NULL);
}

int skeleton_open(const struct btf *btf, struct ambit_bpf **ret)
{
	struct ambit_bpf *skeleton = calloc(1, sizeof(*skeleton));
	int result;

	if (!skeleton)
		return -ENOMEM;
	result = ambit_bpf__create_skeleton(skeleton);
	if (result == 0)
		result = bytes_open(btf, skeleton);
	if (result < 0) {
		ambit_bpf__destroy(skeleton);
		return result;
	}
	*ret = skeleton;
	return 0;
}
