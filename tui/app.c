/* SPDX-License-Identifier: ISC */
#include "tui/app.h"

#include <curses.h>
#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "proto/errors.h"
#include "tui/frame.h"
#include "tui/session.h"

/*
 * The loop: work off the socket, draw if something changed (a key draws at
 * once, the rest at most fps times a second), then sleep until the socket, a
 * key, a signal, or the timer, which is set to the first thing that is due.
 */
#define APP_SAY_MS	8000
#define APP_TICK_MS	1000

enum app_fd {
	APP_STDIN,
	APP_SIGNAL,
	APP_TIMER,
	APP_LINK,
	APP_FDS
};

static void
app_clock(struct app *app)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	app->now_ms = (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
	clock_gettime(CLOCK_REALTIME, &ts);
	app->now = (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

void
app_say(struct app *app, enum term_role role, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(app->message, sizeof(app->message), fmt, ap);
	va_end(ap);
	app->message_role = role;
	app->message_until_ms = app->now_ms + APP_SAY_MS;
	app_touch(app);
}

void
app_ran(struct app *app, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(app->ran, sizeof(app->ran), fmt, ap);
	va_end(ap);
}

int
app_ready(struct app *app)
{
	if (link_is_up(app->link))
		return 1;
	app_say(app, TERM_BAD, "not connected to llmd: this needs it");
	return 0;
}

void
app_touch(struct app *app)
{
	app->dirty = 1;
}

void
app_push(struct app *app, const struct modal_ops *ops, void *self)
{
	if (app->nmodals == APP_MODALS)
		app_pop(app);
	app->modals[app->nmodals++] = (struct app_modal){ ops, self };
	app_touch(app);
}

void
app_pop(struct app *app)
{
	struct app_modal *m;

	if (app->nmodals == 0)
		return;
	m = &app->modals[--app->nmodals];
	m->ops->close(app, m->self);
	app_touch(app);
}

void *
app_top(const struct app *app, const struct modal_ops *ops)
{
	if (app->nmodals == 0 || app->modals[app->nmodals - 1].ops != ops)
		return NULL;
	return app->modals[app->nmodals - 1].self;
}

void *
app_modal_find(const struct app *app, const struct modal_ops *ops)
{
	int i;

	for (i = 0; i < app->nmodals; i++)
		if (app->modals[i].ops == ops)
			return app->modals[i].self;
	return NULL;
}

enum bind_scope
app_scope(const struct app *app)
{
	return app->nmodals > 0 ? app->modals[app->nmodals - 1].ops->scope :
	    views[app->view]->scope;
}

void *
app_state(const struct app *app, enum view_id id)
{
	return app->states[id];
}

const char *
app_model(struct app *app)
{
	return views[app->view]->model(app, app->states[app->view]);
}

void
app_view_set(struct app *app, int view)
{
	while (app->nmodals > 0)
		app_pop(app);
	app->view = view;
	app->ran[0] = '\0';
	if (views[view]->poll != NULL && link_is_up(app->link))
		views[view]->poll(app, app->states[view], 1);
	app_touch(app);
}

void
app_view_next(struct app *app)
{
	app_view_set(app, (app->view + 1) % VIEW_COUNT);
}

void
app_view_prev(struct app *app)
{
	app_view_set(app, (app->view + VIEW_COUNT - 1) % VIEW_COUNT);
}

static void
app_move(struct app *app, enum list_move how)
{
	views[app->view]->step(app, app->states[app->view], how);
	app->ran[0] = '\0';
}

void
app_move_up(struct app *app)
{
	app_move(app, LIST_UP);
}

void
app_move_down(struct app *app)
{
	app_move(app, LIST_DOWN);
}

void
app_move_page_up(struct app *app)
{
	app_move(app, LIST_PAGE_UP);
}

void
app_move_page_down(struct app *app)
{
	app_move(app, LIST_PAGE_DOWN);
}

void
app_move_home(struct app *app)
{
	app_move(app, LIST_HOME);
}

void
app_move_end(struct app *app)
{
	app_move(app, LIST_END);
}

void
app_back(struct app *app)
{
	app_pop(app);
}

void
app_quit(struct app *app)
{
	app->quit = 1;
}

void
app_redraw(struct app *app)
{
	app->clear = 1;
	app_touch(app);
}

void
app_suspend(struct app *app)
{
	term_suspend();
	app_clock(app);
	app_redraw(app);
}

void
app_do(struct app *app, const struct binding *b)
{
	if (b->change && app->opt->readonly) {
		app_say(app, TERM_WARN, "%s: not with --readonly", b->name);
		return;
	}
	app->ran[0] = '\0';
	b->handler(app);
}

static void
app_key(struct app *app, int key)
{
	struct app_modal *m = app->nmodals > 0 ?
	    &app->modals[app->nmodals - 1] : NULL;
	const struct binding *b;

	app_touch(app);
	if (m != NULL && m->ops->key != NULL &&
	    m->ops->key(app, m->self, key))
		return;
	if (m != NULL && m->ops->scope == BIND_NONE)
		return;
	if (m == NULL && !link_is_up(app->link) &&
	    (key == BIND_ENTER || key == '\n')) {
		link_retry(app->link);
		return;
	}
	if ((b = bindings_find(app_scope(app), key)) == NULL && m == NULL)
		b = bindings_find(BIND_LIST, key);
	if (b == NULL)
		b = bindings_find(BIND_ALL, key);
	if (b != NULL)
		app_do(app, b);
	else if (m == NULL && key >= '1' && key < '1' + VIEW_COUNT)
		app_view_set(app, key - '1');
}

/* Reads every key that is there; 1 if there was one. */
static int
app_keys(struct app *app)
{
	wint_t ch;
	int rc, any = 0;

	while (!app->quit && (rc = get_wch(&ch)) != ERR) {
		any = 1;
		if (rc == KEY_CODE_YES && ch == KEY_RESIZE)
			app->clear = 1;
		else if (rc == KEY_CODE_YES && ch == KEY_ENTER)
			app_key(app, BIND_ENTER);
		else
			app_key(app, rc == KEY_CODE_YES ? BIND_FN((int)ch) :
			    (int)ch);
		app_touch(app);
	}
	return any;
}

static void
app_draw(struct app *app)
{
	if (app->clear)
		clearok(curscr, TRUE);
	app->clear = 0;
	frame_draw(app);
	wnoutrefresh(stdscr);
	doupdate();
	app->drawn = app->model.changes;
	app->dirty = 0;
	app->frame_ms = app->now_ms;
}

static int
app_signals_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTSTP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static void
app_signals(struct app *app, int fd)
{
	struct signalfd_siginfo info;

	while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGTSTP) {
			app_suspend(app);
			continue;
		}
		app->quit = 1;
		app->exit = info.ssi_signo == SIGINT ? 0 :
		    128 + (int)info.ssi_signo;
	}
}

