/* SPDX-License-Identifier: ISC */
/*
 * Runs a fuzz target once over each file that is named, or that is in a
 * directory that is named: so a corpus is a test without a fuzzer.
 */
#include <dirent.h>
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
replay_file(const char *path, const struct stat *st)
{
	size_t n = (size_t)st->st_size;
	uint8_t *data;
	FILE *f;

	if ((f = fopen(path, "rb")) == NULL)
		err(1, "%s", path);
	if ((data = malloc(n == 0 ? 1 : n)) == NULL)
		err(1, "%s", path);
	if (fread(data, 1, n, f) != n)
		errx(1, "%s: short read", path);
	fclose(f);
	/* The last line says which input it was that did not come back. */
	printf("%s\n", path);
	fflush(stdout);
	LLVMFuzzerTestOneInput(data, n);
	free(data);
}

/* How many files were run. */
static unsigned
replay_path(const char *path)
{
	struct dirent **list;
	struct stat st;
	unsigned files = 0;
	char *sub;
	int i, n;

	if (stat(path, &st) < 0)
		err(1, "%s", path);
	if (S_ISREG(st.st_mode)) {
		replay_file(path, &st);
		return 1;
	}
	if ((n = scandir(path, &list, NULL, alphasort)) < 0)
		err(1, "%s", path);
	for (i = 0; i < n; i++) {
		if (list[i]->d_name[0] != '.') {
			if (asprintf(&sub, "%s/%s", path, list[i]->d_name) < 0)
				err(1, NULL);
			files += replay_path(sub);
			free(sub);
		}
		free(list[i]);
	}
	free(list);
	return files;
}

int
main(int argc, char **argv)
{
	unsigned files = 0;
	int i;

	if (argc < 2)
		errx(2, "usage: %s file|directory ...", argv[0]);
	for (i = 1; i < argc; i++)
		files += replay_path(argv[i]);
	if (files == 0)
		errx(1, "no input found");
	printf("%u inputs\n", files);
	return 0;
}
