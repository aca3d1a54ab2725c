/* SPDX-License-Identifier: ISC */
#include "tui/link.h"

#include <json-c/json.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proto/client.h"
#include "proto/client_path.h"
#include "proto/rpc.h"
#include "tui/field.h"

/*
 * Three states: waiting (retry_at says until when), greeting (connected, the
 * hello has not come), up (client is set).  The hello is awaited here, not in
 * the client, because a stopped llmd still lets its backlog connect.
 */
#define LINK_CALLS		48	/* llmd allows 64 */
#define LINK_BACKOFF_MS		250
#define LINK_BACKOFF_MAX_MS	5000
#define LINK_HELLO_MS		5000
#define LINK_CALL_MS		15000
#define LINK_BATCH		2000	/* messages before a frame */

struct link_call {
	int64_t			 id;	/* 0: free */
	int64_t			 until_ms;	/* 0: no limit */
	link_reply_cb		 reply;
	link_progress_cb	 progress;
	void			*arg;
	char			 method[32];
};

struct link {
	const struct link_hooks	*hooks;
	void			*arg;
	char			*want;		/* path, or NULL */
	char			*path;
	struct client		*client;
	struct rpc_error	 err;
	struct link_call	 calls[LINK_CALLS];
	int64_t			 retry_at;
	int64_t			 greet_until;
	int64_t			 backoff_ms;
	int			 fd;		/* while greeting */
	int			 tries;
	int			 more;		/* messages were left */
};

struct link *
link_new(const char *path, const struct link_hooks *hooks, void *arg)
{
	struct link *l = calloc(1, sizeof(*l));

	if (l == NULL || (path != NULL && (l->want = strdup(path)) == NULL))
		abort();
	l->hooks = hooks;
	l->arg = arg;
	l->fd = -1;
	l->backoff_ms = LINK_BACKOFF_MS;
	rpc_error_init(&l->err);
	return l;
}

/* Ends a call with what became of it. */
static void
link_finish(struct link_call *c, struct json_object *result,
    const struct rpc_error *err)
{
	link_reply_cb reply = c->reply;
	void *arg = c->arg;

	memset(c, 0, sizeof(*c));
	if (reply != NULL)
		reply(arg, result, err);
}

void
link_free(struct link *l)
{
	struct rpc_error err;
	int i;

	if (l == NULL)
		return;
	client_close(l->client);
	l->client = NULL;
	rpc_error_init(&err);
	rpc_error_set(&err, ERR_CONNECTION_LOST, "llmtop ends");
	for (i = 0; i < LINK_CALLS; i++)
		if (l->calls[i].id != 0)
			link_finish(&l->calls[i], NULL, &err);
	rpc_error_fini(&err);
	if (l->fd >= 0)
		close(l->fd);
	rpc_error_fini(&l->err);
	free(l->want);
	free(l->path);
	free(l);
}

int
link_fd(const struct link *l)
{
	return l->client != NULL ? client_fd(l->client) : l->fd;
}

short
link_events(const struct link *l)
{
	return l->client != NULL ? client_events(l->client) : POLLIN;
}

int64_t
link_deadline_ms(const struct link *l)
{
	if (l->client != NULL)
		return l->more ? 0 : -1;
	return l->fd >= 0 ? l->greet_until : l->retry_at;
}

void
link_retry(struct link *l)
{
	l->retry_at = 0;
}

int
link_is_up(const struct link *l)
{
	return l->client != NULL;
}

const char *
link_error(const struct link *l)
{
	return l->err.message != NULL ? l->err.message : "";
}

const char *
link_hint(const struct link *l)
{
	return l->err.hint != NULL ? l->err.hint : "";
}

const char *
link_path(const struct link *l)
{
	return l->path != NULL ? l->path : "";
}

int
link_tries(const struct link *l)
{
	return l->tries;
}

const struct client_hello *
link_hello(const struct link *l)
{
	return l->client != NULL ? client_hello_get(l->client) : NULL;
}

/* When to try again: a tenth of jitter, so that many llmtops spread. */
static void
link_wait(struct link *l, int64_t now_ms)
{
	int64_t jitter = (now_ms * 2654435761LL >> 4) % (l->backoff_ms / 10);

	l->tries++;
	l->retry_at = now_ms + l->backoff_ms + jitter;
	if ((l->backoff_ms *= 2) > LINK_BACKOFF_MAX_MS)
		l->backoff_ms = LINK_BACKOFF_MAX_MS;
}

static void
link_lost(struct link *l, int64_t now_ms)
{
	int i;

	rpc_error_set(&l->err, ERR_CONNECTION_LOST, "%s",
	    client_error(l->client));
	client_close(l->client);
	l->client = NULL;
	l->backoff_ms = LINK_BACKOFF_MS;
	l->tries = 0;
	link_wait(l, now_ms);
	for (i = 0; i < LINK_CALLS; i++)
		if (l->calls[i].id != 0)
			link_finish(&l->calls[i], NULL, &l->err);
	l->hooks->down(l->arg);
}

