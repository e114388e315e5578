/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/rundoc_own.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMAT	    "wirestamp-run/"
#define FORMAT_OURS 1
/* What jansson may take for a document, about: a text of 256 MiB could be one of 10 GiB in memory. */
#define MEMORY_MAX (UINT64_C(2) << 30)

const char *ws_rundoc_kind_name(enum ws_rundoc_kind kind)
{
	static const char *const names[] = {
		[WS_RUNDOC_LATENCY] = "latency",
		[WS_RUNDOC_TWO_WAY] = "two-way",
		[WS_RUNDOC_SENDER] = "sender",
		[WS_RUNDOC_RECEIVER] = "receiver",
		[WS_RUNDOC_REFLECTOR] = "reflector",
		[WS_RUNDOC_LOAD] = "load",
		[WS_RUNDOC_CAPTURE] = "capture",
		[WS_RUNDOC_IMPORT] = "import",
	};

	return names[kind];
}

void ws_rundoc_note(struct ws_rundoc *d, const char *format, ...)
{
	char text[sizeof(d->note)];
	size_t len = strlen(d->note);
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n <= 0 || (size_t)n >= sizeof(text) || strstr(d->note, text)) {
		return;
	}
	if (len + (size_t)n + 3 <= sizeof(d->note)) {
		memcpy(d->note + len, "; ", len > 0 ? 2 : 0);
		memcpy(d->note + len + (len > 0 ? 2 : 0), text, (size_t)n + 1);
	}
}

/* What a document or its directory is called among others. */
static void name_make(struct ws_rundoc *d)
{
	char *real = NULL, *slash;
	const char *name = d->path;
	size_t len;

	if (strcmp(d->path, "-") == 0) {
		ws_copy_text(d->name, sizeof(d->name), "stdin");
		return;
	}
	len = strlen(d->path);
	if (len > 0 && strspn(d->path, "./") == len) {
		real = realpath(d->path, NULL);
	}
	if (!real) {
		real = strdup(d->path);
	}
	if (real) {
		for (len = strlen(real); len > 1 && real[len - 1] == '/'; len--) {
			real[len - 1] = '\0';
		}
		slash = strrchr(real, '/');
		if (slash && slash > real && strcmp(slash, "/run.json") == 0) {
			*slash = '\0';
			slash = strrchr(real, '/');
		}
		name = slash && slash[1] ? slash + 1 : real;
	}
	ws_copy_text(d->name, sizeof(d->name), name[0] ? name : "?");
	free(real);
}

void ws_rundoc_free(struct ws_rundoc *d)
{
	unsigned i;

	if (!d) {
		return;
	}
	for (i = 0; i < d->count; i++) {
		struct ws_series *s = &d->series[i];

		free(s->latency);
		free(s->forward);
		free(s->backward);
		free(s->gaps);
		free(s->timeline);
		free(s->losses);
	}
	free(d->series);
	json_decref(d->json);
	free(d->path);
	free(d);
}

static struct ws_rundoc *rundoc_new(const char *path)
{
	struct ws_rundoc *d = calloc(1, sizeof(*d));

	if (d) {
		d->path = strdup(path);
		if (!d->path) {
			free(d);
			return NULL;
		}
		name_make(d);
	}
	return d;
}

/* A sentence that begins with the path; at most two thirds are left to the latter, so that the rest is seen. */
__attribute__((format(printf, 4, 5))) static void tell(
	char *why, size_t size, const char *path, const char *format, ...)
{
	char name[200];
	va_list args;
	int n;

	ws_copy_text(name, sizeof(name), path);
	n = snprintf(why, size, "%s: ", name);
	if (n < 0 || (size_t)n >= size) {
		return;
	}
	va_start(args, format);
	vsnprintf(why + n, size - (size_t)n, format, args);
	va_end(args);
}

/* The number behind "wirestamp-run/"; -1: it is something else. */
static long format_number(const char *format)
{
	const char *digits = format + strlen(FORMAT);

	if (strncmp(format, FORMAT, strlen(FORMAT)) != 0 || !digits[0] || strlen(digits) > 9 ||
		digits[strspn(digits, "0123456789")]) {
		return -1;
	}
	return strtol(digits, NULL, 10);
}

