/* SPDX-License-Identifier: ISC */
/*
 * model.list: each deployment's backend is asked for what it has, all at a
 * time, at most 2 s (upstream/catalog); then the answer is made from the
 * configuration that is current by then.
 */
#include <json-c/json.h>

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/xmalloc.h"
#include "conf/conf.h"
#include "control/call.h"
#include "control/change.h"
#include "control/core.h"
#include "control/method.h"
#include "observe/pump.h"
#include "observe/stats.h"
#include "upstream/catalog.h"

/* What a backend said of one deployment. */
struct method_model_ask {
	struct method_model	*of;
	char			*id;
	struct catalog_ask	*ask;	/* NULL: answered */
	uint32_t		 ctx;
	char			*capabilities;
};

struct method_model {
	struct call		*call;
	struct method_model_ask	*asks;
	unsigned		 n;
	unsigned		 open;
	struct map		*by_id;
	bool			 started;	/* all are asked */
};

static void
method_model_free(struct method_model *m)
{
	unsigned i;

	for (i = 0; i < m->n; i++) {
		if (m->asks[i].ask != NULL)
			catalog_cancel(m->asks[i].ask);
		free(m->asks[i].id);
		free(m->asks[i].capabilities);
	}
	free(m->asks);
	map_free(m->by_id);
	free(m);
}

static void
method_model_str(struct json_object *o, const char *name, const char *s)
{
	json_object_object_add(o, name, s == NULL || *s == '\0' ? NULL :
	    json_object_new_string(s));
}

static struct json_object *
method_model_words(const char *list)
{
	struct json_object *out = json_object_new_array();
	size_t n;

	for (; list != NULL && *list != '\0';
	    list += list[n] == ',' ? n + 1 : n) {
		n = strcspn(list, ",");
		json_object_array_add(out, json_object_new_string_len(list,
		    (int)n));
	}
	return out;
}

/* The file's word first, then the backend's; 0: unknown. */
static uint32_t
method_model_ctx(const struct method_model *m, const struct deploy *d)
{
	const struct method_model_ask *a = map_get(m->by_id, span_z(d->id));

	return d->ctx != 0 ? d->ctx : a == NULL ? 0 : a->ctx;
}

static struct json_object *
method_model_served(const struct method_model *m, const struct route *r,
    const struct deploy *d, unsigned tier, uint64_t now)
{
	const struct method_model_ask *a = map_get(m->by_id, span_z(d->id));
	struct json_object *o = json_object_new_object();
	uint32_t ctx = method_model_ctx(m, d);
	struct health_verdict v;

	health_deploy(m->call->ctl->health, d, r->name_id, now, &v);
	json_object_object_add(o, "deployment",
	    json_object_new_string(d->id));
	json_object_object_add(o, "tier", json_object_new_int64(tier));
	json_object_object_add(o, "weight", rpc_number(d->weight, 3));
	json_object_object_add(o, "upstream", json_object_new_string(
	    d->upstream != NULL ? d->upstream : "-"));
	json_object_object_add(o, "backend", json_object_new_string(
	    d->backend != NULL ? d->backend->name : "-"));
	json_object_object_add(o, "provider", json_object_new_string(
	    d->provider != NULL ? d->provider : "-"));
	method_model_str(o, "url", d->base_url);
	method_model_str(o, "state", health_state_name(v.state));
	json_object_object_add(o, "ctx", ctx == 0 ? NULL :
	    json_object_new_int64(ctx));
	json_object_object_add(o, "capabilities", method_model_words(
	    a == NULL ? NULL : a->capabilities));
	method_model_str(o, "error", v.reason);
	return o;
}

/* Those that serve, tier by tier, then those of the file that cannot. */
static struct json_object *
method_model_serving(const struct method_model *m, const struct route *r,
    uint64_t now, uint32_t *ctx)
{
	struct json_object *list = json_object_new_array();
	const struct deploy *d;
	unsigned i, k;

	*ctx = 0;
	for (i = 0; i < r->ntiers; i++)
		for (k = 0; k < r->tiers[i].n; k++) {
			d = r->tiers[i].deploys[k];
			if (*ctx == 0)
				*ctx = method_model_ctx(m, d);
			json_object_array_add(list, method_model_served(m, r,
			    d, i + 1, now));
		}
	for (i = 0; i < r->nall && !r->runtime; i++) {
		d = r->all[i];
		if (d->use == DEPLOY_OK)
			continue;
		if (*ctx == 0)
			*ctx = method_model_ctx(m, d);
		json_object_array_add(list, method_model_served(m, r, d,
		    r->ntiers + 1, now));
	}
	return list;
}

