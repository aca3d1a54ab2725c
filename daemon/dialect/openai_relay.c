/* SPDX-License-Identifier: ISC */
/*
 * Replies of an OpenAI-compatible backend to an OpenAI client: the bytes pass
 * but for `model`.  What is known to break clients is repaired where it
 * stands, by a list of edits: a role that is repeated, a finish_reason that
 * is empty or unknown, a delta that is null or called message, a choice
 * without index, `reasoning` (renamed to reasoning_content, from whichever
 * server: it is what most clients read; with both, reasoning goes), usage
 * that only the gateway had asked for.  Chunks without anything in them are
 * dropped.  A clean reply needs one edit.
 */
#include "dialect/openai.h"

#include <stdio.h>

#include "base/jout.h"

#define RELAY_EDITS	24

/* Replace n bytes at p. */
struct relay_edit {
	const char	*p;
	size_t		 n;
	struct span	 with;
};

struct relay {
	struct relay_edit	 e[RELAY_EDITS];
	unsigned		 n;
	bool			 substance;	/* something a client wants */
	unsigned		 choice;	/* the one being looked at */
	char			 index[32];	/* "index":N, for one choice */
};

/* Adds an edit in order of place; more than there is room for are left. */
static void
relay_edit(struct relay *r, const char *p, size_t n, struct span with)
{
	unsigned i;

	if (r->n == RELAY_EDITS)
		return;
	for (i = r->n; i > 0 && r->e[i - 1].p > p; i--)
		r->e[i] = r->e[i - 1];
	r->e[i] = (struct relay_edit){ p, n, with };
	r->n++;
}

/* Copies the document to out with the edits made; event: as one line. */
static void
relay_write(const struct relay *r, struct span doc, bool event,
    struct buf *out)
{
	const char *p = doc.p, *end = doc.p + doc.n;
	size_t from = out->n;
	unsigned i;
	char *q;

	for (i = 0; i < r->n; i++) {
		if (r->e[i].p < p)
			continue;
		buf_add(out, p, (size_t)(r->e[i].p - p));
		buf_adds(out, r->e[i].with);
		p = r->e[i].p + r->e[i].n;
	}
	buf_add(out, p, (size_t)(end - p));
	/* An event of several data lines: its line ends are white space. */
	if (event && memchr(doc.p, '\n', doc.n) != NULL)
		for (q = out->p + from; (q = memchr(q, '\n',
		    (size_t)(out->p + out->n - q))) != NULL; q++)
			*q = ' ';
}

/* Bytes of text in a value, for the estimate. */
static uint64_t
relay_bytes(struct span v)
{
	return jscan_is_str(v) ? v.n - 2 : v.n;
}

/* Cuts a member together with one comma: the one before it, or behind. */
static void
relay_cut(struct relay *r, const char *before, struct span key,
    struct span val)
{
	const char *from = key.p - 1, *to = val.p + val.n, *q;

	if (before != NULL) {
		from = before;
	} else {
		q = jscan_ws(to);
		if (*q == ',')
			to = q + 1;
	}
	relay_edit(r, from, (size_t)(to - from), SPAN_NONE);
}

/* True for what says nothing: null, "", [] and {}. */
static bool
relay_is_nothing(struct span v)
{
	return jscan_is_null(v) || (v.n == 2 && (*v.p == '"' || *v.p == '[' ||
	    *v.p == '{'));
}

/* role: the first of a choice stays, as "assistant"; more are cut. */
static void
relay_role(struct conv *c, struct relay *r, const char *before,
    struct span key, struct span val)
{
	if (conv_set_has(&c->role, r->choice)) {
		relay_cut(r, before, key, val);
		return;
	}
	if (!jscan_is_str(val) || val.n == 2)
		relay_edit(r, val.p, val.n, SPAN_LIT("\"assistant\""));
	conv_set_add(&c->role, r->choice);
	r->substance = true;
}

/* The members of a delta or a message. */
static void
relay_delta(struct conv *c, struct relay *r, struct span v, bool whole)
{
	struct span key, val, rkey = SPAN_NONE, rval = SPAN_NONE;
	const char *before = NULL, *rbefore = NULL;
	bool esc, content = false;
	struct jscan_iter it;

	jscan_enter(&it, v, 3);
	for (; jscan_member(&it, &key, &esc, &val) == 1; before = it.p) {
		if (KEY_IS(key, "role")) {
			if (!whole)
				relay_role(c, r, before, key, val);
			continue;
		}
		if (relay_is_nothing(val))
			continue;
		r->substance = true;
		if (KEY_IS(key, "content")) {
			c->text_bytes += relay_bytes(val);
		} else if (KEY_IS(key, "reasoning_content")) {
			content = true;
			c->text_bytes += relay_bytes(val);
		} else if (KEY_IS(key, "reasoning") && jscan_is_str(val)) {
			rkey = key;
			rval = val;
			rbefore = before;
		} else if (KEY_IS(key, "tool_calls") ||
		    KEY_IS(key, "function_call")) {
			conv_set_add(&c->tools, r->choice);
			c->text_bytes += relay_bytes(val);
		}
	}
	if (!whole && !conv_set_has(&c->role, r->choice)) {
		relay_edit(r, v.p + 1, 0, before == NULL ?
		    SPAN_LIT("\"role\":\"assistant\"") :
		    SPAN_LIT("\"role\":\"assistant\","));
		conv_set_add(&c->role, r->choice);
	}
	if (rkey.p == NULL)
		return;
	if (content) {
		relay_cut(r, rbefore, rkey, rval);
	} else {
		c->text_bytes += relay_bytes(rval);
		relay_edit(r, rkey.p, rkey.n, SPAN_LIT("reasoning_content"));
	}
}

