/* SPDX-License-Identifier: ISC */
/*
 * One client request with all its attempts: the product.
 *
 *   scan -> limit -> route -> slot -> [ attempt: encode, send, head, events ]
 *   -> finish -> record, with retry only before the first event.
 *
 * Owned by its worker; exchange_free is the only exit.
 */
#ifndef LLMD_EXCHANGE_EXCHANGE_H
#define LLMD_EXCHANGE_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "exchange/sink.h"
#include "proto/errors.h"

struct catalog;
struct conf;
struct dialect;
struct event_base;
struct exchange;
struct key_row;
struct meter;
struct ring;
struct upstream;

/*
 * What all exchanges of a worker share.  The worker fills it; the mailbox of
 * a worker runs its messages with this as their arg.
 */
struct exchange_env {
	struct event_base	*base;
	struct upstream		*up;
	struct catalog		*catalog;
	struct ring		*ring;
	struct conf		*conf;		/* current snapshot */
	struct meter		*gateway_rpm;	/* of the process */
	uint8_t			 worker;	/* index, in every id */
	uint64_t		 counter;
	const char		*instance;	/* of this run, for ids */
	/* A snapshot is used by one more, or one less, exchange. */
	void			(*hold)(struct exchange_env *, struct conf *);
	void			(*release)(struct exchange_env *,
				    struct conf *);
	void			*arg;		/* the worker */
	struct exchange_set	*set;		/* those alive */
	struct buf		 out;		/* scratch for answers */
	/* Memory of large bodies, to use again. */
#define EXCHANGE_SPARES	8
	struct buf		 spare[EXCHANGE_SPARES];
};

struct exchange_set *exchange_set_new(void);
/* Cancels what is still alive. */
void		 exchange_set_free(struct exchange_set *s);
unsigned	 exchange_set_len(const struct exchange_set *s);

struct exchange_args {
	const struct dialect	*front;		/* NULL: OpenAI's body, the
						 * answer as text alone */
	struct buf		*body;		/* moved: emptied by the call;
						 * padded for jscan */
	struct sink		*sink;
	uint64_t		 start_ns;	/* when its head was read */
	uint64_t		 id;		/* from exchange_id */
	uint16_t		 key;		/* conf_names id of the key */
	uint16_t		 port;
	uint8_t			 addr[16];
	bool			 test;		/* no limits, no statistics */
};

/* What a sink was told, for those that do not know dialects. */
enum error_id	 exchange_error_id(const struct chat_error *e);
const char	*exchange_error_text(const struct chat_error *e);

/* A new id: counter << 8 | worker. */
uint64_t	 exchange_id(struct exchange_env *env);
/* "req_<instance>_<id in hex>" into out; returns its length (< 64). */
size_t		 exchange_id_text(const struct exchange_env *env, uint64_t id,
		    char out[64]);

/*
 * Starts one.  The sink may be called before this returns (a request that is
 * wrong by itself); NULL is returned then: the exchange is over.
 */
struct exchange	*exchange_start(struct exchange_env *env,
		    struct exchange_args *a);
/* The client left: cancels the upstream, records 499, calls abandon. */
void		 exchange_gone(struct exchange *x);
/* The sink has room again. */
void		 exchange_drained(struct exchange *x);
/* The operator's wish: the client gets a clean error. */
void		 exchange_cancel(struct exchange *x);
/* NULL if there is none alive by that id. */
struct exchange	*exchange_find(struct exchange_env *env, uint64_t id);

/* A record for a request that never became an exchange (401, 404, 413). */
void		 exchange_record_refusal(struct exchange_env *env,
		    const struct exchange_args *a, int status, unsigned error);

#endif
