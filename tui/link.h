/* SPDX-License-Identifier: ISC */
#ifndef LLMD_TUI_LINK_H
#define LLMD_TUI_LINK_H

#include <stdint.h>

/*
 * llmtop's connection: it connects, reads the hello, and comes back by itself
 * after 0.25 s, doubled up to 5 s, whenever it is lost.  Calls are answered by
 * callback.  Nothing here blocks: poll link_fd for link_events until
 * link_deadline_ms, then link_work.  Times are monotonic milliseconds.
 */
struct link;
struct json_object;
struct client_hello;
struct rpc_error;

/* A reply: result (borrowed, may be NULL), or err. */
typedef void (*link_reply_cb)(void *arg, struct json_object *result,
    const struct rpc_error *err);
/* A `progress` notice of a running call. */
typedef void (*link_progress_cb)(void *arg, struct json_object *params);

struct link_hooks {
	void	(*up)(void *arg, const struct client_hello *);
	void	(*down)(void *arg);
	void	(*notice)(void *arg, const char *method,
		    struct json_object *params);
};

/* path: of the socket, or NULL to search.  hooks must outlive it. */
struct link	*link_new(const char *path, const struct link_hooks *,
		    void *arg);
void		 link_free(struct link *);

int		 link_fd(const struct link *);		/* -1: none now */
short		 link_events(const struct link *);
int64_t		 link_deadline_ms(const struct link *);	/* -1: none */
void		 link_work(struct link *, int64_t now_ms);
/* Tries now instead of at the end of the wait. */
void		 link_retry(struct link *);

int		 link_is_up(const struct link *);
/* Why it is not up, and what to do, in a line each; "" if unknown. */
const char	*link_error(const struct link *);
const char	*link_hint(const struct link *);
const char	*link_path(const struct link *);
int		 link_tries(const struct link *);
const struct client_hello *link_hello(const struct link *);

/*
 * Calls; params (or NULL) is taken.  The id of the call, or -1 when there is
 * no connection (nothing is called back then).  Without progress the call is
 * given up after 15 s.  A lost connection is an error like any other.
 */
int64_t		 link_call(struct link *, const char *method,
		    struct json_object *params, link_reply_cb,
		    link_progress_cb, void *arg);
/* Calls with this arg will not call back any more. */
void		 link_forget(struct link *, const void *arg);

#endif
