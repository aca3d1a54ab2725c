/* SPDX-License-Identifier: ISC */
#include "tui/view_inspect.h"

#include <curses.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/text.h"
#include "tui/app.h"
#include "tui/view_requests.h"
#include "tui/widget/flow.h"

struct view_inspect {
	uint64_t	id;
	unsigned	gen;
};

static void	view_inspect_draw(struct app *, void *, struct rect);

static void
view_inspect_close(struct app *app, void *self)
{
	(void)app;
	free(self);
}

static const char *
view_inspect_command(struct app *app, void *self)
{
	const struct row *r = view_inspect_row(app);

	(void)self;
	if (r == NULL || r->phase == ROW_DONE)
		return "llmctl tail --requests";
	return "llmctl ps -w";
}

static const struct modal_ops view_inspect_ops = {
	.scope = BIND_INSPECT, .covers = 1, .draw = view_inspect_draw,
	.close = view_inspect_close, .command = view_inspect_command,
};

const struct row *
view_inspect_row(struct app *app)
{
	struct view_inspect *v = app_modal_find(app, &view_inspect_ops);

	return v != NULL ? model_find(&app->model, v->gen, v->id) : NULL;
}

void
view_inspect_open(struct app *app)
{
	const struct row *r = view_requests_row(app);
	struct view_inspect *v;

	if (r == NULL)
		return;
	if ((v = calloc(1, sizeof(*v))) == NULL)
		abort();
	v->id = r->id;
	v->gen = r->gen;
	view_requests_step(app, 0);
	app_push(app, &view_inspect_ops, v);
}

static void
view_inspect_go(struct app *app, int by)
{
	struct view_inspect *v = app_top(app, &view_inspect_ops);
	const struct row *r = view_requests_step(app, by);

	if (v == NULL)
		return;
	if (r == NULL) {
		app_say(app, TERM_TEXT, by > 0 ? "that was the last request" :
		    "that was the first request");
		return;
	}
	v->id = r->id;
	v->gen = r->gen;
}

void
view_inspect_next(struct app *app)
{
	view_inspect_go(app, 1);
}

void
view_inspect_prev(struct app *app)
{
	view_inspect_go(app, -1);
}

/* " +312ms   first      text" on the next line, if there is one. */
static void
view_inspect_line(struct app *app, struct rect *r, double ms,
    const char *what, enum term_role role, const char *text)
{
	char at[TEXT_NUM_MAX + 1] = "";

	if (r->h < 1)
		return;
	if (isfinite(ms)) {
		at[0] = '+';
		text_duration(at + 1, sizeof(at) - 1, ms > 0 ? ms : 0);
	}
	term_right(&app->term, r->y, r->x, 8, TERM_DIM, at);
	term_put(&app->term, r->y, r->x + 10, 10, TERM_TITLE, what);
	term_put(&app->term, r->y, r->x + 21, r->w - 21, role, text);
	r->y++;
	r->h--;
}

static double
view_inspect_since(const struct row *r, enum row_phase p)
{
	return (r->at[p] - r->started) * 1000;
}

static void
view_inspect_accept(struct app *app, const struct row *r, struct rect *in)
{
	char at[32], buf[ROW_TEXT_MAX * 3];
	time_t s = (time_t)(isfinite(r->started) ? r->started : 0);
	struct tm tm;

	strftime(at, sizeof(at), "%H:%M:%S", localtime_r(&s, &tm));
	snprintf(buf, sizeof(buf), "%s.%03d  %s%s%s%s%s", at,
	    (int)((r->started - floor(r->started)) * 1000),
	    r->test ? "test over the control socket" : r->client != NULL ?
	    "from " : "", r->test || r->client == NULL ? "" : r->client,
	    r->key != NULL ? "  key " : "", r->key != NULL ? r->key : "",
	    r->stream ? "  stream" : "");
	view_inspect_line(app, in, 0, "accept", TERM_TEXT, buf);
}

