/* SPDX-License-Identifier: ISC */
/*
 * Messages for Ollama: content is one string, images are bare base64 on the
 * same message, arguments are an object, a tool's result names its tool.
 */
#include "dialect/ollama.h"

#include <stdio.h>

#include "dialect/image.h"

/* How many earlier calls a tool result is looked up in. */
#define OLLAMA_LOOKBACK	256

bool
ollama_messages_plain(const struct chat_req *r)
{
	const struct chat_msg *m;
	unsigned i;

	for (i = 0; i < r->nmsgs; i++) {
		m = &r->msgs[i];
		if (m->role == CHAT_DEVELOPER || m->role == CHAT_TOOL ||
		    m->role == CHAT_FUNCTION || m->nparts != 1 ||
		    m->parts[0].kind != CHAT_PART_TEXT ||
		    m->parts[0].json.p != NULL || m->ncalls != 0 ||
		    m->reasoning.p != NULL || m->call_id.p != NULL)
			return false;
	}
	return true;
}

static const char *
ollama_role(enum chat_role role)
{
	switch (role) {
	case CHAT_SYSTEM:
	case CHAT_DEVELOPER:
		return "system";
	case CHAT_ASSISTANT:
		return "assistant";
	case CHAT_TOOL:
	case CHAT_FUNCTION:
		return "tool";
	default:
		return "user";
	}
}

static int
ollama_part_refuse(unsigned msg, unsigned part, const char *what,
    struct chat_error *e)
{
	char param[64];

	snprintf(param, sizeof(param), "messages[%u].content[%u].type", msg,
	    part);
	chat_error_set(e, ERR_UNSUPPORTED_PARAM, param,
	    "'%s': Ollama takes no %s.", param, what);
	return -1;
}

/* "content":"..","images":[..] of one message. */
static int
ollama_content(const struct chat_msg *m, unsigned index, struct buf *b,
    struct chat_error *e)
{
	const struct chat_part *p;
	unsigned i, images = 0;
	char param[96];

	buf_lit(b, ",\"content\":\"");
	for (i = 0; i < m->nparts; i++) {
		p = &m->parts[i];
		switch (p->kind) {
		case CHAT_PART_TEXT:
		case CHAT_PART_REFUSAL:
			buf_adds(b, p->text);
			break;
		case CHAT_PART_IMAGE:
			images++;
			break;
		case CHAT_PART_AUDIO:
			return ollama_part_refuse(index, i, "audio", e);
		case CHAT_PART_FILE:
			return ollama_part_refuse(index, i, "files", e);
		default:
			return ollama_part_refuse(index, i,
			    "content of this type", e);
		}
	}
	buf_lit(b, "\"");
	if (images == 0)
		return 0;
	buf_lit(b, ",\"images\":[");
	for (i = 0; i < m->nparts; i++) {
		p = &m->parts[i];
		if (p->kind != CHAT_PART_IMAGE)
			continue;
		snprintf(param, sizeof(param),
		    "messages[%u].content[%u].image_url.url", index, i);
		buf_lit(b, "\"");
		if (image_decode(p->text, param, b, NULL, e) == -1)
			return -1;
		buf_lit(b, "\"");
		if (--images != 0)
			buf_lit(b, ",");
	}
	buf_lit(b, "]");
	return 0;
}

/* Arguments as the object that Ollama wants; what is none goes on as _raw. */
static void
ollama_args(const struct chat_call *c, struct buf *b)
{
	struct buf plain = { 0 };
	const char *p, *end;

	if (c->args_json.p != NULL) {
		buf_adds(b, c->args_json);
		return;
	}
	plain.n = jscan_unescape(c->args_text,
	    buf_need(&plain, c->args_text.n + 1));
	buf_pad(&plain);
	p = jscan_ws(plain.p);
	/* Depth: it will stand inside messages[].tool_calls[].function. */
	end = *p == '{' ? jscan_value(p, 6) : NULL;
	if (end != NULL && jscan_ws(end) == plain.p + plain.n) {
		buf_add(b, p, (size_t)(end - p));
	} else if (p == plain.p + plain.n) {
		buf_lit(b, "{}");
	} else {
		buf_lit(b, "{\"_raw\":\"");
		buf_adds(b, c->args_text);
		buf_lit(b, "\"}");
	}
	buf_fini(&plain);
}

static void
ollama_msg_calls(const struct chat_msg *m, struct buf *b)
{
	unsigned i;

	buf_lit(b, ",\"tool_calls\":[");
	for (i = 0; i < m->ncalls; i++) {
		buf_lit(b, "{");
		if (i != 0) {
			b->n--;
			buf_lit(b, ",{");
		}
		if (m->calls[i].id.p != NULL && m->calls[i].id.n != 0) {
			buf_lit(b, "\"id\":\"");
			buf_adds(b, m->calls[i].id);
			buf_lit(b, "\",");
		}
		buf_lit(b, "\"function\":{\"name\":\"");
		buf_adds(b, m->calls[i].name);
		buf_lit(b, "\",\"arguments\":");
		ollama_args(&m->calls[i], b);
		buf_lit(b, "}}");
	}
	buf_lit(b, "]");
}

/* The name of the tool whose result message i is. */
static struct span
ollama_tool_name(const struct chat_req *r, unsigned i)
{
	const struct chat_msg *m = &r->msgs[i];
	unsigned k, left = OLLAMA_LOOKBACK;

	if (m->call_id.p == NULL)
		return m->name;
	while (i-- > 0 && left > 0) {
		left--;
		for (k = r->msgs[i].ncalls; k-- > 0 && left > 0; left--)
			if (span_is(r->msgs[i].calls[k].id, m->call_id))
				return r->msgs[i].calls[k].name;
	}
	return m->name;
}

static void
ollama_msg_result(const struct chat_req *r, unsigned i, struct buf *b)
{
	struct span name = ollama_tool_name(r, i);

	if (name.p != NULL) {
		buf_lit(b, ",\"tool_name\":\"");
		buf_adds(b, name);
		buf_lit(b, "\"");
	}
	if (r->msgs[i].call_id.p != NULL) {
		buf_lit(b, ",\"tool_call_id\":\"");
		buf_adds(b, r->msgs[i].call_id);
		buf_lit(b, "\"");
	}
}

int
ollama_messages(const struct chat_req *r, struct span lead, struct buf *b,
    struct chat_error *e)
{
	const struct chat_msg *m;
	unsigned i;

	buf_lit(b, "[");
	if (lead.p != NULL) {
		buf_lit(b, "{\"role\":\"system\",\"content\":\"");
		buf_adds(b, lead);
		buf_lit(b, "\"}");
	}
	for (i = 0; i < r->nmsgs; i++) {
		m = &r->msgs[i];
		if (i != 0 || lead.p != NULL)
			buf_lit(b, ",");
		buf_lit(b, "{\"role\":\"");
		buf_addz(b, ollama_role(m->role));
		buf_lit(b, "\"");
		if (ollama_content(m, i, b, e) == -1)
			return -1;
		if (m->role == CHAT_ASSISTANT && m->reasoning.p != NULL) {
			buf_lit(b, ",\"thinking\":\"");
			buf_adds(b, m->reasoning);
			buf_lit(b, "\"");
		}
		if (m->role == CHAT_ASSISTANT && m->ncalls != 0)
			ollama_msg_calls(m, b);
		if (m->role == CHAT_TOOL || m->role == CHAT_FUNCTION)
			ollama_msg_result(r, i, b);
		buf_lit(b, "}");
	}
	buf_lit(b, "]");
	return 0;
}
