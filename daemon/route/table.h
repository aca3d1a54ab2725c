/* SPDX-License-Identifier: ISC */
/*
 * Where to: model name -> ordered tiers of weighted deployments.  Built once
 * per snapshot, then constant; picking takes the time and a random number as
 * arguments.
 */
#ifndef LLMD_ROUTE_TABLE_H
#define LLMD_ROUTE_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "route/deploy.h"

struct route_tier {
	const struct deploy	**deploys;
	unsigned		  n;
	double			  total;	/* sum of the weights */
};

struct route {
	char			*model;		/* public name or pattern */
	uint16_t		 name_id;
	bool			 wildcard;	/* contains '*' */
	bool			 runtime;	/* set over the socket */
	struct route_tier	*tiers;		/* usable deployments only */
	unsigned		 ntiers;
	/* All deployments of the model, the unusable ones too. */
	const struct deploy	**all;
	unsigned		 nall;
	int64_t			 created;	/* for /v1/models */
	const char		*owned_by;	/* provider of the first */
};

struct arena;
struct route_table;

/* A window of all rpm limits. */
#define ROUTE_WINDOW_MS	60000
/* A longer name is nobody's. */
#define ROUTE_NAME_MAX	1024

struct route_table *route_table_new(void);
void		 route_table_free(struct route_table *t);
/* Adds d to its model's route, in file order; d is borrowed. */
void		 route_table_add(struct route_table *t,
		    const struct deploy *d);
/*
 * Replaces the tiers of a model for a runtime override: each tier is given as
 * a list.  The route must exist and the table be sealed.
 */
void		 route_table_override(struct route_table *t, struct route *r,
		    const struct deploy ***tiers, const unsigned *n,
		    unsigned ntiers);
/* Gives r the tiers of another route, to stay with it. */
void		 route_table_alias(struct route_table *t, struct route *r,
		    const struct route *to);
/* Sorts tiers and patterns; call once after the last add. */
void		 route_table_seal(struct route_table *t);
/*
 * The route for a name that a client sent: exact name, then deployment id,
 * then the most specific pattern; NULL.
 */
const struct route *route_table_find(const struct route_table *t,
		    struct span name);
/* Gives each route the number that add returns for its model's name. */
void		 route_table_number(struct route_table *t,
		    uint16_t (*add)(void *arg, const char *model), void *arg);
/* The route of exactly this model, to be changed while the table is built;
 * NULL. */
struct route	*route_table_get(struct route_table *t, const char *model);
/* In file order; i counts from 0; NULL at the end. */
const struct route *route_table_at(const struct route_table *t, unsigned i);
/* Close names for "did you mean", at most 3; returns how many. */
unsigned	 route_table_similar(const struct route_table *t,
		    struct span name, const char *out[3]);

/*
 * Picks a deployment: the first tier that has one which is not in `tried`
 * (an array of ntried) and not at its limit; inside a tier at random by
 * weight.  rnd is uniform over 64 bits.  On success the deployment's rpm
 * meter is charged.  NULL: *limited tells whether at least one was left out
 * because of its limit, and *wait_ms the least time to the end of a window.
 */
const struct deploy *route_pick(const struct route *r,
		    const struct deploy *const *tried, unsigned ntried,
		    uint64_t rnd, uint64_t now_ms, bool *limited,
		    uint32_t *wait_ms);

/*
 * The backend's model name for a request that asked for `name` by r: d's own,
 * its '*'s replaced by what the '*'s of the route's pattern stood for (first
 * by first, the last one repeated); name itself if it does not match that
 * pattern.  d->upstream or memory of a.
 */
const char	*route_upstream(const struct route *r, const struct deploy *d,
		    struct span name, struct arena *a);

#endif
