/* SPDX-License-Identifier: ISC */
/* rpc.list, rpc.schema: what this socket speaks. */
#include <json-c/json.h>

#include <string.h>

#include "control/call.h"
#include "control/core.h"
#include "control/method.h"
#include "control/sub.h"
#include "proto/schema.h"

void
method_rpc_list(struct call *c)
{
	static const char *const lanes[] = { "fast", "call", "long" };
	struct json_object *o = json_object_new_object(), *m;
	struct json_object *list = json_object_new_array();
	struct json_object *proto = json_object_new_array();
	int i;

	json_object_array_add(proto, json_object_new_int(METHOD_PROTO_MAJOR));
	json_object_array_add(proto, json_object_new_int(METHOD_PROTO_MINOR));
	for (i = 0; i < METHOD_ROWS; i++) {
		m = json_object_new_object();
		json_object_object_add(m, "method",
		    json_object_new_string(rpc_methods[i].name));
		json_object_object_add(m, "role", json_object_new_string(
		    method_role_name((enum method_role)rpc_methods[i].role)));
		json_object_object_add(m, "lane",
		    json_object_new_string(lanes[rpc_methods[i].lane]));
		json_object_object_add(m, "params",
		    json_object_new_string(rpc_methods[i].params));
		json_object_object_add(m, "help",
		    json_object_new_string(rpc_methods[i].help));
		json_object_array_add(list, m);
	}
	json_object_object_add(o, "proto", proto);
	json_object_object_add(o, "methods", list);
	call_reply(c, o);
}

void
method_rpc_schema(struct call *c)
{
	const char *name = rpc_param_str(c->params, "method", "");
	const struct schema_text *s;
	struct json_object *o;
	struct rpc_error err;
	int row = rpc_method_find(name);

	for (s = schema_texts; s->name != NULL; s++)
		if (strcmp(s->name, name) == 0)
			break;
	if (s->name == NULL) {
		rpc_error_init(&err);
		rpc_error_set(&err, ERR_NOT_FOUND, "no method or event "
		    "'%.100s'", name);
		rpc_error_field(&err, "method");
		for (s = schema_texts; s->name != NULL; s++)
			rpc_error_suggest(&err, name, s->name);
		rpc_error_hint(&err, "llmctl rpc rpc.list");
		call_fail(c, &err);
		return;
	}
	o = json_object_new_object();
	json_object_object_add(o, "name", json_object_new_string(s->name));
	json_object_object_add(o, "params", row < 0 ? NULL :
	    json_object_new_string(rpc_methods[row].params));
	json_object_object_add(o, "schema", json_tokener_parse(s->text));
	call_reply(c, o);
}
