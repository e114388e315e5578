/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "commands/capture_ends.h"
#include "commands/capture_print.h"
#include "commands/commands.h"
#include "commands/facts.h"
#include "commands/output.h"
#include "commands/stop.h"
#include "host/netns.h"
#include "host/port.h"
#include "host/privileges.h"
#include "host/thread.h"
#include "report/capture_report.h"
#include "report/outdir.h"
#include "run/demo.h"

#define DEMO_PORT 9000
#define PRIORITY  10

struct state {
	struct ws_capture_options o;
	struct ws_capture_ends ends;
	struct ws_capture_setup setup;
	struct ws_capture_report report;
	struct ws_capture *capture;
	struct ws_capfile **files;
	unsigned file_count;
	char **file_names;
	struct ws_print print;
	const char **print_names;
	uint16_t *print_linktypes;
	struct ws_outdir out;
	char *out_file; /* DIR/capture.pcapng */
	struct ws_demo *demo;
	int port;
	bool terminal; /* progress is wanted */
	uint64_t last_received, last_bytes;
	int64_t last_ns;
};

static void nic_drops(void *arg, struct ws_capture_report *report)
{
	ws_capture_ends_drops(&((struct state *)arg)->ends, report);
}

static void event(void *arg, const char *sentence)
{
	const struct state *s = arg;

	if (s->terminal) {
		fputs("\r\033[K", stderr);
	}
	ws_error("%s", sentence);
}

static void progress(void *arg, const struct ws_capture_report *r)
{
	struct state *s = arg;
	uint64_t received = 0, bytes = 0, dropped = 0;
	char pps[64], count[64], lost[64], ring[32] = "";
	double seconds = (double)(r->elapsed_ns - s->last_ns) / 1e9;
	unsigned fill = 0;

	for (unsigned i = 0; i < r->count; i++) {
		const struct ws_capture_counts *c = &r->interfaces[i];

		received += c->received;
		bytes += c->bytes;
		dropped += c->dropped_kernel + c->dropped_writer;
		fill = c->fill > fill ? c->fill : fill;
	}
	if (fill < WS_IO_FILL_UNKNOWN) {
		snprintf(ring, sizeof(ring), "  ring %.1f%%", fill / 10.0);
	}
	ws_format_pps(pps, sizeof(pps), (double)(received - s->last_received) / seconds);
	ws_format_count(count, sizeof(count), received);
	ws_format_count(lost, sizeof(lost), dropped);
	fprintf(stderr, "\r%.0f s  %s  %.4g Mbit/s  %s packets  %s dropped%s\033[K",
		(double)r->elapsed_ns / 1e9, pps,
		(double)(bytes - s->last_bytes) * 8 / seconds / 1e6, count, lost, ring);
	fflush(stderr);
	s->last_received = received;
	s->last_bytes = bytes;
	s->last_ns = r->elapsed_ns;
}

static void show_ledger(void *arg, const struct ws_capture_report *r)
{
	const struct state *s = arg;
	struct ws_text_style style = ws_text_style_for(stderr);

	if (s->terminal) {
		fputs("\r\033[K", stderr);
	}
	(void)ws_capture_text(stderr, r, &style);
}

static void fill_setup(struct state *s, const atomic_int *stop, struct ws_requests requests)
{
	static char hardware[160], os[200];
	const struct ws_capture_options *o = &s->o;

	snprintf(hardware, sizeof(hardware), "%s", s->report.host.cpu);
	snprintf(os, sizeof(os), "Linux %s", s->report.host.kernel);
	s->setup = (struct ws_capture_setup){
		.interfaces = s->ends.interfaces,
		.count = s->ends.count,
		.workers = o->workers,
		.backend = o->backend,
		.buffer = o->buffer,
		.snaplen = o->snaplen,
		.block_timeout_ms = o->block_timeout_ms,
		.promiscuous = o->promiscuous,
		.outgoing = o->direction != WS_DIRECTION_IN,
		.user_stamps = o->stamp == WS_STAMP_USER,
		.filter_text = o->filter,
		.hardware = hardware,
		.os = os,
		.application = "wirestamp " WS_VERSION,
		.cpus = o->cpus,
		.cpu_count = o->cpu_count,
		.realtime = o->realtime,
		.limit = o->count,
		.duration_ns = o->duration_ns,
		.rotate_size = o->rotate_size,
		.rotate_ns = o->rotate_ns,
		.split = o->split,
		.stop = stop,
		.ledger_wanted = requests.ledger,
		.rotate_wanted = requests.rotate,
		.progress = s->terminal ? progress : NULL,
		.ledger = show_ledger,
		.event = event,
		.nic_drops = nic_drops,
		.arg = s,
	};
}

