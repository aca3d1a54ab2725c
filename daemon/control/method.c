/* SPDX-License-Identifier: ISC */
#include "control/method.h"

#include <json-c/json.h>

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "control/call.h"
#include "control/core.h"

#define METHOD_NAME_MAX	100	/* of an unknown one, when it is repeated */

static void (*const method_handlers[])(struct call *) = {
#define METHOD_X(sym, name, role, lane, handler, params, list, help)	\
	handler,
	METHODS(METHOD_X)
#undef METHOD_X
};

const char *
method_role_name(enum method_role r)
{
	static const char *const names[] = { "viewer", "operator", "admin" };

	return names[r];
}

static void
method_permission(struct peer *p, const struct rpc_method *m,
    struct rpc_error *err)
{
	const char *need = method_role_name((enum method_role)m->role);

	rpc_error_set(err, ERR_PERMISSION, "permission denied: %s needs role "
	    "%s, you are %s (uid %lu)", m->name, need,
	    method_role_name(p->role), (unsigned long)p->uid);
	rpc_error_hint(err, "sudo usermod -aG %s %s    (then log in again)",
	    m->role == METHOD_ADMIN ? "llmd-admin" : "llmd-op", p->user);
	log_info("control: refused %s to %s (uid %lu, pid %ld)", m->name,
	    p->user, (unsigned long)p->uid, (long)p->pid);
}

/* The row that may be called, or -1 with err. */
static int
method_row(struct peer *p, const struct rpc_msg *msg, struct rpc_error *err)
{
	int row = rpc_method_find(msg->method);

	if (row < 0) {
		rpc_error_set(err, ERR_RPC_METHOD, "unknown method '%.*s'",
		    METHOD_NAME_MAX, msg->method);
		rpc_method_suggest(msg->method, err);
		rpc_error_hint(err, "llmctl rpc rpc.list");
		return -1;
	}
	if ((int)p->role < rpc_methods[row].role) {
		method_permission(p, &rpc_methods[row], err);
		return -1;
	}
	if (rpc_methods[row].lane != METHOD_FAST &&
	    p->ncalls >= PEER_INFLIGHT) {
		rpc_error_set(err, ERR_BUSY, "%d calls are in flight on this "
		    "connection", PEER_INFLIGHT);
		rpc_error_hint(err, "wait for an answer, or cancel a call");
		return -1;
	}
	if (rpc_params_check(rpc_methods[row].params, msg->params, err) != 0)
		return -1;
	return row;
}

static struct call *
method_call_new(struct peer *p, const struct rpc_msg *msg, int row)
{
	struct call *c = xcalloc(1, sizeof *c);

	c->peer = p;
	c->ctl = p->ctl;
	c->id = json_object_get(msg->id);
	c->params = json_object_get(msg->params);
	c->row = (enum method_row)row;
	TAILQ_INSERT_TAIL(&p->calls, c, entry);
	p->ncalls++;
	return c;
}

/* An error for a message that never became a call. */
static void
method_refuse(struct peer *p, struct json_object *id, struct rpc_error *err)
{
	struct call *c = xcalloc(1, sizeof *c);

	c->peer = p;
	c->ctl = p->ctl;
	c->id = json_object_get(id);
	TAILQ_INSERT_TAIL(&p->calls, c, entry);
	p->ncalls++;
	call_fail(c, err);
}

void
method_dispatch(struct peer *p, const char *line, size_t len)
{
	struct rpc_error err;
	struct rpc_msg msg;
	int row;

	rpc_error_init(&err);
	memset(&msg, 0, sizeof msg);
	if (rpc_parse(line, len, &msg, &err) != 0) {
		method_refuse(p, msg.id, &err);
	} else if (msg.kind == RPC_CALL) {
		row = method_row(p, &msg, &err);
		if (row < 0)
			method_refuse(p, msg.id, &err);
		else
			method_handlers[row](method_call_new(p, &msg, row));
	}
	/* Notices and answers of a client ask for nothing. */
	rpc_error_fini(&err);
	rpc_msg_fini(&msg);
}
