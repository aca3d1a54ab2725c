/* SPDX-License-Identifier: ISC */
/* The front: chunks, bodies and errors as OpenAI writes them. */
#include "dialect/openai.h"

#include "base/jout.h"

/* Writes what all chunks of this answer begin with, once. */
static void
openai_head(struct conv *c)
{
	struct buf *b = &c->head;

	if (b->n != 0)
		return;
	buf_lit(b, "data: {\"id\":");
	if (c->up_id[0] != '\0') {
		buf_lit(b, "\"");
		buf_addz(b, c->up_id);
		buf_lit(b, "\"");
	} else {
		jout_str(b, c->info.id);
	}
	buf_lit(b, ",\"object\":\"chat.completion.chunk\",\"created\":");
	jout_i64(b, c->up_created != 0 ? c->up_created : c->info.created);
	buf_lit(b, ",\"model\":");
	buf_adds(b, buf_span(&c->model));
	buf_lit(b, ",\"system_fingerprint\":null,\"choices\":[");
}

/* "data: {...,"choices":[{"index":N,"delta":{" */
static void
openai_chunk_open(struct conv *c, unsigned choice, struct buf *out)
{
	buf_adds(out, buf_span(&c->head));
	if (choice == 0) {
		buf_lit(out, "{\"index\":0,\"delta\":{");
		return;
	}
	buf_lit(out, "{\"index\":");
	jout_u64(out, choice);
	buf_lit(out, ",\"delta\":{");
}

/* "},"logprobs":L,"finish_reason":F}]}" and the end of the event. */
static void
openai_chunk_close(struct conv *c, struct span logprobs, const char *finish,
    struct buf *out)
{
	buf_lit(out, "},\"logprobs\":");
	if (logprobs.p != NULL)
		jout_compact(out, logprobs);
	else
		buf_lit(out, "null");
	if (finish != NULL) {
		buf_lit(out, ",\"finish_reason\":\"");
		buf_addz(out, finish);
		buf_lit(out, "\"}]");
	} else {
		buf_lit(out, ",\"finish_reason\":null}]");
	}
	if (c->info.include_usage)
		buf_lit(out, ",\"usage\":null}\n\n");
	else
		buf_lit(out, "}\n\n");
}

static void
openai_role(struct conv *c, unsigned choice, struct buf *out)
{
	if (conv_set_has(&c->role, choice))
		return;
	conv_set_add(&c->role, choice);
	openai_chunk_open(c, choice, out);
	buf_lit(out, "\"role\":\"assistant\",\"content\":\"\"");
	openai_chunk_close(c, SPAN_NONE, NULL, out);
}

void
openai_begin(struct conv *c, struct buf *out)
{
	openai_head(c);
	openai_role(c, 0, out);
}

static const char *
openai_finish(const struct conv *c, enum chat_finish f)
{
	switch (f) {
	case CHAT_FINISH_LENGTH:
		return "length";
	case CHAT_FINISH_TOOLS:
		return c->req->legacy_functions ? "function_call" :
		    "tool_calls";
	case CHAT_FINISH_FILTER:
		return "content_filter";
	default:
		return "stop";
	}
}

/* The arguments of a call as the inside of a JSON string. */
static void
openai_args(const struct chat_call *call, struct buf *out)
{
	if (call->args_text.p != NULL)
		jout_recode(out, call->args_text);
	else if (call->args_json.p != NULL)
		jout_embed(out, call->args_json);
}

/* "function":{"name":..,"arguments":..} without its key. */
static void
openai_function(const struct chat_call *call, struct buf *out)
{
	buf_lit(out, "{\"name\":\"");
	jout_recode(out, call->name);
	buf_lit(out, "\",\"arguments\":\"");
	openai_args(call, out);
	buf_lit(out, "\"}");
}

static void
openai_call(const struct chat_event *ev, bool with_index, struct buf *out)
{
	buf_lit(out, "{");
	if (with_index) {
		buf_lit(out, "\"index\":");
		jout_u64(out, ev->tool);
		buf_lit(out, ",");
	}
	buf_lit(out, "\"id\":\"");
	jout_recode(out, ev->call.id);
	buf_lit(out, "\",\"type\":\"function\",\"function\":");
	openai_function(&ev->call, out);
	buf_lit(out, "}");
}

