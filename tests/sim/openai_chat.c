/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "json.h"
#include "openai.h"
#include "reply.h"
#include "stream.h"

#define OPENAI_TIME	1763800000

/* One answer of /v1/chat/completions or /v1/completions. */
struct openai_gen {
	struct sim_call	*call;
	const struct script *s;
	struct answer	 a;
	struct answer_ask ask;
	int64_t		 prompt_tokens;
	int64_t		 n;		/* choices */
	int64_t		 top;
	int64_t		 calls;		/* sent */
	uint64_t	 id;
	uint64_t	 pace_us;
	bool		 chat;
	bool		 stream;
	bool		 usage;		/* asked in the stream */
	bool		 logprobs;
	bool		 ollama, vllm;	/* flavors */
};

static void
openai_ids(struct openai_gen *g, const char *object, struct buf *b)
{
	const char *model = g->s->model != NULL ? g->s->model : g->call->model;

	if (g->ollama)
		buf_addf(b, "{\"id\":\"chatcmpl-%llu\"",
		    (unsigned long long)g->id % 999);
	else
		buf_addf(b, "{\"id\":\"%s-sim%08llx\"",
		    g->chat ? "chatcmpl" : "cmpl", (unsigned long long)g->id);
	buf_addf(b, ",\"object\":\"%s\",\"created\":%llu,\"model\":", object,
	    OPENAI_TIME + (unsigned long long)g->id);
	json_quotes(b, model);
}

static void
openai_fingerprint(const struct openai_gen *g, struct buf *b)
{
	buf_adds(b, g->ollama ? ",\"system_fingerprint\":\"fp_ollama\"" :
	    ",\"system_fingerprint\":null");
}

static void
openai_usage(const struct openai_gen *g, struct buf *b)
{
	long long p = g->prompt_tokens, c = g->a.eval_count * g->n;

	buf_addf(b, "{\"prompt_tokens\":%lld,\"completion_tokens\":%lld,"
	    "\"total_tokens\":%lld", p, c, p + c);
	if (!g->ollama)
		buf_adds(b, ",\"prompt_tokens_details\":{\"cached_tokens\":0},"
		    "\"completion_tokens_details\":{\"reasoning_tokens\":0}");
	buf_addc(b, '}');
}

/* The finish reason as JSON, or "" when the key is to be left out. */
static void
openai_finish(const struct openai_gen *g, struct buf *b)
{
	const char *f = g->s->finish;

	if (f == NULL && g->a.finish == NULL)
		f = "length";
	else if (f == NULL && strcmp(g->a.finish, "stop") == 0 && g->chat &&
	    answer_calls(&g->a) > 0)
		f = "tool_calls";
	else if (f == NULL)
		f = g->a.finish;
	if (strcmp(f, "missing") == 0)
		return;
	if (strcmp(f, "null") == 0)
		buf_adds(b, "null");
	else
		json_quotes(b, f);
}

static void
openai_call_id(const struct openai_gen *g, const struct answer_part *p,
    struct buf *b)
{
	uint64_t h;
	int i;

	if (p->id != NULL) {
		json_quotes(b, p->id);
		return;
	}
	h = ++g->call->sim->ids * 0x9e3779b97f4a7c15u;
	buf_adds(b, "\"call_");
	for (i = 0; i < 24; i++) {
		buf_addc(b, "0123456789abcdefghijklmnopqrstuvwxyz"[h % 36]);
		h = h / 36 + h * 0x2545f4914f6cdd1du;
	}
	buf_addc(b, '"');
}

/* A call with the first len bytes of its arguments; index < 0: none. */
static void
openai_call(const struct openai_gen *g, const struct answer_part *p,
    long index, size_t len, struct buf *b)
{
	buf_addc(b, '{');
	if (index >= 0 && !script_is(g->s->tool_index, "none"))
		buf_addf(b, "\"index\":%ld,",
		    script_is(g->s->tool_index, "zero") ? 0 : index);
	if (!script_is(g->s->tool_ids, "none")) {
		buf_adds(b, "\"id\":");
		openai_call_id(g, p, b);
		buf_addc(b, ',');
	}
	buf_adds(b, "\"type\":\"function\",\"function\":{\"name\":");
	json_quote(b, p->data, p->len, false);
	buf_adds(b, ",\"arguments\":");
	json_quote(b, p->args, len, false);
	buf_adds(b, "}}");
}

static void
openai_logprob(const struct openai_gen *g, const struct answer_part *p,
    struct buf *b)
{
	struct buf one = { 0 };
	size_t i;

