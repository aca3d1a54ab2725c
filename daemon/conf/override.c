/* SPDX-License-Identifier: ISC */
/*
 * A target is found in this order: a model's name (its tiers are copied), a
 * deployment's label, a label whose backend is known: then a deployment is
 * made from one that lives there, with its credential and parameters.
 */
#include "conf/override.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/xmalloc.h"
#include "conf/entry.h"

/* At most this many candidates are listed. */
#define OVERRIDE_CANDIDATES	20

struct override_target {
	const struct route	*route;		/* a model, or */
	const struct deploy	*deploy;	/* a deployment, or */
	const struct deploy	*like;		/* one to be made like this */
	struct span		 upstream;	/* ... with this model */
};

static void
override_list(struct buf *b, const char *s)
{
	if (b->n != 0)
		buf_lit(b, ", ");
	buf_addz(b, s);
}

/* Names that could have been meant: backends, or labels and models. */
static char *
override_candidates(const struct conf *c, const char *model, bool backends)
{
	struct buf b = { 0 };
	const struct route *r;
	unsigned i, k, n = 0;

	for (i = 0; backends && i < c->nbackends &&
	    n < OVERRIDE_CANDIDATES; i++, n++)
		override_list(&b, c->backends[i]->name);
	for (i = 0; !backends && i < c->ndeploys &&
	    n < OVERRIDE_CANDIDATES; i++) {
		if (c->deploys[i]->use != DEPLOY_OK)
			continue;
		for (k = 0; k < i; k++)
			if (c->deploys[k]->use == DEPLOY_OK &&
			    strcmp(c->deploys[k]->label,
			    c->deploys[i]->label) == 0)
				break;
		if (k == i) {
			override_list(&b, c->deploys[i]->label);
			n++;
		}
	}
	for (i = 0; !backends && n < OVERRIDE_CANDIDATES &&
	    (r = route_table_at(c->routes, i)) != NULL; i++)
		if (r->ntiers != 0 && strcmp(r->model, model) != 0) {
			override_list(&b, r->model);
			n++;
		}
	if (b.n == 0)
		return NULL;
	buf_pad(&b);
	return b.p;
}

/* The best deployment with this label: one of the model itself, else any
 * that can be used. */
static const struct deploy *
override_by_label(const struct conf *c, const char *model, const char *label)
{
	const struct deploy *best = NULL, *d;
	unsigned i;

	for (i = 0; i < c->ndeploys; i++) {
		d = c->deploys[i];
		if (strcmp(d->label, label) != 0)
			continue;
		if (best == NULL || (best->use != DEPLOY_OK &&
		    d->use == DEPLOY_OK) || (d->use == DEPLOY_OK &&
		    strcmp(d->model, model) == 0 &&
		    strcmp(best->model, model) != 0))
			best = d;
	}
	return best;
}

/* One on that backend to be made alike. */
static const struct deploy *
override_by_backend(const struct conf *c, const char *model,
    const char *backend, bool *known)
{
	const struct deploy *best = NULL, *d;
	unsigned i;

	*known = false;
	for (i = 0; i < c->ndeploys; i++) {
		d = c->deploys[i];
		if (d->backend == NULL ||
		    strcmp(d->backend->name, backend) != 0)
			continue;
		*known = true;
		if (d->use == DEPLOY_OK && (best == NULL ||
		    (strcmp(best->model, model) != 0 &&
		    strcmp(d->model, model) == 0)))
			best = d;
	}
	return best;
}

static int
override_find(const struct conf *c, const char *model, const char *target,
    struct override_target *t, char **cause, char **candidates)
{
	const struct route *r;
	const char *at;
	bool known;
	unsigned i;

	memset(t, 0, sizeof(*t));
	*candidates = NULL;
	for (i = 0; (r = route_table_at(c->routes, i)) != NULL; i++)
		if (strcmp(r->model, target) == 0 &&
		    strcmp(target, model) != 0)
			break;
	if (r != NULL && r->ntiers != 0) {
		t->route = r;
		return 0;
	}
	if (r != NULL) {
		xasprintf(cause, "model '%s' has no deployment that can be "
		    "used", target);
		return -1;
	}
	t->deploy = override_by_label(c, model, target);
	if (t->deploy != NULL && t->deploy->use == DEPLOY_OK)
		return 0;
	if (t->deploy != NULL) {
		xasprintf(cause, "%s cannot be used: %s", target,
		    t->deploy->why);
		return -1;
	}
	at = strrchr(target, '@');
	if (at == NULL || at == target || at[1] == '\0') {
		xasprintf(cause, "'%s' is no model, and not in the form "
		    "UPSTREAM@BACKEND", target);
		*candidates = override_candidates(c, model, false);
		return -1;
	}
	t->upstream = (struct span){ target, (size_t)(at - target) };
	t->like = override_by_backend(c, model, at + 1, &known);
	if (t->like != NULL)
		return 0;
	if (known) {
		xasprintf(cause, "backend '%s' has no deployment that can be "
		    "used", at + 1);
		return -1;
	}
	xasprintf(cause, "unknown backend '%s'", at + 1);
	*candidates = override_candidates(c, model, true);
	return -1;
}

