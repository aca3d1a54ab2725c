/* SPDX-License-Identifier: ISC */
/*
 * A row is referenced by the table while it is alive, and by each kept event
 * of it: what ended is forgotten with its last event.  Kept events are a ring
 * of LIVE_HISTORY; progress is not kept (only the newest matters).
 */
#include "observe/live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/xmalloc.h"
#include "observe/stats.h"
#include "proto/errors.h"

#define LIVE_NOTE_MAX	1024	/* bytes of one text */
#define LIVE_BUCKETS	4096
#define LIVE_LISTENERS	4

struct live_kept {
	uint64_t	 seq;
	uint64_t	 wall_ns;
	struct live_row	*row;
	char		*text;
	uint32_t	 len;
	uint8_t		 kind;
	uint8_t		 tag;
};

struct live {
	struct live_names	 names;
	struct stats		*stats;
	struct live_rows	 alive;
	struct live_rows	 done;
	unsigned		 nalive;
	unsigned		 nqueued;
	uint64_t		 total;
	uint64_t		 seq;
	uint64_t		 lost;		/* the latest seq not kept */
	struct live_row		*buckets[LIVE_BUCKETS];
	struct live_kept	*kept;		/* LIVE_HISTORY */
	unsigned		 first, n;
	size_t			 text_bytes;
	struct map		*ids;		/* {model, label} -> id */
	struct {
		live_event_cb	 cb;
		void		*arg;
	}			 listeners[LIVE_LISTENERS];
};

struct live *
live_new(const struct live_names *names, struct stats *stats)
{
	struct live *l = xcalloc(1, sizeof *l);

	l->names = *names;
	l->stats = stats;
	l->kept = xcalloc(LIVE_HISTORY, sizeof *l->kept);
	l->ids = map_new();
	TAILQ_INIT(&l->alive);
	TAILQ_INIT(&l->done);
	return l;
}

static struct live_row **
live_bucket(struct live *l, uint64_t id)
{
	/* Ids are a counter and a worker: both spread. */
	return &l->buckets[(id ^ id >> 7) % LIVE_BUCKETS];
}

static void
live_unref(struct live *l, struct live_row *r)
{
	struct live_row **p;

	if (--r->refs > 0)
		return;
	for (p = live_bucket(l, r->id); *p != NULL; p = &(*p)->next)
		if (*p == r) {
			*p = r->next;
			break;
		}
	TAILQ_REMOVE(r->done ? &l->done : &l->alive, r, entry);
	free(r->model_text);
	free(r->error_text);
	free(r);
}

static void
live_forget(struct live *l)
{
	struct live_kept *k = &l->kept[l->first];

	l->lost = k->seq;
	if (k->row != NULL)
		live_unref(l, k->row);
	l->text_bytes -= k->len;
	free(k->text);
	memset(k, 0, sizeof *k);
	l->first = (l->first + 1) % LIVE_HISTORY;
	l->n--;
}

void
live_free(struct live *l)
{
	struct live_row *r;
	struct span key;
	size_t pos = 0;
	void *v;

	if (l == NULL)
		return;
	while (l->n > 0)
		live_forget(l);
	while ((r = TAILQ_FIRST(&l->alive)) != NULL) {
		r->refs = 1;
		live_unref(l, r);
	}
	while (map_next(l->ids, &pos, &key, &v))
		free(v);
	map_free(l->ids);
	free(l->kept);
	free(l);
}

void
live_listen(struct live *l, live_event_cb cb, void *arg)
{
	unsigned i;

	for (i = 0; i < LIVE_LISTENERS; i++)
		if (l->listeners[i].cb == NULL) {
			l->listeners[i].cb = cb;
			l->listeners[i].arg = arg;
			return;
		}
}

void
live_unlisten(struct live *l, live_event_cb cb, void *arg)
{
	unsigned i;

	for (i = 0; i < LIVE_LISTENERS; i++)
		if (l->listeners[i].cb == cb && l->listeners[i].arg == arg)
			l->listeners[i].cb = NULL;
}

static void
live_emit(struct live *l, const struct live_event *ev, bool keep)
{
	struct live_kept *k;
	unsigned i;

	if (keep) {
		while (l->n == LIVE_HISTORY ||
		    (l->n > 0 && l->text_bytes + ev->text.n > LIVE_TEXT_MAX))
			live_forget(l);
		k = &l->kept[(l->first + l->n++) % LIVE_HISTORY];
		k->seq = ev->seq;
		k->wall_ns = ev->wall_ns;
		k->kind = (uint8_t)ev->kind;
		k->tag = (uint8_t)ev->tag;
		k->row = (struct live_row *)ev->row;
		if (k->row != NULL)
			k->row->refs++;
		else {
			k->text = xstrndup(ev->text.p, ev->text.n);
			k->len = (uint32_t)ev->text.n;
			l->text_bytes += ev->text.n;
		}
	}
	for (i = 0; i < LIVE_LISTENERS; i++)
		if (l->listeners[i].cb != NULL)
			l->listeners[i].cb(ev, l->listeners[i].arg);
}

