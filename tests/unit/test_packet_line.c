/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets made by hand, as lines of text; cut off everywhere, and of random bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/frame.h"
#include "report/packet_line.h"
#include "report/packet_text.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ETHERNET 1
#define RAW	 101
#define SLL	 113
#define SLL2	 276

/* Pieces of packets, in hexadecimal. */
#define MACS	   "020000000002 020000000001 "
#define IP4(proto) "4500 0000 0001 0000 40" proto "0000 0a000001 0a000002 "
#define IP6(next)                                                                        \
	"60000000 0000 " next "40 fd000000000000000000000000000001 fe800000000000000000" \
	"0000abcd0002 "

static const struct row {
	uint16_t linktype;
	const char *hex, *line;
} rows[] = {
	/* IPv4 */
	{ETHERNET,
		MACS
		"0800 4500 0020 0001 4000 4011 0000 0a000001 0a000002 1388 0035 000c 0000 01020304",
		"46 IPv4 UDP 10.0.0.1:5000 > 10.0.0.2:53 len 4"},
	/* padding does not count */
	{ETHERNET,
		MACS
		"0800 4500 001c 0001 4000 4011 0000 0a000001 0a000002 1388 0035 0008 0000 0000000000000000",
		"50 IPv4 UDP 10.0.0.1:5000 > 10.0.0.2:53 len 0"},
	{ETHERNET,
		MACS
		"0800 4500 0100 0001 4000 4011 0000 0a000001 0a000002 1388 0035 000c 0000 01020304",
		"46 IPv4 UDP 10.0.0.1:5000 > 10.0.0.2:53 missing 224 len 4"},
	{ETHERNET,
		MACS
		"0800 4700 0024 0001 0000 4011 0000 0a000001 0a000002 01010101 01010100 1388 0035 0008 0000",
		"50 IPv4 UDP 10.0.0.1:5000 > 10.0.0.2:53 options len 0"},
	{ETHERNET, MACS "0800 " IP4("06") "0050 1f90 00000001 00000002 5012 ffff 0000 0000 aabb",
		"56 IPv4 TCP 10.0.0.1:80 > 10.0.0.2:8080 [S.] len 2"},
	{ETHERNET, MACS "0800 " IP4("06") "0050 1f90 00000001 00000002 50ff ffff 0000 0000",
		"54 IPv4 TCP 10.0.0.1:80 > 10.0.0.2:8080 [FSRP.UEW] len 0"},
	{ETHERNET, MACS "0800 " IP4("06") "0050 1f90 00000001 00000002 5000 ffff 0000 0000",
		"54 IPv4 TCP 10.0.0.1:80 > 10.0.0.2:8080 [none] len 0"},
	{ETHERNET, MACS "0800 " IP4("06") "0050 1f90 00000001 00000002 4010 ffff 0000 0000",
		"54 IPv4 TCP 10.0.0.1:80 > 10.0.0.2:8080 [.] bad header length 16"},
	{ETHERNET, MACS "0800 " IP4("06") "0050 1f90 00000001 00000002 f010 ffff 0000 0000",
		"54 IPv4 TCP 10.0.0.1:80 > 10.0.0.2:8080 [.] bad header length 60"},
	{ETHERNET, MACS "0800 " IP4("06") "0050 1f90 0000",
		"40 IPv4 TCP 10.0.0.1:80 > 10.0.0.2:8080 too short"},
	{ETHERNET, MACS "0800 " IP4("11") "1388 0035 0007 0000",
		"42 IPv4 UDP 10.0.0.1:5000 > 10.0.0.2:53 bad length 7"},
	{ETHERNET, MACS "0800 " IP4("11") "1388 0035 0009 0000",
		"42 IPv4 UDP 10.0.0.1:5000 > 10.0.0.2:53 bad length 9"},
	{ETHERNET, MACS "0800 " IP4("11") "1388", "36 IPv4 UDP 10.0.0.1 > 10.0.0.2 too short"},
	{ETHERNET,
		MACS
		"0800 4500 0024 1234 2000 4011 0000 0a000001 0a000002 1388 0035 0100 0000 0000000000000000",
		"50 IPv4 UDP 10.0.0.1:5000 > 10.0.0.2:53 fragment 4660@0+ len 16"},
	{ETHERNET, MACS "0800 4500 001c 1234 00b9 4011 0000 0a000001 0a000002 1388 0035 0100 0000",
		"42 IPv4 UDP 10.0.0.1 > 10.0.0.2 fragment 4660@1480 len 8"},
	{ETHERNET, MACS "0800 5500 001c 1234 00b9 4011 0000 0a000001 0a000002",
		"34 IPv4 bad header"},
	{ETHERNET, MACS "0800 4400 001c 1234 00b9 4011 0000 0a000001 0a000002",
		"34 IPv4 bad header"},
	{ETHERNET, MACS "0800 4500 0013 1234 00b9 4011 0000 0a000001 0a000002",
		"34 IPv4 bad header"},
	{ETHERNET, MACS "0800 4500", "16 IPv4 too short"},
	{ETHERNET, MACS "0800 " IP4("01") "0800 0000 0007 0009",
		"42 IPv4 ICMP 10.0.0.1 > 10.0.0.2 echo request id 7 seq 9"},
	{ETHERNET, MACS "0800 " IP4("01") "0303 0000 0000 0000",
		"42 IPv4 ICMP 10.0.0.1 > 10.0.0.2 unreachable (port)"},
	{ETHERNET, MACS "0800 " IP4("01") "0363 0000 0000 0000",
		"42 IPv4 ICMP 10.0.0.1 > 10.0.0.2 unreachable (code 99)"},
	{ETHERNET, MACS "0800 " IP4("01") "0501 0000 0a000009",
		"42 IPv4 ICMP 10.0.0.1 > 10.0.0.2 redirect to 10.0.0.9"},
	{ETHERNET, MACS "0800 " IP4("01") "fa00 0000", "38 IPv4 ICMP 10.0.0.1 > 10.0.0.2 type 250"},
	{ETHERNET, MACS "0800 " IP4("01") "0800 0000",
		"38 IPv4 ICMP 10.0.0.1 > 10.0.0.2 echo request too short"},
	{ETHERNET, MACS "0800 " IP4("02") "1600 0000 ef010203",
		"42 IPv4 IGMP 10.0.0.1 > 10.0.0.2 v2 report 239.1.2.3"},
	{ETHERNET, MACS "0800 " IP4("02") "2200 0000 0000 0003",
		"42 IPv4 IGMP 10.0.0.1 > 10.0.0.2 v3 report records 3"},
	{ETHERNET, MACS "0800 " IP4("02") "1164 0000 00000000",
		"42 IPv4 IGMP 10.0.0.1 > 10.0.0.2 query"},
	{ETHERNET, MACS "0800 " IP4("2f") "0000 0800 4500",
		"40 IPv4 GRE 10.0.0.1 > 10.0.0.2 of IPv4"},
	{ETHERNET, MACS "0800 " IP4("2f") "0000 4321", "38 IPv4 GRE 10.0.0.1 > 10.0.0.2 of 0x4321"},
	{ETHERNET, MACS "0800 " IP4("32") "00001234 00000005",
		"42 IPv4 ESP 10.0.0.1 > 10.0.0.2 spi 0x00001234 seq 5"},
	{ETHERNET,
		MACS "0800 " IP4(
			"33") "1104 0000 00000001 00000002 000000000000000000000000 1388 0035 0008 0000",
		"66 IPv4 AH UDP 10.0.0.1:5000 > 10.0.0.2:53 len 0"},
	{ETHERNET, MACS "0800 " IP4("84") "1388 0035 00000001 00000000 0100 0014",
		"50 IPv4 SCTP 10.0.0.1:5000 > 10.0.0.2:53 INIT"},
	{ETHERNET, MACS "0800 " IP4("59") "0201", "36 IPv4 OSPF 10.0.0.1 > 10.0.0.2 len 2"},
	{ETHERNET, MACS "0800 " IP4("c8") "", "34 IPv4 protocol 200 10.0.0.1 > 10.0.0.2 len 0"},
	/* IPv6 */
	{ETHERNET, MACS "86dd " IP6("11") "1388 0035 0008 0000",
		"62 IPv6 UDP [fd00::1]:5000 > [fe80::abcd:2]:53 len 0"},
	{ETHERNET, MACS "86dd " IP6("3a") "8000 0000 0007 0009",
		"62 IPv6 ICMPv6 fd00::1 > fe80::abcd:2 echo request id 7 seq 9"},
	{ETHERNET, MACS "86dd " IP6("3a") "8700 0000 00000000 fe800000000000000000000000000009",
		"78 IPv6 ICMPv6 fd00::1 > fe80::abcd:2 neighbor solicitation fe80::9"},
	{ETHERNET, MACS "86dd " IP6("3a") "0200 0000 00000500",
		"62 IPv6 ICMPv6 fd00::1 > fe80::abcd:2 packet too big mtu 1280"},
	{ETHERNET, MACS "86dd " IP6("3a") "0104 0000 00000000",
		"62 IPv6 ICMPv6 fd00::1 > fe80::abcd:2 unreachable (port)"},
	{ETHERNET,
		MACS
		"86dd " IP6("00") "3c00 0502 0000 0100 1100 0104 0000 0000 1388 0035 0008 0000",
		"78 IPv6 UDP [fd00::1]:5000 > [fe80::abcd:2]:53 extensions len 0"},
	{ETHERNET, MACS "86dd " IP6("2c") "1100 0001 00000005 1388 0035 0100 0000",
		"70 IPv6 UDP [fd00::1]:5000 > [fe80::abcd:2]:53 extensions fragment 5@0+ len 8"},
	{ETHERNET, MACS "86dd " IP6("2c") "1100 05a8 00000005 1388 0035 0100 0000",
		"70 IPv6 UDP fd00::1 > fe80::abcd:2 extensions fragment 5@1448 len 8"},
	{ETHERNET, MACS "86dd " IP6("3b") "",
		"54 IPv6 no next header fd00::1 > fe80::abcd:2 len 0"},
	{ETHERNET,
		MACS
		"86dd 60000000 0010 1140 00000000000000000000000000000000 00000000000000000000ffff0a000001 1388 0035 0008 0000",
		"62 IPv6 UDP [::]:5000 > [::ffff:10.0.0.1]:53 missing 8 len 0"},
	{ETHERNET,
		MACS
		"86dd 40000000 0010 1140 00000000000000000000000000000000 00000000000000000000ffff0a000001",
		"54 IPv6 bad header"},
	/* beside IP */
	{ETHERNET,
		MACS "0806 0001 0800 06 04 0001 020000000001 0a000001 000000000000 0a000002 0000",
		"44 ARP who-has 10.0.0.2 tell 10.0.0.1"},
	{ETHERNET, MACS "0806 0001 0800 06 04 0002 020000000001 0a000001 020000000002 0a000002",
		"42 ARP 10.0.0.1 is-at 02:00:00:00:00:01"},
	{ETHERNET, MACS "0806 0001 0800 06 04 0009 0000", "24 ARP operation 9"},
	{ETHERNET, MACS "8100 0005 0800 " IP4("01") "0000 0000 0007 0009",
		"46 vlan 5 IPv4 ICMP 10.0.0.1 > 10.0.0.2 echo reply id 7 seq 9"},
	{ETHERNET,
		MACS
		"88a8 0007 8100 6005 0806 0001 0800 06 04 0001 020000000001 0a000001 000000000000 0a000002",
		"50 s-vlan 7 vlan 5 p3 ARP who-has 10.0.0.2 tell 10.0.0.1"},
	{ETHERNET, MACS "8100 0001 8100 0002 8100 0003 8100 0004 8100 0005 0800",
		"34 vlan 1 vlan 2 vlan 3 vlan 4 ethertype 0x8100 02:00:00:00:00:01 > 02:00:00:00:00:02"},
	{ETHERNET, MACS "8100 00", "15 vlan too short"},
	{ETHERNET, MACS "88cc 0207", "16 LLDP 02:00:00:00:00:01 > 02:00:00:00:00:02"},
	{ETHERNET, MACS "4321 0207", "16 ethertype 0x4321 02:00:00:00:00:01 > 02:00:00:00:00:02"},
	{ETHERNET, MACS "8808 0001 ffff",
		"18 MAC control pause 65535 02:00:00:00:00:01 > 02:00:00:00:00:02"},
	{ETHERNET, MACS "8809 01", "15 LACP 02:00:00:00:00:01 > 02:00:00:00:00:02"},
	{ETHERNET, MACS "8847 00010040 00011140 " IP4("01") "0000 0000 0007 0009",
		"50 MPLS label 16 label 17 IPv4 ICMP 10.0.0.1 > 10.0.0.2 echo reply id 7 seq 9"},
	{ETHERNET, MACS "0007 424203 0000 0000 0000",
		"23 STP config 02:00:00:00:00:01 > 02:00:00:00:00:02"},
	{ETHERNET, MACS "0007 424203 0000 0202 0000",
		"23 STP rapid 02:00:00:00:00:01 > 02:00:00:00:00:02"},
	{ETHERNET, MACS "0003 f0e003 0000",
		"19 LLC dsap 0xf0 ssap 0xe0 02:00:00:00:00:01 > 02:00:00:00:00:02"},
	{ETHERNET, MACS "0024 aaaa03 000000 0800 " IP4("01") "0000 0000 0007 0009",
		"50 IPv4 ICMP 10.0.0.1 > 10.0.0.2 echo reply id 7 seq 9"},
	{ETHERNET, MACS "0008 aaaa03 00000c 2000",
		"22 SNAP 0x00000c 0x2000 02:00:00:00:00:01 > 02:00:00:00:00:02"},
	{ETHERNET,
		MACS
		"88f7 0002 002c 00000000 00000000 00000000 00000000 00000000 00000000 0000 1234 0000",
		"48 PTP Sync seq 4660 02:00:00:00:00:01 > 02:00:00:00:00:02"},
	{ETHERNET,
		MACS
		"88f7 1b12 002c 04000000 00000000 00000000 00000000 00000000 00000000 0000 1234 0000",
		"48 PTP Announce seq 4660 domain 4 02:00:00:00:00:01 > 02:00:00:00:00:02"},
	{ETHERNET, MACS "88f7 0001 0000", "18 PTP version 1 02:00:00:00:00:01 > 02:00:00:00:00:02"},
	{ETHERNET,
		MACS "0800 " IP4(
			"11") "1388 013f 002a 0000 0102 002c 00000000 00000000 00000000 00000000 00000000 00000000 0000 0007 0000",
		"76 IPv4 UDP 10.0.0.1:5000 > 10.0.0.2:319 PTP Delay_Req seq 7"},
	{ETHERNET, "0200", "2 too short"},
	{ETHERNET, "", "0 too short"},
	/* other link types */
	{RAW, IP4("01") "0000 0000 0007 0009",
		"28 IPv4 ICMP 10.0.0.1 > 10.0.0.2 echo reply id 7 seq 9"},
	{RAW, IP6("3b"), "40 IPv6 no next header fd00::1 > fe80::abcd:2 len 0"},
	{RAW, "7000", "2 IP version 7"},
	{RAW, "", "0 IP too short"},
	{228, IP4("3b"), "20 IPv4 no next header 10.0.0.1 > 10.0.0.2 len 0"},
	{229, IP6("3b"), "40 IPv6 no next header fd00::1 > fe80::abcd:2 len 0"},
	{0, "02000000 " IP4("3b"), "24 IPv4 no next header 10.0.0.1 > 10.0.0.2 len 0"},
	{0, "00000002 " IP4("3b"), "24 IPv4 no next header 10.0.0.1 > 10.0.0.2 len 0"},
	{108, "0000001e " IP6("3b"), "44 IPv6 no next header fd00::1 > fe80::abcd:2 len 0"},
	{108, "00000007", "4 family 7"},
	{SLL, "0004 0001 0006 020000000001 0000 0800 " IP4("3b"),
		"Out 36 IPv4 no next header 10.0.0.1 > 10.0.0.2 len 0"},
	{SLL2, "0800 0000 00000003 0001 00 06 020000000001 0000 " IP4("3b"),
		"In  40 IPv4 no next header 10.0.0.1 > 10.0.0.2 len 0"},
	{SLL2, "88cc 0000 00000003 0001 04 06 020000000001 0000 02",
		"Out 21 LLDP 02:00:00:00:00:01"},
	{SLL2, "0004 0000 00000003 0001 00 06 020000000001 0000 424203 0000 0000",
		"In  27 STP config 02:00:00:00:00:01"},
	{SLL2, "0003 0000 00000003 0304 00 00 000000000000 0000", "In  20 protocol 0x0003"},
	{SLL2, "0800", "2 too short"},
	{105, "0800 0000", "4 linktype 105"},
};

