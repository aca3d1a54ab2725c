/* SPDX-License-Identifier: ISC */
/*
 * OpenAI's chat completions, as a front and as a back.  Forms: the published
 * openapi document 2.3.0 and what the official SDKs accept.
 */
#ifndef LLMD_DIALECT_OPENAI_H
#define LLMD_DIALECT_OPENAI_H

#include "dialect/conv_state.h"

/* openai_scan.c */
int	 openai_scan(struct span body, struct arena *a, struct chat_req *r,
	    struct chat_error *e);
int	 openai_splice(struct chat_req *r, const struct chat_target *t,
	    struct arena *a, struct chat_body *out, struct chat_error *e);
/* openai_decode.c */
int	 openai_decode(struct chat_req *r, struct arena *a,
	    struct chat_error *e);
/* openai_decode_msg.c: messages; the rest of the body is openai_decode's. */
int	 openai_decode_messages(struct chat_req *r, struct arena *a,
	    struct chat_error *e);
/* response_format, also when it comes from a deployment's defaults. */
int	 openai_decode_format(struct chat_req *r, struct span v,
	    struct chat_error *e);
/* openai_encode.c */
int	 openai_encode(struct chat_req *r, const struct chat_target *t,
	    struct arena *a, struct chat_body *out, struct chat_error *e);
/* openai_reply.c */
int	 openai_parse(struct conv *c, const char *p, size_t n);
int	 openai_parse_whole(struct conv *c, const char *p, size_t n);
void	 openai_ended(struct conv *c, bool clean);
/* An error value (object or string) or a flat error into *e. */
void	 openai_error_read(struct span v, struct chat_error *e);
void	 openai_upstream_error(int status, struct span body,
	    struct chat_error *e);
/* Ends the answer with the error that stands in a 200 reply. */
void	 openai_reply_error(struct conv *c, struct span v);
/* Reads a usage object; false if it is not one with numbers. */
bool	 openai_usage_read(struct span v, struct chat_usage *u);
/* The finish_reason of a string; NONE if it is empty or unknown. */
enum chat_finish openai_finish_read(struct span v);
/* openai_relay.c */
int	 openai_relay(struct conv *c, char *p, size_t n, struct buf *out);
int	 openai_relay_whole(struct conv *c, char *p, size_t n,
	    struct buf *out);
/* Writes [DONE], behind finish chunks for choices that have none. */
void	 openai_relay_done(struct conv *c, struct buf *out);
/* openai.c: what the front writes. */
void	 openai_begin(struct conv *c, struct buf *out);
void	 openai_event(struct conv *c, const struct chat_event *ev,
	    struct buf *out);
void	 openai_end(struct conv *c, struct buf *out);

/* The top level of a reply or an event. */
struct openai_top {
	struct span	 model;
	struct span	 choices;
	struct span	 usage;
	const char	*usage_from;	/* the comma before it, or NULL */
	struct span	 error;
	struct span	 id;
	struct span	 created;
	struct span	 object;	/* the document */
	bool		 error_object;	/* "object": "error" */
	bool		 empty;		/* no members */
};
int	 openai_top_scan(const char *p, size_t n, struct openai_top *t);

#endif
