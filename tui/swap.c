/* SPDX-License-Identifier: ISC */
#include "tui/swap.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/rpc.h"
#include "tui/app.h"
#include "tui/ask.h"
#include "tui/field.h"
#include "tui/widget/flow.h"

struct swap {
	struct app		*app;
	char			*model;
	struct json_object	*targets;
};

static void
swap_free(struct swap *s)
{
	free(s->model);
	json_object_put(s->targets);
	free(s);
}

const char *
swap_words(struct json_object *targets, char *dst, unsigned cap)
{
	size_t i, used = 0;
	const char *one;
	int n;

	dst[0] = '\0';
	for (i = 0; i < field_len(targets); i++) {
		one = field_at_str(targets, i);
		if (*one == '\0' || strpbrk(one, " ,") != NULL)
			return NULL;
		n = snprintf(dst + used, cap - used, "%s%s", i > 0 ? "," : "",
		    one);
		if (n < 0 || (used += (size_t)n) >= cap)
			return NULL;
	}
	return i > 0 ? dst : NULL;
}

static void
swap_failed(struct app *app, const struct rpc_error *err)
{
	app_say(app, TERM_BAD, "%s%s%s", err->message,
	    err->hint != NULL ? "   hint: " : "",
	    err->hint != NULL ? err->hint : "");
}

static struct json_object *
swap_params(const struct swap *s)
{
	struct json_object *p = field_params("model", s->model);

	json_object_object_add(p, "targets", json_object_get(s->targets));
	return p;
}

/* It is set: what it was can be had back. */
static void
swap_set(void *arg, struct json_object *res, const struct rpc_error *err)
{
	struct swap *s = arg;
	struct app *app = s->app;
	struct json_object *before = field_get(field_get(res, "before"),
	    "targets");
	char after[APP_COMMAND], back[APP_COMMAND];
	const char *words;

	if (err != NULL) {
		swap_failed(app, err);
		swap_free(s);
		return;
	}
	field_targets(field_get(field_get(res, "after"), "targets"), after,
	    sizeof(after));
	words = swap_words(before, back, sizeof(back));
	json_object_put(app->undo_targets);
	app->undo_targets = words != NULL ? json_object_get(before) : NULL;
	snprintf(app->undo_model, sizeof(app->undo_model), "%s", s->model);
	app_say(app, TERM_GOOD, "%s -> %s  rev %lld, new requests only%s",
	    s->model, after, (long long)field_int(res, "rev", 0),
	    words != NULL ? ".  U takes it back" : "");
	if (words != NULL)
		app_ran(app, "llmctl route set %s %s      (takes it back)",
		    s->model, words);
	swap_free(s);
	app_ask_routes(app);
	app_ask_models(app, 0);
	app_ask_status(app);
}

static void
swap_answer(struct app *app, int yes, void *arg)
{
	struct swap *s = arg;
	struct json_object *p;

	if (!yes || !app_ready(app)) {
		if (!yes)
			app_say(app, TERM_TEXT, "%s stays as it is",
			    s->model);
		swap_free(s);
		return;
	}
	p = swap_params(s);
	json_object_object_add(p, "reason",
	    json_object_new_string("llmtop"));
	json_object_object_add(p, "if_rev",
	    json_object_new_int64(app->model.now.rev));
	if (link_call(app->link, "route.set", p, swap_set, NULL, s) < 0)
		swap_free(s);
}

/* What the dry run said, as a question. */
static void
swap_checked(void *arg, struct json_object *res, const struct rpc_error *err)
{
	struct swap *s = arg;
	struct app *app = s->app;
	struct json_object *b = field_get(res, "before"), *w;
	struct json_object *a = field_get(res, "after");
	char text[APP_COMMAND], title[160];
	const struct term *t = &app->term;
	struct flow f;
	size_t i;

	if (err != NULL) {
		swap_failed(app, err);
		swap_free(s);
		return;
	}
	app->model.now.rev = field_int(res, "rev", app->model.now.rev);
	flow_init(&f, 1);
	flow_add(&f, t, TERM_DIM, "before  ");
	flow_addf(&f, t, TERM_TEXT, "%s\n", field_targets(field_get(b,
	    "targets"), text, sizeof(text)));
	flow_add(&f, t, TERM_DIM, "after   ");
	flow_addf(&f, t, TERM_BOLD, "%s\n", field_targets(field_get(a,
	    "targets"), text, sizeof(text)));
	if (strcmp(field_str(a, "source"), "config") == 0)
		flow_add(&f, t, TERM_GOOD,
		    "This is what the config file says.\n");
	w = field_get(res, "warnings");
	for (i = 0; i < field_len(w); i++)
		flow_addf(&f, t, TERM_WARN, "warning: %s\n",
		    field_at_str(w, i));
	flow_addf(&f, t, TERM_DIM, "\nNew requests only; %lld running go on "
	    "where they are.\n", (long long)field_int(res, "running", 0));
	snprintf(title, sizeof(title), "route %.100s", s->model);
	app_ran(app, "llmctl route set %s %s", s->model,
	    swap_words(s->targets, text, sizeof(text)) != NULL ? text : "");
	ask_yes(app, title, "Swap?", &f, swap_answer, s);
}

void
swap_begin(struct app *app, const char *model, struct json_object *targets)
{
	struct swap *s = calloc(1, sizeof(*s));
	struct json_object *p;

	if (s == NULL || (s->model = strdup(model)) == NULL)
		abort();
	s->app = app;
	s->targets = targets;
	p = swap_params(s);
	json_object_object_add(p, "dry_run", json_object_new_boolean(1));
	if (!app_ready(app)) {
		json_object_put(p);
		swap_free(s);
	} else if (link_call(app->link, "route.set", p, swap_checked, NULL,
	    s) < 0)
		swap_free(s);
}

void
swap_undo(struct app *app)
{
	if (app->undo_targets == NULL)
		app_say(app, TERM_WARN, "no route was changed here");
	else
		swap_begin(app, app->undo_model,
		    json_object_get(app->undo_targets));
}
