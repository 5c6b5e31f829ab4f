/* SPDX-License-Identifier: Apache-2.0 */
/* Sinks against receivers that read, do not read, come late, refuse and are not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <cmocka.h>
#include "chained.h"
#include "trail/sinks.h"

#define PATIENCE 20000

static char directory[] = "/tmp/ambit-sinks.XXXXXX", path[64];

static int make_directory(void **state)
{
	(void)state;
	memcpy(directory + sizeof(directory) - 7, "XXXXXX", 6);
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/to", directory);
	return 0;
}

static int remove_directory(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(directory);
}

static int bind_unix(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	strcpy(addr.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static void put(struct sinks *sinks, const char *lines)
{
	ambit_sinks_put(sinks, lines, strlen(lines), UINT64_MAX);
}

static char *receive(int fd)
{
	static char bytes[65536];
	ssize_t size = recv(fd, bytes, sizeof(bytes) - 1, 0);

	assert_true(size > 0);
	bytes[size] = '\0';
	return bytes;
}

/* Of one sink. */
static void one_status(const struct sink_status *status, void *data)
{
	*(struct sink_status *)data = *status;
}

static char *next_report(struct sinks *sinks)
{
	struct pollfd fd = {.fd = ambit_sinks_fd(sinks), .events = POLLIN};

	assert_int_equal(poll(&fd, 1, PATIENCE), 1);
	return ambit_sinks_report(sinks);
}

#define DENIED \
	"{\"time\":1767323045123,\"time_dt\":\"2026-01-02T03:04:05.123456789Z\",\"file\":{\"path\":\"/x\"}," \
	"\"unmapped\":{\"v\":2,\"type\":\"decision\",\"verdict\":\"deny\"}}\n"
#define EXEC \
	"{\"file\":{\"path\":\"/\\\",\\\"verdict\\\":\\\"deny\\\"\"}," \
	"\"unmapped\":{\"v\":2,\"type\":\"exec\",\"verdict\":\"allow\"}}\n"
#define SIGNED_BY(chain, n) \
	"{\"unmapped\":{\"v\":2,\"type\":\"start\",\"n\":" #n ",\"chain\":\"" chain "\",\"next\":\"\",\"sig\":\"\"}}\n"
#define SIGNED(n) SIGNED_BY("00000000", n)
#define CLOSED "{\"unmapped\":{\"v\":2,\"type\":\"end\",\"chain\":\"00000000\",\"sig\":\"\"}}\n"

/* As syslog(3) has it, for what reads /dev/log. */
static void syslog_of_this_machine(void **state)
{
	struct sink_config config = {.kind = SINK_SYSLOG, .to = path, .queue = SINK_QUEUE};
	struct sinks *sinks;
	char expected[256], *text;
	int fd = bind_unix();

	(void)state;
	assert_int_equal(ambit_sinks_new(&config, 1, &sinks), 0);
	put(sinks, DENIED EXEC);
	snprintf(expected, sizeof(expected), "<84>ambit[%d]: {\"time\":", getpid());
	text = receive(fd);
	assert_memory_equal(text, expected, strlen(expected));
	assert_int_equal(strlen(strchr(text, '{')), strlen(DENIED) - 1);
	snprintf(expected, sizeof(expected), "<86>ambit[%d]: {\"file\":{", getpid());
	assert_memory_equal(receive(fd), expected, strlen(expected));
	assert_int_equal(ambit_sinks_free(sinks, PATIENCE), 0);
	close(fd);
}

