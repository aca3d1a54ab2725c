/* SPDX-License-Identifier: ISC */
#include "observe/hist.h"

static unsigned
hist_index(uint32_t v)
{
	unsigned e;

	if (v < HIST_SUB)
		return v;
	e = 31 - (unsigned)__builtin_clz(v);	/* 4..31 */
	return (e - 3) * HIST_SUB + ((v >> (e - 4)) & (HIST_SUB - 1));
}

/* The middle of a bucket. */
static double
hist_value(unsigned i)
{
	unsigned e;

	if (i < HIST_SUB)
		return i;
	e = i / HIST_SUB + 3;
	return (double)((uint64_t)(HIST_SUB + i % HIST_SUB) << (e - 4)) +
	    (double)(((uint64_t)1 << (e - 4)) - 1) / 2;
}

void
hist_add(struct hist *h, uint32_t v)
{
	h->bucket[hist_index(v)]++;
	h->n++;
}

void
hist_merge(struct hist *into, const struct hist *from)
{
	unsigned i;

	for (i = 0; i < HIST_LEN; i++)
		into->bucket[i] += from->bucket[i];
	into->n += from->n;
}

double
hist_quantile(const struct hist *h, double q)
{
	uint64_t rank, seen = 0;
	unsigned i;

	if (h->n == 0)
		return -1;
	rank = (uint64_t)(q * (double)h->n);
	if (rank >= h->n)
		rank = h->n - 1;
	for (i = 0; i < HIST_LEN; i++) {
		seen += h->bucket[i];
		if (seen > rank)
			return hist_value(i);
	}
	return -1;
}
