// SPDX-License-Identifier: BSD-2-Clause
/* Frames of a TPACKET_V2 ring on malloc'd memory, whole and damaged; and cooked headers. */
#include "core/frame2.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/if_packet.h>

#include <cmocka.h>

#define FRAME_SIZE  512
#define ADDRESS_OFF TPACKET_ALIGN(sizeof(struct tpacket2_hdr))
#define VLAN_FLAGS  (TP_STATUS_VLAN_VALID | TP_STATUS_VLAN_TPID_VALID)

/* tpacket_rcv(): a frame of exactly FRAME_SIZE bytes, to be freed. */
static uint8_t *make_frame(uint32_t reserve, uint32_t snaplen, uint32_t len, uint32_t status)
{
	uint16_t mac = (uint16_t)(TPACKET_ALIGN(WS_FRAME2_MIN + 16) - 14 + reserve);
	const struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = __builtin_bswap16(0x0800),
		.sll_ifindex = 0x01020304,
		.sll_hatype = 1,
		.sll_pkttype = PACKET_MULTICAST,
		.sll_halen = 6,
		.sll_addr = {2, 0, 0, 0, 0, 9, 0x77, 0x77},
	};
	struct tpacket2_hdr h = {
		.tp_status = TP_STATUS_USER | status,
		.tp_len = len,
		.tp_snaplen = snaplen,
		.tp_mac = mac,
		.tp_net = (uint16_t)(mac + 14),
		.tp_sec = 1700000000,
		.tp_nsec = 999999999,
		.tp_vlan_tci = 0x6abc,
		.tp_vlan_tpid = 0x88a8,
	};
	uint8_t *frame = malloc(FRAME_SIZE);

	assert_non_null(frame);
	memset(frame, 0xee, FRAME_SIZE);
	memcpy(frame, &h, sizeof(h));
	memcpy(frame + ADDRESS_OFF, &address, sizeof(address));
	for (uint32_t i = 0; i < snaplen && mac + i < FRAME_SIZE; i++) {
		frame[mac + i] = (uint8_t)(i + 1);
	}
	return frame;
}

static struct tpacket2_hdr *header(uint8_t *frame)
{
	return (struct tpacket2_hdr *)(void *)frame;
}

static void test_status(void **state)
{
	uint8_t *frame = make_frame(0, 60, 60, 0);

	(void)state;
	assert_true(ws_frame2_ready(frame));
	assert_false(ws_frame2_losing(frame));
	header(frame)->tp_status |= TP_STATUS_LOSING | TP_STATUS_COPY;
	assert_true(ws_frame2_ready(frame));
	assert_true(ws_frame2_losing(frame));
	ws_frame2_release(frame);
	assert_int_equal(header(frame)->tp_status, TP_STATUS_KERNEL);
	assert_false(ws_frame2_ready(frame));
	assert_false(ws_frame2_losing(frame));
	free(frame);
}

static void test_good_frame(void **state)
{
	uint8_t *frame = make_frame(4, 61, 1514, TP_STATUS_TS_SOFTWARE);
	struct ws_ring_packet p;

	(void)state;
	assert_int_equal(ws_frame2_read(frame, FRAME_SIZE, &p), 0);
	assert_ptr_equal(p.data, frame + header(frame)->tp_mac);
	assert_int_equal(p.len, 61);
	assert_int_equal(p.wire_len, 1514);
	assert_int_equal(p.headroom, 80 - 14 + 4 - 52);
	assert_int_equal(p.status, TP_STATUS_USER | TP_STATUS_TS_SOFTWARE);
	assert_int_equal(p.sec, 1700000000);
	assert_int_equal(p.nsec, 999999999);
	assert_int_equal(p.vlan_tci, 0);
	assert_int_equal(p.vlan_tpid, 0);
	assert_int_equal(p.address->sll_pkttype, PACKET_MULTICAST);
	free(frame);
}

static void test_limits(void **state)
{
	struct ws_ring_packet p;
	uint32_t most = FRAME_SIZE - (80 - 14);

	(void)state;
	for (uint32_t snaplen = most - 2; snaplen <= most + 2; snaplen++) {
		uint8_t *frame = make_frame(0, snaplen, 4000, 0);

		assert_int_equal(
			ws_frame2_read(frame, FRAME_SIZE, &p), snaplen <= most ? 0 : -EBADMSG);
		free(frame);
	}
}

static void test_damaged(void **state)
{
	static const struct {
		uint16_t mac;
		uint32_t snaplen, len;
		int result;
	} cases[] = {
		{0, 60, 60, -EBADMSG},
		{WS_FRAME2_MIN - 1, 60, 60, -EBADMSG},
		{WS_FRAME2_MIN, 60, 60, 0},
		{FRAME_SIZE, 0, 60, 0},
		{FRAME_SIZE, 1, 60, -EBADMSG},
		{FRAME_SIZE + 1, 0, 60, -EBADMSG},
		{UINT16_MAX, 0, 60, -EBADMSG},
		{80, UINT32_MAX, UINT32_MAX, -EBADMSG},
		{80, UINT32_MAX - 79, UINT32_MAX, -EBADMSG},
		{80, 61, 60, -EBADMSG},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t *frame = make_frame(0, 60, 60, 0);
		struct ws_ring_packet p = {.len = 0x5a5a}, unused = p;

		header(frame)->tp_mac = cases[i].mac;
		header(frame)->tp_snaplen = cases[i].snaplen;
		header(frame)->tp_len = cases[i].len;
		assert_int_equal(ws_frame2_read(frame, FRAME_SIZE, &p), cases[i].result);
		if (cases[i].result) {
			assert_memory_equal(&p, &unused, sizeof(p));
		}
		free(frame);
	}
}

