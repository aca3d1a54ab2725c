/* SPDX-License-Identifier: ISC */
#ifndef LLMD_SIM_CONN_H
#define LLMD_SIM_CONN_H

#include <sys/types.h>

#include "http.h"
#include "sim.h"

struct proxy;
struct reply;

enum conn_state {
	CONN_TLS,		/* handshake */
	CONN_HEAD,		/* waits for a request, or reads its head */
	CONN_BODY,
	CONN_REPLY,		/* a reply plays, or a long poll waits */
	CONN_LINGER,		/* FIN sent, reads until the client's */
	CONN_TUNNEL		/* belongs to proxy.c */
};

/* One client connection; freed by the loop after conn_close. */
struct conn {
	struct conn		*next, *prev;
	struct sim		*sim;
	struct loop_io		 io;
	struct loop_timer	 timer;
	enum conn_state		 state;
	uint64_t		 id;
	uint64_t		 requests;
	SSL			*ssl;
	struct buf		 in;
	struct http_req		 req;	/* being read */
	struct record		*rec;	/* being or last answered */
	struct reply		*reply;
	struct proxy		*proxy;
	bool			 control; /* serves /__sim only */
	bool			 paused;  /* reading */
	bool			 closed;
	bool			 half_closed;
	bool			 fin_sent;
	bool			 stale, stale_rst;
	bool			 early;
	double			 head_ms;
};

#define CONN_AGAIN	(-2)

/* Takes the descriptor. */
void	 conn_open(struct sim *, int fd, bool tls, bool control);
/* Bytes written, CONN_AGAIN, or -1 when the client is gone. */
ssize_t	 conn_write(struct conn *, const void *, size_t);
void	 conn_want_write(struct conn *, bool);
/* The reply is complete: next request, or what its script says. */
void	 conn_next(struct conn *, bool close);
/* Sends FIN (after close_notify) and waits for the client's. */
void	 conn_finish(struct conn *, enum record_end);
/* Closes at once; RECORD_SERVER_RST resets, _TLS leaves out close_notify. */
void	 conn_close(struct conn *, enum record_end);
/* Closes idle connections (or all of them); returns how many. */
size_t	 conn_drop(struct sim *, bool all, bool rst);

#endif
