/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs beside this one: real ones, of which each does what is said in its shell script. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/child.h"
#include "host/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SEC   INT64_C(1000000000)
#define NEVER INT64_MAX

static int64_t in(int64_t ns)
{
	return ws_sys_clock(CLOCK_MONOTONIC) + ns;
}

/* A test that fails may hang: SIGALRM ends it. */
static void start(struct ws_child *c, const char *script)
{
	char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, (char *)(uintptr_t)script, NULL};

	alarm(60);
	memset(c, 0x77, sizeof(*c));
	assert_int_equal(ws_child_start(c, argv), 0);
	assert_true(c->pid > 0);
}

static int end(struct ws_child *c, int64_t deadline_ns)
{
	pid_t pid = c->pid;
	int status;

	assert_int_equal(ws_child_end(c, deadline_ns, &status), 0);
	assert_int_equal(c->pid, 0);
	assert_int_equal(c->to, -1);
	assert_int_equal(c->from, -1);
	assert_null(c->buf);
	/* it is gone, and was waited for */
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(errno, ESRCH);
	return status;
}

static void assert_line(struct ws_child *c, const char *wanted)
{
	char *line;

	assert_int_equal(ws_child_line(c, NEVER, NULL, &line), wanted ? 1 : 0);
	if (wanted) {
		assert_string_equal(line, wanted);
	}
}

static void lines(void **state)
{
	struct ws_child c;

	(void)state;
	start(&c, "printf 'one\\n\\nthr'; printf 'ee\\nlast'");
	assert_line(&c, "one");
	assert_line(&c, "");
	assert_line(&c, "three");
	assert_line(&c, "last");
	assert_line(&c, NULL);
	assert_line(&c, NULL);
	assert_int_equal(end(&c, NEVER), 0);
	/* none */
	start(&c, "exit 3");
	assert_line(&c, NULL);
	assert_int_equal(WEXITSTATUS(end(&c, NEVER)), 3);
}

static void both_ways(void **state)
{
	struct ws_child c;

	(void)state;
	start(&c, "cat; echo over; exit 5");
	assert_int_equal(ws_sys_write(c.to, "ping\n", 5), 5);
	assert_line(&c, "ping");
	ws_child_close_input(&c);
	ws_child_close_input(&c);
	assert_line(&c, "over");
	assert_line(&c, NULL);
	assert_int_equal(WEXITSTATUS(end(&c, NEVER)), 5);
}

/* Longer than any buffer's first size, and longer than what is allowed. */
static void long_lines(void **state)
{
	struct ws_child c;
	char *line;

	(void)state;
	start(&c, "head -c 3000000 /dev/zero | tr '\\0' x; echo; echo short; echo; "
		  "head -c 16777216 /dev/zero | tr '\\0' y; echo");
	assert_int_equal(ws_child_line(&c, NEVER, NULL, &line), 1);
	assert_int_equal(strlen(line), 3000000);
	assert_int_equal(strspn(line, "x"), 3000000);
	assert_line(&c, "short");
	assert_line(&c, "");
	assert_int_equal(ws_child_line(&c, NEVER, NULL, &line), -EMSGSIZE);
	assert_int_equal(end(&c, in(20 * SEC)), 0);
	start(&c, "head -c 16777215 /dev/zero | tr '\\0' y");
	assert_int_equal(ws_child_line(&c, NEVER, NULL, &line), 1);
	assert_int_equal(strlen(line), WS_CHILD_LINE_MAX - 1);
	end(&c, NEVER);
}

static void deadlines(void **state)
{
	struct ws_child c;
	char *line;

	(void)state;
	start(&c, "printf half; read x; echo 'and half'; cat");
	assert_int_equal(ws_child_line(&c, in(-SEC), NULL, &line), -ETIMEDOUT);
	assert_int_equal(ws_child_line(&c, in(SEC / 50), NULL, &line), -ETIMEDOUT);
	/* what came before the deadline is not lost */
	assert_int_equal(ws_sys_write(c.to, "\n", 1), 1);
	assert_line(&c, "halfand half");
	assert_int_equal(end(&c, NEVER), 0);
}

