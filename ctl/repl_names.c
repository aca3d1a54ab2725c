/* SPDX-License-Identifier: ISC */
#include "ctl/repl_names.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "proto/text.h"

#define REPL_NAMES_BUDGET_MS	100
#define REPL_NAMES_KEEP_MS	5000

struct repl_names_out {
	const char	*prefix;
	cmd_emit_cb	 emit;
	void		*arg;
};

void
repl_names_init(struct repl_names *n, struct run *r)
{
	memset(n, 0, sizeof(*n));
	n->run = r;
}

void
repl_names_fini(struct repl_names *n)
{
	json_object_put(n->models);
	json_object_put(n->requests);
}

static int64_t
repl_names_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Asks anew unless the last answer is fresh; a failure keeps the old one. */
static void
repl_names_refresh(struct repl_names *n, const char *method,
    struct json_object **kept, int64_t *at_ms)
{
	struct run *r = n->run;
	int timeout_ms = r->timeout_ms;
	int64_t now = repl_names_now();
	struct json_object *res;

	if (*at_ms != 0 && now - *at_ms < REPL_NAMES_KEEP_MS)
		return;
	*at_ms = now;
	r->timeout_ms = REPL_NAMES_BUDGET_MS;
	res = run_call(r, method, NULL);
	r->timeout_ms = timeout_ms;
	rpc_error_fini(&r->err);
	if (res == NULL)
		return;
	json_object_put(*kept);
	*kept = res;
}

/* Emits a name that can be typed: printable, without blanks. */
static void
repl_names_one(const struct repl_names_out *o, const char *name,
    const char *help)
{
	char safe[256];

	if (*name == '\0' || strpbrk(name, " \t\n'\"\\|>#") != NULL ||
	    strncmp(name, o->prefix, strlen(o->prefix)) != 0 ||
	    text_escape(safe, sizeof(safe), name, strlen(name), 0) !=
	    strlen(name) || strlen(name) >= sizeof(safe))
		return;
	o->emit(name, help, o->arg);
}

static void
repl_names_models(struct repl_names *n, const struct repl_names_out *o,
    int targets)
{
	struct json_object *rows, *m, *served, *d;
	char target[256];
	size_t i, k;

	repl_names_refresh(n, "model.list", &n->models, &n->models_ms);
	rows = run_get(n->models, "models");
	for (i = 0; i < run_len(rows); i++) {
		m = run_at(rows, i);
		repl_names_one(o, run_str(m, "model"), run_str(m, "state"));
		served = targets ? run_get(m, "served_by") : NULL;
		for (k = 0; k < run_len(served); k++) {
			d = run_at(served, k);
			snprintf(target, sizeof(target), "%s@%s",
			    run_str(d, "upstream"), run_str(d, "backend"));
			repl_names_one(o, target, run_str(d, "state"));
		}
	}
}

static void
repl_names_requests(struct repl_names *n, const struct repl_names_out *o)
{
	struct json_object *rows;
	size_t i;

	repl_names_refresh(n, "request.list", &n->requests, &n->requests_ms);
	rows = run_get(n->requests, "requests");
	for (i = 0; i < run_len(rows); i++)
		repl_names_one(o, run_str(run_at(rows, i), "id"),
		    run_str(run_at(rows, i), "model"));
}

void
repl_names_emit(enum cmd_type type, const char *prefix, cmd_emit_cb emit,
    void *emit_arg, void *arg)
{
	struct repl_names_out o = { .prefix = prefix, .emit = emit,
	    .arg = emit_arg };
	struct repl_names *n = arg;

	if (type == CMD_MODEL || type == CMD_TARGET)
		repl_names_models(n, &o, type == CMD_TARGET);
	else if (type == CMD_REQUEST)
		repl_names_requests(n, &o);
}
