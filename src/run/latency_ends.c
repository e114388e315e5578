/* SPDX-License-Identifier: BSD-2-Clause */
#include "run/latency_ends.h"

#include <errno.h>

#include "host/netns.h"

/* A card that holds one stamp has it read within milliseconds; until it is given up no other is asked for. */
#define HELD_TIMEOUT_NS 200000000LL
/* Bytes of ring for each packet beyond its length: headers and alignment. */
#define RING_OVERHEAD 112
#define RING_NS	      500000000 /* what the ring should hold */
#define MIN_RX_BUFFER (16ull << 20)
#define MAX_RX_BUFFER (256ull << 20)

void ws_latency_ends_init(struct ws_latency_ends *ends, const struct ws_latency_setup *setup)
{
	*ends = (struct ws_latency_ends){.setup = setup};
	if (setup->udp_local) {
		ends->udp_local = *setup->udp_local;
	}
}

void ws_latency_ends_close(struct ws_latency_ends *ends)
{
	for (int end = 0; end < WS_ENDS; end++) {
		ws_io_close(ends->io[end]);
		ends->io[end] = NULL;
	}
}

static uint64_t rx_buffer_for(const struct ws_latency_setup *setup)
{
	double pps = ws_plan_is_max(&setup->plan) ? 2e6 : ws_ratio_double(setup->plan.pps);
	double wanted = pps * (setup->source.len_max + RING_OVERHEAD) * (RING_NS * 1e-9);

	if (setup->rx_buffer) {
		return setup->rx_buffer;
	}
	return wanted < MIN_RX_BUFFER	? MIN_RX_BUFFER
	       : wanted > MAX_RX_BUFFER ? MAX_RX_BUFFER
					: (uint64_t)wanted;
}

unsigned ws_latency_tx_stages(const struct ws_latency_setup *setup)
{
	switch (setup->end[WS_END_TX].origin) {
	case WS_ORIGIN_HARDWARE:
		return WS_STAGE_WIRE | (setup->waterfall ? WS_STAGE_SCHED | WS_STAGE_DRIVER : 0);
	case WS_ORIGIN_SOFTWARE:
		return WS_STAGE_DRIVER | (setup->waterfall ? WS_STAGE_SCHED : 0);
	default:
		return 0;
	}
}

bool ws_latency_is_hardware(const struct ws_latency_setup *setup, enum ws_end end)
{
	return setup->end[end].origin == WS_ORIGIN_HARDWARE;
}

bool ws_latency_has_receiver(const struct ws_latency_setup *setup)
{
	return setup->mode != WS_LATENCY_SEND;
}

/* The sender shares the receiver's port. */
static void set_port(struct sockaddr_storage *address, uint16_t port)
{
	if (address->ss_family == AF_INET6) {
		((struct sockaddr_in6 *)address)->sin6_port = htons(port);
	} else {
		((struct sockaddr_in *)address)->sin_port = htons(port);
	}
}

int ws_latency_end_open(
	struct ws_latency_ends *ends, enum ws_end end, struct ws_latency_granted *granted)
{
	const struct ws_latency_setup *setup = ends->setup;
	const struct ws_latency_end *e = &setup->end[end];
	struct ws_io_config config = {
		.backend = setup->backend,
		.ifindex = e->ifindex,
	};
	const struct ws_io_caps *caps;
	int saved, rc;

	if (end == WS_END_RX) {
		config.dirs = WS_IO_RX;
		config.rx_stamps = true; /* with USER too: arrival is judged by the kernel's time */
		config.rx_buffer = rx_buffer_for(setup);
		config.rx_hw_clock =
			ws_latency_is_hardware(setup, end) ? e->hw_clock : WS_CLOCK_NONE;
	} else {
		config.dirs = WS_IO_TX;
		config.frame_max = setup->source.len_max;
		config.tx_stages = ws_latency_tx_stages(setup);
		config.tx_hw_clock =
			ws_latency_is_hardware(setup, end) ? e->hw_clock : WS_CLOCK_NONE;
		config.stamp_timeout_ns = setup->in_flight ? HELD_TIMEOUT_NS : WS_LATENCY_STAMP_NS;
	}
	if (setup->udp_peer) {
		config.udp_local = &ends->udp_local;
		config.udp_peer = end == WS_END_RX ? setup->udp_peer : NULL;
	}
	saved = ws_netns_enter(e->netns);
	if (saved < 0) {
		return saved;
	}
	rc = ws_io_open(&ends->io[end], &config);
	ws_netns_leave(saved);
	if (rc < 0) {
		return rc;
	}
	caps = ws_io_caps(ends->io[end]);
	if (setup->udp_peer) {
		set_port(&ends->udp_local, caps->udp_port);
	}
	if (end == WS_END_RX) {
		granted->backend = caps->backend;
		granted->rx_buffer = caps->rx_buffer;
	} else {
		granted->tx_backend = caps->backend;
		granted->stamp_buffer = caps->stamp_buffer;
		granted->stamps_outstanding = caps->stamps_outstanding;
	}
	return 0;
}

/* The counters of an end's interface. 0 or -errno; then *nic is empty. */
int ws_latency_counters(const struct ws_latency_setup *setup, enum ws_end end, struct ws_nic *nic)
{
	const struct ws_latency_end *e = &setup->end[end];
	int saved, rc;

	*nic = (struct ws_nic){0};
	if (!e->ifindex) {
		/* A routed socket: no interface of its own. */
		nic->up = nic->running = true;
		return 0;
	}
	saved = ws_netns_enter(e->netns);
	if (saved < 0) {
		return saved;
	}
	rc = ws_nic_refresh(e->ifindex, nic);
	ws_netns_leave(saved);
	return rc;
}

/* Before a run: what was fine when the command began may have changed since. */
int ws_latency_ends_check(const struct ws_latency_setup *setup, struct ws_latency_fault *fault)
{
	for (int end = 0; end < (ws_latency_has_receiver(setup) ? WS_ENDS : WS_END_RX); end++) {
		struct ws_nic nic;
		int rc = ws_latency_counters(setup, (enum ws_end)end, &nic);

		fault->end = (enum ws_end)end;
		if (rc < 0 || !nic.up || !nic.running) {
			return rc < 0 ? rc : nic.up ? -ENOLINK : -ENETDOWN;
		}
	}
	return 0;
}

/* During and after a run. */
void ws_latency_carriers(const struct ws_latency_setup *setup, struct ws_warnings *warnings)
{
	for (int end = 0; end < (ws_latency_has_receiver(setup) ? WS_ENDS : WS_END_RX); end++) {
		struct ws_nic nic;

		if (ws_latency_counters(setup, (enum ws_end)end, &nic) == 0 && nic.up &&
			!nic.running) {
			ws_warn(warnings,
				"%s: %s lost its carrier during the run (is the cable in, and the other end up?)",
				setup->label, setup->end[end].name);
		}
	}
}

bool ws_latency_end_exists(const struct ws_latency_setup *setup, enum ws_end end)
{
	struct ws_nic nic;

	return ws_latency_counters(setup, end, &nic) != -ENODEV;
}
