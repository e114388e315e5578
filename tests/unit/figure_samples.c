/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/figure_samples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SERIES 40

struct sample {
	struct ws_report_set set;
	struct ws_rundoc *docs[3];
	const struct ws_series *series[3 * SERIES];
	uint32_t state;
};

const char *const figure_sample_names[] = {
	"one", "two", "five", "twelve", "forty", "odd", "compare", "empty", "tiny", NULL};

static double random_next(struct sample *s)
{
	s->state = s->state * 1664525u + 1013904223u;
	return ((s->state >> 8) + 0.5) / 16777216.0;
}

/* Roughly normal, by integers and one addition each, so that it is the same everywhere. */
static double normal(struct sample *s)
{
	double sum = -6;
	unsigned i;

	for (i = 0; i < 12; i++) {
		sum += random_next(s);
	}
	return sum;
}

static void *need(void *p)
{
	if (!p) {
		abort();
	}
	return p;
}

static struct ws_hist *hist_new(void)
{
	struct ws_hist *h = need(calloc(1, sizeof(*h)));

	ws_hist_init(h);
	return h;
}

enum shape { USUAL, BIMODAL, CONSTANT, EMPTY };

static int64_t latency_of(struct sample *s, enum shape shape, double median)
{
	double ns = median * (1 + 0.06 * normal(s)), u = random_next(s);

	if (shape == CONSTANT) {
		return (int64_t)median + (u < 0.01);
	}
	if (shape == BIMODAL && u < 0.4) {
		ns *= 3.5;
	}
	/* A tail that is the longer the rarer. */
	u = random_next(s);
	if (u < 0.02) {
		ns *= 1 + 0.02 / (u + 1e-5) * random_next(s);
	}
	return (int64_t)(ns < 1 ? 1 : ns);
}

static void add_time(struct ws_timeline *t, double at, int64_t ns, bool lost)
{
	unsigned i = (unsigned)(at * t->used);
	struct ws_timeline_column *c = &t->columns[i];

	c->happened[WS_HAPPENED_SENT]++;
	if (lost) {
		c->happened[WS_HAPPENED_LOST]++;
		return;
	}
	c->min = c->count == 0 || ns < c->min ? ns : c->min;
	c->max = c->count == 0 || ns > c->max ? ns : c->max;
	c->count++;
	c->cells[ws_timeline_row(ns)]++;
}

static json_t *stage_list(const double *ns)
{
	json_t *list = json_array();
	unsigned i;

	for (i = 0; i < 5; i++) {
		json_array_append_new(list, json_real(ns[i]));
	}
	return list;
}

static json_t *waterfall(double median)
{
	const double typical[] = {
		median * 0.08, median * 0.15, median * 0.22, median * 0.2, median * 0.35};
	const double tail[] = {median * 0.5, median * 0.2, median * 1.1, median * 0.3, median * 9};

	return json_pack("{s:i,s:i,s:[sssss],s:{s:i,s:o},s:{s:i,s:o},s:s,s:f,s:s}", "packets",
		100000, "unfit", 3, "stages", "intended_to_app_tx", "app_tx_to_sched",
		"sched_to_driver_tx", "driver_tx_to_kernel_rx", "kernel_rx_to_app_rx", "typical",
		"packets", 400, "stage_ns", stage_list(typical), "tail", "packets", 1000,
		"stage_ns", stage_list(tail), "cause", "kernel_rx_to_app_rx", "cause_share", 0.83,
		"sentence",
		"The slowest 1% spent 83% of what they took longer from the kernel to the program.");
}

static void fill(
	struct sample *s, struct ws_series *one, enum shape shape, double median, unsigned n)
{
	unsigned i;

