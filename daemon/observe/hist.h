/* SPDX-License-Identifier: ISC */
/*
 * A log-linear histogram of durations or rates: 16 buckets an octave, so a
 * quantile is right within 1/32 (the middle of its bucket).  Two of them
 * merge exactly.
 */
#ifndef LLMD_OBSERVE_HIST_H
#define LLMD_OBSERVE_HIST_H

#include <stdint.h>

#define HIST_SUB	16
#define HIST_OCTAVES	29		/* 4..31, and the linear start */
#define HIST_LEN	(HIST_SUB * HIST_OCTAVES)

struct hist {
	uint64_t	n;
	uint32_t	bucket[HIST_LEN];
};

/* Any 32-bit value; its unit is the caller's. */
void	 hist_add(struct hist *h, uint32_t v);
void	 hist_merge(struct hist *into, const struct hist *from);
/* q in 0..1; -1 if there is nothing. */
double	 hist_quantile(const struct hist *h, double q);

#endif
