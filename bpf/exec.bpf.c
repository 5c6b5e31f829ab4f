/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Programs: what execve opens is decided in file_open (the kernel opens the program, the
 * interpreter of a script and the ELF loader with __FMODE_EXEC); here are the executable mappings,
 * so that `ld.so ./tool` gains nothing, code that is made in memory, and the record of what was
 * started.
 */
#include "lib/decide.bpf.h"
#include "lib/handle.bpf.h"
#include "lib/overlay.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* include/uapi/asm-generic/mman-common.h, linux/mman.h; include/linux/mm.h, fs.h */
#define PROTECT_WRITE	  2
#define MAPPING_TYPE	  0xf
#define MAPPING_PRIVATE	  2
#define VMA_SHARED	  8
#define INODE_PRIVATE	  (1 << 9) /* S_PRIVATE */

/* `file` is the address of a struct file. */
static __always_inline int map_decide(__u64 file, enum ambit_hook hook)
{
	struct path_request request = {};
	struct sequences now;
	struct dentry *dentry;

	request.cell = cell_current();
	if (!request.cell)
		return 0;
	now = sequences_now();
	request.dentry = (__u64)BPF_CORE_READ((struct file *)file, f_path.dentry);
	request.mnt = (__u64)BPF_CORE_READ((struct file *)file, f_path.mnt);
	backing_path((__u64)file, &request.dentry, &request.mnt);
	request.ops = BIT(OP_EXEC);
	request.hook = hook;
	request.flags = REQUEST_KEPT;
	request.key = ASKED_MAP | request.cell;
	dentry = (struct dentry *)request.dentry;
	if (BPF_CORE_READ(dentry, d_hash.pprev) &&
		verdict_kept(request.dentry, request.mnt, request.key, now))
		return 0;
	return decide_path(&request) ? -EACCES : 0;
}

/* Memory that is to become code, and is not what some file holds: the policy's `jit`. */
static __always_inline int memory_decide(enum ambit_hook hook)
{
	__u32 id = cell_current();
	struct ambit_cell *cell;

	if (!id)
		return 0;
	cell = FAULT(CELL_EXEC, NULL, cell_row(id));
	if (cell && cell->flags & AMBIT_CELL_JIT)
		return 0;
	return deny(id, hook, OP_EXEC, cell ? REASON_JIT : cell_missing(id)) ? -EACCES : 0;
}

/* Shared anonymous memory, SysV segments and the like are files inside the kernel that nobody has a
 * descriptor of. A memfd is none of them: it can be filled through its descriptor, and is decided
 * as a file without a name. */
static __always_inline bool is_memory(__u64 file)
{
	return !file || BPF_CORE_READ((struct file *)file, f_inode, i_flags) & INODE_PRIVATE;
}

/* A device gives memory too (/dev/zero): there is nothing that it holds. */
static __always_inline bool is_regular(__u64 file)
{
	return (BPF_CORE_READ((struct file *)file, f_inode, i_mode) & MODE_TYPE) == MODE_REGULAR;
}

/*
 * `prot` is what the mapping gets, READ_IMPLIES_EXEC included. What is written to a private mapping
 * is the task's own, so one that is writable as well is memory, too.
 *
 * The file is read out of the context: for memory it is NULL, which the verifier does not know, and
 * takes tests of a hook's argument out (reg_not_null() in kernel/bpf/verifier.c, since 6.4).
 */
SEC("lsm/mmap_file")
int INSIDE_PROG(exec_mmap_file, struct file *unused, unsigned long second, unsigned long third,
	unsigned long fourth)
{
	unsigned long prot = mmap_protection(second, third), flags = mmap_flags(third, fourth);
	bool private = (flags & MAPPING_TYPE) == MAPPING_PRIVATE;
	__u64 file;
	int result;

	if (!(prot & PROTECT_EXEC))
		return 0;
	if (bpf_probe_read_kernel(&file, sizeof(file), FAULT(READ_file, NULL, &ctx[0])))
		file = 1; /* no file can be read there: a deny */
	if (is_memory(file))
		return memory_decide(HOOK_mmap_file);
	result = map_decide(file, HOOK_mmap_file);
	if (result || (is_regular(file) && !(private && prot & PROTECT_WRITE)))
		return result;
	return memory_decide(HOOK_mmap_file);
}

