/* SPDX-License-Identifier: ISC */
#ifndef LLMD_PROTO_RPC_H
#define LLMD_PROTO_RPC_H

#include <stddef.h>
#include <stdint.h>

#include "proto/errors.h"

/*
 * JSON-RPC 2.0 over lines, as proto/frame cuts them: parsing that refuses
 * what json-c would let pass, parameters checked against the grammar of
 * proto/methods.h, and messages built as one line with its '\n'.
 *
 * Limits: 32 levels deep, no batch, no duplicate members, valid UTF-8, no
 * NUL in a string, integers within int64.
 */
struct json_object;

#define RPC_LINE_MAX		(1024 * 1024)	/* client to server */
#define RPC_REPLY_MAX		(256 * 1024)	/* server to client */
#define RPC_DEPTH_MAX		32

/*
 * One error, as it travels in `error` of a reply and as llmctl prints it.
 * Strings and objects belong to it; rpc_error_fini frees them.
 */
struct rpc_error {
	enum error_id		 id;	/* ERR_NONE: no error, or unknown */
	int			 code;	/* JSON-RPC */
	int			 exit;	/* sysexits */
	int			 retryable;
	char			*kind;
	char			*message;
	char			*hint;		/* or NULL */
	char			*field;		/* or NULL */
	struct json_object	*candidates;	/* array of strings, or NULL */
	struct json_object	*details;	/* array of strings, or NULL */
};

void	rpc_error_init(struct rpc_error *);
void	rpc_error_fini(struct rpc_error *);

/* Replaces what was there; message in printf form, NULL: the row's text. */
void	rpc_error_set(struct rpc_error *, enum error_id, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));
void	rpc_error_hint(struct rpc_error *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));
void	rpc_error_field(struct rpc_error *, const char *path);
void	rpc_error_candidate(struct rpc_error *, const char *);
/* The same, if `name` is near enough to what was typed; at most three. */
void	rpc_error_suggest(struct rpc_error *, const char *typed,
	    const char *name);
void	rpc_error_detail(struct rpc_error *, const char *line);

/* The object {code, message, data}; the caller puts it. */
struct json_object *rpc_error_json(const struct rpc_error *);
/* Fills err from such an object, whatever the peer made of it. */
void	rpc_error_parse(struct rpc_error *, struct json_object *);

enum rpc_kind {
	RPC_CALL,		/* method, id, params */
	RPC_NOTICE,		/* method, params; no id */
	RPC_RESULT,		/* id, result */
	RPC_ERROR		/* id (or null), error */
};

/*
 * A parsed message.  root is owned, the rest is borrowed from it.  id is
 * NULL for JSON null or where there is none.
 */
struct rpc_msg {
	enum rpc_kind		 kind;
	struct json_object	*root;
	struct json_object	*id;		/* string or integer */
	const char		*method;
	struct json_object	*params;	/* object, or NULL */
	struct json_object	*result;	/* or NULL: JSON null */
	struct json_object	*error;
};

/*
 * Parses one line (len bytes, no terminator needed, embedded NULs refused).
 * 0, or -1 with err: ERR_INVALID_JSON, or ERR_BAD_REQUEST for JSON that is
 * no JSON-RPC message.  In the second case msg->id is set where the message
 * had a usable id, so that the error can be answered; call rpc_msg_fini in
 * every case.
 */
int	rpc_parse(const char *line, size_t len, struct rpc_msg *,
	    struct rpc_error *);
void	rpc_msg_fini(struct rpc_msg *);

/* Strict JSON as above, any value (NULL and no err for null); else err. */
struct json_object *rpc_json(const char *text, size_t len,
	    struct rpc_error *);

/*
 * Checks params (NULL = {}) against a grammar of proto/methods.h: unknown
 * members, missing ones, types, ranges, choices.  0, or -1 and err with the
 * field and candidates.
 */
int	rpc_params_check(const char *grammar, struct json_object *params,
	    struct rpc_error *);

/* Readers for checked params: absent and null give the default. */
const char *rpc_param_str(struct json_object *, const char *, const char *);
int64_t	rpc_param_int(struct json_object *, const char *, int64_t);
double	rpc_param_num(struct json_object *, const char *, double);
int	rpc_param_bool(struct json_object *, const char *, int);

/*
 * Message builders: one heap line ending in '\n', its length in *len; the
 * caller frees it.  Taken: params, result and error objects.  Borrowed: id
 * (NULL gives null).  Never NULL: out of memory ends the program.
 */
char	*rpc_call(int64_t id, const char *method, struct json_object *params,
	    size_t *len);
char	*rpc_notice(const char *method, struct json_object *params,
	    size_t *len);
char	*rpc_result(struct json_object *id, struct json_object *result,
	    size_t *len);
char	*rpc_failure(struct json_object *id, const struct rpc_error *,
	    size_t *len);

/*
 * A number with so many decimals, or NULL (JSON null) where it is not finite.
 * json_object_new_double would print 38.899999999999999, and NaN.
 */
struct json_object *rpc_number(double, int decimals);

/* proto/methods.h as data. */
struct rpc_method {
	const char	*name;
	const char	*params;
	const char	*list;
	const char	*help;
	int		 role;		/* enum method_role */
	int		 lane;		/* enum method_lane */
};
extern const struct rpc_method rpc_methods[];	/* by enum method_row */
/* Index of a method by name, or -1. */
int	rpc_method_find(const char *name);
/* Adds the names nearest to a mistyped one to err as candidates. */
void	rpc_method_suggest(const char *name, struct rpc_error *);

#endif
