/* SPDX-License-Identifier: ISC */
/* Collects what is to be said about a configuration, with its place. */
#ifndef LLMD_CONF_REMARK_H
#define LLMD_CONF_REMARK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/* A remark about the file: shown all at once, with a caret. */
enum conf_level { CONF_ERROR, CONF_WARNING };
struct conf_remark {
	enum conf_level	 level;
	char		*file;		/* as given on the command line */
	unsigned	 line;		/* from 1; 0: about the whole file */
	unsigned	 column;	/* from 1, in characters */
	unsigned	 width;		/* of the caret, at least 1 */
	char		*key;		/* "model_list[2].model_name" */
	char		*text;		/* one sentence without a full stop */
	char		*hint;		/* next step, or NULL */
	char		*source;	/* that line, secrets masked, or NULL */
	unsigned	 more;		/* the same again elsewhere */
	bool		 told;		/* conf_summary says it too */
	unsigned	 order;		/* of its file, for sorting */
};

/* At most CONF_REMARKS_MAX are kept; the others only count. */
#define CONF_REMARKS_MAX	1000
struct conf_remarks {
	struct conf_remark	*v;
	unsigned		 n;
	unsigned		 errors;
	unsigned		 warnings;
};

/* A text with a name: a file, standard input, the command line. */
struct remark_file {
	const char	*path;		/* as people know it */
	unsigned	 order;		/* main file 0, includes after it */
	struct span	 text;
};

struct remark_mark {
	const struct remark_file *file;
	unsigned	 line;		/* from 1; 0: the whole file */
	unsigned	 column;	/* from 1, in characters */
	unsigned	 width;
};

/*
 * Adds one; key and hint may be NULL.  A second warning with the same text
 * only raises the first one's `more`; errors are all shown.
 */
void	 remark_add(struct conf_remarks *r, enum conf_level level,
	    const struct remark_mark *at, const char *key, const char *hint,
	    const char *fmt, ...) __attribute__((format(printf, 6, 7)));
/* By file, line and column, those about a whole file first. */
void	 remark_sort(struct conf_remarks *r);
void	 remark_fini(struct conf_remarks *r);
/* malloc'd: as compilers print them, with source line and caret; all: those
 * that are told elsewhere too. */
char	*remark_text(const struct conf_remarks *r, bool all);

#endif
