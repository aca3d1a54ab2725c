/* SPDX-License-Identifier: ISC */
#include "tui/view_requests.h"

#include <curses.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "proto/text.h"
#include "tui/app.h"
#include "tui/frame.h"
#include "tui/view_inspect.h"
#include "tui/view_overview.h"

/*
 * The selection belongs to a request, not to a line: rows that come in above
 * it do not move it off.  Only on the first line it stays on the line, until
 * the user moves.  Frozen, the ids that were shown are kept in their order,
 * and their rows go on changing.
 */
struct view_requests_id {
	uint64_t	id;
	unsigned	gen;
};

struct view_requests {
	struct table		 table;
	struct list		 list;
	struct view_requests_id	 sel;
	int			 moved;		/* sel is the user's choice */
	int			 width;		/* the table is laid out for */
	int			 frozen;
	uint64_t		 frozen_made;
	int			 nkept, nshown;
	struct view_requests_id	 kept[MODEL_ROWS];
	const struct row	*shown[MODEL_ROWS];
};

enum view_requests_column {
	VIEW_AGE, VIEW_ID, VIEW_MODEL, VIEW_TARGET, VIEW_KEY, VIEW_CLIENT,
	VIEW_STATE, VIEW_QUEUE, VIEW_TTFT, VIEW_IN, VIEW_OUT, VIEW_TPS,
	VIEW_TOTAL, VIEW_NOTE
};

const struct table_column view_requests_columns[] = {
	[VIEW_AGE] = { "AGE", 1, 5, 7, 100 },
	[VIEW_ID] = { "ID", 0, 4, 16, 90 },
	[VIEW_MODEL] = { "MODEL", 0, 8, 32, 45 },
	[VIEW_TARGET] = { "UPSTREAM@BACKEND", 0, 16, 40, 80 },
	[VIEW_KEY] = { "KEY", 0, 7, 12, 40 },
	[VIEW_CLIENT] = { "CLIENT", 0, 12, 21, 15 },
	[VIEW_STATE] = { "STATE", 0, 9, 10, 95 },
	[VIEW_QUEUE] = { "QUEUE", 1, 6, 7, 25 },
	[VIEW_TTFT] = { "TTFT", 1, 6, 7, 50 },
	[VIEW_IN] = { "IN", 1, 6, 7, 30 },
	[VIEW_OUT] = { "OUT", 1, 5, 7, 60 },
	[VIEW_TPS] = { "TOK/S", 1, 5, 6, 70 },
	[VIEW_TOTAL] = { "TOTAL", 1, 6, 7, 20 },
	[VIEW_NOTE] = { "NOTE", 0, 16, 80, 10 },
};

static void
view_requests_init(struct app *app, void *state)
{
	struct view_requests *v = state;

	(void)app;
	table_init(&v->table, view_requests_columns, VIEW_REQUESTS_COLUMNS);
}

static enum term_role
view_requests_role(const struct row *r)
{
	if (r->phase == ROW_STREAM)
		return TERM_ACCENT;
	if (r->phase != ROW_DONE)
		return TERM_WARN;
	switch (row_badness(r)) {
	case 0:
		return TERM_GOOD;
	case 1:
		return TERM_WARN;
	default:
		return TERM_BAD;
	}
}

/* Tokens; "~" before a number that llmd counted itself. */
static void
view_requests_tokens(struct table_cell *c, const struct row *r, int64_t n)
{
	if (n < 0)
		table_set(c, TERM_DIM, "");
	else
		table_setf(c, TERM_TEXT, "%s%lld", r->estimated &&
		    r->phase == ROW_DONE ? "~" : "", (long long)n);
}

