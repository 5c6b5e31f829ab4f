/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OTLP over HTTP, logs, as JSON (opentelemetry.io/docs/specs/otlp): a line is a log record, its text for
 * people the body, and each of its values an attribute: ambit.KEY where it is ambit's own, else ocsf.PATH.
 */
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include "base/util.h"
#include "trail/curl.h"
#include "trail/sink.h"
#include "trail/trail.h"

/* As much in one request: collectors refuse bodies of more than a few MiB. */
#define REQUEST_BYTES (256U << 10)
#define REQUEST_MS    10000
/* Severity numbers of the OpenTelemetry data model. */
#define SEVERITY_INFO 9
#define SEVERITY_WARN 13

struct otlp {
	const struct curl *curl;
	CURLM *multi;
	CURL *easy;
	struct curl_slist *headers;
};

/* --- a line as a log record --- */

static void add_text(struct json_object *object, const char *key, const char *text)
{
	json_object_object_add(object, key, json_object_new_string(text));
}

/* Numbers are texts: they have 64 bits. */
static struct json_object *value_of(struct json_object *value)
{
	struct json_object *result = json_object_new_object();

	switch (json_object_get_type(value)) {
	case json_type_boolean:
		json_object_object_add(
			result, "boolValue", json_object_new_boolean(json_object_get_boolean(value)));
		break;
	case json_type_int:
		add_text(result, "intValue", json_object_get_string(value));
		break;
	case json_type_null:
	case json_type_double:
	case json_type_object:
	case json_type_array:
	case json_type_string:
		add_text(result, "stringValue", json_object_get_string(value) ?: "");
		break;
	}
	return result;
}

static void add_attribute(struct json_object *list, const char *name, struct json_object *value)
{
	struct json_object *attribute = json_object_new_object();

	add_text(attribute, "key", name);
	json_object_object_add(attribute, "value", value_of(value));
	json_object_array_add(list, attribute);
}

/* Objects within objects: as deep as the writer nests them (actor.process.parent_process). */
static void add_attributes(struct json_object *list, const char *prefix, struct json_object *object)
{
	json_object_object_foreach(object, key, value) {
		char name[128];

		snprintf(name, sizeof(name), "%s.%s", prefix, key);
		if (!strcmp(name, "ocsf.unmapped"))
			strcpy(name, "ambit");
		if (json_object_is_type(value, json_type_object) && strncmp(name, "ambit.", 6))
			add_attributes(list, name, value);
		else
			add_attribute(list, name, value);
	}
}

static void put_body(struct json_object *record, const char *line, size_t size, const char *type)
{
	_cleanup_(entry_cleanup) struct trail_entry *entry = NULL;
	struct json_object *body = json_object_new_object();
	_cleanup_free_ char *text = NULL;
	char time[24];

	if (!ambit_entry_parse(line, size, &entry)) {
		snprintf(time, sizeof(time), "%" PRIu64, entry->record.wall);
		add_text(record, "timeUnixNano", time);
		if (entry->record.event)
			text = ambit_record_line(&entry->record);
	}
	add_text(body, "stringValue", text ?: type ?: "");
	json_object_object_add(record, "body", body);
}

static struct json_object *record_of(const char *line, size_t size)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *root = tokener ? json_tokener_parse_ex(tokener, line, (int)size) : NULL, *own, *type;
	struct json_object *record = json_object_new_object(), *attributes = json_object_new_array();
	bool denied = sink_is_denied(line, size);

	json_object_object_add(
		record, "severityNumber", json_object_new_int(denied ? SEVERITY_WARN : SEVERITY_INFO));
	add_text(record, "severityText", denied ? "WARN" : "INFO");
	if (root && json_object_is_type(root, json_type_object)) {
		add_attributes(attributes, "ocsf", root);
		if (json_object_object_get_ex(root, "unmapped", &own) &&
			json_object_object_get_ex(own, "type", &type))
			put_body(record, line, size, json_object_get_string(type));
	}
	json_object_object_add(record, "attributes", attributes);
	json_object_put(root);
	if (tokener)
		json_tokener_free(tokener);
	return record;
}

static struct json_object *resource(void)
{
	static const char *const keys[] = {"service.name", "host.name"};
	struct json_object *result = json_object_new_object(), *list = json_object_new_array();
	char host[65] = "";

	gethostname(host, sizeof(host) - 1);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		struct json_object *attribute = json_object_new_object(), *value = json_object_new_object();

		add_text(value, "stringValue", i ? host : "ambit");
		add_text(attribute, "key", keys[i]);
		json_object_object_add(attribute, "value", value);
		json_object_array_add(list, attribute);
	}
	json_object_object_add(result, "attributes", list);
	return result;
}

static struct json_object *in_list(struct json_object *item)
{
	struct json_object *list = json_object_new_array();

	json_object_array_add(list, item);
	return list;
}

static struct json_object *request_of(const char *lines, size_t size)
{
	struct json_object *root = json_object_new_object(), *logs = json_object_new_object();
	struct json_object *scoped = json_object_new_object(), *scope = json_object_new_object();
	struct json_object *records = json_object_new_array();

	for (size_t at = 0; at < size;) {
		const char *end = memchr(lines + at, '\n', size - at);
		size_t length = (size_t)(end - lines) - at;

		json_object_array_add(records, record_of(lines + at, length));
		at += length + 1;
	}
	add_text(scope, "name", "ambit");
	add_text(scope, "version", AMBIT_VERSION);
	json_object_object_add(scoped, "scope", scope);
	json_object_object_add(scoped, "logRecords", records);
	json_object_object_add(logs, "resource", resource());
	json_object_object_add(logs, "scopeLogs", in_list(scoped));
	json_object_object_add(root, "resourceLogs", in_list(logs));
	return root;
}

