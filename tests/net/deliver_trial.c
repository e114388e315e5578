/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `probe --deliver` without the command around it:
 *
 *   deliver_trial [--yes] IFACE PEER       inside a lab ws1 is its other side
 *
 * One JSON document on stdout, and the exit status that the command would have.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/commands.h"
#include "commands/probe_deliver.h"
#include "host/lab.h"

static const char *boolean(bool b)
{
	return b ? "true" : "false";
}

static void print_shape(const struct ws_ts_delivered *d, bool first)
{
	printf("%s{\"carrier\": \"%s\", \"vlan\": %s, \"sent\": %llu, \"received\": %llu, ",
		first ? "" : ", ", d->carrier, boolean(d->vlan), (unsigned long long)d->sent,
		(unsigned long long)d->received);
	printf("\"tx_hardware\": %llu, \"tx_software\": %llu, \"rx_hardware\": %llu, "
	       "\"rx_software\": %llu, ",
		(unsigned long long)d->tx_hardware, (unsigned long long)d->tx_software,
		(unsigned long long)d->rx_hardware, (unsigned long long)d->rx_software);
	printf("\"misplaced\": %llu, \"granularity\": [%lld, %lld], \"stuck\": %s}",
		(unsigned long long)(d->tx_misplaced + d->rx_misplaced),
		(long long)d->tx_granularity_ns, (long long)d->rx_granularity_ns,
		boolean(d->rx_stuck));
}

static void print(const struct ws_probe_interface *i, const struct ws_warnings *w)
{
	printf("{\"tried\": %s, \"peer\": \"%s\", \"far_reflects\": %s, \"hardware\": [%s, %s], ",
		boolean(i->tried), i->peer, boolean(i->far_reflects), boolean(i->hardware_tx),
		boolean(i->hardware_rx));
	printf("\"delivered\": [");
	for (unsigned n = 0; n < i->delivered_count; n++) {
		print_shape(&i->delivered[n], n == 0);
	}
	printf("], \"rate\": {\"known\": %s, \"by_sender\": %s, \"safe_pps\": %.1f, \"lost_pps\": %.1f, "
	       "\"in_flight\": %u, \"carrier\": \"%s\"}, ",
		boolean(i->rate.known), boolean(i->rate.by_sender), i->rate.safe_pps,
		i->rate.lost_pps, i->rate.in_flight, i->rate.carrier ? i->rate.carrier : "");
	printf("\"path\": {\"known\": %s, \"plain\": %llu, \"ptp\": %llu, \"plain_ns\": %.0f, \"ptp_ns\": "
	       "%.0f, \"difference_ns\": %.0f, \"low_ns\": %.0f, \"high_ns\": %.0f, \"noise_ns\": %.0f, "
	       "\"same\": %s}, \"warnings\": [",
		boolean(i->path.known), (unsigned long long)i->path.plain,
		(unsigned long long)i->path.ptp, i->path.plain_ns, i->path.ptp_ns,
		i->path.difference_ns, i->path.low_ns, i->path.high_ns, i->path.noise_ns,
		boolean(i->path.same));
	for (unsigned n = 0; n < w->count; n++) {
		printf("%s\"%s\"", n ? ", " : "", w->text[n]);
	}
	printf("]}\n");
}

int main(int argc, char **argv)
{
	bool yes = argc > 1 && !strcmp(argv[1], "--yes");
	const struct ws_probe_options options = {.yes = yes};
	struct ws_probe_trial trial = {.options = &options, .peer_netns = -1};
	struct ws_probe_interface *result = ws_need(calloc(1, sizeof(*result)));
	struct ws_warnings *warnings = ws_need(calloc(1, sizeof(*warnings)));
	struct ws_end_nic end;
	struct ws_lab lab;
	char why[320];
	int status = WS_EXIT_FAIL;

	if (argc != 3 + yes) {
		fprintf(stderr, "usage: deliver_trial [--yes] IFACE PEER\n");
		return WS_EXIT_USAGE;
	}
	trial.peer = argv[2 + yes];
	if (!strcmp(trial.peer, ws_lab_ifname[1])) {
		if (ws_lab_enter(&lab, why, sizeof(why)) < 0) {
			fprintf(stderr, "lab: %s\n", why);
			return WS_EXIT_FAIL;
		}
		trial.peer_netns = lab.ns[1];
	}
	if (ws_end_nic_look(&end, argv[1 + yes]) == 0) {
		status = ws_probe_deliver(&trial, &end, result, warnings);
		ws_end_nic_close(&end);
	}
	print(result, warnings);
	free(result);
	free(warnings);
	return status;
}