static void fill_report(struct state *s, int argc, char **argv)
{
	static const char *const directions[] = {"both", "in", "out"};
	static const char *const stamps[] = {"auto", "hardware", "software", "user"};
	struct ws_capture_report *r = &s->report;

	ws_facts_fill(&r->host, r->started);
	r->version = WS_VERSION;
	r->argc = argc + 1;
	r->argv = argv - 1;
	r->lab = s->o.lab;
	r->filter = s->o.filter;
	r->snaplen = s->o.snaplen;
	r->direction = directions[s->o.direction];
	r->stamp = stamps[s->o.stamp];
	r->block_timeout_ms = s->o.block_timeout_ms;
	r->compress = s->o.compress == WS_COMPRESS_ZSTD ? "zstd" : NULL;
	r->interfaces = ws_need(calloc(s->ends.count, sizeof(*r->interfaces)));
}

static void say_fault(const struct state *s, int r, const struct ws_capture_fault *fault)
{
	const char *name = s->ends.ifaces[fault->interface].end.text;

	if (!strcmp(fault->step, "cpu")) {
		ws_error("--cpu: %s", fault->why);
		return;
	}
	if (strcmp(fault->step, "open") != 0) {
		ws_error("capture: %s: %s", fault->step, strerror(-r));
		return;
	}
	switch (r) {
	case -EPERM:
	case -EACCES:
		ws_error("%s: capturing needs CAP_NET_RAW (run as root, or try --lab)", name);
		break;
	case -ENODEV:
		ws_error("%s: was removed (nothing was captured)", name);
		break;
	case -ENETDOWN:
		ws_error("%s: is down (ip link set it up)", name);
		break;
	case -EOPNOTSUPP:
	case -ENOPROTOOPT:
		ws_error("%s: this kernel lacks what --io %s needs (--io socket works everywhere)",
			name, s->o.backend ? s->o.backend : "auto");
		break;
	case -ENOMEM:
		ws_error("%s: the kernel has no memory for the ring (give a smaller --buffer)",
			name);
		break;
	default:
		ws_error("%s: cannot be captured on: %s (dmesg may say more)", name, strerror(-r));
	}
}

/* Where packets are written: -w, or capture.pcapng in --out; NULL: nowhere. */
static const char *output_path(struct state *s)
{
	if (s->o.write) {
		return s->o.write;
	}
	if (s->o.out && !s->out_file) {
		if (asprintf(&s->out_file, "%s/capture.pcapng%s", s->o.out,
			    s->o.compress ? ".zst" : "") < 0) {
			ws_need(NULL);
		}
	}
	return s->out_file;
}

/* The directory of a path, for as long as the program runs. */
static char *directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash) {
		return ws_need(strdup("."));
	}
	return ws_need(strndup(path, slash == path ? 1 : (size_t)(slash - path)));
}

static int give_up_rights(struct state *s, const struct ws_invoker *invoker)
{
	const char *path = s->o.write && strcmp(s->o.write, "-") ? s->o.write : s->o.out;
	char *folder = path ? directory_of(path) : NULL;
	int r = ws_privileges_drop(invoker, folder, s->report.rights, sizeof(s->report.rights));

	if (r < 0) {
		ws_error("capture: cannot give up rights: %s: %s", s->report.rights, strerror(-r));
	}
	free(folder);
	return r;
}

/* "trace.pcapng" and "eth0" become "trace-eth0.pcapng". */
static char *split_name(const char *path, const char *interface)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	const char *dot = strchr(*base == '.' ? base + 1 : base, '.');
	size_t stem = dot ? (size_t)(dot - path) : strlen(path);
	char *name;

	if (asprintf(&name, "%.*s-%s%s", (int)stem, path, interface, path + stem) < 0) {
		ws_need(NULL);
	}
	for (char *p = name + stem + 1; p < name + stem + 1 + strlen(interface); p++) {
		*p = *p == '/' ? '_' : *p;
	}
	return name;
}

