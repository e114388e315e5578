/* SPDX-License-Identifier: BSD-2-Clause */
/* What `probe` found, as JSON and text: what stands in them, not how it looks. */
#include "report/probe_report.h"

#include <errno.h>
#include <jansson.h>
#include <linux/net_tstamp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/json_at.h"
#include "unit/text_look.h"
#include "unit/ts_cards.h"

#define FILTER(n) (UINT32_C(1) << HWTSTAMP_FILTER_##n)

static char program[] = "wirestamp", command[] = "probe";
static char *words[] = {program, command, NULL};

static const char *xdp_name(unsigned bit)
{
	return bit == 0 ? "basic" : NULL;
}

/* A server card of which all is known. */
static struct ws_probe_interface card(void)
{
	struct ws_probe_interface i = {
		.name = "eth0",
		.driver = "ixgbe",
		.firmware = "0x800009e0",
		.bus = "0000:03:00.0",
		.ethernet = true,
		.up = true,
		.running = true,
		.link_bps = UINT64_C(10000000000),
		.mtu = 1500,
		.mac = {2, 0, 0, 0, 0, 9},
		.numa_node = 1,
		.pcie_speed = "5.0 GT/s PCIe",
		.pcie_width = 8,
		.caps = {.known = true,
			.netlink = true,
			.n = 1,
			.provider = {{.precise = true,
				.in_use = true,
				.phc = 3,
				.flags = SOF_TIMESTAMPING_TX_HARDWARE |
					 SOF_TIMESTAMPING_TX_SOFTWARE |
					 SOF_TIMESTAMPING_RX_HARDWARE |
					 SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE |
					 SOF_TIMESTAMPING_RAW_HARDWARE,
				.tx_types = 3,
				.rx_filters =
					FILTER(NONE) | FILTER(PTP_V2_EVENT) | UINT32_C(1) << 30}},
			.config = {.known = true,
				.flags = 1,
				.tx_type = HWTSTAMP_TX_ON,
				.rx_filter = HWTSTAMP_FILTER_PTP_V2_EVENT}},
		.phc = 3,
		.phc_name = "eth0",
		.phc_scale = "tai",
		.phc_offset_ns = INT64_C(37000000123),
		.phc_window_ns = 800,
		.phc_read_ns = 4200,
		.phc_method = "extended",
		.users_known = true,
		.user_count = 2,
		.user = {{.pid = 812, .name = "ptp4l", .has_clock = true},
			{.pid = 900, .name = "phc2sys", .names_it = true}},
		.xdp_known = true,
		.xdp_metadata_known = true,
		.xdp_attached_known = true,
		.xdp_features = 3,
		.xdp_rx_metadata = 1,
		.xdp_xsk_features = 4,
		.default_route = true,
		.verdict = {.n = 2,
			.text = {"transmit: claims hardware stamps of any packet", "odd"}},
		.rank = 2220,
	};

	ws_nic_settings_unknown(&i.settings);
	i.settings.queues_rx = 16;
	i.settings.ring_rx = 512;
	i.settings.ring_rx_max = 4096;
	i.settings.rx_usecs = 1;
	i.settings.adaptive_rx = 1;
	i.settings.offload[WS_OFFLOAD_GRO] = 1;
	i.settings.offload[WS_OFFLOAD_LRO] = 0;
	return i;
}

/* Of which nothing is. */
static struct ws_probe_interface unknown(void)
{
	struct ws_probe_interface i = {
		.name = "x0",
		.phc = -1,
		.numa_node = -1,
		.caps = {.error = -EOPNOTSUPP, .config = {.error = -EPERM}},
	};

	ws_nic_settings_unknown(&i.settings);
	return i;
}

static struct ws_probe_report report(struct ws_probe_interface *interfaces, size_t count)
{
	return (struct ws_probe_report){
		.version = "0.1",
		.argc = 2,
		.argv = words,
		.started = "2026-11-22T02:30:00.000000000Z",
		.host = {.hostname = "lab", .kernel = "6.18", .arch = "x86_64"},
		.xdp_feature_name = xdp_name,
		.interfaces = interfaces,
		.count = count,
	};
}

static json_t *document(const struct ws_probe_report *r)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(ws_probe_json(out, r), 0);
	assert_int_equal(fclose(out), 0);
	return json_read(text, size);
}

