/* SPDX-License-Identifier: ISC */
/*
 * Replies of an OpenAI-compatible backend, read into neutral events.  All
 * that servers are known to send is taken: a message where a delta belongs,
 * no index, null deltas, text together with finish_reason, role and usage on
 * each chunk, errors in five forms.
 */
#include "dialect/openai.h"

int
openai_top_scan(const char *p, size_t n, struct openai_top *t)
{
	enum { MODEL = 1, CHOICES = 2, USAGE = 4, ERROR = 8, ID = 16 };
	unsigned seen = 0, bit;
	struct jscan_iter it;
	struct span key, val;
	const char *before;
	bool esc;
	int k;

	*t = (struct openai_top){ .empty = true };
	t->object.p = jscan_ws(p);
	if (*t->object.p != '{')
		return -1;
	jscan_enter(&it, t->object, 0);
	for (before = NULL; (k = jscan_member(&it, &key, &esc, &val)) == 1;
	    before = it.p) {
		t->empty = false;
		bit = 0;
		switch (key.n) {
		case 2:
			if (KEY_IS(key, "id"))
				t->id = val, bit = ID;
			break;
		case 5:
			if (KEY_IS(key, "model"))
				t->model = val, bit = MODEL;
			else if (KEY_IS(key, "usage"))
				t->usage = val, t->usage_from = before,
				    bit = USAGE;
			else if (KEY_IS(key, "error"))
				t->error = val, bit = ERROR;
			break;
		case 6:
			if (KEY_IS(key, "object"))
				t->error_object = val.n == 7 &&
				    memcmp(val.p, "\"error\"", 7) == 0;
			break;
		case 7:
			if (KEY_IS(key, "choices"))
				t->choices = val, bit = CHOICES;
			else if (KEY_IS(key, "created"))
				t->created = val;
			break;
		}
		if ((seen & bit) != 0)
			return -1;
		seen |= bit;
	}
	t->object.n = (size_t)(it.p - t->object.p);
	if (k == -1 || jscan_ws(it.p) != p + n)
		return -1;
	if (t->error.p != NULL && (jscan_is_null(t->error) ||
	    jscan_is_false(t->error)))
		t->error = SPAN_NONE;
	if (t->error_object && t->error.p == NULL)
		t->error = t->object;
	return 0;
}

static uint32_t
openai_count(struct span v)
{
	uint64_t n;
	double d;

	if (!jscan_is_num(v))
		return 0;
	if (jscan_u64(v, &n))
		return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
	return jscan_double(v, &d) && d > 0 && d < UINT32_MAX ?
	    (uint32_t)d : 0;
}

/* The member of an object that has that name; absent if there is none. */
static struct span
openai_member(struct span v, const char *name)
{
	struct jscan_iter it;
	struct span key, val;
	bool esc;

	if (!jscan_is_obj(v))
		return SPAN_NONE;
	jscan_enter(&it, v, 1);
	while (jscan_member(&it, &key, &esc, &val) == 1)
		if (span_eq(key, name))
			return val;
	return SPAN_NONE;
}

bool
openai_usage_read(struct span v, struct chat_usage *u)
{
	struct jscan_iter it;
	struct span key, val;
	bool esc;

	if (!jscan_is_obj(v))
		return false;
	*u = (struct chat_usage){ 0 };
	jscan_enter(&it, v, 1);
	while (jscan_member(&it, &key, &esc, &val) == 1) {
		if (KEY_IS(key, "prompt_tokens"))
			u->in = openai_count(val), u->known = true;
		else if (KEY_IS(key, "completion_tokens"))
			u->out = openai_count(val), u->known = true;
		else if (KEY_IS(key, "prompt_tokens_details"))
			u->cached = openai_count(openai_member(val,
			    "cached_tokens"));
		else if (KEY_IS(key, "completion_tokens_details"))
			u->reasoning = openai_count(openai_member(val,
			    "reasoning_tokens"));
	}
	return u->known;
}

