/* SPDX-License-Identifier: ISC */
#ifndef LLMD_SIM_SIM_H
#define LLMD_SIM_SIM_H

#include <openssl/ssl.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "buf.h"
#include "loop.h"
#include "record.h"

struct conn;
struct control;
struct json;
struct main_listener;
struct models;
struct rules;
struct script;

enum sim_dialect { SIM_ALL, SIM_OLLAMA, SIM_OPENAI };

/* Everything of one simulator process. */
struct sim {
	struct loop	*loop;
	struct models	*models;
	struct rules	*rules;
	struct records	*records;
	struct control	*control;
	struct main_listener *listeners;
	struct script	*plain;		/* when nothing is scripted */
	struct conn	*conns;		/* all open connections */
	SSL_CTX		*tls;		/* NULL: plain */
	enum sim_dialect dialect;
	const char	*key;		/* wanted as Bearer on /v1, or NULL */
	const char	*proxy_to;	/* every tunnel goes there, or NULL */
	const char	*files;		/* folder of sse_file */
	double		 pace_ms;	/* between tokens when no script says */
	bool		 demo;		/* friendly answers, word by word */
	bool		 connect_proxy;
	bool		 quiet;
	bool		 port_0;	/* the caller has to be told */
	uint64_t	 start_us;
	uint64_t	 conn_ids;
	uint64_t	 ids;		/* for reply ids, call ids, times */
	uint64_t	 nconns, conns_max;
	uint64_t	 stale, tls_failed, tunnels, unloads;
};

/* One request while it is handled. */
struct sim_call {
	struct sim	*sim;
	struct conn	*conn;
	struct script	*script;
	struct json	*body;		/* NULL: none, or it is broken */
	struct buf	 error;		/* then why, in Go's words */
	const char	*model;		/* as the body names it, or NULL */
	bool		 scripted;	/* the model is known by its script */
};

double	 sim_now_ms(const struct sim *);
/* Answers the request in c->rec; c is in state CONN_REPLY. */
void	 sim_handle(struct conn *);
/* A head is complete, its body is not: true when an early rule answered. */
bool	 sim_early(struct conn *);

#endif
