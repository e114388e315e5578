/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel tells of queue disciplines, on scripted answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/qdisc.h"
#include "unit/rtnl_script.h"

#include <errno.h>
#include <linux/gen_stats.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define IFINDEX	 7
#define ROOT	 TC_H_ROOT
#define MAJ(n)	 ((uint32_t)(n) << 16)
#define NO_RATE	 UINT32_MAX
#define PKT64	 8

static struct nlmsghdr *put_qdisc(
	struct script *s, int ifindex, uint32_t handle, uint32_t parent, const char *kind)
{
	struct nlmsghdr *nlh = script_put(s, RTM_NEWQDISC, NLM_F_MULTI);
	struct tcmsg *tcm = mnl_nlmsg_put_extra_header(nlh, sizeof(*tcm));

	tcm->tcm_ifindex = ifindex;
	tcm->tcm_handle = handle;
	tcm->tcm_parent = parent;
	if (kind) {
		mnl_attr_put_strz(nlh, TCA_KIND, kind);
	}
	return nlh;
}

static void put_fq_rate(struct nlmsghdr *nlh, uint32_t rate)
{
	struct nlattr *options = mnl_attr_nest_start(nlh, TCA_OPTIONS);

	mnl_attr_put_u32(nlh, TCA_FQ_PLIMIT, 10000);
	mnl_attr_put_u32(nlh, TCA_FQ_FLOW_MAX_RATE, rate);
	mnl_attr_nest_end(nlh, options);
}

static void put_link(struct script *s, const char *qdisc)
{
	struct nlmsghdr *nlh = script_put(s, RTM_NEWLINK, 0);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));

	ifi->ifi_index = IFINDEX;
	mnl_attr_put_strz(nlh, IFLA_IFNAME, "eth0");
	if (qdisc) {
		mnl_attr_put_strz(nlh, IFLA_QDISC, qdisc);
	}
	script_end(s, false, 0);
}

struct row {
	struct {
		uint32_t handle, parent;
		const char *kind;
		uint32_t fq_rate; /* 0: no options */
	} list[6];
	const char *leaves;
	bool shapes, etf, fq, bypass;
};