static void syslog_over_udp_is_rfc_5424(void **state)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	char to[64], host[65] = "", expected[256], *text;
	struct sink_config config = {.kind = SINK_SYSLOG, .to = to, .queue = SINK_QUEUE};
	socklen_t size = sizeof(addr);
	struct sinks *sinks;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	(void)state;
	gethostname(host, sizeof(host) - 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &size), 0);
	snprintf(to, sizeof(to), "udp:127.0.0.1:%u", ntohs(addr.sin_port));
	assert_int_equal(ambit_sinks_new(&config, 1, &sinks), 0);
	put(sinks, DENIED EXEC);
	snprintf(expected, sizeof(expected), "<84>1 2026-01-02T03:04:05.123456Z %s ambit %d decision - {\"time\":",
		host, getpid());
	text = receive(fd);
	assert_memory_equal(text, expected, strlen(expected));
	assert_int_equal(strlen(strchr(text, '{')), strlen(DENIED) - 1);
	snprintf(expected, sizeof(expected), "<86>1 - %s ambit %d exec - {\"file\":{", host, getpid());
	assert_memory_equal(receive(fd), expected, strlen(expected));
	assert_int_equal(ambit_sinks_free(sinks, PATIENCE), 0);
	close(fd);
}

/* What a name is, the journal gets whole: also with a newline in it, that no field can be forged. */
static void the_journal_has_fields(void **state)
{
	static const char name[] = "/a\nAMBIT_OP=read";
	struct sink_config config = {.kind = SINK_JOURNAL, .to = path, .queue = SINK_QUEUE};
	union test_ring ring;
	struct record record;
	struct sinks *sinks;
	char *json, *bytes, *at;
	uint64_t length;
	int fd = bind_unix();

	(void)state;
	test_event(&ring, name, strlen(name));
	record = test_decode(&ring);
	json = ambit_record_json(&record);
	assert_int_equal(ambit_sinks_new(&config, 1, &sinks), 0);
	json = realloc(json, strlen(json) + 2);
	strcat(json, "\n");
	put(sinks, json);
	bytes = receive(fd);
	assert_memory_equal(bytes, "SYSLOG_IDENTIFIER=ambit\nPRIORITY=4\n", 35);
	assert_non_null(strstr(bytes, "\nAMBIT_CELL=coding-agent-7\n"));
	assert_non_null(strstr(bytes, "\nMESSAGE=denied  write \"/a\\nAMBIT_OP=read\"  by python3(412)"));
	assert_non_null(strstr(bytes, "\nAMBIT_OP=write\n"));
	at = strstr(bytes, "\nAMBIT_PATH\n");
	assert_non_null(at);
	memcpy(&length, at + 12, sizeof(length));
	assert_int_equal(le64toh(length), strlen(name));
	assert_memory_equal(at + 20, name, strlen(name));
	ambit_sinks_free(sinks, PATIENCE);
	free(json);
	close(fd);
}

static void a_program_reads_lines_and_their_end(void **state)
{
	char command[160];
	char *argv[] = {(char *)"/bin/sh", (char *)"-c", command, NULL};
	struct sink_config config = {.kind = SINK_PROGRAM, .argv = argv, .argc = 3, .queue = SINK_QUEUE};
	struct sinks *sinks;
	size_t size;
	char *text;

	(void)state;
	snprintf(command, sizeof(command), "cat >%s; echo end >>%s", path, path);
	assert_int_equal(ambit_sinks_new(&config, 1, &sinks), 0);
	put(sinks, DENIED);
	put(sinks, EXEC);
	assert_int_equal(ambit_sinks_free(sinks, PATIENCE), 0);
	text = read_text(path, &size);
	assert_int_equal(size, strlen(DENIED EXEC "end\n"));
	assert_memory_equal(text, DENIED EXEC "end\n", size);
	free(text);
}

/* One never reads. What does not fit is counted, the other gets all, and nobody waits. */
static void who_does_not_read_holds_up_nobody(void **state)
{
	char *argv[] = {(char *)"/bin/sleep", (char *)"1000", NULL};
	struct sink_config configs[] = {
		{.kind = SINK_PROGRAM, .argv = argv, .argc = 2, .queue = 128 << 10},
		{.kind = SINK_SYSLOG, .to = path, .queue = SINK_QUEUE},
	};
	const unsigned lines = 10000;
	struct sinks *sinks;
	char *json;
	int fd = bind_unix();

	(void)state;
	assert_int_equal(ambit_sinks_new(configs, 2, &sinks), 0);
	for (unsigned i = 0; i < lines; i++)
		put(sinks, DENIED);
	json = next_report(sinks);
	assert_non_null(strstr(json, "\"sink\":\"program\",\"to\":\"/bin/sleep\",\"failing\":false,\"dropped\":"));
	free(json);
	for (unsigned i = 0; i < lines; i++)
		receive(fd);
	/* All but what the pipe took. */
	assert_true(ambit_sinks_free(sinks, 10) > lines - 65536 / strlen(DENIED) - 2);
	close(fd);
}

