/* SPDX-License-Identifier: ISC */
/*
 * The link is shared by main and the sink and counts what is on its way; the
 * last of the two frees it.
 */
#include "control/sink_ctl.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mbox.h"
#include "base/xmalloc.h"
#include "exchange/exchange.h"
#include "exchange/sink.h"

struct sink_ctl_link {
	_Atomic unsigned	 refs;
	_Atomic size_t		 queued;
	struct mbox		*worker;
	struct mbox		*main;
};

/* The worker's half. */
struct sink_ctl {
	struct sink		 sink;
	struct sink_ctl_link	*link;
	uint64_t		 serial;
	uint64_t		 id;
	sink_ctl_cb		 cb;
};

/* Worker to main. */
struct sink_ctl_msg {
	struct mbox_msg		 msg;
	struct sink_ctl_news	 news;
	sink_ctl_cb		 cb;
	char			 text[];
};

/* Main to worker: the start. */
struct sink_ctl_begin {
	struct mbox_msg		 msg;
	struct sink_ctl_link	*link;
	uint64_t		 serial;
	struct buf		 body;
	sink_ctl_cb		 cb;
};

/* Main to worker: to an exchange, if it is still there. */
struct sink_ctl_order {
	struct mbox_msg		 msg;
	uint64_t		 id;
	bool			 stop;		/* else: there is room */
};

void
sink_ctl_link_free(struct sink_ctl_link *l)
{
	if (l != NULL && atomic_fetch_sub(&l->refs, 1) == 1)
		free(l);
}

/*
 * Worker's thread.
 */

static void
sink_ctl_msg_run(struct mbox_msg *m, void *arg)
{
	struct sink_ctl_msg *sm = (struct sink_ctl_msg *)m;

	sm->cb(&sm->news, arg);
	free(sm);
}

static void
sink_ctl_msg_drop(struct mbox_msg *m)
{
	free(m);
}

static void
sink_ctl_say(const struct sink_ctl *s, enum sink_ctl_what what,
    struct span text, const struct chat_error *e, bool gone)
{
	struct sink_ctl_msg *m = xmalloc(sizeof *m + text.n + 1);

	memset(m, 0, sizeof *m);
	m->msg.run = sink_ctl_msg_run;
	m->msg.drop = sink_ctl_msg_drop;
	m->cb = s->cb;
	m->news.what = what;
	m->news.serial = s->serial;
	m->news.id = s->id;
	m->news.gone = gone;
	m->news.error = exchange_error_id(e);
	snprintf(m->news.error_text, sizeof m->news.error_text, "%s",
	    exchange_error_text(e));
	if (text.n > 0)
		memcpy(m->text, text.p, text.n);
	m->text[text.n] = '\0';
	m->news.text = (struct span){ m->text, text.n };
	mbox_post(s->link->main, &m->msg);
}

static void
sink_ctl_over(struct sink *sink, struct span text,
    const struct chat_error *e, bool gone)
{
	struct sink_ctl *s = (struct sink_ctl *)sink;

	sink_ctl_say(s, SINK_CTL_OVER, text, e, gone);
	sink_ctl_link_free(s->link);
	free(s);
}

static void
sink_ctl_reply(struct sink *sink, const struct sink_head *h,
    struct span body, const struct sink_end *e)
{
	(void)e;
	/* The body of an error is for HTTP clients. */
	sink_ctl_over(sink, h->error == NULL ? body : SPAN_NONE, h->error,
	    false);
}

static void
sink_ctl_head(struct sink *sink, const struct sink_head *h)
{
	(void)sink;
	(void)h;
}

static void
sink_ctl_data(struct sink *sink, struct span d)
{
	struct sink_ctl *s = (struct sink_ctl *)sink;

	if (d.n == 0)
		return;
	atomic_fetch_add(&s->link->queued, d.n);
	sink_ctl_say(s, SINK_CTL_TEXT, d, NULL, false);
}

static void
sink_ctl_end(struct sink *sink, const struct sink_end *e)
{
	sink_ctl_over(sink, SPAN_NONE, e->error, false);
}