/* What came before the first token. */
static void
view_inspect_before(struct app *app, const struct row *r, struct rect *in)
{
	char buf[ROW_TEXT_MAX * 3], num[TEXT_NUM_MAX];
	double t = view_inspect_since(r, ROW_QUEUE);

	if (r->phase == ROW_QUEUE && r->queue_pos >= 0) {
		snprintf(buf, sizeof(buf), "place %d, waits for a slot",
		    r->queue_pos);
		view_inspect_line(app, in, t, "queue", TERM_WARN, buf);
	} else if (r->queue_ms >= 1)
		view_inspect_line(app, in, NAN, "queue", TERM_WARN,
		    text_duration(num, sizeof(num), r->queue_ms));
	if (r->upstream != NULL) {
		snprintf(buf, sizeof(buf), "%s -> %s@%s", r->model != NULL ?
		    r->model : "-", r->upstream, r->backend != NULL ?
		    r->backend : "");
		view_inspect_line(app, in, NAN, "route", TERM_TEXT, buf);
	}
	if (r->attempts > 1) {
		snprintf(buf, sizeof(buf), "%d: the ones before failed before "
		    "their first token", r->attempts);
		view_inspect_line(app, in, NAN, "attempts", TERM_WARN, buf);
	}
	if (isfinite(r->at[ROW_CONNECT]))
		view_inspect_line(app, in, view_inspect_since(r,
		    ROW_CONNECT), "connect", TERM_TEXT, "");
	if (isfinite(r->at[ROW_PREFILL]))
		view_inspect_line(app, in, view_inspect_since(r,
		    ROW_PREFILL), "prefill", TERM_TEXT, isfinite(r->ttft_ms) ?
		    "" : "no first token yet");
}

/* Queue, first token and decode as a bar over the whole width. */
static void
view_inspect_bar(struct app *app, const struct row *r, struct rect *in)
{
	double total = r->phase == ROW_DONE ? r->total_ms :
	    row_age_ms(r, app->now);
	double queue = r->queue_ms > 0 ? r->queue_ms : 0;
	double first = isfinite(r->ttft_ms) ? r->ttft_ms : total;
	char a[TEXT_NUM_MAX], b[TEXT_NUM_MAX], c[TEXT_NUM_MAX];
	int i, w = in->w - 1, q, f;

	if (in->h < 3 || !(total > 0) || w < 20 ||
	    (r->phase == ROW_DONE && isnan(r->ttft_ms)))
		return;
	q = (int)(queue / total * w);
	f = (int)((first < total ? first : total) / total * w);
	for (i = 0; i < w; i++)
		term_put(&app->term, in->y + 1, in->x + i, 1, i < q ?
		    TERM_WARN : i < f ? TERM_DIM : TERM_ACCENT,
		    term_glyph_get(&app->term, i < q ? TERM_SHADE : i < f ?
		    TERM_HLINE : TERM_BLOCK));
	term_printf(&app->term, in->y + 2, in->x, in->w, TERM_DIM,
	    "queue %s   to the first token %s   decode %s",
	    text_duration(a, sizeof(a), queue),
	    text_duration(b, sizeof(b), r->ttft_ms),
	    text_duration(c, sizeof(c), isfinite(r->ttft_ms) ?
	    total - first : NAN));
	in->y += 4;
	in->h -= 4;
}

/* A message takes the lines that it needs. */
static void
view_inspect_message(struct app *app, struct rect *in, const char *text)
{
	struct rect r = { in->y, in->x + 21, in->h, in->w - 21 };
	struct flow f;
	int n;

	flow_init(&f, 1);
	flow_add(&f, &app->term, TERM_TEXT, text);
	n = flow_lines(&f, r.w);
	if (n < r.h)
		r.h = n;
	flow_draw(&f, &app->term, r);
	flow_fini(&f);
	in->y += r.h;
	in->h -= r.h;
}

