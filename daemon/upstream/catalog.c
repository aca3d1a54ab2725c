/* SPDX-License-Identifier: ISC */
/*
 * An entry holds what one backend said under one credential; asks wait on it.
 * Everything that a request of ours needs is copied into the entry: the
 * snapshot that a deployment lives in may go while a backend is slow.
 *
 *   ask -> entry (cached, or GET the list) -> [ask: POST /api/show] -> cb
 */
#include "upstream/catalog.h"

#include <sys/queue.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/jout.h"
#include "base/jscan.h"
#include "base/xmalloc.h"
#include "net/http1.h"
#include "route/deploy.h"
#include "upstream/client.h"

#define CATALOG_WAIT_MS		2000
#define CATALOG_KEEP_MS		30000
#define CATALOG_KEEP_BAD_MS	5000
#define CATALOG_ENTRIES		256
#define CATALOG_BODY_MAX	(8u * 1024 * 1024)
#define CATALOG_MODELS		20000	/* of one backend */
#define CATALOG_NAME_MAX	512

/* One of our requests and what came back. */
struct catalog_fetch {
	struct upstream_call	*call;
	int			 status;
	bool			 large;
	struct buf		 body;
};

struct catalog_entry {
	TAILQ_ENTRY(catalog_entry) entry;
	struct catalog		*cat;
	uint64_t		 key;
	bool			 ollama;
	struct backend		 backend;	/* deep copy */
	char			*base_path;
	char			*query;
	char			*headers;
	struct catalog_fetch	 fetch;
	struct event		 timer;
	bool			 asking;
	uint64_t		 until_ms;	/* 0: nothing known */
	struct catalog_answer	 answer;
	struct catalog_model	*models;
	TAILQ_HEAD(, catalog_ask) asks;
};

struct catalog_ask {
	TAILQ_ENTRY(catalog_ask) entry;
	struct catalog_entry	*of;
	catalog_cb		 cb;
	void			*arg;
	char			*model;		/* wants its detail, or NULL */
	bool			 showing;
	bool			 cached;
	struct catalog_fetch	 fetch;
	struct buf		 post;
	struct iovec		 iov;
	struct event		 timer;
	uint64_t		 deadline_ms;
};

struct catalog {
	struct event_base	*base;
	struct upstream		*up;
	TAILQ_HEAD(, catalog_entry) entries;
	unsigned		 n;
};

static void	catalog_timer_cb(evutil_socket_t, short, void *);
static void	catalog_ask_cb(evutil_socket_t, short, void *);

struct catalog *
catalog_new(struct event_base *base, struct upstream *up)
{
	struct catalog *c = xcalloc(1, sizeof *c);

	c->base = base;
	c->up = up;
	TAILQ_INIT(&c->entries);
	return c;
}

static void
catalog_models_free(struct catalog_entry *e)
{
	unsigned i;

	for (i = 0; i < e->answer.n; i++) {
		free(e->models[i].name);
		free(e->models[i].capabilities);
	}
	free(e->models);
	e->models = NULL;
	e->answer.models = NULL;
	e->answer.n = 0;
}

static void
catalog_fetch_stop(struct catalog_fetch *f)
{
	if (f->call != NULL)
		upstream_abort(f->call);
	f->call = NULL;
	buf_fini(&f->body);
}

static void
catalog_ask_free(struct catalog_ask *a)
{
	catalog_fetch_stop(&a->fetch);
	event_del(&a->timer);
	TAILQ_REMOVE(&a->of->asks, a, entry);
	buf_fini(&a->post);
	free(a->model);
	free(a);
}

static void
catalog_entry_free(struct catalog_entry *e)
{
	struct catalog_ask *a;

	while ((a = TAILQ_FIRST(&e->asks)) != NULL)
		catalog_ask_free(a);
	catalog_fetch_stop(&e->fetch);
	event_del(&e->timer);
	TAILQ_REMOVE(&e->cat->entries, e, entry);
	e->cat->n--;
	catalog_models_free(e);
	free(e->backend.name);
	free(e->backend.tls_ca);
	free(e->backend.host);
	free(e->backend.authority);
	free(e->base_path);
	free(e->query);
	free(e->headers);
	free(e);
}

