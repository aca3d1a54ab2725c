/* SPDX-License-Identifier: ISC */
#include "control/call.h"

#include <json-c/json.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "control/peer.h"
#include "proto/rpc.h"

void
call_drop(struct call *c)
{
	if (c->peer != NULL) {
		TAILQ_REMOVE(&c->peer->calls, c, entry);
		c->peer->ncalls--;
		/* A peer that has said FIN may be done: a write tells. */
		if (c->peer->eof)
			peer_wake(c->peer);
	}
	json_object_put(c->id);
	json_object_put(c->params);
	free(c);
}

void
call_line(struct call *c, char *line, size_t len)
{
	if (c->peer == NULL)
		free(line);
	else
		peer_line(c->peer, line, len);
}

static void
call_too_large(struct call *c, size_t len)
{
	struct rpc_error err;

	rpc_error_init(&err);
	rpc_error_set(&err, ERR_TOO_LARGE, "the answer has %zu bytes, at most "
	    "%d are sent", len, RPC_REPLY_MAX);
	rpc_error_hint(&err, "ask for less: a model, a limit, an offset");
	call_fail(c, &err);
}

void
call_reply(struct call *c, struct json_object *result)
{
	size_t len;
	char *line = rpc_result(c->id, result, &len);

	if (len > RPC_REPLY_MAX) {
		free(line);
		call_too_large(c, len);
		return;
	}
	call_line(c, line, len);
	call_drop(c);
}

void
call_reply_text(struct call *c, struct buf *result)
{
	struct buf b = { 0 };

	if (result->n + 256 > RPC_REPLY_MAX) {
		call_too_large(c, result->n);
		buf_fini(result);
		return;
	}
	buf_lit(&b, "{\"jsonrpc\":\"2.0\",\"id\":");
	buf_addz(&b, json_object_to_json_string_ext(c->id,
	    JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	buf_lit(&b, ",\"result\":");
	buf_adds(&b, buf_span(result));
	buf_lit(&b, "}\n");
	buf_fini(result);
	call_line(c, b.p, b.n);
	call_drop(c);
}

void
call_fail(struct call *c, struct rpc_error *err)
{
	size_t len;
	char *line = rpc_failure(c->id, err, &len);

	rpc_error_fini(err);
	call_line(c, line, len);
	call_drop(c);
}

void
call_who(const struct call *c, char *out, size_t size)
{
	if (c->peer == NULL)
		snprintf(out, size, "-");
	else
		snprintf(out, size, "%s %lu", c->peer->user,
		    (unsigned long)c->peer->uid);
}
