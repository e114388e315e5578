/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is said of cards: of each in ts_cards.c by its claims, and of some after trials. Compared with a golden file, whose
 * path is the argument; with WS_GOLDEN=write in the environment it is written instead.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/tsverdict.h"
#include "core/words.h"
#include "unit/ts_cards.h"

static const char *golden; /* path */

struct text {
	char buf[65536];
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->buf + t->len, sizeof(t->buf) - t->len, format, args);
	va_end(args);
	assert_true(n >= 0 && (size_t)n < sizeof(t->buf) - t->len);
	t->len += (size_t)n;
}

static struct ws_ts_facts facts_of(const struct ts_card *card)
{
	return (struct ws_ts_facts){
		.caps = &card->caps,
		.driver = card->driver,
		.up = card->up,
		.running = card->running,
		.virtual_device = card->virtual_device,
		.unusable = strcmp(card->name, "lo") == 0 ? "a loopback interface reaches no other"
							  : NULL,
	};
}

static void add_verdict(struct text *t, const char *name, const struct ws_ts_facts *f)
{
	/* What wants to be noticed is marked. */
	static const char *const marks[] = {
		[WS_TS_PLAIN] = "", [WS_TS_ODD] = "! ", [WS_TS_BAD] = "!! "};
	static struct ws_ts_verdict v;

	ws_ts_verdict(f, &v);
	add(t, "== %s\n", name);
	assert_in_range(v.n, 1, WS_VERDICT_SENTENCES);
	for (unsigned i = 0; i < v.n; i++) {
		/* None was cut, and each has its head. */
		assert_true(strlen(v.text[i]) < WS_VERDICT_LEN - 1);
		assert_non_null(strstr(v.text[i], ": "));
		assert_in_range(v.grade[i], WS_TS_PLAIN, WS_TS_BAD);
		add(t, "%s%s\n", marks[v.grade[i]], v.text[i]);
	}
}

/* Each clause that refuses hardware stamps; what is claimed needs none. */
static void add_refusals(struct text *t, const struct ts_card *card)
{
	for (int transmit = 1; transmit >= 0; transmit--) {
		char last[256] = "";

		for (int carrier = 0; carrier < WS_CARRIER_COUNT; carrier++) {
			unsigned claimed = transmit ? ws_ts_carriers_tx(&card->caps)
						    : ws_ts_carriers_rx(&card->caps);
			char why[256] = "untouched";
			bool yes = ws_ts_hardware_claimed(
				&card->caps, transmit, (enum ws_carrier)carrier, why, sizeof(why));

			assert_int_equal(yes, claimed >> carrier & 1);
			if (yes) {
				assert_string_equal(why, "untouched");
			} else if (strcmp(why, last) != 0) {
				add(t, "(%s %s: %s)\n", transmit ? "sending" : "receiving",
					ws_carrier_name((enum ws_carrier)carrier), why);
				snprintf(last, sizeof(last), "%s", why);
			}
		}
	}
}

/* A trial: what came of 50 frames of each shape, in the order udp, Sync, Delay_Req, UDP 319. */
#define FRAMES 50
struct trial {
	const char *name, *card, *receiver; /* receiver: card of another interface, NULL: answers */
	uint64_t tx[4], rx[4];		    /* hardware stamps */
	uint64_t tx_software, rx_software;
	uint64_t received;
	bool no_tx, no_rx; /* not switched on */
	bool stuck;
	bool untagged_only;
	bool keeps_l2; /* no Sync and Delay_Req on layer 2 comes, and of plain frames one is lost */
	uint64_t vlan_rx[4];
	bool vlan_differs;
	uint64_t tx_misplaced, rx_misplaced;
	int64_t tx_step, rx_step;
	struct {
		bool known, by_sender;
		double safe, lost;
		unsigned in_flight;
	} rate;
	unsigned users;
};

#define ALL_50                 \
	{                      \
		50, 50, 50, 50 \
	}
#define SYNC_50             \
	{                   \
		0, 50, 0, 0 \
	}
#define SOFT  .tx_software = FRAMES, .rx_software = FRAMES, .received = FRAMES
#define STEPS .tx_step = 8, .rx_step = 8

