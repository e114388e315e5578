/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the transmitting half of the backends: what is common (packet_tx.c: slots, keys, stamps,
 * accounts), and the ways to hand frames to the kernel (packet_tx_mmsg.c: sendmmsg; packet_tx_ring.c:
 * PACKET_TX_RING; udp_tx.c: sendmmsg of datagrams). For these files alone; the others use io/packet.h.
 *
 * Stamp keys. From Linux 6.13 on, a control message gives a packet its key (SCM_TS_OPT_ID). Before,
 * the kernel counts, and a batch that was cut short does not always say whether the packet that
 * stopped it used up a key. So there one packet a call is sent when stamps are wanted, and every
 * call's error is seen.
 *
 * A ring has one set of control messages for all frames of a call: frames that want a stamp and
 * those that do not go in different calls, and one key names one frame only. So through a ring a
 * frame that wants a stamp always has a call of its own. Counting would allow for more, but a stamp
 * that comes after the count began anew would be taken for another frame's; a key of its own is
 * exact whatever was refused before. For the same reason each frame with a launch time has a call of
 * its own: a ring then costs what sending them one by one does.
 */
#pragma once

#include "core/txkeys.h"
#include "io/packet.h"

/* Three control messages: when to send, which stamps to record, and under which key. */
#define PACKET_TX_CONTROL_LEN (CMSG_SPACE(sizeof(uint64_t)) + 2 * CMSG_SPACE(sizeof(uint32_t)))
#define PACKET_TX_STAMP_BATCH 64
#define PACKET_TX_STAMP_LEN   256

struct packet_tx_way;

/* Every way's instance begins with this. */
struct packet_tx {
	const struct packet_tx_way *way;
	int fd;
	bool fd_shared;		 /* with a receiving half, which closes it */
	struct ws_io_caps *caps; /* of the instance that this is a half of */
	enum ws_clock hw_clock;
	unsigned stages;
	uint32_t record_flags;
	bool keys_explicit;
	bool keys_proven;     /* the kernel has taken an explicit key */
	bool keys_unsure;     /* the kernel's count and ours may differ */
	uint32_t stamp_flags; /* all SOF_TIMESTAMPING_* of the socket */
	int64_t stamp_timeout_ns;
	struct ws_txkeys *keys; /* NULL if no stamps are wanted */
	bool launch;		/* frames carry launch_ns */
	struct ws_io_stats stats;
	/*
	 * Slots are a ring. The kernel takes the next frame from the one at head; the reserved ones
	 * begin `gap` after that, which is 0 but for a ring that refused a frame.
	 */
	uint32_t batch;	    /* reserved at most */
	uint32_t slots;	    /* there are; set by way->open, at least batch */
	uint32_t slot_size; /* set by way->open */
	uint32_t head, gap, reserved;
	/* reading stamps */
	struct mmsghdr stamp_msgs[PACKET_TX_STAMP_BATCH];
	uint8_t stamp_controls[PACKET_TX_STAMP_BATCH][PACKET_TX_STAMP_LEN]
		__attribute__((aligned(8)));
};

/* What became of a hand-over. */
struct packet_tx_sent {
	unsigned taken; /* frames from the front that the kernel accepted */
	int error;	/* why not the next: -errno; 0: it is not told */
	bool wrong;	/* and it was that frame, not the call, that was found to be wrong */
};

struct packet_tx_way {
	const char *backend; /* whose way it is */
	size_t size;	     /* of its instance */
	size_t control_more; /* bytes of control messages besides PACKET_TX_CONTROL_LEN, by sendmmsg */
	int version;	     /* of the ring */
	bool control_shared; /* by the frames of a call: one with a stamp or a launch time goes
				alone */
	bool refused_stays;  /* the kernel's place is still at the slot of a refused frame */
	bool again_unsure;   /* where the kernel counts keys, EAGAIN may have used up one */
	/* The socket is open, but not bound. Sets slots and slot_size. 0 or -errno; close is called
	 * after that, too. */
	int (*open)(struct packet_tx *tx, uint32_t mtu, uint32_t frame_max);
	void (*close)(struct packet_tx *tx);
	/* Where to build frames: up to n slots from i on, which do not wrap around. Their number;
	 * fewer, if the kernel still has the next one. */
	unsigned (*slot)(
		const struct packet_tx *tx, uint32_t i, struct ws_io_slot *ret, unsigned n);
	/*
	 * Hands over the oldest n reserved slots, which do not wrap around. Those that want a stamp
	 * have the keys from `key` on. Slots that were not taken keep their contents.
	 */
	void (*send)(struct packet_tx *tx, const struct ws_io_tx *frames, unsigned n, uint32_t key,
		struct packet_tx_sent *ret);
};

extern const struct packet_tx_way packet_tx_mmsg, packet_tx_ring2, packet_tx_ring3;

/* The beginning of the instance of every way by sendmmsg, and what such ways share. Message i is that
 * of slot i; its iovec begins where the slot does. */
struct packet_tx_mmsg {
	struct packet_tx tx;
	uint8_t *buffers;
	struct mmsghdr *msgs;
	struct iovec *iovs;
	uint8_t *controls;
	size_t control_len; /* bytes for each */
};

int packet_tx_mmsg_open(struct packet_tx *tx, uint32_t mtu, uint32_t frame_max);
void packet_tx_mmsg_close(struct packet_tx *tx);
unsigned packet_tx_mmsg_slot(
	const struct packet_tx *tx, uint32_t i, struct ws_io_slot *ret, unsigned n);
/* Hands over the messages of n slots from the head on. */
void packet_tx_mmsg_call(struct packet_tx_mmsg *s, unsigned n, struct packet_tx_sent *ret);

/* A socket that the transmitting half of an instance is to use. */
struct packet_tx_socket {
	int fd; /* stays the caller's */
	const struct packet_tx_way *way;
	uint32_t mtu, frame_max;
	uint32_t rx_flags;  /* SOF_TIMESTAMPING_* of its receiving half */
	uint64_t rx_buffer; /* of its receive buffer, for packets; the rest is for stamps */
};
/* The same as packet_tx_open(), on a socket that is bound elsewhere. */
int packet_tx_attach(struct packet_tx **ret, const struct packet_tx_socket *socket,
	const struct ws_io_config *config, struct ws_io_caps *caps);

/*
 * Writes the control messages for a frame: PACKET_TX_CONTROL_LEN zeroed bytes, aligned to 8.
 * Returns their length, 0 if it needs none.
 */
size_t packet_tx_control(
	const struct packet_tx *tx, uint8_t *control, const struct ws_io_tx *frame, uint32_t key);
