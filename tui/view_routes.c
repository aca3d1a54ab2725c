/* SPDX-License-Identifier: ISC */
#include "tui/view_routes.h"

#include <curses.h>
#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tui/app.h"
#include "tui/ask.h"
#include "tui/field.h"
#include "tui/frame.h"
#include "tui/swap.h"
#include "tui/widget/table.h"

/*
 * A route with one target is one line; any other has a line of its own and
 * one for each target.  Only routes are selected, by name: the list is sent
 * anew every two seconds while it is shown.
 */
#define VIEW_ROUTES_LINES	2048
#define VIEW_ROUTES_CHOICES	1024
#define VIEW_ROUTES_MS		2000

struct view_routes_line {
	struct json_object	*route;
	struct json_object	*target;	/* NULL: the route's own line */
	int			 tier;
	int			 last;		/* no sister below */
};

struct view_routes {
	struct table		 table;
	struct list		 list;		/* of lines */
	int			 width;
	char			*sel;		/* model; NULL: the first */
	int64_t			 asked_ms;
	int			 nlines;
	struct view_routes_line	 lines[VIEW_ROUTES_LINES];
};

static const struct table_column view_routes_columns[] = {
	{ "MODEL", 0, 8, 32, 100 },
	{ "TARGET", 0, 18, 48, 95 },
	{ "WT%", 1, 3, 5, 50 },
	{ "RPS", 1, 5, 6, 60 },
	{ "INFL", 1, 4, 6, 70 },
	{ "P95TT", 1, 6, 7, 55 },
	{ "ERR%", 1, 5, 6, 65 },
	{ "STATE", 0, 10, 20, 90 },
	{ "WHY", 0, 20, 80, 10 },
};
#define VIEW_ROUTES_COLUMNS	9

const char *
view_routes_state(const char *state)
{
	if (strcmp(state, "down") == 0)
		return "DOWN !";
	if (strcmp(state, "no_key") == 0)
		return "no key !";
	if (strcmp(state, "not_yet") == 0)
		return "not yet";
	return state;
}

enum term_role
view_routes_role(const char *state)
{
	if (strcmp(state, "ok") == 0)
		return TERM_GOOD;
	if (strcmp(state, "down") == 0 || strcmp(state, "no_key") == 0)
		return TERM_BAD;
	return TERM_WARN;
}

static void
view_routes_init(struct app *app, void *state)
{
	struct view_routes *v = state;

	(void)app;
	table_init(&v->table, view_routes_columns, VIEW_ROUTES_COLUMNS);
}

static void
view_routes_fini(void *state)
{
	free(((struct view_routes *)state)->sel);
}

static void
view_routes_add(struct view_routes *v, struct json_object *route,
    struct json_object *target, int tier, int last)
{
	if (v->nlines < VIEW_ROUTES_LINES)
		v->lines[v->nlines++] = (struct view_routes_line){ route,
		    target, tier, last };
}

/* All targets of a route, tier by tier. */
static size_t
view_routes_targets(struct view_routes *v, struct json_object *route, int add)
{
	struct json_object *tiers = field_get(route, "tiers"), *targets;
	size_t i, j, n = 0;

	for (i = 0; i < field_len(tiers); i++) {
		targets = field_get(field_at(tiers, i), "targets");
		n += field_len(targets);
		for (j = 0; add && j < field_len(targets); j++)
			view_routes_add(v, route, field_at(targets, j),
			    (int)i + 1, i + 1 == field_len(tiers) &&
			    j + 1 == field_len(targets));
	}
	return n;
}

static void
view_routes_collect(struct app *app, struct view_routes *v)
{
	struct json_object *route;
	char text[1024];
	size_t i;
	int l;

	v->nlines = 0;
	for (i = 0; i < field_len(app->model.routes); i++) {
		route = field_at(app->model.routes, i);
		if (app->search[0] != '\0' && strcasestr(field_str(route,
		    "model"), app->search) == NULL && strcasestr(
		    field_targets(field_get(route, "targets"), text,
		    sizeof(text)), app->search) == NULL)
			continue;
		view_routes_add(v, route, NULL, 0, 0);
		if (view_routes_targets(v, route, 0) > 1)
			view_routes_targets(v, route, 1);
	}
	v->list.sel = 0;
	for (l = 0; v->sel != NULL && l < v->nlines; l++)
		if (v->lines[l].target == NULL && strcmp(v->sel, field_str(
		    v->lines[l].route, "model")) == 0)
			v->list.sel = l;
	list_keep(&v->list, v->nlines, v->list.height);
}

