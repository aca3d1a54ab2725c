/* SPDX-License-Identifier: ISC */
/*
 * What the model says.  A source (script, recorded word, JSON schema, tool
 * list or default) is laid out as parts, each with the number of tokens
 * generated when it is complete; then stop strings and the token limit cut
 * the list, as Ollama does.
 */
#include "answer.h"

#include <stdlib.h>
#include <string.h>

#include "canned.h"

#define ANSWER_DEPTH	16
#define ANSWER_LIMIT	1000000		/* token limits above it are none */

/* Parts while they are made; tok[i] belongs to parts[i]. */
struct answer_list {
	struct answer	*a;
	int64_t		*tok;
	int64_t		 n;		/* tokens so far */
};

void
answer_fini(struct answer *a)
{
	size_t i;

	for (i = 0; i < a->nparts; i++) {
		free(a->parts[i].data);
		free(a->parts[i].args);
		free(a->parts[i].id);
	}
	free(a->parts);
	memset(a, 0, sizeof(*a));
}

void
answer_join(const struct answer *a, enum answer_kind kind, struct buf *b)
{
	size_t i;

	for (i = 0; i < a->nparts; i++)
		if (a->parts[i].kind == kind)
			buf_add(b, a->parts[i].data, a->parts[i].len);
}

size_t
answer_calls(const struct answer *a)
{
	size_t i, n = 0;

	for (i = 0; i < a->nparts; i++)
		n += a->parts[i].kind == ANSWER_CALL;
	return n;
}

static struct answer_part *
answer_add(struct answer_list *l, enum answer_kind kind, const char *s,
    size_t len, int64_t tokens)
{
	struct answer *a = l->a;
	struct answer_part *p;

	if (a->nparts == a->cap) {
		a->cap = a->cap ? a->cap * 2 : 32;
		a->parts = realloc(a->parts, a->cap * sizeof(*a->parts));
		l->tok = realloc(l->tok, a->cap * sizeof(*l->tok));
		if (a->parts == NULL || l->tok == NULL)
			abort();
	}
	l->n += tokens;
	l->tok[a->nparts] = l->n;
	p = &a->parts[a->nparts++];
	memset(p, 0, sizeof(*p));
	p->kind = kind;
	p->data = buf_dupn(s, len);
	p->len = len;
	return p;
}

/* The text in tokens of n characters, or of one word each. */
static void
answer_text(struct answer_list *l, enum answer_kind kind, const char *s,
    size_t len, size_t n, bool words)
{
	size_t i = 0, from, chars;

	if (n == 0)
		n = 1;
	while (i < len) {
		from = i;
		for (chars = 0; i < len; chars++) {
			if (!words && chars == n)
				break;
			if (words && i > from && (s[i] == ' ' || s[i] == '\n')
			    && s[i - 1] != ' ' && s[i - 1] != '\n')
				break;
			i++;
			while (i < len && ((unsigned char)s[i] & 0xc0) == 0x80)
				i++;
		}
		answer_add(l, kind, s + from, i - from, 1);
	}
}

/* A list "a|b|c" of tokens. */
static void
answer_tokens(struct answer_list *l, enum answer_kind kind, const char *s,
    bool bytes)
{
	size_t n;

	for (; s != NULL; s = s[n] == '|' ? s + n + 1 : NULL) {
		n = strcspn(s, "|");
		answer_add(l, kind, s, n, bytes ? (int64_t)n : 1)->split =
		    bytes;
	}
}

static void
answer_call(struct answer_list *l, const char *name, const char *args,
    int64_t tokens)
{
	struct answer_part *p;
	struct buf b = { 0 }, err = { 0 };
	struct json *v;

	p = answer_add(l, ANSWER_CALL, name, strlen(name), tokens);
	v = json_parse(args, strlen(args), true, &err);
	if (v != NULL)
		json_compact(&b, v, false);
	else
		buf_adds(&b, args);
	p->args = buf_take(&b);
	p->args_text = v == NULL;
	json_free(v);
	buf_fini(&err);
}

