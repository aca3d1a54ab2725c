/* SPDX-License-Identifier: ISC */
#ifndef LLMD_SIM_HTTP_H
#define LLMD_SIM_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"

#define HTTP_HEAD_MAX	(256 * 1024)
#define HTTP_BODY_MAX	(512UL * 1024 * 1024)

struct http_field {
	char	*name;
	char	*value;
};

/* One request as it came; strings are owned. */
struct http_req {
	char			*method;
	char			*target;	/* as sent */
	char			*path;		/* without query, raw */
	char			*query;		/* after '?', or NULL */
	int			 minor;		/* HTTP/1.minor */
	struct http_field	*fields;
	size_t			 nfields;
	struct buf		 body;
	size_t			 length;	/* Content-Length */
	bool			 chunked;
	bool			 close;		/* client asks to close */
	bool			 expect;	/* 100-continue */
	bool			 trailers;	/* reading them */
	size_t			 chunk_left;
};

enum http_result { HTTP_MORE, HTTP_OK, HTTP_BAD };

void		 http_fini(struct http_req *);
/* Takes the head from the front of the buffer when it is complete. */
enum http_result http_head(struct http_req *, struct buf *);
/* Moves body bytes from the buffer into the request. */
enum http_result http_body(struct http_req *, struct buf *);
/* The first field of that name, or NULL. */
const char	*http_field(const struct http_req *, const char *);
/* A query parameter, percent-decoded and owned by the caller, or NULL. */
char		*http_param(const struct http_req *, const char *);
void		 http_unescape(char *);
const char	*http_reason(int status);

#endif
