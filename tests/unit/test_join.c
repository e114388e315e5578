/* SPDX-License-Identifier: BSD-2-Clause */
/* Two hosts' halves of a run, made by hand, and what they are together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file/packets.h"
#include "study/study.h"
#include "unit/json_at.h"
#include "unit/sample_set.h"
#include "unit/scratch.h"
#include "unit/text_look.h"

#define START UINT64_C(1700000000000000000)

/* One end. */
struct half {
	const char *dir;
	bool sender;
	const char *clock; /* JSON, with ' */
	const char *runs;
	unsigned dropped;
	uint64_t rows;
	struct ws_packet_row row[64];
	const char *wire; /* clock of the column, as JSON; NULL: there is none */
};

static struct ws_packet_row *add(struct half *h, uint32_t run, uint64_t seq)
{
	struct ws_packet_row *row = &h->row[h->rows++];
	int i;

	*row = (struct ws_packet_row){.run = run, .seq = seq};
	for (i = 0; i < WS_INSTANTS; i++) {
		row->at[i] = WS_PACKETS_UNKNOWN;
	}
	return row;
}

static void add_sent(struct half *h, uint32_t run, uint64_t seq)
{
	struct ws_packet_row *row = add(h, run, seq);

	row->at[WS_INSTANT_INTENDED] = 5000 + (int64_t)seq * 1000000;
	row->at[WS_INSTANT_APP_TX] = row->at[WS_INSTANT_INTENDED] + 70;
	row->at[WS_INSTANT_SCHED] = (int64_t)START + (int64_t)seq * 1000000;
	row->at[WS_INSTANT_DRIVER_TX] = row->at[WS_INSTANT_SCHED] + 300;
}

static struct ws_packet_row *add_received(
	struct half *h, uint32_t run, uint64_t seq, int64_t latency)
{
	struct ws_packet_row *row = add(h, run, seq);

	row->at[WS_INSTANT_KERNEL_RX] = (int64_t)START + (int64_t)seq * 1000000 + 300 + latency;
	row->at[WS_INSTANT_APP_RX] = 77;
	return row;
}

static void make(const struct half *h)
{
	struct ws_packets_config config = {.memory = 1 << 21};
	struct ws_packets_counts counts;
	struct ws_packets_writer *w;
	char path[64], *quoted;
	char *text = NULL;
	size_t size = 0;
	uint64_t i;
	FILE *f;

	assert_int_equal(mkdir(h->dir, 0700), 0);
	config.dirfd = open(h->dir, O_RDONLY | O_DIRECTORY);
	assert_true(config.dirfd >= 0);
	assert_int_equal(ws_packets_writer_new(&w, &config), 0);
	for (i = 0; i < h->rows; i++) {
		assert_true(ws_packets_put(w, &h->row[i]));
	}
	ws_packets_writer_close(w, &counts);
	assert_int_equal(counts.rows, h->rows);
	close(config.dirfd);

	f = open_memstream(&text, &size);
	assert_non_null(f);
	fprintf(f,
		"{'format':'wirestamp-run/1','command':'%s','mode':'%s','host':{'hostname':'%s'},"
		"'warnings':[],'tx':{'name':'eth0'},'rx':{'name':'eth1'},'clock':{%s},"
		"'packets':{'file':'packets.npy','rows':%" PRIu64 ",'dropped':%u,'columns':{"
		"'intended':'monotonic','app_tx':'monotonic','sched':'realtime',"
		"'driver_tx':'realtime','wire_tx':%s,'wire_rx':%s,'kernel_rx':'realtime',"
		"'app_rx':'monotonic'}},'runs':[%s]}",
		h->sender ? "latency" : "reflect", h->sender ? "sender" : "receiver", h->dir,
		h->clock, h->rows, h->dropped, h->sender && h->wire ? h->wire : "null",
		!h->sender && h->wire ? h->wire : "null", h->runs);
	fclose(f);
	quoted = sample_quotes(text);
	snprintf(path, sizeof(path), "%s/run.json", h->dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(quoted, f);
	assert_int_equal(fclose(f), 0);
	free(quoted);
	free(text);
}

static void remove_half(const char *dir)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/run.json", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/packets.npy", dir);
	unlink(path);
	rmdir(dir);
}

