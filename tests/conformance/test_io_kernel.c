/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The conformance suite on the kernel's backends: every ordered pair of them over the lab's veth
 * pair. Without a lab every case is skipped, and says why.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/lab_fixture.h"
#include "host/lab.h"
#include "host/netns.h"

#define MTU 1500

static int fixture_open(struct conf_fixture *fx, unsigned side, struct ws_io **ret,
	const struct ws_io_config *config)
{
	const struct ws_lab *lab = fx->arg;
	struct ws_io_config c = *config;
	int saved = ws_netns_enter(lab->ns[side]);
	int r;

	if (saved < 0) {
		return saved;
	}
	if (!c.backend) {
		c.backend = fx->backends[side];
	}
	if (c.ifindex == CONF_ANY_IFINDEX) {
		c.ifindex = 0;
	} else if (!c.ifindex) {
		c.ifindex = (int)if_nametoindex(ws_lab_ifname[side]);
	}
	r = ws_io_open(ret, &c);
	ws_netns_leave(saved);
	return r;
}

#define BACKENDS 3
#define PAIRS	 (BACKENDS * BACKENDS)
#define TESTS	 (PAIRS * CONF_CASES + BACKENDS * CONF_RX_CASES)

int main(void)
{
	static const char *const backends[BACKENDS] = {"socket", "tpacket2", "tpacket3"};
	static struct conf_fixture fixtures[PAIRS];
	static char names[PAIRS][32];
	static struct CMUnitTest cases[TESTS];
	struct CMUnitTest *next = cases;
	struct ws_lab lab;
	char why[256] = "";
	int failed, r;

	/* a lab of our own, whose interfaces may go, even inside another one */
	unsetenv(WS_LAB_ENV "0");
	unsetenv(WS_LAB_ENV "1");
	r = ws_lab_enter(&lab, why, sizeof(why));
	for (unsigned i = 0; i < PAIRS; i++) {
		const char *from = backends[i / BACKENDS], *to = backends[i % BACKENDS];

		snprintf(names[i], sizeof(names[i]), "%s to %s", from, to);
		fixtures[i] = (struct conf_fixture){
			.name = names[i],
			.backends = {from, to},
			.mtu = MTU,
			.open = fixture_open,
			.ifindex = conf_lab_ifindex,
			.tag_apart = 4,
			.concurrent = true,
			.now = conf_lab_now,
			.link = conf_lab_link,
			.remove = conf_lab_remove,
			.restore = conf_lab_restore,
			.arg = &lab,
		};
		conf_cases(&fixtures[i], next);
		next += CONF_CASES;
		if (i < BACKENDS) {
			conf_rx_cases(&fixtures[i], next);
			next += CONF_RX_CASES;
		}
	}
	if (r < 0) {
		return conf_skip_all(cases, TESTS, why[0] ? why : strerror(-r));
	}
	failed = cmocka_run_group_tests_name(
		"conformance of the kernel's backends", cases, NULL, NULL);
	ws_lab_leave(&lab);
	return failed != 0;
}
