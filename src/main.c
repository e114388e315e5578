/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands/commands.h"

static const struct command {
	const char *name, *line;
	int (*run)(int argc, char **argv);
} commands[] = {
	{"probe", "what this machine and its cards can stamp, and proof of it", ws_cmd_probe},
	{"capture", "record packets to pcapng, and account for every one", ws_cmd_capture},
	{"latency", "measure the delay of every packet, at one rate or many", ws_cmd_latency},
	{"load", "send packets at a chosen rate, and prove the rate", ws_cmd_load},
	{"reflect", "answer another host's latency probes", ws_cmd_reflect},
	{"report", "summarise and compare runs: text, JSON, CSV, plots, HTML", ws_cmd_report},
	{"lab", "run any program inside a private pair of connected interfaces", ws_cmd_lab},
};

#define COMMANDS     (sizeof(commands) / sizeof(commands[0]))
#define NAME_MAX_LEN 15 /* longer words are near no command */

static void print_help(FILE *out)
{
	fputs("Usage: wirestamp COMMAND [options]\n"
	      "       wirestamp COMMAND --help\n"
	      "       wirestamp --version\n"
	      "\n"
	      "Captures packets, sends load, and measures the latency of every packet, with kernel time\n"
	      "stamps.\n"
	      "\n",
		out);
	for (size_t i = 0; i < COMMANDS; i++) {
		fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].line);
	}
	fputs("\nTry it without root or a network card: wirestamp latency --lab\n", out);
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Levenshtein distance: how many letters to insert, delete or replace. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[NAME_MAX_LEN + 1];
	size_t len = strlen(b);

	for (size_t j = 0; j <= len; j++) {
		row[j] = (unsigned)j;
	}
	for (size_t i = 0; a[i]; i++) {
		unsigned diagonal = row[0];

		row[0]++;
		for (size_t j = 0; j < len; j++) {
			unsigned replaced = diagonal + (a[i] != b[j]);

			diagonal = row[j + 1];
			row[j + 1] = least(replaced, least(row[j], row[j + 1]) + 1);
		}
	}
	return row[len];
}

/* The command that was probably meant, or NULL. */
static const char *nearest(const char *word)
{
	const char *best = NULL;
	unsigned best_distance = 3;

	if (strlen(word) > NAME_MAX_LEN) {
		return NULL;
	}
	for (size_t i = 0; i < COMMANDS; i++) {
		unsigned d = distance(word, commands[i].name);

		/* fewer changes than letters: else any short word would be near */
		if (d < best_distance && d < strlen(commands[i].name)) {
			best = commands[i].name;
			best_distance = d;
		}
	}
	return best;
}

/* A full disk or a closed pipe shows only when the last bytes leave. */
static int finish(int status)
{
	if (status == WS_EXIT_OK && (fflush(stdout) != 0 || ferror(stdout))) {
		ws_error("stdout: %s (where does it go?)", strerror(errno));
		return WS_EXIT_FAIL;
	}
	return status; /* a command that failed has said why */
}

/*
 * A descriptor that is opened later must not become standard output or error by taking its number. For
 * reading only: what is printed to a closed output stays an error.
 */
static void fill_standard_descriptors(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDONLY);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0) {
		close(fd);
	}
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : NULL;
	const char *near;

	fill_standard_descriptors();
	if (!word) {
		print_help(stderr);
		return WS_EXIT_USAGE;
	}
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
		print_help(stdout);
		return finish(WS_EXIT_OK);
	}
	if (strcmp(word, "--version") == 0) {
		puts("wirestamp " WS_VERSION);
		return finish(WS_EXIT_OK);
	}
	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(word, commands[i].name) == 0) {
			return finish(commands[i].run(argc - 1, argv + 1));
		}
	}
	near = nearest(word);
	if (near) {
		ws_error("%s: no such command (did you mean %s?)", word, near);
	} else {
		ws_error("%s: no such %s (see wirestamp --help)", word,
			word[0] == '-' ? "option" : "command");
	}
	return WS_EXIT_USAGE;
}