static int leave(void **state)
{
	remove_half("tx");
	remove_half("rx");
	return scratch_leave(state);
}

#define ONE_HOST	  "'boot_id':'00c0ffee','synchronised':false,'max_error_ns':null"
#define SYNCED(id, error) "'boot_id':'" id "','synchronised':true,'max_error_ns':" error

static struct ws_rundoc *join(const struct half *tx, const struct half *rx)
{
	struct ws_rundoc *d = NULL;
	char why[400] = "";

	make(tx);
	make(rx);
	if (ws_rundoc_join(&d, "tx", "rx", why, sizeof(why)) != 0) {
		fail_msg("%s", why);
	}
	return d;
}

static struct half half_of(bool sender, const char *clock, const char *runs)
{
	return (struct half){
		.dir = sender ? "tx" : "rx", .sender = sender, .clock = clock, .runs = runs};
}

/*
 * Ten packets: 3 and 4 are lost, 6 comes after 8, 9 comes twice, 5 has no stamp at the receiver.
 */
static void test_outcomes(void **state)
{
	struct half tx = half_of(true, ONE_HOST,
		"{'run_id':7,'stream':1,'rate':'1kpps','requested_pps':1000.0,'sent':10,"
		"'elapsed_ns':10000000,'complete':true}");
	struct half rx = half_of(false, ONE_HOST,
		"{'run_id':7,'stream':1,'received':9,'duplicated':1,'malformed':0}");
	const struct ws_series *s;
	struct ws_rundoc *d;
	json_t *run;
	uint64_t seq;
	int64_t ns;

	(void)state;
	for (seq = 0; seq < 10; seq++) {
		add_sent(&tx, 0, seq);
		if (seq != 3 && seq != 4) {
			struct ws_packet_row *row =
				add_received(&rx, 0, seq, seq == 6 ? 2500000 : 1000);

			row->flags = seq == 9 ? WS_PACKET_DUPLICATED : 0;
			if (seq == 5) {
				row->at[WS_INSTANT_KERNEL_RX] = WS_PACKETS_UNKNOWN;
			}
		}
	}
	d = join(&tx, &rx);
	assert_string_equal(d->note, "");
	assert_int_equal(d->kind, WS_RUNDOC_LATENCY);
	assert_int_equal(d->count, 1);
	s = d->series;
	assert_int_equal(s->sent, 10);
	assert_int_equal(s->lost, 2);
	assert_int_equal(s->matched, 7);
	assert_int_equal(s->unstamped, 1);
	assert_int_equal(s->duplicated, 1);
	assert_int_equal(s->reordered, 1);
	assert_int_equal(s->received, 9);
	assert_true(s->balanced);
	assert_int_equal(s->error_bound_ns, 1);
	assert_int_equal(s->latency->count, 7);
	assert_true(ws_hist_quantile(s->latency, 0.5, &ns));
	assert_int_equal(ns, 1000);
	assert_int_equal(s->latency->max, 2500000);
	assert_int_equal(s->loss_count, 1);
	assert_int_equal(s->losses[0].seq, 3);
	assert_int_equal(s->losses[0].count, 2);
	assert_int_equal(s->losses[0].at_ns, 3000000);
	assert_non_null(s->timeline);
	assert_int_equal(s->timeline->columns[3].happened[WS_HAPPENED_LOST], 1);
	assert_int_equal(s->timeline->columns[6].happened[WS_HAPPENED_REORDERED], 1);
	run = json_array_get(json_object_get(d->json, "runs"), 0);
	assert_int_at(run, "reordering.extent_max", 2);
	assert_int_at(run, "latency_ns.max", 2500000);
	assert_text_at(run, "stamps.tx", "software");
	assert_text_at(run, "stamps.rx_clock", "realtime");
	assert_int_at(run, "stages_ns.intended_to_app_tx.max", 70);
	assert_int_at(run, "stages_ns.sched_to_driver_tx.min", 300);
	assert_text_at(d->json, "mode", "joined");
	assert_text_at(d->json, "receiver.host.hostname", "rx");
	assert_int_equal(json_array_size(json_object_get(d->json, "warnings")), 0);
	assert_string_equal(d->name, "tx+rx");
	ws_rundoc_free(d);
}