static struct json_object *
view_routes_selected(struct app *app, struct view_routes *v)
{
	view_routes_collect(app, v);
	return v->nlines > 0 ? v->lines[v->list.sel].route : NULL;
}

static void
view_routes_move(struct app *app, void *state, enum list_move how)
{
	struct view_routes *v = state;
	int at, by = how == LIST_DOWN || how == LIST_PAGE_DOWN ||
	    how == LIST_HOME ? 1 : -1;

	view_routes_collect(app, v);
	if (v->nlines == 0)
		return;
	list_move(&v->list, how, v->nlines);
	for (at = v->list.sel; at >= 0 && at < v->nlines; at += by)
		if (v->lines[at].target == NULL)
			break;
	if (at < 0 || at >= v->nlines)		/* children come last */
		for (at = v->nlines - 1; v->lines[at].target != NULL;)
			at--;
	free(v->sel);
	v->sel = strdup(field_str(v->lines[at].route, "model"));
}

/* The numbers that routes and targets both have. */
static void
view_routes_numbers(struct table_cell *c, struct json_object *o)
{
	double err = field_num(o, "err_pct");

	table_set_num(&c[3], field_num(o, "rps"), 1);
	table_set_int(&c[4], field_int(o, "in_flight", -1));
	table_set_ms(&c[5], field_num(o, "ttft_p95_ms"));
	table_set_num(&c[6], err, 1);
	if (isfinite(err) && err > 0)
		c[6].role = err >= 5 ? TERM_BAD : TERM_WARN;
	table_set(&c[7], view_routes_role(field_str(o, "state")),
	    view_routes_state(field_str(o, "state")));
}

static void
view_routes_cells(struct app *app, struct view_routes *v,
    const struct view_routes_line *l, struct table_cell *c)
{
	int runtime = strcmp(field_str(l->route, "source"), "runtime") == 0;
	size_t n = view_routes_targets(v, l->route, 0);
	struct json_object *only;
	double share;

	table_set(&c[8], TERM_DIM, " ");
	if (l->target == NULL) {
		only = field_at(field_get(field_at(field_get(l->route,
		    "tiers"), 0), "targets"), 0);
		view_routes_numbers(c, l->route);
		table_setf(&c[0], TERM_BOLD, "%s", field_str(l->route,
		    "model"));
		if (n == 1)
			table_set(&c[1], TERM_TEXT, field_str(only,
			    "target"));
		else
			table_setf(&c[1], TERM_DIM, n > 1 ? "%zu targets" :
			    "none", n);
		table_set(&c[2], TERM_TEXT, n == 1 ? "100" : " ");
		if (runtime)
			table_setf(&c[7], c[7].role, "%s *",
			    view_routes_state(field_str(l->route, "state")));
		if (*field_str(l->route, "reason") != '\0')
			table_set(&c[8], TERM_DIM, field_str(l->route,
			    "reason"));
		return;
	}
	view_routes_numbers(c, l->target);
	table_setf(&c[0], TERM_DIM, " %s", term_glyph_get(&app->term,
	    l->last ? TERM_BRANCH_LAST : TERM_BRANCH));
	if (l->tier > 1)
		table_setf(&c[1], TERM_TEXT, "tier %d %s", l->tier,
		    field_str(l->target, "target"));
	else
		table_set(&c[1], TERM_TEXT, field_str(l->target, "target"));
	share = field_num(l->target, "share_pct");
	table_set_num(&c[2], share, 0);
	if (*field_str(l->target, "error") != '\0')
		table_set(&c[8], TERM_DIM, field_str(l->target, "error"));
}

static int
view_routes_say(struct app *app, struct rect r, int y, enum term_role role,
    const char *text)
{
	if (y >= r.h)
		return y;
	term_put(&app->term, r.y + y, r.x, r.w, role, text);
	return y + 1;
}

