/* SPDX-License-Identifier: ISC */
#ifndef LLMD_TUI_SESSION_H
#define LLMD_TUI_SESSION_H

/*
 * What llmtop asks of llmd by itself: after each connection a subscription
 * (from where the last one ended, where llmd still knows it), the kept
 * requests page by page, and the lists that views show.
 */
struct app;
struct link_hooks;

extern const struct link_hooks session_hooks;	/* arg: struct app */

/* Once a second: what has grown old is asked for again. */
void	session_tick(struct app *);

#endif
