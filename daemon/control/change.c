/* SPDX-License-Identifier: ISC */
#include "control/change.h"

#include <sys/queue.h>
#include <sys/stat.h>

#include <json-c/json.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "conf/conf.h"
#include "control/change_diff.h"
#include "control/targets.h"
#include "proto/rpc.h"
#include "worker.h"

#define CHANGE_ENTRIES	256
#define CHANGE_IDEMS	64
#define CHANGE_TIERS	16
#define CHANGE_TEXT_MAX	500	/* of a reason */

struct change_idem {
	char			*key;
	struct json_object	*result;
};

struct change {
	struct change_args	 args;
	struct workers		*workers;
	const struct conf	*conf;
	struct stat		 stamp;		/* of the file when loaded */
	bool			 stamped;
	struct change_entry	*entries[CHANGE_ENTRIES];
	unsigned		 nentries;	/* ever */
	struct change_idem	 idems[CHANGE_IDEMS];
	unsigned		 nidems;	/* ever */
	change_watch_cb		 watch;
	void			*watch_arg;
	unsigned		 pending;
};

/* A snapshot on its way. */
struct change_publish {
	struct change		*of;
	const struct conf	*conf;
	struct change_entry	*entry;
	change_done_cb		 done;
	void			*arg;
};

static void
change_stamp(struct change *c)
{
	c->stamped = c->conf->path != NULL &&
	    stat(c->conf->path, &c->stamp) == 0;
}

struct change *
change_new(const struct change_args *a)
{
	struct change *c = xcalloc(1, sizeof *c);

	c->args = *a;
	c->conf = a->conf;
	a->conf->rev = 1;
	change_stamp(c);
	return c;
}

static void
change_entry_free(struct change_entry *e)
{
	if (e == NULL)
		return;
	free(e->model);
	free(e->who);
	free(e->why);
	json_object_put(e->before);
	json_object_put(e->after);
	free(e);
}

void
change_free(struct change *c)
{
	unsigned i;

	if (c == NULL)
		return;
	for (i = 0; i < CHANGE_ENTRIES; i++)
		change_entry_free(c->entries[i]);
	for (i = 0; i < CHANGE_IDEMS; i++) {
		free(c->idems[i].key);
		json_object_put(c->idems[i].result);
	}
	free(c);
}

void
change_start(struct change *c, struct workers *ws)
{
	c->workers = ws;
}

const struct conf *
change_conf(const struct change *c)
{
	return c->conf;
}

unsigned
change_overrides(const struct change *c)
{
	return c->conf->noverrides;
}

void
change_watch(struct change *c, change_watch_cb cb, void *arg)
{
	c->watch = cb;
	c->watch_arg = arg;
}

bool
change_stale(const struct change *c)
{
	struct stat st;

	if (!c->stamped)
		return false;
	return stat(c->conf->path, &st) != 0 ||
	    st.st_size != c->stamp.st_size ||
	    st.st_ino != c->stamp.st_ino ||
	    st.st_mtim.tv_sec != c->stamp.st_mtim.tv_sec ||
	    st.st_mtim.tv_nsec != c->stamp.st_mtim.tv_nsec;
}

/* The newest entry about model; NULL: about the file. */
static const struct change_entry *
change_newest(const struct change *c, const char *model)
{
	const struct change_entry *e;
	unsigned i, n = c->nentries;

	for (i = 0; i < CHANGE_ENTRIES && i < n; i++) {
		e = c->entries[(n - 1 - i) % CHANGE_ENTRIES];
		if (model == NULL ? e->model == NULL : e->model != NULL &&
		    strcmp(e->model, model) == 0)
			return e;
	}
	return NULL;
}

const struct change_entry *
change_last(const struct change *c, const char *model)
{
	return change_newest(c, model);
}

const struct change_entry *
change_last_load(const struct change *c)
{
	return change_newest(c, NULL);
}

