// SPDX-License-Identifier: BSD-2-Clause
/* packets.npy as text. Ten million rows have 100 million numbers: so digits are made eight at a time. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "file/packets_own.h"

#define ROWS_AT_ONCE 4096
#define OUT_SIZE     (1u << 20)

/* The eight digits of a number below 10^8, the first one in the lowest byte, as values from 0 to 9. */
static uint64_t eight_digits(uint32_t n)
{
	/* Four digits in each half, then two in each quarter, then one in each byte. The factors are
	 * 2^20 / 100 and 2^10 / 10, rounded up: exact for what comes here. */
	uint64_t v = n / 10000 | (uint64_t)(n % 10000) << 32;
	uint64_t high = v * 10486 >> 20 & UINT64_C(0x0000007f0000007f);

	v = high | (v - high * 100) << 16;
	high = v * 103 >> 10 & UINT64_C(0x000f000f000f000f);
	return high | (v - high * 10) << 8;
}

/* Writes up to 7 bytes more than it returns behind. */
static char *put_eight(char *to, uint64_t digits, unsigned count)
{
	uint64_t text = htole64(digits + UINT64_C(0x3030303030303030));

	memcpy(to, &text, 8);
	return to + count;
}

static char *put_unsigned(char *to, uint64_t n)
{
	if (n >= 100000000) {
		to = put_unsigned(to, n / 100000000);
		return put_eight(to, eight_digits((uint32_t)(n % 100000000)), 8);
	} else {
		uint64_t digits = eight_digits((uint32_t)n);
		unsigned zeros = digits ? (unsigned)__builtin_ctzll(digits) / 8 : 7;

		return put_eight(to, digits >> zeros * 8, 8 - zeros);
	}
}

size_t ws_packets_csv_line(char buf[WS_PACKETS_LINE], const struct ws_packet_row *row)
{
	char *to = put_unsigned(buf, row->run);

	*to++ = ',';
	to = put_unsigned(to, row->seq);
	*to++ = ',';
	to = put_unsigned(to, row->flags);
	for (unsigned i = 0; i < WS_INSTANTS; i++) {
		int64_t at = row->at[i];

		*to++ = ',';
		if (at == WS_PACKETS_UNKNOWN) {
			continue;
		}
		if (at < 0) {
			*to++ = '-';
		}
		to = put_unsigned(to, at < 0 ? -(uint64_t)at : (uint64_t)at);
	}
	*to++ = '\n';
	return (size_t)(to - buf);
}

static size_t put_names(char *buf)
{
	char *to = buf;

	for (unsigned i = 0; i < WS_PACKETS_COLUMNS; i++) {
		to = stpcpy(to, i ? "," : "");
		to = stpcpy(to, ws_packets_columns[i].name);
		/* Instants have a unit; what stands before them has none. */
		to = stpcpy(to, i + WS_INSTANTS >= WS_PACKETS_COLUMNS ? "_ns" : "");
	}
	*to++ = '\n';
	return (size_t)(to - buf);
}

static int flush(struct ws_sink *out, const char *text, size_t len)
{
	size_t done;
	int r = ws_sink_write(out, text, len, &done);

	if (r < 0) {
		const char *end = memrchr(text, '\n', done);
		size_t whole = end ? (size_t)(end + 1 - text) : 0;

		ws_sink_cut(out, out->size - (done - whole));
	}
	return r;
}

int ws_packets_csv(int npy, uint64_t rows, struct ws_sink *out)
{
	uint8_t *in = malloc((size_t)ROWS_AT_ONCE * WS_PACKETS_ROW);
	char *text = malloc(OUT_SIZE);
	size_t len = 0;
	int r = 0;

	if (!in || !text) {
		free(in);
		free(text);
		return -ENOMEM;
	}
	len = put_names(text);
	for (uint64_t i = 0; i < rows && r == 0;) {
		size_t n = rows - i < ROWS_AT_ONCE ? (size_t)(rows - i) : ROWS_AT_ONCE;

		r = ws_packets_read_at(npy, in, n * WS_PACKETS_ROW, ws_packets_row_at(i));
		for (size_t k = 0; k < n && r == 0; k++) {
			struct ws_packet_row row;

			if (len + WS_PACKETS_LINE > OUT_SIZE) {
				r = flush(out, text, len);
				len = 0;
			}
			ws_packets_decode(&row, in + k * WS_PACKETS_ROW);
			len += ws_packets_csv_line(text + len, &row);
		}
		i += n;
	}
	if (r == 0) {
		r = flush(out, text, len);
	}
	free(in);
	free(text);
	return r;
}
