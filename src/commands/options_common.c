/* SPDX-License-Identifier: BSD-2-Clause */
#include "commands/options_common.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "io/io.h"

int ws_take_rates(struct ws_rate *ret, unsigned max, const char *arg, char *why, size_t why_size)
{
	const char *bad = arg;
	int n = ws_rate_list_parse(arg, ret, max, &bad);
	int length = (int)strcspn(bad, ",");

	switch (n) {
	case -E2BIG:
		return WS_WHY("more than %u rates (give fewer, or a larger step)", max);
	case -ERANGE:
		return WS_WHY(
			"%.*s is out of range (above 0; at most 1e12 packets/s, 1e15 bit/s, 100%%)",
			length, bad);
	default:
		if (n < 0 && !length) {
			return WS_WHY("an empty rate (say 100kpps, or a list 1kpps,10kpps)");
		}
		if (n < 0) {
			return WS_WHY(
				"%.*s is no rate (say 100kpps, 1.5Mpps, 500Mbps, 10Gbps/l1, 80%%, "
				"max; a list 1kpps,10kpps or a range FIRST:LAST:STEP that goes up)",
				length, bad);
		}
	}
	return n;
}

int ws_take_duration(int64_t *ret_ns, const char *arg, char *why, size_t why_size)
{
	switch (ws_duration_parse(arg, ret_ns)) {
	case 0:
		return 0;
	case -ERANGE:
		return WS_WHY("out of range (whole nanoseconds, at least 1ns, at most 292 years)");
	default:
		return WS_WHY("no duration (a number with one of %s)", WS_DURATION_UNITS);
	}
}

int ws_take_count(uint64_t *ret, const char *arg, char *why, size_t why_size)
{
	switch (ws_count_parse(arg, ret)) {
	case 0:
		return 0;
	case -ERANGE:
		return WS_WHY("out of range (a whole number, at least 1)");
	default:
		return WS_WHY("no count (a whole number; k, M and G may follow)");
	}
}

static int take_backend(const char **ret, const char *arg, bool routed, char *why, size_t why_size)
{
	const struct ws_io_ops *ops = ws_io_find(arg);
	char names[128] = "auto";
	size_t len = strlen(names);

	if (!strcmp(arg, "auto")) {
		*ret = NULL;
		return 0;
	}
	if (ops && (routed || !ops->routed)) {
		*ret = arg;
		return 0;
	}
	for (const struct ws_io_ops *const *b = ws_io_backends; *b && len < sizeof(names); b++) {
		if (routed || !(*b)->routed) {
			len += (size_t)snprintf(
				names + len, sizeof(names) - len, ", %s", (*b)->name);
		}
	}
	if (ops) {
		return WS_WHY("moves datagrams, not an interface's frames (%s)", names);
	}
	return WS_WHY("no such backend (%s)", names);
}

int ws_take_backend(const char **ret, const char *arg, char *why, size_t why_size)
{
	return take_backend(ret, arg, true, why, why_size);
}

int ws_take_frame_backend(const char **ret, const char *arg, char *why, size_t why_size)
{
	return take_backend(ret, arg, false, why, why_size);
}

int ws_take_file(const char **ret, const char *arg, char *why, size_t why_size)
{
	if (!*arg) {
		return WS_WHY("an empty name (give a file, or - for standard input or output)");
	}
	*ret = arg;
	return 0;
}

int ws_take_out(const char **ret, const char *arg, char *why, size_t why_size)
{
	if (!*arg) {
		return WS_WHY("an empty name (give a directory that does not exist yet)");
	}
	*ret = arg;
	return 0;
}

int ws_number_parse(const char *text, size_t len, uint64_t max, uint64_t *ret)
{
	static const char digits[] = "0123456789abcdef";
	unsigned base = 10;
	uint64_t n = 0;
	bool over = false;

	if (len > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		base = 16;
		text += 2;
		len -= 2;
	}
	if (!len) {
		return -EINVAL;
	}
	for (size_t i = 0; i < len; i++) {
		char c = text[i] >= 'A' && text[i] <= 'F' ? (char)(text[i] + 'a' - 'A') : text[i];
		const char *digit = c ? memchr(digits, c, base) : NULL;

		if (!digit) {
			return -EINVAL;
		}
		over = over || __builtin_mul_overflow(n, base, &n) ||
		       __builtin_add_overflow(n, (uint64_t)(digit - digits), &n);
	}
	if (over || n > max) {
		return -ERANGE;
	}
	*ret = n;
	return 0;
}
