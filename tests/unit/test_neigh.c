/* SPDX-License-Identifier: BSD-2-Clause */
/* The next hop to an address, on scripted answers about routes and neighbours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/neigh.h"
#include "unit/rtnl_script.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define IFINDEX	 7
#define OTHER	 8
#define LO	 1

static const uint8_t MAC[6] = {0x02, 1, 2, 3, 4, 5};
static const uint8_t WRONG[6] = {0x02, 9, 9, 9, 9, 9};
static const uint8_t ALL[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static unsigned version_of(const char *text)
{
	return strchr(text, ':') ? 6 : 4;
}

/* Returns the length. */
static size_t parse(const char *text, uint8_t bytes[16])
{
	bool ipv6 = version_of(text) == 6;

	memset(bytes, 0, 16);
	assert_int_equal(inet_pton(ipv6 ? AF_INET6 : AF_INET, text, bytes), 1);
	return ipv6 ? 16 : 4;
}

static void put_address(struct nlmsghdr *nlh, uint16_t type, const char *text)
{
	uint8_t bytes[16];
	size_t len = parse(text, bytes);

	mnl_attr_put(nlh, type, len, bytes);
}

struct route {
	int code; /* if not 0, there is no route */
	uint8_t type;
	int oif;
	const char *gateway, *source; /* or NULL */
};

static void answer_route(struct script *s, unsigned version, const struct route *r)
{
	struct nlmsghdr *nlh;
	struct rtmsg *rtm;

	if (!r->code) {
		nlh = script_put(s, RTM_NEWROUTE, 0);
		rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
		rtm->rtm_family = version == 4 ? AF_INET : AF_INET6;
		rtm->rtm_type = r->type;
		mnl_attr_put_u32(nlh, RTA_TABLE, RT_TABLE_MAIN);
		mnl_attr_put_u32(nlh, RTA_OIF, (uint32_t)r->oif);
		if (r->gateway && version_of(r->gateway) == version) {
			put_address(nlh, RTA_GATEWAY, r->gateway);
		} else if (r->gateway) {
			uint8_t via[2 + 16];

			memcpy(via, &(uint16_t){AF_INET6}, 2);
			parse(r->gateway, via + 2);
			mnl_attr_put(nlh, RTA_VIA, sizeof(via), via);
		}
		if (r->source) {
			put_address(nlh, RTA_PREFSRC, r->source);
		}
	}
	script_end(s, false, r->code);
}

static struct nlmsghdr *put_neighbour(
	struct script *s, int ifindex, const char *address, uint16_t state, const uint8_t *mac)
{
	struct nlmsghdr *nlh = script_put(s, RTM_NEWNEIGH, NLM_F_MULTI);
	struct ndmsg *ndm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ndm));

	ndm->ndm_family = version_of(address) == 4 ? AF_INET : AF_INET6;
	ndm->ndm_ifindex = ifindex;
	ndm->ndm_state = state;
	put_address(nlh, NDA_DST, address);
	if (mac) {
		mnl_attr_put(nlh, NDA_LLADDR, 6, mac);
	}
	return nlh;
}

static int find(struct ws_rtnl *nl, const char *dst, struct ws_hop *hop)
{
	uint8_t bytes[16];

	parse(dst, bytes);
	memset(hop, 0x77, sizeof(*hop));
	return ws_neigh_find(nl, IFINDEX, version_of(dst), bytes, hop);
}

static void assert_untouched(const struct ws_hop *hop)
{
	struct ws_hop as_before;

	memset(&as_before, 0x77, sizeof(as_before));
	assert_memory_equal(hop, &as_before, sizeof(as_before));
}

static void assert_address(const uint8_t *got, const char *text)
{
	uint8_t bytes[16];

	parse(text, bytes);
	assert_memory_equal(got, bytes, sizeof(bytes));
}

static const struct route none = {.code = -ENETUNREACH};
static const struct route direct4 = {.type = RTN_UNICAST, .oif = IFINDEX, .source = "10.0.0.1"};
static const struct route direct6 = {.type = RTN_UNICAST, .oif = IFINDEX, .source = "fd00::1"};

