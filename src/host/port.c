/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/port.h"

#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "host/sys.h"

int ws_port_own(uint16_t port)
{
	struct sock_filter reject = BPF_STMT(BPF_RET | BPF_K, 0);
	const struct sock_fprog prog = {.len = 1, .filter = &reject};
	const struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
	const int on = 1;
	int fd, r;

	fd = ws_sys_socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0) {
		return fd;
	}
	r = ws_sys_setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog));
	if (r == 0) {
		r = ws_sys_setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
	}
	if (r == 0) {
		r = ws_sys_bind(fd, (const struct sockaddr *)&any, sizeof(any));
	}
	if (r < 0) {
		ws_sys_close(fd);
		return r;
	}
	return fd;
}
