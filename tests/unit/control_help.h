/* SPDX-License-Identifier: ISC */
/*
 * The control socket with nothing behind it: a configuration, a live table
 * and stand-ins for workers, exchanges and backends that all run on the
 * test's own thread.
 */
#ifndef LLMD_CONTROL_HELP_H
#define LLMD_CONTROL_HELP_H

#include <sys/socket.h>

#include <event2/event.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mbox.h"
#include "base/xmalloc.h"
#include "conf_help.h"
#include "control/change.h"
#include "control/control.h"
#include "control/core.h"
#include "control/feed.h"
#include "control/place.h"
#include "dialect/chat.h"
#include "exchange/exchange.h"
#include "observe/live.h"
#include "observe/pump.h"
#include "observe/ring.h"
#include "observe/stats.h"
#include "proto/schema.h"
#include "upstream/catalog.h"
#include "upstream/client.h"
#include "worker.h"

static const char help_config[] =
    "model_list:\n"
    "  - model_name: chat\n"
    "    litellm_params:\n"
    "      model: ollama/qwen3:8b\n"
    "      api_base: http://gpu1:11434\n"
    "    model_info: {id: d-chat}\n"
    "  - model_name: code\n"
    "    litellm_params:\n"
    "      model: ollama/coder:14b\n"
    "      api_base: http://gpu2:11434\n"
    "    model_info: {id: d-code}\n"
    "  - model_name: cloud\n"
    "    litellm_params:\n"
    "      model: openai/gpt-4o-mini\n"
    "      api_key: os.environ/UNSET_KEY\n"
    "    model_info: {id: d-cloud}\n";

const struct schema_text schema_texts[] = {
	{ "ping", "{\"type\":\"object\"}" }, { NULL, NULL }
};

/* One exchange at most; what it has been told. */
struct exchange {
	struct sink	*sink;
	uint64_t	 id;
	unsigned	 drained;
};

struct workers {
	struct mbox	*box;
	struct ring	*ring;
	struct conf	*conf;
	struct exchange_env env;
	struct exchange	*x;
	bool		 hold;		/* publishes wait for help_release */
	void		(*done)(void *);
	void		*arg;
	unsigned	 published;
	/* What a test's answer is. */
	const char	*text;
	unsigned	 times;
	bool		 hang;
	struct buf	 body;		/* the latest request */
};

struct help {
	struct event_base	*base;
	struct conf_world	 world;
	struct conf_options	 options;
	char			 dir[64];
	char			 config[96];
	char			 path[96];
	struct workers		 ws;
	struct place		*place;
	struct change		*change;
	struct stats		*stats;
	struct live		*live;
	struct pump		*pump;
	struct control		*control;
	bool			 backend_down;
};
static struct help h;

/*
 * Stand-ins.
 */

unsigned
workers_count(const struct workers *ws)
{
	(void)ws;
	return 1;
}

struct mbox *
workers_mbox(struct workers *ws, unsigned i)
{
	(void)i;
	return ws->box;
}

int
workers_of_id(const struct workers *ws, uint64_t id)
{
	(void)ws;
	return (id & 0xff) == 0 ? 0 : -1;
}

void
workers_publish(struct workers *ws, struct conf *c, void (*done)(void *),
    void *arg)
{
	conf_free(&h.world, ws->conf);
	ws->conf = c;
	ws->published++;
	if (ws->hold) {
		ws->done = done;
		ws->arg = arg;
	} else
		done(arg);
}

enum error_id
exchange_error_id(const struct chat_error *e)
{
	return e == NULL ? ERR_NONE : e->id;
}

const char *
exchange_error_text(const struct chat_error *e)
{
	return e == NULL ? "" : e->text;
}

uint64_t
exchange_id(struct exchange_env *env)
{
	return ++env->counter << 8;
}

static void
help_record(uint64_t id, enum record_kind kind, enum record_phase phase,
    int status, enum error_id error)
{
	struct record r;

	memset(&r, 0, sizeof r);
	r.id = id;
	r.kind = (uint8_t)kind;
	r.phase = (uint8_t)phase;
	r.t_ns = clock_ns();
	r.start_ns = r.t_ns - 5000000;
	r.attempts = 1;
	r.model = conf_names_add(h.world.names, "chat");
	r.deploy = conf_names_add(h.world.names, "qwen3:8b@gpu1");
	r.flags = RECORD_STREAM | RECORD_USAGE;
	r.in = 3;
	r.out = 5;
	r.status = (uint16_t)status;
	r.error = (uint16_t)error;
	if (phase >= PHASE_STREAM)
		r.first_ns = r.t_ns - 1000000;
	ring_put(h.ws.ring, &r);
}

