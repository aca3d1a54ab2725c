/* SPDX-License-Identifier: ISC */
/* What the mutators of the configuration share; inside control/ only. */
#ifndef LLMD_CONTROL_METHOD_CONFIG_H
#define LLMD_CONTROL_METHOD_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "control/change.h"

struct call;
struct json_object;
struct method_config_wait;
struct rpc_error;

/* True: this call was made before (idem); it has its answer. */
bool	 method_config_again(struct call *call);
/* Reads if_rev, dry_run, reason; who holds the caller's name. */
void	 method_config_ask(const struct call *call, struct change_ask *ask,
	    char *who, size_t size);
/*
 * The argument of a mutator's done callback, which must be the one of
 * method_config_done_cb; then hand the mutator's result to _finish, which
 * answers now or lets that callback do it.
 */
struct method_config_wait *method_config_wait_new(struct call *call);
change_done_cb method_config_done_cb(void);
void	 method_config_finish(struct method_config_wait *w,
	    enum change_result rc, struct rpc_error *err,
	    struct json_object *result);

#endif
