/* SPDX-License-Identifier: ISC */
#ifndef LLMD_TUI_TABLE_H
#define LLMD_TUI_TABLE_H

#include "tui/term.h"

/*
 * Columns that fit.  Each has a least and a greatest width and a rank: where
 * the least widths do not fit, columns of the lowest rank go.  Those that stay
 * get what their contents ask for, the highest rank first, then room up to
 * their least width; a rank of TABLE_LAST or less gets what is left.  Widths
 * grow with the contents and never shrink until table_init, so that nothing
 * jumps.
 */
#define TABLE_COLUMNS	16
#define TABLE_LAST	10
#define TABLE_CELL	160		/* bytes of raw text in a cell */

struct table_column {
	const char	*title;
	int		 right;		/* numbers: to the right */
	int		 min, max;	/* columns */
	int		 rank;		/* the lowest goes first */
};

struct table_cell {
	char		text[TABLE_CELL];
	enum term_role	role;
};

struct table {
	const struct table_column	*columns;
	int				 n;
	int				 want[TABLE_COLUMNS];
	int				 x[TABLE_COLUMNS];
	int				 w[TABLE_COLUMNS];	/* 0: gone */
};

void	table_init(struct table *, const struct table_column *, int n);
/* Takes note of how wide a row's cells are. */
void	table_measure(struct table *, const struct term *,
	    const struct table_cell *);
/* Lays the columns out over so many; returns what they use. */
int	table_fit(struct table *, int width);
void	table_head(const struct table *, const struct term *, int y, int x);
void	table_row(const struct table *, const struct term *, int y, int x,
	    const struct table_cell *);

/* Fills a cell; text is raw.  An empty one shows "-". */
void	table_set(struct table_cell *, enum term_role, const char *text);
void	table_setf(struct table_cell *, enum term_role, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));
/* Numbers: "-" where they are unknown. */
void	table_set_ms(struct table_cell *, double ms);
void	table_set_num(struct table_cell *, double, int decimals);
void	table_set_int(struct table_cell *, long long);

#endif