static const struct trial trials[] = {
	{.name = "igb of the emulator: Sync at both ends, all else on transmit alone",
		.card = "igb-82576",
		.receiver = "igb-82576",
		.tx = ALL_50,
		.rx = SYNC_50,
		SOFT,
		STEPS,
		.rate = {true, false, 3140, 3456.7, 1}},
	{.name = "the same against a reflector with such a card",
		.card = "igb-82576",
		.tx = ALL_50,
		.rx = SYNC_50,
		SOFT,
		STEPS,
		.rate = {true, false, 3140, 3456.7, 1}},
	{.name = "stuck latch",
		.card = "igb-82576",
		.receiver = "igb-82576",
		.tx = ALL_50,
		.rx = {0, 1, 0, 0},
		.stuck = true,
		SOFT,
		STEPS,
		.rate = {true, false, 0, 100, 1}},
	{.name = "stuck latch of this card",
		.card = "igb-82576",
		.tx = ALL_50,
		.rx = {0, 1, 0, 0},
		.stuck = true,
		SOFT,
		STEPS},
	{.name = "e1000e claims all and delivers none",
		.card = "e1000e",
		.receiver = "e1000e",
		SOFT},
	{.name = "I226 delivers what it claims, to one like it",
		.card = "igc-i226",
		.receiver = "igc-i226",
		.tx = ALL_50,
		.rx = ALL_50,
		SOFT,
		STEPS,
		.rate = {true, true, 412345, 0, 4}},
	{.name = "all is delivered, by answers",
		.card = "mlx5",
		.tx = ALL_50,
		.rx = ALL_50,
		SOFT,
		STEPS,
		.rate = {true, true, 1234567, 0, 16}},
	{.name = "server card to I226: the receiver stamps all",
		.card = "i40e-x710",
		.receiver = "igc-i226",
		.tx = ALL_50,
		.rx = ALL_50,
		SOFT,
		STEPS,
		.rate = {true, false, 999.6, 1250, 1}},
	{.name = "coarse clock at one end",
		.card = "cm4-up",
		.receiver = "igc-i226",
		.tx = {0, 50, 50, 50},
		.rx = ALL_50,
		SOFT,
		.tx_step = 1024,
		.rx_step = 8},
	{.name = "coarse clocks at both ends",
		.card = "mlx5",
		.receiver = "mlx5",
		.tx = ALL_50,
		.rx = ALL_50,
		SOFT,
		.tx_step = 1000000,
		.rx_step = 1000000},
	{.name = "misplaced stamps",
		.card = "igc-i226",
		.receiver = "igc-i226",
		.tx = ALL_50,
		.rx = ALL_50,
		SOFT,
		STEPS,
		.tx_misplaced = 2,
		.rx_misplaced = 1},
	{.name = "not switched on: no right to",
		.card = "igb-82576",
		.receiver = "igb-82576",
		.no_tx = true,
		.no_rx = true,
		SOFT},
	{.name = "veth", .card = "veth", .receiver = "veth", .no_tx = true, .no_rx = true, SOFT},
	{.name = "some go missing",
		.card = "ixgbe-x540",
		.receiver = "ixgbe-x540",
		.tx = {50, 44, 50, 49},
		.rx = {0, 48, 50, 0},
		.tx_software = 50,
		.rx_software = 49,
		.received = 50,
		STEPS},
	{.name = "tags hide it from the receiver",
		.card = "ixgbe-x540",
		.receiver = "ixgbe-x540",
		.tx = ALL_50,
		.rx = {0, 50, 50, 50},
		.vlan_differs = true,
		.vlan_rx = {0, 0, 0, 50},
		SOFT,
		STEPS},
	{.name = "tags hide everything from the receiver",
		.card = "igc-i226",
		.receiver = "igc-i226",
		.tx = ALL_50,
		.rx = ALL_50,
		.vlan_differs = true,
		SOFT,
		STEPS},
	{.name = "each shape has a fate of its own, and tags change it",
		.card = "igc-i226",
		.receiver = "igc-i226",
		.tx = ALL_50,
		.rx = {48, 50, 50, 0},
		.vlan_differs = true,
		.vlan_rx = {0, 12, 0, 12},
		.tx_software = 50,
		.rx_software = 49,
		.received = 50,
		STEPS},
	{.name = "a switch keeps layer 2 PTP to itself",
		.card = "igb-82576",
		.receiver = "igb-82576",
		.tx = ALL_50,
		.rx = {0, 0, 0, 50},
		SOFT,
		STEPS,
		.keeps_l2 = true},
	{.name = "nothing came",
		.card = "igc-i226",
		.receiver = "igc-i226",
		.tx = ALL_50,
		.tx_software = 50,
		STEPS},
	{.name = "nobody answered", .card = "igc-i226", .tx = ALL_50, .tx_software = 50, STEPS},
	{.name = "Wi-Fi, answered",
		.card = "wifi-iwlwifi",
		.no_tx = true,
		.no_rx = true,
		.rx_software = 50,
		.received = 50,
		.untagged_only = true},
	{.name = "the MAC is used by somebody",
		.card = "mac-and-phy",
		.receiver = "unknown",
		.tx = ALL_50,
		.rx = ALL_50,
		SOFT,
		STEPS,
		.users = 2},
	{.name = "a driver that says nothing delivers",
		.card = "unknown",
		.no_tx = true,
		.no_rx = true,
		SOFT},
};

