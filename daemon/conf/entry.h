/* SPDX-License-Identifier: ISC */
/* model_list: from entries to deployments. */
#ifndef LLMD_CONF_ENTRY_H
#define LLMD_CONF_ENTRY_H

#include "conf/load.h"

/* Adds a deployment to the snapshot for each entry, those that cannot be used
 * too; errors and warnings in x->r. */
void	 entry_build_all(struct load *x);
/* Appends d to the snapshot's list and gives it its state, found by id. */
void	 entry_append(struct load *x, struct deploy *d);

#endif
