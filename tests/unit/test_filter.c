/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Filters as they go to the kernel. What libpcap says of a cooked packet as it stands in a file is
 * what the program for the socket has to say of the packet before it has a cooked header.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/pcapng.h"
#include "fake/sys_fake.h"
#include "host/filter.h"
#include "host/filter_program.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a)   (sizeof(a) / sizeof((a)[0]))
#define COOKED_LEN 20
#define ETHER_LEN  14
#define FRAME_MAX  1600
#define WHY	   256

/* A packet as the kernel has it: its frame, and what it knows beside. */
struct packet {
	uint8_t frame[FRAME_MAX];
	unsigned len, network; /* where the network header is */
	uint16_t protocol, hatype;
	uint32_t ifindex;
	uint8_t pkttype;
	bool tagged;
	uint16_t tci;
};

static bool load(const struct packet *p, uint32_t at, unsigned size, uint32_t *ret)
{
	uint64_t from = at + (uint64_t)p->network;

	switch (at) {
	case SKF_AD_OFF + SKF_AD_PROTOCOL:
		*ret = p->protocol;
		return true;
	case SKF_AD_OFF + SKF_AD_PKTTYPE:
		*ret = p->pkttype;
		return true;
	case SKF_AD_OFF + SKF_AD_IFINDEX:
		*ret = p->ifindex;
		return true;
	case SKF_AD_OFF + SKF_AD_HATYPE:
		*ret = p->hatype;
		return true;
	case SKF_AD_OFF + SKF_AD_VLAN_TAG:
		*ret = p->tci;
		return true;
	case SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT:
		*ret = p->tagged;
		return true;
	}
	if (at >= (uint32_t)SKF_LL_OFF && at < (uint32_t)SKF_AD_OFF) {
		from = at - (uint32_t)SKF_LL_OFF;
	}
	if (from + size > p->len) {
		return false;
	}
	*ret = 0;
	for (unsigned i = 0; i < size; i++) {
		*ret = *ret << 8 | p->frame[from + i];
	}
	return true;
}

/* A socket's filter on a packet, as Documentation/networking/filter.rst has it. */
static uint32_t run(const struct ws_filter *f, const struct packet *p)
{
	uint32_t a = 0, x = 0, m[BPF_MEMWORDS] = {0}, v = 0;
	unsigned at = 0;

	for (unsigned steps = 0; steps < 10000; steps++) {
		const struct sock_filter *i = &f->insns[at++];
		uint32_t k = i->k, operand = BPF_SRC(i->code) == BPF_X ? x : k;
		unsigned size = BPF_SIZE(i->code) == BPF_W ? 4 : BPF_SIZE(i->code) == BPF_H ? 2 : 1;
		bool holds = false;

		assert_true(at <= f->len);
		switch (BPF_CLASS(i->code)) {
		case BPF_LD:
		case BPF_LDX:
			switch (BPF_MODE(i->code)) {
			case BPF_IMM:
				v = k;
				break;
			case BPF_MEM:
				v = m[k];
				break;
			case BPF_LEN:
				v = p->len - p->network;
				break;
			case BPF_MSH:
				if (!load(p, k, 1, &v)) {
					return 0;
				}
				v = (v & 0xf) * 4;
				break;
			default:
				if (!load(p, BPF_MODE(i->code) == BPF_IND ? x + k : k, size, &v)) {
					return 0;
				}
			}
			*(BPF_CLASS(i->code) == BPF_LD ? &a : &x) = v;
			break;
		case BPF_ST:
			m[k] = a;
			break;
		case BPF_STX:
			m[k] = x;
			break;
		case BPF_ALU:
			switch (BPF_OP(i->code)) {
			case BPF_ADD:
				a += operand;
				break;
			case BPF_SUB:
				a -= operand;
				break;
			case BPF_MUL:
				a *= operand;
				break;
			case BPF_AND:
				a &= operand;
				break;
			case BPF_OR:
				a |= operand;
				break;
			case BPF_LSH:
				a <<= operand;
				break;
			case BPF_RSH:
				a >>= operand;
				break;
			default:
				fail_msg("operation %#x", i->code);
			}
			break;
		case BPF_JMP:
			switch (BPF_OP(i->code)) {
			case BPF_JA:
				at += k;
				continue;
			case BPF_JEQ:
				holds = a == operand;
				break;
			case BPF_JGT:
				holds = a > operand;
				break;
			case BPF_JGE:
				holds = a >= operand;
				break;
			case BPF_JSET:
				holds = a & operand;
				break;
			}
			at += holds ? i->jt : i->jf;
			break;
		case BPF_RET:
			return BPF_RVAL(i->code) == BPF_A ? a : k;
		case BPF_MISC:
			*(BPF_MISCOP(i->code) == BPF_TAX ? &x : &a) =
				BPF_MISCOP(i->code) == BPF_TAX ? a : x;
			break;
		}
	}
	fail_msg("does not end");
	return 0;
}

