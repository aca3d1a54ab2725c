/* SPDX-License-Identifier: ISC */
/* GET /v1/models and /v1/models/{id}: what can be called now. */
#include <stdlib.h>

#include "base/jout.h"
#include "conf/conf.h"
#include "http/server.h"
#include "route/table.h"

/* LiteLLM's documents use this constant where it knows nothing better. */
#define API_MODELS_CREATED	1700000000

/* The four members in the order of OpenAI's own answer (wire.md 2.5). */
static void
api_models_write(struct buf *b, const struct route *r, struct span name)
{
	buf_lit(b, "{\"id\":");
	jout_str(b, name);
	buf_lit(b, ",\"object\":\"model\",\"created\":");
	jout_i64(b, r->created != 0 ? r->created : API_MODELS_CREATED);
	buf_lit(b, ",\"owned_by\":");
	jout_strz(b, r->owned_by != NULL ? r->owned_by : "llmd");
	buf_lit(b, "}");
}

void
api_models(struct server *s, struct server_conn *sc)
{
	const struct conf *c = server_conf(s);
	const struct route *r;
	struct buf b = { 0 };
	unsigned i, n = 0;

	buf_lit(&b, "{\"object\":\"list\",\"data\":[");
	for (i = 0; (r = route_table_at(c->routes, i)) != NULL; i++) {
		if (r->ntiers == 0 || r->wildcard)
			continue;
		if (n++ > 0)
			buf_lit(&b, ",");
		api_models_write(&b, r, span_z(r->model));
	}
	buf_lit(&b, "]}");
	server_reply(sc, 200, buf_span(&b));
	buf_fini(&b);
}

void
api_model(struct server *s, struct server_conn *sc)
{
	const struct route *r;
	struct buf b = { 0 };

	r = route_table_find(server_conf(s)->routes, span_z(sc->arg));
	if (r == NULL || r->ntiers == 0) {
		buf_lit(&b, "The model `");
		buf_addz(&b, sc->arg);
		buf_lit(&b, "` does not exist or cannot be used now. "
		    "GET /v1/models lists what there is");
		buf_lit(&b, "\0");
		server_error(s, sc, ERR_MODEL_NOT_FOUND, b.p);
	} else {
		api_models_write(&b, r, span_z(sc->arg));
		server_reply(sc, 200, buf_span(&b));
	}
	buf_fini(&b);
}