static bool format_is_ours(const json_t *json, const char *path, char *why, size_t why_size)
{
	const char *format = ws_get_text(json, "format");
	long number;
	char text[64];

	if (!json_is_object(json) || !format) {
		tell(why, why_size, path,
			"JSON, but not of a wirestamp run: it has no \"format\" (give the directory that "
			"--out made, or what --json printed)");
		return false;
	}
	number = format_number(format);
	if (number == FORMAT_OURS) {
		return true;
	}
	ws_copy_text(text, sizeof(text), format);
	if (number > FORMAT_OURS) {
		tell(why, why_size, path,
			"%s is newer than this program, which reads %s%d (use the wirestamp that wrote it)",
			text, FORMAT, FORMAT_OURS);
	} else if (strncmp(format, "wirestamp-report/", strlen("wirestamp-report/")) == 0) {
		tell(why, why_size, path,
			"it is a report already (give the runs that it was made of)");
	} else {
		tell(why, why_size, path,
			"its format is \"%s\", and %s%d is wanted (give the directory that --out made)",
			text, FORMAT, FORMAT_OURS);
	}
	return false;
}

static bool kind_read(const json_t *json, enum ws_rundoc_kind *ret)
{
	static const struct {
		const char *command, *mode; /* mode NULL: none, or any other */
		enum ws_rundoc_kind kind;
	} kinds[] = {
		{"latency", "two-way", WS_RUNDOC_TWO_WAY},
		{"latency", "sender", WS_RUNDOC_SENDER},
		{"latency", NULL, WS_RUNDOC_LATENCY},
		{"report", "joined", WS_RUNDOC_LATENCY},
		{"reflect", "receiver", WS_RUNDOC_RECEIVER},
		{"reflect", NULL, WS_RUNDOC_REFLECTOR},
		{"load", NULL, WS_RUNDOC_LOAD},
		{"capture", NULL, WS_RUNDOC_CAPTURE},
	};
	const char *command = ws_get_text(json, "command"), *mode = ws_get_text(json, "mode");
	size_t i;

	for (i = 0; command && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(command, kinds[i].command) == 0 &&
			(!kinds[i].mode || (mode && strcmp(mode, kinds[i].mode) == 0))) {
			*ret = kinds[i].kind;
			return true;
		}
	}
	return false;
}

int ws_rundoc_of_json(
	struct ws_rundoc **ret, const char *path, json_t *json, char *why, size_t why_size)
{
	const char *command;
	struct ws_rundoc *d;
	char text[256] = "";
	int r;

	if (!format_is_ours(json, path, why, why_size)) {
		json_decref(json);
		return -EBADMSG;
	}
	d = rundoc_new(path);
	if (!d) {
		json_decref(json);
		tell(why, why_size, path, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	d->json = json;
	command = ws_get_text(json, "command");
	if (!kind_read(json, &d->kind)) {
		ws_copy_text(text, 40, command ? command : "-");
		tell(why, why_size, path,
			"a document of the command \"%s\", which makes no runs (give those of latency, "
			"reflect, load or capture)",
			text);
		ws_rundoc_free(d);
		return -EBADMSG;
	}
	r = ws_rundoc_fill(d, text, sizeof(text));
	if (r < 0) {
		tell(why, why_size, path, "%s", r == -ENOMEM ? strerror(ENOMEM) : text);
		ws_rundoc_free(d);
		return r;
	}
	*ret = d;
	return 0;
}

/* What the document takes in memory, about: a value, and the place in its list, 64 bytes each; a list 160; an object 400. */
static bool is_too_large(const char *text, size_t len)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < len && sum <= MEMORY_MAX; i++) {
		sum += text[i] == ',' ? 64 : text[i] == '[' ? 160 : text[i] == '{' ? 400 : 1;
	}
	return sum > MEMORY_MAX;
}