void
catalog_free(struct catalog *c)
{
	struct catalog_entry *e;

	if (c == NULL)
		return;
	while ((e = TAILQ_FIRST(&c->entries)) != NULL)
		catalog_entry_free(e);
	free(c);
}

void
catalog_forget(struct catalog *c)
{
	struct catalog_entry *e;

	TAILQ_FOREACH(e, &c->entries, entry)
		if (TAILQ_EMPTY(&e->asks))
			e->until_ms = 0;
}

void
catalog_cancel(struct catalog_ask *a)
{
	catalog_ask_free(a);
}

/*
 * The models of a reply.
 */

static void
catalog_add(struct catalog_entry *e, struct span name, uint64_t ctx,
    unsigned *cap)
{
	struct catalog_model *m;
	char text[CATALOG_NAME_MAX];
	size_t n;

	name = jscan_inner(name);
	if (name.n == 0 || name.n > sizeof text ||
	    e->answer.n == CATALOG_MODELS)
		return;
	n = jscan_unescape(name, text);
	if (memchr(text, '\0', n) != NULL)
		return;
	if (e->answer.n == *cap) {
		*cap = *cap == 0 ? 16 : *cap * 2;
		e->models = xreallocarray(e->models, *cap,
		    sizeof *e->models);
	}
	m = &e->models[e->answer.n++];
	m->name = xstrndup(text, n);
	m->ctx = ctx > UINT32_MAX ? 0 : (uint32_t)ctx;
	m->capabilities = NULL;
}

/* {"name":...} of Ollama, {"id":...} of the others; vLLM and OpenRouter tell
 * the context too. */
static void
catalog_element(struct catalog_entry *e, struct span v, unsigned *cap)
{
	struct span key, val, name = SPAN_NONE;
	struct jscan_iter it;
	uint64_t ctx = 0;
	bool esc;

	if (!jscan_is_obj(v))
		return;
	jscan_enter(&it, v, 0);
	while (jscan_member(&it, &key, &esc, &val) == 1) {
		if (span_eq(key, e->ollama ? "name" : "id") &&
		    jscan_is_str(val))
			name = val;
		else if ((span_eq(key, "max_model_len") ||
		    span_eq(key, "context_length") ||
		    span_eq(key, "context_window")) && jscan_is_num(val))
			jscan_u64(val, &ctx);
	}
	if (name.p != NULL)
		catalog_add(e, name, ctx, cap);
}

/* True if the document had a list of models. */
static bool
catalog_parse_list(struct catalog_entry *e, struct span doc)
{
	struct span key, val, list = SPAN_NONE;
	struct jscan_iter it;
	unsigned cap = 0;
	bool esc;

	if (jscan_is_arr(doc)) {
		list = doc;
	} else if (jscan_is_obj(doc)) {
		jscan_enter(&it, doc, 0);
		while (jscan_member(&it, &key, &esc, &val) == 1)
			if (span_eq(key, e->ollama ? "models" : "data"))
				list = val;
	}
	/* Ollama without a model says null in old versions. */
	if (jscan_is_null(list))
		return true;
	if (!jscan_is_arr(list))
		return false;
	jscan_enter(&it, list, 0);
	while (jscan_element(&it, &val) == 1)
		catalog_element(e, val, &cap);
	e->answer.models = e->models;
	return true;
}

static void
catalog_parse_capabilities(struct catalog_model *m, struct span list)
{
	struct jscan_iter it;
	struct buf b = { 0 };
	struct span v;
	char text[64];
	size_t n;

	if (!jscan_is_arr(list))
		return;
	jscan_enter(&it, list, 0);
	while (jscan_element(&it, &v) == 1) {
		if (!jscan_is_str(v) || v.n > sizeof text || b.n > 512)
			continue;
		n = jscan_unescape(jscan_inner(v), text);
		if (b.n > 0)
			buf_lit(&b, ",");
		buf_add(&b, text, n);
	}
	free(m->capabilities);
	m->capabilities = xstrndup(b.n > 0 ? b.p : "", b.n);
	buf_fini(&b);
}

