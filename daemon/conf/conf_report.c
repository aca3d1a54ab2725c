/* SPDX-License-Identifier: ISC */
/* What a snapshot looks like from outside: check, diff, summary. */
#include "conf/conf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <json-c/json.h>

#include "base/map.h"
#include "dialect/conv.h"

static struct json_object *
conf_json_text(const char *s)
{
	return s != NULL ? json_object_new_string(s) : NULL;
}

static const char *
conf_use_name(enum deploy_use use)
{
	switch (use) {
	case DEPLOY_OK:
		break;
	case DEPLOY_NO_KEY:
		return "no key";
	case DEPLOY_NOT_YET:
		return "not yet";
	case DEPLOY_SKIPPED:
		return "skipped";
	}
	return "ok";
}

static const char *
conf_dialect_name(const struct deploy *d)
{
	if (d->dialect == NULL)
		return NULL;
	return d->dialect == &dialect_ollama ? "ollama" : "openai";
}

static struct json_object *
conf_deploy_json(const struct deploy *d)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "name", conf_json_text(d->model));
	json_object_object_add(o, "provider", strcmp(d->provider, "-") == 0 ?
	    NULL : conf_json_text(d->provider));
	json_object_object_add(o, "upstream", strcmp(d->upstream, "-") == 0 ?
	    NULL : conf_json_text(d->upstream));
	json_object_object_add(o, "api_base",
	    conf_json_text(d->own_base ? d->base_url : NULL));
	json_object_object_add(o, "base_used", conf_json_text(d->base_url));
	json_object_object_add(o, "dialect",
	    conf_json_text(conf_dialect_name(d)));
	json_object_object_add(o, "label", conf_json_text(d->label));
	json_object_object_add(o, "id", conf_json_text(d->id));
	json_object_object_add(o, "state",
	    conf_json_text(conf_use_name(d->use)));
	json_object_object_add(o, "reason", conf_json_text(d->why));
	json_object_object_add(o, "hint", conf_json_text(d->hint));
	json_object_object_add(o, "file", conf_json_text(d->file));
	json_object_object_add(o, "line", json_object_new_int64(d->line));
	return o;
}

static struct json_object *
conf_remark_json(const struct conf_remark *m)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "file", conf_json_text(m->file));
	json_object_object_add(o, "line", json_object_new_int64(m->line));
	json_object_object_add(o, "column",
	    json_object_new_int64(m->line != 0 ? m->column : 0));
	json_object_object_add(o, "width", json_object_new_int64(m->width));
	json_object_object_add(o, "key", conf_json_text(m->key));
	json_object_object_add(o, "text", conf_json_text(m->text));
	json_object_object_add(o, "hint", conf_json_text(m->hint));
	json_object_object_add(o, "source", conf_json_text(m->source));
	json_object_object_add(o, "more", json_object_new_int64(m->more));
	return o;
}

static unsigned
conf_count_models(const struct conf *c)
{
	unsigned n = 0;

	while (route_table_at(c->routes, n) != NULL)
		n++;
	return n;
}

struct json_object *
conf_check_json(const struct conf *c, const struct conf_remarks *r)
{
	struct json_object *o = json_object_new_object();
	struct json_object *deploys = json_object_new_array();
	struct json_object *skipped = json_object_new_array();
	struct json_object *errors = json_object_new_array();
	struct json_object *warnings = json_object_new_array();
	unsigned i;

	if (c != NULL)
		r = &c->remarks;
	for (i = 0; c != NULL && i < c->ndeploys; i++) {
		json_object_array_add(deploys,
		    conf_deploy_json(c->deploys[i]));
		if (c->deploys[i]->use == DEPLOY_SKIPPED)
			json_object_array_add(skipped,
			    conf_deploy_json(c->deploys[i]));
	}
	for (i = 0; i < r->n; i++)
		json_object_array_add(r->v[i].level == CONF_ERROR ? errors :
		    warnings, conf_remark_json(&r->v[i]));
	json_object_object_add(o, "schema", conf_json_text("config.check/1"));
	json_object_object_add(o, "ok", json_object_new_boolean(c != NULL));
	json_object_object_add(o, "file",
	    conf_json_text(c != NULL ? c->path :
	    r->n != 0 ? r->v[0].file : NULL));
	json_object_object_add(o, "models", json_object_new_int64(
	    c != NULL ? conf_count_models(c) : 0));
	json_object_object_add(o, "deployments", deploys);
	json_object_object_add(o, "skipped", skipped);
	json_object_object_add(o, "errors", errors);
	json_object_object_add(o, "warnings", warnings);
	return o;
}

