// SPDX-License-Identifier: BSD-2-Clause
#include "core/stamp.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/errqueue.h>
#include <linux/if_packet.h>
#include <linux/time_types.h>

#define VLAN_TPID_DEFAULT 0x8100 /* IEEE 802.1Q */

const char *ws_origin_name(enum ws_origin origin)
{
	static const char *const names[WS_ORIGIN_COUNT] = {
		[WS_ORIGIN_NONE] = "none",
		[WS_ORIGIN_HARDWARE] = "hardware",
		[WS_ORIGIN_SOFTWARE] = "software",
		[WS_ORIGIN_AT_COPY] = "at_copy",
		[WS_ORIGIN_USER] = "user",
	};

	return (unsigned)origin < WS_ORIGIN_COUNT ? names[origin] : names[WS_ORIGIN_NONE];
}

const char *ws_clock_name(enum ws_clock clock)
{
	if (clock >= WS_CLOCK_PHC) {
		return "phc";
	}
	switch ((int)clock) {
	case WS_CLOCK_MONOTONIC:
		return "monotonic";
	case WS_CLOCK_REALTIME:
		return "realtime";
	case WS_CLOCK_TAI:
		return "tai";
	default:
		return "none";
	}
}

static struct ws_stamp stamp(enum ws_origin origin, enum ws_clock clock, int64_t ns)
{
	return (struct ws_stamp){.time = {.ns = ns, .clock = clock}, .origin = origin};
}

struct ws_stamp ws_stamp_from_ring(
	uint32_t tp_status, uint32_t tp_sec, uint32_t tp_nsec, enum ws_clock hw_clock)
{
	int64_t ns = (int64_t)tp_sec * WS_NSEC_PER_SEC + (int64_t)tp_nsec;

	if (tp_status & TP_STATUS_TS_RAW_HARDWARE) {
		return stamp(WS_ORIGIN_HARDWARE, hw_clock, ns);
	}
	if (tp_status & TP_STATUS_TS_SOFTWARE) {
		return stamp(WS_ORIGIN_SOFTWARE, WS_CLOCK_REALTIME, ns);
	}
	return stamp(WS_ORIGIN_AT_COPY, WS_CLOCK_REALTIME, ns);
}

/*
 * Control messages are walked by offset, not by CMSG_NXTHDR(): that one reads a header in place,
 * which needs an aligned buffer, and ends silently where a damaged length should be told from the
 * real end.
 */
struct control_walk {
	const uint8_t *data;
	size_t len;
	size_t off; /* never beyond len */
};

struct control_item {
	int level, type;
	const uint8_t *data;
	size_t len;
};

/* Returns 1 and fills *ret; 0 at the end; -EBADMSG if the next message leaves the buffer. */
static int control_next(struct control_walk *w, struct control_item *ret)
{
	size_t left = w->len - w->off;
	struct cmsghdr h;
	size_t step;

	if (left == 0) {
		return 0;
	}
	if (left < sizeof(h)) {
		return -EBADMSG;
	}
	memcpy(&h, w->data + w->off, sizeof(h));
	if (h.cmsg_len < CMSG_LEN(0) || h.cmsg_len > left) {
		return -EBADMSG;
	}
	*ret = (struct control_item){
		.level = h.cmsg_level,
		.type = h.cmsg_type,
		.data = w->data + w->off + CMSG_LEN(0),
		.len = h.cmsg_len - CMSG_LEN(0),
	};
	/* put_cmsg() leaves the padding after the last message away when it has no room for it. */
	step = CMSG_ALIGN(h.cmsg_len);
	w->off += step < left ? step : left;
	return 1;
}

/* Copies the fixed part of a message; what newer kernels may append is ignored. */
static int control_copy(const struct control_item *item, void *to, size_t size)
{
	if (item->len < size) {
		return -EBADMSG;
	}
	memcpy(to, item->data, size);
	return 0;
}

static int nanoseconds(int64_t sec, int64_t nsec, int64_t *ret)
{
	const int64_t sec_max = INT64_MAX / WS_NSEC_PER_SEC - 1;

	/* A PHC may show any time, also one before 1970. */
	if (sec > sec_max || sec < -sec_max || nsec < 0 || nsec >= WS_NSEC_PER_SEC) {
		return -EBADMSG;
	}
	*ret = sec * WS_NSEC_PER_SEC + nsec;
	return 0;
}

