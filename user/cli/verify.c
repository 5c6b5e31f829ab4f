/* SPDX-License-Identifier: Apache-2.0 */
/* ambit verify: is a trail whole, and if not, which line is the first that is wrong, and how. */
#include <argp.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>
#include "base/array.h"
#include "base/util.h"
#include "cli/log.h"
#include "policy/text.h"
#include "trail/pieces.h"
#include "trail/trail.h"
#include "trail/verify.h"

struct verify_words {
	bool json, show_key, unfinished, part;
	uint8_t (*keys)[SEAL_KEY];
	size_t key_count, keys_room;
	char **names; /* borrowed from argv */
	int name_count;
	char **files; /* and with them the pieces that they were rotated to; owned */
	size_t file_count, files_room;
};

/* What goes on while files are read. */
struct reading {
	const struct verify_words *words;
	struct verify *verify;
	struct lines lines;
	uint64_t too_long; /* lines that are known to be */
	int error;
};

static int add_key(struct verify_words *words, const char *text)
{
	if (strlen(text) != 2 * SEAL_KEY)
		return -EINVAL;
	if (ARRAY_GROW(words, keys, words->key_count + 1))
		return -ENOMEM;
	if (!ambit_seal_unhex(text, strlen(text), words->keys[words->key_count], SEAL_KEY))
		return -EINVAL;
	words->key_count++;
	return 0;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct verify_words *words = state->input;

	switch (key) {
	case 'k':
		if (add_key(words, arg))
			argp_error(state, "\"%s\" is no key; write the %u digits that ambit run printed",
				arg, 2 * SEAL_KEY);
		return 0;
	case 's':
		words->show_key = true;
		return 0;
	case 'u':
		words->unfinished = true;
		return 0;
	case 'j':
		words->json = true;
		return 0;
	case 'p':
		words->part = true;
		return 0;
	case ARGP_KEY_ARGS:
		words->names = state->argv + state->next;
		words->name_count = state->argc - state->next;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "name a trail: ambit verify FILE...");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const char *file_of(const struct verify_words *words, const struct verify_place *place)
{
	return words->files[place->file];
}

static void say_note(const struct verify_place *place, const char *text, void *data)
{
	const struct verify_words *words = data;

	if (!words->json && !words->show_key)
		ambit_ui_say("%s:%" PRIu64 ": %s", file_of(words, place), place->line, text);
}

static void take_line(struct reading *reading, const char *line, size_t size)
{
	if (!reading->error)
		reading->error = ambit_verify_line(reading->verify, line, size);
}

/* Lines that were passed over since the last one. */
static void take_too_long(struct reading *reading)
{
	for (; reading->too_long < reading->lines.too_long; reading->too_long++)
		take_line(reading, NULL, SIZE_MAX);
}

static void each_line(const char *line, size_t size, void *data)
{
	take_too_long(data);
	take_line(data, line, size);
}

static int read_file(struct reading *reading, const char *file)
{
	struct diag diag = {0};
	int error;

	ambit_verify_file(reading->verify);
	error = ambit_follow(file, false, &reading->lines, &diag);
	if (error)
		ambit_ui_diag(&diag);
	ambit_diag_clear(&diag);
	if (error)
		return error;
	if (!reading->lines.skipping)
		take_too_long(reading);
	if (ambit_lines_reset(&reading->lines))
		ambit_verify_torn(reading->verify);
	if (reading->error)
		ambit_ui_say("%s: %s", file, strerror(-reading->error));
	return reading->error;
}

static bool is_broken(const struct verify_result *result)
{
	return result->found.fault != FAULT_NONE;
}

/* All of it is chained; else it cannot be said of the rest. */
static bool is_known(const struct verify_result *result)
{
	return result->lines && !result->unchained;
}

static uint64_t unsigned_lines(const struct verify_result *result)
{
	uint64_t count = 0;

	for (size_t i = 0; i < result->chain_count; i++)
		count += result->chains[i].seq - result->chains[i].is_signed;
	return count;
}

static void print_broken(const struct verify_words *words, const struct verify_found *found)
{
	printf("%s:", file_of(words, &found->place));
	if (found->place.line)
		printf("%" PRIu64 ":", found->place.line);
	putchar(' ');
	if (found->has_seq)
		printf("seq %" PRIu64 ": ", found->seq);
	printf("%s: %s\n", ambit_fault_text(found->fault), found->why);
}

static void print_text(const struct verify_words *words, const struct verify_result *result)
{
	uint64_t left = unsigned_lines(result);

	if (is_broken(result)) {
		print_broken(words, &result->found);
		return;
	}
	if (result->lines)
		printf("whole: %" PRIu64 " lines, %zu chain%s\n", result->lines, result->chain_count,
			result->chain_count == 1 ? "" : "s");
	else
		puts("nothing to verify: no line is chained");
	if (left)
		printf("not signed: the last %" PRIu64 " lines of chains without an end\n", left);
	if (result->unchained)
		printf("not chained: %" PRIu64 " lines at the beginning\n", result->unchained);
	if (result->lines && !words->key_count)
		ambit_ui_say("no --key: that it was ambit who wrote it is not known");
}

static void add_number(struct json_object *object, const char *key, uint64_t value)
{
	json_object_object_add(object, key, json_object_new_int64((int64_t)value));
}

static struct json_object *chains_json(const struct verify_result *result)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < result->chain_count; i++) {
		const struct verify_chain *chain = &result->chains[i];
		struct json_object *object = json_object_new_object();
		char key[2 * SEAL_KEY + 1];