/* The targets of a route, tiers separated by " | "; free it. */
static char *
conf_route_text(const struct route *r)
{
	struct buf b = { 0 };
	unsigned i, k;

	buf_need(&b, 1);
	for (i = 0; i < r->ntiers; i++)
		for (k = 0; k < r->tiers[i].n; k++) {
			if (k != 0)
				buf_lit(&b, ", ");
			else if (i != 0)
				buf_lit(&b, " | ");
			buf_addz(&b, r->tiers[i].deploys[k]->label);
			if (r->tiers[i].n > 1)
				buf_addf(&b, " %.0f%%", 100 *
				    r->tiers[i].deploys[k]->weight /
				    r->tiers[i].total);
		}
	if (r->ntiers == 0 && r->nall != 0)
		buf_addf(&b, "%s (%s)", r->all[0]->label,
		    conf_use_name(r->all[0]->use));
	buf_pad(&b);
	return b.p;
}

static void conf_diff_add(struct json_object *, const char *, ...)
    __attribute__((format(printf, 2, 3)));

static void
conf_diff_add(struct json_object *list, const char *fmt, ...)
{
	va_list ap;
	char *line;

	va_start(ap, fmt);
	if (vasprintf(&line, fmt, ap) == -1)
		fmt = line = NULL;
	va_end(ap);
	if (line != NULL)
		json_object_array_add(list, json_object_new_string(line));
	free(line);
}

static void
conf_diff_route(struct json_object *list, const struct route *a,
    const struct route *b)
{
	char *from = a != NULL ? conf_route_text(a) : NULL;
	char *to = b != NULL ? conf_route_text(b) : NULL;
	const struct deploy *at = b != NULL ? b->all[0] : a->all[0];

	if (a == NULL)
		conf_diff_add(list, "+ model %s  %s  %s:%u", b->model, to,
		    at->file, at->line);
	else if (b == NULL)
		conf_diff_add(list, "- model %s  %s  %s:%u (was)", a->model,
		    from, at->file, at->line);
	else if (strcmp(from, to) != 0)
		conf_diff_add(list, "~ model %s  %s -> %s  %s:%u", b->model,
		    from, to, at->file, at->line);
	free(from);
	free(to);
}

static void
conf_diff_routes(struct json_object *list, const struct conf *a,
    const struct conf *b)
{
	const struct route *r;
	unsigned i;

	for (i = 0; (r = route_table_at(b->routes, i)) != NULL; i++)
		conf_diff_route(list, route_table_get(a->routes, r->model),
		    r);
	for (i = 0; (r = route_table_at(a->routes, i)) != NULL; i++)
		if (route_table_get(b->routes, r->model) == NULL)
			conf_diff_route(list, r, NULL);
}

static bool
conf_has_backend(const struct conf *c, const struct backend *b)
{
	unsigned i;

	for (i = 0; i < c->nbackends; i++)
		if (strcmp(c->backends[i]->name, b->name) == 0 &&
		    strcmp(c->backends[i]->authority, b->authority) == 0 &&
		    c->backends[i]->tls == b->tls)
			return true;
	return false;
}

static void
conf_diff_backends(struct json_object *list, const struct conf *a,
    const struct conf *b, char sign)
{
	unsigned i;

	for (i = 0; i < b->nbackends; i++)
		if (!conf_has_backend(a, b->backends[i]))
			conf_diff_add(list, "%c backend %s  http%s://%s", sign,
			    b->backends[i]->name,
			    b->backends[i]->tls ? "s" : "",
			    b->backends[i]->authority);
}

/* Deployments of the same id that say something else than their route. */
static void
conf_diff_deploys(struct json_object *list, const struct conf *a,
    const struct conf *b)
{
	const struct deploy *d, *old;
	struct map *ids = map_new();
	unsigned i;

	for (i = 0; i < a->ndeploys; i++)
		map_put(ids, span_z(a->deploys[i]->id), a->deploys[i]);
	for (i = 0; i < b->ndeploys; i++) {
		d = b->deploys[i];
		if ((old = map_get(ids, span_z(d->id))) == NULL)
			continue;
		if (d->rpm != old->rpm)
			conf_diff_add(list, "~ limit %s  rpm %u -> %u  %s:%u",
			    d->label, old->rpm, d->rpm, d->file, d->line);
		if (d->timeout_ms != old->timeout_ms)
			conf_diff_add(list,
			    "~ timeout %s  %g s -> %g s  %s:%u", d->label,
			    old->timeout_ms / 1000., d->timeout_ms / 1000.,
			    d->file, d->line);
		if (d->headers != NULL && old->headers != NULL &&
		    strcmp(d->headers, old->headers) != 0)
			conf_diff_add(list, "~ headers %s  key or headers "
			    "changed  %s:%u", d->label, d->file, d->line);
	}
	map_free(ids);
}

