/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "ollama.h"
#include "reply.h"
#include "stream.h"

/* One answer of /api/chat or /api/generate. */
struct ollama_gen {
	struct sim_call	*call;
	const struct script *s;
	struct model	*model;
	struct answer	 a;
	struct buf	 prompt;	/* rendered */
	int64_t		 prompt_tokens;
	int64_t		 top;		/* top_logprobs */
	uint64_t	 pace_us;
	uint64_t	 at_us;		/* time of the next line */
	bool		 chat;
	bool		 stream;
	bool		 logprobs;
	bool		 context;	/* generate: send it */
};

static void
ollama_begin(struct ollama_gen *g, struct buf *b)
{
	const char *name = g->s->model != NULL ? g->s->model : g->call->model;

	buf_adds(b, "{\"model\":");
	json_quote(b, name, strlen(name), true);
	buf_adds(b, ",\"created_at\":\"");
	ollama_time(g->call->conn->rec->n, g->at_us, b);
	buf_addc(b, '"');
	g->at_us += 1000 + g->pace_us;
}

static void
ollama_call_id(struct sim *sim, struct buf *b)
{
	uint64_t h = ++sim->ids * 0x9e3779b97f4a7c15u;
	int i;

	buf_adds(b, "call_");
	for (i = 0; i < 8; i++, h /= 36)
		buf_addc(b, "0123456789abcdefghijklmnopqrstuvwxyz"[h % 36]);
}

static void
ollama_call(struct ollama_gen *g, const struct answer_part *p, size_t index,
    struct buf *b)
{
	const struct script *s = g->s;

	buf_addc(b, '{');
	if (!script_is(s->tool_ids, "none")) {
		buf_adds(b, "\"id\":\"");
		if (p->id != NULL)
			buf_adds(b, p->id);
		else
			ollama_call_id(g->call->sim, b);
		buf_adds(b, "\",");
	}
	buf_adds(b, "\"function\":{");
	if (!script_is(s->tool_index, "none"))
		buf_addf(b, "\"index\":%zu,",
		    script_is(s->tool_index, "zero") ? 0 : index);
	buf_adds(b, "\"name\":");
	json_quote(b, p->data, p->len, true);
	buf_adds(b, ",\"arguments\":");
	if (p->args_text)
		json_quote(b, p->args, strlen(p->args), true);
	else
		buf_adds(b, p->args);
	buf_adds(b, "}}");
}

/* All calls, or only the one with that index. */
static void
ollama_calls(struct ollama_gen *g, long only, struct buf *b)
{
	size_t i, k = 0;
	bool first = true;

	buf_adds(b, ",\"tool_calls\":[");
	for (i = 0; i < g->a.nparts; i++) {
		if (g->a.parts[i].kind != ANSWER_CALL)
			continue;
		if (only < 0 || (size_t)only == k) {
			if (!first)
				buf_addc(b, ',');
			first = false;
			ollama_call(g, &g->a.parts[i], k, b);
		}
		k++;
	}
	buf_addc(b, ']');
}

static void
ollama_logprob_bytes(const char *p, size_t len, struct buf *b)
{
	size_t i;

	buf_adds(b, "{\"token\":");
	json_quote(b, p, len, true);
	buf_adds(b, ",\"logprob\":0,\"bytes\":[");
	for (i = 0; i < len; i++)
		buf_addf(b, "%s%d", i ? "," : "", (unsigned char)p[i]);
	buf_addc(b, ']');
}

/* The entries of one line; split characters are U+FFFD, as recorded. */
static void
ollama_logprob(const struct ollama_gen *g, const struct answer_part *p,
    struct buf *b)
{
	size_t i, n = p->split ? p->len : 1;

	for (i = 0; i < n; i++) {
		if (b->len > 0)
			buf_addc(b, ',');
		if (p->split)
			ollama_logprob_bytes("\357\277\275", 3, b);
		else
			ollama_logprob_bytes(p->data, p->len, b);
		if (g->top > 0) {
			buf_adds(b, ",\"top_logprobs\":[");
			ollama_logprob_bytes(p->data, p->len, b);
			if (g->top > 1)
				buf_adds(b, "},{\"token\":\"\\u003cunk\\u003e"
				    "\",\"logprob\":-63.6748161315918,"
				    "\"bytes\":[60,117,110,107,62]");
			buf_adds(b, "}]");
		}
		buf_addc(b, '}');
	}
}

