/* SPDX-License-Identifier: ISC */
#ifndef LLMD_TUI_FRAME_H
#define LLMD_TUI_FRAME_H

#include "tui/term.h"

/*
 * What surrounds a view: header, tabs, footer, message line.  Smaller
 * terminals lose the charts first, then details, then the tabs, then the
 * footer; nothing is too small.
 */
struct app;

#define FRAME_WIDE_COLS	120	/* from here on list and details at once */
#define FRAME_WIDE_ROWS	36
#define FRAME_TABS	16	/* rows that tabs, ... need */
#define FRAME_DETAIL	18
#define FRAME_FULL	20
#define FRAME_TITLES	9	/* below: no table heads */

/* Draws the whole screen. */
void	frame_draw(struct app *);
/* 1 if it is wide and high enough for panes beside the list. */
int	frame_is_wide(void);

#endif