		ambit_seal_hex(chain->key, SEAL_KEY, key);
		json_object_object_add(object, "key", json_object_new_string(key));
		add_number(object, "lines", chain->seq - chain->from);
		add_number(object, "signed", chain->is_signed);
		json_object_object_add(object, "ended", json_object_new_boolean(chain->closed));
		json_object_array_add(list, object);
	}
	return list;
}

static void add_found(
	struct json_object *object, const struct verify_words *words, const struct verify_found *found)
{
	_cleanup_free_ char *file = text_clean(file_of(words, &found->place));

	json_object_object_add(object, "file", json_object_new_string(file ?: ""));
	add_number(object, "line", found->place.line);
	if (found->has_seq)
		add_number(object, "seq", found->seq);
	json_object_object_add(object, "why", json_object_new_string(found->why));
}

static void print_json(const struct verify_words *words, const struct verify_result *result)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "result",
		json_object_new_string(is_broken(result) || is_known(result)
					       ? ambit_fault_text(result->found.fault)
					       : "unknown"));
	if (is_broken(result))
		add_found(object, words, &result->found);
	add_number(object, "lines", result->lines);
	add_number(object, "unchained", result->unchained);
	add_number(object, "accounted", result->accounted);
	json_object_object_add(object, "keyed", json_object_new_boolean(words->key_count > 0));
	json_object_object_add(object, "chains", chains_json(result));
	puts(json_object_to_json_string_ext(
		object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}

/* Whatever else the trail says: they are what it has to be compared with. */
static int print_keys(const struct verify_result *result)
{
	for (size_t i = 0; i < result->chain_count; i++) {
		char key[2 * SEAL_KEY + 1];

		ambit_seal_hex(result->chains[i].key, SEAL_KEY, key);
		puts(key);
	}
	return result->chain_count ? EXIT_SUCCESS : EXIT_USAGE;
}

static int conclude(const struct verify_words *words, struct verify *verify)
{
	struct verify_result result;

	ambit_verify_end(verify, &result);
	if (words->show_key)
		return print_keys(&result);
	if (words->json)
		print_json(words, &result);
	else
		print_text(words, &result);
	if (is_broken(&result))
		return EXIT_DENIED;
	return is_known(&result) ? EXIT_SUCCESS : EXIT_USAGE;
}

static int add_file(struct verify_words *words, const char *path)
{
	char *copy = strdup(path);

	if (!copy || ARRAY_GROW(words, files, words->file_count + 1)) {
		free(copy);
		return -ENOMEM;
	}
	words->files[words->file_count++] = copy;
	return 0;
}

/* A name stands for all that it was rotated to, too. The newest file may be gone. */
static int add_name(struct verify_words *words, const char *name)
{
	struct pieces pieces = {0};
	int error = words->part ? 0 : ambit_pieces_list(name, &pieces);

	if (error != -ENOMEM) /* what cannot be read is said when it is read */
		error = 0;
	for (size_t i = 0; !error && i < pieces.count; i++)
		error = add_file(words, pieces.items[i].path);
	if (!error && (!pieces.count || !access(name, F_OK)))
		error = add_file(words, name);
	ambit_pieces_clear(&pieces);
	return error;
}

static int find_files(struct verify_words *words)
{
	int error = 0;

	for (int i = 0; !error && i < words->name_count; i++)
		error = add_name(words, words->names[i]);
	return error;
}

static int verify_files(const struct verify_words *words)
{
	const struct verify_options options = {.keys = (const uint8_t(*)[SEAL_KEY])words->keys,
		.key_count = words->key_count,
		.unfinished = words->unfinished,
		.part = words->part,
		.note = say_note,
		.data = (void *)words};
	_cleanup_(verify_cleanup) struct verify *verify = ambit_verify_new(&options);
	struct reading reading = {
		.words = words, .verify = verify, .lines = {.each = each_line, .data = &reading}};
	int error = verify ? 0 : -ENOMEM;

	for (size_t i = 0; !error && i < words->file_count; i++)
		error = read_file(&reading, words->files[i]);
	ambit_lines_clear(&reading.lines);
	return error ? EXIT_USAGE : conclude(words, verify);
}

int ambit_verb_verify(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"key", 'k', "KEY", 0,
			"the key that a chain begins with, as ambit run printed it; once for each chain", 0},
		{"unfinished", 'u', NULL, 0,
			"a chain without an end is no fault: it is still written, or was killed", 0},
		{"part", 'p', NULL, 0,
			"the files are not all that the trail was rotated to: others are no fault", 0},
		{"show-key", 's', NULL, 0, "print the keys that the chains begin with", 0},
		{"json", 'j', NULL, 0, "print one JSON object", 0},
		{0},
	};
	static const struct argp argp = {
		.options = options,
		.parser = parse_option,
		.args_doc = "FILE...",
		.doc = "Verifies that a trail is as ambit wrote it. FILE stands for all files that it was "
		       "rotated to. Several are one trail that was cut into pieces, the oldest first, or "
		       "several trails.\vNeeds no privilege but "
		       "to read them, no kernel and no network. Exit status: 0 whole, 1 broken, 2 it "
		       "cannot be said (a file cannot be read, or holds lines that are not chained), "
		       "or the command line is wrong.",
	};
	struct verify_words words = {0};
	int status;

	if (argp_parse(&argp, argc, argv, 0, NULL, &words))
		return EXIT_USAGE;
	status = find_files(&words) ? EXIT_USAGE : verify_files(&words);
	for (size_t i = 0; i < words.file_count; i++)
		free(words.files[i]);
	free(words.files);
	free(words.keys);
	return status;
}
