/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report/docget.h"
#include "study/study_own.h"

int ws_study_dir(const char *path)
{
	char *copy, *slash;
	int fd;

	if (strcmp(path, "-") == 0) {
		return -ENOENT;
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 || errno != ENOTDIR) {
		return fd >= 0 ? fd : -errno;
	}
	copy = strdup(path);
	if (!copy) {
		return -ENOMEM;
	}
	slash = strrchr(copy, '/');
	if (slash) {
		slash[slash == copy] = '\0';
	}
	fd = open(slash ? copy : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		fd = -errno;
	}
	free(copy);
	return fd;
}

void ws_end_get(const struct ws_end *e, uint64_t i, struct ws_packet_row *ret)
{
	ws_packets_get(&e->packets, e->order ? e->order[i] : i, ret);
}

void ws_end_forget(const struct ws_end *e, uint64_t before)
{
	if (!e->order) {
		ws_packets_forget(&e->packets, before);
	}
}

struct key {
	uint32_t run;
	uint64_t seq;
};

static struct key key_of(const struct ws_packets_reader *r, uint64_t i)
{
	struct ws_packet_row row;

	ws_packets_get(r, i, &row);
	return (struct key){row.run, row.seq};
}

static int key_compare(struct key a, struct key b)
{
	if (a.run != b.run) {
		return a.run < b.run ? -1 : 1;
	}
	return a.seq < b.seq ? -1 : a.seq > b.seq;
}

static int row_compare(const void *a, const void *b, void *arg)
{
	uint64_t i = *(const uint64_t *)a, k = *(const uint64_t *)b;
	int order = key_compare(key_of(arg, i), key_of(arg, k));

	return order ? order : i < k ? -1 : i > k;
}

int ws_end_open(struct ws_end *e, char *why, size_t why_size)
{
	const struct ws_packets_reader *p = &e->packets;
	char fault[160] = "";
	struct key last = {0};
	uint64_t i;
	int dir, r;

	dir = ws_study_dir(e->doc->path);
	if (dir < 0) {
		snprintf(why, why_size, "%.150s: %s", e->doc->path, strerror(-dir));
		return dir;
	}
	r = ws_packets_open(&e->packets, dir, WS_STUDY_PACKETS, fault, sizeof(fault));
	close(dir);
	if (r < 0) {
		snprintf(why, why_size,
			"%.150s: %s: %s (both ends must be run with --packets and --out)",
			e->doc->path, WS_STUDY_PACKETS, fault[0] ? fault : strerror(-r));
		return r;
	}
	e->open = true;
	for (i = 0; i < p->rows; i++) {
		struct key key = key_of(p, i);

		if (i % WS_STUDY_FORGET == 0) {
			ws_packets_forget(p, i);
		}
		if (i > 0 && key_compare(last, key) > 0) {
			break;
		}
		last = key;
	}
	if (i < p->rows) {
		e->order = malloc(p->rows * sizeof(*e->order));
		if (!e->order) {
			snprintf(why, why_size, "%s", strerror(ENOMEM));
			return -ENOMEM;
		}
		for (i = 0; i < p->rows; i++) {
			e->order[i] = i;
		}
		qsort_r(e->order, p->rows, sizeof(*e->order), row_compare, &e->packets);
	}
	return 0;
}

void ws_end_close(struct ws_end *e)
{
	if (e->open) {
		ws_packets_close(&e->packets);
	}
	free(e->order);
	ws_rundoc_free(e->doc);
	*e = (struct ws_end){0};
}

const char *ws_join_clock(const struct ws_end *end, enum ws_instant column)
{
	const json_t *packets = json_object_get(end->doc->json, "packets");

	return ws_get_text(json_object_get(packets, "columns"), ws_instant_name(column));
}

bool ws_join_same_host(const struct ws_end *sender, const struct ws_end *receiver)
{
	const char *a = ws_get_text(json_object_get(sender->doc->json, "clock"), "boot_id");
	const char *b = ws_get_text(json_object_get(receiver->doc->json, "clock"), "boot_id");

	return a && b && strcmp(a, b) == 0;
}
