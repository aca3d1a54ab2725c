/* SPDX-License-Identifier: ISC */
#include "tui/ask.h"

#include <curses.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/app.h"
#include "tui/widget/edit.h"
#include "tui/widget/flow.h"
#include "tui/widget/list.h"

struct ask_line {
	struct edit	 edit;
	struct ask_text	 how;
	char		 label[256];
};

/* Closed without an answer, be it from outside, is an answer. */
static void
ask_line_close(struct app *app, void *self)
{
	struct ask_line *l = self;

	if (l->how.done != NULL)
		l->how.done(app, NULL, l->how.arg);
	free(l);
}

static void
ask_line_draw(struct app *app, void *self, struct rect r)
{
	struct ask_line *l = self;
	int x;

	term_blank(&app->term, r.y, r.x, r.w);
	x = term_put(&app->term, r.y, r.x, r.w / 2, TERM_KEY, l->label);
	edit_draw(&l->edit, &app->term, r.y, r.x + x, r.w - x);
	curs_set(1);
}

static int
ask_line_key(struct app *app, void *self, int key)
{
	struct ask_line *l = self;
	struct ask_text how = l->how;
	char text[EDIT_MAX];

	if (key == '\t' && how.complete != NULL) {
		memcpy(text, l->edit.text, sizeof(text));
		how.complete(app, text, how.arg);
		edit_set(&l->edit, text);
		return 1;
	}
	if (key == BIND_ENTER || key == '\n') {
		memcpy(text, l->edit.text, sizeof(text));
		l->how.done = NULL;
		app_pop(app);
		how.done(app, text, how.arg);
	} else if (key == BIND_ESC || key == BIND_CTRL('c')) {
		app_pop(app);
	} else if (edit_key(&l->edit, key) && how.change != NULL)
		how.change(app, l->edit.text, how.arg);
	return 1;
}

static const struct modal_ops ask_line_ops = {
	.scope = BIND_NONE, .line = 1, .draw = ask_line_draw,
	.key = ask_line_key, .close = ask_line_close,
};

void
ask_text(struct app *app, const struct ask_text *how)
{
	struct ask_line *l = calloc(1, sizeof(*l));

	if (l == NULL)
		abort();
	l->how = *how;
	snprintf(l->label, sizeof(l->label), "%s", how->label);
	edit_set(&l->edit, how->initial);
	app_push(app, &ask_line_ops, l);
}

struct ask_list {
	struct list	 list;
	struct edit	 narrow;
	char		 title[256];
	char		**items;
	int		*shown;		/* indexes of those that match */
	int		 n, nshown;
	ask_pick_cb	 done;
	void		*arg;
};

static void
ask_list_close(struct app *app, void *self)
{
	struct ask_list *l = self;
	int i;

	if (l->done != NULL)
		l->done(app, -1, "", l->arg);
	for (i = 0; i < l->n; i++)
		free(l->items[i]);
	free(l->items);
	free(l->shown);
	free(l);
}

static void
ask_list_narrow(struct ask_list *l)
{
	int i;

	for (i = l->nshown = 0; i < l->n; i++)
		if (strcasestr(l->items[i], l->narrow.text) != NULL)
			l->shown[l->nshown++] = i;
	list_keep(&l->list, l->nshown, l->list.height);
}

/* A box in the middle of r for content of h rows and w columns. */
static struct rect
ask_box(struct rect r, int h, int w)
{
	struct rect b;

	b.h = h + 2 > r.h ? r.h : h + 2;
	b.w = w + 4 > r.w ? r.w : w + 4;
	b.y = r.y + (r.h - b.h) / 2;
	b.x = r.x + (r.w - b.w) / 2;
	return b;
}

static void
ask_list_draw(struct app *app, void *self, struct rect r)
{
	struct ask_list *l = self;
	int i, at, w = term_width(&app->term, l->title) + 6, n;

	for (i = 0; i < l->n; i++)
		if ((n = term_width(&app->term, l->items[i]) + 2) > w)
			w = n;
	if (w < 44)
		w = 44;
	r = term_box(&app->term, ask_box(r, l->n + 1, w), l->title);
	list_keep(&l->list, l->nshown, r.h - 1);
	for (i = 0; i < r.h - 1 && l->list.top + i < l->nshown; i++) {
		at = l->list.top + i;
		app->term.select = at == l->list.sel;
		if (app->term.select)
			term_blank(&app->term, r.y + i, r.x, r.w);
		term_put(&app->term, r.y + i, r.x + 1, r.w - 2, TERM_TEXT,
		    l->items[l->shown[at]]);
		app->term.select = 0;
	}
	if (l->narrow.len > 0)
		term_printf(&app->term, r.y + r.h - 1, r.x, r.w, TERM_DIM,
		    "%d of %d match: %s", l->nshown, l->n, l->narrow.text);
	else
		term_put(&app->term, r.y + r.h - 1, r.x, r.w, TERM_DIM,
		    "Enter choose  Esc back  type to narrow");
}

