/* SPDX-License-Identifier: BSD-2-Clause */
/* Running gnuplot. No shell, and files in memory for its input and outputs: nothing that it says can make both
 * wait for each other. */
#include "report/report_out.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { IN = STDIN_FILENO, OUT = STDOUT_FILENO, ERR = STDERR_FILENO, FILES };

static void close_all(int fd[FILES])
{
	unsigned i;

	for (i = 0; i < FILES; i++) {
		if (fd[i] >= 0) {
			close(fd[i]);
		}
	}
}

/* They are above the three that the child gets, so that none of these is overwritten while it is set. */
static int memory_file(void)
{
	int fd = memfd_create("wirestamp-gnuplot", MFD_CLOEXEC), high, error;

	if (fd < 0 || fd > STDERR_FILENO) {
		return fd < 0 ? -errno : fd;
	}
	high = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	error = errno;
	close(fd);
	return high < 0 ? -error : high;
}

static int open_all(int fd[FILES])
{
	unsigned i;

	for (i = 0; i < FILES; i++) {
		fd[i] = -1;
	}
	for (i = 0; i < FILES; i++) {
		fd[i] = memory_file();
		if (fd[i] < 0) {
			int r = fd[i];

			close_all(fd);
			return r;
		}
	}
	return 0;
}

static int write_script(int fd, enum ws_figure f, const struct ws_report_set *set,
	enum ws_figure_format format, bool dark)
{
	int copy = dup(fd), r;
	FILE *out = copy < 0 ? NULL : fdopen(copy, "w");

	if (!out) {
		r = -errno;
		if (copy >= 0) {
			close(copy);
		}
		return r;
	}
	r = ws_figure_script(out, f, set, format, dark, NULL);
	if (fclose(out) != 0 && r == 0) {
		r = -EIO;
	}
	if (r == 0 && lseek(fd, 0, SEEK_SET) < 0) {
		r = -errno;
	}
	return r;
}

/* 0 and its pid, or -errno. */
static int start(pid_t *ret, const int fd[FILES])
{
	/* Settings of the user's own would change the pictures. */
	char name[] = "gnuplot", option[] = "-d";
	char *const argv[] = {name, option, NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, usual;
	unsigned i;
	int r = posix_spawn_file_actions_init(&files);

	if (r != 0) {
		return -r;
	}
	r = posix_spawnattr_init(&attr);
	if (r != 0) {
		posix_spawn_file_actions_destroy(&files);
		return -r;
	}
	sigemptyset(&none);
	sigemptyset(&usual);
	sigaddset(&usual, SIGPIPE);
	sigaddset(&usual, SIGINT);
	sigaddset(&usual, SIGTERM);
	sigaddset(&usual, SIGCHLD);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &usual);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	for (i = 0; i < FILES && r == 0; i++) {
		r = posix_spawn_file_actions_adddup2(&files, fd[i], (int)i);
	}
	if (r == 0) {
		r = posix_spawnp(ret, name, &files, &attr, argv, environ);
	}
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return -r;
}

/* All of a memory file, with a final 0. */
static int read_all(int fd, char **ret, size_t *ret_len)
{
	struct stat st;
	size_t len = 0;
	char *buf;

	if (fstat(fd, &st) < 0) {
		return -errno;
	}
	buf = malloc((size_t)st.st_size + 1);
	if (!buf) {
		return -ENOMEM;
	}
	while (len < (size_t)st.st_size) {
		ssize_t n = pread(fd, buf + len, (size_t)st.st_size - len, (off_t)len);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			free(buf);
			return -EIO;
		}
		len += (size_t)n;
	}
	buf[len] = '\0';
	*ret = buf;
	*ret_len = len;
	return 0;
}

/* The last line with something in it. */
static void last_words(int fd, char *why, size_t why_size, const char *otherwise)
{
	char *text, *line, *found = NULL, *rest;
	size_t len;

	if (read_all(fd, &text, &len) < 0) {
		snprintf(why, why_size, "gnuplot: %s", otherwise);
		return;
	}
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		line += strspn(line, " \t\r");
		found = *line && *line != '^' ? line : found;
	}
	for (line = found; line && *line; line++) {
		*line = iscntrl((unsigned char)*line) ? ' ' : *line;
	}
	snprintf(why, why_size, "gnuplot: %s", found ? found : otherwise);
	free(text);
}

static int judge(
	int status, const int fd[FILES], char **ret, size_t *ret_len, char *why, size_t why_size)
{
	char text[64];
	int r;

	if (WIFSIGNALED(status)) {
		snprintf(text, sizeof(text), "it was ended by signal %d", WTERMSIG(status));
		last_words(fd[ERR], why, why_size, text);
		return -EIO;
	}
	if (WEXITSTATUS(status) != 0) {
		snprintf(text, sizeof(text), "it ended with status %d", WEXITSTATUS(status));
		last_words(fd[ERR], why, why_size, text);
		return -EIO;
	}
	r = read_all(fd[OUT], ret, ret_len);
	if (r < 0) {
		snprintf(why, why_size, "gnuplot: %s", strerror(-r));
		return r;
	}
	if (*ret_len == 0) {
		free(*ret);
		*ret = NULL;
		last_words(fd[ERR], why, why_size, "it drew nothing");
		return -EIO;
	}
	return 0;
}

int ws_figure_draw(enum ws_figure f, const struct ws_report_set *set, enum ws_figure_format format,
	bool dark, char **ret, size_t *ret_len, char *why, size_t why_size)
{
	int fd[FILES], r, status = 0;
	pid_t pid;

	r = open_all(fd);
	if (r < 0) {
		snprintf(why, why_size, "gnuplot: no memory for its files: %s", strerror(-r));
		return r == -ENOMEM ? r : -EIO;
	}
	r = write_script(fd[IN], f, set, format, dark);
	if (r < 0) {
		snprintf(why, why_size, "gnuplot: its script: %s",
			r == -ENODATA ? "there is nothing to draw" : strerror(-r));
		close_all(fd);
		return r == -ENOMEM || r == -ENODATA ? r : -EIO;
	}
	r = start(&pid, fd);
	if (r == -ENOENT) {
		snprintf(why, why_size,
			"plots need gnuplot, which is not installed (Debian and Ubuntu: apt install gnuplot-nox)");
	} else if (r < 0) {
		snprintf(why, why_size, "gnuplot cannot be started: %s", strerror(-r));
		r = r == -ENOMEM ? r : -EIO;
	} else {
		while (waitpid(pid, &status, 0) < 0) {
			if (errno != EINTR) {
				/* Nobody is told how children ended; what it drew tells. */
				status = 0;
				break;
			}
		}
		r = judge(status, fd, ret, ret_len, why, why_size);
	}
	close_all(fd);
	return r;
}