void
live_note(struct live *l, unsigned tag, struct span text, bool keep,
    uint64_t wall_ns)
{
	struct live_event ev = { ++l->seq, wall_ns, LIVE_NOTE, tag, NULL,
	    text };

	live_emit(l, &ev, keep);
}

/* What an event says about its row is true now, not then: a row only ever
 * learns more. */
static void
live_change(struct live *l, struct live_row *r, enum live_kind kind,
    uint64_t wall_ns)
{
	struct live_event ev = { ++l->seq, wall_ns, kind, 0, r, SPAN_NONE };

	live_emit(l, &ev, kind == LIVE_START || kind == LIVE_FIRST ||
	    kind == LIVE_END);
}

static struct live_row *
live_get(struct live *l, uint64_t id)
{
	struct live_row *r;

	for (r = *live_bucket(l, id); r != NULL; r = r->next)
		if (r->id == id)
			return r;
	return NULL;
}

static struct live_row *
live_add(struct live *l, uint64_t id)
{
	struct live_row *r = xcalloc(1, sizeof *r);
	struct live_row **b = live_bucket(l, id);

	r->id = id;
	r->refs = 1;
	r->next = *b;
	*b = r;
	TAILQ_INSERT_HEAD(&l->alive, r, entry);
	return r;
}

/* The newest of what a record says. */
static void
live_update(struct live *l, struct live_row *r, const struct record *rec,
    int64_t off)
{
	if (r->start_ns == 0) {
		r->start_ns = rec->start_ns;
		r->wall_ns = (uint64_t)((int64_t)rec->start_ns + off);
	}
	r->last_ns = rec->t_ns;
	r->flags = rec->flags;
	r->phase = rec->phase;
	r->attempts = rec->attempts;
	if (rec->first_ns != 0)
		r->first_ns = rec->first_ns;
	r->in = rec->in;
	r->out = rec->out;
	r->events = rec->events;
	r->bytes_in = rec->bytes_in;
	r->bytes_out = rec->bytes_out;
	r->model = rec->model;
	r->deploy = rec->deploy;
	r->key = rec->key;
	r->port = rec->port;
	r->finish = rec->finish;
	r->front = rec->front;
	r->api = rec->api;
	memcpy(r->addr, rec->addr, sizeof r->addr);
	if (rec->phase == PHASE_QUEUE && r->queued_ns == 0) {
		r->queued_ns = rec->t_ns;
		l->nqueued++;
	} else if (rec->phase != PHASE_QUEUE && r->queued_ns != 0) {
		r->queue_ns += rec->t_ns - r->queued_ns;
		r->queued_ns = 0;
		l->nqueued--;
	}
}

static void
live_set_note(struct live_row *r, const struct record *rec)
{
	size_t len = rec->len < sizeof rec->text ? rec->len :
	    sizeof rec->text;
	char *more, **p;

	if (rec->note == NOTE_MORE && r->noted != NULL) {
		p = r->noted;
		if (strlen(*p) < LIVE_NOTE_MAX) {
			xasprintf(&more, "%s%.*s", *p, (int)len, rec->text);
			free(*p);
			*p = more;
		}
		return;
	}
	p = rec->note == NOTE_MODEL ? &r->model_text : &r->error_text;
	free(*p);
	*p = xstrndup(rec->text, len);
	r->noted = p;
}

/* Whose fault: ours or a backend's (not a client's mistake, a limit, a
 * client that left, an operator's cancel). */
static bool
live_failed(const struct live_row *r)
{
	return r->status >= 500 && r->error != ERR_CANCELLED &&
	    r->error != ERR_NOT_IMPLEMENTED && r->error != ERR_NO_API_KEY;
}

static uint32_t
live_us(uint64_t ns)
{
	return ns / 1000 > UINT32_MAX ? UINT32_MAX : (uint32_t)(ns / 1000);
}

static void
live_count_end(struct live *l, const struct live_row *r)
{
	struct stats_sample p = { 0 };

	l->total++;
	/* Tests are left out, and so is what named no model of ours. */
	if (l->stats == NULL || (r->flags & RECORD_TEST) != 0)
		return;
	p.model = r->model;
	p.deploy = r->deploy;
	p.failed = live_failed(r);
	p.out = r->out;
	if (r->first_ns > r->start_ns)
		p.ttft_us = live_us(r->first_ns - r->start_ns);
	if (r->first_ns != 0 && r->end_ns > r->first_ns)
		p.decode_us = live_us(r->end_ns - r->first_ns);
	if (p.failed)
		p.error = r->error_text != NULL ? r->error_text :
		    r->error < ERR_MAX ? error_rows[r->error].text : NULL;
	stats_add(l->stats, &p, r->end_ns);
}

