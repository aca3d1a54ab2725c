/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/show.h"
#include "ctl/table.h"
#include "proto/client.h"

/*
 * llmctl rpc: the control protocol by hand.  The result is printed as it
 * came; notices that come meanwhile are printed before it, a line each, and
 * after event.subscribe until Ctrl-C.
 */

static void
show_rpc_notice(const char *method, struct json_object *params, void *arg)
{
	struct run *r = arg;
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "method", json_object_new_string(method));
	json_object_object_add(o, "params", json_object_get(params));
	out_json_line(&r->out, stdout, o);
	json_object_put(o);
}

/* The params word: JSON, or "-" for stdin.  0, or -1 with r->err. */
static int
show_rpc_params(struct run *r, struct json_object **params)
{
	const char *word = cmd_arg(r->line, "JSON", 0);
	char *text = NULL;
	size_t n;

	*params = NULL;
	if (word == NULL)
		return 0;
	if (strcmp(word, "-") == 0) {
		if ((text = malloc(RPC_LINE_MAX)) == NULL)
			abort();
		n = fread(text, 1, RPC_LINE_MAX, stdin);
		*params = n == RPC_LINE_MAX ? NULL :
		    rpc_json(text, n, &r->err);
		if (n == RPC_LINE_MAX)
			rpc_error_set(&r->err, ERR_TOO_LARGE,
			    "the parameters have more than %d bytes",
			    RPC_LINE_MAX);
		free(text);
	} else
		*params = rpc_json(word, strlen(word), &r->err);
	if (r->err.kind != NULL)
		return -1;
	if (*params == NULL || json_object_is_type(*params, json_type_object))
		return 0;
	json_object_put(*params);
	rpc_error_set(&r->err, ERR_INVALID_PARAM,
	    "the parameters must be one JSON object");
	return -1;
}

static void
show_rpc_value(struct run *r, struct json_object *v)
{
	struct out plain = r->out;

	plain.fields = NULL;
	out_json_value(&plain, v);
}

/* Prints events until Ctrl-C or the end of the connection. */
static int
show_rpc_follow(struct run *r)
{
	struct client_msg msg;

	for (;;) {
		if (client_poll(r->client, -1) < 0) {
			rpc_error_set(&r->err, ERR_CONNECTION_LOST,
			    "the connection to llmd ended: %s",
			    client_error(r->client));
			rpc_error_hint(&r->err, "llmctl status");
			run_disconnect(r);
			return run_failed(r);
		}
		while (client_next(r->client, &msg))
			if (msg.kind == CLIENT_MSG_NOTICE)
				show_rpc_notice(msg.method, msg.body, r);
		if (run_interrupted(r)) {
			run_disconnect(r);
			return RUN_EXIT_INTERRUPT;
		}
	}
}

static int
show_rpc_call(struct run *r, const char *method)
{
	struct json_object *params, *res;

	if (show_rpc_params(r, &params) < 0)
		return run_failed(r);
	if (run_connect(r) < 0) {
		json_object_put(params);
		return run_failed(r);
	}
	run_catch_interrupt(r);
	client_on_notice(r->client, show_rpc_notice, r);
	res = run_call(r, method, params);
	if (r->client != NULL)
		client_on_notice(r->client, NULL, NULL);
	if (res == NULL)
		return run_failed(r);
	show_rpc_value(r, res);
	json_object_put(res);
	if (strcmp(method, "event.subscribe") == 0)
		return show_rpc_follow(r);
	return 0;
}

static int
show_rpc_list(struct run *r)
{
	static const struct table_column columns[] = {
		{ "METHOD", TABLE_LEFT, 100 }, { "ROLE", TABLE_LEFT, 90 },
		{ "LANE", TABLE_LEFT, 50 }, { "HELP", TABLE_LEFT, 100 },
		{ "PARAMETERS", TABLE_LEFT, 40 },
	};
	struct json_object *res = run_show(r, "rpc.list", NULL), *rows, *m;
	struct table *t;
	size_t i;

	if (res == NULL)
		return run_failed(r);
	rows = run_get(res, "methods");
	t = table_new(&r->out, columns, 5);
	for (i = 0; i < run_len(rows); i++) {
		m = run_at(rows, i);
		table_text(t, run_str(m, "method"));
		table_text(t, run_str(m, "role"));
		table_text(t, run_str(m, "lane"));
		table_text(t, run_str(m, "help"));
		table_text(t, run_str(m, "params"));
	}
	table_print(t);
	table_free(t);
	json_object_put(res);
	return 0;
}

static int
show_rpc_schema(struct run *r, const char *name)
{
	struct json_object *res;

	res = run_call(r, "rpc.schema", show_params("method", name));
	if (res == NULL)
		return run_failed(r);
	show_rpc_value(r, run_get(res, "schema"));
	json_object_put(res);
	return 0;
}

int
show_rpc(struct run *r)
{
	const char *method = cmd_arg(r->line, "METHOD", 0);
	const char *schema = cmd_flag(r->line, "--schema");

	if (cmd_flag(r->line, "--list") != NULL)
		return show_rpc_list(r);
	if (schema != NULL)
		return show_rpc_schema(r, schema);
	if (method != NULL)
		return show_rpc_call(r, method);
	rpc_error_set(&r->err, ERR_USAGE, "rpc: METHOD is missing");
	rpc_error_hint(&r->err, "llmctl rpc --list");
	return run_failed(r);
}
