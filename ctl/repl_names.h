/* SPDX-License-Identifier: ISC */
#ifndef LLMD_CTL_REPL_NAMES_H
#define LLMD_CTL_REPL_NAMES_H

#include <stdint.h>

#include "ctl/run.h"

/*
 * Live names for completion: models, targets and request ids as llmd knows
 * them, asked for with a budget of 100 ms and kept for 5 s.  Without llmd
 * there are none, silently.
 */
struct repl_names {
	struct run		*run;
	struct json_object	*models;	/* of model.list, or NULL */
	struct json_object	*requests;	/* of request.list, or NULL */
	int64_t			 models_ms;	/* when asked */
	int64_t			 requests_ms;
};

void	repl_names_init(struct repl_names *, struct run *);
void	repl_names_fini(struct repl_names *);
/* A cmd_names_cb; arg is a struct repl_names. */
void	repl_names_emit(enum cmd_type, const char *prefix, cmd_emit_cb emit,
	    void *emit_arg, void *arg);

#endif
