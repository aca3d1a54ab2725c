/* SPDX-License-Identifier: ISC */
/*
 * A deployment: one model_list entry, made ready to be used.  Everything here
 * is constant in a snapshot but *state, which is found by deployment id and
 * kept over reloads.
 */
#ifndef LLMD_ROUTE_DEPLOY_H
#define LLMD_ROUTE_DEPLOY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "access/limit.h"
#include "base/str.h"
#include "dialect/param.h"

struct dialect;

/* Why a deployment cannot be used, and how `llmctl models` calls it. */
enum deploy_use {
	DEPLOY_OK,
	DEPLOY_NO_KEY,		/* "no key": its variable is not set */
	DEPLOY_NOT_YET,		/* "not yet": the dialect is to come */
	DEPLOY_SKIPPED		/* "skipped": can never work as written */
};

/* Shared by all workers and all snapshots. */
struct deploy_state {
	_Atomic uint32_t	refs;		/* snapshots; main only */
	_Atomic uint32_t	in_flight;
	struct meter		rpm;
	_Atomic uint64_t	requests;
	_Atomic uint64_t	failures;
	/* Time to first event of the last 64 answers in us, newest at
	 * ttft_n % 64; read for medians, never exact. */
	_Atomic uint32_t	ttft_us[64];
	_Atomic uint32_t	ttft_n;
};

/* One server that deployments live on. */
struct backend {
	char		*name;		/* "ollama", "gpu1", "gpu1:8000" */
	bool		 tls;
	bool		 tls_verify;
	char		*tls_ca;	/* PEM path, or NULL: the system's */
	char		*host;		/* without brackets */
	uint16_t	 port;
	char		*authority;	/* Host field: host[:port if unusual] */
	uint32_t	 index;		/* in the snapshot's list */
};

struct deploy {
	uint32_t		 index;		/* in the snapshot's list */
	uint16_t		 name_id;	/* of "upstream@backend" */
	char			*id;		/* model_info.id or derived */
	char			*label;		/* "qwen3:8b@gpu1" */
	char			*model;		/* the public name */
	char			*provider;	/* "ollama_chat", "openai" */
	char			*upstream;	/* the backend's model name */
	const struct dialect	*dialect;	/* NULL unless DEPLOY_OK */
	enum deploy_use		 use;
	char			*why;		/* one sentence, unless OK */
	char			*hint;		/* next step, or NULL */
	struct backend		*backend;	/* NULL if there is none */
	/* Base URL as used, without userinfo and query: what
	 * x-litellm-model-api-base says. */
	char			*base_url;
	/* Path of the base URL without a slash at the end ("/v1"); the
	 * dialect appends its own ("/chat/completions"). */
	char			*base_path;
	char			*query;		/* "api-version=...", or NULL */
	/* Complete header lines to send, credential included:
	 * "Authorization: Bearer ...\r\nX-Title: ...\r\n". Never logged. */
	char			*headers;
	bool			 has_key;
	bool			 own_base;	/* base_url is in the file */
	struct deploy_param	*params;
	unsigned		 nparams;
	double			 weight;	/* > 0 */
	int			 order;		/* tier, lower first */
	uint32_t		 rpm;		/* hard limit, 0 = none */
	uint32_t		 timeout_ms;	/* whole call, 0 = global */
	uint32_t		 stream_timeout_ms; /* first event, or 0 */
	int			 max_tokens;	/* 0 = no default */
	bool			 drop_params;
	uint32_t		 ctx;		/* model_info, 0 = unknown */
	int64_t			 created;	/* model_info.created or 0 */
	/* Where it stands: "config.yaml:12". */
	const char		*file;
	unsigned		 line;		/* of the entry; 0: made at run
						 * time, for an override */
	unsigned		 model_line;	/* of litellm_params.model */
	unsigned		 key_line;	/* of api_key, or 0 */
	struct deploy_state	*state;
};

#endif
