/* SPDX-License-Identifier: BSD-2-Clause */
#include "commands/stop.h"

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define SAME_NS 200000000

static atomic_int level;

static void on_signal(int signo)
{
	static int64_t last_ns;
	struct timespec t;
	int64_t now_ns;

	clock_gettime(CLOCK_MONOTONIC, &t);
	now_ns = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
	if (atomic_load(&level) != WS_STOP_NO && now_ns - last_ns < SAME_NS) {
		return;
	}
	last_ns = now_ns;
	if (atomic_load(&level) == WS_STOP_NOW) {
		signal(signo, SIG_DFL);
		raise(signo);
		return;
	}
	atomic_fetch_add(&level, 1);
}

static atomic_uint ledgers, rotations;

static void on_request(int signo)
{
	atomic_fetch_add(signo == SIGUSR1 ? &ledgers : &rotations, 1);
}

struct ws_requests ws_requests_catch(bool rotates)
{
	struct sigaction sa = {.sa_handler = on_request, .sa_flags = SA_RESTART};
	struct sigaction before;

	sigfillset(&sa.sa_mask);
	sigaction(SIGUSR1, &sa, NULL);
	if (rotates && sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN) {
		sigaction(SIGHUP, &sa, NULL);
	}
	return (struct ws_requests){.ledger = &ledgers, .rotate = &rotations};
}

const atomic_int *ws_stop_catch(void)
{
	static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction sa = {.sa_handler = on_signal};
	struct sigaction before;

	sigfillset(&sa.sa_mask);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		if (sigaction(ends[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN) {
			sigaction(ends[i], &sa, NULL);
		}
	}
	sa = (struct sigaction){.sa_handler = SIG_IGN};
	sigaction(SIGPIPE, &sa, NULL);
	sigaction(SIGXFSZ, &sa, NULL);
	return &level;
}
