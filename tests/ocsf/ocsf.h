/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a JSON object is an event as OCSF 1.5.0 defines it. The tables are the part of the published schema
 * (schema.ocsf.io/1.5.0, github.com/ocsf/ocsf-schema, Apache-2.0) that trails use, as facts: classes and their
 * activities, attributes with type, values, profile and whether they are required, and of which at least one
 * has to be there. What the tables do not have is refused: a new attribute is looked up in the schema first.
 */
#ifndef AMBIT_TEST_OCSF_H
#define AMBIT_TEST_OCSF_H

#include <arpa/inet.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum ocsf_type {
	OCSF_T_INTEGER,
	OCSF_T_PORT,
	OCSF_T_TIMESTAMP, /* ms since 1970 */
	OCSF_T_DATETIME,  /* RFC 3339 */
	OCSF_T_STRING,
	OCSF_T_IP,
	OCSF_T_STRINGS, /* an array */
	OCSF_T_OBJECTS, /* an array of those of one of the tables */
	OCSF_T_ANY,	/* an object that the schema does not look into */
	OCSF_T_OBJECT,	/* one of the tables */
};

struct ocsf_attribute {
	const char *of, *name; /* of: an object, a class by its number, or "event": of every class */
	enum ocsf_type type;
	bool required;
	const char *more; /* an integer's values, set apart by spaces; the object's name; else NULL */
	const char *profile; /* that has to be named in metadata.profiles; NULL: it is always there */
};

