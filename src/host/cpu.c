/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/cpu.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "host/sys.h"
#include "host/textfile.h"

#define SYS_CPU "/sys/devices/system/cpu/"

static void read_model(char *buf, size_t size)
{
	char text[8192];
	const char *value = NULL;

	if (ws_textfile_read("/proc/cpuinfo", text, sizeof(text))) {
		value = strstr(text, "model name");
	}
	if (value) {
		value += strcspn(value, ":\n");
		value += strspn(value, ": \t");
		snprintf(buf, size, "%.*s", (int)strcspn(value, "\n"), value);
	}
	if (!buf[0]) {
		/* arm64 has no model names in cpuinfo; the device tree names the board */
		ws_textfile_line("/sys/firmware/devicetree/base/model", buf, size);
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
	if (ws_textfile_read(SYS_CPU "online", online, sizeof(online))) {
		unsigned list[WS_CPU_LIMIT];
		int n;

		online[strcspn(online, "\n")] = '\0';
		n = ws_cpu_list_parse(online, list, WS_CPU_LIMIT);
		f.cpus = n > 0 ? (unsigned)n : 0;
	}
	ws_textfile_line(SYS_CPU "cpu0/cpufreq/scaling_governor", f.governor, sizeof(f.governor));
	ws_textfile_line("/sys/devices/system/clocksource/clocksource0/current_clocksource",
		f.clocksource, sizeof(f.clocksource));
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
