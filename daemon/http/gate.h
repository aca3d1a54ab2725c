/* SPDX-License-Identifier: ISC */
/*
 * The gate: a strict filter between a client's socket and evhttp.
 *
 * evhttp gets a bufferevent that has no socket; the gate owns the descriptor
 * (through net/conn, so TLS is the same), parses strictly with net/http1,
 * keeps the body for itself, and shows evhttp one complete request at a time,
 * reduced to what evhttp needs to know: HEAD or not, HTTP version, close or
 * not.  Output goes out in one write per turn of the loop.  A client that
 * leaves is reported at once, in every phase.
 *
 * One gate per worker.  A request: head (may refuse) -> request -> the owner
 * replies through evhttp, or gone is called.
 */
#ifndef LLMD_HTTP_GATE_H
#define LLMD_HTTP_GATE_H

#include <sys/socket.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "proto/errors.h"

struct conf_limits;
struct event_base;
struct evhttp_request;
struct gate;
struct gate_conn;
struct http1_req;
struct tls_policy;

/* Shared by the gates of all workers. */
struct gate_shared {
	_Atomic unsigned	connections;
	unsigned		connections_max;
	_Atomic uint64_t	body_bytes;	/* held in the process */
	_Atomic int		reserve_fd;	/* for when there is none */
	_Atomic uint64_t	emfile_log_ms;	/* last line about it */
};

/* Raises RLIMIT_NOFILE's soft limit; connections_max from conf or from it. */
void		 gate_shared_init(struct gate_shared *s, unsigned max);
void		 gate_shared_fini(struct gate_shared *s);

struct gate_ops {
	/*
	 * The head is complete and the body not yet read.  ERR_NONE: go on
	 * (request will be called); anything else refuses: text, if not NULL,
	 * is the message.  The request must not be kept after the call.
	 */
	enum error_id	(*head)(struct gate_conn *g,
			    const struct http1_req *r, const char **text,
			    void *arg);
	/* The body is complete: gate_body has it. */
	void		(*request)(struct gate_conn *g,
			    struct evhttp_request *req, void *arg);
	/* The client left before the reply was complete: end req. */
	void		(*gone)(struct gate_conn *g, void *arg);
	/* The connection ends: free what extra points to. */
	void		(*closed)(struct gate_conn *g, void *arg);
	/* A request was refused by the gate itself or by head. */
	void		(*refused)(struct gate_conn *g, enum error_id id,
			    void *arg);
	/* The id for the x-request-id of a refusal, or NULL. */
	const char	*(*request_id)(struct gate_conn *g, void *arg);
};

struct gate_args {
	struct event_base	*base;
	struct gate_shared	*shared;
	const struct conf_limits *limits;	/* until gate_set_limits */
	const struct gate_ops	*ops;
	void			*arg;
	size_t			 extra;		/* see gate_extra */
	struct tls_policy	*tls;		/* NULL: plain */
	/* Whoever frees a large body may leave its memory here for the next
	 * one; what lies here unused for a second is freed. */
	struct buf		*spare;
	unsigned		 nspare;
};

struct gate	*gate_new(const struct gate_args *a);
void		 gate_free(struct gate *G);
/* Takes a listening socket over. */
int		 gate_listen(struct gate *G, int fd);
void		 gate_set_limits(struct gate *G, const struct conf_limits *l);
/* No new connections; idle ones close, the others after their reply. */
void		 gate_drain(struct gate *G);

/* `extra` zeroed bytes that live as long as the connection. */
void		*gate_extra(struct gate_conn *g);
/* In request: takes the body; *b must be empty. */
void		 gate_body(struct gate_conn *g, struct buf *b);
/*
 * Right after evhttp was given a reply (send_reply, send_reply_start): puts
 * complete header lines behind its status line.  Through evhttp each line
 * would cost three allocations and a printf; these are one copy.
 */
void		 gate_head_lines(struct gate_conn *g, struct span lines);
/* Bytes given to evhttp that the kernel has not taken. */
size_t		 gate_queued(const struct gate_conn *g);
/* The connection will be closed after this reply. */
void		 gate_close_after(struct gate_conn *g);
bool		 gate_will_close(const struct gate_conn *g);
const struct sockaddr *gate_peer(const struct gate_conn *g);
/* The time (monotonic ns) at which the head of the request was complete. */
uint64_t	 gate_start_ns(const struct gate_conn *g);
bool		 gate_is_tls(const struct gate_conn *g);

#endif
