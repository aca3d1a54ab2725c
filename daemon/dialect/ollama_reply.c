/* SPDX-License-Identifier: ISC */
/*
 * Lines of /api/chat into neutral events.  Tool calls may stand on any line,
 * `index` may be 0 for all of them (they are counted here), done_reason is
 * never tool_calls, counts that are 0 are left out.
 */
#include "dialect/ollama.h"

#include <strings.h>

struct ollama_line {
	struct span	 content, thinking, calls;
	struct span	 reason, error, message;
	uint64_t	 in, out;
	bool		 has_in, has_out, done;
};

static int
ollama_scan_message(struct ollama_line *l)
{
	struct jscan_iter it;
	struct span key, val;
	bool esc;

	if (!jscan_is_obj(l->message))
		return 0;
	jscan_enter(&it, l->message, 1);
	while (jscan_member(&it, &key, &esc, &val) == 1) {
		if (KEY_IS(key, "content"))
			l->content = val;
		else if (KEY_IS(key, "thinking"))
			l->thinking = val;
		else if (KEY_IS(key, "tool_calls"))
			l->calls = val;
	}
	return 0;
}

static int
ollama_scan(const char *p, size_t n, struct ollama_line *l)
{
	struct span doc, key, val;
	struct jscan_iter it;
	bool esc;
	int k;

	*l = (struct ollama_line){ 0 };
	doc.p = jscan_ws(p);
	doc.n = n;
	if (*doc.p != '{')
		return -1;
	jscan_enter(&it, doc, 0);
	while ((k = jscan_member(&it, &key, &esc, &val)) == 1) {
		switch (key.n) {
		case 4:
			if (KEY_IS(key, "done"))
				l->done = jscan_is_true(val);
			break;
		case 5:
			if (KEY_IS(key, "error") && !jscan_is_null(val))
				l->error = val;
			break;
		case 7:
			if (KEY_IS(key, "message"))
				l->message = val;
			break;
		case 10:
			if (KEY_IS(key, "eval_count"))
				l->has_out = jscan_is_num(val) &&
				    jscan_u64(val, &l->out);
			break;
		case 11:
			if (KEY_IS(key, "done_reason"))
				l->reason = val;
			break;
		case 17:
			if (KEY_IS(key, "prompt_eval_count"))
				l->has_in = jscan_is_num(val) &&
				    jscan_u64(val, &l->in);
			break;
		}
	}
	if (k == -1 || jscan_ws(it.p) != p + n)
		return -1;
	return ollama_scan_message(l);
}

static void
ollama_text(struct conv *c, enum chat_event_kind kind, struct span v)
{
	struct chat_event ev = { .kind = kind };

	if (!jscan_is_str(v) || v.n == 2)
		return;
	ev.text = jscan_inner(v);
	conv_event(c, &ev);
}

/* One call: {"id","function":{"name","arguments":{..}}}. */
static void
ollama_call(struct conv *c, struct span v)
{
	struct chat_event ev = { .kind = CHAT_EV_TOOL };
	struct span key, val, fn = SPAN_NONE;
	struct jscan_iter it;
	bool esc;

	if (!jscan_is_obj(v))
		return;
	jscan_enter(&it, v, 3);
	while (jscan_member(&it, &key, &esc, &val) == 1) {
		if (KEY_IS(key, "id") && jscan_is_str(val))
			ev.call.id = jscan_inner(val);
		else if (KEY_IS(key, "function"))
			fn = val;
	}
	if (!jscan_is_obj(fn))
		return;
	jscan_enter(&it, fn, 4);
	while (jscan_member(&it, &key, &esc, &val) == 1) {
		if (KEY_IS(key, "name") && jscan_is_str(val))
			ev.call.name = jscan_inner(val);
		else if (KEY_IS(key, "arguments") && jscan_is_obj(val))
			ev.call.args_json = val;
		else if (KEY_IS(key, "arguments") && jscan_is_str(val) &&
		    val.n > 2)
			ev.call.args_text = jscan_inner(val);
	}
	if (ev.call.name.p == NULL)
		return;
	if (ev.call.args_json.p == NULL && ev.call.args_text.p == NULL)
		ev.call.args_text = SPAN_LIT("{}");
	ev.tool = c->ntools;
	conv_event(c, &ev);
}

