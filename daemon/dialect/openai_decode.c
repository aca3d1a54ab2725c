/* SPDX-License-Identifier: ISC */
/* The request in full, into the neutral form: all but the messages. */
#include "dialect/openai.h"

#include <stdio.h>

#define OPENAI_TOOLS_MAX	1024
/* Members of the body that the neutral form does not know. */
#define OPENAI_EXTRAS_MAX	256

static int
openai_refuse(struct chat_error *e, const char *param, const char *what)
{
	chat_error_set(e, ERR_INVALID_PARAM, param, "'%s' %s.", param, what);
	return -1;
}

/* A member of an object that was scanned; absent if null. */
static struct span
openai_get(struct span v, const char *name)
{
	struct jscan_iter it;
	struct span key, val;
	bool esc;

	if (!jscan_is_obj(v))
		return SPAN_NONE;
	jscan_enter(&it, v, 1);
	while (jscan_member(&it, &key, &esc, &val) == 1)
		if (span_eq(key, name))
			return jscan_is_null(val) ? SPAN_NONE : val;
	return SPAN_NONE;
}

/* Refuses a key that stands twice in an object that is interpreted. */
static int
openai_unique(struct span v, const char *param, struct chat_error *e)
{
	struct jscan_iter it;
	struct jscan_dup d;
	struct span key, val;
	int k;

	if (!jscan_is_obj(v))
		return 0;
	jscan_enter(&it, v, 1);
	jscan_dup_init(&d);
	while ((k = jscan_next(&it, &d, &key, &val)) == 1)
		;
	if (k == -2)
		chat_error_set(e, ERR_INVALID_JSON, param,
		    "Invalid JSON payload: duplicate key '%.*s' in '%s'",
		    key.n > 64 ? 64 : (int)key.n, key.p, param);
	jscan_dup_fini(&d);
	return k == -2 ? -1 : 0;
}

/* One tool; fn is the function object, or a custom tool's. */
static int
openai_tool(struct chat_tool *t, struct span fn, const char *param,
    struct chat_error *e)
{
	struct span name = openai_get(fn, "name"), v;
	char path[80];

	if (openai_unique(fn, param, e) == -1)
		return -1;
	snprintf(path, sizeof(path), "%s.name", param);
	if (!jscan_is_str(name) || name.n == 2)
		return openai_refuse(e, path, "must be a string with a name");
	t->name = jscan_inner(name);
	v = openai_get(fn, "description");
	if (v.p != NULL && !jscan_is_str(v)) {
		snprintf(path, sizeof(path), "%s.description", param);
		return openai_refuse(e, path, "must be a string");
	}
	t->description = v;
	v = openai_get(fn, "parameters");
	if (v.p != NULL && !jscan_is_obj(v)) {
		snprintf(path, sizeof(path), "%s.parameters", param);
		return openai_refuse(e, path, "must be a JSON schema object");
	}
	t->parameters = v;
	return 0;
}

static int
openai_tools(struct chat_req *r, struct span v, bool legacy,
    struct arena *a, struct chat_error *e)
{
	const char *what = legacy ? "functions" : "tools";
	struct jscan_iter it;
	struct span el, type, fn;
	unsigned n = 0;
	char path[64];

	if (!jscan_is_arr(v))
		return openai_refuse(e, what, "must be an array");
	jscan_enter(&it, v, 1);
	while (jscan_element(&it, &el) == 1)
		if (++n > OPENAI_TOOLS_MAX)
			return openai_refuse(e, what,
			    "has more than 1024 entries");
	r->tools = arena_zalloc(a, (n + 1) * sizeof(*r->tools));
	jscan_enter(&it, v, 1);
	for (n = 0; jscan_element(&it, &el) == 1; n++) {
		snprintf(path, sizeof(path), "%s[%u]", what, n);
		if (!jscan_is_obj(el))
			return openai_refuse(e, path, "must be an object");
		if (openai_unique(el, path, e) == -1)
			return -1;
		fn = el;
		if (!legacy) {
			type = openai_get(el, "type");
			r->tools[n].custom = type.p != NULL &&
			    !jscan_str_eq(type, "function");
			fn = openai_get(el, r->tools[n].custom ?
			    "custom" : "function");
			snprintf(path, sizeof(path), "tools[%u].%s", n,
			    r->tools[n].custom ? "custom" : "function");
			if (r->tools[n].custom && fn.p == NULL)
				continue;	/* refused by who encodes */
			if (!jscan_is_obj(fn))
				return openai_refuse(e, path,
				    "must be an object");
		}
		if (openai_tool(&r->tools[n], fn, path, e) == -1)
			return -1;
	}
	r->ntools = n;
	return 0;
}