/* message or response with what is said; literals are JSON. */
static void
ollama_said(struct ollama_gen *g, const char *content, const char *think,
    struct buf *b)
{
	if (g->chat)
		buf_addf(b, ",\"message\":{\"role\":\"assistant\","
		    "\"content\":%s", content);
	else
		buf_addf(b, ",\"response\":%s", content);
	if (think != NULL)
		buf_addf(b, ",\"thinking\":%s", think);
}

/* The recorded tokenizer's ids of prompt and answer. */
static void
ollama_context(struct ollama_gen *g, struct buf *b)
{
	struct buf t = { 0 };
	size_t i;

	buf_add(&t, g->prompt.data, g->prompt.len);
	answer_join(&g->a, ANSWER_TEXT, &t);
	buf_adds(b, ",\"context\":[");
	for (i = 0; i < t.len; i++)
		buf_addf(b, t.data[i] == ' ' ? "%s229,153,132" : "%s%d",
		    i ? "," : "", (unsigned char)t.data[i] + 3);
	buf_addc(b, ']');
	buf_fini(&t);
}

/* done and what goes with it. */
static void
ollama_done(struct ollama_gen *g, const char *logprobs, struct buf *b)
{
	const struct script *s = g->s;
	const char *reason = s->finish != NULL ? s->finish : g->a.finish;
	int64_t n = g->a.eval_count;
	uint64_t load = 2000000 + g->call->conn->rec->n % 1000;
	uint64_t prompt = (uint64_t)g->prompt_tokens * 400000 + 123;
	uint64_t eval = (uint64_t)n * (g->pace_us * 1000 + 1000000) + 321;

	if (g->a.finish == NULL || script_int(s->done, 1) == 0) {
		buf_adds(b, ",\"done\":false}");
		return;
	}
	buf_adds(b, ",\"done\":true");
	if (!script_is(reason, "missing") && !script_is(reason, "null")) {
		buf_adds(b, ",\"done_reason\":");
		json_quotes(b, reason);
	}
	if (g->context)
		ollama_context(g, b);
	if (logprobs != NULL)
		buf_addf(b, ",\"logprobs\":[%s]", logprobs);
	if (script_is(s->usage, "none")) {
		buf_addc(b, '}');
		return;
	}
	buf_addf(b, ",\"total_duration\":%llu,\"load_duration\":%llu",
	    (unsigned long long)(load + prompt + eval),
	    (unsigned long long)load);
	if (!s->no_prompt_count)
		buf_addf(b, ",\"prompt_eval_count\":%lld",
		    (long long)g->prompt_tokens);
	buf_addf(b, ",\"prompt_eval_duration\":%llu,\"eval_count\":%lld",
	    (unsigned long long)prompt, (long long)n);
	if (n > 1)
		buf_addf(b, ",\"eval_duration\":%llu",
		    (unsigned long long)eval);
	buf_addc(b, '}');
}

static void
ollama_whole(struct ollama_gen *g)
{
	struct buf b = { 0 }, text = { 0 }, think = { 0 }, t = { 0 };
	struct buf probs = { 0 };
	size_t i;

	answer_join(&g->a, ANSWER_TEXT, &t);
	json_quote(&text, t.data != NULL ? t.data : "", t.len, true);
	buf_clear(&t);
	answer_join(&g->a, ANSWER_THINK, &t);
	if (t.len > 0)
		json_quote(&think, t.data, t.len, true);
	for (i = 0; g->logprobs && i < g->a.nparts; i++)
		if (g->a.parts[i].kind == ANSWER_TEXT)
			ollama_logprob(g, &g->a.parts[i], &probs);
	ollama_begin(g, &b);
	ollama_said(g, text.data, think.len > 0 ? think.data : NULL, &b);
	if (g->chat && answer_calls(&g->a) > 0)
		ollama_calls(g, -1, &b);
	if (g->chat)
		buf_addc(&b, '}');
	ollama_done(g, probs.len > 0 ? probs.data : NULL, &b);
	reply_text(g->call->conn, g->call->script, 200, OLLAMA_JSON, b.data,
	    b.len);
	buf_fini(&b);
	buf_fini(&t);
	buf_fini(&text);
	buf_fini(&think);
	buf_fini(&probs);
}