/* A private mapping with an anon_vma was written to, or may have been. */
SEC("lsm/file_mprotect")
int INSIDE_PROG(exec_file_mprotect, struct vm_area_struct *vma, unsigned long reqprot,
	unsigned long prot)
{
	bool written;
	__u64 file;
	int result;

	if (!(prot & PROTECT_EXEC))
		return 0;
	file = (__u64)BPF_CORE_READ(vma, vm_file);
	if (is_memory(file))
		return memory_decide(HOOK_file_mprotect);
	written = !(vma->vm_flags & VMA_SHARED) && (prot & PROTECT_WRITE || vma->anon_vma);
	result = map_decide(file, HOOK_file_mprotect);
	if (result || (is_regular(file) && !written))
		return result;
	return memory_decide(HOOK_file_mprotect);
}

/* brk(2) gives executable memory to a task with READ_IMPLIES_EXEC (VM_DATA_DEFAULT_FLAGS on x86) and
 * comes by no other hook. Where memory must not become code, such a task gets no memory. */
SEC("lsm/mmap_addr")
int BPF_PROG(exec_mmap_addr)
{
	if (!(bpf_get_current_task_btf()->personality & READ_IMPLIES_EXEC))
		return 0;
	return memory_decide(HOOK_mmap_addr);
}

/* Whoever has a userfaultfd says what a private mapping of a file in memory (tmpfs) holds, also of one
 * that is code and was never writable (mfill_atomic_pte_copy() in mm/userfaultfd.c). By its name:
 * the same hook is called for other descriptors. */
SEC("lsm/inode_init_security_anon")
int INSIDE_PROG(exec_inode_init_security_anon, struct inode *inode, const struct qstr *name)
{
	char is[sizeof("[userfaultfd]")] = "";
	__u64 text = 0;

	if (!cell_current())
		return 0;
	if (READ_AT(anon_name, text, qstr, (__u64)name, name) ||
		bpf_probe_read_kernel_str(is, sizeof(is), (const void *)text) < 0 ||
		__builtin_memcmp(is, "[userfaultfd]", sizeof(is)) == 0)
		return memory_decide(HOOK_inode_init_security_anon);
	return 0;
}

/* Called for the program and, for a script, again for its interpreter; both were decided when they
 * were opened. */
SEC("lsm/bprm_check_security")
int INSIDE_PROG(exec_bprm_check_security, struct linux_binprm *bprm)
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
	__u32 slot = 0;

	v.cell = cell_current();
	if (!v.cell)
		return 0;
	cell = FAULT(CELL_EXEC, NULL, cell_row(v.cell));
	if (!cell)
		return deny(v.cell, HOOK_bprm_check_security, OP_EXEC, cell_missing(v.cell)) ? -EACCES : 0;
	if (cell->flags & AMBIT_CELL_CANARY)
		return 0;
	scratch = FAULT(SCRATCH_EXEC, NULL, scratch_claim(&slot));
	if (!scratch)
		return deny(v.cell, HOOK_bprm_check_security, OP_EXEC, REASON_NO_SCRATCH) ? -EACCES : 0;
	v.slot = slot;
	if (path_build(slot, BUFFER_PATH, (__u64)BPF_CORE_READ(bprm, file, f_path.dentry),
		    (__u64)BPF_CORE_READ(bprm, file, f_path.mnt), cell->mnt_ns) != PATH_DONE)
		scratch->path.start = PATH_END; /* decided already; only the name is missing */
	report(&v);
	scratch_release(scratch);
	return 0;
}
