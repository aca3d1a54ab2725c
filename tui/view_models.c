/* SPDX-License-Identifier: ISC */
#include <curses.h>
#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/text.h"
#include "tui/app.h"
#include "tui/field.h"
#include "tui/frame.h"
#include "tui/view.h"
#include "tui/view_routes.h"
#include "tui/widget/table.h"

/* What clients may ask for, whether it works, and the next step if not. */
#define VIEW_MODELS_MAX		1024
#define VIEW_MODELS_MS		10000

struct view_models {
	struct table		 table;
	struct list		 list;
	int			 width;
	char			*sel;		/* NULL: the first */
	int64_t			 asked_ms;
	int			 n;
	struct json_object	*shown[VIEW_MODELS_MAX];
};

static const struct table_column view_models_columns[] = {
	{ "MODEL", 0, 10, 32, 100 },
	{ "STATE", 0, 8, 10, 95 },
	{ "SERVED BY", 0, 14, 48, 90 },
	{ "CTX", 1, 6, 8, 50 },
	{ "TTFT P50", 1, 8, 8, 60 },
	{ "REQ/24H", 1, 7, 9, 70 },
	{ "CAN", 0, 12, 40, 10 },
	{ "WHY", 0, 20, 80, 5 },
};
#define VIEW_MODELS_COLUMNS	8

static void
view_models_init(struct app *app, void *state)
{
	struct view_models *v = state;

	(void)app;
	table_init(&v->table, view_models_columns, VIEW_MODELS_COLUMNS);
}

static void
view_models_fini(void *state)
{
	free(((struct view_models *)state)->sel);
}

/* "a@x", "a@x +1": its first deployment and how many more. */
static void
view_models_served(struct json_object *m, char *dst, size_t cap)
{
	struct json_object *by = field_get(m, "served_by");
	struct json_object *one = field_at(by, 0);
	size_t n = field_len(by);

	dst[0] = '\0';
	if (n == 1)
		snprintf(dst, cap, "%s@%s", field_str(one, "upstream"),
		    field_str(one, "backend"));
	else if (n > 1)
		snprintf(dst, cap, "%s@%s +%zu", field_str(one, "upstream"),
		    field_str(one, "backend"), n - 1);
}

static void
view_models_collect(struct app *app, struct view_models *v)
{
	struct json_object *m;
	char served[1100];
	size_t i;

	v->n = v->list.sel = 0;
	for (i = 0; i < field_len(app->model.models) &&
	    v->n < VIEW_MODELS_MAX; i++) {
		m = field_at(app->model.models, i);
		view_models_served(m, served, sizeof(served));
		if (app->search[0] != '\0' &&
		    strcasestr(field_str(m, "model"), app->search) == NULL &&
		    strcasestr(field_str(m, "state"), app->search) == NULL &&
		    strcasestr(served, app->search) == NULL)
			continue;
		if (v->sel != NULL && strcmp(v->sel, field_str(m,
		    "model")) == 0)
			v->list.sel = v->n;
		v->shown[v->n++] = m;
	}
	list_keep(&v->list, v->n, v->list.height);
}

static void
view_models_move(struct app *app, void *state, enum list_move how)
{
	struct view_models *v = state;

	view_models_collect(app, v);
	list_move(&v->list, how, v->n);
	if (v->n == 0)
		return;
	free(v->sel);
	v->sel = strdup(field_str(v->shown[v->list.sel], "model"));
}

static void
view_models_cells(struct json_object *m, struct table_cell *c)
{
	struct json_object *caps = field_get(field_at(field_get(m,
	    "served_by"), 0), "capabilities");
	const char *state = field_str(m, "state");
	char buf[1100];
	size_t i, used = 0;

	table_setf(&c[0], TERM_BOLD, "%s%s", field_str(m, "model"),
	    field_bool(m, "override") ? "*" : "");
	table_set(&c[1], view_routes_role(state), view_routes_state(state));
	view_models_served(m, buf, sizeof(buf));
	table_set(&c[2], TERM_TEXT, buf);
	table_set_int(&c[3], field_int(m, "ctx", -1));
	table_set_ms(&c[4], field_num(m, "ttft_p50_ms"));
	text_count(buf, sizeof(buf), field_int(m, "req_24h", -1));
	table_set(&c[5], TERM_TEXT, buf);
	for (buf[0] = '\0', i = 0; i < field_len(caps) &&
	    used < sizeof(buf); i++)
		used += (size_t)snprintf(buf + used, sizeof(buf) - used,
		    "%s%s", i > 0 ? " " : "", field_at_str(caps, i));
	table_set(&c[6], TERM_DIM, buf);
	table_set(&c[7], TERM_DIM, *field_str(m, "reason") != '\0' ?
	    field_str(m, "reason") : " ");
}