static char *text_of(const struct ws_probe_report *r, unsigned columns)
{
	const struct ws_text_style style = {.columns = columns};
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(ws_probe_text(out, r, &style), 0);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void test_all_known(void **state)
{
	struct ws_probe_interface i = card();
	struct ws_probe_report r = report(&i, 1);
	json_t *o = document(&r);

	(void)state;
	assert_keys_at(
		o, "", "format version command argv started host lab repair interfaces warnings");
	assert_text_at(o, "format", "wirestamp-run/1");
	assert_text_at(o, "command", "probe");
	assert_null_at(o, "repair");
	assert_keys_at(o, "interfaces.0",
		"name error driver firmware kind ethernet mac mtu bus pcie numa_node link "
		"default_route queues rings coalescing offloads phc clock claimed configured "
		"configured_error providers users xdp peer far_reflects delivered rate path verdict "
		"rank");
	assert_text_at(o, "interfaces.0.bus", "0000:03:00.0");
	assert_text_at(o, "interfaces.0.mac", "02:00:00:00:00:09");
	assert_int_at(o, "interfaces.0.link.speed_mbps", 10000);
	assert_int_at(o, "interfaces.0.pcie.width", 8);
	assert_int_at(o, "interfaces.0.rings.rx_max", 4096);
	assert_null_at(o, "interfaces.0.rings.tx");
	assert_int_at(o, "interfaces.0.phc", 3);
	assert_text_at(o, "interfaces.0.clock.scale", "tai");
	assert_int_at(o, "interfaces.0.clock.offset_ns", INT64_C(37000000123));
	assert_text_at(o, "interfaces.0.clock.method", "extended");
	assert_text_at(o, "interfaces.0.claimed.flags.0", "hardware-transmit");
	assert_text_at(o, "interfaces.0.claimed.tx_types.1", "on");
	assert_text_at(o, "interfaces.0.claimed.rx_filters.1", "ptpv2-event");
	/* Newer than this program. */
	assert_text_at(o, "interfaces.0.claimed.rx_filters.2", "30");
	assert_text_at(o, "interfaces.0.configured.tx_type", "on");
	assert_text_at(o, "interfaces.0.configured.rx_filter", "ptpv2-event");
	assert_text_at(o, "interfaces.0.configured.flags.0", "bonded-phc-index");
	assert_text_at(o, "interfaces.0.providers.0.stamper", "mac");
	assert_text_at(o, "interfaces.0.providers.0.qualifier", "precise");
	assert_text_at(o, "interfaces.0.users.0.name", "ptp4l");
	assert_bool_at(o, "interfaces.0.users.1.names_interface", true);
	assert_bool_at(o, "interfaces.0.xdp.attached", false);
	assert_text_at(o, "interfaces.0.xdp.features.1", "1");
	assert_text_at(o, "interfaces.0.xdp.rx_metadata.0", "timestamp");
	assert_text_at(o, "interfaces.0.xdp.xsk_features.0", "tx-launch-time-fifo");
	assert_null_at(o, "interfaces.0.delivered");
	assert_text_at(o, "interfaces.0.verdict.1", "odd");
	json_decref(o);
}

static void test_nothing_known(void **state)
{
	static const char *const nulls[] = {"driver", "firmware", "kind", "mac", "mtu", "bus",
		"pcie", "numa_node", "link.speed_mbps", "queues.rx", "rings.rx",
		"coalescing.rx_usecs", "offloads.generic-receive-offload", "phc", "clock",
		"claimed", "configured", "providers", "users", "xdp.attached", "xdp.features",
		"xdp.rx_metadata", "peer", "far_reflects", "delivered", "rate", "path"};
	struct ws_probe_interface i[2] = {unknown(), {.name = "gone0", .error = -ENODEV}};
	struct ws_probe_report r = report(i, 2);
	json_t *o = document(&r);
	char path[80], *text;

	(void)state;
	for (size_t n = 0; n < sizeof(nulls) / sizeof(nulls[0]); n++) {
		snprintf(path, sizeof(path), "interfaces.0.%s", nulls[n]);
		assert_null_at(o, path);
	}
	assert_text_at(o, "interfaces.0.configured_error", strerror(EPERM));
	assert_keys_at(o, "interfaces.1", "name error");
	json_decref(o);
	text = text_of(&r, 80);
	assert_has(text, "set now  not known: Operation not permitted");
	assert_has(text, "gone0: No such device");
	assert_has_not(text, "ptp-1");
	free(text);
}

static void test_trial(void **state)
{
	struct ws_probe_interface i = card();
	struct ws_probe_report r = report(&i, 1);
	char *text;
	json_t *o;

	(void)state;
	i.tried = true;
	i.hardware_tx = true;
	snprintf(i.peer, sizeof(i.peer), "eth1");
	i.delivered_count = 2;
	i.delivered[0] = (struct ws_ts_delivered){.carrier = "udp",
		.sent = 50,
		.received = 49,
		.tx_hardware = 48,
		.tx_software = 50,
		.rx_hardware = 0,
		.rx_software = 47,
		.tx_granularity_ns = 8};
	i.delivered[1] = (struct ws_ts_delivered){
		.carrier = "ptp-l2-delay-req", .vlan = true, .sent = 50, .tx_hardware = 50};
	i.rate.known = true;
	i.rate.lost_pps = 100;
	i.rate.lost = 3;
	i.rate.lost_of = 200;
	i.rate.lost_tx = true;
	i.rate.in_flight = 1;
	i.rate.carrier = "ptp-l2-sync";
	i.path = (struct ws_probe_path){.known = true,
		.plain = 500,
		.ptp = 499,
		.plain_ns = 12000,
		.ptp_ns = 15000,
		.difference_ns = 3000,
		.low_ns = 2500,
		.high_ns = 3500,
		.level = 0.95,
		.noise_ns = 1};
	o = document(&r);
	assert_text_at(o, "interfaces.0.peer", "eth1");
	assert_bool_at(o, "interfaces.0.far_reflects", false);
	assert_int_at(o, "interfaces.0.delivered.0.tx_hardware", 48);
	assert_null_at(o, "interfaces.0.delivered.0.rx_hardware"); /* was not switched on */
	assert_null_at(o, "interfaces.0.delivered.0.rx_stuck");
	assert_int_at(o, "interfaces.0.delivered.0.tx_granularity_ns", 8);
	assert_null_at(o, "interfaces.0.delivered.1.tx_granularity_ns");
	assert_bool_at(o, "interfaces.0.delivered.1.vlan", true);
	assert_real_at(o, "interfaces.0.rate.safe_pps", 0);
	assert_real_at(o, "interfaces.0.rate.lost_pps", 100);
	assert_int_at(o, "interfaces.0.rate.in_flight", 1);
	assert_real_at(o, "interfaces.0.path.low_ns", 2500);
	assert_bool_at(o, "interfaces.0.path.same", false);
	json_decref(o);
	for (unsigned columns = 60; columns <= 100; columns += 20) {
		text = text_of(&r, columns);
		for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
			assert_true(strcspn(line, "\n") <= columns);
		}
		assert_has(text, "ptp-l2-delay-req, tag");
		free(text);
	}
	text = text_of(&r, 100);
	assert_has(text, "treats PTP-shaped frames in another way");
	free(text);
}

