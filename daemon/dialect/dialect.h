/* SPDX-License-Identifier: ISC */
/*
 * What a wire format is made of, for the files of this folder only.  A
 * dialect may be a front (what clients speak), a back (what backends speak)
 * or both; a front over a foreign back meets it in the neutral form of
 * chat.h.  A new dialect is a new struct here and files beside these.
 */
#ifndef LLMD_DIALECT_DIALECT_H
#define LLMD_DIALECT_DIALECT_H

#include "base/jscan.h"
#include "dialect/conv.h"

/* Key comparison with a literal, for the hot path. */
#define KEY_IS(k, lit) \
	((k).n == sizeof(lit) - 1 && memcmp((k).p, (lit), sizeof(lit) - 1) == 0)

enum dialect_framing { DIALECT_SSE, DIALECT_NDJSON };

/*
 * The functions that read a reply return 0, or -1 if it is not JSON (then
 * nothing was emitted); other faults go through conv_fail().
 */
struct dialect {
	const char		*name;
	/* The dialect of its request bodies (text: openai). */
	const struct dialect	*form;

	/* Front: the request. */
	int	(*scan)(struct span, struct arena *, struct chat_req *,
		    struct chat_error *);
	int	(*decode)(struct chat_req *, struct arena *,
		    struct chat_error *);
	/* Front: the answer.  begin..end are a stream, whole is a body. */
	void	(*begin)(struct conv *, struct buf *);
	void	(*event)(struct conv *, const struct chat_event *,
		    struct buf *);
	void	(*end)(struct conv *, struct buf *);
	void	(*whole)(struct conv *, struct buf *);
	void	(*error_body)(const struct chat_error *, struct buf *);
	void	(*error_event)(const struct chat_error *, struct buf *);
	struct span		 keepalive;
	const char		*stream_type;

	/* Back: the request.  splice: the front has the same form. */
	int	(*splice)(struct chat_req *, const struct chat_target *,
		    struct arena *, struct chat_body *, struct chat_error *);
	int	(*encode)(struct chat_req *, const struct chat_target *,
		    struct arena *, struct chat_body *, struct chat_error *);
	/* Back: the reply.  relay*: to a front of the same dialect. */
	enum dialect_framing	 framing;
	int	(*relay)(struct conv *, char *, size_t, struct buf *);
	int	(*relay_whole)(struct conv *, char *, size_t, struct buf *);
	int	(*parse)(struct conv *, const char *, size_t);
	int	(*parse_whole)(struct conv *, const char *, size_t);
	/* The body ended and no terminal marker was seen. */
	void	(*ended)(struct conv *, bool clean);
	/* Fills text, code and param from an error body (absent if it is not
	 * a JSON object).  id and status come from the general table and may
	 * be corrected.  With ERR_UPSTREAM_AUTH nothing of the body may pass:
	 * such texts quote the key, and it is ours. */
	void	(*upstream_error)(int status, struct span body,
		    struct chat_error *);
};

/* Fills code and text of *e from the table of upstream statuses. */
void	 chat_error_status_set(struct chat_error *e, int status);
/* Copies the inside of a JSON string, or plain text, into *e: cut at a
 * character, credentials masked. */
void	 chat_error_text_set(struct chat_error *e, struct span inner);
void	 chat_error_plain_set(struct chat_error *e, struct span raw);
/* True if an upstream text says that the prompt is too long. */
bool	 chat_error_is_context(const char *text);

#endif
