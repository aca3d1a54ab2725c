/* SPDX-License-Identifier: ISC */
#ifndef LLMD_CONF_LIMITS_H
#define LLMD_CONF_LIMITS_H

#include <stdint.h>

/* Design.md section 5's table; every value is a key of llmd_settings. */
struct conf_limits {
	uint32_t	head_ms;		/* 10,000 */
	uint32_t	body_idle_ms;		/* 30,000 */
	uint32_t	body_min_rate;		/* 1,000 B/s */
	uint32_t	idle_ms;		/* 75,000 */
	uint32_t	write_ms;		/* 60,000 */
	uint32_t	linger_ms;		/* 2,000 */
	uint64_t	body_max;		/* 64 MiB */
	uint64_t	body_total_max;		/* 512 MiB in the process */
	uint32_t	queue_max;		/* 256 KiB output queued */
	uint32_t	connect_ms;		/* 5,000 */
	uint32_t	tls_ms;			/* 10,000 */
	uint32_t	first_event_ms;		/* 600,000, streams */
	uint32_t	gap_ms;			/* 300,000 between events */
	uint32_t	total_ms;		/* request_timeout: 6,000,000 */
	uint32_t	stream_commit_ms;	/* 45,000 */
	uint32_t	keepalive_ms;		/* 15,000 comments */
	uint32_t	event_max;		/* 16 MiB one upstream event */
	uint64_t	reply_max;		/* 64 MiB non-stream reply */
	uint32_t	pool_idle_ms;		/* 50,000 */
	uint32_t	connections;		/* 0: from RLIMIT_NOFILE */
};

#endif