/* "<architecture>.context_length" of model_info. */
static void
catalog_parse_info(struct catalog_model *m, struct span info)
{
	static const char end[] = ".context_length";
	struct jscan_iter it;
	struct span key, val;
	uint64_t n;
	bool esc;

	if (!jscan_is_obj(info))
		return;
	jscan_enter(&it, info, 0);
	while (jscan_member(&it, &key, &esc, &val) == 1)
		if (key.n > sizeof end - 1 && memcmp(key.p + key.n -
		    (sizeof end - 1), end, sizeof end - 1) == 0 &&
		    jscan_is_num(val) && jscan_u64(val, &n) &&
		    n <= UINT32_MAX)
			m->ctx = (uint32_t)n;
}

static void
catalog_parse_show(struct catalog_model *m, struct buf *body)
{
	struct jscan_iter it;
	struct span doc, key, val;
	bool esc;

	buf_pad(body);
	if (body->p == NULL || !jscan_document(body->p, body->n, &doc) ||
	    !jscan_is_obj(doc))
		return;
	jscan_enter(&it, doc, 0);
	while (jscan_member(&it, &key, &esc, &val) == 1) {
		if (span_eq(key, "capabilities"))
			catalog_parse_capabilities(m, val);
		else if (span_eq(key, "model_info"))
			catalog_parse_info(m, val);
	}
}

/*
 * Names.
 */

/* Ollama's names are case-insensitive and have ":latest" unless said. */
static bool
catalog_same(const char *a, const char *b, bool ollama)
{
	static const char tag[] = ":latest";
	size_t n, m, t = sizeof tag - 1;

	if (!ollama)
		return strcmp(a, b) == 0;
	n = strlen(a);
	m = strlen(b);
	if (n > t && strcasecmp(a + n - t, tag) == 0)
		n -= t;
	if (m > t && strcasecmp(b + m - t, tag) == 0)
		m -= t;
	return n == m && strncasecmp(a, b, n) == 0;
}

static bool
catalog_is_ollama(const struct deploy *d)
{
	return strcmp(d->provider, "ollama") == 0 ||
	    strcmp(d->provider, "ollama_chat") == 0;
}

const struct catalog_model *
catalog_find(const struct catalog_answer *a, const struct deploy *d)
{
	bool ollama = catalog_is_ollama(d);
	unsigned i;

	for (i = 0; i < a->n; i++)
		if (catalog_same(a->models[i].name, d->upstream, ollama))
			return &a->models[i];
	/* Google lists "models/x" and takes "x". */
	for (i = 0; i < a->n; i++)
		if (strncmp(a->models[i].name, "models/", 7) == 0 &&
		    strcmp(a->models[i].name + 7, d->upstream) == 0)
			return &a->models[i];
	return NULL;
}

/*
 * Requests.
 */

static void
catalog_sent_cb(void *arg)
{
	(void)arg;
}

static void
catalog_head_cb(void *arg, const struct http1_reply *r)
{
	struct catalog_fetch *f = arg;

	f->status = r->status;
}

static void
catalog_data_cb(void *arg, char *p, size_t n)
{
	struct catalog_fetch *f = arg;

	if (f->body.n + n > CATALOG_BODY_MAX)
		f->large = true;
	else
		buf_add(&f->body, p, n);
}

static void
catalog_fail(struct catalog_entry *e, const char *what)
{
	snprintf(e->answer.error, sizeof e->answer.error, "%s", what);
}

/* The list is there, or it is not: everybody who waits goes on. */
static void
catalog_listed(struct catalog_entry *e)
{
	struct catalog_ask *a, *next;

	e->asking = false;
	e->until_ms = clock_ms() + (e->answer.ok ? CATALOG_KEEP_MS :
	    CATALOG_KEEP_BAD_MS);
	event_del(&e->timer);
	catalog_fetch_stop(&e->fetch);
	for (a = TAILQ_FIRST(&e->asks); a != NULL; a = next) {
		next = TAILQ_NEXT(a, entry);
		a->cached = false;
		/* From the loop: a callback may cancel its neighbours. */
		event_active(&a->timer, EV_TIMEOUT, 0);
	}
}