static uint32_t seed;

static uint32_t any(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* Packets of a few kinds, so that each filter sees both: ones that pass and ones that do not. */
static struct packet any_packet(void)
{
	static const uint16_t types[] = {0x0800, 0x0800, 0x0800, 0x86dd, 0x86dd, 0x0806, 0x88b5};
	static const uint8_t protocols[] = {17, 6, 1, 58};
	static const uint16_t ports[] = {53, 80, 8620, 6081};
	struct packet p = {.network = ETHER_LEN, .hatype = 1};
	uint8_t *ip = p.frame + ETHER_LEN, *l4 = ip + 40;
	uint8_t protocol = protocols[any(COUNT(protocols))];

	for (unsigned i = 0; i < FRAME_MAX; i++) {
		p.frame[i] = (uint8_t)any(256);
	}
	p.len = 60 + any(FRAME_MAX - 60);
	p.protocol = types[any(COUNT(types))];
	p.ifindex = 1 + any(4);
	p.pkttype = (uint8_t)any(5);
	put16(p.frame + 12, p.protocol);
	p.frame[0] = any(2) ? 0x02 : 0x01;
	p.frame[5] = (uint8_t)any(2);
	p.tagged = any(2);
	p.tci = p.tagged ? (uint16_t)(5 + any(2)) : 0;
	if (p.protocol == 0x0800) {
		ip[0] = (uint8_t)(0x45 + any(3));
		put16(ip + 6, any(4) ? 0 : 0x20 + any(2));
		ip[9] = protocol;
		ip[12] = ip[16] = 10;
		memset(ip + 13, 0, 3);
		memset(ip + 17, 0, 2);
		ip[15] = (uint8_t)(1 + any(2));
		ip[19] = (uint8_t)(1 + any(2));
		l4 = ip + (ip[0] & 0xf) * 4;
	} else if (p.protocol == 0x86dd) {
		ip[0] = 0x60;
		ip[6] = protocol;
	}
	put16(l4, ports[any(COUNT(ports))]);
	put16(l4 + 2, ports[any(COUNT(ports))]);
	l4[8] = 0;
	return p;
}

/* As it stands in a file: 20 bytes of header before the network header. */
static unsigned cook(const struct packet *p, uint8_t *to)
{
	memset(to, 0, COOKED_LEN);
	put16(to, p->protocol);
	put16(to + 6, p->ifindex);
	put16(to + 8, p->hatype);
	to[10] = p->pkttype;
	to[11] = 6;
	memcpy(to + 12, p->frame + 6, 6);
	memcpy(to + COOKED_LEN, p->frame + p->network, p->len - p->network);
	return COOKED_LEN + p->len - p->network;
}

static struct ws_filter compiled(const struct ws_filter_spec *spec)
{
	struct ws_filter f = {.len = 77};
	char why[WHY] = "unset";

	if (ws_filter_compile(&f, spec, why, sizeof(why))) {
		fail_msg("%s: %s", spec->text, why);
	}
	assert_string_equal(why, "");
	return f;
}

/* No load but of what there is, and all jumps forward: what the kernel checks when it is attached. */
static void check_sound(const struct ws_filter *f)
{
	assert_true(f->len > 0 && f->len <= BPF_MAXINSNS);
	for (unsigned i = 0; i < f->len; i++) {
		const struct sock_filter *s = &f->insns[i];
		uint32_t left = f->len - i - 1;

		if (s->code == (BPF_JMP | BPF_JA)) {
			assert_true(s->k < left);
		} else if (BPF_CLASS(s->code) == BPF_JMP) {
			assert_true(s->jt < left && s->jf < left);
		}
	}
	assert_int_equal(BPF_CLASS(f->insns[f->len - 1].code), BPF_RET);
}

/* libpcap's word against ours, on the same packets. */
static void compare(const char *text, bool outgoing_only)
{
	const struct ws_filter_spec spec = {.text = text, .snaplen = 96};
	struct ws_filter_spec out = spec;
	pcap_t *dead = pcap_open_dead(DLT_LINUX_SLL2, 262144);
	struct bpf_program program;
	struct ws_filter f;
	unsigned passed = 0;

	out.outgoing_only = outgoing_only;
	f = compiled(&out);
	check_sound(&f);
	assert_int_equal(f.linktype, WS_LINKTYPE_LINUX_SLL2);
	assert_int_equal(pcap_compile(dead, &program, text, 1, 0), 0);
	seed = 1;
	for (int i = 0; i < 3000; i++) {
		struct packet p = any_packet();
		uint8_t cooked[COOKED_LEN + FRAME_MAX];
		struct pcap_pkthdr h = {.len = cook(&p, cooked)};
		bool want;

		h.caplen = h.len;
		want = pcap_offline_filter(&program, &h, cooked) &&
		       (!outgoing_only || p.pkttype == PACKET_OUTGOING);
		if (run(&f, &p) != (want ? 96u : 0)) {
			fail_msg("packet %d, filter '%s'", i, text);
		}
		passed += want;
	}
	if ((passed == 0 && !outgoing_only) || passed == 3000) {
		fail_msg("'%s' tells no packets apart", text);
	}
	pcap_freecode(&program);
	pcap_close(dead);
	ws_filter_free(&f);
	assert_null(f.insns);
}

static void cooked_filters_say_what_libpcap_says(void **state)
{
	static const char *const texts[] = {
		"ip",
		"ip6",
		"not arp",
		"icmp or icmp6",
		"udp port 53",
		"tcp[tcpflags] & tcp-syn != 0",
		"udp[ip[0]:2] != 3",
		"host 10.0.0.1 and not port 80",
		"portrange 53-80",
		"greater 500",
		"less 500 and udp",
		"len == 20 or len - 40 > 800",
		"outbound",
		"inbound and udp",
		"ifindex 3",
		"ether proto 0x88b5",
		"ip[6:2] & 0x1fff != 0",
		"ip broadcast or net 10",
		"geneve or tcp",
		"link[0:2] = 0x800",
		"link[0] = 8",
		"link[1] = 0xdd",
		"link[0:4] = 0x86dd0000",
		"link[1:2] = 0xdd00",
		"link[2:2] = 0 and arp",
		"link[3] = 0 and arp",
		"link[4:4] = 2",
		"link[7] = 2",
		"link[6:2] = 2",
		"link[4] = 0 and ip",
		"link[8:2] = 1 and ip",
		"link[9] = 1 and ip",
		"link[10] = 4",
		"link[20:4] & 0xff000000 = 0x45000000",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		compare(texts[i], false);
		compare(texts[i], true);
	}
}

/* Rewriting makes programs longer, so that jumps which just fitted their 8 bits no longer do. */
static void long_filters(void **state)
{
	char text[8192];

	(void)state;
	for (unsigned hosts = 40; hosts < 150; hosts += 1) {
		size_t n = (size_t)snprintf(text, sizeof(text), "(len > 300 or link[0] = 9) and (");

		for (unsigned i = 0; i < hosts; i++) {
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%sip[%u] = %u",
				i ? " or " : "", 20 + i, i);
		}
		snprintf(text + n, sizeof(text) - n, " or len > 1500)");
		compare(text, hosts % 2);
	}
}

