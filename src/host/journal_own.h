/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by the parts of the journal: host/journal.c, journal_read.c, journal_repair.c. */
#pragma once

#include <linux/if.h>

#include "host/journal.h"

#define WS_JOURNAL_MAGIC   "wirestamp-hwtstamp-1"
#define WS_JOURNAL_SUFFIX  ".journal"
#define WS_JOURNAL_ENTRIES 128 /* entries of all programs; more are not looked at */
#define WS_JOURNAL_BOOT	   40
#define WS_JOURNAL_NAME	   64

struct ws_journal_place {
	uint64_t netns, cookie; /* cookie 0: this kernel has none */
};

struct ws_journal_entry {
	char file[WS_JOURNAL_NAME];
	bool own, alive;
	bool damaged; /* error is why; nothing below is known */
	int error;
	bool other_boot;
	struct ws_journal_place place;
	char name[IFNAMSIZ];
	uint64_t order;
	struct ws_restore_note note;
};

struct ws_journal {
	int dir, fd;
	char file[WS_JOURNAL_NAME]; /* empty: nothing was noted */
	char boot[WS_JOURNAL_BOOT];
	struct ws_journal_place here;
	unsigned noted; /* interfaces */
	int ifindex[WS_RESTORE_MAX];
	/* By the last look. Here, since a child must not allocate. */
	struct ws_journal_entry entries[WS_JOURNAL_ENTRIES];
	unsigned n;
};

/* What is not static of the parts. All return 0 or -errno, if nothing else is said. */
int ws_journal_open_at(struct ws_journal **ret, int socket, bool make);
int ws_journal_find_place(int netns_fd, int socket, struct ws_journal_place *ret);
bool ws_journal_same_place(const struct ws_journal_place *a, const struct ws_journal_place *b);
/* Reads all files into j->entries. */
int ws_journal_look(struct ws_journal *j);
/* As ws_journal_target, by what the last look has found. */
struct ws_restore_hwtstamp ws_journal_target_at(const struct ws_journal *j,
	const struct ws_journal_place *place, const struct ws_restore_note *note);
