/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which frame does a transmit stamp belong to? The kernel names it by a 32-bit key that wraps
 * (SOF_TIMESTAMPING_OPT_ID). This table knows the keys under way, how many there are, and which are
 * overdue. Pure.
 *
 * Keys advance with every stamped frame that the kernel took, and with those that it took and then
 * dropped (ENOBUFS), but not with those that it did not take (EAGAIN).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct ws_txkeys;

/*
 * max: frames under way at most, 1 to 2^24. stages: the set of ws_stage that frames get, not
 * empty. 0, -EINVAL or -ENOMEM.
 */
int ws_txkeys_new(struct ws_txkeys **ret, uint32_t max, unsigned stages);
void ws_txkeys_free(struct ws_txkeys *k);

/* How many more frames may be sent now. */
uint32_t ws_txkeys_room(const struct ws_txkeys *k);
/* Frames that miss at least one stamp. */
uint32_t ws_txkeys_outstanding(const struct ws_txkeys *k);

/*
 * True if frames may not be sent, though fewer than max are under way: one whose stamp does not
 * come has been overtaken by so many that its place in the table is needed. Its stamp is lost.
 */
bool ws_txkeys_blocked(const struct ws_txkeys *k);
/* Begins anew at key 0. Nothing may be outstanding. */
void ws_txkeys_restart(struct ws_txkeys *k);

/* The key of the next stamped frame; +1, +2... of those after it. */
uint32_t ws_txkeys_next(const struct ws_txkeys *k);
/* The next frame was taken: its stamps will come back under ws_txkeys_next() with this cookie.
 * stages: those that it gets, of the table's; 0: all of them. There must be room. */
void ws_txkeys_sent(struct ws_txkeys *k, uint64_t cookie, int64_t now_ns, unsigned stages);
/* The next frame was taken and dropped: its key is used up, no stamp will come. There must be room. */
void ws_txkeys_refused(struct ws_txkeys *k);

/* A stamp came. True, and the frame's cookie, if it was expected; false for an unknown key, a stage
 * that was not asked for, or one that was given up. */
bool ws_txkeys_take(struct ws_txkeys *k, uint32_t key, unsigned stage, uint64_t *ret_cookie);
/* Gives up one stamp of a frame that was sent at or before before_ns. Call until false. */
bool ws_txkeys_overdue(
	struct ws_txkeys *k, int64_t before_ns, uint64_t *ret_cookie, unsigned *ret_stage);