static void without_a_text(void **state)
{
	static const char *const blank[] = {NULL, "", " \t\n"};
	struct packet in = {.pkttype = PACKET_HOST}, out = {.pkttype = PACKET_OUTGOING};

	(void)state;
	for (size_t i = 0; i < COUNT(blank); i++) {
		for (int cooked = 0; cooked < 2; cooked++) {
			struct ws_filter_spec spec = {
				.text = blank[i],
				.interface = cooked ? NULL : "nosuch0",
			};
			struct ws_filter f = compiled(&spec);

			assert_int_equal(f.len, 0);
			assert_null(f.insns);
			assert_int_equal(f.linktype, 0);
			ws_filter_free(&f);

			spec.snaplen = 128;
			f = compiled(&spec);
			assert_int_equal(f.len, 1);
			assert_int_equal(run(&f, &in), 128);
			ws_filter_free(&f);

			spec.outgoing_only = true;
			f = compiled(&spec);
			check_sound(&f);
			assert_int_equal(run(&f, &in), 0);
			assert_int_equal(run(&f, &out), 128);
			ws_filter_free(&f);

			spec.snaplen = 0;
			f = compiled(&spec);
			assert_int_equal(run(&f, &in), 0);
			assert_int_equal(run(&f, &out), UINT32_MAX);
			ws_filter_free(&f);
		}
	}
}

