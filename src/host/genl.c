/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/genl.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <stdalign.h>
#include <string.h>

#define REQUEST_MAX 256

int ws_genl_open(struct ws_rtnl *nl)
{
	return ws_rtnl_open_protocol(nl, NETLINK_GENERIC, 0);
}

struct nlmsghdr *ws_genl_begin(void *buf, const struct ws_genl_family *family, uint8_t command)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct genlmsghdr *g;

	nlh->nlmsg_type = family->id;
	g = mnl_nlmsg_put_extra_header(nlh, sizeof(*g));
	g->cmd = command;
	g->version = 1;
	return nlh;
}

/* Attributes one after the other, in len bytes. */
static bool parse(const void *from, size_t len, const struct nlattr **ret, unsigned max)
{
	const char *end = (const char *)from + len;
	const struct nlattr *attr = from;

	memset(ret, 0, (max + 1) * sizeof(ret[0]));
	while (mnl_attr_ok(attr, (int)(end - (const char *)attr))) {
		unsigned type = mnl_attr_get_type(attr);

		if (type <= max) {
			ret[type] = attr;
		}
		attr = mnl_attr_next(attr);
	}
	/* the last one's padding may be left out */
	return (const char *)attr >= end;
}

bool ws_genl_parse(const struct nlmsghdr *answer, uint8_t *ret_command, const struct nlattr **ret,
	unsigned max)
{
	const char *payload = mnl_nlmsg_get_payload(answer);
	size_t len = mnl_nlmsg_get_payload_len(answer);

	if (len < sizeof(struct genlmsghdr)) {
		return false;
	}
	*ret_command = ((const struct genlmsghdr *)payload)->cmd;
	return parse(payload + GENL_HDRLEN, len - GENL_HDRLEN, ret, max);
}

bool ws_genl_parse_nested(const struct nlattr *nest, const struct nlattr **ret, unsigned max)
{
	return parse(mnl_attr_get_payload(nest), mnl_attr_get_payload_len(nest), ret, max);
}

bool ws_genl_u64(const struct nlattr *attr, uint64_t *ret)
{
	/* only 4-byte aligned */
	if (mnl_attr_get_payload_len(attr) < sizeof(*ret)) {
		return false;
	}
	memcpy(ret, mnl_attr_get_payload(attr), sizeof(*ret));
	return true;
}

/* Each command is a nest, whose type is but a number in the list. */
static bool read_commands(const struct nlattr *list, uint64_t *ret)
{
	const struct nlattr *op, *none[1], *of[CTRL_ATTR_OP_ID + 1];
	uint32_t id;

	if (!ws_genl_parse_nested(list, none, 0)) {
		return false;
	}
	mnl_attr_for_each_nested(op, list)
	{
		if (!ws_genl_parse_nested(op, of, CTRL_ATTR_OP_ID) || !of[CTRL_ATTR_OP_ID] ||
			!ws_rtnl_u32(of[CTRL_ATTR_OP_ID], &id)) {
			return false;
		}
		if (id < 64) {
			*ret |= UINT64_C(1) << id;
		}
	}
	return true;
}

static int on_family(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *attrs[CTRL_ATTR_OPS + 1];
	struct ws_genl_family *family = arg;
	uint8_t command;

	if (!nlh) {
		*family = (struct ws_genl_family){0};
		return 0;
	}
	if (nlh->nlmsg_type != GENL_ID_CTRL) {
		return 0;
	}
	if (!ws_genl_parse(nlh, &command, attrs, CTRL_ATTR_OPS) || !attrs[CTRL_ATTR_FAMILY_ID] ||
		mnl_attr_get_payload_len(attrs[CTRL_ATTR_FAMILY_ID]) < sizeof(family->id)) {
		return -EBADMSG;
	}
	family->id = mnl_attr_get_u16(attrs[CTRL_ATTR_FAMILY_ID]);
	if (attrs[CTRL_ATTR_OPS] && !read_commands(attrs[CTRL_ATTR_OPS], &family->commands)) {
		return -EBADMSG;
	}
	return 0;
}

int ws_genl_find(struct ws_rtnl *nl, const char *name, struct ws_genl_family *ret)
{
	static const struct ws_genl_family control = {.id = GENL_ID_CTRL};
	alignas(struct nlmsghdr) char buf[REQUEST_MAX] = {0};
	struct nlmsghdr *nlh = ws_genl_begin(buf, &control, CTRL_CMD_GETFAMILY);
	struct ws_genl_family family = {0};
	int err;

	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, name);
	err = ws_rtnl_talk(nl, nlh, on_family, &family);
	if (err) {
		return err;
	}
	/* lower numbers are the kernel's own */
	if (family.id < NLMSG_MIN_TYPE) {
		return -ENOENT;
	}
	*ret = family;
	return 0;
}
