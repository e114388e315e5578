/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a user ends a run: SIGINT, SIGTERM or SIGHUP, unless it was ignored when the program was started
 * (nohup). The first ends the run with its results, a second one does not wait for what is still under
 * way, a third one ends the program. Wrappers that signal a process and then its group send two at once:
 * what comes within a moment of the one before counts as the same.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

enum ws_stop { WS_STOP_NO, WS_STOP_SOON, WS_STOP_NOW };

/* Installs the handlers, also against SIGPIPE and SIGXFSZ, which are then errors of write. Returns the
 * level (enum ws_stop), which only rises. */
const atomic_int *ws_stop_catch(void);

/* How often a user asked for something while it goes on. */
struct ws_requests {
	const atomic_uint *ledger; /* SIGUSR1 */
	const atomic_uint *rotate; /* SIGHUP, which then ends nothing; ignored if it was (nohup) */
};

/* Installs the handlers; after ws_stop_catch(). Unless it rotates, SIGHUP goes on ending the run. */
struct ws_requests ws_requests_catch(bool rotates);
