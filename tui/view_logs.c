/* SPDX-License-Identifier: ISC */
#include "tui/view_logs.h"

#include <curses.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tui/app.h"
#include "tui/frame.h"

/* The newest line is the last; `back` counts how far up the view stands. */
struct view_logs {
	int	least;			/* level shown, 0 = debug */
	int	back;
	int	height;
	size_t	seen;			/* model.nlogs, to stay in place */
};

static const char *const view_logs_levels[] = { "debug", "info", "warn",
	"error" };

static void
view_logs_init(struct app *app, void *state)
{
	struct view_logs *v = state;

	(void)app;
	v->least = 1;
}

static int
view_logs_level(const struct model_log *l)
{
	int i;

	for (i = 0; i < 4; i++)
		if (strcmp(l->level, view_logs_levels[i]) == 0)
			return i;
	return 1;
}

static int
view_logs_shown(const struct app *app, const struct view_logs *v,
    const struct model_log *l)
{
	return view_logs_level(l) >= v->least && (app->search[0] == '\0' ||
	    strcasestr(l->msg, app->search) != NULL ||
	    strcasestr(l->module, app->search) != NULL);
}

static int
view_logs_count(const struct app *app, const struct view_logs *v)
{
	size_t i, n = model_log_count(&app->model);
	int count = 0;

	for (i = 0; i < n; i++)
		count += view_logs_shown(app, v, model_log_get(&app->model,
		    i));
	return count;
}

void
view_logs_line(struct app *app, const struct model_log *l, int y, int x,
    int w)
{
	static const enum term_role roles[] = { TERM_DIM, TERM_GOOD,
	    TERM_WARN, TERM_BAD };
	time_t s = (time_t)l->t;
	char at[32];
	struct tm tm;
	int n, end = x + w;

	n = (int)strftime(at, sizeof(at), "%H:%M:%S",
	    localtime_r(&s, &tm));
	if (w >= 60)
		snprintf(at + n, sizeof(at) - (size_t)n, ".%03d",
		    (int)((l->t - floor(l->t)) * 1000));
	x += term_put(&app->term, y, x, end - x, TERM_DIM, at) + 1;
	term_put(&app->term, y, x, end - x, roles[view_logs_level(l)],
	    l->level);
	x += 6;
	if (w >= 76) {
		term_put(&app->term, y, x, 9, TERM_DIM, l->module);
		x += 10;
	}
	term_put(&app->term, y, x, end - x, view_logs_level(l) > 1 ?
	    TERM_BOLD : TERM_TEXT, l->msg);
}

static void
view_logs_draw(struct app *app, void *state, struct rect r)
{
	struct view_logs *v = state;
	const struct model_log *l;
	int head = LINES >= FRAME_TITLES, skip, y, count;
	size_t i;

	if (v->back > 0)		/* stay where the user reads */
		v->back += (int)(app->model.nlogs - v->seen);
	v->seen = app->model.nlogs;
	v->height = r.h - head;
	count = view_logs_count(app, v);
	if (v->back > count - v->height)
		v->back = count - v->height;
	if (v->back < 0)
		v->back = 0;
	if (head)
		term_printf(&app->term, r.y, r.x, r.w, TERM_TITLE,
		    "level>=%s  %d line%s%s%s%s", view_logs_levels[v->least],
		    count, count == 1 ? "" : "s", app->search[0] != '\0' ?
		    " with " : "", app->search,
		    v->back > 0 ? "   (f follows)" : "");
	skip = v->back;
	y = r.y + r.h - 1;
	if (count < v->height)
		y = r.y + head + count - 1;
	for (i = 0; y >= r.y + head; i++) {
		if ((l = model_log_get(&app->model, i)) == NULL)
			break;
		if (!view_logs_shown(app, v, l) || skip-- > 0)
			continue;
		view_logs_line(app, l, y--, r.x, r.w);
	}
	if (count == 0 && r.h > head)
		term_put(&app->term, r.y + head, r.x, r.w, TERM_DIM,
		    model_log_count(&app->model) > 0 ?
		    "no line of that level or text; + shows more" :
		    "no line since llmtop began; older ones are in llmd's log");
}

static void
view_logs_move(struct app *app, void *state, enum list_move how)
{
	struct view_logs *v = state;
	int page = v->height > 1 ? v->height - 1 : 1;
	static const int lines[] = { [LIST_UP] = 1, [LIST_DOWN] = -1 };

	(void)app;
	switch (how) {
	case LIST_UP:
	case LIST_DOWN:
		v->back += lines[how];
		break;
	case LIST_PAGE_UP:
	case LIST_PAGE_DOWN:
		v->back += how == LIST_PAGE_UP ? page : -page;
		break;
	case LIST_HOME:
		v->back = MODEL_LOGS;
		break;
	case LIST_END:
		v->back = 0;
		break;
	}
	if (v->back < 0)
		v->back = 0;
}

void
view_logs_more(struct app *app)
{
	struct view_logs *v = app_state(app, VIEW_LOGS);

	if (v->least > 0)
		v->least--;
}

void
view_logs_less(struct app *app)
{
	struct view_logs *v = app_state(app, VIEW_LOGS);

	if (v->least < 3)
		v->least++;
}

void
view_logs_follow(struct app *app)
{
	struct view_logs *v = app_state(app, VIEW_LOGS);

	v->back = 0;
}

static const char *
view_logs_command(struct app *app, void *state)
{
	(void)app;
	(void)state;
	return "llmctl tail -f --logs";
}

static const char *
view_logs_model(struct app *app, void *state)
{
	(void)app;
	(void)state;
	return NULL;
}

const struct view view_logs = {
	.name = "logs", .title = "Logs", .scope = BIND_LOGS,
	.state_size = sizeof(struct view_logs), .init = view_logs_init,
	.draw = view_logs_draw, .step = view_logs_move,
	.command = view_logs_command, .model = view_logs_model,
};
