/* SPDX-License-Identifier: ISC */
/*
 * The steps of a request, one function each:
 *
 *   exchange_start: scan -> limit -> route -> exchange_next: pick -> slot ->
 *   attempt (attempt.c) -> exchange_output / _reply -> exchange_finish
 *
 * A request ends in exactly one of exchange_fail, exchange_done,
 * exchange_broken, exchange_reply or exchange_gone; each of them records and
 * calls exchange_free, the only exit.
 *
 * Nothing here waits: deadlines are looked at by one sweep of all requests
 * that are alive, ten times a second, while there are any.
 */
#include "exchange/exchange.h"

#include <sys/random.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "access/limit.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "conf/conf.h"
#include "exchange/slot.h"
#include "exchange/state.h"
#include "route/table.h"
#include "upstream/client.h"

#define EXCHANGE_SWEEP_MS	100
#define EXCHANGE_SPARE		256
#define EXCHANGE_BODY_MIN	65536	/* memory worth keeping */
#define EXCHANGE_BODY_MAX	4194304
#define EXCHANGE_MINUTE_MS	60000
/* A stream that goes on is never cut by a timeout meant for slow answers. */
#define EXCHANGE_STREAM_MS	6000000

struct exchange_set {
	TAILQ_HEAD(, exchange)	 alive;
	TAILQ_HEAD(, exchange)	 spare;
	unsigned		 n;
	unsigned		 nspare;
	struct event		 sweep;
	bool			 sweeping;
	uint64_t		 rnd[2];	/* xorshift128+ */
};

static void	exchange_sweep_cb(evutil_socket_t, short, void *);

struct exchange_set *
exchange_set_new(void)
{
	struct exchange_set *s = xcalloc(1, sizeof *s);

	TAILQ_INIT(&s->alive);
	TAILQ_INIT(&s->spare);
	while (getrandom(s->rnd, sizeof s->rnd, 0) != sizeof s->rnd)
		;
	s->rnd[0] |= 1;
	return s;
}

void
exchange_set_free(struct exchange_set *s)
{
	struct exchange *x;

	if (s == NULL)
		return;
	while ((x = TAILQ_FIRST(&s->alive)) != NULL)
		exchange_gone(x);
	if (s->sweeping)
		event_del(&s->sweep);
	while ((x = TAILQ_FIRST(&s->spare)) != NULL) {
		TAILQ_REMOVE(&s->spare, x, entry);
		arena_fini(&x->arena);
		free(x);
	}
	free(s);
}

unsigned
exchange_set_len(const struct exchange_set *s)
{
	return s->n;
}

static uint64_t
exchange_random(struct exchange_set *s)
{
	uint64_t a = s->rnd[0], b = s->rnd[1];

	s->rnd[0] = b;
	a ^= a << 23;
	s->rnd[1] = a ^ b ^ (a >> 17) ^ (b >> 26);
	return s->rnd[1] + b;
}

uint64_t
exchange_id(struct exchange_env *env)
{
	return ++env->counter << 8 | env->worker;
}

size_t
exchange_id_text(const struct exchange_env *env, uint64_t id, char out[64])
{
	char hex[16];
	size_t n, i = sizeof hex;

	do
		hex[--i] = "0123456789abcdef"[id & 15];
	while ((id >>= 4) != 0);
	n = strlen(env->instance);
	memcpy(out, "req_", 4);
	memcpy(out + 4, env->instance, n);
	n += 4;
	out[n++] = '_';
	memcpy(out + n, hex + i, sizeof hex - i);
	n += sizeof hex - i;
	out[n] = '\0';
	return n;
}

/*
 * Beginning and end.
 */

