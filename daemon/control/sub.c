/* SPDX-License-Identifier: ISC */
/*
 * There is at most one gap in the queue: an entry without a text, standing
 * where its first dropped event stood.  Later drops are added to it until it
 * is sent.  Dropping goes down to three quarters at once, so that a reader
 * who stays slow costs a pass now and then and not one an event.
 */
#include "control/sub.h"

#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jout.h"
#include "base/xmalloc.h"

#define SUB_SLOTS	4096		/* of the table that coalescing uses */

struct sub_entry {
	TAILQ_ENTRY(sub_entry)	 entry;
	uint64_t		 seq;
	uint64_t		 object;
	uint32_t		 len;
	uint8_t			 ev;
	bool			 gap;
	char			 text[];
};
TAILQ_HEAD(sub_entries, sub_entry);

struct sub_gap {
	uint64_t	n;
	uint64_t	from, to;
	uint64_t	by[TOPIC_EV_COUNT];
	bool		memory;
};

struct sub_queue {
	char			 name[SUB_NAME_MAX];
	char			*instance;
	size_t			 max;
	size_t			 bytes;
	struct sub_entries	 list;
	struct sub_entry	*gap_at;	/* in list, or NULL */
	struct sub_gap		 gap;
	uint64_t		 sent;
	uint64_t		 dropped;
};

