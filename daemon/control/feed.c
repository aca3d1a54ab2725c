/* SPDX-License-Identifier: ISC */
#include "control/feed.h"

#include <json-c/json.h>

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/jout.h"
#include "base/map.h"
#include "base/xmalloc.h"
#include "conf/conf.h"
#include "control/change.h"
#include "control/core.h"
#include "control/method_test.h"
#include "observe/live.h"
#include "observe/row.h"
#include "observe/stats.h"

#define FEED_METRICS_S	10	/* what rates of the digest are taken over */
#define FEED_CHECK	64	/* events between looks at the memory */

static enum topic_event
feed_kind(const struct live_event *ev)
{
	switch (ev->kind) {
	case LIVE_START:
		return TOPIC_EV_REQUEST_START;
	case LIVE_FIRST:
		return TOPIC_EV_REQUEST_FIRST;
	case LIVE_END:
		return TOPIC_EV_REQUEST_END;
	case LIVE_NOTE:
		return (enum topic_event)ev->tag;
	default:
		return TOPIC_EV_REQUEST_PROGRESS;
	}
}

static void
feed_progress(struct control *c, const struct live_row *r, struct buf *b)
{
	row_json_where(b, c->a.live, r);
	buf_lit(b, ",\"phase\":");
	jout_strz(b, row_phase(r));
	buf_lit(b, ",\"queue_pos\":null,\"attempts\":");
	jout_u64(b, r->attempts);
	buf_lit(b, ",");
	row_json_tokens(b, r);
	buf_lit(b, ",\"tps\":");
	if (row_tps(r) < 0)
		buf_lit(b, "null");
	else
		buf_addf(b, "%.1f", row_tps(r));
	buf_lit(b, ",\"text\":null");
}

/* `"c":..,"t":..,"ev":..,...}` */
static void
feed_render(struct control *c, const struct live_event *ev, struct buf *b)
{
	const struct live_row *r = ev->row;

	buf_addf(b, "\"c\":\"%s.%llu\",\"t\":%llu.%03u,\"ev\":\"%s\",",
	    c->a.instance, (unsigned long long)ev->seq,
	    (unsigned long long)(ev->wall_ns / 1000000000),
	    (unsigned)(ev->wall_ns / 1000000 % 1000),
	    sub_event_name(feed_kind(ev)));
	if (ev->kind != LIVE_NOTE && ev->kind != LIVE_END) {
		buf_lit(b, "\"id\":\"");
		jout_hex(b, r->id);
		buf_lit(b, "\",");
	}
	switch (ev->kind) {
	case LIVE_START:
		row_json_where(b, c->a.live, r);
		buf_lit(b, ",");
		row_json_who(b, c->a.live, r);
		buf_lit(b, ",\"phase\":");
		jout_strz(b, row_phase(r));
		buf_lit(b, ",\"attempts\":");
		jout_u64(b, r->attempts);
		break;
	case LIVE_FIRST:
		row_json_where(b, c->a.live, r);
		buf_lit(b, ",\"attempts\":");
		jout_u64(b, r->attempts);
		buf_lit(b, ",\"ttft_ms\":");
		row_json_ms(b, row_ttft_ns(r));
		break;
	case LIVE_END:
		row_json(b, c->a.live, r, r->end_ns);
		break;
	case LIVE_NOTE:
		buf_adds(b, ev->text);
		break;
	default:
		feed_progress(c, r, b);
		break;
	}
	buf_lit(b, "}");
}

/* Not more often than asked; a table that forgets only lets more through. */
static bool
feed_paced(struct control *c, struct subscription *s,
    const struct live_event *ev)
{
	uint64_t now = ev->wall_ns / 1000000, i;

	(void)c;
	if (ev->kind != LIVE_PROGRESS)
		return false;
	i = (ev->row->id ^ ev->row->id >> 8) % FEED_PACED;
	/* Half: workers pace too, and their clocks are not in step. */
	if (s->paced[i].id == ev->row->id &&
	    now - s->paced[i].ms < s->progress_ms / 2)
		return true;
	s->paced[i].id = ev->row->id;
	s->paced[i].ms = now;
	return false;
}