static void
catalog_list_end_cb(void *arg, enum upstream_end how, const char *what)
{
	struct catalog_fetch *f = arg;
	struct catalog_entry *e = (struct catalog_entry *)(void *)
	    ((char *)arg - offsetof(struct catalog_entry, fetch));
	struct span doc;

	f->call = NULL;
	e->answer.status = f->status;
	if (how != UPSTREAM_OK && how != UPSTREAM_EOF) {
		catalog_fail(e, what != NULL ? what : "the answer was cut");
	} else if (f->status != 200) {
		snprintf(e->answer.error, sizeof e->answer.error,
		    "HTTP %d%s", f->status, f->status == 401 ||
		    f->status == 403 ? ": it refuses our API key" : "");
	} else if (f->large) {
		catalog_fail(e, "its list of models is over 8 MiB");
	} else {
		buf_pad(&f->body);
		if (f->body.p != NULL && jscan_document(f->body.p,
		    f->body.n, &doc) && catalog_parse_list(e, doc))
			e->answer.ok = true;
		else
			catalog_fail(e, "its list of models is not valid "
			    "JSON");
	}
	catalog_listed(e);
}

static const struct upstream_ops catalog_list_ops = {
	.sent = catalog_sent_cb,
	.head = catalog_head_cb,
	.data = catalog_data_cb,
	.end = catalog_list_end_cb
};

static void
catalog_arm(struct event *ev, uint64_t ms)
{
	struct timeval tv = { (time_t)(ms / 1000),
	    (suseconds_t)(ms % 1000 * 1000) };

	event_add(ev, &tv);
}

static void
catalog_list(struct catalog_entry *e)
{
	struct upstream_request r = {
		.backend = &e->backend,
		.method = "GET",
		.path = { e->base_path, e->ollama ? "/api/tags" : "/models",
		    NULL },
		.query = e->query,
		.headers = e->headers
	};

	e->asking = true;
	catalog_models_free(e);
	memset(&e->answer, 0, sizeof e->answer);
	memset(&e->fetch, 0, sizeof e->fetch);
	catalog_arm(&e->timer, CATALOG_WAIT_MS);
	e->fetch.call = upstream_call(e->cat->up, &r, &catalog_list_ops,
	    &e->fetch);
}

/* The list took too long. */
static void
catalog_timer_cb(evutil_socket_t fd, short what, void *arg)
{
	struct catalog_entry *e = arg;

	(void)fd;
	(void)what;
	catalog_fetch_stop(&e->fetch);
	e->answer.ok = false;
	catalog_fail(e, "no answer in 2 s");
	catalog_listed(e);
}

static void
catalog_answer_give(struct catalog_ask *a)
{
	struct catalog_answer ans = a->of->answer;
	catalog_cb cb = a->cb;
	void *arg = a->arg;

	ans.cached = a->cached;
	catalog_ask_free(a);
	cb(&ans, arg);
}

static struct catalog_model *
catalog_model_of(struct catalog_ask *a)
{
	struct catalog_entry *e = a->of;
	unsigned i;

	for (i = 0; i < e->answer.n; i++)
		if (catalog_same(e->models[i].name, a->model, e->ollama))
			return &e->models[i];
	return NULL;
}

static void
catalog_show_end_cb(void *arg, enum upstream_end how, const char *what)
{
	struct catalog_fetch *f = arg;
	struct catalog_ask *a = (struct catalog_ask *)(void *)
	    ((char *)arg - offsetof(struct catalog_ask, fetch));
	struct catalog_model *m;

	(void)what;
	f->call = NULL;
	m = catalog_model_of(a);
	if ((how == UPSTREAM_OK || how == UPSTREAM_EOF) && f->status == 200 &&
	    !f->large && m != NULL)
		catalog_parse_show(m, &f->body);
	catalog_answer_give(a);
}

static const struct upstream_ops catalog_show_ops = {
	.sent = catalog_sent_cb,
	.head = catalog_head_cb,
	.data = catalog_data_cb,
	.end = catalog_show_end_cb
};

static void
catalog_show(struct catalog_ask *a)
{
	struct catalog_entry *e = a->of;
	uint64_t now = clock_ms();
	struct upstream_request r = {
		.backend = &e->backend,
		.method = "POST",
		.path = { e->base_path, "/api/show", NULL },
		.query = e->query,
		.headers = e->headers,
		.body = &a->iov,
		.nbody = 1
	};

	a->showing = true;
	buf_lit(&a->post, "{\"model\":");
	jout_strz(&a->post, a->model);
	buf_lit(&a->post, "}");
	a->iov = (struct iovec){ a->post.p, a->post.n };
	r.body_len = a->post.n;
	catalog_arm(&a->timer, a->deadline_ms > now ? a->deadline_ms - now :
	    1);
	a->fetch.call = upstream_call(e->cat->up, &r, &catalog_show_ops,
	    &a->fetch);
}

