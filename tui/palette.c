/* SPDX-License-Identifier: ISC */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/cmd.h"
#include "proto/rpc.h"
#include "tui/action.h"
#include "tui/app.h"
#include "tui/ask.h"
#include "tui/field.h"
#include "tui/pager.h"
#include "tui/report.h"
#include "tui/swap.h"
#include "tui/view_test.h"
#include "tui/widget/flow.h"

/*
 * ":" takes the name of a key, of a view, or a command of llmctl as
 * proto/cmd parses it.  What a view shows anyway goes to that view; what
 * changes something asks, as the keys do.
 */

static void
palette_kill(struct app *app, const struct cmd_line *line)
{
	const char *id;
	size_t i;

	for (i = 0; (id = cmd_arg(line, "ID", i)) != NULL; i++)
		action_cancel_id(app, id);
}

static void
palette_route_set(struct app *app, const struct cmd_line *line)
{
	struct json_object *targets = json_object_new_array();
	char *copy, *rest, *one;
	const char *word;
	size_t i;

	for (i = 0; (word = cmd_arg(line, "TARGET", i)) != NULL; i++) {
		if ((copy = rest = strdup(word)) == NULL)
			abort();
		while ((one = strsep(&rest, ",")) != NULL)
			if (*one != '\0')
				json_object_array_add(targets,
				    json_object_new_string(one));
		free(copy);
	}
	swap_begin(app, cmd_arg(line, "MODEL", 0), targets);
}

static void
palette_test(struct app *app, const struct cmd_line *line)
{
	const char *prompt = cmd_flag(line, "--prompt");

	if (app_ready(app))
		view_test_start(app, cmd_arg(line, "MODEL", 0),
		    prompt != NULL && strcmp(prompt, "-") != 0 ? prompt : "",
		    cmd_flag_int(line, "--max-tokens", 0));
}

static void
palette_refuse(struct app *app, const char *text)
{
	app_say(app, TERM_WARN, "not in here; leave with q, then: llmctl %s",
	    text);
}

static int
palette_changes(int cmd)
{
	return cmd == CMD_KILL || cmd == CMD_ROUTE_SET || cmd == CMD_RELOAD ||
	    cmd == CMD_TEST;
}

static void
palette_run(struct app *app, const struct cmd_line *line, const char *text)
{
	if (app->opt->readonly && palette_changes(line->cmd)) {
		app_say(app, TERM_WARN, "%s: not with --readonly", text);
		return;
	}
	switch (line->cmd) {
	case CMD_STATUS:
		report_status(app);
		break;
	case CMD_MODELS:
		app_view_set(app, VIEW_MODELS);
		break;
	case CMD_ROUTES:
		app_view_set(app, VIEW_ROUTES);
		break;
	case CMD_PS:
		app_view_set(app, VIEW_REQUESTS);
		break;
	case CMD_TAIL:
		app_view_set(app, cmd_flag(line, "--logs") != NULL ?
		    VIEW_LOGS : VIEW_REQUESTS);
		break;
	case CMD_TEST:
		palette_test(app, line);
		break;
	case CMD_KILL:
		palette_kill(app, line);
		break;
	case CMD_ROUTE_SET:
		palette_route_set(app, line);
		break;
	case CMD_RELOAD:
		report_reload(app);
		break;
	case CMD_VERSION:
		report_version(app);
		break;
	case CMD_HELP:
		help_open(app);
		break;
	default:
		palette_refuse(app, text);
		break;
	}
}

/* A name of a key that works here; NULL: none. */
static const struct binding *
palette_binding(struct app *app, const char *name)
{
	const struct binding *b;

	for (b = bindings; b->label != NULL; b++)
		if (*b->name != '\0' && strcmp(b->name, name) == 0 &&
		    (b->scope == views[app->view]->scope ||
		    b->scope == BIND_LIST || b->scope == BIND_ALL))
			return b;
	return NULL;
}

