/* SPDX-License-Identifier: ISC */
#include "tui/frame.h"

#include <curses.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "proto/client.h"
#include "proto/text.h"
#include "tui/app.h"
#include "tui/widget/spark.h"

#define FRAME_MIN_COLS	40	/* below: one line */
#define FRAME_MIN_ROWS	8
#define FRAME_SILENT_MS	5000	/* digests come each second */

int
frame_is_wide(void)
{
	return COLS >= FRAME_WIDE_COLS && LINES >= FRAME_WIDE_ROWS;
}

static void
frame_clock(double t, char *dst, size_t cap)
{
	time_t s = (time_t)t;
	struct tm tm;

	strftime(dst, cap, "%H:%M:%S", localtime_r(&s, &tm));
}

/* "0.8%", or "-" before there were requests. */
static const char *
frame_percent(double v, char *dst, size_t cap)
{
	if (isfinite(v))
		snprintf(dst, cap, "%.1f%%", v);
	else
		snprintf(dst, cap, "-");
	return dst;
}

/* LIVE, or that llmd is connected and says nothing. */
static const char *
frame_state(const struct app *app, enum term_role *role, char *dst,
    size_t cap)
{
	int64_t silent = app->now_ms - app->heard_ms;

	*role = TERM_GOOD;
	if (silent < FRAME_SILENT_MS)
		return "LIVE";
	*role = TERM_WARN;
	snprintf(dst, cap, "SILENT %llds", (long long)silent / 1000);
	return dst;
}

/* Writes a piece and moves on. */
static void
frame_piece(const struct app *app, int y, int *x, enum term_role role,
    const char *text)
{
	*x += term_put(&app->term, y, *x, COLS - *x, role, text);
}

/* " | rps 3.1 infl 3 queue 1 err 0.8%" */
static void
frame_figures(const struct model_metrics *m, char *dst, size_t cap)
{
	char err[32];

	snprintf(dst, cap, " | rps %.1f infl %lld queue %lld err %s",
	    isfinite(m->rps) ? m->rps : 0.0, (long long)m->in_flight,
	    (long long)m->queued, frame_percent(m->err_pct, err,
	    sizeof(err)));
}

static void
frame_head_wide(struct app *app)
{
	const struct client_hello *h = link_hello(app->link);
	const struct model_metrics *m = &app->model.now;
	char buf[512], up[TEXT_NUM_MAX], clock[16];
	enum term_role role;
	const char *word;
	int x = 0;

	frame_piece(app, 0, &x, TERM_BOLD, "llmtop " LLMD_VERSION "  ");
	snprintf(buf, sizeof(buf), "%s  %s%sup %s | ", app->host,
	    COLS >= 150 ? link_path(app->link) : "", COLS >= 150 ? "  " : "",
	    text_uptime(up, sizeof(up), model_uptime(&app->model,
	    app->now)));
	frame_piece(app, 0, &x, TERM_TEXT, buf);
	word = frame_state(app, &role, buf, sizeof(buf));
	frame_piece(app, 0, &x, role, word);
	frame_figures(m, buf, sizeof(buf));
	frame_piece(app, 0, &x, TERM_TEXT, buf);
	if (m->overrides > 0)
		snprintf(buf, sizeof(buf), " | rev %lld* (%lld runtime "
		    "override%s)", (long long)m->rev, (long long)m->overrides,
		    m->overrides == 1 ? "" : "s");
	else
		snprintf(buf, sizeof(buf), " | rev %lld", (long long)m->rev);
	frame_piece(app, 0, &x, TERM_TEXT, buf);
	snprintf(buf, sizeof(buf), " | role %s", h != NULL ? h->role : "-");
	frame_piece(app, 0, &x, TERM_TEXT, buf);
	snprintf(buf, sizeof(buf), " | drop %lld",
	    (long long)app->model.dropped);
	frame_piece(app, 0, &x, app->model.dropped > 0 ? TERM_WARN :
	    TERM_TEXT, buf);
	frame_clock(app->now, clock, sizeof(clock));
	if (x < COLS - 10)
		term_right(&app->term, 0, x, COLS - x, TERM_DIM, clock);
}

