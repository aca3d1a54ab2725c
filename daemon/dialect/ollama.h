/* SPDX-License-Identifier: ISC */
/*
 * Ollama's native API as a back: POST /api/chat and its lines of JSON.  Forms:
 * Ollama's api/types.go, and what a real server (0.23.0) was seen to do.
 */
#ifndef LLMD_DIALECT_OLLAMA_H
#define LLMD_DIALECT_OLLAMA_H

#include "dialect/conv_state.h"

/* ollama_req.c */
int	 ollama_encode(struct chat_req *r, const struct chat_target *t,
	    struct arena *a, struct chat_body *out, struct chat_error *e);
/* ollama_options.c: appends ,"options":{..} and the members beside it
 * (keep_alive, think, format, truncate, shift). */
int	 ollama_options(const struct chat_req *r, const struct chat_target *t,
	    struct arena *a, struct buf *b, struct chat_error *e);
/* ollama_req.c: a deployment's default, padded for jscan; or absent. */
struct span ollama_default(const struct chat_target *t, const char *name,
	    struct arena *a);
/* ollama_msg.c: appends the array; lead, if not absent, is the inside of the
 * text of a system message in front. */
int	 ollama_messages(const struct chat_req *r, struct span lead,
	    struct buf *b, struct chat_error *e);
/* True if the client's messages are in Ollama's form already. */
bool	 ollama_messages_plain(const struct chat_req *r);
/* ollama_tools.c: how many tools Ollama is to see, or -1 with *e. */
int	 ollama_tools_count(const struct chat_req *r, bool drop,
	    struct chat_error *e);
/* Appends ,"tools":[..]. */
int	 ollama_tools(const struct chat_req *r, struct buf *b,
	    struct chat_error *e);
/* Appends the instruction that stands for tool_choice (inner text); false if
 * none is needed. */
bool	 ollama_tools_instruct(const struct chat_req *r, struct buf *b);
/* ollama_reply.c */
int	 ollama_parse(struct conv *c, const char *p, size_t n);
int	 ollama_parse_whole(struct conv *c, const char *p, size_t n);
void	 ollama_ended(struct conv *c, bool clean);
void	 ollama_upstream_error(int status, struct span body,
	    struct chat_error *e);

#endif
