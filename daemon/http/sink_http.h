/* SPDX-License-Identifier: ISC */
/* The sink of an HTTP client: an exchange's answer through evhttp and the
 * gate.  Also the reply headers that every answer of llmd has. */
#ifndef LLMD_HTTP_SINK_HTTP_H
#define LLMD_HTTP_SINK_HTTP_H

#include "exchange/exchange.h"
#include "exchange/sink.h"

struct evbuffer;
struct evhttp_request;
struct gate_conn;

/* Embedded in what the server keeps of a connection. */
struct sink_http {
	struct sink		 sink;
	struct gate_conn	*conn;
	struct evhttp_request	*req;		/* NULL: answered */
	struct exchange		*exchange;	/* NULL: none is running */
	struct evbuffer		*chunk;		/* of a stream */
	bool			 head_only;	/* HEAD: no body goes out */
	const char		*request_id;
	const char		*call_id;	/* or request_id */
	const char		*origin;	/* for CORS, or NULL */
	const char		*date;		/* of this second */
	struct buf		*lines;		/* scratch for the head */
};

/* Prepares it for a request; the texts stay until the answer is complete. */
void	 sink_http_init(struct sink_http *s, struct gate_conn *conn,
	    struct evhttp_request *req, struct buf *lines);
/* The client left: the exchange is told, or the request ended. */
void	 sink_http_gone(struct sink_http *s);
/* An answer that is not an exchange's: h may have no deployment. */
void	 sink_http_reply(struct sink_http *s, const struct sink_head *h,
	    struct span body);
/* One more header for a sink_http_reply that follows at once. */
void	 sink_http_header(struct sink_http *s, const char *name,
	    const char *value);

#endif
