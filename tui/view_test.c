/* SPDX-License-Identifier: ISC */
#include "tui/view_test.h"

#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/rpc.h"
#include "proto/text.h"
#include "tui/app.h"
#include "tui/ask.h"
#include "tui/field.h"
#include "tui/widget/flow.h"

#define VIEW_TEST_PROMPT	"Say hi in five words"
#define VIEW_TEST_TOKENS	256
#define VIEW_TEST_LEAST		14	/* rows; fewer: the pane takes all */

enum view_test_state {
	VIEW_TEST_RUNS,
	VIEW_TEST_STOPPING,
	VIEW_TEST_ENDED
};

struct view_test {
	struct app		*app;
	char			*model;
	char			*prompt;
	int64_t			 max_tokens;
	int64_t			 call;
	enum view_test_state	 state;
	struct flow		 flow;
	char			 target[ROW_TEXT_MAX];
	char			 request[20];
	char			 end[512];	/* how it went */
	enum term_role		 end_role;
	int64_t			 began_ms;
	int64_t			 first_ms;	/* -1: no token yet */
	int			 thinking;
	char			 command[APP_COMMAND];
};

static void	view_test_draw(struct app *, void *, struct rect);

static void
view_test_close(struct app *app, void *self)
{
	struct view_test *v = self;
	struct json_object *p;

	link_forget(app->link, v);
	if (v->state == VIEW_TEST_RUNS) {
		p = json_object_new_object();
		json_object_object_add(p, "id",
		    json_object_new_int64(v->call));
		link_call(app->link, "cancel", p, NULL, NULL, NULL);
	}
	flow_fini(&v->flow);
	free(v->model);
	free(v->prompt);
	free(v);
}

static int
view_test_rows(struct app *app, void *self, int height)
{
	(void)app;
	(void)self;
	return height < VIEW_TEST_LEAST ? height : height * 3 / 5;
}

static const char *
view_test_command(struct app *app, void *self)
{
	struct view_test *v = self;

	(void)app;
	return v->command;
}

static const struct modal_ops view_test_ops = {
	.scope = BIND_TEST, .rows = view_test_rows, .draw = view_test_draw,
	.close = view_test_close, .command = view_test_command,
};

static void
view_test_progress(void *arg, struct json_object *p)
{
	struct view_test *v = arg;
	struct app *app = v->app;
	const char *kind = field_str(p, "kind"), *text = field_str(p, "text");

	app_touch(app);
	snprintf(v->request, sizeof(v->request), "%s",
	    field_str(p, "request"));
	if (strcmp(kind, "start") == 0) {
		snprintf(v->target, sizeof(v->target), "%s@%s",
		    field_str(p, "upstream"), field_str(p, "backend"));
	} else if (strcmp(kind, "retry") == 0) {
		flow_addf(&v->flow, &app->term, TERM_WARN, "retry: %s\n",
		    text);
	} else if (*text != '\0') {
		if (v->first_ms < 0)
			v->first_ms = app->now_ms;
		if (strcmp(kind, "thinking") == 0) {
			flow_add(&v->flow, &app->term, TERM_DIM, text);
			v->thinking = 1;
			return;
		}
		if (v->thinking)
			flow_add(&v->flow, &app->term, TERM_DIM, "\n\n");
		v->thinking = 0;
		flow_add(&v->flow, &app->term, TERM_TEXT, text);
	}
}

/* "ok  first token 291ms   8 tok at 38.7 tok/s   total 0.47s" */
static void
view_test_numbers(struct view_test *v, struct json_object *res)
{
	char ttft[TEXT_NUM_MAX], total[TEXT_NUM_MAX], in[TEXT_NUM_MAX];
	char out[TEXT_NUM_MAX];
	double tps = field_num(res, "tps");
	int n;

	n = snprintf(v->end, sizeof(v->end),
	    "ok  first token %s   %s%s tok", text_duration(ttft, sizeof(ttft),
	    field_num(res, "ttft_ms")), field_bool(res, "tokens_estimated") ?
	    "~" : "", text_count(out, sizeof(out), field_int(res,
	    "tokens_out", -1)));
	if (isfinite(tps))
		n += snprintf(v->end + n, sizeof(v->end) - (size_t)n,
		    " at %.1f tok/s", tps);
	snprintf(v->end + n, sizeof(v->end) - (size_t)n,
	    "   total %s   in %s", text_duration(total, sizeof(total),
	    field_num(res, "total_ms")), text_count(in, sizeof(in),
	    field_int(res, "tokens_in", -1)));
	v->end_role = TERM_GOOD;
}

