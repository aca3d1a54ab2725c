/* SPDX-License-Identifier: ISC */
/*
 * Requests under /__sim/.  GET /__sim/requests may wait until enough records
 * fit, so that tests need no sleeps: such calls hang in a list, and every
 * change of the records looks at them once, at the end of the loop's turn.
 */
#include "control.h"

#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "json.h"
#include "models.h"
#include "reply.h"
#include "rules.h"

#define CONTROL_JSON	"application/json"

struct control_wait {
	struct control_wait	*next;
	struct control		*control;
	struct conn		*conn;
	struct record_query	 q;
	struct loop_timer	 timer;
	size_t			 min;
	bool			 bodies;
};

struct control {
	struct sim		*sim;
	struct control_wait	*waits;
	bool			 busy;		/* a look is due */
};

typedef void (*control_cb)(struct sim_call *);

static void
control_text(struct sim_call *call, int status, const char *text)
{
	reply_text(call->conn, call->sim->plain, status, CONTROL_JSON, text,
	    strlen(text));
}

static void
control_error(struct sim_call *call, const char *text)
{
	struct buf b = { 0 };

	buf_adds(&b, "{\"error\":");
	json_quotes(&b, text);
	buf_adds(&b, "}\n");
	reply_text(call->conn, call->sim->plain, 400, CONTROL_JSON, b.data,
	    b.len);
	buf_fini(&b);
}

static void
control_query_fini(struct record_query *q)
{
	free(q->model);
	free(q->path);
}

static void
control_answer(struct sim *sim, struct conn *c, const struct record_query *q,
    bool bodies)
{
	struct buf b = { 0 };

	records_json(sim->records, q, bodies, &b);
	buf_addc(&b, '\n');
	reply_text(c, sim->plain, 200, CONTROL_JSON, b.data, b.len);
	buf_fini(&b);
}

/* Takes the call out of the list and answers it, unless it left. */
static void
control_wake(struct control_wait *w, bool answer)
{
	struct control *ctl = w->control;
	struct control_wait **at;

	for (at = &ctl->waits; *at != w; at = &(*at)->next)
		continue;
	*at = w->next;
	loop_timer_clear(ctl->sim->loop, &w->timer);
	if (answer)
		control_answer(ctl->sim, w->conn, &w->q, w->bodies);
	control_query_fini(&w->q);
	free(w);
}

static void
control_timeout(void *arg)
{
	control_wake(arg, true);
}

void
control_forget(struct control *ctl, struct conn *c)
{
	struct control_wait *w, *next;

	for (w = ctl != NULL ? ctl->waits : NULL; w != NULL; w = next) {
		next = w->next;
		if (w->conn == c)
			control_wake(w, false);
	}
}

static void
control_look(void *arg)
{
	struct control *ctl = arg;
	struct control_wait *w, *next;

	ctl->busy = false;
	for (w = ctl->waits; w != NULL; w = next) {
		next = w->next;
		if (records_count(ctl->sim->records, &w->q) >= w->min)
			control_wake(w, true);
	}
}

static void
control_changed(void *arg)
{
	struct control *ctl = arg;

	if (ctl->waits == NULL || ctl->busy)
		return;
	ctl->busy = true;
	loop_later(ctl->sim->loop, control_look, ctl);
}

struct control *
control_new(struct sim *sim)
{
	struct control *ctl;

	ctl = buf_alloc(sizeof(*ctl));
	ctl->sim = sim;
	records_watch(sim->records, control_changed, ctl);
	return ctl;
}

void
control_free(struct control *ctl)
{
	while (ctl->waits != NULL)
		control_wake(ctl->waits, false);
	records_watch(ctl->sim->records, NULL, NULL);
	free(ctl);
}

static int64_t
control_number(const struct http_req *req, const char *name, int64_t dflt)
{
	char *s = http_param(req, name);
	int64_t v = s != NULL ? strtoll(s, NULL, 10) : dflt;

	free(s);
	return v;
}

static void
control_requests(struct sim_call *call)
{
	const struct http_req *req = &call->conn->rec->req;
	struct record_query q = { 0 };
	struct control_wait *w;
	int64_t min, timeout_ms;
	bool bodies;

	q.model = http_param(req, "model");
	q.path = http_param(req, "path");
	q.since = (uint64_t)control_number(req, "since", 0);
	q.ended = control_number(req, "ended", 0) != 0;
	q.closed = control_number(req, "closed", 0) != 0;
	bodies = control_number(req, "bodies", 1) != 0;
	min = control_number(req, "min", 0);
	timeout_ms = control_number(req, "timeout_ms", 5000);
	if (records_count(call->sim->records, &q) >= (size_t)min) {
		control_answer(call->sim, call->conn, &q, bodies);
		control_query_fini(&q);
		return;
	}
	w = buf_alloc(sizeof(*w));
	w->control = call->sim->control;
	w->conn = call->conn;
	w->q = q;
	w->min = (size_t)min;
	w->bodies = bodies;
	w->timer.cb = control_timeout;
	w->timer.arg = w;
	w->next = w->control->waits;
	w->control->waits = w;
	loop_timer_set(call->sim->loop, &w->timer,
	    (uint64_t)timeout_ms * 1000);
}

