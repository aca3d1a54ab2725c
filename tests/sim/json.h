/* SPDX-License-Identifier: ISC */
#ifndef LLMD_SIM_JSON_H
#define LLMD_SIM_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

/*
 * A JSON tree that keeps member order and the source text of each value, and
 * whose error texts are those of Go's encoding/json, which Ollama's clients
 * get to see.
 */
enum json_type {
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
};

struct json {
	enum json_type	 type;
	char		*key;		/* member name, or NULL */
	char		*str;		/* decoded string, NUL-terminated */
	size_t		 len;		/* bytes in str */
	const char	*raw;		/* source text of the value */
	size_t		 raw_len;
	struct json	*child;		/* first member or element */
	struct json	*next;
	char		*source;	/* root only: owned copy of the text */
};

#define JSON_DEPTH	1000

/*
 * Parses the first value of the text and ignores what follows unless whole
 * is set.  Returns the root, owned by the caller, or NULL with the message
 * in err.
 */
struct json	*json_parse(const char *, size_t, bool whole, struct buf *err);
struct json	*json_copy(const struct json *);
void		 json_free(struct json *);

/* The last member of that name, as Go decodes; NULL also on a null value. */
struct json	*json_get(const struct json *, const char *);
const char	*json_str(const struct json *);	/* NULL unless a string */
bool		 json_bool(const struct json *, bool dflt);
int64_t		 json_int(const struct json *, int64_t dflt);
double		 json_num(const struct json *, double dflt);
size_t		 json_count(const struct json *);

/* Adds a quoted string; go escapes <, >, & as Go's encoder does. */
void		 json_quote(struct buf *, const char *, size_t, bool go);
void		 json_quotes(struct buf *, const char *);
/* Adds the value without white space. */
void		 json_compact(struct buf *, const struct json *, bool go);
/* Adds the value with a space after each comma and colon. */
void		 json_spaced(struct buf *, const struct json *);

#endif
