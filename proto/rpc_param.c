/* SPDX-License-Identifier: ISC */
#include "proto/rpc.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Parameters against the grammar of proto/methods.h: "name:type" and
 * "name?:type", where type is a word, then "[lo..hi]" or "{a,b}".
 */
struct rpc_param {
	char	name[32];
	char	type[8];
	char	limit[64];	/* text between the brackets */
	int	optional;
	char	bracket;	/* '[', '{' or 0 */
};

static void
rpc_param_copy(char *dst, size_t cap, const char *from, size_t len)
{
	if (len >= cap)
		len = cap - 1;
	memcpy(dst, from, len);
	dst[len] = '\0';
}

/* Reads the next word of a grammar; 0 at its end. */
static int
rpc_param_next(const char **g, struct rpc_param *p)
{
	const char *s = *g, *close;
	size_t n;

	memset(p, 0, sizeof(*p));
	while (*s == ' ')
		s++;
	if (*s == '\0')
		return 0;
	n = strcspn(s, "?:");
	rpc_param_copy(p->name, sizeof(p->name), s, n);
	s += n;
	if (*s == '?') {
		p->optional = 1;
		s++;
	}
	if (*s == ':')
		s++;
	n = strcspn(s, " [{");
	rpc_param_copy(p->type, sizeof(p->type), s, n);
	s += n;
	if (*s == '[' || *s == '{') {
		p->bracket = *s++;
		close = s + strcspn(s, "]}");
		rpc_param_copy(p->limit, sizeof(p->limit), s,
		    (size_t)(close - s));
		s = *close != '\0' ? close + 1 : close;
	}
	*g = s;
	return 1;
}

static int
rpc_param_bad(const struct rpc_param *p, struct rpc_error *err,
    const char *must)
{
	rpc_error_set(err, ERR_INVALID_PARAM, "%s must be %s", p->name, must);
	rpc_error_field(err, p->name);
	return -1;
}

/* Checks a number against "lo..hi"; either end may be left out. */
static int
rpc_param_range(const struct rpc_param *p, double v, struct rpc_error *err)
{
	const char *dots = strstr(p->limit, "..");
	char must[96];

	if (p->bracket != '[' || dots == NULL)
		return 0;
	if (dots != p->limit && v < strtod(p->limit, NULL)) {
		snprintf(must, sizeof(must), "at least %.*s",
		    (int)(dots - p->limit), p->limit);
		return rpc_param_bad(p, err, must);
	}
	if (dots[2] != '\0' && v > strtod(dots + 2, NULL)) {
		snprintf(must, sizeof(must), "at most %s", dots + 2);
		return rpc_param_bad(p, err, must);
	}
	return 0;
}

/* Checks a string against the choices "a,b,c". */
static int
rpc_param_choice(const struct rpc_param *p, const char *v,
    struct rpc_error *err)
{
	char list[sizeof(p->limit)], *rest = list, *word, must[96];

	if (p->bracket != '{')
		return 0;
	memcpy(list, p->limit, sizeof(list));
	while ((word = strsep(&rest, ",")) != NULL)
		if (strcmp(word, v) == 0)
			return 0;
	snprintf(must, sizeof(must), "one of %s", p->limit);
	rpc_param_bad(p, err, must);
	memcpy(list, p->limit, sizeof(list));
	rest = list;
	while ((word = strsep(&rest, ",")) != NULL)
		rpc_error_suggest(err, v, word);
	return -1;
}

static int
rpc_param_strings(const struct rpc_param *p, struct json_object *v,
    struct rpc_error *err)
{
	struct json_object *e;
	size_t i, n;

	if (!json_object_is_type(v, json_type_array))
		return rpc_param_bad(p, err, "an array of strings");
	if ((n = json_object_array_length(v)) == 0)
		return rpc_param_bad(p, err, "a list that is not empty");
	for (i = 0; i < n; i++) {
		e = json_object_array_get_idx(v, i);
		if (!json_object_is_type(e, json_type_string))
			return rpc_param_bad(p, err, "an array of strings");
		if (rpc_param_choice(p, json_object_get_string(e), err) < 0)
			return -1;
	}
	return 0;
}

static int
rpc_param_value(const struct rpc_param *p, struct json_object *v,
    struct rpc_error *err)
{
	enum json_type t = json_object_get_type(v);

