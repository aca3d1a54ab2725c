/* SPDX-License-Identifier: ISC */
/*
 * The neutral form of a chat: what every client API is decoded into and every
 * backend dialect encoded from.  Values that are only moved are spans of the
 * client's JSON and move as their bytes; "inner" means the bytes between the
 * quotes of a JSON string, still escaped.
 */
#ifndef LLMD_DIALECT_CHAT_H
#define LLMD_DIALECT_CHAT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "proto/errors.h"

/*
 * Something to tell the client.  id decides status, type and code; the texts
 * that an upstream gave win where they are not empty (as far as they are safe
 * to pass on).
 */
#define CHAT_ERROR_TEXT	512
struct chat_error {
	enum error_id	 id;
	int		 status;	/* 0: the row's */
	int		 should_retry;	/* x-should-retry: -1 unset, 0, 1 */
	int64_t		 retry_after_s;	/* -1: none */
	char		 param[96];	/* "" = null */
	char		 code[64];	/* "" = the row's */
	char		 type[64];	/* "" = the row's */
	char		 text[CHAT_ERROR_TEXT];	/* "" = the row's */
};

/* Fills e from the row of id and a formatted text (cut to fit, UTF-8 safe). */
void	 chat_error_set(struct chat_error *e, enum error_id id,
	    const char *param, const char *fmt, ...)
	    __attribute__((format(printf, 4, 5)));
int	 chat_error_status(const struct chat_error *e);

enum chat_role {
	CHAT_SYSTEM, CHAT_DEVELOPER, CHAT_USER, CHAT_ASSISTANT, CHAT_TOOL,
	CHAT_FUNCTION
};

enum chat_part_kind {
	CHAT_PART_TEXT, CHAT_PART_REFUSAL, CHAT_PART_IMAGE, CHAT_PART_AUDIO,
	CHAT_PART_FILE, CHAT_PART_OTHER
};

struct chat_part {
	enum chat_part_kind	 kind;
	struct span		 text;	/* inner; image: the URL */
	struct span		 json;	/* the whole part */
};

struct chat_call {
	struct span	id;		/* inner, or absent */
	struct span	name;		/* inner */
	/* args_text: inner of a JSON string that holds JSON (OpenAI);
	 * args_json: a JSON value (Ollama, Anthropic).  One is present. */
	struct span	args_text;
	struct span	args_json;
};

struct chat_msg {
	enum chat_role		 role;
	struct chat_part	*parts;
	unsigned		 nparts;
	struct chat_call	*calls;
	unsigned		 ncalls;
	struct span		 call_id;	/* role tool; inner */
	struct span		 name;		/* inner */
	struct span		 reasoning;	/* inner */
};

struct chat_tool {
	struct span	 name;		/* inner */
	struct span	 description;	/* value, or absent */
	struct span	 parameters;	/* value, or absent */
	bool		 custom;	/* not a function */
};

enum chat_choice {
	CHAT_CHOICE_AUTO, CHAT_CHOICE_NONE, CHAT_CHOICE_REQUIRED,
	CHAT_CHOICE_NAMED, CHAT_CHOICE_ALLOWED
};

enum chat_format {
	CHAT_FORMAT_TEXT, CHAT_FORMAT_JSON, CHAT_FORMAT_SCHEMA
};

enum chat_effort {
	CHAT_EFFORT_UNSET, CHAT_EFFORT_NONE, CHAT_EFFORT_MINIMAL,
	CHAT_EFFORT_LOW, CHAT_EFFORT_MEDIUM, CHAT_EFFORT_HIGH,
	CHAT_EFFORT_XHIGH, CHAT_EFFORT_MAX
};

/*
 * A request.  The first group is filled by the scan that every request gets;
 * the second only when it has to be translated (chat_decode).
 */
struct chat_req {
	const struct dialect	*front;
	struct span	 body;		/* the document, padded for jscan */
	struct span	 model;		/* value with its quotes, in body */
	struct span	 model_name;	/* decoded; in body or the arena */
	bool		 stream;
	bool		 include_usage;	/* the client asked for it */
	struct span	 stream_options;	/* value, or absent */
	struct span	 messages;	/* value */
	unsigned	 n;		/* 1 if absent */
	/* Has members that are for the gateway (timeout, tags, fallbacks,
	 * ...) and that no backend may see. */
	bool		 gateway_members;
	bool		 decoded;

	struct chat_msg		*msgs;
	unsigned		 nmsgs;
	struct chat_tool	*tools;
	unsigned		 ntools;
	enum chat_choice	 choice;
	struct span		*choice_names;	/* inner; NAMED: one */
	unsigned		 nchoice_names;
	bool			 choice_must;	/* ALLOWED: mode required */
	bool			 legacy_functions;	/* functions */
	bool			 parallel_off;
	enum chat_format	 format;
	struct span		 schema;	/* value */
	struct span		 format_raw;	/* response_format, value */
	struct span		 choice_raw;	/* tool_choice, value */
	enum chat_effort	 effort;
	/* Raw values, absent if not given or null. */
	struct span	 max_tokens;	/* max_completion_tokens wins */
	struct span	 temperature, top_p, seed, stop;
	struct span	 presence_penalty, frequency_penalty;
	struct span	 logprobs, top_logprobs, logit_bias;
	/* Members that the neutral form has no place for: Ollama's
	 * extensions (keep_alive, options, think, format, top_k, ...). */
	struct chat_extra {
		struct span	name;	/* decoded */
		struct span	value;
	}		*extras;
	unsigned	 nextras;
};

#endif
