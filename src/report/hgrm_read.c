/* SPDX-License-Identifier: BSD-2-Clause */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "report/hgrm.h"

#define LINE_MAX_LEN 1000

struct reader {
	FILE *in;
	uint64_t line;
	char text[LINE_MAX_LEN + 1]; /* of the line, without its end */
	bool ended;		     /* by a newline, not by the end of the file */
	char *why;
	size_t why_size;
};

static int damaged(struct reader *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int damaged(struct reader *r, const char *format, ...)
{
	va_list ap;
	int n = snprintf(r->why, r->why_size, "line %" PRIu64 ": ", r->line);

	if (n >= 0 && (size_t)n < r->why_size) {
		va_start(ap, format);
		vsnprintf(r->why + n, r->why_size - (size_t)n, format, ap);
		va_end(ap);
	}
	return -EBADMSG;
}

/* 1, or 0 at the end of the file, or as ws_hgrm_read(). */
static int next_line(struct reader *r)
{
	size_t len = 0;
	int c;

	errno = 0;
	for (c = getc(r->in); c != EOF && c != '\n'; c = getc(r->in)) {
		if (c == '\0' || len == LINE_MAX_LEN) {
			r->line++;
			return damaged(r, c == '\0' ? "this is no text" : "longer than %d bytes",
				LINE_MAX_LEN);
		}
		r->text[len++] = (char)c;
	}
	if (ferror(r->in)) {
		int err = errno ? errno : EIO;

		snprintf(r->why, r->why_size, "cannot be read: %s", strerror(err));
		return -err;
	}
	if (c == EOF && len == 0) {
		return 0;
	}
	r->line++;
	r->ended = c == '\n';
	len -= len > 0 && r->text[len - 1] == '\r';
	r->text[len] = '\0';
	return 1;
}

static const char *skip_space(const char *at)
{
	while (isspace((unsigned char)*at)) {
		at++;
	}
	return at;
}

/* Decimal numbers only: strtod() takes hexadecimal ones and names too. */
static bool take_number(const char **at, double *ret)
{
	const char *s = skip_space(*at), *digits = s + (*s == '-');
	char *end;

	if (!isdigit((unsigned char)digits[0]) || digits[1] == 'x' || digits[1] == 'X') {
		return false;
	}
	*ret = strtod(s, &end);
	*at = end;
	return true;
}

static bool take_count(const char **at, uint64_t *ret)
{
	const char *s = skip_space(*at);
	char *end;

	if (!isdigit((unsigned char)*s)) {
		return false;
	}
	errno = 0;
	*ret = strtoull(s, &end, 10);
	*at = end;
	return errno == 0;
}

/* Whole ns; false if 64 bits do not hold them. What is written of INT64_MAX reads as 2^63. */
static bool to_ns(double value, int64_t *ret)
{
	double ns = rint(value);

	if (!(ns >= -0x1p63 && ns <= 0x1p63)) {
		return false;
	}
	*ret = ns < 0x1p63 ? (int64_t)ns : INT64_MAX;
	return true;
}

/* A file's rows, and what its last lines state. */
struct table {
	double factor;
	double percentile; /* the last row's */
	uint64_t total;	   /* the last row's */
	uint64_t rows;
	/*
	 * The last row's values are held back: the largest one is known exactly only when the file
	 * has stated it.
	 */
	int64_t value, before;
	uint64_t held;
	bool has_mean, has_max, has_total;
	double mean, stddev, max;
	uint64_t stated_total;
};

static int read_row(struct reader *r, struct table *t, struct ws_hist *ret)
{
	const char *at = r->text;
	double value, percentile, inverse;
	uint64_t total;
	int64_t ns;

	if (!take_number(&at, &value) || !take_number(&at, &percentile) ||
		!take_count(&at, &total)) {
		return damaged(r, "not a row of value, percentile and count");
	}
	at = skip_space(at);
	if (!strncasecmp(at, "inf", 3)) {
		at += strspn(at, "INFinfTYty");
	} else if (*at && !take_number(&at, &inverse)) {
		return damaged(r, "not a row of value, percentile and count");
	}
	if (*skip_space(at)) {
		return damaged(r, "more than four columns");
	}
	if (!to_ns(value * t->factor, &ns)) {
		return damaged(r, "this value, in ns, is too large");
	}
	if (!(percentile >= 0 && percentile <= 1)) {
		return damaged(r, "the percentile is not between 0 and 1");
	}
	if (t->rows > 0 && (ns < t->value || percentile < t->percentile || total < t->total)) {
		return damaged(r, "%s is smaller than in the row before",
			ns < t->value	   ? "the value"
			: total < t->total ? "the count"
					   : "the percentile");
	}
	if (t->rows == 0 || ns > t->value) {
		ws_hist_record_many(ret, t->value, t->held);
		t->before = t->rows == 0 ? INT64_MIN : t->value;
		t->held = 0;
	}
	t->value = ns;
	t->held += total - t->total;
	t->total = total;
	t->percentile = percentile;
	t->rows++;
	return 0;
}

/* "#[Max     =       99.000, Total count    =  ..." has what was asked for behind name and '='. */
static const char *find_stated(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	if (!at) {
		return NULL;
	}
	at = skip_space(at + strlen(name));
	return *at == '=' ? at + 1 : NULL;
}

/* Means of no values are "-nan" in some files. */
static bool take_stated(const char *at, double *ret)
{
	const char *s = skip_space(at);

	s += *s == '-';
	if (!strncasecmp(s, "nan", 3)) {
		*ret = NAN;
		return true;
	}
	return take_number(&at, ret) && isfinite(*ret);
}

static int read_stated(struct reader *r, struct table *t)
{
	const char *mean = find_stated(r->text, "Mean");
	const char *stddev = find_stated(r->text, "StdDeviation");
	const char *max = find_stated(r->text, "Max");
	const char *total = find_stated(r->text, "Total count");

	if ((mean && !take_stated(mean, &t->mean)) ||
		(stddev && !take_stated(stddev, &t->stddev)) ||
		(max && !take_stated(max, &t->max)) ||
		(total && !take_count(&total, &t->stated_total))) {
		return damaged(r, "a number is missing or damaged");
	}
	t->has_mean |= mean && stddev;
	t->has_max |= max != NULL;
	t->has_total |= total != NULL;
	if (total && t->stated_total != t->total) {
		return damaged(r,
			"the total count is %" PRIu64 ", but the rows before count %" PRIu64,
			t->stated_total, t->total);
	}
	return 0;
}

/*
 * Where rows stand for bins, some values are below the first one; the smallest is not above the
 * mean, and below 1 only if there is a row for such values.
 */
static int use_moments(struct reader *r, const struct table *t, struct ws_hist *ret)
{
	double n = (double)t->total, mean = t->mean * t->factor, rounding = 0.001 * t->factor;
	int64_t least = ret->min < 0 ? INT64_MIN : ret->min > 0, ns;

	if (!to_ns(floor(mean), &ns) || !(mean <= (double)ret->max + rounding) ||
		(ns < 0 && ret->min >= 0) || !(t->stddev >= 0)) {
		return damaged(r, "mean or deviation do not fit the rows");
	}
	ns = ns < least ? least : ns;
	ret->min = ns < ret->min ? ns : ret->min;
	mean = fmax(fmin(mean, (double)ret->max), (double)ret->min);
	(void)ws_hist_set_moments(ret, mean, t->stddev * t->factor * sqrt(n / (n - 1)));
	return 0;
}

/* The rows and what follows them fit together; the last values are recorded. */
static int finish(struct reader *r, struct table *t, struct ws_hist *ret)
{
	int64_t max;

	if (!t->has_total && (t->rows == 0 || t->percentile < 1)) {
		return damaged(r, "the file ends early: there is no row for all values");
	}
	if (t->total == 0) {
		return 0;
	}
	/* Rows may state the upper end of the largest value's bin, or be rounded. */
	if (t->has_max && t->held > 0 && to_ns(t->max * t->factor, &max) && max > t->before &&
		max <= t->value) {
		t->value = max;
	}
	ws_hist_record_many(ret, t->value, t->held);
	return t->has_mean ? use_moments(r, t, ret) : 0;
}

static bool is_heading(const char *text)
{
	text = skip_space(text);
	if (strncmp(text, "Value", 5)) {
		return false;
	}
	text = skip_space(text + 5);
	return !strncmp(text, "Percentile", 10) && strstr(text, "TotalCount");
}

static int read_table(struct reader *r, struct table *t, struct ws_hist *ret)
{
	int err;

	do {
		err = next_line(r);
		if (err < 0) {
			return err;
		}
		if (err == 0) {
			snprintf(r->why, r->why_size,
				"there is no heading of HdrHistogram's percentile text "
				"(Value Percentile TotalCount 1/(1-Percentile))");
			return -EBADMSG;
		}
	} while (!is_heading(r->text));

	while (!t->has_total && (err = next_line(r)) > 0) {
		const char *at = skip_space(r->text);

		if (*at && !r->ended) {
			err = damaged(r, "the file ends within this line");
		} else if (*at == '#') {
			err = read_stated(r, t);
		} else if (*at && t->has_mean) {
			err = damaged(r, "a row after the totals");
		} else if (*at) {
			err = read_row(r, t, ret);
		}
		if (err < 0) {
			return err;
		}
	}
	return err < 0 ? err : finish(r, t, ret);
}

int ws_hgrm_read(FILE *in, double factor, struct ws_hist *ret, char *why, size_t why_size)
{
	struct reader r = {.in = in, .why = why, .why_size = why_size};
	struct table t = {.factor = factor};
	int err;

	ws_hist_init(ret);
	err = read_table(&r, &t, ret);
	if (err < 0) {
		ws_hist_init(ret);
	}
	return err;
}

static int read_counts(struct reader *r, struct ws_hist *ret)
{
	int err;

	while ((err = next_line(r)) > 0) {
		const char *at = r->text;
		uint64_t count;
		double value;
		int64_t ns;

		if (r->line == 1 && (isalpha((unsigned char)*at) || *at == '"') &&
			strchr(at, ',')) {
			continue;
		}
		if (!take_number(&at, &value) || *(at = skip_space(at)) != ',') {
			return damaged(r, "not a latency and a count");
		}
		at++;
		if (!take_count(&at, &count) || *skip_space(at)) {
			return damaged(r, "not a latency and a count");
		}
		if (!r->ended) {
			return damaged(r, "the file ends within this line");
		}
		if (!to_ns(value, &ns)) {
			return damaged(r, "this latency is too large");
		}
		if (count > UINT64_MAX - ret->count) {
			return damaged(r, "the counts together are too large");
		}
		ws_hist_record_many(ret, ns, count);
	}
	return err;
}

int ws_moongen_read(FILE *in, struct ws_hist *ret, char *why, size_t why_size)
{
	struct reader r = {.in = in, .why = why, .why_size = why_size};
	int err;

	ws_hist_init(ret);
	err = read_counts(&r, ret);
	if (err == 0 && r.line == 0) {
		snprintf(why, why_size,
			"is empty: nothing was received in that run, or the file was cut off");
		err = -EBADMSG;
	}
	if (err < 0) {
		ws_hist_init(ret);
	}
	return err;
}
