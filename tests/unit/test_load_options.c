/* SPDX-License-Identifier: BSD-2-Clause */
/* The options of `load`: command lines in, what they mean or the one line that refuses them out. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "commands/load_options.h"
#include "core/frame.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define WORDS	      64

/* What is printed while it is open. */
struct catch
{
	int fd, to, saved;
};

static void catch_begin(struct catch *c, int fd)
{
	fflush(NULL);
	c->fd = fd;
	c->to = memfd_create("printed", MFD_CLOEXEC);
	c->saved = dup(fd);
	assert_true(c->to >= 0 && c->saved >= 0);
	assert_int_equal(dup2(c->to, fd), fd);
}

static void catch_end(struct catch *c, char *buf, size_t size)
{
	ssize_t n;

	fflush(NULL);
	dup2(c->saved, c->fd);
	close(c->saved);
	n = pread(c->to, buf, size - 1, 0);
	close(c->to);
	assert_true(n >= 0);
	buf[n] = '\0';
}

/* A line split at its blanks; "_" inside a word stands for one. The words live in copy. */
static int run(struct ws_load_options *o, char *copy, size_t size, const char *line, char *error,
	size_t error_size)
{
	char name[] = "load", *argv[WORDS + 1] = {name}, *save = NULL;
	struct catch c;
	int argc = 1, r;

	assert_true((size_t)snprintf(copy, size, "%s", line) < size);
	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		assert_true(argc < WORDS);
		argv[argc++] = word;
		for (char *p = word; (p = strchr(p, '_')) != NULL;) {
			*p = ' ';
		}
	}
	catch_begin(&c, STDERR_FILENO);
	r = ws_load_options_parse(o, argc, argv);
	catch_end(&c, error, error_size);
	return r;
}

struct text {
	char buf[4096];
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void say(struct text *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	t->len += (size_t)vsnprintf(t->buf + t->len, sizeof(t->buf) - t->len, format, args);
	va_end(args);
	assert_true(t->len < sizeof(t->buf));
}

static void say_bytes(struct text *t, const char *name, const uint8_t *bytes, size_t len)
{
	say(t, " %s=", name);
	for (size_t i = 0; i < len && i < 300; i++) {
		say(t, "%02x", bytes[i]);
	}
}

static void say_traffic(struct text *t, const struct ws_load_options *o)
{
	static const char *const protos[] = {"udp", "tcp", "icmp", "raw"};
	static const char *const sizes[] = {"fixed", "range", "imix"};
	static const char *const fills[] = {"probe", "zero", "inc", "random", "bytes"};
	static const char *const kinds[] = {"none", "inc", "random", "list"};
	const struct ws_traffic_spec *s = &o->traffic;
	size_t ip = s->ip_version == 6 ? 16 : 4;

	/* A star: given, not a stand-in. */
	say_bytes(t, o->has_dst_mac ? "*dmac" : "dmac", s->dst_mac, 6);
	say_bytes(t, o->has_src_mac ? "*smac" : "smac", s->src_mac, 6);
	say(t, " ip=%u proto=%s ptp=%d", s->ip_version, protos[s->proto], (int)s->ptp);
	if (s->ip_version) {
		say_bytes(t, o->has_dst_ip ? "*dst" : "dst", s->dst_ip, ip);
		say_bytes(t, o->has_src_ip ? "*src" : "src", s->src_ip, ip);
	}
	say(t, " sport=%u dport=%u ttl=%u tos=%u type=%04x vlans=%u", s->src_port, s->dst_port,
		s->ttl, s->tos, s->ethertype, s->vlan_count);
	for (unsigned i = 0; i < s->vlan_count; i++) {
		say(t, " vlan%u=%u:%u", i, s->vlan[i].id, s->vlan[i].prio);
	}
	say_bytes(t, "header", s->header, s->header ? s->header_len : 0);
	say(t, " size=%s:%u-%u flows=%" PRIu64 " fill=%s tseed=%" PRIu64, sizes[s->size],
		s->len_min, s->len_max, s->flows, fills[s->fill], s->seed);
	say_bytes(t, "bytes", s->bytes, s->bytes ? s->bytes_len : 0);
	for (int f = 0; f < WS_FIELD_COUNT; f++) {
		const struct ws_vary *v = &s->vary[f];

		if (v->kind == WS_VARY_NONE) {
			continue;
		}
		say(t, " %s=%s:%" PRIu64, ws_field_name((enum ws_field)f), kinds[v->kind],
			v->count);
		for (uint64_t i = 0; v->kind == WS_VARY_LIST && i < v->count; i++) {
			say(t, ",%" PRIx64 ".%" PRIx64, v->list[i].high, v->list[i].low);
		}
	}
}

/* Options as words: " name=value", and " name" for flags. */
static void say_options(struct text *t, const struct ws_load_options *o)
{
	static const char *const units[] = {"pps", "l2", "l1", "percent", "max"};
	static const char *const choices[] = {"auto", "yes", "no"};
	static const char *const pacings[] = {"busy", "txtime", "fq"};

	*t = (struct text){0};
	say(t, " if=%s%s%s%s%s%s%s", o->interface ? o->interface : "-", o->lab ? " lab" : "",
		o->json ? " json" : "", o->quiet ? " quiet" : "", o->yes ? " yes" : "",
		o->force ? " force" : "", o->realtime ? " realtime" : "");
	say(t, " rates=%u%s", o->rate_count, o->rate_given ? " rate-given" : "");
	for (unsigned i = 0; i < o->rate_count; i++) {
		say(t, " rate%u=%" PRIu64 "/%" PRIu64 "%s", i, o->rates[i].value.num,
			o->rates[i].value.den, units[o->rates[i].unit]);
	}
	say(t, " ns=%" PRId64 " count=%" PRIu64 " pattern=%d burst=%" PRIu64 " seed=%" PRIu64,
		o->duration_ns, o->count, (int)o->pattern, o->burst, o->seed);
	say(t, " pcap=%s speed=%g%s io=%s bypass=%s pacing=%s late=%s stamp=%s%s workers=%u cpus=",
		o->pcap ? o->pcap : "-", o->speed, o->speed_given ? " speed-given" : "",
		o->backend ? o->backend : "auto", choices[o->bypass], pacings[o->pacing],
		o->late_skip ? "skip" : "catch-up", ws_origin_name(o->stamp),
		o->stamps_off ? " stamps-off" : "", o->workers);
	for (unsigned i = 0; i < o->cpu_count; i++) {
		say(t, "%s%u", i ? "," : "", o->cpus[i]);
	}
	say(t, " dry=%s out=%s require=%g", o->dry_run ? o->dry_run : "-", o->out ? o->out : "-",
		o->require);
	if (!o->pcap) {
		say_traffic(t, o);
	}
	say(t, " ");
}

/* Every word of `wanted` is one of `all`. */
static void assert_words(const char *line, const char *all, const char *wanted)
{
	char copy[1024], word[600], *save = NULL;

	assert_true((size_t)snprintf(copy, sizeof(copy), "%s", wanted) < sizeof(copy));
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		assert_true((size_t)snprintf(word, sizeof(word), " %s ", w) < sizeof(word));
		if (!strstr(all, word)) {
			fail_msg("\"%s\": no \"%s\" in%s", line, w, all);
		}
	}
}

