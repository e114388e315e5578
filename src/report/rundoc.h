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

/* One rate of one document. What is not known: NaN, UINT64_MAX, NULL, -1. */
struct ws_series {
	const struct ws_rundoc *doc;
	const json_t *json; /* the run's object, borrowed; NULL of imports */
	char label[96];	    /* short, unique in the report: "10kpps", "before 10kpps" */
	char rate[64];	    /* as asked for */
	double requested_pps, accepted_pps;
	uint64_t planned, sent, received, matched, lost, duplicated, reordered, late_arrivals, unstamped;
	bool balanced, complete;
	int64_t elapsed_ns;
	int64_t error_bound_ns; /* of each latency; -1: unknown */
	struct ws_hist *latency;  /* one way; of a two-way run the exact round trip; NULL: none */
	struct ws_hist *forward, *backward; /* of a two-way run; NULL: none */
	int64_t forward_bound_ns;
	struct ws_hist *gaps;	   /* NULL: none */
	int64_t intended_gap_ns;   /* -1: none */
	struct ws_timeline *timeline; /* NULL: none */
	unsigned loss_count;
	struct ws_loss *losses;
};

struct ws_rundoc {
	char *path;	/* as it was given */
	char name[64];	/* short: the directory's or file's own name, without run.json */
	enum ws_rundoc_kind kind;
	json_t *json;	/* NULL of imports */
	unsigned count;
	struct ws_series *series;
	char note[320];	/* something a reader should know (packets.npy ends early, ...); empty: nothing */
};

/*
 * path: a directory with run.json, or a file. 0, or -errno with a sentence in why that begins with the path and
 * says what to do: nothing there, no JSON, JSON that ends early, another format or a newer one, a document that
 * lacks what it must have.
 */
int ws_rundoc_read(struct ws_rundoc **ret, const char *path, char *why, size_t why_size);
void ws_rundoc_free(struct ws_rundoc *d);
/* Makes the labels of all series of these documents short and unique: the rate, and before it the name where there are
 * several documents. */
void ws_rundoc_label(struct ws_rundoc *const *docs, unsigned count);

/*
 * latency --one-way and reflect --receive-only, matched by run id and sequence: a document of kind LATENCY, with
 * the bound that the two hosts' clocks allow (the same clock: the stamps'; else the sum of what both
 * kernels said of their synchronisation; unknown where one is not synchronised). sender and receiver are
 * directories with run.json and packets.npy.
 */
int ws_rundoc_join(struct ws_rundoc **ret, const char *sender, const char *receiver, char *why, size_t why_size);
