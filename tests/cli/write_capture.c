// SPDX-License-Identifier: BSD-2-Clause
/*
 * Writes a capture file as told by lines on standard input, so that a test can let other programs
 * judge it.
 *
 *   write_capture PATH [zstd] [series KEEP]
 *
 * A line is a command and its fields, separated by tabs; empty strings stand for none:
 *   section HARDWARE OS APPLICATION COMMENT
 *   interface LINKTYPE SNAPLEN NAME DESCRIPTION FILTER HARDWARE OS MAC SPEED
 *   begin SECONDS                            the blocks so far are the header
 *   packet INTERFACE NS DATA WIRE_LEN FLAGS DROPCOUNT COMMENT      DATA and MAC in hexadecimal digits
 *   statistics INTERFACE NS START END IFRECV IFDROP FILTERACCEPT OSDROP USRDELIV COMMENT
 *   rotate SECONDS                           the blocks since the last statistics are its footer
 *   flush, end
 * An error is told by one line, with what is in the file then: "ERRNO KEPT LOST". KEPT counts all
 * bytes of blocks after the header that stay.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/pcapng.h"
#include "file/capfile.h"

#define FIELDS	    12
#define LINE_MAX    (1 << 20)
#define BUFFER_SIZE (1 << 22)
#define WRITE_BYTES (1 << 16)
#define NSEC	    1000000000

struct writer {
	struct ws_capfile *f;
	bool begun;
	uint64_t kept;
	size_t header_len, len;
	uint8_t header[BUFFER_SIZE], buf[BUFFER_SIZE];
	uint8_t data[LINE_MAX / 2];
	char line[LINE_MAX];
	char *field[FIELDS];
};

static void die(const char *what)
{
	fprintf(stderr, "write_capture: %s\n", what);
	exit(2);
}

static const char *text(const struct writer *w, int i)
{
	return *w->field[i] ? w->field[i] : NULL;
}

static uint64_t number(const struct writer *w, int i)
{
	return strtoull(w->field[i], NULL, 10);
}

static uint32_t unhex(const char *digits, uint8_t *ret)
{
	uint32_t n = 0;

	for (unsigned byte; digits[0] && sscanf(digits, "%2x", &byte) == 1; digits += 2) {
		ret[n++] = (uint8_t)byte;
	}
	return n;
}

/* Fields that are not there are empty. */
static void split(struct writer *w)
{
	char *at = w->line;

	at[strcspn(at, "\n")] = '\0';
	for (int i = 0; i < FIELDS; i++) {
		char *tab = strchr(at, '\t');

		w->field[i] = at;
		if (tab) {
			*tab = '\0';
		}
		at = tab ? tab + 1 : at + strlen(at);
	}
}

static void refuse(const struct writer *w, int r, uint64_t kept)
{
	printf("%d %llu %llu\n", -r, (unsigned long long)kept,
		(unsigned long long)ws_capfile_lost(w->f));
	/* As the program does: what is there is ended. */
	(void)ws_capfile_end(w->f, NULL, 0);
	exit(1);
}

static void check(const struct writer *w, int r)
{
	if (r < 0) {
		refuse(w, r, w->kept - ws_capfile_lost(w->f));
	}
}

static void write_blocks(struct writer *w)
{
	size_t kept;
	uint64_t lost;
	int r = ws_capfile_write(w->f, w->buf, w->len, &kept, &lost);

	w->kept += kept;
	check(w, r);
	w->len = 0;
}

static void put(struct writer *w, size_t n)
{
	if (n == 0) {
		die("a block does not fit");
	}
	w->len += n;
}

static void put_section(struct writer *w)
{
	const struct ws_pcapng_section s = {.hardware = text(w, 1),
		.os = text(w, 2),
		.application = text(w, 3),
		.comment = text(w, 4)};

	put(w, ws_pcapng_put_section(w->buf + w->len, BUFFER_SIZE - w->len, &s));
}

static void put_interface(struct writer *w)
{
	struct ws_pcapng_interface i = {.linktype = (uint16_t)number(w, 1),
		.snaplen = (uint32_t)number(w, 2),
		.name = text(w, 3),
		.description = text(w, 4),
		.filter = text(w, 5),
		.hardware = text(w, 6),
		.os = text(w, 7),
		.has_mac = *w->field[8],
		.speed_bps = number(w, 9)};

	(void)unhex(w->field[8], i.mac);
	put(w, ws_pcapng_put_interface(w->buf + w->len, BUFFER_SIZE - w->len, &i));
}

