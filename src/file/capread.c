// SPDX-License-Identifier: BSD-2-Clause
#include "file/capread.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pcap/pcap.h>

#include "file/capread_stream.h"

#define NSEC_PER_SEC 1000000000
#define MAGIC_LEN    4

struct ws_capread {
	pcap_t *pcap; /* owns the stream, unless that is stdin */
	FILE *stream;
	bool classic; /* pcap, not pcapng */
	bool has_filter;
	struct bpf_program filter;
	uint64_t filtered;
	int linktype;
};

/* The text as one line. */
static void say(char *why, size_t size, const char *text)
{
	if (size > 0) {
		snprintf(why, size, "%s", text);
		for (char *c = why; *c; c++) {
			if (*c == '\n' || *c == '\r') {
				*c = ' ';
			}
		}
	}
}

/* What compressed files begin with, and what unpacks them. */
static const char *compressed_by(const uint8_t magic[MAGIC_LEN])
{
	static const struct {
		const char *begin, *say;
	} known[] = {
		{"\x28\xb5\x2f\xfd", "compressed: unpack it with zstd -d first"},
		{"\x1f\x8b", "compressed: unpack it with gzip -d first"},
		{"\xfd\x37zX", "compressed: unpack it with xz -d first"},
		{"\x04\x22\x4d\x18", "compressed: unpack it with lz4 -d first"},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (memcmp(magic, known[i].begin, strlen(known[i].begin)) == 0) {
			return known[i].say;
		}
	}
	return NULL;
}

/* Looks at the first bytes, and puts them back (the C library keeps room for so few). */
static size_t peek(FILE *stream, uint8_t magic[MAGIC_LEN])
{
	size_t n = 0;

	for (int c; n < MAGIC_LEN && (c = getc(stream)) != EOF; n++) {
		magic[n] = (uint8_t)c;
	}
	for (size_t i = n; i > 0; i--) {
		if (ungetc(magic[i - 1], stream) == EOF) {
			return 0;
		}
	}
	return n;
}

/* The magic numbers of pcap begin or end with 0xa1; those of pcapng do not. */
static bool is_classic(const uint8_t magic[MAGIC_LEN])
{
	return magic[0] == 0xa1 || magic[MAGIC_LEN - 1] == 0xa1;
}

/*
 * libpcap gives a file's type as a number of the machine's own (DLT_), which differs from the
 * file's for some old ones. https://www.tcpdump.org/linktypes.html
 */
static int linktype_of(int dlt)
{
	switch (dlt) {
	case DLT_ATM_RFC1483:
		return 100;
	case DLT_RAW:
		return 101;
	case DLT_SLIP_BSDOS:
		return 102;
	case DLT_PPP_BSDOS:
		return 103;
	case DLT_ATM_CLIP:
		return 106;
	case DLT_PFSYNC:
		return 246;
	default:
		return dlt;
	}
}

static int set_filter(struct ws_capread *r, const char *filter, char *why, size_t why_size)
{
	if (pcap_compile(r->pcap, &r->filter, filter, 1, PCAP_NETMASK_UNKNOWN) < 0) {
		say(why, why_size, pcap_geterr(r->pcap));
		return -EINVAL;
	}
	r->has_filter = true;
	return 0;
}

static void close_stream(FILE *stream)
{
	if (stream != stdin) {
		fclose(stream);
	}
}

int ws_capread_open_stream(
	struct ws_capread **ret, FILE *stream, const char *filter, char *why, size_t why_size)
{
	struct ws_capread *r = calloc(1, sizeof(*r));
	uint8_t magic[MAGIC_LEN] = {0};
	char said[PCAP_ERRBUF_SIZE] = "";
	int error;

	if (!r) {
		close_stream(stream);
		say(why, why_size, strerror(ENOMEM));
		return -ENOMEM;
	}
	errno = 0;
	if (peek(stream, magic) == 0 || ferror(stream)) {
		error = ferror(stream) ? (errno ? -errno : -EIO) : -EBADMSG;
		say(why, why_size, error == -EBADMSG ? "the file is empty" : strerror(-error));
		goto fail;
	}
	r->stream = stream;
	r->classic = is_classic(magic);
	r->pcap =
		pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_NANO, said);
	if (!r->pcap) {
		const char *compressed = compressed_by(magic);

		error = ferror(stream) && errno ? -errno : -EBADMSG;
		say(why, why_size, compressed ? compressed : said);
		goto fail;
	}
	r->linktype = linktype_of(pcap_datalink(r->pcap));
	if (filter && *filter) {
		error = set_filter(r, filter, why, why_size);
		if (error < 0) {
			ws_capread_close(r);
			return error;
		}
	}
	*ret = r;
	return 0;
fail:
	close_stream(stream);
	free(r);
	return error;
}

int ws_capread_open(
	struct ws_capread **ret, const char *path, const char *filter, char *why, size_t why_size)
{
	FILE *stream = stdin;
	struct stat st;
	int r = 0;

	if (strcmp(path, "-") != 0) {
		int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

		if (fd < 0) {
			r = -errno;
		} else if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
			r = -EISDIR;
		} else {
			stream = fdopen(fd, "rb");
			r = stream ? 0 : -errno;
		}
		if (r < 0 && fd >= 0) {
			close(fd);
		}
	}
	if (r < 0) {
		say(why, why_size, strerror(-r));
		return r;
	}
	return ws_capread_open_stream(ret, stream, filter, why, why_size);
}

int ws_capread_linktype(const struct ws_capread *r)
{
	return r->linktype;
}

/* The stamp in nanoseconds; false if a damaged one does not fit. */
static bool stamp(const struct ws_capread *r, const struct pcap_pkthdr *h, int64_t *ret_ns)
{
	int64_t sec = h->ts.tv_sec;

	/* The seconds of pcap are unsigned, but some versions of libpcap read them as signed. */
	if (r->classic && sec < 0) {
		sec += (int64_t)1 << 32;
	}
	return !__builtin_mul_overflow(sec, NSEC_PER_SEC, &sec) &&
	       !__builtin_add_overflow(sec, (int64_t)h->ts.tv_usec, ret_ns);
}

int ws_capread_next(struct ws_capread *r, struct ws_capread_packet *ret, char *why, size_t why_size)
{
	struct pcap_pkthdr *h;
	const uint8_t *data;
	int n;

	do {
		errno = 0;
		n = pcap_next_ex(r->pcap, &h, &data);
		if (n == PCAP_ERROR_BREAK) {
			return 0; /* its word for the end of a file */
		}
		if (n != 1) {
			int error = ferror(r->stream) && errno ? -errno : -EBADMSG;

			say(why, why_size, pcap_geterr(r->pcap));
			return error;
		}
		if (r->has_filter && pcap_offline_filter(&r->filter, h, data) == 0) {
			r->filtered++;
			n = 0;
		}
	} while (n == 0);
	if (!stamp(r, h, &ret->ns)) {
		say(why, why_size, "a packet's time is out of range");
		return -EBADMSG;
	}
	ret->data = data;
	ret->len = h->caplen;
	ret->wire_len = h->len > h->caplen ? h->len : h->caplen;
	return 1;
}

uint64_t ws_capread_filtered(const struct ws_capread *r)
{
	return r->filtered;
}

void ws_capread_close(struct ws_capread *r)
{
	if (!r) {
		return;
	}
	if (r->has_filter) {
		pcap_freecode(&r->filter);
	}
	pcap_close(r->pcap);
	free(r);
}
