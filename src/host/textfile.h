/* SPDX-License-Identifier: BSD-2-Clause */
/* Small files of /proc and /sys. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The file's beginning, with a final NUL; false, and buf is empty, if there is nothing to read. */
bool ws_textfile_read(const char *path, char *buf, size_t size);
/* Its first line, without the end of line; the same. */
bool ws_textfile_line(const char *path, char *buf, size_t size);