static void
control_stats(struct sim_call *call)
{
	struct sim *sim = call->sim;
	struct conn *c;
	struct buf b = { 0 };
	uint64_t idle = 0, replying = 0, own = 0;

	for (c = sim->conns; c != NULL; c = c->next) {
		if (c == call->conn || c->control) {
			own++;
			continue;
		}
		idle += c->state == CONN_HEAD;
		replying += c->state == CONN_REPLY;
	}
	buf_addf(&b, "{\"connections\":%llu,\"idle\":%llu,\"replying\":%llu,"
	    "\"control\":%llu,\"connections_max\":%llu,"
	    "\"connections_total\":%llu,\"requests_total\":%llu,"
	    "\"stale_closed\":%llu,\"tls_failed\":%llu,\"tunnels\":%llu,"
	    "\"unloads\":%llu,\"now_ms\":%.3f}\n",
	    (unsigned long long)(sim->nconns - own),
	    (unsigned long long)idle, (unsigned long long)replying,
	    (unsigned long long)own, (unsigned long long)sim->conns_max,
	    (unsigned long long)sim->conn_ids,
	    (unsigned long long)records_total(sim->records),
	    (unsigned long long)sim->stale,
	    (unsigned long long)sim->tls_failed,
	    (unsigned long long)sim->tunnels,
	    (unsigned long long)sim->unloads, sim_now_ms(sim));
	reply_text(call->conn, sim->plain, 200, CONTROL_JSON, b.data, b.len);
	buf_fini(&b);
}

static void
control_script(struct sim_call *call)
{
	const char *model = json_str(json_get(call->body, "model"));
	struct buf err = { 0 }, name = { 0 };
	struct json *o;

	if (rules_set(call->sim->rules, call->body, &err) < 0) {
		control_error(call, err.data);
		buf_fini(&err);
		return;
	}
	if (model != NULL && strcmp(model, "*") != 0 &&
	    models_find(call->sim->models, model) == NULL &&
	    !json_bool(json_get(call->body, "hidden"), false)) {
		buf_adds(&name, "{\"name\":");
		json_quotes(&name, model);
		buf_adds(&name, ",\"capabilities\":[\"completion\",\"tools\","
		    "\"insert\",\"vision\",\"embedding\",\"thinking\"]}");
		o = json_parse(name.data, name.len, true, &err);
		models_set(call->sim->models, o, &err);
		json_free(o);
		buf_fini(&name);
	}
	buf_fini(&err);
	control_text(call, 200, "{\"ok\":true}\n");
}

static void
control_model(struct sim_call *call)
{
	struct buf err = { 0 };

	if (models_set(call->sim->models, call->body, &err) < 0)
		control_error(call, err.data);
	else
		control_text(call, 200, "{\"ok\":true}\n");
	buf_fini(&err);
}

/* Forgets rules and records; with "connections" also closes idle ones. */
static void
control_reset(struct sim_call *call)
{
	struct sim *sim = call->sim;

	if (json_bool(json_get(call->body, "scripts"), true))
		rules_clear(sim->rules);
	if (json_bool(json_get(call->body, "requests"), true))
		records_clear(sim->records);
	if (json_bool(json_get(call->body, "connections"), false))
		conn_drop(sim, true, false);
	sim->conns_max = sim->nconns;
	sim->stale = sim->tls_failed = sim->tunnels = sim->unloads = 0;
	control_text(call, 200, "{\"ok\":true}\n");
}

static void
control_drop(struct sim_call *call)
{
	struct buf b = { 0 };
	size_t n;

	n = conn_drop(call->sim, json_bool(json_get(call->body, "all"), false),
	    json_bool(json_get(call->body, "rst"), false));
	buf_addf(&b, "{\"closed\":%zu}\n", n);
	control_text(call, 200, b.data);
	buf_fini(&b);
}

static void
control_keys(struct sim_call *call)
{
	struct buf b = { 0 };

	script_help(&b);
	reply_text(call->conn, call->sim->plain, 200,
	    "text/plain; charset=utf-8", b.data, b.len);
	buf_fini(&b);
}

static const struct {
	const char	*path;
	bool		 post;
	control_cb	 cb;
} control_routes[] = {
	{ "/__sim/requests", false, control_requests },
	{ "/__sim/stats", false, control_stats },
	{ "/__sim/keys", false, control_keys },
	{ "/__sim/script", true, control_script },
	{ "/__sim/model", true, control_model },
	{ "/__sim/reset", true, control_reset },
	{ "/__sim/drop", true, control_drop },
};

void
control_handle(struct sim_call *call)
{
	const struct http_req *req = &call->conn->rec->req;
	size_t i, n = sizeof(control_routes) / sizeof(control_routes[0]);
	bool post = strcmp(req->method, "POST") == 0;

	for (i = 0; i < n; i++)
		if (strcmp(req->path, control_routes[i].path) == 0 &&
		    control_routes[i].post == post)
			break;
	if (i == n)
		control_text(call, 404, "{\"error\":\"no such endpoint: see "
		    "tests/sim/README.md\"}\n");
	else if (post && call->body == NULL && call->error.len > 0)
		control_error(call, call->error.data);
	else
		control_routes[i].cb(call);
}
