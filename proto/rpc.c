/* SPDX-License-Identifier: ISC */
#include "proto/rpc.h"

#include <json-c/json.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/methods.h"
#include "proto/text.h"

#define RPC_X(sym, mname, mrole, mlane, handler, mparams, mlist, mhelp)	\
	[METHOD_##sym##_ROW] = { .name = mname, .params = mparams,	\
	    .list = mlist, .help = mhelp, .role = METHOD_##mrole,	\
	    .lane = METHOD_##mlane },
const struct rpc_method rpc_methods[] = { METHODS(RPC_X) };
#undef RPC_X

int
rpc_method_find(const char *name)
{
	int i;

	for (i = 0; i < METHOD_ROWS; i++)
		if (strcmp(rpc_methods[i].name, name) == 0)
			return i;
	return -1;
}

void
rpc_method_suggest(const char *name, struct rpc_error *err)
{
	int i;

	for (i = 0; i < METHOD_ROWS; i++)
		rpc_error_suggest(err, name, rpc_methods[i].name);
}

/* Returns p; out of memory in a control client or server is the end. */
static void *
rpc_need(void *p)
{
	if (p == NULL) {
		fputs("out of memory\n", stderr);
		abort();
	}
	return p;
}

void
rpc_error_init(struct rpc_error *err)
{
	memset(err, 0, sizeof(*err));
}

void
rpc_error_fini(struct rpc_error *err)
{
	free(err->kind);
	free(err->message);
	free(err->hint);
	free(err->field);
	json_object_put(err->candidates);
	json_object_put(err->details);
	memset(err, 0, sizeof(*err));
}

static char *rpc_vformat(const char *, va_list)
    __attribute__((format(printf, 1, 0)));

static char *
rpc_vformat(const char *fmt, va_list ap)
{
	char *s;

	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	return rpc_need(s);
}

void
rpc_error_set(struct rpc_error *err, enum error_id id, const char *fmt, ...)
{
	const struct error_row *row;
	char *message;
	va_list ap;

	if (id < 0 || id >= ERR_MAX)
		id = ERR_INTERNAL;
	row = &error_rows[id];
	if (fmt != NULL) {
		va_start(ap, fmt);
		message = rpc_vformat(fmt, ap);
		va_end(ap);
	} else
		message = rpc_need(strdup(row->text));
	rpc_error_fini(err);
	err->id = id;
	err->code = row->rpc != 0 ? row->rpc : error_rows[ERR_INTERNAL].rpc;
	err->exit = row->exit;
	err->retryable = row->exit == error_rows[ERR_BUSY].exit;
	err->kind = rpc_need(strdup(row->code));
	err->message = message;
}

void
rpc_error_hint(struct rpc_error *err, const char *fmt, ...)
{
	va_list ap;
	char *hint;

	va_start(ap, fmt);
	hint = rpc_vformat(fmt, ap);
	va_end(ap);
	free(err->hint);
	err->hint = hint;
}

void
rpc_error_field(struct rpc_error *err, const char *path)
{
	free(err->field);
	err->field = rpc_need(strdup(path));
}

void
rpc_error_candidate(struct rpc_error *err, const char *name)
{
	if (err->candidates == NULL)
		err->candidates = rpc_need(json_object_new_array());
	json_object_array_add(err->candidates,
	    rpc_need(json_object_new_string(name)));
}

void
rpc_error_suggest(struct rpc_error *err, const char *typed, const char *name)
{
	size_t len = strlen(typed);
	int far = len < 4 ? 1 : len < 10 ? 2 : 3;

	if (err->candidates != NULL &&
	    json_object_array_length(err->candidates) >= 3)
		return;
	if (text_distance(typed, name) <= far)
		rpc_error_candidate(err, name);
}

void
rpc_error_detail(struct rpc_error *err, const char *line)
{
	if (err->details == NULL)
		err->details = rpc_need(json_object_new_array());
	json_object_array_add(err->details,
	    rpc_need(json_object_new_string(line)));
}

static struct json_object *
rpc_string_or_null(const char *s)
{
	return s != NULL ? rpc_need(json_object_new_string(s)) : NULL;
}

struct json_object *
rpc_error_json(const struct rpc_error *err)
{
	struct json_object *o = rpc_need(json_object_new_object());
	struct json_object *data = rpc_need(json_object_new_object());

	json_object_object_add(o, "code", json_object_new_int(err->code));
	json_object_object_add(o, "message", json_object_new_string(
	    err->message != NULL ? err->message : ""));
	json_object_object_add(data, "kind", json_object_new_string(
	    err->kind != NULL ? err->kind : ""));
	json_object_object_add(data, "exit", json_object_new_int(err->exit));
	json_object_object_add(data, "hint", rpc_string_or_null(err->hint));
	json_object_object_add(data, "field", rpc_string_or_null(err->field));
	json_object_object_add(data, "candidates", err->candidates != NULL ?
	    json_object_get(err->candidates) : json_object_new_array());
	json_object_object_add(data, "retryable",
	    json_object_new_boolean(err->retryable));
	if (err->details != NULL)
		json_object_object_add(data, "details",
		    json_object_get(err->details));
	json_object_object_add(o, "data", data);
	return o;
}

/* Member as a heap string, or NULL where it is none. */
static char *
rpc_string_take(struct json_object *o, const char *name)
{
	struct json_object *v;

	if (!json_object_object_get_ex(o, name, &v) ||
	    !json_object_is_type(v, json_type_string))
		return NULL;
	return rpc_need(strdup(json_object_get_string(v)));
}

/* Member as an array of strings (others are left out), or NULL. */
static struct json_object *
rpc_strings_take(struct json_object *o, const char *name)
{
	struct json_object *v, *e, *out = NULL;
	size_t i;

	if (!json_object_object_get_ex(o, name, &v) ||
	    !json_object_is_type(v, json_type_array))
		return NULL;
	for (i = 0; i < json_object_array_length(v); i++) {
		e = json_object_array_get_idx(v, i);
		if (!json_object_is_type(e, json_type_string))
			continue;
		if (out == NULL)
			out = rpc_need(json_object_new_array());
		json_object_array_add(out, json_object_get(e));
	}
	return out;
}

void
rpc_error_parse(struct rpc_error *err, struct json_object *o)
{
	struct json_object *data = NULL, *v;
	int i;

	rpc_error_fini(err);
	if (json_object_object_get_ex(o, "code", &v))
		err->code = json_object_get_int(v);
	err->message = rpc_string_take(o, "message");
	json_object_object_get_ex(o, "data", &data);
	err->kind = rpc_string_take(data, "kind");
	err->hint = rpc_string_take(data, "hint");
	err->field = rpc_string_take(data, "field");
	err->candidates = rpc_strings_take(data, "candidates");
	err->details = rpc_strings_take(data, "details");
	if (json_object_object_get_ex(data, "retryable", &v))
		err->retryable = json_object_get_boolean(v);
	if (json_object_object_get_ex(data, "exit", &v))
		err->exit = json_object_get_int(v);
	if (err->exit < 1 || err->exit > 125)
		err->exit = error_rows[ERR_INTERNAL].exit;
	if (err->message == NULL)
		err->message = rpc_need(strdup("error without a message"));
	if (err->kind == NULL)
		err->kind = rpc_need(strdup("internal_error"));
	for (i = 1; i < ERR_MAX; i++)
		if (error_rows[i].rpc != 0 &&
		    strcmp(error_rows[i].code, err->kind) == 0)
			err->id = (enum error_id)i;
}

void
rpc_msg_fini(struct rpc_msg *m)
{
	json_object_put(m->root);
	memset(m, 0, sizeof(*m));
}

static int
rpc_bad(struct rpc_error *err, const char *why)
{
	rpc_error_set(err, ERR_BAD_REQUEST, "not a JSON-RPC 2.0 message: %s",
	    why);
	return -1;
}

/* Sets id, method, params, result and error of m from its root. */
static int
rpc_classify(struct rpc_msg *m, struct rpc_error *err)
{
	struct json_object *v, *method;
	int has_id, has_result, has_error;

	has_id = json_object_object_get_ex(m->root, "id", &v);
	if (v != NULL && !json_object_is_type(v, json_type_string) &&
	    !json_object_is_type(v, json_type_int))
		return rpc_bad(err, "\"id\" must be a string or an integer");
	m->id = v;
	if (!json_object_object_get_ex(m->root, "jsonrpc", &v) ||
	    !json_object_is_type(v, json_type_string) ||
	    strcmp(json_object_get_string(v), "2.0") != 0)
		return rpc_bad(err, "\"jsonrpc\" must be \"2.0\"");
	has_result = json_object_object_get_ex(m->root, "result", &m->result);
	has_error = json_object_object_get_ex(m->root, "error", &m->error);
	if (json_object_object_get_ex(m->root, "method", &method)) {
		if (!json_object_is_type(method, json_type_string))
			return rpc_bad(err, "\"method\" must be a string");
		if (has_result || has_error)
			return rpc_bad(err, "both a call and a reply");
		if (has_id && m->id == NULL)
			return rpc_bad(err, "\"id\" must not be null");
		json_object_object_get_ex(m->root, "params", &m->params);
		if (m->params != NULL &&
		    !json_object_is_type(m->params, json_type_object))
			return rpc_bad(err, "\"params\" must be an object");
		m->method = json_object_get_string(method);
		m->kind = has_id ? RPC_CALL : RPC_NOTICE;
		return 0;
	}
	if (has_result == has_error)
		return rpc_bad(err, "\"method\" is missing");
	if (has_error && !json_object_is_type(m->error, json_type_object))
		return rpc_bad(err, "\"error\" must be an object");
	if (has_result && m->id == NULL)
		return rpc_bad(err, "a result needs an \"id\"");
	m->kind = has_error ? RPC_ERROR : RPC_RESULT;
	return 0;
}

int
rpc_parse(const char *line, size_t len, struct rpc_msg *m,
    struct rpc_error *err)
{
	memset(m, 0, sizeof(*m));
	if ((m->root = rpc_json(line, len, err)) == NULL) {
		if (err->id == ERR_NONE)
			return rpc_bad(err, "it is null");
		return -1;
	}
	if (json_object_is_type(m->root, json_type_array)) {
		rpc_bad(err, "batches are not supported");
		rpc_error_hint(err, "send one object per line; "
		    "calls may be sent without waiting for replies");
		return -1;
	}
	if (!json_object_is_type(m->root, json_type_object))
		return rpc_bad(err, "it must be an object");
	return rpc_classify(m, err);
}

/*
 * Serialises o (taken) as one line.  Bytes that are no UTF-8, should a caller
 * have let any in, become '?': a peer must never get a line it cannot parse.
 */
static char *
rpc_line(struct json_object *o, size_t *len)
{
	const char *s;
	char *line;
	uint32_t ch;
	size_t n, i, step;

	s = rpc_need((void *)(uintptr_t)json_object_to_json_string_length(o,
	    JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &n));
	line = rpc_need(malloc(n + 2));
	memcpy(line, s, n);
	json_object_put(o);
	for (i = 0; i < n; i += step)
		if ((step = text_decode(line + i, n - i, &ch)) == 0) {
			line[i] = '?';
			step = 1;
		}
	line[n] = '\n';
	line[n + 1] = '\0';
	*len = n + 1;
	return line;
}

static struct json_object *
rpc_envelope(void)
{
	struct json_object *o = rpc_need(json_object_new_object());

	json_object_object_add(o, "jsonrpc", json_object_new_string("2.0"));
	return o;
}

char *
rpc_call(int64_t id, const char *method, struct json_object *params,
    size_t *len)
{
	struct json_object *o = rpc_envelope();

	json_object_object_add(o, "id", json_object_new_int64(id));
	json_object_object_add(o, "method", json_object_new_string(method));
	if (params != NULL)
		json_object_object_add(o, "params", params);
	return rpc_line(o, len);
}

char *
rpc_notice(const char *method, struct json_object *params, size_t *len)
{
	struct json_object *o = rpc_envelope();

	json_object_object_add(o, "method", json_object_new_string(method));
	if (params != NULL)
		json_object_object_add(o, "params", params);
	return rpc_line(o, len);
}

char *
rpc_result(struct json_object *id, struct json_object *result, size_t *len)
{
	struct json_object *o = rpc_envelope();

	json_object_object_add(o, "id", json_object_get(id));
	json_object_object_add(o, "result", result);
	return rpc_line(o, len);
}

char *
rpc_failure(struct json_object *id, const struct rpc_error *err, size_t *len)
{
	struct json_object *o = rpc_envelope();

	json_object_object_add(o, "id", json_object_get(id));
	json_object_object_add(o, "error", rpc_error_json(err));
	return rpc_line(o, len);
}

struct json_object *
rpc_number(double v, int decimals)
{
	char text[64];

	if (!isfinite(v) || fabs(v) > 1e18)
		return NULL;
	snprintf(text, sizeof(text), "%.*f", decimals, v);
	if (decimals > 0) {
		size_t n = strlen(text);

		while (text[n - 1] == '0' && text[n - 2] != '.')
			text[--n] = '\0';
	}
	return rpc_need(json_object_new_double_s(v, text));
}
