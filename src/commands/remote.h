/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The other end on another host: `wirestamp reflect` started there through the user's own ssh, as rsync and
 * git do it. No protocol of our own: its standard output begins with one line of JSON that says it is ready,
 * and ends with its result document; it ends when its standard input does.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "host/child.h"

struct ws_remote_config {
	const char *url; /* ssh://[USER@]HOST[:PORT]/IFACE */
	const char *ssh; /* command with arguments, split at spaces as rsync does; NULL: "ssh" */
	const char *program;	 /* path of wirestamp there; NULL: "wirestamp" */
	const char *const *args; /* more arguments of reflect, ends with NULL; NULL: none */
	/* 1: give up waiting for it to be ready; 2: for its result, too. NULL: go on. */
	const volatile int *stop;
	/* The longest that it may take to be ready, 0: 2 minutes, as a password may be asked for; and to end with its
	 * result, 0: 10 s. */
	int64_t ready_ns, finish_ns;
};

/* What the far side said when it was ready. */
struct ws_remote_hello {
	char version[64];
	char interface[160], host[65];
	bool has_mac; /* not over routed sockets */
	uint8_t mac[6];
	bool has_ipv4, has_ipv6;
	uint8_t ipv4[4], ipv6[16];
	uint16_t port;
	uint32_t mtu;
	char io[16];
	uint32_t boot; /* of core/reflect.h; 0: unknown */
};

struct ws_remote;

/* True if text begins with ssh:// . */
bool ws_remote_is_url(const char *text);
/*
 * Starts it and waits for its line; what it prints before (banners of login shells) goes to stderr. 0; or -1 after one
 * line was printed (ssh's own message stands before it, on stderr; a version that is not ours is a line that begins
 * with "warning:" where the major number is the same, else an error).
 */
int ws_remote_start(struct ws_remote **ret, const struct ws_remote_config *config,
	struct ws_remote_hello *ret_hello);
/* Ends it and gives its result document as text, to be freed. 0, or -1 after one line was printed: it died, or gave none. */
int ws_remote_finish(struct ws_remote *r, char **ret_json);
/* Ends it whatever it does. Accepts NULL. */
void ws_remote_free(struct ws_remote *r);
