/* SPDX-License-Identifier: ISC */
#include <json-c/json.h>

#include <stdio.h>
#include <string.h>

#include "control/call.h"
#include "control/core.h"
#include "control/method.h"
#include "proto/text.h"

void
method_session_init(struct call *c)
{
	int64_t proto = rpc_param_int(c->params, "proto", 0);
	const char *client = rpc_param_str(c->params, "client", "");
	const char *name = rpc_param_str(c->params, "name", "");
	struct json_object *o;
	struct rpc_error err;
	char raw[160];

	if (proto != METHOD_PROTO_MAJOR) {
		rpc_error_init(&err);
		rpc_error_set(&err, ERR_UNSUPPORTED, "llmd " LLMD_VERSION
		    " speaks protocol %d, you asked for %lld",
		    METHOD_PROTO_MAJOR, (long long)proto);
		rpc_error_field(&err, "proto");
		rpc_error_hint(&err, "upgrade the older of the two");
		call_fail(c, &err);
		return;
	}
	/* It is printed in log lines. */
	snprintf(raw, sizeof raw, "%.60s%s%.60s", client,
	    *name != '\0' ? " " : "", name);
	text_escape(c->peer->client, sizeof c->peer->client, raw,
	    strlen(raw), 0);
	o = json_object_new_object();
	json_object_object_add(o, "proto",
	    json_object_new_int(METHOD_PROTO_MAJOR));
	call_reply(c, o);
}