static const struct row rows[] = {
	{{{0, ROOT, "noqueue", 0}}, "", false, false, false, true},
	{{{0, ROOT, "pfifo_fast", 0}}, "", false, false, false, true},
	{{{0, ROOT, "fq_codel", 0}}, "", false, false, false, true},
	{{{0, ROOT, "pfifo", 0}}, "", false, false, false, false},
	{{{0, ROOT, "sfq", 0}}, "", false, false, false, false},
	{{{MAJ(0x8001), ROOT, "tbf", 0}}, "", true, false, false, false},
	{{{MAJ(1), ROOT, "prio", 0}, {MAJ(2), MAJ(1) | 1, "pfifo", 0}}, "pfifo", true, false, false,
		false},
	{{{MAJ(1), ROOT, "cake", 0}}, "", true, false, false, false},
	{{{MAJ(1), ROOT, "next_year", 0}}, "", true, false, false, false},
	{{{MAJ(1), ROOT, "exactly_sixteen", 0}}, "", true, false, false, false},
	/* a rate in fq holds up every flow; none is all ones */
	{{{MAJ(1), ROOT, "fq", 0}}, "", false, false, true, true},
	{{{MAJ(1), ROOT, "fq", NO_RATE}}, "", false, false, true, true},
	{{{MAJ(1), ROOT, "fq", 6250000}}, "", true, false, true, false},
	{{{MAJ(1), ROOT, "fq_codel", 6250000}}, "", false, false, false, true},
	{{{0, ROOT, "mq", 0}, {0, 1, "fq", 0}, {0, 2, "fq", 125000}}, "fq", true, false, true,
		false},
	/* mq as it is by default, without a handle, and with one */
	{{{0, ROOT, "mq", 0}, {0, 1, "fq_codel", 0}, {0, 2, "fq_codel", 0}}, "fq_codel", false,
		false, false, true},
	{{{0, ROOT, "mq", 0}, {0, 1, "fq", 0}, {0, 2, "fq", 0}}, "fq", false, false, true, true},
	{{{MAJ(1), ROOT, "mq", 0}, {0, MAJ(1) | 1, "fq", 0}, {MAJ(9), MAJ(1) | 2, "pfifo_fast", 0}},
		"fq, pfifo_fast", false, false, false, true},
	{{{MAJ(1), ROOT, "mq", 0}, {0, MAJ(1) | 1, "pfifo_fast", 0},
		 {MAJ(9), MAJ(1) | 2, "tbf", 0}},
		"pfifo_fast, tbf", true, false, false, false},
	{{{MAJ(1), ROOT, "mq", 0}, {0, MAJ(1) | 1, "pfifo", 0}}, "pfifo", false, false, false,
		false},
	{{{MAJ(1), ROOT, "mq", 0}, {MAJ(2), MAJ(1) | 1, "etf", 0}, {MAJ(3), MAJ(1) | 2, "etf", 0}},
		"etf", true, true, false, false},
	{{{MAJ(1), ROOT, "mqprio", 0}, {MAJ(2), MAJ(1) | 1, "etf", 0}}, "etf", true, true, false,
		false},
	{{{MAJ(1), ROOT, "mqprio", 0}, {MAJ(2), MAJ(1) | 1, "etf", 0}, {0, MAJ(1) | 2, "fq", 0}},
		"etf, fq", true, false, false, false},
	/* below a leaf, what meets it is not all that leaves */
	{{{MAJ(1), ROOT, "mq", 0}, {MAJ(2), MAJ(1) | 1, "fq", 0}, {MAJ(3), MAJ(1) | 2, "htb", 0},
		 {MAJ(4), MAJ(3) | 1, "fq", 0}},
		"fq, htb", true, false, false, false},
	{{{MAJ(1), ROOT, "mq", 0}, {MAJ(2), MAJ(1) | 1, "fq", 0},
		 {MAJ(4), MAJ(3) | 1, "pfifo_fast", 0}},
		"fq, pfifo_fast", false, false, true, true},
	{{{MAJ(1), ROOT, "htb", 0}, {MAJ(2), MAJ(1) | 1, "fq", 0}}, "fq", true, false, false,
		false},
	{{{MAJ(1), ROOT, "mq", 0}}, "", false, false, false, true},
	{{{MAJ(1), ROOT, "etf", 0}}, "", true, true, false, false},
	/* filters of what comes in are no queue */
	{{{MAJ(1), ROOT, "fq", 0}, {MAJ(0xffff), TC_H_INGRESS, "clsact", 0}}, "", false, false,
		true, true},
	/* the kernel lists the root first; if not, nothing is claimed */
	{{{MAJ(2), MAJ(1) | 1, "tbf", 0}, {MAJ(1), ROOT, "mq", 0}, {MAJ(3), MAJ(1) | 2, "fq", 0}},
		"tbf, fq", true, false, false, false},
	{{{MAJ(2), MAJ(1) | 1, "fq", 0}, {MAJ(1), ROOT, "mq", 0}, {MAJ(3), MAJ(1) | 2, "fq", 0}},
		"fq", false, false, false, true},
};

