/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs a fuzzer's function over files, and over those in directories: its corpus, and inputs that
 * once failed, with any compiler. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Returns false if the file cannot be read. */
static bool run_file(const char *path)
{
	static uint8_t data[1 << 20];
	FILE *f = fopen(path, "rb");
	size_t size;
	bool ok;

	if (f == NULL) {
		return false;
	}
	size = fread(data, 1, sizeof(data), f);
	ok = !ferror(f);
	fclose(f);
	if (ok) {
		LLVMFuzzerTestOneInput(data, size);
	}
	return ok;
}

/* Returns false if it cannot be read, or is an empty directory. */
static bool run(const char *path)
{
	DIR *dir = opendir(path);
	unsigned n = 0;
	bool ok = true;

	if (dir == NULL) {
		return errno == ENOTDIR && run_file(path);
	}
	for (struct dirent *entry; ok && (entry = readdir(dir)) != NULL;) {
		char inside[PATH_MAX];

		if (entry->d_name[0] != '.') {
			snprintf(inside, sizeof(inside), "%s/%s", path, entry->d_name);
			ok = run_file(inside);
			n++;
		}
	}
	closedir(dir);
	return ok && n > 0;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: %s FILE|DIRECTORY...\n", argv[0]);
		return 2;
	}
	for (int i = 1; i < argc; i++) {
		if (!run(argv[i])) {
			fprintf(stderr, "%s: cannot be read, or is empty\n", argv[i]);
			return 1;
		}
	}
	return 0;
}
