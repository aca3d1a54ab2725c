/* SPDX-License-Identifier: ISC */
/* Routes changed at run time, applied to a snapshot being built. */
#ifndef LLMD_CONF_OVERRIDE_H
#define LLMD_CONF_OVERRIDE_H

#include "conf/load.h"

/* Those that cannot be applied are left out with a warning. */
void	 override_apply_all(struct load *x, const struct conf_override *ov,
	    unsigned n);
/* See conf_override_check. */
int	 override_check(const struct conf *c, const char *model,
	    const char *target, char **cause, char **candidates);

#endif
