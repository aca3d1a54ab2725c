/* SPDX-License-Identifier: ISC */
#include "tui/model.h"

#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/field.h"

#define MODEL_TIE_S	0.002	/* ends closer than this */

/*
 * Requests are in two lists, live and done, and in one hash table by (gen,
 * id).  Events come in the order of llmd's cursor, so a row is made by the
 * first thing heard of it, whatever that is: a start, a progress whose start
 * was dropped, or an end.  Over MODEL_ROWS the row that ended first goes.
 */

void
model_init(struct model *m)
{
	memset(m, 0, sizeof(*m));
	TAILQ_INIT(&m->live);
	TAILQ_INIT(&m->done);
	m->now.rps = m->now.tok_s = m->now.err_pct = NAN;
	m->now.ttft_p50_ms = m->now.ttft_p95_ms = NAN;
	m->heard = m->status_at = NAN;
}

static void
model_list_free(struct row_list *list)
{
	struct row *r;

	while ((r = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, r, entry);
		row_free(r);
	}
}

void
model_fini(struct model *m)
{
	size_t i;

	model_list_free(&m->live);
	model_list_free(&m->done);
	for (i = 0; i < MODEL_LOGS; i++) {
		free(m->logs[i].module);
		free(m->logs[i].msg);
	}
	json_object_put(m->routes);
	json_object_put(m->models);
	json_object_put(m->status);
}

static size_t
model_bucket(unsigned gen, uint64_t id)
{
	uint64_t h = (id ^ (uint64_t)gen << 56) * 0x9e3779b97f4a7c15ULL;

	return (size_t)(h >> 51) % MODEL_BUCKETS;
}

struct row *
model_find(const struct model *m, unsigned gen, uint64_t id)
{
	struct row *r = m->table[model_bucket(gen, id)];

	while (r != NULL && (r->id != id || r->gen != gen))
		r = r->chain;
	return r;
}

static void
model_remove(struct model *m, struct row *r)
{
	struct row **p = &m->table[model_bucket(r->gen, r->id)];

	while (*p != r)
		p = &(*p)->chain;
	*p = r->chain;
	row_free(r);
}

/* Makes room for one row: the oldest end goes, else the oldest start. */
static void
model_evict(struct model *m)
{
	struct row *r;

	if (m->nlive + m->ndone < MODEL_ROWS)
		return;
	if ((r = TAILQ_LAST(&m->done, row_list)) != NULL) {
		TAILQ_REMOVE(&m->done, r, entry);
		m->ndone--;
	} else {
		r = TAILQ_LAST(&m->live, row_list);
		TAILQ_REMOVE(&m->live, r, entry);
		m->nlive--;
	}
	model_remove(m, r);
}

/* Puts a row where its start belongs: nearly always at the head. */
static void
model_insert_live(struct model *m, struct row *r)
{
	struct row *at;

	TAILQ_FOREACH(at, &m->live, entry)
		if (at->started < r->started ||
		    (at->started == r->started && at->id < r->id))
			break;
	if (at != NULL)
		TAILQ_INSERT_BEFORE(at, r, entry);
	else
		TAILQ_INSERT_TAIL(&m->live, r, entry);
	m->nlive++;
}

/*
 * The same for ends; pages of old rows come at the tail.  Times are cut to
 * milliseconds: of two ends that close, the one that is told later is later,
 * and in a page it is the other way round.
 */
static void
model_insert_done(struct model *m, struct row *r)
{
	double tie = m->paging ? -MODEL_TIE_S : MODEL_TIE_S;
	struct row *at = TAILQ_FIRST(&m->done);

	m->ndone++;
	if (at == NULL || at->ended <= r->ended + tie) {
		TAILQ_INSERT_HEAD(&m->done, r, entry);
		return;
	}
	TAILQ_FOREACH_REVERSE(at, &m->done, row_list, entry)
		if (at->ended > r->ended + tie)
			break;
	TAILQ_INSERT_AFTER(&m->done, at, r, entry);
}

static void
model_finish(struct model *m, struct row *r)
{
	TAILQ_REMOVE(&m->live, r, entry);
	m->nlive--;
	model_insert_done(m, r);
}

