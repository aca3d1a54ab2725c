/* SPDX-License-Identifier: ISC */
/*
 * Routes live in file order; two maps lead to them by model and by deployment
 * id (each id has a small route of its own with that one deployment), and
 * `patterns` holds those with '*', the most specific first.
 */
#include "route/table.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/xmalloc.h"
#include "proto/text.h"

#define ROUTE_STARS_MAX	16

struct route_table {
	struct route	**v;
	unsigned	  n;
	struct route	**ids;		/* one for each deployment id */
	unsigned	  nids;
	struct route	**patterns;
	unsigned	  npatterns;
	struct map	 *by_name;
	struct map	 *by_id;
};

struct route_table *
route_table_new(void)
{
	struct route_table *t;

	t = xcalloc(1, sizeof(*t));
	t->by_name = map_new();
	t->by_id = map_new();
	return t;
}

static void
table_clear_tiers(struct route *r)
{
	unsigned i;

	for (i = 0; i < r->ntiers; i++)
		free(r->tiers[i].deploys);
	free(r->tiers);
	r->tiers = NULL;
	r->ntiers = 0;
}

static void
table_free_routes(struct route **v, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		table_clear_tiers(v[i]);
		free(v[i]->all);
		free(v[i]->model);
		free(v[i]);
	}
	free(v);
}

void
route_table_free(struct route_table *t)
{
	if (t == NULL)
		return;
	table_free_routes(t->v, t->n);
	table_free_routes(t->ids, t->nids);
	free(t->patterns);
	map_free(t->by_name);
	map_free(t->by_id);
	free(t);
}

static struct route *
table_append(struct route ***v, unsigned *n, const char *model)
{
	struct route *r;

	r = xcalloc(1, sizeof(*r));
	r->model = xstrdup(model);
	*v = xreallocarray(*v, *n + 1, sizeof(**v));
	(*v)[(*n)++] = r;
	return r;
}

static void
table_add_all(struct route *r, const struct deploy *d)
{
	r->all = xreallocarray(r->all, r->nall + 1, sizeof(*r->all));
	r->all[r->nall++] = d;
}

void
route_table_add(struct route_table *t, const struct deploy *d)
{
	struct route *r;

	r = map_get(t->by_name, span_z(d->model));
	if (r == NULL) {
		r = table_append(&t->v, &t->n, d->model);
		r->wildcard = strchr(r->model, '*') != NULL;
		r->owned_by = d->provider;
		map_put(t->by_name, span_z(r->model), r);
	}
	if (r->created == 0)
		r->created = d->created;
	table_add_all(r, d);
}

static void
table_tier_add(struct route_tier *tier, const struct deploy *d)
{
	tier->deploys = xreallocarray(tier->deploys, tier->n + 1,
	    sizeof(*tier->deploys));
	tier->deploys[tier->n++] = d;
	tier->total += d->weight;
}

static struct route_tier *
table_tier_new(struct route *r)
{
	struct route_tier *tier;

	r->tiers = xreallocarray(r->tiers, r->ntiers + 1, sizeof(*r->tiers));
	tier = &r->tiers[r->ntiers++];
	memset(tier, 0, sizeof(*tier));
	return tier;
}

/* Makes the tiers of r from the usable of its deployments, lower order
 * first. */
static void
table_make_tiers(struct route *r)
{
	struct route_tier *tier;
	const struct deploy *d;
	long done = (long)INT32_MIN - 1, next;
	unsigned i;

	for (;;) {
		next = (long)INT32_MAX + 1;
		for (i = 0; i < r->nall; i++) {
			d = r->all[i];
			if (d->use == DEPLOY_OK && d->order > done &&
			    d->order < next)
				next = d->order;
		}
		if (next > INT32_MAX)
			return;
		tier = table_tier_new(r);
		for (i = 0; i < r->nall; i++) {
			d = r->all[i];
			if (d->use == DEPLOY_OK && d->order == next)
				table_tier_add(tier, d);
		}
		done = next;
	}
}

void
route_table_override(struct route_table *t, struct route *r,
    const struct deploy ***tiers, const unsigned *n, unsigned ntiers)
{
	struct route_tier *tier;
	unsigned i, k;

	(void)t;
	table_clear_tiers(r);
	for (i = 0; i < ntiers; i++) {
		tier = table_tier_new(r);
		for (k = 0; k < n[i]; k++)
			table_tier_add(tier, tiers[i][k]);
	}
	r->runtime = true;
}

void
route_table_alias(struct route_table *t, struct route *r,
    const struct route *to)
{
	struct route_tier *tier;
	unsigned i, k;

	(void)t;
	table_clear_tiers(r);
	for (i = 0; i < to->ntiers; i++) {
		tier = table_tier_new(r);
		for (k = 0; k < to->tiers[i].n; k++)
			table_tier_add(tier, to->tiers[i].deploys[k]);
	}
}