/* The name of a finish_reason that has to be put in its place. */
static struct span
relay_finish_word(enum chat_finish f)
{
	return f == CHAT_FINISH_LENGTH ? SPAN_LIT("\"length\"") :
	    f == CHAT_FINISH_TOOLS ? SPAN_LIT("\"tool_calls\"") :
	    f == CHAT_FINISH_FILTER ? SPAN_LIT("\"content_filter\"") :
	    SPAN_LIT("\"stop\"");
}

/* True for a finish_reason that clients know, with its quotes. */
static bool
relay_finish_known(struct span v)
{
	struct span s = jscan_inner(v);

	return KEY_IS(s, "stop") || KEY_IS(s, "length") ||
	    KEY_IS(s, "tool_calls") || KEY_IS(s, "content_filter") ||
	    KEY_IS(s, "function_call");
}

static void
relay_finish(struct conv *c, struct relay *r, struct span obj,
    struct span v, bool whole)
{
	enum chat_finish f;

	if (!whole && !jscan_is_str(v))
		return;
	f = openai_finish_read(v);
	if (f == CHAT_FINISH_NONE)
		f = conv_set_has(&c->tools, r->choice) ? CHAT_FINISH_TOOLS :
		    CHAT_FINISH_STOP;
	if (v.p == NULL)
		relay_edit(r, obj.p + obj.n - 1, 0,
		    f == CHAT_FINISH_TOOLS ?
		    SPAN_LIT(",\"finish_reason\":\"tool_calls\"") :
		    SPAN_LIT(",\"finish_reason\":\"stop\""));
	else if (!jscan_is_str(v) || !relay_finish_known(v))
		relay_edit(r, v.p, v.n, relay_finish_word(f));
	c->facts.finish = f;
	r->substance = true;
	conv_set_add(&c->finished, r->choice);
}

/* One element of choices. */
static void
relay_choice(struct conv *c, struct relay *r, struct span v,
    unsigned position, bool whole)
{
	struct span key, val, finish = SPAN_NONE, delta = SPAN_NONE;
	struct span dkey = SPAN_NONE;
	struct jscan_iter it;
	bool esc, index = false, empty = true;
	uint64_t n;

	r->choice = position;
	jscan_enter(&it, v, 2);
	while (jscan_member(&it, &key, &esc, &val) == 1) {
		empty = false;
		if (KEY_IS(key, "delta") || KEY_IS(key, "message")) {
			if (delta.p == NULL || jscan_is_obj(val)) {
				delta = val;
				dkey = key;
			}
		} else if (KEY_IS(key, "index")) {
			index = true;
			if (jscan_is_num(val) && jscan_u64(val, &n) &&
			    n < CONV_CHOICES)
				r->choice = (unsigned)n;
		} else if (KEY_IS(key, "finish_reason")) {
			finish = val;
		} else if (!relay_is_nothing(val)) {
			r->substance = true;
		}
	}
	if (empty)
		return;
	conv_set_add(&c->begun, r->choice);
	if (!index) {
		if (position == 0) {
			relay_edit(r, v.p + 1, 0, SPAN_LIT("\"index\":0,"));
		} else if (r->index[0] == '\0') {
			snprintf(r->index, sizeof(r->index), "\"index\":%u,",
			    position);
			relay_edit(r, v.p + 1, 0, span_z(r->index));
		}
	}
	if (jscan_is_obj(delta)) {
		relay_delta(c, r, delta, whole);
		if (!whole && dkey.n == 7)
			relay_edit(r, dkey.p, 7, SPAN_LIT("delta"));
	} else if (delta.p != NULL && !whole) {
		relay_edit(r, delta.p, delta.n, SPAN_LIT("{}"));
	} else if (!whole) {
		relay_edit(r, v.p + 1, 0, SPAN_LIT("\"delta\":{},"));
	}
	relay_finish(c, r, v, finish, whole);
}

/* Puts the client's model name in, also where there was none. */
static void
relay_model(struct conv *c, struct relay *r, const struct openai_top *t)
{
	if (t->model.p != NULL)
		relay_edit(r, t->model.p, t->model.n, buf_span(&c->model));
	else if (!t->empty)
		relay_edit(r, t->object.p + 1, 0, buf_span(&c->member));
}

/* "model":"x", for replies that lack it. */
static void
relay_prepare_model(struct conv *c, const struct openai_top *t)
{
	if (t->model.p != NULL || c->member.n != 0)
		return;
	buf_lit(&c->member, "\"model\":");
	buf_adds(&c->member, buf_span(&c->model));
	buf_lit(&c->member, ",");
}

