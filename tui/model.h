/* SPDX-License-Identifier: ISC */
#ifndef LLMD_TUI_MODEL_H
#define LLMD_TUI_MODEL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "tui/row.h"

/*
 * What llmtop knows: requests, digests, log lines, and the newest answers of
 * route.list, model.list and status.  It is folded from what llmd sends and
 * knows nothing of screens; views read it and never write it.  Times are
 * epoch seconds and arguments.
 */
#define MODEL_ROWS	5000		/* requests kept */
#define MODEL_LOGS	1000
#define MODEL_HISTORY	900		/* digests: 15 minutes */
#define MODEL_BUCKETS	8192

struct model_metrics {
	double	rps, tok_s, err_pct;	/* NAN: unknown */
	double	ttft_p50_ms, ttft_p95_ms;
	int64_t	in_flight, queued;
	int64_t	rev, overrides, requests_total;
};

struct model_log {
	double	 t;
	char	 level[8];
	char	*module;
	char	*msg;
};

TAILQ_HEAD(row_list, row);

struct model {
	struct row_list		 live;		/* newest first */
	struct row_list		 done;		/* newest end first */
	size_t			 nlive, ndone;
	uint64_t		 made;		/* rows ever */
	struct row		*table[MODEL_BUCKETS];
	struct model_metrics	 now;
	struct model_metrics	 past[MODEL_HISTORY];	/* ring */
	size_t			 npast;		/* ever */
	struct model_log	 logs[MODEL_LOGS];	/* a ring */
	size_t			 nlogs;		/* ever */
	struct json_object	*routes;	/* array, or NULL: unknown */
	struct json_object	*models;	/* array, or NULL */
	struct json_object	*status;	/* object, or NULL */
	double			 status_at;
	double			 heard;		/* time of the newest event */
	char			 instance[64];
	char			 cursor[128];	/* "": none */
	int64_t			 dropped;	/* events that gaps counted */
	unsigned		 gen;		/* instances so far */
	unsigned		 changes;	/* grows: draw again */
	int			 paging;	/* rows come newest first */
	unsigned char		 stale_routes;	/* an event says: ask again */
	unsigned char		 stale_models;
};

void	model_init(struct model *);
void	model_fini(struct model *);

/*
 * Connected to this instance.  1 if it is another than before: its ids begin
 * anew, and requests that the old one had in flight are lost.
 */
int	model_connected(struct model *, const char *instance, double now);

/* Params of an `event` or a `gap` notice; rubbish changes nothing. */
void	model_event(struct model *, struct json_object *params);
void	model_gap(struct model *, struct json_object *params);
/* The result of event.subscribe, with or without a snapshot. */
void	model_subscribed(struct model *, struct json_object *, double now);
/* A page of request.list.  Returns the next offset, or -1. */
int64_t	model_page(struct model *, struct json_object *, double now);
/* Results of route.list, model.list and status; kept, not taken. */
void	model_take_routes(struct model *, struct json_object *);
void	model_take_models(struct model *, struct json_object *);
void	model_take_status(struct model *, struct json_object *, double now);

/* Folds a row or an event of a request; NULL: it has no id. */
struct row *model_fold(struct model *, struct json_object *, double t);
/* The request with this id, or NULL. */
struct row *model_find(const struct model *, unsigned gen, uint64_t id);
/* Line i, 0 = newest; NULL: no more. */
const struct model_log *model_log_get(const struct model *, size_t i);
size_t	model_log_count(const struct model *);
/* Digest i, 0 = newest; NULL: no more. */
const struct model_metrics *model_past_get(const struct model *, size_t i);
/* Seconds since llmd's start; NAN: unknown. */
double	model_uptime(const struct model *, double now);

#endif