static void
palette_parse(struct app *app, const char *text)
{
	struct rpc_error err;
	struct cmd_line line;
	char **argv;
	int argc, skip;

	rpc_error_init(&err);
	if (cmd_split(text, &argv, &argc, &err) < 0) {
		app_say(app, TERM_BAD, "%s", err.message);
		rpc_error_fini(&err);
		return;
	}
	skip = argc > 0 && strcmp(argv[0], "llmctl") == 0;
	if (argc == skip)
		;	/* nothing was typed */
	else if (cmd_parse(argc - skip, argv + skip, &line, &err) < 0)
		app_say(app, TERM_BAD, "%s%s%s", err.message, err.hint !=
		    NULL ? "   hint: " : "", err.hint != NULL ? err.hint :
		    "");
	else if (line.cmd < 0 || cmd_flag(&line, "--help") != NULL)
		help_open(app);
	else
		palette_run(app, &line, text + (skip ? 7 : 0));
	cmd_split_free(argv);
	rpc_error_fini(&err);
}

static void
palette_done(struct app *app, const char *text, void *arg)
{
	const struct binding *b;

	(void)arg;
	if (text == NULL)
		return;
	while (*text == ' ')
		text++;
	if ((b = palette_binding(app, text)) != NULL)
		app_do(app, b);
	else if (view_find(text) >= 0)
		app_view_set(app, view_find(text));
	else
		palette_parse(app, text);
}

/* What Tab has found so far. */
struct palette_found {
	const char	*partial;
	char		 common[EDIT_MAX];	/* what all begin with */
	char		 list[512];
	int		 n;
};

static void
palette_emit(const char *word, const char *help, void *arg)
{
	struct palette_found *f = arg;
	size_t i, used = strlen(f->list);

	(void)help;
	if (strncmp(word, f->partial, strlen(f->partial)) != 0)
		return;
	if (f->n++ == 0)
		snprintf(f->common, sizeof(f->common), "%s", word);
	for (i = 0; f->common[i] != '\0' && f->common[i] == word[i]; i++)
		;
	f->common[i] = '\0';
	snprintf(f->list + used, sizeof(f->list) - used, "%s%s",
	    used > 0 ? "  " : "", word);
}

/* Live names for arguments. */
static void
palette_names(enum cmd_type type, const char *prefix, cmd_emit_cb emit,
    void *emit_arg, void *arg)
{
	struct app *app = arg;
	const struct row *r;
	struct json_object *o, *by;
	char target[1100];
	size_t i, j;

	(void)prefix;
	if (type == CMD_REQUEST) {
		TAILQ_FOREACH(r, &app->model.live, entry)
			emit(r->name, "", emit_arg);
		return;
	}
	for (i = 0; i < field_len(app->model.models) &&
	    (type == CMD_MODEL || type == CMD_TARGET); i++) {
		o = field_at(app->model.models, i);
		emit(field_str(o, "model"), "", emit_arg);
		by = field_get(o, "served_by");
		for (j = 0; j < field_len(by) && type == CMD_TARGET; j++) {
			snprintf(target, sizeof(target), "%s@%s",
			    field_str(field_at(by, j), "upstream"),
			    field_str(field_at(by, j), "backend"));
			emit(target, "", emit_arg);
		}
	}
}

static void
palette_complete(struct app *app, char *text, void *arg)
{
	struct palette_found f = { .n = 0 };
	struct rpc_error err;
	const struct binding *b;
	char head[EDIT_MAX], *last = strrchr(text, ' ');
	char **argv;
	size_t used, len;
	int argc;

	(void)arg;
	last = last != NULL ? last + 1 : text;
	f.partial = last;
	snprintf(head, sizeof(head), "%.*s", (int)(last - text), text);
	rpc_error_init(&err);
	if (cmd_split(head, &argv, &argc, &err) == 0) {
		cmd_complete(argc, argv, last, palette_names, app,
		    palette_emit, &f);
		cmd_split_free(argv);
	}
	rpc_error_fini(&err);
	for (b = bindings; last == text && b->label != NULL; b++)
		if (*b->name != '\0' && palette_binding(app, b->name) == b)
			palette_emit(b->name, b->help, &f);
	if (f.n > 1)
		app_ran(app, "... %s", f.list);
	used = strlen(head);
	len = strlen(f.common);
	if (f.n == 0 || used + len + 2 > EDIT_MAX)
		return;
	memcpy(text, head, used);
	memcpy(text + used, f.common, len);
	snprintf(text + used + len, EDIT_MAX - used - len, "%s",
	    f.n == 1 ? " " : "");
}

void
palette_open(struct app *app)
{
	struct ask_text how = { .label = ":", .initial = "",
	    .done = palette_done, .complete = palette_complete };

	ask_text(app, &how);
}
