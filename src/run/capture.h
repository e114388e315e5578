/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A capture: readers (one thread for each instance of io), one writer for each file, and the thread that
 * calls, which watches. In two steps, so that rights can be given up in between.
 */
#pragma once

#include <stdatomic.h>

#include "file/capfile.h"
#include "io/io.h"
#include "report/capture_result.h"
#include "run/capture_writer.h"

#define WS_CAPTURE_INTERFACES 64
#define WS_CAPTURE_WORKERS    64

struct ws_capture_interface {
	const char *name;  /* as the user gave it */
	const char *label; /* in the file: if_name */
	int netns;	   /* descriptor, -1: the current one */
	int ifindex;	   /* 0: all, cooked */
	uint16_t linktype;
	uint64_t link_bps; /* 0: unknown */
	bool has_mac;
	uint8_t mac[6];
	const char *driver;
	struct sock_filter *filter;
	unsigned filter_len;
	enum ws_clock hw_clock; /* hardware stamps come from it; WS_CLOCK_NONE: not wanted */
};

struct ws_capture_setup {
	struct ws_capture_interface *interfaces;
	unsigned count;
	unsigned workers; /* for each interface */
	const char *backend;
	uint64_t buffer;  /* bytes for each interface; 0: by the link's speed */
	uint32_t snaplen; /* 0: all */
	uint32_t block_timeout_ms;
	bool promiscuous, outgoing;
	bool user_stamps;			 /* this program's own time, not the kernel's */
	const char *filter_text;		 /* for the file; NULL: none */
	const char *hardware, *os, *application; /* for the file */
	const int *cpus; /* readers first, then writers; the list is used round and round */
	unsigned cpu_count;
	bool realtime;
	uint64_t limit;	     /* packets; 0: none */
	int64_t duration_ns; /* 0: until stopped */
	uint64_t rotate_size;
	int64_t rotate_ns;
	bool split;					  /* a file for each interface */
	const struct ws_block_printer *printer;		  /* instead of files */
	const atomic_int *stop;				  /* level, as in commands/stop.h */
	const atomic_uint *ledger_wanted, *rotate_wanted; /* count requests */
	/* From the calling thread; may be NULL. */
	void (*progress)(void *arg, const struct ws_capture_report *report); /* each second */
	void (*ledger)(void *arg, const struct ws_capture_report *report);   /* when wanted */
	void (*event)(void *arg, const char *sentence);			     /* at once */
	/* Packets that the NICs have dropped so far, into report->interfaces[].dropped_nic. */
	void (*nic_drops)(void *arg, struct ws_capture_report *report);
	void *arg;
};

struct ws_capture;

/* Which interface could not be opened. */
struct ws_capture_fault {
	unsigned interface;
	const char *step; /* "open", "memory", "thread", "cpu", "file" */
	char why[200];	  /* of "cpu": a clause that says it all */
};

/*
 * Opens everything but the files: packets are already being received when it returns. Fills in what was
 * granted. 0 or -errno with *ret_fault.
 */
int ws_capture_open(struct ws_capture **ret, const struct ws_capture_setup *setup,
	struct ws_capture_report *report, struct ws_capture_fault *ret_fault);

/*
 * Captures until stopped, limit, duration, or a fault, and fills in the report. files: as many as
 * interfaces with setup->split, else one; NULL with a printer. 0 when there is a result (report->failed
 * says whether a fault ended it), -errno when it could not begin.
 */
int ws_capture_run(
	struct ws_capture *c, struct ws_capfile *const *files, struct ws_capture_fault *ret_fault);

/* Accepts NULL. */
void ws_capture_close(struct ws_capture *c);
