/* SPDX-License-Identifier: ISC */
#ifndef LLMD_CTL_OFFLINE_H
#define LLMD_CTL_OFFLINE_H

#include "ctl/out.h"

/* What works without llmd: version, help, and how errors look. */
struct rpc_error;

/* Help on one command, or on all (-1), to stdout; returns 0. */
int	offline_help_print(int cmd);
/* "llmctl (llmd) 0.1.0"; returns 0. */
int	offline_version_print(void);

/*
 * The error form: message, did-you-mean, details, and the next step last; to
 * stderr.  In JSON formats one object on one line.
 */
void	offline_error_print(const struct out *, const struct rpc_error *);

#endif
