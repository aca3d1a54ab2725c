/* SPDX-License-Identifier: ISC */
/*
 * Counts of finished requests for each pair {public model, upstream@backend}
 * over the last five minutes and the last 24 hours.  Names are numbers of
 * conf_names; times are monotonic ns and an argument.  Used by main only.
 */
#ifndef LLMD_OBSERVE_STATS_H
#define LLMD_OBSERVE_STATS_H

#include <stdbool.h>
#include <stdint.h>

struct stats;

#define STATS_WINDOW_S	300

/* One finished request. */
struct stats_sample {
	uint16_t	model;
	uint16_t	deploy;		/* 0: none was reached */
	bool		failed;		/* the gateway's or backend's fault */
	uint32_t	out;		/* tokens */
	uint32_t	ttft_us;	/* 0: no token */
	uint32_t	decode_us;	/* first token to the end, 0: unknown */
	const char	*error;		/* what failed, or NULL */
};

/* Which pairs; 0 = any. */
struct stats_match {
	uint16_t	model;
	uint16_t	deploy;
	/* NULL, or: only the deployments that it accepts. */
	bool		(*accept)(uint16_t deploy, const void *arg);
	const void	*arg;
};

struct stats_view {
	uint64_t	n;		/* in the window */
	uint64_t	failed;
	double		window_s;	/* what the rates are taken over */
	double		rps;
	double		tok_s;
	double		err_pct;	/* -1: no requests */
	double		ttft_p50_ms;	/* -1: none; five minutes, or all if
					 * there was none in them */
	double		ttft_p95_ms;
	double		decode_p50_tps;	/* -1: none */
	uint64_t	day;		/* in 24 hours */
	uint64_t	total;		/* since the start */
	unsigned	row;		/* failures since the last success */
	uint64_t	last_ns;	/* end of the latest; 0: none */
	const char	*error;		/* of the latest failure; borrowed */
};

struct stats	*stats_new(uint64_t now_ns);
void		 stats_free(struct stats *s);
void		 stats_add(struct stats *s, const struct stats_sample *p,
		    uint64_t now_ns);
/* window_s is cut to 5..STATS_WINDOW_S. */
void		 stats_query(const struct stats *s,
		    const struct stats_match *m, unsigned window_s,
		    uint64_t now_ns, struct stats_view *v);

#endif
