// SPDX-License-Identifier: BSD-2-Clause
/* The dry run of a load, of a source that is made up: files, pipes, and what goes wrong with them. */
#include "commands/load_dry.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/pcapng.h"
#include "file/capread.h"
#include "unit/scratch.h"

#define NAME	"dry.pcapng"
#define IFNAME	"ws0"
#define SPEED	UINT64_C(10000000000)
#define COMMENT "seed 7: ünï"
#define LEN_MIN 14
#define LEN_MAX 1514
#define MANY	20000 /* many chunks */

/* Frames in order, each once; all of the room is written to. */
struct fake {
	uint64_t next, wrong;
	uint64_t raise_at;
};

static uint32_t len_of(uint64_t n)
{
	return LEN_MIN + (uint32_t)(n * 37 % (LEN_MAX - LEN_MIN + 1));
}

static void build(uint8_t *buf, uint64_t n)
{
	memset(buf, (int)(n % 251), LEN_MAX);
	memcpy(buf + 4, &n, sizeof(n));
	buf[12] = 0x88;
	buf[13] = 0xb5;
}

static uint32_t fake_write(const void *arg, uint8_t *buf, uint64_t n, int64_t intended_ns)
{
	struct fake *f = (struct fake *)(uintptr_t)arg;

	assert_true(intended_ns == 0); /* nobody sends */
	f->wrong += n != f->next++;
	if (f->raise_at && n == f->raise_at) {
		raise(SIGTERM);
	}
	build(buf, n);
	return len_of(n);
}

static struct ws_plan plan_of(uint64_t count)
{
	struct ws_plan plan;

	/* Gaps of 3333 and 3334 ns. */
	assert_int_equal(
		ws_plan_init_cbr(&plan, (struct ws_ratio){.num = 300000, .den = 1}, count, 0), 0);
	return plan;
}

static int dry_run(const char *path, const struct ws_plan *plan, uint64_t *ret_frames)
{
	struct fake f = {0};
	const struct ws_frame_source source = {.write = fake_write, .arg = &f, .len_max = LEN_MAX};
	int r = ws_load_dry_run(path, plan, &source, IFNAME, SPEED, COMMENT, ret_frames);

	assert_int_equal(f.wrong, 0);
	return r;
}

/* All that must stand in the file, by the writer of blocks alone. */
static struct blocks wanted(const struct ws_plan *plan, uint64_t count)
{
	struct blocks b = {.size = 4096 + count * (LEN_MAX + 64)};
	uint8_t frame[LEN_MAX];

	b.data = malloc(b.size);
	assert_non_null(b.data);
	b.len = ws_pcapng_put_section(b.data, b.size,
		&(struct ws_pcapng_section){.application = "wirestamp", .comment = COMMENT});
	b.len += ws_pcapng_put_interface(b.data + b.len, b.size - b.len,
		&(struct ws_pcapng_interface){
			.linktype = WS_LINKTYPE_ETHERNET, .name = IFNAME, .speed_bps = SPEED});
	for (uint64_t n = 0; n < count; n++) {
		build(frame, n);
		b.len += ws_pcapng_put_packet(b.data + b.len, b.size - b.len,
			&(struct ws_pcapng_packet){
				.ns = ws_plan_offset(plan, n),
				.data = frame,
				.len = len_of(n),
				.wire_len = len_of(n),
			});
	}
	return b;
}

/* The file holds the first count frames, and nothing else. */
static void expect_file(const char *path, const struct ws_plan *plan, uint64_t count)
{
	struct blocks b = wanted(plan, count);

	scratch_expect(path, &b, 1);
	blocks_free(&b);
}

static void test_all_frames(void **state)
{
	static const uint64_t counts[] = {1, 2, MANY};

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct ws_plan plan = plan_of(counts[i]);
		uint64_t frames = 99;

		assert_int_equal(dry_run(NAME, &plan, &frames), 0);
		assert_int_equal(frames, counts[i]);
		expect_file(NAME, &plan, counts[i]);
	}
}

