// SPDX-License-Identifier: BSD-2-Clause
/* The ring walk over malloc'd blocks, built as net/packet/af_packet.c builds them, whole and
 * damaged. */
#include "core/block3.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/if_packet.h>

#include <cmocka.h>

#define BLOCK_SIZE 4096
#define SLL_OFF	   TPACKET_ALIGN(sizeof(struct tpacket3_hdr))
#define SLL_END	   (SLL_OFF + sizeof(struct sockaddr_ll))
#define ETH_LEN	   14
#define VLAN_FLAGS (TP_STATUS_VLAN_VALID | TP_STATUS_VLAN_TPID_VALID)

/* A block being filled, of exactly the size that is given to the walk. */
struct builder {
	uint8_t *block;
	uint32_t size, used, last, reserve;
};

static struct tpacket_hdr_v1 *head(const struct builder *b)
{
	return &((struct tpacket_block_desc *)(void *)b->block)->hdr.bh1;
}

static struct tpacket3_hdr *header(const struct builder *b, uint32_t off)
{
	return (struct tpacket3_hdr *)(void *)(b->block + off);
}

/* prb_open_block() */
static struct builder open_block(uint32_t size, uint32_t reserve)
{
	struct builder b = {.block = malloc(size), .size = size, .reserve = reserve};

	assert_non_null(b.block);
	memset(b.block, 0xee, size);
	memset(b.block, 0, sizeof(struct tpacket_block_desc));
	b.used = sizeof(struct tpacket_block_desc);
	head(&b)->offset_to_first_pkt = b.used;
	head(&b)->blk_len = b.used;
	return b;
}

/* tpacket_rcv() and prb_fill_curr_block(). Returns the header's offset. */
static uint32_t add_packet(struct builder *b, uint32_t snaplen, uint32_t len, uint8_t fill)
{
	uint32_t net = TPACKET_ALIGN((uint32_t)SLL_END + 16) + b->reserve;
	uint32_t mac = net - ETH_LEN;
	uint32_t off = b->used;
	uint32_t total = (mac + snaplen + 7) / 8 * 8;
	struct tpacket3_hdr *h = header(b, off);

	assert_true(off + total <= b->size);
	memset(h, 0, sizeof(*h));
	memset(b->block + off + SLL_OFF, 0x11, sizeof(struct sockaddr_ll));
	h->tp_next_offset = total;
	h->tp_sec = 1700000000 + fill;
	h->tp_nsec = 999999999;
	h->tp_snaplen = snaplen;
	h->tp_len = len;
	h->tp_status = TP_STATUS_USER;
	h->tp_mac = (uint16_t)mac;
	h->tp_net = (uint16_t)net;
	memset(b->block + off + mac, fill, snaplen);
	b->last = off;
	b->used += total;
	head(b)->num_pkts++;
	head(b)->blk_len += total;
	return off;
}

/* prb_close_block() and prb_flush_block() */
static void close_block(struct builder *b, uint32_t status)
{
	if (head(b)->num_pkts > 0) {
		header(b, b->last)->tp_next_offset = 0;
	}
	head(b)->block_status = TP_STATUS_USER | status;
}

static struct builder three_packets(void)
{
	struct builder b = open_block(BLOCK_SIZE, 0);

	add_packet(&b, 60, 60, 1);
	add_packet(&b, 61, 1514, 2);
	add_packet(&b, 1514, 1514, 3);
	close_block(&b, 0);
	return b;
}

static void expect_unused(const struct ws_ring_packet *p)
{
	static const struct ws_ring_packet unused = {.len = 0x5a5a};

	assert_memory_equal(p, &unused, sizeof(unused));
}

/* Walks to the end and returns how many packets came; *ret_result is what ended it. */
static unsigned walk(const struct builder *b, int *ret_result, uint32_t *ret_left)
{
	struct ws_ring_packet p = {.len = 0x5a5a};
	struct ws_block3_walk w;
	unsigned n = 0;
	int r = ws_block3_begin(&w, b->block, b->size);

	*ret_left = head(b)->num_pkts;
	if (r == 0) {
		while ((r = ws_block3_next(&w, &p)) == 1) {
			assert_true(p.data >= b->block + sizeof(struct tpacket_block_desc));
			assert_true(p.data + p.len <= b->block + b->size);
			p = (struct ws_ring_packet){.len = 0x5a5a};
			n++;
		}
		expect_unused(&p);
		*ret_left = w.left;
		/* The end is the end. */
		assert_int_equal(ws_block3_next(&w, &p), r);
		assert_int_equal(w.left, *ret_left);
	}
	*ret_result = r;
	return n;
}

