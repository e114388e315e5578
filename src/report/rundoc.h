/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs that were kept: run.json of any command's result, MoonGen's histogram.csv (latency,count), HdrHistogram's
 * percentile text (.hgrm), read back into what a report needs. Format: docs/run-format.md.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/hist.h"
#include "core/order.h"
#include "core/timeline.h"
#include "core/waterfall.h"

enum ws_rundoc_kind {
	WS_RUNDOC_LATENCY, /* of one host, or joined */
	WS_RUNDOC_TWO_WAY,
	WS_RUNDOC_SENDER,   /* of latency --one-way: no latencies until it is joined */
	WS_RUNDOC_RECEIVER, /* of reflect --receive-only: the same */
	WS_RUNDOC_REFLECTOR,
	WS_RUNDOC_LOAD,
	WS_RUNDOC_CAPTURE,
	WS_RUNDOC_IMPORT, /* histogram.csv, .hgrm */
};

/* The name as JSON has it: "latency", "two-way", "sender", "receiver", "reflector", "load", "capture", "import". */
const char *ws_rundoc_kind_name(enum ws_rundoc_kind kind);

/* A document can hold no more than this many rates, and no more text than this. */
#define WS_RUNDOC_SERIES 512
#define WS_RUNDOC_BYTES	 (UINT64_C(256) << 20)

/* One rate of one document; of a capture, one interface. What is not known: NaN, UINT64_MAX, NULL, -1. */
struct ws_series {
	const struct ws_rundoc *doc;
	const json_t *json; /* the run's object, borrowed; NULL of imports */
	char label[96];	    /* short, unique in the report: "10kpps", "before 10kpps" */
	char rate[64];	    /* as asked for */
	double requested_pps, accepted_pps;
	uint64_t planned, sent, received, matched, lost, duplicated, reordered, late_arrivals,
		unstamped;
	bool balanced, complete;
	int64_t elapsed_ns;
	int64_t error_bound_ns;	 /* of each latency; -1: unknown */
	int64_t resolution_ns;	 /* of the stamps; 0: unknown */
	struct ws_hist *latency; /* one way; of a two-way run the exact round trip; NULL: none */
	struct ws_hist *forward, *backward; /* of a two-way run; NULL: none */
	int64_t forward_bound_ns;	    /* of each of these; -1: unknown */
	struct ws_hist *gaps;		    /* NULL: none */
	int64_t intended_gap_ns;	    /* -1: none */
	struct ws_timeline *timeline;	    /* NULL: none */
	unsigned loss_count;
	struct ws_loss *losses;
};

struct ws_rundoc {
	char *path;    /* as it was given */
	char name[64]; /* short: the directory's or file's own name, without run.json */
	enum ws_rundoc_kind kind;
	json_t *json; /* NULL of imports */
	unsigned count;
	struct ws_series *series;
	char note
		[320]; /* something a reader should know (packets.npy ends early, ...); empty: nothing */
};

/* Adds a sentence to the note, printf-like; one that is there already, or has no room, is not added. */
void ws_rundoc_note(struct ws_rundoc *d, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * path: a directory with run.json, a file, or "-" for standard input. 0, or -errno with a sentence in why that begins
 * with the path and says what to do: nothing there, no JSON, JSON that ends early, another format or a newer one, a
 * document that lacks what it must have. What is missing or odd, but not needed, is told in the note.
 */
int ws_rundoc_read(struct ws_rundoc **ret, const char *path, char *why, size_t why_size);
/* The same where a value of a .hgrm file, which does not say what it counts in, is so many ns; 0: not known, and
 * taken for 1, with a note. */
int ws_rundoc_read_unit(
	struct ws_rundoc **ret, const char *path, double unit_ns, char *why, size_t why_size);
/* The same of a text that is in memory: path is only what it is called. */
int ws_rundoc_parse(struct ws_rundoc **ret, const char *path, const char *text, size_t len,
	char *why, size_t why_size);
/* The same of a document that was made here. The reference is taken, whatever happens. */
int ws_rundoc_of_json(
	struct ws_rundoc **ret, const char *path, json_t *json, char *why, size_t why_size);
void ws_rundoc_free(struct ws_rundoc *d); /* accepts NULL */
/* Makes the names of these documents unique, and the labels of all their series short and unique: the rate, and
 * before it the name where there are several documents. */
void ws_rundoc_label(struct ws_rundoc *const *docs, unsigned count);