static void
live_end(struct live *l, struct live_row *r, const struct record *rec,
    uint64_t wall_ns)
{
	r->status = rec->status;
	r->error = rec->error < ERR_MAX ? rec->error : ERR_INTERNAL;
	r->end_ns = rec->t_ns;
	r->phase = PHASE_DONE;
	r->done = true;
	TAILQ_REMOVE(&l->alive, r, entry);
	TAILQ_INSERT_HEAD(&l->done, r, entry);
	l->nalive--;
	live_count_end(l, r);
	live_change(l, r, LIVE_END, wall_ns);
	live_unref(l, r);
}

/* Remembers the deployment's id while the snapshot still has it. */
static void
live_learn(struct live *l, const struct live_row *r)
{
	uint16_t pair[2] = { r->model, r->deploy };
	struct span key = { (const char *)pair, sizeof pair };
	const char *id;

	if (r->deploy == 0 || map_get(l->ids, key) != NULL)
		return;
	id = l->names.deploy_id(r->model, r->deploy, l->names.arg);
	if (id != NULL)
		map_put(l->ids, key, xstrdup(id));
}

void
live_fold(struct live *l, const struct record *rec, int64_t off)
{
	struct live_row *r = live_get(l, rec->id);
	uint64_t wall_ns = (uint64_t)((int64_t)rec->t_ns + off);
	bool is_new = r == NULL;

	if (r != NULL && r->done)
		return;		/* nothing follows an end */
	if (is_new) {
		r = live_add(l, rec->id);
		l->nalive++;
	}
	if (rec->kind == RECORD_NOTE) {
		live_set_note(r, rec);
		return;
	}
	is_new = r->start_ns == 0;
	live_update(l, r, rec, off);
	live_learn(l, r);
	if (is_new && rec->kind != RECORD_END)
		live_change(l, r, LIVE_START, wall_ns);
	switch (rec->kind) {
	case RECORD_PHASE:
		live_change(l, r, LIVE_PHASE, wall_ns);
		break;
	case RECORD_FIRST:
		if (r->first_ns == 0)
			r->first_ns = rec->t_ns;
		r->status = 200;
		live_change(l, r, LIVE_FIRST, wall_ns);
		break;
	case RECORD_PROGRESS:
		live_change(l, r, LIVE_PROGRESS, wall_ns);
		break;
	case RECORD_END:
		live_end(l, r, rec, wall_ns);
		break;
	default:
		break;
	}
}

uint64_t
live_seq(const struct live *l)
{
	return l->seq;
}

uint64_t
live_oldest(const struct live *l)
{
	return l->lost;
}

bool
live_replay(const struct live *l, uint64_t seq, live_event_cb cb, void *arg)
{
	const struct live_kept *k;
	struct live_event ev;
	unsigned i;

	if (seq < l->lost || seq > l->seq)
		return false;
	for (i = 0; i < l->n; i++) {
		k = &l->kept[(l->first + i) % LIVE_HISTORY];
		if (k->seq <= seq)
			continue;
		ev = (struct live_event){ k->seq, k->wall_ns,
		    (enum live_kind)k->kind, k->tag, k->row,
		    { k->text, k->len } };
		cb(&ev, arg);
	}
	return true;
}

const struct live_row *
live_first(const struct live *l)
{
	return TAILQ_FIRST(&l->alive);
}

const struct live_row *
live_done_first(const struct live *l)
{
	return TAILQ_FIRST(&l->done);
}

const struct live_row *
live_next(const struct live_row *r)
{
	return TAILQ_NEXT(r, entry);
}

const struct live_row *
live_find(const struct live *l, uint64_t id)
{
	return live_get((struct live *)l, id);
}

unsigned
live_count(const struct live *l)
{
	return l->nalive;
}

unsigned
live_queued(const struct live *l)
{
	return l->nqueued;
}

uint64_t
live_total(const struct live *l)
{
	return l->total;
}

const char *
live_name(const struct live *l, uint16_t id)
{
	const char *s = id == 0 ? NULL : l->names.name(id, l->names.arg);

	return s == NULL || strcmp(s, "-") == 0 ? NULL : s;
}

const char *
live_deploy_id(const struct live *l, uint16_t model, uint16_t label)
{
	uint16_t pair[2] = { model, label };

	return map_get(l->ids, (struct span){ (const char *)pair,
	    sizeof pair });
}
