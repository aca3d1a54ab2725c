/* SPDX-License-Identifier: ISC */
#ifndef LLMD_TUI_TERM_H
#define LLMD_TUI_TERM_H

#include <stddef.h>

/*
 * The terminal: curses on and off, colours by role, and the only functions
 * that put text on the screen.  They escape what they are given
 * (proto/text), so that nothing from outside can drive the terminal, and cut
 * it to the columns given.
 */
enum term_role {
	TERM_TEXT,
	TERM_DIM,
	TERM_BOLD,
	TERM_GOOD,
	TERM_WARN,
	TERM_BAD,
	TERM_ACCENT,		/* what lives: streams, bars */
	TERM_TITLE,		/* table heads, box titles */
	TERM_KEY,		/* a key in a footer */
	TERM_TAB,		/* the view that is shown */
	TERM_ROLES
};

enum term_glyph {
	TERM_HLINE,
	TERM_VLINE,
	TERM_CORNER_TL,
	TERM_CORNER_TR,
	TERM_CORNER_BL,
	TERM_CORNER_BR,
	TERM_BRANCH,		/* a child that has a sister below */
	TERM_BRANCH_LAST,
	TERM_ARROW,		/* the selected row */
	TERM_ELLIPSIS,
	TERM_SHADE,		/* a bar's rest */
	TERM_BLOCK,		/* a bar */
	TERM_GLYPHS
};

struct rect {
	int	y, x, h, w;
};

struct term {
	int	 ascii;			/* draw with ASCII only */
	int	 select;		/* draw as the selected row */
	int	 frozen;		/* draw dim: old data */
	unsigned roles[TERM_ROLES];	/* curses attributes */
};

/*
 * Takes the terminal.  0, or -1 with *why (a constant sentence).  The
 * terminal is given back by term_close, and by the handlers that this sets
 * for SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT.
 */
int	term_open(struct term *, int ascii, const char **why);
void	term_close(void);
/* Stops the job as Ctrl-Z does everywhere, and comes back. */
void	term_suspend(void);

/*
 * Writes raw text into at most w columns at y, x; returns the columns used.
 * term_right puts it at the right end of them.
 */
int	term_put(const struct term *, int y, int x, int w, enum term_role,
	    const char *raw);
int	term_right(const struct term *, int y, int x, int w, enum term_role,
	    const char *raw);
int	term_printf(const struct term *, int y, int x, int w, enum term_role,
	    const char *fmt, ...) __attribute__((format(printf, 6, 7)));
/* Columns that term_put would use for all of it. */
int	term_width(const struct term *, const char *raw);
/* Blanks w columns (with the selected row's colour, where it is one). */
void	term_blank(const struct term *, int y, int x, int w);
void	term_hline(const struct term *, int y, int x, int w);
/* A frame along the inner edge of r, and what is left inside. */
struct rect term_box(const struct term *, struct rect r, const char *title);
const char *term_glyph_get(const struct term *, enum term_glyph);

#endif