static volatile int stop;

static void on_alarm(int signo)
{
	(void)signo;
	stop = 1;
}

static void stopped(void **state)
{
	const struct sigaction sa = {.sa_handler = on_alarm};
	const struct timespec soon = {.tv_nsec = 20000000};
	struct itimerspec when = {.it_value = soon};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	struct ws_child c;
	timer_t timer;
	char *line;

	(void)state;
	stop = 0;
	sigaction(SIGUSR1, &sa, NULL);
	start(&c, "cat");
	assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
	timer_settime(timer, 0, &when, NULL);
	assert_int_equal(ws_child_line(&c, NEVER, &stop, &line), -EINTR);
	assert_int_equal(stop, 1);
	/* before any waiting */
	assert_int_equal(ws_child_line(&c, NEVER, &stop, &line), -EINTR);
	assert_int_equal(end(&c, NEVER), 0);
	timer_delete(timer);
	signal(SIGUSR1, SIG_DFL);
}

/* What still comes is read, or it would wait for ever to write. */
static void talks_on(void **state)
{
	struct ws_child c;

	(void)state;
	start(&c, "head -c 5000000 /dev/zero; exit 7");
	assert_int_equal(WEXITSTATUS(end(&c, NEVER)), 7);
}

static void has_to_be_asked(void **state)
{
	struct ws_child c;
	int status;

	(void)state;
	/* input is of no interest to it */
	start(&c, "echo up; exec sleep 1000");
	assert_line(&c, "up");
	status = end(&c, 0);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGTERM);
}

static void has_to_be_killed(void **state)
{
	struct ws_child c;
	int status;

	(void)state;
	start(&c, "trap '' TERM; echo up; while :; do sleep 1; done");
	assert_line(&c, "up");
	status = end(&c, 0);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

/* Somebody else holds the pipe: that is not waited for. */
static void leaves_somebody(void **state)
{
	struct ws_child c;
	char *line;
	int pid;

	(void)state;
	start(&c, "sleep 1000 & echo $!; exit 4");
	assert_int_equal(ws_child_line(&c, NEVER, NULL, &line), 1);
	pid = atoi(line);
	assert_int_equal(WEXITSTATUS(end(&c, NEVER)), 4);
	assert_true(pid > 1);
	assert_int_equal(kill(pid, SIGKILL), 0);
}

/* Those of ours that are caught, blocked or ignored. */
static void signals(void **state)
{
	struct ws_child c;
	sigset_t some;
	unsigned long long mask;
	char *line;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGUSR1, on_alarm);
	sigemptyset(&some);
	sigaddset(&some, SIGTERM);
	sigaddset(&some, SIGUSR2);
	sigprocmask(SIG_BLOCK, &some, NULL);
	start(&c, "exec grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status");
	sigprocmask(SIG_UNBLOCK, &some, NULL);
	assert_int_equal(ws_child_line(&c, NEVER, NULL, &line), 1);
	assert_int_equal(sscanf(line, "SigBlk:%llx", &mask), 1);
	assert_true(mask == 0);
	assert_int_equal(ws_child_line(&c, NEVER, NULL, &line), 1);
	assert_int_equal(sscanf(line, "SigIgn:%llx", &mask), 1);
	assert_true(mask & 1ULL << (SIGINT - 1));
	assert_true(mask & 1ULL << (SIGHUP - 1));
	assert_false(mask & 1ULL << (SIGPIPE - 1));
	assert_false(mask & 1ULL << (SIGXFSZ - 1));
	assert_false(mask & 1ULL << (SIGTERM - 1));
	assert_int_equal(ws_child_line(&c, NEVER, NULL, &line), 1);
	assert_int_equal(sscanf(line, "SigCgt:%llx", &mask), 1);
	assert_false(mask & 1ULL << (SIGUSR1 - 1));
	assert_int_equal(end(&c, NEVER), 0);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
	signal(SIGUSR1, SIG_DFL);
}