/* --- the request --- */

/* What a collector says is of no use, and must not be printed. */
static size_t swallow(char *bytes, size_t size, size_t count, void *data)
{
	(void)bytes;
	(void)data;
	return size * count;
}

static void otlp_close(struct sink *sink)
{
	struct otlp *otlp = sink->data;

	if (!otlp)
		return;
	if (otlp->easy)
		otlp->curl->curl_easy_cleanup(otlp->easy);
	if (otlp->multi)
		otlp->curl->curl_multi_cleanup(otlp->multi);
	otlp->curl->curl_slist_free_all(otlp->headers);
	free(otlp);
	sink->data = NULL;
}

static int otlp_open(struct sink *sink)
{
	const char *why;
	const struct curl *curl = ambit_curl(&why);
	struct otlp *otlp;

	if (!curl) {
		sink_explain(sink, "%s", why);
		return -ENOSYS;
	}
	otlp = calloc(1, sizeof(*otlp));
	if (!otlp)
		return -ENOMEM;
	sink->data = otlp;
	otlp->curl = curl;
	otlp->multi = curl->curl_multi_init();
	otlp->easy = curl->curl_easy_init();
	otlp->headers = curl->curl_slist_append(NULL, "Content-Type: application/json");
	if (!otlp->multi || !otlp->easy || !otlp->headers) {
		otlp_close(sink);
		return -ENOMEM;
	}
	curl->curl_easy_setopt(otlp->easy, CURLOPT_URL, sink->config->to);
	curl->curl_easy_setopt(otlp->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl->curl_easy_setopt(otlp->easy, CURLOPT_HTTPHEADER, otlp->headers);
	curl->curl_easy_setopt(otlp->easy, CURLOPT_USERAGENT, "ambit/" AMBIT_VERSION);
	curl->curl_easy_setopt(otlp->easy, CURLOPT_WRITEFUNCTION, swallow);
	curl->curl_easy_setopt(otlp->easy, CURLOPT_NOSIGNAL, 1L);
	curl->curl_easy_setopt(otlp->easy, CURLOPT_TIMEOUT_MS, (long)REQUEST_MS);
	return 0;
}

/* Until the request has ended, or we have to. */
static int transfer(struct sink *sink, CURLcode *ret)
{
	struct otlp *otlp = sink->data;
	struct curl_waitfd stop = {.fd = sink_stop_fd(sink), .events = CURL_WAIT_POLLIN};
	int running = 1, queued, left;

	while (!otlp->curl->curl_multi_perform(otlp->multi, &running) && running) {
		left = sink_patience(sink, REQUEST_MS);
		if (!left)
			return -ECANCELED;
		/* Once all has to end, its descriptor is readable for ever: it is not looked at any more. */
		otlp->curl->curl_multi_poll(otlp->multi, &stop, left == REQUEST_MS, left, NULL);
	}
	for (CURLMsg *message; (message = otlp->curl->curl_multi_info_read(otlp->multi, &queued));)
		if (message->msg == CURLMSG_DONE) {
			*ret = message->data.result;
			return 0;
		}
	return -EIO;
}

static int post(struct sink *sink, const char *body, long *ret_status)
{
	struct otlp *otlp = sink->data;
	CURLcode code = CURLE_OK;
	int error;

	otlp->curl->curl_easy_setopt(otlp->easy, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
	otlp->curl->curl_easy_setopt(otlp->easy, CURLOPT_POSTFIELDS, body);
	otlp->curl->curl_multi_add_handle(otlp->multi, otlp->easy);
	error = transfer(sink, &code);
	otlp->curl->curl_multi_remove_handle(otlp->multi, otlp->easy);
	if (!error && code) {
		sink_explain(sink, "%s", otlp->curl->curl_easy_strerror(code));
		error = -EIO;
	}
	if (!error)
		otlp->curl->curl_easy_getinfo(otlp->easy, CURLINFO_RESPONSE_CODE, ret_status);
	return error;
}

/* Whole lines, up to REQUEST_BYTES; one at least. */
static size_t request_size(const char *lines, size_t size)
{
	const char *end = size > REQUEST_BYTES ? memrchr(lines, '\n', REQUEST_BYTES) : lines + size - 1;

	if (!end)
		end = memchr(lines, '\n', size);
	return (size_t)(end + 1 - lines);
}

static uint64_t count_lines(const char *lines, size_t size)
{
	uint64_t count = 0;

	for (size_t i = 0; i < size; i++)
		count += lines[i] == '\n';
	return count;
}

/* 429 and 502 to 504 may be tried again, as the specification has it; what is refused otherwise is refused
 * for good. */
static int otlp_send(
	struct sink *sink, const char *lines, size_t size, size_t *ret_done, uint64_t *ret_refused)
{
	size_t taken = request_size(lines, size);
	struct json_object *request = request_of(lines, taken);
	long status = 0;
	int error = post(sink,
		json_object_to_json_string_ext(
			request, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
		&status);

	json_object_put(request);
	if (error)
		return error;
	if (status < 200 || status > 299)
		sink_explain(sink, "HTTP status %ld", status);
	if (status == 429 || (status >= 502 && status <= 504))
		return -EAGAIN;
	if (status < 200 || status > 299)
		*ret_refused = count_lines(lines, taken);
	*ret_done = taken;
	return 0;
}

const struct sink_type sink_otlp = {.open = otlp_open, .send = otlp_send, .close = otlp_close};
