/* SPDX-License-Identifier: ISC */
/*
 * Changes of the configuration while llmd runs: reload and route overrides.
 * Holds what is current, its revision, the overrides in force (in memory) and
 * the latest changes with who and why.  Main's.
 *
 * A mutator checks everything first; on error nothing has changed.  It
 * returns CHANGE_PENDING when the new snapshot is on its way to the workers:
 * done is called on main's loop once all have it.
 */
#ifndef LLMD_CONTROL_CHANGE_H
#define LLMD_CONTROL_CHANGE_H

#include <stdbool.h>
#include <stdint.h>

struct change;
struct conf;
struct conf_options;
struct conf_world;
struct json_object;
struct rpc_error;
struct workers;

struct change_args {
	struct conf_world		*world;
	const struct conf_options	*options;	/* borrowed */
	struct conf			*conf;		/* revision 1 */
	/* The workers have it; main's own settings follow. */
	void				(*applied)(const struct conf *c,
					    void *arg);
	void				*arg;
};

struct change	*change_new(const struct change_args *a);
/* The conf itself belongs to the workers. */
void		 change_free(struct change *c);
/* From now on there is somebody to publish to. */
void		 change_start(struct change *c, struct workers *ws);
const struct conf *change_conf(const struct change *c);

/* Who asks, and under which conditions. */
struct change_ask {
	const char	*who;		/* "dev-1 1000", or NULL: a signal */
	const char	*why;		/* or NULL */
	int64_t		 if_rev;	/* -1: any */
	bool		 dry_run;
};

enum change_result {
	CHANGE_REFUSED = -1,	/* err is set */
	CHANGE_ANSWERED,	/* *result says it all; done is not called */
	CHANGE_PENDING		/* *result is true once done was called */
};

typedef void (*change_done_cb)(void *arg);

/* Result: proto/schema/config.reload.json; the caller puts it. */
enum change_result change_reload(struct change *c,
		    const struct change_ask *ask, struct rpc_error *err,
		    struct json_object **result, change_done_cb done,
		    void *arg);
/* SIGHUP: the same, told to the log. */
void		 change_hup(struct change *c);
/*
 * Each target is one tier: "upstream@backend", or a model whose tiers are
 * copied.  running: requests of the model in flight.  Result:
 * proto/schema/route.set.json.
 */
enum change_result change_route_set(struct change *c,
		    const struct change_ask *ask, const char *model,
		    const char *const *targets, unsigned n, unsigned running,
		    struct rpc_error *err, struct json_object **result,
		    change_done_cb done, void *arg);

/* One change, as told to subscribers. */
struct change_entry {
	uint64_t		 rev;
	uint64_t		 wall_ns;
	char			*model;		/* NULL: the whole file */
	char			*who;		/* NULL: the file, a signal */
	char			*why;
	struct json_object	*before;	/* {source, targets} */
	struct json_object	*after;
};
typedef void (*change_watch_cb)(const struct change_entry *e, void *arg);
/* One watcher; after every worker has it. */
void		 change_watch(struct change *c, change_watch_cb cb,
		    void *arg);
/* The latest change of this model over the socket, or NULL. */
const struct change_entry *change_last(const struct change *c,
		    const char *model);
/* The latest load of the file, or NULL: only the start. */
const struct change_entry *change_last_load(const struct change *c);
/* Fills err for a model that is not there, with the nearest names. */
void		 change_no_model(const struct conf *c, const char *model,
		    struct rpc_error *err);
/* True if the file on disk is not what was loaded (by its stamp). */
bool		 change_stale(const struct change *c);
unsigned	 change_overrides(const struct change *c);

/* Answers of mutators by idempotency key; the object is borrowed. */
struct json_object *change_idem_get(const struct change *c,
		    const char *method, const char *key);
void		 change_idem_put(struct change *c, const char *method,
		    const char *key, struct json_object *result);

#endif