struct row *
model_fold(struct model *m, struct json_object *o, double t)
{
	uint64_t id = row_id_parse(field_str(o, "id"));
	struct row *r;
	int was_live, was_lost;

	if (id == 0)
		return NULL;
	if ((r = model_find(m, m->gen, id)) == NULL) {
		model_evict(m);
		r = row_new(id, m->gen);
		m->made++;
		r->chain = m->table[model_bucket(m->gen, id)];
		m->table[model_bucket(m->gen, id)] = r;
		row_fold(r, o, t);
		if (r->phase == ROW_DONE)
			model_insert_done(m, r);
		else
			model_insert_live(m, r);
		m->changes++;
		return r;
	}
	was_live = r->phase != ROW_DONE;
	was_lost = r->lost;
	if (!was_live && !was_lost)
		return r;		/* a page repeats it */
	m->changes += (unsigned)row_fold(r, o, t);
	if (was_live && r->phase == ROW_DONE)
		model_finish(m, r);
	else if (was_lost) {
		TAILQ_REMOVE(&m->done, r, entry);
		m->ndone--;
		if (r->phase == ROW_DONE)
			model_insert_done(m, r);
		else
			model_insert_live(m, r);
	}
	return r;
}

/* Live rows that are not marked seen ended while nobody looked. */
static void
model_lose_unseen(struct model *m, double now)
{
	struct row *r, *next;

	for (r = TAILQ_FIRST(&m->live); r != NULL; r = next) {
		next = TAILQ_NEXT(r, entry);
		if (r->seen)
			continue;
		row_lose(r, now);
		model_finish(m, r);
		m->changes++;
	}
}

int
model_connected(struct model *m, const char *instance, double now)
{
	struct row *r;
	int known = m->instance[0] != '\0';

	if (known && strcmp(m->instance, instance) == 0)
		return 0;
	snprintf(m->instance, sizeof(m->instance), "%s", instance);
	m->gen++;
	m->cursor[0] = '\0';
	m->status_at = NAN;
	TAILQ_FOREACH(r, &m->live, entry)
		r->seen = 0;
	model_lose_unseen(m, now);
	m->changes++;
	return known;
}

static void
model_metrics_fold(struct model *m, struct json_object *o)
{
	struct model_metrics v = {
		.rps = field_num(o, "rps"), .tok_s = field_num(o, "tok_s"),
		.err_pct = field_num(o, "err_pct"),
		.ttft_p50_ms = field_num(o, "ttft_p50_ms"),
		.ttft_p95_ms = field_num(o, "ttft_p95_ms"),
		.in_flight = field_int(o, "in_flight", 0),
		.queued = field_int(o, "queued", 0),
		.rev = field_int(o, "rev", 0),
		.overrides = field_int(o, "overrides", 0),
		.requests_total = field_int(o, "requests_total", 0),
	};

	if (memcmp(&v, &m->now, sizeof(v)) != 0)
		m->changes++;
	m->now = v;
	m->past[m->npast++ % MODEL_HISTORY] = v;
}

static void
model_log_fold(struct model *m, struct json_object *o, double t)
{
	struct model_log *l = &m->logs[m->nlogs++ % MODEL_LOGS];

	free(l->module);
	free(l->msg);
	l->t = t;
	snprintf(l->level, sizeof(l->level), "%s", field_str(o, "level"));
	l->module = strndup(field_str(o, "module"), ROW_TEXT_MAX);
	l->msg = strndup(field_str(o, "msg"), ROW_TEXT_MAX * 2);
	if (l->module == NULL || l->msg == NULL)
		abort();
	m->changes++;
}

void
model_event(struct model *m, struct json_object *o)
{
	const char *ev = field_str(o, "ev"), *cursor = field_str(o, "c");
	double t = field_num(o, "t");

	if (*ev == '\0' || isnan(t))
		return;
	if (*cursor != '\0')
		snprintf(m->cursor, sizeof(m->cursor), "%s", cursor);
	m->heard = t;
	if (strncmp(ev, "request.", 8) == 0)
		model_fold(m, o, t);
	else if (strcmp(ev, "metrics") == 0)
		model_metrics_fold(m, o);
	else if (strcmp(ev, "log") == 0)
		model_log_fold(m, o, t);
	else if (strcmp(ev, "route.changed") == 0 ||
	    strcmp(ev, "config.loaded") == 0 ||
	    strcmp(ev, "model.changed") == 0) {
		m->stale_routes = m->stale_models = 1;
		if (field_has(o, "rev"))
			m->now.rev = field_int(o, "rev", m->now.rev);
		m->changes++;
	}
}