/* The walk gives packets, then ends so; frees the block. */
static void expect_walk(struct builder *b, unsigned packets, int result)
{
	uint32_t total = head(b)->num_pkts, left;
	int r;

	assert_int_equal(walk(b, &r, &left), packets);
	assert_int_equal(r, result);
	assert_int_equal(left, total - packets);
	free(b->block);
}

static void test_status(void **state)
{
	struct builder b = open_block(BLOCK_SIZE, 0);

	(void)state;
	assert_false(ws_block3_ready(b.block));
	assert_false(ws_block3_losing(b.block));
	head(&b)->block_status = TP_STATUS_LOSING;
	assert_false(ws_block3_ready(b.block));
	head(&b)->block_status = TP_STATUS_USER;
	assert_true(ws_block3_ready(b.block));
	assert_false(ws_block3_losing(b.block));
	head(&b)->block_status = TP_STATUS_USER | TP_STATUS_BLK_TMO;
	assert_true(ws_block3_ready(b.block));
	assert_false(ws_block3_losing(b.block));
	head(&b)->block_status = TP_STATUS_USER | TP_STATUS_BLK_TMO | TP_STATUS_LOSING;
	assert_true(ws_block3_ready(b.block));
	assert_true(ws_block3_losing(b.block));
	ws_block3_release(b.block);
	assert_int_equal(head(&b)->block_status, TP_STATUS_KERNEL);
	assert_false(ws_block3_ready(b.block));
	free(b.block);
}

static void test_good_block(void **state)
{
	static const uint32_t snaplen[] = {60, 61, 1514}, len[] = {60, 1514, 1514};
	struct builder b = three_packets();
	struct ws_block3_walk w;
	struct ws_ring_packet p;

	(void)state;
	assert_int_equal(ws_block3_begin(&w, b.block, b.size), 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(w.left, 3 - i);
		assert_int_equal(ws_block3_next(&w, &p), 1);
		assert_int_equal(p.len, snaplen[i]);
		assert_int_equal(p.wire_len, len[i]);
		assert_int_equal(p.sec, 1700000001 + i);
		assert_int_equal(p.nsec, 999999999);
		assert_int_equal(p.status, TP_STATUS_USER);
		assert_int_equal(p.headroom, 14);
		assert_int_equal(p.vlan_tci, 0);
		assert_int_equal(p.vlan_tpid, 0);
		for (uint32_t k = 0; k < p.len; k++) {
			assert_int_equal(p.data[k], i + 1);
		}
	}
	assert_int_equal(ws_block3_next(&w, &p), 0);
	assert_int_equal(w.left, 0);
	free(b.block);
}

static void test_empty_block(void **state)
{
	struct builder b = open_block(sizeof(struct tpacket_block_desc), 0), odd;

	(void)state;
	close_block(&b, TP_STATUS_BLK_TMO);
	expect_walk(&b, 0, 0);

	/* Without packets nothing is followed. */
	odd = open_block(sizeof(struct tpacket_block_desc), 0);
	head(&odd)->offset_to_first_pkt = UINT32_MAX;
	expect_walk(&odd, 0, 0);
}

static void test_private_area(void **state)
{
	struct builder b = open_block(BLOCK_SIZE, 0);

	(void)state;
	/* The kernel leaves tp_sizeof_priv bytes between the block's header and the first packet.
	 */
	b.used += 64;
	head(&b)->offset_to_first_pkt = b.used;
	add_packet(&b, 60, 60, 1);
	add_packet(&b, 60, 60, 2);
	close_block(&b, 0);
	expect_walk(&b, 2, 0);
}

static void test_full_to_the_last_byte(void **state)
{
	uint32_t mac = TPACKET_ALIGN((uint32_t)SLL_END + 16) - ETH_LEN;
	uint32_t size = sizeof(struct tpacket_block_desc) + (mac + 62 + 7) / 8 * 8;

	(void)state;
	for (uint32_t cut = 0; cut < 8; cut++) {
		struct builder b = open_block(size, 0);

		add_packet(&b, size - b.used - mac - cut, 1514, 1);
		close_block(&b, 0);
		expect_walk(&b, 1, 0);
	}
}

static void test_counts_not_offsets_end_the_walk(void **state)
{
	struct builder b = three_packets();

	(void)state;
	/* Blocks that were closed by the kernel's timer may keep an old offset in the last packet.
	 */
	header(&b, b.last)->tp_next_offset = 0xfffffff8;
	expect_walk(&b, 3, 0);
}

