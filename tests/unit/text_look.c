/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/text_look.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

char *squeeze(char *text)
{
	char *in, *out = text;

	for (in = text; *in; in++) {
		char c = *in == '\n' ? ' ' : *in;

		if (c != ' ' || out == text || out[-1] != ' ') {
			*out++ = c;
		}
	}
	*out = '\0';
	return text;
}

void assert_has(const char *text, const char *part)
{
	if (!text || !strstr(text, part)) {
		fail_msg("\"%s\" is not in:\n%s", part, text ? text : "nothing");
	}
}

void assert_has_not(const char *text, const char *part)
{
	if (!text || strstr(text, part)) {
		fail_msg("\"%s\" is in:\n%s", part, text ? text : "nothing");
	}
}

unsigned occurrences(const char *text, const char *part)
{
	unsigned n = 0;

	for (; (text = strstr(text, part)) != NULL; text++) {
		n++;
	}
	return n;
}

char *line_with(const char *text, const char *part)
{
	const char *at = strstr(text, part), *begin = at;

	assert_non_null(at);
	while (begin > text && begin[-1] != '\n') {
		begin--;
	}
	return strndup(begin, strcspn(begin, "\n"));
}

unsigned widest(const char *text)
{
	unsigned width = 0, max = 0;

	for (; *text; text++) {
		if (*text == '\033') {
			text += strcspn(text, "m");
		} else if (*text == '\n') {
			width = 0;
		} else if (((unsigned char)*text & 0xc0) != 0x80) {
			width++;
			max = width > max ? width : max;
		}
	}
	return max;
}
