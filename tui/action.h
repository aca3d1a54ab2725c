/* SPDX-License-Identifier: ISC */
#ifndef LLMD_TUI_ACTION_H
#define LLMD_TUI_ACTION_H

/* Things that keys of several views do; the rest is in tui/bindings.h. */
struct app;

/* request.cancel for an id as ps prints it; says what came of it. */
void	action_cancel_id(struct app *, const char *id);

#endif
