/* SPDX-License-Identifier: BSD-2-Clause */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "commands/commands.h"

void ws_error(const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	for (char *p = text; *p; p++) {
		if (iscntrl((unsigned char)*p)) {
			*p = '?';
		}
	}
	fprintf(stderr, "wirestamp: %s\n", text);
}

void *ws_need(void *p)
{
	if (!p) {
		ws_error("out of memory");
		exit(WS_EXIT_FAIL);
	}
	return p;
}
