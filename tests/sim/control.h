/* SPDX-License-Identifier: ISC */
#ifndef LLMD_SIM_CONTROL_H
#define LLMD_SIM_CONTROL_H

#include "sim.h"

/* The endpoints under /__sim/, described in README.md. */
struct control	*control_new(struct sim *);
void		 control_free(struct control *);
void		 control_handle(struct sim_call *);
/* The connection of a waiting call is gone. */
void		 control_forget(struct control *, struct conn *);

#endif
