/* SPDX-License-Identifier: ISC */
/*
 * What each backend has, asked on demand: Ollama's /api/tags and /api/show,
 * everybody else's /v1/models.  At most 2 s an answer; kept 30 s (failures
 * 5 s).  One instance per thread, on that thread's upstream.
 */
#ifndef LLMD_UPSTREAM_CATALOG_H
#define LLMD_UPSTREAM_CATALOG_H

#include <stdbool.h>
#include <stdint.h>

struct catalog;
struct deploy;
struct event_base;
struct upstream;

struct catalog_model {
	char		*name;
	uint32_t	 ctx;		/* context length, 0 = unknown */
	/* "completion,tools,vision", or NULL = unknown */
	char		*capabilities;
};

struct catalog_answer {
	bool			 ok;
	char			 error[160];	/* "Connection refused" */
	int			 status;	/* HTTP, if there was one */
	const struct catalog_model *models;
	unsigned		 n;
	bool			 cached;
};

/* The answer is borrowed for the call. */
typedef void (*catalog_cb)(const struct catalog_answer *a, void *arg);
struct catalog_ask;

struct catalog	*catalog_new(struct event_base *base, struct upstream *up);
void		 catalog_free(struct catalog *c);
/* What is known is asked again next time. */
void		 catalog_forget(struct catalog *c);
/*
 * Asks d's backend for its list with d's credential; cb is always called
 * later, from the loop, unless cancelled.  detail: the model d->upstream gets
 * ctx and capabilities too (one more request on Ollama).
 */
struct catalog_ask *catalog_ask(struct catalog *c, const struct deploy *d,
		    bool detail, catalog_cb cb, void *arg);
void		 catalog_cancel(struct catalog_ask *a);
/* The model of an answer by a deployment's upstream name ("m" == "m:latest",
 * case-insensitive for Ollama), or NULL. */
const struct catalog_model *catalog_find(const struct catalog_answer *a,
		    const struct deploy *d);

#endif