/* All answers to the question for one address: routes in general, by the interface, the route
 * itself (IPv4); then these neighbours. */
struct row {
	const char *dst;
	const struct route *any; /* NULL: is not asked for */
	struct route by_interface;
	struct {
		int ifindex;
		const char *address;
		uint16_t state;
		const uint8_t *mac;
	} neighbours[4];
	int result;
	const uint8_t *mac;
};

#define DIRECT4                                                           \
	{                                                                 \
		.type = RTN_UNICAST, .oif = IFINDEX, .source = "10.0.0.1" \
	}
#define DIRECT6                                                          \
	{                                                                \
		.type = RTN_UNICAST, .oif = IFINDEX, .source = "fd00::1" \
	}

static const struct row rows[] = {
	{"10.0.0.2", &direct4, DIRECT4, {{IFINDEX, "10.0.0.2", NUD_PERMANENT, MAC}}, 0, MAC},
	{"10.0.0.2", &direct4, DIRECT4, {{IFINDEX, "10.0.0.2", NUD_REACHABLE, MAC}}, 0, MAC},
	{"10.0.0.2", &direct4, DIRECT4, {{IFINDEX, "10.0.0.2", NUD_STALE, MAC}}, 0, MAC},
	{"10.0.0.2", &direct4, DIRECT4, {{IFINDEX, "10.0.0.2", NUD_DELAY, MAC}}, 0, MAC},
	{"10.0.0.2", &direct4, DIRECT4, {{IFINDEX, "10.0.0.2", NUD_PROBE, MAC}}, 0, MAC},
	{"10.0.0.2", &direct4, DIRECT4, {{IFINDEX, "10.0.0.2", NUD_NOARP, MAC}}, 0, MAC},
	/* an old MAC of one that does not answer any more counts for nothing */
	{"10.0.0.2", &direct4, DIRECT4, {{IFINDEX, "10.0.0.2", NUD_FAILED, WRONG}}, -EHOSTUNREACH,
		NULL},
	{"10.0.0.2", &direct4, DIRECT4, {{IFINDEX, "10.0.0.2", NUD_INCOMPLETE, NULL}},
		-EHOSTUNREACH, NULL},
	{"10.0.0.2", &direct4, DIRECT4, {{IFINDEX, "10.0.0.2", NUD_NONE, NULL}}, -ENOENT, NULL},
	{"10.0.0.2", &direct4, DIRECT4, {{IFINDEX, "10.0.0.2", NUD_STALE, NULL}}, -ENOENT, NULL},
	{"10.0.0.2", &direct4, DIRECT4, {{0}}, -ENOENT, NULL},
	/* others' */
	{"10.0.0.2", &direct4, DIRECT4,
		{{OTHER, "10.0.0.2", NUD_REACHABLE, WRONG}, {IFINDEX, "10.0.0.3", NUD_STALE, WRONG},
			{IFINDEX, "fd00::2", NUD_STALE, WRONG}},
		-ENOENT, NULL},
	{"10.0.0.2", &direct4, DIRECT4,
		{{OTHER, "10.0.0.2", NUD_FAILED, WRONG}, {IFINDEX, "10.0.0.2", NUD_STALE, MAC},
			{IFINDEX, "10.0.0.20", NUD_STALE, WRONG}},
		0, MAC},
	{"fd00::2", &direct6, DIRECT6,
		{{IFINDEX, "fd00::3", NUD_STALE, WRONG}, {IFINDEX, "fd00::2", NUD_STALE, MAC}}, 0,
		MAC},
	{"fd00::2", &none, DIRECT6, {{IFINDEX, "fd00::2", NUD_FAILED, NULL}}, -EHOSTUNREACH, NULL},
	/* on this link or on another: only this one is asked */
	{"fe80::2", NULL, DIRECT6, {{IFINDEX, "fe80::2", NUD_STALE, MAC}}, 0, MAC},
	{"febf::2", NULL, DIRECT6, {{IFINDEX, "febf::2", NUD_STALE, MAC}}, 0, MAC},
	{"fec0::2", &direct6, DIRECT6, {{IFINDEX, "fec0::2", NUD_STALE, MAC}}, 0, MAC},
};