/* "in 1,204  out 148 tok  38.9 tok/s" */
static void
view_inspect_tokens(const struct row *r, char *dst, size_t cap)
{
	char n[TEXT_NUM_MAX];
	size_t used = 0;

	dst[0] = '\0';
	if (r->tokens_in >= 0)
		used += (size_t)snprintf(dst, cap, "in %s  ", text_count(n,
		    sizeof(n), r->tokens_in));
	if (r->tokens_out >= 0)
		used += (size_t)snprintf(dst + used, cap - used,
		    "out %s tok  ", text_count(n, sizeof(n), r->tokens_out));
	if (isfinite(r->tps))
		used += (size_t)snprintf(dst + used, cap - used,
		    "%.1f tok/s  ", r->tps);
	if (r->estimated && r->phase == ROW_DONE && r->tokens_out >= 0)
		snprintf(dst + used, cap - used, "(counted by llmd)");
}

int
view_inspect_timeline(struct app *app, const struct row *r, struct rect in)
{
	char buf[ROW_TEXT_MAX * 2], n[TEXT_NUM_MAX];
	int y = in.y, done = r->phase == ROW_DONE;
	enum term_role role = row_badness(r) > 1 ? TERM_BAD :
	    row_badness(r) > 0 ? TERM_WARN : TERM_GOOD;

	view_inspect_accept(app, r, &in);
	view_inspect_before(app, r, &in);
	if (isfinite(r->ttft_ms)) {
		snprintf(buf, sizeof(buf), "first token after %s",
		    text_duration(n, sizeof(n), r->ttft_ms));
		view_inspect_line(app, &in, r->ttft_ms, "first", TERM_ACCENT,
		    buf);
	}
	view_inspect_tokens(r, buf, sizeof(buf));
	view_inspect_line(app, &in, done ? r->total_ms : row_age_ms(r,
	    app->now), done ? "end" : "now", TERM_TEXT, buf);
	if (done) {
		snprintf(buf, sizeof(buf), "%s%s%s", row_state(r, n,
		    sizeof(n)), r->finish != NULL ? "  finish " : "",
		    r->finish != NULL ? r->finish : "");
		view_inspect_line(app, &in, NAN, "status", role, buf);
	}
	if (r->code != NULL)
		view_inspect_line(app, &in, NAN, "error", TERM_BAD, r->code);
	if (r->message != NULL)
		view_inspect_message(app, &in, r->message);
	if (r->lost)
		view_inspect_line(app, &in, NAN, "lost", TERM_WARN,
		    "llmd stopped before its end was seen");
	view_inspect_bar(app, r, &in);
	return in.y - y;
}

static void
view_inspect_draw(struct app *app, void *self, struct rect r)
{
	const struct row *row = view_inspect_row(app);
	char target[ROW_TEXT_MAX * 2 + 2], state[32], age[TEXT_NUM_MAX];
	int x;

	(void)self;
	if (row == NULL) {
		term_put(&app->term, r.y, r.x, r.w, TERM_DIM,
		    "this request is no longer kept; Esc goes back");
		return;
	}
	x = term_printf(&app->term, r.y, r.x, r.w, TERM_BOLD, "Request %s  ",
	    row->name);
	row_target(row, target, sizeof(target));
	x += term_printf(&app->term, r.y, r.x + x, r.w - x - 32, TERM_TEXT,
	    "%s%s%s", row->model != NULL ? row->model : "-",
	    *target != '\0' ? " > " : "", target) + 3;
	x += term_put(&app->term, r.y, r.x + x, r.w - x,
	    row->phase != ROW_DONE ? TERM_ACCENT : row_badness(row) > 1 ?
	    TERM_BAD : TERM_GOOD, row_state(row, state, sizeof(state))) + 1;
	term_put(&app->term, r.y, r.x + x, r.w - x, TERM_TEXT,
	    row->phase == ROW_DONE ? text_duration(age, sizeof(age),
	    row->total_ms) : text_age(age, sizeof(age), row_age_ms(row,
	    app->now)));
	if (r.w >= 70)
		term_right(&app->term, r.y, r.x + r.w - 10, 10, TERM_DIM,
		    "[esc] back");
	if (r.h < 3)
		return;
	term_hline(&app->term, r.y + 1, r.x, r.w);
	view_inspect_timeline(app, row, (struct rect){ r.y + 2, r.x,
	    r.h - 2, r.w });
}
