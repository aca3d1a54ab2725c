/* SPDX-License-Identifier: ISC */
/*
 * Errors of OpenAI-compatible backends.  Forms met: {"error":{"message",
 * "type","param","code"}} with code a string, a number or null; {"error":
 * "text"}; flat {"object":"error","message",..}; FastAPI's {"detail":..}.
 */
#include "dialect/openai.h"

#include <stdio.h>
#include <stdlib.h>

/* A short word (code, type, param) into a field; nothing odd, nothing long. */
static void
openai_error_word(char *dst, size_t size, struct span v)
{
	struct span in;
	size_t i;

	if (!jscan_is_str(v))
		return;
	in = jscan_inner(v);
	if (in.n == 0 || in.n >= size)
		return;
	for (i = 0; i < in.n; i++)
		if ((unsigned char)in.p[i] <= ' ' || in.p[i] == '\\' ||
		    (unsigned char)in.p[i] >= 0x7f)
			return;
	memcpy(dst, in.p, in.n);
	dst[in.n] = '\0';
}

/* The message of FastAPI's list of faults: [{"msg": ..}]. */
static struct span
openai_error_detail(struct span v)
{
	struct jscan_iter it;
	struct span el, key, val;
	bool esc;

	if (!jscan_is_arr(v))
		return v;
	jscan_enter(&it, v, 2);
	if (jscan_element(&it, &el) != 1 || !jscan_is_obj(el))
		return SPAN_NONE;
	jscan_enter(&it, el, 3);
	while (jscan_member(&it, &key, &esc, &val) == 1)
		if (KEY_IS(key, "msg"))
			return val;
	return SPAN_NONE;
}

void
openai_error_read(struct span v, struct chat_error *e)
{
	struct jscan_iter it;
	struct span key, val, text = SPAN_NONE;
	bool esc;

	if (jscan_is_str(v)) {
		chat_error_text_set(e, jscan_inner(v));
		return;
	}
	if (!jscan_is_obj(v))
		return;
	jscan_enter(&it, v, 1);
	while (jscan_member(&it, &key, &esc, &val) == 1) {
		if (KEY_IS(key, "message"))
			text = val;
		else if (KEY_IS(key, "detail") && text.p == NULL)
			text = openai_error_detail(val);
		else if (KEY_IS(key, "type"))
			openai_error_word(e->type, sizeof(e->type), val);
		else if (KEY_IS(key, "param"))
			openai_error_word(e->param, sizeof(e->param), val);
		else if (KEY_IS(key, "code"))
			openai_error_word(e->code, sizeof(e->code), val);
	}
	if (jscan_is_str(text))
		chat_error_text_set(e, jscan_inner(text));
}

/* vLLM names Python classes: the table's type is better. */
static void
openai_error_tidy(struct chat_error *e)
{
	size_t n = strlen(e->type);

	if (n >= 5 && (strcmp(e->type + n - 5, "Error") == 0 ||
	    strcmp(e->type, "None") == 0))
		e->type[0] = '\0';
	if (strcmp(e->type, "None") == 0)
		e->type[0] = '\0';
	if (e->code[0] >= '0' && e->code[0] <= '9')
		e->code[0] = '\0';
	if (strcmp(e->code, "None") == 0)
		e->code[0] = '\0';
	if (strcmp(e->param, "None") == 0)
		e->param[0] = '\0';
	if (chat_error_is_context(e->text) ||
	    strcmp(e->code, "context_length_exceeded") == 0) {
		e->id = ERR_CONTEXT_LENGTH;
		e->status = 0;
		e->code[0] = e->type[0] = '\0';
	}
}

void
openai_upstream_error(int status, struct span body, struct chat_error *e)
{
	struct jscan_iter it;
	struct span key, val, v = body;
	bool esc;

	if (e->id == ERR_UPSTREAM_AUTH || body.p == NULL)
		return;
	jscan_enter(&it, body, 0);
	while (jscan_member(&it, &key, &esc, &val) == 1)
		if (KEY_IS(key, "error") && !jscan_is_null(val))
			v = val;
	openai_error_read(v, e);
	openai_error_tidy(e);
	if (status == 404 && e->id == ERR_MODEL_NOT_FOUND &&
	    strcasestr(e->text, "model") == NULL &&
	    strcmp(e->code, "model_not_found") != 0) {
		/* Not the model: the path is wrong. */
		e->id = ERR_NOT_FOUND;
		e->status = 404;
	}
	if (status == 402 && e->code[0] == '\0') {
		snprintf(e->code, sizeof(e->code), "insufficient_quota");
		snprintf(e->type, sizeof(e->type), "insufficient_quota");
	}
}

/* The status that an error in a 200 stream would have had; 0: unknown. */
static int
openai_error_implied(struct span v, const struct chat_error *e)
{
	struct jscan_iter it;
	struct span key, val;
	uint64_t n;
	bool esc;

	if (jscan_is_obj(v)) {
		jscan_enter(&it, v, 1);
		while (jscan_member(&it, &key, &esc, &val) == 1)
			if ((KEY_IS(key, "code") || KEY_IS(key, "status")) &&
			    jscan_is_num(val) && jscan_u64(val, &n) &&
			    n >= 400 && n < 600)
				return (int)n;
	}
	if (e->code[0] >= '4' && e->code[0] <= '5' && strlen(e->code) == 3)
		return atoi(e->code);
	if (strcmp(e->type, "rate_limit_error") == 0 ||
	    strcmp(e->type, "rate_limit_exceeded") == 0 ||
	    strcmp(e->code, "rate_limit_exceeded") == 0)
		return 429;
	if (strcmp(e->type, "overloaded_error") == 0)
		return 503;
	if (strcmp(e->type, "invalid_request_error") == 0)
		return 400;
	return 0;
}

void
openai_reply_error(struct conv *c, struct span v)
{
	struct chat_error e;
	int status;

	chat_error_set(&e, ERR_UPSTREAM, NULL, NULL);
	openai_error_read(v, &e);
	status = openai_error_implied(v, &e);
	if (status != 0)
		chat_error_status_set(&e, status);
	if (e.id == ERR_UPSTREAM_AUTH) {
		chat_error_set(&e, ERR_UPSTREAM_AUTH, NULL, NULL);
		e.should_retry = 0;
	} else {
		openai_error_tidy(&e);
	}
	conv_fail_with(c, &e);
}