/* Records the end, then tells the sink, as an exchange does. */
static void
help_finish(struct exchange *x)
{
	struct sink_end e = { .complete = true };

	help_record(x->id, RECORD_END, PHASE_DONE, 200, ERR_NONE);
	if (h.ws.x == x)
		h.ws.x = NULL;
	x->sink->ops->end(x->sink, &e);
	free(x);
}

struct exchange *
exchange_start(struct exchange_env *env, struct exchange_args *a)
{
	struct exchange *x = xcalloc(1, sizeof *x);
	struct sink_head head = { .status = 200 };
	unsigned i;

	(void)env;
	buf_fini(&h.ws.body);
	h.ws.body = *a->body;
	memset(a->body, 0, sizeof *a->body);
	x->sink = a->sink;
	x->id = a->id;
	help_record(x->id, RECORD_START, PHASE_PREFILL, 0, ERR_NONE);
	x->sink->ops->head(x->sink, &head);
	for (i = 0; i < h.ws.times; i++)
		x->sink->ops->data(x->sink, span_z(h.ws.text));
	if (h.ws.hang && h.ws.x == NULL) {
		h.ws.x = x;
		return x;
	}
	help_finish(x);
	return NULL;
}

struct exchange *
exchange_find(struct exchange_env *env, uint64_t id)
{
	(void)env;
	return h.ws.x != NULL && h.ws.x->id == id ? h.ws.x : NULL;
}

void
exchange_gone(struct exchange *x)
{
	help_record(x->id, RECORD_END, PHASE_DONE, 499, ERR_CLIENT_GONE);
	h.ws.x = NULL;
	x->sink->ops->abandon(x->sink);
	free(x);
}

void
exchange_cancel(struct exchange *x)
{
	struct chat_error e = { .id = ERR_CANCELLED, .text = "stop" };
	struct sink_end end = { .error = &e };

	help_record(x->id, RECORD_END, PHASE_DONE, 503, ERR_CANCELLED);
	h.ws.x = NULL;
	x->sink->ops->end(x->sink, &end);
	free(x);
}

void
exchange_drained(struct exchange *x)
{
	x->drained++;
}

struct upstream *
upstream_new(struct event_base *base, const struct upstream_shared *s,
    struct mbox *box, const struct upstream_limits *l)
{
	(void)base;
	(void)s;
	(void)box;
	(void)l;
	return NULL;
}

void
upstream_free(struct upstream *u)
{
	(void)u;
}

struct catalog_ask {
	struct event	*ev;
	catalog_cb	 cb;
	void		*arg;
};

static void
help_catalog_cb(evutil_socket_t fd, short what, void *arg)
{
	static const struct catalog_model models[] = {
		{ (char *)(uintptr_t)"qwen3:8b", 32768,
		    (char *)(uintptr_t)"completion,tools" }
	};
	struct catalog_ask a = *(struct catalog_ask *)arg;
	struct catalog_answer ans = { .ok = true, .status = 200,
	    .models = models, .n = 1 };

	(void)fd;
	(void)what;
	if (h.backend_down) {
		memset(&ans, 0, sizeof ans);
		strcpy(ans.error, "Connection refused");
	}
	event_free(a.ev);
	free(arg);
	a.cb(&ans, a.arg);
}

struct catalog *
catalog_new(struct event_base *base, struct upstream *up)
{
	(void)base;
	(void)up;
	return NULL;
}

void
catalog_free(struct catalog *c)
{
	(void)c;
}

void
catalog_forget(struct catalog *c)
{
	(void)c;
}

struct catalog_ask *
catalog_ask(struct catalog *c, const struct deploy *d, bool detail,
    catalog_cb cb, void *arg)
{
	struct catalog_ask *a = xcalloc(1, sizeof *a);

	(void)c;
	(void)d;
	(void)detail;
	a->cb = cb;
	a->arg = arg;
	a->ev = event_new(h.base, -1, 0, help_catalog_cb, a);
	event_active(a->ev, EV_TIMEOUT, 0);
	return a;
}