static void
ollama_empty(struct ollama_gen *g, struct stream *st)
{
	int64_t i, n = script_int(g->s->empty_deltas, 0);
	struct buf b = { 0 };

	for (i = 0; i < n; i++) {
		ollama_begin(g, &b);
		ollama_said(g, "\"\"", NULL, &b);
		buf_addf(&b, "%s,\"done\":false}", g->chat ? "}" : "");
		stream_event(st, &b);
		buf_clear(&b);
	}
	buf_fini(&b);
}

static void
ollama_endless_line(struct ollama_gen *g, struct stream *st)
{
	struct buf b = { 0 };

	ollama_begin(g, &b);
	ollama_said(g, "\"", NULL, &b);
	stream_endless_line(st, &b);
	buf_fini(&b);
}

/* One line for a part; text of the last part may wait for the done line. */
static void
ollama_part(struct ollama_gen *g, struct stream *st,
    const struct answer_part *p, long call)
{
	struct buf b = { 0 }, lit = { 0 }, probs = { 0 };

	ollama_begin(g, &b);
	if (p->kind != ANSWER_CALL)
		stream_literal(st, p->data, p->len, true, &lit);
	if (p->kind == ANSWER_TEXT)
		ollama_said(g, lit.data, NULL, &b);
	else
		ollama_said(g, "\"\"", p->kind == ANSWER_THINK ? lit.data :
		    NULL, &b);
	if (p->kind == ANSWER_CALL && g->chat)
		ollama_calls(g, call, &b);
	if (g->chat)
		buf_addc(&b, '}');
	buf_adds(&b, ",\"done\":false");
	if (g->logprobs && p->kind == ANSWER_TEXT) {
		ollama_logprob(g, p, &probs);
		buf_addf(&b, ",\"logprobs\":[%s]", probs.data);
	}
	buf_addc(&b, '}');
	stream_event(st, &b);
	buf_fini(&b);
	buf_fini(&lit);
	buf_fini(&probs);
}

static void
ollama_last(struct ollama_gen *g, struct stream *st,
    const struct answer_part *held)
{
	struct buf b = { 0 }, lit = { 0 };

	if (g->a.finish == NULL || script_int(g->s->done, 1) == 0)
		return;
	reply_pause(st->reply, script_us(g->s->end_delay));
	ollama_begin(g, &b);
	if (held != NULL)
		stream_literal(st, held->data, held->len, true, &lit);
	ollama_said(g, held != NULL ? lit.data : "\"\"", NULL, &b);
	if (g->chat && g->s->tool_on_done && answer_calls(&g->a) > 0)
		ollama_calls(g, -1, &b);
	if (g->chat)
		buf_addc(&b, '}');
	ollama_done(g, NULL, &b);
	for (int64_t i = script_int(g->s->done, 1); i > 0; i--)
		stream_event(st, &b);
	buf_fini(&b);
	buf_fini(&lit);
}

static void
ollama_parts(struct ollama_gen *g, struct stream *st, const char *error)
{
	const struct answer_part *p, *held = NULL;
	size_t i, calls = 0;

	for (i = 0; i < g->a.nparts; i++) {
		p = &g->a.parts[i];
		if (p->kind == ANSWER_CALL && (g->s->tool_on_done ||
		    (g->s->tool_one_line && calls > 0)))
			continue;
		if (i + 1 == g->a.nparts && p->kind == ANSWER_TEXT &&
		    g->s->content_with_finish) {
			held = p;
			break;
		}
		if (!stream_token(st, error))
			return;
		if (g->a.endless && p->kind == ANSWER_TEXT &&
		    st->reply->loop_from < 0) {
			st->reply->loop_from = (long)st->reply->nevents;
			st->reply->wait_us = g->pace_us;
		}
		ollama_part(g, st, p, g->s->tool_one_line ? -1 : (long)calls);
		calls += p->kind == ANSWER_CALL;
	}
	if (g->a.endless || !stream_token(st, error))
		return;
	st->reply->wait_us = 0;
	ollama_empty(g, st);
	ollama_last(g, st, held);
}

