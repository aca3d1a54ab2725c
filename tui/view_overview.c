/* SPDX-License-Identifier: ISC */
#include "tui/view_overview.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "proto/text.h"
#include "tui/app.h"
#include "tui/field.h"
#include "tui/view_logs.h"
#include "tui/widget/spark.h"

#define VIEW_OVERVIEW_MAX	240	/* columns of a chart */

enum view_overview_value {
	VIEW_RPS, VIEW_TOK, VIEW_INFLIGHT, VIEW_QUEUED, VIEW_ERRORS,
	VIEW_P50, VIEW_P95
};

static double
view_overview_get(const struct model_metrics *m, enum view_overview_value v)
{
	switch (v) {
	case VIEW_RPS:
		return m->rps;
	case VIEW_TOK:
		return m->tok_s;
	case VIEW_INFLIGHT:
		return (double)m->in_flight;
	case VIEW_QUEUED:
		return (double)m->queued;
	case VIEW_ERRORS:
		return m->err_pct;
	case VIEW_P50:
		return m->ttft_p50_ms;
	default:
		return m->ttft_p95_ms;
	}
}

/*
 * Folds all digests into w columns, oldest first: each is the greatest of
 * its seconds.  Returns the greatest of all.
 */
static double
view_overview_fold(const struct model *m, enum view_overview_value v,
    double *dst, int w)
{
	size_t per = MODEL_HISTORY / (size_t)w + 1, i, have = m->npast;
	const struct model_metrics *past;
	double most = 0, x;
	int col;

	if (have > MODEL_HISTORY)
		have = MODEL_HISTORY;
	if (have < MODEL_HISTORY)
		per = have / (size_t)w + 1;
	for (col = 0; col < w; col++)
		dst[col] = 0;
	for (i = 0; i < have; i++) {
		if ((col = w - 1 - (int)(i / per)) < 0)
			break;
		past = model_past_get(m, i);
		x = view_overview_get(past, v);
		if (isfinite(x) && x > dst[col])
			dst[col] = x;
		if (isfinite(x) && x > most)
			most = x;
	}
	return most;
}

/* "req/s   3.1  max 9.4  <chart>" */
static void
view_overview_line(struct app *app, struct rect r, int line,
    const char *label, enum view_overview_value v, const char *fmt,
    enum term_role role)
{
	double values[VIEW_OVERVIEW_MAX], most;
	double now = view_overview_get(&app->model.now, v);
	char num[2][TEXT_NUM_MAX] = { "-", "-" };
	int w = r.w - 27;

	if (w < 1 || line >= r.h)
		return;
	if (w > VIEW_OVERVIEW_MAX)
		w = VIEW_OVERVIEW_MAX;
	most = view_overview_fold(&app->model, v, values, w);
	if (fmt == NULL) {
		text_duration(num[0], TEXT_NUM_MAX, now);
		text_duration(num[1], TEXT_NUM_MAX, most > 0 ? most : NAN);
	} else {
		snprintf(num[0], TEXT_NUM_MAX, strcmp(fmt, "%") == 0 ?
		    "%.1f%%" : strcmp(fmt, "1") == 0 ? "%.1f" : "%.0f",
		    isfinite(now) ? now : 0.0);
		snprintf(num[1], TEXT_NUM_MAX, strcmp(fmt, "%") == 0 ?
		    "%.1f%%" : strcmp(fmt, "1") == 0 ? "%.1f" : "%.0f", most);
	}
	term_printf(&app->term, r.y + line, r.x, 26, TERM_TEXT,
	    "%-7s %6s  max %6s", label, num[0], num[1]);
	spark_draw(&app->term, r.y + line, r.x + 27, role, values, w);
}

static void
view_overview_backend(struct app *app, int y, int x, int w,
    struct json_object *b)
{
	const char *state = field_str(b, "state");
	const char *error = field_str(b, "error");
	double err = field_num(b, "err_pct");
	enum term_role role = strcmp(state, "ok") == 0 ? TERM_GOOD :
	    strcmp(state, "down") == 0 ? TERM_BAD :
	    strcmp(state, "degraded") == 0 ? TERM_WARN : TERM_DIM;
	char buf[64];

	term_put(&app->term, y, x, 12, TERM_TEXT, field_str(b, "backend"));
	term_put(&app->term, y, x + 13, 9, role, strcmp(state, "down") == 0 ?
	    "DOWN !" : state);
	snprintf(buf, sizeof(buf), "infl %lld  q %lld",
	    (long long)field_int(b, "in_flight", 0),
	    (long long)field_int(b, "queued", 0));
	x += 23;
	w -= 23;
	if (*error != '\0' && role != TERM_GOOD)
		term_put(&app->term, y, x, w, TERM_DIM, error);
	else if (isfinite(err))
		term_printf(&app->term, y, x, w, TERM_TEXT, "%s  err %.1f%%",
		    buf, err);
	else
		term_put(&app->term, y, x, w, TERM_TEXT, buf);
}

void
view_overview_draw(struct app *app, struct rect r)
{
	struct rect box = { r.y, r.x, r.h, r.w / 3 }, in;
	struct json_object *backends;
	size_t i;

	in = term_box(&app->term, box, "traffic, 15 min");
	view_overview_line(app, in, 0, "req/s", VIEW_RPS, "1", TERM_ACCENT);
	view_overview_line(app, in, 1, "tok/s", VIEW_TOK, "0", TERM_ACCENT);
	view_overview_line(app, in, 2, "in-fl", VIEW_INFLIGHT, "0",
	    TERM_ACCENT);
	view_overview_line(app, in, 3, "queue", VIEW_QUEUED, "0", TERM_WARN);
	view_overview_line(app, in, 4, "errors", VIEW_ERRORS, "%", TERM_BAD);
	box.x += box.w;
	in = term_box(&app->term, box, "first token, 15 min");
	view_overview_line(app, in, 0, "p50", VIEW_P50, NULL, TERM_ACCENT);
	view_overview_line(app, in, 1, "p95", VIEW_P95, NULL, TERM_WARN);
	term_printf(&app->term, in.y + 3, in.x, in.w, TERM_DIM,
	    "%lld requests since llmd's start",
	    (long long)app->model.now.requests_total);
	box.x += box.w;
	box.w = r.w - (box.x - r.x);
	in = term_box(&app->term, box, "backends");
	backends = field_get(app->model.status, "backends");
	for (i = 0; i < field_len(backends) && (int)i < in.h; i++)
		view_overview_backend(app, in.y + (int)i, in.x, in.w,
		    field_at(backends, i));
	if (field_len(backends) == 0)
		term_put(&app->term, in.y, in.x, in.w, TERM_DIM,
		    "none known yet");
}

void
view_overview_log(struct app *app, struct rect r)
{
	const struct model_log *l;
	int i, n = (int)model_log_count(&app->model);

	if (n > r.h)
		n = r.h;
	for (i = 0; i < n; i++)
		if ((l = model_log_get(&app->model, (size_t)i)) != NULL)
			view_logs_line(app, l, r.y + n - 1 - i, r.x, r.w);
	if (model_log_count(&app->model) == 0 && r.h > 0)
		term_put(&app->term, r.y, r.x, r.w, TERM_DIM,
		    "no line since llmtop began");
}
