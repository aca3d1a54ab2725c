/* SPDX-License-Identifier: ISC */
/*
 * The neutral form as an OpenAI request: for fronts of another form (their
 * bodies cannot be spliced).  Null and absent members are left out.
 */
#include "dialect/openai.h"

#include "base/jout.h"
#include "dialect/param.h"

/* ,"key":"inner" if it is there. */
static void
openai_put_str(struct buf *b, const char *key, struct span inner)
{
	if (inner.p == NULL)
		return;
	buf_lit(b, ",\"");
	buf_addz(b, key);
	buf_lit(b, "\":\"");
	buf_adds(b, inner);
	buf_lit(b, "\"");
}

/* ,"key":value if the value is there. */
static void
openai_put_raw(struct buf *b, const char *key, struct span v)
{
	if (v.p == NULL)
		return;
	buf_lit(b, ",\"");
	buf_addz(b, key);
	buf_lit(b, "\":");
	buf_adds(b, v);
}

static void
openai_put_part(struct buf *b, const struct chat_part *p)
{
	switch (p->kind) {
	case CHAT_PART_TEXT:
		buf_lit(b, "{\"type\":\"text\"");
		openai_put_str(b, "text", p->text);
		buf_lit(b, "}");
		break;
	case CHAT_PART_REFUSAL:
		buf_lit(b, "{\"type\":\"refusal\"");
		openai_put_str(b, "refusal", p->text);
		buf_lit(b, "}");
		break;
	case CHAT_PART_IMAGE:
		buf_lit(b, "{\"type\":\"image_url\",\"image_url\":{\"url\":\"");
		buf_adds(b, p->text);
		buf_lit(b, "\"}}");
		break;
	default:
		buf_adds(b, p->json);
		break;
	}
}

static void
openai_put_content(struct buf *b, const struct chat_msg *m)
{
	unsigned i;

	if (m->nparts == 0) {
		buf_addz(b, m->ncalls != 0 ? ",\"content\":null" :
		    ",\"content\":\"\"");
		return;
	}
	if (m->nparts == 1 && m->parts[0].kind == CHAT_PART_TEXT) {
		openai_put_str(b, "content", m->parts[0].text);
		return;
	}
	buf_lit(b, ",\"content\":[");
	for (i = 0; i < m->nparts; i++) {
		if (i != 0)
			buf_lit(b, ",");
		openai_put_part(b, &m->parts[i]);
	}
	buf_lit(b, "]");
}

static void
openai_put_calls(struct buf *b, const struct chat_msg *m)
{
	const struct chat_call *c;
	unsigned i;

	if (m->ncalls == 0)
		return;
	buf_lit(b, ",\"tool_calls\":[");
	for (i = 0; i < m->ncalls; i++) {
		c = &m->calls[i];
		if (i != 0)
			buf_lit(b, ",");
		buf_lit(b, "{\"type\":\"function\"");
		openai_put_str(b, "id", c->id);
		buf_lit(b, ",\"function\":{\"name\":\"");
		buf_adds(b, c->name);
		buf_lit(b, "\",\"arguments\":\"");
		if (c->args_json.p != NULL)
			jout_embed(b, c->args_json);
		else
			buf_adds(b, c->args_text);
		buf_lit(b, "\"}}");
	}
	buf_lit(b, "]");
}

static void
openai_put_messages(struct buf *b, const struct chat_req *r)
{
	static const char *const roles[] = {
		[CHAT_SYSTEM] = "system", [CHAT_DEVELOPER] = "developer",
		[CHAT_USER] = "user", [CHAT_ASSISTANT] = "assistant",
		[CHAT_TOOL] = "tool", [CHAT_FUNCTION] = "function"
	};
	const struct chat_msg *m;
	unsigned i;

	buf_lit(b, ",\"messages\":[");
	for (i = 0; i < r->nmsgs; i++) {
		m = &r->msgs[i];
		if (i != 0)
			buf_lit(b, ",");
		buf_lit(b, "{\"role\":\"");
		buf_addz(b, roles[m->role]);
		buf_lit(b, "\"");
		openai_put_content(b, m);
		openai_put_str(b, "reasoning_content", m->reasoning);
		openai_put_calls(b, m);
		openai_put_str(b, "tool_call_id", m->call_id);
		openai_put_str(b, "name", m->name);
		buf_lit(b, "}");
	}
	buf_lit(b, "]");
}

static void
openai_put_tools(struct buf *b, const struct chat_req *r)
{
	const struct chat_tool *t;
	bool any = false;
	unsigned i;

	for (i = 0; i < r->ntools; i++) {
		t = &r->tools[i];
		if (t->name.p == NULL)
			continue;
		buf_addz(b, any ? "," : ",\"tools\":[");
		any = true;
		buf_addz(b, t->custom ?
		    "{\"type\":\"custom\",\"custom\":{\"name\":\"" :
		    "{\"type\":\"function\",\"function\":{\"name\":\"");
		buf_adds(b, t->name);
		buf_lit(b, "\"");
		openai_put_raw(b, "description", t->description);
		openai_put_raw(b, "parameters", t->parameters);
		buf_lit(b, "}}");
	}
	if (any)
		buf_lit(b, "]");
	if (r->parallel_off && any)
		buf_lit(b, ",\"parallel_tool_calls\":false");
}