static struct link_call *
link_find(struct link *l, int64_t id)
{
	int i;

	for (i = 0; id > 0 && i < LINK_CALLS; i++)
		if (l->calls[i].id == id)
			return &l->calls[i];
	return NULL;
}

static void
link_message(struct link *l, const struct client_msg *m)
{
	struct rpc_error err;
	struct link_call *c;

	if (m->kind == CLIENT_MSG_NOTICE) {
		if (strcmp(m->method, "progress") != 0) {
			l->hooks->notice(l->arg, m->method, m->body);
			return;
		}
		c = link_find(l, field_int(m->body, "id", 0));
		if (c != NULL && c->progress != NULL)
			c->progress(c->arg, m->body);
		return;
	}
	if ((c = link_find(l, m->id)) == NULL)
		return;
	if (m->kind == CLIENT_MSG_REPLY) {
		link_finish(c, m->body, NULL);
		return;
	}
	rpc_error_init(&err);
	rpc_error_parse(&err, m->body);
	link_finish(c, NULL, &err);
	rpc_error_fini(&err);
}

static void
link_expire(struct link *l, int64_t now_ms)
{
	struct rpc_error err;
	int i;

	for (i = 0; i < LINK_CALLS; i++) {
		struct link_call *c = &l->calls[i];

		if (c->id == 0 || c->until_ms == 0 || now_ms < c->until_ms)
			continue;
		rpc_error_init(&err);
		rpc_error_set(&err, ERR_TIMEOUT, "%s: no answer within %d s",
		    c->method, LINK_CALL_MS / 1000);
		link_finish(c, NULL, &err);
		rpc_error_fini(&err);
	}
}

/* Reads what is there, but lets a frame be drawn in between. */
static void
link_read(struct link *l, int64_t now_ms)
{
	struct client_msg m;
	int n = 0, rc;

	while ((rc = client_poll(l->client, 0)) > 0 && n < LINK_BATCH)
		while (n++ < LINK_BATCH && client_next(l->client, &m))
			link_message(l, &m);
	l->more = rc > 0;
	if (rc < 0)
		link_lost(l, now_ms);
	else
		link_expire(l, now_ms);
}

/* The hello is there, or it is too late. */
static void
link_greet(struct link *l, int64_t now_ms)
{
	struct client_options o = { .name = "llmtop/" LLMD_VERSION,
	    .timeout_ms = 100 };
	struct pollfd pfd = { .fd = l->fd, .events = POLLIN };

	if (poll(&pfd, 1, 0) < 1) {
		if (now_ms < l->greet_until)
			return;
		close(l->fd);
		rpc_error_set(&l->err, ERR_TIMEOUT,
		    "llmd does not say hello: it is stopped or very busy");
	} else
		l->client = client_open_fd(l->fd, &o, &l->err);
	l->fd = -1;
	if (l->client == NULL) {
		link_wait(l, now_ms);
		return;
	}
	l->tries = 0;
	l->backoff_ms = LINK_BACKOFF_MS;
	rpc_error_fini(&l->err);
	rpc_error_init(&l->err);
	l->hooks->up(l->arg, client_hello_get(l->client));
}

void
link_work(struct link *l, int64_t now_ms)
{
	char *path;

	if (l->client == NULL && l->fd < 0 && now_ms >= l->retry_at) {
		l->fd = client_path_connect(l->want, 0, &path, &l->err);
		if (l->fd < 0) {
			link_wait(l, now_ms);
			return;
		}
		free(l->path);
		l->path = path;
		l->greet_until = now_ms + LINK_HELLO_MS;
	}
	if (l->client == NULL && l->fd >= 0)
		link_greet(l, now_ms);
	if (l->client != NULL)
		link_read(l, now_ms);
}

int64_t
link_call(struct link *l, const char *method, struct json_object *params,
    link_reply_cb reply, link_progress_cb progress, void *arg)
{
	struct link_call *c = NULL;
	struct timespec ts;
	int i;

	for (i = 0; i < LINK_CALLS && c == NULL; i++)
		if (l->calls[i].id == 0)
			c = &l->calls[i];
	if (l->client == NULL || c == NULL) {
		json_object_put(params);
		return -1;
	}
	if ((c->id = client_send(l->client, method, params)) < 0) {
		c->id = 0;
		return -1;
	}
	clock_gettime(CLOCK_MONOTONIC, &ts);
	c->until_ms = progress != NULL ? 0 : (int64_t)ts.tv_sec * 1000 +
	    ts.tv_nsec / 1000000 + LINK_CALL_MS;
	c->reply = reply;
	c->progress = progress;
	c->arg = arg;
	snprintf(c->method, sizeof(c->method), "%s", method);
	return c->id;
}

void
link_forget(struct link *l, const void *arg)
{
	int i;

	for (i = 0; i < LINK_CALLS; i++)
		if (l->calls[i].arg == arg) {
			l->calls[i].reply = NULL;
			l->calls[i].progress = NULL;
			l->calls[i].arg = NULL;
		}
}