static void neighbours(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *row = &rows[i];
		unsigned version = version_of(row->dst);
		struct script s = {0};
		struct ws_rtnl nl;
		struct ws_hop hop;

		script_open(&nl);
		if (row->any) {
			answer_route(&s, version, row->any);
		}
		answer_route(&s, version, &row->by_interface);
		if (version == 4) {
			answer_route(&s, 4, &row->by_interface);
		}
		for (size_t k = 0; row->neighbours[k].address; k++) {
			put_neighbour(&s, row->neighbours[k].ifindex, row->neighbours[k].address,
				row->neighbours[k].state, row->neighbours[k].mac);
		}
		script_end(&s, true, 0);
		assert_int_equal(find(&nl, row->dst, &hop), row->result);
		if (row->mac) {
			assert_memory_equal(hop.mac, row->mac, 6);
		}
		assert_true(hop.has_source);
		assert_address(hop.source, version == 4 ? "10.0.0.1" : "fd00::1");
		assert_false(hop.has_gateway);
		assert_int_equal(hop.gateway_version, 0);
		assert_int_equal(script_questions(), s.seq - 1);
	}
}

/* The router's MAC; that of a neighbour with the destination's address is not in question. */
static void gateways(void **state)
{
	static const struct {
		const char *dst, *gateway;
		int result;
		uint16_t state;
	} cases[] = {
		{"192.0.2.1", "10.0.0.254", 0, NUD_REACHABLE},
		{"192.0.2.1", "10.0.0.254", -EHOSTUNREACH, NUD_FAILED},
		{"192.0.2.1", "10.0.0.254", -ENOENT, NUD_NONE},
		{"192.0.2.1", "fe80::254", 0, NUD_REACHABLE},
		{"192.0.2.1", "fe80::254", -ENOENT, NUD_NONE},
		{"2001:db8::1", "fe80::254", 0, NUD_STALE},
		{"2001:db8::1", "fd00::254", -EHOSTUNREACH, NUD_INCOMPLETE},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct route r = {.type = RTN_UNICAST, .oif = IFINDEX, .gateway = cases[i].gateway};
		unsigned version = version_of(cases[i].dst);
		struct script s = {0};
		struct ws_rtnl nl;
		struct ws_hop hop;

		script_open(&nl);
		for (unsigned k = 0; k < (version == 4 ? 3 : 2); k++) {
			answer_route(&s, version, &r);
		}
		put_neighbour(&s, IFINDEX, cases[i].dst, NUD_REACHABLE, WRONG);
		if (cases[i].state) {
			put_neighbour(&s, IFINDEX, cases[i].gateway, cases[i].state, MAC);
		}
		script_end(&s, true, 0);
		assert_int_equal(find(&nl, cases[i].dst, &hop), cases[i].result);
		if (!cases[i].result) {
			assert_memory_equal(hop.mac, MAC, 6);
		}
		assert_true(hop.has_gateway);
		assert_int_equal(hop.gateway_version, version_of(cases[i].gateway));
		assert_address(hop.gateway, cases[i].gateway);
		assert_false(hop.has_source);
	}
}