static size_t
sink_ctl_queued(const struct sink *sink)
{
	const struct sink_ctl *s = (const struct sink_ctl *)sink;
	size_t n = atomic_load(&s->link->queued);

	/* Over the credit is over any limit. */
	return n > SINK_CTL_CREDIT ? SIZE_MAX : n;
}

static void
sink_ctl_abandon(struct sink *sink)
{
	sink_ctl_over(sink, SPAN_NONE, NULL, true);
}

static const struct sink_ops sink_ctl_ops = {
	.reply = sink_ctl_reply,
	.head = sink_ctl_head,
	.data = sink_ctl_data,
	.end = sink_ctl_end,
	.queued = sink_ctl_queued,
	.abandon = sink_ctl_abandon
};

static void
sink_ctl_begin_free(struct sink_ctl_begin *b)
{
	buf_fini(&b->body);
	free(b);
}

static void
sink_ctl_begin_run(struct mbox_msg *m, void *arg)
{
	struct sink_ctl_begin *b = (struct sink_ctl_begin *)m;
	struct exchange_env *env = arg;
	struct sink_ctl *s = xcalloc(1, sizeof *s);
	struct exchange_args a = { 0 };

	s->sink.ops = &sink_ctl_ops;
	s->link = b->link;
	s->serial = b->serial;
	s->cb = b->cb;
	s->id = exchange_id(env);
	sink_ctl_say(s, SINK_CTL_STARTED, SPAN_NONE, NULL, false);
	a.body = &b->body;
	a.sink = &s->sink;
	a.start_ns = clock_ns();
	a.id = s->id;
	a.test = true;
	exchange_start(env, &a);
	sink_ctl_begin_free(b);
}

static void
sink_ctl_begin_drop(struct mbox_msg *m)
{
	struct sink_ctl_begin *b = (struct sink_ctl_begin *)m;

	sink_ctl_link_free(b->link);
	sink_ctl_begin_free(b);
}

static void
sink_ctl_order_run(struct mbox_msg *m, void *arg)
{
	struct sink_ctl_order *o = (struct sink_ctl_order *)m;
	struct exchange *x = exchange_find(arg, o->id);

	if (x != NULL && o->stop)
		exchange_gone(x);
	else if (x != NULL)
		exchange_drained(x);
	free(o);
}

/*
 * Main's thread.
 */

struct sink_ctl_link *
sink_ctl_start(struct mbox *worker, struct mbox *main, uint64_t serial,
    struct buf *body, sink_ctl_cb cb)
{
	struct sink_ctl_link *l = xcalloc(1, sizeof *l);
	struct sink_ctl_begin *b = xcalloc(1, sizeof *b);

	atomic_store(&l->refs, 2);
	l->worker = worker;
	l->main = main;
	b->msg.run = sink_ctl_begin_run;
	b->msg.drop = sink_ctl_begin_drop;
	b->link = l;
	b->serial = serial;
	b->cb = cb;
	buf_pad(body);
	b->body = *body;
	memset(body, 0, sizeof *body);
	mbox_post(worker, &b->msg);
	return l;
}

static void
sink_ctl_order(struct sink_ctl_link *l, uint64_t id, bool stop)
{
	struct sink_ctl_order *o = xcalloc(1, sizeof *o);

	o->msg.run = sink_ctl_order_run;
	o->msg.drop = sink_ctl_msg_drop;
	o->id = id;
	o->stop = stop;
	mbox_post(l->worker, &o->msg);
}

void
sink_ctl_stop(struct sink_ctl_link *l, uint64_t id)
{
	sink_ctl_order(l, id, true);
}

void
sink_ctl_credit(struct sink_ctl_link *l, uint64_t id, size_t n)
{
	size_t before = atomic_fetch_sub(&l->queued, n);

	if (before > SINK_CTL_CREDIT && before - n <= SINK_CTL_CREDIT)
		sink_ctl_order(l, id, false);
}
