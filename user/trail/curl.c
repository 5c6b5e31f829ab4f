/* SPDX-License-Identifier: Apache-2.0 */
#include "trail/curl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>

#define LIBRARY "libcurl.so.4"

static struct curl curl;
static const char *missing;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static const struct {
	const char *name;
	size_t offset;
} functions[] = {
#define X(name) {#name, offsetof(struct curl, name)},
	CURL_FUNCTIONS(X)
#undef X
};

static void load(void)
{
	CURLcode (*init)(long);
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	missing = "needs " LIBRARY ", which is not there: install libcurl4";
	if (!library)
		return;
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		void *function = dlsym(library, functions[i].name);

		if (!function)
			return;
		*(void **)((char *)&curl + functions[i].offset) = function;
	}
	*(void **)&init = dlsym(library, "curl_global_init");
	if (init && !init(CURL_GLOBAL_DEFAULT))
		missing = NULL;
}

const struct curl *ambit_curl(const char **ret_why)
{
	pthread_once(&once, load);
	*ret_why = missing;
	return missing ? NULL : &curl;
}