/* libpcap reads the same; without name, speed and comment. */
static void test_read_again(void **state)
{
	struct fake f = {0};
	const struct ws_frame_source source = {.write = fake_write, .arg = &f, .len_max = LEN_MAX};
	struct ws_plan plan = plan_of(1000);
	struct ws_capread_packet p;
	struct ws_capread *r;
	uint8_t frame[LEN_MAX];
	uint64_t frames;
	char why[256];

	(void)state;
	assert_int_equal(ws_load_dry_run(NAME, &plan, &source, NULL, 0, NULL, &frames), 0);
	assert_int_equal(ws_capread_open(&r, NAME, NULL, why, sizeof(why)), 0);
	assert_int_equal(ws_capread_linktype(r), WS_LINKTYPE_ETHERNET);
	for (uint64_t n = 0; n < 1000; n++) {
		assert_int_equal(ws_capread_next(r, &p, why, sizeof(why)), 1);
		build(frame, n);
		assert_int_equal(p.ns, n * 10000 / 3);
		assert_int_equal(p.len, len_of(n));
		assert_int_equal(p.wire_len, len_of(n));
		assert_memory_equal(p.data, frame, p.len);
	}
	assert_int_equal(ws_capread_next(r, &p, why, sizeof(why)), 0);
	ws_capread_close(r);
}

static void test_flat_out(void **state)
{
	struct ws_capread_packet p;
	struct ws_capread *r;
	struct ws_plan plan;
	uint64_t frames = 99;
	char why[256];

	(void)state;
	/* There is no end to that. */
	assert_int_equal(ws_plan_init_max(&plan, 0, 1000000), 0);
	assert_int_equal(dry_run(NAME, &plan, &frames), -EINVAL);
	assert_int_equal(frames, 0);
	assert_int_equal(scratch_files(), 0);

	assert_int_equal(ws_plan_init_max(&plan, 3, 1000000), 0);
	assert_int_equal(dry_run(NAME, &plan, &frames), 0);
	assert_int_equal(frames, 3);
	assert_int_equal(ws_capread_open(&r, NAME, NULL, why, sizeof(why)), 0);
	for (int n = 0; n < 3; n++) {
		assert_int_equal(ws_capread_next(r, &p, why, sizeof(why)), 1);
		assert_int_equal(p.ns, 0);
	}
	ws_capread_close(r);
}

/* Times of a list, of which some are the same, and of bursts; in several chunks. */
static void test_other_patterns(void **state)
{
	int64_t *times = calloc(MANY, sizeof(*times));
	struct ws_plan plan;
	uint64_t frames;

	(void)state;
	assert_non_null(times);
	for (int64_t n = 0; n < MANY; n++) {
		times[n] = n / 3 * n * 1000;
	}
	assert_int_equal(ws_plan_init_list(&plan, times, MANY), 0);
	assert_int_equal(dry_run(NAME, &plan, &frames), 0);
	assert_int_equal(frames, MANY);
	expect_file(NAME, &plan, MANY);
	assert_int_equal(
		ws_plan_init_burst(&plan, (struct ws_ratio){.num = 300000, .den = 1}, 7, MANY, 0),
		0);
	assert_int_equal(dry_run(NAME, &plan, &frames), 0);
	expect_file(NAME, &plan, MANY);
	free(times);
}

static void test_poisson(void **state)
{
	struct ws_plan_cursor c;
	struct ws_capread_packet p;
	struct ws_capread *r;
	struct ws_plan plan;
	uint64_t frames;
	char why[256];

	(void)state;
	assert_int_equal(ws_plan_init_poisson(&plan, (struct ws_ratio){.num = 300000, .den = 1},
				 672, 7, 1000, 0),
		0);
	assert_int_equal(dry_run(NAME, &plan, &frames), 0);
	assert_int_equal(ws_capread_open(&r, NAME, NULL, why, sizeof(why)), 0);
	ws_plan_cursor_init(&c, &plan);
	for (; c.n < 1000; ws_plan_cursor_next(&c)) {
		assert_int_equal(ws_capread_next(r, &p, why, sizeof(why)), 1);
		assert_int_equal(p.ns, c.offset_ns);
	}
	assert_true(p.ns > 0);
	assert_int_equal(ws_capread_next(r, &p, why, sizeof(why)), 0);
	ws_capread_close(r);
}

