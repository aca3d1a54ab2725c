/* SPDX-License-Identifier: ISC */
/*
 * Dispatch between fronts and backs, and what all replies have in common.
 *
 * A reply is cut into events (sse.c, ndjson.c).  If front and back are the
 * same dialect each event is relayed as its bytes (relay); else the back
 * reports what it read as neutral events (parse -> conv_event) and the front
 * writes them.  A whole reply is collected as neutral events that point into
 * its document, because its parts are wanted in another order.
 */
#include "dialect/conv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/jout.h"
#include "base/xmalloc.h"
#include "dialect/conv_state.h"
#include "dialect/tokens.h"

#define CONV_EVENT_MAX	(16u << 20)

const char *
dialect_name(const struct dialect *d)
{
	return d->name;
}

int
chat_scan(const struct dialect *front, struct span body, struct arena *a,
    struct chat_req *r, struct chat_error *e)
{
	*r = (struct chat_req){ .front = front, .body = body, .n = 1 };
	return front->scan(body, a, r, e);
}

int
chat_encode(struct chat_req *req, const struct chat_target *t,
    struct arena *a, struct chat_body *out, struct chat_error *e)
{
	*out = (struct chat_body){ 0 };
	if (req->front->form == t->back)
		return t->back->splice(req, t, a, out, e);
	if (!req->decoded) {
		if (req->front->decode(req, a, e) == -1)
			return -1;
		req->decoded = true;
	}
	return t->back->encode(req, t, a, out, e);
}

struct conv *
conv_new(const struct chat_req *req, const struct chat_target *t,
    const struct conv_info *i)
{
	struct conv *c = xcalloc(1, sizeof(*c));

	c->req = req;
	c->front = req->front;
	c->back = t->back;
	c->info = *i;
	c->pass = req->front == t->back;
	c->spliced_usage = t->want_usage && req->stream && !req->include_usage;
	if (c->info.event_max == 0)
		c->info.event_max = CONV_EVENT_MAX;
	c->sse.max = c->info.event_max;
	c->lines.max = c->info.event_max;
	jout_str(&c->model, i->model);
	return c;
}

void
conv_free(struct conv *c)
{
	if (c == NULL)
		return;
	sse_fini(&c->sse);
	ndjson_fini(&c->lines);
	buf_fini(&c->body);
	buf_fini(&c->model);
	buf_fini(&c->member);
	buf_fini(&c->head);
	arena_fini(&c->arena);
	free(c->evs);
	free(c->error);
	free(c);
}

const struct conv_facts *
conv_facts(const struct conv *c)
{
	return &c->facts;
}

void
conv_fail_with(struct conv *c, const struct chat_error *e)
{
	if (c->state != CONV_OPEN)
		return;
	c->error = xmalloc(sizeof(*c->error));
	*c->error = *e;
	c->facts.error = c->error;
	c->facts.reusable = false;
	c->state = CONV_ERROR;
	conv_usage(c);
	if (c->facts.started && c->mode != CONV_WHOLE)
		c->front->error_event(e, c->out);
}

void
conv_fail(struct conv *c, enum error_id id, const char *fmt, ...)
{
	struct chat_error e;
	char text[CHAT_ERROR_TEXT];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	chat_error_set(&e, id, NULL, "%s", text);
	conv_fail_with(c, &e);
}

const struct chat_usage *
conv_usage(struct conv *c)
{
	struct chat_usage *u = &c->facts.usage;

	if (!u->known) {
		u->in = tokens_prompt(c->req->messages);
		u->out = tokens_text(c->text_bytes);
	}
	return u;
}

void
conv_done(struct conv *c)
{
	if (c->state != CONV_OPEN)
		return;
	conv_usage(c);
	c->facts.reusable = true;
	c->state = CONV_DONE;
}

/* Keeps an event until the whole reply has been read. */
static void
conv_keep(struct conv *c, const struct chat_event *ev)
{
	if (c->nevs == c->cap) {
		c->cap = c->cap == 0 ? 8 : c->cap * 2;
		c->evs = xreallocarray(c->evs, c->cap, sizeof(*c->evs));
	}
	c->evs[c->nevs++] = *ev;
}

/* The finish that the client is told: calls win over stop, length over all. */
static enum chat_finish
conv_finish(const struct conv *c, const struct chat_event *ev)
{
	if (ev->finish == CHAT_FINISH_STOP &&
	    conv_set_has(&c->tools, ev->choice))
		return CHAT_FINISH_TOOLS;
	if (ev->finish == CHAT_FINISH_TOOLS &&
	    !conv_set_has(&c->tools, ev->choice))
		return CHAT_FINISH_STOP;
	return ev->finish;
}