void
catalog_cancel(struct catalog_ask *a)
{
	event_free(a->ev);
	free(a);
}

const struct catalog_model *
catalog_find(const struct catalog_answer *a, const struct deploy *d)
{
	return a->n > 0 && strcmp(a->models[0].name, d->upstream) == 0 ?
	    &a->models[0] : NULL;
}

/*
 * The world.
 */

static const char *
help_name_cb(uint16_t id, void *arg)
{
	(void)arg;
	return conf_names_get(h.world.names, id);
}

static const char *
help_deploy_cb(uint16_t model, uint16_t label, void *arg)
{
	(void)model;
	(void)label;
	(void)arg;
	return "d-chat";
}

/* Runs everything that is ready, workers included. */
static inline void
help_turn(void)
{
	unsigned i;

	for (i = 0; i < 8; i++) {
		event_base_loop(h.base, EVLOOP_NONBLOCK);
		mbox_run(h.ws.box);
	}
}

static inline void
help_write_config(const char *text)
{
	FILE *f = fopen(h.config, "w");

	if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0)
		fatal("%s", h.config);
}

static inline void
help_open(void)
{
	static const struct live_names names = { help_name_cb,
	    help_deploy_cb, NULL };
	struct event_config *ec = event_config_new();
	struct conf_remarks remarks = { 0 };
	struct change_args ca = { 0 };
	struct control_args a = { 0 };
	struct place_error pe;

	memset(&h, 0, sizeof h);
	strcpy(h.dir, "/tmp/llmd-control-XXXXXX");
	if (mkdtemp(h.dir) == NULL)
		fatal("mkdtemp");
	snprintf(h.path, sizeof h.path, "%s/control.sock", h.dir);
	snprintf(h.config, sizeof h.config, "%s/config.yaml", h.dir);
	help_write_config(help_config);
	event_config_set_flag(ec, EVENT_BASE_FLAG_NOLOCK);
	h.base = event_base_new_with_config(ec);
	event_config_free(ec);
	h.world = conf_help_world(NULL);
	h.options = conf_help_options(h.config);
	h.ws.conf = conf_load(&h.world, &h.options, NULL, 0, &remarks);
	h.ws.box = mbox_new(&h.ws.env);
	h.ws.ring = ring_new(-1);
	h.ws.text = "hello ";
	h.ws.times = 2;
	h.place = place_open(h.path, &pe);
	if (h.ws.conf == NULL || h.place == NULL)
		fatalx("cannot start: %s", pe.text);
	ca.world = &h.world;
	ca.options = &h.options;
	ca.conf = h.ws.conf;
	h.change = change_new(&ca);
	h.stats = stats_new(clock_ns());
	h.live = live_new(&names, h.stats);
	h.pump = pump_new(h.base, -1, h.live, NULL);
	pump_add(h.pump, h.ws.ring);
	change_start(h.change, &h.ws);
	a.base = h.base;
	a.place = h.place;
	a.change = h.change;
	a.workers = &h.ws;
	a.live = h.live;
	a.stats = h.stats;
	a.pump = h.pump;
	a.instance = "test";
	a.start_ns = clock_ns();
	h.control = control_new(&a);
}

static inline bool
help_close(void)
{
	char lock[120];

	if (h.ws.x != NULL)
		exchange_gone(h.ws.x);
	mbox_close(h.ws.box);
	control_free(h.control);
	place_close(h.place);
	pump_free(h.pump);
	live_free(h.live);
	stats_free(h.stats);
	change_free(h.change);
	conf_free(&h.world, h.ws.conf);
	ring_free(h.ws.ring);
	buf_fini(&h.ws.body);
	event_base_free(h.base);
	unlink(h.config);
	snprintf(lock, sizeof lock, "%s/control.lock", h.dir);
	unlink(lock);
	rmdir(h.dir);
	return conf_help_fini(&h.world);
}

/* A peer with a role, and our end of it. */
static inline int
help_peer(enum method_role role)
{
	int v[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, v) != 0)
		fatal("socketpair");
	fcntl(v[0], F_SETFL, O_NONBLOCK);
	fcntl(v[1], F_SETFL, O_NONBLOCK);
	peer_new(h.control, v[0], 1000, 1000, 4711, role, "dev-1");
	return v[1];
}

#endif
