/* SPDX-License-Identifier: ISC */
/*
 * The only clock seam of the product.  Everything that waits or measures uses
 * the monotonic clock; wall time is for people and for the wire.
 */
#ifndef LLMD_BASE_CLOCK_H
#define LLMD_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t
clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Milliseconds, monotonic, as coarse as the kernel tick (1 to 4 ms). */
static inline uint64_t
clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

/* Nanoseconds since 1970. */
static inline uint64_t
clock_wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

#define CLOCK_RFC3339_LEN	24	/* 2026-11-25T03:01:00.123Z */
#define CLOCK_HTTP_LEN		29	/* Sun, 06 Nov 1994 08:49:37 GMT */

/* Writes CLOCK_RFC3339_LEN characters and a NUL. */
void	 clock_rfc3339(uint64_t wall_ns, char out[CLOCK_RFC3339_LEN + 1]);
/* RFC 9110 5.6.7; CLOCK_HTTP_LEN characters and a NUL. */
void	 clock_http_date(time_t t, char out[CLOCK_HTTP_LEN + 1]);
/*
 * Seconds to wait that a Retry-After value asks for (RFC 9110 10.2.3:
 * delay-seconds or HTTP-date), or -1 if it is neither.  Not capped.
 */
int64_t	 clock_retry_after(const char *v, size_t n, time_t now);

#endif
