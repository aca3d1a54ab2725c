/* SPDX-License-Identifier: ISC */
/* What exchange.c and attempt.c share; nobody else includes this. */
#ifndef LLMD_EXCHANGE_STATE_H
#define LLMD_EXCHANGE_STATE_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "dialect/chat.h"
#include "dialect/conv.h"
#include "exchange/exchange.h"
#include "net/http1.h"

struct catalog_ask;
struct route;
struct upstream_call;

#define EXCHANGE_ATTEMPTS	4	/* deployments tried at most */

/* One upstream request. */
struct attempt {
	const struct deploy	*deploy;	/* the latest one tried */
	bool			 slot;		/* taken, to be released */
	struct chat_target	 target;
	struct chat_body	 body;
	struct conv		*conv;
	struct upstream_call	*call;
	struct catalog_ask	*ask;		/* explaining a 404 */
	int			 status;	/* 0: no head yet */
	uint64_t		 length;	/* its Content-Length, or 0 */
	int64_t			 retry_after_s;
	struct buf		 in;		/* a reply that is not streamed,
						 * or the body of an error */
	bool			 refused;	/* status >= 400 */
	bool			 paused;	/* by back-pressure */
	bool			 event;		/* first upstream event seen */
	uint64_t		 sent_ns;
	uint64_t		 data_ns;	/* the latest data */
	uint64_t		 data_ms;	/* the same, coarse */
};

struct exchange {
	TAILQ_ENTRY(exchange)	 entry;
	struct exchange_env	*env;
	struct conf		*conf;
	struct sink		*sink;
	uint64_t		 id;
	uint64_t		 start_ns;
	uint64_t		 start_ms;
	uint64_t		 first_ns;
	uint64_t		 progress_ms;	/* last PROGRESS record */
	uint64_t		 said_ms;	/* last bytes to the client */
	struct buf		 body;
	struct arena		 arena;
	struct chat_req		 req;
	struct conv_info	 info;
	char			 answer_id[48];	/* "chatcmpl-..." */
	const struct route	*route;
	const struct deploy	*tried[EXCHANGE_ATTEMPTS];
	unsigned		 ntried;
	struct attempt		 at;
	struct chat_error	 error;
	uint16_t		 key;
	uint16_t		 port;
	uint8_t			 addr[16];
	bool			 test;
	bool			 head_sent;	/* the status is decided */
	bool			 recorded;	/* START was written */
	uint32_t		 bytes_in;
	uint32_t		 bytes_out;
};

/* Deadlines of a request, from the deployment and the snapshot. */
struct exchange_times {
	uint64_t	first_ms;	/* to the first event */
	uint64_t	gap_ms;
	uint64_t	total_ms;
};
void	 exchange_times(const struct exchange *x, struct exchange_times *t);

/* attempt.c: starts the next attempt on d; false: x->error is set and nothing
 * was sent. */
bool	 attempt_start(struct exchange *x, const struct deploy *d);
/* Stops what is running, silently. */
void	 attempt_stop(struct exchange *x);
/* The attempt is late: what is the error? */
void	 attempt_timeout(struct exchange *x, const char *what,
	    uint64_t after_ms);

/* exchange.c: the attempt failed before its first event (x->error): another
 * deployment, or the end. */
void	 exchange_failed(struct exchange *x, bool retryable);
/* Upstream events became bytes for the client. */
void	 exchange_output(struct exchange *x, struct span out);
/* The answer is complete. */
void	 exchange_done(struct exchange *x);
/* It broke after the first event; out was already told. */
void	 exchange_broken(struct exchange *x);
/* The whole answer of a request that was not streamed. */
void	 exchange_reply(struct exchange *x, struct span body);

/* exchange_record.c: phase is one of enum record_phase. */
void	 exchange_record_phase(struct exchange *x, unsigned phase);
void	 exchange_record_first(struct exchange *x);
/* While somebody watches, and not too often. */
void	 exchange_record_progress(struct exchange *x);
void	 exchange_record_end(struct exchange *x, int status,
	    enum error_id error);
/* Our own share of the time until now. */
uint64_t exchange_record_overhead(const struct exchange *x,
	    uint64_t now_ns);

#endif
