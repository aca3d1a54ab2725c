/* SPDX-License-Identifier: ISC */
/*
 * HTTP/1.1 to the letter: RFC 9112 (framing) and RFC 9110 (fields).  Nothing
 * here reads a socket or allocates; spans point into the caller's bytes.
 *
 * The request side is strict because what is in front of us is unknown: every
 * form that two parsers could read differently is refused.  The reply side is
 * strict where a difference could mix up two replies (framing) and tolerant
 * where it could not.
 */
#ifndef LLMD_NET_HTTP1_H
#define LLMD_NET_HTTP1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define HTTP1_FIELDS_MAX	100
#define HTTP1_LINE_MAX		8190
#define HTTP1_HEAD_MAX		32768	/* request head */
#define HTTP1_REPLY_HEAD_MAX	65536

enum http1_method {
	HTTP1_GET, HTTP1_HEAD, HTTP1_POST, HTTP1_PUT, HTTP1_DELETE,
	HTTP1_OPTIONS, HTTP1_PATCH
};

struct http1_field {
	struct span	name;	/* as sent; compare with span_ieq */
	struct span	value;	/* without white space around it */
};

struct http1_req {
	enum http1_method	 method;
	bool			 v10;		/* HTTP/1.0 */
	bool			 close;		/* must not be kept alive */
	bool			 chunked;
	bool			 has_length;
	bool			 expect;	/* 100-continue */
	uint64_t		 length;	/* if has_length */
	/* Origin form or "*"; without the query where it is absolute and has
	 * no path: "http://a?b" gives "/". */
	struct span		 target;
	struct span		 path;		/* up to '?', still encoded */
	struct span		 query;		/* behind '?', or absent */
	struct span		 host;		/* authority; absent: 1.0 */
	unsigned		 nfields;
	struct http1_field	 fields[HTTP1_FIELDS_MAX];
};

/*
 * Parses the request head at p[0..n).  Returns the length of the head, 0 if
 * it is not complete (and nothing is wrong so far), or -status (400, 414,
 * 417, 431, 501, 505) to answer before closing.  At most one empty line
 * before the request line is skipped, as RFC 9112 2.2 asks.
 *
 * Refused: bare LF, obs-fold, white space before a colon, control bytes and
 * NUL, an empty or non-token name, two Content-Length, two Host or none on
 * HTTP/1.1, Content-Length with Transfer-Encoding, any coding but exactly
 * "chunked" (501 if well-formed), Transfer-Encoding on HTTP/1.0, %00, an
 * absolute form that is not http or https (an absolute form's authority
 * replaces Host, RFC 9112 3.2.2).
 */
long		 http1_req_parse(const char *p, size_t n,
		    struct http1_req *r);

/* The value of the first field named so (lower case), or SPAN_NONE. */
struct span	 http1_req_field(const struct http1_req *r, const char *name);

const char	*http1_method_name(enum http1_method m);

/*
 * Percent-decodes a path and removes nothing: "/a%2Fb" gives "/a/b", "*" stays
 * "*".  Returns the length, or -1 for bad escapes, %00, a control byte, no "/"
 * at the start, a "." or ".." segment or "//" (decoded): such a path is
 * answered 400, never normalised.  out needs in.n bytes and may be in.p.
 */
long		 http1_path_decode(struct span in, char *out);

enum http1_body {
	HTTP1_BODY_NONE, HTTP1_BODY_LENGTH, HTTP1_BODY_CHUNKED, HTTP1_BODY_EOF
};

struct http1_reply {
	int			 status;	/* 100 to 599 */
	bool			 close;
	enum http1_body		 body;
	uint64_t		 length;	/* if HTTP1_BODY_LENGTH */
	unsigned		 nfields;
	struct http1_field	 fields[HTTP1_FIELDS_MAX];
};

/*
 * Parses a reply head.  Returns its length, 0 if not complete, -1 if it is
 * not a valid one (also: Content-Length with Transfer-Encoding, two different
 * lengths, any coding but chunked, bare LF, obs-fold, over
 * HTTP1_REPLY_HEAD_MAX).  A 1xx is returned as any other; the caller skips
 * it.  no_body: the request was HEAD (or a CONNECT that may be answered 2xx).
 */
long		 http1_reply_parse(const char *p, size_t n, bool no_body,
		    struct http1_reply *r);
struct span	 http1_reply_field(const struct http1_reply *r,
		    const char *name);

/*
 * Chunked coding, decoded in place: { 0 } is the start.  Feed bytes until
 * done; each call consumes *used bytes and yields at most one run of content
 * (*data, inside the input, maybe empty).  Returns 0 to go on (call again
 * with the rest while there is any), 1 at the end of the message (trailers
 * included), or -status (400, 413 when more than max content would come, 431).
 * Extensions are accepted up to 256 bytes a chunk, trailers up to 8 KiB; both
 * are dropped.
 */
struct http1_chunk {
	uint64_t	left;		/* of the current chunk */
	uint64_t	total;		/* content so far */
	uint32_t	line;		/* bytes of the current line */
	uint32_t	trailer;
	uint8_t		state;
};

int		 http1_chunk_feed(struct http1_chunk *c, const char *p,
		    size_t n, uint64_t max, size_t *used, struct span *data);

/* The reason phrase; "Error" for what is not known. */
const char	*http1_reason(int status);

#endif
