/* SPDX-License-Identifier: ISC */
/*
 * The immutable snapshot of a configuration: settings, deployments, routes
 * and keys of one revision.  Built by main from LiteLLM's config.yaml, shared
 * read-only by all workers.
 */
#ifndef LLMD_CONF_CONF_H
#define LLMD_CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "access/key.h"
#include "conf/limits.h"
#include "conf/remark.h"
#include "conf/world.h"
#include "route/deploy.h"
#include "route/table.h"

struct json_object;
struct source_set;

/* A runtime override of a route: "upstream@backend" or a model's name each;
 * one target is one tier. */
struct conf_override {
	char		*model;
	char		**targets;
	unsigned	 n;
};

struct conf {
	uint64_t		 rev;
	char			*path;		/* as given */
	uint64_t		 loaded_ns;	/* wall clock, by the caller */

	/* Where to listen; host NULL: loopback. */
	char			**hosts;
	unsigned		 nhosts;
	uint16_t		 port;		/* 4000 */
	char			*tls_cert;
	char			*tls_key;
	unsigned		 workers;	/* 0: automatic */
	char			*socket_path;	/* NULL: the usual places */

	bool			 open;		/* no key is needed */
	bool			 allow_open;	/* ... on any address */
	enum { CONF_PUBLIC_AUTO, CONF_PUBLIC_YES, CONF_PUBLIC_NO }
				 public_models;
	char			**allowed_hosts;
	unsigned		 nallowed_hosts;
	char			**cors_origins;	/* NULL: the default list */
	unsigned		 ncors_origins;

	char			*request_log;	/* path, "-", or NULL */
	bool			 json_logs;
	int			 log_level;	/* enum log_level */
	bool			 drop_params;
	bool			 always_usage;	/* at each stream's end */
	uint32_t		 rpm;		/* of the gateway, 0 = none */
	struct conf_limits	 limits;

	struct key_table	 keys;
	struct route_table	*routes;
	struct deploy		**deploys;	/* file order, skipped too */
	unsigned		 ndeploys;
	struct backend		**backends;
	unsigned		 nbackends;
	struct conf_override	*overrides;	/* those that are in force */
	unsigned		 noverrides;
	struct conf_remarks	 remarks;
	struct source_set	*sources;	/* the texts it was made from */
	/* Backing memory of all strings above. */
	struct arena		 arena;
};

/* Command line over file: what is set here wins. */
struct conf_options {
	const char	*path;
	const char	**hosts;	/* --host, may be given several times */
	unsigned	 nhosts;
	int		 port;		/* -1: not given */
	const char	*socket_path;
	int		 workers;	/* 0: not given */
	const char	*tls_cert;
	const char	*tls_key;
	const char	*model;		/* --model: a one-model configuration */
	const char	*alias;
	const char	*api_base;
	int		 drop_params;	/* -1, 0, 1 */
	double		 request_timeout; /* seconds, 0: not given */
	bool		 debug;
};

/*
 * Reads and checks the file (and its includes), applies the overrides and
 * builds a snapshot.  NULL if the start must be refused; all errors and
 * warnings are in *remarks either way (moved into conf->remarks on success).
 * An override whose model or target is gone is left out with a warning.
 */
struct conf	*conf_load(struct conf_world *w, const struct conf_options *o,
		    const struct conf_override *ov, unsigned nov,
		    struct conf_remarks *remarks);
/*
 * As conf_load from the texts that base was made from, whatever the files say
 * now: for a change of the overrides alone.
 */
struct conf	*conf_again(struct conf_world *w, const struct conf *base,
		    const struct conf_options *o,
		    const struct conf_override *ov, unsigned nov,
		    struct conf_remarks *remarks);
/* As conf_load from memory, named o->path; includes are missing. */
struct conf	*conf_load_text(struct conf_world *w,
		    const struct conf_options *o, struct span text,
		    struct conf_remarks *remarks);
/*
 * 0 if target ("upstream@backend" or a model's name) can serve model; else
 * -1, *cause one sentence and *candidates a comma-separated list or NULL, both
 * malloc'd.
 */
int		 conf_override_check(const struct conf *c, const char *model,
		    const char *target, char **cause, char **candidates);
void		 conf_free(struct conf_world *w, struct conf *c);
void		 conf_remarks_fini(struct conf_remarks *r);

/* Remarks as people read them, carets included; all: those that conf_summary
 * tells too.  malloc'd text. */
char		*conf_remarks_text(const struct conf_remarks *r, bool all);
/* `llmd --check-config --json`: verdict, deployments, skipped, remarks; the
 * caller puts the object.  c may be NULL. */
struct json_object *conf_check_json(const struct conf *c,
		    const struct conf_remarks *r);
/*
 * What changes from a to b, one line each in the form of `llmctl reload`
 * ("~ model fast ...", "+ backend gpu3 ..."); a json array of strings.
 */
struct json_object *conf_diff_json(const struct conf *a, const struct conf *b);
/* "2 models, 1 without key (gpt-4o-mini: OPENAI_API_KEY is not set)" */
char		*conf_summary(const struct conf *c);
/* The search order without --config; NULL if none exists.  malloc'd. */
char		*conf_find(const struct conf_env *e);

#endif
