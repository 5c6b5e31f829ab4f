/* SPDX-License-Identifier: Apache-2.0 */
/* Reads seals. The line may be anybody's: it is looked at byte by byte, and nothing is skipped. */
#include "trail/seal.h"

#include <nettle/sha2.h>
#include <sodium.h>
#include <string.h>
#include "base/util.h"

_Static_assert(SEAL_HASH == SHA256_DIGEST_SIZE && SEAL_KEY == crypto_sign_PUBLICKEYBYTES &&
		       SEAL_SIG == crypto_sign_BYTES,
	"sizes are those of SHA-256 and Ed25519");

/* No seal is longer. */
#define SEAL_MAX 640U

static const char first_key[] = "\"chain\":\"";

/* What is left to be read of a line. */
struct rest {
	const char *at, *end;
};

void ambit_seal_hash(const void *bytes, size_t size, uint8_t ret[SEAL_HASH])
{
	struct sha256_ctx context;

	sha256_init(&context);
	sha256_update(&context, size, bytes);
	sha256_digest(&context, SEAL_HASH, ret);
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool ambit_seal_unhex(const char *text, size_t length, uint8_t *ret, size_t size)
{
	if (length < 2 * size)
		return false;
	for (size_t i = 0; i < size; i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		ret[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

void ambit_seal_hex(const uint8_t *bytes, size_t size, char *ret)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < size; i++) {
		*ret++ = digits[bytes[i] >> 4];
		*ret++ = digits[bytes[i] & 15];
	}
	*ret = '\0';
}

static bool take(struct rest *rest, const char *text)
{
	size_t size = strlen(text);

	if ((size_t)(rest->end - rest->at) < size || memcmp(rest->at, text, size))
		return false;
	rest->at += size;
	return true;
}

static bool take_hex(struct rest *rest, uint8_t *ret, size_t size)
{
	if (!ambit_seal_unhex(rest->at, (size_t)(rest->end - rest->at), ret, size))
		return false;
	rest->at += 2 * size;
	return take(rest, "\"");
}

/* As the writer writes it: no sign, no zero in front. */
static bool take_number(struct rest *rest, uint64_t *ret)
{
	const char *start = rest->at;
	uint64_t value = 0;

	for (; rest->at < rest->end && *rest->at >= '0' && *rest->at <= '9'; rest->at++)
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, (uint64_t)(*rest->at - '0'), &value))
			return false;
	*ret = value;
	return rest->at > start && (*start != '0' || rest->at == start + 1);
}

static bool take_seal(struct rest *rest, const char *line, struct seal *seal)
{
	uint8_t id[SEAL_ID / 2];

	if (!take(rest, first_key) || !take_hex(rest, id, sizeof(id)))
		return false;
	ambit_seal_hex(id, sizeof(id), seal->chain);
	if (!take(rest, ",\"seq\":") || !take_number(rest, &seal->seq) ||
		!take(rest, ",\"prev\":\"") || !take_hex(rest, seal->prev, sizeof(seal->prev)))
		return false;
	seal->opens = take(rest, ",\"key\":\"");
	if (seal->opens && !take_hex(rest, seal->key, sizeof(seal->key)))
		return false;
	seal->beside = seal->opens && take(rest, ",\"beside\":true");
	if (take(rest, ",\"torn\":") &&
		(!take_number(rest, &seal->torn) || !seal->torn ||
			!take(rest, ",\"torn_hash\":\"") ||
			!take_hex(rest, seal->torn_hash, sizeof(seal->torn_hash))))
		return false;
	seal->goes_on = take(rest, ",\"next\":\"");
	if (seal->goes_on && !take_hex(rest, seal->next, sizeof(seal->next)))
		return false;
	seal->signed_size = (size_t)(rest->at - line);
	seal->is_signed = take(rest, ",\"sig\":\"");
	if (seal->is_signed ? !take_hex(rest, seal->sig, sizeof(seal->sig)) : seal->goes_on)
		return false;
	return take(rest, "}}") && rest->at == rest->end;
}

bool ambit_seal_is_object(const char *line, size_t size)
{
	bool quoted = false;
	size_t depth = 0;

	if (!size || line[0] != '{')
		return false;
	for (size_t i = 0; i < size; i++) {
		if ((uint8_t)line[i] < ' ')
			return false;
		if (quoted && line[i] == '\\')
			i++;
		else if (line[i] == '"')
			quoted = !quoted;
		else if (!quoted && (line[i] == '{' || line[i] == '['))
			depth++;
		else if (!quoted && (line[i] == '}' || line[i] == ']') && !--depth)
			return i + 1 == size;
	}
	return false;
}

int ambit_seal_parse(const char *line, size_t size, struct seal *ret)
{
	const size_t length = sizeof(first_key) - 1, least = size > SEAL_MAX ? size - SEAL_MAX : 0;
	struct seal seal = {0};
	struct rest rest = {.end = line + size};

	if (!ambit_seal_is_object(line, size))
		return -EBADMSG;
	/* A quote within a text has a backslash in front, so only a key is spelled like this. */
	for (size_t at = size; at > least; at--) {
		if (size - at < length || memcmp(line + at, first_key, length))
			continue;
		rest.at = line + at;
		if ((line[at - 1] != ',' && line[at - 1] != '{') || !take_seal(&rest, line, &seal))
			return -EBADMSG;
		*ret = seal;
		return 0;
	}
	return -EBADMSG;
}

bool ambit_seal_is_by(const struct seal *seal, const char *line, const uint8_t key[SEAL_KEY])
{
	return seal->is_signed && !crypto_sign_verify_detached(seal->sig, (const uint8_t *)line,
					  seal->signed_size, key);
}