static void no_way(void **state)
{
	static const struct {
		const char *dst;
		struct route any, by_interface;
		int match_code; /* of the question for the route itself; 1: it is not asked */
		int result;
	} cases[] = {
		/* another interface has the route; none has; errors of routes that forbid */
		{"10.0.0.2", DIRECT4, {.type = RTN_UNICAST, .oif = OTHER}, 0, -ENETUNREACH},
		{"10.0.0.2", DIRECT4, {.code = -ENETUNREACH}, 1, -ENETUNREACH},
		{"10.0.0.2", {.code = -EHOSTUNREACH}, {.code = -EHOSTUNREACH}, 1, -ENETUNREACH},
		{"fd01::2", {.code = -EACCES}, {.code = -EACCES}, 1, -ENETUNREACH},
		{"fd01::2", {.code = -EINVAL}, {.code = -EINVAL}, 1, -ENETUNREACH},
		{"fd01::2", DIRECT6, {.type = RTN_UNREACHABLE, .oif = LO}, 1, -ENETUNREACH},
		{"fd01::2", DIRECT6, {.type = RTN_UNREACHABLE, .oif = IFINDEX}, 1, -ENETUNREACH},
		{"fd01::2", DIRECT6, {.type = RTN_UNICAST, .oif = OTHER}, 1, -ENETUNREACH},
		/* the kernel makes it a neighbour for lack of a route */
		{"10.9.0.2", {.code = -ENETUNREACH}, DIRECT4, -EHOSTUNREACH, -ENETUNREACH},
		{"10.9.0.2", {.type = RTN_UNICAST, .oif = OTHER}, DIRECT4, -EHOSTUNREACH,
			-ENETUNREACH},
		/* its own: of this interface; of another; of any */
		{"10.0.0.1", {.type = RTN_LOCAL, .oif = LO}, {.code = 1}, 1, -EADDRNOTAVAIL},
		{"fd00::1", {.type = RTN_LOCAL, .oif = LO}, {.code = 1}, 1, -EADDRNOTAVAIL},
		{"fd00::", {.type = RTN_ANYCAST, .oif = IFINDEX}, {.code = 1}, 1, -EADDRNOTAVAIL},
		{"10.0.0.1", {.code = -ENETUNREACH}, {.type = RTN_LOCAL, .oif = LO}, 1,
			-EADDRNOTAVAIL},
		/* other errors are what they are */
		{"10.0.0.2", {.code = -EPERM}, {.code = 1}, 1, -EPERM},
		{"fd00::2", {.code = -EOPNOTSUPP}, {.code = 1}, 1, -EOPNOTSUPP},
		{"10.0.0.2", DIRECT4, {.code = -ENODEV}, 1, -ENODEV},
		{"10.0.0.2", DIRECT4, DIRECT4, -ENOBUFS, -ENOBUFS},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct route match = {.code = cases[i].match_code,
			.type = RTN_UNICAST,
			.oif = cases[i].by_interface.oif};
		unsigned version = version_of(cases[i].dst);
		struct script s = {0};
		struct ws_rtnl nl;
		struct ws_hop hop;

		script_open(&nl);
		answer_route(&s, version, &cases[i].any);
		if (cases[i].by_interface.code <= 0) {
			answer_route(&s, version, &cases[i].by_interface);
		}
		if (match.code <= 0) {
			answer_route(&s, version, &match);
		}
		assert_int_equal(find(&nl, cases[i].dst, &hop), cases[i].result);
		assert_untouched(&hop);
		assert_int_equal(script_questions(), s.seq - 1);
	}
}

static void own_link_local_address(void **state)
{
	struct script s = {0};
	struct ws_rtnl nl;
	struct ws_hop hop;

	(void)state;
	script_open(&nl);
	answer_route(&s, 6, &(const struct route){.type = RTN_LOCAL, .oif = LO});
	assert_int_equal(find(&nl, "fe80::1", &hop), -EADDRNOTAVAIL);
	assert_untouched(&hop);
}

