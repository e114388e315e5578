/* SPDX-License-Identifier: BSD-2-Clause */
#include "commands/probe_deliver.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "commands/commands.h"
#include "commands/probe_deliver_own.h"
#include "core/hist.h"
#include "host/sys.h"
#include "run/deliver.h"

#define MSEC INT64_C(1000000)

/* Frames of a shape, and the time between two. */
#define SHAPE_FRAMES 50
#define SHAPE_GAP_NS (5 * MSEC)
/* For stamps and packets behind the last one; a far side may be far. */
#define WAIT_NS	    (100 * MSEC)
#define FAR_WAIT_NS (500 * MSEC)
/* Mostly it takes a quarter of that; where one frame at a time is stamped, and the machine is slow, all of it. */
#define RATE_NS (6000 * MSEC)
/* Of both kinds together. */
#define PATH_FRAMES 1000
#define PATH_GAP_NS MSEC
#define PATH_LEVEL  0.95
/* One length for all, with room for an answer in PTP over UDP and IPv6 behind a VLAN tag. */
#define FRAME_LEN 180
/* How much of what was sent has to come back stamped, so that the rate is looked for with that shape. */
#define MOST_PERMILLE 900
/* Or of none so much: then those stamps are what limits it. */
#define SOME_PERMILLE 200

/* The pickiest card stamps a Sync: it comes first, so that a register that holds one stamp for ever gets it. */
static const enum ws_shape order[WS_SHAPES] = {
	WS_SHAPE_SYNC, WS_SHAPE_DELAY_REQ, WS_SHAPE_PTP_UDP, WS_SHAPE_UDP};

struct shape_result {
	bool done;
	struct ws_ts_delivered delivered;
};

/* What a trial has brought so far. */
struct brought {
	struct ws_trial t;
	/* Plain layer 2 frames, of the shape's stream: those that go ahead take no place in a card's registers. */
	struct ws_load_frames ahead;
	struct shape_result shape[WS_SHAPES][2]; /* without and with a tag */
	struct ws_deliver_result *deliver;
	struct ws_hist *second;
	uint64_t received;
	bool hardware[WS_TRIAL_ENDS];
	int fault;
	struct ws_probe_interface found;
};

static bool stopped(const struct brought *b)
{
	const atomic_int *stop = b->t.want->stop;

	return b->fault || (stop && atomic_load(stop));
}

