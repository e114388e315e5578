/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Generic netlink, over the exchange of host/rtnl.h: families, and attributes of which nothing is believed before it was
 * looked at.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/rtnl.h"

struct ws_genl_family {
	uint16_t id;
	uint64_t commands; /* bit n: it knows command n, of those below 64 */
};

/* In the calling thread's network namespace; to be closed with ws_rtnl_close(). 0 or -errno. */
int ws_genl_open(struct ws_rtnl *nl);
/* 0; -ENOENT: this kernel has no such family; or another error. */
int ws_genl_find(struct ws_rtnl *nl, const char *name, struct ws_genl_family *ret);
/* Begins a request in buf, which has room for it. */
struct nlmsghdr *ws_genl_begin(void *buf, const struct ws_genl_family *family, uint8_t command);

/*
 * The attributes of an answer by their type, up to `max` (the last of equal ones; NULL: none); ret has max + 1. The
 * answer's command goes to *ret_command. False: it is damaged, also if the attributes end somewhere else than they should.
 */
bool ws_genl_parse(const struct nlmsghdr *answer, uint8_t *ret_command, const struct nlattr **ret,
	unsigned max);
/* The same of what is in an attribute. */
bool ws_genl_parse_nested(const struct nlattr *nest, const struct nlattr **ret, unsigned max);
/* A number. False: it is too short; *ret is as before then. */
bool ws_genl_u64(const struct nlattr *attr, uint64_t *ret);
