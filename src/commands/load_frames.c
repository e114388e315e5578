/* SPDX-License-Identifier: BSD-2-Clause */
#include "commands/load_frames.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "commands/commands.h"
#include "core/frame.h"
#include "core/random.h"
#include "host/neigh.h"
#include "host/netns.h"
#include "host/rtnl.h"

#define HEADER_LEN 14
/* Of an interface that is not there: a dry run. */
#define DRY_MTU 9000
/* How long an answer of a neighbour that is not known yet is waited for. */
#define RESOLVE_NS 1000000000LL

static const char *ip_text(unsigned version, const uint8_t *ip, char buf[INET6_ADDRSTRLEN])
{
	return inet_ntop(version == 6 ? AF_INET6 : AF_INET, ip, buf, INET6_ADDRSTRLEN);
}

static int say_no_hop(int r, const struct ws_end_nic *end, const struct ws_traffic_spec *t,
	const struct ws_hop *hop)
{
	char dst[INET6_ADDRSTRLEN], gateway[INET6_ADDRSTRLEN], by[INET6_ADDRSTRLEN + 16] = "";

	ip_text(t->ip_version, t->dst_ip, dst);
	if (hop->has_gateway) {
		snprintf(by, sizeof(by), " (by %s)", ip_text(t->ip_version, hop->gateway, gateway));
	}
	switch (r) {
	case -ENETUNREACH:
		ws_error(
			"--dst %s: no route to it leaves by %s (ip route get %s shows the way; or give "
			"--dst-mac)",
			dst, end->text, dst);
		break;
	case -ENOENT:
	case -EHOSTUNREACH:
		ws_error("--dst %s%s: nobody at %s answers for it (is it up? else give --dst-mac)",
			dst, by, end->text);
		break;
	case -EADDRNOTAVAIL:
		ws_error(
			"--dst %s: is an address of this host (give one at the other end, or --dst-mac)",
			dst);
		break;
	default:
		ws_error("--dst %s: its neighbour cannot be looked up: %s (give --dst-mac)", dst,
			strerror(-r));
	}
	return WS_EXIT_FAIL;
}

/* The MAC address of the next hop, and the source address that goes with it. */
static int find_hop(struct ws_load_options *o, const struct ws_end_nic *end)
{
	struct ws_traffic_spec *t = &o->traffic;
	struct ws_rtnl nl;
	struct ws_hop hop = {0};
	int saved, r;

	saved = ws_netns_enter(end->netns);
	r = saved < 0 ? saved : ws_rtnl_open(&nl, 0);
	if (saved >= 0) {
		ws_netns_leave(saved);
	}
	if (r < 0) {
		return say_no_hop(r, end, t, &hop);
	}
	r = ws_neigh_find(&nl, end->nic.ifindex, t->ip_version, t->dst_ip, &hop);
	if ((r == -ENOENT || r == -EHOSTUNREACH) && !o->has_dst_mac && !o->dry_run) {
		r = ws_neigh_resolve(
			&nl, end->nic.ifindex, t->ip_version, t->dst_ip, RESOLVE_NS, &hop);
	}
	ws_rtnl_close(&nl);
	if (!o->has_src_ip && hop.has_source) {
		memcpy(t->src_ip, hop.source, sizeof(t->src_ip));
		o->has_src_ip = true;
	}
	if (o->has_dst_mac) {
		return 0;
	}
	if (r < 0) {
		return say_no_hop(r, end, t, &hop);
	}
	memcpy(t->dst_mac, hop.mac, sizeof(t->dst_mac));
	o->has_dst_mac = true;
	return 0;
}

static void put_ipv4(uint8_t *ip, uint32_t address)
{
	address = htonl(address);
	memcpy(ip, &address, sizeof(address));
}

/*
 * Addresses that the options leave open and the interface or its surroundings know. What nobody knows stays as
 * the options have it: an address for measuring.
 */
static int complete_addresses(
	struct ws_load_options *o, const struct ws_end_nic *end, const struct ws_end_nic *peer)
{
	struct ws_traffic_spec *t = &o->traffic;
	bool four = t->ip_version == 4;