static char *
change_dup(const char *s)
{
	return s == NULL ? NULL : xstrndup(s, CHANGE_TEXT_MAX);
}

/* Takes before and after. */
static struct change_entry *
change_entry_new(struct change *c, const struct change_ask *ask,
    const char *model, struct json_object *before, struct json_object *after)
{
	struct change_entry *e = xcalloc(1, sizeof *e);
	struct change_entry **slot;

	e->rev = c->conf->rev;
	e->wall_ns = clock_wall_ns();
	e->model = change_dup(model);
	e->who = change_dup(ask->who);
	e->why = change_dup(ask->why);
	e->before = before;
	e->after = after;
	slot = &c->entries[c->nentries++ % CHANGE_ENTRIES];
	change_entry_free(*slot);
	*slot = e;
	return e;
}

static void
change_published(void *arg)
{
	struct change_publish *p = arg;
	struct change *c = p->of;

	c->pending--;
	/* A later change may have overtaken this one. */
	if (p->conf == c->conf && c->args.applied != NULL)
		c->args.applied(c->conf, c->args.arg);
	if (c->watch != NULL)
		c->watch(p->entry, c->watch_arg);
	if (p->done != NULL)
		p->done(p->arg);
	free(p);
}

/* Makes next the current one and sends it to the workers. */
static void
change_publish(struct change *c, struct conf *next,
    struct change_entry *entry, change_done_cb done, void *arg)
{
	struct change_publish *p = xcalloc(1, sizeof *p);

	p->of = c;
	p->conf = next;
	p->entry = entry;
	p->done = done;
	p->arg = arg;
	c->pending++;
	workers_publish(c->workers, next, change_published, p);
}

/* True if the caller may go on. */
static bool
change_allowed(const struct change *c, const struct change_ask *ask,
    struct rpc_error *err)
{
	if (c->workers == NULL) {
		rpc_error_set(err, ERR_SHUTTING_DOWN, NULL);
		return false;
	}
	/* A history that is full of what is still on its way. */
	if (c->pending >= CHANGE_ENTRIES / 2) {
		rpc_error_set(err, ERR_BUSY, "too many changes at a time");
		return false;
	}
	if (ask->if_rev < 0 || (uint64_t)ask->if_rev == c->conf->rev)
		return true;
	rpc_error_set(err, ERR_CONFLICT, "conflict: rev is %llu, you gave "
	    "%lld", (unsigned long long)c->conf->rev,
	    (long long)ask->if_rev);
	rpc_error_hint(err, "llmctl routes");
	return false;
}

/*
 * Reload.
 */

static void
change_refused(struct rpc_error *err, const struct change *c,
    const struct conf_remarks *r)
{
	char *text = conf_remarks_text(r, true), *line, *save = NULL;
	const char *path = c->conf->path != NULL ? c->conf->path :
	    "the configuration";

	rpc_error_set(err, ERR_CONFIG, "%s has %u error%s: the configuration "
	    "in use goes on serving", path, r->errors,
	    r->errors == 1 ? "" : "s");
	for (line = strtok_r(text, "\n", &save); line != NULL;
	    line = strtok_r(NULL, "\n", &save))
		rpc_error_detail(err, line);
	rpc_error_hint(err, "correct the file, then: llmctl reload");
	free(text);
}

static struct json_object *
change_reload_json(const struct change *c, const struct conf *next,
    bool applied, const struct change_ask *ask)
{
	struct json_object *o = json_object_new_object();
	struct json_object *kept = json_object_new_array();
	unsigned i;

	json_object_object_add(o, "rev", json_object_new_int64(
	    (int64_t)(applied ? next->rev : c->conf->rev)));
	json_object_object_add(o, "path", json_object_new_string(
	    next->path != NULL ? next->path : "-"));
	json_object_object_add(o, "applied", json_object_new_boolean(applied));
	json_object_object_add(o, "dry_run",
	    json_object_new_boolean(ask->dry_run));
	json_object_object_add(o, "changes", change_diff_rows(c->conf, next));
	json_object_object_add(o, "warnings",
	    change_diff_warnings(&next->remarks));
	for (i = 0; i < next->noverrides; i++)
		json_object_array_add(kept, json_object_new_string(
		    next->overrides[i].model));
	json_object_object_add(o, "overrides_kept", kept);
	json_object_object_add(o, "restart",
	    change_diff_restart(c->conf, next));
	return o;
}

