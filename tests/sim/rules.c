/* SPDX-License-Identifier: ISC */
#include "rules.h"

#include <stdlib.h>
#include <string.h>

struct rule {
	struct rule	*next;
	char		*model;		/* NULL: any */
	char		*path;		/* NULL: any that generates */
	struct script	*script;
	int64_t		 times;		/* left; -1: for ever */
};

struct rules {
	struct rule	*first;
};

struct rules *
rules_new(void)
{
	return buf_alloc(sizeof(struct rules));
}

static void
rule_free(struct rule *r)
{
	free(r->model);
	free(r->path);
	script_unref(r->script);
	free(r);
}

void
rules_clear(struct rules *rs)
{
	struct rule *r;

	while ((r = rs->first) != NULL) {
		rs->first = r->next;
		rule_free(r);
	}
}

void
rules_free(struct rules *rs)
{
	rules_clear(rs);
	free(rs);
}

static bool
rule_same(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static void
rules_remove(struct rules *rs, const char *model, const char *path)
{
	struct rule **at = &rs->first, *r;

	while ((r = *at) != NULL) {
		if (!rule_same(r->model, model) || !rule_same(r->path, path)) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		rule_free(r);
	}
}

static int
rules_add(struct rules *rs, const char *model, const char *path,
    const struct json *o, int64_t times, struct buf *err)
{
	struct rule *r, **at;
	struct script *s;

	s = script_new(model != NULL ? model : path != NULL ? path : "*");
	if (script_merge(s, o, err) < 0) {
		script_unref(s);
		return -1;
	}
	r = buf_alloc(sizeof(*r));
	r->model = model != NULL ? buf_dup(model) : NULL;
	r->path = path != NULL ? buf_dup(path) : NULL;
	r->script = s;
	r->times = times;
	for (at = &rs->first; *at != NULL; at = &(*at)->next)
		continue;
	*at = r;
	return 0;
}

int
rules_set(struct rules *rs, const struct json *o, struct buf *err)
{
	const char *model = json_str(json_get(o, "model"));
	const char *path = json_str(json_get(o, "path"));
	struct json *one = json_get(o, "script"), *e;
	struct json *list = json_get(o, "scripts");
	int64_t times = json_int(json_get(o, "times"), -1);

	if (model == NULL && path == NULL) {
		buf_adds(err, "name a model (\"*\" = any) or a path");
		return -1;
	}
	if (model != NULL && strcmp(model, "*") == 0)
		model = NULL;
	if (!json_bool(json_get(o, "append"), false))
		rules_remove(rs, model, path);
	if (one != NULL)
		return rules_add(rs, model, path, one, times, err);
	if (list == NULL || list->type != JSON_ARRAY) {
		buf_adds(err, "give \"script\": {...} or \"scripts\": [...]");
		return -1;
	}
	for (e = list->child; e != NULL; e = e->next)
		if (rules_add(rs, model, path, e,
		    e->next != NULL || times > 0 ? 1 : -1, err) < 0)
			return -1;
	return 0;
}

/* Names are equal without their :latest, as Ollama compares them. */
static bool
rule_model(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);

	if (la > 7 && strcmp(a + la - 7, ":latest") == 0)
		la -= 7;
	if (lb > 7 && strcmp(b + lb - 7, ":latest") == 0)
		lb -= 7;
	return la == lb && strncasecmp(a, b, la) == 0;
}

static bool
rule_fits(const struct rule *r, const char *model, const char *path,
    bool by_model)
{
	if (r->times == 0)
		return false;
	if (r->path != NULL && strcmp(r->path, path) != 0)
		return false;
	if (r->path == NULL && !by_model)
		return false;
	return r->model == NULL ||
	    (model != NULL && rule_model(r->model, model));
}

struct script *
rules_take(struct rules *rs, const char *model, const char *path,
    bool by_model)
{
	struct rule *r;
	int pass;

	for (pass = 0; pass < 2; pass++)
		for (r = rs->first; r != NULL; r = r->next) {
			if ((r->model == NULL) != (pass == 1) ||
			    !rule_fits(r, model, path, by_model))
				continue;
			if (r->times > 0)
				r->times--;
			return script_ref(r->script);
		}
	return NULL;
}

bool
rules_early(struct rules *rs, const char *path)
{
	struct rule *r;

	for (r = rs->first; r != NULL; r = r->next)
		if (r->script->early && r->path != NULL &&
		    rule_fits(r, NULL, path, false))
			return true;
	return false;
}

struct script *
rules_accept(struct rules *rs)
{
	return rs->first != NULL ? rules_take(rs, NULL, "accept", false) :
	    NULL;
}

bool
rules_knows(struct rules *rs, const char *model)
{
	struct rule *r;

	for (r = rs->first; r != NULL; r = r->next)
		if (r->model != NULL && rule_model(r->model, model))
			return true;
	return false;
}

size_t
rules_unstick(struct rules *rs, const char *model)
{
	struct rule *r;
	size_t n = 0;

	for (r = rs->first; r != NULL; r = r->next)
		if (r->script->stuck && r->model != NULL &&
		    rule_model(r->model, model)) {
			r->times = 0;
			n++;
		}
	return n;
}
