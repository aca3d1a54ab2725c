/* SPDX-License-Identifier: ISC */
#ifndef LLMD_TUI_FLOW_H
#define LLMD_TUI_FLOW_H

#include <stddef.h>

#include "tui/term.h"

/*
 * Text that grows and is wrapped at words: a model's answer, help.  It is
 * escaped when it is added.  At most FLOW_MAX bytes are kept; what comes
 * after is counted.
 */
#define FLOW_MAX	(512 * 1024)

struct flow {
	char	*text;
	size_t	 len, cap;
	size_t	 lost;		/* bytes that had no room */
	int	 up;		/* lines scrolled up from the end (or top) */
	int	 from_top;	/* 1: a document; 0: follows its end */
	int	 lines;		/* of the last flow_draw */
	int	 height;
};

void	flow_init(struct flow *, int from_top);
void	flow_fini(struct flow *);
void	flow_add(struct flow *, const struct term *, enum term_role,
	    const char *raw);
void	flow_addf(struct flow *, const struct term *, enum term_role,
	    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* Lines that it has at this width. */
int	flow_lines(const struct flow *, int w);
void	flow_draw(struct flow *, const struct term *, struct rect);
/* Scrolls by so many lines, down > 0. */
void	flow_scroll(struct flow *, int lines);

#endif