void
model_gap(struct model *m, struct json_object *o)
{
	int64_t n = field_int(o, "dropped", 0);

	if (n <= 0)
		return;
	m->dropped += n;
	m->changes++;
}

void
model_subscribed(struct model *m, struct json_object *o, double now)
{
	struct json_object *snap = field_get(o, "snapshot"), *rows;
	const char *cursor = field_str(o, "cursor");
	struct row *r;
	size_t i;

	if (!field_bool(o, "resumed") && *cursor != '\0')
		snprintf(m->cursor, sizeof(m->cursor), "%s", cursor);
	if (snap == NULL)
		return;
	TAILQ_FOREACH(r, &m->live, entry)
		r->seen = 0;
	rows = field_get(snap, "requests");
	for (i = 0; i < field_len(rows); i++)
		if ((r = model_fold(m, field_at(rows, i), now)) != NULL)
			r->seen = 1;
	if (field_int(snap, "requests_total", 0) <= (int64_t)i)
		model_lose_unseen(m, now);
	if (field_get(snap, "metrics") != NULL)
		model_metrics_fold(m, field_get(snap, "metrics"));
	m->now.rev = field_int(snap, "rev", m->now.rev);
	m->heard = now;
	m->changes++;
}

int64_t
model_page(struct model *m, struct json_object *o, double now)
{
	struct json_object *rows = field_get(o, "requests");
	size_t i;

	m->paging = 1;
	for (i = 0; i < field_len(rows); i++)
		if (m->nlive + m->ndone < MODEL_ROWS || model_find(m, m->gen,
		    row_id_parse(field_str(field_at(rows, i), "id"))) != NULL)
			model_fold(m, field_at(rows, i), now);
	m->paging = 0;
	if (i == 0 || m->nlive + m->ndone >= MODEL_ROWS)
		return -1;
	return field_int(o, "next_offset", -1);
}

static void
model_take(struct model *m, struct json_object **dst, struct json_object *v)
{
	if (v == NULL)
		return;
	if (*dst == NULL || !json_object_equal(*dst, v))
		m->changes++;
	json_object_put(*dst);
	*dst = json_object_get(v);
}

void
model_take_routes(struct model *m, struct json_object *o)
{
	if (field_has(o, "routes"))
		model_take(m, &m->routes, field_get(o, "routes"));
}

void
model_take_models(struct model *m, struct json_object *o)
{
	if (field_has(o, "models"))
		model_take(m, &m->models, field_get(o, "models"));
}

void
model_take_status(struct model *m, struct json_object *o, double now)
{
	struct json_object *t = field_get(o, "traffic");
	struct json_object *l = field_get(o, "latency");

	if (!json_object_is_type(o, json_type_object))
		return;
	json_object_put(m->status);
	m->status = json_object_get(o);
	m->status_at = now;
	m->changes++;
	if (m->npast > 0)
		return;
	m->now.rps = field_num(t, "rps");
	m->now.tok_s = field_num(t, "tok_s");
	m->now.err_pct = field_num(t, "err_pct");
	m->now.in_flight = field_int(t, "in_flight", 0);
	m->now.queued = field_int(t, "queued", 0);
	m->now.requests_total = field_int(t, "total", 0);
	m->now.ttft_p50_ms = field_num(l, "ttft_p50_ms");
	m->now.ttft_p95_ms = field_num(l, "ttft_p95_ms");
	m->now.rev = field_int(o, "rev", 0);
	m->now.overrides = (int64_t)field_len(field_get(o, "overrides"));
}

size_t
model_log_count(const struct model *m)
{
	return m->nlogs < MODEL_LOGS ? m->nlogs : MODEL_LOGS;
}

const struct model_log *
model_log_get(const struct model *m, size_t i)
{
	return i < model_log_count(m) ?
	    &m->logs[(m->nlogs - 1 - i) % MODEL_LOGS] : NULL;
}

const struct model_metrics *
model_past_get(const struct model *m, size_t i)
{
	if (i >= m->npast || i >= MODEL_HISTORY)
		return NULL;
	return &m->past[(m->npast - 1 - i) % MODEL_HISTORY];
}

double
model_uptime(const struct model *m, double now)
{
	if (isnan(m->status_at))
		return NAN;
	return field_num(m->status, "uptime_s") + now - m->status_at;
}
