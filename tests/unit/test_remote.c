/* SPDX-License-Identifier: BSD-2-Clause */
/* The far side as the near one sees it: instead of ssh, scripts that do what goes wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "commands/remote.h"
#include "commands/remote_line.h"
#include "unit/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEC INT64_C(1000000000)
#define URL "ssh://there/ws1"
#define READY                                                         \
	"{\"format\":\"wirestamp-ready/1\",\"version\":\"" WS_VERSION \
	"\",\"host\":\"vm\",\"interface\":\"ws1\"," REST
#define REST                                                                                 \
	"\"mac\":\"02:00:5e:00:53:fE\",\"ipv4\":\"198.18.0.2\",\"ipv6\":null,\"port\":8620," \
	"\"mtu\":1500,\"io\":\"tpacket3\",\"boot\":\"1a2b3c4d\"}"
#define RESULT "{\"format\":\"wirestamp-run/1\",\n \"command\":\"reflect\"}"

static struct {
	struct ws_remote *r;
	struct ws_remote_hello hello;
	char *json;
	char said[4096]; /* on stderr, by all */
	int stderr_before;
	volatile int stop;
} s;

static int capture_begin(void)
{
	int fd = open("said", O_CREAT | O_TRUNC | O_RDWR | O_APPEND, 0600);

	assert_true(fd >= 0);
	fflush(stderr);
	s.stderr_before = dup(2);
	dup2(fd, 2);
	return fd;
}

static void capture_end(int fd)
{
	ssize_t n;

	fflush(stderr);
	dup2(s.stderr_before, 2);
	close(s.stderr_before);
	n = pread(fd, s.said, sizeof(s.said) - 1, 0);
	assert_true(n >= 0);
	s.said[n] = '\0';
	close(fd);
}

static int start_with(struct ws_remote_config config)
{
	int fd, r;

	alarm(120);
	memset(&s.hello, 0x77, sizeof(s.hello));
	s.r = NULL;
	s.stop = 0;
	fd = capture_begin();
	r = ws_remote_start(&s.r, &config, &s.hello);
	capture_end(fd);
	assert_true(r == 0 ? s.r != NULL : r == -1 && s.r == NULL);
	return r;
}

/* ssh is this script; its arguments are what ssh's would be. */
static void write_script(const char *text)
{
	FILE *f = fopen("fake", "w");

	assert_non_null(f);
	assert_true(fprintf(f, "%s\n", text) > 0);
	assert_int_equal(fclose(f), 0);
}

static int start(const char *script)
{
	write_script(script);
	return start_with((struct ws_remote_config){.url = URL, .ssh = "sh fake"});
}

static int finish(void)
{
	int fd = capture_begin();
	int r;

	s.json = NULL;
	r = ws_remote_finish(s.r, &s.json);
	capture_end(fd);
	assert_true(r == 0 ? s.json != NULL : r == -1 && s.json == NULL);
	ws_remote_free(s.r);
	return r;
}

/* One line of ours, the last one, which has this in it. */
static void assert_said(const char *part)
{
	const char *last = strstr(s.said, "wirestamp: ");

	if (!last || strchr(last, '\n') != last + strlen(last) - 1 || !strstr(last, part)) {
		print_error("said: %s, wanted: %s\n", s.said, part);
		fail();
	}
}

static void good(void **state)
{
	static const uint8_t mac[] = {2, 0, 0x5e, 0, 0x53, 0xfe}, ipv4[] = {198, 18, 0, 2};

	(void)state;
	assert_int_equal(start("echo '" READY "'; cat; echo '" RESULT "'"), 0);
	assert_string_equal(s.said, "");
	assert_string_equal(s.hello.version, WS_VERSION);
	assert_string_equal(s.hello.host, "vm");
	assert_string_equal(s.hello.interface, "ws1");
	assert_string_equal(s.hello.io, "tpacket3");
	assert_true(s.hello.has_mac && s.hello.has_ipv4 && !s.hello.has_ipv6);
	assert_memory_equal(s.hello.mac, mac, sizeof(mac));
	assert_memory_equal(s.hello.ipv4, ipv4, sizeof(ipv4));
	assert_int_equal(s.hello.port, 8620);
	assert_int_equal(s.hello.mtu, 1500);
	assert_int_equal(s.hello.boot, 0x1a2b3c4d);
	assert_int_equal(finish(), 0);
	assert_string_equal(s.json, RESULT "\n");
	assert_string_equal(s.said, "");
	free(s.json);
}

