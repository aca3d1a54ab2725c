/* SPDX-License-Identifier: ISC */
#include "reply.h"

#include <stdlib.h>
#include <string.h>

#include "wire.h"

#define REPLY_TURN	(512 * 1024)	/* bytes a reply may send per turn */

struct reply *
reply_new(struct conn *c, struct script *s, int status, const char *ctype)
{
	struct reply *r;

	r = buf_alloc(sizeof(*r));
	r->conn = c;
	r->script = script_ref(s);
	r->status = status;
	r->minor = c->rec->req.minor;
	r->close = c->rec->req.close;
	r->no_body = strcmp(c->rec->req.method, "HEAD") == 0;
	r->ctype = ctype != NULL ? buf_dup(ctype) : NULL;
	r->loop_from = r->cut_from = -1;
	return r;
}

void
reply_free(struct reply *r)
{
	if (r == NULL)
		return;
	script_unref(r->script);
	free(r->ctype);
	buf_fini(&r->before);
	buf_fini(&r->after);
	buf_fini(&r->body);
	buf_fini(&r->wire);
	free(r->events);
	free(r->ops);
	free(r);
}

/* Adds a field; those that sort before Content-Type go before it, as Go. */
void
reply_field(struct reply *r, const char *name, const char *value)
{
	struct buf *b;

	b = strcasecmp(name, "Content-Type") < 0 ? &r->before : &r->after;
	buf_addf(b, "%s: %s\r\n", name, value);
}

void
reply_event(struct reply *r, const void *p, size_t len)
{
	struct reply_event *e;

	if (r->nevents == r->cap) {
		r->cap = r->cap ? r->cap * 2 : 16;
		r->events = realloc(r->events, r->cap * sizeof(*r->events));
		if (r->events == NULL)
			abort();
	}
	e = &r->events[r->nevents++];
	e->off = r->body.len;
	e->len = len;
	e->wait_us = r->wait_us;
	r->wait_us = 0;
	buf_add(&r->body, p, len);
}

void
reply_pause(struct reply *r, uint64_t us)
{
	r->wait_us += us;
}

void
reply_go(struct reply *r)
{
	r->conn->rec->status = r->status;
	r->conn->reply = r;
	wire_compile(r);
	reply_run(r);
}

void
reply_text(struct conn *c, struct script *s, int status, const char *ctype,
    const char *body, size_t len)
{
	struct reply *r;

	r = reply_new(c, s, status, ctype);
	if (len > 0)
		reply_event(r, body, len);
	reply_go(r);
}

/* Sends from the current operation; false when the turn is over. */
static bool
reply_bytes(struct reply *r, const struct reply_op *op, size_t *budget)
{
	struct conn *c = r->conn;
	struct record *rec = c->rec;
	ssize_t n;

	while (r->done < op->b) {
		if (*budget == 0) {
			conn_want_write(c, true);
			return false;
		}
		n = conn_write(c, r->wire.data + op->a + r->done,
		    op->b - r->done);
		if (n == CONN_AGAIN) {
			conn_want_write(c, true);
			return false;
		}
		if (n < 0) {
			conn_close(c, RECORD_CLIENT_RST);
			return false;
		}
		if (rec->bytes == 0)
			rec->first_ms = sim_now_ms(c->sim);
		rec->bytes += (uint64_t)n;
		r->done += (size_t)n;
		*budget -= (size_t)n < *budget ? (size_t)n : *budget;
	}
	r->done = 0;
	return true;
}

static void
reply_cut(struct conn *c, enum record_end how)
{
	if (how == RECORD_SERVER_FIN)
		conn_finish(c, how);
	else
		conn_close(c, how);
}

/* Plays operations until the socket is full, a pause or the end. */
void
reply_run(struct reply *r)
{
	struct conn *c = r->conn;
	size_t budget = REPLY_TURN;
	const struct reply_op *op;

	if (c->timer.at != 0)
		return;			/* a pause is running */
	for (;;) {
		op = &r->ops[r->at];
		switch (op->kind) {
		case REPLY_BYTES:
			if (!reply_bytes(r, op, &budget))
				return;
			break;
		case REPLY_WAIT:
			conn_want_write(c, false);
			loop_timer_set(c->sim->loop, &c->timer, op->a);
			return;
		case REPLY_JUMP:
			r->at = op->a;
			continue;
		case REPLY_CUT:
			reply_cut(c, (enum record_end)op->a);
			return;
		case REPLY_HANG:
			conn_want_write(c, false);
			return;
		case REPLY_END:
			conn_next(c, op->a != 0);
			return;
		}
		r->at++;
	}
}

/* A pause is over. */
void
reply_timer(struct reply *r)
{
	r->at++;
	reply_run(r);
}
