/* SPDX-License-Identifier: ISC */
#ifndef LLMD_TUI_EDIT_H
#define LLMD_TUI_EDIT_H

#include "tui/term.h"

/* A line of text being typed: UTF-8, at most EDIT_MAX - 1 bytes. */
#define EDIT_MAX	1024

struct edit {
	char	text[EDIT_MAX];
	size_t	len;
	size_t	at;			/* cursor, in bytes */
};

void	edit_set(struct edit *, const char *text);
/*
 * Takes a key (tui/bindings.h says how keys are numbered): 1 if it was one
 * of editing, else 0.
 */
int	edit_key(struct edit *, int key);
/* Draws the part around the cursor, and puts the cursor there. */
void	edit_draw(const struct edit *, const struct term *, int y, int x,
	    int w);

#endif