static void progress(const struct brought *b, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void progress(const struct brought *b, const char *format, ...)
{
	va_list args;

	if (!b->t.want->progress) {
		return;
	}
	fputc('\r', stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs("\033[K", stderr);
	fflush(stderr);
}

static void set_raw(struct ws_traffic_spec *t, uint16_t ethertype, enum ws_ptp_message ptp)
{
	t->proto = WS_PROTO_RAW;
	t->ip_version = 0;
	t->ethertype = ethertype;
	t->ptp = ptp;
}

static void set_udp(struct ws_traffic_spec *t, uint16_t src, uint16_t dst, enum ws_ptp_message ptp)
{
	t->src_port = src;
	t->dst_port = dst;
	t->ptp = ptp;
}

static struct ws_traffic_spec common_spec(struct brought *b)
{
	struct ws_traffic_spec spec = b->t.to.traffic;

	spec.size = WS_SIZE_FIXED;
	spec.len_min = spec.len_max = FRAME_LEN;
	spec.fill = WS_FILL_PROBE;
	spec.probe = b->t.peer_here ? WS_PAYLOAD_SHORT : WS_PAYLOAD_REQUEST;
	spec.run_id = b->t.run_id;
	spec.stream = ++b->t.stream;
	return spec;
}

static struct ws_traffic_spec shape_spec(struct brought *b, enum ws_shape shape, bool vlan)
{
	struct ws_traffic_spec spec = common_spec(b);

	switch (shape) {
	case WS_SHAPE_SYNC:
		set_raw(&spec, WS_ETHERTYPE_PTP, WS_PTP_SYNC);
		break;
	case WS_SHAPE_DELAY_REQ:
		set_raw(&spec, WS_ETHERTYPE_PTP, WS_PTP_DELAY_REQ);
		break;
	case WS_SHAPE_PTP_UDP:
		set_udp(&spec, WS_PTP_PORT, WS_PTP_PORT, WS_PTP_SYNC);
		break;
	case WS_SHAPE_UDP:
	case WS_SHAPES:
		set_udp(&spec, WS_UDP_PORT, b->t.port, WS_PTP_NONE);
		break;
	}
	if (vlan) {
		/* A priority tag: the one VLAN whose frames neither cards nor switches keep from anybody. */
		spec.vlan_count = 1;
		spec.vlan[0].id = 0;
	}
	return spec;
}

static void free_frames(struct brought *b, struct ws_load_frames *f)
{
	ws_load_frames_free(f);
	ws_load_frames_free(&b->ahead);
}

/* A shape's frames, and those that go ahead of them. 0, or an exit status after one line was printed. */
static int make_frames(
	struct brought *b, struct ws_load_frames *ret, const struct ws_traffic_spec *spec)
{
	struct ws_traffic_spec ahead = *spec;
	int status = ws_load_traffic_make(ret, spec);

	if (status) {
		return status;
	}
	set_raw(&ahead, WS_ETHERTYPE_PROBE, WS_PTP_NONE);
	status = ws_load_traffic_make(&b->ahead, &ahead);
	if (status) {
		free_frames(b, ret);
	}
	return status;
}

static struct ws_deliver_setup setup_for(const struct brought *b,
	const struct ws_traffic_spec *spec, const struct ws_frame_source *source)
{
	const struct ws_trial *t = &b->t;
	const struct ws_end_nic *rx = t->peer_here ? &t->peer : &t->end;

	return (struct ws_deliver_setup){
		.tx = {t->end.netns, t->end.nic.ifindex, ws_trial_clock(t, WS_TRIAL_TX), true},
		.rx = {rx->netns, rx->nic.ifindex, ws_trial_clock(t, WS_TRIAL_RX), true},
		.has_rx = true,
		.source = source,
		.ahead = b->ahead.traffic ? &b->ahead.source : NULL,
		.run_id = t->run_id,
		.stream = t->stream,
		/* Answers come to where requests came from. */
		.udp_port = t->peer_here ? spec->dst_port : spec->src_port,
		.answers = !t->peer_here,
		.count = SHAPE_FRAMES,
		.gap_ns = SHAPE_GAP_NS,
		.wait_ns = t->peer_here ? WAIT_NS : FAR_WAIT_NS,
		.stop = t->want->stop,
	};
}

/* An exit status, after one line was printed. */
static int cannot(const struct brought *b, int rc)
{
	const char *name = b->t.end.text;

	switch (rc) {
	case -EPERM:
	case -EACCES:
		ws_error(
			"%s: --deliver needs CAP_NET_RAW to send and receive (run as root, or try --lab)",
			name);
		break;
	case -ENETDOWN:
	case -ENODEV:
		ws_error("%s or %s: went down, or is gone (ip link shows what there is)", name,
			b->t.want->peer);
		break;
	default:
		ws_error("%s: frames cannot be sent to %s: %s (dmesg may say more)", name,
			b->t.want->peer, strerror(-rc));
	}
	return WS_EXIT_FAIL;
}

static void keep(struct brought *b, enum ws_shape shape, bool vlan)
{
	const struct ws_deliver_result *r = b->deliver;
	struct shape_result *s = &b->shape[shape][vlan];

	s->done = r->sent || r->refused;
	s->delivered = (struct ws_ts_delivered){
		.carrier = ws_shape_name(shape),
		.vlan = vlan,
		.sent = r->sent,
		.received = r->received,
		.tx_hardware = r->tx_hardware,
		.tx_software = r->tx_software,
		.rx_hardware = r->rx_hardware,
		.rx_software = r->rx_software,
		.tx_misplaced = r->tx_misplaced,
		.rx_misplaced = r->rx_misplaced,
		.tx_granularity_ns = r->tx_granularity_ns,
		.rx_granularity_ns = r->rx_granularity_ns,
		.rx_stuck = ws_deliver_stuck(r),
	};
	b->received += r->received;
	if (r->fault) {
		b->fault = r->fault;
		ws_warn(b->t.warnings, "%s or %s went down, or away, during the trial: %s",
			b->t.end.text, b->t.want->peer, strerror(-r->fault));
	}
}

static int try_shape(struct brought *b, enum ws_shape shape, bool vlan)
{
	struct ws_traffic_spec spec = shape_spec(b, shape, vlan);
	struct ws_load_frames frames = {0};
	struct ws_deliver_setup setup;
	int status, rc;

	status = make_frames(b, &frames, &spec);
	if (status) {
		return status;
	}
	setup = setup_for(b, &spec, &frames.source);
	rc = ws_deliver(&setup, b->deliver);
	free_frames(b, &frames);
	if (rc < 0) {
		return cannot(b, rc);
	}
	keep(b, shape, vlan);
	return 0;
}

static int try_shapes(struct brought *b)
{
	unsigned n = 0;

	for (unsigned i = 0; i < 2 * WS_SHAPES && !stopped(b); i++) {
		enum ws_shape shape = order[i / 2];
		bool vlan = i % 2;
		int status;

		progress(b, "%s: frames %u of %d: %s%s", b->t.end.text, ++n, 2 * WS_SHAPES,
			ws_shape_name(shape), vlan ? ", VLAN tag" : "");
		status = try_shape(b, shape, vlan);
		if (status) {
			return status;
		}
		if (b->shape[shape][vlan].delivered.rx_stuck &&
			b->t.granted[b->t.peer_here ? WS_TRIAL_RX : WS_TRIAL_TX].changed) {
			/* Most drivers empty the registers when they are configured: the next shape
			 * gets its one stamp, too, if the card gives it any. */
			ws_trial_stamps_off(&b->t);
			ws_trial_stamps_on(&b->t);
		}
	}
	return 0;
}

static bool reaches(uint64_t part, uint64_t of, unsigned permille)
{
	return of && part * 1000 >= of * permille;
}

/* The shape that shows most of what the cards can: stamps at both ends, else on transmit; rather plain than PTP. */
static bool find_shape(const struct brought *b, bool both, unsigned permille, enum ws_shape *ret)
{
	for (int i = 0; i < WS_SHAPES; i++) {
		const struct ws_ts_delivered *d = &b->shape[i][0].delivered;

		if (b->shape[i][0].done && reaches(d->tx_hardware, d->sent, permille) &&
			(!both || reaches(d->rx_hardware, d->received, permille))) {
			*ret = (enum ws_shape)i;
			return true;
		}
	}
	return false;
}

static bool shape_for_rate(const struct brought *b, enum ws_shape *ret, bool *ret_rx)
{
	*ret_rx =
		find_shape(b, true, MOST_PERMILLE, ret) || find_shape(b, true, SOME_PERMILLE, ret);
	return *ret_rx || find_shape(b, false, MOST_PERMILLE, ret) ||
	       find_shape(b, false, SOME_PERMILLE, ret);
}

static int try_rate(struct brought *b)
{
	struct ws_probe_interface *f = &b->found;
	struct ws_load_frames frames = {0};
	struct ws_deliver_setup setup;
	struct ws_deliver_rate rate;
	struct ws_traffic_spec spec;
	enum ws_shape shape;
	bool rx;
	int status, rc;

	if (stopped(b) || !shape_for_rate(b, &shape, &rx)) {
		return 0;
	}
	progress(b, "%s: the highest rate at which no hardware stamp goes missing", b->t.end.text);
	spec = shape_spec(b, shape, false);
	status = make_frames(b, &frames, &spec);
	if (status) {
		return status;
	}
	setup = setup_for(b, &spec, &frames.source);
	setup.tx.software = false;
	if (!rx) {
		setup.rx.hw_clock = WS_CLOCK_NONE;
	}
	rc = ws_deliver_rate(&setup, RATE_NS, &rate);
	free_frames(b, &frames);
	if (rc < 0) {
		return cannot(b, rc);
	}
	f->rate.known = rate.found || rate.lost_at > 0;
	f->rate.by_sender = rate.by_sender;
	f->rate.lost_tx = rate.lost_tx;
	f->rate.lost_rx = rate.lost_rx;
	f->rate.safe_pps = rate.found ? rate.pps : 0;
	f->rate.lost_pps = rate.lost_at;
	f->rate.lost = rate.lost;
	f->rate.lost_of = rate.lost_of;
	f->rate.in_flight = rate.in_flight;
	f->rate.carrier = ws_shape_name(shape);
	return 0;
}

/* Two kinds of frames in one row. */
struct two_kinds {
	const struct ws_frame_source *plain, *ptp;
};

static uint32_t write_one(const void *arg, uint8_t *buf, uint64_t n, int64_t intended_ns)
{
	const struct two_kinds *k = arg;
	const struct ws_frame_source *s = ws_deliver_second(n) ? k->ptp : k->plain;

	return s->write(s->arg, buf, n, intended_ns);
}

/* Differences below that are none: two readings of the clock at each end, and the histogram's own steps. */
static double noise_of(const struct ws_hist *h, int64_t median_ns)
{
	struct ws_hist_bin bin = {0, 0, 0};

	if (median_ns >= WS_HIST_LOW && median_ns < WS_HIST_HIGH) {
		bin = ws_hist_bin(h, ws_hist_index(median_ns));
	}
	return (double)(4 * ws_sys_clock_resolution(CLOCK_REALTIME) + (bin.high - bin.low));
}

static void compare(struct brought *b)
{
	struct ws_probe_path *p = &b->found.path;
	struct ws_hist_difference d;
	double size;

	p->plain = b->deliver->latency.count;
	p->ptp = b->second->count;
	if (!ws_hist_compare(&b->deliver->latency, b->second, 0.5, PATH_LEVEL, &d)) {
		return;
	}
	p->known = true;
	p->plain_ns = (double)d.a;
	p->ptp_ns = (double)d.b;
	p->difference_ns = (double)d.difference;
	p->low_ns = (double)d.low;
	p->high_ns = (double)d.high;
	p->level = PATH_LEVEL;
	p->noise_ns = noise_of(b->second, d.b > d.a ? d.b : d.a);
	size = p->difference_ns < 0 ? -p->difference_ns : p->difference_ns;
	p->same = (p->low_ns <= 0 && p->high_ns >= 0) || size <= p->noise_ns;
}

/* Layer 2 frames that differ in nothing but the ethertype and the message behind it. */
static int try_path(struct brought *b)
{
	struct ws_load_frames plain = {0}, ptp = {0};
	struct ws_traffic_spec spec;
	struct two_kinds kinds = {&plain.source, &ptp.source};
	struct ws_frame_source source = {.write = write_one, .arg = &kinds, .len_max = FRAME_LEN};
	struct ws_deliver_setup setup;
	int status, rc = 0;

	if (stopped(b) || !b->received) {
		return 0;
	}
	progress(b, "%s: whether PTP frames take as long as others", b->t.end.text);
	spec = common_spec(b);
	set_raw(&spec, WS_ETHERTYPE_PROBE, WS_PTP_NONE);
	status = ws_load_traffic_make(&plain, &spec);
	set_raw(&spec, WS_ETHERTYPE_PTP, WS_PTP_SYNC);
	status = status ? status : ws_load_traffic_make(&ptp, &spec);
	if (!status) {
		setup = setup_for(b, &spec, &source);
		setup.tx.hw_clock = setup.rx.hw_clock = WS_CLOCK_NONE;
		setup.count = PATH_FRAMES;
		setup.gap_ns = PATH_GAP_NS;
		setup.second = b->second;
		rc = ws_deliver(&setup, b->deliver);
		status = rc < 0 ? cannot(b, rc) : 0;
	}
	ws_load_frames_free(&plain);
	ws_load_frames_free(&ptp);
	if (!status) {
		compare(b);
	}
	return status;
}

static void say_nothing_came(const struct brought *b)
{
	if (b->received || stopped(b)) {
		return;
	}
	if (b->t.peer_here) {
		ws_warn(b->t.warnings,
			"%s: nothing that was sent arrived at %s (are the two connected?)",
			b->t.end.text, b->t.want->peer);
	} else {
		ws_warn(b->t.warnings,
			"%s: no answers came from %s (does wirestamp reflect run there?)",
			b->t.end.text, b->t.want->peer);
	}
}

static void tell(const struct brought *b, struct ws_probe_interface *ret)
{
	ret->tried = true;
	(void)snprintf(ret->peer, sizeof(ret->peer), "%s", b->t.want->peer);
	ret->far_reflects = !b->t.peer_here;
	ret->hardware_tx = b->hardware[WS_TRIAL_TX];
	ret->hardware_rx = b->hardware[WS_TRIAL_RX];
	ret->delivered_count = 0;
	for (int i = 0; i < 2 * WS_SHAPES; i++) {
		const struct shape_result *s = &b->shape[i / 2][i % 2];

		if (s->done) {
			ret->delivered[ret->delivered_count++] = s->delivered;
		}
	}
	ret->rate = b->found.rate;
	ret->path = b->found.path;
}

int ws_probe_deliver(const struct ws_probe_trial *trial, struct ws_end_nic *end,
	struct ws_probe_interface *result, struct ws_warnings *warnings)
{
	struct brought *b = ws_need(calloc(1, sizeof(*b)));
	int status;

	b->t.want = trial;
	b->t.warnings = warnings;
	b->deliver = ws_need(malloc(sizeof(*b->deliver)));
	b->second = ws_need(malloc(sizeof(*b->second)));
	status = ws_trial_find(&b->t, end);
	if (!status) {
		ws_trial_stamps_on(&b->t);
		for (int i = 0; i < WS_TRIAL_ENDS; i++) {
			b->hardware[i] =
				ws_trial_clock(&b->t, (enum ws_trial_end)i) != WS_CLOCK_NONE;
		}
		status = try_shapes(b);
	}
	status = status ? status : try_rate(b);
	status = status ? status : try_path(b);
	progress(b, "%s", "");
	if (!status) {
		say_nothing_came(b);
		tell(b, result);
	}
	ws_trial_free(&b->t);
	free(b->deliver);
	free(b->second);
	free(b);
	return status;
}