/* Longest literal part first, then fewer stars, then by name. */
static int
table_cmp_pattern(const void *a, const void *b)
{
	const struct route *x = *(struct route *const *)a;
	const struct route *y = *(struct route *const *)b;
	const char *p;
	int nx = 0, ny = 0, sx = 0, sy = 0;

	for (p = x->model; *p != '\0'; p++)
		*p == '*' ? sx++ : nx++;
	for (p = y->model; *p != '\0'; p++)
		*p == '*' ? sy++ : ny++;
	if (nx != ny)
		return nx > ny ? -1 : 1;
	if (sx != sy)
		return sx < sy ? -1 : 1;
	return strcmp(x->model, y->model);
}

void
route_table_seal(struct route_table *t)
{
	struct route *r, *one;
	const struct deploy *d;
	unsigned i, k;

	for (i = 0; i < t->n; i++) {
		r = t->v[i];
		table_make_tiers(r);
		if (r->wildcard) {
			t->patterns = xreallocarray(t->patterns,
			    t->npatterns + 1, sizeof(*t->patterns));
			t->patterns[t->npatterns++] = r;
		}
		for (k = 0; k < r->nall; k++) {
			d = r->all[k];
			if (d->id == NULL ||
			    map_get(t->by_id, span_z(d->id)) != NULL)
				continue;
			one = table_append(&t->ids, &t->nids, r->model);
			one->wildcard = r->wildcard;
			one->created = r->created;
			one->owned_by = d->provider;
			table_add_all(one, d);
			table_make_tiers(one);
			map_put(t->by_id, span_z(d->id), one);
		}
	}
	if (t->npatterns > 1)
		qsort(t->patterns, t->npatterns, sizeof(*t->patterns),
		    table_cmp_pattern);
}

void
route_table_number(struct route_table *t,
    uint16_t (*add)(void *arg, const char *model), void *arg)
{
	unsigned i;

	for (i = 0; i < t->n; i++)
		t->v[i]->name_id = add(arg, t->v[i]->model);
	for (i = 0; i < t->nids; i++)
		t->ids[i]->name_id = add(arg, t->ids[i]->model);
}

struct route *
route_table_get(struct route_table *t, const char *model)
{
	return map_get(t->by_name, span_z(model));
}

/* Where the last lit inside p[0..n) begins, or NULL; an empty one at p + n. */
static const char *
table_rfind(const char *p, size_t n, struct span lit)
{
	size_t i;

	if (lit.n > n)
		return NULL;
	for (i = n - lit.n + 1; i-- > 0;)
		if (memcmp(p + i, lit.p, lit.n) == 0)
			return p + i;
	return NULL;
}

/*
 * Matches name against a pattern as the regular expression with (.*) for each
 * '*' would: the first star takes as much as it can.  Literals are looked for
 * from the right, each as far right as possible.  cap gets up to
 * ROUTE_STARS_MAX captures; returns their number, or -1.
 */
static int
table_match(const char *pattern, struct span name,
    struct span cap[ROUTE_STARS_MAX])
{
	struct span lit[ROUTE_STARS_MAX + 1];
	const char *p, *star, *at, *end = name.p + name.n;
	int n = 0, i;

	for (p = pattern; (star = strchr(p, '*')) != NULL; p = star + 1) {
		if (n == ROUTE_STARS_MAX)
			return -1;
		lit[n++] = (struct span){ p, (size_t)(star - p) };
	}
	lit[n] = span_z(p);
	if (n == 0)
		return span_is(name, lit[0]) ? 0 : -1;
	if (name.n < lit[0].n + lit[n].n ||
	    memcmp(name.p, lit[0].p, lit[0].n) != 0 ||
	    memcmp(end - lit[n].n, lit[n].p, lit[n].n) != 0)
		return -1;
	end -= lit[n].n;
	p = name.p + lit[0].n;
	for (i = n - 1; i >= 0; i--) {
		at = i == 0 ? p - lit[0].n :
		    table_rfind(p, (size_t)(end - p), lit[i]);
		if (at == NULL)
			return -1;
		cap[i].p = at + lit[i].n;
		cap[i].n = (size_t)(end - cap[i].p);
		end = at;
	}
	return n;
}

const struct route *
route_table_find(const struct route_table *t, struct span name)
{
	struct span cap[ROUTE_STARS_MAX];
	const struct route *r;
	unsigned i;

	if (name.p == NULL || name.n == 0 || name.n > ROUTE_NAME_MAX)
		return NULL;
	if ((r = map_get(t->by_name, name)) != NULL ||
	    (r = map_get(t->by_id, name)) != NULL)
		return r;
	for (i = 0; i < t->npatterns; i++)
		if (table_match(t->patterns[i]->model, name, cap) >= 0)
			return t->patterns[i];
	return NULL;
}

