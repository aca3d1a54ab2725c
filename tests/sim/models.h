/* SPDX-License-Identifier: ISC */
#ifndef LLMD_SIM_MODELS_H
#define LLMD_SIM_MODELS_H

#include <stdbool.h>

#include "json.h"

#define MODEL_COMPLETION	0x01
#define MODEL_TOOLS		0x02
#define MODEL_INSERT		0x04
#define MODEL_VISION		0x08
#define MODEL_EMBEDDING		0x10
#define MODEL_THINKING		0x20

struct model {
	struct model	*next;
	char		*name;		/* with its tag */
	unsigned	 caps;
	int64_t		 context;
	int64_t		 embed_len;
	int64_t		 size;
	char		*digest;	/* 64 hex digits */
	char		*modified;
	char		*params;	/* 5.29M */
	bool		 recorded;	/* answers as the recordings */
	bool		 openai;	/* listed by /v1 only */
	bool		 loaded;
};

struct models;

/* The recorded models and a few more, or those of the comma list. */
struct models	*models_new(const char *list);
void		 models_free(struct models *);
/* Case and :latest do not matter; NULL when unknown. */
struct model	*models_find(struct models *, const char *);
struct model	*models_first(struct models *);
size_t		 models_count(struct models *);
/* What a model that only its script knows can do: everything. */
struct model	*models_any(struct models *);
/* {"name","capabilities","context_length","embedding_length","remove"} */
int		 models_set(struct models *, const struct json *, struct buf *);

void		 model_tags(struct models *, struct buf *);
void		 model_ps(struct models *, const char *expires, struct buf *);
void		 model_show(const struct model *, struct buf *);

#endif