	if (t->header) {
		return 0;
	}
	if (end && !o->has_src_mac) {
		memcpy(t->src_mac, end->nic.mac, sizeof(t->src_mac));
	}
	if (peer && !o->has_dst_mac) {
		memcpy(t->dst_mac, peer->nic.mac, sizeof(t->dst_mac));
		o->has_dst_mac = true;
	}
	if (peer && !o->has_dst_ip && four && peer->nic.has_ipv4) {
		put_ipv4(t->dst_ip, peer->nic.ipv4);
	}
	if (end && o->has_dst_ip && t->ip_version && (!o->has_dst_mac || !o->has_src_ip)) {
		int status = find_hop(o, end);

		if (status) {
			return status;
		}
	}
	if (end && !o->has_src_ip && four && end->nic.has_ipv4) {
		put_ipv4(t->src_ip, end->nic.ipv4);
	}
	return 0;
}

static void describe_size(char *buf, size_t size, const struct ws_traffic_spec *t)
{
	switch (t->size) {
	case WS_SIZE_IMIX:
		snprintf(buf, size, "IMIX (7 x 64, 4 x 594, 1 x 1518 bytes)");
		break;
	case WS_SIZE_RANGE:
		snprintf(buf, size, "%u to %u bytes", t->len_min + WS_FCS_LEN,
			t->len_max + WS_FCS_LEN);
		break;
	case WS_SIZE_FIXED:
		snprintf(buf, size, "%u bytes", t->len_min + WS_FCS_LEN);
		break;
	}
}

void ws_load_traffic_words(char *buf, size_t size, const struct ws_traffic_spec *t)
{
	static const char *const protos[WS_PROTO_COUNT] = {
		[WS_PROTO_UDP] = "UDP",
		[WS_PROTO_TCP_SYN] = "TCP SYN",
		[WS_PROTO_ICMP_ECHO] = "ICMP echo",
		[WS_PROTO_RAW] = "layer 2",
	};
	static const char *const messages[] = {
		[WS_PTP_NONE] = "",
		[WS_PTP_SYNC] = "PTP Sync in ",
		[WS_PTP_DELAY_REQ] = "PTP Delay_Req in ",
	};
	char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN], text[64], ends[160] = "", more[80] = "";
	const char *l = t->ip_version == 6 ? "[" : "", *r = t->ip_version == 6 ? "]" : "";
	size_t used = 0;

	if (t->ip_version) {
		ip_text(t->ip_version, t->src_ip, src);
		ip_text(t->ip_version, t->dst_ip, dst);
		if (t->proto == WS_PROTO_ICMP_ECHO) {
			snprintf(ends, sizeof(ends), " %s > %s", src, dst);
		} else {
			snprintf(ends, sizeof(ends), " %s%s%s:%u > %s%s%s:%u", l, src, r,
				t->src_port, l, dst, r, t->dst_port);
		}
	} else if (t->header) {
		snprintf(ends, sizeof(ends), ", %u header bytes as given", t->header_len);
	} else {
		snprintf(ends, sizeof(ends), ", ethertype 0x%04x", t->ethertype);
	}
	for (unsigned i = 0; i < t->vlan_count; i++) {
		used += (size_t)snprintf(
			more + used, sizeof(more) - used, ", VLAN %u", t->vlan[i].id);
	}
	if (t->flows > 1) {
		snprintf(more + used, sizeof(more) - used, ", %llu flows",
			(unsigned long long)t->flows);
	}
	describe_size(text, sizeof(text), t);
	snprintf(buf, size, "%s%s%s%s, %s", messages[t->ptp], protos[t->proto], ends, more, text);
}

static uint32_t write_traffic(const void *arg, uint8_t *buf, uint64_t n, int64_t intended_ns)
{
	return ws_traffic_write_at(arg, buf, n, intended_ns);
}

static uint32_t rewrite_traffic(const void *arg, uint8_t *buf, uint64_t n, int64_t intended_ns)
{
	return ws_traffic_rewrite_at(arg, buf, n, intended_ns);
}

static void mute_traffic(const void *arg, uint8_t *buf, uint32_t len)
{
	ws_traffic_mute(arg, buf, len);
}

