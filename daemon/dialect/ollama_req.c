/* SPDX-License-Identifier: ISC */
/*
 * A chat for POST /api/chat.  If the messages are in Ollama's form already,
 * which most are, they leave as the client's bytes.
 */
#include "dialect/ollama.h"

#include "base/jout.h"
#include "dialect/openai.h"
#include "dialect/param.h"

/* Parameters that Ollama's API cannot express, or not yet through us. */
static int
ollama_unsupported(struct chat_error *e, const char *param)
{
	chat_error_set(e, ERR_UNSUPPORTED_PARAM, param,
	    "'%s' is not supported for this model (Ollama). To drop such "
	    "parameters, set litellm_settings: drop_params: true.", param);
	return -1;
}

/* True if a list of modalities asks for more than text. */
static bool
ollama_wants_audio(struct span v)
{
	struct jscan_iter it;
	struct span el;

	if (!jscan_is_arr(v))
		return false;
	jscan_enter(&it, v, 1);
	while (jscan_element(&it, &el) == 1)
		if (!jscan_is_str(el) || !jscan_str_eq(el, "text"))
			return true;
	return false;
}

static int
ollama_check(const struct chat_req *r, bool drop, struct chat_error *e)
{
	const struct chat_extra *x;

	if (drop)
		return 0;
	if (r->n > 1)
		return ollama_unsupported(e, "n");
	if (jscan_is_true(r->logprobs))
		return ollama_unsupported(e, "logprobs");
	if (r->top_logprobs.p != NULL && !(r->top_logprobs.n == 1 &&
	    *r->top_logprobs.p == '0'))
		return ollama_unsupported(e, "top_logprobs");
	if (r->logit_bias.p != NULL &&
	    *jscan_ws(r->logit_bias.p + 1) != '}')
		return ollama_unsupported(e, "logit_bias");
	if (r->effort != CHAT_EFFORT_UNSET)
		return ollama_unsupported(e, "reasoning_effort");
	for (x = r->extras; x < r->extras + r->nextras; x++) {
		if (KEY_IS(x->name, "reasoning"))
			return ollama_unsupported(e, "reasoning");
		if (KEY_IS(x->name, "thinking"))
			return ollama_unsupported(e, "thinking");
		if (KEY_IS(x->name, "audio"))
			return ollama_unsupported(e, "audio");
		if (KEY_IS(x->name, "modalities") &&
		    ollama_wants_audio(x->value))
			return ollama_unsupported(e, "modalities");
	}
	return 0;
}

/* True if the prompt speaks of JSON: else a model that is held to it may
 * write white space for ever. */
static bool
ollama_says_json(const struct chat_req *r)
{
	static const char *const words[] = { "JSON", "json", "Json" };
	unsigned i;

	for (i = 0; i < 3; i++)
		if (memmem(r->messages.p, r->messages.n, words[i], 4) != NULL)
			return true;
	return false;
}

/*
 * Ollama lets `format` win over tools, so that no tool could ever be called:
 * tools go without it until the last message is a tool's result.
 */
static void
ollama_conflict(const struct chat_req *r, int *tools, bool *format,
    struct chat_body *out)
{
	bool result = r->nmsgs != 0 &&
	    (r->msgs[r->nmsgs - 1].role == CHAT_TOOL ||
	    r->msgs[r->nmsgs - 1].role == CHAT_FUNCTION);

	*format = r->format != CHAT_FORMAT_TEXT;
	if (*tools <= 0 || !*format)
		return;
	if (result && (r->choice == CHAT_CHOICE_AUTO ||
	    r->choice == CHAT_CHOICE_ALLOWED)) {
		*tools = 0;
	} else {
		*format = false;
		out->warning = "response_format_after_tools";
	}
}

static void
ollama_piece(struct chat_body *out, const char *p, size_t n)
{
	out->iov[out->niov].iov_base = (void *)(uintptr_t)p;
	out->iov[out->niov++].iov_len = n;
	out->len += n;
}