static struct exchange *
exchange_new(struct exchange_env *env, struct exchange_args *a)
{
	struct exchange_set *s = env->set;
	struct exchange *x = TAILQ_FIRST(&s->spare);
	struct arena arena;

	if (x != NULL) {
		TAILQ_REMOVE(&s->spare, x, entry);
		s->nspare--;
		arena = x->arena;
		memset(x, 0, offsetof(struct exchange, error));
		x->arena = arena;
		x->head_sent = x->recorded = false;
		x->bytes_out = 0;
	} else
		x = xcalloc(1, sizeof *x);
	x->error.id = ERR_NONE;
	x->error.text[0] = '\0';
	x->env = env;
	x->conf = env->conf;
	env->hold(env, x->conf);
	x->sink = a->sink;
	x->id = a->id;
	x->start_ns = a->start_ns;
	x->start_ms = clock_ms();
	x->said_ms = x->start_ms;
	x->body = *a->body;
	memset(a->body, 0, sizeof *a->body);
	x->bytes_in = (uint32_t)x->body.n;
	x->key = a->key;
	x->port = a->port;
	memcpy(x->addr, a->addr, sizeof x->addr);
	x->test = a->test;
	TAILQ_INSERT_TAIL(&s->alive, x, entry);
	s->n++;
	return x;
}

/* Small ones go; the memory of a large one is left for the next. */
static void
exchange_body_free(struct exchange_env *env, struct buf *b)
{
	unsigned i;

	for (i = 0; i < EXCHANGE_SPARES && b->cap > EXCHANGE_BODY_MIN &&
	    b->cap <= EXCHANGE_BODY_MAX; i++)
		if (env->spare[i].p == NULL) {
			env->spare[i] = *b;
			env->spare[i].n = 0;
			memset(b, 0, sizeof *b);
			return;
		}
	buf_fini(b);
}

static void
exchange_free(struct exchange *x)
{
	struct exchange_set *s = x->env->set;

	attempt_stop(x);
	exchange_body_free(x->env, &x->body);
	x->env->release(x->env, x->conf);
	TAILQ_REMOVE(&s->alive, x, entry);
	s->n--;
	if (s->nspare < EXCHANGE_SPARE) {
		arena_reset(&x->arena);
		TAILQ_INSERT_HEAD(&s->spare, x, entry);
		s->nspare++;
	} else {
		arena_fini(&x->arena);
		free(x);
	}
}

static void
exchange_sink_head(const struct exchange *x, struct sink_head *h)
{
	const struct conv_facts *f;

	memset(h, 0, sizeof *h);
	h->status = 200;
	h->content_type = "application/json";
	h->deploy = x->at.deploy;
	h->overhead_ns = exchange_record_overhead(x, clock_ns());
	h->retry_after_s = -1;
	h->should_retry = -1;
	h->warning = x->at.body.warning;
	if (h->warning == NULL && x->at.conv != NULL) {
		f = conv_facts(x->at.conv);
		h->warning = f->warning;
	}
}

static void
exchange_sink_end(const struct exchange *x, struct sink_end *e,
    bool complete)
{
	memset(e, 0, sizeof *e);
	e->complete = complete;
	e->start_ns = x->start_ns;
	e->first_ns = x->first_ns;
	if (x->at.conv != NULL)
		e->usage = &conv_facts(x->at.conv)->usage;
	if (!complete)
		e->error = &x->error;
}

/* Tells the client of x->error, in whatever form is still possible. */
static void
exchange_fail(struct exchange *x)
{
	struct sink_head h;
	struct sink_end e;
	struct buf b = { 0 };
	int status = chat_error_status(&x->error);

	exchange_sink_end(x, &e, false);
	if (x->head_sent) {
		chat_error_event(x->req.front, &x->error, &b);
		x->sink->ops->data(x->sink, buf_span(&b));
		exchange_record_end(x, status, x->error.id);
		x->sink->ops->end(x->sink, &e);
	} else {
		exchange_sink_head(x, &h);
		h.status = status;
		h.error = &x->error;
		h.retry_after_s = x->error.retry_after_s;
		h.should_retry = x->error.should_retry;
		chat_error_body(x->req.front, &x->error, &b);
		x->bytes_out = (uint32_t)b.n;
		exchange_record_end(x, status, x->error.id);
		x->sink->ops->reply(x->sink, &h, buf_span(&b), &e);
	}
	buf_fini(&b);
	exchange_free(x);
}