static void refused(const char *text, int error, const char *word)
{
	const struct ws_filter_spec spec = {.text = text};
	struct ws_filter f = {.len = 77};
	char why[WHY] = "";

	assert_int_equal(ws_filter_compile(&f, &spec, why, sizeof(why)), error);
	assert_int_equal(f.len, 77);
	assert_null(strchr(why, '\n'));
	if (!strstr(why, word)) {
		fail_msg("'%s': no '%s' in '%s'", text, word, why);
	}
}

/* No interface is up in the scripted system: there is none to compile for Ethernet on. */
static void what_does_not_compile(void **state)
{
	static const struct sys_fake_answer refuse = {.fn = SYS_FAKE_SOCKET,
		.level = SYS_FAKE_ANY,
		.name = SYS_FAKE_ANY,
		.times = 1000,
		.ret = -EAFNOSUPPORT};
	const struct ws_filter_spec spec = {.text = "nonsense ("};
	struct ws_filter f;
	char tiny[4] = "abc";

	(void)state;
	sys_fake_reset();
	sys_fake_answer(&refuse);
	refused("udp port", -EINVAL, "syntax error");
	refused("udp) or (tcp", -EINVAL, "syntax error");
	refused("port 70000", -EINVAL, "70000");
	refused("vlan 5", -EINVAL, "VLAN");
	refused("ip proto 6 and ip proto 17 and tcp port 70001", -EINVAL, "70001");
	refused("link[12] = 1", -EINVAL, "cooked header at 12");
	refused("link[10:2] = 1", -EINVAL, "cooked header at 10");
	refused("link[18:4] = 1", -EINVAL, "cooked header at 18");
	refused("ip protochain 6", -EINVAL, "loop");
	refused("ip6 protochain 6", -EINVAL, "loop");
	refused("ip and arp", -EINVAL, "reject");
	assert_int_equal(ws_filter_compile(&f, &spec, tiny, sizeof(tiny)), -EINVAL);
	assert_true(strlen(tiny) < sizeof(tiny));
	assert_int_equal(ws_filter_compile(&f, &spec, tiny, 0), -EINVAL);
}

static struct ws_filter rewritten(
	const struct sock_filter *insns, unsigned n, enum ws_filter_view view, bool outgoing_only)
{
	const struct ws_filter_source source = {.insns = insns,
		.len = n,
		.view = view,
		.accept = 7,
		.outgoing_only = outgoing_only};
	struct ws_filter f = {.len = 0};
	char why[WHY] = "";

	if (ws_filter_program(&f, &source, why, sizeof(why))) {
		fail_msg("%s", why);
	}
	check_sound(&f);
	return f;
}

/* For Ethernet, with the tag where the kernel keeps it. */
static void ethernet_on_cooked_sockets(void **state)
{
	static const struct sock_filter vlan5_ip[] = {
		BPF_STMT(
			BPF_LD | BPF_B | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 5),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_VLAN_TAG)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 5, 0, 3),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x800, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 262144),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	unsigned passed = 0;

	(void)state;
	for (int out = 0; out < 2; out++) {
		struct ws_filter f =
			rewritten(vlan5_ip, COUNT(vlan5_ip), WS_FILTER_COOKED_ETHERNET, out);

		seed = 2;
		for (int i = 0; i < 2000; i++) {
			struct packet p = any_packet();
			bool want = p.tagged && p.tci == 5 && p.protocol == 0x0800;

			want &= !out || p.pkttype == PACKET_OUTGOING;
			p.hatype = i % 2 ? 772 : 1;
			assert_int_equal(run(&f, &p), want ? 7 : 0);
			passed += want;
			p.hatype = 65534;
			assert_int_equal(run(&f, &p), 0);
		}
		ws_filter_free(&f);
	}
	assert_true(passed > 50);
}