/* What went wrong and what to do, below what came before. */
static void
view_test_failed(struct view_test *v, const char *message, const char *hint)
{
	const struct term *t = &v->app->term;

	flow_addf(&v->flow, t, TERM_BAD, "%s%s\n", v->flow.len > 0 ? "\n\n" :
	    "", message);
	if (hint != NULL && *hint != '\0') {
		flow_add(&v->flow, t, TERM_DIM, "next step: ");
		flow_addf(&v->flow, t, TERM_BOLD, "%s\n", hint);
	}
}

static void
view_test_reply(void *arg, struct json_object *res,
    const struct rpc_error *err)
{
	struct view_test *v = arg;
	struct json_object *e = field_get(res, "error");
	int stopping = v->state == VIEW_TEST_STOPPING;

	app_touch(v->app);
	v->state = VIEW_TEST_ENDED;
	v->end_role = stopping ? TERM_WARN : TERM_BAD;
	if (stopping) {
		snprintf(v->end, sizeof(v->end), "cancelled");
	} else if (err != NULL) {
		snprintf(v->end, sizeof(v->end), "FAIL");
		view_test_failed(v, err->message, err->hint);
	} else if (field_bool(res, "ok")) {
		if (v->flow.len == 0)
			flow_add(&v->flow, &v->app->term, TERM_TEXT,
			    field_str(res, "text"));
		view_test_numbers(v, res);
	} else {
		snprintf(v->end, sizeof(v->end), "FAIL  %lld %s",
		    (long long)field_int(res, "status", 0),
		    field_str(e, "code"));
		view_test_failed(v, field_str(e, "message"), field_str(e,
		    "hint"));
	}
	if (*field_str(res, "upstream") != '\0')
		snprintf(v->target, sizeof(v->target), "%s@%s",
		    field_str(res, "upstream"), field_str(res, "backend"));
}

static void
view_test_send(struct view_test *v)
{
	struct json_object *p = field_params("model", v->model);

	json_object_object_add(p, "prompt",
	    json_object_new_string(v->prompt));
	json_object_object_add(p, "max_tokens",
	    json_object_new_int64(v->max_tokens));
	json_object_object_add(p, "stream", json_object_new_boolean(1));
	flow_fini(&v->flow);
	flow_init(&v->flow, 0);
	v->target[0] = v->end[0] = v->request[0] = '\0';
	v->thinking = 0;
	v->first_ms = -1;
	v->began_ms = v->app->now_ms;
	v->state = VIEW_TEST_RUNS;
	v->call = link_call(v->app->link, "test.run", p, view_test_reply,
	    view_test_progress, v);
	if (v->call < 0) {
		v->state = VIEW_TEST_ENDED;
		v->end_role = TERM_BAD;
		snprintf(v->end, sizeof(v->end), "not connected to llmd");
	}
}

void
view_test_start(struct app *app, const char *model, const char *prompt,
    int64_t max_tokens)
{
	struct view_test *v = calloc(1, sizeof(*v));

	if (v == NULL || (v->model = strdup(model)) == NULL ||
	    (v->prompt = strdup(*prompt != '\0' ? prompt :
	    VIEW_TEST_PROMPT)) == NULL)
		abort();
	v->app = app;
	v->max_tokens = max_tokens > 0 ? max_tokens : VIEW_TEST_TOKENS;
	if (strpbrk(v->prompt, "'\\") == NULL)
		snprintf(v->command, sizeof(v->command),
		    "llmctl test %s -p '%s'", model, v->prompt);
	else
		snprintf(v->command, sizeof(v->command),
		    "llmctl test %s -p -   (the prompt on stdin)", model);
	app_push(app, &view_test_ops, v);
	view_test_send(v);
}

/* arg: the model's name. */
static void
view_test_prompted(struct app *app, const char *text, void *arg)
{
	if (text != NULL && app_ready(app))
		view_test_start(app, arg, text, 0);
	free(arg);
}