enum change_result
change_reload(struct change *c, const struct change_ask *ask,
    struct rpc_error *err, struct json_object **result, change_done_cb done,
    void *arg)
{
	struct conf_remarks remarks = { 0 };
	struct conf *next;

	if (!change_allowed(c, ask, err))
		return CHANGE_REFUSED;
	next = conf_load(c->args.world, c->args.options, c->conf->overrides,
	    c->conf->noverrides, &remarks);
	if (next == NULL) {
		change_refused(err, c, &remarks);
		conf_remarks_fini(&remarks);
		return CHANGE_REFUSED;
	}
	next->rev = c->conf->rev + 1;
	next->loaded_ns = clock_wall_ns();
	*result = change_reload_json(c, next, !ask->dry_run, ask);
	if (ask->dry_run) {
		conf_free(c->args.world, next);
		return CHANGE_ANSWERED;
	}
	c->conf = next;
	change_stamp(c);
	change_publish(c, next, change_entry_new(c, ask, NULL, NULL, NULL),
	    done, arg);
	return CHANGE_PENDING;
}

void
change_hup(struct change *c)
{
	struct change_ask ask = { NULL, "SIGHUP", -1, false };
	struct json_object *result = NULL, *list;
	struct rpc_error err;
	size_t i, n;

	rpc_error_init(&err);
	if (change_reload(c, &ask, &err, &result, NULL, NULL) ==
	    CHANGE_REFUSED) {
		log_warnx("reload refused: %s", err.message);
		n = err.details == NULL ? 0 :
		    json_object_array_length(err.details);
		for (i = 0; i < n; i++)
			log_warnx("%s", json_object_get_string(
			    json_object_array_get_idx(err.details, i)));
	} else {
		json_object_object_get_ex(result, "changes", &list);
		n = json_object_array_length(list);
		log_info("reloaded %s: revision %llu, %zu change%s",
		    c->conf->path != NULL ? c->conf->path : "-",
		    (unsigned long long)c->conf->rev, n, n == 1 ? "" : "s");
	}
	rpc_error_fini(&err);
	json_object_put(result);
}

/*
 * Routes.
 */

/* Replaces or removes (n = 0) the override of a model in a copy of the list;
 * strings are borrowed. */
static struct conf_override *
change_override_list(const struct change *c, const char *model,
    const char *const *targets, unsigned n, unsigned *len)
{
	const struct conf *cur = c->conf;
	struct conf_override *v = xcalloc(cur->noverrides + 1, sizeof *v);
	unsigned i, k = 0;

	for (i = 0; i < cur->noverrides; i++)
		if (strcmp(cur->overrides[i].model, model) != 0)
			v[k++] = cur->overrides[i];
	if (n > 0) {
		v[k].model = (char *)(uintptr_t)model;
		v[k].targets = (char **)(uintptr_t)targets;
		v[k++].n = n;
	}
	*len = k;
	return v;
}

/* The configuration that runs, with other overrides: a route change brings no
 * other change of the file with it. */
static struct conf *
change_derive(struct change *c, const struct conf_override *ov, unsigned nov,
    struct rpc_error *err)
{
	struct conf_remarks remarks = { 0 };
	struct conf *next = conf_again(c->args.world, c->conf,
	    c->args.options, ov, nov, &remarks);

	if (next == NULL) {
		change_refused(err, c, &remarks);
		conf_remarks_fini(&remarks);
	}
	return next;
}

