/* SPDX-License-Identifier: ISC */
/*
 * Where an exchange's answer goes: an HTTP client (http/sink_http) or a peer
 * of the control socket (control/sink_ctl).  Everything happens on the
 * exchange's worker.
 *
 * Calls come in one of two orders: reply; or head, data..., end.  After
 * reply, end or abort the exchange forgets the sink.  The sink in turn calls
 * exchange_gone or exchange_drained.
 */
#ifndef LLMD_EXCHANGE_SINK_H
#define LLMD_EXCHANGE_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct deploy;
struct chat_error;
struct chat_usage;
struct sink;

/* What every answer says about itself; texts are borrowed for the call. */
struct sink_head {
	int			 status;
	const char		*content_type;
	const struct deploy	*deploy;	/* NULL: none was reached */
	uint64_t		 overhead_ns;
	const char		*warning;	/* x-llmd-warning, or NULL */
	int64_t			 retry_after_s;	/* -1: none */
	int			 should_retry;	/* -1: none, 0, 1 */
	const struct chat_error	*error;		/* NULL: an answer */
};

/* What is known at the end, for sinks that show it. */
struct sink_end {
	bool			 complete;	/* false: it broke */
	uint64_t		 start_ns;
	uint64_t		 first_ns;	/* 0: no event */
	const struct chat_usage	*usage;
	const struct chat_error	*error;		/* NULL: fine */
};

struct sink_ops {
	/* The whole answer. */
	void	(*reply)(struct sink *s, const struct sink_head *h,
		    struct span body, const struct sink_end *e);
	/* A stream begins. */
	void	(*head)(struct sink *s, const struct sink_head *h);
	void	(*data)(struct sink *s, struct span d);
	/* The stream ends; !complete: the connection must be closed so that
	 * nobody takes it for the whole. */
	void	(*end)(struct sink *s, const struct sink_end *e);
	/* Bytes given but not yet taken by the client's kernel. */
	size_t	(*queued)(const struct sink *s);
	/* The exchange is over and there is nobody to tell (after
	 * exchange_gone): free what is yours. */
	void	(*abandon)(struct sink *s);
};

struct sink {
	const struct sink_ops	*ops;
};

#endif
