/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbered frames sent on the modelled kernel, and what has to become of them: for the tests of the
 * ways to transmit. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake/sys_fake.h"
#include "io/io.h"

#define MS		      1000000LL
#define TRAFFIC_TIMEOUT	      (50 * MS)
#define TRAFFIC_LEN	      100
#define TRAFFIC_BATCH	      32
#define TRAFFIC_MAX_FRAMES    4096
#define TRAFFIC_OFFSET_NUMBER 14
#define TRAFFIC_COOKIE_BASE   UINT64_C(0x5EED000000000000)
#define TRAFFIC_RMEM_MAX      212992

/* What became of each frame, by its number, which it carries. */
struct traffic {
	struct ws_io *io;
	int fd;
	unsigned stages;
	/* Which of these frame n asks for, as struct ws_io_tx says it; NULL: all. */
	uint8_t (*stages_of)(uint32_t n);
	uint32_t n; /* frames consumed */
	unsigned reserved;
	bool wanted[TRAFFIC_MAX_FRAMES];
	int status[TRAFFIC_MAX_FRAMES];
	uint8_t stamps[TRAFFIC_MAX_FRAMES][8];	 /* by stage: good ones */
	uint8_t failures[TRAFFIC_MAX_FRAMES][8]; /* -ETIME */
	int64_t time_ns[TRAFFIC_MAX_FRAMES];
};

extern struct traffic traffic;

/* Set-up and teardown of a case; its initial state is the backend's name. Without a state: the same
 * backend on another modelled kernel. */
int traffic_reset(void **state);
int traffic_forget(void **state);
bool traffic_by_ring(void);
struct ws_io_config traffic_config(unsigned stages);
void traffic_open(unsigned stages);
/*
 * Submits frames until `n` more were consumed, or submission stops short. want tells which of them
 * want a stamp: frame i does if its bit i % 32 is set.
 */
void traffic_submit(uint32_t n, uint32_t want);
unsigned traffic_read_stamps(void);
/* When the frame was sent in the end; -1: never. */
int64_t traffic_sent_at(uint32_t number);
/* The stages that frame n gets stamps of, if it wants any. */
unsigned traffic_stages(uint32_t n);
/* Each accepted frame that wanted stamps has each stage once, and they are its own. */
void traffic_check(void);
uint32_t traffic_count(int status);
/* On a kernel that takes explicit keys, and on one that counts. */
void traffic_each_mode(void (*body)(void));

#define TRAFFIC_CASE(f, backend)                                                     \
	{                                                                            \
		backend ": " #f, f, traffic_reset, traffic_forget, (void *)(backend) \
	}
