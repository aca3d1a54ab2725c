/* SPDX-License-Identifier: ISC */
#include "conf/backend.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/xmalloc.h"

/* From the shortest name to one that tells everything. */
enum backend_level {
	BACKEND_SHORT,		/* the provider's, or the first label */
	BACKEND_HOST,
	BACKEND_PORT,
	BACKEND_SCHEME,
	BACKEND_NUMBER
};

struct backend_naming {
	enum backend_level	 level;
	char			*name;
};

static bool
backend_same_host(const char *a, const char *b)
{
	return strcmp(a, b) == 0 || (url_is_self(a) && url_is_self(b));
}

/* The provider's name if u is where it lives by default, or NULL. */
static const char *
backend_provider_name(struct load *x, const struct url *u,
    const struct provider *p)
{
	struct url def;

	if (u->port == 11434 && url_is_self(u->host))
		return "ollama";
	if (p == NULL || p->base == NULL ||
	    url_parse(p->base, &x->nodes, &def) != NULL ||
	    def.tls != u->tls || def.port != u->port ||
	    !backend_same_host(def.host, u->host))
		return NULL;
	if (strcmp(p->name, "text-completion-openai") == 0)
		return "openai";
	return p->name;
}

static struct backend *
backend_new(struct load *x, const struct url *u, bool verify, const char *ca)
{
	struct conf *c = x->c;
	struct backend *b = arena_zalloc(&c->arena, sizeof(*b));

	b->tls = u->tls;
	b->tls_verify = verify;
	if (ca != NULL)
		b->tls_ca = arena_strn(&c->arena, ca, strlen(ca));
	b->host = arena_strn(&c->arena, u->host, strlen(u->host));
	b->port = u->port;
	b->authority = arena_strn(&c->arena, u->authority,
	    strlen(u->authority));
	b->index = c->nbackends;
	c->backends = xreallocarray(c->backends, c->nbackends + 1,
	    sizeof(*c->backends));
	c->backends[c->nbackends++] = b;
	return b;
}

struct backend *
backend_get(struct load *x, const struct url *u, bool verify, const char *ca,
    const struct provider *p)
{
	const char *name, *host;
	struct backend *b;
	struct span key;

	host = url_is_self(u->host) ? "localhost" : u->host;
	key = span_z(u->tls ?
	    arena_printf(&x->nodes, "s %s %u %d %s", host, u->port, verify,
	    ca != NULL ? ca : "") :
	    arena_printf(&x->nodes, "p %s %u", host, u->port));
	if ((b = map_get(x->backends, key)) == NULL) {
		b = backend_new(x, u, verify, ca);
		map_put(x->backends, key, b);
	}
	name = backend_provider_name(x, u, p);
	if (name != NULL && b->name == NULL)
		b->name = arena_strn(&x->c->arena, name, strlen(name));
	return b;
}

static char *
backend_name(struct load *x, const struct backend *b, enum backend_level l)
{
	struct arena *a = &x->c->arena;
	bool six = strchr(b->host, ':') != NULL;
	const char *host = url_is_self(b->host) ? "localhost" : b->host;
	const char *open = "", *close = "";

	if (six && host == b->host) {
		open = "[";
		close = "]";
	}
	switch (l) {
	case BACKEND_SHORT:
		if (b->name != NULL)
			return b->name;
		if (url_is_literal(host))
			return arena_strn(a, host, strlen(host));
		return arena_strn(a, host, strcspn(host, "."));
	case BACKEND_HOST:
		return arena_strn(a, host, strlen(host));
	case BACKEND_PORT:
		return arena_printf(a, "%s%s%s:%u", open, host, close,
		    b->port);
	case BACKEND_SCHEME:
		return arena_printf(a, "http%s://%s%s%s:%u",
		    b->tls ? "s" : "", open, host, close, b->port);
	case BACKEND_NUMBER:
		break;
	}
	return arena_printf(a, "%s%s%s:%u#%u", open, host, close, b->port,
	    b->index + 1);
}

/* Backends that have one name in a round. */
struct backend_group {
	unsigned	n;
	unsigned	owner;		/* index + 1 of one by right, or 0 */
};

static bool
backend_by_right(const struct conf *c, const struct backend_naming *v,
    unsigned i)
{
	return v[i].level == BACKEND_SHORT && c->backends[i]->name != NULL;
}

/*
 * One round: names that two share get longer, but for the first that is a
 * provider's by right.  True if something changed.
 */
static bool
backend_separate(struct load *x, struct backend_naming *v)
{
	struct conf *c = x->c;
	struct backend_group *groups, *g;
	struct map *names = map_new();
	bool changed = false;
	unsigned i;

	groups = xcalloc(c->nbackends + 1, sizeof(*groups));
	for (i = 0; i < c->nbackends; i++) {
		g = map_get(names, span_z(v[i].name));
		if (g == NULL) {
			g = &groups[i];
			map_put(names, span_z(v[i].name), g);
		}
		g->n++;
		if (g->owner == 0 && backend_by_right(c, v, i))
			g->owner = i + 1;
	}
	for (i = 0; i < c->nbackends; i++) {
		g = map_get(names, span_z(v[i].name));
		if (g->n == 1 || g->owner == i + 1 ||
		    v[i].level == BACKEND_NUMBER)
			continue;
		v[i].level++;
		v[i].name = backend_name(x, c->backends[i], v[i].level);
		changed = true;
	}
	free(groups);
	map_free(names);
	return changed;
}

void
backend_name_all(struct load *x)
{
	struct conf *c = x->c;
	struct backend_naming *v;
	struct deploy *d;
	unsigned i;

	v = xcalloc(c->nbackends + 1, sizeof(*v));
	for (i = 0; i < c->nbackends; i++)
		v[i].name = backend_name(x, c->backends[i], BACKEND_SHORT);
	while (backend_separate(x, v))
		;
	for (i = 0; i < c->nbackends; i++)
		c->backends[i]->name = v[i].name;
	free(v);
	for (i = 0; i < c->ndeploys; i++) {
		d = c->deploys[i];
		if (d->backend == NULL && strcmp(d->provider, "-") == 0)
			d->label = d->upstream;
		else
			d->label = arena_printf(&c->arena, "%s@%s",
			    d->upstream, d->backend != NULL ?
			    d->backend->name : d->provider);
		d->name_id = conf_names_add(x->world->names, d->label);
	}
}
