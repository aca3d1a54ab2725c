/* SPDX-License-Identifier: ISC */
/* route.list, route.set. */
#include <json-c/json.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "conf/conf.h"
#include "control/call.h"
#include "control/change.h"
#include "control/core.h"
#include "control/method.h"
#include "control/method_config.h"
#include "control/targets.h"
#include "observe/live.h"
#include "observe/pump.h"
#include "observe/stats.h"

static void
method_route_str(struct json_object *o, const char *name, const char *s)
{
	json_object_object_add(o, name, s == NULL || *s == '\0' ? NULL :
	    json_object_new_string(s));
}

static void
method_route_num(struct json_object *o, const char *name, double v, int n)
{
	json_object_object_add(o, name, v < 0 ? NULL : rpc_number(v, n));
}

/* Requests of a model in flight. */
static unsigned
method_route_running(const struct control *c, uint16_t model)
{
	const struct live_row *r;
	unsigned n = 0;

	for (r = live_first(c->a.live); r != NULL; r = live_next(r))
		n += r->model == model && r->start_ns != 0;
	return n;
}

static struct json_object *
method_route_target(struct control *c, const struct route *r,
    const struct route_tier *t, const struct deploy *d, uint64_t now)
{
	struct json_object *o = json_object_new_object();
	struct stats_match m = { .model = r->name_id, .deploy = d->name_id };
	struct health_verdict v;
	struct stats_view s;

	health_deploy(c->health, d, r->name_id, now, &v);
	stats_query(c->a.stats, &m, STATS_WINDOW_S, now, &s);
	method_route_str(o, "target", d->label);
	json_object_object_add(o, "deployment",
	    json_object_new_string(d->id));
	json_object_object_add(o, "upstream",
	    json_object_new_string(d->upstream));
	json_object_object_add(o, "backend",
	    json_object_new_string(d->backend->name));
	method_route_num(o, "weight", d->weight, 3);
	method_route_num(o, "share_pct", t->total > 0 ?
	    100 * d->weight / t->total : 0, 1);
	method_route_str(o, "state", health_state_name(v.state));
	json_object_object_add(o, "in_flight", json_object_new_int64(
	    atomic_load_explicit(&d->state->in_flight,
	    memory_order_relaxed)));
	method_route_num(o, "rps", s.rps, 2);
	method_route_num(o, "ttft_p95_ms", s.ttft_p95_ms, 1);
	method_route_num(o, "err_pct", s.err_pct, 2);
	method_route_str(o, "error", v.reason);
	return o;
}

static struct json_object *
method_route_tiers(struct control *c, const struct route *r, uint64_t now)
{
	struct json_object *tiers = json_object_new_array(), *o, *list;
	unsigned i, k;

	for (i = 0; i < r->ntiers; i++) {
		o = json_object_new_object();
		list = json_object_new_array();
		for (k = 0; k < r->tiers[i].n; k++)
			json_object_array_add(list, method_route_target(c, r,
			    &r->tiers[i], r->tiers[i].deploys[k], now));
		json_object_object_add(o, "tier",
		    json_object_new_int64(i + 1));
		json_object_object_add(o, "targets", list);
		json_object_array_add(tiers, o);
	}
	return tiers;
}

/* Who changed it last: the file, or somebody over the socket. */
static void
method_route_change(struct control *c, const struct route *r,
    struct json_object *o)
{
	const struct conf *conf = change_conf(c->a.change);
	const struct change_entry *e = change_last(c->a.change, r->model);
	char time[CLOCK_RFC3339_LEN + 1];
	uint64_t rev = 1, wall = conf->loaded_ns;

	if (e != NULL && (r->runtime || e->wall_ns > conf->loaded_ns)) {
		rev = e->rev;
		wall = e->wall_ns;
	} else {
		e = change_last_load(c->a.change);
		rev = e == NULL ? 1 : e->rev;
		e = NULL;
	}
	clock_rfc3339(wall, time);
	json_object_object_add(o, "rev", json_object_new_int64((int64_t)rev));
	method_route_str(o, "changed", time);
	method_route_str(o, "who", e == NULL ? NULL : e->who);
	method_route_str(o, "why", e == NULL ? NULL : e->why);
}

