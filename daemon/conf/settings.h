/* SPDX-License-Identifier: ISC */
/* Everything that is not a deployment: defaults, environment, sections of the
 * file, command line, in this order. */
#ifndef LLMD_CONF_SETTINGS_H
#define LLMD_CONF_SETTINGS_H

#include "conf/load.h"

void	 settings_apply(struct load *x);

#endif