static void who_comes_late_gets_what_waited(void **state)
{
	struct sink_config config = {.kind = SINK_SYSLOG, .to = path, .queue = SINK_QUEUE};
	struct sink_status status;
	struct sinks *sinks;
	char *json;
	int fd;

	(void)state;
	assert_int_equal(ambit_sinks_new(&config, 1, &sinks), 0);
	put(sinks, DENIED);
	json = next_report(sinks);
	assert_non_null(strstr(json, "\"failing\":true,\"error\":\"No such file or directory\",\"dropped\":0}"));
	free(json);
	ambit_sinks_each(sinks, one_status, &status);
	assert_true(status.failing);
	fd = bind_unix();
	assert_memory_equal(receive(fd), "<84>ambit[", 10);
	json = next_report(sinks);
	assert_non_null(strstr(json, "\"failing\":false,\"dropped\":0}"));
	free(json);
	assert_null(ambit_sinks_report(sinks));
	assert_int_equal(ambit_sinks_free(sinks, PATIENCE), 0);
	close(fd);
}

static void what_nobody_took_is_counted_at_the_end(void **state)
{
	struct sink_config config = {.kind = SINK_SYSLOG, .to = path, .queue = SINK_QUEUE};
	struct sinks *sinks;

	(void)state;
	assert_int_equal(ambit_sinks_new(&config, 1, &sinks), 0);
	put(sinks, DENIED DENIED EXEC);
	assert_int_equal(ambit_sinks_free(sinks, 0), 3);
}

static void only_what_is_wanted(void **state)
{
	struct sink_config config = {
		.kind = SINK_SYSLOG, .lines = SINK_DENIED, .to = path, .queue = SINK_QUEUE};
	struct sinks *sinks;
	int fd = bind_unix();

	(void)state;
	assert_int_equal(ambit_sinks_new(&config, 1, &sinks), 0);
	put(sinks, EXEC DENIED EXEC CLOSED);
	assert_non_null(strstr(receive(fd), "\"type\":\"decision\""));
	assert_non_null(strstr(receive(fd), "\"type\":\"end\""));
	assert_int_equal(ambit_sinks_free(sinks, PATIENCE), 0);
	close(fd);
}

/* The first at once; those within a second but the latest not; the last always. */
static void checkpoints_are_few(void **state)
{
	struct sink_config config = {
		.kind = SINK_SYSLOG, .lines = SINK_CHECKPOINTS, .to = path, .queue = SINK_QUEUE};
	struct sinks *sinks;
	int fd = bind_unix();

	(void)state;
	assert_int_equal(ambit_sinks_new(&config, 1, &sinks), 0);
	put(sinks, DENIED SIGNED(1) SIGNED(2) SIGNED(3));
	assert_non_null(strstr(receive(fd), "\"n\":1"));
	assert_non_null(strstr(receive(fd), "\"n\":3")); /* though nothing came */
	put(sinks, CLOSED);
	assert_non_null(strstr(receive(fd), "\"end\""));
	assert_int_equal(ambit_sinks_free(sinks, PATIENCE), 0);
	close(fd);
}

