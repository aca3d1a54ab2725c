/* SPDX-License-Identifier: ISC */
/* request.list, request.cancel. */
#include <json-c/json.h>

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/jout.h"
#include "base/log.h"
#include "base/mbox.h"
#include "base/xmalloc.h"
#include "conf/conf.h"
#include "control/call.h"
#include "control/change.h"
#include "control/core.h"
#include "control/method.h"
#include "exchange/exchange.h"
#include "observe/live.h"
#include "observe/pump.h"
#include "observe/row.h"
#include "worker.h"

#define METHOD_REQUEST_LIMIT	100
#define METHOD_REQUEST_BYTES	(RPC_REPLY_MAX - 8192)

/* "7f3a", or the end of "req_<instance>_7f3a". */
static bool
method_request_id(const char *s, uint64_t *id)
{
	const char *u = strrchr(s, '_');
	char *end;

	if (u != NULL)
		s = u + 1;
	if (*s == '\0' || strlen(s) > 16 ||
	    strspn(s, "0123456789abcdefABCDEF") != strlen(s))
		return false;
	*id = strtoull(s, &end, 16);
	return true;
}

static bool
method_request_bad_id(struct call *call, const char *s)
{
	struct rpc_error err;

	rpc_error_init(&err);
	rpc_error_set(&err, ERR_INVALID_PARAM, "'%.60s' is no request id",
	    s);
	rpc_error_field(&err, "id");
	rpc_error_hint(&err, "llmctl ps");
	call_fail(call, &err);
	return false;
}

/* What a list is asked for, and where it is. */
struct method_request_list {
	const struct live	*live;
	const char		*model;
	uint64_t		 id;
	bool			 has_id;
	uint64_t		 now;
	int64_t			 offset, limit;
	int64_t			 total;
	int64_t			 rows;
	struct buf		 b;
};

static void
method_request_row(struct method_request_list *q, const struct live_row *r)
{
	const char *model = row_model(q->live, r);

	if (r->start_ns == 0 || (q->has_id && r->id != q->id) ||
	    (q->model != NULL && (model == NULL ||
	    strcmp(model, q->model) != 0)))
		return;
	if (q->total++ < q->offset || q->rows >= q->limit ||
	    q->b.n >= METHOD_REQUEST_BYTES)
		return;
	buf_addz(&q->b, q->rows++ > 0 ? ",{" : "{");
	row_json(&q->b, q->live, r, q->now);
	buf_lit(&q->b, "}");
}

void
method_request_list(struct call *call)
{
	struct control *c = call->ctl;
	const char *state = rpc_param_str(call->params, "state", "live");
	const char *id = rpc_param_str(call->params, "id", NULL);
	struct method_request_list q = { .live = c->a.live };
	const struct live_row *r;
	struct buf out = { 0 };

	if (id != NULL && !method_request_id(id, &q.id) &&
	    !method_request_bad_id(call, id))
		return;
	pump_run(c->a.pump);
	q.now = clock_ns();
	q.has_id = id != NULL;
	q.model = rpc_param_str(call->params, "model", NULL);
	q.offset = rpc_param_int(call->params, "offset", 0);
	q.limit = rpc_param_int(call->params, "limit", METHOD_REQUEST_LIMIT);
	if (strcmp(state, "done") != 0)
		for (r = live_first(q.live); r != NULL; r = live_next(r))
			method_request_row(&q, r);
	if (strcmp(state, "live") != 0)
		for (r = live_done_first(q.live); r != NULL;
		    r = live_next(r))
			method_request_row(&q, r);
	buf_addf(&out, "{\"rev\":%llu,\"cursor\":\"%s.%llu\",\"total\":%lld,"
	    "\"next_offset\":",
	    (unsigned long long)change_conf(c->a.change)->rev,
	    c->a.instance, (unsigned long long)live_seq(q.live),
	    (long long)q.total);
	if (q.rows > 0 && q.offset + q.rows < q.total)
		jout_i64(&out, q.offset + q.rows);
	else
		buf_lit(&out, "null");
	buf_lit(&out, ",\"requests\":[");
	buf_adds(&out, buf_span(&q.b));
	buf_lit(&out, "]}");
	buf_fini(&q.b);
	call_reply_text(call, &out);
}

/*
 * Cancel.
 */

struct method_request_order {
	struct mbox_msg		 msg;
	uint64_t		 id;
};

static void
method_request_order_run(struct mbox_msg *m, void *arg)
{
	struct method_request_order *o = (struct method_request_order *)m;
	struct exchange *x = exchange_find(arg, o->id);

	if (x != NULL)
		exchange_cancel(x);
	free(o);
}

static void
method_request_order_drop(struct mbox_msg *m)
{
	free(m);
}

static void
method_request_gone(struct call *call, const char *s,
    const struct live_row *r)
{
	struct rpc_error err;

	rpc_error_init(&err);
	rpc_error_set(&err, ERR_NOT_FOUND, r != NULL ?
	    "request %.60s has ended" : "no request %.60s is in flight", s);
	rpc_error_field(&err, "id");
	rpc_error_hint(&err, "llmctl ps");
	call_fail(call, &err);
}

static void
method_request_log(const struct call *call, const char *id)
{
	const char *why = rpc_param_str(call->params, "reason", NULL);
	char who[96];

	call_who(call, who, sizeof who);
	log_info("request %.40s cancelled by %s%s%.200s", id, who,
	    why == NULL ? "" : ": ", why == NULL ? "" : why);
}

void
method_request_cancel(struct call *call)
{
	struct control *c = call->ctl;
	const char *s = rpc_param_str(call->params, "id", "");
	struct method_request_order *o;
	const struct live_row *r;
	struct buf b = { 0 };
	const char *label, *at;
	uint64_t id = 0, now;
	int w;

	if (!method_request_id(s, &id) && !method_request_bad_id(call, s))
		return;
	pump_run(c->a.pump);
	now = clock_ns();
	r = live_find(c->a.live, id);
	w = workers_of_id(c->a.workers, id);
	if (r == NULL || r->done || r->start_ns == 0 || w < 0) {
		method_request_gone(call, s, r);
		return;
	}
	o = xcalloc(1, sizeof *o);
	o->msg.run = method_request_order_run;
	o->msg.drop = method_request_order_drop;
	o->id = id;
	mbox_post(workers_mbox(c->a.workers, (unsigned)w), &o->msg);
	method_request_log(call, s);
	label = live_name(c->a.live, r->deploy);
	at = label == NULL ? NULL : strrchr(label, '@');
	buf_lit(&b, "{\"id\":\"");
	jout_hex(&b, id);
	buf_lit(&b, "\",\"model\":");
	if (row_model(c->a.live, r) != NULL)
		jout_strz(&b, row_model(c->a.live, r));
	else
		buf_lit(&b, "null");
	buf_lit(&b, ",\"upstream\":");
	if (at != NULL)
		jout_str(&b, (struct span){ label, (size_t)(at - label) });
	else
		buf_lit(&b, "null");
	buf_lit(&b, ",\"backend\":");
	if (at != NULL)
		jout_strz(&b, at + 1);
	else
		buf_lit(&b, "null");
	buf_addf(&b, ",\"phase\":\"%s\",\"age_ms\":", row_phase(r));
	jout_ms(&b, now > r->start_ns ? now - r->start_ns : 0);
	buf_lit(&b, ",\"tokens_out\":");
	if (r->out > 0)
		jout_u64(&b, r->out);
	else
		buf_lit(&b, "null");
	buf_lit(&b, "}");
	call_reply_text(call, &b);
}