/* The words as they come to ssh, and what a shell makes of the last one. */
static void words(void **state)
{
	static const char *const args[] = {"--io", "udp", "it's; touch owned", NULL};
	struct ws_remote_config config = {
		.url = "ssh://me@there:2222/$(touch owned)`touch owned`;touch owned|'touch\" owned",
		.ssh = " sh  fake\t-v ",
		.program = "~/a b/w",
		.args = args,
	};
	static const char first[] = "-v\n-p\n2222\nme@there\n~/'a b/w' reflect '";
	struct blocks got;

	(void)state;
	write_script(
		"printf '%s\\n' \"$@\" >args; for c; do :; done\n"
		"w() { :; }; HOME=$PWD; mkdir -p 'a b'\n"
		"printf '%s\\n' '#!/bin/sh' 'printf \"%s\\n\" \"$@\" >given' >'a b/w'; chmod 700 'a b/w'\n"
		"sh -c \"$c\"; rm -r 'a b'; echo '" READY "'; cat; echo '" RESULT "'");
	assert_int_equal(start_with(config), 0);
	assert_int_equal(finish(), 0);
	free(s.json);
	got = scratch_read("args");
	assert_true(got.len > strlen(first));
	assert_memory_equal(got.data, first, strlen(first));
	blocks_free(&got);
	got = scratch_read("given");
	got.data[got.len] = '\0';
	assert_string_equal((char *)got.data,
		"reflect\n$(touch owned)`touch owned`;touch owned|'touch\" owned\n--attach\n--io\nudp\n"
		"it's; touch owned\n");
	blocks_free(&got);
	assert_int_equal(access("owned", F_OK), -1);
}