static uint32_t bytes_of(const char *hex, uint8_t *to)
{
	uint32_t n = 0;
	unsigned v;

	for (; *hex; hex += *hex == ' ' ? 1 : 2) {
		if (*hex != ' ') {
			assert_int_equal(sscanf(hex, "%2x", &v), 1);
			to[n++] = (uint8_t)v;
		}
	}
	return n;
}

/* In memory that ends where the packet ends, so that the sanitizer sees what is read behind it. */
static size_t line(char *buf, size_t size, const struct ws_packet_text *p)
{
	struct ws_packet_text exact = *p;
	uint8_t *data = malloc(p->len ? p->len : 1);
	size_t n;

	assert_non_null(data);
	memcpy(data, p->data, p->len);
	exact.data = data;
	n = ws_packet_line(buf, size, &exact);
	free(data);
	return n;
}

static void expect(const struct ws_packet_text *p, const char *want)
{
	char buf[WS_PACKET_LINE_SIZE];
	size_t n = line(buf, sizeof(buf), p);

	assert_string_equal(buf, want);
	assert_int_equal(n, strlen(want));
}

static struct ws_packet_text packet(uint16_t linktype, const uint8_t *data, uint32_t len)
{
	return (struct ws_packet_text){
		.ns = INT64_MIN, .linktype = linktype, .data = data, .len = len, .wire_len = len};
}

