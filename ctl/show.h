/* SPDX-License-Identifier: ISC */
#ifndef LLMD_CTL_SHOW_H
#define LLMD_CTL_SHOW_H

#include "ctl/run.h"

/* Pieces that several show_*.c print. */

/* A raw string, escaped, in printf form with one %s; "" prints nothing. */
void	show_text(const struct out *, const char *before, const char *text,
	    const char *after);
/* {"name":value,...} builders for params. */
struct json_object *show_params(const char *name, const char *value);
/* "a@x > b@y" of an array with a string per tier; the caller frees it. */
char	*show_targets(struct json_object *targets);
/* 1 if name is wanted by a glob (NULL: every name is). */
int	show_matches(const char *pattern, const char *name);
/* Where a pattern matched no row: the error, with the nearest names. */
void	show_no_match(struct run *, const char *what, const char *pattern,
	    struct json_object *rows);

#endif