static int
ask_list_key(struct app *app, void *self, int key)
{
	struct ask_list *l = self;
	ask_pick_cb done = l->done;
	void *arg = l->arg;
	char text[ROW_TEXT_MAX * 2];
	int choice;

	switch (key) {
	case -KEY_UP:
		list_move(&l->list, LIST_UP, l->nshown);
		return 1;
	case -KEY_DOWN:
	case '\t':
		list_move(&l->list, LIST_DOWN, l->nshown);
		return 1;
	case -KEY_PPAGE:
		list_move(&l->list, LIST_PAGE_UP, l->nshown);
		return 1;
	case -KEY_NPAGE:
		list_move(&l->list, LIST_PAGE_DOWN, l->nshown);
		return 1;
	case BIND_ESC:
	case BIND_CTRL('c'):
		app_pop(app);
		return 1;
	case BIND_ENTER:
	case '\n':
		if (l->nshown == 0)
			return 1;
		choice = l->shown[l->list.sel];
		snprintf(text, sizeof(text), "%s", l->items[choice]);
		l->done = NULL;
		app_pop(app);
		done(app, choice, text, arg);
		return 1;
	}
	if (edit_key(&l->narrow, key))
		ask_list_narrow(l);
	return 1;
}

static const struct modal_ops ask_list_ops = {
	.scope = BIND_NONE, .draw = ask_list_draw, .key = ask_list_key,
	.close = ask_list_close,
};

void
ask_pick(struct app *app, const char *title, const char *const *items,
    size_t n, ask_pick_cb done, void *arg)
{
	struct ask_list *l = calloc(1, sizeof(*l));
	size_t i;

	if (l == NULL || (l->items = calloc(n + 1, sizeof(char *))) == NULL ||
	    (l->shown = calloc(n + 1, sizeof(int))) == NULL)
		abort();
	for (i = 0; i < n; i++)
		if ((l->items[i] = strdup(items[i])) == NULL)
			abort();
	l->n = (int)n;
	l->done = done;
	l->arg = arg;
	l->list.height = 1;
	snprintf(l->title, sizeof(l->title), "%s", title);
	ask_list_narrow(l);
	app_push(app, &ask_list_ops, l);
}

struct ask_question {
	struct flow	 body;
	char		 title[256];
	char		 question[128];
	ask_yes_cb	 done;
	void		*arg;
};

static void
ask_question_close(struct app *app, void *self)
{
	struct ask_question *q = self;

	if (q->done != NULL)
		q->done(app, 0, q->arg);
	flow_fini(&q->body);
	free(q);
}

static void
ask_question_draw(struct app *app, void *self, struct rect r)
{
	struct ask_question *q = self;
	struct rect in = { r.y, r.x, r.h > 3 ? r.h - 3 : 1,
	    r.w > 72 ? 68 : r.w - 4 };
	int h = flow_lines(&q->body, in.w);

	in = term_box(&app->term, ask_box(r, h + 2, in.w), q->title);
	if (in.h < 1)
		return;
	term_printf(&app->term, in.y + in.h - 1, in.x, in.w, TERM_BOLD,
	    "%s [y/N]", q->question);
	in.h--;
	flow_draw(&q->body, &app->term, in);
}

static int
ask_question_key(struct app *app, void *self, int key)
{
	struct ask_question *q = self;
	ask_yes_cb done = q->done;
	void *arg = q->arg;

	if (key == -KEY_UP || key == -KEY_DOWN) {
		flow_scroll(&q->body, key == -KEY_UP ? -1 : 1);
		return 1;
	}
	if (key == BIND_CTRL('l') || key == BIND_CTRL('z') || key < 0)
		return 1;
	q->done = NULL;
	app_pop(app);
	done(app, key == 'y' || key == 'Y', arg);
	return 1;
}

static const struct modal_ops ask_question_ops = {
	.scope = BIND_NONE, .draw = ask_question_draw,
	.key = ask_question_key, .close = ask_question_close,
};

void
ask_yes(struct app *app, const char *title, const char *question,
    const struct flow *body, ask_yes_cb done, void *arg)
{
	struct ask_question *q = calloc(1, sizeof(*q));

	if (q == NULL)
		abort();
	q->body = *body;
	q->done = done;
	q->arg = arg;
	snprintf(q->title, sizeof(q->title), "%s", title);
	snprintf(q->question, sizeof(q->question), "%s", question);
	app_push(app, &ask_question_ops, q);
}
