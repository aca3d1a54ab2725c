/* SPDX-License-Identifier: ISC */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/show.h"

/*
 * llmctl reload: llmd checks the file and refuses a bad one (its errors come
 * as details of the error).  On a terminal a reload that drops a model asks.
 */

static struct json_object *
show_reload_call(struct run *r, int dry_run)
{
	const char *why = cmd_flag(r->line, "--message");
	struct json_object *p = show_params("reason", why);

	if (dry_run)
		json_object_object_add(p, "dry_run",
		    json_object_new_boolean(1));
	return run_call(r, "config.reload", p);
}

/* The first model that goes away, or NULL. */
static const char *
show_reload_dropped(struct json_object *res)
{
	struct json_object *changes = run_get(res, "changes"), *c;
	size_t i;

	for (i = 0; i < run_len(changes); i++) {
		c = run_at(changes, i);
		if (strcmp(run_str(c, "op"), "-") == 0 &&
		    strcmp(run_str(c, "what"), "model") == 0)
			return run_str(c, "name");
	}
	return NULL;
}

static void
show_reload_strings(struct run *r, const char *head, struct json_object *list,
    const char *tail)
{
	const char *s;
	size_t i;

	for (i = 0; i < run_len(list); i++) {
		s = json_object_get_string(run_at(list, i));
		show_text(&r->out, head, s != NULL ? s : "-", tail);
	}
}

static void
show_reload_changes(struct run *r, struct json_object *res)
{
	struct json_object *changes = run_get(res, "changes"), *c;
	size_t i, n = run_len(changes);

	if (n == 0)
		puts("config ok (no changes)");
	else
		printf("config ok (%zu change%s)\n", n, n == 1 ? "" : "s");
	for (i = 0; i < n; i++) {
		c = run_at(changes, i);
		show_text(&r->out, "  ", run_str(c, "op"), " ");
		show_text(&r->out, "", run_str(c, "what"), " ");
		show_text(&r->out, "", run_str(c, "name"), "");
		show_text(&r->out, "  ", run_str(c, "text"), "");
		show_text(&r->out, "   ", run_str(c, "where"), "");
		putchar('\n');
	}
	show_reload_strings(r, "! ", run_get(res, "warnings"), "\n");
	show_reload_strings(r, "! model ", run_get(res, "overrides_kept"),
	    " has a runtime override: kept\n");
	show_reload_strings(r, "! ", run_get(res, "restart"),
	    ": needs a restart of llmd\n");
}

/* Asks on the terminal; 1: yes. */
static int
show_reload_ask(const char *model)
{
	char answer[16];

	fflush(stdout);
	fprintf(stderr, "model %s goes away. Apply? [y/N] ", model);
	if (fgets(answer, sizeof(answer), stdin) == NULL)
		return 0;
	return answer[0] == 'y' || answer[0] == 'Y';
}

/* 0: go on; 1: done, refused or failed. */
static int
show_reload_confirm(struct run *r)
{
	struct json_object *res;
	const char *dropped;
	char *safe;
	int stop;

	if (!r->may_ask || cmd_flag(r->line, "--yes") != NULL ||
	    r->out.format != OUT_TABLE)
		return 0;
	if ((res = show_reload_call(r, 1)) == NULL)
		return 1;
	stop = 0;
	if ((dropped = show_reload_dropped(res)) != NULL) {
		show_reload_changes(r, res);
		safe = out_escape(&r->out, dropped);
		stop = !show_reload_ask(safe);
		free(safe);
		if (stop)
			puts("not applied");
	}
	json_object_put(res);
	return stop;
}

int
show_reload(struct run *r)
{
	int dry_run = cmd_flag(r->line, "--dry-run") != NULL;
	struct json_object *res;

	if (!dry_run && show_reload_confirm(r))
		return r->err.kind != NULL ? run_failed(r) : RUN_EXIT_NO;
	if ((res = show_reload_call(r, dry_run)) == NULL)
		return run_failed(r);
	if (r->out.format >= OUT_JSON) {
		out_json(&r->out, "config.reload", "", res, 0, &r->err);
	} else if (r->out.format == OUT_PLAIN) {
		printf("%lld\n", (long long)run_int(res, "rev"));
	} else {
		show_reload_changes(r, res);
		if (dry_run)
			puts("dry run: nothing changed");
		else if (run_bool(res, "applied"))
			printf("rev %lld\n", (long long)run_int(res, "rev"));
	}
	json_object_put(res);
	return run_failed(r);
}