static struct json_object *
method_model_row(const struct method_model *m, const struct route *r,
    uint64_t now)
{
	struct control *c = m->call->ctl;
	struct json_object *o = json_object_new_object(), *served;
	struct stats_match sm = { .model = r->name_id };
	struct health_verdict v;
	struct stats_view s;
	uint32_t ctx;

	served = method_model_serving(m, r, now, &ctx);
	health_model(c->health, r, now, &v);
	stats_query(c->a.stats, &sm, STATS_WINDOW_S, now, &s);
	json_object_object_add(o, "model", json_object_new_string(r->model));
	method_model_str(o, "state", health_state_name(v.state));
	method_model_str(o, "reason", v.state == HEALTH_OK ? NULL : v.reason);
	method_model_str(o, "hint", v.state == HEALTH_OK ? NULL : v.hint);
	json_object_object_add(o, "override",
	    json_object_new_boolean(r->runtime));
	json_object_object_add(o, "ctx", ctx == 0 ? NULL :
	    json_object_new_int64(ctx));
	json_object_object_add(o, "ttft_p50_ms", s.ttft_p50_ms < 0 ? NULL :
	    rpc_number(s.ttft_p50_ms, 1));
	json_object_object_add(o, "req_24h",
	    json_object_new_int64((int64_t)s.day));
	json_object_object_add(o, "served_by", served);
	return o;
}

static void
method_model_answer(struct method_model *m)
{
	struct call *call = m->call;
	struct control *c = call->ctl;
	const struct conf *conf = change_conf(c->a.change);
	const char *model = rpc_param_str(call->params, "model", NULL);
	struct json_object *o = json_object_new_object();
	struct json_object *list = json_object_new_array();
	const struct route *r;
	uint64_t now;
	unsigned i;

	pump_run(c->a.pump);
	now = clock_ns();
	for (i = 0; (r = route_table_at(conf->routes, i)) != NULL; i++)
		if (model == NULL || strcmp(model, r->model) == 0)
			json_object_array_add(list,
			    method_model_row(m, r, now));
	json_object_object_add(o, "rev",
	    json_object_new_int64((int64_t)conf->rev));
	json_object_object_add(o, "models", list);
	method_model_free(m);
	call_reply(call, o);
}

static const struct deploy *
method_model_deploy(const struct conf *c, const char *id)
{
	unsigned i;

	for (i = 0; i < c->ndeploys; i++)
		if (strcmp(c->deploys[i]->id, id) == 0)
			return c->deploys[i];
	return NULL;
}

static void
method_model_catalog_cb(const struct catalog_answer *ans, void *arg)
{
	struct method_model_ask *a = arg;
	struct method_model *m = a->of;
	struct control *c = m->call->ctl;
	const struct catalog_model *found;
	const struct deploy *d;

	a->ask = NULL;
	/* A reload may have taken it away meanwhile. */
	d = method_model_deploy(change_conf(c->a.change), a->id);
	if (d != NULL && d->backend != NULL) {
		health_note(c->health, d, ans, clock_ns());
		found = catalog_find(ans, d);
		if (found != NULL) {
			a->ctx = found->ctx;
			if (found->capabilities != NULL)
				a->capabilities =
				    xstrdup(found->capabilities);
		}
	}
	if (--m->open == 0 && m->started)
		method_model_answer(m);
}

static void
method_model_cancel_cb(struct call *call)
{
	struct rpc_error err;

	method_model_free(call->data);
	if (call->peer == NULL) {
		call_drop(call);
		return;
	}
	rpc_error_init(&err);
	rpc_error_set(&err, ERR_CANCELLED, NULL);
	call_fail(call, &err);
}

static void
method_model_ask(struct method_model *m, const struct deploy *d)
{
	struct method_model_ask *a;

	if (d->use != DEPLOY_OK || d->backend == NULL ||
	    map_get(m->by_id, span_z(d->id)) != NULL)
		return;
	a = &m->asks[m->n++];
	a->of = m;
	a->id = xstrdup(d->id);
	map_put(m->by_id, span_z(a->id), a);
	m->open++;
	a->ask = catalog_ask(m->call->ctl->catalog, d, true,
	    method_model_catalog_cb, a);
}

void
method_model_list(struct call *call)
{
	struct control *c = call->ctl;
	const struct conf *conf = change_conf(c->a.change);
	const char *model = rpc_param_str(call->params, "model", NULL);
	struct method_model *m;
	const struct route *r;
	struct rpc_error err;
	unsigned i, k, t, n = 0, routes = 0;

	for (i = 0; (r = route_table_at(conf->routes, i)) != NULL; i++) {
		if (model != NULL && strcmp(model, r->model) != 0)
			continue;
		routes++;
		for (t = 0; t < r->ntiers; t++)
			n += r->tiers[t].n;
	}
	if (model != NULL && routes == 0) {
		rpc_error_init(&err);
		change_no_model(conf, model, &err);
		call_fail(call, &err);
		return;
	}
	if (rpc_param_bool(call->params, "refresh", 0))
		catalog_forget(c->catalog);
	m = xcalloc(1, sizeof *m);
	m->call = call;
	m->asks = xcalloc(n + 1, sizeof *m->asks);
	m->by_id = map_new();
	call->data = m;
	call->cancel = method_model_cancel_cb;
	for (i = 0; (r = route_table_at(conf->routes, i)) != NULL; i++)
		for (t = 0; t < r->ntiers && (model == NULL ||
		    strcmp(model, r->model) == 0); t++)
			for (k = 0; k < r->tiers[t].n; k++)
				method_model_ask(m, r->tiers[t].deploys[k]);
	m->started = true;
	if (m->open == 0)
		method_model_answer(m);
}