	buf_adds(&one, "{\"token\":");
	json_quote(&one, p->data, p->len, false);
	buf_adds(&one, ",\"logprob\":-0.1,\"bytes\":[");
	for (i = 0; i < p->len; i++)
		buf_addf(&one, "%s%d", i ? "," : "",
		    (unsigned char)p->data[i]);
	buf_addc(&one, ']');
	buf_addf(b, "%s%s,\"top_logprobs\":[", b->len > 0 ? "," : "",
	    one.data);
	for (i = 0; i < (size_t)g->top; i++)
		buf_addf(b, "%s%s}", i ? "," : "", one.data);
	buf_adds(b, "]}");
	buf_fini(&one);
}

static void
openai_message(const struct openai_gen *g, struct buf *b)
{
	struct buf text = { 0 }, think = { 0 };
	size_t i, k = 0, calls = answer_calls(&g->a);

	answer_join(&g->a, ANSWER_TEXT, &text);
	answer_join(&g->a, ANSWER_THINK, &think);
	buf_adds(b, "\"message\":{\"role\":\"assistant\",\"content\":");
	if (text.len == 0 && calls > 0 && !g->ollama)
		buf_adds(b, "null");
	else
		json_quote(b, text.data ? text.data : "", text.len, false);
	if (think.len > 0) {
		buf_adds(b, g->ollama || g->vllm ? ",\"reasoning\":" :
		    ",\"reasoning_content\":");
		json_quote(b, think.data, think.len, false);
	}
	if (!g->ollama)
		buf_adds(b, ",\"refusal\":null");
	if (calls > 0)
		buf_adds(b, ",\"tool_calls\":[");
	for (i = 0; i < g->a.nparts; i++) {
		if (g->a.parts[i].kind != ANSWER_CALL)
			continue;
		if (k++ > 0)
			buf_addc(b, ',');
		openai_call(g, &g->a.parts[i], -1,
		    strlen(g->a.parts[i].args), b);
	}
	buf_adds(b, calls > 0 ? "]}" : "}");
	buf_fini(&text);
	buf_fini(&think);
}

static void
openai_logprobs(const struct openai_gen *g, struct buf *b)
{
	struct buf list = { 0 };
	size_t i;

	for (i = 0; g->logprobs && i < g->a.nparts; i++)
		if (g->a.parts[i].kind == ANSWER_TEXT)
			openai_logprob(g, &g->a.parts[i], &list);
	if (list.len > 0)
		buf_addf(b, ",\"logprobs\":{\"content\":[%s],"
		    "\"refusal\":null}", list.data);
	else
		buf_adds(b, ",\"logprobs\":null");
	buf_fini(&list);
}

static void
openai_choice(const struct openai_gen *g, int64_t index, struct buf *b)
{
	struct buf finish = { 0 }, text = { 0 };

	if (g->chat) {
		buf_addf(b, "{\"index\":%lld,", (long long)index);
		openai_message(g, b);
	} else {
		answer_join(&g->a, ANSWER_TEXT, &text);
		buf_adds(b, "{\"text\":");
		json_quote(b, text.data ? text.data : "", text.len, false);
		buf_addf(b, ",\"index\":%lld", (long long)index);
	}
	if (!g->ollama)
		openai_logprobs(g, b);
	openai_finish(g, &finish);
	if (finish.len > 0)
		buf_addf(b, ",\"finish_reason\":%s", finish.data);
	if (g->vllm)
		buf_adds(b, ",\"stop_reason\":null");
	buf_addc(b, '}');
	buf_fini(&finish);
	buf_fini(&text);
}

static void
openai_whole(struct openai_gen *g)
{
	struct buf b = { 0 };
	int64_t i;

	openai_ids(g, g->chat ? "chat.completion" : "text_completion", &b);
	if (g->ollama)
		openai_fingerprint(g, &b);
	buf_adds(&b, ",\"choices\":[");
	for (i = 0; i < g->n; i++) {
		if (i > 0)
			buf_addc(&b, ',');
		openai_choice(g, i, &b);
	}
	buf_addc(&b, ']');
	if (!script_is(g->s->usage, "none")) {
		buf_adds(&b, ",\"usage\":");
		openai_usage(g, &b);
	}
	if (!g->ollama)
		openai_fingerprint(g, &b);
	buf_addc(&b, '}');
	openai_reply(g->call, 200, &b);
	buf_fini(&b);
}

/* The start of a chunk, up to its choices. */
static void
openai_chunk(struct openai_gen *g, struct buf *b)
{
	openai_ids(g, g->chat ? "chat.completion.chunk" : "text_completion",
	    b);
	openai_fingerprint(g, b);
	buf_adds(b, ",\"choices\":[");
}

