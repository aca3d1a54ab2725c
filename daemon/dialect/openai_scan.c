/* SPDX-License-Identifier: ISC */
/*
 * The request as every chat gets it: one pass over the top level, then the
 * body as it is with another model name spliced in.
 *
 * The usual body leaves as at most seven pieces of the client's bytes.  What
 * cannot be done by inserting (members that are for the gateway, nulls that a
 * default replaces) is done by writing the members anew, each as its bytes.
 */
#include "dialect/openai.h"

#include <stdio.h>

#include "base/jout.h"
#include "dialect/param.h"

#define OPENAI_N_MAX	128

/* LiteLLM's own members of a body, which no backend knows. */
static const char *const openai_gateway_members[] = {
	"fallbacks", "context_window_fallback_dict", "num_retries", "timeout",
	"stream_timeout", "caching", "cache", "tags", "guardrails",
	"disable_fallbacks", "drop_params", "mock_response",
	"mock_testing_fallbacks", "mock_testing_context_fallbacks",
	"mock_testing_rate_limit_error"
};

static bool
openai_is_gateway(struct span key)
{
	const unsigned n = sizeof(openai_gateway_members) /
	    sizeof(*openai_gateway_members);
	unsigned i;

	/* Most keys are told apart by their first letter. */
	if (key.n < 4 || strchr("fcntsgdm", *key.p) == NULL)
		return false;
	for (i = 0; i < n; i++)
		if (span_eq(key, openai_gateway_members[i]))
			return true;
	return false;
}

static int
openai_scan_options(struct chat_req *r, struct span v, struct chat_error *e)
{
	struct jscan_iter it;
	struct span key, val;
	bool esc, seen = false;

	if (jscan_is_null(v))
		return 0;
	if (!jscan_is_obj(v)) {
		chat_error_set(e, ERR_INVALID_PARAM, "stream_options",
		    "'stream_options' must be an object.");
		return -1;
	}
	jscan_enter(&it, v, 1);
	while (jscan_member(&it, &key, &esc, &val) == 1) {
		if (!KEY_IS(key, "include_usage"))
			continue;
		if (seen) {
			chat_error_set(e, ERR_INVALID_JSON,
			    "stream_options.include_usage",
			    "Invalid JSON payload: duplicate key "
			    "'include_usage' in 'stream_options'");
			return -1;
		}
		seen = true;
		r->include_usage = jscan_is_true(val);
		if (!r->include_usage && !jscan_is_false(val) &&
		    !jscan_is_null(val)) {
			chat_error_set(e, ERR_INVALID_PARAM,
			    "stream_options.include_usage",
			    "'stream_options.include_usage' must be true or "
			    "false.");
			return -1;
		}
	}
	return 0;
}

static int
openai_scan_n(struct chat_req *r, struct span v, struct chat_error *e)
{
	uint64_t n;

	if (jscan_is_null(v))
		return 0;
	if (!jscan_is_num(v) || !jscan_u64(v, &n) || n == 0 ||
	    n > OPENAI_N_MAX) {
		chat_error_set(e, ERR_INVALID_PARAM, "n",
		    "'n' must be an integer from 1 to %d.", OPENAI_N_MAX);
		return -1;
	}
	r->n = (unsigned)n;
	return 0;
}

/* One member of the top level that the gateway itself reads. */
static int
openai_scan_member(struct chat_req *r, struct span key, struct span val,
    struct chat_error *e)
{
	switch (key.n) {
	case 1:
		return *key.p == 'n' ? openai_scan_n(r, val, e) : 0;
	case 5:
		if (KEY_IS(key, "model"))
			r->model = val;
		break;
	case 6:
		if (!KEY_IS(key, "stream"))
			break;
		r->stream = jscan_is_true(val);
		if (!r->stream && !jscan_is_false(val) &&
		    !jscan_is_null(val)) {
			chat_error_set(e, ERR_INVALID_PARAM, "stream",
			    "'stream' must be true or false.");
			return -1;
		}
		return 0;
	case 8:
		if (KEY_IS(key, "messages"))
			r->messages = val;
		break;
	case 14:
		if (KEY_IS(key, "stream_options")) {
			r->stream_options = val;
			return openai_scan_options(r, val, e);
		}
		break;
	}
	if (!r->gateway_members && openai_is_gateway(key))
		r->gateway_members = true;
	return 0;
}