/* Who changed the selected route, and what is wrong with any. */
static void
view_routes_notes(struct app *app, struct view_routes *v, struct rect r)
{
	struct json_object *sel, *route;
	char buf[1024], text[512], at[16] = "";
	double changed;
	time_t when;
	struct tm tm;
	int i, y = 0;

	if (r.h < 1 || v->nlines == 0)
		return;
	sel = v->lines[v->list.sel].route;
	if (strcmp(field_str(sel, "source"), "runtime") == 0) {
		changed = field_time(field_str(sel, "changed"));
		when = isfinite(changed) ? (time_t)changed : 0;
		if (when != 0)
			strftime(at, sizeof(at), "%H:%M ", localtime_r(&when,
			    &tm));
		snprintf(buf, sizeof(buf), "%s: changed %sby %s, rev %lld%s%s",
		    field_str(sel, "model"), at, *field_str(sel, "who") !=
		    '\0' ? field_str(sel, "who") : "-",
		    (long long)field_int(sel, "rev", 0),
		    *field_str(sel, "why") != '\0' ? ": " : "",
		    field_str(sel, "why"));
		y = view_routes_say(app, r, y, TERM_WARN, buf);
		snprintf(buf, sizeof(buf), "      the file says %s   "
		    "(0 goes back to it)",
		    field_targets(field_get(sel, "config_targets"), text,
		    sizeof(text)));
		y = view_routes_say(app, r, y, TERM_DIM, buf) + 1;
	} else if (field_len(field_get(sel, "fallbacks")) > 0) {
		snprintf(buf, sizeof(buf), "%s: then falls back to %s",
		    field_str(sel, "model"), field_targets(field_get(sel,
		    "fallbacks"), text, sizeof(text)));
		y = view_routes_say(app, r, y, TERM_DIM, buf) + 1;
	}
	for (i = 0; i < v->nlines; i++) {
		route = v->lines[i].route;
		if (v->lines[i].target != NULL ||
		    *field_str(route, "reason") == '\0')
			continue;
		snprintf(buf, sizeof(buf), "%s: %s", field_str(route,
		    "model"), field_str(route, "reason"));
		y = view_routes_say(app, r, y, TERM_TEXT, buf);
	}
}

static void
view_routes_row(struct app *app, struct view_routes *v, int at,
    struct rect r)
{
	struct table_cell c[VIEW_ROUTES_COLUMNS];

	view_routes_cells(app, v, &v->lines[at], c);
	app->term.select = at == v->list.sel;
	if (app->term.select) {
		term_blank(&app->term, r.y, r.x, r.w);
		term_put(&app->term, r.y, r.x, 1, TERM_BOLD,
		    term_glyph_get(&app->term, TERM_ARROW));
	}
	table_row(&v->table, &app->term, r.y, r.x + 2, c);
	app->term.select = 0;
}

static void
view_routes_draw(struct app *app, void *state, struct rect r)
{
	struct view_routes *v = state;
	struct table_cell c[VIEW_ROUTES_COLUMNS];
	int i, rows, head = LINES >= FRAME_TITLES;
	int notes = LINES >= FRAME_DETAIL && r.h > 10 ? r.h / 3 : 0;

	view_routes_collect(app, v);
	if (v->width != r.w)
		table_init(&v->table, view_routes_columns,
		    VIEW_ROUTES_COLUMNS);
	v->width = r.w;
	rows = r.h - head - notes;
	if (v->nlines < rows)
		rows = v->nlines;
	list_keep(&v->list, v->nlines, r.h - head - notes);
	for (i = 0; i < rows; i++) {
		view_routes_cells(app, v, &v->lines[v->list.top + i], c);
		table_measure(&v->table, &app->term, c);
	}
	table_fit(&v->table, r.w - 2);
	if (head)
		table_head(&v->table, &app->term, r.y, r.x + 2);
	for (i = 0; i < rows; i++)
		view_routes_row(app, v, v->list.top + i, (struct rect){
		    r.y + head + i, r.x, 1, r.w });
	if (v->nlines == 0 && r.h > head)
		term_put(&app->term, r.y + head, r.x + 2, r.w - 2, TERM_DIM,
		    app->search[0] != '\0' ?
		    "no route holds that text; \\ shows all" :
		    app->model.routes == NULL ? "not known yet" :
		    "no routes: the config file lists no model");
	if (notes > 0)
		view_routes_notes(app, v, (struct rect){ r.y + head + rows + 1,
		    r.x, r.h - head - rows - 1, r.w });
}