/* True if the targets are what the file says for r. */
static bool
change_is_config(const struct route *r, const char *const *targets,
    unsigned n)
{
	struct json_object *conf;
	bool same;
	unsigned i;

	if (n == 1 && strcmp(targets[0], r->model) == 0)
		return true;
	conf = targets_of_config(r);
	same = json_object_array_length(conf) == n;
	for (i = 0; same && i < n; i++)
		same = strcmp(targets[i], json_object_get_string(
		    json_object_array_get_idx(conf, i))) == 0;
	json_object_put(conf);
	return same;
}

static bool
change_targets_ok(const struct change *c, const char *model,
    const char *const *targets, unsigned n, struct rpc_error *err)
{
	char *cause = NULL, *near = NULL, *w, *save = NULL;
	char field[32];
	unsigned i;

	if (n == 0 || n > CHANGE_TIERS) {
		rpc_error_set(err, ERR_INVALID_PARAM, "targets: 1 to %d are "
		    "needed, one for each tier", CHANGE_TIERS);
		rpc_error_field(err, "targets");
		return false;
	}
	/* The model's own name: what the file says. */
	if (n == 1 && strcmp(targets[0], model) == 0)
		return true;
	for (i = 0; i < n; i++) {
		if (conf_override_check(c->conf, model, targets[i], &cause,
		    &near) == 0)
			continue;
		rpc_error_set(err, ERR_NOT_FOUND, "%s", cause != NULL ?
		    cause : "no such target");
		snprintf(field, sizeof field, "targets[%u]", i);
		rpc_error_field(err, field);
		for (w = near == NULL ? NULL : strtok_r(near, ", ", &save);
		    w != NULL; w = strtok_r(NULL, ", ", &save))
			rpc_error_candidate(err, w);
		rpc_error_hint(err, "llmctl models");
		free(cause);
		free(near);
		return false;
	}
	return true;
}

static struct json_object *
change_side(const struct route *r)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "source", json_object_new_string(
	    r->runtime ? "runtime" : "config"));
	json_object_object_add(o, "targets", targets_of_route(r));
	return o;
}

static const struct route *
change_route(const struct conf *c, const char *model)
{
	const struct route *r;
	unsigned i;

	for (i = 0; (r = route_table_at(c->routes, i)) != NULL; i++)
		if (strcmp(r->model, model) == 0)
			return r;
	return NULL;
}

void
change_no_model(const struct conf *c, const char *model,
    struct rpc_error *err)
{
	const char *near[3];
	unsigned i, n;

	rpc_error_set(err, ERR_MODEL_NOT_FOUND, "no model '%.200s'", model);
	rpc_error_field(err, "model");
	n = route_table_similar(c->routes, span_z(model), near);
	for (i = 0; i < n; i++)
		rpc_error_candidate(err, near[i]);
	rpc_error_hint(err, "llmctl models");
}

static const struct route *
change_route_find(const struct change *c, const char *model,
    struct rpc_error *err)
{
	const struct route *r = change_route(c->conf, model);

	if (r == NULL)
		change_no_model(c->conf, model, err);
	return r;
}

static struct json_object *
change_route_json(const struct conf *next, const struct route *was,
    const struct route *is, bool changed, const struct change_ask *ask,
    unsigned running)
{
	struct json_object *o = json_object_new_object();
	bool done = changed && !ask->dry_run;

	json_object_object_add(o, "rev",
	    json_object_new_int64((int64_t)next->rev));
	json_object_object_add(o, "model", json_object_new_string(was->model));
	json_object_object_add(o, "before", change_side(was));
	json_object_object_add(o, "after", change_side(is));
	json_object_object_add(o, "changed", json_object_new_boolean(done));
	json_object_object_add(o, "dry_run",
	    json_object_new_boolean(ask->dry_run));
	json_object_object_add(o, "running",
	    json_object_new_int64(done ? running : 0));
	json_object_object_add(o, "persisted", json_object_new_boolean(0));
	json_object_object_add(o, "warnings", changed ?
	    change_diff_warnings_of(&next->remarks, "route override") :
	    json_object_new_array());
	json_object_object_add(o, "undo", done ?
	    json_object_new_int64((int64_t)next->rev - 1) : NULL);
	return o;
}