/* Says what is wrong with a body that is not JSON, or not an object. */
static int
openai_scan_refuse(struct span body, struct chat_error *e)
{
	struct jscan_error je;
	struct span v;

	if (body.n == 0 || jscan_ws(body.p) == body.p + body.n) {
		chat_error_set(e, ERR_MISSING_PARAM, "messages",
		    "/chat/completions: Missing required parameter: "
		    "'messages'.");
		return -1;
	}
	if (jscan_document(body.p, body.n, &v) && !jscan_is_obj(v)) {
		chat_error_set(e, ERR_INVALID_PARAM, "request_body",
		    "The request body must be a JSON object.");
		return -1;
	}
	jscan_explain(body.p, body.n, true, &je);
	chat_error_set(e, ERR_INVALID_JSON, "request_body",
	    "Invalid JSON payload: %s: line %u column %u (char %zu)",
	    je.what, je.line, je.column, je.off);
	return -1;
}

static int
openai_scan_duplicate(struct span key, struct chat_error *e)
{
	size_t n = key.n > 64 ? 64 : key.n;

	chat_error_set(e, ERR_INVALID_JSON, "request_body",
	    "Invalid JSON payload: duplicate key '%.*s'", (int)n, key.p);
	return -1;
}

/* model must be a string and messages an array; both must be there. */
static int
openai_scan_required(struct chat_req *r, struct arena *a,
    struct chat_error *e)
{
	struct span in;
	char *s;

	if (r->model.p == NULL || jscan_is_null(r->model)) {
		chat_error_set(e, ERR_MISSING_PARAM, "model",
		    "Missing required parameter: 'model'.");
		return -1;
	}
	if (!jscan_is_str(r->model)) {
		chat_error_set(e, ERR_INVALID_PARAM, "model",
		    "'model' must be a string.");
		return -1;
	}
	if (r->messages.p == NULL || jscan_is_null(r->messages)) {
		chat_error_set(e, ERR_MISSING_PARAM, "messages",
		    "/chat/completions: Missing required parameter: "
		    "'messages'.");
		return -1;
	}
	if (!jscan_is_arr(r->messages)) {
		chat_error_set(e, ERR_INVALID_PARAM, "messages",
		    "'messages' must be an array of messages.");
		return -1;
	}
	in = jscan_inner(r->model);
	if (memchr(in.p, '\\', in.n) == NULL) {
		r->model_name = in;
	} else {
		s = arena_alloc(a, in.n + 1);
		r->model_name = (struct span){ s, jscan_unescape(in, s) };
	}
	return 0;
}

int
openai_scan(struct span body, struct arena *a, struct chat_req *r,
    struct chat_error *e)
{
	struct jscan_iter it;
	struct jscan_dup dup;
	struct span key, val, doc;
	int k;

	if (body.n == 0)
		return openai_scan_refuse(body, e);
	doc.p = jscan_ws(body.p);
	doc.n = body.n - (size_t)(doc.p - body.p);
	if (doc.p >= body.p + body.n || *doc.p != '{')
		return openai_scan_refuse(body, e);
	jscan_enter(&it, doc, 0);
	jscan_dup_init(&dup);
	while ((k = jscan_next(&it, &dup, &key, &val)) == 1)
		if (openai_scan_member(r, key, val, e) == -1) {
			jscan_dup_fini(&dup);
			return -1;
		}
	if (k == -2)
		openai_scan_duplicate(key, e);
	jscan_dup_fini(&dup);
	if (k == -2)
		return -1;
	if (k == -1 || jscan_ws(it.p) != body.p + body.n)
		return openai_scan_refuse(body, e);
	r->body.p = doc.p;
	r->body.n = (size_t)(it.p - doc.p);
	return openai_scan_required(r, a, e);
}