static void test_texts(void **state)
{
	struct ws_probe_interface i = card();
	struct ws_probe_report r = report(&i, 1);
	char *text = text_of(&r, 200);

	(void)state;
	assert_has(text, "eth0: ixgbe, 10.0 Gbit/s");
	assert_has(text, "transmit claims hardware stamps of any packet");
	assert_has(text, "receive filters: none, ptpv2-event, 30");
	assert_has(text,
		"transmit on, receive ptpv2-event; used, as it seems, by ptp4l (pid 812, has its");
	assert_has(text, "TAI: 37.0 s ahead of the system's");
	assert_has(text, "0000:03:00.0, 5.0 GT/s PCIe x8, NUMA node 1, firmware 0x800009e0");
	assert_has(text, "receive queues 16, receive ring 512 of 4096");
	assert_has(text, "carries a default route");
	assert_has_not(text, "large-receive-offload");
	free(text);
	r.table = true;
	text = text_of(&r, 80);
	assert_has(text, "hw, PTP");
	assert_has(text, "--carrier ptp-l2");
	assert_has(text, "ptp3");
	free(text);
	/* A name that would steer the terminal. */
	snprintf(i.name, sizeof(i.name), "a\033[31mb");
	text = text_of(&r, 80);
	assert_has_not(text, "\033");
	free(text);
	r.table = false;
	text = text_of(&r, 80);
	assert_has_not(text, "\033");
	free(text);
}