static int make_files(struct state *s, const struct ws_invoker *invoker)
{
	const struct ws_capture_options *o = &s->o;
	const char *path = output_path(s);
	int r;

	if (!path) {
		return 0;
	}
	s->file_count = o->split ? s->ends.count : 1;
	s->files = ws_need(calloc(s->file_count, sizeof(struct ws_capfile *)));
	s->file_names = ws_need(calloc(s->file_count, sizeof(char *)));
	for (unsigned i = 0; i < s->file_count; i++) {
		struct ws_capfile_config config = {
			.series = o->rotate_size || o->rotate_ns,
			.keep = o->keep,
			.compress = o->compress,
			.has_owner = invoker->known && geteuid() == 0,
			.uid = invoker->uid,
			.gid = invoker->gid,
		};

		s->file_names[i] = o->split ? split_name(path, s->ends.ifaces[i].end.text)
					    : ws_need(strdup(path));
		config.path = s->file_names[i];
		r = ws_capfile_new(&s->files[i], &config);
		if (r == -EINVAL) {
			ws_error("%s: not a regular file: rotation needs one", config.path);
		} else if (r < 0) {
			ws_error("%s: cannot be written: %s (give a place that can)", config.path,
				strerror(-r));
		}
		if (r < 0) {
			return r;
		}
	}
	return 0;
}

/* Packets as text: what the writer does without a file. */
static void make_printer(struct state *s)
{
	unsigned ids = 0;

	s->print_names = ws_need(calloc(2 * s->ends.count, sizeof(*s->print_names)));
	s->print_linktypes = ws_need(calloc(2 * s->ends.count, sizeof(*s->print_linktypes)));
	for (unsigned i = 0; i < s->ends.count; i++) {
		for (int hw = s->ends.interfaces[i].hw_clock != WS_CLOCK_NONE; hw >= 0; hw--) {
			s->print_names[ids] = s->ends.ifaces[i].end.text;
			s->print_linktypes[ids++] = s->ends.interfaces[i].linktype;
		}
	}
	s->print = (struct ws_print){
		.out = s->o.json ? NULL : stdout,
		.names = s->ends.count > 1 ? s->print_names : NULL,
		.linktypes = s->print_linktypes,
		.ids = ids,
	};
	ws_print_init(&s->print);
	s->setup.printer = &s->print.printer;
}

static void say_ready(const struct state *s)
{
	const struct ws_capture_report *r = &s->report;
	char bytes[64], asked[64];

	if (s->o.quiet) {
		return;
	}
	for (unsigned i = 0; i < r->count; i++) {
		const struct ws_capture_counts *c = &r->interfaces[i];

		ws_format_bytes(bytes, sizeof(bytes), c->buffer);
		ws_format_bytes(asked, sizeof(asked), c->buffer_asked);
		fprintf(stderr, "capturing on %s%s%s%s by %s, buffer %s", c->name,
			c->driver[0] ? " (" : "", c->driver, c->driver[0] ? ")" : "", c->io, bytes);
		if (c->buffer < c->buffer_asked) {
			fprintf(stderr, " of the %s asked for", asked);
		}
		if (r->snaplen) {
			fprintf(stderr, ", %u bytes of each packet", r->snaplen);
		}
		fprintf(stderr, "%s%s, %s\n", r->filter ? ", filter " : "",
			r->filter ? r->filter : "", r->rights);
	}
	fflush(stderr);
}