static int json_read(struct ws_rundoc **ret, const char *path, const char *text, size_t len,
	char *why, size_t why_size)
{
	json_error_t error = {0};
	json_t *json;

	if (is_too_large(text, len)) {
		tell(why, why_size, path, "too large to be the document of a run");
		return -EFBIG;
	}
	json = json_loadb(text, len, 0, &error);
	if (json) {
		return ws_rundoc_of_json(ret, path, json, why, why_size);
	}
	if (json_error_code(&error) == json_error_out_of_memory) {
		tell(why, why_size, path, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	if (json_error_code(&error) == json_error_end_of_input_expected) {
		tell(why, why_size, path,
			"there is more behind the end of its document (give one only)");
	} else if (json_error_code(&error) == json_error_premature_end_of_input ||
		   (json_error_code(&error) == json_error_invalid_syntax &&
			   (size_t)error.position + 1 >= len)) {
		tell(why, why_size, path,
			"ends in the middle, at line %d (the run was killed, or the disk was full: "
			"measure again)",
			error.line);
	} else {
		tell(why, why_size, path, "no JSON: line %d, column %d: %s", error.line,
			error.column, error.text);
	}
	return -EBADMSG;
}

static bool begins(const char *text, size_t len, const char *with)
{
	return len >= strlen(with) && memcmp(text, with, strlen(with)) == 0;
}

static int parse(struct ws_rundoc **ret, const char *path, const char *text, size_t len,
	double unit_ns, char *why, size_t why_size)
{
	char fault[256] = "";
	struct ws_rundoc *d;
	size_t at = 0;
	int r;

	if (begins(text, len, "\x93NUMPY") || begins(text, len, "run,seq,")) {
		tell(why, why_size, path,
			"a list of packets (give the directory that it is in: the run is in run.json)");
		return -EBADMSG;
	}
	while (at < len && strchr(" \t\r\n", text[at]) && text[at]) {
		at++;
	}
	if (at == len) {
		tell(why, why_size, path,
			"empty (the run was killed, or the disk was full: measure again)");
		return -EBADMSG;
	}
	if (text[at] == '{' || text[at] == '[') {
		return json_read(ret, path, text, len, why, why_size);
	}
	d = rundoc_new(path);
	if (!d) {
		tell(why, why_size, path, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	d->kind = WS_RUNDOC_IMPORT;
	r = ws_rundoc_import(d, text, len, unit_ns, fault, sizeof(fault));
	if (r < 0) {
		tell(why, why_size, path, "%s", fault[0] ? fault : strerror(-r));
		ws_rundoc_free(d);
		return r;
	}
	*ret = d;
	return 0;
}

int ws_rundoc_parse(struct ws_rundoc **ret, const char *path, const char *text, size_t len,
	char *why, size_t why_size)
{
	return parse(ret, path, text, len, 0, why, why_size);
}

/* All of a file, to be freed. 0, -EFBIG or -errno. */
static int file_read(int fd, char **ret, size_t *ret_len)
{
	size_t room = 1 << 16, len = 0;
	char *text = malloc(room), *more;
	ssize_t n;

	while (text) {
		n = read(fd, text + len, room - len);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			int r = -errno;

			free(text);
			return r;
		}
		len += (size_t)n;
		if (n == 0) {
			*ret = text;
			*ret_len = len;
			return 0;
		}
		if (len == room) {
			if (room >= WS_RUNDOC_BYTES) {
				free(text);
				return -EFBIG;
			}
			room *= 2;
			more = realloc(text, room);
			if (!more) {
				free(text);
			}
			text = more;
		}
	}
	return -ENOMEM;
}

/* A descriptor of the file itself. */
static int path_open(const char *path, char *why, size_t why_size)
{
	struct stat st;
	int fd, in, r;

	if (strcmp(path, "-") == 0) {
		fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
		if (fd < 0) {
			r = -errno;
			tell(why, why_size, path, "standard input: %s", strerror(-r));
			return r;
		}
		return fd;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		r = -errno;
		tell(why, why_size, path, "%s%s", strerror(-r),
			r == -ENOENT ? " (give the directory that --out made)" : "");
		return r;
	}
	if (fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode)) {
		return fd;
	}
	in = openat(fd, "run.json", O_RDONLY | O_CLOEXEC);
	if (in < 0) {
		r = -errno;
		if (r == -ENOENT) {
			bool begun = faccessat(fd, "packets.npy", F_OK, 0) == 0 ||
				     faccessat(fd, "run.json.tmp", F_OK, 0) == 0;

			tell(why, why_size, path, "there is no run.json in it (%s)",
				begun ? "the run was ended before its first rate was done: measure again"
				      : "give the directory that --out made");
		} else {
			tell(why, why_size, path, "run.json: %s", strerror(-r));
		}
		close(fd);
		return r;
	}
	close(fd);
	return in;
}

int ws_rundoc_read(struct ws_rundoc **ret, const char *path, char *why, size_t why_size)
{
	return ws_rundoc_read_unit(ret, path, 0, why, why_size);
}

int ws_rundoc_read_unit(
	struct ws_rundoc **ret, const char *path, double unit_ns, char *why, size_t why_size)
{
	char *text = NULL;
	size_t len = 0;
	int fd, r;

	fd = path_open(path, why, why_size);
	if (fd < 0) {
		return fd;
	}
	r = file_read(fd, &text, &len);
	close(fd);
	if (r < 0) {
		tell(why, why_size, path, "%s",
			r == -EFBIG ? "too large to be the document of a run" : strerror(-r));
		return r;
	}
	r = parse(ret, path, text, len, unit_ns, why, why_size);
	free(text);
	return r;
}
