/* SPDX-License-Identifier: ISC */
#include "tui/action.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/rpc.h"
#include "proto/text.h"
#include "tui/app.h"
#include "tui/ask.h"
#include "tui/field.h"
#include "tui/view_inspect.h"
#include "tui/view_requests.h"

static void
action_cancelled(void *arg, struct json_object *res,
    const struct rpc_error *err)
{
	struct app *app = arg;
	char age[TEXT_NUM_MAX];

	if (err != NULL) {
		app_say(app, TERM_BAD, "%s%s%s", err->message,
		    err->hint != NULL ? "   hint: " : "",
		    err->hint != NULL ? err->hint : "");
		return;
	}
	app_say(app, TERM_GOOD, "%s cancelled after %s",
	    field_str(res, "id"), text_age(age, sizeof(age),
	    field_num(res, "age_ms")));
}

void
action_cancel_id(struct app *app, const char *id)
{
	struct json_object *p;

	if (!app_ready(app))
		return;
	p = field_params("id", id);
	json_object_object_add(p, "reason",
	    json_object_new_string("llmtop"));
	link_call(app->link, "request.cancel", p, action_cancelled, NULL,
	    app);
	app_ran(app, "llmctl kill %s", id);
}

void
action_cancel(struct app *app)
{
	const struct row *r = view_inspect_row(app);

	if (r == NULL)
		r = view_requests_row(app);
	if (r == NULL)
		app_say(app, TERM_WARN, "no request is selected");
	else if (r->phase == ROW_DONE)
		app_say(app, TERM_WARN, "%s has ended: nothing to cancel",
		    r->name);
	else
		action_cancel_id(app, r->name);
}

static void
action_search_change(struct app *app, const char *text, void *arg)
{
	(void)arg;
	snprintf(app->search, sizeof(app->search), "%s", text);
}

/* arg: the search before, to go back to. */
static void
action_search_done(struct app *app, const char *text, void *arg)
{
	action_search_change(app, text != NULL ? text : arg, NULL);
	free(arg);
}

void
action_search(struct app *app)
{
	struct ask_text how = { .label = "/", .initial = app->search,
	    .done = action_search_done, .change = action_search_change };

	if ((how.arg = strdup(app->search)) == NULL)
		abort();
	ask_text(app, &how);
}

void
action_search_end(struct app *app)
{
	app->search[0] = '\0';
}

void
action_escape(struct app *app)
{
	if (app->message_until_ms > 0)
		app->message_until_ms = 0;
	else
		action_search_end(app);
}