static const struct ocsf_attribute ocsf_attributes[] = {
	{"event", "class_uid", OCSF_T_INTEGER, true, "1001 1007 2004 4001 4003 5019", NULL},
	{"event", "category_uid", OCSF_T_INTEGER, true, "1 2 4 5", NULL},
	{"event", "activity_id", OCSF_T_INTEGER, true, NULL, NULL},
	{"event", "type_uid", OCSF_T_INTEGER, true, NULL, NULL},
	{"event", "severity_id", OCSF_T_INTEGER, true, "0 1 2 3 4 5 6 99", NULL},
	{"event", "time", OCSF_T_TIMESTAMP, true, NULL, NULL},
	{"event", "metadata", OCSF_T_OBJECT, true, "metadata", NULL},
	{"event", "count", OCSF_T_INTEGER, false, NULL, NULL},
	{"event", "end_time", OCSF_T_TIMESTAMP, false, NULL, NULL},
	{"event", "status_detail", OCSF_T_STRING, false, NULL, NULL},
	{"event", "unmapped", OCSF_T_ANY, false, NULL, NULL},
	{"event", "time_dt", OCSF_T_DATETIME, false, NULL, "datetime"},
	{"event", "end_time_dt", OCSF_T_DATETIME, false, NULL, "datetime"},
	{"event", "device", OCSF_T_OBJECT, false, "device", "host"},
	{"event", "actor", OCSF_T_OBJECT, false, "actor", "host"},
	{"event", "action_id", OCSF_T_INTEGER, false, "0 1 2 3 4 99", "security_control"},
	{"event", "disposition_id", OCSF_T_INTEGER, false,
		"0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 99", "security_control"},
	{"event", "policy", OCSF_T_OBJECT, false, "policy", "security_control"},

	{"1001", "activity_id", OCSF_T_INTEGER, true, "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 99", NULL},
	{"1001", "actor", OCSF_T_OBJECT, true, "actor", NULL},
	{"1001", "device", OCSF_T_OBJECT, true, "device", NULL},
	{"1001", "file", OCSF_T_OBJECT, true, "file", NULL},
	{"1007", "activity_id", OCSF_T_INTEGER, true, "0 1 2 3 4 5 99", NULL},
	{"1007", "actor", OCSF_T_OBJECT, false, "actor", NULL},
	{"1007", "device", OCSF_T_OBJECT, true, "device", NULL},
	{"1007", "process", OCSF_T_OBJECT, true, "process", NULL},
	{"2004", "activity_id", OCSF_T_INTEGER, true, "0 1 2 3 99", NULL},
	{"2004", "device", OCSF_T_OBJECT, false, "device", NULL},
	{"2004", "finding_info", OCSF_T_OBJECT, true, "finding_info", NULL},
	{"4001", "activity_id", OCSF_T_INTEGER, true, "0 1 2 3 4 5 6 7 99", NULL},
	{"4001", "dst_endpoint", OCSF_T_OBJECT, false, "network_endpoint", NULL},
	{"4001", "connection_info", OCSF_T_OBJECT, false, "network_connection_info", NULL},
	{"4003", "activity_id", OCSF_T_INTEGER, true, "0 1 2 6 99", NULL},
	{"4003", "dst_endpoint", OCSF_T_OBJECT, false, "network_endpoint", NULL},
	{"4003", "connection_info", OCSF_T_OBJECT, false, "network_connection_info", NULL},
	{"4003", "query", OCSF_T_OBJECT, false, "dns_query", NULL},
	{"5019", "activity_id", OCSF_T_INTEGER, true, "0 1 2 99", NULL},
	{"5019", "actor", OCSF_T_OBJECT, false, "actor", NULL},
	{"5019", "device", OCSF_T_OBJECT, true, "device", NULL},

	{"metadata", "version", OCSF_T_STRING, true, NULL, NULL},
	{"metadata", "product", OCSF_T_OBJECT, true, "product", NULL},
	{"metadata", "profiles", OCSF_T_STRINGS, false, NULL, NULL},
	{"product", "name", OCSF_T_STRING, false, NULL, NULL},
	{"product", "version", OCSF_T_STRING, false, NULL, NULL},
	{"device", "type_id", OCSF_T_INTEGER, true, "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 99", NULL},
	{"device", "hostname", OCSF_T_STRING, false, NULL, NULL},
	{"policy", "name", OCSF_T_STRING, false, NULL, NULL},
	{"actor", "process", OCSF_T_OBJECT, false, "process", NULL},
	{"process", "pid", OCSF_T_INTEGER, false, NULL, NULL},
	{"process", "uid", OCSF_T_STRING, false, NULL, NULL},
	{"process", "tid", OCSF_T_INTEGER, false, NULL, NULL},
	{"process", "name", OCSF_T_STRING, false, NULL, NULL},
	{"process", "file", OCSF_T_OBJECT, false, "file", NULL},
	{"process", "user", OCSF_T_OBJECT, false, "user", NULL},
	{"process", "parent_process", OCSF_T_OBJECT, false, "process", NULL},
	{"process", "ancestry", OCSF_T_OBJECTS, false, "process_entity", NULL},
	{"process_entity", "pid", OCSF_T_INTEGER, false, NULL, NULL},
	{"process_entity", "uid", OCSF_T_STRING, false, NULL, NULL},
	{"process_entity", "name", OCSF_T_STRING, false, NULL, NULL},
	{"user", "uid", OCSF_T_STRING, false, NULL, NULL},
	{"file", "name", OCSF_T_STRING, true, NULL, NULL},
	{"file", "type_id", OCSF_T_INTEGER, true, "0 1 2 3 4 5 6 7 99", NULL},
	{"file", "path", OCSF_T_STRING, false, NULL, NULL},
	{"finding_info", "uid", OCSF_T_STRING, true, NULL, NULL},
	{"finding_info", "title", OCSF_T_STRING, false, NULL, NULL},
	{"network_endpoint", "ip", OCSF_T_IP, false, NULL, NULL},
	{"network_endpoint", "port", OCSF_T_PORT, false, NULL, NULL},
	{"network_endpoint", "hostname", OCSF_T_STRING, false, NULL, NULL},
	{"network_endpoint", "name", OCSF_T_STRING, false, NULL, NULL},
	{"network_endpoint", "svc_name", OCSF_T_STRING, false, NULL, NULL},
	{"network_connection_info", "direction_id", OCSF_T_INTEGER, true, "0 1 2 3 99", NULL},
	{"network_connection_info", "protocol_name", OCSF_T_STRING, false, NULL, NULL},
	{"dns_query", "hostname", OCSF_T_STRING, true, NULL, NULL},
};

/* Of the attributes that trails use, one at least has to be in such an object. */
static const struct {
	const char *of, *names[6];
} ocsf_at_least_one[] = {
	{"4001", {"dst_endpoint"}},
	{"product", {"name"}},
	{"policy", {"name"}},
	{"actor", {"process"}},
	{"process", {"pid", "uid"}},
	{"process_entity", {"pid", "uid", "name"}},
	{"user", {"uid"}},
	{"device", {"hostname"}},
	{"network_endpoint", {"ip", "name", "hostname", "svc_name"}},
};

#define OCSF_COUNT(array) (sizeof(array) / sizeof(*(array)))

/* A class may say something else of an attribute than the base event does. */
static inline const struct ocsf_attribute *ocsf_find(const char *of, const char *class, const char *name)
{
	const struct ocsf_attribute *found = NULL;

	for (size_t i = 0; i < OCSF_COUNT(ocsf_attributes); i++) {
		const struct ocsf_attribute *attribute = &ocsf_attributes[i];

		if (!strcmp(attribute->name, name) &&
			(!strcmp(attribute->of, of) || (class && !strcmp(attribute->of, class))))
			found = attribute;
	}
	return found;
}