static void kinds(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *row = &rows[i];
		struct ws_qdisc_facts q;
		struct script s = {0};
		struct ws_rtnl nl;
		unsigned n = 0, hidden = 0;
		const char *root = NULL;

		script_open(&nl);
		put_qdisc(&s, IFINDEX + 1, 0, ROOT, "tbf");
		for (; n < COUNT(row->list) && row->list[n].kind; n++) {
			struct nlmsghdr *nlh = put_qdisc(&s, IFINDEX, row->list[n].handle,
				row->list[n].parent, row->list[n].kind);

			if (row->list[n].fq_rate) {
				put_fq_rate(nlh, row->list[n].fq_rate);
			}
			hidden += row->list[n].parent == TC_H_INGRESS;
			root = row->list[n].parent == ROOT ? row->list[n].kind : root;
		}
		put_qdisc(&s, IFINDEX + 2, MAJ(1), ROOT, "etf");
		script_end(&s, true, 0);
		assert_int_equal(ws_qdisc_look(&nl, IFINDEX, &q), 0);
		assert_string_equal(q.root, root);
		assert_string_equal(q.leaves, row->leaves);
		assert_int_equal(q.count, n - hidden);
		assert_int_equal(q.shapes, row->shapes);
		assert_int_equal(q.launch_etf, row->etf);
		assert_int_equal(q.launch_fq, row->fq);
		assert_int_equal(ws_qdisc_may_bypass(&q), row->bypass);
		assert_int_equal(script_questions(), 1);
	}
}

/* However many there are, what does not fit is never taken for nothing. */
static void many_kinds(void **state)
{
	static const char *const many[] = {"fq", "fq_codel", "pfifo_fast", "noqueue", "htb",
		"exactly_sixteen", "fq_pie", "another_kind_15", "mq", "red"};
	struct ws_qdisc_facts q;
	struct script s = {0};
	struct ws_rtnl nl;

	(void)state;
	script_open(&nl);
	put_qdisc(&s, IFINDEX, 0, ROOT, "mq");
	for (uint32_t i = 0; i < 2 * COUNT(many); i++) {
		put_qdisc(&s, IFINDEX, 0, i + 1, many[i % COUNT(many)]);
	}
	script_end(&s, true, 0);
	assert_int_equal(ws_qdisc_look(&nl, IFINDEX, &q), 0);
	assert_string_equal(
		q.leaves, "fq, fq_codel, pfifo_fast, noqueue, htb, exactly_sixteen, ...");
	assert_true(strlen(q.leaves) < sizeof(q.leaves));
	assert_int_equal(q.count, 1 + 2 * COUNT(many));

	q = (struct ws_qdisc_facts){.root = "mq", .leaves = "fq, fq_codel, ..."};
	assert_false(ws_qdisc_may_bypass(&q));
	q = (struct ws_qdisc_facts){.root = "mq", .leaves = "fq, fq_code"};
	assert_false(ws_qdisc_may_bypass(&q));
	q = (struct ws_qdisc_facts){.root = "", .leaves = ""};
	assert_false(ws_qdisc_may_bypass(&q));
}

static void put_stats(struct nlmsghdr *nlh, uint32_t packets, uint64_t packets64)
{
	const struct gnet_stats_basic basic = {.bytes = 64, .packets = packets};
	const struct gnet_stats_queue queue = {
		.qlen = 3, .backlog = 180, .drops = 4000000000, .requeues = 5, .overlimits = 6};
	struct nlattr *stats = mnl_attr_nest_start(nlh, TCA_STATS2);

	if (packets64) {
		mnl_attr_put_u64(nlh, PKT64, packets64);
	}
	mnl_attr_put(nlh, TCA_STATS_BASIC, sizeof(basic), &basic);
	mnl_attr_put(nlh, TCA_STATS_QUEUE, sizeof(queue), &queue);
	mnl_attr_nest_end(nlh, stats);
}