	if (strcmp(p->type, "strs") == 0)
		return rpc_param_strings(p, v, err);
	if (strcmp(p->type, "str") == 0) {
		if (t != json_type_string)
			return rpc_param_bad(p, err, "a string");
		return rpc_param_choice(p, json_object_get_string(v), err);
	}
	if (strcmp(p->type, "int") == 0) {
		if (t != json_type_int)
			return rpc_param_bad(p, err, "an integer");
		return rpc_param_range(p, (double)json_object_get_int64(v),
		    err);
	}
	if (strcmp(p->type, "num") == 0) {
		if (t != json_type_int && t != json_type_double)
			return rpc_param_bad(p, err, "a number");
		return rpc_param_range(p, json_object_get_double(v), err);
	}
	if (strcmp(p->type, "bool") == 0)
		return t == json_type_boolean ? 0 :
		    rpc_param_bad(p, err, "true or false");
	if (strcmp(p->type, "id") == 0)
		return t == json_type_int || t == json_type_string ? 0 :
		    rpc_param_bad(p, err, "a string or an integer");
	rpc_error_set(err, ERR_UNSUPPORTED,
	    "%s is not supported by this version of llmd", p->name);
	rpc_error_hint(err, "leave %s out", p->name);
	rpc_error_field(err, p->name);
	return -1;
}

/* Finds a name in the grammar; 0 and err with the nearest names otherwise. */
static int
rpc_param_known(const char *grammar, const char *name, struct rpc_error *err)
{
	struct rpc_param p;
	const char *g;

	for (g = grammar; rpc_param_next(&g, &p);)
		if (strcmp(p.name, name) == 0)
			return 1;
	rpc_error_set(err, ERR_RPC_PARAM, "unknown parameter %.64s", name);
	rpc_error_field(err, name);
	if (*grammar == '\0')
		rpc_error_hint(err, "this method takes no parameters");
	else
		rpc_error_hint(err, "it takes: %s", grammar);
	for (g = grammar; rpc_param_next(&g, &p);)
		rpc_error_suggest(err, name, p.name);
	return 0;
}

int
rpc_params_check(const char *grammar, struct json_object *params,
    struct rpc_error *err)
{
	struct rpc_param p;
	struct json_object *v;
	const char *g;

	if (params != NULL) {
		json_object_object_foreach(params, name, member) {
			(void)member;
			if (!rpc_param_known(grammar, name, err))
				return -1;
		}
	}
	for (g = grammar; rpc_param_next(&g, &p);) {
		v = NULL;
		if (params != NULL)
			json_object_object_get_ex(params, p.name, &v);
		if (v != NULL) {
			if (rpc_param_value(&p, v, err) < 0)
				return -1;
		} else if (!p.optional) {
			rpc_error_set(err, ERR_MISSING_PARAM,
			    "parameter %s is missing", p.name);
			rpc_error_field(err, p.name);
			rpc_error_hint(err, "it takes: %s", grammar);
			return -1;
		}
	}
	return 0;
}

static struct json_object *
rpc_param_get(struct json_object *params, const char *name)
{
	struct json_object *v = NULL;

	if (params != NULL)
		json_object_object_get_ex(params, name, &v);
	return v;
}

const char *
rpc_param_str(struct json_object *params, const char *name, const char *dflt)
{
	struct json_object *v = rpc_param_get(params, name);

	return json_object_is_type(v, json_type_string) ?
	    json_object_get_string(v) : dflt;
}

int64_t
rpc_param_int(struct json_object *params, const char *name, int64_t dflt)
{
	struct json_object *v = rpc_param_get(params, name);

	return json_object_is_type(v, json_type_int) ||
	    json_object_is_type(v, json_type_double) ?
	    json_object_get_int64(v) : dflt;
}

double
rpc_param_num(struct json_object *params, const char *name, double dflt)
{
	struct json_object *v = rpc_param_get(params, name);

	return json_object_is_type(v, json_type_int) ||
	    json_object_is_type(v, json_type_double) ?
	    json_object_get_double(v) : dflt;
}

int
rpc_param_bool(struct json_object *params, const char *name, int dflt)
{
	struct json_object *v = rpc_param_get(params, name);

	return json_object_is_type(v, json_type_boolean) ?
	    json_object_get_boolean(v) : dflt;
}
