/* SPDX-License-Identifier: ISC */
#include "control/targets.h"

#include <json-c/json.h>

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/xmalloc.h"
#include "route/table.h"

struct json_object *
targets_of_tier(const struct route_tier *t)
{
	struct json_object *o;
	const struct deploy *d;
	struct buf b = { 0 };
	const char *first = t->n > 0 ? t->deploys[0]->upstream : "";
	unsigned i;

	for (i = 0; i < t->n; i++) {
		d = t->deploys[i];
		if (i > 0)
			buf_lit(&b, " + ");
		if (i > 0 && strcmp(d->upstream, first) == 0)
			buf_addf(&b, "@%s", d->backend->name);
		else
			buf_addz(&b, d->label);
		if (t->n > 1)
			buf_addf(&b, " %.0f%%", t->total > 0 ?
			    100 * d->weight / t->total : 0);
	}
	o = json_object_new_string_len(b.n > 0 ? b.p : "", (int)b.n);
	buf_fini(&b);
	return o;
}

struct json_object *
targets_of_route(const struct route *r)
{
	struct json_object *out = json_object_new_array();
	unsigned i;

	for (i = 0; i < r->ntiers; i++)
		json_object_array_add(out, targets_of_tier(&r->tiers[i]));
	return out;
}

struct json_object *
targets_of_config(const struct route *r)
{
	struct json_object *out = json_object_new_array();
	const struct deploy **v = xcalloc(r->nall + 1, sizeof *v);
	struct route_tier t;
	int order = 0, next;
	unsigned i;
	bool more = r->nall > 0;

	for (i = 0; i < r->nall; i++)
		if (i == 0 || r->all[i]->order < order)
			order = r->all[i]->order;
	while (more) {
		memset(&t, 0, sizeof t);
		t.deploys = v;
		more = false;
		next = 0;
		for (i = 0; i < r->nall; i++) {
			if (r->all[i]->order > order && (!more ||
			    r->all[i]->order < next)) {
				next = r->all[i]->order;
				more = true;
			}
			if (r->all[i]->order == order &&
			    r->all[i]->use == DEPLOY_OK) {
				v[t.n++] = r->all[i];
				t.total += r->all[i]->weight;
			}
		}
		if (t.n > 0)
			json_object_array_add(out, targets_of_tier(&t));
		order = next;
	}
	free(v);
	return out;
}
