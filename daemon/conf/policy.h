/* SPDX-License-Identifier: ISC */
/* Who gets in, and from where: the checks that may refuse the start. */
#ifndef LLMD_CONF_POLICY_H
#define LLMD_CONF_POLICY_H

#include "conf/load.h"

/* The master key, as row 0 of the snapshot's key table; sets open. */
void	 policy_set_key(struct load *x);
/* Addresses, TLS files, permissions of the file. */
void	 policy_check(struct load *x);

#endif
