/* SPDX-License-Identifier: ISC */
/* status: what llmd is, what it does now, what is wrong. */
#include <json-c/json.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "conf/conf.h"
#include "control/call.h"
#include "control/change.h"
#include "control/core.h"
#include "control/feed.h"
#include "control/method.h"
#include "control/logtap.h"
#include "control/targets.h"
#include "observe/live.h"
#include "observe/pump.h"
#include "observe/stats.h"
#include "worker.h"

#define METHOD_DAEMON_NOT_OK	100	/* rows of not_ok */

static void
method_daemon_str(struct json_object *o, const char *name, const char *s)
{
	json_object_object_add(o, name, s == NULL || *s == '\0' ? NULL :
	    json_object_new_string(s));
}

static void
method_daemon_int(struct json_object *o, const char *name, uint64_t v)
{
	json_object_object_add(o, name, json_object_new_int64((int64_t)v));
}

static void
method_daemon_num(struct json_object *o, const char *name, double v, int n)
{
	json_object_object_add(o, name, v < 0 ? NULL : rpc_number(v, n));
}

static void
method_daemon_time(struct json_object *o, const char *name, uint64_t wall_ns)
{
	char time[CLOCK_RFC3339_LEN + 1];

	clock_rfc3339(wall_ns, time);
	json_object_object_add(o, name, json_object_new_string(time));
}

static struct json_object *
method_daemon_config(const struct control *c)
{
	const struct conf *conf = change_conf(c->a.change);
	struct json_object *o = json_object_new_object();

	method_daemon_str(o, "path", conf->path);
	method_daemon_time(o, "loaded", conf->loaded_ns);
	json_object_object_add(o, "changed",
	    json_object_new_boolean(change_stale(c->a.change)));
	return o;
}

/* Adds models and not_ok: worst first, that is by state and file order. */
static void
method_daemon_models(struct control *c, struct json_object *o, uint64_t now)
{
	static const enum health_state worst[] = {
		HEALTH_DOWN, HEALTH_DEGRADED, HEALTH_NO_KEY, HEALTH_NOT_YET,
		HEALTH_SKIPPED
	};
	const struct conf *conf = change_conf(c->a.change);
	struct json_object *count = json_object_new_object(), *row;
	struct json_object *list = json_object_new_array();
	unsigned n[HEALTH_SKIPPED + 1] = { 0 }, total = 0, i, k;
	struct health_verdict v;
	const struct route *r;

	for (i = 0; (r = route_table_at(conf->routes, i)) != NULL; i++) {
		health_model(c->health, r, now, &v);
		n[v.state]++;
		total++;
	}
	method_daemon_int(count, "total", total);
	for (i = 0; i <= HEALTH_SKIPPED; i++)
		method_daemon_int(count,
		    health_state_name((enum health_state)i), n[i]);
	for (k = 0; k < sizeof worst / sizeof worst[0]; k++)
		for (i = 0; n[worst[k]] > 0 &&
		    (r = route_table_at(conf->routes, i)) != NULL; i++) {
			health_model(c->health, r, now, &v);
			if (v.state != worst[k] || json_object_array_length(
			    list) >= METHOD_DAEMON_NOT_OK)
				continue;
			row = json_object_new_object();
			json_object_object_add(row, "model",
			    json_object_new_string(r->model));
			method_daemon_str(row, "state",
			    health_state_name(v.state));
			method_daemon_str(row, "reason", v.reason);
			method_daemon_str(row, "hint", v.hint);
			json_object_array_add(list, row);
		}
	json_object_object_add(o, "models", count);
	json_object_object_add(o, "not_ok", list);
}

static struct json_object *
method_daemon_overrides(const struct control *c)
{
	const struct conf *conf = change_conf(c->a.change);
	struct json_object *list = json_object_new_array(), *o;
	const struct change_entry *e;
	const struct route *r;
	unsigned i;

	for (i = 0; (r = route_table_at(conf->routes, i)) != NULL; i++) {
		if (!r->runtime)
			continue;
		e = change_last(c->a.change, r->model);
		o = json_object_new_object();
		json_object_object_add(o, "model",
		    json_object_new_string(r->model));
		json_object_object_add(o, "targets", targets_of_route(r));
		method_daemon_int(o, "rev", e == NULL ? conf->rev : e->rev);
		method_daemon_time(o, "changed", e == NULL ?
		    conf->loaded_ns : e->wall_ns);
		method_daemon_str(o, "who", e == NULL ? NULL : e->who);
		method_daemon_str(o, "reason", e == NULL ? NULL : e->why);
		json_object_array_add(list, o);
	}
	return list;
}

