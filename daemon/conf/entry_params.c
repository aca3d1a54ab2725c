/* SPDX-License-Identifier: ISC */
/* Defaults of the body: entry_set_params. */
#include "conf/entry_parts.h"

#include <stdlib.h>

#include "base/jscan.h"
#include "base/xmalloc.h"

/* Sets one default, the later one wins. */
static void
entry_put_param(struct entry *b, const char *name, const struct buf *json)
{
	struct arena *a = &b->x->c->arena;
	struct deploy *d = b->d;
	struct deploy_param *p;
	unsigned i;
	char *copy;

	for (i = 0; i < d->nparams; i++)
		if (strcmp(d->params[i].name, name) == 0)
			break;
	p = &d->params[i];
	if (i == d->nparams)
		d->nparams++;
	/* Readable behind its end, as jscan asks for. */
	copy = arena_zalloc(a, json->n + JSCAN_PAD);
	memcpy(copy, json->p, json->n);
	p->name = arena_strn(a, name, strlen(name));
	p->json = (struct span){ copy, json->n };
}

static void
entry_add_param(struct entry *b, const struct schema_row *row,
    const struct yaml_pair *p, const char *path)
{
	struct buf json = { 0 };

	if (yaml_is_null(p->value))
		return;
	buf_need(&json, 1);
	if (schema_json(&b->x->schema, row, p, path, &json))
		entry_put_param(b, p->key, &json);
	buf_fini(&json);
}

/* Members of extra_body that would replace the request itself. */
static bool
entry_is_request(const char *key)
{
	return strcmp(key, "model") == 0 || strcmp(key, "messages") == 0 ||
	    strcmp(key, "stream") == 0;
}

void
entry_set_params(struct entry *b)
{
	const struct yaml_node *extra = yaml_get(b->params, "extra_body");
	const struct schema_row *row;
	const struct yaml_pair *p;
	unsigned i, n;
	double v;

	if (extra != NULL && extra->kind != YAML_MAP)
		extra = NULL;
	n = b->params->n + (extra != NULL ? extra->n : 0);
	b->d->params = arena_zalloc(&b->x->c->arena,
	    (n + 1) * sizeof(*b->d->params));
	for (i = 0; i < b->params->n; i++) {
		p = &b->params->pairs[i];
		row = schema_find(SCHEMA_PARAMS, p->key);
		if (row != NULL ? row->effect == SCHEMA_BODY :
		    schema_forwards(p->key))
			entry_add_param(b, row, p, b->params_path);
	}
	for (i = 0; extra != NULL && i < extra->n; i++) {
		p = &extra->pairs[i];
		if (entry_is_request(p->key))
			remark_add(b->x->r, CONF_WARNING, &p->at,
			    b->params_path, NULL,
			    "'%s' in extra_body is the request's own: "
			    "ignored", p->key);
		else
			entry_add_param(b, NULL, p, b->params_path);
	}
	if (yaml_number(yaml_get(b->params, "max_tokens"), &v) && v > 0 &&
	    v <= INT32_MAX)
		b->d->max_tokens = (int)v;
	if (b->e.max_input_tokens == 0 &&
	    yaml_number(yaml_get(b->params, "num_ctx"), &v) && v > 0 &&
	    v <= UINT32_MAX)
		b->e.max_input_tokens = (uint32_t)v;
}