static void
ollama_stream(struct ollama_gen *g)
{
	struct stream st;
	struct reply *r;
	struct buf error = { 0 };

	buf_adds(&error, "{\"error\":");
	json_quotes(&error, g->s->error != NULL ? g->s->error :
	    "an error was encountered while running the model");
	buf_addc(&error, '}');
	r = reply_new(g->call->conn, g->call->script, 200, OLLAMA_NDJSON);
	stream_init(&st, r, false, g->pace_us);
	if (script_int(g->s->line_bytes, 0) < 0) {
		ollama_endless_line(g, &st);
	} else {
		ollama_empty(g, &st);
		ollama_parts(g, &st, error.data);
	}
	stream_end(&st);
	buf_fini(&error);
	reply_go(r);
}

/* An error found after the stream's head was chosen: no charset, chunked. */
static void
ollama_late(struct ollama_gen *g, int status, const char *text)
{
	struct reply *r;
	struct buf b = { 0 };

	if (!g->stream) {
		ollama_error(g->call, status, "%s", text);
		return;
	}
	buf_adds(&b, "{\"error\":");
	json_quote(&b, text, strlen(text), true);
	buf_addc(&b, '}');
	r = reply_new(g->call->conn, g->call->script, status,
	    "application/json");
	r->chunked = true;
	reply_event(r, b.data, b.len);
	reply_go(r);
	buf_fini(&b);
}

/* A load or unload: no text. */
static void
ollama_load(struct ollama_gen *g, const char *reason)
{
	struct buf b = { 0 };

	g->model->loaded = strcmp(reason, "load") == 0;
	if (!g->model->loaded)
		g->call->sim->unloads++;
	ollama_begin(g, &b);
	ollama_said(g, "\"\"", NULL, &b);
	buf_addf(&b, "%s,\"done\":true,\"done_reason\":\"%s\"}",
	    g->chat ? "}" : "", reason);
	reply_text(g->call->conn, g->call->script, 200, OLLAMA_JSON, b.data,
	    b.len);
	buf_fini(&b);
}

static void
ollama_debug(struct ollama_gen *g)
{
	struct buf b = { 0 };

	ollama_begin(g, &b);
	buf_adds(&b, ",\"message\":{\"role\":\"\",\"content\":\"\"},"
	    "\"done\":false,\"_debug_info\":{\"rendered_template\":");
	json_quote(&b, g->prompt.data, g->prompt.len, true);
	buf_adds(&b, "}}");
	reply_text(g->call->conn, g->call->script, 200, OLLAMA_JSON, b.data,
	    b.len);
	buf_fini(&b);
}

/* Body, model name and top_logprobs; false after an error was sent. */
static bool
ollama_decode(struct ollama_gen *g)
{
	struct sim_call *call = g->call;
	struct buf *err = &call->error;
	const char *name = call->model;

	if (call->body == NULL) {
		ollama_error(call, 400, "%s", err->len > 0 ? err->data :
		    "missing request body");
		return false;
	}
	if (g->chat ? !ollama_check_chat(call->body, err) :
	    !ollama_check_generate(call->body, err)) {
		ollama_error(call, 400, "%s", err->data);
		return false;
	}
	g->top = json_int(json_get(call->body, "top_logprobs"), 0);
	if (g->top < 0 || g->top > 20) {
		ollama_error(call, 400,
		    "top_logprobs must be between 0 and 20");
		return false;
	}
	if (name == NULL || name[0] == '\0') {
		ollama_error(call, 400, "model is required");
		return false;
	}
	if (!call->scripted && strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789._:/@-") != strlen(name)) {
		ollama_error(call, 400, "invalid model name");
		return false;
	}
	g->model = ollama_model(call, false);
	g->stream = json_bool(json_get(call->body, "stream"), true);
	return g->model != NULL;
}