static void test_bad_first_offset(void **state)
{
	static const uint32_t bad[] = {0, 8, 40, 47, 49, 52, 55, BLOCK_SIZE - 40, BLOCK_SIZE - 8,
		BLOCK_SIZE, BLOCK_SIZE + 8, 0x80000000, 0xfffffff8, UINT32_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct builder b = three_packets();

		head(&b)->offset_to_first_pkt = bad[i];
		expect_walk(&b, 0, -EBADMSG);
	}
}

static void test_bad_begin_says_how_many(void **state)
{
	struct ws_block3_walk w = {.left = 0x5a5a};
	struct builder b = three_packets();

	(void)state;
	head(&b)->offset_to_first_pkt = 4;
	assert_int_equal(ws_block3_begin(&w, b.block, b.size), -EBADMSG);
	assert_int_equal(w.left, 3);
	free(b.block);
}

static void test_bad_next_offset(void **state)
{
	/* 0 would loop for ever; the others point into the header, off alignment or out of the
	 * block. */
	static const uint32_t bad[] = {0, 1, 8, 40, 47, 161, 164, BLOCK_SIZE - 48, BLOCK_SIZE,
		0x7ffffff8, 0xffffff00, 0xffffffd0, 0xfffffff8, UINT32_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct builder b = three_packets();

		header(&b, head(&b)->offset_to_first_pkt)->tp_next_offset = bad[i];
		/* The packet itself is good; what comes after it cannot be found. */
		expect_walk(&b, 1, -EBADMSG);
	}
}

/* Whole packets, found but for the alignment that the kernel keeps. */
static void test_unaligned_headers(void **state)
{
	(void)state;
	for (uint32_t by = 1; by < 8; by++) {
		struct builder b = three_packets();
		uint32_t second = 48 + header(&b, 48)->tp_next_offset;

		memmove(b.block + second + by, b.block + second, b.used - second);
		header(&b, 48)->tp_next_offset += by;
		expect_walk(&b, 1, -EBADMSG);

		b = three_packets();
		memmove(b.block + 48 + by, b.block + 48, b.used - 48);
		head(&b)->offset_to_first_pkt += by;
		expect_walk(&b, 0, -EBADMSG);
	}
}

static void test_overlapping_packets(void **state)
{
	struct builder b = three_packets();

	(void)state;
	/* A header that would lie in the first packet's data. */
	header(&b, head(&b)->offset_to_first_pkt)->tp_next_offset = 88;
	expect_walk(&b, 0, -EBADMSG);
}

static void test_more_packets_than_there_are(void **state)
{
	struct builder b = three_packets();

	(void)state;
	head(&b)->num_pkts = UINT32_MAX;
	expect_walk(&b, 3, -EBADMSG);
}

static void test_bad_data_offset(void **state)
{
	static const uint16_t bad[] = {
		0, 1, 47, 48, SLL_END - 1, BLOCK_SIZE - 48 - 59, BLOCK_SIZE, 0x8000, UINT16_MAX};

	(void)state;
	assert_int_equal(SLL_END, 68);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct builder b = open_block(BLOCK_SIZE, 0);

		header(&b, add_packet(&b, 60, 60, 1))->tp_mac = bad[i];
		close_block(&b, 0);
		expect_walk(&b, 0, -EBADMSG);
	}
	for (uint16_t mac = SLL_END; mac < SLL_END + 20; mac++) {
		struct builder b = open_block(BLOCK_SIZE, 0);

		header(&b, add_packet(&b, 60, 60, 1))->tp_mac = mac;
		close_block(&b, 0);
		expect_walk(&b, 1, 0);
	}
}

static void test_bad_snaplen(void **state)
{
	static const uint32_t bad[] = {
		BLOCK_SIZE - 48 - 82 + 1, BLOCK_SIZE, 0x80000000, 0xffffff00, UINT32_MAX};
	struct builder b;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct tpacket3_hdr *h;

		b = open_block(BLOCK_SIZE, 0);
		h = header(&b, add_packet(&b, 60, 60, 1));
		h->tp_snaplen = bad[i];
		h->tp_len = UINT32_MAX;
		close_block(&b, 0);
		expect_walk(&b, 0, -EBADMSG);
	}

	/* More bytes than there were on the wire. */
	b = open_block(BLOCK_SIZE, 0);
	header(&b, add_packet(&b, 60, 60, 1))->tp_len = 59;
	close_block(&b, 0);
	expect_walk(&b, 0, -EBADMSG);
}