/* What a newer event of the same kind replaces. */
static uint64_t
feed_object(const struct live_event *ev)
{
	const char *end;

	if (ev->kind != LIVE_NOTE)
		return ev->row->id;
	if (ev->tag != TOPIC_EV_MODEL_CHANGED)
		return 0;
	end = memmem(ev->text.p, ev->text.n, "\",\"before\"", 10);
	return hash_stable(ev->text.p, end == NULL ? ev->text.n :
	    (size_t)(end - ev->text.p), 0);
}

static void
feed_queue(struct control *c, struct subscription *s,
    const struct live_event *ev)
{
	if (c->scratch.n == 0)
		feed_render(c, ev, &c->scratch);
	sub_queue_add(s->queue, ev->seq, feed_kind(ev), feed_object(ev),
	    buf_span(&c->scratch));
	peer_wake(s->peer);
}

void
feed_give(struct control *c, struct subscription *s,
    const struct live_event *ev)
{
	if (!s->topics[sub_event_topic(feed_kind(ev))] ||
	    feed_paced(c, s, ev))
		return;
	buf_reset(&c->scratch, PEER_BATCH);
	feed_queue(c, s, ev);
}

void
feed_live_cb(const struct live_event *ev, void *arg)
{
	struct control *c = arg;
	struct subscription *s;
	struct peer *p;

	if (ev->kind != LIVE_NOTE && !TAILQ_EMPTY(&c->tests))
		method_test_event(c, ev);
	if (c->nsubs == 0)
		return;
	buf_reset(&c->scratch, PEER_BATCH);
	TAILQ_FOREACH(p, &c->peers, entry)
		TAILQ_FOREACH(s, &p->subs, entry)
			if (s->topics[sub_event_topic(feed_kind(ev))] &&
			    !feed_paced(c, s, ev))
				feed_queue(c, s, ev);
	if (++c->fanned % FEED_CHECK == 0)
		control_squeeze(c);
}

void
feed_unsubscribe(struct subscription *s)
{
	struct control *c = s->peer->ctl;

	TAILQ_REMOVE(&s->peer->subs, s, entry);
	s->peer->nsubs--;
	c->nsubs--;
	c->dropped += sub_queue_dropped(s->queue);
	sub_queue_free(s->queue);
	free(s);
}

bool
feed_wanted(const struct control *c, enum topic t)
{
	const struct subscription *s;
	const struct peer *p;

	TAILQ_FOREACH(p, &c->peers, entry)
		TAILQ_FOREACH(s, &p->subs, entry)
			if (s->topics[t])
				return true;
	return false;
}

/*
 * What main has to tell.
 */

static void
feed_opt(struct buf *b, const char *s)
{
	if (s == NULL || *s == '\0')
		buf_lit(b, "null");
	else
		jout_strz(b, s);
}