static void
ollama_calls(struct conv *c, struct span v)
{
	struct jscan_iter it;
	struct span el;

	if (!jscan_is_arr(v))
		return;
	jscan_enter(&it, v, 2);
	while (jscan_element(&it, &el) == 1)
		ollama_call(c, el);
}

/* What a text of Ollama means: wire.md 3.6 and ollama-measured.md. */
static const struct ollama_says {
	const char	*text;		/* found in it, without case */
	enum error_id	 id;
	const char	*param;
	int		 status;	/* only with it; 0: with any */
} ollama_says[] = {
	{ "does not support tools", ERR_UNSUPPORTED_PARAM, "tools", 0 },
	{ "does not support thinking", ERR_UNSUPPORTED_PARAM,
	    "reasoning_effort", 0 },
	{ "does not support insert", ERR_UNSUPPORTED_PARAM, "suffix", 0 },
	{ "does not support chat", ERR_UNSUPPORTED_PARAM, "model", 0 },
	{ "does not support", ERR_UNSUPPORTED_PARAM, NULL, 0 },
	{ "invalid format", ERR_INVALID_PARAM, "response_format", 0 },
	{ "invalid json schema", ERR_INVALID_PARAM, "response_format", 0 },
	{ "failed to parse grammar", ERR_INVALID_PARAM, "response_format",
	    0 },
	{ "option \"stop\"", ERR_INVALID_PARAM, "stop", 0 },
	{ "option \"", ERR_INVALID_PARAM, NULL, 0 },
	{ "invalid options", ERR_INVALID_PARAM, NULL, 0 },
	{ "invalid image", ERR_INVALID_PARAM, "messages", 0 },
	{ "failed to decode image", ERR_INVALID_PARAM, "messages", 0 },
	{ "server busy", ERR_UPSTREAM_BUSY, NULL, 0 },
	{ "not found, try pulling it first", ERR_MODEL_NOT_FOUND, "model",
	    0 },
	{ "not found", ERR_MODEL_NOT_FOUND, "model", 404 }
};

/* Puts the error's id right by its text; status 0: inside a 200 stream. */
static void
ollama_error(struct span v, int status, struct chat_error *e)
{
	struct jscan_iter it;
	struct span key, val;
	size_t i;
	bool esc;

	if (jscan_is_obj(v)) {
		/* A proxy in front of it, or its own /v1. */
		jscan_enter(&it, v, 1);
		while (jscan_member(&it, &key, &esc, &val) == 1)
			if (KEY_IS(key, "message")) {
				v = val;
				break;
			}
	}
	if (jscan_is_str(v))
		chat_error_text_set(e, jscan_inner(v));
	if (chat_error_is_context(e->text)) {
		e->id = ERR_CONTEXT_LENGTH;
		e->status = 0;
		return;
	}
	for (i = 0; i < sizeof(ollama_says) / sizeof(*ollama_says); i++) {
		if ((ollama_says[i].status != 0 &&
		    ollama_says[i].status != status) ||
		    strcasestr(e->text, ollama_says[i].text) == NULL)
			continue;
		e->id = ollama_says[i].id;
		e->status = 0;
		if (ollama_says[i].param != NULL)
			memcpy(e->param, ollama_says[i].param,
			    strlen(ollama_says[i].param) + 1);
		break;
	}
	/* A crash of its runner is not the client's 500. */
	if (e->id == ERR_UPSTREAM)
		e->status = 0;
	if (e->id == ERR_UPSTREAM_BUSY && e->retry_after_s < 0)
		e->retry_after_s = 1;
}