	one->sent = one->planned = n;
	one->elapsed_ns = (int64_t)(n / one->requested_pps * 1e9);
	one->intended_gap_ns = (int64_t)(1e9 / one->requested_pps);
	one->latency = hist_new();
	if (shape == EMPTY) {
		one->lost = n;
		return;
	}
	one->gaps = hist_new();
	one->timeline = need(calloc(1, sizeof(*one->timeline)));
	one->timeline->used = 300;
	one->timeline->width_ns = one->elapsed_ns / 300 + 1;
	for (i = 0; i < n; i++) {
		double at = (i + 0.5) / n;
		int64_t ns = latency_of(s, shape, median * (at > 0.6 && at < 0.65 ? 4 : 1));
		bool lost = shape == USUAL && at > 0.61 && at < 0.612;

		add_time(one->timeline, at, ns, lost);
		one->lost += lost;
		if (!lost) {
			ws_hist_record(one->latency, ns);
		}
		ws_hist_record(one->gaps, (int64_t)(one->intended_gap_ns * (1 + 0.02 * normal(s)) +
						    250 * normal(s) * normal(s)));
	}
	one->received = one->matched = n - one->lost;
	if (one->lost > 0) {
		one->losses = need(calloc(1, sizeof(*one->losses)));
		one->loss_count = 1;
		one->losses[0] = (struct ws_loss){(uint64_t)(0.61 * n), one->lost,
			(int64_t)(0.61 * one->elapsed_ns), (int64_t)(0.612 * one->elapsed_ns)};
	}
}

static struct ws_rundoc *doc_new(const char *name, unsigned count)
{
	struct ws_rundoc *d = need(calloc(1, sizeof(*d)));

	d->path = need(strdup(name));
	snprintf(d->name, sizeof(d->name), "%s", name);
	d->count = count;
	d->series = need(calloc(count + 1, sizeof(*d->series)));
	d->json = need(json_pack(
		"{s:s,s:s,s:s,s:[ssss],s:s,s:{s:s,s:s,s:s,s:s,s:i,s:s,s:s},s:[],s:{s:s,s:s,s:i,s:I,s:s},"
		"s:{s:s,s:s,s:i,s:n,s:s},s:s,s:s,s:[]}",
		"format", "wirestamp-run/1", "version", "1.2.3", "command", "latency", "argv",
		"wirestamp", "latency", "--rate", "1kpps,it's", "started",
		"2026-01-02T03:04:05.000000006Z", "host", "hostname", "bench1", "kernel", "6.1.0",
		"arch", "x86_64", "cpu", "Example CPU <i9> & friends @ 3.00GHz", "cpus", 4,
		"governor", "performance", "clocksource", "tsc", "warnings", "tx", "name", "ws0",
		"driver", "igb", "mtu", 1500, "link_bps", (json_int_t)1000000000, "qdisc", "mq",
		"rx", "name", "ws1", "driver", "igb", "mtu", 1500, "link_bps", "qdisc", "mq", "io",
		"tpacket3", "io_tx", "socket", "runs"));
	return d;
}

static void add(struct sample *s, unsigned doc, unsigned i, double pps, enum shape shape,
	double median, unsigned n, const char *label)
{
	struct ws_rundoc *d = s->docs[doc];
	struct ws_series *one = &d->series[i];
	json_t *run;

	one->doc = d;
	ws_format_pps(one->rate, sizeof(one->rate), pps);
	snprintf(one->label, sizeof(one->label), "%s", label ? label : one->rate);
	one->requested_pps = pps;
	one->accepted_pps = pps * 0.9996;
	one->duplicated = one->reordered = one->late_arrivals = one->unstamped = 0;
	one->balanced = one->complete = true;
	one->error_bound_ns = 8;
	fill(s, one, shape, median, n);
	run = need(json_pack("{s:s,s:o,s:{s:s,s:s,s:s,s:s}}", "rate", one->rate, "waterfall",
		shape == EMPTY ? json_null() : waterfall(median), "stamps", "tx", "hardware", "rx",
		"software", "tx_clock", "phc0", "rx_clock", "realtime"));
	json_array_append_new(json_object_get(d->json, "runs"), run);
	one->json = run;
	s->series[s->set.count++] = one;
}

static void add_doc(struct sample *s, const char *name, unsigned count)
{
	s->docs[s->set.doc_count++] = doc_new(name, count);
}

