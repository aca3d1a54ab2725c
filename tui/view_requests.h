/* SPDX-License-Identifier: ISC */
#ifndef LLMD_TUI_VIEW_REQUESTS_H
#define LLMD_TUI_VIEW_REQUESTS_H

#include "tui/widget/table.h"

/* The list of requests: live ones first, then the ended, newest first. */
struct app;
struct row;

#define VIEW_REQUESTS_COLUMNS	14
extern const struct table_column view_requests_columns[];

/* Fills the cells of a row. */
void	view_requests_cells(const struct row *, double now,
	    struct table_cell *);
/* The selected request, or NULL. */
const struct row *view_requests_row(struct app *);
/* Selects the next (+1) or the previous (-1) one; NULL: there is none. */
const struct row *view_requests_step(struct app *, int by);

#endif