/* The two of the three times of SCM_TIMESTAMPING that kernels still fill in; 0: there is none. */
struct control_times {
	int64_t software, hardware;
};

static bool is_timestamping(const struct control_item *item)
{
	return item->level == SOL_SOCKET &&
	       (item->type == SO_TIMESTAMPING_OLD || item->type == SO_TIMESTAMPING_NEW);
}

/* *ret may be half written on an error. */
static int read_times(const struct control_item *item, struct control_times *ret)
{
	struct __kernel_timespec ts[3];
	int r;

	if (item->type == SO_TIMESTAMPING_NEW) {
		r = control_copy(item, ts, sizeof(ts));
		if (r < 0) {
			return r;
		}
	} else {
		struct __kernel_old_timespec old[3];

		r = control_copy(item, old, sizeof(old));
		if (r < 0) {
			return r;
		}
		for (int i = 0; i < 3; i++) {
			ts[i].tv_sec = old[i].tv_sec;
			ts[i].tv_nsec = old[i].tv_nsec;
		}
	}
	r = nanoseconds(ts[0].tv_sec, ts[0].tv_nsec, &ret->software);
	if (r < 0) {
		return r;
	}
	return nanoseconds(ts[2].tv_sec, ts[2].tv_nsec, &ret->hardware);
}

static bool is_extended_err(const struct control_item *item)
{
	switch (item->level) {
	case SOL_PACKET:
		return item->type == PACKET_TX_TIMESTAMP;
	case SOL_IP:
		return item->type == IP_RECVERR;
	case SOL_IPV6:
		return item->type == IPV6_RECVERR;
	default:
		return false;
	}
}

int ws_stamp_from_errqueue(
	const void *control, size_t len, enum ws_clock hw_clock, struct ws_tx_control *ret)
{
	struct control_walk walk = {.data = control, .len = len};
	struct control_times times = {0};
	struct sock_extended_err err = {0};
	struct control_item item;
	struct ws_tx_control result = {0};
	int r;

	while ((r = control_next(&walk, &item)) > 0) {
		int damaged = 0;

		if (is_timestamping(&item)) {
			damaged = read_times(&item, &times);
		} else if (is_extended_err(&item)) {
			damaged = control_copy(&item, &err, sizeof(err));
		}
		if (damaged < 0) {
			return damaged;
		}
	}
	if (r < 0) {
		return r;
	}
	if (err.ee_errno != ENOMSG || err.ee_origin != SO_EE_ORIGIN_TIMESTAMPING) {
		return -ENOMSG;
	}

	result.key = err.ee_data;
	if (err.ee_info == SCM_TSTAMP_SND && times.hardware != 0) {
		result.stage = WS_STAGE_WIRE;
		result.stamp = stamp(WS_ORIGIN_HARDWARE, hw_clock, times.hardware);
	} else if (err.ee_info == SCM_TSTAMP_SND && times.software != 0) {
		result.stage = WS_STAGE_DRIVER;
		result.stamp = stamp(WS_ORIGIN_SOFTWARE, WS_CLOCK_REALTIME, times.software);
	} else if (err.ee_info == SCM_TSTAMP_SCHED && times.software != 0) {
		result.stage = WS_STAGE_SCHED;
		result.stamp = stamp(WS_ORIGIN_SOFTWARE, WS_CLOCK_REALTIME, times.software);
	} else {
		return -ENOMSG;
	}
	*ret = result;
	return 0;
}

#define ICMP_DEST_UNREACH   3 /* RFC 792 */
#define ICMP_FRAGMENTATION  4 /* its code: too large for the way */
#define ICMPV6_DEST_UNREACH 1 /* RFC 4443 */

