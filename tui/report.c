/* SPDX-License-Identifier: ISC */
#include "tui/report.h"

#include <json-c/json.h>
#include <math.h>
#include <stdio.h>

#include "proto/client.h"
#include "proto/rpc.h"
#include "proto/text.h"
#include "tui/app.h"
#include "tui/ask.h"
#include "tui/field.h"
#include "tui/pager.h"
#include "tui/view_routes.h"
#include "tui/widget/flow.h"

static void
report_failed(struct app *app, const struct rpc_error *err)
{
	size_t i;
	struct flow f;

	if (field_len(err->details) == 0) {
		app_say(app, TERM_BAD, "%s%s%s", err->message,
		    err->hint != NULL ? "   hint: " : "",
		    err->hint != NULL ? err->hint : "");
		return;
	}
	flow_init(&f, 1);
	flow_addf(&f, &app->term, TERM_BAD, "%s\n\n", err->message);
	for (i = 0; i < field_len(err->details); i++)
		flow_addf(&f, &app->term, TERM_TEXT, "%s\n",
		    field_at_str(err->details, i));
	if (err->hint != NULL)
		flow_addf(&f, &app->term, TERM_BOLD, "\nnext step: %s\n",
		    err->hint);
	pager_open(app, "Refused", &f);
}

static void
report_status_head(struct app *app, struct flow *f, struct json_object *o)
{
	const struct term *t = &app->term;
	struct json_object *c = field_get(o, "config");
	struct json_object *l = field_get(o, "listen");
	char num[TEXT_NUM_MAX];
	size_t i;

	flow_addf(f, t, TERM_BOLD, "llmd %s  up %s  pid %lld  rev %lld\n",
	    field_str(o, "version"), text_uptime(num, sizeof(num),
	    field_num(o, "uptime_s")), (long long)field_int(o, "pid", 0),
	    (long long)field_int(o, "rev", 0));
	flow_addf(f, t, TERM_TEXT, "config    %s%s\nlisten   ",
	    field_str(c, "path"), field_bool(c, "changed") ?
	    "  (changed on disk since: :reload)" : "");
	for (i = 0; i < field_len(l); i++)
		flow_addf(f, t, TERM_TEXT, " %s", field_at_str(l, i));
	flow_addf(f, t, TERM_TEXT, "\nworkers   %lld\nmemory    %s\n",
	    (long long)field_int(o, "workers", 0), text_size(num,
	    sizeof(num), field_num(field_get(o, "memory"), "rss_bytes")));
	o = field_get(o, "control");
	flow_addf(f, t, TERM_TEXT, "control   %lld clients, %lld dropped "
	    "events\n\n", (long long)field_int(o, "clients", 0),
	    (long long)field_int(o, "dropped_events", 0));
}

static void
report_status_show(void *arg, struct json_object *res,
    const struct rpc_error *err)
{
	struct app *app = arg;
	const struct term *t = &app->term;
	struct json_object *list, *o;
	char text[1024];
	struct flow f;
	size_t i;

	if (err != NULL) {
		report_failed(app, err);
		return;
	}
	flow_init(&f, 1);
	report_status_head(app, &f, res);
	list = field_get(res, "not_ok");
	for (i = 0; i < field_len(list); i++) {
		o = field_at(list, i);
		flow_addf(&f, t, view_routes_role(field_str(o, "state")),
		    "! %s  %s", field_str(o, "model"), view_routes_state(
		    field_str(o, "state")));
		flow_addf(&f, t, TERM_TEXT, "  %s\n", field_str(o,
		    "reason"));
		if (*field_str(o, "hint") != '\0')
			flow_addf(&f, t, TERM_BOLD, "    next step: %s\n",
			    field_str(o, "hint"));
	}
	list = field_get(res, "overrides");
	for (i = 0; i < field_len(list); i++) {
		o = field_at(list, i);
		flow_addf(&f, t, TERM_WARN, "* %s -> %s  rev %lld by %s\n",
		    field_str(o, "model"), field_targets(field_get(o,
		    "targets"), text, sizeof(text)),
		    (long long)field_int(o, "rev", 0), field_str(o, "who"));
	}
	list = field_get(res, "backends");
	for (i = 0; i < field_len(list); i++) {
		o = field_at(list, i);
		flow_addf(&f, t, view_routes_role(field_str(o, "state")),
		    "%-12s %-9s", field_str(o, "backend"),
		    view_routes_state(field_str(o, "state")));
		flow_addf(&f, t, TERM_TEXT, " %s  in flight %lld  %s\n",
		    field_str(o, "url"), (long long)field_int(o,
		    "in_flight", 0), field_str(o, "error"));
	}
	pager_open(app, "Status", &f);
}