static void
frame_head_full(struct app *app)
{
	const struct model_metrics *m = &app->model.now;
	char head[160], state[32], tail[200], over[40] = "", figures[120];
	char up[TEXT_NUM_MAX];
	enum term_role role;
	const char *word = frame_state(app, &role, state, sizeof(state));
	int x = 0, room;

	if (m->overrides > 0)
		snprintf(over, sizeof(over), "* %lld ovr",
		    (long long)m->overrides);
	frame_figures(m, figures, sizeof(figures));
	snprintf(tail, sizeof(tail), "%s | rev %lld%s", figures,
	    (long long)m->rev, over);
	text_uptime(up, sizeof(up), model_uptime(&app->model, app->now));
	snprintf(head, sizeof(head), " up %s | ", up);
	room = COLS - 7 - (int)(strlen(head) + strlen(word) + strlen(tail));
	frame_piece(app, 0, &x, TERM_BOLD, "llmtop ");
	if (room > 1)
		x += term_put(&app->term, 0, x, room, TERM_TEXT, app->host);
	frame_piece(app, 0, &x, TERM_TEXT, head);
	frame_piece(app, 0, &x, role, word);
	frame_piece(app, 0, &x, TERM_TEXT, tail);
}

/* Below 72 columns: one line has to do. */
static void
frame_head_small(struct app *app)
{
	const struct model_metrics *m = &app->model.now;
	char buf[200], state[32], err[32], p95[TEXT_NUM_MAX], drop[40] = "";
	double rps = isfinite(m->rps) ? m->rps : 0;
	double tok = isfinite(m->tok_s) ? m->tok_s : 0;
	enum term_role role;
	const char *word = frame_state(app, &role, state, sizeof(state));
	int x = 0;

	frame_percent(m->err_pct, err, sizeof(err));
	if (app->model.dropped > 0)
		snprintf(drop, sizeof(drop), " drop %lld",
		    (long long)app->model.dropped);
	if (COLS >= 46)
		snprintf(buf, sizeof(buf),
		    " rps %.1f infl %lld q %lld err %s tok/s %.0f p95 %s%s",
		    rps, (long long)m->in_flight, (long long)m->queued, err,
		    tok, text_duration(p95, sizeof(p95), m->ttft_p95_ms),
		    drop);
	else
		snprintf(buf, sizeof(buf),
		    " %.1fr/s %lld infl %lld q %serr %.0ft/s%s", rps,
		    (long long)m->in_flight, (long long)m->queued, err, tok,
		    drop);
	frame_piece(app, 0, &x, role, word);
	frame_piece(app, 0, &x, TERM_TEXT, buf);
}

/* "tok/s 187 ....  ttft p50 310ms p95 1.90s  drop 0   12:41:07" */
static void
frame_summary(struct app *app, int y)
{
	const struct model_metrics *m = &app->model.now, *past;
	char left[40], right[120], p50[TEXT_NUM_MAX], p95[TEXT_NUM_MAX];
	char clock[16];
	double v[64];
	int i, n, x;

	snprintf(left, sizeof(left), "tok/s %.0f",
	    isfinite(m->tok_s) ? m->tok_s : 0.0);
	snprintf(right, sizeof(right), "ttft p50 %s p95 %s  ",
	    text_duration(p50, sizeof(p50), m->ttft_p50_ms),
	    text_duration(p95, sizeof(p95), m->ttft_p95_ms));
	frame_clock(app->now, clock, sizeof(clock));
	x = term_put(&app->term, y, 0, COLS, TERM_TEXT, left) + 1;
	n = 30;
	for (i = 0; i < n; i++) {
		past = model_past_get(&app->model, (size_t)(n - 1 - i));
		v[i] = past != NULL ? past->tok_s : 0;
	}
	if (x < 11)
		x = 11;
	spark_draw(&app->term, y, x, TERM_ACCENT, v, n);
	x += n + 2;
	x += term_put(&app->term, y, x, COLS - x, TERM_TEXT, right);
	x += term_printf(&app->term, y, x, COLS - x, app->model.dropped > 0 ?
	    TERM_WARN : TERM_TEXT, "drop %lld",
	    (long long)app->model.dropped);
	if (COLS - x > 9)
		term_right(&app->term, y, x, COLS - x, TERM_DIM, clock);
}