/* What was asked for and not delivered. */
static void judge_stamps(struct state *s)
{
	struct ws_capture_report *r = &s->report;

	for (unsigned i = 0; i < r->count; i++) {
		struct ws_capture_counts *c = &r->interfaces[i];
		uint64_t hardware = c->origins[WS_ORIGIN_HARDWARE];
		uint64_t taken = c->received - c->filtered;
		char a[64], b[64];

		ws_format_count(a, sizeof(a), taken - hardware);
		ws_format_count(b, sizeof(b), taken);
		if (s->o.stamp == WS_STAMP_HARDWARE && hardware < taken) {
			ws_warn(&r->warnings,
				"%s: %s of %s packets came without the hardware stamp that was asked "
				"for; they have the system's time and stand under an interface of "
				"their own",
				c->name, a, b);
			if (!hardware) {
				r->failed = true;
				event(s, "not one packet had a hardware stamp, although the driver "
					 "agreed to give them (--stamp software works everywhere)");
			}
		}
		if (s->o.stamp == WS_STAMP_SOFTWARE &&
			c->origins[WS_ORIGIN_AT_COPY] + c->origins[WS_ORIGIN_USER]) {
			ws_format_count(a, sizeof(a),
				c->origins[WS_ORIGIN_AT_COPY] + c->origins[WS_ORIGIN_USER]);
			ws_warn(&r->warnings,
				"%s: %s of %s packets have a later time than the kernel's stamp, "
				"which they came without",
				c->name, a, b);
		}
		if (c->late + r->merged_late) {
			ws_format_count(a, sizeof(a), c->late + r->merged_late);
			ws_warn(&r->warnings, "%s packets stand behind younger ones", a);
		}
	}
}

static int print_json(FILE *out, const void *report)
{
	return ws_capture_json(out, report);
}

static int print_result(struct state *s)
{
	struct ws_text_style style = ws_text_style_for(stderr);
	int status = WS_EXIT_OK, r;

	if (s->out.fd >= 0) {
		r = ws_outdir_write(&s->out, print_json, &s->report);
		if (r < 0) {
			ws_error("%s/run.json: %s (the result is still printed)", s->o.out,
				strerror(-r));
			status = WS_EXIT_FAIL;
		}
	}
	if (s->o.json) {
		errno = 0;
		r = ws_capture_json(stdout, &s->report);
		if (r < 0) {
			ws_error("stdout: %s (the result could not be printed in full)",
				strerror(errno ? errno : -r));
			status = WS_EXIT_FAIL;
		}
	}
	if (!s->o.json || s->terminal) {
		(void)ws_capture_text(stderr, &s->report, &style);
	}
	return status;
}

static int start_demo(struct state *s)
{
	struct ws_frame_spec frame = {
		.carrier = WS_CARRIER_UDP,
		.payload = WS_PAYLOAD_SHORT,
		.src_ip = 0xc6120001, /* 198.18.0.1, RFC 2544 */
		.dst_ip = 0xc6120002,
		.src_port = DEMO_PORT,
		.dst_port = WS_UDP_PORT,
		.len = WS_FRAME_MIN,
		.run_id = 1,
	};
	struct ws_end_nic tx = {.netns = -1};
	int saved, r;

	if (ws_end_nic_look_in(&tx, ws_lab_ifname[0], s->ends.lab.ns[0]) < 0) {
		return -1;
	}
	memcpy(frame.src, tx.nic.mac, sizeof(frame.src));
	memcpy(frame.dst, s->ends.ifaces[0].end.nic.mac, sizeof(frame.dst));
	saved = ws_netns_enter(s->ends.lab.ns[0]);
	if (saved < 0) {
		return saved;
	}
	r = ws_demo_open(&s->demo, tx.nic.ifindex, &frame);
	ws_netns_leave(saved);
	return r;
}

/* With all rights: everything up to packets in the ring. */
static int open_all(
	struct state *s, const atomic_int *stop, struct ws_requests requests, int argc, char **argv)
{
	struct ws_capture_fault fault;
	char said[200];
	int r;

	if (ws_capture_ends_find(&s->ends, &s->o) < 0) {
		return -1;
	}
	if (s->o.lab && start_demo(s) < 0) {
		ws_error("--lab: nothing can be sent there");
		return -1;
	}
	if (ws_capture_ends_prepare(&s->ends, &s->report.warnings) < 0) {
		return -1;
	}
	if (s->o.lab) {
		/* So that this host does not answer the traffic with ICMP. */
		s->port = ws_port_own(WS_UDP_PORT);
	}
	fill_report(s, argc, argv);
	fill_setup(s, stop, requests);
	if (!output_path(s)) {
		make_printer(s);
	}
	if (s->o.realtime) {
		if (ws_memory_lock(said, sizeof(said)) < 0) {
			ws_warn(&s->report.warnings, "--realtime: memory is not locked: %s", said);
		}
		if (ws_thread_realtime_allow(PRIORITY, said, sizeof(said)) < 0) {
			ws_warn(&s->report.warnings, "--realtime: %s", said);
		}
	}
	r = ws_capture_open(&s->capture, &s->setup, &s->report, &fault);
	if (r < 0) {
		say_fault(s, r, &fault);
		return -1;
	}
	ws_capture_ends_look(&s->ends);
	return 0;
}