static void commands(void **state)
{
	static const char *const args[] = {"--port", "8620", "", NULL};
	static const struct {
		const char *program, *iface;
		const char *const *args;
		const char *command;
	} rows[] = {
		{NULL, "eth1", NULL, "wirestamp reflect eth1 --attach"},
		{NULL, NULL, NULL, "wirestamp reflect --attach"},
		{"/opt/w-1.0/wirestamp", "eth1@far", NULL,
			"/opt/w-1.0/wirestamp reflect eth1@far --attach"},
		{"~/w", "e", args, "~/w reflect e --attach --port 8620 ''"},
		{"~root/w", "e", NULL, "'~root/w' reflect e --attach"},
		{"~/", "a b", NULL, "'~/' reflect 'a b' --attach"},
		{"x=1", "a\nb", NULL, "'x=1' reflect 'a\nb' --attach"},
		{"w", "'", NULL, "w reflect ''\\''' --attach"},
		{"w", "*", NULL, "w reflect '*' --attach"},
		{"", "\xc3\xa4", NULL, "'' reflect '\xc3\xa4' --attach"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *got = ws_remote_command(rows[i].program, rows[i].iface, rows[i].args);

		assert_string_equal(got, rows[i].command);
		free(got);
	}
}

static void urls(void **state)
{
	static const char *const udp[] = {"--io", "udp", NULL};
	static const struct {
		const char *url, *login, *port, *iface; /* login NULL: refused */
		bool routed;
	} rows[] = {
		{"ssh://h/eth1", "h", "", "eth1", false},
		{"ssh://me@h:22/eth1@ns", "me@h", "22", "eth1@ns", false},
		{"ssh://me@x@h/eth1@/run/netns/a", "me@x@h", "", "eth1@/run/netns/a", false},
		{"ssh://[2001:db8::7]/e", "2001:db8::7", "", "e", false},
		{"ssh://me@[fe80::1%eth0]:65535/e", "me@fe80::1%eth0", "65535", "e", false},
		{"ssh://h/", "h", "", NULL, true},
		{"ssh://h", "h", "", NULL, true},
		{"ssh://h", NULL, NULL, NULL, false},
		{"ssh://h/", NULL, NULL, NULL, false},
		{"ssh:///e", NULL, NULL, NULL, false},
		{"ssh://@h/e", NULL, NULL, NULL, false},
		{"ssh://me@/e", NULL, NULL, NULL, false},
		{"ssh://:22/e", NULL, NULL, NULL, false},
		{"ssh://h:/e", NULL, NULL, NULL, false},
		{"ssh://h:0/e", NULL, NULL, NULL, false},
		{"ssh://h:65536/e", NULL, NULL, NULL, false},
		{"ssh://h:99999999999999999999/e", NULL, NULL, NULL, false},
		{"ssh://h:2x/e", NULL, NULL, NULL, false},
		{"ssh://h:-2/e", NULL, NULL, NULL, false},
		{"ssh://2001:db8::7/e", NULL, NULL, NULL, false},
		{"ssh://[2001:db8::7/e", NULL, NULL, NULL, false},
		{"ssh://[2001:db8::7]x/e", NULL, NULL, NULL, false},
		{"ssh://[]/e", NULL, NULL, NULL, false},
		{"ssh://-oProxyCommand=x/e", NULL, NULL, NULL, false},
		{"ssh://-l@h/e", NULL, NULL, NULL, false},
		{"ssh://me@-h/e", NULL, NULL, NULL, false},
		{"ssh://[-oProxyCommand=x]/e", NULL, NULL, NULL, false},
		{"ssh://me:secret@h/e", NULL, NULL, NULL, false},
		{"ssh://h/-e", NULL, NULL, NULL, false},
		{"ssh://h/e\n", NULL, NULL, NULL, false},
		{"ssh://h\x1b/e", NULL, NULL, NULL, false},
	};
	char many[600];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ws_remote_target t;
		const char *why = NULL;
		int r = ws_remote_target_parse(&t, rows[i].url, rows[i].routed ? udp : NULL, &why);

		if ((r == 0) != (rows[i].login != NULL)) {
			fail_msg("%s: %d", rows[i].url, r);
		}
		if (r < 0) {
			assert_non_null(why);
			continue;
		}
		assert_string_equal(t.login, rows[i].login);
		assert_string_equal(t.port, rows[i].port);
		assert_true(!t.iface == !rows[i].iface);
		assert_string_equal(t.iface ? t.iface : "", rows[i].iface ? rows[i].iface : "");
	}
	(void)snprintf(many, sizeof(many), "ssh://%0500d/e", 1);
	assert_int_equal(ws_remote_target_parse(
				 &(struct ws_remote_target){0}, many, NULL, &(const char *){NULL}),
		-1);
	assert_true(ws_remote_is_url("ssh://"));
	assert_false(ws_remote_is_url("ssh:/h/e"));
	assert_int_equal(start_with((struct ws_remote_config){.url = "ssh://-v/e"}), -1);
	assert_said("ssh://-v/e: names that begin with a dash");
}

static void long_command(void **state)
{
	char *argv[WS_REMOTE_WORDS], text[512] = "";
	struct ws_remote_target t = {.port_option = "-p", .port = "22", .login = "h"};

	(void)state;
	assert_int_equal(ws_remote_argv(argv, text, &t, NULL), -EINVAL);
	for (int i = 0; i < WS_REMOTE_WORDS - 5; i++) {
		strcat(text, "a ");
	}
	assert_int_equal(ws_remote_argv(argv, text, &t, text), 0);
	assert_null(argv[WS_REMOTE_WORDS - 1]);
	assert_string_equal(argv[WS_REMOTE_WORDS - 4], "22");
	memset(text, 0, sizeof(text));
	for (int i = 0; i < WS_REMOTE_WORDS - 4; i++) {
		strcat(text, "a ");
	}
	assert_int_equal(ws_remote_argv(argv, text, &t, text), -E2BIG);
	assert_int_equal(start_with((struct ws_remote_config){.url = URL, .ssh = "  "}), -1);
	assert_said("--ssh: is empty");
	assert_int_equal(
		start_with((struct ws_remote_config){.url = URL, .ssh = "wsnossh -v"}), -1);
	assert_said("wsnossh: there is no such program here (see --ssh)");
}

