/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "report/rundoc_own.h"

/* The last `parts` parts of a path, without run.json. */
static void name_of_parts(char *to, size_t size, const char *path, unsigned parts)
{
	char text[512];
	char *at;
	size_t len;

	if (strlen(path) >= sizeof(text)) {
		path += strlen(path) - sizeof(text) + 1;
	}
	snprintf(text, sizeof(text), "%s", path);
	len = strlen(text);
	while (len > 1 && text[len - 1] == '/') {
		text[--len] = '\0';
	}
	if (len > 9 && strcmp(text + len - 9, "/run.json") == 0) {
		text[len - 9] = '\0';
	}
	for (at = text + strlen(text); at > text; at--) {
		if (at[-1] == '/' && --parts == 0) {
			break;
		}
	}
	/* The end of a name tells more than its beginning. */
	if (strlen(at) >= size) {
		at += strlen(at) - size + 1;
		while (((unsigned char)*at & 0xc0) == 0x80) {
			at++;
		}
	}
	ws_copy_text(to, size, at);
}

static bool name_is_taken(struct ws_rundoc *const *docs, unsigned count, unsigned i)
{
	unsigned k;

	for (k = 0; k < count; k++) {
		if (k != i && strcmp(docs[k]->name, docs[i]->name) == 0) {
			return true;
		}
	}
	return false;
}

/* Appends a number, cutting what is in its way. */
static void number_append(char *text, size_t size, unsigned n)
{
	char number[16];
	size_t len = strlen(text), more;

	snprintf(number, sizeof(number), " (%u)", n);
	more = strlen(number);
	if (len + more >= size) {
		len = size - 1 - more;
		while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80) {
			len--;
		}
	}
	snprintf(text + len, size - len, "%s", number);
}

static void names_part(struct ws_rundoc *const *docs, unsigned count)
{
	unsigned i, k, parts, number;
	char wanted[sizeof(docs[0]->name)];

	/* "a/run" and "b/run": with as many directories as it takes, the same number for all of a name. */
	for (parts = 2; parts <= 3; parts++) {
		for (i = 0; i < count; i++) {
			bool again = name_is_taken(docs, count, i);

			memcpy(wanted, docs[i]->name, sizeof(wanted));
			for (k = i; k < count && again; k++) {
				if (strcmp(docs[k]->name, wanted) == 0 &&
					strchr(docs[k]->path, '/')) {
					name_of_parts(docs[k]->name, sizeof(docs[k]->name),
						docs[k]->path, parts);
				}
			}
		}
	}
	for (i = 0; i < count; i++) {
		memcpy(wanted, docs[i]->name, sizeof(wanted));
		for (k = i + 1, number = 2; k < count; k++) {
			if (strcmp(docs[k]->name, wanted) == 0) {
				do {
					memcpy(docs[k]->name, wanted, sizeof(wanted));
					number_append(
						docs[k]->name, sizeof(docs[k]->name), number++);
				} while (name_is_taken(docs, count, k) && number < 10000);
			}
		}
	}
}

static bool label_is_taken(struct ws_rundoc *const *docs, const struct ws_series *until)
{
	unsigned i, k;

	for (i = 0;; i++) {
		for (k = 0; k < docs[i]->count; k++) {
			if (&docs[i]->series[k] == until) {
				return false;
			}
			if (strcmp(docs[i]->series[k].label, until->label) == 0) {
				return true;
			}
		}
	}
}

void ws_rundoc_label(struct ws_rundoc *const *docs, unsigned count)
{
	char plain[sizeof(docs[0]->series[0].label)], rate[28];
	unsigned i, k, number;

	names_part(docs, count);
	for (i = 0; i < count; i++) {
		for (k = 0; k < docs[i]->count; k++) {
			struct ws_series *s = &docs[i]->series[k];
			bool with_name = count > 1 || !s->rate[0];

			/* Names leave room for the rate. */
			ws_copy_text(rate, sizeof(rate), s->rate);
			snprintf(plain, sizeof(plain), "%s%s%s", with_name ? docs[i]->name : "",
				with_name && rate[0] ? " " : "", rate);
			memcpy(s->label, plain, sizeof(plain));
			for (number = 2; label_is_taken(docs, s) && number < 10000; number++) {
				memcpy(s->label, plain, sizeof(plain));
				number_append(s->label, sizeof(s->label), number);
			}
		}
	}
}