/* allowed_tools: {"mode":..,"tools":[..]}, also without the inner object. */
static int
openai_choice_allowed(struct chat_req *r, struct span v, struct arena *a,
    struct chat_error *e)
{
	struct span in = openai_get(v, "allowed_tools"), list, el, name;
	struct jscan_iter it;
	unsigned n = 0;

	if (in.p == NULL)
		in = v;
	r->choice = CHAT_CHOICE_ALLOWED;
	name = openai_get(in, "mode");
	r->choice_must = name.p != NULL && jscan_is_str(name) &&
	    jscan_str_eq(name, "required");
	list = openai_get(in, "tools");
	if (!jscan_is_arr(list))
		return openai_refuse(e, "tool_choice.allowed_tools.tools",
		    "must be an array");
	jscan_enter(&it, list, 3);
	while (jscan_element(&it, &el) == 1)
		if (++n > OPENAI_TOOLS_MAX)
			return openai_refuse(e,
			    "tool_choice.allowed_tools.tools", "is too long");
	r->choice_names = arena_zalloc(a, (n + 1) * sizeof(struct span));
	jscan_enter(&it, list, 3);
	while (jscan_element(&it, &el) == 1) {
		name = openai_get(el, "function");
		name = openai_get(name.p != NULL ? name : el, "name");
		if (!jscan_is_str(name))
			return openai_refuse(e,
			    "tool_choice.allowed_tools.tools",
			    "must name functions");
		r->choice_names[r->nchoice_names++] = jscan_inner(name);
	}
	return 0;
}

static int
openai_choice(struct chat_req *r, struct span v, bool legacy,
    struct arena *a, struct chat_error *e)
{
	const char *what = legacy ? "function_call" : "tool_choice";
	struct span type, name;

	r->choice_raw = v;
	if (openai_unique(v, what, e) == -1)
		return -1;
	if (jscan_is_str(v)) {
		if (jscan_str_eq(v, "none"))
			r->choice = CHAT_CHOICE_NONE;
		else if (jscan_str_eq(v, "required") ||
		    jscan_str_eq(v, "any"))
			r->choice = CHAT_CHOICE_REQUIRED;
		else if (!jscan_str_eq(v, "auto"))
			return openai_refuse(e, what, "must be 'none', "
			    "'auto', 'required' or an object");
		return 0;
	}
	if (!jscan_is_obj(v))
		return openai_refuse(e, what, "must be a string or an object");
	type = openai_get(v, "type");
	if (jscan_is_str(type) && jscan_str_eq(type, "allowed_tools"))
		return openai_choice_allowed(r, v, a, e);
	name = openai_get(v, "function");
	if (name.p == NULL)
		name = openai_get(v, "custom");
	name = openai_get(name.p != NULL ? name : v, "name");
	if (!jscan_is_str(name))
		return openai_refuse(e, what, "must name a function");
	r->choice = CHAT_CHOICE_NAMED;
	r->choice_names = arena_alloc(a, sizeof(struct span));
	r->choice_names[0] = jscan_inner(name);
	r->nchoice_names = 1;
	return 0;
}

