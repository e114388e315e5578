/* SPDX-License-Identifier: BSD-2-Clause */
/* wirestamp lab: runs a program inside the private pair of interfaces. */
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "commands/commands.h"
#include "host/lab.h"

#define EXIT_NOT_EXECUTABLE 126 /* as shells and env(1) have it */
#define EXIT_NOT_FOUND	    127
#define EXIT_SIGNALLED	    128 /* plus the signal */

static const char help[] =
	"Usage: wirestamp lab [--side 0|1] [--] CMD [ARG...]\n"
	"\n"
	"Runs CMD inside the lab: a private pair of connected interfaces, ws0\n"
	"(198.18.0.1/24) and ws1 (198.18.0.2/24), each in a network namespace of its\n"
	"own. Needs no root where user namespaces are allowed. The lab is gone when the\n"
	"last program in it has ended.\n"
	"\n"
	"  --side 0|1   where CMD runs: beside ws0 (default) or beside ws1\n"
	"  -h, --help   this text\n"
	"\n"
	"Inside, `wirestamp lab --side 1 -- CMD` joins the same lab, other programs reach\n"
	"the far side with `nsenter --net=$WIRESTAMP_LAB_NS1 CMD`, and wirestamp itself\n"
	"with ws1@$WIRESTAMP_LAB_NS1 as the interface's name.\n"
	"\n"
	"Exit status: that of CMD, 128 + N if signal N ended it, 127 if it was not found,\n"
	"126 if it could not be run, 1 if there could be no lab, 2 for wrong usage.\n"
	"\n"
	"Example: wirestamp lab -- ping -c 3 198.18.0.2\n";

struct options {
	int side;
	bool help;
	char **command;
};

/* Everything that the caller had set before and the command is to find again. */
struct signals {
	sigset_t waited, mask;
	struct sigaction child;
};

static int usage_error(const char *what)
{
	ws_error("lab: %s (see wirestamp lab --help)", what);
	return WS_EXIT_USAGE;
}

/* Returns 0 or the exit status. */
static int parse_options(int argc, char **argv, struct options *ret)
{
	static const struct option longs[] = {
		{"side", required_argument, NULL, 's'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct options o = {0};
	char what[160];
	int c;

	optind = 0;
	/* '+' stops at CMD, whose options are its own; ':' leaves the messages to us */
	while ((c = getopt_long(argc, argv, "+:h", longs, NULL)) != -1) {
		switch (c) {
		case 's':
			if ((optarg[0] != '0' && optarg[0] != '1') || optarg[1]) {
				snprintf(what, sizeof(what), "--side is 0 or 1, not \"%.80s\"",
					optarg);
				return usage_error(what);
			}
			o.side = optarg[0] - '0';
			break;
		case 'h':
			o.help = true;
			*ret = o;
			return 0;
		case ':':
			return usage_error("--side needs 0 or 1");
		default:
			snprintf(what, sizeof(what), "unknown option \"%.80s\"", argv[optind - 1]);
			return usage_error(what);
		}
	}
	if (optind >= argc) {
		return usage_error("no command to run was given");
	}
	o.command = argv + optind;
	*ret = o;
	return 0;
}

/* All that is waited for is blocked from before the fork on, so that nothing can come too early. */
static void hold_signals(struct signals *s)
{
	/* an ignored SIGCHLD, which is inherited, would take the exit status away */
	struct sigaction child = {.sa_handler = SIG_DFL};

	sigaction(SIGCHLD, &child, &s->child);
	sigemptyset(&s->waited);
	sigaddset(&s->waited, SIGCHLD);
	sigaddset(&s->waited, SIGINT);
	sigaddset(&s->waited, SIGQUIT);
	sigaddset(&s->waited, SIGTERM);
	sigaddset(&s->waited, SIGHUP);
	sigprocmask(SIG_BLOCK, &s->waited, &s->mask);
}

static _Noreturn void run_child(
	const struct ws_lab *lab, const struct options *o, pid_t parent, const struct signals *s)
{
	int err;

	/* getppid: the parent may have died before the request was made */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) {
		_exit(WS_EXIT_FAIL);
	}
	if (setns(lab->ns[o->side], CLONE_NEWNET) < 0) {
		ws_error(
			"lab: cannot enter side %d: %s (try it as root)", o->side, strerror(errno));
		_exit(WS_EXIT_FAIL);
	}
	sigaction(SIGCHLD, &s->child, NULL);
	sigprocmask(SIG_SETMASK, &s->mask, NULL);
	execvp(o->command[0], o->command);
	err = errno;
	if (err == ENOENT) {
		ws_error("%s: command not found (install it, or give its path)", o->command[0]);
		_exit(EXIT_NOT_FOUND);
	}
	ws_error("%s: %s (is it a program, and may you run it?)", o->command[0], strerror(err));
	_exit(EXIT_NOT_EXECUTABLE);
}

/* Passes signals on until the child has ended; returns the exit status. */
static int wait_child(pid_t child, const struct signals *s)
{
	for (;;) {
		siginfo_t info;
		int status;
		int n = sigwaitinfo(&s->waited, &info);

		if (n == SIGCHLD) {
			if (waitpid(child, &status, WNOHANG) != child) {
				continue;
			}
			return WIFSIGNALED(status) ? EXIT_SIGNALLED + WTERMSIG(status)
						   : WEXITSTATUS(status);
		}
		/* the terminal's keys reach the whole foreground group, the child included */
		if (n > 0 && !(info.si_code == SI_KERNEL && (n == SIGINT || n == SIGQUIT))) {
			kill(child, n);
		}
	}
}

int ws_cmd_lab(int argc, char **argv)
{
	struct options o;
	struct signals signals;
	struct ws_lab lab;
	char why[320];
	pid_t parent = getpid(), child;
	int status = parse_options(argc, argv, &o);

	if (status) {
		return status;
	}
	if (o.help) {
		return fputs(help, stdout) < 0 ? WS_EXIT_FAIL : WS_EXIT_OK;
	}
	if (ws_lab_enter(&lab, why, sizeof(why)) < 0) {
		ws_error("lab: %s", why);
		return WS_EXIT_FAIL;
	}
	if (ws_lab_export(&lab) < 0) {
		ws_error("lab: cannot set the environment: out of memory (free some)");
		ws_lab_leave(&lab);
		return WS_EXIT_FAIL;
	}
	fflush(NULL);
	hold_signals(&signals);
	child = fork();
	if (child == 0) {
		run_child(&lab, &o, parent, &signals);
	}
	if (child < 0) {
		ws_error("lab: cannot start a process: %s (raise ulimit -u)", strerror(errno));
		status = WS_EXIT_FAIL;
	} else {
		status = wait_child(child, &signals);
	}
	ws_lab_leave(&lab);
	return status;
}