static uint32_t write_replay(const void *arg, uint8_t *buf, uint64_t n, int64_t intended_ns)
{
	(void)intended_ns;
	return ws_replay_write(arg, buf, n);
}

int ws_load_traffic_complete(
	struct ws_load_options *o, const struct ws_end_nic *end, const struct ws_end_nic *peer)
{
	struct ws_traffic_spec *t = &o->traffic;
	uint32_t mtu = end ? end->nic.mtu : DRY_MTU;
	/* The kernel lets an 802.1Q tag go beyond the MTU, and nothing more: not 802.1ad. */
	uint32_t most = mtu + HEADER_LEN + (t->vlan_count == 1 ? 4 : 0);
	int status = complete_addresses(o, end, peer);

	if (status) {
		return status;
	}
	t->seed = o->seed;
	if (ws_traffic_len_max(t) > most) {
		ws_error("--size%s%u: too large for %s, whose MTU is %u (at most %u)",
			t->size == WS_SIZE_FIXED ? " " : ": ", ws_traffic_len_max(t) + WS_FCS_LEN,
			end ? end->text : "a dry run", mtu, most + WS_FCS_LEN);
		return WS_EXIT_FAIL;
	}
	return 0;
}

uint32_t ws_load_run_id(void)
{
	uint32_t id;

	if (getentropy(&id, sizeof(id)) < 0) {
		id = (uint32_t)getpid() ^ (uint32_t)time(NULL);
	}
	return id;
}

int ws_load_traffic_make(struct ws_load_frames *f, const struct ws_traffic_spec *t)
{
	int r = ws_traffic_new(&f->traffic, t);

	if (r < 0) {
		ws_error("frames like these cannot be made: %s (--help says what goes together)",
			strerror(-r));
		return r == -ENOMEM ? WS_EXIT_FAIL : WS_EXIT_USAGE;
	}
	f->source = (struct ws_frame_source){
		.write = write_traffic,
		.rewrite = rewrite_traffic,
		.mute = t->ptp != WS_PTP_NONE ? mute_traffic : NULL,
		.arg = f->traffic,
		.len_max = ws_traffic_len_max(t),
	};
	f->sizes = ws_traffic_sizes(f->traffic);
	f->hash_frames = UINT64_MAX;
	f->source.frame_bits = (double)f->sizes.l2_bits / (double)f->sizes.frames;
	f->source.l1_bits = (double)f->sizes.l1_bits / (double)f->sizes.frames;
	return 0;
}

static int make_traffic(struct ws_load_frames *f, struct ws_load_options *o,
	const struct ws_end_nic *end, const struct ws_end_nic *peer, struct ws_load_report *report)
{
	int status = ws_load_traffic_complete(o, end, peer);

	if (status) {
		return status;
	}
	/* Of the seed, too, so that the same command sends the same bytes. */
	o->traffic.run_id = (uint32_t)ws_random_at(o->seed, UINT32_MAX, 0);
	status = ws_load_traffic_make(f, &o->traffic);
	if (status) {
		return status;
	}
	ws_load_traffic_words(report->traffic, sizeof(report->traffic), &o->traffic);
	report->run_id = o->traffic.run_id;
	return 0;
}

static void warn_left_out(struct ws_warnings *w, const char *file, const struct ws_replay_counts *c,
	const struct ws_end_nic *end, uint32_t frame_max)
{
	if (c->too_long) {
		ws_warn(w,
			"%s: %llu frame%s not fit %s, which takes %u bytes, and %s left out (the first is "
			"number %llu, the longest has %u bytes)",
			file, (unsigned long long)c->too_long, c->too_long == 1 ? " does" : "s do",
			end ? end->text : "a dry run", frame_max, c->too_long == 1 ? "was" : "were",
			(unsigned long long)c->first_too_long, c->longest_too_long);
	}
	if (c->too_short) {
		ws_warn(w,
			"%s: %llu frame%s shorter than an Ethernet header, and left out (the first is "
			"number %llu)",
			file, (unsigned long long)c->too_short, c->too_short == 1 ? " is" : "s are",
			(unsigned long long)c->first_too_short);
	}
	if (c->truncated) {
		ws_warn(w,
			"%s: %llu frame%s not captured whole, and left out (the first is number %llu; "
			"capture without -s)",
			file, (unsigned long long)c->truncated,
			c->truncated == 1 ? " was" : "s were",
			(unsigned long long)c->first_truncated);
	}
	if (c->backwards) {
		ws_warn(w, "%s: %llu frame%s older than the one before: sent right after it", file,
			(unsigned long long)c->backwards, c->backwards == 1 ? " is" : "s are");
	}
}