/* Runs with standard output there, which stays open. */
static int dry_run_to(int fd, const struct ws_plan *plan, uint64_t *ret_frames)
{
	int saved, r;

	fflush(stdout);
	saved = dup(STDOUT_FILENO);
	assert_true(saved >= 0);
	dup2(fd, STDOUT_FILENO);
	r = dry_run("-", plan, ret_frames);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	assert_true(fcntl(fd, F_GETFD) >= 0);
	return r;
}

static void test_stdout(void **state)
{
	struct ws_plan plan = plan_of(MANY);
	int fd = open("out", O_WRONLY | O_CREAT | O_EXCL, 0600);
	uint64_t frames;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(dry_run_to(fd, &plan, &frames), 0);
	assert_int_equal(frames, MANY);
	close(fd);
	expect_file("out", &plan, MANY);
	/* And no file of that name. */
	assert_int_equal(scratch_files(), 1);
}

static void test_cannot_begin(void **state)
{
	struct ws_plan plan = plan_of(3);
	uint64_t frames = 99;

	(void)state;
	assert_int_equal(dry_run("nowhere/" NAME, &plan, &frames), -ENOENT);
	assert_int_equal(frames, 0);
	assert_int_equal(dry_run(".", &plan, &frames), -EISDIR);
	assert_int_equal(dry_run("/dev/full", &plan, &frames), -ENOSPC);
	assert_int_equal(frames, 0);
	scratch_limit(10);
	assert_int_equal(dry_run(NAME, &plan, &frames), -EFBIG);
	scratch_limit(RLIM_INFINITY);
	assert_int_equal(frames, 0);
	assert_int_equal(scratch_files(), 0);
}

/* Wherever it is full, the file ends with a whole frame, and it is told which. */
static void test_full(void **state)
{
	static const unsigned long limits[] = {400, 4000, 1 << 20, (1 << 20) + 1, 5000000};
	struct ws_plan plan = plan_of(MANY);

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		uint64_t frames = 0;
		struct stat st;

		scratch_limit(limits[i]);
		assert_int_equal(dry_run(NAME, &plan, &frames), -EFBIG);
		scratch_limit(RLIM_INFINITY);
		assert_in_range(frames, 1, MANY - 1);
		expect_file(NAME, &plan, frames);
		assert_int_equal(stat(NAME, &st), 0);
		/* Nothing that would have fitted is missing. */
		assert_in_range(limits[i] - (unsigned long)st.st_size, 0, LEN_MAX + 64);
	}
}

struct reader {
	int fd;
	size_t bytes; /* that it reads before it goes */
};

static void *read_some(void *arg)
{
	struct reader *r = arg;
	char buf[4096];
	ssize_t n = 1;

	for (size_t left = r->bytes; left > 0 && n > 0; left -= (size_t)n) {
		n = read(r->fd, buf, left < sizeof(buf) ? left : sizeof(buf));
	}
	close(r->fd);
	return NULL;
}

static void test_reader_goes(void **state)
{
	static const size_t bytes[] = {0, 1, 100000, 3000000};

	(void)state;
	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
		struct ws_plan plan = plan_of(MANY);
		struct reader reader = {.bytes = bytes[i]};
		uint64_t frames = 99;
		pthread_t thread;
		int ends[2];

		assert_int_equal(pipe(ends), 0);
		reader.fd = ends[0];
		assert_int_equal(pthread_create(&thread, NULL, read_some, &reader), 0);
		assert_int_equal(dry_run_to(ends[1], &plan, &frames), -EPIPE);
		pthread_join(thread, NULL);
		close(ends[1]);
		assert_in_range(frames, bytes[i] > 2 << 20 ? 1 : 0, MANY - 1);
	}
}

