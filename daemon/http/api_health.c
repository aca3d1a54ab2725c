/* SPDX-License-Identifier: ISC */
/* /health and its LiteLLM relatives: no key, and never a question to a
 * backend. */
#include "base/str.h"
#include "http/server.h"

static bool
api_health_draining(struct server *s, struct server_conn *sc)
{
	if (!server_draining(s))
		return false;
	server_reply(sc, 503, SPAN_LIT("{\"status\":\"shutting_down\"}"));
	return true;
}

void
api_health(struct server *s, struct server_conn *sc)
{
	if (!api_health_draining(s, sc))
		server_reply(sc, 200, SPAN_LIT("{\"status\":\"healthy\","
		    "\"version\":\"" LLMD_VERSION "\"}"));
}

void
api_liveness(struct server *s, struct server_conn *sc)
{
	if (!api_health_draining(s, sc))
		server_reply(sc, 200, SPAN_LIT("\"I'm alive!\""));
}

void
api_readiness(struct server *s, struct server_conn *sc)
{
	if (!api_health_draining(s, sc))
		server_reply(sc, 200, SPAN_LIT("{\"status\":\"healthy\","
		    "\"db\":\"Not connected\"}"));
}
