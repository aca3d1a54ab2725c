/* SPDX-License-Identifier: ISC */
/*
 * What the gate's requests mean: one table of routes, who may, and the
 * replies that need no exchange.  One server per worker.
 */
#ifndef LLMD_HTTP_SERVER_H
#define LLMD_HTTP_SERVER_H

#include "base/clock.h"
#include "http/sink_http.h"
#include "net/http1.h"
#include "proto/errors.h"

struct conf;
struct exchange_env;
struct gate;
struct gate_conn;
struct gate_shared;
struct server;
struct server_conn;
struct tls_policy;

struct server_args {
	struct exchange_env	*env;
	struct gate_shared	*gates;
	struct tls_policy	*tls;		/* NULL: plain */
};

struct server	*server_new(const struct server_args *a);
void		 server_free(struct server *s);
/* Takes a listening socket over; -1 if there are too many. */
int		 server_listen(struct server *s, int fd);
/* env->conf has changed. */
void		 server_reconfigure(struct server *s);
void		 server_drain(struct server *s);

/*
 * For http/api_*.c: a route's handler gets the request when its body is
 * complete and answers through sc->sink, at once or by an exchange.
 */
typedef void (*server_handler)(struct server *s, struct server_conn *sc);

#define SERVER_CALL_ID	64
#define SERVER_ORIGIN	128
#define SERVER_AUTH	96

/* What is kept of a connection and of the request on it. */
struct server_conn {
	struct sink_http	 sink;
	struct gate_conn	*gate;
	uint64_t		 id;
	char			 id_text[64];
	char			 call_id[SERVER_CALL_ID];
	char			 origin[SERVER_ORIGIN];
	const struct server_route *route;
	enum http1_method	 method;
	bool			 judged;	/* id is this request's */
	enum error_id		 error;		/* to answer, if not NONE */
	const char		*error_text;	/* or NULL */
	char			*text;		/* what it may point to */
	char			*arg;		/* rest of the path, or NULL */
	char			*preflight;	/* headers asked for, or NULL */
	uint16_t		 key;		/* name of its id */
	/* The last key that was found on this connection. */
	uint64_t		 auth_rev;
	uint16_t		 auth_key;
	uint8_t			 auth_len;
	char			 auth[SERVER_AUTH];
};

struct exchange_env *server_env(struct server *s);
const struct conf *server_conf(const struct server *s);
bool		 server_draining(const struct server *s);
/* What an exchange or a record has to know of the request. */
void		 server_args_of(const struct server_conn *sc,
		    struct exchange_args *a);
/* JSON with a status. */
void		 server_reply(struct server_conn *sc, int status,
		    struct span body);
/* An error in OpenAI's envelope; text may be NULL. */
void		 server_error(struct server *s, struct server_conn *sc,
		    enum error_id id, const char *text);

/* The handlers, by file. */
void		 api_chat(struct server *s, struct server_conn *sc);
void		 api_models(struct server *s, struct server_conn *sc);
void		 api_model(struct server *s, struct server_conn *sc);
void		 api_health(struct server *s, struct server_conn *sc);
void		 api_liveness(struct server *s, struct server_conn *sc);
void		 api_readiness(struct server *s, struct server_conn *sc);

#endif
