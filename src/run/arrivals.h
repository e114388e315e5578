/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Probes of whatever run, received and recorded, not answered: a table of run ids and streams, and a row of
 * packets.npy for each copy, in the order of arrival. Its `run` is the place in the table.
 */
#pragma once

#include "file/packets.h"
#include "io/io.h"
#include "report/reflect_result.h"

struct ws_arrivals;

/* 0 or -ENOMEM. ptp_udp: probes in PTP messages come to WS_PTP_PORT, besides. packets: NULL for none. */
int ws_arrivals_new(struct ws_arrivals **ret, uint16_t udp_port, bool ptp_udp,
	struct ws_packets_writer *packets);
void ws_arrivals_free(struct ws_arrivals *a);
/* now_ns: when the program saw it. */
void ws_arrivals_take(struct ws_arrivals *a, const struct ws_io_view *v, const struct ws_stamp *rx,
	int64_t now_ns);
/* Fills in the result's streams. 0 or -ENOMEM. */
int ws_arrivals_finish(struct ws_arrivals *a, struct ws_reflect_result *ret);