static void
feed_json(struct buf *b, struct json_object *o)
{
	buf_addz(b, json_object_to_json_string_ext(o,
	    JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

void
feed_change_cb(const struct change_entry *e, void *arg)
{
	struct control *c = arg;
	const struct conf *conf = change_conf(c->a.change);
	struct buf b = { 0 };
	unsigned n = 0, warnings = 0, i;

	if (e->model != NULL) {
		buf_addf(&b, "\"rev\":%llu,\"model\":",
		    (unsigned long long)e->rev);
		jout_strz(&b, e->model);
		buf_lit(&b, ",\"before\":");
		feed_json(&b, e->before);
		buf_lit(&b, ",\"after\":");
		feed_json(&b, e->after);
		buf_lit(&b, ",\"who\":");
		feed_opt(&b, e->who);
		buf_lit(&b, ",\"why\":");
		feed_opt(&b, e->why);
		live_note(c->a.live, TOPIC_EV_ROUTE_CHANGED, buf_span(&b),
		    true, e->wall_ns);
	} else {
		while (route_table_at(conf->routes, n) != NULL)
			n++;
		for (i = 0; i < conf->remarks.n; i++)
			warnings += conf->remarks.v[i].level == CONF_WARNING;
		buf_addf(&b, "\"rev\":%llu,\"path\":",
		    (unsigned long long)e->rev);
		feed_opt(&b, conf->path);
		buf_addf(&b, ",\"models\":%u,\"warnings\":%u", n, warnings);
		live_note(c->a.live, TOPIC_EV_CONFIG_LOADED, buf_span(&b),
		    true, e->wall_ns);
	}
	buf_fini(&b);
}

static void
feed_number(struct buf *b, double v, int decimals)
{
	if (v < 0)
		buf_lit(b, "null");
	else
		buf_addf(b, "%.*f", decimals, v);
}

void
feed_metrics(struct control *c, struct buf *b)
{
	struct stats_view v, five;
	uint64_t now = clock_ns();

	stats_query(c->a.stats, NULL, FEED_METRICS_S, now, &v);
	stats_query(c->a.stats, NULL, STATS_WINDOW_S, now, &five);
	buf_addf(b, "\"rps\":%.2f,\"tok_s\":%.1f,\"in_flight\":%u,"
	    "\"queued\":%u,\"err_pct\":", v.rps, v.tok_s,
	    live_count(c->a.live), live_queued(c->a.live));
	feed_number(b, five.err_pct, 2);
	buf_lit(b, ",\"ttft_p50_ms\":");
	feed_number(b, five.ttft_p50_ms, 1);
	buf_lit(b, ",\"ttft_p95_ms\":");
	feed_number(b, five.ttft_p95_ms, 1);
	buf_addf(b, ",\"rev\":%llu,\"overrides\":%u,\"requests_total\":%llu",
	    (unsigned long long)change_conf(c->a.change)->rev,
	    change_overrides(c->a.change),
	    (unsigned long long)live_total(c->a.live));
}

static void
feed_model(struct control *c, const struct route *r, uint64_t now)
{
	struct span key = span_z(r->model);
	uintptr_t was = (uintptr_t)map_get(c->states, key);
	struct health_verdict v;
	struct buf b = { 0 };

	health_model(c->health, r, now, &v);
	if (was == (uintptr_t)v.state + 1)
		return;
	map_put(c->states, key, (void *)((uintptr_t)v.state + 1));
	if (was == 0)
		return;		/* the first look at it */
	buf_lit(&b, "\"model\":");
	jout_strz(&b, r->model);
	buf_addf(&b, ",\"before\":\"%s\",\"state\":\"%s\",\"reason\":",
	    health_state_name((enum health_state)(was - 1)),
	    health_state_name(v.state));
	feed_opt(&b, v.reason);
	buf_lit(&b, ",\"hint\":");
	feed_opt(&b, v.hint);
	live_note(c->a.live, TOPIC_EV_MODEL_CHANGED, buf_span(&b), true,
	    clock_wall_ns());
	buf_fini(&b);
}

void
feed_tick(struct control *c)
{
	const struct conf *conf = change_conf(c->a.change);
	const struct route *r;
	uint64_t now = clock_ns();
	struct buf b = { 0 };
	unsigned i;

	if (feed_wanted(c, TOPIC_METRICS)) {
		feed_metrics(c, &b);
		live_note(c->a.live, TOPIC_EV_METRICS, buf_span(&b), false,
		    clock_wall_ns());
		buf_fini(&b);
	}
	if (feed_wanted(c, TOPIC_STATE))
		for (i = 0; (r = route_table_at(conf->routes, i)) != NULL;
		    i++)
			feed_model(c, r, now);
}
