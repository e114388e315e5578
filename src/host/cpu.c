/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/cpu.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "host/sys.h"

#define SYS_CPU "/sys/devices/system/cpu/"

/* The file's beginning, with a final NUL; false if there is nothing to read. */
static bool read_file(const char *path, char *buf, size_t size)
{
	size_t have = 0;
	ssize_t n;
	int fd = ws_sys_open(path, O_RDONLY, 0);

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

static void read_line(const char *path, char *buf, size_t size)
{
	char text[256];

	if (read_file(path, text, sizeof(text))) {
		text[strcspn(text, "\n")] = '\0';
		snprintf(buf, size, "%.*s", (int)(size - 1), text);
	}
}

static void read_model(char *buf, size_t size)
{
	char text[8192];
	const char *value = NULL;

	if (read_file("/proc/cpuinfo", text, sizeof(text))) {
		value = strstr(text, "model name");
	}
	if (value) {
		value += strcspn(value, ":\n");
		value += strspn(value, ": \t");
		snprintf(buf, size, "%.*s", (int)strcspn(value, "\n"), value);
	}
	if (!buf[0]) {
		/* arm64 has no model names in cpuinfo; the device tree names the board */
		read_line("/sys/firmware/devicetree/base/model", buf, size);
	}
}

void ws_cpu_facts_get(struct ws_cpu_facts *ret)
{
	struct ws_cpu_facts f = {0};
	struct utsname u;
	char online[1024];

	if (ws_sys_uname(&u) == 0) {
		snprintf(f.hostname, sizeof(f.hostname), "%s", u.nodename);
		snprintf(f.kernel, sizeof(f.kernel), "%s", u.release);
		snprintf(f.arch, sizeof(f.arch), "%s", u.machine);
	}
	read_model(f.cpu, sizeof(f.cpu));
	if (read_file(SYS_CPU "online", online, sizeof(online))) {
		unsigned list[WS_CPU_LIMIT];
		int n;

		online[strcspn(online, "\n")] = '\0';
		n = ws_cpu_list_parse(online, list, WS_CPU_LIMIT);
		f.cpus = n > 0 ? (unsigned)n : 0;
	}
	read_line(SYS_CPU "cpu0/cpufreq/scaling_governor", f.governor, sizeof(f.governor));
	read_line("/sys/devices/system/clocksource/clocksource0/current_clocksource", f.clocksource,
		sizeof(f.clocksource));
	*ret = f;
}

static int parse_number(const char **text, unsigned *ret)
{
	const char *p = *text;
	unsigned n = 0;

	if (*p < '0' || *p > '9') {
		return -EINVAL;
	}
	for (; *p >= '0' && *p <= '9'; p++) {
		n = n * 10 + (unsigned)(*p - '0');
		if (n >= WS_CPU_LIMIT) {
			return -ERANGE;
		}
	}
	*text = p;
	*ret = n;
	return 0;
}

/* ret may be NULL: then it only counts. */
static int parse_list(const char *text, unsigned *ret, size_t max)
{
	size_t count = 0;

	for (;; text++) {
		unsigned first, last;
		int err = parse_number(&text, &first);

		if (err) {
			return err;
		}
		last = first;
		if (*text == '-') {
			text++;
			err = parse_number(&text, &last);
			if (err) {
				return err;
			}
		}
		if (last < first || (*text && *text != ',')) {
			return -EINVAL;
		}
		if (last - first >= max - count) {
			return -E2BIG;
		}
		for (unsigned cpu = first; cpu <= last; cpu++, count++) {
			if (ret) {
				ret[count] = cpu;
			}
		}
		if (!*text) {
			return (int)count;
		}
	}
}

int ws_cpu_list_parse(const char *text, unsigned *ret, size_t max)
{
	int n;

	if (max > INT_MAX) {
		max = INT_MAX;
	}
	n = parse_list(text, NULL, max);
	return n < 0 ? n : parse_list(text, ret, max);
}
