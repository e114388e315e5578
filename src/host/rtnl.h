/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The exchange with the kernel's rtnetlink: what facts about interfaces come by, and how links are
 * configured. The socket belongs to the network namespace in which it was opened.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nlattr;
struct nlmsghdr;

struct ws_rtnl {
	int fd;
	uint32_t port, seq;
	char message[128]; /* what the kernel added to its last error (extended acknowledgement) */
};

/* groups: RTMGRP_* to be told of, 0 for none; ws_rtnl_talk() skips such messages. 0 or -errno. */
int ws_rtnl_open(struct ws_rtnl *nl, unsigned groups);
/* The same exchange with another part of the kernel: NETLINK_GENERIC and the like. */
int ws_rtnl_open_protocol(struct ws_rtnl *nl, int protocol, unsigned groups);
void ws_rtnl_close(struct ws_rtnl *nl);
/*
 * Called for each answer. With NULL before each try: a dump that the kernel says was interrupted by
 * a change is asked for again, so forget what came before. A negative value ends the exchange with
 * it.
 */
typedef int (*ws_rtnl_each)(const struct nlmsghdr *answer, void *arg);
/*
 * Sends a request and takes all answers to it. Sequence number and flags for acknowledgement are
 * set here. each may be NULL. Returns 0, the kernel's or each's -errno, -EBADMSG for a damaged
 * answer, or -EAGAIN if a dump was interrupted time after time.
 */
int ws_rtnl_talk(struct ws_rtnl *nl, struct nlmsghdr *request, ws_rtnl_each each, void *arg);
/* The same with a request (RTM_GET*) for all that there is of one address family. */
int ws_rtnl_dump(struct ws_rtnl *nl, uint16_t type, int family, ws_rtnl_each each, void *arg);
/* The text of an attribute, as much as fits, always with a final NUL; it need not have one there. */
void ws_rtnl_string(const struct nlattr *attr, char *to, size_t size);
/* False if the attribute is too short; *ret is as before then. */
bool ws_rtnl_u32(const struct nlattr *attr, uint32_t *ret);
