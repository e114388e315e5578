// SPDX-License-Identifier: BSD-2-Clause
#include "file/series.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NSEC_PER_SEC 1000000000
/* "_", the number's digits, "_", the time with a year of any length, and the end. */
#define ADDED_MAX 64

struct ws_series_file *ws_series_name(const char *base, unsigned number, int64_t wall_ns)
{
	size_t hidden = strspn(base, "."), stem = hidden + strcspn(base + hidden, ".");
	size_t size = strlen(base) + ADDED_MAX;
	/* Rounded down, before 1970, too. */
	time_t sec = (time_t)(wall_ns / NSEC_PER_SEC - (wall_ns % NSEC_PER_SEC < 0));
	struct ws_series_file *file = malloc(sizeof(*file) + size);
	struct tm utc;

	if (!file) {
		return NULL;
	}
	file->next = NULL;
	/* All times that fit 64 bits of nanoseconds have a date. */
	(void)gmtime_r(&sec, &utc);
	snprintf(file->name, size, "%.*s_%05u_%04d%02d%02dT%02d%02d%02dZ%s", (int)stem, base,
		number, utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
		utc.tm_sec, base + stem);
	return file;
}

void ws_series_add(struct ws_series *s, struct ws_series_file *file)
{
	file->next = NULL;
	if (s->last) {
		s->last->next = file;
	} else {
		s->first = file;
	}
	s->last = file;
	s->count++;
}

void ws_series_trim(struct ws_series *s, int dir_fd, unsigned keep)
{
	struct ws_series_file **link = &s->first, *kept = NULL;
	unsigned surplus = s->count > keep ? s->count - keep : 0;

	for (; surplus > 0; surplus--) {
		struct ws_series_file *file = *link;

		if (unlinkat(dir_fd, file->name, 0) < 0 && errno != ENOENT) {
			kept = file;
			link = &file->next;
			continue;
		}
		*link = file->next;
		if (s->last == file) {
			s->last = kept;
		}
		s->count--;
		free(file);
	}
}

void ws_series_free(struct ws_series *s)
{
	while (s->first) {
		struct ws_series_file *file = s->first;

		s->first = file->next;
		free(file);
	}
	*s = (struct ws_series){0};
}