static bool
answer_has_tool(const struct json *tools, const char *name)
{
	const struct json *e;
	const char *s;

	for (e = tools != NULL ? tools->child : NULL; e != NULL; e = e->next) {
		s = json_str(json_get(json_get(e, "function"), "name"));
		if (s != NULL && strcmp(s, name) == 0)
			return true;
	}
	return false;
}

static void
answer_markup(struct answer_list *l, const struct canned *c)
{
	struct buf b = { 0 };
	size_t i;

	for (i = 0; i < 2 && c->calls[i].name != NULL; i++)
		buf_addf(&b, "%s<tool_call>\n{\"name\": \"%s\", \"arguments\":"
		    " %s}\n</tool_call>", i ? "\n" : "", c->calls[i].name,
		    c->calls[i].args);
	answer_text(l, ANSWER_TEXT, b.data, b.len, 4, false);
	buf_fini(&b);
}

/* A recorded script; markup that nobody asked for stays text. */
static void
answer_canned(struct answer_list *l, const struct canned *c,
    const struct answer_ask *ask)
{
	bool tools = ask->tools != NULL && ask->tools->child != NULL;
	size_t i;

	if (c->think != NULL && ask->think) {
		l->n = 1;			/* the opening tag */
		answer_tokens(l, ANSWER_THINK, c->think, false);
		l->n += 2;
	} else if (c->think != NULL) {
		answer_add(l, ANSWER_TEXT, "<think>", 7, 2);
		answer_tokens(l, ANSWER_TEXT, c->think, false);
		answer_add(l, ANSWER_TEXT, "</think>", 8, 2);
	}
	answer_tokens(l, ANSWER_TEXT, c->text, c->bytes);
	for (i = 0; (int)i < c->repeat - 1; i++)
		answer_add(l, ANSWER_TEXT, strchr(c->text, '|') + 1,
		    strlen(strchr(c->text, '|') + 1), 1);
	if (!tools && c->calls[0].name != NULL)
		answer_markup(l, c);
	for (i = 0; tools && i < 2 && c->calls[i].name != NULL; i++)
		if (answer_has_tool(ask->tools, c->calls[i].name))
			answer_call(l, c->calls[i].name, c->calls[i].args,
			    c->calls[i].at - l->n);
	l->a->finish = c->repeat ? NULL : "stop";
	l->a->endless = c->endless;
	l->n = c->count > 0 ? c->count : l->n + 1;
}

static void
answer_script_calls(struct answer_list *l, const struct script *s)
{
	const struct json *e, *args;
	const char *name, *id;
	struct buf b = { 0 };

	for (e = s->tool_calls != NULL ? s->tool_calls->child : NULL;
	    e != NULL; e = e->next) {
		name = json_str(json_get(e, "name"));
		args = json_get(e, "arguments");
		id = json_str(json_get(e, "id"));
		if (args != NULL && args->type == JSON_STRING)
			buf_add(&b, args->str, args->len);
		else if (args != NULL)
			json_compact(&b, args, false);
		answer_call(l, name != NULL ? name : "tool",
		    args != NULL ? b.data : "{}", 8 + (int64_t)b.len / 4);
		if (id != NULL)
			l->a->parts[l->a->nparts - 1].id = buf_dup(id);
		buf_clear(&b);
	}
	buf_fini(&b);
}