/* The table's last word is the verdict's. */
static void test_table_says_what_the_verdict_says(void **state)
{
	static const char hardware[] = "use: --stamp hardware with ";

	(void)state;
	for (size_t n = 0; n < ts_cards_count; n++) {
		const struct ts_card *c = &ts_cards[n];
		bool loopback = strcmp(c->name, "lo") == 0;
		struct ws_ts_facts f = {.caps = &c->caps, .unusable = loopback ? "it is" : NULL};
		struct ws_probe_interface i = {.name = "x",
			.ethernet = true,
			.loopback = loopback,
			.caps = c->caps,
			.phc = -1,
			.numa_node = -1};
		struct ws_probe_report r = report(&i, 1);
		const char *use = "use: --stamp user", *advice;
		char *text, *end;

		ws_ts_verdict(&f, &i.verdict);
		for (unsigned k = 0; k < i.verdict.n; k++) {
			if (strncmp(i.verdict.text[k], "use: ", 5) == 0) {
				use = i.verdict.text[k];
			}
		}
		r.table = true;
		text = text_of(&r, 100);
		end = strstr(text, "\nx ");
		assert_non_null(end);
		end = strchr(end + 1, '\n');
		assert_non_null(end);
		*end = '\0';
		for (advice = end; strncmp(advice - 2, "  ", 2) != 0; advice--) {
		}
		if (strncmp(use, hardware, strlen(hardware)) == 0) {
			use += strlen(hardware);
		} else {
			use = strstr(use, "--stamp ") ? strstr(use, "--stamp ")
						      : use + strlen("use: ");
		}
		if (strncmp(use, advice, strlen(advice)) != 0) {
			fail_msg("%s: \"%s\", but \"%s\"", c->name, advice, use);
		}
		free(text);
	}
}

static void test_repair(void **state)
{
	struct ws_probe_report r = report(NULL, 0);
	char *text;
	json_t *o;

	(void)state;
	r.repair = (struct ws_probe_repair){.wanted = true, .error = -ENOENT};
	text = text_of(&r, 80);
	assert_has(text, "nothing was left behind");
	free(text);
	o = document(&r);
	assert_null_at(o, "repair.error");
	assert_int_at(o, "repair.found", 0);
	json_decref(o);
	r.repair = (struct ws_probe_repair){.wanted = true, .count = 3, .kept = 3, .left = 1};
	for (int n = 0; n < 3; n++) {
		r.repair.entry[n].ifindex = 7 + n;
		r.repair.entry[n].netns = 4026531840;
		r.repair.entry[n].before = (struct ws_ts_config){.known = true};
		r.repair.entry[n].set = (struct ws_ts_config){
			.known = true, .tx_type = HWTSTAMP_TX_ON, .rx_filter = HWTSTAMP_FILTER_ALL};
		r.repair.entry[n].result = n == 2 ? -EPERM : n;
	}
	snprintf(r.repair.entry[0].ifname, sizeof(r.repair.entry[0].ifname), "eth0");
	text = text_of(&r, 80);
	assert_has(text, "eth0: put back to transmit off, receive none");
	assert_has(text, "interface 8: nothing to do: it is gone");
	assert_has(text, "interface 9: could not be put back to transmit off, receive none");
	free(text);
	o = document(&r);
	assert_text_at(o, "repair.entries.0.result", "restored");
	assert_text_at(o, "repair.entries.0.set.rx_filter", "all");
	assert_null_at(o, "repair.entries.1.interface");
	assert_text_at(o, "repair.entries.1.result", "nothing-to-do");
	assert_text_at(o, "repair.entries.2.result", "failed");
	assert_text_at(o, "repair.entries.2.error", strerror(EPERM));
	assert_int_at(o, "repair.left", 1);
	json_decref(o);
	/* A note that cannot be believed: nothing that would stand in it is told. */
	r.repair = (struct ws_probe_repair){.wanted = true, .count = 1, .kept = 1, .left = 1};
	r.repair.entry[0].result = -EBADMSG;
	snprintf(r.repair.entry[0].file, sizeof(r.repair.entry[0].file), "/somewhere/1-2.journal");
	text = text_of(&r, 80);
	assert_has(text, "/somewhere/1-2.journal cannot be believed");
	assert_null(strstr(text, "put back to"));
	free(text);
	o = document(&r);
	assert_text_at(o, "repair.entries.0.file", "/somewhere/1-2.journal");
	assert_null_at(o, "repair.entries.0.ifindex");
	assert_null_at(o, "repair.entries.0.before");
	json_decref(o);
	r.repair = (struct ws_probe_repair){.wanted = true, .error = -EPERM};
	text = text_of(&r, 80);
	assert_has(text, "cannot be looked for: Operation not permitted");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_known),
		cmocka_unit_test(test_nothing_known),
		cmocka_unit_test(test_trial),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_table_says_what_the_verdict_says),
		cmocka_unit_test(test_repair),
	};

	return cmocka_run_group_tests_name("probe_report", tests, NULL, NULL);
}
