/* SPDX-License-Identifier: ISC */
#ifndef LLMD_TUI_SPARK_H
#define LLMD_TUI_SPARK_H

#include "tui/term.h"

/*
 * A line of n values, oldest first, as a chart one row high, scaled to the
 * greatest of them; values that are not finite or not above 0 are blank.
 */
void	spark_draw(const struct term *, int y, int x, enum term_role,
	    const double *, int n);

#endif
