/* SPDX-License-Identifier: ISC */
#ifndef LLMD_SIM_OLLAMA_H
#define LLMD_SIM_OLLAMA_H

#include "json.h"
#include "models.h"
#include "sim.h"

/*
 * Ollama's native API as Ollama 0.23.0 was recorded: statuses, field order,
 * error texts and framing.
 */
#define OLLAMA_JSON	"application/json; charset=utf-8"
#define OLLAMA_NDJSON	"application/x-ndjson"

void	 ollama_handle(struct sim_call *);
/* Whether the request only asks to unload its model. */
bool	 ollama_unloads(const struct sim_call *);

/* For ollama_chat.c and ollama_embed.c. */
void	 ollama_error(struct sim_call *, int status, const char *, ...)
	    __attribute__((format(printf, 3, 4)));
/* The time n microseconds after the request's own, RFC 3339 as Go prints. */
void	 ollama_time(uint64_t request, uint64_t us, struct buf *);
/* Model of the call or NULL after a 404. */
struct model *ollama_model(struct sim_call *, bool embed);

void	 ollama_chat(struct sim_call *);
void	 ollama_generate(struct sim_call *);
void	 ollama_embed(struct sim_call *);

/* Checks the types of the request's members as Go's decoder does. */
bool	 ollama_check_chat(const struct json *, struct buf *err);
bool	 ollama_check_generate(const struct json *, struct buf *err);
/* Checks option types; the text of Ollama's 500 on error. */
bool	 ollama_check_options(const struct json *, struct buf *err);
/* Checks format; the text of Ollama's 500 on error. */
bool	 ollama_check_format(const struct json *, struct buf *err);
/* Renders the messages with the recorded template. */
void	 ollama_render(const struct model *, const struct json *body,
	    struct buf *);
/* Tokens of a rendered prompt, as the recorded tokenizer counts. */
int64_t	 ollama_count(const char *, size_t);

#endif