/* The list is there: detail, or the answer. */
static void
catalog_ask_step(struct catalog_ask *a)
{
	struct catalog_model *m;

	if (a->model != NULL && a->of->ollama && a->of->answer.ok &&
	    (m = catalog_model_of(a)) != NULL && m->capabilities == NULL)
		catalog_show(a);
	else
		catalog_answer_give(a);
}

static void
catalog_ask_cb(evutil_socket_t fd, short what, void *arg)
{
	struct catalog_ask *a = arg;

	(void)fd;
	(void)what;
	if (a->showing) {
		/* Late: the answer goes without the detail. */
		catalog_answer_give(a);
	} else if (!a->of->asking)
		catalog_ask_step(a);
}

/*
 * Asking.
 */

static char *
catalog_dup(const char *s)
{
	return s == NULL ? NULL : xstrdup(s);
}

static uint64_t
catalog_key(const struct deploy *d)
{
	const struct backend *b = d->backend;
	const char *parts[] = { b->host, d->base_path, d->headers, d->query,
	    b->tls_ca, b->name };
	uint8_t flags[4] = { b->tls, b->tls_verify, catalog_is_ollama(d), 0 };
	uint64_t h = hash_stable(flags, sizeof flags, b->port);
	unsigned i;

	for (i = 0; i < sizeof parts / sizeof parts[0]; i++)
		if (parts[i] != NULL)
			h = hash_stable(parts[i], strlen(parts[i]) + 1,
			    h + i);
	return h;
}

/* The one that has been known longest and that nobody waits for. */
static void
catalog_evict(struct catalog *c)
{
	struct catalog_entry *e;

	TAILQ_FOREACH(e, &c->entries, entry)
		if (!e->asking && TAILQ_EMPTY(&e->asks)) {
			catalog_entry_free(e);
			return;
		}
}

static struct catalog_entry *
catalog_entry_get(struct catalog *c, const struct deploy *d)
{
	const struct backend *b = d->backend;
	uint64_t key = catalog_key(d);
	struct catalog_entry *e;

	TAILQ_FOREACH(e, &c->entries, entry)
		if (e->key == key)
			return e;
	if (c->n >= CATALOG_ENTRIES)
		catalog_evict(c);
	e = xcalloc(1, sizeof *e);
	e->cat = c;
	e->key = key;
	e->ollama = catalog_is_ollama(d);
	e->backend = *b;
	e->backend.name = catalog_dup(b->name);
	e->backend.tls_ca = catalog_dup(b->tls_ca);
	e->backend.host = catalog_dup(b->host);
	e->backend.authority = catalog_dup(b->authority);
	e->base_path = catalog_dup(d->base_path);
	e->query = catalog_dup(d->query);
	e->headers = catalog_dup(d->headers);
	TAILQ_INIT(&e->asks);
	event_assign(&e->timer, c->base, -1, 0, catalog_timer_cb, e);
	TAILQ_INSERT_TAIL(&c->entries, e, entry);
	c->n++;
	return e;
}

struct catalog_ask *
catalog_ask(struct catalog *c, const struct deploy *d, bool detail,
    catalog_cb cb, void *arg)
{
	struct catalog_entry *e = catalog_entry_get(c, d);
	struct catalog_ask *a = xcalloc(1, sizeof *a);

	a->of = e;
	a->cb = cb;
	a->arg = arg;
	a->model = detail ? catalog_dup(d->upstream) : NULL;
	a->deadline_ms = clock_ms() + CATALOG_WAIT_MS;
	event_assign(&a->timer, c->base, -1, 0, catalog_ask_cb, a);
	TAILQ_INSERT_TAIL(&e->asks, a, entry);
	if (!e->asking && e->until_ms != 0 && clock_ms() < e->until_ms) {
		a->cached = true;
		event_active(&a->timer, EV_TIMEOUT, 0);
	} else if (!e->asking)
		catalog_list(e);
	return a;
}