static void
conf_diff_number(struct json_object *list, const char *name, uint64_t a,
    uint64_t b)
{
	if (a != b)
		conf_diff_add(list, "~ setting %s  %llu -> %llu", name,
		    (unsigned long long)a, (unsigned long long)b);
}

static void
conf_diff_settings(struct json_object *list, const struct conf *a,
    const struct conf *b)
{
	const struct conf_limits *x = &a->limits, *y = &b->limits;

	conf_diff_number(list, "rpm", a->rpm, b->rpm);
	conf_diff_number(list, "drop_params", a->drop_params, b->drop_params);
	conf_diff_number(list, "json_logs", a->json_logs, b->json_logs);
	conf_diff_number(list, "request timeout ms", x->total_ms,
	    y->total_ms);
	conf_diff_number(list, "first_event_timeout_ms", x->first_event_ms,
	    y->first_event_ms);
	conf_diff_number(list, "gap_timeout_ms", x->gap_ms, y->gap_ms);
	conf_diff_number(list, "connect_timeout_ms", x->connect_ms,
	    y->connect_ms);
	conf_diff_number(list, "body_max_bytes", x->body_max, y->body_max);
	if (memcmp(x, y, sizeof(*x)) != 0 && x->total_ms == y->total_ms &&
	    x->first_event_ms == y->first_event_ms &&
	    x->gap_ms == y->gap_ms && x->connect_ms == y->connect_ms &&
	    x->body_max == y->body_max)
		conf_diff_add(list, "~ setting limits of llmd_settings");
	if (a->keys.n != b->keys.n || (a->keys.n != 0 &&
	    memcmp(a->keys.rows[0].hash, b->keys.rows[0].hash,
	    KEY_HASH_LEN) != 0))
		conf_diff_add(list, "~ master key %s", b->keys.n == 0 ?
		    "removed: no key is needed" : a->keys.n == 0 ?
		    "set: a key is needed" : "changed");
}

struct json_object *
conf_diff_json(const struct conf *a, const struct conf *b)
{
	struct json_object *list = json_object_new_array();

	conf_diff_routes(list, a, b);
	conf_diff_backends(list, a, b, '+');
	conf_diff_backends(list, b, a, '-');
	conf_diff_deploys(list, a, b);
	conf_diff_settings(list, a, b);
	return list;
}

/* Appends ", N WHAT (model: reason; ...)" for the models of which nothing
 * can be used and whose first deployment stands so. */
static void
conf_summary_part(struct buf *b, const struct conf *c, enum deploy_use use,
    const char *what)
{
	const struct route *r;
	unsigned i, n = 0;

	for (i = 0; (r = route_table_at(c->routes, i)) != NULL; i++)
		n += r->ntiers == 0 && r->all[0]->use == use;
	if (n == 0)
		return;
	buf_addf(b, ", %u %s (", n, what);
	n = 0;
	for (i = 0; (r = route_table_at(c->routes, i)) != NULL; i++) {
		if (r->ntiers != 0 || r->all[0]->use != use)
			continue;
		if (n == 3) {
			buf_lit(b, "; ..");
			break;
		}
		buf_addf(b, "%s%s: %s", n != 0 ? "; " : "", r->model,
		    r->all[0]->why);
		n++;
	}
	buf_lit(b, ")");
}

char *
conf_summary(const struct conf *c)
{
	unsigned n = conf_count_models(c);
	struct buf b = { 0 };

	buf_addf(&b, "%u model%s", n, n == 1 ? "" : "s");
	conf_summary_part(&b, c, DEPLOY_NO_KEY, "without key");
	conf_summary_part(&b, c, DEPLOY_NOT_YET, "not yet");
	conf_summary_part(&b, c, DEPLOY_SKIPPED, "skipped");
	buf_pad(&b);
	return b.p;
}
