/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs a fuzzer's function over the files that are named: for inputs that once failed, with any
 * compiler. */
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

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: %s FILE...\n", argv[0]);
		return 2;
	}
	for (int i = 1; i < argc; i++) {
		if (!run_file(argv[i])) {
			perror(argv[i]);
			return 1;
		}
	}
	return 0;
}