void
view_requests_cells(const struct row *r, double now, struct table_cell *c)
{
	char buf[ROW_TEXT_MAX * 2 + 2];
	enum term_role text = r->phase == ROW_DONE ? TERM_TEXT : TERM_BOLD;

	text_age(buf, sizeof(buf), row_age_ms(r, now));
	if (r->phase == ROW_DONE && row_age_ms(r, now) < 60000)
		snprintf(buf, sizeof(buf), "%.0fs",
		    floor(row_age_ms(r, now) / 1000));
	table_set(&c[VIEW_AGE], text, buf);
	table_set(&c[VIEW_ID], text, r->name);
	table_set(&c[VIEW_MODEL], text, r->model);
	table_set(&c[VIEW_TARGET], TERM_TEXT, row_target(r, buf,
	    sizeof(buf)));
	if (r->test)
		table_set(&c[VIEW_KEY], TERM_DIM, "(test)");
	else
		table_set(&c[VIEW_KEY], TERM_TEXT, r->key);
	table_set(&c[VIEW_CLIENT], TERM_TEXT, r->client);
	table_set(&c[VIEW_STATE], view_requests_role(r),
	    row_state(r, buf, sizeof(buf)));
	table_set_ms(&c[VIEW_QUEUE], r->queue_ms);
	table_set_ms(&c[VIEW_TTFT], r->ttft_ms);
	view_requests_tokens(&c[VIEW_IN], r, r->tokens_in);
	view_requests_tokens(&c[VIEW_OUT], r, r->tokens_out);
	table_set_num(&c[VIEW_TPS], r->tps, 1);
	table_set_ms(&c[VIEW_TOTAL], r->total_ms);
	row_note(r, buf, sizeof(buf));
	table_set(&c[VIEW_NOTE], TERM_DIM, *buf != '\0' ? buf : " ");
}

/* Decides which rows are shown, and finds the selected one among them. */
static void
view_requests_collect(struct app *app, struct view_requests *v)
{
	const struct model *m = &app->model;
	const struct row *r;
	int i, found = -1;

	v->nshown = 0;
	for (i = 0; v->frozen && i < v->nkept; i++) {
		r = model_find(m, v->kept[i].gen, v->kept[i].id);
		if (r != NULL && (app->search[0] == '\0' ||
		    row_matches(r, app->search)))
			v->shown[v->nshown++] = r;
	}
	if (!v->frozen) {
		TAILQ_FOREACH(r, &m->live, entry)
			if (app->search[0] == '\0' ||
			    row_matches(r, app->search))
				v->shown[v->nshown++] = r;
		TAILQ_FOREACH(r, &m->done, entry)
			if (app->search[0] == '\0' ||
			    row_matches(r, app->search))
				v->shown[v->nshown++] = r;
	}
	for (i = 0; v->moved && i < v->nshown && found < 0; i++)
		if (v->shown[i]->id == v->sel.id &&
		    v->shown[i]->gen == v->sel.gen)
			found = i;
	if (found >= 0)
		v->list.sel = found;
	else if (!v->moved)
		v->list.sel = 0;
	list_keep(&v->list, v->nshown, v->list.height);
}

static const struct row *
view_requests_selected(const struct view_requests *v)
{
	return v->list.sel < v->nshown ? v->shown[v->list.sel] : NULL;
}

static void
view_requests_select(struct view_requests *v)
{
	const struct row *r = view_requests_selected(v);

	if (r != NULL)
		v->sel = (struct view_requests_id){ r->id, r->gen };
}

const struct row *
view_requests_row(struct app *app)
{
	struct view_requests *v = app_state(app, VIEW_REQUESTS);

	if (app->view != VIEW_REQUESTS)
		return NULL;
	view_requests_collect(app, v);
	return view_requests_selected(v);
}

const struct row *
view_requests_step(struct app *app, int by)
{
	struct view_requests *v = app_state(app, VIEW_REQUESTS);
	int sel;

	view_requests_collect(app, v);
	sel = v->list.sel + by;
	if (sel < 0 || sel >= v->nshown)
		return NULL;
	v->list.sel = sel;
	v->moved = 1;
	view_requests_select(v);
	return v->shown[sel];
}

static void
view_requests_move(struct app *app, void *state, enum list_move how)
{
	struct view_requests *v = state;

	view_requests_collect(app, v);
	list_move(&v->list, how, v->nshown);
	v->moved = how != LIST_HOME;
	view_requests_select(v);
}