static void fill_rows(
	const struct trial *trial, struct ws_ts_delivered rows[8], struct ws_ts_facts *f)
{
	static const char *const shapes[] = {"udp", "ptp-l2-sync", "ptp-l2-delay-req", "ptp-udp"};

	for (int i = 0; i < (trial->untagged_only ? 4 : 8); i++) {
		int shape = i % 4;
		bool vlan = i >= 4;

		rows[i] = (struct ws_ts_delivered){
			.carrier = shapes[shape],
			.vlan = vlan,
			.sent = FRAMES,
			.received = trial->received,
			.tx_hardware = trial->tx[shape],
			.tx_software = trial->tx_software,
			.rx_hardware = vlan && trial->vlan_differs ? trial->vlan_rx[shape]
				       : vlan && trial->stuck	   ? 0
								   : trial->rx[shape],
			.rx_software = trial->rx_software,
			.tx_misplaced = i ? 0 : trial->tx_misplaced,
			.rx_misplaced = i ? 0 : trial->rx_misplaced,
			.tx_granularity_ns = trial->tx[shape] > 1 ? trial->tx_step : 0,
			.rx_granularity_ns = trial->rx[shape] > 1 ? trial->rx_step : 0,
			.rx_stuck = trial->stuck && !vlan && trial->rx[shape] == 1,
		};
		if (trial->keeps_l2 && (shape == 1 || shape == 2)) {
			rows[i].received = rows[i].rx_software = 0;
		} else if (trial->keeps_l2 && i == 0) {
			rows[i].received = rows[i].rx_software = FRAMES - 1;
		}
		f->delivered_count++;
	}
}

static struct ws_ts_facts facts_of_trial(const struct trial *t, struct ws_ts_delivered rows[8])
{
	const struct ts_card *card = ts_card(t->card);
	struct ws_ts_facts f;

	assert_non_null(card);
	f = facts_of(card);
	fill_rows(t, rows, &f);
	f.delivered = rows;
	f.hardware_tx = !t->no_tx;
	f.hardware_rx = !t->no_rx;
	if (t->receiver) {
		f.receiver = "eth1";
		assert_non_null(ts_card(t->receiver));
		f.receiver_caps = &ts_card(t->receiver)->caps;
	}
	f.rate_known = t->rate.known;
	f.rate_by_sender = t->rate.by_sender;
	f.safe_pps = t->rate.safe;
	f.lost_pps = t->rate.lost;
	f.in_flight = t->rate.in_flight;
	f.users = t->users;
	f.user = t->users ? "ptp4l" : NULL;
	return f;
}

static const struct trial *trial_named(const char *name)
{
	for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		if (strcmp(trials[i].name, name) == 0) {
			return &trials[i];
		}
	}
	fail_msg("no such trial: %s", name);
	return NULL;
}