static struct json_object *
method_route_row(struct control *c, const struct route *r, uint64_t now)
{
	struct json_object *o = json_object_new_object();
	struct stats_match m = { .model = r->name_id };
	struct health_verdict v;
	struct stats_view s;

	health_model(c->health, r, now, &v);
	stats_query(c->a.stats, &m, STATS_WINDOW_S, now, &s);
	json_object_object_add(o, "model", json_object_new_string(r->model));
	method_route_str(o, "source", r->runtime ? "runtime" : "config");
	method_route_str(o, "state", health_state_name(v.state));
	method_route_str(o, "reason", v.reason);
	json_object_object_add(o, "targets", targets_of_route(r));
	json_object_object_add(o, "tiers", method_route_tiers(c, r, now));
	json_object_object_add(o, "fallbacks", json_object_new_array());
	json_object_object_add(o, "config_targets",
	    targets_of_config(r));
	method_route_num(o, "rps", s.rps, 2);
	json_object_object_add(o, "in_flight", json_object_new_int64(
	    method_route_running(c, r->name_id)));
	method_route_num(o, "ttft_p95_ms", s.ttft_p95_ms, 1);
	method_route_num(o, "err_pct", s.err_pct, 2);
	method_route_change(c, r, o);
	return o;
}

void
method_route_list(struct call *call)
{
	struct control *c = call->ctl;
	const struct conf *conf = change_conf(c->a.change);
	const char *model = rpc_param_str(call->params, "model", NULL);
	struct json_object *o, *list = json_object_new_array();
	const struct route *r;
	struct rpc_error err;
	uint64_t now;
	unsigned i;

	pump_run(c->a.pump);
	now = clock_ns();
	for (i = 0; (r = route_table_at(conf->routes, i)) != NULL; i++)
		if (model == NULL || strcmp(model, r->model) == 0)
			json_object_array_add(list,
			    method_route_row(c, r, now));
	if (model != NULL && json_object_array_length(list) == 0) {
		json_object_put(list);
		rpc_error_init(&err);
		change_no_model(conf, model, &err);
		call_fail(call, &err);
		return;
	}
	o = json_object_new_object();
	json_object_object_add(o, "rev",
	    json_object_new_int64((int64_t)conf->rev));
	json_object_object_add(o, "routes", list);
	call_reply(call, o);
}

void
method_route_set(struct call *call)
{
	struct control *c = call->ctl;
	const struct conf *conf = change_conf(c->a.change);
	const char *model = rpc_param_str(call->params, "model", "");
	struct json_object *list, *result = NULL;
	struct method_config_wait *w;
	enum change_result rc;
	struct change_ask ask;
	struct rpc_error err;
	const struct route *r;
	const char **targets;
	unsigned running = 0, n, i;
	char who[96];

	if (method_config_again(call))
		return;
	rpc_error_init(&err);
	pump_run(c->a.pump);
	json_object_object_get_ex(call->params, "targets", &list);
	n = (unsigned)json_object_array_length(list);
	targets = xcalloc(n + 1, sizeof *targets);
	for (i = 0; i < n; i++)
		targets[i] = json_object_get_string(
		    json_object_array_get_idx(list, i));
	for (i = 0; (r = route_table_at(conf->routes, i)) != NULL; i++)
		if (strcmp(r->model, model) == 0)
			running = method_route_running(c, r->name_id);
	method_config_ask(call, &ask, who, sizeof who);
	w = method_config_wait_new(call);
	rc = change_route_set(c->a.change, &ask, model, targets, n, running,
	    &err, &result, method_config_done_cb(), w);
	if (rc == CHANGE_PENDING)
		log_info("route of %s set by %s", model, who);
	free(targets);
	method_config_finish(w, rc, &err, result);
}