/* None for another, though all come by the same way: those of a daemon do. Both begin with the same digits. */
static void each_chain_has_its_checkpoints(void **state)
{
	struct sink_config config = {
		.kind = SINK_SYSLOG, .lines = SINK_CHECKPOINTS, .to = path, .queue = SINK_QUEUE};
	struct sinks *sinks;
	int fd = bind_unix();

	(void)state;
	assert_int_equal(ambit_sinks_new(&config, 1, &sinks), 0);
	put(sinks, SIGNED(1) SIGNED_BY("0000000f", 2) SIGNED(3) SIGNED_BY("0000000f", 4) SIGNED(5));
	assert_non_null(strstr(receive(fd), "\"n\":1"));
	assert_non_null(strstr(receive(fd), "\"n\":2"));
	put(sinks, CLOSED);
	assert_non_null(strstr(receive(fd), "\"end\""));
	/* What is held of the other goes when all ends, at the latest. */
	assert_int_equal(ambit_sinks_free(sinks, PATIENCE), 0);
	assert_non_null(strstr(receive(fd), "\"n\":4"));
	close(fd);
}

/* The disk is full: sinks get the lines, without a place in a chain that they have none in. */
static void what_is_not_in_the_file_has_no_seal(void **state)
{
	struct sink_config config = {.kind = SINK_SYSLOG, .to = path, .queue = SINK_QUEUE};
	static const char lines[] = SIGNED(1) SIGNED(2);
	struct sinks *sinks;
	int fd = bind_unix();

	(void)state;
	assert_int_equal(ambit_sinks_new(&config, 1, &sinks), 0);
	ambit_sinks_put(sinks, lines, sizeof(lines) - 1, 1);
	assert_non_null(strstr(receive(fd), "\"n\":1,\"chain\":"));
	assert_string_equal(strchr(receive(fd), '{'), "{\"unmapped\":{\"v\":2,\"type\":\"start\",\"n\":2}}");
	assert_int_equal(ambit_sinks_free(sinks, PATIENCE), 0);
	close(fd);
}

/* --- a collector --- */

static struct collector {
	int fd;
	unsigned port;
	const char *const *answers; /* one a request */
	unsigned count;
	char body[8][4096];
	pthread_t thread;
} collector;

/* One request of one connection, with its body. */
static void read_request(int fd, char body[4096])
{
	char bytes[16384] = "", *end = NULL, *length;
	size_t size = 0;

	while (!end || strlen(end + 4) < strtoul(length + 15, NULL, 10)) {
		ssize_t count = read(fd, bytes + size, sizeof(bytes) - 1 - size);

		if (count <= 0)
			abort();
		bytes[size += (size_t)count] = '\0';
		end = strstr(bytes, "\r\n\r\n");
		length = strcasestr(bytes, "content-length:");
	}
	snprintf(body, 4096, "%s", end + 4);
}

static void *collect(void *data)
{
	(void)data;
	for (unsigned i = 0; i < collector.count; i++) {
		int fd = accept(collector.fd, NULL, NULL);

		read_request(fd, collector.body[i]);
		dprintf(fd, "HTTP/1.1 %s\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
			collector.answers[i]);
		close(fd);
	}
	return NULL;
}

static void collector_open(const char *const *answers, unsigned count, char to[64])
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(addr);

	collector = (struct collector){
		.fd = socket(AF_INET, SOCK_STREAM, 0), .answers = answers, .count = count};
	assert_int_equal(bind(collector.fd, (struct sockaddr *)&addr, size), 0);
	assert_int_equal(listen(collector.fd, 8), 0);
	assert_int_equal(getsockname(collector.fd, (struct sockaddr *)&addr, &size), 0);
	snprintf(to, 64, "http://127.0.0.1:%u/v1/logs", ntohs(addr.sin_port));
	assert_int_equal(pthread_create(&collector.thread, NULL, collect, NULL), 0);
}

static void collector_close(void)
{
	pthread_join(collector.thread, NULL);
	close(collector.fd);
}

static struct json_object *at(struct json_object *object, const char *key)
{
	struct json_object *value = json_object_object_get(object, key);

	assert_non_null(value);
	return json_object_is_type(value, json_type_array) ? json_object_array_get_idx(value, 0) : value;
}