void
exchange_gone(struct exchange *x)
{
	exchange_record_end(x, 499, ERR_CLIENT_GONE);
	x->sink->ops->abandon(x->sink);
	exchange_free(x);
}

void
exchange_cancel(struct exchange *x)
{
	attempt_stop(x);
	chat_error_set(&x->error, ERR_CANCELLED, NULL,
	    "The request was cancelled by the operator");
	x->error.should_retry = 0;
	exchange_fail(x);
}

struct exchange *
exchange_find(struct exchange_env *env, uint64_t id)
{
	struct exchange *x;

	TAILQ_FOREACH(x, &env->set->alive, entry)
		if (x->id == id)
			return x;
	return NULL;
}

/*
 * Answers.
 */

/* The first bytes of a stream go out: the status is decided now. */
static void
exchange_commit(struct exchange *x)
{
	struct sink_head h;

	exchange_sink_head(x, &h);
	h.content_type = chat_stream_type(x->req.front);
	x->head_sent = true;
	x->sink->ops->head(x->sink, &h);
}

static void
exchange_first(struct exchange *x)
{
	struct deploy_state *st = x->at.deploy->state;
	uint32_t us, i;

	x->first_ns = clock_ns();
	if (x->test)
		return;
	us = (uint32_t)((x->first_ns - x->start_ns) / 1000);
	i = atomic_fetch_add_explicit(&st->ttft_n, 1, memory_order_relaxed);
	atomic_store_explicit(&st->ttft_us[i % 64], us,
	    memory_order_relaxed);
}

void
exchange_output(struct exchange *x, struct span out)
{
	if (!x->head_sent)
		exchange_commit(x);
	if (x->first_ns == 0) {
		exchange_first(x);
		exchange_record_first(x);
	}
	x->bytes_out += (uint32_t)out.n;
	x->said_ms = x->at.data_ms;
	x->sink->ops->data(x->sink, out);
	exchange_record_progress(x);
}

void
exchange_done(struct exchange *x)
{
	struct sink_end e;

	exchange_sink_end(x, &e, true);
	exchange_record_end(x, 200, ERR_NONE);
	x->sink->ops->end(x->sink, &e);
	exchange_free(x);
}

void
exchange_broken(struct exchange *x)
{
	struct sink_end e;

	exchange_sink_end(x, &e, false);
	exchange_record_end(x, chat_error_status(&x->error), x->error.id);
	x->sink->ops->end(x->sink, &e);
	exchange_free(x);
}

void
exchange_reply(struct exchange *x, struct span body)
{
	struct sink_head h;
	struct sink_end e;

	exchange_first(x);
	exchange_sink_head(x, &h);
	exchange_sink_end(x, &e, true);
	x->bytes_out = (uint32_t)body.n;
	exchange_record_end(x, 200, ERR_NONE);
	x->sink->ops->reply(x->sink, &h, body, &e);
	exchange_free(x);
}

void
exchange_drained(struct exchange *x)
{
	if (x->at.paused && x->at.call != NULL) {
		x->at.paused = false;
		upstream_resume(x->at.call);
	}
}

/*
 * Deadlines.
 */

static uint64_t
exchange_min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void
exchange_times(const struct exchange *x, struct exchange_times *t)
{
	const struct conf_limits *l = &x->conf->limits;
	const struct deploy *d = x->at.deploy;
	uint64_t whole = l->total_ms, first;

	if (d != NULL && d->timeout_ms != 0)
		whole = d->timeout_ms;
	if (!x->req.stream) {
		t->first_ms = t->gap_ms = t->total_ms = whole;
		return;
	}
	first = exchange_min(l->first_event_ms, whole);
	if (d != NULL && d->stream_timeout_ms != 0)
		first = d->stream_timeout_ms;
	t->first_ms = first;
	t->gap_ms = exchange_min(l->gap_ms, whole);
	t->total_ms = EXCHANGE_STREAM_MS;
}

