/* SPDX-License-Identifier: ISC */
#ifndef LLMD_SIM_CANNED_H
#define LLMD_SIM_CANNED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

struct canned_call {
	const char	*name;
	const char	*args;		/* spaced, as the model writes it */
	int64_t		 at;		/* token that completes it */
};

/* One script of the recorded model: Ollama 0.23.0 with a scripted model. */
struct canned {
	const char	*word;		/* what the last message says */
	const char	*think;		/* tokens, separated by '|' */
	const char	*text;
	struct canned_call calls[2];
	int64_t		 count;		/* eval_count at its end */
	bool		 bytes;		/* one byte per token */
	bool		 endless;
	int		 repeat;	/* the last token, then it is cut */
};

/* The script of that word (#text, #tool, ...), or NULL. */
const struct canned *canned_find(const char *word);
/* A friendly answer to a request of the lesson; false when it is none. */
bool	 canned_friendly(const char *prompt, bool always, struct buf *);

#endif
