/* SPDX-License-Identifier: ISC */
/*
 * A load runs all its steps even after an error, so that everything wrong is
 * said at once; only a file that is no YAML ends it early.
 */
#include "conf/conf.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/map.h"
#include "base/xmalloc.h"
#include "conf/backend.h"
#include "conf/entry.h"
#include "conf/override.h"
#include "conf/policy.h"
#include "conf/settings.h"

/*
 * Weights of one model: where somebody gave a weight, those without count 1;
 * else rpm (or tpm) is the weight, and one without a limit counts as the
 * largest.  Weight 0 is only for when the others have failed.
 */
static void
conf_weigh(struct load *x, const struct route *r)
{
	double most = 0, w;
	bool given = false, by_rpm = false;
	unsigned i, k;

	for (i = 0; i < r->nall; i++) {
		k = r->all[i]->index;
		given |= x->weights[k] >= 0;
		by_rpm |= r->all[i]->rpm != 0;
	}
	for (i = 0; i < r->nall; i++) {
		k = r->all[i]->index;
		w = by_rpm ? r->all[i]->rpm : x->tpms[k];
		most = w > most ? w : most;
	}
	for (i = 0; i < r->nall; i++) {
		k = r->all[i]->index;
		if (given)
			w = x->weights[k] < 0 ? 1 : x->weights[k];
		else
			w = by_rpm ? r->all[i]->rpm : x->tpms[k];
		if (!given && w <= 0)
			w = most > 0 ? most : 1;
		x->c->deploys[k]->weight = w > 0 ? w : 1e-9;
	}
}

static uint16_t
conf_number(void *arg, const char *model)
{
	return conf_names_add(arg, model);
}

/* Models that only stand for another one get its tiers. */
static void
conf_alias_routes(struct load *x)
{
	struct conf *c = x->c;
	struct route *r, *to;
	unsigned i;

	for (i = 0; i < c->ndeploys; i++) {
		if (x->aliases[i] == NULL)
			continue;
		r = route_table_get(c->routes, c->deploys[i]->model);
		to = route_table_get(c->routes, x->aliases[i]);
		if (r->ntiers == 0 && to != NULL && to->ntiers != 0)
			route_table_alias(c->routes, r, to);
	}
}

static void
conf_build_routes(struct load *x, const struct conf_override *ov, unsigned n)
{
	struct conf *c = x->c;
	const struct route *r;
	unsigned i;

	c->routes = route_table_new();
	for (i = 0; i < c->ndeploys; i++)
		route_table_add(c->routes, c->deploys[i]);
	for (i = 0; (r = route_table_at(c->routes, i)) != NULL; i++)
		conf_weigh(x, r);
	route_table_seal(c->routes);
	route_table_number(c->routes, conf_number, x->world->names);
	conf_alias_routes(x);
	override_apply_all(x, ov, n);
}

static void
conf_warn_unusable(struct load *x)
{
	struct conf *c = x->c;
	unsigned i;

	for (i = 0; i < c->ndeploys; i++)
		if (c->deploys[i]->use == DEPLOY_OK)
			return;
	if (x->r->errors != 0)
		return;
	remark_add(x->r, CONF_WARNING, &x->at, "model_list",
	    c->ndeploys == 0 ? "add an entry to model_list" :
	    "see the reasons of each", c->ndeploys == 0 ?
	    "there is no model: every request will be refused" :
	    "no model can be used: every request will be refused");
}

/* Everything from texts to a snapshot; NULL after an error. */
static struct conf *
conf_build(struct conf_world *w, const struct conf_options *o,
    struct source_set *sources, const struct conf_override *ov, unsigned nov,
    struct conf_remarks *r)
{
	struct load x = { .world = w, .o = o, .r = r, .sources = sources };
	struct conf *c = xcalloc(1, sizeof(*c));
	bool ok;

