/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's side of an exchange by rtnetlink, over tests/fake/sys_fake.h. */
#pragma once

#include <libmnl/libmnl.h>
#include <stdalign.h>
#include <stdint.h>

#include "host/rtnl.h"

/* Datagrams that the kernel sends: messages one after the other. At most 64 for each test. */
struct script {
	uint32_t seq; /* of the question that is answered; begins with 1 */
	size_t len;
	alignas(struct nlmsghdr) char buf[8192]; /* must stay until all is read */
	size_t sent;				 /* of len, in datagrams that are on their way */
};

/* Opens nl over a scripted socket, on which every question is taken. Resets the fake. */
void script_open(struct ws_rtnl *nl);
/* A message in answer to question s->seq; more may be put into it until the next call of these. */
struct nlmsghdr *script_put(struct script *s, uint16_t type, uint16_t flags);
/* Ends the answer to a question, with NLMSG_DONE if dump or else with NLMSG_ERROR, and sends it. */
void script_end(struct script *s, bool dump, int code);
/* Questions that were asked. */
unsigned script_questions(void);