static void banners(void **state)
{
	(void)state;
	assert_int_equal(
		start("echo 'Welcome to {vm}'; echo; printf '\\033[31mred\\r\\n'; echo 42; "
		      "echo '" READY "'; cat; echo '" RESULT "'"),
		0);
	assert_string_equal(s.said, "Welcome to {vm}\n\n?[31mred\n42\n");
	assert_int_equal(finish(), 0);
	free(s.json);
	/* without an end */
	assert_int_equal(start("while :; do echo spam; done"), -1);
	assert_non_null(strstr(s.said, "spam\nspam\n"));
	assert_int_equal(start("exec cat /dev/zero"), -1);
	assert_said("prints much, but not that it is ready");
}

static void ends_before(void **state)
{
	static const struct {
		const char *script, *said;
	} rows[] = {
		{"echo 'ssh: no route' >&2; exit 255", "status 255"},
		{"exit 127", "--remote-program"},
		{"exit 126", "cannot be run"},
		{"exit 1", "status 1 before it was ready"},
		{"exit 0", "status 0 before it was ready"},
		{"printf garbage", "status 0 before"},
		{"kill -9 $$", "signal 9 (Killed)"},
		{"printf '{\"format\":\"wirestamp-ready/1\",'", "status 0 before"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(start(rows[i].script), -1);
		assert_said(rows[i].said);
	}
	/* ssh's own words come first */
	assert_int_equal(start(rows[0].script), -1);
	assert_int_equal(strncmp(s.said, "ssh: no route\nwirestamp: " URL ": ssh failed", 47), 0);
}

static void wrong_lines(void **state)
{
#define HEAD "echo '{\"format\":\"wirestamp-ready/1\",\"version\":\"" WS_VERSION "\","
	static const struct {
		const char *script, *said;
	} rows[] = {
		{"echo '{\"format\":\"wirestamp-ready/2\"}'", "wirestamp-ready/2"},
		{"echo '{}'", "wirestamp-ready/1"},
		{"echo '" RESULT "' | tr -d '\\n'", "wirestamp-run/1"},
		{HEAD "\"interface\":\"e\",\"port\":0}'", "how to reach it"},
		{HEAD "\"interface\":\"e\",\"port\":65536}'", "how to reach it"},
		{HEAD "\"interface\":\"e\",\"port\":-1}'", "how to reach it"},
		{HEAD "\"interface\":\"e\",\"port\":1,\"mtu\":-1}'", "how to reach it"},
		{HEAD "\"port\":\"x\"}'", "how to reach it"},
		{"echo '{\"format\":\"wirestamp-ready/1\"," REST "'", "is wirestamp , and this is"},
		{"echo '{\"format\":\"wirestamp-ready/1\",\"version\":\"99.1\"," REST "'",
			"is wirestamp 99.1, and this is " WS_VERSION},
		{"echo '{\"format\":\"wirestamp-ready/1\",\"version\":\"00.1.0\"," REST "'",
			"is wirestamp 00.1.0"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(start(rows[i].script), -1);
		assert_said(rows[i].said);
	}
	/* what it need not know, and what is not as it should be */
	assert_int_equal(
		start(HEAD
			"\"interface\":\"udp\",\"port\":1,\"mac\":null,\"mtu\":null,"
			"\"ipv4\":\"300.1.1.1\",\"ipv6\":\"2001:db8::7\",\"boot\":\"-a2b3c4d\"}'; cat"),
		0);
	assert_false(s.hello.has_mac || s.hello.has_ipv4 || !s.hello.has_ipv6);
	assert_int_equal(s.hello.boot, 0);
	ws_remote_free(s.r);
}

static void other_version(void **state)
{
	char major[16];
	char script[1024];

	(void)state;
	(void)snprintf(major, sizeof(major), "%.*s", (int)strcspn(WS_VERSION, "."), WS_VERSION);
	(void)snprintf(script, sizeof(script),
		"echo '{\"format\":\"wirestamp-ready/1\",\"version\":\"%s.98.97\",\"interface\":\"e\","
		"\"port\":8620}'; cat; echo '%s'",
		major, RESULT);
	assert_int_equal(start(script), 0);
	assert_int_equal(strncmp(s.said, "warning: ", 9), 0);
	assert_non_null(strstr(s.said, ".98.97, this is " WS_VERSION "\n"));
	assert_int_equal(finish(), 0);
	free(s.json);
}

/* Also what ignores its input and what it is asked. */
static void hangs(void **state)
{
	static const char *const scripts[] = {"exec sleep 1000",
		"trap '' TERM; while :; do sleep 1; done", "cat; exec sleep 1000"};

	(void)state;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		write_script(scripts[i]);
		assert_int_equal(start_with((struct ws_remote_config){
					 .url = URL, .ssh = "sh fake", .ready_ns = SEC / 20}),
			-1);
		assert_said("is not ready after 1 s");
	}
	write_script("echo '" READY "'; exec sleep 1000");
	assert_int_equal(start_with((struct ws_remote_config){
				 .url = URL, .ssh = "sh fake", .finish_ns = SEC / 20}),
		0);
	assert_int_equal(finish(), -1);
	assert_said("did not end within 1 s");
	/* with a whole result, it need not end by itself */
	assert_int_equal(start("echo '" READY "'; cat; echo '" RESULT "'; exec sleep 1000 >&-"), 0);
	assert_int_equal(finish(), 0);
	free(s.json);
}

static void on_alarm(int signo)
{
	(void)signo;
	s.stop = s.stop + 1;
}

static void stopped(void **state)
{
	struct ws_remote_config config = {.url = URL, .ssh = "sh fake", .stop = &s.stop};

	(void)state;
	signal(SIGUSR1, on_alarm);
	write_script("kill -USR1 $PPID; exec sleep 1000");
	assert_int_equal(start_with(config), -1);
	assert_said("stopped before it was ready");
	/* the first asks for the result, the second does not wait for it */
	write_script("echo '" READY "'; cat; kill -USR1 $PPID; echo '" RESULT "'");
	assert_int_equal(start_with(config), 0);
	assert_int_equal(finish(), 0);
	free(s.json);
	write_script("echo '" READY "'; cat; kill -USR1 $PPID; exec sleep 1000");
	assert_int_equal(start_with(config), 0);
	s.stop = 1;
	assert_int_equal(finish(), -1);
	assert_said("stopped before it gave its result");
	signal(SIGUSR1, SIG_DFL);
}

static void no_result(void **state)
{
	static const struct {
		const char *script, *said;
	} rows[] = {
		{"echo '" READY "'; exit 1", "status 1 before it gave its result"},
		{"echo '" READY "'; exit 0", "ended without a result"},
		{"echo '" READY "'; exit 255", "the connection was lost"},
		{"echo '" READY "'; kill -11 $$", "signal 11"},
		{"echo '" READY "'; cat; printf '{\"format\":\"wirestamp-run/1\",'",
			"not all of one"},
		{"echo '" READY "'; cat; echo '{\"format\":\"x\"}'", "no result"},
		{"echo '" READY "'; cat; echo garbage", "no result"},
		{"echo '" READY "'; cat; echo '" RESULT "'; echo more", "no result"},
		{"echo '" READY "'; cat; exec cat /dev/zero", "too long"},
		{"echo '" READY "'; cat; exec yes", "too long"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(start(rows[i].script), 0);
		assert_int_equal(finish(), -1);
		assert_said(rows[i].said);
	}
	/* it failed, and says how far it came */
	assert_int_equal(start("echo '" READY "'; cat; echo '" RESULT "'; exit 1"), 0);
	assert_int_equal(finish(), 0);
	free(s.json);
}

static void let_go(void **state)
{
	(void)state;
	ws_remote_free(NULL);
	assert_int_equal(start("trap '' INT HUP TERM; echo '" READY "'; cat; echo gone >gone"), 0);
	ws_remote_free(s.r);
	assert_int_equal(access("gone", F_OK), 0);
}

int main(void)
{
#define CASE(NAME) cmocka_unit_test_setup_teardown(NAME, scratch_enter, scratch_leave)
	const struct CMUnitTest tests[] = {
		CASE(good),
		CASE(words),
		CASE(commands),
		CASE(urls),
		CASE(long_command),
		CASE(banners),
		CASE(ends_before),
		CASE(wrong_lines),
		CASE(other_version),
		CASE(hangs),
		CASE(stopped),
		CASE(no_result),
		CASE(let_go),
	};

	/* One of which a user may search all, or what is not there would be refused. */
	setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 1);
	return cmocka_run_group_tests_name("remote", tests, NULL, NULL);
}