	c->sources = sources;
	x.c = c;
	x.schema = (struct schema_ctx){ .remarks = r, .arena = &c->arena,
	    .to = { NULL, c, &x.extra, NULL } };
	x.env = map_new();
	x.unset = map_new();
	x.ids = map_new();
	x.backends = map_new();
	if (o->path != NULL)
		c->path = arena_strn(&c->arena, o->path, strlen(o->path));
	if (load_tree(&x)) {
		settings_apply(&x);
		entry_build_all(&x);
		backend_name_all(&x);
		conf_build_routes(&x, ov, nov);
		policy_set_key(&x);
		policy_check(&x);
		conf_warn_unusable(&x);
	}
	ok = r->errors == 0 && x.root != NULL;
	remark_sort(r);
	map_free(x.env);
	map_free(x.unset);
	map_free(x.ids);
	map_free(x.backends);
	free(x.weights);
	free(x.tpms);
	free(x.aliases);
	arena_fini(&x.nodes);
	if (!ok) {
		conf_free(w, c);
		return NULL;
	}
	c->remarks = *r;
	memset(r, 0, sizeof(*r));
	return c;
}

struct conf *
conf_load(struct conf_world *w, const struct conf_options *o,
    const struct conf_override *ov, unsigned nov,
    struct conf_remarks *remarks)
{
	return conf_build(w, o, source_set_new(), ov, nov, remarks);
}

struct conf *
conf_again(struct conf_world *w, const struct conf *base,
    const struct conf_options *o, const struct conf_override *ov,
    unsigned nov, struct conf_remarks *remarks)
{
	struct conf *c;

	base->sources->closed = true;
	c = conf_build(w, o, source_set_ref(base->sources), ov, nov, remarks);
	if (c != NULL)
		c->loaded_ns = base->loaded_ns;
	return c;
}

struct conf *
conf_load_text(struct conf_world *w, const struct conf_options *o,
    struct span text, struct conf_remarks *remarks)
{
	struct source_set *s = source_set_new();

	source_add(s, o->path, text);
	s->closed = true;
	return conf_build(w, o, s, NULL, 0, remarks);
}

void
conf_free(struct conf_world *w, struct conf *c)
{
	struct deploy *d;
	unsigned i;

	if (c == NULL)
		return;
	route_table_free(c->routes);
	for (i = 0; i < c->ndeploys; i++) {
		d = c->deploys[i];
		if (atomic_fetch_sub(&d->state->refs, 1) != 1)
			continue;
		map_del(w->states, span_z(d->id));
		free(d->state);
	}
	key_table_fini(&c->keys);
	free(c->deploys);
	free(c->backends);
	free(c->overrides);
	remark_fini(&c->remarks);
	source_set_unref(c->sources);
	arena_fini(&c->arena);
	free(c);
}

void
conf_remarks_fini(struct conf_remarks *r)
{
	remark_fini(r);
}

char *
conf_remarks_text(const struct conf_remarks *r, bool all)
{
	return remark_text(r, all);
}

int
conf_override_check(const struct conf *c, const char *model,
    const char *target, char **cause, char **candidates)
{
	return override_check(c, model, target, cause, candidates);
}

char *
conf_find(const struct conf_env *e)
{
	const char *v;
	char *path;

	if ((v = conf_env_get(e, "CONFIG_FILE_PATH")) != NULL && *v != '\0')
		return xstrdup(v);
	if (access("config.yaml", F_OK) == 0)
		return xstrdup("config.yaml");
	if ((v = conf_env_get(e, "XDG_CONFIG_HOME")) != NULL && *v == '/')
		xasprintf(&path, "%s/llmd/config.yaml", v);
	else if ((v = conf_env_get(e, "HOME")) != NULL && *v == '/')
		xasprintf(&path, "%s/.config/llmd/config.yaml", v);
	else
		path = NULL;
	if (path != NULL && access(path, F_OK) == 0)
		return path;
	free(path);
	if (access("/etc/llmd/config.yaml", F_OK) == 0)
		return xstrdup("/etc/llmd/config.yaml");
	return NULL;
}