/* Tools, thinking, insert and chat need their capability. */
static bool
ollama_capable(struct ollama_gen *g)
{
	const struct json *body = g->call->body;
	const struct json *tools = json_get(body, "tools");
	const struct json *think = json_get(body, "think");
	const struct json *suffix = json_get(body, "suffix");
	unsigned caps = g->model->caps;
	const char *lack = NULL;

	if (!(caps & MODEL_COMPLETION)) {
		ollama_error(g->call, 400, "\"%s\" does not support %s",
		    g->call->model, g->chat ? "chat" : "generate");
		return false;
	}
	if (think != NULL && think->type != JSON_FALSE &&
	    !(caps & MODEL_THINKING)) {
		ollama_error(g->call, 400, "\"%s\" does not support thinking",
		    g->call->model);
		return false;
	}
	if (g->chat && tools != NULL && tools->child != NULL &&
	    !(caps & MODEL_TOOLS))
		lack = "tools";
	if (!g->chat && json_str(suffix) != NULL && suffix->len > 0 &&
	    !(caps & MODEL_INSERT))
		lack = "insert";
	if (lack == NULL)
		return true;
	ollama_error(g->call, 400, "registry.ollama.ai/library/%s does not "
	    "support %s", g->model->name, lack);
	return false;
}

static void
ollama_ask(struct ollama_gen *g, struct answer_ask *ask)
{
	const struct json *body = g->call->body, *e, *last = NULL;
	const struct json *options = json_get(body, "options");
	struct json *format = json_get(body, "format");
	const struct json *messages = json_get(body, "messages");

	memset(ask, 0, sizeof(*ask));
	for (e = messages != NULL ? messages->child : NULL; e != NULL;
	    e = e->next)
		last = e;
	last = g->chat ? json_get(last, "content") : json_get(body, "prompt");
	ask->text = json_str(last) != NULL ? last->str : "";
	ask->text_len = strlen(ask->text);
	if (g->chat && messages != NULL)
		for (e = messages->child; e != NULL; e = e->next)
			if (e->next == NULL)
				ask->after_tool = script_is(
				    json_str(json_get(e, "role")), "tool");
	ask->tools = g->chat ? json_get(body, "tools") : NULL;
	ask->recorded = g->model->recorded;
	ask->json = script_is(json_str(format), "json");
	if (format != NULL && format->type == JSON_OBJECT)
		ask->schema = format;
	ask->think = (g->model->caps & MODEL_THINKING) && !g->call->scripted;
	e = json_get(body, "think");
	if (e != NULL)
		ask->think = e->type != JSON_FALSE;
	if (json_bool(json_get(body, "raw"), false))
		ask->think = false;
	ask->max_tokens = json_int(json_get(options, "num_predict"), 0);
	ask->stop = json_get(options, "stop");
}

/* A raw prompt ends with the word of a script: x<|json|>. */
static char *
ollama_raw_word(const struct answer_ask *ask)
{
	const char *at = strstr(ask->text, "<|");
	char *word;

	if (at == NULL)
		return NULL;
	word = buf_dupn(at + 1, strcspn(at + 1, ">"));
	word[0] = '#';
	if (strlen(word) > 0 && word[strlen(word) - 1] == '|')
		word[strlen(word) - 1] = '\0';
	return word;
}

/* An endless text without stream: no answer ever. */
static void
ollama_never(struct sim_call *call)
{
	struct script *s = script_new("endless");

	s->hang = true;
	reply_text(call->conn, s, 200, NULL, NULL, 0);
	script_unref(s);
}