static void otlp_is_sent_and_tried_again(void **state)
{
	static const char *const answers[] = {"503 Service Unavailable", "200 OK"};
	char to[64];
	struct sink_config config = {.kind = SINK_OTLP, .to = to, .queue = SINK_QUEUE};
	struct json_object *root, *record;
	struct sinks *sinks;
	char *json;

	(void)state;
	collector_open(answers, 2, to);
	assert_int_equal(ambit_sinks_new(&config, 1, &sinks), 0);
	put(sinks, DENIED);
	json = next_report(sinks);
	assert_non_null(strstr(json, "\"failing\":true,\"error\":\"HTTP status 503\""));
	free(json);
	json = next_report(sinks);
	assert_non_null(strstr(json, "\"failing\":false"));
	free(json);
	assert_int_equal(ambit_sinks_free(sinks, PATIENCE), 0);
	collector_close();
	assert_string_equal(collector.body[0], collector.body[1]);
	root = json_tokener_parse(collector.body[1]);
	assert_non_null(root);
	record = at(at(at(root, "resourceLogs"), "scopeLogs"), "logRecords");
	assert_int_equal(json_object_get_int(at(record, "severityNumber")), 13);
	assert_non_null(at(at(record, "body"), "stringValue"));
	assert_non_null(strstr(collector.body[1],
		"{\"key\":\"ambit.verdict\",\"value\":{\"stringValue\":\"deny\"}}"));
	assert_non_null(strstr(collector.body[1], "{\"key\":\"ambit.v\",\"value\":{\"intValue\":\"2\"}}"));
	assert_non_null(strstr(collector.body[1],
		"{\"key\":\"service.name\",\"value\":{\"stringValue\":\"ambit\"}}"));
	json_object_put(root);
}

static void otlp_that_is_refused_is_counted(void **state)
{
	static const char *const answers[] = {"400 Bad Request", "200 OK"};
	char to[64];
	struct sink_config config = {.kind = SINK_OTLP, .to = to, .queue = SINK_QUEUE};
	struct sinks *sinks;
	char *json;

	(void)state;
	collector_open(answers, 2, to);
	assert_int_equal(ambit_sinks_new(&config, 1, &sinks), 0);
	put(sinks, DENIED);
	json = next_report(sinks);
	assert_non_null(strstr(json, "\"failing\":false,\"error\":\"HTTP status 400\",\"dropped\":1}"));
	free(json);
	put(sinks, EXEC);
	collector_close();
	assert_int_equal(ambit_sinks_free(sinks, PATIENCE), 1);
}

/* Accepts, and says nothing: the end does not wait for it longer than it may. */
static void a_collector_that_hangs(void **state)
{
	char to[64];
	struct sink_config config = {.kind = SINK_OTLP, .to = to, .queue = SINK_QUEUE};
	struct sinks *sinks;
	int fd;

	(void)state;
	collector_open(NULL, 0, to);
	assert_int_equal(ambit_sinks_new(&config, 1, &sinks), 0);
	put(sinks, DENIED);
	fd = accept(collector.fd, NULL, NULL);
	assert_true(fd >= 0);
	assert_int_equal(ambit_sinks_free(sinks, 10), 1);
	close(fd);
	collector_close();
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_directory, remove_directory)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(syslog_of_this_machine),
		TEST(syslog_over_udp_is_rfc_5424),
		TEST(the_journal_has_fields),
		TEST(a_program_reads_lines_and_their_end),
		TEST(who_does_not_read_holds_up_nobody),
		TEST(who_comes_late_gets_what_waited),
		TEST(what_nobody_took_is_counted_at_the_end),
		TEST(only_what_is_wanted),
		TEST(checkpoints_are_few),
		TEST(each_chain_has_its_checkpoints),
		TEST(what_is_not_in_the_file_has_no_seal),
		TEST(otlp_is_sent_and_tried_again),
		TEST(otlp_that_is_refused_is_counted),
		TEST(a_collector_that_hangs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