static void
openai_call_delta(struct conv *c, const struct chat_event *ev,
    struct buf *out)
{
	if (c->req->legacy_functions) {
		buf_lit(out, "\"function_call\":");
		if (ev->kind == CHAT_EV_TOOL) {
			openai_function(&ev->call, out);
			return;
		}
		buf_lit(out, "{\"arguments\":\"");
		jout_recode(out, ev->text);
		buf_lit(out, "\"}");
		return;
	}
	buf_lit(out, "\"tool_calls\":[");
	if (ev->kind == CHAT_EV_TOOL) {
		openai_call(ev, true, out);
	} else {
		buf_lit(out, "{\"index\":");
		jout_u64(out, ev->tool);
		buf_lit(out, ",\"function\":{\"arguments\":\"");
		jout_recode(out, ev->text);
		buf_lit(out, "\"}}");
	}
	buf_lit(out, "]");
}

void
openai_event(struct conv *c, const struct chat_event *ev, struct buf *out)
{
	const char *key;

	if (c->req->legacy_functions && ev->tool > 0 &&
	    (ev->kind == CHAT_EV_TOOL || ev->kind == CHAT_EV_TOOL_ARGS))
		return;
	if (ev->kind == CHAT_EV_USAGE)
		return;
	openai_head(c);
	openai_role(c, ev->choice, out);
	openai_chunk_open(c, ev->choice, out);
	switch (ev->kind) {
	case CHAT_EV_TEXT:
	case CHAT_EV_THINK:
	case CHAT_EV_REFUSAL:
		key = ev->kind == CHAT_EV_TEXT ? "\"content\":\"" :
		    ev->kind == CHAT_EV_THINK ? "\"reasoning_content\":\"" :
		    "\"refusal\":\"";
		buf_addz(out, key);
		jout_recode(out, ev->text);
		buf_lit(out, "\"");
		openai_chunk_close(c, ev->json, NULL, out);
		break;
	case CHAT_EV_TOOL:
	case CHAT_EV_TOOL_ARGS:
		openai_call_delta(c, ev, out);
		openai_chunk_close(c, SPAN_NONE, NULL, out);
		break;
	case CHAT_EV_LOGPROBS:
		openai_chunk_close(c, ev->json, NULL, out);
		break;
	default:
		openai_chunk_close(c, SPAN_NONE, openai_finish(c, ev->finish),
		    out);
		break;
	}
}

static void
openai_usage(const struct chat_usage *u, struct buf *out)
{
	buf_lit(out, "{\"prompt_tokens\":");
	jout_u64(out, u->in);
	buf_lit(out, ",\"completion_tokens\":");
	jout_u64(out, u->out);
	buf_lit(out, ",\"total_tokens\":");
	jout_u64(out, (uint64_t)u->in + u->out);
	buf_lit(out, ",\"prompt_tokens_details\":{\"cached_tokens\":");
	jout_u64(out, u->cached);
	buf_lit(out, "},\"completion_tokens_details\":"
	    "{\"reasoning_tokens\":");
	jout_u64(out, u->reasoning);
	buf_lit(out, "}}");
}

void
openai_end(struct conv *c, struct buf *out)
{
	if (c->info.include_usage) {
		openai_head(c);
		buf_adds(out, buf_span(&c->head));
		buf_lit(out, "],\"usage\":");
		openai_usage(conv_usage(c), out);
		buf_lit(out, "}\n\n");
	}
	buf_lit(out, "data: [DONE]\n\n");
}

/* The text of one kind in one choice, in quotes; null if there is none. */
static void
openai_whole_text(const struct conv *c, unsigned choice,
    enum chat_event_kind kind, struct buf *out)
{
	bool any = false;
	unsigned i;

	for (i = 0; i < c->nevs; i++) {
		if (c->evs[i].choice != choice || c->evs[i].kind != kind)
			continue;
		if (!any)
			buf_lit(out, "\"");
		any = true;
		jout_recode(out, c->evs[i].text);
	}
	if (any)
		buf_lit(out, "\"");
	else if (kind == CHAT_EV_TEXT && !conv_set_has(&c->tools, choice))
		buf_lit(out, "\"\"");
	else
		buf_lit(out, "null");
}

/* True if the choice has an event of that kind. */
static bool
openai_whole_has(const struct conv *c, unsigned choice,
    enum chat_event_kind kind)
{
	unsigned i;

	for (i = 0; i < c->nevs; i++)
		if (c->evs[i].choice == choice && c->evs[i].kind == kind)
			return true;
	return false;
}

