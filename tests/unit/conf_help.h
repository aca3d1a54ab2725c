/* SPDX-License-Identifier: ISC */
/* What the tests of conf share: a world with a fixed environment. */
#ifndef LLMD_CONF_HELP_H
#define LLMD_CONF_HELP_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "conf/conf.h"

/* The dialects are only pointed to. */
struct dialect { int unused; };
extern const struct dialect dialect_openai, dialect_ollama;
const struct dialect dialect_openai = { 1 }, dialect_ollama = { 2 };

static char *const conf_help_environ[] = {
	(char *)(uintptr_t)"SET_KEY=sk-set",
	(char *)(uintptr_t)"SET_BASE=http://gpu9:8000/v1",
	(char *)(uintptr_t)"SET_MODEL=openai/from-env",
	(char *)(uintptr_t)"SET_NUMBER=30",
	NULL
};

static inline struct conf_world
conf_help_world(char **env)
{
	return (struct conf_world){
		conf_env_new(env != NULL ? env :
		    (char **)(uintptr_t)conf_help_environ),
		conf_names_new(), map_new()
	};
}

/* All states must have gone with their snapshots. */
static inline bool
conf_help_fini(struct conf_world *w)
{
	bool clean = map_len(w->states) == 0;

	conf_env_free(w->env);
	conf_names_free(w->names);
	map_free(w->states);
	return clean;
}

static inline struct conf_options
conf_help_options(const char *path)
{
	return (struct conf_options){ .path = path, .port = -1,
	    .drop_params = -1 };
}

static inline struct conf *
conf_help_load(struct conf_world *w, const char *text,
    struct conf_remarks *r)
{
	struct conf_options o = conf_help_options("config.yaml");

	return conf_load_text(w, &o, span_z(text), r);
}

/* Loads a text that must load; remarks are dropped. */
static inline struct conf *
conf_help_must_load(struct conf_world *w, const char *text)
{
	struct conf_remarks r = { 0 };
	struct conf *c = conf_help_load(w, text, &r);
	char *s;

	if (c == NULL) {
		s = conf_remarks_text(&r, true);
		fprintf(stderr, "%s", s);
		abort();
	}
	return c;
}

/* The JSON of a body default, valid until the next call; NULL. */
static inline const char *
conf_help_param(const struct deploy *d, const char *name)
{
	static char copy[256];
	unsigned i;

	for (i = 0; i < d->nparams; i++)
		if (strcmp(d->params[i].name, name) == 0) {
			snprintf(copy, sizeof(copy), "%.*s",
			    (int)d->params[i].json.n, d->params[i].json.p);
			return copy;
		}
	return NULL;
}

#endif