static void put_packet(struct writer *w)
{
	const struct ws_pcapng_packet p = {.interface = (uint32_t)number(w, 1),
		.ns = (int64_t)number(w, 2),
		.data = w->data,
		.len = unhex(w->field[3], w->data),
		.wire_len = (uint32_t)number(w, 4),
		.flags = (uint32_t)number(w, 5),
		.dropcount = number(w, 6),
		.comment = text(w, 7)};

	put(w, ws_pcapng_put_packet(w->buf + w->len, BUFFER_SIZE - w->len, &p));
	if (w->len >= WRITE_BYTES) {
		write_blocks(w);
	}
}

static void put_statistics(struct writer *w)
{
	const struct ws_pcapng_statistics s = {.interface = (uint32_t)number(w, 1),
		.ns = (int64_t)number(w, 2),
		.start_ns = *w->field[3] ? (int64_t)number(w, 3) : -1,
		.end_ns = *w->field[4] ? (int64_t)number(w, 4) : -1,
		.ifrecv = *w->field[5] ? number(w, 5) : UINT64_MAX,
		.ifdrop = *w->field[6] ? number(w, 6) : UINT64_MAX,
		.filteraccept = *w->field[7] ? number(w, 7) : UINT64_MAX,
		.osdrop = *w->field[8] ? number(w, 8) : UINT64_MAX,
		.usrdeliv = *w->field[9] ? number(w, 9) : UINT64_MAX,
		.comment = text(w, 10)};

	put(w, ws_pcapng_put_statistics(w->buf + w->len, BUFFER_SIZE - w->len, &s));
}

/* The blocks before the statistics at the end go to the file. Returns where the footer begins. */
static const uint8_t *split_footer(struct writer *w, size_t *ret_len)
{
	struct ws_pcapng_block b;
	size_t all = w->len, off = all;

	while (ws_pcapng_look_back(w->buf, off, &b) && b.type == WS_PCAPNG_STATISTICS) {
		off -= b.len;
	}
	w->len = off;
	write_blocks(w);
	*ret_len = all - off;
	return w->buf + off;
}

static void command(struct writer *w)
{
	const char *c = w->field[0];
	const uint8_t *footer;
	size_t len;

	if (strcmp(c, "section") == 0) {
		put_section(w);
	} else if (strcmp(c, "interface") == 0) {
		put_interface(w);
	} else if (strcmp(c, "begin") == 0) {
		memcpy(w->header, w->buf, w->len);
		w->header_len = w->len;
		check(w, ws_capfile_begin(
				 w->f, (int64_t)number(w, 1) * NSEC, w->header, w->header_len));
		w->len = 0;
	} else if (strcmp(c, "packet") == 0) {
		put_packet(w);
	} else if (strcmp(c, "statistics") == 0) {
		put_statistics(w);
	} else if (strcmp(c, "flush") == 0) {
		write_blocks(w);
		check(w, ws_capfile_flush(w->f));
	} else if (strcmp(c, "rotate") == 0) {
		footer = split_footer(w, &len);
		check(w, ws_capfile_rotate(w->f, (int64_t)number(w, 1) * NSEC, w->header,
				 w->header_len, footer, len));
	} else if (strcmp(c, "end") == 0) {
		footer = split_footer(w, &len);
		check(w, ws_capfile_end(w->f, footer, len));
	} else {
		die(c);
	}
}

int main(int argc, char **argv)
{
	struct writer *w = calloc(1, sizeof(*w));
	struct ws_capfile_config config = {0};
	int r;

	if (!w || argc < 2) {
		die("usage: write_capture PATH [zstd] [series KEEP]");
	}
	config.path = argv[1];
	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "zstd") == 0) {
			config.compress = WS_COMPRESS_ZSTD;
		} else if (strcmp(argv[i], "series") == 0 && i + 1 < argc) {
			config.series = true;
			config.keep = (unsigned)atoi(argv[++i]);
		} else {
			die(argv[i]);
		}
	}
	signal(SIGPIPE, SIG_IGN);
	r = ws_capfile_new(&w->f, &config);
	if (r < 0) {
		die(strerror(-r));
	}
	while (fgets(w->line, sizeof(w->line), stdin)) {
		split(w);
		command(w);
	}
	ws_capfile_free(w->f);
	free(w);
	return 0;
}