bool ws_stamp_errqueue_other(const void *control, size_t len, bool *ret_unreachable)
{
	struct control_walk walk = {.data = control, .len = len};
	struct sock_extended_err err = {0};
	struct control_item item;

	while (control_next(&walk, &item) > 0) {
		if (is_extended_err(&item) && control_copy(&item, &err, sizeof(err)) < 0) {
			return false;
		}
	}
	switch (err.ee_origin) {
	case SO_EE_ORIGIN_ICMP:
		*ret_unreachable =
			err.ee_type == ICMP_DEST_UNREACH && err.ee_code != ICMP_FRAGMENTATION;
		return true;
	case SO_EE_ORIGIN_ICMP6:
		*ret_unreachable = err.ee_type == ICMPV6_DEST_UNREACH;
		return true;
	case SO_EE_ORIGIN_LOCAL:
		*ret_unreachable = false;
		return true;
	default:
		return false;
	}
}

/* The destination of a packet that a UDP socket received. */
static int read_pktinfo(const struct control_item *item, struct ws_rx_control *ret)
{
	struct in6_pktinfo info6;
	struct in_pktinfo info;
	int r;

	if (item->level == SOL_IPV6) {
		r = control_copy(item, &info6, sizeof(info6));
		if (r == 0) {
			ret->dst_version = 6;
			memcpy(ret->dst, &info6.ipi6_addr, sizeof(info6.ipi6_addr));
			ret->ifindex = info6.ipi6_ifindex;
		}
		return r;
	}
	r = control_copy(item, &info, sizeof(info));
	if (r == 0) {
		ret->dst_version = 4;
		memcpy(ret->dst, &info.ipi_addr, sizeof(info.ipi_addr));
		/* What an answer would have to come from: the same, if it is an address of ours. */
		ret->dst_broadcast = info.ipi_spec_dst.s_addr != info.ipi_addr.s_addr &&
				     info.ipi_spec_dst.s_addr && ret->dst[0] >> 4 != 0xe;
		ret->ifindex = (uint32_t)info.ipi_ifindex;
	}
	return r;
}

static bool is_pktinfo(const struct control_item *item)
{
	return (item->level == SOL_IP && item->type == IP_PKTINFO) ||
	       (item->level == SOL_IPV6 && item->type == IPV6_PKTINFO);
}

static int read_auxdata(const struct control_item *item, struct ws_rx_control *ret)
{
	struct tpacket_auxdata aux;
	int r = control_copy(item, &aux, sizeof(aux));

	if (r < 0) {
		return r;
	}
	ret->has_aux = true;
	ret->aux_status = aux.tp_status;
	ret->aux_len = aux.tp_len;
	ret->vlan_tci = 0;
	ret->vlan_tpid = 0;
	if (aux.tp_status & TP_STATUS_VLAN_VALID) {
		ret->vlan_tci = aux.tp_vlan_tci;
		ret->vlan_tpid = aux.tp_status & TP_STATUS_VLAN_TPID_VALID ? aux.tp_vlan_tpid
									   : VLAN_TPID_DEFAULT;
	}
	return 0;
}

int ws_stamp_from_rx_control(
	const void *control, size_t len, enum ws_clock hw_clock, struct ws_rx_control *ret)
{
	struct control_walk walk = {.data = control, .len = len};
	struct control_times times = {0};
	struct control_item item;
	struct ws_rx_control result = {0};
	int r;

	while ((r = control_next(&walk, &item)) > 0) {
		int damaged = 0;

		if (is_timestamping(&item)) {
			damaged = read_times(&item, &times);
		} else if (item.level == SOL_PACKET && item.type == PACKET_AUXDATA) {
			damaged = read_auxdata(&item, &result);
		} else if (item.level == SOL_SOCKET && item.type == SO_RXQ_OVFL) {
			damaged = control_copy(&item, &result.drops, sizeof(result.drops));
			result.has_drops = true;
		} else if (is_pktinfo(&item)) {
			damaged = read_pktinfo(&item, &result);
		}
		if (damaged < 0) {
			return damaged;
		}
	}
	if (r < 0) {
		return r;
	}

	if (times.hardware != 0) {
		result.stamp = stamp(WS_ORIGIN_HARDWARE, hw_clock, times.hardware);
		if (times.software != 0) {
			result.software =
				stamp(WS_ORIGIN_SOFTWARE, WS_CLOCK_REALTIME, times.software);
		}
	} else if (times.software != 0) {
		result.stamp = stamp(WS_ORIGIN_SOFTWARE, WS_CLOCK_REALTIME, times.software);
	}
	*ret = result;
	return 0;
}