static void test_vlan(void **state)
{
	static const uint8_t tags[2][4] = {{0x81, 0x00, 0x6a, 0xbc}, {0x88, 0xa8, 0x6a, 0xbc}};

	(void)state;
	for (int typed = 0; typed <= 1; typed++) {
		uint8_t *frame = make_frame(4, 60, 60, typed ? VLAN_FLAGS : TP_STATUS_VLAN_VALID);
		struct ws_ring_packet p;

		assert_int_equal(ws_frame2_read(frame, FRAME_SIZE, &p), 0);
		assert_int_equal(p.vlan_tci, 0x6abc);
		assert_int_equal(p.vlan_tpid, typed ? 0x88a8 : 0x8100);
		assert_true(ws_ring_packet_restore_vlan(&p));
		assert_int_equal(p.len, 64);
		assert_memory_equal(p.data + 12, tags[typed], 4);
		assert_int_equal(p.data[11], 12);
		assert_int_equal(p.data[16], 13);
		free(frame);
	}
}

/* The header as LINKTYPE_LINUX_SLL2 describes it, byte by byte. */
static void test_cooked(void **state)
{
	static const uint8_t plain[WS_COOKED_LEN] = {
		0x08, 0x00, 0, 0, 1, 2, 3, 4, 0, 1, PACKET_MULTICAST, 6, 2, 0, 0, 0, 0, 9, 0, 0};
	uint8_t *frame = make_frame(24, 60, 1500, 0);
	struct ws_ring_packet p;

	(void)state;
	assert_int_equal(ws_frame2_read(frame, FRAME_SIZE, &p), 0);
	assert_true(ws_ring_packet_cook(&p));
	assert_int_equal(p.len, 80);
	assert_int_equal(p.wire_len, 1520);
	assert_memory_equal(p.data, plain, sizeof(plain));
	for (uint32_t i = 0; i < 60; i++) {
		assert_int_equal(p.data[WS_COOKED_LEN + i], i + 1);
	}
	free(frame);
}

static void test_cooked_vlan(void **state)
{
	static const uint8_t tagged[WS_COOKED_LEN + 4] = {0x88, 0xa8, 0, 0, 1, 2, 3, 4, 0, 1,
		PACKET_MULTICAST, 6, 2, 0, 0, 0, 0, 9, 0, 0, 0x6a, 0xbc, 0x08, 0x00};
	uint8_t *frame = make_frame(24, 60, 1500, VLAN_FLAGS);
	struct ws_ring_packet p;

	(void)state;
	assert_int_equal(ws_frame2_read(frame, FRAME_SIZE, &p), 0);
	assert_true(ws_ring_packet_cook(&p));
	assert_int_equal(p.len, 84);
	assert_int_equal(p.wire_len, 1524);
	assert_int_equal(p.status, TP_STATUS_USER);
	assert_memory_equal(p.data, tagged, sizeof(tagged));
	assert_int_equal(p.data[sizeof(tagged)], 1);
	free(frame);
}

static void test_cooked_needs_room(void **state)
{
	(void)state;
	for (uint32_t room = 0; room < 30; room++) {
		for (int tag = 0; tag <= 1; tag++) {
			uint8_t *frame = make_frame(0, 60, 60, tag ? VLAN_FLAGS : 0);
			struct ws_ring_packet p, before;
			struct sockaddr_ll address;

			header(frame)->tp_mac = (uint16_t)(WS_FRAME2_MIN + room);
			assert_int_equal(ws_frame2_read(frame, FRAME_SIZE, &p), 0);
			assert_int_equal(p.headroom, room);
			before = p;
			address = *p.address;
			assert_int_equal(ws_ring_packet_cook(&p), room >= (tag ? 24 : 20));
			if (room < (tag ? 24 : 20)) {
				assert_memory_equal(&p, &before, sizeof(p));
			}
			/* What it was made from is whole in any case. */
			assert_memory_equal(p.address, &address, sizeof(address));
			free(frame);
		}
	}
}

/* Addresses of InfiniBand are longer than the header has room for. */
static void test_cooked_long_address(void **state)
{
	uint8_t *frame = make_frame(24, 60, 60, 0);
	struct ws_ring_packet p;
	struct sockaddr_ll *address = (struct sockaddr_ll *)(void *)(frame + ADDRESS_OFF);

	(void)state;
	address->sll_halen = 20;
	assert_int_equal(ws_frame2_read(frame, FRAME_SIZE, &p), 0);
	assert_true(ws_ring_packet_cook(&p));
	assert_int_equal(p.data[11], 20);
	assert_memory_equal(p.data + 12, address->sll_addr, 8);
	assert_int_equal(p.data[20], 1);
	free(frame);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_good_frame),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_vlan),
		cmocka_unit_test(test_cooked),
		cmocka_unit_test(test_cooked_vlan),
		cmocka_unit_test(test_cooked_needs_room),
		cmocka_unit_test(test_cooked_long_address),
	};

	return cmocka_run_group_tests_name("frame2", tests, NULL, NULL);
}