/* Each deployment of the selected model, then reason and next step. */
static void
view_models_notes(struct app *app, struct json_object *m, struct rect r)
{
	struct json_object *by = field_get(m, "served_by"), *d;
	size_t i;
	int y = 0, x;

	for (i = 0; i < field_len(by) && y < r.h - 2; i++, y++) {
		d = field_at(by, i);
		x = term_printf(&app->term, r.y + y, r.x, r.w, TERM_DIM,
		    "tier %lld  ", (long long)field_int(d, "tier", 1));
		x += term_printf(&app->term, r.y + y, r.x + x, r.w - x,
		    TERM_TEXT, "%s@%s  ", field_str(d, "upstream"),
		    field_str(d, "backend"));
		x += term_put(&app->term, r.y + y, r.x + x, r.w - x,
		    view_routes_role(field_str(d, "state")),
		    view_routes_state(field_str(d, "state"))) + 2;
		term_put(&app->term, r.y + y, r.x + x, r.w - x, TERM_DIM,
		    *field_str(d, "error") != '\0' ? field_str(d, "error") :
		    field_str(d, "url"));
	}
	if (*field_str(m, "reason") != '\0' && y < r.h)
		term_put(&app->term, r.y + y++, r.x, r.w, TERM_TEXT,
		    field_str(m, "reason"));
	if (*field_str(m, "hint") != '\0' && y < r.h) {
		x = term_put(&app->term, r.y + y, r.x, r.w, TERM_DIM,
		    "next step: ");
		term_put(&app->term, r.y + y, r.x + x, r.w - x, TERM_BOLD,
		    field_str(m, "hint"));
	}
}

static void
view_models_row(struct app *app, struct view_models *v, int at, int y,
    struct rect r)
{
	struct table_cell c[VIEW_MODELS_COLUMNS];

	view_models_cells(v->shown[at], c);
	app->term.select = at == v->list.sel;
	if (app->term.select) {
		term_blank(&app->term, y, r.x, r.w);
		term_put(&app->term, y, r.x, 1, TERM_BOLD,
		    term_glyph_get(&app->term, TERM_ARROW));
	}
	table_row(&v->table, &app->term, y, r.x + 2, c);
	app->term.select = 0;
}

static void
view_models_draw(struct app *app, void *state, struct rect r)
{
	struct view_models *v = state;
	struct table_cell c[VIEW_MODELS_COLUMNS];
	int i, rows, head = LINES >= FRAME_TITLES;
	int notes = LINES >= FRAME_DETAIL && r.h > 10 ? r.h / 3 : 0;

	view_models_collect(app, v);
	if (v->width != r.w)
		table_init(&v->table, view_models_columns,
		    VIEW_MODELS_COLUMNS);
	v->width = r.w;
	rows = r.h - head - notes;
	if (v->n < rows)
		rows = v->n;
	list_keep(&v->list, v->n, r.h - head - notes);
	for (i = 0; i < rows; i++) {
		view_models_cells(v->shown[v->list.top + i], c);
		table_measure(&v->table, &app->term, c);
	}
	table_fit(&v->table, r.w - 2);
	if (head)
		table_head(&v->table, &app->term, r.y, r.x + 2);
	for (i = 0; i < rows; i++)
		view_models_row(app, v, v->list.top + i, r.y + head + i, r);
	if (v->n == 0 && r.h > head)
		term_put(&app->term, r.y + head, r.x + 2, r.w - 2, TERM_DIM,
		    app->search[0] != '\0' ?
		    "no model holds that text; \\ shows all" :
		    app->model.models == NULL ? "asking the backends ..." :
		    "no models: the config file lists none");
	if (notes > 0 && v->n > 0)
		view_models_notes(app, v->shown[v->list.sel], (struct rect){
		    r.y + head + rows + 1, r.x, r.h - head - rows - 1,
		    r.w });
}

static void
view_models_poll(struct app *app, void *state, int first)
{
	struct view_models *v = state;

	if (!first && app->now_ms - v->asked_ms < VIEW_MODELS_MS)
		return;
	v->asked_ms = app->now_ms;
	app_ask_models(app, 0);
}

void
view_models_refresh(struct app *app)
{
	if (!app_ready(app))
		return;
	app_ask_models(app, 1);
	app_ran(app, "llmctl models --refresh");
	app_say(app, TERM_TEXT, "asking the backends again");
}

static const char *
view_models_command(struct app *app, void *state)
{
	(void)app;
	(void)state;
	return "llmctl models -w";
}

static const char *
view_models_model(struct app *app, void *state)
{
	struct view_models *v = state;

	view_models_collect(app, v);
	return v->n > 0 ? field_str(v->shown[v->list.sel], "model") : NULL;
}

const struct view view_models = {
	.name = "models", .title = "Models", .scope = BIND_MODELS,
	.state_size = sizeof(struct view_models), .init = view_models_init,
	.fini = view_models_fini, .draw = view_models_draw,
	.step = view_models_move, .command = view_models_command,
	.model = view_models_model, .poll = view_models_poll,
};