static inline bool ocsf_is_among(const char *values, int64_t number)
{
	char text[32], list[128];

	snprintf(text, sizeof(text), " %lld ", (long long)number);
	snprintf(list, sizeof(list), " %s ", values);
	return strstr(list, text);
}

static inline bool ocsf_is_datetime(const char *text)
{
	static const char form[] = "0000-00-00T00:00:00.000000000Z";

	for (size_t i = 0; i < sizeof(form); i++)
		if (form[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
			return false;
	return true;
}

static inline bool ocsf_is_ip(const char *text)
{
	unsigned char bytes[16];

	return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

static inline bool ocsf_has_type(const struct ocsf_attribute *attribute, struct json_object *value)
{
	const bool text = json_object_is_type(value, json_type_string);
	const bool number = json_object_is_type(value, json_type_int);
	const int64_t integer = json_object_get_int64(value);

	switch (attribute->type) {
	case OCSF_T_INTEGER:
		return number && (!attribute->more || ocsf_is_among(attribute->more, integer));
	case OCSF_T_PORT:
		return number && integer >= 0 && integer <= 65535;
	case OCSF_T_TIMESTAMP:
		return number && integer >= 0;
	case OCSF_T_STRING:
		return text && json_object_get_string_len(value);
	case OCSF_T_DATETIME:
		return text && ocsf_is_datetime(json_object_get_string(value));
	case OCSF_T_IP:
		return text && ocsf_is_ip(json_object_get_string(value));
	case OCSF_T_STRINGS:
	case OCSF_T_OBJECTS:
		return json_object_is_type(value, json_type_array);
	case OCSF_T_ANY:
	case OCSF_T_OBJECT:
		break;
	}
	return json_object_is_type(value, json_type_object);
}

static inline bool ocsf_has_profile(struct json_object *event, const char *profile)
{
	struct json_object *profiles = json_object_object_get(json_object_object_get(event, "metadata"), "profiles");

	for (size_t i = 0; profiles && i < json_object_array_length(profiles); i++)
		if (!strcmp(json_object_get_string(json_object_array_get_idx(profiles, i)), profile))
			return true;
	return false;
}

/* Fills `why` and is false where something is wrong. `class`: of an event, its number as text. */
static inline bool ocsf_object(struct json_object *event, struct json_object *object, const char *of,
	const char *class, char why[128])
{
	json_object_object_foreach(object, key, value) {
		const struct ocsf_attribute *attribute = ocsf_find(of, class, key);

		snprintf(why, 128, "%s.%s", class ?: of, key);
		if (!attribute || !ocsf_has_type(attribute, value) ||
			(attribute->profile && !ocsf_has_profile(event, attribute->profile)))
			return false;
		for (size_t i = 0; attribute->type == OCSF_T_OBJECTS && i < json_object_array_length(value); i++)
			if (!ocsf_object(event, json_object_array_get_idx(value, i), attribute->more, NULL, why))
				return false;
		if (attribute->type == OCSF_T_OBJECT && !ocsf_object(event, value, attribute->more, NULL, why))
			return false;
	}
	for (size_t i = 0; i < OCSF_COUNT(ocsf_attributes); i++) {
		const struct ocsf_attribute *attribute = &ocsf_attributes[i];

		snprintf(why, 128, "%s.%s is missing", class ?: of, attribute->name);
		if (attribute->required &&
			(!strcmp(attribute->of, of) || (class && !strcmp(attribute->of, class))) &&
			!json_object_object_get(object, attribute->name))
			return false;
	}
	for (size_t i = 0; i < OCSF_COUNT(ocsf_at_least_one); i++) {
		const char *const *name = ocsf_at_least_one[i].names;

		if (strcmp(ocsf_at_least_one[i].of, class ?: of))
			continue;
		snprintf(why, 128, "%s has nothing of what it has to have", class ?: of);
		while (*name && !json_object_object_get(object, *name))
			name++;
		if (!*name)
			return false;
	}
	return true;
}

static inline int64_t ocsf_number(struct json_object *event, const char *key)
{
	return json_object_get_int64(json_object_object_get(event, key));
}

/* Whether an object is an event; `why` names what is wrong. */
static inline bool ocsf_is_event(struct json_object *event, char why[128])
{
	const int64_t uid = ocsf_number(event, "class_uid");
	char class[32];

	snprintf(class, sizeof(class), "%lld", (long long)uid);
	if (!ocsf_object(event, event, "event", class, why))
		return false;
	snprintf(why, 128, "type_uid or category_uid does not go with class_uid %s", class);
	return ocsf_number(event, "category_uid") == uid / 1000 &&
	       ocsf_number(event, "type_uid") == uid * 100 + ocsf_number(event, "activity_id");
}

#endif