static void packets(void **state)
{
	uint8_t data[256];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint32_t n = bytes_of(rows[i].hex, data);
		struct ws_packet_text p = packet(rows[i].linktype, data, n);

		expect(&p, rows[i].line);
	}
}

/* One printable line that says where it was cut, and never that the packet itself was wrong. */
static void cut_everywhere(void **state)
{
	char buf[WS_PACKET_LINE_SIZE], tail[40];
	uint8_t data[256];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint32_t n = bytes_of(rows[i].hex, data);
		struct ws_packet_text p = packet(rows[i].linktype, data, n);

		for (p.len = 0; p.len < n; p.len++) {
			size_t len = line(buf, sizeof(buf), &p);

			assert_int_equal(len, strlen(buf));
			snprintf(tail, sizeof(tail), " truncated to %u", p.len);
			assert_true(len > strlen(tail));
			assert_string_equal(buf + len - strlen(tail), tail);
			assert_null(strstr(buf[0] == 'I' ? buf + 4 : buf, "  "));
			if (!strstr(rows[i].line, "too short")) {
				assert_null(strstr(buf, "too short"));
			}
			for (size_t k = 0; k < len; k++) {
				assert_true(buf[k] >= ' ' && buf[k] <= '~');
			}
		}
	}
}

static void every_size_of_buffer(void **state)
{
	uint8_t data[256];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint32_t n = bytes_of(rows[i].hex, data);
		struct ws_packet_text p = packet(rows[i].linktype, data, n);

		for (size_t size = 1; size <= strlen(rows[i].line) + 2; size++) {
			char *buf = malloc(size);
			size_t want = strlen(rows[i].line) < size ? strlen(rows[i].line) : size - 1;

			assert_non_null(buf);
			assert_int_equal(line(buf, size, &p), want);
			assert_int_equal(strlen(buf), want);
			assert_int_equal(strncmp(buf, rows[i].line, want), 0);
			free(buf);
		}
		assert_int_equal(line(NULL, 0, &p), 0);
	}
}