/* Everything behind the messages. */
static int
ollama_rest(const struct chat_req *r, const struct chat_target *t,
    struct arena *a, int tools, bool format, struct buf *b,
    struct chat_error *e)
{
	if (tools > 0 && ollama_tools(r, b, e) == -1)
		return -1;
	if (format) {
		buf_lit(b, ",\"format\":");
		if (r->format == CHAT_FORMAT_JSON)
			buf_lit(b, "\"json\"");
		else
			buf_adds(b, r->schema);
	}
	if (ollama_options(r, t, a, b, e) == -1)
		return -1;
	buf_lit(b, "}");
	return 0;
}

/* The head, the messages and the rest in b; *cut is where the client's own
 * bytes belong if they serve, else 0. */
static int
ollama_build(const struct chat_req *r, const struct chat_target *t,
    struct arena *a, struct buf *b, size_t *cut, struct chat_body *out,
    struct chat_error *e)
{
	struct buf lead = { 0 };
	bool format, plain = ollama_messages_plain(r);
	struct span text = SPAN_NONE;
	int tools, k;

	/* To Ollama an empty list means: load the model, say nothing. */
	if (r->nmsgs == 0) {
		chat_error_set(e, ERR_INVALID_PARAM, "messages",
		    "'messages' must not be empty.");
		return -1;
	}
	if ((tools = ollama_tools_count(r, t->drop_params, e)) == -1)
		return -1;
	ollama_conflict(r, &tools, &format, out);
	if (tools > 0 && ollama_tools_instruct(r, &lead)) {
		out->warning = "tool_choice_emulated";
	} else if (format && r->format == CHAT_FORMAT_JSON &&
	    !ollama_says_json(r)) {
		buf_lit(&lead, "Answer with JSON only.");
	}
	if (lead.n != 0)
		text = buf_span(&lead);
	if (!plain)
		buf_need(b, r->messages.n + 4096);
	buf_lit(b, "{\"model\":");
	jout_strz(b, t->upstream);
	if (r->stream)
		buf_lit(b, ",\"stream\":true,\"messages\":");
	else
		buf_lit(b, ",\"stream\":false,\"messages\":");
	*cut = 0;
	k = 0;
	if (plain) {
		buf_lit(b, "[");
		if (text.p != NULL) {
			buf_lit(b, "{\"role\":\"system\",\"content\":\"");
			buf_adds(b, text);
			buf_lit(b, "\"},");
		}
		*cut = b->n;
	} else {
		k = ollama_messages(r, text, b, e);
	}
	buf_fini(&lead);
	return k == -1 ? -1 : ollama_rest(r, t, a, tools, format, b, e);
}

struct span
ollama_default(const struct chat_target *t, const char *name,
    struct arena *a)
{
	struct span v;
	unsigned i;
	char *p;

	for (i = 0; i < t->nparams; i++) {
		v = t->params[i].json;
		if (strcmp(t->params[i].name, name) != 0)
			continue;
		p = arena_zalloc(a, v.n + JSCAN_PAD);
		memcpy(p, v.p, v.n);
		return (struct span){ p, v.n };
	}
	return SPAN_NONE;
}

int
ollama_encode(struct chat_req *req, const struct chat_target *t,
    struct arena *a, struct chat_body *out, struct chat_error *e)
{
	struct chat_req own = *req, *r = &own;
	struct buf b = { 0 };
	struct span v;
	size_t cut;
	char *p;

	out->path = "/api/chat";
	if (ollama_check(r, t->drop_params, e) == -1)
		return -1;
	v = ollama_default(t, "response_format", a);
	if (r->format_raw.p == NULL && v.p != NULL &&
	    openai_decode_format(r, v, e) == -1)
		return -1;
	if (ollama_build(r, t, a, &b, &cut, out, e) == -1) {
		buf_fini(&b);
		return -1;
	}
	p = arena_strn(a, b.p, b.n);
	if (cut != 0) {
		ollama_piece(out, p, cut);
		ollama_piece(out, r->messages.p + 1, r->messages.n - 1);
	}
	ollama_piece(out, p + cut, b.n - cut);
	buf_fini(&b);
	return 0;
}
