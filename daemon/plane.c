/* SPDX-License-Identifier: ISC */
#include "plane.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "conf/conf.h"
#include "control/change.h"
#include "control/control.h"
#include "control/place.h"
#include "net/listen.h"
#include "observe/live.h"
#include "observe/pump.h"
#include "observe/reqlog.h"
#include "observe/stats.h"
#include "worker.h"

struct plane {
	struct plane_args	 args;
	struct place		*place;		/* NULL: none could be had */
	struct change		*change;
	struct stats		*stats;
	struct live		*live;
	struct reqlog		*reqlog;
	struct pump		*pump;
	struct control		*control;
	uint64_t		 start_ns;
	char			*urls[LISTEN_ADDRS];
	unsigned		 nurls;
};

static const char *
plane_name_cb(uint16_t id, void *arg)
{
	struct plane *p = arg;

	return conf_names_get(p->args.world->names, id);
}

static const char *
plane_deploy_id_cb(uint16_t model, uint16_t label, void *arg)
{
	struct plane *p = arg;
	const struct conf *c = change_conf(p->change);
	const char *name = conf_names_get(p->args.world->names, model);
	unsigned i;

	for (i = 0; i < c->ndeploys; i++)
		if (c->deploys[i]->name_id == label &&
		    strcmp(c->deploys[i]->model, name) == 0)
			return c->deploys[i]->id;
	return NULL;
}

/* Every worker has the new snapshot: main's own settings follow. */
static void
plane_applied_cb(const struct conf *c, void *arg)
{
	struct plane *p = arg;

	log_set_level((enum log_level)c->log_level);
	reqlog_set(p->reqlog, c->request_log, c->json_logs);
	pump_pace(p->pump);
}

static void
plane_urls(struct plane *p)
{
	const struct listen_set *l = p->args.listen;
	char addr[64];
	unsigned i;

	for (i = 0; i < l->n; i++)
		xasprintf(&p->urls[p->nurls++], "%s://%s",
		    p->args.conf->tls_cert != NULL ? "https" : "http",
		    resolve_addr_text(&l->addrs[i].addr.sa, addr));
}

/* No place for the socket is fatal only if it was asked for by name, or if
 * another llmd has it. */
static int
plane_place(struct plane *p, char **cause, char **hint)
{
	const struct conf *c = p->args.conf;
	struct place_error e = { 0 };

	p->place = place_open(c->socket_path, &e);
	if (p->place != NULL)
		return 0;
	if (c->socket_path != NULL || e.exit == EX_CONFIG) {
		*cause = xstrdup(e.text);
		*hint = e.hint[0] == '\0' ? NULL : xstrdup(e.hint);
		return e.exit != 0 ? e.exit : EX_UNAVAILABLE;
	}
	log_warnx("%s; llmd runs without a control socket, so llmctl cannot "
	    "reach it", e.text);
	return 0;
}

int
plane_open(const struct plane_args *a, struct plane **out, char **cause,
    char **hint)
{
	struct plane *p = xcalloc(1, sizeof *p);
	struct live_names names = { .name = plane_name_cb,
	    .deploy_id = plane_deploy_id_cb, .arg = p };
	struct change_args ca = { .world = a->world, .options = a->options,
	    .conf = a->conf, .applied = plane_applied_cb, .arg = p };
	int rc;

	p->args = *a;
	p->start_ns = clock_ns();
	*out = p;
	rc = plane_place(p, cause, hint);
	if (rc != 0) {
		free(p);
		*out = NULL;
		return rc;
	}
	p->change = change_new(&ca);
	p->stats = stats_new(p->start_ns);
	p->live = live_new(&names, p->stats);
	p->reqlog = reqlog_new(p->live);
	reqlog_set(p->reqlog, a->conf->request_log, a->conf->json_logs);
	p->pump = pump_new(a->base, a->wake_fd, p->live, p->reqlog);
	plane_urls(p);
	return 0;
}

void
plane_start(struct plane *p, struct workers *ws)
{
	struct control_args ca = {
		.base = p->args.base,
		.place = p->place,
		.change = p->change,
		.workers = ws,
		.live = p->live,
		.stats = p->stats,
		.pump = p->pump,
		.shared = p->args.shared,
		.instance = p->args.instance,
		.listen = (const char *const *)p->urls,
		.nlisten = p->nurls,
		.start_ns = p->start_ns,
	};
	unsigned i;

	change_start(p->change, ws);
	for (i = 0; i < workers_count(ws); i++)
		pump_add(p->pump, workers_ring(ws, i));
	pump_pace(p->pump);
	if (p->place != NULL)
		p->control = control_new(&ca);
}

void
plane_reload(struct plane *p)
{
	change_hup(p->change);
}

void
plane_reopen_logs(struct plane *p)
{
	reqlog_reopen(p->reqlog);
}

void
plane_free(struct plane *p)
{
	unsigned i;

	if (p == NULL)
		return;
	if (p->control != NULL)
		control_free(p->control);
	if (p->place != NULL)
		place_close(p->place);
	pump_free(p->pump);
	reqlog_free(p->reqlog);
	live_free(p->live);
	stats_free(p->stats);
	change_free(p->change);
	for (i = 0; i < p->nurls; i++)
		free(p->urls[i]);
	free(p);
}