static void
view_test_ask(struct app *app, const char *model)
{
	char label[160];
	struct ask_text how = { .label = label, .initial = VIEW_TEST_PROMPT,
	    .done = view_test_prompted };

	if ((how.arg = strdup(model)) == NULL)
		abort();
	snprintf(label, sizeof(label), "test %.100s, prompt: ", model);
	ask_text(app, &how);
}

static void
view_test_picked(struct app *app, int choice, const char *text, void *arg)
{
	(void)arg;
	if (choice >= 0)
		view_test_ask(app, text);
}

/* The selected row's model; else one is chosen. */
void
view_test_open(struct app *app)
{
	const char *model = app_model(app), **names;
	size_t i, n = field_len(app->model.models);

	if (!app_ready(app))
		return;
	if (model != NULL) {
		view_test_ask(app, model);
		return;
	}
	if (n == 0) {
		app_say(app, TERM_WARN, "no model is known yet");
		return;
	}
	if ((names = calloc(n, sizeof(*names))) == NULL)
		abort();
	for (i = 0; i < n; i++)
		names[i] = field_str(field_at(app->model.models, i),
		    "model");
	if (n == 1)
		view_test_ask(app, names[0]);
	else
		ask_pick(app, "test which model?", names, n,
		    view_test_picked, NULL);
	free(names);
}

void
view_test_again(struct app *app)
{
	struct view_test *v = app_top(app, &view_test_ops);

	if (v != NULL && v->state == VIEW_TEST_ENDED && app_ready(app))
		view_test_send(v);
}

/* The first time it cancels, the second time the pane goes. */
void
view_test_stop(struct app *app)
{
	struct view_test *v = app_top(app, &view_test_ops);
	struct json_object *p;

	if (v == NULL)
		return;
	if (v->state != VIEW_TEST_RUNS) {
		app_pop(app);
		return;
	}
	p = json_object_new_object();
	json_object_object_add(p, "id", json_object_new_int64(v->call));
	link_call(app->link, "cancel", p, NULL, NULL, NULL);
	v->state = VIEW_TEST_STOPPING;
}

static void
view_test_scroll(struct app *app, int lines)
{
	struct view_test *v = app_top(app, &view_test_ops);

	if (v != NULL)
		flow_scroll(&v->flow, lines);
}

void
view_test_up(struct app *app)
{
	view_test_scroll(app, -1);
}

void
view_test_down(struct app *app)
{
	view_test_scroll(app, 1);
}

void
view_test_page_up(struct app *app)
{
	view_test_scroll(app, -8);
}

void
view_test_page_down(struct app *app)
{
	view_test_scroll(app, 8);
}

void
view_test_end(struct app *app)
{
	view_test_scroll(app, 1000000);
}

static void
view_test_draw(struct app *app, void *self, struct rect r)
{
	struct view_test *v = self;
	char title[256], wait[TEXT_NUM_MAX];
	struct rect in;
	int foot;

	snprintf(title, sizeof(title), "test %.80s%s%.120s", v->model,
	    v->target[0] != '\0' ? " -> " : "", v->target);
	in = term_box(&app->term, r, title);
	foot = in.h > 1;
	flow_draw(&v->flow, &app->term, (struct rect){ in.y, in.x,
	    in.h - foot, in.w });
	if (v->flow.len == 0 && v->state == VIEW_TEST_RUNS && in.h > foot)
		term_printf(&app->term, in.y, in.x, in.w, TERM_DIM, "%s",
		    v->prompt);
	if (foot == 0)
		return;
	if (v->state == VIEW_TEST_ENDED)
		term_put(&app->term, in.y + in.h - foot, in.x, in.w,
		    v->end_role, v->end);
	else
		term_printf(&app->term, in.y + in.h - foot, in.x, in.w,
		    TERM_ACCENT, "%s %s   %s%s", v->state ==
		    VIEW_TEST_STOPPING ? "stopping" : v->first_ms < 0 ?
		    "waits for the first token" : "streaming",
		    text_age(wait, sizeof(wait), (double)(app->now_ms -
		    v->began_ms)), v->request[0] != '\0' ? "request " : "",
		    v->request);
}