static void test_damage_in_the_middle(void **state)
{
	struct builder b = three_packets();
	uint32_t second = 48 + header(&b, 48)->tp_next_offset;

	(void)state;
	header(&b, second)->tp_mac = 0;
	expect_walk(&b, 1, -EBADMSG);
}

/* Every block that was cut off: nothing is read outside, whatever is missing. */
static void test_every_truncation(void **state)
{
	struct builder whole = three_packets();
	unsigned most = 0;

	(void)state;
	for (uint32_t size = sizeof(struct tpacket_block_desc); size <= whole.used; size++) {
		struct builder b = {.block = malloc(size), .size = size};
		uint32_t left;
		unsigned n;
		int r;

		assert_non_null(b.block);
		memcpy(b.block, whole.block, size);
		n = walk(&b, &r, &left);
		assert_int_equal(n + left, 3);
		assert_int_equal(r, n == 3 ? 0 : -EBADMSG);
		assert_true(n >= most);
		most = n;
		free(b.block);
	}
	assert_int_equal(most, 3);
	free(whole.block);
}

/* A block of one packet with distinguishable bytes and a tag in its header. */
static struct ws_ring_packet tagged_packet(
	struct builder *b, uint32_t snaplen, uint32_t status, uint16_t tpid)
{
	struct ws_block3_walk w;
	struct ws_ring_packet p;
	struct tpacket3_hdr *h = header(b, add_packet(b, snaplen, 200, 0));

	for (uint32_t i = 0; i < snaplen; i++) {
		((uint8_t *)h)[h->tp_mac + i] = (uint8_t)(i + 1);
	}
	h->tp_status |= status;
	h->hv1.tp_vlan_tci = 0x6abc;
	h->hv1.tp_vlan_tpid = tpid;
	close_block(b, 0);
	assert_int_equal(ws_block3_begin(&w, b->block, b->size), 0);
	assert_int_equal(ws_block3_next(&w, &p), 1);
	return p;
}

static void expect_tag(const struct ws_ring_packet *p, const uint8_t tag[4])
{
	for (uint32_t i = 0; i < p->len; i++) {
		unsigned want = i < 12 ? i + 1 : i < 16 ? tag[i - 12] : i - 4 + 1;

		assert_int_equal(p->data[i], want);
	}
}

static void test_vlan_restored(void **state)
{
	static const uint8_t service[4] = {0x88, 0xa8, 0x6a, 0xbc};
	static const uint8_t customer[4] = {0x81, 0x00, 0x6a, 0xbc};

	(void)state;
	for (uint32_t snaplen = 12; snaplen < 80; snaplen++) {
		for (int typed = 0; typed <= 1; typed++) {
			struct builder b = open_block(BLOCK_SIZE, 0);
			struct ws_ring_packet p = tagged_packet(&b, snaplen,
				typed ? VLAN_FLAGS : TP_STATUS_VLAN_VALID, typed ? 0x88a8 : 0);
			uint8_t *data = p.data;

			assert_int_equal(p.vlan_tci, 0x6abc);
			assert_int_equal(p.vlan_tpid, typed ? 0x88a8 : 0x8100);
			/* Twice is the same as once. */
			for (int i = 0; i < 2; i++) {
				assert_true(ws_ring_packet_restore_vlan(&p));
				assert_ptr_equal(p.data, data - 4);
				assert_int_equal(p.len, snaplen + 4);
				assert_int_equal(p.wire_len, 204);
				assert_int_equal(p.headroom, 10);
				assert_int_equal(p.status, TP_STATUS_USER);
				expect_tag(&p, typed ? service : customer);
			}
			for (uint32_t i = 0; i < sizeof(struct sockaddr_ll); i++) {
				assert_int_equal(b.block[48 + SLL_OFF + i], 0x11);
			}
			free(b.block);
		}
	}
}

/* A packet that did not come from a walk. */
static void test_vlan_untyped(void **state)
{
	static const uint8_t tag[4] = {0x81, 0x00, 0x6a, 0xbc};
	uint8_t data[24];
	struct ws_ring_packet p = {
		.data = data + 4,
		.len = 20,
		.wire_len = 20,
		.headroom = 4,
		.status = TP_STATUS_VLAN_VALID,
		.vlan_tci = 0x6abc,
	};

	(void)state;
	for (uint32_t i = 0; i < p.len; i++) {
		p.data[i] = (uint8_t)(i + 1);
	}
	assert_true(ws_ring_packet_restore_vlan(&p));
	assert_ptr_equal(p.data, data);
	assert_int_equal(p.len, 24);
	expect_tag(&p, tag);
}

