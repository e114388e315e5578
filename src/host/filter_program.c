/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/filter_program.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>

#include "host/filter.h"

#define COOKED_LEN   20
#define EXPANDED_MAX 4 /* instructions that one becomes */
#define PREFIX_MAX   8
#define JUMP_MAX     255
/* Negative as the kernel reads it: ancillary data, or relative to one of its headers. */
#define IS_SPECIAL(k) ((k) > INT32_MAX)
#define ANCILLARY(x)  ((uint32_t)(SKF_AD_OFF + (x)))

/*
 * The header's fields as the kernel has them (LINKTYPE_LINUX_SLL2 at www.tcpdump.org/linktypes):
 * lsh makes a field of `size` bytes of the number. The first one is the protocol and two bytes of 0.
 */
static const struct field {
	uint8_t at, size, ancillary, lsh;
} fields[] = {
	{0, 4, SKF_AD_PROTOCOL, 16},
	{4, 4, SKF_AD_IFINDEX, 0},
	{8, 2, SKF_AD_HATYPE, 0},
	{10, 1, SKF_AD_PKTTYPE, 0},
};

struct expansion {
	struct sock_filter insns[EXPANDED_MAX];
	unsigned len;
};

static void put(struct expansion *e, uint16_t code, uint32_t k)
{
	e->insns[e->len++] = (struct sock_filter){.code = code, .k = k};
}

static bool is_jump(const struct sock_filter *insn)
{
	return BPF_CLASS(insn->code) == BPF_JMP && BPF_OP(insn->code) != BPF_JA;
}

static bool is_ja(const struct sock_filter *insn)
{
	return BPF_CLASS(insn->code) == BPF_JMP && BPF_OP(insn->code) == BPF_JA;
}

static unsigned load_size(uint16_t code)
{
	switch (BPF_SIZE(code)) {
	case BPF_W:
		return 4;
	case BPF_H:
		return 2;
	default:
		return 1;
	}
}

/* A load of one field, or of a part of it. */
static bool load_field(struct expansion *e, uint32_t at, unsigned size)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const struct field *f = &fields[i];
		unsigned rsh;

		if (at < f->at || at + size > (unsigned)f->at + f->size) {
			continue;
		}
		rsh = 8 * (f->at + f->size - at - size);
		put(e, BPF_LD | BPF_W | BPF_ABS, ANCILLARY(f->ancillary));
		if (f->lsh > rsh) {
			put(e, BPF_ALU | BPF_LSH | BPF_K, f->lsh - rsh);
		} else if (f->lsh < rsh) {
			put(e, BPF_ALU | BPF_RSH | BPF_K, rsh - f->lsh);
		}
		if (size < f->size) {
			put(e, BPF_ALU | BPF_AND | BPF_K, (1u << 8 * size) - 1);
		}
		return true;
	}
	return false;
}

static bool load_cooked(struct expansion *e, const struct sock_filter *insn)
{
	unsigned size = load_size(insn->code);

	if (BPF_MODE(insn->code) == BPF_IND || insn->k >= COOKED_LEN) {
		/*
		 * An offset before the network header, which a program makes only by computing
		 * with what it finds there, lets the load fail: the packet does not pass.
		 */
		put(e, insn->code, insn->k - COOKED_LEN);
		return true;
	}
	return BPF_MODE(insn->code) == BPF_ABS && load_field(e, insn->k, size);
}

/* Returns false if there are no such instructions. */
static bool expand(struct expansion *e, const struct sock_filter *insn, enum ws_filter_view view)
{
	unsigned class = BPF_CLASS(insn->code), mode = BPF_MODE(insn->code);
	bool packet = class == BPF_LD && (mode == BPF_ABS || mode == BPF_IND);

	packet |= class == BPF_LDX && mode == BPF_MSH;
	e->len = 0;
	if (view != WS_FILTER_AS_IS && mode == BPF_LEN) {
		if (class == BPF_LDX) {
			return false; /* libpcap makes none, and there is no register free */
		}
		if (class == BPF_LD) {
			put(e, insn->code, 0);
			put(e, BPF_ALU | BPF_ADD | BPF_K, COOKED_LEN);
			return true;
		}
	}
	if (!packet || view == WS_FILTER_AS_IS || (mode == BPF_ABS && IS_SPECIAL(insn->k))) {
		e->insns[e->len++] = *insn;
		return true;
	}
	if (view == WS_FILTER_COOKED_ETHERNET) {
		put(e, insn->code, insn->k + (uint32_t)SKF_LL_OFF);
		return true;
	}
	return load_cooked(e, insn);
}

/* What comes before all: returns the number of instructions. */
static unsigned make_prefix(struct sock_filter *to, const struct ws_filter_source *source)
{
	unsigned n = 0;

	if (source->outgoing_only) {
		to[n++] = (struct sock_filter)BPF_STMT(
			BPF_LD | BPF_W | BPF_ABS, ANCILLARY(SKF_AD_PKTTYPE));
		to[n++] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 1, 0);
		to[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	}
	if (source->view == WS_FILTER_COOKED_ETHERNET) {
		to[n++] = (struct sock_filter)BPF_STMT(
			BPF_LD | BPF_W | BPF_ABS, ANCILLARY(SKF_AD_HATYPE));
		to[n++] =
			(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARPHRD_ETHER, 2, 0);
		to[n++] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, ARPHRD_LOOPBACK, 1, 0);
		to[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	}
	return n;
}

