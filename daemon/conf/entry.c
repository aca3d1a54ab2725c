/* SPDX-License-Identifier: ISC */
/*
 * One entry after the other: the schema reads it, the provider is found, then
 * base URL, headers and body defaults are prepared.  What cannot work is kept
 * with its reason, as `llmctl models` shows it.
 */
#include "conf/entry.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/map.h"
#include "base/xmalloc.h"
#include "conf/entry_parts.h"

/* Window of ids that clients may send and headers carry. */
#define ENTRY_ID_MAX	128

void
entry_refuse(struct entry *b, enum deploy_use use,
    const struct remark_mark *at, const char *why, const char *hint)
{
	struct arena *a = &b->x->c->arena;
	struct deploy *d = b->d;

	if (d->use == DEPLOY_SKIPPED || (d->use == DEPLOY_NOT_YET &&
	    use != DEPLOY_SKIPPED))
		return;
	d->use = use;
	d->why = arena_strn(a, why, strlen(why));
	d->hint = hint != NULL ? arena_strn(a, hint, strlen(hint)) : NULL;
	remark_add(b->x->r, CONF_WARNING, at, b->path, hint,
	    "model '%s' %s: %s", d->model, use == DEPLOY_SKIPPED ?
	    "is skipped" : "cannot be used", why);
}