/* Keeps the connection alive through proxies while nothing comes. */
static void
exchange_keepalive(struct exchange *x, uint64_t now)
{
	const struct conf_limits *l = &x->conf->limits;

	if (!x->req.stream)
		return;
	if (!x->head_sent) {
		if (now - x->start_ms < l->stream_commit_ms)
			return;
		exchange_commit(x);
	} else if (now - x->said_ms < l->keepalive_ms || x->at.paused)
		return;
	x->said_ms = now;
	x->sink->ops->data(x->sink, chat_keepalive(x->req.front));
}

static void
exchange_check(struct exchange *x, uint64_t now)
{
	struct exchange_times t;

	/* A slow client is the gate's matter (write stall). */
	if (x->at.paused)
		return;
	exchange_times(x, &t);
	if (now - x->start_ms >= t.total_ms)
		attempt_timeout(x, "the whole answer", t.total_ms);
	else if (!x->at.event && now - x->start_ms >= t.first_ms)
		attempt_timeout(x, "the first token", t.first_ms);
	else if (x->at.event && now - x->at.data_ms >= t.gap_ms)
		attempt_timeout(x, "the next token", t.gap_ms);
	else
		exchange_keepalive(x, now);
}

static void
exchange_sweep_cb(evutil_socket_t fd, short what, void *arg)
{
	struct exchange_env *env = arg;
	struct exchange_set *s = env->set;
	struct exchange *x, *next;
	uint64_t now = clock_ms();

	(void)fd;
	(void)what;
	for (x = TAILQ_FIRST(&s->alive); x != NULL; x = next) {
		next = TAILQ_NEXT(x, entry);
		exchange_check(x, now);
	}
	if (s->n == 0) {
		event_del(&s->sweep);
		s->sweeping = false;
	}
}

static void
exchange_sweep_on(struct exchange_env *env)
{
	struct timeval tv = { 0, EXCHANGE_SWEEP_MS * 1000 };

	if (env->set->sweeping)
		return;
	env->set->sweeping = true;
	event_assign(&env->set->sweep, env->base, -1, EV_PERSIST,
	    exchange_sweep_cb, env);
	event_add(&env->set->sweep, &tv);
}

/*
 * The steps.
 */

/* The gateway's own limit: all models, all keys. */
static bool
exchange_limit(struct exchange *x)
{
	uint32_t wait_ms = 0;

	if (x->test || meter_take(x->env->gateway_rpm, x->start_ms,
	    EXCHANGE_MINUTE_MS, x->conf->rpm, 1, &wait_ms))
		return true;
	chat_error_set(&x->error, ERR_RATE_LIMIT, NULL,
	    "Rate limit exceeded: this gateway serves %u requests per minute "
	    "(llmd_settings.rpm). Try again in %u s", x->conf->rpm,
	    (wait_ms + 999) / 1000);
	x->error.retry_after_s = (wait_ms + 999) / 1000;
	return false;
}

static void
exchange_unknown_model(struct exchange *x)
{
	const char *near[3];
	unsigned n = route_table_similar(x->conf->routes, x->req.model_name,
	    near);
	int len = (int)(x->req.model_name.n < 120 ? x->req.model_name.n : 120);

	/* LiteLLM's sentence (litellm-measured.md 3.1). */
	chat_error_set(&x->error, ERR_MODEL_NOT_FOUND, "model",
	    "/chat/completions: Invalid model name passed in model=%.*s. "
	    "%s%s%sCall `/v1/models` to view available models for your key.",
	    len, x->req.model_name.p, n > 0 ? "Did you mean " : "",
	    n > 0 ? near[0] : "", n > 0 ? "? " : "");
}

