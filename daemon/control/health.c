/* SPDX-License-Identifier: ISC */
#include "control/health.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/xmalloc.h"
#include "conf/conf.h"
#include "observe/stats.h"
#include "upstream/catalog.h"

#define HEALTH_MINUTE	60000000000ull
#define HEALTH_KNOWN	4096	/* deployments remembered */

struct health {
	const struct stats	*stats;
	struct map		*known;		/* id of a deployment -> */
};

/* What its backend said. */
struct health_known {
	uint64_t	at_ns;
	bool		down;
	char		error[HEALTH_TEXT];
	char		hint[HEALTH_TEXT];
};

struct health *
health_new(const struct stats *stats)
{
	struct health *h = xcalloc(1, sizeof *h);

	h->stats = stats;
	h->known = map_new();
	return h;
}

void
health_free(struct health *h)
{
	struct span key;
	size_t pos = 0;
	void *v;

	if (h == NULL)
		return;
	while (map_next(h->known, &pos, &key, &v))
		free(v);
	map_free(h->known);
	free(h);
}

const char *
health_state_name(enum health_state s)
{
	static const char *const names[] = {
		"ok", "degraded", "down", "no_key", "not_yet", "skipped"
	};

	return names[s];
}

static bool
health_is_ollama(const struct deploy *d)
{
	return strncmp(d->provider, "ollama", 6) == 0;
}

static bool
health_is_local(const struct backend *b)
{
	return b == NULL || strcmp(b->host, "localhost") == 0 ||
	    strncmp(b->host, "127.", 4) == 0 || strcmp(b->host, "::1") == 0;
}

/* " (on gpu1)", or nothing for this machine. */
static void
health_hint(char *out, const struct deploy *d, const char *what,
    const char *arg)
{
	bool local = health_is_local(d->backend);

	snprintf(out, HEALTH_TEXT, "%s%.200s%s%.80s%s", what, arg,
	    local ? "" : "  (on ", local ? "" : d->backend->host,
	    local ? "" : ")");
}

void
health_note(struct health *h, const struct deploy *d,
    const struct catalog_answer *a, uint64_t now_ns)
{
	struct span key = span_z(d->id);
	struct health_known *k = map_get(h->known, key);
	bool refused = a->status == 401 || a->status == 403;

	if (k == NULL) {
		if (map_len(h->known) >= HEALTH_KNOWN)
			return;
		k = xcalloc(1, sizeof *k);
		map_put(h->known, key, k);
	}
	k->at_ns = now_ns;
	k->error[0] = k->hint[0] = '\0';
	/* Servers without a list of models serve all the same. */
	k->down = !a->ok && (a->status == 0 || refused);
	if (k->down) {
		snprintf(k->error, sizeof k->error, "%s: %.120s",
		    d->base_url != NULL ? d->base_url : d->label, a->error);
		if (refused)
			snprintf(k->hint, sizeof k->hint, "check the API key "
			    "(%s:%u)", d->file, d->key_line != 0 ?
			    d->key_line : d->line);
		else if (health_is_ollama(d))
			health_hint(k->hint, d, "ollama serve", "");
		else
			snprintf(k->hint, sizeof k->hint, "start the server, "
			    "or correct api_base (%s:%u)", d->file, d->line);
	} else if (a->ok && health_is_ollama(d) &&
	    catalog_find(a, d) == NULL) {
		k->down = true;
		snprintf(k->error, sizeof k->error,
		    "model '%.200s' is not pulled", d->upstream);
		health_hint(k->hint, d, "ollama pull ", d->upstream);
	}
}

static void
health_copy(char *out, const char *s)
{
	snprintf(out, HEALTH_TEXT, "%s", s == NULL ? "" : s);
}

static void
health_unusable(const struct deploy *d, struct health_verdict *v)
{
	v->state = d->use == DEPLOY_NO_KEY ? HEALTH_NO_KEY :
	    d->use == DEPLOY_NOT_YET ? HEALTH_NOT_YET : HEALTH_SKIPPED;
	health_copy(v->reason, d->why);
	if (d->hint != NULL)
		health_copy(v->hint, d->hint);
	else
		snprintf(v->hint, sizeof v->hint, "see %s:%u", d->file,
		    d->line);
}

