/* SPDX-License-Identifier: ISC */
/*
 * test.run: one completion through the same exchange as any client's.  Its
 * text comes from the worker by messages; attempts and the figures of the end
 * come from the live table, as for everybody.
 */
#include "control/method_test.h"

#include <json-c/json.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/jout.h"
#include "base/xmalloc.h"
#include "conf/conf.h"
#include "control/call.h"
#include "control/change.h"
#include "control/core.h"
#include "control/method.h"
#include "control/sink_ctl.h"
#include "observe/live.h"
#include "observe/pump.h"
#include "observe/row.h"
#include "worker.h"

#define TEST_PIECE	16384		/* of text in one line */
#define TEST_PROMPT	"Say hi in five words"
#define TEST_MAX_TOKENS	64
#define TEST_TEXT_MAX	(200 * 1024)	/* of a whole answer */

struct test {
	TAILQ_ENTRY(test)	 entry;
	struct control		*ctl;
	struct call		*call;		/* NULL: it left */
	struct sink_ctl_link	*link;
	uint64_t		 serial;
	uint64_t		 id;		/* 0: not known yet */
	bool			 stream;
	bool			 stopped;	/* by `cancel` */
	uint8_t			 told;		/* attempts told of */
	size_t			 owed;		/* credit not given back */
	struct buf		 text;		/* all of it, or its tail */
	char			*model;
};

static void
method_test_free(struct test *t)
{
	TAILQ_REMOVE(&t->ctl->tests, t, entry);
	sink_ctl_link_free(t->link);
	buf_fini(&t->text);
	free(t->model);
	free(t);
}

static struct test *
method_test_of(struct control *c, uint64_t serial)
{
	struct test *t;

	TAILQ_FOREACH(t, &c->tests, entry)
		if (t->serial == serial)
			return t;
	return NULL;
}

/*
 * Progress.
 */