/* What the script says; false when it says nothing. */
static bool
answer_script(struct answer_list *l, const struct answer_ask *ask,
    const struct script *s)
{
	int64_t i, n = script_int(s->repeat, 1);
	size_t chars = (size_t)script_int(s->token_chars, 4);
	int64_t line = script_int(s->line_bytes, 0);
	const struct json *e;
	struct buf big = { 0 };

	if (s->text == NULL && s->tokens == NULL && s->thinking == NULL &&
	    s->tool_calls == NULL && !s->echo && line == 0)
		return false;
	if (s->thinking != NULL)
		answer_text(l, ANSWER_THINK, s->thinking, strlen(s->thinking),
		    chars, s->words);
	if (line > 0) {
		buf_fill(&big, 'x', (size_t)line);
		answer_add(l, ANSWER_TEXT, big.data, big.len, 1);
		buf_fini(&big);
	}
	for (i = 0; i < n; i++) {
		for (e = s->tokens != NULL ? s->tokens->child : NULL;
		    e != NULL; e = e->next)
			if (e->type == JSON_STRING)
				answer_add(l, ANSWER_TEXT, e->str, e->len, 1);
		if (s->tokens == NULL && s->echo)
			answer_text(l, ANSWER_TEXT, ask->text, ask->text_len,
			    chars, s->words);
		else if (s->tokens == NULL && s->text != NULL)
			answer_text(l, ANSWER_TEXT, s->text, strlen(s->text),
			    chars, s->words);
	}
	answer_script_calls(l, s);
	l->n++;
	return true;
}

static const struct json *
answer_ref(const struct json *root, const char *ref)
{
	const struct json *v = root;
	char *copy, *word, *save = NULL;

	if (strncmp(ref, "#", 1) != 0)
		return NULL;
	copy = buf_dup(ref + 1);
	for (word = strtok_r(copy, "/", &save); word != NULL && v != NULL;
	    word = strtok_r(NULL, "/", &save))
		v = json_get(v, word);
	free(copy);
	return v;
}

static void
answer_object(const struct json *root, const struct json *schema, int depth,
    struct buf *b)
{
	const struct json *p = json_get(schema, "properties"), *e;

	buf_addc(b, '{');
	for (e = p != NULL ? p->child : NULL; e != NULL; e = e->next) {
		if (e != p->child)
			buf_adds(b, ", ");
		json_quotes(b, e->key);
		buf_adds(b, ": ");
		if (strcmp(e->key, "city") == 0 && script_is(
		    json_str(json_get(e, "type")), "string"))
			buf_adds(b, "\"Paris\"");
		else
			answer_instance(root, e, depth + 1, b);
	}
	buf_addc(b, '}');
}

static const char *
answer_type(const struct json *schema)
{
	const struct json *t = json_get(schema, "type"), *e;

	if (t == NULL)
		return json_get(schema, "properties") ? "object" : "string";
	for (e = t->type == JSON_ARRAY ? t->child : t; e != NULL;
	    e = t->type == JSON_ARRAY ? e->next : NULL)
		if (json_str(e) != NULL && strcmp(e->str, "null") != 0)
			return e->str;
	return "null";
}

static void
answer_number(const struct json *schema, struct buf *b)
{
	int64_t v = 42, min, max;

	min = json_int(json_get(schema, "minimum"), v);
	max = json_int(json_get(schema, "maximum"), v);
	if (v < min)
		v = min;
	if (v > max)
		v = max;
	buf_addf(b, "%lld", (long long)v);
}

static void
answer_array(const struct json *root, const struct json *schema, int depth,
    struct buf *b)
{
	int64_t i, n = json_int(json_get(schema, "minItems"), 1);

	if (n > 10)
		n = 10;
	buf_addc(b, '[');
	for (i = 0; i < n && json_get(schema, "items") != NULL; i++) {
		if (i > 0)
			buf_adds(b, ", ");
		answer_instance(root, json_get(schema, "items"), depth + 1, b);
	}
	buf_addc(b, ']');
}