enum chat_finish
openai_finish_read(struct span v)
{
	struct span s;

	if (!jscan_is_str(v))
		return CHAT_FINISH_NONE;
	s = jscan_inner(v);
	if (KEY_IS(s, "stop"))
		return CHAT_FINISH_STOP;
	if (KEY_IS(s, "length") || KEY_IS(s, "max_tokens"))
		return CHAT_FINISH_LENGTH;
	if (KEY_IS(s, "tool_calls") || KEY_IS(s, "function_call"))
		return CHAT_FINISH_TOOLS;
	if (KEY_IS(s, "content_filter"))
		return CHAT_FINISH_FILTER;
	return CHAT_FINISH_NONE;
}

/* A text, or an array of parts that have one. */
static void
openai_parse_text(struct conv *c, struct chat_event *ev, struct span v)
{
	struct jscan_iter it;
	struct span part, text;

	if (jscan_is_str(v)) {
		ev->text = jscan_inner(v);
		if (ev->text.n != 0)
			conv_event(c, ev);
		return;
	}
	if (!jscan_is_arr(v))
		return;
	jscan_enter(&it, v, 4);
	while (jscan_element(&it, &part) == 1) {
		text = jscan_is_str(part) ? part :
		    openai_member(part, "text");
		if (jscan_is_str(text) && text.n > 2) {
			ev->text = jscan_inner(text);
			conv_event(c, ev);
		}
	}
}

/*
 * One call of a delta or a message.  A call begins where a name stands that
 * the index has not had yet; whole says that the arguments are complete.
 */
static void
openai_parse_call(struct conv *c, unsigned choice, struct span v, bool whole)
{
	struct chat_event ev = { .choice = choice };
	struct span fn = openai_member(v, "function"), val;
	uint64_t index;

	val = openai_member(v, "index");
	if (!jscan_is_num(val) || !jscan_u64(val, &index))
		index = c->ntools == 0 ? 0 : c->ntools - 1;
	if (!jscan_is_obj(fn))
		fn = v;		/* the old function_call */
	val = openai_member(fn, "name");
	if (jscan_is_str(val) && val.n > 2 && (whole || index >= c->ntools)) {
		ev.kind = CHAT_EV_TOOL;
		ev.tool = c->ntools;
		ev.call.name = jscan_inner(val);
		val = openai_member(v, "id");
		if (jscan_is_str(val))
			ev.call.id = jscan_inner(val);
		val = openai_member(fn, "arguments");
		if (jscan_is_str(val))
			ev.call.args_text = jscan_inner(val);
		else if (jscan_is_obj(val))
			ev.call.args_json = val;
		if (whole && ev.call.args_json.p == NULL &&
		    ev.call.args_text.n == 0)
			ev.call.args_text = SPAN_LIT("{}");
		conv_event(c, &ev);
		return;
	}
	val = openai_member(fn, "arguments");
	if (!jscan_is_str(val) || val.n == 2 || c->ntools == 0)
		return;
	ev.kind = CHAT_EV_TOOL_ARGS;
	ev.tool = index < c->ntools ? (unsigned)index : c->ntools - 1;
	ev.text = jscan_inner(val);
	conv_event(c, &ev);
}

static void
openai_parse_delta(struct conv *c, unsigned choice, struct span v,
    bool whole)
{
	struct chat_event ev = { .choice = choice };
	struct jscan_iter it, calls;
	struct span key, val, call, think = SPAN_NONE;
	bool esc;

	jscan_enter(&it, v, 3);
	while (jscan_member(&it, &key, &esc, &val) == 1)
		if (KEY_IS(key, "reasoning_content") ||
		    (KEY_IS(key, "reasoning") && think.p == NULL))
			think = val;
	ev.kind = CHAT_EV_THINK;
	openai_parse_text(c, &ev, think);
	jscan_enter(&it, v, 3);
	while (jscan_member(&it, &key, &esc, &val) == 1) {
		if (KEY_IS(key, "content")) {
			ev.kind = CHAT_EV_TEXT;
			openai_parse_text(c, &ev, val);
		} else if (KEY_IS(key, "refusal")) {
			ev.kind = CHAT_EV_REFUSAL;
			openai_parse_text(c, &ev, val);
		} else if (KEY_IS(key, "tool_calls") && jscan_is_arr(val)) {
			jscan_enter(&calls, val, 4);
			while (jscan_element(&calls, &call) == 1)
				openai_parse_call(c, choice, call, whole);
		} else if (KEY_IS(key, "function_call") &&
		    jscan_is_obj(val)) {
			openai_parse_call(c, choice, val, whole);
		}
	}
}

