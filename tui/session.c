/* SPDX-License-Identifier: ISC */
#include "tui/session.h"

#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "proto/client.h"
#include "proto/rpc.h"
#include "tui/app.h"
#include "tui/field.h"

#define SESSION_PAGE		256	/* the most of one request.list */
#define SESSION_STATUS_MS	5000

static void	session_subscribe(struct app *, int resume);

static void
session_failed(struct app *app, const char *what, const struct rpc_error *err)
{
	if (err->id == ERR_CONNECTION_LOST)
		return;
	app_say(app, TERM_BAD, "%s: %s", what, err->message);
}

static void
session_routes(void *arg, struct json_object *res, const struct rpc_error *err)
{
	struct app *app = arg;

	if (err != NULL)
		session_failed(app, "route.list", err);
	else
		model_take_routes(&app->model, res);
}

void
app_ask_routes(struct app *app)
{
	app->model.stale_routes = 0;
	link_call(app->link, "route.list", NULL, session_routes, NULL, app);
}

static void
session_models(void *arg, struct json_object *res, const struct rpc_error *err)
{
	struct app *app = arg;

	if (err != NULL)
		session_failed(app, "model.list", err);
	else
		model_take_models(&app->model, res);
}

void
app_ask_models(struct app *app, int refresh)
{
	struct json_object *p = json_object_new_object();

	app->model.stale_models = 0;
	if (refresh)
		json_object_object_add(p, "refresh",
		    json_object_new_boolean(1));
	link_call(app->link, "model.list", p, session_models, NULL, app);
}

static void
session_status(void *arg, struct json_object *res, const struct rpc_error *err)
{
	struct app *app = arg;

	if (err != NULL)
		session_failed(app, "status", err);
	else
		model_take_status(&app->model, res, app->now);
}

void
app_ask_status(struct app *app)
{
	app->status_ms = app->now_ms;
	link_call(app->link, "status", NULL, session_status, NULL, app);
}

/* Kept requests, a page at a time: the newest come first. */
static void
session_page(void *arg, struct json_object *res, const struct rpc_error *err)
{
	struct app *app = arg;
	struct json_object *p;

	if (err != NULL) {
		session_failed(app, "request.list", err);
		return;
	}
	if (res != NULL) {
		app->page_offset = model_page(&app->model, res, app->now);
		if (app->page_offset <= 0)
			return;
	}
	p = field_params("state", "done");
	json_object_object_add(p, "limit", json_object_new_int(SESSION_PAGE));
	json_object_object_add(p, "offset",
	    json_object_new_int64(app->page_offset));
	link_call(app->link, "request.list", p, session_page, NULL, app);
}

static void
session_say_back(struct app *app, int resumed)
{
	char at[16];
	time_t t = (time_t)app->now;
	struct tm tm;

	if (app->lost_at == 0)
		return;
	strftime(at, sizeof(at), "%H:%M:%S", localtime_r(&t, &tm));
	if (app->restarted)
		app_say(app, TERM_WARN, "LIVE again %s. llmd restarted (new "
		    "instance, rev %lld): what it did meanwhile was not seen",
		    at, (long long)app->model.now.rev);
	else if (resumed)
		app_say(app, TERM_GOOD, "LIVE again %s. Nothing was missed",
		    at);
	else
		app_say(app, TERM_WARN, "LIVE again %s. llmd no longer had "
		    "all events: some were missed", at);
	app->lost_at = 0;
}

static void
session_subscribed(void *arg, struct json_object *res,
    const struct rpc_error *err)
{
	struct app *app = arg;
	int resumed = field_bool(res, "resumed");

	if (err != NULL && err->id == ERR_CURSOR) {
		session_subscribe(app, 0);
		return;
	}
	if (err != NULL) {
		session_failed(app, "event.subscribe", err);
		return;
	}
	model_subscribed(&app->model, res, app->now);
	session_say_back(app, resumed);
	if (resumed)
		return;
	app->page_offset = 0;
	session_page(app, NULL, NULL);
}

static void
session_subscribe(struct app *app, int resume)
{
	static const char *const names[] = { "request", "log", "state",
	    "metrics" };
	struct json_object *p = json_object_new_object();
	struct json_object *topics = json_object_new_array();
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		json_object_array_add(topics,
		    json_object_new_string(names[i]));
	json_object_object_add(p, "topics", topics);
	json_object_object_add(p, "snapshot",
	    json_object_new_boolean(!resume));
	if (resume)
		json_object_object_add(p, "after",
		    json_object_new_string(app->model.cursor));
	json_object_object_add(p, "rate_hz",
	    json_object_new_int(app->opt->fps));
	link_call(app->link, "event.subscribe", p, session_subscribed, NULL,
	    app);
}

static void
session_up(void *arg, const struct client_hello *hello)
{
	struct app *app = arg;

	app->restarted = model_connected(&app->model, hello->instance,
	    app->now);
	app->model.now.rev = hello->rev;
	app->heard_ms = app->now_ms;
	session_subscribe(app, app->model.cursor[0] != '\0');
	app_ask_status(app);
	app_ask_routes(app);
	app_ask_models(app, 0);
	app_touch(app);
}

static void
session_down(void *arg)
{
	struct app *app = arg;

	app->lost_at = app->now;
	app->frozen_at = isfinite(app->model.heard) ? app->model.heard :
	    app->now;
	app->message_until_ms = 0;
	app_touch(app);
}

static void
session_notice(void *arg, const char *method, struct json_object *params)
{
	struct app *app = arg;

	app->heard_ms = app->now_ms;
	if (strcmp(method, "event") == 0)
		model_event(&app->model, params);
	else if (strcmp(method, "gap") == 0)
		model_gap(&app->model, params);
}

const struct link_hooks session_hooks = {
	.up = session_up, .down = session_down, .notice = session_notice,
};

void
session_tick(struct app *app)
{
	const struct view *v = views[app->view];

	if (!link_is_up(app->link))
		return;
	if (app->model.stale_routes)
		app_ask_routes(app);
	if (app->model.stale_models)
		app_ask_models(app, 0);
	if (app->now_ms - app->status_ms >= SESSION_STATUS_MS)
		app_ask_status(app);
	if (v->poll != NULL)
		v->poll(app, app->states[app->view], 0);
}