void
answer_instance(const struct json *root, const struct json *schema,
    int depth, struct buf *b)
{
	static const char *const unions[] = { "anyOf", "oneOf", "allOf" };
	const struct json *v;
	const char *type;
	size_t i;

	v = json_get(schema, "$ref");
	if (json_str(v) != NULL)
		schema = answer_ref(root, v->str);
	if (depth > ANSWER_DEPTH || schema == NULL) {
		buf_adds(b, "null");
		return;
	}
	for (i = 0; i < 3; i++) {
		v = json_get(schema, unions[i]);
		if (v != NULL && v->child != NULL) {
			answer_instance(root, v->child, depth + 1, b);
			return;
		}
	}
	v = json_get(schema, "const");
	if (v == NULL && json_get(schema, "enum") != NULL)
		v = json_get(schema, "enum")->child;
	if (v != NULL) {
		json_spaced(b, v);
		return;
	}
	type = answer_type(schema);
	if (strcmp(type, "object") == 0)
		answer_object(root, schema, depth, b);
	else if (strcmp(type, "array") == 0)
		answer_array(root, schema, depth, b);
	else if (strcmp(type, "integer") == 0 || strcmp(type, "number") == 0)
		answer_number(schema, b);
	else if (strcmp(type, "boolean") == 0)
		buf_adds(b, "true");
	else if (strcmp(type, "null") == 0)
		buf_adds(b, "null");
	else
		buf_adds(b, "\"text\"");
}

/* Calls the forced tool, or the first, with arguments its schema allows. */
static void
answer_synthetic(struct answer_list *l, const struct answer_ask *ask)
{
	const struct json *fn, *params;
	const char *name = ask->tool_name;
	const struct json *e;
	struct buf b = { 0 };

	for (e = ask->tools->child; e != NULL; e = e->next) {
		fn = json_get(e, "function");
		if (name == NULL || script_is(json_str(json_get(fn, "name")),
		    name))
			break;
	}
	fn = json_get(e != NULL ? e : ask->tools->child, "function");
	name = json_str(json_get(fn, "name"));
	params = json_get(fn, "parameters");
	if (params != NULL)
		answer_instance(params, params, 0, &b);
	else
		buf_adds(&b, "{}");
	answer_call(l, name != NULL ? name : "tool", b.data,
	    8 + (int64_t)b.len / 4);
	l->n++;
	buf_fini(&b);
}

/* The answer when no script says what. */
static void
answer_default(struct sim *sim, struct answer_list *l,
    const struct answer_ask *ask)
{
	bool tools = ask->tools != NULL && ask->tools->child != NULL;
	const struct canned *c = canned_find(ask->text);
	struct buf b = { 0 };

	if (c == NULL && ask->after_tool)
		c = canned_find("#after");
	if (ask->schema != NULL || (ask->json && c == NULL)) {
		if (ask->schema != NULL)
			answer_instance(ask->schema, ask->schema, 0, &b);
		else
			buf_adds(&b, "{\"answer\": 42, \"ok\": true}");
		answer_text(l, ANSWER_TEXT, b.data, b.len, 4, false);
		l->n++;
	} else if (c != NULL) {
		answer_canned(l, c, ask);
	} else if (tools && (ask->tool_name != NULL || sim->demo ||
	    (!answer_has_tool(ask->tools, "get_weather") && !(ask->recorded &&
	    answer_has_tool(ask->tools, "get_time"))))) {
		answer_synthetic(l, ask);
	} else if (tools) {
		answer_canned(l, canned_find("#tool"), ask);
	} else if (ask->think) {
		answer_canned(l, canned_find("#think"), ask);
	} else if (canned_friendly(ask->text, sim->demo, &b)) {
		answer_text(l, ANSWER_TEXT, b.data, b.len, 4, true);
		l->n++;
	} else {
		answer_canned(l, canned_find("#text"), ask);
	}
	buf_fini(&b);
}

/* Removes the parts from index i on. */
static void
answer_cut(struct answer *a, size_t i)
{
	struct answer tail = { .parts = a->parts + i };

	tail.nparts = a->nparts - i;
	for (size_t k = 0; k < tail.nparts; k++) {
		free(tail.parts[k].data);
		free(tail.parts[k].args);
		free(tail.parts[k].id);
	}
	a->nparts = i;
}