/* All deployments of the model are unusable: say why, worst first. */
static void
exchange_unusable(struct exchange *x)
{
	const struct route *r = x->route;
	const struct deploy *d = r->nall > 0 ? r->all[0] : NULL;
	unsigned i;

	for (i = 0; i < r->nall; i++)
		if (r->all[i]->use == DEPLOY_NO_KEY) {
			d = r->all[i];
			break;
		}
	if (d != NULL && d->use == DEPLOY_NO_KEY)
		chat_error_set(&x->error, ERR_NO_API_KEY, NULL,
		    "Model '%s' has no API key: %s (%s:%u). Set it in llmd's "
		    "environment and restart llmd", r->model, d->why,
		    d->file, d->key_line != 0 ? d->key_line : d->line);
	else
		chat_error_set(&x->error, ERR_NOT_IMPLEMENTED, NULL,
		    "Model '%s' cannot be served: %s (%s:%u)", r->model,
		    d == NULL ? "it has no deployment" : d->why,
		    d == NULL ? x->conf->path : d->file,
		    d == NULL ? 0 : d->model_line);
	x->error.should_retry = 0;
}

static void
exchange_limited(struct exchange *x, uint32_t wait_ms)
{
	uint32_t s = (wait_ms + 999) / 1000;
	const struct deploy *d = x->route->all[0];

	chat_error_set(&x->error, ERR_RATE_LIMIT, NULL,
	    "Model rate limit exceeded: '%s' is limited to %u requests per "
	    "minute (litellm_params.rpm%s%s). Try again in %u s",
	    x->route->model, d->rpm, d->line == 0 ? "" : ", ",
	    d->line == 0 ? "" : arena_printf(&x->arena, "%s:%u", d->file,
	    d->line), s == 0 ? 1 : s);
	x->error.retry_after_s = s == 0 ? 1 : s;
}

/* Picks the next deployment and starts an attempt.  False: x->error says why
 * there is none. */
static bool
exchange_next(struct exchange *x)
{
	const struct deploy *d;
	bool limited = false;
	uint32_t wait_ms = 0;

	for (;;) {
		d = x->ntried >= EXCHANGE_ATTEMPTS ? NULL :
		    route_pick(x->route, x->tried, x->ntried,
		    exchange_random(x->env->set), x->start_ms, &limited,
		    &wait_ms);
		if (d == NULL)
			break;
		x->tried[x->ntried++] = d;
		if (!slot_take(d))
			continue;
		if (attempt_start(x, d))
			return true;
		/* A request that this backend cannot take is the client's
		 * to mend: no other one is tried. */
		return false;
	}
	if (x->error.id == ERR_NONE) {
		if (limited)
			exchange_limited(x, wait_ms);
		else
			exchange_unusable(x);
	}
	return false;
}

void
exchange_failed(struct exchange *x, bool retryable)
{
	attempt_stop(x);
	if (!retryable || !exchange_next(x))
		exchange_fail(x);
}

static void
exchange_answer_id(struct exchange *x)
{
	char id[64];
	size_t n = exchange_id_text(x->env, x->id, id);

	/* "req_" goes, the instance stays: unique over restarts too. */
	memcpy(x->answer_id, "chatcmpl-", 9);
	n -= 4;
	if (n > sizeof x->answer_id - 10)
		n = sizeof x->answer_id - 10;
	memcpy(x->answer_id + 9, id + 4, n);
	x->info.id = (struct span){ x->answer_id, n + 9 };
	x->info.created = (int64_t)time(NULL);
	x->info.model = x->req.model_name;
	x->info.include_usage = x->req.include_usage ||
	    (x->conf->always_usage && x->req.stream);
	x->info.event_max = x->conf->limits.event_max;
}

static bool
exchange_route(struct exchange *x)
{
	x->route = route_table_find(x->conf->routes, x->req.model_name);
	if (x->route == NULL) {
		exchange_unknown_model(x);
		return false;
	}
	return true;
}

struct exchange *
exchange_start(struct exchange_env *env, struct exchange_args *a)
{
	struct exchange *x = exchange_new(env, a);

	x->req.front = a->front != NULL ? a->front : &dialect_text;
	if (chat_scan(x->req.front, buf_span(&x->body), &x->arena, &x->req,
	    &x->error) != 0 || !exchange_limit(x) || !exchange_route(x)) {
		exchange_fail(x);
		return NULL;
	}
	exchange_answer_id(x);
	if (!exchange_next(x)) {
		exchange_fail(x);
		return NULL;
	}
	exchange_sweep_on(env);
	return x;
}