/* Backends that refuse stream_options and report usage by themselves. */
static const char *const openai_no_stream_options[] = {
	"mistral", "codestral"
};

static bool
openai_wants_usage(const struct chat_req *r, const struct chat_target *t)
{
	size_t i;

	if (!r->stream || !t->want_usage || r->include_usage)
		return false;
	for (i = 0; i < sizeof(openai_no_stream_options) /
	    sizeof(*openai_no_stream_options); i++)
		if (t->provider != NULL && strcmp(t->provider,
		    openai_no_stream_options[i]) == 0)
			return false;
	return true;
}

/* The value of stream_options that asks for usage and keeps the rest. */
static struct span
openai_usage_options(const struct chat_req *r, struct arena *a)
{
	struct jscan_iter it;
	struct span key, val;
	struct buf b = { 0 };
	struct span s;
	bool esc;

	buf_lit(&b, "{\"include_usage\":true");
	if (r->stream_options.p != NULL && jscan_is_obj(r->stream_options)) {
		jscan_enter(&it, r->stream_options, 1);
		while (jscan_member(&it, &key, &esc, &val) == 1) {
			if (KEY_IS(key, "include_usage"))
				continue;
			buf_lit(&b, ",\"");
			buf_adds(&b, key);
			buf_lit(&b, "\":");
			buf_adds(&b, val);
		}
	}
	buf_lit(&b, "}");
	s = (struct span){ arena_strn(a, b.p, b.n), b.n };
	buf_fini(&b);
	return s;
}

/* A key as it is meant; tmp takes what has to be decoded. */
#define OPENAI_KEY	160
static struct span
openai_key(struct span key, bool esc, char tmp[OPENAI_KEY])
{
	if (!esc || key.n > OPENAI_KEY)
		return key;
	return (struct span){ tmp, jscan_unescape(key, tmp) };
}

/* True if the two names set the same thing. */
static bool
openai_same_param(struct span key, const char *name)
{
	if (span_eq(key, name))
		return true;
	return (KEY_IS(key, "max_completion_tokens") &&
	    strcmp(name, "max_tokens") == 0) ||
	    (KEY_IS(key, "max_tokens") &&
	    strcmp(name, "max_completion_tokens") == 0);
}

#define OPENAI_PARAMS	256

/* Finds out which defaults the request lacks; *nulls: some of its members
 * are null where a default exists. */
static void
openai_lacking(const struct chat_req *r, const struct chat_target *t,
    bool lack[OPENAI_PARAMS], bool *nulls)
{
	struct jscan_iter it;
	struct span key, val;
	unsigned i, n = t->nparams < OPENAI_PARAMS ? t->nparams :
	    OPENAI_PARAMS;
	char tmp[OPENAI_KEY];
	bool esc;

	for (i = 0; i < n; i++)
		lack[i] = true;
	jscan_enter(&it, r->body, 0);
	while (n != 0 && jscan_member(&it, &key, &esc, &val) == 1) {
		key = openai_key(key, esc, tmp);
		for (i = 0; i < n; i++)
			if (lack[i] && openai_same_param(key,
			    t->params[i].name)) {
				if (jscan_is_null(val))
					*nulls = true;
				else
					lack[i] = false;
			}
	}
	for (i = 0; i < n; i++)
		if (strcmp(t->params[i].name, "model") == 0 ||
		    strcmp(t->params[i].name, "messages") == 0 ||
		    strcmp(t->params[i].name, "stream") == 0 ||
		    strcmp(t->params[i].name, "stream_options") == 0)
			lack[i] = false;
}

/* ,"name":value for each default that the request lacks. */
static void
openai_add_params(const struct chat_target *t, const bool *lack,
    struct buf *b)
{
	unsigned i;

