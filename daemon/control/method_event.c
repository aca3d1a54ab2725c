/* SPDX-License-Identifier: ISC */
/* event.subscribe: a snapshot and its cursor in one step, then what follows. */
#include <json-c/json.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xmalloc.h"
#include "conf/conf.h"
#include "control/call.h"
#include "control/change.h"
#include "control/core.h"
#include "control/feed.h"
#include "control/method.h"
#include "observe/live.h"
#include "observe/pump.h"
#include "observe/row.h"

#define METHOD_EVENT_ROWS	256
#define METHOD_EVENT_BYTES	(RPC_REPLY_MAX - 8192)

/* "<instance>.<seq>": 0, or -1 with err. */
static int
method_event_cursor(const struct control *c, const char *cursor,
    uint64_t *seq, struct rpc_error *err)
{
	const char *dot = strrchr(cursor, '.');
	struct span s;

	if (dot != NULL) {
		s = span_z(dot + 1);
		if (span_u64(s, seq)) {
			s = (struct span){ cursor, (size_t)(dot - cursor) };
			if (span_eq(s, c->a.instance))
				return 0;
			rpc_error_set(err, ERR_CURSOR, "llmd was restarted "
			    "since that cursor");
			rpc_error_field(err, "after");
			rpc_error_hint(err, "subscribe without after");
			return -1;
		}
	}
	rpc_error_set(err, ERR_INVALID_PARAM, "after: this is no cursor");
	rpc_error_field(err, "after");
	return -1;
}

static void
method_event_expired(const struct control *c, struct rpc_error *err)
{
	rpc_error_set(err, ERR_CURSOR, "the cursor is too old: the oldest is "
	    "%s.%llu", c->a.instance,
	    (unsigned long long)live_oldest(c->a.live));
	rpc_error_field(err, "after");
	rpc_error_hint(err, "subscribe without after: a snapshot heals it");
}

static struct subscription *
method_event_new(struct call *call)
{
	struct peer *p = call->peer;
	struct subscription *s = xcalloc(1, sizeof *s);
	struct json_object *topics, *o;
	double hz = rpc_param_num(call->params, "rate_hz", 10);
	size_t i, n;
	int t;

	snprintf(s->name, sizeof s->name, "s%u", ++p->sub_count);
	s->peer = p;
	s->progress_ms = (uint32_t)(1000 / hz);
	s->queue = sub_queue_new(s->name, call->ctl->a.instance,
	    (size_t)rpc_param_int(call->params, "buffer", SUB_BUFFER));
	json_object_object_get_ex(call->params, "topics", &topics);
	n = json_object_array_length(topics);
	for (i = 0; i < n; i++) {
		o = json_object_array_get_idx(topics, i);
		t = sub_topic_find(json_object_get_string(o));
		if (t >= 0)
			s->topics[t] = true;
	}
	TAILQ_INSERT_TAIL(&p->subs, s, entry);
	p->nsubs++;
	call->ctl->nsubs++;
	return s;
}

static void
method_event_snapshot(struct control *c, const struct subscription *s,
    struct buf *b)
{
	const struct live_row *r = s->topics[TOPIC_REQUEST] ?
	    live_first(c->a.live) : NULL;
	uint64_t now = clock_ns();
	unsigned n = 0;

	buf_addf(b, "{\"rev\":%llu,\"requests\":[",
	    (unsigned long long)change_conf(c->a.change)->rev);
	for (; r != NULL && n < METHOD_EVENT_ROWS &&
	    b->n < METHOD_EVENT_BYTES; r = live_next(r), n++) {
		buf_addz(b, n > 0 ? ",{" : "{");
		row_json(b, c->a.live, r, now);
		buf_lit(b, "}");
	}
	buf_addf(b, "],\"requests_total\":%u,\"metrics\":",
	    live_count(c->a.live));
	if (s->topics[TOPIC_METRICS]) {
		buf_lit(b, "{");
		feed_metrics(c, b);
		buf_lit(b, "}");
	} else
		buf_lit(b, "null");
	buf_lit(b, "}");
}

static void
method_event_replay_cb(const struct live_event *ev, void *arg)
{
	struct subscription *s = arg;

	feed_give(s->peer->ctl, s, ev);
}

/* What this version refuses, and what never can be: -1 with err. */
static int
method_event_check(const struct call *call, struct rpc_error *err)
{
	const char *text = rpc_param_str(call->params, "text", "none");
	struct json_object *topics;

	json_object_object_get_ex(call->params, "topics", &topics);
	if (strcmp(text, "none") != 0) {
		rpc_error_set(err, ERR_UNSUPPORTED, "text '%s' is not "
		    "supported by this version: only none", text);
		rpc_error_field(err, "text");
		return -1;
	}
	if (json_object_array_length(topics) == 0) {
		rpc_error_set(err, ERR_INVALID_PARAM, "topics: at least one "
		    "is needed");
		rpc_error_field(err, "topics");
		return -1;
	}
	if (call->peer->nsubs >= PEER_SUBS) {
		rpc_error_set(err, ERR_BUSY, "a connection has at most %d "
		    "subscriptions", PEER_SUBS);
		rpc_error_hint(err, "event.unsubscribe");
		return -1;
	}
	return 0;
}

void
method_event_subscribe(struct call *call)
{
	struct control *c = call->ctl;
	const char *after = rpc_param_str(call->params, "after", NULL);
	struct subscription *s;
	struct rpc_error err;
	struct buf b = { 0 };
	uint64_t seq = 0;

	rpc_error_init(&err);
	if (method_event_check(call, &err) != 0 || (after != NULL &&
	    method_event_cursor(c, after, &seq, &err) != 0)) {
		call_fail(call, &err);
		return;
	}
	pump_run(c->a.pump);
	s = method_event_new(call);
	if (after != NULL && !live_replay(c->a.live, seq,
	    method_event_replay_cb, s)) {
		feed_unsubscribe(s);
		method_event_expired(c, &err);
		call_fail(call, &err);
		return;
	}
	buf_addf(&b, "{\"sub\":\"%s\",\"cursor\":\"%s.%llu\",\"resumed\":%s,"
	    "\"snapshot\":", s->name, c->a.instance,
	    (unsigned long long)live_seq(c->a.live),
	    after != NULL ? "true" : "false");
	if (rpc_param_bool(call->params, "snapshot", 1))
		method_event_snapshot(c, s, &b);
	else
		buf_lit(&b, "null");
	buf_lit(&b, "}");
	call_reply_text(call, &b);
	control_pace(c);
}

void
method_event_unsubscribe(struct call *call)
{
	const char *name = rpc_param_str(call->params, "sub", "");
	struct json_object *o;
	struct subscription *s;
	struct rpc_error err;

	TAILQ_FOREACH(s, &call->peer->subs, entry)
		if (strcmp(s->name, name) == 0)
			break;
	if (s == NULL) {
		rpc_error_init(&err);
		rpc_error_set(&err, ERR_NOT_FOUND, "no subscription '%.40s' "
		    "on this connection", name);
		rpc_error_field(&err, "sub");
		call_fail(call, &err);
		return;
	}
	o = json_object_new_object();
	json_object_object_add(o, "sub", json_object_new_string(s->name));
	json_object_object_add(o, "sent",
	    json_object_new_int64((int64_t)sub_queue_sent(s->queue)));
	json_object_object_add(o, "dropped",
	    json_object_new_int64((int64_t)sub_queue_dropped(s->queue)));
	feed_unsubscribe(s);
	control_pace(call->ctl);
	call_reply(call, o);
}
