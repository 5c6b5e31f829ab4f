/* SPDX-License-Identifier: Apache-2.0 */
#include "base/util.h"
#include "trail/trail.h"

/* include/uapi/linux/capability.h, by number. */
static const char *const capabilities[] = {"chown", "dac_override", "dac_read_search", "fowner",
	"fsetid", "kill", "setgid", "setuid", "setpcap", "linux_immutable", "net_bind_service",
	"net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner", "sys_module", "sys_rawio",
	"sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice", "sys_resource",
	"sys_time", "sys_tty_config", "mknod", "lease", "audit_write", "audit_control", "setfcap",
	"mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read", "perfmon",
	"bpf", "checkpoint_restore"};

static const char *const names[] = {
#define HOOK(area, hook, op, need, when) #hook,
#include "bpf/hooks.def"
#undef HOOK
};

const char *ambit_hook_name(unsigned hook)
{
	return hook < ARRAY_SIZE(names) ? names[hook] : NULL;
}

const char *ambit_capability_name(unsigned capability)
{
	return capability < ARRAY_SIZE(capabilities) ? capabilities[capability] : NULL;
}