/* True if the override in force is exactly this one. */
static bool
change_is_now(const struct change *c, const struct route *r,
    const char *const *targets, unsigned n)
{
	const struct conf_override *o = NULL;
	unsigned i;

	if (!r->runtime)
		return change_is_config(r, targets, n);
	for (i = 0; i < c->conf->noverrides; i++)
		if (strcmp(c->conf->overrides[i].model, r->model) == 0)
			o = &c->conf->overrides[i];
	if (o == NULL || o->n != n)
		return false;
	for (i = 0; i < n; i++)
		if (strcmp(o->targets[i], targets[i]) != 0)
			return false;
	return true;
}

enum change_result
change_route_set(struct change *c, const struct change_ask *ask,
    const char *model, const char *const *targets, unsigned n,
    unsigned running, struct rpc_error *err, struct json_object **result,
    change_done_cb done, void *arg)
{
	const struct route *was, *is;
	struct change_entry *entry;
	struct conf_override *ov;
	struct conf *next;
	unsigned nov;

	if (!change_allowed(c, ask, err) ||
	    (was = change_route_find(c, model, err)) == NULL ||
	    !change_targets_ok(c, model, targets, n, err))
		return CHANGE_REFUSED;
	if (change_is_now(c, was, targets, n)) {
		*result = change_route_json(c->conf, was, was, false, ask, 0);
		return CHANGE_ANSWERED;
	}
	ov = change_override_list(c, model, targets,
	    change_is_config(was, targets, n) ? 0 : n, &nov);
	next = change_derive(c, ov, nov, err);
	free(ov);
	if (next == NULL)
		return CHANGE_REFUSED;
	is = change_route(next, model);
	if (is == NULL || next->noverrides != nov) {
		conf_free(c->args.world, next);
		rpc_error_set(err, ERR_NO_DEPLOYMENT,
		    "this target cannot be used for '%s'", model);
		rpc_error_hint(err, "llmctl models");
		return CHANGE_REFUSED;
	}
	next->rev = c->conf->rev + !ask->dry_run;
	*result = change_route_json(next, was, is, true, ask, running);
	if (ask->dry_run) {
		conf_free(c->args.world, next);
		return CHANGE_ANSWERED;
	}
	/* A route change loads nothing: the file's time stays. */
	next->loaded_ns = c->conf->loaded_ns;
	c->conf = next;
	entry = change_entry_new(c, ask, model,
	    json_object_get(json_object_object_get(*result, "before")),
	    json_object_get(json_object_object_get(*result, "after")));
	change_publish(c, next, entry, done, arg);
	return CHANGE_PENDING;
}

/*
 * Idempotency.
 */

static char *
change_idem_key(const char *method, const char *key)
{
	char *s;

	xasprintf(&s, "%s %.200s", method, key);
	return s;
}

struct json_object *
change_idem_get(const struct change *c, const char *method, const char *key)
{
	char *k = change_idem_key(method, key);
	struct json_object *o = NULL;
	unsigned i;

	for (i = 0; i < CHANGE_IDEMS && o == NULL; i++)
		if (c->idems[i].key != NULL &&
		    strcmp(c->idems[i].key, k) == 0)
			o = c->idems[i].result;
	free(k);
	return o;
}

void
change_idem_put(struct change *c, const char *method, const char *key,
    struct json_object *result)
{
	struct change_idem *i = &c->idems[c->nidems++ % CHANGE_IDEMS];

	free(i->key);
	json_object_put(i->result);
	i->key = change_idem_key(method, key);
	i->result = json_object_get(result);
}
