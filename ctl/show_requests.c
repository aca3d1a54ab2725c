/* SPDX-License-Identifier: ISC */
#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/show.h"
#include "ctl/table.h"
#include "proto/text.h"

#define SHOW_PAGE	256	/* rows of one request.list */
#define SHOW_PAGES_MAX	64

/* llmctl ps and kill: requests in flight. */

static void
show_requests_row(struct table *t, struct json_object *q)
{
	const char *upstream = run_str(q, "upstream");
	const char *phase = run_str(q, "phase");
	double pos = run_num(q, "queue_pos");
	char target[512] = "", state[64];

	if (*upstream != '\0')
		snprintf(target, sizeof(target), "%s@%s", upstream,
		    run_str(q, "backend"));
	if (isfinite(pos))
		snprintf(state, sizeof(state), "%s #%.0f", phase, pos);
	else
		snprintf(state, sizeof(state), "%s", phase);
	table_text(t, run_str(q, "id"));
	table_number(t, run_num(q, "age_ms"), TABLE_AGE);
	table_text(t, run_str(q, "model"));
	table_text(t, target);
	table_text(t, run_str(q, "key"));
	table_text(t, run_str(q, "client"));
	table_text(t, state);
	table_number(t, run_num(q, "tokens_in"), TABLE_PLAIN);
	table_number(t, run_num(q, "tokens_out"), TABLE_PLAIN);
	table_number(t, run_num(q, "tps"), TABLE_RATE);
}

/* All live requests, page by page: rows of the first answer grow. */
static struct json_object *
show_requests_fetch(struct run *r)
{
	struct json_object *params, *first = NULL, *page, *rows;
	double offset = 0;
	size_t i;
	int n;

	for (n = 0; n < SHOW_PAGES_MAX && isfinite(offset); n++) {
		params = show_params("state", "live");
		json_object_object_add(params, "limit",
		    json_object_new_int(SHOW_PAGE));
		json_object_object_add(params, "offset",
		    json_object_new_int64((int64_t)offset));
		if ((page = run_call(r, "request.list", params)) == NULL) {
			json_object_put(first);
			return NULL;
		}
		offset = run_num(page, "next_offset");
		if (first == NULL) {
			first = page;
			continue;
		}
		rows = run_get(page, "requests");
		for (i = 0; i < run_len(rows); i++)
			json_object_array_add(run_get(first, "requests"),
			    json_object_get(run_at(rows, i)));
		json_object_put(page);
	}
	return first;
}

int
show_requests_ps(struct run *r)
{
	static const struct table_column columns[] = {
		{ "ID", TABLE_LEFT, 100 }, { "AGE", TABLE_RIGHT, 90 },
		{ "MODEL", TABLE_LEFT, 70 },
		{ "UPSTREAM@BACKEND", TABLE_LEFT, 80 },
		{ "KEY", TABLE_LEFT, 40 }, { "CLIENT", TABLE_LEFT, 20 },
		{ "PHASE", TABLE_LEFT, 95 }, { "IN", TABLE_RIGHT, 30 },
		{ "OUT", TABLE_RIGHT, 60 }, { "TOK/S", TABLE_RIGHT, 50 },
	};
	struct json_object *result = show_requests_fetch(r), *rows;
	struct table *t;
	size_t i;

	if (result == NULL)
		return run_failed(r);
	rows = run_get(result, "requests");
	if (r->out.format >= OUT_JSON) {
		out_json(&r->out, "request.list", "requests", result, 0,
		    &r->err);
	} else if (run_len(rows) == 0) {
		if (r->out.format == OUT_TABLE)
			puts("no requests in flight");
	} else {
		t = table_new(&r->out, columns, 10);
		for (i = 0; i < run_len(rows); i++)
			show_requests_row(t, run_at(rows, i));
		table_print(t);
		table_free(t);
	}
	json_object_put(result);
	return run_failed(r);
}

static void
show_requests_killed(struct run *r, struct json_object *res)
{
	const char *backend = run_str(res, "backend");
	double out = run_num(res, "tokens_out");
	char age[TEXT_NUM_MAX], n[TEXT_NUM_MAX];

	show_text(&r->out, "", run_str(res, "id"), " cancelled after ");
	fputs(text_age(age, sizeof(age), run_num(res, "age_ms")), stdout);
	if (isfinite(out))
		printf(", %s tokens out", text_count(n, sizeof(n),
		    (int64_t)out));
	show_text(&r->out, ", on ", backend, "");
	puts(".");
}

int
show_requests_kill(struct run *r)
{
	const char *id, *why = cmd_flag(r->line, "--message");
	struct json_object *params, *res;
	size_t i;

	for (i = 0; (id = cmd_arg(r->line, "ID", i)) != NULL; i++) {
		params = show_params("id", id);
		if (why != NULL)
			json_object_object_add(params, "reason",
			    json_object_new_string(why));
		res = run_show(r, "request.cancel", params);
		if (res == NULL && r->err.kind != NULL)
			return run_failed(r);
		if (res == NULL)
			continue;
		if (!r->out.quiet)
			show_requests_killed(r, res);
		json_object_put(res);
	}
	return 0;
}