/* Shows the first line that differs, and where. */
static void compare(const char *want, const char *got)
{
	const char *section = "";

	while (*want || *got) {
		size_t a = strcspn(want, "\n"), b = strcspn(got, "\n");

		if (a != b || strncmp(want, got, a) != 0) {
			fail_msg(
				"after \"%.*s\"\nwanted: %.*s\nsaid:   %.*s\n(WS_GOLDEN=write makes "
				"%s new)",
				(int)strcspn(section, "\n"), section, (int)a, want, (int)b, got,
				golden);
		}
		section = strncmp(want, "==", 2) == 0 ? want : section;
		want += a + (want[a] == '\n');
		got += b + (got[b] == '\n');
	}
}

static void test_golden(void **state)
{
	static struct text t, want;
	const char *write = getenv("WS_GOLDEN");
	FILE *file;

	(void)state;
	t.len = 0;
	for (size_t i = 0; i < ts_cards_count; i++) {
		struct ws_ts_facts f = facts_of(&ts_cards[i]);

		add_verdict(&t, ts_cards[i].name, &f);
		add_refusals(&t, &ts_cards[i]);
	}
	for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		struct ws_ts_delivered rows[8];
		struct ws_ts_facts f = facts_of_trial(&trials[i], rows);
		char name[160];

		snprintf(name, sizeof(name), "%s, tried: %s", trials[i].card, trials[i].name);
		add_verdict(&t, name, &f);
	}
	file = fopen(golden, write && strcmp(write, "write") == 0 ? "w" : "r");
	assert_non_null(file);
	if (write && strcmp(write, "write") == 0) {
		assert_int_equal(fwrite(t.buf, 1, t.len, file), t.len);
		assert_int_equal(fclose(file), 0);
		return;
	}
	want.len = fread(want.buf, 1, sizeof(want.buf) - 1, file);
	want.buf[want.len] = '\0';
	fclose(file);
	compare(want.buf, t.buf);
}

static bool says(const struct ws_ts_verdict *v, const char *text)
{
	for (unsigned i = 0; i < v->n; i++) {
		if (strstr(v->text[i], text)) {
			return true;
		}
	}
	return false;
}

/* A claim is called one, until it was tried. */
static void test_claims_are_called_so(void **state)
{
	(void)state;
	for (size_t i = 0; i < ts_cards_count; i++) {
		struct ws_ts_facts f = facts_of(&ts_cards[i]);
		struct ws_ts_verdict v;

		ws_ts_verdict(&f, &v);
		assert_false(says(&v, "delivers "));
		if (ts_cards[i].caps.known) {
			assert_non_null(strstr(v.text[0], "claims "));
			assert_non_null(strstr(v.text[1], "claims "));
		}
	}
}

/* One sentence, and no advice that needs what is broken. */
static void test_stuck_latch(void **state)
{
	struct ws_ts_delivered rows[8];
	struct ws_ts_facts f = facts_of_trial(trial_named("stuck latch"), rows);
	struct ws_ts_verdict v;
	unsigned told = 0;

	(void)state;
	ws_ts_verdict(&f, &v);
	for (unsigned i = 0; i < v.n; i++) {
		told += strstr(v.text[i], "stuck latch") != NULL;
	}
	assert_int_equal(told, 1);
	assert_false(says(&v, "use: --stamp hardware with"));
	assert_true(says(&v, "eth1: stuck latch: 1 of 50 frames (ptp-l2-sync)"));
}

static unsigned rank_of(const char *card)
{
	struct ws_ts_facts f;

	assert_non_null(ts_card(card));
	f = facts_of(ts_card(card));
	return ws_ts_rank(&f);
}

static unsigned rank_of_trial(const char *name)
{
	struct ws_ts_delivered rows[8];
	struct ws_ts_facts f = facts_of_trial(trial_named(name), rows);

	return ws_ts_rank(&f);
}