/* Keeps id and time of the stream for chunks that we have to add. */
static void
relay_remember(struct conv *c, const struct openai_top *t)
{
	uint64_t n;

	if (jscan_is_str(t->id) && t->id.n > 2 &&
	    t->id.n - 2 < sizeof(c->up_id)) {
		memcpy(c->up_id, t->id.p + 1, t->id.n - 2);
		c->up_id[t->id.n - 2] = '\0';
	}
	if (jscan_is_num(t->created) && jscan_u64(t->created, &n) &&
	    n < INT64_MAX)
		c->up_created = (int64_t)n;
}

/* [DONE]: closes choices that the backend left open. */
void
openai_relay_done(struct conv *c, struct buf *out)
{
	struct chat_event ev = { .kind = CHAT_EV_FINISH };

	if (!c->facts.started) {
		conv_fail(c, ERR_UPSTREAM_INVALID,
		    "The backend's answer is empty");
		return;
	}
	for (; ev.choice < CONV_CHOICES; ev.choice++) {
		if (!conv_set_has(&c->begun, ev.choice) ||
		    conv_set_has(&c->finished, ev.choice))
			continue;
		ev.finish = conv_set_has(&c->tools, ev.choice) ?
		    CHAT_FINISH_TOOLS : CHAT_FINISH_STOP;
		c->facts.finish = ev.finish;
		openai_event(c, &ev, out);
	}
	buf_lit(out, "data: [DONE]\n\n");
	conv_done(c);
}

/* Reads usage; true if its chunk is only usage. */
static bool
relay_usage(struct conv *c, struct relay *r, const struct openai_top *t,
    bool no_choices)
{
	struct chat_usage u;

	if (jscan_is_null(t->usage)) {
		if (c->spliced_usage && t->usage_from != NULL)
			relay_edit(r, t->usage_from, (size_t)(t->usage.p +
			    t->usage.n - t->usage_from), SPAN_NONE);
		return false;
	}
	if (!openai_usage_read(t->usage, &u))
		return false;
	c->facts.usage = u;
	if (c->info.include_usage)
		r->substance = true;
	return no_choices;
}

int
openai_relay(struct conv *c, char *p, size_t n, struct buf *out)
{
	struct openai_top t;
	struct jscan_iter it;
	struct span choice;
	struct relay r;
	unsigned i = 0;
	bool only_usage = false;

	if (n < 12 && span_eq(span_trim((struct span){ p, n }), "[DONE]")) {
		openai_relay_done(c, out);
		return 0;
	}
	if (strcmp(c->sse.name, "ping") == 0 ||
	    span_trim((struct span){ p, n }).n == 0)
		return 0;
	if (openai_top_scan(p, n, &t) == -1)
		return -1;
	c->facts.events++;
	if (t.error.p != NULL || strcmp(c->sse.name, "error") == 0) {
		openai_reply_error(c, t.error.p != NULL ? t.error : t.object);
		return 0;
	}
	if (!jscan_is_arr(t.choices))
		return 0;
	r.n = 0;
	r.substance = false;
	r.index[0] = '\0';
	relay_prepare_model(c, &t);
	relay_model(c, &r, &t);
	jscan_enter(&it, t.choices, 1);
	while (jscan_element(&it, &choice) == 1)
		if (jscan_is_obj(choice))
			relay_choice(c, &r, choice, i++, false);
	if (t.usage.p != NULL)
		only_usage = relay_usage(c, &r, &t, i == 0);
	if (i == 0 ? only_usage && !c->info.include_usage : !r.substance)
		return 0;
	if (!c->facts.started) {
		relay_remember(c, &t);
		if (c->comment)
			buf_adds(out, c->front->keepalive);
		c->facts.started = true;
	}
	buf_need(out, n + c->model.n + 64);
	buf_lit(out, "data: ");
	relay_write(&r, t.object, true, out);
	buf_lit(out, "\n\n");
	return 0;
}

int
openai_relay_whole(struct conv *c, char *p, size_t n, struct buf *out)
{
	struct openai_top t;
	struct jscan_iter it;
	struct span choice;
	struct relay r = { .n = 0 };
	struct chat_usage u;
	unsigned i = 0;

	if (openai_top_scan(p, n, &t) == -1)
		return -1;
	if (t.error.p != NULL) {
		openai_reply_error(c, t.error);
		return 0;
	}
	if (!jscan_is_arr(t.choices)) {
		conv_fail(c, ERR_UPSTREAM_INVALID,
		    "The backend's answer has no choices");
		return 0;
	}
	relay_prepare_model(c, &t);
	relay_model(c, &r, &t);
	jscan_enter(&it, t.choices, 1);
	while (jscan_element(&it, &choice) == 1)
		if (jscan_is_obj(choice))
			relay_choice(c, &r, choice, i++, true);
	if (t.usage.p != NULL && openai_usage_read(t.usage, &u))
		c->facts.usage = u;
	buf_need(out, n + c->model.n + 64);
	relay_write(&r, t.object, false, out);
	conv_done(c);
	return 0;
}
