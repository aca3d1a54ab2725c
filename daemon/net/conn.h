/* SPDX-License-Identifier: ISC */
/*
 * One stream socket on raw libevent events, plain or TLS, for both sides: the
 * gate's clients and the upstream client's backends.  No buffering of its
 * own: the owner reads into its memory and writes from it.
 *
 * All calls come from the event loop's thread.  The callback may close the
 * conn; nothing of it is touched afterwards.
 */
#ifndef LLMD_NET_CONN_H
#define LLMD_NET_CONN_H

#include <sys/socket.h>
#include <sys/uio.h>

#include <event2/event_struct.h>

#include <stdbool.h>
#include <stddef.h>

struct evbuffer;
struct conn;
struct conn_tls;
struct tls_policy;

enum conn_what {
	CONN_READY	= 1,	/* connected, and TLS is up if asked for */
	CONN_READ	= 2,	/* conn_read will say something */
	CONN_WRITE	= 4,	/* there is room again */
	CONN_FAILED	= 8	/* connect or handshake failed: conn_error */
};

typedef void (*conn_cb)(struct conn *c, int what, void *arg);

struct conn {
	struct event	 rev;
	struct event	 wev;
	struct event_base *base;
	int		 fd;		/* -1: not open */
	bool		 read_on;
	bool		 write_on;
	bool		 ready;
	bool		 rev_on;	/* what is added to the loop */
	bool		 wev_on;
	struct conn_tls	*tls;		/* NULL: plain */
	conn_cb		 cb;
	void		*arg;
	int		 err;		/* errno of the failure */
};

/* Takes fd (non-blocking, accepted).  Reading is off until conn_want. */
void		 conn_accepted(struct conn *c, struct event_base *base,
		    int fd, conn_cb cb, void *arg);
/*
 * Starts a non-blocking connect with TCP_NODELAY; CONN_READY or CONN_FAILED
 * follows, also for an immediate failure (from the loop, never from inside).
 */
void		 conn_connect(struct conn *c, struct event_base *base,
		    const struct sockaddr *sa, socklen_t len, conn_cb cb,
		    void *arg);
/*
 * Client TLS on top of what is connected (after CONN_READY, e.g. through a
 * CONNECT tunnel): verifies the certificate for name unless the policy says
 * no; CONN_READY comes again.  -1: the policy could not be loaded.
 */
int		 conn_tls_client(struct conn *c, struct tls_policy *p,
		    const char *name);
/* Server TLS on an accepted conn, before anything was read; CONN_READY. */
int		 conn_tls_server(struct conn *c, struct tls_policy *p);

/* Which of CONN_READ and CONN_WRITE to report from now on. */
void		 conn_want(struct conn *c, bool read, bool write);

/*
 * As read(2): bytes, 0 at a clean end, -1 with errno.  EAGAIN: wait.  A TLS
 * stream cut without close_notify is -1 with ECONNABORTED (fault 45).
 */
ssize_t		 conn_read(struct conn *c, void *p, size_t n);
/* As writev(2), at most 64 pieces; -1 with EAGAIN: wait for CONN_WRITE. */
ssize_t		 conn_writev(struct conn *c, const struct iovec *v, int n);
/* Writes from the front of b and drains it; as writev(2). */
ssize_t		 conn_write_evbuffer(struct conn *c, struct evbuffer *b);
/* Sends FIN (or close_notify, then FIN); reading goes on. */
void		 conn_shutdown(struct conn *c);
/* Frees everything; the socket is closed.  Safe on a conn never opened (all
 * zero but fd, which is -1) and on one already closed. */
void		 conn_close(struct conn *c);

/* For CONN_FAILED: one line for people ("Connection refused",
 * "certificate has expired"); valid until conn_close. */
const char	*conn_error(const struct conn *c);

#endif
