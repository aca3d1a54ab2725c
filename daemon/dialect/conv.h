/* SPDX-License-Identifier: ISC */
/*
 * Conversion between a client's dialect (front) and a backend's (back): the
 * request one way, the reply the other.  Pure: bytes in, bytes out.
 *
 * Same dialect on both sides: the body passes through, only `model` (and
 * stream_options where accounting needs it) is spliced, in both directions.
 */
#ifndef LLMD_DIALECT_CONV_H
#define LLMD_DIALECT_CONV_H

#include <sys/uio.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "dialect/chat.h"
#include "dialect/chat_event.h"

struct deploy_param;

/* A wire format.  The functions are in dialect.h, for dialects only. */
struct dialect;
extern const struct dialect	dialect_openai;
extern const struct dialect	dialect_ollama;
/* Front only: the answer's text alone, unescaped UTF-8 (llmctl test). */
extern const struct dialect	dialect_text;

const char	*dialect_name(const struct dialect *d);

/*
 * Scans a request body (padded, see jscan.h) of a chat: valid JSON, no
 * duplicate keys at the top level, model is a string, messages is an array,
 * types of what the gateway itself reads.  Spans point into body or a.  0, or
 * -1 with *e.
 */
int		 chat_scan(const struct dialect *front, struct span body,
		    struct arena *a, struct chat_req *r,
		    struct chat_error *e);

/* Where a request goes. */
struct chat_target {
	const struct dialect	*back;
	const char		*provider;	/* "openai", "mistral": what
						 * differs in a dialect */
	const char		*upstream;	/* model name */
	const struct deploy_param *params;	/* defaults, request wins */
	unsigned		 nparams;
	bool			 drop_params;
	bool			 want_usage;	/* accounting needs it */
};

#define CHAT_BODY_IOV	16
/* A request for the backend; memory belongs to the arena and to req->body,
 * both must stay until it is sent (and for a retry). */
struct chat_body {
	const char	*path;		/* behind base_path: "/api/chat" */
	struct iovec	 iov[CHAT_BODY_IOV];
	int		 niov;
	size_t		 len;
	/* Said to the client as x-llmd-warning, or NULL:
	 * tool_choice_emulated, response_format_after_tools. */
	const char	*warning;
};

/* Encodes req for the target; decodes it first if it has to be translated.
 * 0, or -1 with *e (a 400 that names the parameter). */
int		 chat_encode(struct chat_req *req, const struct chat_target *t,
		    struct arena *a, struct chat_body *out,
		    struct chat_error *e);

/* What the client's answer says about itself. */
struct conv_info {
	struct span	 id;		/* "chatcmpl-..." for answers we make */
	int64_t		 created;	/* seconds */
	struct span	 model;		/* decoded: what the client sent */
	bool		 include_usage;	/* send the usage chunk */
	uint32_t	 event_max;	/* bytes of one upstream event */
};

enum conv_state {
	CONV_OPEN,		/* goes on */
	CONV_DONE,		/* the answer is complete */
	CONV_ERROR		/* failed: error is set */
};

/*
 * One attempt's reply.  Nothing that was written to out before the first
 * event reaches the client (the head is held until then); after that, a
 * failure has been written to out as the front's error event already.
 */
struct conv;

/* req and info's spans must live as long as the conv. */
struct conv	*conv_new(const struct chat_req *req,
		    const struct chat_target *t, const struct conv_info *i);
void		 conv_free(struct conv *c);

/*
 * A piece of a streamed reply: p[0..n) is writable and followed by JSCAN_PAD
 * bytes of scratch that may be overwritten.  Appends what the client gets to
 * out.  Whole events only; a tail is kept inside, at most event_max.
 */
enum conv_state	 conv_stream(struct conv *c, char *p, size_t n,
		    struct buf *out);
/* The body ended: clean = with its framing complete. */
enum conv_state	 conv_stream_end(struct conv *c, bool clean,
		    struct buf *out);
/*
 * A whole reply of a request that was not streamed (padded, status 200):
 * appends the client's body to out, or CONV_ERROR (nothing was written).
 */
enum conv_state	 conv_reply(struct conv *c, char *p, size_t n,
		    struct buf *out);
/*
 * An upstream answer with a status of 400 or more: what to tell the client,
 * after the table of wire.md 3.6 / litellm.md 4.2.  type is the content type
 * (may be absent).  Never passes HTML or our credential on.
 */
void		 conv_upstream_error(const struct chat_target *t, int status,
		    struct span body, struct chat_error *e);

/* What is known so far; valid any time. */
struct conv_facts {
	bool			 started;	/* an event went to out */
	struct chat_usage	 usage;		/* estimate if !usage.known */
	enum chat_finish	 finish;
	uint32_t		 events;	/* upstream events seen */
	bool			 reusable;	/* the connection may be kept */
	/* As chat_body's, but known only later: upstream_repeat_cut,
	 * tool_choice_not_followed. */
	const char		*warning;
	const struct chat_error	*error;		/* CONV_ERROR, else NULL */
};
const struct conv_facts *conv_facts(const struct conv *c);

/* The front's forms of an error: a JSON body, or an event in mid-stream. */
void		 chat_error_body(const struct dialect *front,
		    const struct chat_error *e, struct buf *out);
void		 chat_error_event(const struct dialect *front,
		    const struct chat_error *e, struct buf *out);
/* The keep-alive that is safe in the front's stream (":\n\n"). */
struct span	 chat_keepalive(const struct dialect *front);
/* Content-Type of the front's streams. */
const char	*chat_stream_type(const struct dialect *front);

#endif
