/* SPDX-License-Identifier: ISC */
#ifndef LLMD_PROTO_CLIENT_H
#define LLMD_PROTO_CLIENT_H

#include <stddef.h>
#include <stdint.h>

/*
 * The client of the control socket, for llmctl (one call and out), its shell
 * and llmtop (inside a poll loop).  It holds no event loop:
 *
 *	one-shot	client_open, client_call, client_close
 *	in a loop	poll client_fd for client_events, then client_poll(c, 0)
 *			and client_next until it gives 0
 *
 * Nothing here blocks longer than the timeout given.  A timeout is in
 * milliseconds; 0 does not wait, a negative one waits for ever.  No function
 * prints.  One thread per client.
 */
struct client;
struct json_object;
struct rpc_error;

#define CLIENT_PROTO_MAJOR	1

struct client_options {
	const char	*path;		/* --socket; NULL: search */
	const char	*name;		/* "llmtop/0.1.0"; NULL: no init */
	int		 timeout_ms;	/* connect and hello; 0: 5,000 */
};

/* What llmd said in its hello.  Strings live as long as the client. */
struct client_hello {
	const char	*server;	/* "llmd/0.1.0" */
	const char	*instance;
	const char	*role;		/* "viewer", "operator", "admin" */
	int64_t		 rev;
	int64_t		 pid;
	int64_t		 uid;
	int		 major, minor;
};

enum client_msg_kind {
	CLIENT_MSG_REPLY,		/* body = result */
	CLIENT_MSG_ERROR,		/* body = error object */
	CLIENT_MSG_NOTICE		/* method set, body = params */
};

/* One message; method and body are borrowed until the next client_next. */
struct client_msg {
	enum client_msg_kind	 kind;
	int64_t			 id;	/* of the call; 0 for a notice */
	const char		*method;
	struct json_object	*body;	/* may be NULL (JSON null) */
};

typedef void (*client_notice_cb)(const char *method,
    struct json_object *params, void *arg);

/*
 * The places where a socket is looked for, best first, in one line for
 * people; the caller frees it.
 */
char		*client_places(const char *explicit_path);

/*
 * Connects and reads the hello.  NULL on failure, with err set to one of
 * ERR_NOT_RUNNING, ERR_STALE_SOCKET, ERR_SOCKET_DENIED, ERR_TIMEOUT,
 * ERR_PROTOCOL (initialise err with rpc_error_init, end it with _fini).
 */
struct client	*client_open(const struct client_options *,
    struct rpc_error *err);

/* Takes a connected stream socket instead; the same hello is read. */
struct client	*client_open_fd(int fd, const struct client_options *,
    struct rpc_error *err);

void		 client_close(struct client *);

const struct client_hello *client_hello_get(const struct client *);
const char	*client_path_get(const struct client *);

/* For poll(2): the descriptor, and POLLIN with POLLOUT while output waits. */
int		 client_fd(const struct client *);
short		 client_events(const struct client *);

/*
 * Reads and writes what is there, waiting up to timeout_ms for a message.
 * 1: a message is ready; 0: none in time; -1: the connection has ended and
 * nothing is left to read (err of client_error).
 */
int		 client_poll(struct client *, int timeout_ms);

/* 1 and the next message, or 0 when none is complete.  Never blocks. */
int		 client_next(struct client *, struct client_msg *);

/*
 * Queues a call and returns its id (1, 2, ...), or -1 when the connection has
 * ended or the line would exceed 1 MiB.  params (an object, or NULL) is taken.
 */
int64_t		 client_send(struct client *, const char *method,
    struct json_object *params);

/*
 * Calls and waits for the reply: 0 and *result (the caller puts it; may be
 * NULL), or -1 and err.  Notices that come meanwhile go to the callback of
 * client_on_notice; replies to other calls stay for client_next.  On timeout
 * the call is cancelled at llmd, and likewise (ERR_CANCELLED) when the
 * descriptor of client_on_interrupt, say a signalfd, becomes readable; that
 * ends a client_poll, too.  It is never read here; -1 takes it back.
 */
int		 client_call(struct client *, const char *method,
    struct json_object *params, int timeout_ms, struct json_object **result,
    struct rpc_error *err);
/* The callback must not call this client. */
void		 client_on_notice(struct client *, client_notice_cb, void *arg);
void		 client_on_interrupt(struct client *, int fd);

/* Why the connection ended, as a sentence; "" while it has not. */
const char	*client_error(const struct client *);

#endif