/* The two lines that say that the data below is old. */
static void
frame_banner(struct app *app, int lines)
{
	char at[16], buf[256], wait[64] = "";
	int64_t left = link_deadline_ms(app->link) - app->now_ms;
	int s = app->lost_at > 0 ? (int)(app->now - app->lost_at) : 0, x = 0;

	if (link_tries(app->link) > 0)
		snprintf(wait, sizeof(wait), "retry in %llds (try %d)",
		    (long long)(left > 0 ? (left + 999) / 1000 : 0),
		    link_tries(app->link));
	if (COLS >= 60) {
		frame_piece(app, 0, &x, TERM_BOLD, "llmtop ");
		x += term_put(&app->term, 0, x, 16, TERM_TEXT, app->host);
		x += 2;
	}
	if (app->lost_at > 0) {
		frame_clock(app->frozen_at, at, sizeof(at));
		snprintf(buf, sizeof(buf), "!! DISCONNECTED %02d:%02d",
		    s / 60, s % 60);
		frame_piece(app, 0, &x, TERM_BAD, buf);
		if (lines > 1)
			snprintf(buf, sizeof(buf),
			    " -- data below is from %s, frozen", at);
		else
			snprintf(buf, sizeof(buf), " %s", wait);
		frame_piece(app, 0, &x, TERM_TEXT, buf);
	} else if (*link_error(app->link) != '\0')
		frame_piece(app, 0, &x, TERM_BAD, "!! NOT CONNECTED");
	else
		frame_piece(app, 0, &x, TERM_DIM, "connecting ...");
	if (lines < 2)
		return;
	x = (int)strlen(wait) + 16;
	x = term_put(&app->term, 1, 0, COLS > x + 20 ? COLS - x : COLS,
	    TERM_TEXT, link_error(app->link)) + 3;
	if (*wait != '\0')
		term_printf(&app->term, 1, x, COLS - x, TERM_TEXT,
		    "%s   [Enter] now", wait);
}

static void
frame_tabs(struct app *app, int y)
{
	const char *right = "? help   : cmd";
	char buf[64];
	int i, x = 0;

	for (i = 0; i < VIEW_COUNT; i++) {
		snprintf(buf, sizeof(buf), i == app->view ? "[%d %s]" :
		    " %d %s ", i + 1, views[i]->title);
		frame_piece(app, y, &x, i == app->view ? TERM_TAB :
		    TERM_TEXT, buf);
		x++;
	}
	if (COLS - x > (int)strlen(right))
		term_right(&app->term, y, x, COLS - x, TERM_DIM, right);
}

/* Keys of the scope on top, then those of every list. */
static void
frame_bar(struct app *app, int y)
{
	enum bind_scope first = app_scope(app), scopes[2] = { first,
	    BIND_LIST };
	int i, n = app->nmodals > 0 ? 1 : 2, x = 0, w;
	const struct binding *b;

	if (LINES < FRAME_TITLES)
		x = term_printf(&app->term, y, 0, COLS, TERM_DIM,
		    "%dx%d ?help ", COLS, LINES);
	else if (LINES < FRAME_DETAIL && n == 2)
		x = term_put(&app->term, y, 0, COLS, TERM_TEXT, "?help  ");
	if (app->nmodals > 0 && app->modals[app->nmodals - 1].ops->line)
		term_put(&app->term, y, x, COLS - x, TERM_DIM,
		    "Enter ok   Esc back");
	for (i = 0; i < n; i++)
		for (b = bindings; b->label != NULL; b++) {
			if (b->scope != scopes[i] || *b->bar == '\0' ||
			    (b->change && app->opt->readonly))
				continue;
			w = (int)(strlen(b->label) + strlen(b->bar)) + 3;
			if (x + w - 2 > COLS)
				continue;
			x += term_put(&app->term, y, x, COLS - x, TERM_KEY,
			    b->label) + 1;
			x += term_put(&app->term, y, x, COLS - x, TERM_TEXT,
			    b->bar) + 2;
		}
}