/* The order of the two names does not matter; the runs are found by their ids. */
static void test_runs_by_id(void **state)
{
	struct half tx = half_of(true, ONE_HOST,
		"{'run_id':7,'stream':0,'rate':'1kpps','sent':2},"
		"{'run_id':7,'stream':1,'rate':'2kpps','sent':3},"
		"{'run_id':8,'stream':0,'rate':'3kpps','sent':1}");
	struct half rx = half_of(false, ONE_HOST,
		"{'run_id':7,'stream':1,'received':3},{'run_id':7,'stream':0,'received':1}");
	struct ws_rundoc *d;
	char why[400];

	(void)state;
	add_sent(&tx, 0, 0);
	add_sent(&tx, 0, 1);
	add_sent(&tx, 1, 0);
	add_sent(&tx, 1, 1);
	add_sent(&tx, 1, 2);
	add_sent(&tx, 2, 0);
	add_received(&rx, 0, 0, 500);
	add_received(&rx, 0, 1, 500);
	add_received(&rx, 0, 2, 500);
	add_received(&rx, 1, 1, 800);
	make(&tx);
	make(&rx);
	assert_int_equal(ws_rundoc_join(&d, "rx", "tx", why, sizeof(why)), 0);
	assert_int_equal(d->count, 3);
	assert_int_equal(d->series[0].matched, 1);
	assert_int_equal(d->series[0].lost, 1);
	assert_int_equal(d->series[0].latency->max, 800);
	assert_int_equal(d->series[1].matched, 3);
	assert_int_equal(d->series[2].lost, 1);
	assert_has(json_string_value(json_at(d->json, "warnings.0")),
		"3kpps: the receiver has nothing of this run");
	ws_rundoc_free(d);
}

#define RUN_TX "{'run_id':7,'stream':0,'rate':'1kpps','sent':1}"
#define RUN_RX "{'run_id':7,'stream':0,'received':1}"

static void test_clocks(void **state)
{
	static const struct {
		const char *tx, *rx;
		int64_t bound;
	} all[] = {
		{ONE_HOST, ONE_HOST, 1},
		{SYNCED("1", "2000"), SYNCED("2", "3000"), 5001},
		{SYNCED("1", "2000"), SYNCED("1", "3000"), 1},
		{SYNCED("1", "2000"), ONE_HOST, -1},
		{SYNCED("1", "null"), SYNCED("2", "1"), -1},
		{SYNCED("1", "-5"), SYNCED("2", "1"), -1},
		{"'boot_id':null", "'boot_id':null", -1},
		{"", "", -1},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct half tx = half_of(true, all[i].tx, RUN_TX);
		struct half rx = half_of(false, all[i].rx, RUN_RX);
		struct ws_rundoc *d;

		add_sent(&tx, 0, 0);
		add_received(&rx, 0, 0, -400);
		d = join(&tx, &rx);
		assert_int_equal(d->series[0].error_bound_ns, all[i].bound);
		assert_int_equal(d->series[0].latency->negative, 1);
		assert_int_equal(d->series[0].latency->min, -400);
		assert_int_equal(json_array_size(json_object_get(d->json, "warnings")),
			all[i].bound < 0 ? 1 : 0);
		if (all[i].bound < 0) {
			assert_has(json_string_value(json_at(d->json, "warnings.0")),
				"one-way values are only relative to each other");
		}
		ws_rundoc_free(d);
		remove_half("tx");
		remove_half("rx");
	}
}

