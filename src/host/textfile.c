/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/textfile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "host/sys.h"

bool ws_textfile_read(const char *path, char *buf, size_t size)
{
	size_t have = 0;
	ssize_t n;
	int fd = ws_sys_open(path, O_RDONLY, 0);

	buf[0] = '\0';
	if (fd < 0) {
		return false;
	}
	do {
		n = ws_sys_read(fd, buf + have, size - 1 - have);
		if (n > 0) {
			have += (size_t)n;
		}
	} while ((n > 0 && have < size - 1) || n == -EINTR);
	ws_sys_close(fd);
	buf[have] = '\0';
	return have > 0;
}

bool ws_textfile_line(const char *path, char *buf, size_t size)
{
	ws_textfile_read(path, buf, size);
	buf[strcspn(buf, "\n")] = '\0';
	return buf[0];
}
