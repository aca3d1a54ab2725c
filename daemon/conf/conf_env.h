/* SPDX-License-Identifier: ISC */
#ifndef LLMD_CONF_CONF_ENV_H
#define LLMD_CONF_CONF_ENV_H

#include "conf/world.h"

/* Remembers that a secret came from this variable, for conf_env_seal. */
void	 conf_env_mark(struct conf_env *e, const char *name);

#endif
