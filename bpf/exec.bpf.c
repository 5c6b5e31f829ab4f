/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Programs: what execve opens is decided in file_open (the kernel opens the program, the
 * interpreter of a script and the ELF loader with __FMODE_EXEC); here are the executable mappings,
 * so that `ld.so ./tool` gains nothing, and the record of what was started.
 */
#include "lib/decide.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define PROTECT_EXEC 4 /* PROT_EXEC of include/uapi/asm-generic/mman-common.h */

static __always_inline int map_decide(struct file *file, enum ambit_hook hook)
{
	struct path_request request = {};
	__u32 cell = cell_current();

	if (!cell)
		return 0;
	request.cell = cell;
	request.dentry = (__u64)BPF_CORE_READ(file, f_path.dentry);
	request.mnt = (__u64)BPF_CORE_READ(file, f_path.mnt);
	request.ops = BIT(OP_EXEC);
	request.hook = hook;
	return decide_path(&request) ? -EACCES : 0;
}

/* `prot` is what the mapping gets, READ_IMPLIES_EXEC included. Memory that no file backs is not a
 * program of the file system. */
SEC("lsm/mmap_file")
int BPF_PROG(exec_mmap_file, struct file *file, unsigned long reqprot, unsigned long prot)
{
	if (!(prot & PROTECT_EXEC) || !file)
		return 0;
	return map_decide(file, HOOK_mmap_file);
}

SEC("lsm/file_mprotect")
int BPF_PROG(exec_file_mprotect, struct vm_area_struct *vma, unsigned long reqprot,
	unsigned long prot)
{
	struct file *file = vma->vm_file;

	if (!(prot & PROTECT_EXEC) || !file)
		return 0;
	return map_decide(file, HOOK_file_mprotect);
}

/* Called for the program and, for a script, again for its interpreter; both were decided when they
 * were opened. */
SEC("lsm/bprm_check_security")
int BPF_PROG(exec_bprm_check_security, struct linux_binprm *bprm)
{
	struct verdict v = {
		.kind = EVENT_EXEC,
		.op = OP_EXEC,
		.verdict = VERDICT_ALLOW,
		.hook = HOOK_bprm_check_security,
		.slot = -1,
	};
	struct ambit_cell *cell;
	struct scratch *scratch;
	__u32 slot;

	v.cell = cell_current();
	if (!v.cell)
		return 0;
	cell = FAULT(CELL_EXEC, NULL, bpf_map_lookup_elem(&cells, &v.cell));
	if (!cell)
		return deny(v.cell, HOOK_bprm_check_security, OP_EXEC, REASON_NO_CELL) ? -EACCES : 0;
	if (cell->flags & AMBIT_CELL_CANARY)
		return 0;
	v.slot = FAULT(SCRATCH_EXEC, -1, scratch_claim());
	slot = v.slot;
	scratch = v.slot < 0 ? NULL : bpf_map_lookup_elem(&scratches, &slot);
	if (!scratch)
		return deny(v.cell, HOOK_bprm_check_security, OP_EXEC, REASON_NO_SCRATCH) ? -EACCES : 0;
	if (path_build(slot, BUFFER_PATH, (__u64)BPF_CORE_READ(bprm, file, f_path.dentry),
		    (__u64)BPF_CORE_READ(bprm, file, f_path.mnt), cell->mnt_ns) != PATH_DONE)
		scratch->path.start = PATH_END; /* decided already; only the name is missing */
	report(&v);
	scratch_release(scratch);
	return 0;
}
