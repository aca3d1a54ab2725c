/* SPDX-License-Identifier: ISC */
/*
 * Our own HTTP/1.1 client on net/conn, with a pool of kept connections for
 * each backend.  One instance per thread.
 *
 * A call sends one request and reports, in this order: head (once, 1xx
 * skipped), data (any number), end (always, exactly once - unless the caller
 * aborts).  Nothing is reported from inside upstream_call.  A *reused*
 * connection that dies within a second of the send without a byte is replaced
 * once, silently (design.md section 6).
 */
#ifndef LLMD_UPSTREAM_CLIENT_H
#define LLMD_UPSTREAM_CLIENT_H

#include <sys/uio.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct backend;
struct event_base;
struct http1_reply;
struct mbox;
struct resolve;
struct trust;
struct upstream;
struct upstream_call;

enum upstream_end {
	UPSTREAM_OK,		/* the body is complete by its framing */
	UPSTREAM_EOF,		/* complete only by the end of connection */
	UPSTREAM_UNREACHABLE,	/* no connection, or it died before the send */
	UPSTREAM_TIMEOUT,	/* connect or TLS took too long */
	UPSTREAM_CUT,		/* died after the send: what came is not all */
	UPSTREAM_INVALID	/* not HTTP, or over a limit */
};

struct upstream_ops {
	/* The request is out (again, after a silent retry).  Not called when
	 * it went out inside upstream_call on a kept connection. */
	void	(*sent)(void *arg);
	void	(*head)(void *arg, const struct http1_reply *r);
	/* p[0..n) is scratch: writable, JSCAN_PAD bytes behind it too; gone
	 * after the call. */
	void	(*data)(void *arg, char *p, size_t n);
	/* what: one line for people ("Connection refused"), or NULL. */
	void	(*end)(void *arg, enum upstream_end how, const char *what);
};

struct upstream_limits {
	uint32_t	connect_ms;
	uint32_t	tls_ms;
	uint32_t	idle_ms;	/* of a kept connection */
};

/* A proxy for https backends, from HTTPS_PROXY and NO_PROXY. */
struct upstream_proxy {
	char		*host;		/* NULL: none */
	uint16_t	 port;
	char		*auth;		/* "Basic ...", or NULL */
	char		*no_proxy;	/* as in the variable, or NULL */
};

/* 0, or -1 with *cause (malloc'd): url is not http://[user:pw@]host[:port]. */
int		 upstream_proxy_parse(struct upstream_proxy *p,
		    const char *url, const char *no_proxy, char **cause);
void		 upstream_proxy_fini(struct upstream_proxy *p);

/* Shared by all threads' instances; borrowed for their lifetime. */
struct upstream_shared {
	struct resolve		*resolve;
	struct trust		*trust;		/* TLS policies */
	struct upstream_proxy	 proxy;
};

/* box: the thread's mailbox, for answers of the resolver. */
struct upstream	*upstream_new(struct event_base *base,
		    const struct upstream_shared *s, struct mbox *box,
		    const struct upstream_limits *l);
void		 upstream_free(struct upstream *u);
void		 upstream_set_limits(struct upstream *u,
		    const struct upstream_limits *l);

struct upstream_request {
	const struct backend	*backend;
	const char		*method;	/* "POST" */
	/* Pieces of the request target, joined; NULL ones left out. */
	const char		*path[3];
	const char		*query;
	const char		*headers;	/* complete lines, or NULL */
	const struct iovec	*body;		/* stays until end */
	int			 nbody;
	size_t			 body_len;
};

/* Starts; all that r points to, ops and arg stay until end, abort or
 * finish. */
struct upstream_call *upstream_call(struct upstream *u,
		    const struct upstream_request *r,
		    const struct upstream_ops *ops, void *arg);
/* Stops and starts reading (back-pressure). */
void		 upstream_pause(struct upstream_call *c);
void		 upstream_resume(struct upstream_call *c);
/* Closes the connection; nothing is reported any more. */
void		 upstream_abort(struct upstream_call *c);
/*
 * The caller has all it wants (a terminal event) though the body goes on:
 * what follows is drained briefly so that the connection can be kept, or it
 * is closed (keep false).  Nothing is reported any more.
 */
void		 upstream_finish(struct upstream_call *c, bool keep);
/* True if the connection had been used before. */
bool		 upstream_reused(const struct upstream_call *c);

#endif
