/* SPDX-License-Identifier: ISC */
/* config.reload, and what all mutators of the configuration share. */
#include "control/method_config.h"

#include <json-c/json.h>

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "control/call.h"
#include "control/core.h"
#include "control/method.h"

struct method_config_wait {
	struct call		*call;
	struct json_object	*result;
	bool			 ready;		/* result is set */
	bool			 published;
};

bool
method_config_again(struct call *call)
{
	const char *idem = rpc_param_str(call->params, "idem", NULL);
	struct json_object *was;

	if (idem == NULL)
		return false;
	was = change_idem_get(call->ctl->a.change,
	    rpc_methods[call->row].name, idem);
	if (was == NULL)
		return false;
	call_reply(call, json_object_get(was));
	return true;
}

void
method_config_ask(const struct call *call, struct change_ask *ask, char *who,
    size_t size)
{
	call_who(call, who, size);
	ask->who = who;
	ask->why = rpc_param_str(call->params, "reason", NULL);
	ask->if_rev = rpc_param_int(call->params, "if_rev", -1);
	ask->dry_run = rpc_param_bool(call->params, "dry_run", 0);
}

static void
method_config_done(void *arg)
{
	struct method_config_wait *w = arg;

	w->published = true;
	if (!w->ready)
		return;
	call_reply(w->call, w->result);
	free(w);
}

struct method_config_wait *
method_config_wait_new(struct call *call)
{
	struct method_config_wait *w = xcalloc(1, sizeof *w);

	w->call = call;
	return w;
}

change_done_cb
method_config_done_cb(void)
{
	return method_config_done;
}

void
method_config_finish(struct method_config_wait *w, enum change_result rc,
    struct rpc_error *err, struct json_object *result)
{
	struct call *call = w->call;
	const char *idem = rpc_param_str(call->params, "idem", NULL);

	if (rc == CHANGE_REFUSED) {
		free(w);
		call_fail(call, err);
		return;
	}
	if (idem != NULL && !rpc_param_bool(call->params, "dry_run", 0))
		change_idem_put(call->ctl->a.change,
		    rpc_methods[call->row].name, idem, result);
	/* Answered when the workers have it, and never before. */
	w->result = result;
	w->ready = true;
	if (rc == CHANGE_ANSWERED || w->published)
		method_config_done(w);
}

void
method_config_reload(struct call *call)
{
	struct method_config_wait *w;
	struct json_object *result = NULL;
	enum change_result rc;
	struct change_ask ask;
	struct rpc_error err;
	char who[96];

	if (method_config_again(call))
		return;
	rpc_error_init(&err);
	method_config_ask(call, &ask, who, sizeof who);
	w = method_config_wait_new(call);
	rc = change_reload(call->ctl->a.change, &ask, &err, &result,
	    method_config_done, w);
	if (rc == CHANGE_PENDING)
		log_info("configuration reloaded by %s", who);
	method_config_finish(w, rc, &err, result);
}