void
conv_event(struct conv *c, const struct chat_event *ev)
{
	struct chat_event own = *ev;

	if (c->state != CONV_OPEN || ev->choice >= CONV_CHOICES ||
	    conv_set_has(&c->finished, ev->choice))
		return;
	conv_set_add(&c->begun, ev->choice);
	switch (ev->kind) {
	case CHAT_EV_TEXT:
	case CHAT_EV_THINK:
	case CHAT_EV_REFUSAL:
	case CHAT_EV_TOOL_ARGS:
		if (ev->kind == CHAT_EV_TOOL_ARGS && c->req->parallel_off &&
		    ev->tool > 0)
			return;
		c->text_bytes += ev->text.n;
		break;
	case CHAT_EV_TOOL:
		if (c->req->parallel_off && ev->tool > 0)
			return;
		conv_set_add(&c->tools, ev->choice);
		if (ev->choice == 0)
			c->ntools++;
		own.call.id = conv_tool_id(c, ev->call.id);
		c->text_bytes += ev->call.name.n + ev->call.args_text.n +
		    ev->call.args_json.n;
		break;
	case CHAT_EV_FINISH:
		own.finish = conv_finish(c, ev);
		c->facts.finish = own.finish;
		break;
	default:
		break;
	}
	if (!c->facts.started && !c->collect) {
		c->facts.started = true;
		c->front->begin(c, c->out);
	}
	if (c->collect)
		conv_keep(c, &own);
	else
		c->front->event(c, &own, c->out);
	if (ev->kind == CHAT_EV_FINISH)
		conv_set_add(&c->finished, ev->choice);
}

/* Says if a tool_choice that had to be emulated was not followed. */
static void
conv_check_choice(struct conv *c)
{
	const struct chat_req *r = c->req;

	if (!r->decoded || c->ntools != 0)
		return;
	if (r->choice == CHAT_CHOICE_REQUIRED ||
	    r->choice == CHAT_CHOICE_NAMED ||
	    (r->choice == CHAT_CHOICE_ALLOWED && r->choice_must))
		c->facts.warning = "tool_choice_not_followed";
}

void
conv_complete(struct conv *c)
{
	struct chat_event fin = {
		.kind = CHAT_EV_FINISH, .finish = CHAT_FINISH_STOP
	};
	unsigned i;

	if (c->state != CONV_OPEN)
		return;
	conv_event(c, &fin);
	for (i = 1; i < CONV_CHOICES; i++)
		if (conv_set_has(&c->begun, i)) {
			fin.choice = i;
			conv_event(c, &fin);
		}
	if (c->facts.warning == NULL)
		conv_check_choice(c);
	conv_usage(c);
	if (!c->collect)
		c->front->end(c, c->out);
	conv_done(c);
}

/* A number that no other answer and no other call of this one gives. */
static uint64_t
conv_mix(uint64_t h)
{
	h ^= h >> 30;
	h *= 0xbf58476d1ce4e5b9ull;
	h ^= h >> 27;
	h *= 0x94d049bb133111ebull;
	return h ^ (h >> 31);
}

static uint64_t
conv_hash(struct span s)
{
	uint64_t h = 0xcbf29ce484222325ull;
	size_t i;

	for (i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3ull;
	return h;
}

struct span
conv_tool_id(struct conv *c, struct span inner)
{
	static const char alnum[] = "0123456789abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	const unsigned max = sizeof(c->ids) / sizeof(*c->ids);
	uint64_t h, x = 0;
	unsigned i;
	char *s;

	if (inner.p != NULL && inner.n != 0) {
		h = conv_hash(inner);
		for (i = 0; i < c->nids && c->ids[i] != h; i++)
			;
		if (i == c->nids) {
			if (c->nids < max)
				c->ids[c->nids++] = h;
			return inner;
		}
	}
	s = arena_alloc(&c->arena, 30);
	memcpy(s, "call_", 5);
	h = conv_hash(c->info.id) + c->ntools * 0x9e3779b97f4a7c15ull;
	for (i = 0; i < 24; i++) {
		if (i % 8 == 0)
			x = conv_mix(h += 0x9e3779b97f4a7c15ull);
		s[5 + i] = alnum[x % 62];
		x /= 62;
	}
	s[29] = '\0';
	return (struct span){ s, 29 };
}