static void random_bytes(void **state)
{
	static const uint16_t types[] = {ETHERNET, RAW, SLL, SLL2, 0, 108, 228, 229, 147};
	static const uint16_t ethertypes[] = {
		0x0800, 0x86dd, 0x0806, 0x8100, 0x8847, 0x88f7, 0x88b5, 0x0026, 0x8808};
	uint32_t seed = 1;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		char buf[WS_PACKET_LINE_SIZE];
		uint8_t data[128];
		struct ws_packet_text p = {
			.ns = i, .linktype = types[i % COUNT(types)], .data = data};
		size_t n;

		for (size_t k = 0; k < sizeof(data); k++) {
			seed = seed * 1664525 + 1013904223;
			data[k] = (uint8_t)(seed >> 24);
		}
		p.len = (seed >> 8) % sizeof(data);
		p.wire_len = p.len + (seed >> 16) % 4 * 500;
		data[12] = (uint8_t)(ethertypes[i % 7] >> 8);
		data[13] = (uint8_t)ethertypes[i % 7];
		data[14] = i % 3 ? 0x45 : 0x60;
		n = line(buf, sizeof(buf), &p);
		assert_int_equal(n, strlen(buf));
		assert_true(n < sizeof(buf) - 150); /* room for names and notes */
	}
}