void
health_deploy(const struct health *h, const struct deploy *d, uint16_t model,
    uint64_t now_ns, struct health_verdict *v)
{
	const struct health_known *k;
	struct stats_match m = { .model = model, .deploy = d->name_id };
	struct stats_view s;

	memset(v, 0, sizeof *v);
	if (d->use != DEPLOY_OK) {
		health_unusable(d, v);
		return;
	}
	k = map_get(h->known, span_z(d->id));
	if (k != NULL && now_ns - k->at_ns > HEALTH_MINUTE)
		k = NULL;
	stats_query(h->stats, &m, STATS_WINDOW_S, now_ns, &s);
	/* A success since then says more than the list. */
	if (k != NULL && k->down && !(s.row == 0 && s.last_ns > k->at_ns)) {
		v->state = HEALTH_DOWN;
		health_copy(v->reason, k->error);
		health_copy(v->hint, k->hint);
		return;
	}
	if (s.row == 0 && (s.n < 5 || s.err_pct < 5))
		return;
	if (s.n == 0)
		return;		/* long ago */
	v->state = s.row >= 3 ? HEALTH_DOWN : HEALTH_DEGRADED;
	if (s.row > 0)
		health_copy(v->reason, s.error);
	else
		snprintf(v->reason, sizeof v->reason, "%.1f%% errors in 5 "
		    "minutes, the latest: %.200s", s.err_pct,
		    s.error != NULL ? s.error : "-");
	health_copy(v->hint, "llmctl tail");
}

void
health_model(const struct health *h, const struct route *r, uint64_t now_ns,
    struct health_verdict *v)
{
	struct health_verdict one;
	unsigned i, k, n = 0, down = 0, bad = 0;

	memset(v, 0, sizeof *v);
	for (i = 0; i < r->ntiers; i++)
		for (k = 0; k < r->tiers[i].n; k++) {
			health_deploy(h, r->tiers[i].deploys[k], r->name_id,
			    now_ns, &one);
			n++;
			down += one.state == HEALTH_DOWN;
			bad += one.state != HEALTH_OK;
			if (one.state > v->state)
				*v = one;
		}
	if (n > 0) {
		if (bad > 0)
			v->state = down == n ? HEALTH_DOWN : HEALTH_DEGRADED;
		return;
	}
	/* None is usable: a missing key is what can be mended first. */
	v->state = HEALTH_SKIPPED;
	snprintf(v->reason, sizeof v->reason, "it has no deployment");
	snprintf(v->hint, sizeof v->hint, "llmctl reload");
	for (i = 0; i < r->nall; i++) {
		health_deploy(h, r->all[i], r->name_id, now_ns, &one);
		if (i == 0 || one.state < v->state)
			*v = one;
	}
}

/* The backend's deployments, by label. */
struct health_on {
	const struct conf	*conf;
	const struct backend	*backend;
};

static bool
health_on_cb(uint16_t label, const void *arg)
{
	const struct health_on *on = arg;
	unsigned i;

	for (i = 0; i < on->conf->ndeploys; i++)
		if (on->conf->deploys[i]->name_id == label)
			return on->conf->deploys[i]->backend == on->backend;
	return false;
}

const char *
health_backend(const struct health *h, const struct conf *c,
    const struct backend *b, uint64_t now_ns, struct stats_view *view)
{
	struct health_on on = { c, b };
	struct stats_match m = { .accept = health_on_cb, .arg = &on };
	const struct health_known *k;
	bool known = false;
	unsigned i;

	stats_query(h->stats, &m, STATS_WINDOW_S, now_ns, view);
	for (i = 0; i < c->ndeploys; i++) {
		if (c->deploys[i]->backend != b)
			continue;
		k = map_get(h->known, span_z(c->deploys[i]->id));
		if (k == NULL || now_ns - k->at_ns > HEALTH_MINUTE)
			continue;
		known = true;
		if (k->down && !(view->row == 0 &&
		    view->last_ns > k->at_ns)) {
			if (view->error == NULL)
				view->error = k->error;
			return strncmp(k->error, "model ", 6) == 0 ?
			    "degraded" : "down";
		}
	}
	if (view->total == 0)
		return known ? "ok" : "unknown";
	if (view->row >= 3 && view->n > 0)
		return "down";
	return view->n > 0 && (view->row > 0 || view->err_pct >= 5) ?
	    "degraded" : "ok";
}