void
view_requests_freeze(struct app *app)
{
	struct view_requests *v = app_state(app, VIEW_REQUESTS);
	const struct row *r;
	struct row_list *lists[] = { &app->model.live, &app->model.done };
	size_t i;

	v->frozen = !v->frozen;
	if (!v->frozen)
		return;
	v->frozen_made = app->model.made;
	for (v->nkept = 0, i = 0; i < 2; i++)
		TAILQ_FOREACH(r, lists[i], entry)
			v->kept[v->nkept++] = (struct view_requests_id){
			    r->id, r->gen };
}

/* "search: gpu2      order: live, newest       12 of 4,181 kept" */
static void
view_requests_line(struct app *app, struct view_requests *v, int y, int w)
{
	char kept[TEXT_NUM_MAX], shown[TEXT_NUM_MAX];
	const struct model *m = &app->model;
	char buf[160];
	int x;

	x = term_put(&app->term, y, 0, w, TERM_DIM, "search: ");
	x += term_put(&app->term, y, x, w / 3, app->search[0] != '\0' ?
	    TERM_WARN : TERM_DIM, app->search[0] != '\0' ? app->search :
	    "none");
	if (v->frozen)
		term_printf(&app->term, y, w * 2 / 5, w / 3, TERM_WARN,
		    "FROZEN, %llu new", (unsigned long long)(m->made -
		    v->frozen_made));
	else
		term_put(&app->term, y, w * 2 / 5, w / 3, TERM_DIM,
		    "order: live, newest");
	text_count(shown, sizeof(shown), v->nshown);
	text_count(kept, sizeof(kept), (int64_t)(m->nlive + m->ndone));
	if (app->search[0] != '\0')
		snprintf(buf, sizeof(buf), "%s of %s kept", shown, kept);
	else
		snprintf(buf, sizeof(buf), "%zu live, %s kept", m->nlive,
		    kept);
	term_right(&app->term, y, w * 3 / 5, w - w * 3 / 5, TERM_DIM, buf);
}

/* The two lines below the list: what no column says. */
static void
view_requests_detail(struct app *app, const struct row *r, int y, int w)
{
	char in[TEXT_NUM_MAX], buf[ROW_TEXT_MAX + 64];
	int x;

	if (r == NULL)
		return;
	x = term_printf(&app->term, y, 0, w, TERM_BOLD, "%s", r->name) + 1;
	x += term_printf(&app->term, y, x, w - x, TERM_TEXT, "%s%s%s",
	    r->path != NULL ? "POST " : "", r->path != NULL ? r->path :
	    r->test ? "test" : "", r->stream ? " stream" : "") + 2;
	if (r->tokens_in >= 0)
		x += term_printf(&app->term, y, x, w - x, TERM_TEXT,
		    "in %s tok", text_count(in, sizeof(in), r->tokens_in)) +
		    2;
	if (r->attempts > 0)
		x += term_printf(&app->term, y, x, w - x,
		    r->attempts > 1 ? TERM_WARN : TERM_TEXT, "attempt %d",
		    r->attempts) + 2;
	if (r->client != NULL)
		term_printf(&app->term, y, x, w - x, TERM_TEXT, "from %s",
		    r->client);
	row_note(r, buf, sizeof(buf));
	if (*buf != '\0')
		term_printf(&app->term, y + 1, 0, w, row_badness(r) > 1 ?
		    TERM_BAD : TERM_TEXT, "| %s", buf);
	else if (isfinite(r->total_ms))
		term_printf(&app->term, y + 1, 0, w, TERM_DIM,
		    "| done in %s", text_duration(in, sizeof(in),
		    r->total_ms));
}

static void
view_requests_empty(struct app *app, struct rect r)
{
	const char *why = app->search[0] != '\0' ?
	    "no request holds that text; \\ shows all" :
	    link_is_up(app->link) ?
	    "no requests yet: press t for a test completion" : "";

	if (r.h > 0)
		term_put(&app->term, r.y, r.x + 2, r.w - 2, TERM_DIM, why);
}