static void probes(void **state)
{
	(void)state;
	for (int carrier = 0; carrier < WS_CARRIER_COUNT; carrier++) {
		for (int payload = WS_PAYLOAD_SHORT; payload <= WS_PAYLOAD_FULL; payload++) {
			const struct ws_frame_spec spec = {
				.dst = {2, 0, 0, 0, 0, 2},
				.src = {2, 0, 0, 0, 0, 1},
				.carrier = carrier,
				.payload = payload,
				.src_ip = 0x0a000001,
				.dst_ip = 0x0a000002,
				.src_port = 5000,
				.dst_port =
					carrier == WS_CARRIER_PTP_UDP ? WS_PTP_PORT : WS_UDP_PORT,
				.len = 130,
				.run_id = 0xc0ffee,
			};
			static const char *const wants[] = {
				[WS_CARRIER_UDP] = "130 IPv4 UDP 10.0.0.1:5000 > 10.0.0.2:8620",
				[WS_CARRIER_L2] = "130 experimental 0x88b5 02:00:00:00:00:01 > "
						  "02:00:00:00:00:02",
				[WS_CARRIER_PTP_L2] = "130 PTP Sync seq 6676 domain 87 "
						      "02:00:00:00:00:01 > 02:00:00:00:00:02",
				[WS_CARRIER_PTP_UDP] = "130 IPv4 UDP 10.0.0.1:5000 > 10.0.0.2:319 "
						       "PTP Sync seq 6676 domain 87",
			};
			char want[200];
			struct ws_frame_template t;
			uint8_t frame[130];
			struct ws_packet_text p = packet(ETHERNET, frame, sizeof(frame));
			char buf[WS_PACKET_LINE_SIZE];

			snprintf(want, sizeof(want), "%s probe run=00c0ffee seq=123456789012",
				wants[carrier]);
			assert_int_equal(ws_frame_template_init(&t, &spec), 0);
			ws_frame_write(&t, frame, 123456789012, 77);
			expect(&p, want);
			/* damaged */
			if (payload == WS_PAYLOAD_FULL) {
				frame[t.payload_off + 15] ^= 1;
			} else {
				frame[t.payload_off] ^= 1;
			}
			line(buf, sizeof(buf), &p);
			assert_null(strstr(buf, "probe"));
		}
	}
}

