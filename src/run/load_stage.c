/* SPDX-License-Identifier: BSD-2-Clause */
#include "run/load_worker_own.h"

/* A packet that the kernel has no room for is offered for so long, and then given up. */
#define PATIENCE_NS 10000000

static uint32_t write_frame(
	struct ws_load_worker *w, const struct ws_io_slot *slot, uint64_t seq, int64_t intended_ns)
{
	const struct ws_frame_source *source = w->c.source;

	if (w->written) {
		if (w->written[slot->number]) {
			return source->rewrite(source->arg, slot->data, seq, intended_ns);
		}
		w->written[slot->number] = true;
	}
	return source->write(source->arg, slot->data, seq, intended_ns);
}

/* Builds packet seq in the first slot that has no frame. */
static void build(struct ws_load_worker *w, uint64_t seq, int64_t intended_ns)
{
	unsigned i = w->staged_count++;

	w->frames[i] = (struct ws_io_tx){
		.len = write_frame(w, &w->slots[i], seq, intended_ns),
		.launch_ns = w->c.launch ? intended_ns + w->c.launch_offset_ns : 0,
	};
	w->staged[i] = (struct staged){.seq = seq, .intended_ns = intended_ns};
}

static bool have_slot(struct ws_load_worker *w, unsigned wanted)
{
	struct ws_io_slot slots[WS_LOAD_BLOCK];
	int n;

	if (w->slot_count > w->staged_count) {
		return true;
	}
	if (w->slot_count + wanted > WS_LOAD_BLOCK) {
		wanted = WS_LOAD_BLOCK - w->slot_count;
	}
	n = wanted ? ws_io_tx_reserve(w->c.io, slots, wanted) : 0;
	for (int i = 0; i < n; i++) {
		w->slots[w->slot_count++] = slots[i];
	}
	return n > 0;
}

/* Flat out: the rest of our block, or a new one. */
void ws_load_stage_block(struct ws_load_worker *w, bool over)
{
	if (w->cursor.n == w->block_end) {
		uint64_t first;

		if (over) {
			return;
		}
		first = atomic_fetch_add_explicit(
			&w->c.shared->next, WS_LOAD_BLOCK, memory_order_relaxed);
		if (first >= w->c.plan->count) {
			w->cursor.n = w->block_end = UINT64_MAX;
			return;
		}
		w->cursor.n = first;
		w->block_end = first + WS_LOAD_BLOCK;
		if (w->block_end > w->c.plan->count) {
			w->block_end = w->c.plan->count;
		}
	}
	while (w->cursor.n < w->block_end && have_slot(w, (unsigned)(w->block_end - w->cursor.n))) {
		build(w, w->cursor.n, INT64_MIN);
		w->stats.due++;
		w->cursor.n++;
	}
}

static int64_t deadline_of(const struct ws_load_worker *w)
{
	return w->c.start_ns + w->cursor.offset_ns - w->c.lead_ns;
}

/* Packets whose successor is due too are not sent, if that is wanted. */
static void skip_missed(struct ws_load_worker *w, int64_t now_ns)
{
	uint64_t n = ws_plan_cursor_skip_overdue(&w->cursor, now_ns - w->c.start_ns + w->c.lead_ns);

	w->stats.skipped += n;
	w->stats.due += n;
}

/* The first n of the staged frames. */
static void count_given_up(struct ws_load_worker *w, unsigned n)
{
	w->stats.given_up += n;
	for (unsigned i = 0; i < n; i++) {
		w->stats.failed_bytes += w->frames[i].len;
	}
}

/*
 * Paced: the next packet is built before it is due, and with it all those of the same instant; late, all
 * that are due.
 */
void ws_load_stage_paced(struct ws_load_worker *w, int64_t now_ns)
{
	if (w->c.skip && w->staged_count && w->cursor.n < w->c.plan->count &&
		deadline_of(w) <= now_ns &&
		w->c.start_ns + w->cursor.offset_ns > w->staged[0].intended_ns) {
		/* Built in time, and not sent in time: for lack of room, or of time. */
		if (w->no_room) {
			count_given_up(w, w->staged_count);
		} else {
			w->stats.skipped += w->staged_count;
		}
		w->staged_count = 0;
	}
	while (w->staged_count < WS_LOAD_BLOCK && w->cursor.n < w->c.plan->count) {
		int64_t intended;

		if (w->c.skip) {
			skip_missed(w, now_ns);
		}
		intended = w->c.start_ns + w->cursor.offset_ns;
		if (w->staged_count && deadline_of(w) > now_ns &&
			intended != w->staged[0].intended_ns) {
			return;
		}
		if (!have_slot(w, 1)) {
			return;
		}
		build(w, w->cursor.n, intended);
		w->stats.due++;
		ws_plan_cursor_next(&w->cursor);
	}
}

/* Takes the first n frames, and their slots if these were consumed, out of the lists. */
void ws_load_stage_drop(struct ws_load_worker *w, unsigned n)
{
	for (unsigned i = n; i < w->staged_count; i++) {
		w->staged[i - n] = w->staged[i];
		w->frames[i - n] = w->frames[i];
	}
	for (unsigned i = n; i < w->slot_count; i++) {
		w->slots[i - n] = w->slots[i];
	}
	w->staged_count -= n;
	w->slot_count -= n;
}

static bool is_overdue(const struct ws_load_worker *w, int64_t intended_ns, int64_t now_ns)
{
	return now_ns - intended_ns + w->c.lead_ns > PATIENCE_NS;
}

/* The kernel has no room: what has been offered for too long is given up. */
void ws_load_stage_give_up(struct ws_load_worker *w, int64_t now_ns)
{
	struct staged rest[WS_LOAD_BLOCK];
	unsigned old = 0, count = w->staged_count;

	if (w->flat_out) {
		return;
	}
	while (old < count && is_overdue(w, w->staged[old].intended_ns, now_ns)) {
		old++;
	}
	if (!old) {
		return;
	}
	count_given_up(w, old);
	for (unsigned i = old; i < count; i++) {
		rest[i - old] = w->staged[i];
	}
	/* The slots are handed over in their order: what is left moves to the first ones. */
	w->staged_count = 0;
	for (unsigned i = 0; i < count - old; i++) {
		build(w, rest[i].seq, rest[i].intended_ns);
	}
}

/* The same where there is no slot to build a frame in. */
void ws_load_stage_give_up_unbuilt(struct ws_load_worker *w, int64_t now_ns)
{
	while (w->cursor.n < w->c.plan->count &&
		is_overdue(w, w->c.start_ns + w->cursor.offset_ns, now_ns)) {
		w->stats.due++;
		w->stats.given_up++;
		w->stats.failed_bytes +=
			w->c.source->write(w->c.source->arg, w->scratch, w->cursor.n, 0);
		ws_plan_cursor_next(&w->cursor);
	}
}