/* Sets the timer to what is due first. */
static void
app_timer_set(struct app *app, int fd)
{
	int64_t due = app->now_ms - app->now_ms % APP_TICK_MS + APP_TICK_MS;
	int64_t link = link_deadline_ms(app->link), frame;
	struct itimerspec its = { .it_value.tv_nsec = 1 };

	if (link >= 0 && link < due)
		due = link;
	if (app->dirty || app->drawn != app->model.changes) {
		frame = app->frame_ms + 1000 / app->opt->fps;
		if (frame < due)
			due = frame;
	}
	if (due > app->now_ms) {
		its.it_value.tv_sec = (due - app->now_ms) / 1000;
		its.it_value.tv_nsec = (due - app->now_ms) % 1000 * 1000000;
	}
	timerfd_settime(fd, 0, &its, NULL);
}

/* What happens once a second: ages, clocks, questions. */
static void
app_tick(struct app *app)
{
	app_touch(app);
	if (app->message_until_ms > 0 && app->now_ms > app->message_until_ms)
		app->message_until_ms = 0;
	session_tick(app);
}

static void
app_wait(struct app *app, struct pollfd *fds)
{
	uint64_t n;

	fds[APP_LINK].fd = link_fd(app->link);
	fds[APP_LINK].events = link_events(app->link);
	app_timer_set(app, fds[APP_TIMER].fd);
	if (poll(fds, APP_FDS, -1) < 0 && errno != EINTR)
		app->quit = 1;
	app_clock(app);
	if (fds[APP_TIMER].revents & POLLIN)
		(void)!read(fds[APP_TIMER].fd, &n, sizeof(n));
	if (fds[APP_STDIN].revents & (POLLHUP | POLLERR | POLLNVAL)) {
		app->quit = 1;		/* the terminal has gone */
		app->exit = 128 + SIGHUP;
	}
	app_signals(app, fds[APP_SIGNAL].fd);
}

static void
app_loop(struct app *app)
{
	struct pollfd fds[APP_FDS] = {
		[APP_STDIN] = { .fd = STDIN_FILENO, .events = POLLIN },
		[APP_SIGNAL] = { .events = POLLIN },
		[APP_TIMER] = { .events = POLLIN },
	};
	int64_t second = -1;
	int key = 1;

	fds[APP_SIGNAL].fd = app_signals_open();
	fds[APP_TIMER].fd = timerfd_create(CLOCK_MONOTONIC,
	    TFD_NONBLOCK | TFD_CLOEXEC);
	while (!app->quit) {
		app_clock(app);
		link_work(app->link, app->now_ms);
		if (app->now_ms / APP_TICK_MS != second) {
			second = app->now_ms / APP_TICK_MS;
			app_tick(app);
		}
		if (key || ((app->dirty || app->drawn != app->model.changes)
		    && app->now_ms - app->frame_ms >= 1000 / app->opt->fps))
			app_draw(app);
		app_wait(app, fds);
		key = app_keys(app);
	}
	close(fds[APP_SIGNAL].fd);
	close(fds[APP_TIMER].fd);
}

static void
app_fini(struct app *app)
{
	int i;

	while (app->nmodals > 0)
		app_pop(app);
	for (i = 0; i < VIEW_COUNT; i++) {
		if (views[i]->fini != NULL)
			views[i]->fini(app->states[i]);
		free(app->states[i]);
	}
	json_object_put(app->undo_targets);
	link_free(app->link);
	model_fini(&app->model);
	free(app);
}

int
app_run(const struct options *opt)
{
	struct app *app = calloc(1, sizeof(*app));
	const char *why;
	int i, rc;

	if (app == NULL)
		abort();
	if (term_open(&app->term, opt->ascii, &why) < 0) {
		fprintf(stderr, "llmtop: %s\n", why);
		free(app);
		return error_rows[ERR_USAGE].exit;
	}
	app->opt = opt;
	app->view = opt->view;
	model_init(&app->model);
	if (gethostname(app->host, sizeof(app->host) - 1) < 0)
		app->host[0] = '\0';
	app->host[strcspn(app->host, ".")] = '\0';
	for (i = 0; i < VIEW_COUNT; i++) {
		app->states[i] = calloc(1, views[i]->state_size);
		if (app->states[i] == NULL)
			abort();
		views[i]->init(app, app->states[i]);
	}
	app_clock(app);
	app->link = link_new(opt->socket, &session_hooks, app);
	app_loop(app);
	term_close();
	rc = app->exit;
	app_fini(app);
	return rc;
}
