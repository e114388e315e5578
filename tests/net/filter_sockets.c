/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opens a socket for each filter, says "ready", and when each has got its last frame (of ethertype
 * 0x88B6 or with the number 65535), prints what it got: a line "NUMBER/LENGTH NUMBER/LENGTH ..." for each filter, with the
 * number that stands in the frame's last two bytes.
 *
 *   filter_sockets raw|cooked|out|cooked-out|cooked-on INTERFACE SNAPLEN FILTER...
 *
 * cooked: on all interfaces; cooked-on: on the one named. A filter that does not compile ends it with
 * the line "error NUMBER WHY".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "host/filter.h"

#define LAST_TYPE  0x88B6
#define ALL	   0x0003
#define SOCKETS	   64
#define TIMEOUT_MS 20000

/* Returns a descriptor, or -errno after a line that says why. */
static int open_socket(const struct ws_filter_spec *spec, const char *bind_to)
{
	struct sockaddr_ll addr = {.sll_family = AF_PACKET, .sll_protocol = htons(ALL)};
	struct sock_fprog prog;
	struct ws_filter f;
	char why[256];
	int fd, err;

	err = ws_filter_compile(&f, spec, why, sizeof(why));
	if (err) {
		printf("error %d %s\n", -err, why);
		return err;
	}
	if (f.linktype) {
		fprintf(stderr, "linktype %u\n", f.linktype);
	}
	addr.sll_ifindex = bind_to ? (int)if_nametoindex(bind_to) : 0;
	prog = (struct sock_fprog){.len = (unsigned short)f.len, .filter = f.insns};
	fd = socket(AF_PACKET, spec->interface ? SOCK_RAW : SOCK_DGRAM, 0);
	if (fd < 0 ||
		(f.len && setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0) ||
		bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		err = -errno;
		printf("error %d cannot be attached\n", -err);
	}
	ws_filter_free(&f);
	return err ? err : fd;
}

/* Prints what there is, without the last frame. With wait, waits for that; false if it does not come. */
static bool drain(int fd, bool wait, bool print)
{
	static unsigned char frame[65536];
	bool last = false;

	while (!last) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		struct sockaddr_ll from = {.sll_family = 0};
		socklen_t from_len = sizeof(from);
		ssize_t n;

		if (poll(&p, 1, wait ? TIMEOUT_MS : 0) <= 0) {
			break;
		}
		n = recvfrom(fd, frame, sizeof(frame), 0, (struct sockaddr *)&from, &from_len);
		if (n < 2) {
			break;
		}
		last = from.sll_protocol == htons(LAST_TYPE) ||
		       (frame[n - 2] == 0xff && frame[n - 1] == 0xff);
		if (print && !last) {
			printf("%d/%zd ", frame[n - 2] << 8 | frame[n - 1], n);
		}
	}
	if (print) {
		printf("\n");
	}
	return last;
}

int main(int argc, char **argv)
{
	struct ws_filter_spec spec = {.interface = NULL};
	int fds[SOCKETS + 1], n;
	const char *bind_to;
	bool cooked, good;

	if (argc < 5 || argc - 4 > SOCKETS) {
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	bind_to = strcmp(argv[1], "cooked") == 0 ? NULL : argv[2];
	cooked = strncmp(argv[1], "cooked", 6) == 0;
	spec.interface = cooked ? NULL : argv[2];
	spec.outgoing_only = strstr(argv[1], "out");
	spec.snaplen = (uint32_t)strtoul(argv[3], NULL, 10);
	for (n = 0; n < argc - 4; n++) {
		spec.text = argv[4 + n];
		fds[n] = open_socket(&spec, bind_to);
		if (fds[n] < 0) {
			return 1;
		}
	}
	spec.text = NULL;
	spec.snaplen = 0;
	fds[n] = open_socket(&spec, bind_to);
	if (fds[n] < 0) {
		return 1;
	}
	printf("ready\n");
	/* This one has no filter: what came before the last frame is in all of them then. */
	good = drain(fds[n], true, false);
	for (int i = 0; i < n; i++) {
		drain(fds[i], false, true);
	}
	return good ? 0 : 1;
}