const struct route *
route_table_at(const struct route_table *t, unsigned i)
{
	return i < t->n ? t->v[i] : NULL;
}

unsigned
route_table_similar(const struct route_table *t, struct span name,
    const char *out[3])
{
	char z[65];
	size_t len = name.n < sizeof(z) - 1 ? name.n : sizeof(z) - 1;
	int best[3], limit, d;
	unsigned i, k, n = 0;

	if (name.p == NULL || name.n == 0)
		return 0;
	memcpy(z, name.p, len);
	z[len] = '\0';
	limit = (int)len / 3 + 1;
	for (i = 0; i < t->n; i++) {
		if (t->v[i]->wildcard)
			continue;
		d = text_distance(z, t->v[i]->model);
		if (d > limit)
			continue;
		for (k = n; k > 0 && best[k - 1] > d; k--)
			if (k < 3) {
				best[k] = best[k - 1];
				out[k] = out[k - 1];
			}
		if (k == 3)
			continue;
		best[k] = d;
		out[k] = t->v[i]->model;
		if (n < 3)
			n++;
	}
	return n;
}

static bool
table_tried(const struct deploy *d, const struct deploy *const *tried,
    unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		if (tried[i] == d)
			return true;
	return false;
}

/* The ms until d's limit lets a request pass: 0 = now. */
static uint32_t
table_wait(const struct deploy *d, uint64_t now_ms)
{
	if (d->rpm == 0)
		return 0;
	return meter_wait(&d->state->rpm, now_ms, ROUTE_WINDOW_MS, d->rpm, 1);
}

/*
 * Takes one of a tier by weight among those that are free; if another thread
 * was faster at its limit, the next free one of the list.
 */
static const struct deploy *
table_pick_tier(const struct route_tier *tier,
    const struct deploy *const *tried, unsigned ntried, double rnd,
    uint64_t now_ms, bool *limited, uint32_t *wait_ms)
{
	const struct deploy *d;
	double total = 0, at;
	unsigned i, k, first = tier->n;
	uint32_t wait;

	for (i = 0; i < tier->n; i++) {
		d = tier->deploys[i];
		if (table_tried(d, tried, ntried))
			continue;
		if ((wait = table_wait(d, now_ms)) != 0) {
			*limited = true;
			if (*wait_ms == 0 || wait < *wait_ms)
				*wait_ms = wait;
			continue;
		}
		total += d->weight;
	}
	at = rnd * total;
	for (i = 0; i < tier->n && total > 0; i++) {
		d = tier->deploys[i];
		if (table_tried(d, tried, ntried) ||
		    table_wait(d, now_ms) != 0)
			continue;
		first = i;
		if ((at -= d->weight) < 0)
			break;
	}
	for (k = 0; k < tier->n && first < tier->n; k++) {
		d = tier->deploys[(first + k) % tier->n];
		if (table_tried(d, tried, ntried))
			continue;
		if (d->rpm == 0 || meter_take(&d->state->rpm, now_ms,
		    ROUTE_WINDOW_MS, d->rpm, 1, &wait))
			return d;
		*limited = true;
		if (*wait_ms == 0 || wait < *wait_ms)
			*wait_ms = wait;
	}
	return NULL;
}

const struct deploy *
route_pick(const struct route *r, const struct deploy *const *tried,
    unsigned ntried, uint64_t rnd, uint64_t now_ms, bool *limited,
    uint32_t *wait_ms)
{
	const struct deploy *d;
	unsigned i;

	*limited = false;
	*wait_ms = 0;
	for (i = 0; i < r->ntiers; i++) {
		d = table_pick_tier(&r->tiers[i], tried, ntried,
		    (double)(rnd >> 11) * 0x1p-53, now_ms, limited, wait_ms);
		if (d != NULL)
			return d;
	}
	return NULL;
}

const char *
route_upstream(const struct route *r, const struct deploy *d,
    struct span name, struct arena *a)
{
	struct span cap[ROUTE_STARS_MAX], c;
	const char *p, *star;
	char *out;
	size_t len = 0;
	int pass, k, n;

	if (strchr(d->upstream, '*') == NULL)
		return d->upstream;
	n = name.n <= ROUTE_NAME_MAX && r->wildcard ?
	    table_match(d->model, name, cap) : -1;
	if (n <= 0)
		return arena_strn(a, name.p, name.n);
	out = NULL;
	for (pass = 0; pass < 2; pass++) {
		for (p = d->upstream, k = 0, len = 0; *p != '\0'; p++) {
			star = *p == '*' ? p : NULL;
			c = star != NULL ? cap[k < n ? k : n - 1] :
			    (struct span){ p, 1 };
			if (star != NULL)
				k++;
			if (pass == 1)
				memcpy(out + len, c.p, c.n);
			len += c.n;
		}
		if (pass == 0)
			out = arena_alloc(a, len + 1);
	}
	out[len] = '\0';
	return out;
}
