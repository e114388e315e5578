/* SPDX-License-Identifier: BSD-2-Clause */
#include "commands/output.h"

#include <errno.h>
#include <string.h>

#include "commands/commands.h"

int ws_output_create(struct ws_outdir *dir, const char *path)
{
	int r;

	if (!path) {
		return 0;
	}
	r = ws_outdir_create(dir, path);
	if (r == -EEXIST) {
		ws_error("--out %s: exists (give a name that does not, or remove it)", path);
	} else if (r < 0) {
		ws_error("--out %s: cannot be made: %s (give a place that can be written)", path,
			strerror(-r));
	}
	return r < 0 ? -1 : 0;
}

int ws_output_keep(struct ws_outdir *dir, int (*json)(FILE *out, const void *report),
	const void *report, int last)
{
	int r;

	if (dir->fd < 0) {
		return 0;
	}
	r = ws_outdir_write(dir, json, report);
	/* Tried again each time, and told once: room may have been made. */
	if (r < 0 && r != last) {
		ws_error("%s/run.json: %s (%s)", dir->path, strerror(-r),
			r == -ENOSPC ? "make room; the result is still printed"
				     : "the result is still printed");
	}
	return r;
}

int ws_output_print(
	const struct ws_output_printers *p, const void *report, bool json, bool also_text)
{
	struct ws_text_style style;
	int r;

	errno = 0;
	if (json) {
		r = p->json(stdout, report);
		if (also_text && r == 0) {
			style = ws_text_style_for(stderr);
			(void)p->text(stderr, report, &style);
		}
	} else {
		style = ws_text_style_for(stdout);
		r = p->text(stdout, report, &style);
	}
	if (r == 0 && fflush(stdout) != 0) {
		r = -EIO;
	}
	if (r < 0) {
		ws_error("stdout: %s (the result could not be printed in full)",
			strerror(errno ? errno : -r));
		return WS_EXIT_FAIL;
	}
	return WS_EXIT_OK;
}
