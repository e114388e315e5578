/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/filter.h"

#include <ctype.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/filter.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/pcapng.h"
#include "host/filter_program.h"
#include "host/rtnl.h"

/* Neither is used: the smallest ring that libpcap makes. It is not to cost memory and time. */
#define HANDLE_SNAPLEN 64
#define HANDLE_BUFFER  4096
#define LINKTYPE_ATM   100
#define LINKTYPE_RAW   101
#define SNAPLEN_MAX    262144

static bool is_blank(const char *text)
{
	while (text && isspace((unsigned char)*text)) {
		text++;
	}
	return !text || !*text;
}

/* One line, without what would end it. */
static void set_why(char *why, size_t size, const char *text)
{
	snprintf(why, size, "%s", text);
	for (char *c = why; size && *c; c++) {
		*c = iscntrl((unsigned char)*c) ? ' ' : *c;
	}
	for (size_t n = size ? strlen(why) : 0; n && why[n - 1] == ' '; n--) {
		why[n - 1] = '\0';
	}
}

/* A DLT_ number of this system as the one that stands in files: they differ below 104 only. */
static uint16_t to_linktype(int dlt)
{
	switch (dlt) {
	case DLT_RAW:
		return LINKTYPE_RAW;
	case DLT_ATM_RFC1483:
		return LINKTYPE_ATM;
	default:
		return (uint16_t)dlt;
	}
}

/* Never promiscuous, and nothing is read from it. */
static int open_handle(pcap_t **ret, const char *interface, char *why, size_t why_size)
{
	char text[PCAP_ERRBUF_SIZE] = "";
	pcap_t *p;
	int r;

	/* libpcap's name for all interfaces at once */
	if (strcmp(interface, "any") == 0 || !*interface) {
		set_why(why, why_size, "no such interface");
		return -ENODEV;
	}
	p = pcap_create(interface, text);
	if (!p) {
		set_why(why, why_size, text);
		return -EIO;
	}
	pcap_set_snaplen(p, HANDLE_SNAPLEN);
	pcap_set_immediate_mode(p, 1); /* its rings may be small */
	pcap_set_buffer_size(p, HANDLE_BUFFER);
	r = pcap_activate(p);
	if (r >= 0) {
		*ret = p;
		return 0;
	}
	snprintf(text, sizeof(text), "%s", pcap_geterr(p));
	set_why(why, why_size, *text ? text : pcap_statustostr(r));
	pcap_close(p);
	switch (r) {
	case PCAP_ERROR_PERM_DENIED:
		set_why(why, why_size, "compiling it for an interface needs CAP_NET_RAW");
		return -EPERM;
	case PCAP_ERROR_NO_SUCH_DEVICE:
		return -ENODEV;
	case PCAP_ERROR_IFACE_NOT_UP:
		return -ENETDOWN;
	default:
		return -EIO;
	}
}

/* For `ip broadcast`; a network that is not known is an error there, and only there. */
static bpf_u_int32 netmask_of(const char *interface)
{
	char text[PCAP_ERRBUF_SIZE] = "";
	bpf_u_int32 net, mask;

	return pcap_lookupnet(interface, &net, &mask, text) == 0 ? mask : PCAP_NETMASK_UNKNOWN;
}

struct job {
	const struct ws_filter_spec *spec;
	char *why;
	size_t why_size;
};

/* Compiles the text on the handle and makes the program that is wanted of it. */
static int compile(struct ws_filter *ret, const struct job *job, pcap_t *p, bpf_u_int32 netmask,
	enum ws_filter_view view)
{
	struct ws_filter_source source = {
		.view = view,
		.accept = job->spec->snaplen ? job->spec->snaplen : UINT32_MAX,
		.outgoing_only = job->spec->outgoing_only,
	};
	struct sock_filter *insns;
	struct bpf_program program;
	int err = -ENOMEM;

	if (pcap_compile(p, &program, job->spec->text, 1, netmask) < 0) {
		set_why(job->why, job->why_size, pcap_geterr(p));
		return -EINVAL;
	}
	insns = calloc(program.bf_len ? program.bf_len : 1, sizeof(*insns));
	for (unsigned i = 0; insns && i < program.bf_len; i++) {
		const struct bpf_insn *b = &program.bf_insns[i];

		insns[i] = (struct sock_filter){b->code, b->jt, b->jf, b->k};
	}
	source.insns = insns;
	source.len = program.bf_len;
	if (insns) {
		err = ws_filter_program(ret, &source, job->why, job->why_size);
	} else {
		set_why(job->why, job->why_size, "out of memory");
	}
	free(insns);
	pcap_freecode(&program);
	return err;
}

struct ethernet {
	char name[IFNAMSIZ];
	bool loopback;
};