static void
openai_whole_calls(const struct conv *c, unsigned choice, struct buf *out)
{
	bool first = true;
	unsigned i;

	if (!conv_set_has(&c->tools, choice))
		return;
	if (c->req->legacy_functions) {
		buf_lit(out, ",\"function_call\":");
		for (i = 0; i < c->nevs; i++)
			if (c->evs[i].choice == choice &&
			    c->evs[i].kind == CHAT_EV_TOOL)
				break;
		openai_function(&c->evs[i].call, out);
		return;
	}
	buf_lit(out, ",\"tool_calls\":[");
	for (i = 0; i < c->nevs; i++) {
		if (c->evs[i].choice != choice ||
		    c->evs[i].kind != CHAT_EV_TOOL)
			continue;
		if (!first)
			buf_lit(out, ",");
		first = false;
		openai_call(&c->evs[i], false, out);
	}
	buf_lit(out, "]");
}

static void
openai_whole_choice(const struct conv *c, unsigned choice, struct buf *out)
{
	enum chat_finish f = CHAT_FINISH_STOP;
	struct span logprobs = SPAN_NONE;
	unsigned i;

	for (i = 0; i < c->nevs; i++) {
		if (c->evs[i].choice != choice)
			continue;
		if (c->evs[i].kind == CHAT_EV_FINISH)
			f = c->evs[i].finish;
		else if (c->evs[i].json.p != NULL)
			logprobs = c->evs[i].json;
	}
	buf_lit(out, "{\"index\":");
	jout_u64(out, choice);
	buf_lit(out, ",\"message\":{\"role\":\"assistant\",\"content\":");
	openai_whole_text(c, choice, CHAT_EV_TEXT, out);
	buf_lit(out, ",\"refusal\":");
	openai_whole_text(c, choice, CHAT_EV_REFUSAL, out);
	if (openai_whole_has(c, choice, CHAT_EV_THINK)) {
		buf_lit(out, ",\"reasoning_content\":");
		openai_whole_text(c, choice, CHAT_EV_THINK, out);
	}
	openai_whole_calls(c, choice, out);
	buf_lit(out, "},\"logprobs\":");
	if (logprobs.p != NULL)
		jout_compact(out, logprobs);
	else
		buf_lit(out, "null");
	buf_lit(out, ",\"finish_reason\":\"");
	buf_addz(out, openai_finish(c, f));
	buf_lit(out, "\"}");
}

/* A chat.completion of the events that were collected. */
static void
openai_whole(struct conv *c, struct buf *out)
{
	unsigned i;

	buf_lit(out, "{\"id\":");
	jout_str(out, c->info.id);
	buf_lit(out, ",\"object\":\"chat.completion\",\"created\":");
	jout_i64(out, c->info.created);
	buf_lit(out, ",\"model\":");
	buf_adds(out, buf_span(&c->model));
	buf_lit(out, ",\"choices\":[");
	for (i = 0; i < CONV_CHOICES; i++) {
		if (i != 0 && !conv_set_has(&c->begun, i))
			continue;
		if (i != 0)
			buf_lit(out, ",");
		openai_whole_choice(c, i, out);
	}
	buf_lit(out, "],\"usage\":");
	openai_usage(conv_usage(c), out);
	buf_lit(out, ",\"system_fingerprint\":null}");
}

static void
openai_error_body(const struct chat_error *e, struct buf *out)
{
	const struct error_row *row = &error_rows[e->id];

	buf_lit(out, "{\"error\":{\"message\":");
	jout_strz(out, e->text[0] != '\0' ? e->text : row->text);
	buf_lit(out, ",\"type\":");
	jout_strz(out, e->type[0] != '\0' ? e->type : row->openai_type);
	buf_lit(out, ",\"param\":");
	if (e->param[0] != '\0')
		jout_strz(out, e->param);
	else
		buf_lit(out, "null");
	buf_lit(out, ",\"code\":");
	jout_strz(out, e->code[0] != '\0' ? e->code : row->code);
	buf_lit(out, "}}");
}

static void
openai_error_event(const struct chat_error *e, struct buf *out)
{
	buf_lit(out, "data: ");
	openai_error_body(e, out);
	buf_lit(out, "\n\n");
}

const struct dialect dialect_openai = {
	.name = "openai",
	.form = &dialect_openai,
	.scan = openai_scan,
	.decode = openai_decode,
	.begin = openai_begin,
	.event = openai_event,
	.end = openai_end,
	.whole = openai_whole,
	.error_body = openai_error_body,
	.error_event = openai_error_event,
	.keepalive = { ":\n\n", 3 },
	.stream_type = "text/event-stream; charset=utf-8",
	.splice = openai_splice,
	.encode = openai_encode,
	.framing = DIALECT_SSE,
	.relay = openai_relay,
	.relay_whole = openai_relay_whole,
	.parse = openai_parse,
	.parse_whole = openai_parse_whole,
	.ended = openai_ended,
	.upstream_error = openai_upstream_error
};