static void
method_test_begin_line(const struct test *t, const char *kind, struct buf *b)
{
	buf_lit(b, "{\"jsonrpc\":\"2.0\",\"method\":\"progress\",\"params\":"
	    "{\"id\":");
	buf_addz(b, json_object_to_json_string_ext(t->call->id,
	    JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	buf_addf(b, ",\"kind\":\"%s\",\"request\":\"", kind);
	jout_hex(b, t->id);
	buf_lit(b, "\",\"text\":");
}

static void
method_test_line(struct test *t, struct buf *b)
{
	buf_lit(b, "}}\n");
	call_line(t->call, b->p, b->n);
}

static void
method_test_say_text(struct test *t, struct span s)
{
	struct buf b = { 0 };

	method_test_begin_line(t, "text", &b);
	jout_str(&b, s);
	buf_addf(&b, ",\"deployment\":null,\"upstream\":null,"
	    "\"backend\":null,\"attempt\":%u", t->told > 0 ? t->told : 1);
	method_test_line(t, &b);
}

static void
method_test_say_attempt(struct test *t, const struct live_row *r)
{
	struct buf b = { 0 };
	bool retry = t->told > 0;

	method_test_begin_line(t, retry ? "retry" : "start", &b);
	if (retry && r->error_text != NULL)
		jout_strz(&b, r->error_text);
	else if (retry)
		buf_lit(&b, "\"the attempt before it failed\"");
	else
		buf_lit(&b, "null");
	buf_lit(&b, ",");
	row_json_served(&b, t->ctl->a.live, r);
	buf_addf(&b, ",\"attempt\":%u", r->attempts);
	t->told = r->attempts;
	method_test_line(t, &b);
}

void
method_test_event(struct control *c, const struct live_event *ev)
{
	struct test *t;

	TAILQ_FOREACH(t, &c->tests, entry)
		if (t->id == ev->row->id && t->call != NULL &&
		    ev->row->deploy != 0 && ev->row->attempts > t->told)
			method_test_say_attempt(t, ev->row);
}

/* Whole characters only; what is cut waits for the next piece. */
static size_t
method_test_whole(const char *p, size_t n)
{
	size_t back;

	for (back = 1; back <= 3 && back <= n; back++) {
		unsigned char ch = (unsigned char)p[n - back];

		if (ch < 0x80)
			return n;
		if (ch >= 0xc0) {
			size_t need = ch >= 0xf0 ? 4 : ch >= 0xe0 ? 3 : 2;

			return need > back ? n - back : n;
		}
	}
	return n;
}

static void
method_test_text(struct test *t, struct span s)
{
	size_t n;

	if (t->call == NULL)
		return;
	buf_adds(&t->text, s);
	while (t->text.n > 0) {
		n = t->text.n < TEST_PIECE ? t->text.n : TEST_PIECE;
		n = method_test_whole(t->text.p, n);
		if (n == 0)
			return;
		method_test_say_text(t, (struct span){ t->text.p, n });
		buf_drain(&t->text, n);
	}
}

static void
method_test_repay(struct test *t)
{
	size_t n = t->owed;

	t->owed = 0;
	if (n > 0)
		sink_ctl_credit(t->link, t->id, n);
}

static void
method_test_drained_cb(struct call *c)
{
	method_test_repay(c->data);
}

/*
 * The end.
 */

static const char *
method_test_hint(const struct sink_ctl_news *n, char *out,
    size_t size)
{
	const char *at;

	switch (n->error) {
	case ERR_UPSTREAM_UNREACHABLE:
		return strstr(n->error_text, "ollama serve") != NULL ?
		    "ollama serve" : "start the server, or correct api_base";
	case ERR_MODEL_NOT_FOUND:
		at = strstr(n->error_text, "ollama pull ");
		if (at == NULL)
			return "llmctl models";
		snprintf(out, size, "%s", at);
		out[strcspn(out, ",")] = '\0';
		return out;
	case ERR_NO_API_KEY:
		return "set it in llmd's environment and restart llmd";
	case ERR_UPSTREAM_AUTH:
		return "check the API key in the configuration";
	case ERR_RATE_LIMIT:
		return "try again later";
	case ERR_NOT_IMPLEMENTED:
	case ERR_NO_DEPLOYMENT:
		return "llmctl models";
	default:
		return "llmctl tail";
	}
}

static void
method_test_opt(struct buf *b, const char *s)
{
	if (s == NULL)
		buf_lit(b, "null");
	else
		jout_strz(b, s);
}

static void
method_test_error(const struct sink_ctl_news *n, struct buf *b)
{
	char hint[256];

	buf_lit(b, ",\"error\":");
	if (n->error == ERR_NONE || n->error >= ERR_MAX) {
		buf_lit(b, "null");
		return;
	}
	buf_lit(b, "{\"code\":");
	jout_strz(b, error_rows[n->error].code);
	buf_lit(b, ",\"message\":");
	jout_strz(b, n->error_text[0] != '\0' ? n->error_text :
	    error_rows[n->error].text);
	buf_lit(b, ",\"hint\":");
	jout_strz(b, method_test_hint(n, hint, sizeof hint));
	buf_lit(b, "}");
}

static void
method_test_figures(const struct test *t, const struct live_row *r,
    struct buf *b)
{
	const struct live *l = t->ctl->a.live;

	row_json_served(b, l, r);
	buf_addf(b, ",\"ok\":%s,\"status\":%u,\"attempts\":%u,\"queue_ms\":",
	    r->status == 200 && r->error == ERR_NONE ? "true" : "false",
	    r->status, r->attempts);
	jout_ms(b, r->queue_ns);
	buf_lit(b, ",\"ttft_ms\":");
	row_json_ms(b, row_ttft_ns(r));
	buf_lit(b, ",\"total_ms\":");
	jout_ms(b, r->end_ns > r->start_ns ? r->end_ns - r->start_ns : 0);
	buf_lit(b, ",");
	row_json_tokens(b, r);
	buf_addf(b, ",\"tokens_estimated\":%s,\"tps\":",
	    (r->flags & RECORD_USAGE) == 0 && r->in + r->out > 0 ? "true" :
	    "false");
	if (row_tps(r) < 0)
		buf_lit(b, "null");
	else
		buf_addf(b, "%.1f", row_tps(r));
	buf_lit(b, ",\"finish\":");
	method_test_opt(b, row_finish(r));
}

static void
method_test_result(struct test *t, const struct sink_ctl_news *n)
{
	const struct live_row *r = live_find(t->ctl->a.live, n->id);
	struct buf b = { 0 };
	size_t len = n->text.n < TEST_TEXT_MAX ? n->text.n :
	    method_test_whole(n->text.p, TEST_TEXT_MAX);

	buf_lit(&b, "{\"id\":\"");
	jout_hex(&b, n->id);
	buf_lit(&b, "\",\"model\":");
	jout_strz(&b, t->model);
	buf_lit(&b, ",");
	if (r != NULL && r->done)
		method_test_figures(t, r, &b);
	else
		buf_addf(&b, "\"deployment\":null,\"upstream\":null,"
		    "\"backend\":null,\"ok\":%s,\"status\":null,"
		    "\"attempts\":0,\"queue_ms\":null,\"ttft_ms\":null,"
		    "\"total_ms\":0,\"tokens_in\":null,\"tokens_out\":null,"
		    "\"tokens_estimated\":false,\"tps\":null,\"finish\":null",
		    n->error == ERR_NONE ? "true" : "false");
	buf_lit(&b, ",\"text\":");
	if (t->stream)
		buf_lit(&b, "null");
	else
		jout_str(&b, (struct span){ n->text.p, len });
	method_test_error(n, &b);
	buf_lit(&b, "}");
	call_reply_text(t->call, &b);
	t->call = NULL;
}

static void
method_test_cancelled(struct test *t)
{
	struct rpc_error err;

	rpc_error_init(&err);
	rpc_error_set(&err, ERR_CANCELLED, "the test was cancelled");
	call_fail(t->call, &err);
	t->call = NULL;
}

/* News of a worker, on main. */
static void
method_test_news_cb(const struct sink_ctl_news *n, void *arg)
{
	struct control *c = arg;
	struct test *t = method_test_of(c, n->serial);

	if (t == NULL)
		return;
	t->id = n->id;
	switch (n->what) {
	case SINK_CTL_STARTED:
		if (t->call == NULL || t->stopped)
			sink_ctl_stop(t->link, t->id);
		break;
	case SINK_CTL_TEXT:
		/* The attempt comes before its text. */
		if (t->told == 0)
			pump_run(c->a.pump);
		method_test_text(t, n->text);
		t->owed += n->text.n;
		if (t->call == NULL || t->call->peer == NULL ||
		    t->call->peer->reply_bytes <= PEER_BATCH)
			method_test_repay(t);
		break;
	case SINK_CTL_OVER:
		/* Its END record is there before this message. */
		pump_run(c->a.pump);
		if (t->call != NULL && t->text.n > 0)
			method_test_say_text(t, buf_span(&t->text));
		if (t->call != NULL && n->gone)
			method_test_cancelled(t);
		else if (t->call != NULL)
			method_test_result(t, n);
		method_test_free(t);
		control_pace(c);
		break;
	}
}

static void
method_test_cancel_cb(struct call *call)
{
	struct test *t = call->data;

	t->stopped = true;
	if (t->id != 0 && !t->ctl->stopping)
		sink_ctl_stop(t->link, t->id);
	if (call->peer == NULL) {
		t->call = NULL;
		call_drop(call);
	} else
		method_test_cancelled(t);
}

/*
 * The start.
 */

/* "upstream@backend": the id of a deployment that is it; else the name. */
static const char *
method_test_target(const struct conf *c, const char *model)
{
	const struct route *r;
	unsigned i;

	for (i = 0; (r = route_table_at(c->routes, i)) != NULL; i++)
		if (strcmp(r->model, model) == 0)
			return model;
	for (i = 0; i < c->ndeploys; i++)
		if (c->deploys[i]->use == DEPLOY_OK &&
		    strcmp(c->deploys[i]->label, model) == 0)
			return c->deploys[i]->id;
	return model;
}

static bool
method_test_known(struct call *call, const struct conf *c, const char *model)
{
	struct rpc_error err;
	unsigned i;

	if (route_table_find(c->routes, span_z(model)) != NULL)
		return true;
	rpc_error_init(&err);
	change_no_model(c, model, &err);
	for (i = 0; i < c->ndeploys; i++)
		if (strchr(model, '@') != NULL &&
		    c->deploys[i]->label != NULL)
			rpc_error_suggest(&err, model, c->deploys[i]->label);
	call_fail(call, &err);
	return false;
}

static void
method_test_body(struct buf *b, const char *model, const char *prompt,
    int64_t max_tokens, bool stream)
{
	buf_lit(b, "{\"model\":");
	jout_strz(b, model);
	buf_lit(b, ",\"messages\":[{\"role\":\"user\",\"content\":");
	jout_strz(b, prompt);
	buf_addf(b, "}],\"max_tokens\":%lld,\"stream\":%s}",
	    (long long)max_tokens, stream ? "true" : "false");
}

void
method_test_run(struct call *call)
{
	struct control *c = call->ctl;
	const struct conf *conf = change_conf(c->a.change);
	const char *model = rpc_param_str(call->params, "model", "");
	const char *target = method_test_target(conf, model);
	struct buf body = { 0 };
	struct test *t;
	unsigned w;

	if (!method_test_known(call, conf, target))
		return;
	t = xcalloc(1, sizeof *t);
	t->ctl = c;
	t->call = call;
	t->serial = ++c->serial;
	t->model = xstrdup(model);
	t->stream = rpc_param_bool(call->params, "stream", 1);
	call->data = t;
	call->cancel = method_test_cancel_cb;
	call->drained = method_test_drained_cb;
	TAILQ_INSERT_TAIL(&c->tests, t, entry);
	method_test_body(&body, target, rpc_param_str(call->params, "prompt",
	    TEST_PROMPT), rpc_param_int(call->params, "max_tokens",
	    TEST_MAX_TOKENS), t->stream);
	w = c->next_worker++ % workers_count(c->a.workers);
	t->link = sink_ctl_start(workers_mbox(c->a.workers, w), c->box,
	    t->serial, &body, method_test_news_cb);
	control_pace(c);
}

void
method_test_fini(struct control *c)
{
	struct test *t;

	while ((t = TAILQ_FIRST(&c->tests)) != NULL)
		method_test_free(t);
}
