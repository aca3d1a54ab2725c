/* SPDX-License-Identifier: ISC */
#ifndef LLMD_TUI_ASK_H
#define LLMD_TUI_ASK_H

#include <stddef.h>

/*
 * Questions: a line of text, a choice from a list, yes or no.  Each takes
 * the keys until it is answered; the callback comes last, when the question
 * is gone, and arg belongs to whoever asked: it is handed to the callback
 * exactly once, also when the user does not want to answer.
 */
struct app;
struct flow;

/* text: what was typed, NULL: given up. */
typedef void (*ask_text_cb)(struct app *, const char *text, void *arg);
/* While it is typed, and once more before the end; may be NULL. */
typedef void (*ask_change_cb)(struct app *, const char *text, void *arg);
/* Tab: completes *text (EDIT_MAX bytes); may be NULL. */
typedef void (*ask_complete_cb)(struct app *, char *text, void *arg);
/* choice: its index, -1: none. */
typedef void (*ask_pick_cb)(struct app *, int choice, const char *text,
	    void *arg);
typedef void (*ask_yes_cb)(struct app *, int yes, void *arg);

struct ask_text {
	const char	*label;		/* raw; copied */
	const char	*initial;
	ask_text_cb	 done;
	ask_change_cb	 change;
	ask_complete_cb	 complete;
	void		*arg;
};

void	ask_text(struct app *, const struct ask_text *);
/* items: n raw strings, copied.  Typing narrows the list. */
void	ask_pick(struct app *, const char *title, const char *const *items,
	    size_t n, ask_pick_cb, void *arg);
/* body: what is asked about, taken (its memory, not the struct). */
void	ask_yes(struct app *, const char *title, const char *question,
	    const struct flow *body, ask_yes_cb, void *arg);

#endif
