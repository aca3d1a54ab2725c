/* SPDX-License-Identifier: ISC */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/show.h"
#include "ctl/table.h"
#include "proto/text.h"

/*
 * llmctl models: the public names.  The last line counts them and gives the
 * next step for the worst one that cannot be used.
 */

/* "a@x", "a@x +2" or, where nothing is known, "-". */
static void
show_models_served_by(char *dst, size_t cap, struct json_object *model)
{
	struct json_object *list = run_get(model, "served_by");
	struct json_object *first = run_at(list, 0);
	size_t n = run_len(list);

	if (n == 0) {
		snprintf(dst, cap, "-");
		return;
	}
	snprintf(dst, cap, "%s@%s", run_str(first, "upstream"),
	    run_str(first, "backend"));
	if (n > 1)
		snprintf(dst + strlen(dst), cap - strlen(dst), " +%zu",
		    n - 1);
}

static void
show_models_row(struct run *r, struct table *t, struct json_object *m)
{
	char served[512];

	show_models_served_by(served, sizeof(served), m);
	table_text(t, run_str(m, "model"));
	table_state(t, run_str(m, "state"));
	table_text(t, served);
	table_number(t, run_num(m, "ctx"), TABLE_PLAIN);
	table_number(t, run_num(m, "ttft_p50_ms"), TABLE_MS);
	table_number(t, run_num(m, "req_24h"), TABLE_COUNT);
	if (r->verbose)
		table_text(t, run_str(m, "reason"));
}

/* 1 if requests for it cannot succeed now. */
static int
show_models_unusable(struct json_object *m)
{
	const char *state = run_str(m, "state");

	return strcmp(state, "ok") != 0 && strcmp(state, "degraded") != 0;
}

static void
show_models_summary(struct run *r, int shown, int unusable, const char *hint)
{
	if (r->out.quiet || r->out.format != OUT_TABLE)
		return;
	printf("%d model%s", shown, shown == 1 ? "" : "s");
	if (unusable > 0)
		printf(", %d unusable", unusable);
	if (unusable > 0 && *hint != '\0')
		show_text(&r->out, ".  hint: ", hint, "");
	putchar('\n');
}

/* Leaves only rows that match the pattern. */
static void
show_models_filter(struct json_object *rows, const char *pattern)
{
	size_t i = run_len(rows);

	while (i-- > 0)
		if (!show_matches(pattern,
		    run_str(run_at(rows, i), "model")))
			json_object_array_del_idx(rows, i, 1);
}

static void
show_models_print(struct run *r, struct json_object *rows)
{
	static const struct table_column columns[] = {
		{ "MODEL", TABLE_LEFT, 100 }, { "STATE", TABLE_LEFT, 90 },
		{ "SERVED BY", TABLE_LEFT, 80 }, { "CTX", TABLE_UNDER, 50 },
		{ "TTFT p50", TABLE_UNDER, 40 },
		{ "REQ/24H", TABLE_UNDER, 30 }, { "REASON", TABLE_LEFT, 20 },
	};
	struct table *t = table_new(&r->out, columns, r->verbose ? 7 : 6);
	const char *hint = "";
	struct json_object *m;
	int unusable = 0;
	size_t i;

	for (i = 0; i < run_len(rows); i++) {
		m = run_at(rows, i);
		show_models_row(r, t, m);
		if (!show_models_unusable(m))
			continue;
		unusable++;
		if (*hint == '\0' || strcmp(run_str(m, "state"), "down") == 0)
			hint = run_str(m, "hint");
	}
	if (run_len(rows) > 0 || r->out.format != OUT_TABLE)
		table_print(t);
	table_free(t);
	if (run_len(rows) > 0)
		show_models_summary(r, (int)run_len(rows), unusable, hint);
	else if (r->out.format == OUT_TABLE)
		puts("no models: the configuration file lists none");
}

int
show_models(struct run *r)
{
	const char *pattern = cmd_arg(r->line, "PATTERN", 0);
	struct json_object *params = show_params("", NULL), *result, *rows;
	struct json_object *all = NULL;
	int none = 0;

	if (cmd_flag(r->line, "--refresh") != NULL)
		json_object_object_add(params, "refresh",
		    json_object_new_boolean(1));
	if ((result = run_call(r, "model.list", params)) == NULL)
		return run_failed(r);
	rows = run_get(result, "models");
	if (pattern != NULL) {
		json_object_deep_copy(rows, &all, NULL);
		show_models_filter(rows, pattern);
		none = run_len(rows) == 0;
	}
	if (none)
		show_no_match(r, "model", pattern, all);
	else if (r->out.format >= OUT_JSON)
		out_json(&r->out, "model.list", "models", result, 0, &r->err);
	else
		show_models_print(r, rows);
	json_object_put(all);
	json_object_put(result);
	return run_failed(r);
}
