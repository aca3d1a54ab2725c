/* SPDX-License-Identifier: ISC */
#include "tui/app.h"
#include "tui/pager.h"
#include "tui/widget/flow.h"

/* The help screen, made from the rows of tui/bindings.h and the views. */

static void
help_scope(struct app *app, struct flow *f, enum bind_scope scope,
    const char *title)
{
	const struct binding *b;
	int i;

	flow_addf(f, &app->term, TERM_TITLE, "%s\n", title);
	if (scope == BIND_LIST)
		for (i = 0; i < VIEW_COUNT; i++) {
			flow_addf(f, &app->term, TERM_KEY, "  %-11d ", i + 1);
			flow_addf(f, &app->term, TERM_TEXT, "%s\n",
			    views[i]->title);
		}
	for (b = bindings; b->label != NULL; b++) {
		if (b->scope != scope)
			continue;
		flow_addf(f, &app->term, TERM_KEY, "  %-11s ", b->label);
		flow_addf(f, &app->term, TERM_TEXT, "%s", b->help);
		if (*b->name != '\0')
			flow_addf(f, &app->term, TERM_DIM, "   :%s", b->name);
		flow_add(f, &app->term, TERM_TEXT, "\n");
	}
	flow_add(f, &app->term, TERM_TEXT, "\n");
}

void
help_open(struct app *app)
{
	static const char *const titles[] = {
		[BIND_REQUESTS] = "Requests", [BIND_ROUTES] = "Routes",
		[BIND_MODELS] = "Models", [BIND_LOGS] = "Logs",
		[BIND_INSPECT] = "One request", [BIND_TEST] = "Test pane",
		[BIND_PAGER] = "This help", [BIND_LIST] = "Every view",
		[BIND_ALL] = "Everywhere",
	};
	enum bind_scope here = app_scope(app);
	struct flow f;
	int s;

	if (here == BIND_PAGER)
		return;
	flow_init(&f, 1);
	help_scope(app, &f, here, titles[here]);
	help_scope(app, &f, BIND_LIST, titles[BIND_LIST]);
	help_scope(app, &f, BIND_ALL, titles[BIND_ALL]);
	for (s = 0; s < BIND_LIST; s++)
		if (s != (int)here)
			help_scope(app, &f, (enum bind_scope)s, titles[s]);
	flow_add(&f, &app->term, TERM_TEXT, "A request's state is its phase "
	    "(queue #place, waiting, connect, prefill, stream) or its "
	    "status:\n"
	    "  !  failed     r1  one retry     cut  finish=length     gone  "
	    "its client left\n"
	    "  ~  before a number: counted by llmd, not by the backend\n"
	    "A model's route with * differs from the config file.\n");
	pager_open(app, "Help", &f);
}