/* True if s may stand in a log line, a header and a table. */
static bool
entry_is_name(const char *s, size_t max)
{
	const char *p;

	for (p = s; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return false;
	return p != s && (size_t)(p - s) <= max;
}

static bool
entry_is_id(const char *s)
{
	const char *p;

	for (p = s; *p > ' ' && *p < 0x7f; p++)
		;
	return *p == '\0' && p != s && (size_t)(p - s) <= ENTRY_ID_MAX;
}

void
entry_append(struct load *x, struct deploy *d)
{
	struct conf *c = x->c;
	struct deploy_state *s;

	s = map_get(x->world->states, span_z(d->id));
	if (s == NULL) {
		s = xcalloc(1, sizeof(*s));
		map_put(x->world->states, span_z(d->id), s);
	}
	atomic_fetch_add(&s->refs, 1);
	d->state = s;
	d->index = c->ndeploys;
	c->deploys = xreallocarray(c->deploys, c->ndeploys + 1,
	    sizeof(*c->deploys));
	c->deploys[c->ndeploys++] = d;
}

/* model_info.id, or a hash of what the entry says that stays the same over
 * reloads; keys do not go into it, only how many alike came before. */
static void
entry_set_id(struct entry *b)
{
	struct load *x = b->x;
	struct arena *a = &x->c->arena;
	const struct yaml_pair *p;
	struct deploy *d = b->d;
	unsigned n = 0;
	uint64_t h;

	p = yaml_get_pair(yaml_get(b->node, "model_info"), "id");
	if (b->e.id != NULL && *b->e.id != '\0') {
		if (!entry_is_id(b->e.id))
			remark_add(x->r, CONF_ERROR, &p->value->at, b->path,
			    NULL, "model_info.id must be 1 to %d visible "
			    "ASCII characters", ENTRY_ID_MAX);
		else if (map_get(x->ids, span_z(b->e.id)) != NULL)
			remark_add(x->r, CONF_WARNING, &p->value->at,
			    b->path, "give each entry its own",
			    "the id '%s' is taken: another is made",
			    b->e.id);
		else
			d->id = arena_strn(a, b->e.id, strlen(b->e.id));
	}
	while (d->id == NULL) {
		h = hash_stable(d->model, strlen(d->model) + 1, 0);
		if (b->e.model != NULL)
			h = hash_stable(b->e.model, strlen(b->e.model) + 1,
			    h);
		if (d->base_url != NULL)
			h = hash_stable(d->base_url, strlen(d->base_url) + 1,
			    h);
		h = hash_stable(&n, sizeof(n), h);
		d->id = arena_printf(a, "%016llx", (unsigned long long)h);
		if (map_get(x->ids, span_z(d->id)) != NULL)
			d->id = NULL;
		n++;
	}
	map_put(x->ids, span_z(d->id), d);
}

/* Numbers and flags that need no thought. */
static void
entry_set_plain(struct entry *b)
{
	struct deploy *d = b->d;
	const struct schema_entry *e = &b->e;

	d->order = e->order;
	d->rpm = e->rpm != 0 ? e->rpm : e->entry_rpm;
	d->timeout_ms = e->timeout_ms;
	d->stream_timeout_ms = e->stream_timeout_ms;
	d->drop_params = e->drop_params;
	d->ctx = e->max_input_tokens;
	d->created = e->created;
	d->own_base = b->own_base;
	d->weight = 1;
}

/*
 * The model that LiteLLM's complexity router falls back to: here it answers
 * everything.  NULL if this is no such entry.
 */
static const char *
entry_alias(const struct entry *b)
{
	const struct yaml_node *n, *config;

	if (b->match.p == NULL || strcmp(b->match.p->name, "auto_router") != 0)
		return NULL;
	config = yaml_get(b->params, "complexity_router_config");
	n = yaml_get(b->params, "complexity_router_default_model");
	if (yaml_is_null(n))
		n = yaml_get(config, "default_model");
	if (yaml_is_null(n))
		n = yaml_get(yaml_get(config, "tiers"), "MEDIUM");
	if (!yaml_is_null(n) && n->kind == YAML_LIST && n->n != 0)
		n = n->items[0];
	if (yaml_is_null(n) || n->kind != YAML_TEXT)
		return NULL;
	return n->text;
}

/* The provider's part in whether it can be used. */
static void
entry_set_provider(struct entry *b, const struct remark_mark *at)
{
	const struct provider *p = b->match.p;
	struct arena *a = &b->x->c->arena;
	struct deploy *d = b->d;

	if (p->state == PROVIDERS_WORKS && strcmp(p->name, "azure_ai") == 0 &&
	    strncmp(b->match.upstream, "claude", 6) == 0)
		entry_refuse(b, DEPLOY_NOT_YET, at,
		    "the anthropic dialect is not there yet",
		    "until then it answers 501 not_implemented");
	else if (p->state == PROVIDERS_WORKS)
		d->dialect = p->dialect;
	else if (p->state == PROVIDERS_NOT_YET)
		entry_refuse(b, DEPLOY_NOT_YET, at, arena_printf(a,
		    "the %s dialect is not there yet", p->wire),
		    "until then it answers 501 not_implemented");
	else
		entry_refuse(b, DEPLOY_SKIPPED, at, arena_printf(a,
		    "provider %s needs %s, which llmd does not have",
		    p->name, p->wire), entry_alias(b) == NULL ? NULL :
		    arena_printf(a, "model '%s' answers all of it",
		    entry_alias(b)));
	if (*b->match.upstream == '\0')
		entry_refuse(b, DEPLOY_SKIPPED, at, arena_printf(a,
		    "no model name after '%s/'", p->name),
		    "write provider/model");
	else if (!entry_is_name(b->match.upstream, 512))
		entry_refuse(b, DEPLOY_SKIPPED, at,
		    "the model name has control characters or is too long",
		    NULL);
	if (strchr(b->match.upstream, '*') != NULL &&
	    strchr(d->model, '*') == NULL)
		remark_add(b->x->r, CONF_WARNING, at, b->params_path,
		    "write a * in model_name, too",
		    "model '%s' has no *: the name '%s' is sent as it is "
		    "asked for", d->model, b->match.upstream);
}

/* litellm_params.model, and what it means; false if there is nothing. */
static bool
entry_set_model(struct entry *b)
{
	struct arena *a = &b->x->c->arena;
	const struct yaml_pair *p = yaml_get_pair(b->params, "model");
	const struct remark_mark *at = p != NULL ? &p->value->at :
	    &b->node->at;
	struct deploy *d = b->d;

	d->provider = arena_strn(a, "-", 1);
	d->upstream = arena_strn(a, "-", 1);
	if (p == NULL || b->e.model == NULL || *b->e.model == '\0') {
		if (p != NULL && p->value->unset)
			entry_refuse(b, DEPLOY_SKIPPED, at, arena_printf(a,
			    "%s is not set, so its model is unknown",
			    p->value->env), arena_printf(a,
			    "set %s in llmd's environment and restart it",
			    p->value->env));
		else
			entry_refuse(b, DEPLOY_SKIPPED, at,
			    "it has no litellm_params.model",
			    "write model: provider/model");
		return false;
	}
	d->model_line = p->value->at.line;
	providers_resolve(b->e.model, b->e.provider, b->e.api_base != NULL ?
	    b->e.api_base : b->e.base_url, a, &b->match);
	d->upstream = arena_strn(a, b->match.upstream,
	    strlen(b->match.upstream));
	if (b->match.p == NULL) {
		entry_refuse(b, DEPLOY_SKIPPED, at, b->match.why,
		    b->match.hint);
		return false;
	}
	d->provider = arena_strn(a, b->match.p->name,
	    strlen(b->match.p->name));
	entry_set_provider(b, at);
	return true;
}

/* Makes one deployment of an entry. */
static void
entry_build(struct entry *b)
{
	struct load *x = b->x;
	struct deploy *d;
	unsigned n = x->c->ndeploys + 1;

	d = b->d = arena_zalloc(&x->c->arena, sizeof(*d));
	b->has_url = b->own_base = false;
	d->model = arena_strn(&x->c->arena, b->e.model_name,
	    strlen(b->e.model_name));
	d->file = arena_strn(&x->c->arena, b->node->at.file->path,
	    strlen(b->node->at.file->path));
	d->line = b->node->at.line;
	d->headers = arena_strn(&x->c->arena, "", 0);
	if (entry_set_model(b)) {
		entry_set_base(b);
		entry_set_headers(b);
		entry_set_params(b);
	}
	if (d->use != DEPLOY_OK)
		d->dialect = NULL;
	entry_set_plain(b);
	entry_set_id(b);
	x->weights = xreallocarray(x->weights, n, sizeof(*x->weights));
	x->tpms = xreallocarray(x->tpms, n, sizeof(*x->tpms));
	x->aliases = xreallocarray(x->aliases, n, sizeof(*x->aliases));
	x->aliases[n - 1] = entry_alias(b);
	x->weights[n - 1] = b->e.weight;
	x->tpms[n - 1] = b->e.tpm;
	entry_append(x, d);
}

/* Reads the entry by the schema; false if there is nothing to build. */
static bool
entry_read(struct entry *b)
{
	struct load *x = b->x;
	struct schema_ctx *s = &x->schema;
	struct yaml_pair *name = yaml_get_pair(b->node, "model_name");
	double tpm;

	b->e.weight = -1;
	b->e.drop_params = x->c->drop_params;
	s->to[SCHEMA_TO_ENTRY] = &b->e;
	if (b->node->kind != YAML_MAP) {
		remark_add(x->r, CONF_ERROR, &b->node->at, b->path,
		    "write - model_name: NAME, and litellm_params: below it",
		    "an entry must be a mapping, not %s",
		    yaml_kind_name(b->node));
		return false;
	}
	schema_apply(s, SCHEMA_ENTRY, b->node, b->path);
	if (name == NULL || b->e.model_name == NULL)
		remark_add(x->r, CONF_ERROR, name != NULL ?
		    &name->value->at : &b->node->at, b->path,
		    "write model_name: the name that clients send",
		    name != NULL && name->value->unset ?
		    "model_name: its variable is not set" :
		    "the entry has no model_name");
	else if (!entry_is_name(b->e.model_name, 512))
		remark_add(x->r, CONF_ERROR, &name->value->at, b->path, NULL,
		    "model_name must be 1 to 512 characters, none of them "
		    "a control character");
	b->params = yaml_get(b->node, "litellm_params");
	if (yaml_is_null(b->params)) {
		remark_add(x->r, CONF_ERROR, &b->node->at, b->path,
		    "write litellm_params: with model: below it",
		    "the entry has no litellm_params");
		return false;
	}
	schema_apply(s, SCHEMA_PARAMS, b->params, b->params_path);
	schema_apply(s, SCHEMA_INFO, yaml_get(b->node, "model_info"),
	    "model_info");
	if (yaml_number(yaml_get(b->params, "tpm"), &tpm) && tpm > 0 &&
	    tpm < UINT32_MAX)
		b->e.tpm = (uint32_t)tpm;
	return b->params->kind == YAML_MAP && b->e.model_name != NULL &&
	    entry_is_name(b->e.model_name, 512);
}

static void
entry_build_item(struct load *x, const struct yaml_node *node, unsigned i)
{
	const struct yaml_node *org;
	struct entry b = { .x = x, .node = node };
	unsigned k;

	xasprintf(&b.path, "model_list[%u]", i);
	xasprintf(&b.params_path, "model_list[%u].litellm_params", i);
	if (entry_read(&b)) {
		org = yaml_get(b.params, "organization");
		if (!yaml_is_null(org) && org->kind == YAML_LIST &&
		    org->n != 0)
			for (k = 0; k < org->n; k++) {
				b.organization = org->items[k]->text;
				entry_build(&b);
			}
		else {
			if (!yaml_is_null(org) && org->kind == YAML_TEXT)
				b.organization = org->text;
			entry_build(&b);
		}
	}
	free(b.path);
	free(b.params_path);
}

void
entry_build_all(struct load *x)
{
	const struct yaml_node *list = yaml_get(x->root, "model_list");
	unsigned i;

	if (yaml_is_null(list))
		return;
	if (list->kind != YAML_LIST) {
		remark_add(x->r, CONF_ERROR, &list->at, "model_list",
		    "write - model_name: NAME below it",
		    "model_list must be a list, not %s",
		    yaml_kind_name(list));
		return;
	}
	for (i = 0; i < list->n; i++)
		entry_build_item(x, list->items[i], i);
}