static int capture(struct state *s, int argc, char **argv)
{
	const atomic_int *stop = ws_stop_catch();
	struct ws_requests requests = ws_requests_catch(
		(s->o.write && strcmp(s->o.write, "-")) || (!s->o.write && s->o.out));
	struct ws_invoker invoker = ws_invoker_get();
	struct ws_capture_fault fault;
	int r, status;

	if (s->o.write && !strcmp(s->o.write, "-") && isatty(STDOUT_FILENO)) {
		ws_error(
			"-w -: standard output is a terminal (pipe it somewhere, say | tshark -r -)");
		return WS_EXIT_FAIL;
	}
	if (open_all(s, stop, requests, argc, argv) < 0 || give_up_rights(s, &invoker) < 0 ||
		ws_output_create(&s->out, s->o.out) < 0 || make_files(s, &invoker) < 0) {
		return WS_EXIT_FAIL;
	}
	if (s->demo && ws_demo_start(s->demo) < 0) {
		ws_error("--lab: no thread for its traffic");
		return WS_EXIT_FAIL;
	}
	say_ready(s);
	r = ws_capture_run(s->capture, s->files, &fault);
	if (s->terminal) {
		fputs("\r\033[K", stderr);
	}
	if (r < 0) {
		const char *path = s->files ? ws_capfile_path(s->files[fault.interface]) : "";

		ws_error("%s%s%s: %s (%s)", fault.step, *path ? " " : "", path, strerror(-r),
			!strcmp(fault.step, "file") ? "give a place that can be written"
						    : "nothing was captured");
		return WS_EXIT_FAIL;
	}
	if (s->files) {
		/* A writer that was given up may still go on to a next file. */
		s->report.path = s->report.abandoned ? s->file_names[s->file_count - 1]
						     : ws_capfile_path(s->files[s->file_count - 1]);
		for (unsigned i = 0; i < s->file_count && !s->report.abandoned; i++) {
			s->report.files += ws_capfile_count(s->files[i]);
		}
	}
	judge_stamps(s);
	status = print_result(s);
	return s->report.failed ? WS_EXIT_FAIL : status;
}

static void clean_up(struct state *s)
{
	ws_capture_close(s->capture);
	ws_demo_close(s->demo);
	for (unsigned i = 0; i < s->file_count; i++) {
		ws_capfile_free(s->files[i]);
		free(s->file_names[i]);
	}
	free(s->files);
	free(s->file_names);
	free(s->out_file);
	ws_outdir_close(&s->out);
	if (s->port >= 0) {
		close(s->port);
	}
	free(s->report.interfaces);
	free(s->print_names);
	free(s->print_linktypes);
	ws_capture_ends_close(&s->ends);
	ws_capture_options_free(&s->o);
}

int ws_cmd_capture(int argc, char **argv)
{
	static struct state s = {.ends = {.lab = {.ns = {-1, -1}}}, .out = {.fd = -1}, .port = -1};
	int r = ws_capture_options_parse(&s.o, argc, argv);
	int status;

	if (r < 0) {
		ws_capture_options_free(&s.o);
		return r == -2 ? WS_EXIT_OK : WS_EXIT_USAGE;
	}
	if (s.o.read) {
		status = ws_capture_read(&s.o, argc, argv);
		ws_capture_options_free(&s.o);
		return status;
	}
	s.terminal = !s.o.quiet && isatty(STDERR_FILENO) &&
		     (s.o.write || s.o.out || s.o.json || !isatty(STDOUT_FILENO));
	status = capture(&s, argc, argv);
	if (s.report.abandoned) {
		/*
		 * A thread is stuck in a write, and uses all this. It may hold standard output, too,
		 * which exit() would wait for.
		 */
		fflush(stderr);
		_exit(status);
	}
	clean_up(&s);
	return status;
}
