/* SPDX-License-Identifier: ISC */
#ifndef LLMD_SIM_RULES_H
#define LLMD_SIM_RULES_H

#include "script.h"

/*
 * Scripts set at run time for a model, a path or both.  The first rule that
 * fits and is not used up decides; rules that name a model come before those
 * for any model.
 */
struct rules;

struct rules	*rules_new(void);
void		 rules_free(struct rules *);
void		 rules_clear(struct rules *);
/*
 * {"model","path","script" or "scripts","times","append"}: see README.md.
 * Returns 0, or -1 with the reason.
 */
int		 rules_set(struct rules *, const struct json *, struct buf *);
/* A reference to the script of the fitting rule, or NULL; counts a use. */
struct script	*rules_take(struct rules *, const char *model,
		    const char *path, bool by_model);
/* Whether a rule for the path answers before the body is read. */
bool		 rules_early(struct rules *, const char *path);
/* The script of new connections, or NULL: a rule for the path "accept". */
struct script	*rules_accept(struct rules *);
bool		 rules_knows(struct rules *, const char *model);
/* Ends stuck rules of the model; returns how many. */
size_t		 rules_unstick(struct rules *, const char *model);

#endif
