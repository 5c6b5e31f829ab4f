/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include "cli/cli.h"

int ambit_status_of_child(int code, int status)
{
	return code == CLD_EXITED ? status : 128 + status;
}

int ambit_status_of_exec(int error)
{
	return error == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
}