/* Any that is up; the loopback interface if possible, because it is nobody's. */
static int on_link(const struct nlmsghdr *nlh, void *arg)
{
	struct ethernet *e = arg;
	const struct ifinfomsg *ifi;
	const struct nlattr *attr;

	if (!nlh) {
		*e = (struct ethernet){.loopback = false};
		return 0;
	}
	ifi = mnl_nlmsg_get_payload(nlh);
	if (nlh->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifi) ||
		!(ifi->ifi_flags & IFF_UP) || e->loopback ||
		(ifi->ifi_type != ARPHRD_LOOPBACK && (ifi->ifi_type != ARPHRD_ETHER || *e->name))) {
		return 0;
	}
	mnl_attr_for_each(attr, nlh, sizeof(*ifi))
	{
		if (mnl_attr_get_type(attr) == IFLA_IFNAME) {
			snprintf(e->name, sizeof(e->name), "%.*s",
				(int)mnl_attr_get_payload_len(attr), mnl_attr_get_str(attr));
			e->loopback = ifi->ifi_type == ARPHRD_LOOPBACK;
		}
	}
	return 0;
}

static bool find_ethernet(struct ethernet *ret)
{
	struct ws_rtnl nl;
	int err;

	if (ws_rtnl_open(&nl, 0)) {
		return false;
	}
	err = ws_rtnl_dump(&nl, RTM_GETLINK, AF_UNSPEC, on_link, ret);
	ws_rtnl_close(&nl);
	return !err && *ret->name;
}

/* Whether the text is wrong can be known without an interface, and without rights. */
static int try_dead(const struct job *job, int dlt, bpf_u_int32 netmask)
{
	pcap_t *p = pcap_open_dead(dlt, SNAPLEN_MAX);
	struct bpf_program program;
	int err = 0;

	if (!p) {
		set_why(job->why, job->why_size, "out of memory");
		return -ENOMEM;
	}
	if (pcap_compile(p, &program, job->spec->text, 1, netmask) < 0) {
		set_why(job->why, job->why_size, pcap_geterr(p));
		err = -EINVAL;
	} else {
		pcap_freecode(&program);
	}
	pcap_close(p);
	return err;
}

static int compile_ethernet(struct ws_filter *ret, const struct job *job)
{
	struct ethernet e;
	pcap_t *p;
	int err;

	/* if there is none, the reason why it does not compile otherwise stays */
	if (!find_ethernet(&e)) {
		return -EINVAL;
	}
	err = try_dead(job, DLT_EN10MB, 0);
	if (err) {
		return err;
	}
	err = open_handle(&p, e.name, job->why, job->why_size);
	if (err) {
		return err;
	}
	if (pcap_datalink(p) == DLT_EN10MB) {
		err = compile(ret, job, p, 0, WS_FILTER_COOKED_ETHERNET);
	} else {
		err = -EINVAL;
	}
	pcap_close(p);
	return err;
}

static int compile_cooked(struct ws_filter *ret, const struct job *job)
{
	pcap_t *p;
	int err;

	ret->linktype = WS_LINKTYPE_LINUX_SLL2;
	err = try_dead(job, DLT_LINUX_SLL2, 0);
	if (err == -EINVAL) {
		return compile_ethernet(ret, job);
	}
	if (err) {
		return err;
	}
	p = pcap_open_dead(DLT_LINUX_SLL2, SNAPLEN_MAX);
	if (!p) {
		set_why(job->why, job->why_size, "out of memory");
		return -ENOMEM;
	}
	err = compile(ret, job, p, 0, WS_FILTER_COOKED);
	pcap_close(p);
	return err;
}

static int compile_interface(struct ws_filter *ret, const struct job *job)
{
	const char *interface = job->spec->interface;
	pcap_t *p;
	int err;

	err = open_handle(&p, interface, job->why, job->why_size);
	if (err) {
		return err;
	}
	if (pcap_datalink(p) == DLT_LINUX_SLL) {
		/* libpcap itself uses a cooked socket where it cannot make sense of the frames */
		err = compile_cooked(ret, job);
	} else {
		err = compile(ret, job, p, netmask_of(interface), WS_FILTER_AS_IS);
		ret->linktype = to_linktype(pcap_datalink(p));
	}
	pcap_close(p);
	return err;
}

int ws_filter_compile(
	struct ws_filter *ret, const struct ws_filter_spec *spec, char *why, size_t why_size)
{
	static const struct sock_filter everything = {.code = BPF_RET | BPF_K, .k = UINT32_MAX};
	const struct job job = {.spec = spec, .why = why, .why_size = why_size};
	struct ws_filter made = {.len = 0};
	int err = 0;

	set_why(why, why_size, "");
	if (is_blank(spec->text)) {
		const struct ws_filter_source source = {
			.insns = &everything,
			.len = 1,
			.accept = spec->snaplen ? spec->snaplen : UINT32_MAX,
			.outgoing_only = spec->outgoing_only,
		};

		if (spec->snaplen || spec->outgoing_only) {
			err = ws_filter_program(&made, &source, why, why_size);
		}
	} else if (spec->interface) {
		err = compile_interface(&made, &job);
	} else {
		err = compile_cooked(&made, &job);
	}
	if (err) {
		return err;
	}
	*ret = made;
	return 0;
}

void ws_filter_free(struct ws_filter *f)
{
	free(f->insns);
	*f = (struct ws_filter){.len = 0};
}