static void
openai_put_choice(struct buf *b, const struct chat_req *r)
{
	unsigned i;

	switch (r->choice) {
	case CHAT_CHOICE_AUTO:
		break;
	case CHAT_CHOICE_NONE:
		buf_lit(b, ",\"tool_choice\":\"none\"");
		break;
	case CHAT_CHOICE_REQUIRED:
		buf_lit(b, ",\"tool_choice\":\"required\"");
		break;
	case CHAT_CHOICE_NAMED:
		buf_lit(b, ",\"tool_choice\":{\"type\":\"function\","
		    "\"function\":{\"name\":\"");
		buf_adds(b, r->choice_names[0]);
		buf_lit(b, "\"}}");
		break;
	case CHAT_CHOICE_ALLOWED:
		buf_lit(b, ",\"tool_choice\":{\"type\":\"allowed_tools\","
		    "\"allowed_tools\":{\"mode\":");
		buf_addz(b, r->choice_must ? "\"required\"" : "\"auto\"");
		buf_lit(b, ",\"tools\":[");
		for (i = 0; i < r->nchoice_names; i++) {
			if (i != 0)
				buf_lit(b, ",");
			buf_lit(b, "{\"type\":\"function\",\"function\":"
			    "{\"name\":\"");
			buf_adds(b, r->choice_names[i]);
			buf_lit(b, "\"}}");
		}
		buf_lit(b, "]}}");
		break;
	}
}

static void
openai_put_format(struct buf *b, const struct chat_req *r)
{
	if (r->format_raw.p != NULL) {
		openai_put_raw(b, "response_format", r->format_raw);
	} else if (r->format == CHAT_FORMAT_JSON) {
		buf_lit(b, ",\"response_format\":{\"type\":\"json_object\"}");
	} else if (r->format == CHAT_FORMAT_SCHEMA) {
		buf_lit(b, ",\"response_format\":{\"type\":\"json_schema\","
		    "\"json_schema\":{\"name\":\"answer\",\"schema\":");
		buf_adds(b, r->schema);
		buf_lit(b, "}}");
	}
}

/* Parameters that are moved as they are written. */
static void
openai_put_params(struct buf *b, const struct chat_req *r)
{
	static const char *const efforts[] = {
		[CHAT_EFFORT_NONE] = "none", [CHAT_EFFORT_MINIMAL] = "minimal",
		[CHAT_EFFORT_LOW] = "low", [CHAT_EFFORT_MEDIUM] = "medium",
		[CHAT_EFFORT_HIGH] = "high", [CHAT_EFFORT_XHIGH] = "xhigh",
		[CHAT_EFFORT_MAX] = "max"
	};

	openai_put_raw(b, "max_tokens", r->max_tokens);
	openai_put_raw(b, "temperature", r->temperature);
	openai_put_raw(b, "top_p", r->top_p);
	openai_put_raw(b, "seed", r->seed);
	openai_put_raw(b, "stop", r->stop);
	openai_put_raw(b, "presence_penalty", r->presence_penalty);
	openai_put_raw(b, "frequency_penalty", r->frequency_penalty);
	openai_put_raw(b, "logprobs", r->logprobs);
	openai_put_raw(b, "top_logprobs", r->top_logprobs);
	openai_put_raw(b, "logit_bias", r->logit_bias);
	if (r->effort != CHAT_EFFORT_UNSET)
		openai_put_str(b, "reasoning_effort",
		    span_z(efforts[r->effort]));
	if (r->n > 1) {
		buf_lit(b, ",\"n\":");
		jout_u64(b, r->n);
	}
}

/* True if the body has that member at its top level already. */
static bool
openai_has(struct span body, const char *name)
{
	struct jscan_iter it;
	struct span key, val;
	bool esc;

	jscan_enter(&it, body, 0);
	while (jscan_member(&it, &key, &esc, &val) == 1)
		if (span_eq(key, name))
			return true;
	return false;
}

int
openai_encode(struct chat_req *r, const struct chat_target *t,
    struct arena *a, struct chat_body *out, struct chat_error *e)
{
	struct buf b = { 0 };
	unsigned i;

	(void)e;
	out->path = "/chat/completions";
	buf_lit(&b, "{\"model\":");
	jout_strz(&b, t->upstream);
	openai_put_messages(&b, r);
	openai_put_tools(&b, r);
	openai_put_choice(&b, r);
	openai_put_format(&b, r);
	openai_put_params(&b, r);
	if (r->stream) {
		buf_lit(&b, ",\"stream\":true");
		if (r->include_usage || t->want_usage)
			buf_lit(&b, ",\"stream_options\":"
			    "{\"include_usage\":true}");
	}
	for (i = 0; i < t->nparams; i++) {
		buf_lit(&b, "}");
		buf_pad(&b);
		b.n--;
		if (!openai_has((struct span){ b.p, b.n + 1 },
		    t->params[i].name))
			openai_put_raw(&b, t->params[i].name,
			    t->params[i].json);
	}
	buf_lit(&b, "}");
	out->iov[0].iov_base = arena_strn(a, b.p, b.n);
	out->iov[0].iov_len = out->len = b.n;
	out->niov = 1;
	buf_fini(&b);
	return 0;
}