static void set_zone(const char *name)
{
	setenv("TZ", name, 1);
	tzset();
}

static void times(void **state)
{
	static const uint8_t nothing[1];
	static const struct {
		const char *zone;
		int64_t ns;
		const char *line;
	} at[] = {
		{"UTC0", 0, "00:00:00.000000000 0 IP too short"},
		{"UTC0", 1700000000123456789, "22:13:20.123456789 0 IP too short"},
		{"UTC0", -1, "23:59:59.999999999 0 IP too short"},
		{"XXX-5:45", 1700000000000000001, "03:58:20.000000001 0 IP too short"},
		{"XXX8", 1700000000000000001, "14:13:20.000000001 0 IP too short"},
		{"UTC0", INT64_MAX, "23:47:16.854775807 0 IP too short"},
		{"UTC0", INT64_MIN + 1, "00:12:43.145224193 0 IP too short"},
	};
	/* the clocks go forward at 01:00 UTC on 31 March 2024 (1711846800) */
	const char *berlin = "CET-1CEST,M3.5.0,M10.5.0/3";
	struct ws_packet_text p = packet(RAW, nothing, 0);
	struct ws_packet_clock clock = {.known = false};

	(void)state;
	for (size_t i = 0; i < COUNT(at); i++) {
		set_zone(at[i].zone);
		p.ns = at[i].ns;
		p.clock = NULL;
		expect(&p, at[i].line);
		clock = (struct ws_packet_clock){.known = false};
		p.clock = &clock;
		expect(&p, at[i].line);
		expect(&p, at[i].line);
	}
	set_zone(berlin);
	clock = (struct ws_packet_clock){.known = false};
	p.ns = 1711846799999999999;
	expect(&p, "01:59:59.999999999 0 IP too short");
	p.ns++;
	expect(&p, "03:00:00.000000000 0 IP too short");
	p.ns--;
	expect(&p, "01:59:59.999999999 0 IP too short");
	/* what it knows is used */
	clock.offset_s += 60;
	expect(&p, "02:00:59.999999999 0 IP too short");
	set_zone("UTC0");
}