/* Where the text holds a stop string, or -1; *held = ends in a part of one. */
static ssize_t
answer_find_stop(const struct buf *text, const struct json *stop, bool *held)
{
	const struct json *e;
	const char *at;
	ssize_t best = -1;
	size_t k;
	bool array = stop->type == JSON_ARRAY;

	*held = false;
	for (e = array ? stop->child : stop; e != NULL;
	    e = array ? e->next : NULL) {
		if (e->type != JSON_STRING || e->len == 0)
			continue;
		at = memmem(text->data, text->len, e->str, e->len);
		if (at != NULL && (best < 0 || at - text->data < best))
			best = at - text->data;
		for (k = 1; k < e->len && k <= text->len; k++)
			if (memcmp(text->data + text->len - k, e->str, k) == 0)
				*held = true;
	}
	return best;
}

/* Holds text back that may begin a stop string; ends at the first one. */
static void
answer_stop(struct answer_list *l, const struct json *stop)
{
	struct answer *a = l->a;
	struct answer_part *p;
	struct buf held = { 0 };
	size_t i, out = 0;
	ssize_t at;
	bool wait = false;

	for (i = 0; i < a->nparts; i++) {
		p = &a->parts[i];
		if (p->kind != ANSWER_TEXT) {
			a->parts[out] = *p;
			l->tok[out++] = l->tok[i];
			continue;
		}
		buf_add(&held, p->data, p->len);
		at = answer_find_stop(&held, stop, &wait);
		if (at < 0 && wait && i + 1 < a->nparts) {
			free(p->data);
			continue;
		}
		free(p->data);
		p->len = at >= 0 ? (size_t)at : held.len;
		p->data = buf_dupn(held.data, p->len);
		buf_clear(&held);
		a->parts[out] = *p;
		l->tok[out] = l->tok[i];
		out += p->len > 0 || at < 0;
		if (at >= 0) {
			l->n = l->tok[i];
			a->finish = "stop";
			a->endless = false;
			if (p->len == 0)
				free(a->parts[out].data);
			answer_cut(a, i + 1);
			break;
		}
	}
	a->nparts = out;
	if (held.len > 0)
		answer_add(l, ANSWER_TEXT, held.data, held.len, 0);
	buf_fini(&held);
}

/* An endless text with a limit ends after all: it is said often enough. */
static void
answer_unroll(struct answer_list *l, int64_t max)
{
	struct answer *a = l->a;
	size_t i, lap = a->nparts;

	l->n = l->tok[lap - 1];
	for (i = 0; l->n <= max; i++)
		answer_add(l, ANSWER_TEXT, a->parts[i % lap].data,
		    a->parts[i % lap].len, 1);
}

static void
answer_limit(struct answer_list *l, int64_t max)
{
	struct answer *a = l->a;
	size_t i;

	if (max > ANSWER_LIMIT)
		return;
	if (a->endless && a->nparts > 0)
		answer_unroll(l, max);
	if (max >= l->n)
		return;
	for (i = 0; i < a->nparts && l->tok[i] <= max; i++)
		continue;
	answer_cut(a, i);
	a->finish = "length";
	a->endless = false;
	l->n = max;
}

void
answer_make(struct sim *sim, const struct answer_ask *ask,
    const struct script *s, struct answer *a)
{
	struct answer_list l = { .a = a };

	memset(a, 0, sizeof(*a));
	a->finish = "stop";
	if (!answer_script(&l, ask, s))
		answer_default(sim, &l, ask);
	if (s->endless)
		a->endless = true;
	if (ask->stop != NULL)
		answer_stop(&l, ask->stop);
	if (ask->max_tokens > 0)
		answer_limit(&l, ask->max_tokens);
	a->eval_count = script_int(s->completion_tokens, l.n);
	free(l.tok);
}