static void
view_routes_poll(struct app *app, void *state, int first)
{
	struct view_routes *v = state;

	if (!first && app->now_ms - v->asked_ms < VIEW_ROUTES_MS)
		return;
	v->asked_ms = app->now_ms;
	app_ask_routes(app);
}

static const char *
view_routes_command(struct app *app, void *state)
{
	(void)app;
	(void)state;
	return "llmctl routes -w";
}

static const char *
view_routes_model(struct app *app, void *state)
{
	struct json_object *route = view_routes_selected(app, state);

	return route != NULL ? field_str(route, "model") : NULL;
}

/* Adds a name once. */
static void
view_routes_choice(const char **list, size_t *n, const char *name)
{
	size_t i;

	for (i = 0; i < *n; i++)
		if (strcmp(list[i], name) == 0)
			return;
	if (*name != '\0' && *n < VIEW_ROUTES_CHOICES)
		list[(*n)++] = name;
}

static void
view_routes_picked(struct app *app, int choice, const char *text, void *arg)
{
	struct json_object *targets;

	if (choice >= 0) {
		targets = json_object_new_array();
		json_object_array_add(targets, json_object_new_string(text));
		swap_begin(app, arg, targets);
	}
	free(arg);
}

/* Other models' names first, then every upstream@backend known. */
static size_t
view_routes_choices(struct app *app, const char *model, const char **list)
{
	struct json_object *routes = app->model.routes, *tiers, *targets;
	size_t i, j, k, n = 0;

	for (i = 0; i < field_len(routes); i++)
		if (strcmp(field_str(field_at(routes, i), "model"),
		    model) != 0)
			view_routes_choice(list, &n,
			    field_str(field_at(routes, i), "model"));
	for (i = 0; i < field_len(routes); i++) {
		tiers = field_get(field_at(routes, i), "tiers");
		for (j = 0; j < field_len(tiers); j++) {
			targets = field_get(field_at(tiers, j), "targets");
			for (k = 0; k < field_len(targets); k++)
				view_routes_choice(list, &n, field_str(
				    field_at(targets, k), "target"));
		}
	}
	return n;
}

void
view_routes_swap(struct app *app)
{
	struct view_routes *v = app_state(app, VIEW_ROUTES);
	struct json_object *route = view_routes_selected(app, v);
	const char *list[VIEW_ROUTES_CHOICES], *model;
	char title[256], text[200], *copy;
	size_t n;

	if (route == NULL || !app_ready(app))
		return;
	model = field_str(route, "model");
	n = view_routes_choices(app, model, list);
	if (n == 0) {
		app_say(app, TERM_WARN, "there is no other target; any can be "
		    "given with  :route set %s UPSTREAM@BACKEND", model);
		return;
	}
	if ((copy = strdup(model)) == NULL)
		abort();
	snprintf(title, sizeof(title), "%.60s: %.120s -> ?", model,
	    field_targets(field_get(route, "targets"), text, sizeof(text)));
	ask_pick(app, title, list, n, view_routes_picked, copy);
}

void
view_routes_reset(struct app *app)
{
	struct view_routes *v = app_state(app, VIEW_ROUTES);
	struct json_object *route = view_routes_selected(app, v), *targets;
	char text[APP_COMMAND];

	if (route == NULL)
		return;
	targets = field_get(route, "config_targets");
	if (strcmp(field_str(route, "source"), "runtime") != 0)
		app_say(app, TERM_TEXT, "%s is as the config file says",
		    field_str(route, "model"));
	else if (swap_words(targets, text, sizeof(text)) == NULL)
		app_say(app, TERM_WARN, "the file's route of %s cannot be "
		    "said in words; restart llmd to have it back",
		    field_str(route, "model"));
	else
		swap_begin(app, field_str(route, "model"),
		    json_object_get(targets));
}

void
view_routes_undo(struct app *app)
{
	swap_undo(app);
}

const struct view view_routes = {
	.name = "routes", .title = "Routes", .scope = BIND_ROUTES,
	.state_size = sizeof(struct view_routes), .init = view_routes_init,
	.fini = view_routes_fini, .draw = view_routes_draw,
	.step = view_routes_move, .command = view_routes_command,
	.model = view_routes_model, .poll = view_routes_poll,
};
