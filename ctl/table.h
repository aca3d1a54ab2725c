/* SPDX-License-Identifier: ISC */
#ifndef LLMD_CTL_TABLE_H
#define LLMD_CTL_TABLE_H

#include <stdint.h>

#include "ctl/out.h"

/*
 * A table for people or for awk, as `struct out` says.  Cells are added row
 * by row, in the order of the columns; all of it is printed by table_print.
 */
enum table_align {
	TABLE_LEFT,
	TABLE_RIGHT,
	TABLE_UNDER		/* right among themselves, under the title */
};

struct table_column {
	const char		*title;
	enum table_align	 align;
	int			 keep;	/* the lowest goes first if narrow */
};

enum table_unit {
	TABLE_MS,		/* 312ms; raw: milliseconds */
	TABLE_AGE,		/* 4.1s; raw: milliseconds */
	TABLE_COUNT,		/* 1,204 */
	TABLE_PLAIN,		/* 32768 */
	TABLE_RATE		/* 38.9 */
};

struct table;

struct table	*table_new(const struct out *, const struct table_column *,
		    int columns);
void		 table_free(struct table *);
/* A raw string (NULL: none), escaped here. */
void		 table_text(struct table *, const char *);
/* A raw string as a state word in its colour. */
void		 table_state(struct table *, const char *);
/* A number; NAN: none. */
void		 table_number(struct table *, double, enum table_unit);
void		 table_print(struct table *);

#endif
