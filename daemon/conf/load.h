/* SPDX-License-Identifier: ISC */
/* One load of a configuration: what its steps share, and the first of them,
 * from files to one tree without includes and variables. */
#ifndef LLMD_CONF_LOAD_H
#define LLMD_CONF_LOAD_H

#include "conf/conf.h"
#include "conf/schema.h"
#include "conf/source.h"
#include "conf/yaml.h"

struct load {
	struct conf_world	*world;
	const struct conf_options *o;
	struct conf		*c;		/* being built */
	struct conf_remarks	*r;
	struct source_set	*sources;
	struct arena		 nodes;		/* of the tree */
	struct yaml_node	*root;		/* a mapping, never NULL */
	struct remark_mark	 at;		/* the whole file */
	struct map		*env;		/* over the process's own */
	struct map		*unset;		/* name -> remark + 1 */
	struct map		*ids;		/* deployments of this load */
	struct map		*backends;	/* by what makes them one */
	struct schema_extra	 extra;
	struct schema_ctx	 schema;
	double			*weights;	/* as given, by deployment */
	uint32_t		*tpms;
	const char		**aliases;	/* the model that serves it */
	bool			 literal_secret; /* a key stands in the file */
};

/* Fills root; false if there is none to go on with.  Errors in r. */
bool	 load_tree(struct load *x);
/* A variable as the configuration sees it, or NULL. */
const char *load_env(const struct load *x, const char *name);
/* path relative to the folder of the main file, in x->nodes. */
const char *load_path(struct load *x, const char *path);

#endif