static void
openai_chunk_end(struct openai_gen *g, struct buf *b)
{
	if (script_is(g->s->usage, "each")) {
		buf_adds(b, "],\"usage\":");
		openai_usage(g, b);
		buf_addc(b, '}');
	} else if (g->usage && !g->ollama) {
		buf_adds(b, "],\"usage\":null}");
	} else {
		buf_adds(b, "]}");
	}
}

/* One chunk with one choice; finish is JSON, or "" to leave the key out. */
static void
openai_delta(struct openai_gen *g, struct stream *st, int64_t index,
    const char *delta, const char *logprobs, const char *finish)
{
	struct buf b = { 0 };

	openai_chunk(g, &b);
	if (g->chat)
		buf_addf(&b, "{\"index\":%lld,\"delta\":{%s%s%s}",
		    (long long)index, g->s->role_each || g->ollama ?
		    "\"role\":\"assistant\"" : "", (g->s->role_each ||
		    g->ollama) && delta[0] != '\0' ? "," : "", delta);
	else
		buf_addf(&b, "{\"text\":%s,\"index\":%lld",
		    delta[0] != '\0' ? delta : "\"\"", (long long)index);
	if (logprobs != NULL)
		buf_addf(&b, ",\"logprobs\":{\"content\":[%s],"
		    "\"refusal\":null}", logprobs);
	else if (!g->ollama)
		buf_adds(&b, ",\"logprobs\":null");
	if (finish[0] != '\0')
		buf_addf(&b, ",\"finish_reason\":%s", finish);
	buf_addc(&b, '}');
	openai_chunk_end(g, &b);
	stream_event(st, &b);
	buf_fini(&b);
}

static void
openai_call_deltas(struct openai_gen *g, struct stream *st, int64_t index,
    const struct answer_part *p)
{
	size_t n = (size_t)script_int(g->s->tool_delta, 0);
	size_t len = strlen(p->args), pos = 0, piece;
	struct buf d = { 0 };

	buf_adds(&d, "\"tool_calls\":[");
	openai_call(g, p, (long)g->calls, n > 0 ? 0 : len, &d);
	buf_addc(&d, ']');
	openai_delta(g, st, index, d.data, NULL, "null");
	for (; n > 0 && pos < len; pos += piece) {
		piece = len - pos < n ? len - pos : n;
		/* a piece ends between characters */
		while (pos + piece < len &&
		    ((unsigned char)p->args[pos + piece] & 0xc0) == 0x80)
			piece++;
		buf_clear(&d);
		buf_adds(&d, "\"tool_calls\":[{");
		if (!script_is(g->s->tool_index, "none"))
			buf_addf(&d, "\"index\":%lld,",
			    script_is(g->s->tool_index, "zero") ? 0LL :
			    (long long)g->calls);
		buf_adds(&d, "\"function\":{\"arguments\":");
		json_quote(&d, p->args + pos, piece, false);
		buf_adds(&d, "}}]");
		reply_pause(st->reply, st->pace_us);
		openai_delta(g, st, index, d.data, NULL, "null");
	}
	g->calls++;
	buf_fini(&d);
}

/* All calls in one chunk. */
static void
openai_calls_once(struct openai_gen *g, struct stream *st, int64_t index)
{
	struct buf d = { 0 };
	size_t i;

	buf_adds(&d, "\"tool_calls\":[");
	for (i = 0; i < g->a.nparts; i++) {
		if (g->a.parts[i].kind != ANSWER_CALL)
			continue;
		if (g->calls > 0)
			buf_addc(&d, ',');
		openai_call(g, &g->a.parts[i], (long)g->calls++,
		    strlen(g->a.parts[i].args), &d);
	}
	buf_addc(&d, ']');
	openai_delta(g, st, index, d.data, NULL, "null");
	buf_fini(&d);
}

static void
openai_text(struct openai_gen *g, struct stream *st, int64_t index,
    const struct answer_part *p, const char *finish)
{
	struct buf d = { 0 }, probs = { 0 };

	if (p->kind == ANSWER_THINK)
		buf_adds(&d, g->ollama || g->vllm ? "\"reasoning\":" :
		    "\"reasoning_content\":");
	else if (g->chat)
		buf_adds(&d, "\"content\":");
	stream_literal(st, p->data, p->len, false, &d);
	if (g->logprobs && p->kind == ANSWER_TEXT)
		openai_logprob(g, p, &probs);
	openai_delta(g, st, index, d.data, probs.len > 0 ? probs.data : NULL,
	    finish);
	buf_fini(&d);
	buf_fini(&probs);
}

