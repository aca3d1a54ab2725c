/* SPDX-License-Identifier: ISC */
#ifndef LLMD_SIM_ANSWER_H
#define LLMD_SIM_ANSWER_H

#include "script.h"
#include "sim.h"

/* What a request asks for, without its dialect. */
struct answer_ask {
	const char	*text;		/* last message's text, or "" */
	size_t		 text_len;
	bool		 after_tool;	/* the last message is a tool's */
	struct json	*tools;		/* OpenAI form, or NULL */
	const char	*tool_name;	/* forced tool, or NULL */
	bool		 recorded;	/* answer as the recorded model does */
	bool		 json;		/* format json */
	struct json	*schema;	/* or this schema */
	bool		 think;
	int64_t		 max_tokens;	/* 0 and less: no limit */
	const struct json *stop;	/* array of strings, string or NULL */
};

enum answer_kind { ANSWER_TEXT, ANSWER_THINK, ANSWER_CALL };

/* One thing a stream sends at a time. */
struct answer_part {
	enum answer_kind kind;
	char		*data;		/* text; for a call its name */
	size_t		 len;
	char		*args;		/* call: compact JSON, or plain text */
	char		*id;		/* call: NULL = none given */
	bool		 args_text;	/* args is a string, not an object */
	bool		 split;		/* tokens are single bytes */
};

struct answer {
	struct answer_part *parts;
	size_t		 nparts, cap;
	const char	*finish;	/* stop or length; NULL: repeat cut */
	int64_t		 eval_count;
	bool		 endless;	/* text parts repeat for ever */
};

void	 answer_make(struct sim *, const struct answer_ask *,
	    const struct script *, struct answer *);
void	 answer_fini(struct answer *);
/* All text of one kind, joined. */
void	 answer_join(const struct answer *, enum answer_kind, struct buf *);
size_t	 answer_calls(const struct answer *);
/* A value that fits the schema, with a space after commas and colons. */
void	 answer_instance(const struct json *root, const struct json *schema,
	    int depth, struct buf *);

#endif
