/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl, opened when a sink needs it: linked, its thirty libraries would take most of the time that a
 * short command takes. */
#ifndef AMBIT_CURL_H
#define AMBIT_CURL_H

#include <curl/curl.h>

#define CURL_FUNCTIONS(X)                                                                                \
	X(curl_easy_init)                                                                                \
	X(curl_easy_setopt)                                                                              \
	X(curl_easy_getinfo)                                                                             \
	X(curl_easy_cleanup)                                                                             \
	X(curl_easy_strerror)                                                                            \
	X(curl_slist_append)                                                                             \
	X(curl_slist_free_all)                                                                           \
	X(curl_multi_init)                                                                               \
	X(curl_multi_add_handle)                                                                         \
	X(curl_multi_remove_handle)                                                                      \
	X(curl_multi_perform)                                                                            \
	X(curl_multi_poll)                                                                               \
	X(curl_multi_info_read)                                                                          \
	X(curl_multi_cleanup)

/* curl.h has macros of some of these names. */
#undef curl_easy_setopt
#undef curl_easy_getinfo

struct curl {
#define X(name) __typeof__(&name) name;
	CURL_FUNCTIONS(X)
#undef X
};

/* NULL: the library is not there, and `ret_why` (static) says what was missing. It stays until the process
 * ends. May be called by several threads. */
const struct curl *ambit_curl(const char **ret_why);

#endif
