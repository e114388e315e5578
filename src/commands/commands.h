/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The subcommands. Each is given its arguments with its own name as argv[0] and returns the exit
 * status: 0 done; 2 wrong on any machine (usage); 1 depends on the machine or the run.
 */
#pragma once

#define WS_EXIT_OK    0
#define WS_EXIT_FAIL  1
#define WS_EXIT_USAGE 2

int ws_cmd_capture(int argc, char **argv);
int ws_cmd_lab(int argc, char **argv);
int ws_cmd_latency(int argc, char **argv);
int ws_cmd_load(int argc, char **argv);
int ws_cmd_probe(int argc, char **argv);
int ws_cmd_reflect(int argc, char **argv);
int ws_cmd_report(int argc, char **argv);

/*
 * Prints "wirestamp: ..." and a newline on stderr, always one line: control characters in what
 * users and files gave are shown as "?". The form is `what: why (what to do)`.
 */
void ws_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What small allocations at the start of a command return: NULL says so and ends the program. */
void *ws_need(void *p);
