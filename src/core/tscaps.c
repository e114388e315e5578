/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/tscaps.h"

#include <linux/net_tstamp.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* By number: the headers of the oldest system that this is built on do not know all of them. */
static const char *const flag_names[] = {
	[0] = "hardware-transmit",
	[1] = "software-transmit",
	[2] = "hardware-receive",
	[3] = "software-receive",
	[4] = "software-system-clock",
	[5] = "hardware-legacy-clock",
	[6] = "hardware-raw-clock",
	[7] = "option-id",
	[8] = "sched-transmit",
	[9] = "ack-transmit",
	[10] = "option-cmsg",
	[11] = "option-tsonly",
	[12] = "option-stats",
	[13] = "option-pktinfo",
	[14] = "option-tx-swhw",
	[15] = "bind-phc",
	[16] = "option-id-tcp",	   /* Linux 6.2 */
	[17] = "option-rx-filter", /* 6.12 */
	[18] = "tx-completion",	   /* 6.15 */
};

static const char *const tx_type_names[] = {
	[HWTSTAMP_TX_OFF] = "off",
	[HWTSTAMP_TX_ON] = "on",
	[HWTSTAMP_TX_ONESTEP_SYNC] = "onestep-sync",
	[HWTSTAMP_TX_ONESTEP_P2P] = "onestep-p2p",
};

/* Kinds of frames, as finely as filters tell them apart. */
enum {
	V1_SYNC = 1 << 0,
	V1_DELAY_REQ = 1 << 1,
	V1 = V1_SYNC | V1_DELAY_REQ, /* PTPv1 has no other events */
	L4_SYNC = 1 << 2,
	L4_DELAY_REQ = 1 << 3,
	L4_OTHER = 1 << 4, /* Pdelay_Req and Pdelay_Resp */
	L4 = L4_SYNC | L4_DELAY_REQ | L4_OTHER,
	L2_SYNC = 1 << 5,
	L2_DELAY_REQ = 1 << 6,
	L2_OTHER = 1 << 7,
	L2 = L2_SYNC | L2_DELAY_REQ | L2_OTHER,
	NTP = 1 << 8,
	/* Filter "some" is only ever an answer: what was asked for, and more. Which, nobody knows. */
	SOME = 1 << 9,
	EVERYTHING = 1 << 10,
};

static const struct {
	const char *name;
	unsigned frames;
} filters[] = {
	[HWTSTAMP_FILTER_NONE] = {"none", 0},
	[HWTSTAMP_FILTER_ALL] = {"all", V1 | L4 | L2 | NTP | SOME | EVERYTHING},
	[HWTSTAMP_FILTER_SOME] = {"some", SOME},
	[HWTSTAMP_FILTER_PTP_V1_L4_EVENT] = {"ptpv1-l4-event", V1},
	[HWTSTAMP_FILTER_PTP_V1_L4_SYNC] = {"ptpv1-l4-sync", V1_SYNC},
	[HWTSTAMP_FILTER_PTP_V1_L4_DELAY_REQ] = {"ptpv1-l4-delay-req", V1_DELAY_REQ},
	[HWTSTAMP_FILTER_PTP_V2_L4_EVENT] = {"ptpv2-l4-event", L4},
	[HWTSTAMP_FILTER_PTP_V2_L4_SYNC] = {"ptpv2-l4-sync", L4_SYNC},
	[HWTSTAMP_FILTER_PTP_V2_L4_DELAY_REQ] = {"ptpv2-l4-delay-req", L4_DELAY_REQ},
	[HWTSTAMP_FILTER_PTP_V2_L2_EVENT] = {"ptpv2-l2-event", L2},
	[HWTSTAMP_FILTER_PTP_V2_L2_SYNC] = {"ptpv2-l2-sync", L2_SYNC},
	[HWTSTAMP_FILTER_PTP_V2_L2_DELAY_REQ] = {"ptpv2-l2-delay-req", L2_DELAY_REQ},
	[HWTSTAMP_FILTER_PTP_V2_EVENT] = {"ptpv2-event", L4 | L2},
	[HWTSTAMP_FILTER_PTP_V2_SYNC] = {"ptpv2-sync", L4_SYNC | L2_SYNC},
	[HWTSTAMP_FILTER_PTP_V2_DELAY_REQ] = {"ptpv2-delay-req", L4_DELAY_REQ | L2_DELAY_REQ},
	[HWTSTAMP_FILTER_NTP_ALL] = {"ntp-all", NTP},
};

const char *ws_ts_flag_name(unsigned bit)
{
	return bit < COUNT(flag_names) ? flag_names[bit] : NULL;
}

const char *ws_ts_tx_type_name(unsigned n)
{
	return n < COUNT(tx_type_names) ? tx_type_names[n] : NULL;
}

const char *ws_ts_rx_filter_name(unsigned n)
{
	return n < COUNT(filters) ? filters[n].name : NULL;
}

/* As much as fits; have: what is there. */
static size_t append(char *buf, size_t size, size_t have, const char *text)
{
	size_t len = strlen(text);

	if (len >= size - have) {
		len = size - have - 1;
	}
	memcpy(buf + have, text, len);
	buf[have + len] = '\0';
	return have + len;
}

const char *ws_ts_names(uint32_t set, const char *(*name)(unsigned n), char *buf, size_t size)
{
	size_t have = 0;

	if (!size) {
		return buf;
	}
	buf[0] = '\0';
	for (unsigned n = 0; n < 32; n++) {
		const char number[] = {(char)('0' + n / 10), (char)('0' + n % 10), '\0'};
		const char *text = name(n);

		if (!(set >> n & 1)) {
			continue;
		}
		if (have) {
			have = append(buf, size, have, ", ");
		}
		have = append(buf, size, have, text ? text : n < 10 ? number + 1 : number);
	}
	return buf;
}

static bool is_known(int filter)
{
	return filter >= 0 && (size_t)filter < COUNT(filters);
}

enum ws_ts_reach ws_ts_filter_reach(int filter)
{
	unsigned frames = is_known(filter) ? filters[filter].frames : 0;

	if (frames & EVERYTHING) {
		return WS_TS_REACH_ALL;
	}
	if ((frames & L4) == L4 || (frames & L2) == L2) {
		return WS_TS_REACH_PTP_V2;
	}
	return frames & ~(unsigned)NTP ? WS_TS_REACH_PTP_SOME : WS_TS_REACH_NOTHING;
}

bool ws_ts_filter_covers(int wide, int narrow)
{
	if (wide == narrow || wide == HWTSTAMP_FILTER_ALL) {
		return true; /* also of filters that are newer than this program */
	}
	if (!is_known(wide) || !is_known(narrow)) {
		return narrow == HWTSTAMP_FILTER_NONE;
	}
	return !(filters[narrow].frames & ~filters[wide].frames);
}
