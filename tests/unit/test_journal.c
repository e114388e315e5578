/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several programs that use one card, and what is left of those that were killed: real files, locks and processes, in a
 * directory of the test's own. The card is the test's: the linker puts it in front of the system's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/net_tstamp.h>
#include <linux/sockios.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/hwtstamp.h"
#include "host/journal.h"
#include "host/sys.h"

#define BIT(n)	 (1u << (n))
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define INDEX	 7
#define NONE	 HWTSTAMP_FILTER_NONE
#define ALL	 HWTSTAMP_FILTER_ALL
#define PTP	 HWTSTAMP_FILTER_PTP_V2_EVENT

/* What the processes share. */
static struct {
	struct hwtstamp_config now;
	char name[IFNAMSIZ]; /* empty: the card is gone */
	int set_error;
	pid_t child; /* the last that was started */
} * card;

static char directory[64], why[300];

int __real_ws_sys_ioctl(int fd, unsigned long request, void *arg);
int __wrap_ws_sys_ioctl(int fd, unsigned long request, void *arg);
pid_t __real_ws_sys_spawn(int (*body)(void *arg), void *arg);
pid_t __wrap_ws_sys_spawn(int (*body)(void *arg), void *arg);

int __wrap_ws_sys_ioctl(int fd, unsigned long request, void *arg)
{
	struct ifreq *ifr = arg;
	struct ethtool_ts_info *info;
	struct hwtstamp_config *config;

	if (request != SIOCGIFNAME && request != SIOCGIFINDEX && request != SIOCETHTOOL &&
		request != SIOCGHWTSTAMP && request != SIOCSHWTSTAMP) {
		return __real_ws_sys_ioctl(fd, request, arg);
	}
	if (!*card->name || (request == SIOCGIFNAME ? ifr->ifr_ifindex != INDEX
						    : strcmp(ifr->ifr_name, card->name) != 0)) {
		return -ENODEV;
	}
	info = (void *)ifr->ifr_data;
	config = (void *)ifr->ifr_data;
	switch (request) {
	case SIOCGIFNAME:
		memcpy(ifr->ifr_name, card->name, IFNAMSIZ);
		return 0;
	case SIOCGIFINDEX:
		ifr->ifr_ifindex = INDEX;
		return 0;
	case SIOCETHTOOL:
		info->so_timestamping = SOF_TIMESTAMPING_TX_HARDWARE |
					SOF_TIMESTAMPING_RX_HARDWARE |
					SOF_TIMESTAMPING_RAW_HARDWARE;
		info->tx_types = BIT(HWTSTAMP_TX_OFF) | BIT(HWTSTAMP_TX_ON);
		info->rx_filters = BIT(NONE) | BIT(ALL) | BIT(PTP);
		info->phc_index = 2;
		return 0;
	case SIOCGHWTSTAMP:
		*config = card->now;
		return 0;
	default:
		if (card->set_error) {
			return card->set_error;
		}
		card->now = *config;
		return 0;
	}
}

pid_t __wrap_ws_sys_spawn(int (*body)(void *arg), void *arg)
{
	card->child = __real_ws_sys_spawn(body, arg);
	return card->child;
}

/* Removes what is in the directory, and counts it. */
static unsigned empty(void)
{
	DIR *d = opendir(directory);
	struct dirent *e;
	char path[400];
	unsigned n = 0;

	while (d && (e = readdir(d))) {
		if (e->d_name[0] != '.') {
			snprintf(path, sizeof(path), "%s/%s", directory, e->d_name);
			assert_int_equal(remove(path), 0);
			n++;
		}
	}
	if (d) {
		closedir(d);
	}
	return n;
}

static unsigned files(char *ret_path, size_t size)
{
	DIR *d = opendir(directory);
	struct dirent *e;
	unsigned n = 0;

	assert_non_null(d);
	while ((e = readdir(d))) {
		if (e->d_name[0] != '.') {
			n++;
			if (ret_path) {
				snprintf(ret_path, size, "%s/%s", directory, e->d_name);
			}
		}
	}
	closedir(d);
	return n;
}

static int reset(void **state)
{
	(void)state;
	memset(card, 0, sizeof(*card));
	memcpy(card->name, "fake0", 6);
	card->now.tx_type = HWTSTAMP_TX_ON;
	return 0;
}

static int clean(void **state)
{
	(void)state;
	empty();
	return 0;
}

static struct ws_hwtstamp *use(enum ws_hw_rx rx)
{
	const struct ws_hwtstamp_want want = {.rx = rx};
	struct ws_hwtstamp_granted granted;
	struct ws_hwtstamp *h = NULL;