void
ollama_upstream_error(int status, struct span body, struct chat_error *e)
{
	struct jscan_iter it;
	struct span key, val, v = SPAN_NONE;
	bool esc;

	if (e->id == ERR_UPSTREAM_AUTH) {
		/* Without a body it is not about a key. */
		if (status == 403 && body.p == NULL)
			chat_error_set(e, ERR_UPSTREAM_AUTH, NULL, "Ollama "
			    "refused the gateway's Host (403): add it to "
			    "OLLAMA_ORIGINS, or use its address in api_base");
		return;
	}
	if (body.p == NULL)
		return;
	jscan_enter(&it, body, 0);
	while (jscan_member(&it, &key, &esc, &val) == 1)
		if (KEY_IS(key, "error"))
			v = val;
	ollama_error(v, status, e);
}

static enum chat_finish
ollama_finish(struct span reason)
{
	return jscan_is_str(reason) && jscan_str_eq(reason, "length") ?
	    CHAT_FINISH_LENGTH : CHAT_FINISH_STOP;
}

static uint32_t
ollama_count(uint64_t n)
{
	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

/* Reports what a line says, but for its end. */
static bool
ollama_report(struct conv *c, const struct ollama_line *l)
{
	struct chat_error e;

	/* A line that says nothing is no answer (an empty JSON object). */
	if (jscan_is_obj(l->message) || l->done)
		c->facts.events++;
	if (l->error.p != NULL) {
		chat_error_set(&e, ERR_UPSTREAM, NULL, NULL);
		ollama_error(l->error, 0, &e);
		conv_fail_with(c, &e);
		return false;
	}
	ollama_text(c, CHAT_EV_THINK, l->thinking);
	ollama_text(c, CHAT_EV_TEXT, l->content);
	ollama_calls(c, l->calls);
	return true;
}

/* The end that Ollama gives to an answer that only repeats itself. */
static void
ollama_cut(struct conv *c)
{
	struct chat_event ev = {
		.kind = CHAT_EV_FINISH, .finish = CHAT_FINISH_LENGTH
	};

	c->facts.warning = "upstream_repeat_cut";
	conv_event(c, &ev);
	conv_complete(c);
}

/* done: true */
static void
ollama_done(struct conv *c, const struct ollama_line *l)
{
	struct chat_event ev = { .kind = CHAT_EV_FINISH };

	if (l->has_in || l->has_out) {
		c->facts.usage.known = true;
		c->facts.usage.in = ollama_count(l->in);
		c->facts.usage.out = ollama_count(l->out);
	}
	ev.finish = ollama_finish(l->reason);
	conv_event(c, &ev);
	conv_complete(c);
}

int
ollama_parse(struct conv *c, const char *p, size_t n)
{
	struct ollama_line l;

	if (ollama_scan(p, n, &l) == -1)
		return -1;
	if (ollama_report(c, &l) && l.done)
		ollama_done(c, &l);
	return 0;
}

int
ollama_parse_whole(struct conv *c, const char *p, size_t n)
{
	struct ollama_line l;

	if (ollama_scan(p, n, &l) == -1)
		return -1;
	if (l.error.p == NULL && !jscan_is_obj(l.message)) {
		conv_fail(c, ERR_UPSTREAM_INVALID,
		    "The backend's answer has no message");
		return 0;
	}
	c->facts.events = 0;
	if (!ollama_report(c, &l))
		return 0;
	if (l.done)
		ollama_done(c, &l);
	else
		ollama_cut(c);
	return 0;
}

void
ollama_ended(struct conv *c, bool clean)
{
	if (clean && c->facts.events != 0)
		ollama_cut(c);
	else
		conv_fail(c, ERR_UPSTREAM_INCOMPLETE, "The backend closed "
		    "the connection in the middle of its answer");
}