/* In a process of its own: what the signal says is never taken back. */
static int ended_by_signal(void)
{
	struct fake f = {.raise_at = MANY / 2};
	const struct ws_frame_source source = {.write = fake_write, .arg = &f, .len_max = LEN_MAX};
	struct ws_plan plan = plan_of(MANY);
	uint64_t frames = 0;

	if (ws_load_dry_run(NAME, &plan, &source, IFNAME, SPEED, COMMENT, &frames) != -EINTR) {
		return 1;
	}
	if (frames <= MANY / 2 || frames >= MANY || frames != f.next || f.wrong) {
		return 2;
	}
	/* For whoever looks at the file. */
	return ftruncate(open("frames", O_WRONLY | O_CREAT, 0600), (off_t)frames) < 0 ? 3 : 0;
}

static void test_signal(void **state)
{
	struct ws_plan plan = plan_of(MANY);
	struct stat st;
	int status;
	pid_t child;

	(void)state;
	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		_exit(ended_by_signal());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(stat("frames", &st), 0);
	expect_file(NAME, &plan, (uint64_t)st.st_size);
}

/* Another program's words about the file; skipped where it is not installed. */
static FILE *ask(const char *program, const char *command)
{
	char line[256];

	snprintf(line, sizeof(line), "command -v %s >/dev/null", program);
	if (system(line) != 0) {
		print_message("# no %s here\n", program);
		skip();
	}
	return popen(command, "r");
}

static void test_tshark(void **state)
{
	struct ws_plan plan = plan_of(500);
	uint64_t frames, n = 0;
	char line[256], want[256];
	FILE *f;

	(void)state;
	assert_int_equal(dry_run(NAME, &plan, &frames), 0);
	f = ask("tshark", "tshark -n -r " NAME " -T fields -e frame.time_epoch -e frame.len"
			  " -e frame.cap_len -e frame.interface_name 2>&1");
	assert_non_null(f);
	for (; fgets(line, sizeof(line), f); n++) {
		if (strstr(line, "Running as user")) {
			n--;
			continue;
		}
		snprintf(want, sizeof(want), "0.%09" PRIu64 "\t%u\t%u\t" IFNAME "\n", n * 10000 / 3,
			len_of(n), len_of(n));
		assert_string_equal(line, want);
	}
	assert_int_equal(pclose(f), 0);
	assert_int_equal(n, 500);
}

static void test_capinfos(void **state)
{
	static const char *const wanted_words[] = {"Number of packets:   500",
		"Strict time order:   True", ("Name = " IFNAME), "Speed = 10000000000",
		"Time precision = nanoseconds (9)", COMMENT};
	struct ws_plan plan = plan_of(500);
	char text[8192];
	uint64_t frames;
	size_t len;
	FILE *f;

	(void)state;
	assert_int_equal(dry_run(NAME, &plan, &frames), 0);
	f = ask("capinfos", "LC_ALL=C.UTF-8 capinfos -M " NAME " 2>&1");
	assert_non_null(f);
	len = fread(text, 1, sizeof(text) - 1, f);
	text[len] = '\0';
	assert_int_equal(pclose(f), 0);
	for (size_t i = 0; i < sizeof(wanted_words) / sizeof(wanted_words[0]); i++) {
		if (!strstr(text, wanted_words[i])) {
			fail_msg("no '%s' in:\n%s", wanted_words[i], text);
		}
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_enter, scratch_leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_all_frames),
		TEST(test_read_again),
		TEST(test_flat_out),
		TEST(test_other_patterns),
		TEST(test_poisson),
		TEST(test_stdout),
		TEST(test_cannot_begin),
		TEST(test_full),
		TEST(test_reader_goes),
		TEST(test_signal),
		TEST(test_tshark),
		TEST(test_capinfos),
	};

	return cmocka_run_group_tests_name("load_dry", tests, NULL, NULL);
}
