/* SPDX-License-Identifier: ISC */
/* What LiteLLM calls a provider: a row each. */
#ifndef LLMD_CONF_PROVIDERS_H
#define LLMD_CONF_PROVIDERS_H

#include <stdbool.h>

#include "base/str.h"

struct dialect;

enum providers_auth {
	PROVIDERS_BEARER,	/* Authorization: Bearer KEY */
	PROVIDERS_API_KEY,	/* api-key: KEY */
	PROVIDERS_X_API_KEY	/* x-api-key: KEY */
};

/* How a provider stands with llmd. */
enum providers_state {
	PROVIDERS_WORKS,
	PROVIDERS_NOT_YET,	/* its dialect is to come */
	PROVIDERS_NEVER		/* signed requests, Python code, ...: skipped */
};

/* A header whose value comes from the environment. */
struct providers_header {
	const char	*name;
	const char	*env;
};

#define PROVIDERS_ENV_MAX	4
struct provider {
	const char		*name;
	enum providers_state	 state;
	const struct dialect	*dialect;	/* PROVIDERS_WORKS */
	/* For messages: "openai", "anthropic", or what the API is. */
	const char		*wire;
	const char		*base;		/* default, or NULL */
	const char		*base_env[PROVIDERS_ENV_MAX];
	const char		*key_env[PROVIDERS_ENV_MAX];
	enum providers_auth	 auth;
	bool			 key_needed;
	struct providers_header	 headers[2];
};

/* By prefix, without the slash; NULL. */
const struct provider *providers_find(struct span name);

/* What `model`, custom_llm_provider (or NULL) and api_base (or NULL) mean. */
struct providers_match {
	const struct provider	*p;		/* NULL: unknown */
	const char		*upstream;	/* part of model */
	char			*why;		/* if p is NULL */
	char			*hint;
};

/* Resolution order of litellm.md 1.8; texts in a. */
void	 providers_resolve(const char *model, const char *custom,
	    const char *api_base, struct arena *a,
	    struct providers_match *m);

#endif