static void
openai_empty(struct openai_gen *g, struct stream *st, int64_t index)
{
	int64_t i, n = script_int(g->s->empty_deltas, 0);

	for (i = 0; i < n; i++)
		openai_delta(g, st, index, g->chat ? "" : "\"\"", NULL,
		    "null");
}

/* The content of one choice; false when the script ended the stream. */
static bool
openai_parts(struct openai_gen *g, struct stream *st, int64_t index,
    const char *error, const char *finish)
{
	const struct answer_part *p;
	bool last, once = false;
	size_t i;

	for (i = 0; i < g->a.nparts; i++) {
		p = &g->a.parts[i];
		last = i + 1 == g->a.nparts && g->s->content_with_finish;
		if (!stream_token(st, error))
			return false;
		if (g->a.endless && st->reply->loop_from < 0) {
			st->reply->loop_from = (long)st->reply->nevents;
			st->reply->wait_us = g->pace_us;
		}
		if (p->kind != ANSWER_CALL)
			openai_text(g, st, index, p, last ? finish : "null");
		else if (!g->s->tool_one_line)
			openai_call_deltas(g, st, index, p);
		else if (!once)
			openai_calls_once(g, st, index);
		once = once || p->kind == ANSWER_CALL;
	}
	return !g->a.endless && stream_token(st, error);
}

static void
openai_choice_stream(struct openai_gen *g, struct stream *st, int64_t index,
    const char *error)
{
	struct buf finish = { 0 };
	const char *role;

	g->calls = 0;
	openai_finish(g, &finish);
	if (finish.len == 0)
		buf_adds(&finish, "");
	role = answer_calls(&g->a) > 0 && g->a.parts[0].kind == ANSWER_CALL ?
	    "\"content\":null" : "\"content\":\"\"";
	if (g->chat && !g->ollama) {
		struct buf d = { 0 };

		buf_addf(&d, "%s%s", g->s->role_each ? "" :
		    "\"role\":\"assistant\",", role);
		openai_delta(g, st, index, d.data, NULL, "null");
		buf_fini(&d);
	}
	openai_empty(g, st, index);
	if (openai_parts(g, st, index, error, finish.data)) {
		openai_empty(g, st, index);
		st->reply->wait_us = 0;
		reply_pause(st->reply, script_us(g->s->end_delay));
		if (!g->s->no_finish && !g->s->content_with_finish)
			openai_delta(g, st, index, g->ollama && g->chat ?
			    "\"content\":\"\"" : "", NULL, finish.data);
	}
	buf_fini(&finish);
}

static void
openai_usage_chunk(struct openai_gen *g, struct stream *st)
{
	struct buf b = { 0 };

	openai_chunk(g, &b);
	buf_adds(&b, "],\"usage\":");
	openai_usage(g, &b);
	buf_addc(&b, '}');
	stream_event(st, &b);
	buf_fini(&b);
}

static void
openai_endless_line(struct openai_gen *g, struct stream *st)
{
	struct buf b = { 0 };

	openai_chunk(g, &b);
	buf_adds(&b, "{\"index\":0,\"delta\":{\"content\":\"");
	stream_endless_line(st, &b);
	buf_fini(&b);
}

static void
openai_stream(struct openai_gen *g)
{
	struct buf error = { 0 };
	struct stream st;
	struct reply *r;
	int64_t i;

	openai_error_json(g->call, 500, g->s->error != NULL ? g->s->error :
	    "The server had an error while processing your request", NULL,
	    NULL, &error);
	r = reply_new(g->call->conn, g->call->script, 200, g->ollama ?
	    "text/event-stream" : "text/event-stream; charset=utf-8");
	if (!g->ollama)
		reply_field(r, "Cache-Control", "no-cache");
	stream_init(&st, r, true, g->pace_us);
	if (script_is(g->s->usage, "early"))
		openai_usage_chunk(g, &st);
	if (script_int(g->s->line_bytes, 0) < 0)
		openai_endless_line(g, &st);
	for (i = 0; i < g->n; i++)
		openai_choice_stream(g, &st, i, error.data);
	if (g->usage && !g->a.endless && !script_is(g->s->usage, "early") &&
	    !script_is(g->s->usage, "none"))
		openai_usage_chunk(g, &st);
	if (!g->a.endless)
		stream_end(&st);
	buf_fini(&error);
	reply_go(r);
}

/* Text of a message's content: a string, or its text parts joined. */
static void
openai_content(const struct json *c, struct buf *b)
{
	const struct json *e;
	const char *s;

	if (c == NULL)
		return;
	if (c->type == JSON_STRING) {
		buf_add(b, c->str, c->len);
		return;
	}
	for (e = c->child; e != NULL; e = e->next) {
		s = json_str(json_get(e, "text"));
		if (s != NULL)
			buf_adds(b, s);
	}
}