/* What to do about a file that cannot be replayed. */
static const char *replay_hint(int error)
{
	switch (error) {
	case -ENOENT:
	case -EISDIR:
	case -EBADMSG:
		return " (give a pcap or pcapng file)";
	case -EACCES:
	case -EPERM:
		return " (give a file that can be read)";
	case -EPROTOTYPE:
		return " (capture on one Ethernet interface, not on any)";
	case -ENODATA:
		return " (give a file with frames that fit)";
	case -E2BIG:
		return " (give a part of it: editcap makes some)";
	case -ERANGE:
		return " (give a part of it, or a greater --speed)";
	case -EINTR:
		return " (nothing was sent)";
	default:
		return "";
	}
}

static int make_replay(struct ws_load_frames *f, const struct ws_load_options *o,
	const struct ws_end_nic *end, const atomic_int *stop, struct ws_load_report *report)
{
	const struct ws_replay_config config = {
		.path = o->pcap,
		.frame_max = (end ? end->nic.mtu : DRY_MTU) + HEADER_LEN,
		.speed = o->speed > 0 ? o->speed : 1,
		.stop = stop,
	};
	const struct ws_replay_counts *c;
	char why[320] = "";
	bool cut = false;
	int r;

	r = ws_replay_new(&f->replay, &config, &cut, why, sizeof(why));
	if (r == -EINTR) {
		return WS_EXIT_FAIL; /* the user's wish: whoever called knows */
	}
	if (r < 0) {
		ws_error("--pcap %s: %s%s", o->pcap, *why ? why : strerror(-r), replay_hint(r));
		return WS_EXIT_FAIL;
	}
	c = ws_replay_counts(f->replay);
	f->source = (struct ws_frame_source){
		.write = write_replay,
		.arg = f->replay,
		.len_max = c->len_max,
	};
	f->sizes = (struct ws_frame_sizes){
		.frames = c->kept,
		.l2_bits = 8 * (c->bytes + WS_FCS_LEN * c->kept),
		.l1_bits = c->l1_bits,
	};
	f->hash_frames = c->kept;
	report->replay = (struct ws_load_replay){
		.file = o->pcap,
		.frames = c->frames,
		.too_long = c->too_long,
		.too_short = c->too_short,
		.truncated = c->truncated,
		.speed = o->rate_given ? 0 : config.speed,
	};
	if (cut) {
		ws_warn(&report->warnings, "%s: is cut off at its end (%s): sent up to there",
			o->pcap, why);
	}
	warn_left_out(&report->warnings, o->pcap, c, end, config.frame_max);
	snprintf(report->traffic, sizeof(report->traffic), "%llu frame%s of %.200s",
		(unsigned long long)c->kept, c->kept == 1 ? "" : "s", o->pcap);
	return 0;
}

int ws_load_frames_make(struct ws_load_frames *f, struct ws_load_options *o,
	const struct ws_end_nic *end, const struct ws_end_nic *peer, const atomic_int *stop,
	struct ws_load_report *report)
{
	int status = o->pcap ? make_replay(f, o, end, stop, report)
			     : make_traffic(f, o, end, peer, report);

	if (status) {
		return status;
	}
	report->seed = o->seed;
	f->source.frame_bits = (double)f->sizes.l2_bits / (double)f->sizes.frames;
	f->source.l1_bits = (double)f->sizes.l1_bits / (double)f->sizes.frames;
	return 0;
}

void ws_load_frames_free(struct ws_load_frames *f)
{
	ws_traffic_free(f->traffic);
	ws_replay_free(f->replay);
	*f = (struct ws_load_frames){0};
}

uint64_t ws_load_frames_hash(const struct ws_load_frames *f, uint64_t count)
{
	return f->replay ? ws_replay_hash(f->replay, count) : ws_traffic_hash(f->traffic, count);
}