/* Rates from 1 to 300 kpps, latencies that grow with them. */
static void rates(struct sample *s, unsigned doc, unsigned count, double factor, const char *before)
{
	unsigned i;

	for (i = 0; i < count; i++) {
		double pps = 1000 * exp2(log2(300) * i / (count > 1 ? count - 1 : 1));
		char label[96], rate[32];

		pps = floor(pps / 100 + 0.5) * 100;
		snprintf(label, sizeof(label), "%s %s", before ? before : "",
			ws_format_pps(rate, sizeof(rate), pps));
		add(s, doc, i, pps, USUAL, factor * 12000 * (1 + 3.0 * i / count), 20000 + 2000 * i,
			before ? label : NULL);
	}
}

static void odd(struct sample *s)
{
	json_t *warnings;

	add_doc(s, "odd <script>alert('1')</script>", 6);
	add(s, 0, 0, 1000, BIMODAL, 30000, 20000, "bimodal");
	add(s, 0, 1, 10000, CONSTANT, 20000, 20000, "constant");
	add(s, 0, 2, 30000, EMPTY, 0, 20000, "nothing");
	add(s, 0, 3, 50000, USUAL, 900, 20000,
		"\"; system \"touch /tmp/x\" `date` $S0 @x \\ 'quoted'\n_^{a} %d 100%");
	add(s, 0, 4, 70000, USUAL, 5e6, 20000,
		"a name that goes on and on, \xc3\xa4\xc3\xb6\xc3\xbc \xe6\xb8\xac\xe5\xae\x9a & <b>bold</b> until 70kpps");
	add(s, 0, 5, 90000, USUAL, 2e6, 20000, "bad \xff\xc3 bytes");
	s->docs[0]->series[5].error_bound_ns = -1;
	s->docs[0]->series[4].balanced = false;
	snprintf(s->docs[0]->note, sizeof(s->docs[0]->note), "packets.npy ends early");
	warnings = json_object_get(s->docs[0]->json, "warnings");
	json_array_append_new(warnings, json_string("the governor is \"powersave\" <&>"));
}

struct ws_report_set *figure_sample_new(const char *name)
{
	struct sample *s = need(calloc(1, sizeof(*s)));

	s->state = 12345;
	s->set.docs = s->docs;
	s->set.series = s->series;
	if (strcmp(name, "one") == 0) {
		add_doc(s, "run", 1);
		rates(s, 0, 1, 1, NULL);
	} else if (strcmp(name, "two") == 0) {
		add_doc(s, "run", 2);
		rates(s, 0, 2, 1, NULL);
	} else if (strcmp(name, "five") == 0) {
		add_doc(s, "run", 5);
		rates(s, 0, 5, 1, NULL);
	} else if (strcmp(name, "twelve") == 0) {
		add_doc(s, "run", 12);
		rates(s, 0, 12, 1, NULL);
	} else if (strcmp(name, "forty") == 0) {
		add_doc(s, "run", 40);
		rates(s, 0, 40, 1, NULL);
	} else if (strcmp(name, "compare") == 0) {
		add_doc(s, "before", 3);
		add_doc(s, "after", 3);
		rates(s, 0, 3, 1, "before");
		rates(s, 1, 3, 0.8, "after");
		s->set.compare = true;
	} else if (strcmp(name, "odd") == 0) {
		odd(s);
	} else if (strcmp(name, "empty") == 0) {
		add_doc(s, "run", 1);
		add(s, 0, 0, 1000, EMPTY, 0, 1000, NULL);
	} else if (strcmp(name, "tiny") == 0) {
		add_doc(s, "run", 1);
		add(s, 0, 0, 1000, CONSTANT, 20000, 1, NULL);
	} else {
		free(s);
		return NULL;
	}
	return &s->set;
}

void figure_sample_free(struct ws_report_set *set)
{
	unsigned i, k;

	for (i = 0; set && i < set->doc_count; i++) {
		for (k = 0; k < set->docs[i]->count; k++) {
			struct ws_series *one = &set->docs[i]->series[k];

			free(one->latency);
			free(one->gaps);
			free(one->timeline);
			free(one->losses);
		}
		free(set->docs[i]->series);
		free(set->docs[i]->path);
		json_decref(set->docs[i]->json);
		free(set->docs[i]);
	}
	free(set);
}
