/* SPDX-License-Identifier: BSD-2-Clause */
/* The line by which a far side that was started by another host says that it is ready (format "wirestamp-ready/1"). */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct ws_ready_line {
	const char *version, *host, *interface, *io;
	bool has_mac, has_ipv4, has_ipv6;
	uint8_t mac[6], ipv6[16];
	uint32_t ipv4; /* host order */
	uint16_t port;
	uint32_t mtu;  /* 0: unknown */
	uint32_t boot; /* 0: unknown */
};

/* One line of JSON. 0, -ENOMEM, -EIO. */
int ws_ready_print(FILE *out, const struct ws_ready_line *line);
