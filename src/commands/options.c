/* SPDX-License-Identifier: BSD-2-Clause */
#include "commands/options.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "commands/commands.h"

#define MAX_OPTIONS 64
#define HELP_COLUMN 28

static void print_option(FILE *out, const struct ws_option *o)
{
	char head[80];
	int len;

	len = snprintf(head, sizeof(head), "  %c%c%s --%s%s%s", o->letter ? '-' : ' ',
		o->letter ? o->letter : ' ', o->letter ? "," : " ", o->name, o->arg ? " " : "",
		o->arg ? o->arg : "");
	fputs(head, out);
	if (len > HELP_COLUMN - 2) {
		fputc('\n', out);
		len = 0;
	}
	for (const char *line = o->help; *line;) {
		int length = (int)strcspn(line, "\n");

		fprintf(out, "%*s%.*s\n", HELP_COLUMN - len, "", length, line);
		line += length + (line[length] == '\n');
		len = 0;
	}
}

static void print_help(FILE *out, const struct ws_command_help *help)
{
	fprintf(out, "Usage: wirestamp %s\n\n%s\n\n%s", help->usage, help->about,
		help->options->take ? "Options:\n" : "");
	for (const struct ws_option *o = help->options; o->name; o++) {
		if (o->take) {
			print_option(out, o);
		} else {
			fprintf(out, "%s%s:\n", o == help->options ? "" : "\n", o->help);
		}
	}
	print_option(out, &(struct ws_option){.name = "help", .letter = 'h', .help = "this text"});
	if (help->examples) {
		fprintf(out, "\nExamples:\n%s\n", help->examples);
	}
}

static bool may_lack(const struct ws_command_help *help, const struct ws_option *o)
{
	return help->optional && strcmp(help->optional, o->name) == 0;
}

int ws_options_parse(const struct ws_command_help *help, void *options, int argc, char **argv)
{
	struct option longs[MAX_OPTIONS + 2] = {0};
	char shorts[2 * MAX_OPTIONS + 3] = ":";
	size_t n = 0, s = 1;
	int c;

	for (const struct ws_option *o = help->options; o->name && n < MAX_OPTIONS; o++) {
		if (!o->take) {
			continue;
		}
		longs[n++] = (struct option){o->name,
			!o->arg		    ? no_argument
			: may_lack(help, o) ? optional_argument
					    : required_argument,
			NULL, 256 + (int)(o - help->options)};
		if (o->letter) {
			shorts[s++] = o->letter;
			if (o->arg) {
				shorts[s++] = ':';
			}
		}
	}
	longs[n] = (struct option){"help", no_argument, NULL, 'h'};
	shorts[s++] = 'h';
	/* Not 1: that would go on within a word where an earlier parse ended. */
	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		const struct ws_option *o = NULL;
		const char *arg;
		char why[256] = "";

		if (c == 'h') {
			print_help(stdout, help);
			return -2;
		}
		if (c == ':') {
			ws_error("%s: needs an argument (see wirestamp %s --help)",
				argv[optind - 1], argv[0]);
			return -1;
		}
		if (c == '?') {
			if (optopt >= 256) {
				ws_error("%s: takes no argument (see wirestamp %s --help)",
					argv[optind - 1], argv[0]);
			} else if (optopt) {
				ws_error("-%c: unknown option (see wirestamp %s --help)", optopt,
					argv[0]);
			} else {
				ws_error(
					"%s: unknown or ambiguous option (see wirestamp %s --help)",
					argv[optind - 1], argv[0]);
			}
			return -1;
		}
		for (size_t i = 0; help->options[i].name; i++) {
			if (c == 256 + (int)i || c == help->options[i].letter) {
				o = &help->options[i];
			}
		}
		if (!o) {
			return -1;
		}
		arg = o->arg ? optarg : NULL;
		/* getopt takes an optional argument only behind a "=". */
		if (may_lack(help, o) && !arg && optind < argc && argv[optind][0] != '-') {
			arg = argv[optind++];
		}
		if (o->take(options, arg, why, sizeof(why)) < 0) {
			if (arg) {
				ws_error("--%s %s: %s", o->name, arg, why);
			} else {
				ws_error("--%s: %s", o->name, why);
			}
			return -1;
		}
	}
	return optind;
}