int
openai_decode_format(struct chat_req *r, struct span v, struct chat_error *e)
{
	struct span type, s;

	r->format_raw = v;
	if (openai_unique(v, "response_format", e) == -1)
		return -1;
	type = openai_get(v, "type");
	if (!jscan_is_str(type))
		return openai_refuse(e, "response_format",
		    "must be an object with a 'type'");
	if (jscan_str_eq(type, "text"))
		return 0;
	if (jscan_str_eq(type, "json_object")) {
		r->format = CHAT_FORMAT_JSON;
		return 0;
	}
	if (!jscan_str_eq(type, "json_schema"))
		return openai_refuse(e, "response_format.type", "must be "
		    "'text', 'json_object' or 'json_schema'");
	s = openai_get(v, "json_schema");
	if (openai_unique(s, "response_format.json_schema", e) == -1)
		return -1;
	s = openai_get(s, "schema");
	if (!jscan_is_obj(s))
		return openai_refuse(e, "response_format.json_schema.schema",
		    "must be an object");
	r->format = CHAT_FORMAT_SCHEMA;
	r->schema = s;
	return 0;
}

static int
openai_effort(struct chat_req *r, struct span v, const char *param,
    struct chat_error *e)
{
	static const char *const words[] = {
		[CHAT_EFFORT_NONE] = "none", [CHAT_EFFORT_MINIMAL] = "minimal",
		[CHAT_EFFORT_LOW] = "low", [CHAT_EFFORT_MEDIUM] = "medium",
		[CHAT_EFFORT_HIGH] = "high", [CHAT_EFFORT_XHIGH] = "xhigh",
		[CHAT_EFFORT_MAX] = "max"
	};
	unsigned i;

	for (i = CHAT_EFFORT_NONE; jscan_is_str(v) && i <= CHAT_EFFORT_MAX;
	    i++)
		if (jscan_str_eq(v, words[i])) {
			r->effort = (enum chat_effort)i;
			return 0;
		}
	return openai_refuse(e, param, "must be 'none', 'minimal', 'low', "
	    "'medium', 'high', 'xhigh' or 'max'");
}

/* A number, or an integer; *slot keeps it as it is written. */
static int
openai_number(struct span *slot, struct span v, const char *param,
    bool integer, struct chat_error *e)
{
	double d;

	if (!jscan_is_num(v) || !jscan_double(v, &d) ||
	    (integer && (d > 9.2e18 || d < -9.2e18 ||
	    d != (double)(int64_t)d)))
		return openai_refuse(e, param, integer ?
		    "must be an integer" : "must be a number");
	*slot = v;
	return 0;
}

static int
openai_stop(struct chat_req *r, struct span v, struct chat_error *e)
{
	struct jscan_iter it;
	struct span el;
	unsigned n = 0;

	r->stop = v;
	if (jscan_is_str(v))
		return 0;
	if (!jscan_is_arr(v))
		return openai_refuse(e, "stop",
		    "must be a string or an array of strings");
	jscan_enter(&it, v, 1);
	while (jscan_element(&it, &el) == 1) {
		if (!jscan_is_str(el))
			return openai_refuse(e, "stop",
			    "must be a string or an array of strings");
		if (++n > 4)
			return openai_refuse(e, "stop",
			    "has more than 4 sequences");
	}
	if (n == 0)
		r->stop = SPAN_NONE;
	return 0;
}

/* Members that are a number and go to a slot of their own. */
static const struct openai_num {
	const char	*name;
	size_t		 slot;
	bool		 integer;
} openai_nums[] = {
	{ "max_completion_tokens", offsetof(struct chat_req, max_tokens),
	    true },
	{ "max_tokens", offsetof(struct chat_req, max_tokens), true },
	{ "temperature", offsetof(struct chat_req, temperature), false },
	{ "top_p", offsetof(struct chat_req, top_p), false },
	{ "seed", offsetof(struct chat_req, seed), true },
	{ "presence_penalty", offsetof(struct chat_req, presence_penalty),
	    false },
	{ "frequency_penalty", offsetof(struct chat_req, frequency_penalty),
	    false },
	{ "top_logprobs", offsetof(struct chat_req, top_logprobs), true }
};

/* Members that chat_scan has read, or that mean nothing to other dialects. */
static const char *const openai_known[] = {
	"model", "messages", "stream", "stream_options", "n", "user",
	"metadata", "store", "service_tier", "safety_identifier",
	"prompt_cache_key", "prompt_cache_options", "prompt_cache_retention",
	"verbosity", "prediction", "moderation", "web_search_options"
};