static void counters(void **state)
{
	static const struct tc_stats old = {
		.packets = 70, .drops = 71, .overlimits = 72, .qlen = 73};

	(void)state;
	/* the new ones; a count that is too large for them; the old ones alone; the old ones cut off */
	for (int i = 0; i < 4; i++) {
		struct ws_qdisc_facts q;
		struct script s = {0};
		struct nlmsghdr *nlh;
		struct ws_rtnl nl;
		bool is_new = i < 2;

		script_open(&nl);
		nlh = put_qdisc(&s, IFINDEX, 0, ROOT, "mq");
		mnl_attr_put(nlh, TCA_STATS,
			i == 3 ? offsetof(struct tc_stats, overlimits) : sizeof(old), &old);
		if (is_new) {
			put_stats(nlh, 9, i ? UINT64_C(1) << 33 : 0);
		}
		/* a leaf's are in the root's already */
		put_stats(put_qdisc(&s, IFINDEX, 0, 1, "fq"), 500, 0);
		script_end(&s, true, 0);
		assert_int_equal(ws_qdisc_look(&nl, IFINDEX, &q), 0);
		assert_int_equal(q.packets, i == 0   ? 9
					    : i == 1 ? UINT64_C(1) << 33
					    : i == 2 ? 70
						     : 0);
		assert_int_equal(q.drops, is_new ? 4000000000 : i == 2 ? 71 : 0);
		assert_int_equal(q.overlimits, is_new ? 6 : i == 2 ? 72 : 0);
		assert_int_equal(q.requeues, is_new ? 5 : 0);
		assert_int_equal(q.backlog_packets, is_new ? 3 : i == 2 ? 73 : 0);
	}
}