/* Two cards' clocks have nothing to do with each other, also on one host: nothing is made of their difference. */
static void test_two_cards(void **state)
{
	struct half tx = half_of(true, ONE_HOST, RUN_TX);
	struct half rx = half_of(false, ONE_HOST, RUN_RX);
	struct ws_rundoc *d;

	(void)state;
	tx.wire = "'phc0'";
	rx.wire = "'phc1'";
	add_sent(&tx, 0, 0);
	tx.row[0].at[WS_INSTANT_WIRE_TX] = 1000;
	add_received(&rx, 0, 0, 400)->at[WS_INSTANT_WIRE_RX] = 1500;
	d = join(&tx, &rx);
	assert_int_equal(d->series[0].latency->min, 400);
	assert_has(json_string_value(json_at(d->json, "warnings.0")),
		"two clocks that were not compared with each other");
	ws_rundoc_free(d);
}

/* The sender had no memory for two rows: one of these packets came, one did not; and a stranger came. */
static void test_rows_that_are_missing(void **state)
{
	struct half tx = half_of(true, ONE_HOST, "{'run_id':7,'stream':0,'rate':'1kpps','sent':4}");
	struct half rx = half_of(false, ONE_HOST, "{'run_id':7,'stream':0,'received':4}");
	struct ws_rundoc *d;

	(void)state;
	tx.dropped = 2;
	add_sent(&tx, 0, 0);
	add_sent(&tx, 0, 3);
	add_received(&rx, 0, 0, 100);
	add_received(&rx, 0, 1, 100);
	add_received(&rx, 0, 3, 100);
	d = join(&tx, &rx);
	assert_int_equal(d->series[0].sent, 4);
	assert_int_equal(d->series[0].matched, 2);
	assert_int_equal(d->series[0].unstamped, 1);
	assert_int_equal(d->series[0].lost, 1);
	/* One more was received than there are rows. */
	assert_false(d->series[0].balanced);
	ws_rundoc_free(d);
}

/* The receiver's disk was full: two of three packets that it has no row of came, by its own count. */
static void test_rows_that_the_receiver_lacks(void **state)
{
	struct half tx = half_of(true, ONE_HOST, "{'run_id':7,'stream':0,'rate':'1kpps','sent':5}");
	struct half rx =
		half_of(false, ONE_HOST, "{'run_id':7,'stream':0,'received':4,'duplicated':0}");
	struct ws_rundoc *d;
	const char *text;

	(void)state;
	rx.dropped = 2;
	for (uint64_t seq = 0; seq < 5; seq++) {
		add_sent(&tx, 0, seq);
	}
	add_received(&rx, 0, 0, 100);
	add_received(&rx, 0, 4, 100);
	d = join(&tx, &rx);
	assert_int_equal(d->series[0].received, 4);
	assert_int_equal(d->series[0].matched, 2);
	assert_int_equal(d->series[0].unstamped, 2);
	assert_int_equal(d->series[0].lost, 1);
	assert_int_equal(d->series[0].loss_count, 0);
	assert_true(d->series[0].balanced);
	text = json_string_value(json_array_get(json_object_get(d->json, "warnings"), 1));
	assert_has(text, "2 packets came, and are not in the receiver's list");
	ws_rundoc_free(d);
}