	assert_int_equal(ws_hwtstamp_open(&h, card->name, &want, &granted, why, sizeof(why)), 0);
	assert_true(granted.changed);
	assert_int_equal(granted.journal, 0);
	assert_int_equal(granted.rx_filter, card->now.rx_filter);
	return h;
}

static void end(struct ws_hwtstamp *h, int then)
{
	assert_int_equal(ws_hwtstamp_close(h), 0);
	assert_int_equal(card->now.rx_filter, then);
	assert_int_equal(card->now.tx_type, HWTSTAMP_TX_ON);
}

static void the_last_one_puts_back(void **state)
{
	struct ws_hwtstamp *h[3];

	(void)state;
	h[0] = use(WS_HW_RX_ALL);
	h[1] = use(WS_HW_RX_ALL);
	h[2] = use(WS_HW_RX_PTP);
	assert_int_equal(files(NULL, 0), 3);
	end(h[0], ALL);
	end(h[2], ALL);
	end(h[1], NONE);
	assert_int_equal(files(NULL, 0), 0);
}

/* In any order, nobody is left with less than he was granted, and nobody leaves anything. */
static void narrow_and_wide(void **state)
{
	static const int orders[][3] = {
		{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

	(void)state;
	for (size_t i = 0; i < COUNT(orders); i++) {
		struct ws_hwtstamp *h[3];
		bool ended[3] = {false};

		h[0] = use(WS_HW_RX_PTP);
		assert_int_equal(card->now.rx_filter, PTP);
		h[1] = use(WS_HW_RX_ALL);
		h[2] = use(WS_HW_RX_PTP); /* was granted all */
		for (int k = 0; k < 3; k++) {
			ended[orders[i][k]] = true;
			end(h[orders[i][k]], !ended[1] || !ended[2] ? ALL : !ended[0] ? PTP : NONE);
		}
		assert_int_equal(files(NULL, 0), 0);
	}
}

static void somebody_else_in_between(void **state)
{
	struct ws_hwtstamp *h[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		card->now.rx_filter = NONE;
		h[0] = use(WS_HW_RX_ALL);
		card->now.rx_filter = PTP;
		h[1] = use(WS_HW_RX_ALL);
		/* not ours to take away */
		if (i == 0) {
			end(h[1], PTP);
			end(h[0], PTP);
		} else {
			end(h[1], PTP);
			card->now.rx_filter = NONE;
			end(h[0], NONE);
		}
	}
}

/* A program that changed the card and was killed together with its child. */
static void leave(void)
{
	int ready[2], status;
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)use(WS_HW_RX_ALL);
		if (write(ready[1], "r", 1) != 1) {
			_exit(1);
		}
		for (;;) {
			pause();
		}
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(kill(card->child, SIGKILL), 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(waitpid(card->child, &status, 0), card->child);
	close(ready[0]);
	close(ready[1]);
	assert_int_equal(card->now.rx_filter, ALL);
}

static struct {
	struct ws_journal_found last;
	unsigned n;
} found;

static void look_at(void *arg, const struct ws_journal_found *f)
{
	assert_ptr_equal(arg, &found);
	found.last = *f;
	found.n++;
}

/* The result of the one entry, and what stands then. */
static void repair(int result, int then)
{
	memset(&found, 0, sizeof(found));
	assert_int_equal(ws_journal_repair(look_at, &found), 1);
	assert_int_equal(found.n, 1);
	assert_int_equal(found.last.result, result);
	assert_int_equal(card->now.rx_filter, then);
	assert_int_equal(files(NULL, 0), result < 0);
}

static void what_is_left_is_put_back(void **state)
{
	(void)state;
	leave();
	repair(0, NONE);
	assert_string_equal(found.last.ifname, "fake0");
	assert_string_equal(found.last.noted, "fake0");
	assert_int_equal(found.last.ifindex, INDEX);
	assert_int_equal(found.last.before.rx_filter, NONE);
	assert_int_equal(found.last.set.rx_filter, ALL);
	assert_int_equal(found.last.now.rx_filter, ALL);
	assert_int_equal(ws_journal_repair(look_at, &found), 0);

	leave();
	memcpy(card->name, "new0", 5);
	repair(0, NONE);
	assert_string_equal(found.last.ifname, "new0");
	assert_string_equal(found.last.noted, "fake0");

	leave();
	card->now.rx_filter = PTP;
	repair(1, PTP);
	card->now.rx_filter = NONE;

	leave();
	card->now.rx_filter = NONE;
	repair(1, NONE);

	leave();
	card->name[0] = '\0';
	repair(1, ALL);
	assert_string_equal(found.last.ifname, "");
}

static void what_cannot_be_put_back_stays(void **state)
{
	struct ws_hwtstamp *h;

	(void)state;
	leave();
	card->set_error = -EPERM;
	repair(-EPERM, ALL);
	card->set_error = 0;
	/* Whoever starts now finds what he needs, and knows whose doing that is. */
	card->set_error = -EIO;
	h = use(WS_HW_RX_ALL);
	card->set_error = 0;
	assert_int_equal(files(NULL, 0), 2);
	end(h, NONE);
	repair(1, NONE);
}

static void the_next_start_puts_it_back(void **state)
{
	struct ws_hwtstamp *h;

	(void)state;
	leave();
	leave();
	h = use(WS_HW_RX_PTP);
	assert_int_equal(card->now.rx_filter, PTP);
	assert_int_equal(files(NULL, 0), 1);
	end(h, NONE);
}

/* The dead one's interface is in use: that of the living counts, and who ends last puts all back. */
static void dead_and_alive(void **state)
{
	struct ws_hwtstamp *h;

	(void)state;
	h = use(WS_HW_RX_PTP);
	leave();
	memset(&found, 0, sizeof(found));
	assert_int_equal(ws_journal_repair(look_at, &found), 1);
	assert_int_equal(found.last.result, 0);
	assert_int_equal(card->now.rx_filter, PTP);
	assert_int_equal(files(NULL, 0), 1);
	end(h, NONE);

	h = use(WS_HW_RX_ALL);
	leave();
	memset(&found, 0, sizeof(found));
	assert_int_equal(ws_journal_repair(look_at, &found), 1);
	assert_int_equal(found.last.result, 1);
	assert_int_equal(card->now.rx_filter, ALL);
	end(h, NONE);
}

/* The n-th field (from 0) of the one file becomes this. */
static void edit(unsigned n, const char *text)
{
	char path[400], line[600], out[800] = "", *field;
	FILE *f;

	assert_int_equal(files(path, sizeof(path)), 1);
	f = fopen(path, "re");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	assert_non_null(fgets(line, sizeof(line), f)); /* the second one counts */
	fclose(f);
	field = strtok(line, " \n");
	for (unsigned i = 0; field; i++, field = strtok(NULL, " \n")) {
		strcat(out, i ? " " : "");
		strcat(out, i == n ? text : field);
	}
	strcat(out, "\n");
	f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fputs(out, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void where_it_does_not_belong(void **state)
{
	(void)state;
	leave();
	edit(1, "00000000-0000-4000-8000-000000000000");
	assert_int_equal(ws_journal_repair(look_at, &found), 0);
	assert_int_equal(files(NULL, 0), 0);
	assert_int_equal(card->now.rx_filter, ALL);

	card->now.rx_filter = NONE;
	leave();
	edit(2, "12345"); /* the namespace */
	repair(-ENOENT, ALL);
	assert_int_equal(found.last.netns, 12345);
	empty();

	card->now.rx_filter = NONE;
	leave();
	edit(3, "18446744073709551615"); /* the same inode, but another namespace */
	repair(-ENOENT, ALL);
	empty();

	card->now.rx_filter = NONE;
	leave();
	edit(3, "0"); /* a kernel without cookies */
	repair(0, NONE);
}

static void damaged(void **state)
{
	static const struct {
		unsigned field;
		const char *text;
	} rows[] = {
		{0, "wirestamp-hwtstamp-2"},
		{1, "x"},
		{2, "-5"},
		{2, "18446744073709551616"},
		{3, "x5"},
		{4, "0"},
		{4, "2147483648"},
		{5, "a-name-of-sixteen"},
		{5, "../fake0"},
		{6, "7"},
		{8, "1e3"},
		{10, "99999999999"},
		{13, "1 1"},
		{13, ""},
		{12, "\n1"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		card->now.rx_filter = NONE;
		leave();
		edit(rows[i].field, rows[i].text);
		repair(-EBADMSG, ALL);
		assert_string_equal(found.last.noted, "");
		assert_true(strstr(found.last.file, ".journal"));
		empty();
	}
}

static void cut_off(void **state)
{
	char path[400];
	struct stat st;

	(void)state;
	leave();
	assert_int_equal(files(path, sizeof(path)), 1);
	assert_int_equal(stat(path, &st), 0);
	/* The second note is not whole: the first counts, by which whatever stands is ours. */
	assert_int_equal(truncate(path, st.st_size - 1), 0);
	card->now.rx_filter = PTP;
	repair(0, NONE);

	leave();
	files(path, sizeof(path));
	assert_int_equal(truncate(path, 20), 0);
	repair(-EBADMSG, ALL);
	empty();

	card->now.rx_filter = NONE;
	leave();
	files(path, sizeof(path));
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(ws_journal_repair(look_at, &found), 0);
	assert_int_equal(files(NULL, 0), 0);
}

static void not_ours(void **state)
{
	char path[400], other[500];
	struct ws_hwtstamp *h;

	(void)state;
	/* A perfect entry elsewhere, and a link to it. */
	leave();
	files(path, sizeof(path));
	snprintf(other, sizeof(other), "%s.elsewhere", directory);
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(symlink(other, path), 0);
	repair(-ELOOP, ALL);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(link(other, path), 0);
	repair(-EUCLEAN, ALL);
	assert_int_equal(unlink(other), 0);
	assert_int_equal(chmod(path, 0620), 0);
	repair(-EUCLEAN, ALL);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(truncate(path, 5000), 0);
	repair(-EFBIG, ALL);
	assert_int_equal(truncate(path, 1000), 0); /* NULs */
	repair(-EBADMSG, ALL);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	repair(-EBADMSG, ALL);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	repair(-EBADMSG, ALL);
	/* They hinder nobody. */
	card->now.rx_filter = NONE;
	h = use(WS_HW_RX_ALL);
	end(h, NONE);
	assert_int_equal(files(NULL, 0), 1);
	assert_int_equal(rmdir(path), 0);
	/* Whatever else is there is none of our business. */
	snprintf(path, sizeof(path), "%s/README", directory);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(ws_journal_repair(look_at, &found), 0);
	assert_int_equal(rmdir(path), 0);
}

static void without_a_journal(void **state)
{
	const struct ws_hwtstamp_want want = {.rx = WS_HW_RX_ALL};
	struct ws_hwtstamp_granted granted;
	struct ws_hwtstamp *h;
	char path[400];

	(void)state;
	for (int i = 0; i < 3; i++) {
		int expected[] = {-EPERM, -ENOENT, -ENOTDIR};

		snprintf(path, sizeof(path), "%s%s", directory, i ? "/missing/too" : "");
		if (i == 0) {
			assert_int_equal(chmod(directory, 0770), 0);
		} else if (i == 2) {
			snprintf(path, sizeof(path), "%s.link", directory);
			assert_int_equal(symlink(directory, path), 0);
		}
		setenv("WIRESTAMP_JOURNAL", path, 1);
		assert_int_equal(
			ws_hwtstamp_open(&h, "fake0", &want, &granted, why, sizeof(why)), 0);
		assert_int_equal(granted.journal, expected[i]);
		assert_true(granted.changed);
		assert_int_equal(ws_journal_repair(look_at, &found), expected[i]);
		end(h, NONE);
		if (i == 2) {
			assert_int_equal(unlink(path), 0);
		}
		assert_int_equal(chmod(directory, 0700), 0);
	}
	setenv("WIRESTAMP_JOURNAL", directory, 1);
	/* The first program that needs it makes it. */
	assert_int_equal(rmdir(directory), 0);
	assert_int_equal(ws_journal_repair(look_at, &found), -ENOENT);
	h = use(WS_HW_RX_ALL);
	assert_int_equal(files(NULL, 0), 1);
	end(h, NONE);
}

static int begin(void **state)
{
	(void)state;
	card = mmap(NULL, sizeof(*card), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	snprintf(directory, sizeof(directory), "/tmp/wirestamp-journal-XXXXXX");
	/* What loses its parent becomes ours: nothing gets lost. */
	return card == MAP_FAILED || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || !mkdtemp(directory) ||
	       setenv("WIRESTAMP_JOURNAL", directory, 1) < 0;
}

static int finish(void **state)
{
	(void)state;
	return rmdir(directory) + (waitpid(-1, NULL, WNOHANG) >= 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, reset, clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_last_one_puts_back),
		TEST(narrow_and_wide),
		TEST(somebody_else_in_between),
		TEST(what_is_left_is_put_back),
		TEST(what_cannot_be_put_back_stays),
		TEST(the_next_start_puts_it_back),
		TEST(dead_and_alive),
		TEST(where_it_does_not_belong),
		TEST(damaged),
		TEST(cut_off),
		TEST(not_ours),
		TEST(without_a_journal),
	};

	return cmocka_run_group_tests_name("journal", tests, begin, finish);
}