static void
ollama_say(struct ollama_gen *g)
{
	struct answer_ask ask;
	char *word = NULL;

	ollama_ask(g, &ask);
	if (json_bool(json_get(g->call->body, "raw"), false))
		word = ollama_raw_word(&ask);
	if (word != NULL) {
		ask.text = word;
		ask.text_len = strlen(word);
	}
	answer_make(g->call->sim, &ask, g->s, &g->a);
	free(word);
	g->pace_us = stream_pace(g->call->sim, g->s, &g->a);
	g->model->loaded = true;
	if (!g->stream && script_int(g->s->error_after, -1) >= 0)
		ollama_error(g->call, 500, "%s", g->s->error != NULL ?
		    g->s->error : "an error was encountered while running "
		    "the model");
	else if (!g->stream && g->a.endless)
		ollama_never(g->call);
	else if (g->stream && !g->s->json_reply)
		ollama_stream(g);
	else
		ollama_whole(g);
	answer_fini(&g->a);
}

/* Options, format, overflow; then the answer. */
static void
ollama_run(struct ollama_gen *g)
{
	struct sim_call *call = g->call;
	const struct json *options = json_get(call->body, "options");
	struct buf *err = &call->error;
	int64_t ctx;

	if (!ollama_check_options(options, err)) {
		ollama_error(call, 500, "%s", err->data);
		return;
	}
	ctx = json_int(json_get(options, "num_ctx"), g->model->context);
	g->s = call->script;
	g->prompt_tokens = script_int(g->s->prompt_tokens,
	    ollama_count(g->prompt.data, g->prompt.len));
	if (json_bool(json_get(call->body, "_debug_render_only"), false)) {
		ollama_debug(g);
	} else if (!ollama_check_format(json_get(call->body, "format"), err)) {
		ollama_late(g, 500, err->data);
	} else if (g->prompt_tokens > ctx &&
	    !json_bool(json_get(call->body, "truncate"), true)) {
		ollama_late(g, 400,
		    "the input length exceeds the context length");
	} else {
		if (g->prompt_tokens > ctx)
			g->prompt_tokens = ctx;
		g->logprobs = g->s->logprobs ||
		    json_bool(json_get(call->body, "logprobs"), false);
		ollama_say(g);
	}
}

void
ollama_chat(struct sim_call *call)
{
	struct ollama_gen g = { .call = call, .s = call->script };
	const struct json *messages;

	g.chat = true;
	if (!ollama_decode(&g))
		return;
	messages = json_get(call->body, "messages");
	if (ollama_unloads(call)) {
		ollama_load(&g, "unload");
	} else if (ollama_capable(&g)) {
		ollama_render(g.model, call->body, &g.prompt);
		if (messages == NULL || messages->child == NULL)
			ollama_load(&g, "load");
		else
			ollama_run(&g);
		if (json_num(json_get(call->body, "keep_alive"), 1) == 0)
			g.model->loaded = false;
	}
	buf_fini(&g.prompt);
}

static bool
ollama_generate_ok(struct ollama_gen *g)
{
	const struct json *b = g->call->body;

	if (!json_bool(json_get(b, "raw"), false) ||
	    (json_get(b, "template") == NULL &&
	    json_get(b, "system") == NULL && json_get(b, "context") == NULL))
		return true;
	ollama_error(g->call, 400,
	    "raw mode does not support template, system, or context");
	return false;
}

void
ollama_generate(struct sim_call *call)
{
	struct ollama_gen g = { .call = call, .s = call->script };
	const char *prompt, *system;
	bool raw;

	if (!ollama_decode(&g))
		return;
	if (ollama_unloads(call)) {
		ollama_load(&g, "unload");
		return;
	}
	if (!ollama_generate_ok(&g) || !ollama_capable(&g))
		return;
	prompt = json_str(json_get(call->body, "prompt"));
	system = json_str(json_get(call->body, "system"));
	if (prompt == NULL || prompt[0] == '\0') {
		ollama_load(&g, "load");
		return;
	}
	raw = json_bool(json_get(call->body, "raw"), false);
	g.context = !raw;
	if (system != NULL)
		buf_addf(&g.prompt, "[system]%s", system);
	buf_addf(&g.prompt, raw ? "%s" : "[user]%s<|text|>", prompt);
	ollama_run(&g);
	buf_fini(&g.prompt);
}
