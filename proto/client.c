/* SPDX-License-Identifier: ISC */
#include "proto/client.h"

#include <errno.h>
#include <event2/buffer.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "proto/client_path.h"
#include "proto/frame.h"
#include "proto/rpc.h"

/*
 * Bytes are read only while no message waits, so that the input buffer holds
 * at most one line and one read.  At most one parsed message is `fresh`; those
 * that client_call had to read past are `kept` and come first.  Replies that
 * nobody waits for any more (session.init, cancel, calls given up) are known
 * by id and dropped.
 */
#define CLIENT_READ		65536
#define CLIENT_OUT_MAX		(4 * 1024 * 1024)
#define CLIENT_KEPT_MAX		65536
#define CLIENT_IGNORED		32
#define CLIENT_HELLO_MS		5000

struct client_item {
	STAILQ_ENTRY(client_item)	 entry;
	struct rpc_msg			 msg;
};

struct client {
	STAILQ_HEAD(, client_item)	 kept;
	struct evbuffer			*in;
	struct evbuffer			*out;
	struct client_item		*fresh;
	struct client_item		*lent;	/* by client_next */
	struct json_object		*hello_root;
	struct client_hello		 hello;
	struct frame			 frame;
	char				*path;
	char				 error[160];
	client_notice_cb		 notice;
	void				*notice_arg;
	int64_t				 last_id;
	int64_t				 ignored[CLIENT_IGNORED];
	size_t				 kept_count;
	int				 ignored_at;
	int				 fd;
	int				 interrupt_fd;
	int				 ended;
};

static int64_t
client_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void
client_item_free(struct client_item *item)
{
	if (item == NULL)
		return;
	rpc_msg_fini(&item->msg);
	free(item);
}

__attribute__((format(printf, 2, 3)))
static void
client_end(struct client *c, const char *fmt, ...)
{
	va_list ap;

	if (c->ended)
		return;
	c->ended = 1;
	va_start(ap, fmt);
	vsnprintf(c->error, sizeof(c->error), fmt, ap);
	va_end(ap);
}