static void what_is_not_listed(void **state)
{
	static const struct {
		const char *said;
		int code, result;
		bool shapes, bypass;
	} links[] = {
		{"noqueue", 0, 0, false, true},
		{"noop", 0, 0, true, false},
		{"tbf", 0, 0, true, false},
		{"", 0, -ENODEV, false, false},
		{NULL, 0, -ENODEV, false, false},
		{NULL, -ENODEV, -ENODEV, false, false},
		{NULL, -EPERM, -EPERM, false, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(links); i++) {
		struct ws_qdisc_facts q = {.root = "untouched", .count = 77};
		struct script s = {0};
		struct ws_rtnl nl;

		script_open(&nl);
		put_qdisc(&s, IFINDEX + 1, 0, ROOT, "fq");
		put_qdisc(&s, IFINDEX, MAJ(0xffff), TC_H_INGRESS, "ingress");
		script_end(&s, true, 0);
		if (links[i].code) {
			script_end(&s, false, links[i].code);
		} else {
			put_link(&s, links[i].said);
		}
		assert_int_equal(ws_qdisc_look(&nl, IFINDEX, &q), links[i].result);
		if (links[i].result) {
			assert_string_equal(q.root, "untouched");
			assert_int_equal(q.count, 77);
			continue;
		}
		assert_string_equal(q.root, links[i].said);
		assert_int_equal(q.count, 1);
		assert_int_equal(q.packets, 0);
		assert_int_equal(q.shapes, links[i].shapes);
		assert_int_equal(ws_qdisc_may_bypass(&q), links[i].bypass);
		assert_false(q.launch_fq || q.launch_etf);
	}
}

static void changed_meanwhile(void **state)
{
	struct ws_qdisc_facts q;
	struct script s = {0};
	struct ws_rtnl nl;

	(void)state;
	script_open(&nl);
	put_qdisc(&s, IFINDEX, MAJ(1), ROOT, "mq");
	put_qdisc(&s, IFINDEX, MAJ(2), MAJ(1) | 1, "tbf")->nlmsg_flags |= NLM_F_DUMP_INTR;
	script_end(&s, true, 0);
	put_qdisc(&s, IFINDEX, 0, ROOT, "fq");
	script_end(&s, true, 0);
	assert_int_equal(ws_qdisc_look(&nl, IFINDEX, &q), 0);
	assert_string_equal(q.root, "fq");
	assert_string_equal(q.leaves, "");
	assert_int_equal(q.count, 1);
	assert_false(q.shapes);
	assert_int_equal(script_questions(), 2);
}

static void damaged(void **state)
{
	const struct gnet_stats_basic basic = {.bytes = 64, .packets = 9};

	(void)state;
	for (int i = 0; i < 5; i++) {
		struct ws_qdisc_facts q = {.count = 77};
		struct script s = {0};
		struct nlmsghdr *nlh;
		struct nlattr *stats;
		struct ws_rtnl nl;
		int err;

		script_open(&nl);
		switch (i) {
		case 0: /* the header is cut off */
			nlh = script_put(&s, RTM_NEWQDISC, NLM_F_MULTI);
			mnl_nlmsg_put_extra_header(nlh, sizeof(struct tcmsg) - 4);
			break;
		case 1: /* no kind */
			put_qdisc(&s, IFINDEX, 0, ROOT, NULL);
			break;
		case 2: /* an attribute is longer than its message */
			nlh = put_qdisc(&s, IFINDEX, 0, ROOT, "fq");
			((struct nlattr *)((char *)nlh + sizeof(*nlh) + sizeof(struct tcmsg)))
				->nla_len = 2000;
			break;
		case 3: /* a kind without an end, longer than any; options and counters cut off */
			nlh = put_qdisc(&s, IFINDEX, 0, ROOT, NULL);
			mnl_attr_put(nlh, TCA_KIND, 24, "fqfqfqfqfqfqfqfqfqfqfqfq");
			mnl_attr_put(nlh, TCA_OPTIONS, 2, "xx");
			mnl_attr_put(nlh, TCA_STATS2, 3, "xxx");
			break;
		case 4: /* counters cut off, an attribute among them that says more than there is */
			nlh = put_qdisc(&s, IFINDEX, 0, ROOT, "fq");
			put_fq_rate(nlh, NO_RATE);
			stats = mnl_attr_nest_start(nlh, TCA_STATS2);
			mnl_attr_put(nlh, TCA_STATS_BASIC, 10, &basic);
			mnl_attr_put_u32(nlh, TCA_STATS_QUEUE, 1);
			mnl_attr_nest_end(nlh, stats);
			((struct nlattr *)((char *)mnl_nlmsg_get_payload_tail(nlh) - 8))->nla_len =
				400;
			break;
		}
		script_end(&s, true, 0);
		err = ws_qdisc_look(&nl, IFINDEX, &q);
		if (i < 3) {
			assert_int_equal(err, -EBADMSG);
			assert_int_equal(q.count, 77);
			continue;
		}
		assert_int_equal(err, 0);
		assert_string_equal(q.root, i == 3 ? "fqfqfqfqfqfqfqf" : "fq");
		assert_int_equal(q.shapes, i == 3);
		assert_int_equal(q.packets, 0);
		assert_int_equal(q.drops, 0);
	}
}

static void errors(void **state)
{
	struct ws_qdisc_facts q = {.count = 77};
	struct script s = {0};
	struct ws_rtnl nl;

	(void)state;
	script_open(&nl);
	assert_int_equal(ws_qdisc_look(&nl, 0, &q), -ENODEV);
	assert_int_equal(ws_qdisc_look(&nl, -1, &q), -ENODEV);
	assert_int_equal(script_questions(), 0);
	script_end(&s, true, -EOPNOTSUPP);
	assert_int_equal(ws_qdisc_look(&nl, IFINDEX, &q), -EOPNOTSUPP);
	assert_int_equal(q.count, 77);
	/* the link's answer is cut off */
	script_open(&nl);
	s = (struct script){0};
	script_end(&s, true, 0);
	mnl_nlmsg_put_extra_header(script_put(&s, RTM_NEWLINK, 0), 8);
	script_end(&s, false, 0);
	assert_int_equal(ws_qdisc_look(&nl, IFINDEX, &q), -EBADMSG);
	assert_int_equal(q.count, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds),
		cmocka_unit_test(many_kinds),
		cmocka_unit_test(counters),
		cmocka_unit_test(what_is_not_listed),
		cmocka_unit_test(changed_meanwhile),
		cmocka_unit_test(damaged),
		cmocka_unit_test(errors),
	};

	return cmocka_run_group_tests_name("qdisc", tests, NULL, NULL);
}
