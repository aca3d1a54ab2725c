/* SPDX-License-Identifier: ISC */
/*
 * Messages into the neutral form.  Every fault is named by its path:
 * messages[2].content[0].image_url.url.
 */
#include "dialect/openai.h"

#include <stdio.h>


/* More than anybody sends; each costs about 200 bytes of memory. */
#define OPENAI_MESSAGES_MAX	65536
#define OPENAI_PARTS_MAX	131072

/* Where the decoding stands. */
struct openai_dec {
	struct chat_req		*r;
	struct arena		*a;
	struct chat_error	*e;
	unsigned		 msg;		/* index of the message */
	unsigned		 nparts;	/* of all messages */
};

/* 400 at messages[i]<path>. */
static int
openai_dec_refuse(struct openai_dec *d, const char *path, const char *what)
{
	char param[96];

	snprintf(param, sizeof(param), "messages[%u]%s", d->msg, path);
	chat_error_set(d->e, ERR_INVALID_PARAM, param, "'%s' %s.", param,
	    what);
	return -1;
}

static int
openai_dec_duplicate(struct openai_dec *d, const char *path,
    struct span key)
{
	char param[96];

	snprintf(param, sizeof(param), "messages[%u]%s", d->msg, path);
	chat_error_set(d->e, ERR_INVALID_JSON, param,
	    "Invalid JSON payload: duplicate key '%.*s' in '%s'",
	    key.n > 64 ? 64 : (int)key.n, key.p, param);
	return -1;
}

/* A list of members to pick from an object; duplicates are refused. */
struct openai_pick {
	const char	*name;
	struct span	*v;
};

/* Absent and null values leave *v absent. */
static int
openai_dec_pick(struct openai_dec *d, struct span obj, const char *path,
    const struct openai_pick *picks, unsigned n)
{
	struct jscan_iter it;
	struct jscan_dup dup;
	struct span key, val;
	unsigned i;
	int k;

	jscan_enter(&it, obj, 2);
	jscan_dup_init(&dup);
	while ((k = jscan_next(&it, &dup, &key, &val)) == 1)
		for (i = 0; i < n; i++)
			if (span_eq(key, picks[i].name)) {
				if (!jscan_is_null(val))
					*picks[i].v = val;
				break;
			}
	if (k == -2)
		openai_dec_duplicate(d, path, key);
	jscan_dup_fini(&dup);
	return k == -2 ? -1 : 0;
}

#define PICK(d, obj, path, ...) \
	openai_dec_pick((d), (obj), (path), \
	    (struct openai_pick[]){ __VA_ARGS__ }, \
	    sizeof((struct openai_pick[]){ __VA_ARGS__ }) / \
	    sizeof(struct openai_pick))

/* image_url: {"url": ..} or the URL itself. */
static int
openai_dec_image(struct openai_dec *d, struct chat_part *p, struct span v,
    const char *path)
{
	struct span url = SPAN_NONE;
	char at[64];

	snprintf(at, sizeof(at), "%s.image_url", path);
	if (jscan_is_str(v)) {
		url = v;
	} else if (!jscan_is_obj(v)) {
		return openai_dec_refuse(d, at, "must be an object");
	} else {
		if (PICK(d, v, at, { "url", &url }) == -1)
			return -1;
		snprintf(at, sizeof(at), "%s.image_url.url", path);
		if (!jscan_is_str(url))
			return openai_dec_refuse(d, at, "must be a string");
	}
	p->kind = CHAT_PART_IMAGE;
	p->text = jscan_inner(url);
	return 0;
}

