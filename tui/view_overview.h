/* SPDX-License-Identifier: ISC */
#ifndef LLMD_TUI_VIEW_OVERVIEW_H
#define LLMD_TUI_VIEW_OVERVIEW_H

#include "tui/term.h"

/* Panes beside the list of requests, where the terminal has room. */
struct app;

/* Three boxes: traffic, latency, backends. */
void	view_overview_draw(struct app *, struct rect);
/* The newest log lines, the last at the bottom. */
void	view_overview_log(struct app *, struct rect);

#endif