/* RFC 1112, 6.4: the lowest 23 bits. RFC 2464, 7: the lowest 32. */
static void groups(void **state)
{
	static const struct {
		const char *dst;
		uint8_t mac[6];
	} cases[] = {
		{"224.0.0.1", {0x01, 0x00, 0x5e, 0x00, 0x00, 0x01}},
		{"224.129.255.2", {0x01, 0x00, 0x5e, 0x01, 0xff, 0x02}},
		{"239.255.0.7", {0x01, 0x00, 0x5e, 0x7f, 0x00, 0x07}},
		{"255.255.255.255", {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
		{"ff02::1", {0x33, 0x33, 0x00, 0x00, 0x00, 0x01}},
		{"ff0e:1:2:3:4:5:a1b2:c3d4", {0x33, 0x33, 0xa1, 0xb2, 0xc3, 0xd4}},
	};
	static const struct {
		struct route route;
		bool has_source;
		int result;
	} ways[] = {
		{{.type = RTN_MULTICAST, .oif = IFINDEX}, true, 0},
		/* a router of the default route is not asked to take them */
		{{.type = RTN_UNICAST, .oif = IFINDEX, .gateway = "own"}, true, 0},
		{{.type = RTN_UNICAST, .oif = OTHER}, false, 0},
		{{.code = -ENETUNREACH}, false, 0},
		{{.code = -ENODEV}, false, -ENODEV},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases) * COUNT(ways); i++) {
		const char *dst = cases[i / COUNT(ways)].dst;
		struct route r = ways[i % COUNT(ways)].route;
		unsigned version = version_of(dst);
		const char *own = version == 4 ? "10.0.0.1" : "fd00::1";
		struct script s = {0};
		struct ws_rtnl nl;
		struct ws_hop hop;

		r.gateway = r.gateway ? version == 4 ? "10.0.0.254" : "fe80::254" : NULL;
		r.source = own;
		script_open(&nl);
		answer_route(&s, version, &r);
		assert_int_equal(find(&nl, dst, &hop), ways[i % COUNT(ways)].result);
		assert_int_equal(script_questions(), 1);
		if (ways[i % COUNT(ways)].result) {
			assert_untouched(&hop);
			continue;
		}
		assert_memory_equal(hop.mac, cases[i / COUNT(ways)].mac, 6);
		assert_false(hop.has_gateway);
		assert_int_equal(hop.has_source, ways[i % COUNT(ways)].has_source);
		if (hop.has_source) {
			assert_address(hop.source, own);
		}
	}
}

/* The last address of a network: the route says so. */
static void broadcast_of_a_network(void **state)
{
	const struct route r = {.type = RTN_BROADCAST, .oif = IFINDEX, .source = "10.0.0.1"};
	struct script s = {0};
	struct ws_rtnl nl;
	struct ws_hop hop;

	(void)state;
	script_open(&nl);
	for (int i = 0; i < 3; i++) {
		answer_route(&s, 4, &r);
	}
	assert_int_equal(find(&nl, "10.0.0.255", &hop), 0);
	assert_memory_equal(hop.mac, ALL, 6);
	assert_true(hop.has_source);
	assert_false(hop.has_gateway);
	assert_int_equal(script_questions(), 3);
}

static void changed_meanwhile(void **state)
{
	struct script s = {0};
	struct ws_rtnl nl;
	struct ws_hop hop;

	(void)state;
	script_open(&nl);
	answer_route(&s, 6, &direct6);
	answer_route(&s, 6, &direct6);
	put_neighbour(&s, IFINDEX, "fd00::2", NUD_REACHABLE, WRONG)->nlmsg_flags |= NLM_F_DUMP_INTR;
	script_end(&s, true, 0);
	put_neighbour(&s, IFINDEX, "fd00::3", NUD_REACHABLE, WRONG);
	script_end(&s, true, 0);
	assert_int_equal(find(&nl, "fd00::2", &hop), -ENOENT);
	assert_int_equal(script_questions(), 4);
}

static void damaged_routes(void **state)
{
	enum { NO_ANSWER, SHORT_HEADER, SHORT_OIF, GATEWAY, VIA, VIA_FAMILY, SOURCE, CASES };

	(void)state;
	for (int i = 0; i < CASES; i++) {
		static const uint8_t bytes[32] = {0};
		struct script s = {0};
		struct nlmsghdr *nlh;
		struct rtmsg *rtm;
		struct ws_rtnl nl;
		struct ws_hop hop;

		script_open(&nl);
		answer_route(&s, 4, &none);
		if (i == SHORT_HEADER) {
			nlh = script_put(&s, RTM_NEWROUTE, 0);
			mnl_nlmsg_put_extra_header(nlh, 8);
		} else if (i != NO_ANSWER) {
			nlh = script_put(&s, RTM_NEWROUTE, 0);
			rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
			rtm->rtm_family = AF_INET;
			rtm->rtm_type = RTN_UNICAST;
			mnl_attr_put(nlh, RTA_OIF, i == SHORT_OIF ? 2 : 4, &(int){IFINDEX});
			switch (i) {
			case GATEWAY:
				mnl_attr_put(nlh, RTA_GATEWAY, 16, bytes);
				break;
			case VIA:
				mnl_attr_put(nlh, RTA_VIA, 1, bytes);
				break;
			case VIA_FAMILY:
				mnl_attr_put(nlh, RTA_VIA, 18, bytes);
				break;
			case SOURCE:
				mnl_attr_put(nlh, RTA_PREFSRC, 3, bytes);
				break;
			}
		}
		script_end(&s, false, 0);
		assert_int_equal(find(&nl, "10.0.0.2", &hop), -EBADMSG);
		assert_untouched(&hop);
	}
}

static void damaged_neighbours(void **state)
{
	enum { SHORT_HEADER, NO_ADDRESS, SHORT_ADDRESS, LONG_MAC, PROXY, CUT_OFF, CASES };

	(void)state;
	for (int i = 0; i < CASES; i++) {
		static const uint8_t bytes[20] = {0xfd};
		struct script s = {0};
		struct nlmsghdr *nlh;
		struct ndmsg *ndm;
		struct ws_rtnl nl;
		struct ws_hop hop;

		script_open(&nl);
		answer_route(&s, 6, &direct6);
		answer_route(&s, 6, &direct6);
		nlh = script_put(&s, RTM_NEWNEIGH, NLM_F_MULTI);
		ndm = mnl_nlmsg_put_extra_header(nlh, i == SHORT_HEADER ? 8 : sizeof(*ndm));
		ndm->ndm_family = AF_INET6;
		ndm->ndm_ifindex = IFINDEX;
		if (i != SHORT_HEADER) {
			ndm->ndm_state = NUD_REACHABLE;
			ndm->ndm_flags = i == PROXY ? NTF_PROXY : 0;
			if (i != NO_ADDRESS) {
				mnl_attr_put(nlh, NDA_DST, i == SHORT_ADDRESS ? 4 : 16, bytes);
			}
			mnl_attr_put(nlh, NDA_LLADDR, i == LONG_MAC ? 20 : 6, bytes);
		}
		if (i == CUT_OFF) {
			((struct nlattr *)((char *)mnl_nlmsg_get_payload(nlh) + sizeof(*ndm) + 20))
				->nla_len = 200;
		}
		script_end(&s, true, 0);
		assert_int_equal(find(&nl, "fd00::", &hop), i == SHORT_HEADER ? -EBADMSG : -ENOENT);
	}
}

static void errors(void **state)
{
	const uint8_t dst[16] = {10, 0, 0, 2};
	struct script s = {0};
	struct ws_rtnl nl;
	struct ws_hop hop;

	(void)state;
	script_open(&nl);
	memset(&hop, 0x77, sizeof(hop));
	assert_int_equal(ws_neigh_find(&nl, IFINDEX, 5, dst, &hop), -EAFNOSUPPORT);
	assert_int_equal(ws_neigh_find(&nl, IFINDEX, 0, dst, &hop), -EAFNOSUPPORT);
	assert_int_equal(ws_neigh_find(&nl, 0, 4, dst, &hop), -ENODEV);
	assert_int_equal(script_questions(), 0);
	for (int i = 0; i < 3; i++) {
		answer_route(&s, 4, &direct4);
	}
	script_end(&s, true, -EOPNOTSUPP);
	assert_int_equal(ws_neigh_find(&nl, IFINDEX, 4, dst, &hop), -EOPNOTSUPP);
	assert_untouched(&hop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(neighbours),
		cmocka_unit_test(gateways),
		cmocka_unit_test(no_way),
		cmocka_unit_test(own_link_local_address),
		cmocka_unit_test(groups),
		cmocka_unit_test(broadcast_of_a_network),
		cmocka_unit_test(changed_meanwhile),
		cmocka_unit_test(damaged_routes),
		cmocka_unit_test(damaged_neighbours),
		cmocka_unit_test(errors),
	};

	return cmocka_run_group_tests_name("neigh", tests, NULL, NULL);
}
