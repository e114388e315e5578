/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/ready_line.h"

#include <arpa/inet.h>
#include <errno.h>

#include "report/jsondoc.h"

int ws_ready_print(FILE *out, const struct ws_ready_line *line)
{
	struct ws_doc d = {0};
	json_t *o = json_object();
	char mac[18], ipv6[INET6_ADDRSTRLEN], ipv4[INET_ADDRSTRLEN], boot[9];
	uint32_t address = htonl(line->ipv4);
	int r;

	(void)snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", line->mac[0],
		line->mac[1], line->mac[2], line->mac[3], line->mac[4], line->mac[5]);
	(void)snprintf(boot, sizeof(boot), "%08x", line->boot);
	inet_ntop(AF_INET, &address, ipv4, sizeof(ipv4));
	inet_ntop(AF_INET6, line->ipv6, ipv6, sizeof(ipv6));
	ws_doc_put(&d, o, "format", json_string("wirestamp-ready/1"));
	ws_doc_put(&d, o, "version", ws_doc_string(line->version));
	ws_doc_put(&d, o, "host", ws_doc_string(line->host));
	ws_doc_put(&d, o, "interface", ws_doc_string(line->interface));
	ws_doc_put(&d, o, "mac", line->has_mac ? json_string(mac) : json_null());
	ws_doc_put(&d, o, "ipv4", line->has_ipv4 ? json_string(ipv4) : json_null());
	ws_doc_put(&d, o, "ipv6", line->has_ipv6 ? json_string(ipv6) : json_null());
	ws_doc_put(&d, o, "port", json_integer(line->port));
	ws_doc_put(&d, o, "mtu", line->mtu ? json_integer(line->mtu) : json_null());
	ws_doc_put(&d, o, "io", ws_doc_string(line->io));
	ws_doc_put(&d, o, "boot", line->boot ? json_string(boot) : json_null());
	r = d.failed ? -ENOMEM : json_dumpf(o, out, JSON_COMPACT) < 0 ? -EIO : 0;
	json_decref(o);
	if (r == 0 && fputc('\n', out) == EOF) {
		r = -EIO;
	}
	return r;
}
