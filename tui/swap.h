/* SPDX-License-Identifier: ISC */
#ifndef LLMD_TUI_SWAP_H
#define LLMD_TUI_SWAP_H

/*
 * Changing a route, in three steps: llmd checks it (dry run), the user sees
 * before and after and says yes, and it is set, unless the revision has moved
 * meanwhile.
 */
struct app;
struct json_object;

/* targets: an array with a string for each tier, taken. */
void	swap_begin(struct app *, const char *model,
	    struct json_object *targets);
/* Takes back what was set last here. */
void	swap_undo(struct app *);
/* The targets as words of `llmctl route set`; NULL: words cannot say it. */
const char *swap_words(struct json_object *targets, char *dst, unsigned cap);

#endif
