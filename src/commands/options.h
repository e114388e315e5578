/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Options from one table: the parser, --help and the error messages come from it, so that name,
 * unit, default and range stand in one place.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct ws_option {
	const char *name; /* without the dashes */
	char letter;	  /* short form, 0: none */
	const char *arg;  /* what the argument is called in the help; NULL: a flag */
	const char *help; /* one or two lines, with default and range */
	/*
	 * Takes the argument (NULL for a flag) into the command's options. Returns 0, or -1 with
	 * the rest of the sentence "--name: ..." in why: what is wrong and what would be right.
	 */
	int (*take)(void *options, const char *arg, char *why, size_t why_size);
};

struct ws_command_help {
	const char *usage; /* after "wirestamp" */
	const char *about;
	const char *examples;
	/* Ends with a NULL name. Without take it is a heading: its help is printed with a colon, and
	 * if there is one, the first entry is one. */
	const struct ws_option *options;
	/* Name of the option whose argument may be left out, at the end of the line or before another option: take
	 * gets NULL then. NULL: there is none. */
	const char *optional;
};

/*
 * Parses argv[1..]. Returns the index of the first operand, or -1 after a wrong option (one line
 * was printed), or -2 after --help (printed on stdout). Options may be abbreviated as with
 * getopt_long.
 */
int ws_options_parse(const struct ws_command_help *help, void *options, int argc, char **argv);
