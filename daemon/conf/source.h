/* SPDX-License-Identifier: ISC */
/*
 * The files that a configuration was made from, kept as they were read: a
 * change of a route builds the next snapshot from the same texts.
 */
#ifndef LLMD_CONF_SOURCE_H
#define LLMD_CONF_SOURCE_H

#include <sys/types.h>

#include "conf/remark.h"

struct source {
	char			*name;		/* as asked for */
	char			*data;
	struct remark_file	 file;
	mode_t			 mode;		/* 0: not a file */
};

struct source_set {
	unsigned	 refs;
	bool		 closed;		/* nothing more is read */
	struct source	**v;
	unsigned	 n;
};

struct source_set *source_set_new(void);
struct source_set *source_set_ref(struct source_set *s);
void	 source_set_unref(struct source_set *s);

/*
 * The source with this name, read now unless it is there; shown to people as
 * name.  "-" is standard input.  Only the first may be anything but a regular
 * file.  NULL with *cause, malloc'd.
 */
const struct source *source_get(struct source_set *s, const char *name,
	    char **cause);
/* Adds a text under a name; it is copied. */
const struct source *source_add(struct source_set *s, const char *name,
	    struct span text);

#endif
