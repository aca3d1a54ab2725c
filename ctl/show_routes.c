/* SPDX-License-Identifier: ISC */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/show.h"
#include "ctl/table.h"

/* llmctl routes and route set: where requests go. */

static int
show_routes_is_runtime(struct json_object *route)
{
	return strcmp(run_str(route, "source"), "runtime") == 0;
}

static void
show_routes_row(struct run *r, struct table *t, struct json_object *route)
{
	char *targets = show_targets(run_get(route, "targets"));
	int runtime = show_routes_is_runtime(route);

	table_text(t, run_str(route, "model"));
	table_text(t, targets);
	table_text(t, runtime && r->out.format == OUT_TABLE ? "runtime*" :
	    run_str(route, "source"));
	table_state(t, run_str(route, "state"));
	table_number(t, run_num(route, "rps"), TABLE_RATE);
	table_number(t, run_num(route, "ttft_p95_ms"), TABLE_MS);
	table_number(t, run_num(route, "err_pct"), TABLE_RATE);
	if (r->verbose)
		table_text(t, run_str(route, "reason"));
	free(targets);
}

static void
show_routes_print(struct run *r, struct json_object *rows)
{
	static const struct table_column columns[] = {
		{ "MODEL", TABLE_LEFT, 100 }, { "TARGET", TABLE_LEFT, 100 },
		{ "SOURCE", TABLE_LEFT, 80 }, { "STATE", TABLE_LEFT, 90 },
		{ "REQ/S", TABLE_UNDER, 50 }, { "P95 TTFT", TABLE_UNDER, 40 },
		{ "ERR%", TABLE_UNDER, 60 }, { "REASON", TABLE_LEFT, 20 },
	};
	struct table *t = table_new(&r->out, columns, r->verbose ? 8 : 7);
	int overrides = 0, tiers = 0;
	struct json_object *route;
	size_t i;

	for (i = 0; i < run_len(rows); i++) {
		route = run_at(rows, i);
		show_routes_row(r, t, route);
		overrides += show_routes_is_runtime(route);
		tiers |= run_len(run_get(route, "targets")) > 1;
	}
	if (run_len(rows) > 0 || r->out.format != OUT_TABLE)
		table_print(t);
	table_free(t);
	if (r->out.quiet || r->out.format != OUT_TABLE)
		return;
	if (run_len(rows) == 0)
		puts("no routes: the configuration file lists no model");
	if (overrides > 0)
		puts("* differs from the config file, until llmd stops.");
	if (tiers)
		puts("'>' = next tier.");
}

int
show_routes(struct run *r)
{
	const char *pattern = cmd_arg(r->line, "PATTERN", 0);
	struct json_object *result, *rows, *all = NULL;
	size_t i;

	result = run_call(r, "route.list", show_params("", NULL));
	if (result == NULL)
		return run_failed(r);
	rows = run_get(result, "routes");
	if (pattern != NULL)
		json_object_deep_copy(rows, &all, NULL);
	for (i = run_len(rows); i-- > 0;)
		if (!show_matches(pattern,
		    run_str(run_at(rows, i), "model")))
			json_object_array_del_idx(rows, i, 1);
	if (pattern != NULL && run_len(rows) == 0)
		show_no_match(r, "model", pattern, all);
	else if (r->out.format >= OUT_JSON)
		out_json(&r->out, "route.list", "routes", result, 0, &r->err);
	else
		show_routes_print(r, rows);
	json_object_put(all);
	json_object_put(result);
	return run_failed(r);
}

/* The words TARGET[,TARGET...]... as an array, a string for each tier. */
static struct json_object *
show_routes_targets(struct run *r)
{
	struct json_object *list = json_object_new_array();
	const char *word;
	char *copy, *rest, *one;
	size_t n;

	for (n = 0; (word = cmd_arg(r->line, "TARGET", n)) != NULL; n++) {
		if ((copy = rest = strdup(word)) == NULL)
			abort();
		while ((one = strsep(&rest, ",")) != NULL)
			if (*one != '\0')
				json_object_array_add(list,
				    json_object_new_string(one));
		free(copy);
	}
	return list;
}

/* The command that goes back, where the old route can be said in words. */
static void
show_routes_back(struct run *r, const char *model, struct json_object *before)
{
	struct json_object *targets = run_get(before, "targets");
	const char *one;
	char *text;
	size_t len, i;
	FILE *f;

	if (run_len(targets) == 0)
		return;
	if ((f = open_memstream(&text, &len)) == NULL)
		abort();
	for (i = 0; i < run_len(targets); i++) {
		one = json_object_get_string(run_at(targets, i));
		if (one == NULL || strpbrk(one, " ,") != NULL)
			break;
		fprintf(f, "%s%s", i > 0 ? "," : "", one);
	}
	fclose(f);
	if (i == run_len(targets)) {
		show_text(&r->out, "back: llmctl route set ", model, " ");
		show_text(&r->out, "", text, "\n");
	}
	free(text);
}

static void
show_routes_set_print(struct run *r, struct json_object *res)
{
	struct json_object *before = run_get(res, "before");
	struct json_object *after = run_get(res, "after"), *warnings;
	char *from = show_targets(run_get(before, "targets"));
	char *to = show_targets(run_get(after, "targets"));
	long long running = (long long)run_int(res, "running");
	size_t i;

	show_text(&r->out, "", run_str(res, "model"), ": ");
	if (run_bool(res, "changed") || run_bool(res, "dry_run")) {
		show_text(&r->out, "", from, " -> ");
		show_text(&r->out, "", to, "");
	} else
		show_text(&r->out, "", to, ", as it was");
	if (run_bool(res, "dry_run"))
		fputs("   (dry run: nothing changed)", stdout);
	else
		printf("   rev %lld", (long long)run_int(res, "rev"));
	if (run_bool(res, "changed")) {
		fputs(", new requests only", stdout);
		if (running > 0)
			printf(" (%lld keep%s running)", running,
			    running == 1 ? "s" : "");
	}
	putchar('\n');
	warnings = run_get(res, "warnings");
	for (i = 0; i < run_len(warnings); i++)
		show_text(&r->out, "warning: ",
		    json_object_get_string(run_at(warnings, i)), "\n");
	if (run_bool(res, "changed") && !r->out.quiet) {
		if (strcmp(run_str(after, "source"), "config") == 0)
			puts("This is what the config file says: "
			    "no override is left.");
		else if (!run_bool(res, "persisted"))
			puts("In memory: it survives llmctl reload, "
			    "not a restart of llmd.");
		show_routes_back(r, run_str(res, "model"), before);
	}
	free(from);
	free(to);
}

int
show_routes_set(struct run *r)
{
	struct json_object *params, *res;
	const char *v;

	params = show_params("model", cmd_arg(r->line, "MODEL", 0));
	json_object_object_add(params, "targets", show_routes_targets(r));
	if ((v = cmd_flag(r->line, "--message")) != NULL)
		json_object_object_add(params, "reason",
		    json_object_new_string(v));
	if (cmd_flag(r->line, "--dry-run") != NULL)
		json_object_object_add(params, "dry_run",
		    json_object_new_boolean(1));
	if (cmd_flag(r->line, "--if-rev") != NULL)
		json_object_object_add(params, "if_rev",
		    json_object_new_int64(cmd_flag_int(r->line, "--if-rev",
		    0)));
	if ((res = run_show(r, "route.set", params)) == NULL)
		return run_failed(r);
	if (r->out.format == OUT_PLAIN)
		printf("%lld\n", (long long)run_int(res, "rev"));
	else
		show_routes_set_print(r, res);
	json_object_put(res);
	return 0;
}