static void computed_offsets(void **state)
{
	static const struct sock_filter to_payload[] = {
		BPF_STMT(BPF_LDX | BPF_W | BPF_IMM, 31),
		BPF_STMT(BPF_LD | BPF_B | BPF_IND, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 17, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct packet p = {.network = ETHER_LEN, .len = 100};
	struct sock_filter to_header[COUNT(to_payload)];
	struct ws_filter f = rewritten(to_payload, COUNT(to_payload), WS_FILTER_COOKED, false);

	(void)state;
	p.frame[ETHER_LEN + 11] = 17;
	assert_int_equal(run(&f, &p), 7);
	ws_filter_free(&f);

	memcpy(to_header, to_payload, sizeof(to_payload));
	to_header[0].k = 2;
	to_header[2].k = 0;
	f = rewritten(to_header, COUNT(to_header), WS_FILTER_COOKED, false);
	assert_int_equal(run(&f, &p), 0);
	ws_filter_free(&f);
}

static void programs_that_cannot_be(void **state)
{
	static const struct {
		struct sock_filter insns[3];
		const char *word;
	} rows[] = {
		{{BPF_STMT(BPF_LDX | BPF_W | BPF_LEN, 0), BPF_STMT(BPF_RET | BPF_K, 1)}, "cooked"},
		{{BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 4), BPF_STMT(BPF_RET | BPF_K, 1)}, "at 4"},
		{{BPF_STMT(BPF_JMP | BPF_JA, 1), BPF_STMT(BPF_RET | BPF_K, 1)}, "not end"},
		{{BPF_STMT(BPF_JMP | BPF_JA, UINT32_MAX), BPF_STMT(BPF_RET | BPF_K, 1)}, "loop"},
		{{BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1), BPF_STMT(BPF_RET | BPF_K, 1)},
			"not end"},
		{{BPF_STMT(BPF_RET | BPF_K, 1), BPF_STMT(BPF_MISC | BPF_TAX, 0)}, "not end"},
	};
	static struct sock_filter many[BPF_MAXINSNS + 1];
	struct ws_filter_source source = {.insns = many, .len = BPF_MAXINSNS};
	struct ws_filter f = {.len = 77};
	char why[WHY];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct ws_filter_source bad = {
			.insns = rows[i].insns, .len = 2, .view = WS_FILTER_COOKED};

		assert_int_equal(ws_filter_program(&f, &bad, why, sizeof(why)), -EINVAL);
		assert_int_equal(f.len, 77);
		assert_non_null(strstr(why, rows[i].word));
	}
	for (size_t i = 0; i < COUNT(many); i++) {
		many[i] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 1);
	}
	source.len++;
	assert_int_equal(ws_filter_program(&f, &source, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "4097 instructions"));
	source.len--;
	assert_int_equal(ws_filter_program(&f, &source, why, sizeof(why)), 0);
	assert_int_equal(f.len, BPF_MAXINSNS);
	ws_filter_free(&f);
}

static void no_such_interface(void **state)
{
	static const char *const names[] = {"", "any"};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		const struct ws_filter_spec spec = {.interface = names[i], .text = "udp"};
		struct ws_filter f;
		char why[WHY] = "";

		assert_int_equal(ws_filter_compile(&f, &spec, why, sizeof(why)), -ENODEV);
		assert_string_not_equal(why, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cooked_filters_say_what_libpcap_says),
		cmocka_unit_test(long_filters),
		cmocka_unit_test(without_a_text),
		cmocka_unit_test(what_does_not_compile),
		cmocka_unit_test(ethernet_on_cooked_sockets),
		cmocka_unit_test(computed_offsets),
		cmocka_unit_test(programs_that_cannot_be),
		cmocka_unit_test(no_such_interface),
	};

	return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