void
report_status(struct app *app)
{
	if (!app_ready(app))
		return;
	link_call(app->link, "status", NULL, report_status_show, NULL, app);
	app_ran(app, "llmctl status");
}

void
report_version(struct app *app)
{
	const struct client_hello *h = link_hello(app->link);

	if (h == NULL)
		app_say(app, TERM_TEXT, "llmtop " LLMD_VERSION);
	else
		app_say(app, TERM_TEXT, "llmtop " LLMD_VERSION
		    ", %s, protocol %d.%d", h->server, h->major, h->minor);
}

static void
report_reload_done(void *arg, struct json_object *res,
    const struct rpc_error *err)
{
	struct app *app = arg;

	if (err != NULL)
		report_failed(app, err);
	else
		app_say(app, TERM_GOOD, "%s, rev %lld", field_bool(res,
		    "applied") ? "config loaded" : "nothing changed",
		    (long long)field_int(res, "rev", 0));
}

static void
report_reload_answer(struct app *app, int yes, void *arg)
{
	struct json_object *p;

	(void)arg;
	if (!yes || !app_ready(app))
		return;
	p = field_params("reason", "llmtop");
	link_call(app->link, "config.reload", p, report_reload_done, NULL,
	    app);
}

static void
report_strings(struct app *app, struct flow *f, struct json_object *list,
    const char *after)
{
	size_t i;

	for (i = 0; i < field_len(list); i++)
		flow_addf(f, &app->term, TERM_WARN, "! %s%s\n",
		    field_at_str(list, i), after);
}

static void
report_reload_checked(void *arg, struct json_object *res,
    const struct rpc_error *err)
{
	struct app *app = arg;
	struct json_object *list = field_get(res, "changes"), *c;
	struct flow f;
	size_t i;

	if (err != NULL) {
		report_failed(app, err);
		return;
	}
	if (field_len(list) == 0) {
		app_say(app, TERM_GOOD, "config ok, no changes");
		return;
	}
	flow_init(&f, 1);
	for (i = 0; i < field_len(list); i++) {
		c = field_at(list, i);
		flow_addf(&f, &app->term, TERM_TEXT, "%s %s %s  %s   %s\n",
		    field_str(c, "op"), field_str(c, "what"),
		    field_str(c, "name"), field_str(c, "text"),
		    field_str(c, "where"));
	}
	report_strings(app, &f, field_get(res, "warnings"), "");
	report_strings(app, &f, field_get(res, "overrides_kept"),
	    ": its runtime override is kept");
	report_strings(app, &f, field_get(res, "restart"),
	    ": needs a restart of llmd");
	ask_yes(app, "reload", "Apply?", &f, report_reload_answer, NULL);
}

void
report_reload(struct app *app)
{
	struct json_object *p = json_object_new_object();

	json_object_object_add(p, "dry_run", json_object_new_boolean(1));
	if (!app_ready(app)) {
		json_object_put(p);
		return;
	}
	link_call(app->link, "config.reload", p, report_reload_checked, NULL,
	    app);
	app_ran(app, "llmctl reload");
}
