/* SPDX-License-Identifier: ISC */
/*
 * Every key that a configuration may hold is one row: its type, default and
 * range, what it does, and help for the manual.  Keys that act by themselves
 * are stored through the row; the others are read by conf and entry.
 */
#ifndef LLMD_CONF_SCHEMA_H
#define LLMD_CONF_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"
#include "conf/yaml.h"

enum schema_section {
	SCHEMA_TOP, SCHEMA_ENTRY, SCHEMA_PARAMS, SCHEMA_INFO, SCHEMA_LITELLM,
	SCHEMA_ROUTER, SCHEMA_GENERAL, SCHEMA_LLMD, SCHEMA_SECTIONS
};

enum schema_type {
	SCHEMA_ANY,
	SCHEMA_BOOL,		/* bool */
	SCHEMA_INT,		/* int */
	SCHEMA_U16, SCHEMA_U32,
	SCHEMA_I64,
	SCHEMA_NUM,		/* double */
	SCHEMA_SECONDS,		/* uint32_t, ms */
	SCHEMA_BYTES32, SCHEMA_BYTES64,	/* a number, or 64MiB, 10k */
	SCHEMA_STR,		/* char * */
	SCHEMA_STRS,		/* char **, then unsigned; one text is a list */
	SCHEMA_ENUM,		/* int, the place in `note` */
	SCHEMA_MAP
};

enum schema_effect {
	SCHEMA_ACTS,
	SCHEMA_BODY,		/* default member of the request's body */
	SCHEMA_LATER,		/* known, "no effect yet" */
	SCHEMA_QUIET,		/* known, nothing to say */
	SCHEMA_PLACED,		/* belongs elsewhere: note */
	SCHEMA_NOWHERE,		/* people write it, no program reads it */
	SCHEMA_REFUSED		/* refuses the start unless off: note */
};

/* Where `off` counts from. */
enum schema_to { SCHEMA_TO_NONE, SCHEMA_TO_CONF, SCHEMA_TO_EXTRA,
	SCHEMA_TO_ENTRY };

struct schema_row {
	const char		*key;
	enum schema_type	 type;
	enum schema_effect	 effect;
	enum schema_to		 to;
	size_t			 off;
	double			 min, max;	/* of the number as written */
	const char		*def;		/* as written, or NULL */
	const char		*note;
	const char		*help;
};

/* Settings that become something else. */
struct schema_extra {
	uint32_t	router_timeout_ms;
	uint32_t	router_stream_timeout_ms;
	uint32_t	request_timeout_ms;
	double		max_request_mb;
	bool		permit_open;
	char		*env_file;
};

/* One model_list entry as written. */
struct schema_entry {
	char		*model_name;
	char		*model;
	char		*provider;	/* custom_llm_provider */
	char		*api_base;
	char		*base_url;
	char		*api_key;
	char		*id;
	double		 weight;	/* -1: not given */
	uint32_t	 rpm;
	uint32_t	 entry_rpm;	/* beside litellm_params */
	uint32_t	 tpm;
	int		 order;
	uint32_t	 timeout_ms;
	uint32_t	 stream_timeout_ms;
	int		 max_tokens;
	bool		 drop_params;
	uint32_t	 max_input_tokens;
	int64_t		 created;
};

struct schema_ctx {
	struct conf_remarks	*remarks;
	struct arena		*arena;		/* of what is stored */
	void			*to[4];		/* by enum schema_to */
};

const struct schema_row *schema_rows(enum schema_section s, size_t *n);
/* "general_settings"; SCHEMA_ENTRY is "model_list[]". */
const char	*schema_section_name(enum schema_section s);
const struct schema_row *schema_find(enum schema_section s, const char *key);

/*
 * Checks all members of map (NULL and null: none) against a section, stores
 * what acts and remarks on the rest.  path is for messages, "" at the top.
 */
void	 schema_apply(struct schema_ctx *x, enum schema_section s,
	    const struct yaml_node *map, const char *path);
/* The value of a body member as JSON by its row's type (row may be NULL);
 * false with an error if it is not of that type. */
bool	 schema_json(struct schema_ctx *x, const struct schema_row *row,
	    const struct yaml_pair *p, const char *path, struct buf *out);
/* True if an unknown key of litellm_params goes into the body: it has no row,
 * is no misspelt row and no fact about the model. */
bool	 schema_forwards(const char *key);
/* True if the value says no: null, false, nothing, an empty list. */
bool	 schema_is_off(const struct yaml_node *n);
/* The nearest of n words, at most two edits and a third of its letters away,
 * or NULL. */
const char *schema_nearest(const char *word, const char *const *words,
	    size_t n);

#endif
