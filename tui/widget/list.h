/* SPDX-License-Identifier: ISC */
#ifndef LLMD_TUI_LIST_H
#define LLMD_TUI_LIST_H

/* A selection in a scrolled list of count rows, of which height are shown. */
struct list {
	int	sel;
	int	top;		/* first row shown */
	int	height;		/* of the last list_keep; for pages */
};

enum list_move {
	LIST_UP,
	LIST_DOWN,
	LIST_PAGE_UP,
	LIST_PAGE_DOWN,
	LIST_HOME,
	LIST_END
};

void	list_move(struct list *, enum list_move, int count);
/* Brings sel into range and into sight. */
void	list_keep(struct list *, int count, int height);

#endif