static void surroundings(void **state)
{
	static const uint8_t byte[] = {0x70};
	char longest[300], buf[WS_PACKET_LINE_SIZE];
	struct ws_packet_text p = packet(RAW, byte, 1);

	(void)state;
	p.ns = 0;
	p.interface = "eth0";
	p.direction = 1;
	expect(&p, "00:00:00.000000000 eth0 In  1 IP version 7");
	p.direction = 2;
	p.note = "12 lost before";
	expect(&p, "00:00:00.000000000 eth0 Out 1 IP version 7 [12 lost before]");
	p.wire_len = 1514;
	expect(&p, "00:00:00.000000000 eth0 Out 1514 IP version 7 truncated to 1 [12 lost before]");
	p.wire_len = 0; /* which is wrong */
	p.direction = 0;
	p.ns = INT64_MIN;
	p.note = NULL;
	p.interface = "a\033[31mb\n\x9b\x7f";
	expect(&p, "a?[31mb??? 1 IP version 7");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	p.interface = p.note = longest;
	assert_int_equal(line(buf, sizeof(buf), &p), 32 + strlen(" 1 IP version 7 []") + 96);
	/* a cooked header is asked only if nobody else knows */
	p = packet(SLL, (const uint8_t[16]){[1] = 4, [14] = 0x88, [15] = 0xcc}, 16);
	p.direction = 1;
	expect(&p, "In  16 LLDP");
}

/* The C library's way to write IPv6 addresses is that of RFC 5952. */
static void ipv6_addresses(void **state)
{
	uint32_t seed = 7;

	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		char want[INET6_ADDRSTRLEN], got[64] = "";
		struct text t = {.begin = got, .at = got, .end = got + sizeof(got) - 1};
		uint8_t a[16];

		for (unsigned k = 0; k < 16; k++) {
			seed = seed * 1664525 + 1013904223;
			/* words that are 0 or short, each in its share of the addresses */
			a[k] = seed >> 20 & 3 && (k & ~1u) != (seed >> 28) ? 0
									   : (uint8_t)(seed >> 8);
		}
		if (i % 16 == 0) {
			memset(a, 0, 10);
			memset(a + 10, i % 32 ? 0xff : 0, 2);
		}
		put_ipv6(&t, a);
		*t.at = '\0';
		assert_non_null(inet_ntop(AF_INET6, a, want, sizeof(want)));
		assert_string_equal(got, want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets),
		cmocka_unit_test(cut_everywhere),
		cmocka_unit_test(every_size_of_buffer),
		cmocka_unit_test(random_bytes),
		cmocka_unit_test(probes),
		cmocka_unit_test(times),
		cmocka_unit_test(surroundings),
		cmocka_unit_test(ipv6_addresses),
	};

	set_zone("UTC0");
	return cmocka_run_group_tests_name("packet_line", tests, NULL, NULL);
}