/* Another one's input is not open in it: else that would not end when we do. */
static void descriptors(void **state)
{
	char script[160], link[32], name[64] = "";
	struct ws_child c, other;

	(void)state;
	start(&other, "cat");
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", other.to);
	assert_true(readlink(link, name, sizeof(name) - 1) > 0);
	(void)snprintf(script, sizeof(script), "ls -l /proc/self/fd | grep -cF '%s'", name);
	start(&c, script);
	assert_line(&c, "0");
	end(&c, NEVER);
	assert_int_equal(end(&other, NEVER), 0);
}

/* We end, however: it sees the end of its input. */
static void outlives_nobody(void **state)
{
	struct ws_child c;
	int status, report[2];
	char said = 0;
	pid_t pid;

	(void)state;
	alarm(60);
	assert_int_equal(pipe2(report, 0), 0);
	pid = fork();
	if (pid == 0) {
		char script[128];
		char *line;

		close(report[0]);
		snprintf(script, sizeof(script), "echo up; cat; printf e >&%d", report[1]);
		start(&c, script);
		close(report[1]);
		if (ws_child_line(&c, NEVER, NULL, &line) == 1) {
			kill(getpid(), SIGKILL);
		}
		_exit(1);
	}
	close(report[1]);
	assert_int_equal(read(report[0], &said, 1), 1);
	assert_int_equal(said, 'e');
	close(report[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static void cannot_start(void **state)
{
	char *none[] = {(char[]){"wirestamp-no-such-program"}, NULL};
	char *directory[] = {(char[]){"/"}, NULL};
	struct ws_child c = {.to = 77}, before = c;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), after;

	(void)state;
	alarm(60);
	close(fd);
	assert_int_equal(ws_child_start(&c, none), -ENOENT);
	assert_int_equal(ws_child_start(&c, directory), -EACCES);
	assert_memory_equal(&c, &before, sizeof(c));
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	after = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(after, fd);
	close(after);
}

/* A program that is started without standard descriptors gets low numbers for its pipes. */
static void low_descriptors(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	alarm(60);
	pid = fork();
	if (pid == 0) {
		char *argv[] = {(char[]){"cat"}, NULL};
		struct ws_child c;
		char *line;
		bool good;

		close(0);
		close(1);
		close(2);
		good = ws_child_start(&c, argv) == 0 && ws_sys_write(c.to, "x\n", 2) == 2 &&
		       ws_child_line(&c, NEVER, NULL, &line) == 1 && !strcmp(line, "x") &&
		       ws_child_end(&c, NEVER, &status) == 0 && status == 0;
		_exit(good ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void ends_none(void **state)
{
	struct ws_child c = {.to = -1, .from = -1};
	int status = 1;

	(void)state;
	assert_int_equal(ws_child_end(&c, 0, &status), 0);
	assert_int_equal(status, -1);
	assert_int_equal(ws_child_end(&c, 0, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(both_ways),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(deadlines),
		cmocka_unit_test(stopped),
		cmocka_unit_test(talks_on),
		cmocka_unit_test(has_to_be_asked),
		cmocka_unit_test(has_to_be_killed),
		cmocka_unit_test(leaves_somebody),
		cmocka_unit_test(signals),
		cmocka_unit_test(descriptors),
		cmocka_unit_test(outlives_nobody),
		cmocka_unit_test(cannot_start),
		cmocka_unit_test(low_descriptors),
		cmocka_unit_test(ends_none),
	};

	/* One of which a user may search all, or what is not there would be refused. */
	setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 1);
	return cmocka_run_group_tests_name("child", tests, NULL, NULL);
}