/* Writes what the socket takes now. */
static void
client_flush(struct client *c)
{
	struct evbuffer_iovec v;
	ssize_t n;

	while (!c->ended && evbuffer_peek(c->out, -1, NULL, &v, 1) > 0) {
		n = send(c->fd, v.iov_base, v.iov_len,
		    MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0) {
			evbuffer_drain(c->out, (size_t)n);
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		/* What llmd said before it closed can still be read. */
		evbuffer_drain(c->out, evbuffer_get_length(c->out));
		return;
	}
}

static void
client_ignore(struct client *c, int64_t id)
{
	c->ignored[c->ignored_at++ % CLIENT_IGNORED] = id;
}

/* 1 for a reply that nobody waits for. */
static int
client_is_ignored(const struct client *c, const struct rpc_msg *m)
{
	int64_t id;
	int i;

	if (m->method != NULL)
		return strcmp(m->method, "ping") == 0;
	if (!json_object_is_type(m->id, json_type_int))
		return 0;
	id = json_object_get_int64(m->id);
	for (i = 0; i < CLIENT_IGNORED; i++)
		if (id > 0 && c->ignored[i] == id)
			return 1;
	return 0;
}

/* The end, because of what the peer sent: nothing more of it is believed. */
static int
client_distrust(struct client *c, const char *why)
{
	client_end(c, "the peer does not speak the protocol: %s", why);
	evbuffer_drain(c->in, evbuffer_get_length(c->in));
	return 0;
}

/* Parses buffered lines until a message is fresh: 1, else 0. */
static int
client_parse(struct client *c)
{
	struct client_item *item;
	struct rpc_error err;
	char *line;
	size_t len;
	int rc;

	while (c->fresh == NULL) {
		rc = frame_next(&c->frame, c->in, &line, &len);
		if (rc == FRAME_NONE)
			return 0;
		if (rc == FRAME_TOO_LARGE)
			return client_distrust(c, "its line is too long");
		if ((item = calloc(1, sizeof(*item))) == NULL)
			abort();
		rpc_error_init(&err);
		rc = rpc_parse(line, len, &item->msg, &err);
		free(line);
		if (rc < 0) {
			client_distrust(c, err.message);
			rpc_error_fini(&err);
			client_item_free(item);
			return 0;
		}
		if (client_is_ignored(c, &item->msg))
			client_item_free(item);
		else
			c->fresh = item;
	}
	return 1;
}

/* Reads once.  0: something came or nothing was there; -1: the end. */
static int
client_read(struct client *c)
{
	struct evbuffer_iovec v;
	ssize_t n;

	if (evbuffer_reserve_space(c->in, CLIENT_READ, &v, 1) < 1)
		abort();
	do {
		n = recv(c->fd, v.iov_base, CLIENT_READ, MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	v.iov_len = n > 0 ? (size_t)n : 0;
	evbuffer_commit_space(c->in, &v, 1);
	if (n > 0)
		return 0;
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	if (n == 0)
		client_end(c, "llmd closed the connection");
	else
		client_end(c, "%s", strerror(errno));
	return -1;
}

static int
client_stopped(const struct client *c)
{
	struct pollfd pfd = { .fd = c->interrupt_fd, .events = POLLIN };

	return c->interrupt_fd >= 0 && poll(&pfd, 1, 0) > 0;
}

/* Waits for a fresh message, as client_poll. */
static int
client_wait(struct client *c, int timeout_ms)
{
	int64_t until = client_now_ms() + timeout_ms, left;
	struct pollfd pfd[2] = { { .fd = c->fd },
	    { .fd = c->interrupt_fd, .events = POLLIN } };
	int rc;

	for (;;) {
		if (c->ended)
			return -1;
		client_flush(c);
		left = timeout_ms < 0 ? 60000 : until - client_now_ms();
		if (left < 0)
			left = 0;
		pfd[0].events = client_events(c);
		rc = poll(pfd, 2, (int)left);
		if (rc < 0 && errno != EINTR) {
			client_end(c, "%s", strerror(errno));
			return -1;
		}
		if (rc > 0 && (pfd[0].revents & ~POLLOUT) != 0)
			client_read(c);
		if (client_parse(c))
			return 1;
		if ((rc > 0 && pfd[1].revents != 0) || (timeout_ms >= 0 &&
		    !c->ended && client_now_ms() >= until))
			return 0;
	}
}

int
client_poll(struct client *c, int timeout_ms)
{
	client_flush(c);
	if (!STAILQ_EMPTY(&c->kept) || client_parse(c))
		return 1;
	return client_wait(c, timeout_ms);
}

/* Takes the fresh message; NULL: none is complete. */
static struct client_item *
client_take(struct client *c)
{
	struct client_item *item;

	client_parse(c);
	item = c->fresh;
	c->fresh = NULL;
	return item;
}

int
client_next(struct client *c, struct client_msg *msg)
{
	struct rpc_msg *m;

	client_item_free(c->lent);
	if ((c->lent = STAILQ_FIRST(&c->kept)) != NULL) {
		STAILQ_REMOVE_HEAD(&c->kept, entry);
		c->kept_count--;
	} else if ((c->lent = client_take(c)) == NULL)
		return 0;
	m = &c->lent->msg;
	memset(msg, 0, sizeof(*msg));
	if (m->method != NULL) {
		msg->kind = CLIENT_MSG_NOTICE;
		msg->method = m->method;
		msg->body = m->params;
		return 1;
	}
	msg->kind = m->kind == RPC_ERROR ? CLIENT_MSG_ERROR :
	    CLIENT_MSG_REPLY;
	msg->body = m->kind == RPC_ERROR ? m->error : m->result;
	msg->id = json_object_is_type(m->id, json_type_int) ?
	    json_object_get_int64(m->id) : 0;
	return 1;
}

int64_t
client_send(struct client *c, const char *method, struct json_object *params)
{
	char *line;
	size_t len;

	if (c->ended) {
		json_object_put(params);
		return -1;
	}
	line = rpc_call(c->last_id + 1, method, params, &len);
	if (len > RPC_LINE_MAX + 1 ||
	    evbuffer_get_length(c->out) + len > CLIENT_OUT_MAX) {
		free(line);
		return -1;
	}
	evbuffer_add(c->out, line, len);
	free(line);
	client_flush(c);
	return ++c->last_id;
}

/* Tells llmd to stop a call and forgets its reply. */
static void
client_cancel(struct client *c, int64_t id)
{
	struct json_object *params = json_object_new_object();
	int64_t cancel;

	client_ignore(c, id);
	json_object_object_add(params, "id", json_object_new_int64(id));
	cancel = client_send(c, "cancel", params);
	if (cancel > 0)
		client_ignore(c, cancel);
}

/* Disposes of a message that is not the awaited one. */
static void
client_keep(struct client *c, struct client_item *item)
{
	if (item->msg.method != NULL && c->notice != NULL) {
		c->notice(item->msg.method, item->msg.params, c->notice_arg);
		client_item_free(item);
	} else if (c->kept_count >= CLIENT_KEPT_MAX) {
		client_distrust(c, "it sends more than can be kept");
		client_item_free(item);
	} else {
		STAILQ_INSERT_TAIL(&c->kept, item, entry);
		c->kept_count++;
	}
}

static int
client_is_reply_to(const struct client_item *item, int64_t id)
{
	return item->msg.method == NULL &&
	    json_object_is_type(item->msg.id, json_type_int) &&
	    json_object_get_int64(item->msg.id) == id;
}

/*
 * Waits for the reply to id and takes it.  NULL: not in time, interrupted,
 * or the connection has ended.
 */
static struct client_item *
client_await(struct client *c, int64_t id, int timeout_ms)
{
	int64_t until = client_now_ms() + timeout_ms, left = -1;
	struct client_item *item;

	while (!client_stopped(c)) {
		if ((item = client_take(c)) != NULL) {
			if (client_is_reply_to(item, id))
				return item;
			client_keep(c, item);
			continue;
		}
		if (timeout_ms >= 0 && (left = until - client_now_ms()) < 0)
			left = 0;
		if (client_wait(c, (int)left) < 1 && (c->ended || left == 0))
			break;
	}
	return NULL;
}

static void
client_call_failed(struct client *c, int64_t id, const char *method,
    int timeout_ms, struct rpc_error *err)
{
	if (c->ended) {
		rpc_error_set(err, ERR_CONNECTION_LOST,
		    "the connection to llmd ended: %s", c->error);
		rpc_error_hint(err, "llmctl status");
		return;
	}
	client_cancel(c, id);
	if (client_stopped(c)) {
		rpc_error_set(err, ERR_CANCELLED, "%s: interrupted", method);
		return;
	}
	rpc_error_set(err, ERR_TIMEOUT, "%s: no answer within %d ms", method,
	    timeout_ms);
	rpc_error_hint(err, "give it more time with --timeout");
}

int
client_call(struct client *c, const char *method, struct json_object *params,
    int timeout_ms, struct json_object **result, struct rpc_error *err)
{
	struct client_item *item;
	int64_t id;

	*result = NULL;
	if ((id = client_send(c, method, params)) < 0) {
		if (c->ended)
			client_call_failed(c, 0, method, timeout_ms, err);
		else
			rpc_error_set(err, ERR_TOO_LARGE,
			    "%s: the call has more than %d bytes", method,
			    RPC_LINE_MAX);
		return -1;
	}
	item = client_await(c, id, timeout_ms);
	if (item == NULL) {
		client_call_failed(c, id, method, timeout_ms, err);
		return -1;
	}
	if (item->msg.kind == RPC_ERROR) {
		rpc_error_parse(err, item->msg.error);
		client_item_free(item);
		return -1;
	}
	*result = json_object_get(item->msg.result);
	client_item_free(item);
	return 0;
}

static const char *
client_member_str(struct json_object *o, const char *name)
{
	return rpc_param_str(o, name, "");
}

/* Takes the hello's fields; 0, or -1 and err when it is of another major. */
static int
client_hello_take(struct client *c, struct rpc_msg *m, struct rpc_error *err)
{
	struct client_hello *h = &c->hello;
	struct json_object *proto = NULL, *you = NULL;

	c->hello_root = json_object_get(m->params);
	json_object_object_get_ex(m->params, "proto", &proto);
	json_object_object_get_ex(m->params, "you", &you);
	h->server = client_member_str(m->params, "server");
	h->instance = client_member_str(m->params, "instance");
	h->rev = rpc_param_int(m->params, "rev", 0);
	h->pid = rpc_param_int(m->params, "pid", 0);
	if (json_object_is_type(you, json_type_object)) {
		h->role = client_member_str(you, "role");
		h->uid = rpc_param_int(you, "uid", -1);
	} else
		h->role = "";
	if (json_object_is_type(proto, json_type_array) &&
	    json_object_array_length(proto) == 2) {
		h->major = json_object_get_int(
		    json_object_array_get_idx(proto, 0));
		h->minor = json_object_get_int(
		    json_object_array_get_idx(proto, 1));
	}
	if (h->major == CLIENT_PROTO_MAJOR)
		return 0;
	rpc_error_set(err, ERR_PROTOCOL,
	    "%.40s speaks protocol %d.%d, this program %d", h->server,
	    h->major, h->minor, CLIENT_PROTO_MAJOR);
	rpc_error_hint(err, "use programs and llmd of the same release");
	return -1;
}

/* Waits for the hello, which must come first. */
static int
client_greet(struct client *c, int timeout_ms, struct rpc_error *err)
{
	struct client_item *item;
	int rc;

	if (client_poll(c, timeout_ms) < 1) {
		if (c->ended) {
			rpc_error_set(err, ERR_PROTOCOL,
			    "no llmd at the other end: %s", c->error);
			rpc_error_hint(err, "is the path right?  See "
			    "--socket and $LLMCTL_SOCKET");
		} else {
			rpc_error_set(err, ERR_TIMEOUT,
			    "llmd did not say hello within %d ms",
			    timeout_ms);
			rpc_error_hint(err, "it is stopped or very busy: try "
			    "again, or look at its log");
		}
		return -1;
	}
	item = client_take(c);
	if (item->msg.kind == RPC_ERROR) {
		rpc_error_parse(err, item->msg.error);
		rc = -1;
	} else if (item->msg.method == NULL || item->msg.params == NULL ||
	    strcmp(item->msg.method, "hello") != 0) {
		rpc_error_set(err, ERR_PROTOCOL,
		    "no llmd at the other end: its first line is no hello");
		rpc_error_hint(err, "is the path right?  See --socket and "
		    "$LLMCTL_SOCKET");
		rc = -1;
	} else
		rc = client_hello_take(c, &item->msg, err);
	client_item_free(item);
	return rc;
}

static void
client_introduce(struct client *c, const char *name)
{
	struct json_object *params = json_object_new_object();
	int64_t id;

	json_object_object_add(params, "client", json_object_new_string(name));
	json_object_object_add(params, "proto",
	    json_object_new_int(CLIENT_PROTO_MAJOR));
	if ((id = client_send(c, "session.init", params)) > 0)
		client_ignore(c, id);
}

struct client *
client_open_fd(int fd, const struct client_options *o, struct rpc_error *err)
{
	struct client *c;
	int flags, timeout_ms = o->timeout_ms;

	if ((c = calloc(1, sizeof(*c))) == NULL ||
	    (c->in = evbuffer_new()) == NULL ||
	    (c->out = evbuffer_new()) == NULL)
		abort();
	STAILQ_INIT(&c->kept);
	frame_init(&c->frame, RPC_LINE_MAX);
	c->fd = fd;
	c->interrupt_fd = -1;
	if ((flags = fcntl(fd, F_GETFL)) >= 0)
		fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	if (timeout_ms == 0)
		timeout_ms = CLIENT_HELLO_MS;
	if (client_greet(c, timeout_ms, err) < 0) {
		client_close(c);
		return NULL;
	}
	if (o->name != NULL)
		client_introduce(c, o->name);
	return c;
}

struct client *
client_open(const struct client_options *o, struct rpc_error *err)
{
	struct client *c;
	char *path;
	int fd;

	fd = client_path_connect(o->path, o->timeout_ms == 0 ?
	    CLIENT_HELLO_MS : o->timeout_ms, &path, err);
	if (fd < 0)
		return NULL;
	if ((c = client_open_fd(fd, o, err)) == NULL)
		free(path);
	else
		c->path = path;
	return c;
}

void
client_close(struct client *c)
{
	struct client_item *item;

	if (c == NULL)
		return;
	while ((item = STAILQ_FIRST(&c->kept)) != NULL) {
		STAILQ_REMOVE_HEAD(&c->kept, entry);
		client_item_free(item);
	}
	client_item_free(c->fresh);
	client_item_free(c->lent);
	json_object_put(c->hello_root);
	evbuffer_free(c->in);
	evbuffer_free(c->out);
	close(c->fd);
	free(c->path);
	free(c);
}

const struct client_hello *
client_hello_get(const struct client *c)
{
	return &c->hello;
}

const char *
client_path_get(const struct client *c)
{
	return c->path != NULL ? c->path : "";
}

int
client_fd(const struct client *c)
{
	return c->fd;
}

short
client_events(const struct client *c)
{
	return (short)(evbuffer_get_length(c->out) > 0 ?
	    POLLIN | POLLOUT : POLLIN);
}

void
client_on_notice(struct client *c, client_notice_cb cb, void *arg)
{
	c->notice = cb;
	c->notice_arg = arg;
}

void
client_on_interrupt(struct client *c, int fd)
{
	c->interrupt_fd = fd;
}

const char *
client_error(const struct client *c)
{
	return c->error;
}
