/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands/commands.h"
#include "commands/facts.h"
#include "commands/latency_own.h"
#include "host/clock_sync.h"
#include "host/netns.h"
#include "host/port.h"
#include "report/reflect_report.h"
#include "run/reflect.h"

#define SESSIONS 16

struct ws_latency_reflector {
	pthread_t thread;
	sem_t begun;
	int port; /* owned there, so that the kernel sends no ICMP; -1: not */
	bool ready;
	atomic_int stop;
	int rc;
	struct ws_reflect_setup setup;
	struct ws_reflect_report report;
	struct sockaddr_storage local;
};

static int ready(void *arg, const struct ws_reflect_granted *granted)
{
	struct ws_latency_reflector *f = arg;

	f->report.io = granted->backend;
	f->report.rx_buffer = granted->rx_buffer;
	f->ready = true;
	sem_post(&f->begun);
	return 0;
}

static void *reflect(void *arg)
{
	struct ws_latency_reflector *f = arg;

	f->rc = ws_reflect_run(&f->setup, &f->report.result);
	sem_post(&f->begun);
	return NULL;
}

static void forget(struct ws_latency_command *s)
{
	struct ws_latency_reflector *f = s->reflector;

	if (f->port >= 0) {
		close(f->port);
	}
	sem_destroy(&f->begun);
	free(f);
	s->reflector = NULL;
}

/* The lab's far side is a thread of ours. */
static int start_here(struct ws_latency_command *s)
{
	struct ws_latency_reflector *f = ws_need(calloc(1, sizeof(*f)));
	sigset_t all, before;
	int r;

	s->reflector = f;
	f->setup = (struct ws_reflect_setup){
		.name = s->far.text,
		.netns = s->far.netns,
		.ifindex = s->far.nic.ifindex,
		.backend = s->udp ? "udp" : NULL,
		.port = s->o.load.traffic.dst_port,
		.frame_max = s->far.nic.mtu + 18,
		.origin = s->o.load.stamp == WS_ORIGIN_USER ? WS_ORIGIN_USER : WS_ORIGIN_SOFTWARE,
		.sessions = SESSIONS,
		.boot = ws_boot_number(),
		.cpu = -1,
		.until_eof = -1,
		.stop = &f->stop,
		.ready = ready,
		.arg = f,
	};
	if (!s->udp) {
		memcpy(f->setup.mac, s->far.nic.mac, sizeof(f->setup.mac));
	} else {
		struct sockaddr_in *local = (struct sockaddr_in *)&f->local;

		local->sin_family = AF_INET;
		local->sin_port = htons(f->setup.port);
		f->setup.udp_local = &f->local;
	}
	f->report.version = WS_VERSION;
	f->report.has_end = true;
	f->report.lab = true;
	f->report.port = f->setup.port;
	f->report.ptp_port = f->setup.port == WS_PTP_PORT ? WS_PTP_PORT : 0;
	f->report.receive_only = false;
	ws_facts_fill(&f->report.host, f->report.started);
	ws_facts_endpoint(&f->report.end, &s->far);
	ws_facts_clock(&f->report.clock);
	f->port = -1;
	if (!s->udp) {
		int saved = ws_netns_enter(s->far.netns);

		if (saved >= 0) {
			f->port = ws_port_own(f->setup.port);
			ws_netns_leave(saved);
		}
	}
	sem_init(&f->begun, 0, 0);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = -pthread_create(&f->thread, NULL, reflect, f);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r < 0) {
		ws_error("--peer ws1: cannot begin: %s (try again)", strerror(-r));
		forget(s);
		return WS_EXIT_FAIL;
	}
	while (sem_wait(&f->begun) < 0) {
		; /* a signal came */
	}
	if (!f->ready) {
		pthread_join(f->thread, NULL);
		r = f->rc;
		forget(s);
		ws_error("--peer ws1: cannot be opened: %s (dmesg may say more)", strerror(-r));
		return WS_EXIT_FAIL;
	}
	return 0;
}

static void take_hello(struct ws_latency_command *s, const struct ws_remote_hello *h)
{
	struct ws_load_options *o = &s->o.load;
	struct ws_traffic_spec *t = &o->traffic;

	if (!o->has_dst_mac) {
		memcpy(t->dst_mac, h->mac, sizeof(t->dst_mac));
		o->has_dst_mac = true;
	}
	if (!s->o.dst_port_given && s->o.carrier != WS_CARRIER_PTP_UDP) {
		t->dst_port = h->port;
	}
	if (o->has_dst_ip || !t->ip_version) {
		return;
	}
	if (t->ip_version != 6 && h->has_ipv4) {
		memcpy(t->dst_ip, h->ipv4, sizeof(h->ipv4));
		o->has_dst_ip = true;
	} else if (t->ip_version == 6 && h->has_ipv6) {
		memcpy(t->dst_ip, h->ipv6, sizeof(h->ipv6));
		o->has_dst_ip = true;
	}
}

static int start_there(struct ws_latency_command *s)
{
	const char *args[8] = {NULL};
	unsigned n = 0;
	struct ws_remote_hello hello;
	char port[8];
	struct ws_remote_config config = {
		.url = s->o.peer,
		.ssh = s->o.ssh,
		.program = s->o.remote_program,
		.args = args,
		.stop = (const volatile int *)s->setup.stop,
	};

	if (s->udp) {
		args[n++] = "--io";
		args[n++] = "udp";
	}
	if (s->o.dst_port_given || s->o.carrier == WS_CARRIER_PTP_UDP) {
		snprintf(port, sizeof(port), "%u", s->o.load.traffic.dst_port);
		args[n++] = "--port";
		args[n++] = port;
	}
	if (s->o.load.stamp != WS_ORIGIN_NONE) {
		/* Anything but auto is what both ends use. */
		args[n++] = "--stamp";
		args[n++] = ws_origin_name(s->o.load.stamp);
	}
	if (ws_remote_start(&s->remote, &config, &hello) < 0) {
		return WS_EXIT_FAIL;
	}
	take_hello(s, &hello);
	return 0;
}

int ws_latency_far_start(struct ws_latency_command *s)
{
	if (!s->o.peer || s->o.one_way) {
		return 0;
	}
	if (s->o.load.lab) {
		return start_here(s);
	}
	return ws_remote_is_url(s->o.peer) ? start_there(s) : 0;
}

/* Its thread has ended. */
static void keep_reflector(struct ws_latency_command *s)
{
	struct ws_latency_reflector *f = s->reflector;
	size_t len;
	FILE *out;

	atomic_store(&f->stop, 1);
	pthread_join(f->thread, NULL);
	out = f->rc == 0 ? open_memstream(&s->far_json, &len) : NULL;
	if (out) {
		f->report.argc = s->report.argc;
		f->report.argv = s->report.argv;
		(void)ws_reflect_json(out, &f->report);
		fclose(out);
	}
	ws_reflect_result_free(&f->report.result);
	forget(s);
}

int ws_latency_far_finish(struct ws_latency_command *s)
{
	int status = 0;

	if (s->reflector) {
		keep_reflector(s);
	}
	if (s->remote && ws_remote_finish(s->remote, &s->far_json) < 0) {
		ws_warn(&s->report.warnings,
			"the far side ended before it could say what it had seen: its own account is missing");
		status = WS_EXIT_FAIL;
	}
	s->report.remote = s->far_json;
	return status;
}

void ws_latency_far_free(struct ws_latency_command *s)
{
	if (s->reflector) {
		keep_reflector(s);
	}
	ws_remote_free(s->remote);
	s->remote = NULL;
	free(s->far_json);
	s->far_json = NULL;
}
