/* SPDX-License-Identifier: ISC */
#include "tui/pager.h"

#include <stdio.h>
#include <stdlib.h>

#include "tui/app.h"
#include "tui/widget/flow.h"

struct pager {
	struct flow	flow;
	char		title[256];
};

static void
pager_close(struct app *app, void *self)
{
	struct pager *p = self;

	(void)app;
	flow_fini(&p->flow);
	free(p);
}

static void
pager_draw(struct app *app, void *self, struct rect r)
{
	struct pager *p = self;

	if (r.h < 1)
		return;
	term_put(&app->term, r.y, r.x, r.w, TERM_TITLE, p->title);
	flow_draw(&p->flow, &app->term, (struct rect){ r.y + 1, r.x + 1,
	    r.h - 1, r.w - 2 });
	if (p->flow.lines > r.h - 1)
		term_right(&app->term, r.y, r.x + r.w - 14, 14, TERM_DIM,
		    p->flow.up + r.h - 1 >= p->flow.lines ? "end" :
		    "more below");
}

static const struct modal_ops pager_ops = {
	.scope = BIND_PAGER, .covers = 1, .draw = pager_draw,
	.close = pager_close,
};

void
pager_open(struct app *app, const char *title, const struct flow *text)
{
	struct pager *p = calloc(1, sizeof(*p));

	if (p == NULL)
		abort();
	p->flow = *text;
	snprintf(p->title, sizeof(p->title), "%s", title);
	app_push(app, &pager_ops, p);
}

static void
pager_scroll(struct app *app, int lines)
{
	struct pager *p = app_top(app, &pager_ops);

	if (p != NULL)
		flow_scroll(&p->flow, lines);
}

void
pager_up(struct app *app)
{
	pager_scroll(app, -1);
}

void
pager_down(struct app *app)
{
	pager_scroll(app, 1);
}

void
pager_page_up(struct app *app)
{
	pager_scroll(app, -10);
}

void
pager_page_down(struct app *app)
{
	pager_scroll(app, 10);
}

void
pager_home(struct app *app)
{
	pager_scroll(app, -1000000);
}
