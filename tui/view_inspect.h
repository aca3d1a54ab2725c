/* SPDX-License-Identifier: ISC */
#ifndef LLMD_TUI_VIEW_INSPECT_H
#define LLMD_TUI_VIEW_INSPECT_H

#include "tui/term.h"

/* One request: what happened to it and when. */
struct app;
struct row;

/* The inspected request, or NULL when the inspector is not open. */
const struct row *view_inspect_row(struct app *);
/* Draws the timeline of a request; returns the lines used. */
int	view_inspect_timeline(struct app *, const struct row *, struct rect);

#endif