	for (i = 0; i < t->nparams && i < OPENAI_PARAMS; i++) {
		if (!lack[i])
			continue;
		buf_lit(b, ",");
		jout_strz(b, t->params[i].name);
		buf_lit(b, ":");
		buf_adds(b, t->params[i].json);
	}
}

static void
openai_body_add(struct chat_body *out, const char *p, size_t n)
{
	if (n == 0)
		return;
	out->iov[out->niov].iov_base = (void *)(uintptr_t)p;
	out->iov[out->niov++].iov_len = n;
	out->len += n;
}

/* The body member by member, in b. */
static void
openai_rewrite(const struct chat_req *r, const struct chat_target *t,
    const bool *lack, struct span options, struct buf *b)
{
	struct jscan_iter it;
	struct span key, val, plain;
	unsigned i;
	bool esc, skip, first = true;
	char tmp[OPENAI_KEY];

	buf_lit(b, "{");
	jscan_enter(&it, r->body, 0);
	while (jscan_member(&it, &key, &esc, &val) == 1) {
		plain = openai_key(key, esc, tmp);
		skip = openai_is_gateway(plain);
		for (i = 0; i < t->nparams && i < OPENAI_PARAMS; i++)
			if (lack[i] && openai_same_param(plain,
			    t->params[i].name))
				skip = true;
		if (skip || (options.p != NULL &&
		    KEY_IS(plain, "stream_options")))
			continue;
		if (!first)
			buf_lit(b, ",");
		first = false;
		buf_lit(b, "\"");
		buf_adds(b, key);
		buf_lit(b, "\":");
		if (val.p == r->model.p)
			jout_strz(b, t->upstream);
		else
			buf_adds(b, val);
	}
	if (options.p != NULL) {
		buf_lit(b, ",\"stream_options\":");
		buf_adds(b, options);
	}
	openai_add_params(t, lack, b);
	buf_lit(b, "}");
}

int
openai_splice(struct chat_req *r, const struct chat_target *t,
    struct arena *a, struct chat_body *out, struct chat_error *e)
{
	bool lack[OPENAI_PARAMS] = { false }, nulls = false;
	struct span options = SPAN_NONE, *so = &r->stream_options;
	const char *p = r->body.p, *end = r->body.p + r->body.n - 1, *m;
	struct buf b = { 0 };
	size_t nmodel;

	(void)e;
	out->path = "/chat/completions";
	if (t->nparams != 0)
		openai_lacking(r, t, lack, &nulls);
	if (openai_wants_usage(r, t))
		options = openai_usage_options(r, a);
	if (r->gateway_members || nulls) {
		openai_rewrite(r, t, lack, options, &b);
		openai_body_add(out, arena_strn(a, b.p, b.n), b.n);
		buf_fini(&b);
		return 0;
	}
	jout_strz(&b, t->upstream);
	nmodel = b.n;
	if (options.p != NULL && so->p == NULL) {
		buf_lit(&b, ",\"stream_options\":");
		buf_adds(&b, options);
	}
	openai_add_params(t, lack, &b);
	m = arena_strn(a, b.p, b.n);
	if (options.p != NULL && so->p != NULL && so->p < r->model.p) {
		openai_body_add(out, p, (size_t)(so->p - p));
		openai_body_add(out, options.p, options.n);
		p = so->p + so->n;
	}
	openai_body_add(out, p, (size_t)(r->model.p - p));
	openai_body_add(out, m, nmodel);
	p = r->model.p + r->model.n;
	if (options.p != NULL && so->p != NULL && so->p > r->model.p) {
		openai_body_add(out, p, (size_t)(so->p - p));
		openai_body_add(out, options.p, options.n);
		p = so->p + so->n;
	}
	openai_body_add(out, p, (size_t)(end - p));
	openai_body_add(out, m + nmodel, b.n - nmodel);
	openai_body_add(out, "}", 1);
	buf_fini(&b);
	return 0;
}