static void test_ranks(void **state)
{
	static const char *const best_first[] = {"igc-i226", "ixgbe-x540", "ena-receive",
		"virtio-hetzner", "veth", "wifi-iwlwifi", "ifb", "unknown"};

	(void)state;
	for (size_t i = 1; i < sizeof(best_first) / sizeof(best_first[0]); i++) {
		if (rank_of(best_first[i - 1]) <= rank_of(best_first[i])) {
			fail_msg("%s (%u) before %s (%u)", best_first[i - 1],
				rank_of(best_first[i - 1]), best_first[i], rank_of(best_first[i]));
		}
	}
	assert_true(rank_of("igc-i226") > rank_of("igc-i226-unplugged"));
	assert_true(rank_of("igc-i226-unplugged") > rank_of("ixgbe-x540"));
	assert_int_equal(rank_of("igc-i226"), rank_of("mlx5"));
	/* Without a clock that is named the stamps are of no use. */
	assert_int_equal(rank_of("hardware-without-clock"), rank_of("virtio-hetzner"));
	/* What was delivered counts for more than what is claimed, either way. */
	assert_true(rank_of_trial("all is delivered, by answers") > rank_of("mlx5"));
	assert_true(rank_of_trial("e1000e claims all and delivers none") < rank_of("ixgbe-x540"));
	assert_true(rank_of_trial("the same against a reflector with such a card") >
		    rank_of("igb-82576"));
	assert_true(rank_of_trial("stuck latch of this card") < rank_of("igb-82576"));
}

/* More sentences than there is room for, in texts that are longer than the room: nothing is written outside. */
static void test_nothing_overflows(void **state)
{
	struct ws_ts_delivered rows[8];
	struct ws_ts_facts f = facts_of_trial(trial_named("some go missing"), rows);
	struct ws_ts_verdict v;
	char user[1024];

	(void)state;
	memset(user, 'x', sizeof(user));
	user[sizeof(user) - 1] = '\0';
	f.user = user;
	f.receiver = user;
	f.users = 1;
	ws_ts_verdict(&f, &v);
	for (unsigned i = 0; i < v.n; i++) {
		assert_true(memchr(v.text[i], '\0', sizeof(v.text[i])) != NULL);
	}
	for (size_t size = 0; size < 80; size++) {
		char *why = malloc(size ? size : 1);

		assert_non_null(why);
		assert_false(ws_ts_hardware_claimed(
			&ts_card("veth")->caps, true, WS_CARRIER_UDP, why, size));
		assert_true(!size || strlen(why) < size);
		free(why);
	}
}

static void test_words(void **state)
{
	static const struct {
		double pps;
		const char *text;
	} rates[] = {{0, "0 pps"}, {0.5, "0.5 pps"}, {1, "1 pps"}, {12.34, "12.3 pps"},
		{999.9, "999 pps"}, {1000, "1 kpps"}, {1050, "1.05 kpps"}, {20449, "20.4 kpps"},
		{999999, "999 kpps"}, {1488095.2, "1.48 Mpps"}, {-3, "0 pps"}, {1e300, "0 pps"}};
	static const struct {
		int64_t ns;
		const char *text;
	} times[] = {{0, "0 ns"}, {8, "8 ns"}, {999, "999 ns"}, {1000, "1 us"}, {1024, "1.02 us"},
		{12345, "12.3 us"}, {1000000, "1 ms"}, {2100000000, "2.1 s"}, {-1, "0 ns"}};
	static const struct {
		uint64_t n;
		const char *text;
	} counts[] = {{0, "0"}, {999, "999"}, {1000, "1,000"}, {1234567, "1,234,567"},
		{UINT64_MAX, "18,446,744,073,709,551,615"}};
	char buf[WS_WORD_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		assert_string_equal(ws_word_pps(buf, rates[i].pps), rates[i].text);
	}
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		assert_string_equal(ws_word_ns(buf, times[i].ns), times[i].text);
	}
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		assert_string_equal(ws_word_count(buf, counts[i].n), counts[i].text);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_claims_are_called_so),
		cmocka_unit_test(test_stuck_latch),
		cmocka_unit_test(test_ranks),
		cmocka_unit_test(test_nothing_overflows),
		cmocka_unit_test(test_words),
	};

	if (argc != 2) {
		fputs("usage: test_tsverdict GOLDEN\n", stderr);
		return 2;
	}
	golden = argv[1];
	return cmocka_run_group_tests_name("tsverdict", tests, NULL, NULL);
}
