/* SPDX-License-Identifier: ISC */
#include "ctl/offline.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/run.h"
#include "proto/client.h"
#include "proto/cmd.h"
#include "proto/rpc.h"

int
offline_help_print(int cmd)
{
	char *text;

	text = cmd >= 0 ? cmd_help(cmd, "llmctl") : cmd_help_all("llmctl");
	fputs(text, stdout);
	free(text);
	return 0;
}

int
offline_version_print(void)
{
	puts("llmctl (llmd) " LLMD_VERSION);
	return 0;
}

/* llmctl help [COMMAND...] */
int
offline_help(struct run *r)
{
	char *words[CMD_ARGS_MAX];
	const char *w;
	struct cmd_line unused;
	int n = 0, cmd;

	while (n < CMD_ARGS_MAX &&
	    (w = cmd_arg(r->line, "COMMAND", (size_t)n)) != NULL)
		words[n++] = (char *)(uintptr_t)w;
	if (n == 0)
		return offline_help_print(-1);
	if ((cmd = cmd_find(n, words)) >= 0)
		return offline_help_print(cmd);
	if (cmd_parse(n, words, &unused, &r->err) == 0)
		rpc_error_set(&r->err, ERR_USAGE, "no such command");
	return run_failed(r);
}

static int
offline_version_json(struct run *r, const struct client_hello *h)
{
	struct json_object *o = json_object_new_object();
	int rc;

	json_object_object_add(o, "llmctl",
	    json_object_new_string(LLMD_VERSION));
	json_object_object_add(o, "protocol",
	    json_object_new_int(CLIENT_PROTO_MAJOR));
	json_object_object_add(o, "server", h != NULL ?
	    json_object_new_string(h->server) : NULL);
	json_object_object_add(o, "socket", h != NULL ?
	    json_object_new_string(client_path_get(r->client)) : NULL);
	rc = out_json(&r->out, "version", "", o, h != NULL ? h->rev : 0,
	    &r->err);
	json_object_put(o);
	return rc < 0 ? run_failed(r) : 0;
}

/* llmctl version: its own always, llmd's where it runs. */
int
offline_version(struct run *r)
{
	const struct client_hello *h = NULL;
	char *server, *path;

	if (run_connect(r) == 0)
		h = client_hello_get(r->client);
	else
		rpc_error_fini(&r->err);
	if (r->out.format >= OUT_JSON)
		return offline_version_json(r, h);
	offline_version_print();
	if (h == NULL) {
		puts("llmd: not reached; llmctl status says why");
		return 0;
	}
	server = out_escape(&r->out, h->server);
	path = out_escape(&r->out, client_path_get(r->client));
	printf("%s, pid %lld, protocol %d.%d, %s\n", server,
	    (long long)h->pid, h->major, h->minor, path);
	free(server);
	free(path);
	return 0;
}

static void
offline_line(const struct out *o, const char *head, const char *text)
{
	char *safe = out_escape(o, text);

	fprintf(stderr, "%s%s\n", head, safe);
	free(safe);
}

static void
offline_error_json(const struct rpc_error *err)
{
	struct out o = { .format = OUT_JSONL };
	struct json_object *root = json_object_new_object();

	json_object_object_add(root, "schema",
	    json_object_new_string("error/1"));
	json_object_object_add(root, "error", rpc_error_json(err));
	out_json_line(&o, stderr, root);
	json_object_put(root);
}

void
offline_error_print(const struct out *o, const struct rpc_error *err)
{
	size_t i;
	int aligned;

	if (o->format >= OUT_JSON) {
		offline_error_json(err);
		return;
	}
	offline_line(o, "llmctl: ", err->message);
	for (i = 0; i < run_len(err->candidates); i++)
		offline_line(o, i == 0 ? "  did you mean: " :
		    "            or: ",
		    json_object_get_string(run_at(err->candidates, i)));
	for (i = 0; i < run_len(err->details); i++)
		offline_line(o, "  ",
		    json_object_get_string(run_at(err->details, i)));
	/* "looked in:" and "likely:" set a column. */
	aligned = err->id == ERR_NOT_RUNNING || err->id == ERR_STALE_SOCKET ||
	    err->id == ERR_SOCKET_DENIED;
	if (err->hint != NULL)
		offline_line(o, aligned ? "  hint:      " : "  hint: ",
		    err->hint);
	if (err->id == ERR_INTERNAL)
		fputs("  this is a bug: please report what you did\n",
		    stderr);
}
