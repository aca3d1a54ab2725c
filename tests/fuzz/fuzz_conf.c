/* SPDX-License-Identifier: ISC */
/* LINK: daemon/conf/backend.c daemon/conf/conf.c daemon/conf/conf_env.c */
/* LINK: daemon/conf/conf_names.c daemon/conf/conf_report.c */
/* LINK: daemon/conf/entry.c daemon/conf/entry_base.c */
/* LINK: daemon/conf/entry_headers.c daemon/conf/entry_params.c */
/* LINK: daemon/conf/load.c daemon/conf/override.c daemon/conf/policy.c */
/* LINK: daemon/conf/providers.c daemon/conf/remark.c */
/* LINK: daemon/conf/schema.c daemon/conf/schema_model.c */
/* LINK: daemon/conf/schema_settings.c daemon/conf/settings.c */
/* LINK: daemon/conf/source.c daemon/conf/url.c daemon/conf/yaml.c */
/* LINK: daemon/conf/yaml_value.c daemon/access/key.c */
/* LINK: daemon/access/limit.c daemon/route/table.c daemon/base/clock.c */
/* LINK: daemon/base/hash.c daemon/base/jout.c daemon/base/jscan.c */
/* LINK: daemon/base/log.c daemon/base/map.c daemon/base/str.c */
/* LINK: daemon/base/xmalloc.c proto/text.c proto/text_width.c */
/*
 * Any text as a configuration: it loads or it is refused with an error, and
 * everything that prints a snapshot can print it.
 */
#include <stdint.h>
#include <stdlib.h>

#include <json-c/json.h>

#include "tests/unit/conf_help.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
look_at(const struct conf *c, const struct conf_remarks *r)
{
	struct json_object *j = conf_check_json(c, r);
	char *s = conf_remarks_text(c != NULL ? &c->remarks : r, true), *p;

	/* Terminals are safe from whatever stands in the file. */
	for (p = s; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' && *p != '\n')
			abort();
	if (json_object_to_json_string(j) == NULL)
		abort();
	json_object_put(j);
	free(s);
}

static void
look_at_routes(const struct conf *c)
{
	struct arena a = { 0 };
	const struct deploy *d;
	const struct route *r;
	uint32_t wait;
	unsigned i, k;
	bool limited;

	for (i = 0; i < c->ndeploys; i++) {
		d = c->deploys[i];
		if (d->id == NULL || d->label == NULL || d->weight <= 0 ||
		    (d->use == DEPLOY_OK) != (d->dialect != NULL) ||
		    (d->use == DEPLOY_OK && (d->backend == NULL ||
		    d->base_path == NULL || d->headers == NULL)))
			abort();
		for (k = 0; d->headers != NULL && d->headers[k] != '\0'; k++)
			if (d->headers[k] == '\n' && (k == 0 ||
			    d->headers[k - 1] != '\r'))
				abort();
	}
	for (i = 0; (r = route_table_at(c->routes, i)) != NULL; i++) {
		if (route_table_find(c->routes, span_z(r->model)) != r)
			abort();
		d = route_pick(r, NULL, 0, UINT64_MAX / 3, 1000, &limited,
		    &wait);
		if ((d == NULL) != (r->ntiers == 0))
			abort();
		if (d != NULL)
			(void)route_upstream(r, d, span_z(r->model), &a);
	}
	arena_fini(&a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct conf_world w = conf_help_world(NULL);
	struct conf_options o = conf_help_options("config.yaml");
	struct conf_remarks r = { 0 };
	struct conf *c;
	char *s;

	c = conf_load_text(&w, &o,
	    (struct span){ (const char *)data, n }, &r);
	if (c == NULL && r.errors == 0)
		abort();
	look_at(c, &r);
	if (c != NULL) {
		look_at_routes(c);
		s = conf_summary(c);
		free(s);
		json_object_put(conf_diff_json(c, c));
	}
	conf_free(&w, c);
	conf_remarks_fini(&r);
	if (!conf_help_fini(&w))
		abort();
	return 0;
}
