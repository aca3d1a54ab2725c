/* SPDX-License-Identifier: ISC */
#ifndef LLMD_SIM_OPENAI_H
#define LLMD_SIM_OPENAI_H

#include "sim.h"

/*
 * OpenAI's API: /v1/models, chat/completions, completions, embeddings.  The
 * flavor (script key, or --dialect ollama) changes the form of chat answers
 * to that of Ollama's own /v1 or of vLLM.
 */
void	 openai_handle(struct sim_call *);

/* For openai_chat.c. */
void	 openai_chat(struct sim_call *, bool chat);
/* {"error":{...}} with what OpenAI says for that status. */
void	 openai_error(struct sim_call *, int status, const char *message,
	    const char *param, const char *code);
void	 openai_error_json(struct sim_call *, int status, const char *message,
	    const char *param, const char *code, struct buf *);
/* Sends a body with OpenAI's header fields. */
void	 openai_reply(struct sim_call *, int status, const struct buf *);
const char *openai_flavor(const struct sim_call *);

#endif
