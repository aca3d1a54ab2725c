/* SPDX-License-Identifier: ISC */
/*
 * How deployments and models do: from what the configuration says, what their
 * latest requests met and, for a minute, what their backends last answered.
 */
#ifndef LLMD_CONTROL_HEALTH_H
#define LLMD_CONTROL_HEALTH_H

#include <stdint.h>

struct backend;
struct catalog_answer;
struct conf;
struct deploy;
struct health;
struct route;
struct stats;
struct stats_view;

/* The worse, the higher; names in health_state_name. */
enum health_state {
	HEALTH_OK, HEALTH_DEGRADED, HEALTH_DOWN, HEALTH_NO_KEY,
	HEALTH_NOT_YET, HEALTH_SKIPPED
};

#define HEALTH_TEXT	320
struct health_verdict {
	enum health_state	 state;
	char			 reason[HEALTH_TEXT];	/* "" = none */
	char			 hint[HEALTH_TEXT];	/* "" = none */
};

struct health	*health_new(const struct stats *stats);
void		 health_free(struct health *h);
/* Remembers a backend's answer about d for a minute. */
void		 health_note(struct health *h, const struct deploy *d,
		    const struct catalog_answer *a, uint64_t now_ns);

void		 health_deploy(const struct health *h, const struct deploy *d,
		    uint16_t model, uint64_t now_ns,
		    struct health_verdict *v);
void		 health_model(const struct health *h, const struct route *r,
		    uint64_t now_ns, struct health_verdict *v);
/* Of all deployments on b: "unknown" until something was sent to it. */
const char	*health_backend(const struct health *h, const struct conf *c,
		    const struct backend *b, uint64_t now_ns,
		    struct stats_view *view);
const char	*health_state_name(enum health_state s);

#endif