/* Where each instruction comes to stand, and which jumps are too far for their 8 bits. */
struct layout {
	unsigned *start; /* one more than there are instructions */
	bool *far;
};

static int check_source(const struct ws_filter_source *s, char *why, size_t why_size)
{
	struct expansion e;

	for (unsigned i = 0; i < s->len; i++) {
		const struct sock_filter *insn = &s->insns[i];
		uint32_t left = s->len - i - 1, most = 0;

		if (is_ja(insn)) {
			most = insn->k;
		} else if (is_jump(insn)) {
			most = insn->jt > insn->jf ? insn->jt : insn->jf;
		}
		if (IS_SPECIAL(most)) {
			snprintf(why, why_size,
				"it needs a loop (protochain), and filters in the kernel have "
				"none");
			return -EINVAL;
		}
		if (most >= left && BPF_CLASS(insn->code) != BPF_RET) {
			snprintf(why, why_size, "libpcap's program does not end");
			return -EINVAL;
		}
		if (!expand(&e, insn, s->view)) {
			snprintf(why, why_size,
				"it asks for the cooked header at %u, and the kernel shows filters "
				"only protocol, interface, type and direction",
				insn->k);
			return -EINVAL;
		}
	}
	return 0;
}

/* Returns whether further jumps have turned out to be too far. */
static bool lay_out(struct layout *l, const struct ws_filter_source *s, unsigned prefix)
{
	struct expansion e;
	bool more = false;
	unsigned at = prefix;

	for (unsigned i = 0; i < s->len; i++) {
		l->start[i] = at;
		expand(&e, &s->insns[i], s->view);
		at += l->far[i] ? 3 : e.len;
	}
	l->start[s->len] = at;
	for (unsigned i = 0; i < s->len; i++) {
		const struct sock_filter *insn = &s->insns[i];
		unsigned most = insn->jt > insn->jf ? insn->jt : insn->jf;

		if (is_jump(insn) && !l->far[i] &&
			l->start[i + 1 + most] - l->start[i] - 1 > JUMP_MAX) {
			l->far[i] = true;
			more = true;
		}
	}
	return more;
}

static void emit_jump(
	struct sock_filter *to, const struct layout *l, unsigned i, const struct sock_filter *insn)
{
	struct sock_filter *at = to + l->start[i];
	unsigned next = l->start[i] + 1;

	*at = *insn;
	if (is_ja(insn)) {
		at->k = l->start[i + 1 + insn->k] - next;
	} else if (!l->far[i]) {
		at->jt = (uint8_t)(l->start[i + 1 + insn->jt] - next);
		at->jf = (uint8_t)(l->start[i + 1 + insn->jf] - next);
	} else {
		at->jt = 0;
		at->jf = 1;
		at[1] = (struct sock_filter)BPF_STMT(
			BPF_JMP | BPF_JA, l->start[i + 1 + insn->jt] - next - 1);
		at[2] = (struct sock_filter)BPF_STMT(
			BPF_JMP | BPF_JA, l->start[i + 1 + insn->jf] - next - 2);
	}
}

static void emit(struct sock_filter *to, const struct layout *l, const struct ws_filter_source *s)
{
	struct expansion e;

	for (unsigned i = 0; i < s->len; i++) {
		const struct sock_filter *insn = &s->insns[i];

		if (BPF_CLASS(insn->code) == BPF_JMP) {
			emit_jump(to, l, i, insn);
			continue;
		}
		expand(&e, insn, s->view);
		for (unsigned k = 0; k < e.len; k++) {
			to[l->start[i] + k] = e.insns[k];
		}
		if (insn->code == (BPF_RET | BPF_K) && insn->k) {
			to[l->start[i]].k = s->accept;
		}
	}
}

int ws_filter_program(
	struct ws_filter *ret, const struct ws_filter_source *source, char *why, size_t why_size)
{
	struct sock_filter prefix[PREFIX_MAX];
	unsigned n_prefix = make_prefix(prefix, source), len;
	struct sock_filter *insns = NULL;
	struct layout l;
	int err;

	err = check_source(source, why, why_size);
	if (err) {
		return err;
	}
	l.start = calloc(source->len + 1, sizeof(*l.start));
	l.far = calloc(source->len + 1, sizeof(*l.far));
	if (!l.start || !l.far) {
		err = -ENOMEM;
		goto out;
	}
	while (lay_out(&l, source, n_prefix)) {
		;
	}
	len = l.start[source->len];
	if (len > BPF_MAXINSNS) {
		snprintf(why, why_size, "it has %u instructions, and the kernel takes %d", len,
			BPF_MAXINSNS);
		err = -EINVAL;
		goto out;
	}
	insns = calloc(len, sizeof(*insns));
	if (!insns) {
		err = -ENOMEM;
		goto out;
	}
	for (unsigned i = 0; i < n_prefix; i++) {
		insns[i] = prefix[i];
	}
	emit(insns, &l, source);
	ret->insns = insns;
	ret->len = len;
out:
	if (err == -ENOMEM) {
		snprintf(why, why_size, "out of memory");
	}
	free(l.start);
	free(l.far);
	return err;
}
