/* SPDX-License-Identifier: BSD-2-Clause */
/* What the cases of the suite are made of: numbered frames, and what must become of them. */
#pragma once

#include "conformance/conformance.h"

#define CONF_MS	 INT64_C(1000000)
#define CONF_SEC INT64_C(1000000000)
/* What comes at all comes long before: running out of it is a failure, never a matter of speed. */
#define CONF_PATIENCE	     (10 * CONF_SEC)
#define CONF_ETHER_HEADER    14
#define CONF_VLAN_TAG	     4
#define CONF_MIN_LEN	     60
#define CONF_BATCH	     64
#define CONF_ETHERTYPE	     0x88B5 /* for local experiments: nothing else on the link has it */
#define CONF_ETHERTYPE_8021Q 0x8100
#define CONF_OFFSET_KIND     (CONF_ETHER_HEADER + 8)
/* Cookies are the sequence plus this, so that one that is made up shows. */
#define CONF_COOKIE_BASE UINT64_C(0xABCD000000000000)

/* What a series of frames is like. */
struct conf_series {
	uint32_t first, n;
	uint32_t (*len)(const struct conf_fixture *fx, uint32_t seq); /* NULL: CONF_MIN_LEN */
	uint8_t (*kind)(uint32_t seq);				      /* NULL: 0 */
	bool (*stamped)(uint32_t seq);				      /* NULL: none */
	unsigned batch;						      /* 0: CONF_BATCH */
	bool tagged;
};

/* The transmit stamps that came, for each sequence below n. */
struct conf_stamps {
	uint32_t n;
	uint8_t *count;	  /* how often */
	int64_t *time_ns; /* CLOCK_REALTIME */
	uint32_t total, failed;
};

/* A receiver that expects a series in order, and releases what it has looked at. */
struct conf_expect {
	struct conf_fixture *fx;
	struct ws_io *rx;
	const struct conf_series *series;
	uint32_t seen;
	unsigned batch;
	int64_t *stamps_ns; /* if given: CLOCK_REALTIME of each */
};

/* Teardown of every case: a case that failed leaves instances behind, or an interface that is down.
 */
int conf_clean_up(void **state);
void conf_settle(struct conf_fixture *fx);

uint32_t conf_frame_max(const struct conf_fixture *fx);
struct ws_io_config conf_rx_config(const struct conf_fixture *fx);
struct ws_io_config conf_tx_config(const struct conf_fixture *fx);
struct ws_io *conf_open(struct conf_fixture *fx, unsigned side, const struct ws_io_config *config);
/* A receiver on side 1 and a sender on side 0, of the configurations above. */
struct ws_io *conf_open_rx(struct conf_fixture *fx);
struct ws_io *conf_open_tx(struct conf_fixture *fx);
void conf_close(struct conf_fixture *fx, struct ws_io *io);

/* Frame seq, of len bytes; with a tag the rest moves back by 4 bytes. */
void conf_fill(uint8_t *data, uint32_t len, uint32_t seq, uint8_t kind, bool tagged);
/* One of ours without a tag, and then its sequence. */
bool conf_is_ours(const struct ws_io_view *v, uint32_t *ret_seq);
void conf_check_view(const struct ws_io_view *v, uint32_t seq, uint32_t len);

uint32_t conf_len(const struct conf_fixture *fx, const struct conf_series *s, uint32_t seq);
/* 60 bytes to the largest, in steps that hit neither a power of two nor an alignment alone. */
uint32_t conf_len_swept(const struct conf_fixture *fx, uint32_t seq);
bool conf_every(uint32_t seq);

struct conf_stamps conf_stamps_new(uint32_t n);
void conf_stamps_free(struct conf_stamps *st);
/* Reads the stamps that are still missing, until none is outstanding. */
void conf_collect_stamps(struct conf_fixture *fx, struct ws_io *tx, struct conf_stamps *st);

/*
 * Sends a series; every frame is accepted in the end. Calls `between` after each submission, so
 * that a receiver can keep up, and reads stamps into st, if it is given, when submission stops
 * short.
 */
void conf_send(struct conf_fixture *fx, struct ws_io *tx, const struct conf_series *s,
	struct conf_stamps *st, void (*between)(void *arg), void *arg);
/* Waits for views and peeks at them, up to max of them; 0 when patience has run out. */
unsigned conf_next_views(
	struct conf_fixture *fx, struct ws_io *rx, struct ws_io_view *views, unsigned max);
/* Takes what is there; arg is a struct conf_expect. */
void conf_expect_some(void *arg);
/* Takes the rest of the series. */
void conf_expect_rest(struct conf_expect *e);
/* Sends a series and checks that exactly it arrives. */
void conf_carry(struct conf_fixture *fx, struct ws_io *tx, struct ws_io *rx,
	const struct conf_series *s, unsigned rx_batch);
/* Receives up to and including frame `last`; notes which came. */
void conf_receive_until(struct conf_fixture *fx, struct ws_io *rx, uint32_t last, bool *came);

/* The cases of lifecycle.c. */
void conf_test_stop_after_overrun(void **state);
void conf_test_stop_gives_out_the_rest(void **state);
void conf_test_overrun_and_recover(void **state);
void conf_test_views_survive_overrun(void **state);
void conf_test_quiet_link(void **state);
void conf_test_open_fails_by_name(void **state);
void conf_test_options_of_the_way_out(void **state);
void conf_test_down_and_up(void **state);
void conf_test_close_half_used(void **state);
void conf_test_removed(void **state);
