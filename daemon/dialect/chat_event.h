/* SPDX-License-Identifier: ISC */
/*
 * The neutral form of an answer: events that backs read and fronts write.
 * Spans point into the backend's bytes.
 */
#ifndef LLMD_DIALECT_CHAT_EVENT_H
#define LLMD_DIALECT_CHAT_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "dialect/chat.h"

enum chat_finish {
	CHAT_FINISH_NONE, CHAT_FINISH_STOP, CHAT_FINISH_LENGTH,
	CHAT_FINISH_TOOLS, CHAT_FINISH_FILTER
};

/* Token counts; known = the backend reported them. */
struct chat_usage {
	bool		known;
	uint32_t	in;
	uint32_t	out;
	uint32_t	cached;		/* of in */
	uint32_t	reasoning;	/* of out */
};

enum chat_event_kind {
	CHAT_EV_TEXT,		/* text: inner */
	CHAT_EV_THINK,		/* text: inner */
	CHAT_EV_REFUSAL,	/* text: inner */
	CHAT_EV_TOOL,		/* a call begins; maybe complete */
	CHAT_EV_TOOL_ARGS,	/* text: inner piece of the arguments string */
	CHAT_EV_LOGPROBS,	/* json: OpenAI's logprobs value */
	CHAT_EV_FINISH,
	CHAT_EV_USAGE
};

/* One thing that a backend said; valid during the call. */
struct chat_event {
	enum chat_event_kind	 kind;
	unsigned		 choice;	/* index, from 0 */
	unsigned		 tool;		/* count from 0 in its choice */
	struct span		 text;
	struct span		 json;
	struct chat_call	 call;
	enum chat_finish	 finish;
	struct chat_usage	 usage;
};

#endif
