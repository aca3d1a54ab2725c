/* SPDX-License-Identifier: ISC */
/*
 * Connections to backends: opening them (name, address after address, CONNECT
 * through a proxy, TLS) and keeping them for the next request.  Inside
 * upstream/ only.
 *
 * A link has one owner at a time: the call that uses it, or the pool.
 */
#ifndef LLMD_UPSTREAM_LINK_H
#define LLMD_UPSTREAM_LINK_H

#include <sys/queue.h>

#include <event2/event_struct.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "net/conn.h"
#include "net/resolve.h"
#include "upstream/client.h"

struct backend;
struct tls_policy;

enum link_state {
	LINK_RESOLVE, LINK_CONNECT, LINK_PROXY, LINK_TLS, LINK_OPEN,
	LINK_IDLE, LINK_DRAIN, LINK_DEAD
};

struct link;
TAILQ_HEAD(link_list, link);

/* Where links go: one for each different backend address and TLS policy. */
struct link_pool {
	TAILQ_ENTRY(link_pool)	 entry;
	char			*host;
	uint16_t		 port;
	bool			 tls;
	bool			 verify;
	char			*ca;
	struct tls_policy	*policy;	/* NULL: plain */
	bool			 proxied;
	struct link_list	 idle;		/* newest first */
};

struct link_ops {
	/* Usable: send the request. */
	void	(*open)(struct link *l, void *owner);
	void	(*failed)(struct link *l, enum upstream_end how,
		    const char *what, void *owner);
	/* Events of an open link. */
	void	(*ready)(struct link *l, int what, void *owner);
};

struct link {
	struct conn		 conn;
	TAILQ_ENTRY(link)	 entry;		/* in up->links */
	TAILQ_ENTRY(link)	 idle_entry;
	struct upstream		*up;
	struct link_pool	*pool;
	enum link_state		 state;
	const struct link_ops	*ops;		/* NULL: nobody's */
	void			*owner;
	bool			 used;		/* carried a request before */
	struct event		 timer;		/* opening, draining */
	uint64_t		 deadline_ms;	/* for all addresses */
	uint64_t		 idle_ms;	/* since when */
	uint64_t		 ticket;
	struct resolve_answer	*answer;
	unsigned		 addr;		/* the one being tried */
	struct buf		 proxy;		/* bytes of the CONNECT reply */
	char			 why[160];
};

struct upstream {
	struct event_base		*base;
	const struct upstream_shared	*shared;
	struct mbox			*box;
	struct upstream_limits		 limits;
	TAILQ_HEAD(, link_pool)		 pools;
	struct link_list		 links;
	struct link_list		 doomed;
	TAILQ_HEAD(, upstream_call)	 calls;
	TAILQ_HEAD(, upstream_call)	 spare;	/* kept for the next */
	unsigned			 nspare;
	struct event			 sweep;	/* idle links */
	struct event			 later;	/* frees doomed links */
	uint64_t			 tickets;
	char				*scratch;
};

#define LINK_SCRATCH	65536	/* one read; JSCAN_PAD more behind it */

/* A kept link (state LINK_OPEN at once, used) or a new one that opens;
 * fresh: never a kept one. */
struct link	*link_get(struct upstream *up, const struct backend *b,
		    bool fresh, const struct link_ops *ops, void *owner);
/* Back to the pool, ready for the next request. */
void		 link_keep(struct link *l);
/* Closes; the memory goes later in the loop. */
void		 link_close(struct link *l);
/* Its owner still reads the rest of a reply, for at most ms: after that
 * `failed` is called. */
void		 link_drain(struct link *l, uint64_t ms);
/* For upstream_new and upstream_free. */
void		 link_init(struct upstream *up);
void		 link_fini(struct upstream *up);

#endif