/* The table with its head into r. */
static void
view_requests_table(struct app *app, struct view_requests *v, struct rect r)
{
	struct table_cell c[VIEW_REQUESTS_COLUMNS];
	int i, at, head = LINES >= FRAME_TITLES;

	if (v->width != r.w)
		table_init(&v->table, view_requests_columns,
		    VIEW_REQUESTS_COLUMNS);
	v->width = r.w;
	list_keep(&v->list, v->nshown, r.h - head);
	for (i = 0; i < r.h - head && v->list.top + i < v->nshown; i++) {
		view_requests_cells(v->shown[v->list.top + i], app->now, c);
		table_measure(&v->table, &app->term, c);
	}
	table_fit(&v->table, r.w - 2);
	if (head)
		table_head(&v->table, &app->term, r.y, r.x + 2);
	if (v->nshown == 0)
		view_requests_empty(app, (struct rect){ r.y + head, r.x,
		    r.h - head, r.w });
	for (i = 0; i < r.h - head && v->list.top + i < v->nshown; i++) {
		at = v->list.top + i;
		view_requests_cells(v->shown[at], app->now, c);
		app->term.select = at == v->list.sel;
		if (app->term.select) {
			term_blank(&app->term, r.y + head + i, r.x, r.w);
			term_put(&app->term, r.y + head + i, r.x, 1,
			    TERM_BOLD, term_glyph_get(&app->term,
			    TERM_ARROW));
		}
		table_row(&v->table, &app->term, r.y + head + i, r.x + 2, c);
		app->term.select = 0;
	}
}

/* 120x36 and more: charts above, timeline and log below the list. */
static void
view_requests_wide(struct app *app, struct view_requests *v, struct rect r)
{
	const struct row *sel = view_requests_selected(v);
	struct rect in, low = { r.y + r.h - 13, r.x, 13, r.w * 11 / 20 };
	char title[120];

	view_overview_draw(app, (struct rect){ r.y, r.x, 7, r.w });
	if (v->frozen)
		snprintf(title, sizeof(title), "requests: FROZEN, %llu new",
		    (unsigned long long)(app->model.made - v->frozen_made));
	else
		snprintf(title, sizeof(title), "requests: %zu live, %zu kept"
		    "%s%.40s", app->model.nlive,
		    app->model.nlive + app->model.ndone,
		    app->search[0] != '\0' ? ", only with " : "",
		    app->search);
	in = term_box(&app->term, (struct rect){ r.y + 7, r.x, r.h - 20,
	    r.w }, title);
	view_requests_table(app, v, in);
	snprintf(title, sizeof(title), "%s timeline", sel != NULL ? sel->name :
	    "-");
	in = term_box(&app->term, low, title);
	if (sel != NULL)
		view_inspect_timeline(app, sel, in);
	low.x += low.w;
	low.w = r.w - low.w;
	view_overview_log(app, term_box(&app->term, low,
	    "log (4 opens it)"));
}

static void
view_requests_draw(struct app *app, void *state, struct rect r)
{
	struct view_requests *v = state;
	int line = LINES >= FRAME_FULL && r.h >= 8;
	int detail = LINES >= FRAME_DETAIL && r.h >= 12;

	view_requests_collect(app, v);
	if (frame_is_wide() && r.h >= 28) {
		view_requests_wide(app, v, r);
		return;
	}
	if (line)
		view_requests_line(app, v, r.y, r.w);
	view_requests_table(app, v, (struct rect){ r.y + line, r.x,
	    r.h - line - detail * 3, r.w });
	if (detail)
		view_requests_detail(app, view_requests_selected(v),
		    r.y + r.h - 2, r.w);
}

static const char *
view_requests_command(struct app *app, void *state)
{
	(void)app;
	(void)state;
	return "llmctl tail -f";
}

static const char *
view_requests_model(struct app *app, void *state)
{
	const struct row *r;

	view_requests_collect(app, state);
	r = view_requests_selected(state);
	return r != NULL ? r->model : NULL;
}

const struct view view_requests = {
	.name = "requests", .title = "Requests", .scope = BIND_REQUESTS,
	.summary = 1, .state_size = sizeof(struct view_requests),
	.init = view_requests_init, .draw = view_requests_draw,
	.step = view_requests_move, .command = view_requests_command,
	.model = view_requests_model,
};