static void test_refused(void **state)
{
	struct half tx = half_of(true, ONE_HOST, RUN_TX);
	struct half rx = half_of(false, ONE_HOST, "{'run_id':9,'stream':0,'received':1}");
	struct ws_rundoc *d = NULL;
	char why[400];

	(void)state;
	add_sent(&tx, 0, 0);
	make(&tx);
	assert_int_equal(ws_rundoc_join(&d, "tx", "rx", why, sizeof(why)), -ENOENT);
	make(&rx);
	assert_int_equal(ws_rundoc_join(&d, "tx", "rx", why, sizeof(why)), -EINVAL);
	assert_has(why,
		"tx and rx are not two ends of one run: the sender's run id is 00000007, the "
		"receiver's 00000009");
	assert_int_equal(ws_rundoc_join(&d, "tx", "tx", why, sizeof(why)), -EINVAL);
	assert_has(why, "tx: a sender's run, and a receiver's is wanted");
	assert_int_equal(ws_rundoc_join(&d, "rx", "rx", why, sizeof(why)), -EINVAL);
	assert_int_equal(unlink("rx/packets.npy"), 0);
	assert_int_equal(ws_rundoc_join(&d, "tx", "rx", why, sizeof(why)), -ENOENT);
	assert_has(why, "rx: packets.npy: ");
	assert_has(why, "must be run with --packets");
	assert_null(d);
}

static void test_list_that_ends_early(void **state)
{
	struct half tx = half_of(true, ONE_HOST, RUN_TX);
	struct ws_rundoc *d;
	struct stat st;
	char why[400];

	(void)state;
	add_sent(&tx, 0, 0);
	add_sent(&tx, 0, 1);
	add_sent(&tx, 0, 2);
	make(&tx);
	assert_int_equal(ws_rundoc_read(&d, "tx", why, sizeof(why)), 0);
	ws_study_packets(d);
	assert_string_equal(d->note, "");
	ws_rundoc_free(d);

	assert_int_equal(stat("tx/packets.npy", &st), 0);
	assert_int_equal(truncate("tx/packets.npy", st.st_size - 90), 0);
	assert_int_equal(ws_rundoc_read(&d, "tx/run.json", why, sizeof(why)), 0);
	ws_study_packets(d);
	assert_has(d->note, "packets.npy ends early: 1 of 3 packets are in it");
	ws_rundoc_free(d);

	assert_int_equal(truncate("tx/packets.npy", 3), 0);
	assert_int_equal(ws_rundoc_read(&d, "tx", why, sizeof(why)), 0);
	ws_study_packets(d);
	assert_has(d->note, "packets.npy: ");
	ws_rundoc_free(d);

	assert_int_equal(unlink("tx/packets.npy"), 0);
	assert_int_equal(ws_rundoc_read(&d, "tx", why, sizeof(why)), 0);
	ws_study_packets(d);
	assert_has(d->note, "packets.npy: No such file");
	ws_rundoc_free(d);
}

/* Nothing was received at all, and the receiver so has no run. */
static void test_nothing_received(void **state)
{
	struct half tx = half_of(true, ONE_HOST, RUN_TX);
	struct half rx = half_of(false, ONE_HOST, "");
	struct ws_rundoc *d;
	char *text;

	(void)state;
	add_sent(&tx, 0, 0);
	d = join(&tx, &rx);
	assert_int_equal(d->series[0].lost, 1);
	assert_int_equal(d->series[0].latency->count, 0);
	text = squeeze(sample_print(sample_set_new(&d, 1, false), 80));
	assert_has(text, "no packet was received");
	assert_has(text, "the receiver has nothing of this run");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_outcomes, scratch_enter, leave),
		cmocka_unit_test_setup_teardown(test_runs_by_id, scratch_enter, leave),
		cmocka_unit_test_setup_teardown(test_clocks, scratch_enter, leave),
		cmocka_unit_test_setup_teardown(test_two_cards, scratch_enter, leave),
		cmocka_unit_test_setup_teardown(test_rows_that_are_missing, scratch_enter, leave),
		cmocka_unit_test_setup_teardown(
			test_rows_that_the_receiver_lacks, scratch_enter, leave),
		cmocka_unit_test_setup_teardown(test_refused, scratch_enter, leave),
		cmocka_unit_test_setup_teardown(test_list_that_ends_early, scratch_enter, leave),
		cmocka_unit_test_setup_teardown(test_nothing_received, scratch_enter, leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
