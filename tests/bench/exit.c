/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest program there is, without a C library: what is left of fork+exec is the kernel's. */
#include <sys/syscall.h>

__attribute__((noreturn)) void _start(void);

void _start(void)
{
	__asm__ volatile("syscall" : : "a"(SYS_exit_group), "D"(0) : "rcx", "r11", "memory");
	__builtin_unreachable();
}