static void good_lines(void **state)
{
	static const struct {
		const char *line, *words;
	} rows[] = {
		/* defaults */
		{"--lab",
			"if=- lab rates=1 rate0=10000/1pps ns=5000000000 count=0 pattern=0 burst=0 "
			"seed=1 pcap=- speed=1 io=auto bypass=auto pacing=busy late=catch-up "
			"stamp=none workers=1 cpus= dry=- out=- require=-1 ip=4 proto=udp "
			"sport=8620 dport=8620 ttl=64 tos=0 vlans=0 size=fixed:60-60 flows=1 "
			"fill=probe tseed=1 dmac=020000000002 smac=020000000001 src=c6120001 "
			"dst=c6120002"},
		{"eth1 --dst 192.0.2.7", "if=eth1 *dst=c0000207 src=c6120001 ip=4"},
		{"--dst 192.0.2.7 eth1@there", "if=eth1@there *dst=c0000207"},
		{"eth1 --dst-mac 02:00:00:00:00:07", "*dmac=020000000007 dst=c6120002"},
		{"eth1 --dst 2001:db8::7",
			"ip=6 *dst=20010db8000000000000000000000007 size=fixed:62-62 "
			"src=20010002000000000000000000000001"},
		{"eth1 --header 02000000000702000000000188b5",
			"proto=raw ip=0 header=02000000000702000000000188b5 *dmac=020000000007 "
			"*smac=020000000001 size=fixed:60-60"},
		{"eth1 --dst-mac 02-00-00-00-00-0A", "*dmac=02000000000a"},
		{"--lab --src-mac 0a:0B:00:00:00:0c", "*smac=0a0b0000000c"},
		/* flags */
		{"--lab -j -q -y --force --realtime", "json quiet yes force realtime"},
		{"--lab --json --quiet --yes", "json quiet yes"},
		/* how much */
		{"--lab -r 1kpps,80%,max -d 2s",
			"rates=3 rate-given rate0=1000/1pps rate1=80/1percent rate2=0/1max "
			"ns=2000000000"},
		{"--lab --rate 1kpps:3kpps:1kpps", "rates=3 rate2=3000/1pps"},
		{"--lab --rate 10Gbps/l1", "rate0=10000000000/1l1"},
		{"--lab -c 5k", "count=5000 ns=0"},
		{"--lab --pattern cbr", "pattern=0"},
		{"--lab --pattern burst:32", "pattern=1 burst=32"},
		{"--lab --pattern poisson --seed 0x5eed", "pattern=2 seed=24301 tseed=24301"},
		{"--lab --seed 18446744073709551615", "seed=18446744073709551615"},
		{"--lab --seed 0", "seed=0 tseed=0"},
		/* sizes count the FCS */
		{"--lab -s 64", "size=fixed:60-60"},
		{"--lab -s 1518", "size=fixed:1514-1514"},
		{"--lab -s 65535", "size=fixed:65531-65531"},
		{"--lab -s 64-1518", "size=range:60-1514"},
		{"--lab -s 128-128", "size=fixed:124-124"},
		{"--lab -s imix", "size=imix:0-0"},
		{"--lab -s imix --vlan 5,6 --dst ::1 --tcp 1:2", "size=imix:0-0"},
		{"--lab --vlan 5", "size=fixed:60-60"},
		{"--lab --dst ::1 --tcp 1:2", "size=fixed:74-74"},
		{"--lab --dst ::1 --tcp 1:2 --vlan 5,6", "size=fixed:82-82"},
		{"--lab --dst ::1 --tcp 1:2 --vlan 5,6 -s 86", "size=fixed:82-82"},
		/* tags */
		{"--lab --vlan 0", "vlans=1 vlan0=0:0"},
		{"--lab --vlan 4094:7", "vlans=1 vlan0=4094:7"},
		{"--lab --vlan 100:5,200", "vlans=2 vlan0=100:5 vlan1=200:0"},
		/* protocols */
		{"--lab --src 192.0.2.1 --dst 192.0.2.2", "ip=4 *src=c0000201 *dst=c0000202"},
		{"--lab --src 2001:db8::1", "ip=6 *src=20010db8000000000000000000000001 "
					    "dst=20010002000000000000000000000002"},
		{"--lab --udp 0:65535", "proto=udp sport=0 dport=65535"},
		{"--lab --tcp 1024:80", "proto=tcp sport=1024 dport=80"},
		{"--lab --icmp 7", "proto=icmp sport=7"},
		{"--lab --icmp 7 --dst ff02::1", "proto=icmp sport=7 ip=6"},
		{"--lab --ethertype 0x88b5", "proto=raw ip=0 type=88b5 size=fixed:60-60"},
		{"--lab --carrier auto", "proto=udp ptp=0 sport=8620 dport=8620 size=fixed:60-60"},
		{"--lab --carrier udp --udp 1:2", "proto=udp ptp=0 sport=1 dport=2"},
		{"--lab --udp 1:2 --carrier ptp-l2 --carrier udp", "proto=udp ptp=0 sport=1"},
		{"--lab --carrier l2", "proto=raw ip=0 type=88b5 ptp=0 size=fixed:60-60"},
		{"--lab --carrier ptp-l2", "proto=raw ip=0 type=88f7 ptp=1 size=fixed:78-78"},
		{"--lab --carrier ptp-l2 --vlan 5", "ptp=1 size=fixed:82-82"},
		{"--lab --carrier ptp-l2 --payload probe", "ptp=1 fill=probe"},
		{"--lab --carrier ptp-udp",
			"proto=udp ip=4 ptp=1 sport=319 dport=319 size=fixed:106-106"},
		{"--lab --carrier ptp-udp --dst ::1 --udp 5:319",
			"ip=6 ptp=1 sport=5 dport=319 size=fixed:126-126"},
		{"--lab --carrier ptp-udp --carrier auto", "ptp=0 sport=8620"},
		{"--lab --carrier ptp-udp --size imix", "ptp=1 size=imix:0-0"},
		{"--lab --ethertype 0x0600 --vlan 3", "type=0600 vlan0=3:0"},
		{"--lab --ethertype 0xFFFF", "type=ffff"},
		{"--lab --ttl 1 --tos 0xb8", "ttl=1 tos=184"},
		{"--lab --ttl 255 --tos 184", "ttl=255 tos=184"},
		/* patterns */
		{"--lab --flows 1M", "flows=1000000"},
		{"--lab --flows 5 --vary dport=inc:3", "flows=5 dport=inc:3"},
		{"--lab --flows 1 --vary sport=inc:3", "sport=inc:3"},
		{"--lab --ethertype 0x88b5 --flows 9", "flows=9"},
		{"--lab --vary src-mac=inc:16 --vary dst-mac=random:1k",
			"src-mac=inc:16 dst-mac=random:1000"},
		{"--lab --vlan 1,2 --vary vlan=inc:9 --vary vlan2=list:0,4094",
			"vlan=inc:9 vlan2=list:2,0.0,0.ffe"},
		{"--lab --vary src=random:256 --vary dst=inc:4", "src=random:256 dst=inc:4"},
		{"--lab --icmp 7 --vary sport=inc:4", "sport=inc:4"},
		{"--lab --vary sport=list:1,0x2,65535 --vary dport=random:9",
			"sport=list:3,0.1,0.2,0.ffff dport=random:9"},
		{"eth1 --vary dst=list:192.0.2.9,192.0.2.5",
			"dst=list:2,0.c0000209,0.c0000205 *dst=c0000209 ip=4"},
		{"eth1 --dst 192.0.2.1 --vary dst=list:192.0.2.9", "*dst=c0000201"},
		{"eth1 --vary dst=list:2001:db8::9,::5", "dst=list:2,20010db800000000.9,0.5 ip=6 "
							 "*dst=20010db8000000000000000000000009"},
		{"eth1 --vary dst-mac=list:02:00:00:00:00:07,ff:ff:ff:ff:ff:ff",
			"dst-mac=list:2,0.20000000007,0.ffffffffffff *dmac=020000000007"},
		{"--lab --header 02000000000702000000000188b5 --vary src-mac=inc:5",
			"src-mac=inc:5 *smac=020000000001"},
		/* payloads */
		{"--lab --payload zero", "fill=zero"},
		{"--lab --payload inc", "fill=inc"},
		{"--lab --payload random", "fill=random"},
		{"--lab --payload hex:dead", "fill=bytes bytes=dead"},
		{"--lab --payload hex:DE:ad_00", "fill=bytes bytes=dead00"},
		{"--lab --payload text:Hi_all", "fill=bytes bytes=486920616c6c"},
		{"--lab --payload hex:dead --payload hex:beef", "bytes=beef"},
		{"--lab --payload hex:dead --payload probe", "fill=probe"},
		{"--lab --payload probe", "fill=probe"},
		{"--lab --payload probe --vlan 5 -s 66", "fill=probe"},
		{"--lab --payload probe --ethertype 0x88b5", "fill=probe"},
		{"--lab --payload probe --header 02000000000702000000000188b5", "fill=probe"},
		{"--lab --payload probe --header 0200000000070200000000018100000588b5",
			"fill=probe"},
		/* replay */
		{"eth1 --pcap a.pcap",
			"pcap=a.pcap rates=1 rate0=0/1max pattern=3 speed=1 ns=0 count=0"},
		{"eth1 --pcap - --speed 2.5", "pcap=- speed=2.5 speed-given pattern=3"},
		{"eth1 --pcap a --speed 0.000001", "speed=1e-06"},
		{"eth1 --pcap a --rate 1Mpps,max",
			"rates=2 rate-given rate0=1000000/1pps pattern=0 ns=0 count=0"},
		{"eth1 --pcap a --rate 1kpps --pattern poisson --seed 5", "pattern=2 seed=5"},
		{"eth1 --pcap a --count 7", "count=7 ns=0 pattern=3"},
		{"eth1 --pcap a --duration 7s", "count=0 ns=7000000000"},
		{"eth1 --pcap a --require 1 --pacing txtime", "require=1 pacing=txtime"},
		{"--pcap a --dry-run b", "if=- pcap=a dry=b rates=1"},
		/* how */
		{"--lab --io socket --bypass on", "io=socket bypass=yes"},
		{"--lab --io tpacket2 --bypass off", "io=tpacket2 bypass=no"},
		{"--lab --io socket --io auto --bypass auto", "io=auto bypass=auto"},
		{"--lab --pacing txtime", "pacing=txtime"},
		{"--lab --pacing fq --bypass off", "pacing=fq bypass=no"},
		{"--lab --pacing busy --rate max --bypass on", "pacing=busy"},
		{"--lab --pacing txtime --pattern poisson", "pacing=txtime"},
		{"--lab --late skip", "late=skip"},
		{"--lab --late skip --late catch-up", "late=catch-up"},
		{"--lab --stamp software", "stamp=software"},
		{"--lab --stamp user", "stamp=user"},
		{"--lab --stamp none", "stamp=none stamps-off"},
		{"--lab --stamp user --stamp auto", "stamp=none workers=1"},
		{"--lab --workers 64", "workers=64"},
		{"--lab --workers 3 --cpu 0-1,5", "workers=3 cpus=0,1,5"},
		{"--lab --cpu 7", "workers=1 cpus=7"},
		{"--lab --workers 2 --cpu 1,1 --force", "cpus=1,1"},
		/* results */
		{"--lab --require 0", "require=0"},
		{"--lab --require 0.5%", "require=0.5"},
		{"--lab --require 100", "require=100"},
		{"--lab -o run1", "out=run1"},
		{"--dry-run a.pcapng", "if=- dry=a.pcapng dmac=020000000002 smac=020000000001"},
		{"--dry-run - -c 5 --dst 2001:db8::1", "if=- dry=- ip=6 count=5"},
		{"eth1 --dry-run a --rate 50%", "if=eth1 dry=a rates=1"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ws_traffic *traffic = NULL;
		struct ws_load_options o;
		char copy[512], error[2048];
		struct text text;
		int r = run(&o, copy, sizeof(copy), rows[i].line, error, sizeof(error));

		if (r != 0) {
			fail_msg("\"%s\": returned %d, said %s", rows[i].line, r, error);
		}
		assert_string_equal(error, "");
		say_options(&text, &o);
		assert_words(rows[i].line, text.buf, rows[i].words);
		/* Nothing is left that the traffic would refuse. */
		r = o.pcap ? 0 : ws_traffic_new(&traffic, &o.traffic);
		if (r < 0) {
			fail_msg("\"%s\": ws_traffic_new: %s", rows[i].line, strerror(-r));
		}
		ws_traffic_free(traffic);
		ws_load_options_free(&o);
	}
}

/* What is wrong on any machine: one line, `wirestamp: what: why (what to do)`. */
static void bad_lines(void **state)
{
	static const struct {
		const char *line, *pattern;
	} rows[] = {
		/* where */
		{"", "load: needs an interface.*--lab"},
		{"--rate 1kpps", "load: needs an interface"},
		{"--lab eth1", "--lab: brings.*eth1"},
		{"eth1 --lab", "--lab: brings.*eth1"},
		{"eth1 eth2 --dst 192.0.2.1", "eth2: unexpected.*eth1"},
		{"--lab a b", "b: unexpected.*a"},
		{"eth1", "eth1: no destination.*--dst.*--dst-mac.*--lab"},
		{"eth1 --src 192.0.2.1 --udp 1:2", "eth1: no destination"},
		{"eth1 --vary dst=inc:5", "eth1: no destination"},
		{"eth1 --ethertype 0x88b5", "eth1: no destination"},
		/* rates and lengths */
		{"--lab --rate=", "--rate : an empty rate"},
		{"--lab --rate ,", "--rate ,: an empty rate"},
		{"--lab --rate 1kpps,", "--rate 1kpps,: an empty rate"},
		{"--lab --rate 10kpsp", "--rate 10kpsp: 10kpsp is no rate.*100kpps, 1.5Mpps"},
		{"--lab --rate 1000", "--rate 1000"},
		{"--lab --rate 101%", "--rate 101%: .*range"},
		{"--lab --rate 1pps:65pps:1pps", "--rate.*more than 64 rates"},
		{"--lab --duration 5", "--duration 5: .*ms, s"},
		{"--lab --duration 0s", "--duration 0s: out of range"},
		{"--lab --count 0", "--count 0: out of range"},
		{"--lab --count many", "--count many: no count"},
		{"--lab --count 5 --duration 1s", "--count and --duration: both"},
		{"--lab --rate max --count 5 --duration 1s", "--count and --duration: both"},
		{"--lab --pattern square", "--pattern square: .*cbr, poisson, or burst:N"},
		{"--lab --pattern burst", "--pattern burst: "},
		{"--lab --pattern burst:", "--pattern burst:: no count"},
		{"--lab --pattern burst:0", "--pattern burst:0: out of range"},
		{"--lab --pattern poisson --rate 1kpps,max",
			"--pattern poisson and --rate 1kpps,max: "},
		{"--lab --pattern burst:4 --rate max", "--pattern burst:4 and --rate max: "},
		{"--lab --seed x", "--seed x: no number"},
		{"--lab --seed=", "--seed : no number"},
		{"--lab --seed -1", "--seed -1: no number"},
		{"--lab --seed 1.5", "--seed 1.5: no number"},
		{"--lab --seed 0x", "--seed 0x: no number"},
		{"--lab --seed 18446744073709551616", "--seed.*out of range"},
		/* sizes */
		{"--lab --size 63", "--size 63: too small for IPv4/UDP \\(at least 64\\)"},
		{"--lab --size 0", "--size 0: too small.*at least 64"},
		{"--lab --size 3-70", "--size 3-70: too small.*at least 64"},
		{"--lab --size 64 --dst ::1",
			"--size 64: too small for IPv6/UDP \\(at least 66\\)"},
		{"--lab --size 64 --dst ::1 --tcp 1:2",
			"--size 64: too small for IPv6/TCP \\(at least 78\\)"},
		{"--lab --size 64-1518 --tcp 1:2 --vlan 5,6",
			"--size 64-1518: too small for IPv4/TCP with 2 VLAN tags \\(at least 66\\)"},
		{"--lab --size 85 --dst ::1 --tcp 1:2 --vlan 5,6", ".*at least 86"},
		{"--lab --size 69 --dst ::1 --icmp 1 --vlan 5",
			".*IPv6/ICMP with 1 VLAN tag \\(at least 70\\)"},
		{"--lab --size 60 --ethertype 0x88b5 --vlan 5,6",
			".*ethertype 0x88b5 with 2 VLAN tags \\(at least 64\\)"},
		{"--lab --size big", "--size big: no frame size.*imix"},
		{"--lab --size=", "--size : no frame size"},
		{"--lab --size -64", "--size -64: no frame size"},
		{"--lab --size 64-", "--size 64-: no frame size"},
		{"--lab --size 64-128-256", "--size 64-128-256: no frame size"},
		{"--lab --size 1518-64", "--size 1518-64: goes down.*64-1518"},
		{"--lab --size 65536", "--size 65536: out of range.*65535"},
		{"--lab --size 64-99999999999999999999", ".*out of range.*65535"},
		/* addresses and tags */
		{"--lab --dst-mac 02:00:00:00:00", "--dst-mac.*no MAC address.*aa:bb"},
		{"--lab --dst-mac 02:00:00:00:00:0g", "--dst-mac.*no MAC address"},
		{"--lab --dst-mac 02:00:00:00:00:001", "--dst-mac.*no MAC address"},
		{"--lab --src-mac=", "--src-mac : no MAC address"},
		{"--lab --src-mac 0200000000Aa", "--src-mac.*no MAC address"},
		{"--lab --vlan 4095", "--vlan 4095: \"4095\" is no VLAN identifier \\(0 to 4094"},
		{"--lab --vlan 70000", "--vlan 70000: "},
		{"--lab --vlan x", "--vlan x: "},
		{"--lab --vlan=", "--vlan : \"\" is no VLAN"},
		{"--lab --vlan 5,", "--vlan 5,: \"\" is no VLAN"},
		{"--lab --vlan 5:8", "--vlan 5:8: \"8\" is no priority"},
		{"--lab --vlan 5:", "--vlan 5:: \"\" is no priority"},
		{"--lab --vlan 5:1:1", "--vlan 5:1:1: \"1:1\" is no priority"},
		{"--lab --vlan 1,2,3", "--vlan 1,2,3: more than 2 tags"},
		{"--lab --src 192.0.2", "--src 192.0.2: no IP address"},
		{"--lab --dst 2001:db8::g", "--dst.*no IP address"},
		{"--lab --dst fe80::1%eth0", "--dst.*no IP address"},
		{"--lab --dst localhost", "--dst localhost: no IP address"},
		{"--lab --dst 1111111111111111111111111111111111111111111111111111111111111",
			"--dst.*no IP address"},
		{"--lab --src 192.0.2.1 --dst ::1", "--src and --dst: IPv4 and IPv6"},
		{"--lab --src ::1 --dst 192.0.2.1", "--src and --dst: IPv6 and IPv4"},
		{"--lab --dst 192.0.2.1 --vary dst=list:::1", "--dst and --vary dst: IPv4 and"},
		{"--lab --vary src=list:1.2.3.4 --vary dst=list:::1",
			"--vary src and --vary dst: IPv4 and IPv6"},
		/* protocols */
		{"--lab --udp 1", "--udp 1: no pair of ports"},
		{"--lab --udp :1", "--udp :1: no pair"},
		{"--lab --udp 1:", "--udp 1:: no pair"},
		{"--lab --udp 1:2:3", "--udp 1:2:3: no pair"},
		{"--lab --udp 1:65536", "--udp 1:65536: a port is out of range"},
		{"--lab --tcp 65536:1", "--tcp 65536:1: a port is out of range"},
		{"--lab --icmp", "--icmp: needs an argument"},
		{"--lab --icmp 65536", "--icmp 65536: no identifier"},
		{"--lab --ethertype 88b5", "--ethertype 88b5: no ethertype"},
		{"--lab --ethertype 0x05ff", "--ethertype 0x05ff: no ethertype"},
		{"--lab --ethertype 0x10000", "--ethertype 0x10000: no ethertype"},
		{"--lab --header 0200000000070200000000018", "--header.*no bytes"},
		{"--lab --header 02000000000702000000000188", "--header.*13 bytes.*14 to 256"},
		{"--lab --header 020000000007020000000001zz", "--header.*no bytes"},
		{"--lab --udp 1:2 --tcp 1:2", "--tcp 1:2: --udp says another protocol"},
		{"--lab --icmp 1 --ethertype 0x88b5", "--ethertype 0x88b5: --icmp says another"},
		{"--lab --ttl 0", "--ttl 0: no TTL \\(1 to 255"},
		{"--lab --ttl 256", "--ttl 256"},
		{"--lab --tos 256", "--tos 256: "},
		{"--lab --tos -1", "--tos -1: "},
		{"--lab --ethertype 0x88b5 --ttl 5", "--ethertype and --ttl: there is no IP"},
		{"--lab --dst 192.0.2.1 --ethertype 0x88b5", "--ethertype and --dst: there is no"},
		{"--lab --header 02000000000702000000000188b5 --src ::1", "--header and --src"},
		{"--lab --header 02000000000702000000000188b5 --vlan 5", "--header and --vlan"},
		{"--lab --dst-mac 02:00:00:00:00:07 --header 02000000000702000000000188b5",
			"--header and --dst-mac"},
		/* patterns */
		{"--lab --flows 0", "--flows 0: out of range"},
		{"--lab --flows x", "--flows x: no count"},
		{"--lab --flows 70368744177665", "--flows: more than.*2\\^46"},
		{"--lab --flows 1099511627777 --ethertype 0x88b5", "--flows: more than.*2\\^40"},
		{"--lab --vary color=inc:3", ".*\"color\" is no field \\(src-mac, .*dport"},
		{"--lab --vary sr=inc:3", ".*\"sr\" is no field"},
		{"--lab --vary =inc:3", ".*\"\" is no field"},
		{"--lab --vary src", "--vary src: does not say how"},
		{"--lab --vary src=inc", "--vary src=inc: does not say how"},
		{"--lab --vary src=dec:3", ".*\"dec\" is no way to vary.*inc:N"},
		{"--lab --vary src=inc:0", "--vary src=inc:0: out of range"},
		{"--lab --vary src=random:x", "--vary src=random:x: no count"},
		{"--lab --vary sport=list:", ".*\"\" is no port"},
		{"--lab --vary sport=list:1,", ".*\"\" is no port"},
		{"--lab --vary sport=list:1,65536", ".*\"65536\" is no port"},
		{"--lab --vary src=list:1.2.3.4,1.2.3", ".*\"1.2.3\" is no IP address"},
		{"--lab --vary src=list:1.2.3.4,::1", ".*\"::1\" is of another IP version"},
		{"--lab --vary dst-mac=list:02:00", ".*\"02:00\" is no MAC address"},
		{"--lab --vlan 5 --vary vlan=list:4095", ".*\"4095\" is no VLAN"},
		{"--lab --vary src=inc:3 --vary src=inc:4", ".*src varies already"},
		{"--lab --vary vlan=inc:3", "--vary vlan: .*no VLAN tag.*--vlan ID"},
		{"--lab --vlan 5 --vary vlan2=inc:3", "--vary vlan2: .*second.*OUTER,INNER"},
		{"--lab --vlan 0 --vary vlan=inc:3", "--vary vlan and --vlan 0: "},
		{"--lab --header 02000000000702000000000188b5 --vary vlan=inc:3",
			"--vary vlan and --header"},
		{"--lab --icmp 5 --vary dport=inc:3",
			"--vary dport and --icmp: .*destination port"},
		{"--lab --ethertype 0x88b5 --vary sport=inc:3", "--vary sport and --ethertype: "},
		{"--lab --ethertype 0x88b5 --vary dst=inc:3", "--vary dst and --ethertype: "},
		{"--lab --flows 5 --vary sport=inc:3", "--flows and --vary sport: "},
		{"--lab --flows 5 --vary src=inc:3", "--flows and --vary src: "},
		{"--lab --flows 5 --vary src-mac=inc:3 --ethertype 0x88b5",
			"--flows and --vary src-mac: "},
		/* payloads */
		{"--lab --payload full", "--payload full: no such payload.*text:STRING"},
		{"--lab --payload hex:", "--payload hex:: no bytes"},
		{"--lab --payload hex:abc", "--payload hex:abc: no bytes"},
		{"--lab --payload hex:0x12", "--payload hex:0x12: no bytes"},
		{"--lab --payload hex:12:", "--payload hex:12:: no bytes"},
		{"--lab --payload hex:12::34", ".*no bytes"},
		{"--lab --payload text:", "--payload text:: an empty text"},
		{"--lab --payload probe --tcp 1:2", "--payload probe and --tcp: "},
		{"--lab --payload probe --ethertype 0x88b6", "--payload probe and --ethertype: "},
		{"--lab --payload probe --header 0200000000070200000000010800",
			"--payload probe and --header: "},
		{"--lab --payload probe --vlan 5 --size 65",
			"--payload probe: does not fit IPv4/UDP with 1 VLAN tag .*65 .*--size 66"},
		{"--lab --payload probe --dst ::1 --size imix", "--payload probe: .*--size 82"},
		/* replay */
		{"--lab --pcap=", "--pcap : an empty name"},
		{"--lab --pcap a --size 64", "--pcap and --size"},
		{"--lab --pcap a --dst 192.0.2.1 --size 64", "--pcap and --dst"},
		{"--lab --tcp 1:2 --pcap a", "--pcap and --tcp"},
		{"--lab --pcap a --dst-mac 02:00:00:00:00:07", "--pcap and --dst-mac"},
		{"--lab --pcap a --src-mac 02:00:00:00:00:07", "--pcap and --src-mac"},
		{"--lab --pcap a --src ::1", "--pcap and --src"},
		{"--lab --pcap a --vlan 5", "--pcap and --vlan"},
		{"--lab --pcap a --udp 5:5", "--pcap and --udp"},
		{"--lab --pcap a --icmp 5", "--pcap and --icmp"},
		{"--lab --pcap a --ethertype 0x88b5", "--pcap and --ethertype"},
		{"--lab --pcap a --header 02000000000702000000000188b5", "--pcap and --header"},
		{"--lab --pcap a --ttl 5", "--pcap and --ttl"},
		{"--lab --pcap a --tos 5", "--pcap and --tos"},
		{"--lab --pcap a --flows 5", "--pcap and --flows"},
		{"--lab --pcap a --vary src=inc:5", "--pcap and --vary"},
		{"--lab --pcap a --payload zero", "--pcap and --payload"},
		{"--lab --pcap a --pattern cbr", "--pcap and --pattern.*--rate"},
		{"--lab --pcap a --seed 5", "--pcap and --seed"},
		{"--lab --pcap a --rate 1kpps --seed 5", "--pcap and --seed"},
		{"--lab --pcap a --speed 2 --rate 1kpps", "--speed and --rate"},
		{"--lab --speed 2", "--speed: there is nothing to replay.*--pcap"},
		{"--lab --pcap a --speed 0", "--speed 0: out of range"},
		{"--lab --pcap a --speed 0.0000001", "--speed.*out of range"},
		{"--lab --pcap a --speed 1000000.1", "--speed.*out of range"},
		{"--lab --pcap a --speed fast", "--speed fast: no factor"},
		{"--lab --pcap a --speed -1", "--speed -1: no factor"},
		{"--lab --pcap a --speed 1e3", "--speed 1e3: no factor"},
		{"--lab --pcap a --speed .5", "--speed .5: no factor"},
		{"--lab --pcap a --speed 5.", "--speed 5.: no factor"},
		{"--lab --pcap a --speed inf", "--speed inf: no factor"},
		{"--lab --pcap a --speed=", "--speed : no factor"},
		/* how */
		{"--lab --io magic", "--io magic: .*auto.*tpacket3.*socket"},
		{"--lab --bypass maybe", "--bypass maybe: .*auto, on or off"},
		{"--lab --pacing slow", "--pacing slow: .*busy, txtime or fq"},
		{"--lab --pacing fq --bypass on", "--pacing fq and --bypass on"},
		{"--lab --pacing txtime --bypass on", "--pacing txtime and --bypass on"},
		{"--lab --pacing txtime --rate 1kpps,max", "--pacing txtime and --rate 1kpps,max"},
		{"--lab --pacing fq --pattern poisson", "--pacing fq and --pattern poisson"},
		{"--lab --pacing fq --pattern burst:5", "--pacing fq and --pattern burst:5"},
		{"--lab --pacing fq --pcap a", "--pacing fq and --pcap"},
		{"--lab --late never", "--late never: .*catch-up or skip"},
		{"--lab --stamp rubber",
			"--stamp rubber: .*auto, hardware, software, user or none"},
		{"--lab --workers 0", "--workers 0: out of range"},
		{"--lab --workers 65", "--workers 65: out of range.*64"},
		{"--lab --workers x", "--workers x: "},
		{"--lab --cpu one", "--cpu one: no list of CPUs"},
		{"--lab --cpu 3-1", "--cpu 3-1: "},
		{"--lab --cpu=", "--cpu : "},
		{"--lab --cpu 8000", "--cpu 8000: out of range"},
		{"--lab --cpu 0-64", "--cpu 0-64: more than 64"},
		{"--lab --workers 3 --cpu 0,1", "--cpu and --workers: 2 CPUs for 3 workers"},
		{"--lab --cpu 0,1", "--cpu and --workers: 2 CPUs for 1 worker "},
		{"--lab --workers 2 --cpu 1,1", "--cpu: CPU 1 twice.*--force"},
		/* results */
		{"--lab --dry-run=", "--dry-run : an empty name"},
		{"--lab --dry-run - --json", "--dry-run - and --json: both"},
		{"--lab --dry-run a --json", "--dry-run and --json: nothing is sent"},
		{"--lab --dry-run a --out b", "--dry-run and --out: nothing is sent"},
		{"--lab --dry-run a --rate max", "--dry-run and --rate max"},
		{"--lab --dry-run a --rate 1kpps,2kpps", "--dry-run and --rate 1kpps,2kpps: 2"},
		{"--dry-run a --rate 50%", "--dry-run and --rate 50%: .*link"},
		{"--lab --dry-run a --require 1", "--dry-run and --require"},
		{"--lab --require 1 --rate max", "--require and --rate max"},
		{"--lab --late skip --rate 1kpps,max", "--late skip and --rate 1kpps,max"},
		{"--lab --pacing fq --flows 2", "--pacing fq and --flows"},
		{"--lab --pacing fq --vary sport=inc:5", "--pacing fq and --vary"},
		{"--lab --pacing fq --workers 2", "--pacing fq and --workers"},
		{"--lab --require 100.1", "--require 100.1: out of range"},
		{"--lab --require -1", "--require -1: no percentage"},
		{"--lab --require %", "--require %: no percentage"},
		{"--lab --require=", "--require : no percentage"},
		{"--lab --require 1%%", "--require 1%%: no percentage"},
		{"--lab --require nan", "--require nan: no percentage"},
		{"--lab --out=", "--out : an empty name"},
		/* the table's own */
		{"--lab --fly", "--fly: unknown"},
		{"--lab -x", "-x: unknown"},
		{"--lab --rate", "--rate: needs an argument"},
		{"--lab --json=1", "--json=1: takes no argument"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ws_load_options o;
		char copy[512], error[2048], pattern[256];
		size_t len;
		regex_t regex;
		int r = run(&o, copy, sizeof(copy), rows[i].line, error, sizeof(error));

		if (r != -1) {
			fail_msg("\"%s\": returned %d", rows[i].line, r);
		}
		snprintf(pattern, sizeof(pattern), "^wirestamp: (%s)", rows[i].pattern);
		assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
		if (regexec(&regex, error, 0, NULL, 0) != 0) {
			fail_msg("\"%s\": said %s, not %s", rows[i].line, error, rows[i].pattern);
		}
		regfree(&regex);
		/* One line, which ends with what to do. */
		len = strlen(error);
		if (strchr(error, '\n') != error + len - 1 || error[len - 2] != ')') {
			fail_msg("\"%s\": the form of %s", rows[i].line, error);
		}
	}
}

/* An argument that is too long for a message is told by its beginning, and what to do is still there. */
static void long_items(void **state)
{
	static const char *const lines[] = {"--lab --vlan %s", "--lab --vary %s=inc:3",
		"--lab --vary src=%s:3", "--lab --vary src=list:%s",
		"--lab --vary sport=list:1,%s"};
	char item[301] = "", line[400];

	(void)state;
	memset(item, '7', sizeof(item) - 1);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct ws_load_options o;
		char copy[512], error[2048];
		const char *at = strchr(lines[i], '%');

		snprintf(line, sizeof(line), "%.*s%s%s", (int)(at - lines[i]), lines[i], item,
			at + 2);
		assert_int_equal(run(&o, copy, sizeof(copy), line, error, sizeof(error)), -1);
		assert_string_equal(error + strlen(error) - 2, ")\n");
		assert_non_null(strstr(error, "\"777"));
	}
}

static void header_sizes(void **state)
{
	(void)state;
	for (size_t n = 13; n <= 257; n++) {
		char line[700] = "--lab --header ", copy[700], error[2048];
		struct ws_load_options o;
		int r;

		memset(line + strlen(line), '5', 2 * n);
		r = run(&o, copy, sizeof(copy), line, error, sizeof(error));
		assert_int_equal(r, n >= 14 && n <= 256 ? 0 : -1);
		if (r == 0) {
			assert_int_equal(o.traffic.header_len, n);
			assert_int_equal(o.traffic.len_min, n > WS_FRAME_MIN ? n : WS_FRAME_MIN);
			ws_load_options_free(&o);
		}
	}
}

static void help(void **state)
{
	struct ws_load_options o;
	char text[16384], copy[64], error[256];
	struct catch c;
	size_t lines = 0;

	(void)state;
	catch_begin(&c, STDOUT_FILENO);
	assert_int_equal(run(&o, copy, sizeof(copy), "--help", error, sizeof(error)), -2);
	catch_end(&c, text, sizeof(text));
	assert_string_equal(error, "");
	for (const char *line = text; *line; lines++) {
		size_t len = strcspn(line, "\n");

		if (len > 100) {
			fail_msg("longer than 100 columns: %.*s", (int)len, line);
		}
		line += len + (line[len] == '\n');
	}
	assert_true(lines > 60);
	assert_non_null(strstr(text, "\n\nReplay:\n      --pcap FILE"));
	assert_non_null(strstr(text, "\nHow much, and when:\n  -r, --rate LIST"));
	assert_null(strstr(text, "Options:"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_lines),
		cmocka_unit_test(bad_lines),
		cmocka_unit_test(long_items),
		cmocka_unit_test(header_sizes),
		cmocka_unit_test(help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
