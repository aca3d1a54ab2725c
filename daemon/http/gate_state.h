/* SPDX-License-Identifier: ISC */
/* What gate.c (accepting, the whole) and gate_conn.c (one connection) share;
 * nobody else includes this. */
#ifndef LLMD_HTTP_GATE_STATE_H
#define LLMD_HTTP_GATE_STATE_H

#include <sys/queue.h>

#include <event2/event_struct.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "http/gate.h"
#include "net/conn.h"
#include "net/http1.h"

struct bufferevent;
struct evbuffer;
struct evbuffer_cb_info;
struct evconnlistener;
struct evhttp;
struct evhttp_request;

#define GATE_SCRATCH	65536		/* one read */
#define GATE_LISTENERS	32

enum gate_timer {
	GATE_T_HEAD, GATE_T_IDLE, GATE_T_BODY, GATE_T_WRITE, GATE_T_LINGER,
	GATE_TIMERS
};

enum gate_state {
	GATE_NEW,		/* evhttp still has the descriptor */
	GATE_HEAD,		/* between requests, or inside a head */
	GATE_BODY,
	GATE_CHUNKED,
	GATE_BUSY,		/* the request is with the owner */
	GATE_LINGERING,		/* answered, drains what still comes */
	GATE_DEAD		/* evhttp has let go; freed in the dirty pass */
};

struct gate_conn {
	struct gate		*gate;
	struct bufferevent	*bev;		/* NULL: evhttp has let go */
	struct evbuffer		*in;
	struct evbuffer		*out;
	struct conn		 conn;
	enum gate_state		 state;
	uint8_t			 timer;		/* which list */
	bool			 timed;
	bool			 dirty;
	bool			 close;		/* after this reply */
	bool			 done;		/* evhttp finished the reply */
	bool			 handed;	/* the request callback came */
	bool			 started;	/* bytes of a head are here */
	bool			 v10;
	bool			 keep_v10;
	bool			 head_only;	/* HEAD */
	bool			 counted;	/* in shared->connections */
	bool			 owned;		/* the owner has the request */
	uint64_t		 left;		/* of the body or the linger */
	struct http1_chunk	 chunk;
	struct buf		 body;
	uint64_t		 charged;	/* of shared->body_bytes */
	uint64_t		 body_ms;	/* when the body began */
	struct buf		 pending;	/* bytes not parsed yet */
	uint64_t		 deadline;
	uint64_t		 start_ns;
	TAILQ_ENTRY(gate_conn)	 timer_entry;
	TAILQ_ENTRY(gate_conn)	 entry;
	STAILQ_ENTRY(gate_conn)	 dirty_entry;
	struct sockaddr_storage	 peer;
	max_align_t		 extra[];
};

TAILQ_HEAD(gate_list, gate_conn);
STAILQ_HEAD(gate_dirty, gate_conn);

struct gate {
	struct event_base	*base;
	struct evhttp		*http;
	struct gate_shared	*shared;
	const struct gate_ops	*ops;
	void			*arg;
	size_t			 extra;
	struct tls_policy	*tls;
	struct gate_conn	*current;	/* inside gate_deliver */
	struct gate_list	 timers[GATE_TIMERS];
	uint64_t		 timeout[GATE_TIMERS];
	struct gate_list	 conns;
	struct gate_dirty	 dirty;
	struct event		 flush;
	struct event		 sweep;
	struct event		 resume;	/* accepting, after EMFILE */
	bool			 flushing;
	bool			 draining;
	struct evconnlistener	*listeners[GATE_LISTENERS];
	unsigned		 nlisteners;
	uint64_t		 body_max;
	uint64_t		 body_total_max;
	uint32_t		 body_rate;
	struct buf		*spare;
	unsigned		 nspare;
	unsigned		 spare_sweeps;	/* since one was used */
	char			*scratch;
};

void	 gate_conn_mark(struct gate_conn *g);
void	 gate_conn_timer_on(struct gate_conn *g, enum gate_timer t);
void	 gate_conn_timer_off(struct gate_conn *g);
void	 gate_conn_free(struct gate_conn *g);
/* Makes evhttp drop the connection; gone is called if the owner has a
 * request. what is a BEV_EVENT_. */
void	 gate_conn_kill(struct gate_conn *g, short what);
/* Sends FIN and drains; freed later. */
void	 gate_conn_linger(struct gate_conn *g);
/* Answers with an error of our own and closes; text may be NULL. */
void	 gate_conn_refuse(struct gate_conn *g, enum error_id id,
	    const char *text);
/* evhttp's general callback; arg is the gate. */
void	 gate_conn_request_cb(struct evhttp_request *req, void *arg);
/* Writes what evhttp has put out. */
void	 gate_conn_flush(struct gate_conn *g);
/* Callbacks of net/conn and of the output evbuffer; arg is the conn. */
void	 gate_conn_cb(struct conn *c, int what, void *arg);
void	 gate_conn_out_cb(struct evbuffer *b,
	    const struct evbuffer_cb_info *info, void *arg);

#endif