static int
openai_dec_part(struct openai_dec *d, struct chat_part *p, struct span v,
    unsigned index)
{
	struct span type = SPAN_NONE, text = SPAN_NONE, refusal = SPAN_NONE;
	struct span image = SPAN_NONE;
	char path[48], at[64];

	snprintf(path, sizeof(path), ".content[%u]", index);
	p->json = v;
	if (jscan_is_str(v)) {
		p->kind = CHAT_PART_TEXT;
		p->text = jscan_inner(v);
		return 0;
	}
	if (!jscan_is_obj(v))
		return openai_dec_refuse(d, path, "must be an object");
	if (PICK(d, v, path, { "type", &type }, { "text", &text },
	    { "refusal", &refusal }, { "image_url", &image }) == -1)
		return -1;
	snprintf(at, sizeof(at), "%s.type", path);
	if (!jscan_is_str(type))
		return openai_dec_refuse(d, at, "must be a string");
	if (jscan_str_eq(type, "image_url"))
		return openai_dec_image(d, p, image, path);
	if (jscan_str_eq(type, "input_audio")) {
		p->kind = CHAT_PART_AUDIO;
		return 0;
	}
	if (jscan_str_eq(type, "file")) {
		p->kind = CHAT_PART_FILE;
		return 0;
	}
	if (jscan_str_eq(type, "refusal")) {
		p->kind = CHAT_PART_REFUSAL;
		text = refusal;
		snprintf(at, sizeof(at), "%s.refusal", path);
	} else if (jscan_str_eq(type, "text") ||
	    jscan_str_eq(type, "input_text") ||
	    jscan_str_eq(type, "output_text")) {
		p->kind = CHAT_PART_TEXT;
		snprintf(at, sizeof(at), "%s.text", path);
	} else {
		p->kind = CHAT_PART_OTHER;
		return 0;
	}
	if (!jscan_is_str(text))
		return openai_dec_refuse(d, at, "must be a string");
	p->text = jscan_inner(text);
	return 0;
}

static int
openai_dec_content(struct openai_dec *d, struct chat_msg *m, struct span v)
{
	struct jscan_iter it;
	struct span el;
	unsigned n = 0;

	if (v.p == NULL)
		return 0;
	if (jscan_is_str(v)) {
		m->parts = arena_zalloc(d->a, sizeof(*m->parts));
		m->nparts = 1;
		m->parts[0].kind = CHAT_PART_TEXT;
		m->parts[0].text = jscan_inner(v);
		return 0;
	}
	if (!jscan_is_arr(v))
		return openai_dec_refuse(d, ".content",
		    "must be a string or an array of parts");
	jscan_enter(&it, v, 3);
	while (jscan_element(&it, &el) == 1)
		n++;
	if (n > OPENAI_PARTS_MAX - d->nparts)
		return openai_dec_refuse(d, ".content", "has too many parts");
	d->nparts += n;
	m->parts = arena_zalloc(d->a, (n + 1) * sizeof(*m->parts));
	m->nparts = n;
	jscan_enter(&it, v, 3);
	for (n = 0; jscan_element(&it, &el) == 1; n++)
		if (openai_dec_part(d, &m->parts[n], el, n) == -1)
			return -1;
	return 0;
}

/* fn: {"name","arguments"}; in custom calls the text is `input`. */
static int
openai_dec_function(struct openai_dec *d, struct chat_call *c,
    struct span fn, const char *path)
{
	struct span name = SPAN_NONE, args = SPAN_NONE, input = SPAN_NONE;
	char at[64];

	if (!jscan_is_obj(fn))
		return openai_dec_refuse(d, path, "must be an object");
	if (PICK(d, fn, path, { "name", &name }, { "arguments", &args },
	    { "input", &input }) == -1)
		return -1;
	snprintf(at, sizeof(at), "%s.name", path);
	if (!jscan_is_str(name))
		return openai_dec_refuse(d, at, "must be a string");
	c->name = jscan_inner(name);
	if (args.p == NULL)
		args = input;
	snprintf(at, sizeof(at), "%s.arguments", path);
	if (args.p == NULL)
		c->args_text = SPAN_LIT("");
	else if (jscan_is_str(args))
		c->args_text = jscan_inner(args);
	else if (jscan_is_obj(args))
		c->args_json = args;
	else
		return openai_dec_refuse(d, at,
		    "must be a string of JSON");
	return 0;
}

static int
openai_dec_calls(struct openai_dec *d, struct chat_msg *m, struct span v)
{
	struct span el, id, fn, custom;
	struct jscan_iter it;
	unsigned n = 0;
	char path[48];

	if (!jscan_is_arr(v))
		return openai_dec_refuse(d, ".tool_calls", "must be an array");
	jscan_enter(&it, v, 3);
	while (jscan_element(&it, &el) == 1)
		n++;
	if (n > OPENAI_PARTS_MAX - d->nparts)
		return openai_dec_refuse(d, ".tool_calls",
		    "has too many entries");
	d->nparts += n;
	m->calls = arena_zalloc(d->a, (n + 1) * sizeof(*m->calls));
	m->ncalls = n;
	jscan_enter(&it, v, 3);
	for (n = 0; jscan_element(&it, &el) == 1; n++) {
		snprintf(path, sizeof(path), ".tool_calls[%u]", n);
		if (!jscan_is_obj(el))
			return openai_dec_refuse(d, path,
			    "must be an object");
		id = fn = custom = SPAN_NONE;
		if (PICK(d, el, path, { "id", &id }, { "function", &fn },
		    { "custom", &custom }) == -1)
			return -1;
		if (jscan_is_str(id))
			m->calls[n].id = jscan_inner(id);
		snprintf(path, sizeof(path), ".tool_calls[%u].%s", n,
		    fn.p == NULL && custom.p != NULL ? "custom" : "function");
		if (openai_dec_function(d, &m->calls[n],
		    fn.p != NULL ? fn : custom, path) == -1)
			return -1;
	}
	return 0;
}

