/* SPDX-License-Identifier: ISC */
#ifndef LLMD_TUI_PAGER_H
#define LLMD_TUI_PAGER_H

/* Text over the whole body, scrolled: help, the answer of a command. */
struct app;
struct flow;

/* text is taken (its memory, not the struct). */
void	pager_open(struct app *, const char *title, const struct flow *text);

#endif