static void test_vlan_none(void **state)
{
	struct builder b = open_block(BLOCK_SIZE, 0);
	struct ws_ring_packet p = tagged_packet(&b, 60, TP_STATUS_VLAN_TPID_VALID, 0x8100);
	struct ws_ring_packet before = p;

	(void)state;
	assert_int_equal(p.vlan_tci, 0);
	assert_int_equal(p.vlan_tpid, 0);
	assert_true(ws_ring_packet_restore_vlan(&p));
	assert_memory_equal(&p, &before, sizeof(p));
	assert_int_equal(p.data[12], 13);
	free(b.block);
}

static void test_vlan_headroom(void **state)
{
	static const uint8_t tag[4] = {0x81, 0x00, 0x6a, 0xbc};

	(void)state;
	for (uint32_t room = 0; room < 8; room++) {
		struct builder b = open_block(BLOCK_SIZE, 0);
		struct ws_ring_packet p, before;
		struct ws_block3_walk w;
		struct tpacket3_hdr *h = header(&b, add_packet(&b, 60, 60, 0));

		h->tp_mac = (uint16_t)(SLL_END + room);
		for (uint32_t i = 0; i < 60; i++) {
			((uint8_t *)h)[h->tp_mac + i] = (uint8_t)(i + 1);
		}
		h->tp_status |= TP_STATUS_VLAN_VALID;
		h->hv1.tp_vlan_tci = 0x6abc;
		close_block(&b, 0);
		assert_int_equal(ws_block3_begin(&w, b.block, b.size), 0);
		assert_int_equal(ws_block3_next(&w, &p), 1);
		assert_int_equal(p.headroom, room);
		before = p;
		assert_int_equal(ws_ring_packet_restore_vlan(&p), room >= 4);
		if (room >= 4) {
			expect_tag(&p, tag);
		} else {
			assert_memory_equal(&p, &before, sizeof(p));
		}
		/* The kernel's address is whole in any case. */
		for (uint32_t i = 0; i < sizeof(struct sockaddr_ll); i++) {
			assert_int_equal(b.block[48 + SLL_OFF + i], 0x11);
		}
		free(b.block);
	}
}

static void test_vlan_cut_before_the_tag(void **state)
{
	(void)state;
	for (uint32_t snaplen = 0; snaplen < 12; snaplen++) {
		struct builder b = open_block(BLOCK_SIZE, 0);
		struct ws_ring_packet p = tagged_packet(&b, snaplen, VLAN_FLAGS, 0x8100);
		uint8_t *data = p.data;

		assert_true(ws_ring_packet_restore_vlan(&p));
		assert_ptr_equal(p.data, data);
		assert_int_equal(p.len, snaplen);
		assert_int_equal(p.wire_len, 204);
		for (uint32_t i = 0; i < snaplen; i++) {
			assert_int_equal(p.data[i], i + 1);
		}
		free(b.block);
	}
}

static void test_reserve_is_headroom(void **state)
{
	struct builder b = open_block(BLOCK_SIZE, 32);
	struct ws_ring_packet p = tagged_packet(&b, 60, 0, 0);

	(void)state;
	assert_int_equal(p.headroom, 14 + 32);
	free(b.block);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_good_block),
		cmocka_unit_test(test_empty_block),
		cmocka_unit_test(test_private_area),
		cmocka_unit_test(test_full_to_the_last_byte),
		cmocka_unit_test(test_counts_not_offsets_end_the_walk),
		cmocka_unit_test(test_bad_first_offset),
		cmocka_unit_test(test_bad_begin_says_how_many),
		cmocka_unit_test(test_bad_next_offset),
		cmocka_unit_test(test_unaligned_headers),
		cmocka_unit_test(test_overlapping_packets),
		cmocka_unit_test(test_more_packets_than_there_are),
		cmocka_unit_test(test_bad_data_offset),
		cmocka_unit_test(test_bad_snaplen),
		cmocka_unit_test(test_damage_in_the_middle),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_vlan_restored),
		cmocka_unit_test(test_vlan_untyped),
		cmocka_unit_test(test_vlan_none),
		cmocka_unit_test(test_vlan_headroom),
		cmocka_unit_test(test_vlan_cut_before_the_tag),
		cmocka_unit_test(test_reserve_is_headroom),
	};

	return cmocka_run_group_tests_name("block3", tests, NULL, NULL);
}