static const struct {
	const char	*name;
	enum topic	 topic;
	enum topic_drop	 drop;
} sub_events[] = {
#define SUB_X(sym, name, topic, drop)	\
	{ name, TOPIC_##topic, TOPIC_DROP_##drop },
	TOPIC_EVENTS(SUB_X)
#undef SUB_X
};

static const char *const sub_topics[] = {
#define SUB_X(sym, name, help)	name,
	TOPICS(SUB_X)
#undef SUB_X
};

const char *
sub_event_name(enum topic_event ev)
{
	return sub_events[ev].name;
}

enum topic
sub_event_topic(enum topic_event ev)
{
	return sub_events[ev].topic;
}

int
sub_topic_find(const char *name)
{
	int i;

	for (i = 0; i < TOPIC_COUNT; i++)
		if (strcmp(sub_topics[i], name) == 0)
			return i;
	return -1;
}

struct sub_queue *
sub_queue_new(const char *name, const char *instance, size_t max_bytes)
{
	struct sub_queue *q = xcalloc(1, sizeof *q);

	snprintf(q->name, sizeof q->name, "%s", name);
	q->instance = xstrdup(instance);
	q->max = max_bytes;
	TAILQ_INIT(&q->list);
	return q;
}

/* What an entry counts for: its memory, not its text alone. */
static size_t
sub_cost(const struct sub_entry *e)
{
	return e->gap ? 0 : sizeof *e + e->len;
}

static void
sub_remove(struct sub_queue *q, struct sub_entry *e)
{
	TAILQ_REMOVE(&q->list, e, entry);
	q->bytes -= sub_cost(e);
	free(e);
}

void
sub_queue_free(struct sub_queue *q)
{
	struct sub_entry *e;

	if (q == NULL)
		return;
	while ((e = TAILQ_FIRST(&q->list)) != NULL)
		sub_remove(q, e);
	free(q->instance);
	free(q);
}

static void
sub_count(struct sub_queue *q, uint64_t seq, unsigned ev)
{
	struct sub_gap *g = &q->gap;

	if (g->n == 0 || seq < g->from)
		g->from = seq;
	if (seq > g->to)
		g->to = seq;
	g->n++;
	g->by[ev]++;
	q->dropped++;
}

/* The gap stands at or before `before` (NULL: the end). */
static void
sub_place_gap(struct sub_queue *q, struct sub_entry *before)
{
	struct sub_entry *g = q->gap_at;

	if (g == NULL) {
		g = xcalloc(1, sizeof *g + 1);
		g->gap = true;
		if (before != NULL)
			TAILQ_INSERT_BEFORE(before, g, entry);
		else
			TAILQ_INSERT_TAIL(&q->list, g, entry);
		q->gap_at = g;
	} else if (before != NULL && before->seq < q->gap.from) {
		TAILQ_REMOVE(&q->list, g, entry);
		TAILQ_INSERT_BEFORE(before, g, entry);
	}
}

static void
sub_drop(struct sub_queue *q, struct sub_entry *e)
{
	sub_place_gap(q, e);
	sub_count(q, e->seq, e->ev);
	sub_remove(q, e);
}

/* Drops what a newer event of the same object replaces.  The table is small
 * and forgets: what it forgets is kept. */
static void
sub_coalesce(struct sub_queue *q)
{
	struct { uint64_t object; uint32_t ev; } *seen, *s;
	struct sub_entry *e, *prev;

	seen = xcalloc(SUB_SLOTS, sizeof *seen);
	for (e = TAILQ_LAST(&q->list, sub_entries); e != NULL; e = prev) {
		prev = TAILQ_PREV(e, sub_entries, entry);
		if (e->gap || sub_events[e->ev].drop != TOPIC_DROP_COALESCE)
			continue;
		s = &seen[(e->object ^ e->object >> 12 ^
		    (uint64_t)e->ev << 5) % SUB_SLOTS];
		if (s->ev == e->ev + 1u && s->object == e->object) {
			sub_drop(q, e);
			continue;
		}
		s->ev = e->ev + 1u;
		s->object = e->object;
	}
	free(seen);
}

/* Drops the oldest that may go in this round, down to `down` bytes. */
static void
sub_thin(struct sub_queue *q, enum topic_drop round, size_t down)
{
	struct sub_entry *e, *next;

	for (e = TAILQ_FIRST(&q->list); e != NULL && q->bytes > down;
	    e = next) {
		next = TAILQ_NEXT(e, entry);
		if (e->gap || (round == TOPIC_DROP_LOGS &&
		    sub_events[e->ev].drop != TOPIC_DROP_LOGS) ||
		    (round == TOPIC_DROP_OLDEST &&
		    sub_events[e->ev].drop == TOPIC_DROP_LAST))
			continue;
		sub_drop(q, e);
	}
}

static void
sub_make_room(struct sub_queue *q)
{
	size_t down = q->max / 4 * 3;

	sub_coalesce(q);
	if (q->bytes > down)
		sub_thin(q, TOPIC_DROP_LOGS, down);
	if (q->bytes > down)
		sub_thin(q, TOPIC_DROP_OLDEST, down);
	if (q->bytes > down)
		sub_thin(q, TOPIC_DROP_LAST, down);
}

void
sub_queue_add(struct sub_queue *q, uint64_t seq, enum topic_event ev,
    uint64_t object, struct span rest)
{
	static const char head[] =
	    "{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":{\"sub\":\"";
	size_t name = strlen(q->name);
	size_t len = sizeof head - 1 + name + 2 + rest.n + 2;
	struct sub_entry *e = xmalloc(sizeof *e + len + 1);
	char *p = e->text;

	memset(e, 0, sizeof *e);
	e->seq = seq;
	e->object = object;
	e->ev = (uint8_t)ev;
	e->len = (uint32_t)len;
	memcpy(p, head, sizeof head - 1);
	p += sizeof head - 1;
	memcpy(p, q->name, name);
	p += name;
	memcpy(p, "\",", 2);
	memcpy(p + 2, rest.p, rest.n);
	memcpy(p + 2 + rest.n, "}\n", 3);
	TAILQ_INSERT_TAIL(&q->list, e, entry);
	q->bytes += sub_cost(e);
	if (q->bytes > q->max)
		sub_make_room(q);
}

void
sub_queue_lost(struct sub_queue *q, uint64_t seq, enum topic_event ev)
{
	sub_place_gap(q, NULL);
	sub_count(q, seq, ev);
}

void
sub_queue_empty(struct sub_queue *q)
{
	struct sub_entry *e, *next;

	for (e = TAILQ_FIRST(&q->list); e != NULL; e = next) {
		next = TAILQ_NEXT(e, entry);
		if (!e->gap) {
			sub_drop(q, e);
			q->gap.memory = true;
		}
	}
}

static void
sub_gap_line(struct sub_queue *q, struct buf *b)
{
	const struct sub_gap *g = &q->gap;
	bool first = true;
	unsigned i;

	buf_lit(b, "{\"jsonrpc\":\"2.0\",\"method\":\"gap\",\"params\":"
	    "{\"sub\":");
	jout_strz(b, q->name);
	buf_lit(b, ",\"dropped\":");
	jout_u64(b, g->n);
	buf_addf(b, ",\"from\":\"%s.%llu\",\"to\":\"%s.%llu\",\"why\":\"%s\","
	    "\"by\":{", q->instance, (unsigned long long)g->from,
	    q->instance, (unsigned long long)g->to,
	    g->memory ? "memory" : "slow_reader");
	for (i = 0; i < TOPIC_EV_COUNT; i++)
		if (g->by[i] > 0) {
			buf_addf(b, "%s\"%s\":%llu", first ? "" : ",",
			    sub_events[i].name,
			    (unsigned long long)g->by[i]);
			first = false;
		}
	buf_lit(b, "}}}\n");
	memset(&q->gap, 0, sizeof q->gap);
	q->gap_at = NULL;
}

void
sub_queue_take(struct sub_queue *q, struct buf *out, size_t max)
{
	struct sub_entry *e;

	while (out->n < max && (e = TAILQ_FIRST(&q->list)) != NULL) {
		if (e->gap) {
			sub_gap_line(q, out);
		} else {
			buf_add(out, e->text, e->len);
			q->sent++;
		}
		sub_remove(q, e);
	}
}

bool
sub_queue_waits(const struct sub_queue *q)
{
	return !TAILQ_EMPTY(&q->list);
}

size_t
sub_queue_bytes(const struct sub_queue *q)
{
	return q->bytes;
}

uint64_t
sub_queue_sent(const struct sub_queue *q)
{
	return q->sent;
}

uint64_t
sub_queue_dropped(const struct sub_queue *q)
{
	return q->dropped;
}