/* One element of choices. */
static void
openai_parse_choice(struct conv *c, struct span v, unsigned position,
    bool whole)
{
	struct chat_event ev = { .choice = position };
	struct span key, val, delta = SPAN_NONE, logprobs = SPAN_NONE;
	struct span finish = SPAN_NONE;
	struct jscan_iter it;
	uint64_t index;
	bool esc;

	if (!jscan_is_obj(v))
		return;
	jscan_enter(&it, v, 2);
	while (jscan_member(&it, &key, &esc, &val) == 1) {
		if (KEY_IS(key, "index") && jscan_is_num(val)) {
			if (jscan_u64(val, &index) && index < CONV_CHOICES)
				ev.choice = (unsigned)index;
		} else if ((KEY_IS(key, "delta") || KEY_IS(key, "message")) &&
		    jscan_is_obj(val)) {
			delta = val;
		} else if (KEY_IS(key, "finish_reason")) {
			finish = val;
		} else if (KEY_IS(key, "logprobs") && jscan_is_obj(val)) {
			logprobs = val;
		}
	}
	if (delta.p != NULL)
		openai_parse_delta(c, ev.choice, delta, whole);
	if (logprobs.p != NULL) {
		ev.kind = CHAT_EV_LOGPROBS;
		ev.json = logprobs;
		conv_event(c, &ev);
		ev.json = SPAN_NONE;
	}
	if (!whole && !jscan_is_str(finish))
		return;
	ev.kind = CHAT_EV_FINISH;
	ev.finish = openai_finish_read(finish);
	if (ev.finish == CHAT_FINISH_NONE)
		ev.finish = CHAT_FINISH_STOP;
	conv_event(c, &ev);
}

static void
openai_parse_top(struct conv *c, const struct openai_top *t, bool whole)
{
	struct jscan_iter it;
	struct span choice;
	unsigned i = 0;

	if (t->usage.p != NULL) {
		struct chat_usage u;

		if (openai_usage_read(t->usage, &u))
			c->facts.usage = u;
	}
	if (!jscan_is_arr(t->choices))
		return;
	jscan_enter(&it, t->choices, 1);
	while (jscan_element(&it, &choice) == 1)
		openai_parse_choice(c, choice, i++, whole);
}

int
openai_parse(struct conv *c, const char *p, size_t n)
{
	struct openai_top t;
	struct span s = span_trim((struct span){ p, n });

	if (span_eq(s, "[DONE]")) {
		if (c->facts.events == 0)
			conv_fail(c, ERR_UPSTREAM_INVALID,
			    "The backend's answer is empty");
		else
			conv_complete(c);
		return 0;
	}
	if (s.n == 0 || strcmp(c->sse.name, "ping") == 0)
		return 0;
	if (openai_top_scan(p, n, &t) == -1)
		return -1;
	c->facts.events++;
	if (t.error.p != NULL)
		openai_reply_error(c, t.error);
	else
		openai_parse_top(c, &t, false);
	return 0;
}

int
openai_parse_whole(struct conv *c, const char *p, size_t n)
{
	struct openai_top t;

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
	openai_parse_top(c, &t, true);
	conv_complete(c);
	return 0;
}

void
openai_ended(struct conv *c, bool clean)
{
	unsigned i;
	bool any = false, all = true;

	for (i = 0; i < CONV_CHOICES; i++)
		if (conv_set_has(&c->begun, i)) {
			any = true;
			all = all && conv_set_has(&c->finished, i);
		}
	if (any && all) {
		if (c->pass)
			openai_relay_done(c, c->out);
		else
			conv_complete(c);
		return;
	}
	conv_fail(c, ERR_UPSTREAM_INCOMPLETE, clean ?
	    "The backend ended its answer without finishing it" :
	    "The backend closed the connection in the middle of its answer");
}
