/* SPDX-License-Identifier: ISC */
/* The servers that deployments live on, and the short names of both. */
#ifndef LLMD_CONF_BACKEND_H
#define LLMD_CONF_BACKEND_H

#include "conf/load.h"
#include "conf/providers.h"
#include "conf/url.h"

/*
 * The backend of u, made if it is new.  The usual names of this machine are
 * one host.  ca is a file or NULL; p is the provider that lives there.
 */
struct backend *backend_get(struct load *x, const struct url *u, bool verify,
	    const char *ca, const struct provider *p);
/* Gives all backends their short names (design.md 2), then all deployments
 * their labels. */
void	 backend_name_all(struct load *x);

#endif