static int
openai_dec_role(struct openai_dec *d, struct chat_msg *m, struct span v)
{
	static const char *const roles[] = {
		[CHAT_SYSTEM] = "system", [CHAT_DEVELOPER] = "developer",
		[CHAT_USER] = "user", [CHAT_ASSISTANT] = "assistant",
		[CHAT_TOOL] = "tool", [CHAT_FUNCTION] = "function"
	};
	unsigned i;

	for (i = 0; jscan_is_str(v) && i <= CHAT_FUNCTION; i++)
		if (jscan_str_eq(v, roles[i])) {
			m->role = (enum chat_role)i;
			return 0;
		}
	return openai_dec_refuse(d, ".role", "must be 'system', 'developer', "
	    "'user', 'assistant', 'tool' or 'function'");
}

/* Members of a message that must be strings if they are there. */
static int
openai_dec_string(struct openai_dec *d, struct span *slot, struct span v,
    const char *path)
{
	if (v.p == NULL)
		return 0;
	if (!jscan_is_str(v))
		return openai_dec_refuse(d, path, "must be a string");
	*slot = jscan_inner(v);
	return 0;
}

static int
openai_dec_message(struct openai_dec *d, struct chat_msg *m, struct span v)
{
	struct span role = SPAN_NONE, content = SPAN_NONE, calls = SPAN_NONE;
	struct span id = SPAN_NONE, name = SPAN_NONE, fn = SPAN_NONE;
	struct span think = SPAN_NONE, think2 = SPAN_NONE;

	if (!jscan_is_obj(v))
		return openai_dec_refuse(d, "", "must be an object");
	if (PICK(d, v, "", { "role", &role }, { "content", &content },
	    { "tool_calls", &calls }, { "tool_call_id", &id },
	    { "name", &name }, { "function_call", &fn },
	    { "reasoning_content", &think }, { "reasoning", &think2 }) == -1)
		return -1;
	if (openai_dec_role(d, m, role) == -1 ||
	    openai_dec_content(d, m, content) == -1 ||
	    openai_dec_string(d, &m->call_id, id, ".tool_call_id") == -1 ||
	    openai_dec_string(d, &m->name, name, ".name") == -1)
		return -1;
	if (think.p == NULL)
		think = think2;
	if (m->role == CHAT_ASSISTANT && jscan_is_str(think) && think.n > 2)
		m->reasoning = jscan_inner(think);
	if (calls.p != NULL)
		return openai_dec_calls(d, m, calls);
	if (fn.p != NULL) {
		m->calls = arena_zalloc(d->a, sizeof(*m->calls));
		m->ncalls = 1;
		return openai_dec_function(d, m->calls, fn,
		    ".function_call");
	}
	return 0;
}

int
openai_decode_messages(struct chat_req *r, struct arena *a,
    struct chat_error *e)
{
	struct openai_dec d = { .r = r, .a = a, .e = e };
	struct jscan_iter it;
	struct span el;
	unsigned n = 0;

	jscan_enter(&it, r->messages, 1);
	while (jscan_element(&it, &el) == 1)
		if (++n > OPENAI_MESSAGES_MAX) {
			chat_error_set(e, ERR_INVALID_PARAM, "messages",
			    "'messages' has more than %d entries.",
			    OPENAI_MESSAGES_MAX);
			return -1;
		}
	r->msgs = arena_zalloc(a, (n + 1) * sizeof(*r->msgs));
	r->nmsgs = n;
	jscan_enter(&it, r->messages, 1);
	for (d.msg = 0; jscan_element(&it, &el) == 1; d.msg++)
		if (openai_dec_message(&d, &r->msgs[d.msg], el) == -1)
			return -1;
	return 0;
}