static const char *
frame_command(struct app *app)
{
	const struct view *v = views[app->view];
	struct app_modal *m;
	int i;

	if (app->ran[0] != '\0')
		return app->ran;
	for (i = app->nmodals - 1; i >= 0; i--) {
		m = &app->modals[i];
		if (m->ops->command != NULL)
			return m->ops->command(app, m->self);
	}
	return v->command(app, app->states[app->view]);
}

/* The lines below the body; returns how many. */
static int
frame_foot(struct app *app)
{
	int y = LINES - 1, message = app->message_until_ms > 0;
	int prompt = app->nmodals > 0 &&
	    app->modals[app->nmodals - 1].ops->line;
	int lines = LINES >= FRAME_FULL ? 4 : LINES >= FRAME_DETAIL ? 3 :
	    LINES >= FRAME_TITLES ? 2 : 1;

	if (message && !prompt)
		term_put(&app->term, y, 0, COLS, app->message_role,
		    app->message);
	if (lines == 1) {
		if (!message && !prompt)
			frame_bar(app, y);
		return 1;
	}
	y--;
	if (lines == 4)
		term_printf(&app->term, y--, 0, COLS, TERM_DIM, "$ %s",
		    frame_command(app));
	frame_bar(app, y--);
	if (lines >= 3)
		term_hline(&app->term, y, 0, COLS);
	return lines;
}

/* The lines above the body; returns how many. */
static int
frame_head(struct app *app, int covered)
{
	const struct view *v = views[app->view];
	int up = link_is_up(app->link), y = 1;

	if (!up)
		frame_banner(app, LINES >= FRAME_TITLES ? 2 : 1);
	else if (frame_is_wide())
		frame_head_wide(app);
	else if (COLS >= 72)
		frame_head_full(app);
	else
		frame_head_small(app);
	if (!up && LINES >= FRAME_TITLES)
		y = 2;
	else if (up && v->summary && !covered && LINES >= FRAME_FULL &&
	    COLS >= 72 && !frame_is_wide())
		frame_summary(app, y++);
	if (!covered && LINES >= FRAME_TABS)
		frame_tabs(app, y++);
	return y;
}

/* The view, or the modal that covers it, and what is on top of either. */
static void
frame_body(struct app *app, struct rect body)
{
	struct rect r = body, panel = body, last = { LINES - 1, 0, 1, COLS };
	struct app_modal *m;
	int i, base;

	for (base = app->nmodals - 1; base >= 0; base--)
		if (app->modals[base].ops->covers)
			break;
	for (i = base + 1; i < app->nmodals; i++) {
		m = &app->modals[i];
		if (m->ops->rows == NULL)
			continue;
		panel.h = m->ops->rows(app, m->self, body.h);
		panel.y = body.y + body.h - panel.h;
		r.h = body.h - panel.h;
		break;
	}
	if (base >= 0)
		app->modals[base].ops->draw(app, app->modals[base].self, r);
	else if (r.h > 0)
		views[app->view]->draw(app, app->states[app->view], r);
	for (i = base + 1; i < app->nmodals; i++) {
		m = &app->modals[i];
		m->ops->draw(app, m->self, m->ops->line ? last :
		    m->ops->rows != NULL ? panel : body);
	}
}

void
frame_draw(struct app *app)
{
	int i, top, foot, covered = 0;

	erase();
	curs_set(0);
	app->term.frozen = 0;
	if (COLS < 20 || LINES < 2) {
		term_printf(&app->term, 0, 0, COLS, TERM_TEXT, COLS < 14 ?
		    "%dx%d" : "llmtop %dx%d", COLS, LINES);
		return;
	}
	for (i = 0; i < app->nmodals; i++)
		covered |= app->modals[i].ops->covers;
	top = frame_head(app, covered);
	if (COLS < FRAME_MIN_COLS || LINES < FRAME_MIN_ROWS)
		return;
	foot = frame_foot(app);
	app->term.frozen = !link_is_up(app->link);
	frame_body(app, (struct rect){ top, 0, LINES - top - foot, COLS });
	app->term.frozen = 0;
}