static struct json_object *
method_daemon_backend(struct control *c, const struct backend *b,
    uint64_t now)
{
	const struct conf *conf = change_conf(c->a.change);
	struct json_object *o = json_object_new_object();
	const struct deploy *d = NULL;
	struct stats_view v;
	uint64_t in_flight = 0;
	const char *state;
	unsigned i;

	for (i = 0; i < conf->ndeploys; i++)
		if (conf->deploys[i]->backend == b) {
			if (d == NULL)
				d = conf->deploys[i];
			in_flight += atomic_load_explicit(
			    &conf->deploys[i]->state->in_flight,
			    memory_order_relaxed);
		}
	state = health_backend(c->health, conf, b, now, &v);
	json_object_object_add(o, "backend", json_object_new_string(b->name));
	json_object_object_add(o, "provider", json_object_new_string(
	    d != NULL && d->provider != NULL ? d->provider : "-"));
	json_object_object_add(o, "url", json_object_new_string(
	    d != NULL && d->base_url != NULL ? d->base_url : "-"));
	method_daemon_str(o, "state", state);
	method_daemon_int(o, "in_flight", in_flight);
	method_daemon_int(o, "queued", 0);
	method_daemon_num(o, "err_pct", v.err_pct, 2);
	method_daemon_str(o, "error", v.error);
	return o;
}

static void
method_daemon_traffic(const struct control *c, struct json_object *o,
    uint64_t now)
{
	struct json_object *t = json_object_new_object();
	struct json_object *l = json_object_new_object();
	struct stats_view v;

	stats_query(c->a.stats, NULL, STATS_WINDOW_S, now, &v);
	method_daemon_num(t, "window_s", v.window_s, 1);
	method_daemon_num(t, "rps", v.rps, 2);
	method_daemon_num(t, "tok_s", v.tok_s, 1);
	method_daemon_int(t, "in_flight", live_count(c->a.live));
	method_daemon_int(t, "queued", live_queued(c->a.live));
	method_daemon_num(t, "err_pct", v.err_pct, 2);
	method_daemon_int(t, "total", live_total(c->a.live));
	method_daemon_num(l, "ttft_p50_ms", v.ttft_p50_ms, 1);
	method_daemon_num(l, "ttft_p95_ms", v.ttft_p95_ms, 1);
	method_daemon_num(l, "decode_p50_tps", v.decode_p50_tps, 1);
	json_object_object_add(o, "traffic", t);
	json_object_object_add(o, "latency", l);
}

static struct json_object *
method_daemon_control(const struct control *c)
{
	struct json_object *o = json_object_new_object();
	const struct subscription *s;
	const struct peer *p;
	uint64_t dropped = c->dropped + pump_dropped(c->a.pump) +
	    logtap_dropped(c->tap);

	TAILQ_FOREACH(p, &c->peers, entry)
		TAILQ_FOREACH(s, &p->subs, entry)
			dropped += sub_queue_dropped(s->queue);
	method_daemon_int(o, "clients", c->npeers);
	method_daemon_int(o, "subscriptions", c->nsubs);
	method_daemon_int(o, "dropped_events", dropped);
	return o;
}

static struct json_object *
method_daemon_memory(void)
{
	struct json_object *o = json_object_new_object();
	unsigned long pages, rss;
	FILE *f = fopen("/proc/self/statm", "re");
	bool ok = false;

	if (f != NULL) {
		ok = fscanf(f, "%lu %lu", &pages, &rss) == 2;
		fclose(f);
	}
	json_object_object_add(o, "rss_bytes", !ok ? NULL :
	    json_object_new_int64((int64_t)rss * sysconf(_SC_PAGESIZE)));
	return o;
}

void
method_daemon_status(struct call *call)
{
	struct control *c = call->ctl;
	const struct conf *conf = change_conf(c->a.change);
	struct json_object *o = json_object_new_object(), *list;
	uint64_t now, wall = clock_wall_ns();
	unsigned i;

	pump_run(c->a.pump);
	now = clock_ns();
	json_object_object_add(o, "version",
	    json_object_new_string(LLMD_VERSION));
	json_object_object_add(o, "instance",
	    json_object_new_string(c->a.instance));
	method_daemon_int(o, "pid", (uint64_t)getpid());
	method_daemon_int(o, "rev", conf->rev);
	method_daemon_time(o, "time", wall);
	method_daemon_time(o, "started", wall - (now - c->a.start_ns));
	method_daemon_num(o, "uptime_s",
	    (double)(now - c->a.start_ns) / 1e9, 3);
	method_daemon_int(o, "workers", workers_count(c->a.workers));
	list = json_object_new_array();
	for (i = 0; i < c->a.nlisten; i++)
		json_object_array_add(list,
		    json_object_new_string(c->a.listen[i]));
	json_object_object_add(o, "listen", list);
	json_object_object_add(o, "config", method_daemon_config(c));
	method_daemon_models(c, o, now);
	json_object_object_add(o, "overrides", method_daemon_overrides(c));
	list = json_object_new_array();
	for (i = 0; i < conf->nbackends; i++)
		json_object_array_add(list, method_daemon_backend(c,
		    conf->backends[i], now));
	json_object_object_add(o, "backends", list);
	method_daemon_traffic(c, o, now);
	json_object_object_add(o, "control", method_daemon_control(c));
	json_object_object_add(o, "memory", method_daemon_memory());
	call_reply(call, o);
}
