/* SPDX-License-Identifier: BSD-2-Clause */
/* What a text for people looks like: for the tests of results. */
#pragma once

/* What the page prints in front of red and yellow ink, and behind it. */
#define RED    "\033[31m"
#define YELLOW "\033[33m"
#define PLAIN  "\033[0m"

/* Without line breaks and runs of blanks, so that a sentence is found wherever it was wrapped. In place. */
char *squeeze(char *text);
void assert_has(const char *text, const char *part);
void assert_has_not(const char *text, const char *part);
unsigned occurrences(const char *text, const char *part);
/* The first line with part in it, to be freed. */
char *line_with(const char *text, const char *part);
/* Columns of the widest line: characters, without what only sets the colour. */
unsigned widest(const char *text);