static bool
openai_is_known(struct span key)
{
	size_t i;

	for (i = 0; i < sizeof(openai_known) / sizeof(*openai_known); i++)
		if (span_eq(key, openai_known[i]))
			return true;
	return false;
}

/* The members with a form of their own; 1: not one of these. */
static int
openai_decode_own(struct chat_req *r, struct span key, struct span v,
    struct arena *a, struct chat_error *e)
{
	if (KEY_IS(key, "tools"))
		return openai_tools(r, v, false, a, e);
	if (KEY_IS(key, "tool_choice"))
		return openai_choice(r, v, false, a, e);
	if (KEY_IS(key, "functions")) {
		r->legacy_functions = true;
		return openai_tools(r, v, true, a, e);
	}
	if (KEY_IS(key, "function_call")) {
		r->legacy_functions = true;
		return openai_choice(r, v, true, a, e);
	}
	if (KEY_IS(key, "response_format"))
		return openai_decode_format(r, v, e);
	if (KEY_IS(key, "reasoning_effort"))
		return openai_effort(r, v, "reasoning_effort", e);
	if (KEY_IS(key, "stop"))
		return openai_stop(r, v, e);
	if (KEY_IS(key, "parallel_tool_calls")) {
		if (!jscan_is_true(v) && !jscan_is_false(v))
			return openai_refuse(e, "parallel_tool_calls",
			    "must be true or false");
		r->parallel_off = jscan_is_false(v);
		return 0;
	}
	if (KEY_IS(key, "logprobs")) {
		if (!jscan_is_true(v) && !jscan_is_false(v))
			return openai_refuse(e, "logprobs",
			    "must be true or false");
		r->logprobs = v;
		return 0;
	}
	if (KEY_IS(key, "logit_bias")) {
		if (!jscan_is_obj(v))
			return openai_refuse(e, "logit_bias",
			    "must be an object");
		r->logit_bias = v;
		return 0;
	}
	return 1;
}

static int
openai_decode_member(struct chat_req *r, struct span key, struct span v,
    bool *completion, struct arena *a, struct chat_error *e)
{
	const unsigned n = sizeof(openai_nums) / sizeof(*openai_nums);
	unsigned i;
	int k;

	for (i = 0; i < n; i++) {
		if (!span_eq(key, openai_nums[i].name))
			continue;
		if (i == 1 && *completion)
			return openai_number(&(struct span){ 0 }, v,
			    "max_tokens", true, e);
		if (i == 0)
			*completion = true;
		return openai_number((struct span *)((char *)r +
		    openai_nums[i].slot), v, openai_nums[i].name,
		    openai_nums[i].integer, e);
	}
	if ((k = openai_decode_own(r, key, v, a, e)) != 1)
		return k;
	if (!openai_is_known(key)) {
		if (r->nextras == OPENAI_EXTRAS_MAX)
			return openai_refuse(e, "request_body",
			    "has too many unknown members");
		r->extras[r->nextras].name = key;
		r->extras[r->nextras++].value = v;
	}
	return 0;
}

/* A key as it is meant, in the arena if it had to be decoded. */
static struct span
openai_decode_key(struct span key, bool esc, struct arena *a)
{
	char *s;

	if (!esc)
		return key;
	s = arena_alloc(a, key.n + 1);
	return (struct span){ s, jscan_unescape(key, s) };
}

int
openai_decode(struct chat_req *r, struct arena *a, struct chat_error *e)
{
	struct jscan_iter it;
	struct span key, v;
	bool esc, completion = false;

	r->extras = arena_alloc(a, OPENAI_EXTRAS_MAX * sizeof(*r->extras));
	r->nextras = 0;
	jscan_enter(&it, r->body, 0);
	while (jscan_member(&it, &key, &esc, &v) == 1) {
		if (jscan_is_null(v) || v.p == r->messages.p)
			continue;
		key = openai_decode_key(key, esc, a);
		if (openai_decode_member(r, key, v, &completion, a, e) == -1)
			return -1;
	}
	return openai_decode_messages(r, a, e);
}