/* The last message's text into the buffer, and the prompt's size. */
static void
openai_prompt(struct openai_gen *g, struct buf *text)
{
	const struct json *body = g->call->body, *e;
	int64_t bytes = 0;

	if (!g->chat) {
		e = json_get(body, "prompt");
		openai_content(e->type == JSON_ARRAY ? e->child : e, text);
		bytes = (int64_t)text->len;
	}
	e = json_get(body, "messages");
	for (e = g->chat ? e->child : NULL; e != NULL; e = e->next) {
		buf_clear(text);
		openai_content(json_get(e, "content"), text);
		bytes += (int64_t)text->len + 12;
		g->ask.after_tool = script_is(json_str(json_get(e, "role")),
		    "tool");
	}
	g->prompt_tokens = script_int(g->s->prompt_tokens, 3 + bytes / 4);
	g->ask.text = text->len > 0 ? text->data : "";
	g->ask.text_len = text->len;
}

static void
openai_ask(struct openai_gen *g)
{
	const struct json *body = g->call->body;
	const struct json *choice = json_get(body, "tool_choice");
	const struct json *format = json_get(body, "response_format");
	const char *type = json_str(json_get(format, "type"));
	struct answer_ask *ask = &g->ask;

	ask->tools = g->chat ? json_get(body, "tools") : NULL;
	if (script_is(json_str(choice), "none"))
		ask->tools = NULL;
	ask->tool_name = json_str(json_get(json_get(choice, "function"),
	    "name"));
	ask->json = script_is(type, "json_object");
	if (script_is(type, "json_schema") && ask->tool_name == NULL)
		ask->schema = json_get(json_get(format, "json_schema"),
		    "schema");
	ask->max_tokens = json_int(json_get(body, "max_completion_tokens"),
	    json_int(json_get(body, "max_tokens"), 0));
	ask->stop = json_get(body, "stop");
	g->n = json_int(json_get(body, "n"), 1);
	g->top = json_int(json_get(body, "top_logprobs"), 0);
	g->logprobs = g->s->logprobs ||
	    json_bool(json_get(body, "logprobs"), false);
	g->stream = json_bool(json_get(body, "stream"), false);
	g->usage = json_bool(json_get(json_get(body, "stream_options"),
	    "include_usage"), false) || script_is(g->s->usage, "always");
}

static bool
openai_valid(struct openai_gen *g)
{
	const struct json *messages = json_get(g->call->body, "messages");

	if (g->chat && (messages->type != JSON_ARRAY ||
	    messages->child == NULL)) {
		openai_error(g->call, 400, messages->type != JSON_ARRAY ?
		    "Invalid type for 'messages': expected an array of "
		    "objects." : "Invalid 'messages': empty array.",
		    "messages", messages->type != JSON_ARRAY ? "invalid_type" :
		    "empty_array");
		return false;
	}
	if (g->n < 1 || g->n > 128) {
		openai_error(g->call, 400, "Invalid 'n': integer out of "
		    "range.", "n", "integer_above_max_value");
		return false;
	}
	if (g->top < 0 || g->top > 20) {
		openai_error(g->call, 400, "Invalid 'top_logprobs': integer "
		    "out of range.", "top_logprobs",
		    "integer_above_max_value");
		return false;
	}
	return true;
}

static void
openai_never(struct sim_call *call)
{
	struct script *s = script_new("endless");

	s->hang = true;
	reply_text(call->conn, s, 200, NULL, NULL, 0);
	script_unref(s);
}

void
openai_chat(struct sim_call *call, bool chat)
{
	struct openai_gen g = { .call = call, .s = call->script };
	struct buf text = { 0 };

	g.chat = chat;
	g.ollama = script_is(openai_flavor(call), "ollama");
	g.vllm = script_is(openai_flavor(call), "vllm");
	g.id = ++call->sim->ids;
	openai_ask(&g);
	if (!openai_valid(&g))
		return;
	openai_prompt(&g, &text);
	answer_make(call->sim, &g.ask, g.s, &g.a);
	g.pace_us = stream_pace(call->sim, g.s, &g.a);
	if (g.stream && !g.s->json_reply)
		openai_stream(&g);
	else if (script_int(g.s->error_after, -1) >= 0)
		openai_error(call, 500, g.s->error != NULL ? g.s->error :
		    "The server had an error while processing your request",
		    NULL, NULL);
	else if (g.a.endless)
		openai_never(call);
	else
		openai_whole(&g);
	answer_fini(&g.a);
	buf_fini(&text);
}