static const struct deploy *
override_make(struct load *x, const char *model,
    const struct override_target *t)
{
	struct arena *a = &x->c->arena;
	struct deploy *d = arena_alloc(a, sizeof(*d));
	uint64_t h;

	*d = *t->like;
	d->model = arena_strn(a, model, strlen(model));
	d->upstream = arena_strn(a, t->upstream.p, t->upstream.n);
	d->label = arena_printf(a, "%s@%s", d->upstream, d->backend->name);
	d->name_id = conf_names_add(x->world->names, d->label);
	h = hash_stable("runtime", 8, 0);
	h = hash_stable(model, strlen(model) + 1, h);
	h = hash_stable(d->label, strlen(d->label) + 1, h);
	d->id = arena_printf(a, "%016llx", (unsigned long long)h);
	d->weight = 1;
	d->order = 0;
	d->line = d->model_line = 0;
	d->created = 0;
	entry_append(x, d);
	return d;
}

struct override_tiers {
	const struct deploy	***v;
	unsigned		 *n;
	unsigned		  ntiers;
};

static void
override_tiers_add(struct override_tiers *t, const struct deploy **v,
    unsigned n)
{
	t->v = xreallocarray(t->v, t->ntiers + 1, sizeof(*t->v));
	t->n = xreallocarray(t->n, t->ntiers + 1, sizeof(*t->n));
	t->v[t->ntiers] = xreallocarray(NULL, n, sizeof(**t->v));
	memcpy(t->v[t->ntiers], v, n * sizeof(*v));
	t->n[t->ntiers++] = n;
}

static void
override_tiers_fini(struct override_tiers *t)
{
	unsigned i;

	for (i = 0; i < t->ntiers; i++)
		free(t->v[i]);
	free(t->v);
	free(t->n);
}

static void
override_left_out(struct load *x, const struct conf_override *o,
    const char *cause)
{
	remark_add(x->r, CONF_WARNING, &x->at, NULL, NULL,
	    "the runtime route of '%s' is dropped: %s", o->model, cause);
}

static void
override_keep(struct load *x, const struct conf_override *o)
{
	struct conf *c = x->c;
	struct conf_override *k;
	unsigned i;

	c->overrides = xreallocarray(c->overrides, c->noverrides + 1,
	    sizeof(*c->overrides));
	k = &c->overrides[c->noverrides++];
	k->model = arena_strn(&c->arena, o->model, strlen(o->model));
	k->targets = arena_alloc(&c->arena, (o->n + 1) * sizeof(*k->targets));
	k->n = o->n;
	for (i = 0; i < o->n; i++)
		k->targets[i] = arena_strn(&c->arena, o->targets[i],
		    strlen(o->targets[i]));
}

static void
override_apply(struct load *x, const struct conf_override *o)
{
	struct override_tiers tiers = { 0 };
	struct override_target t;
	struct route *r = route_table_get(x->c->routes, o->model);
	const struct deploy *d;
	char *cause, *candidates;
	unsigned i, k;
	bool ok = r != NULL && o->n != 0;

	if (!ok)
		override_left_out(x, o, "the model is gone");
	for (i = 0; ok && i < o->n; i++) {
		if (override_find(x->c, o->model, o->targets[i], &t, &cause,
		    &candidates) != 0) {
			override_left_out(x, o, cause);
			free(cause);
			free(candidates);
			ok = false;
		} else if (t.route != NULL) {
			for (k = 0; k < t.route->ntiers; k++)
				override_tiers_add(&tiers,
				    t.route->tiers[k].deploys,
				    t.route->tiers[k].n);
		} else {
			d = t.deploy != NULL ? t.deploy :
			    override_make(x, o->model, &t);
			override_tiers_add(&tiers, &d, 1);
		}
	}
	if (ok) {
		route_table_override(x->c->routes, r, tiers.v, tiers.n,
		    tiers.ntiers);
		override_keep(x, o);
	}
	override_tiers_fini(&tiers);
}

void
override_apply_all(struct load *x, const struct conf_override *ov, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		override_apply(x, &ov[i]);
}

int
override_check(const struct conf *c, const char *model, const char *target,
    char **cause, char **candidates)
{
	struct override_target t;
	const char *near[3];
	struct buf b = { 0 };
	unsigned i, n;

	*cause = *candidates = NULL;
	if (route_table_get(c->routes, model) != NULL)
		return override_find(c, model, target, &t, cause, candidates);
	xasprintf(cause, "unknown model '%s'", model);
	n = route_table_similar(c->routes, span_z(model), near);
	for (i = 0; i < n; i++)
		override_list(&b, near[i]);
	if (b.n != 0) {
		buf_pad(&b);
		*candidates = b.p;
	}
	return -1;
}
