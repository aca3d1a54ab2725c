/* SPDX-License-Identifier: ISC */
#include "proto/cmd.h"

#include <stdlib.h>
#include <string.h>

#include "proto/rpc.h"

/*
 * Copies one word to dst and returns where it ends; NULL and err where a
 * quote is not closed.
 */
static const char *
cmd_split_word(const char *s, char *dst, struct rpc_error *err)
{
	char quote = '\0';

	for (; *s != '\0'; s++) {
		if (quote == '\0' && strchr(" \t\r\n", *s) != NULL)
			break;
		if (quote == '\0' && (*s == '\'' || *s == '"')) {
			quote = *s;
		} else if (quote != '\0' && *s == quote) {
			quote = '\0';
		} else if (*s == '\\' && quote != '\'' && s[1] != '\0' &&
		    (quote == '\0' || s[1] == '"' || s[1] == '\\')) {
			*dst++ = *++s;
		} else
			*dst++ = *s;
	}
	*dst = '\0';
	if (quote == '\0')
		return s;
	rpc_error_set(err, ERR_USAGE, "the quote %c is not closed", quote);
	return NULL;
}

int
cmd_split(const char *line, char ***argv, int *argc, struct rpc_error *err)
{
	char **words, *store;
	int n = 0;

	/* At most one word for two bytes, and the NULL. */
	words = calloc(strlen(line) / 2 + 2, sizeof(*words));
	store = malloc(strlen(line) + 1);
	if (words == NULL || store == NULL)
		abort();
	for (;;) {
		line += strspn(line, " \t\r\n");
		if (*line == '\0' || *line == '#')
			break;
		if ((line = cmd_split_word(line, store, err)) == NULL ||
		    (words[n++] = strdup(store)) == NULL) {
			free(store);
			cmd_split_free(words);
			return -1;
		}
	}
	free(store);
	*argv = words;
	*argc = n;
	return 0;
}

void
cmd_split_free(char **argv)
{
	char **w;

	if (argv == NULL)
		return;
	for (w = argv; *w != NULL; w++)
		free(*w);
	free(argv);
}
