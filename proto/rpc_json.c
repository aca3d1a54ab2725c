/* SPDX-License-Identifier: ISC */
#include "proto/rpc.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "proto/text.h"

/*
 * Strict JSON.  json-c takes NaN, keeps the last of two equal members and
 * saturates long integers, so a scan by the letter of RFC 8259 goes first.
 * It also counts the members: if json-c's tree holds fewer, two of them had
 * the same name (in whatever spelling).
 */
struct rpc_json_scan {
	const char	*p;
	const char	*end;
	const char	*why;		/* what is wrong at p; NULL: nothing */
	size_t		 members;
	int		 depth;
};

static int rpc_json_value(struct rpc_json_scan *);

static int
rpc_json_fail(struct rpc_json_scan *s, const char *why)
{
	s->why = why;
	return -1;
}

static void
rpc_json_space(struct rpc_json_scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' ||
	    *s->p == '\n' || *s->p == '\r'))
		s->p++;
}

/* The four digits of \uXXXX at p, or -1. */
static int
rpc_json_hex(const struct rpc_json_scan *s, const char *p)
{
	int i, c, v = 0;

	if (s->end - p < 4)
		return -1;
	for (i = 0; i < 4; i++) {
		c = (unsigned char)p[i];
		if (c >= '0' && c <= '9')
			c -= '0';
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			c = (c | 0x20) - 'a' + 10;
		else
			return -1;
		v = v << 4 | c;
	}
	return v;
}

static int
rpc_json_escape(struct rpc_json_scan *s)
{
	int v;

	if (s->end - s->p < 2)
		return rpc_json_fail(s, "unfinished escape");
	if (s->p[1] != 'u') {
		if (s->p[1] == '\0' || strchr("\"\\/bfnrt", s->p[1]) == NULL)
			return rpc_json_fail(s, "unknown escape");
		s->p += 2;
		return 0;
	}
	if ((v = rpc_json_hex(s, s->p + 2)) < 0)
		return rpc_json_fail(s, "\\u needs four hex digits");
	if (v == 0)
		return rpc_json_fail(s, "\\u0000 is not allowed");
	if (v >= 0xdc00 && v <= 0xdfff)
		return rpc_json_fail(s, "lone surrogate");
	if (v >= 0xd800 && v <= 0xdbff) {
		if (s->end - s->p < 12 || s->p[6] != '\\' ||
		    s->p[7] != 'u' ||
		    (v = rpc_json_hex(s, s->p + 8)) < 0xdc00 || v > 0xdfff)
			return rpc_json_fail(s, "lone surrogate");
		s->p += 6;
	}
	s->p += 6;
	return 0;
}

static int
rpc_json_string(struct rpc_json_scan *s)
{
	uint32_t ch;
	size_t n;

	s->p++;
	while (s->p < s->end) {
		if (*s->p == '"') {
			s->p++;
			return 0;
		}
		if (*s->p == '\\') {
			if (rpc_json_escape(s) < 0)
				return -1;
			continue;
		}
		n = text_decode(s->p, (size_t)(s->end - s->p), &ch);
		if (n == 0)
			return rpc_json_fail(s, "not valid UTF-8");
		if (ch < 0x20)
			return rpc_json_fail(s,
			    "control character in a string");
		s->p += n;
	}
	return rpc_json_fail(s, "string without an end");
}

static size_t
rpc_json_digits(struct rpc_json_scan *s)
{
	const char *from = s->p;

	while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
		s->p++;
	return (size_t)(s->p - from);
}

/* A number; one without fraction and exponent must fit an int64. */
static int
rpc_json_number(struct rpc_json_scan *s)
{
	const char *from = s->p;
	char text[32];
	size_t n;
	int whole = 1;

	if (*s->p == '-')
		s->p++;
	if (s->p < s->end && *s->p == '0')
		s->p++;
	else if (rpc_json_digits(s) == 0)
		return rpc_json_fail(s, "not a value");
	if (s->p < s->end && *s->p == '.') {
		whole = 0;
		s->p++;
		if (rpc_json_digits(s) == 0)
			return rpc_json_fail(s, "digits must follow the '.'");
	}
	if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
		whole = 0;
		s->p++;
		if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
			s->p++;
		if (rpc_json_digits(s) == 0)
			return rpc_json_fail(s, "the exponent has no digits");
	}
	n = (size_t)(s->p - from);
	if (whole) {
		if (n >= sizeof(text))
			return rpc_json_fail(s, "integer out of range");
		memcpy(text, from, n);
		text[n] = '\0';
		errno = 0;
		strtoll(text, NULL, 10);
		if (errno == ERANGE)
			return rpc_json_fail(s, "integer out of range");
	} else if (n > 64)
		return rpc_json_fail(s, "number with too many digits");
	return 0;
}

static int
rpc_json_word(struct rpc_json_scan *s, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n) != 0)
		return rpc_json_fail(s, "not a value");
	s->p += n;
	return 0;
}

/* The name and colon of a member; s->p is at its value then. */
static int
rpc_json_name(struct rpc_json_scan *s)
{
	if (s->p == s->end || *s->p != '"')
		return rpc_json_fail(s, "a member name must be a string");
	if (rpc_json_string(s) < 0)
		return -1;
	rpc_json_space(s);
	if (s->p == s->end || *s->p != ':')
		return rpc_json_fail(s, "':' expected");
	s->p++;
	s->members++;
	return 0;
}

/* An object or array, by its closing character. */
static int
rpc_json_group(struct rpc_json_scan *s, char close)
{
	if (++s->depth > RPC_DEPTH_MAX)
		return rpc_json_fail(s, "nested too deeply");
	s->p++;
	rpc_json_space(s);
	if (s->p < s->end && *s->p == close) {
		s->p++;
		s->depth--;
		return 0;
	}
	for (;;) {
		rpc_json_space(s);
		if (close == '}' && rpc_json_name(s) < 0)
			return -1;
		if (rpc_json_value(s) < 0)
			return -1;
		rpc_json_space(s);
		if (s->p == s->end)
			return rpc_json_fail(s, "unexpected end");
		if (*s->p == close)
			break;
		if (*s->p != ',')
			return rpc_json_fail(s, close == '}' ?
			    "',' or '}' expected" : "',' or ']' expected");
		s->p++;
	}
	s->p++;
	s->depth--;
	return 0;
}

static int
rpc_json_value(struct rpc_json_scan *s)
{
	rpc_json_space(s);
	if (s->p == s->end)
		return rpc_json_fail(s, "unexpected end");
	switch (*s->p) {
	case '{':
		return rpc_json_group(s, '}');
	case '[':
		return rpc_json_group(s, ']');
	case '"':
		return rpc_json_string(s);
	case 't':
		return rpc_json_word(s, "true");
	case 'f':
		return rpc_json_word(s, "false");
	case 'n':
		return rpc_json_word(s, "null");
	default:
		return rpc_json_number(s);
	}
}

/* Members of a whole tree; it is at most RPC_DEPTH_MAX deep. */
static size_t
rpc_json_members(struct json_object *o)
{
	size_t n = 0, i;

	if (json_object_is_type(o, json_type_object)) {
		json_object_object_foreach(o, name, v) {
			(void)name;
			n += 1 + rpc_json_members(v);
		}
	} else if (json_object_is_type(o, json_type_array)) {
		for (i = 0; i < json_object_array_length(o); i++)
			n += rpc_json_members(
			    json_object_array_get_idx(o, i));
	}
	return n;
}

struct json_object *
rpc_json(const char *text, size_t len, struct rpc_error *err)
{
	struct rpc_json_scan s = { .p = text, .end = text + len };
	struct json_tokener *tok;
	struct json_object *o;

	if (rpc_json_value(&s) == 0) {
		rpc_json_space(&s);
		if (s.p != s.end)
			rpc_json_fail(&s, "text after the value");
	}
	if (s.why != NULL) {
		rpc_error_set(err, ERR_INVALID_JSON,
		    "not valid JSON: %s at byte %zu", s.why,
		    (size_t)(s.p - text) + 1);
		return NULL;
	}
	if ((tok = json_tokener_new_ex(RPC_DEPTH_MAX + 1)) == NULL)
		abort();
	o = json_tokener_parse_ex(tok, text, (int)len);
	if (o == NULL && json_tokener_get_error(tok) == json_tokener_continue)
		o = json_tokener_parse_ex(tok, " ", 1);
	if (o == NULL && json_tokener_get_error(tok) != json_tokener_success) {
		rpc_error_set(err, ERR_INVALID_JSON, "not valid JSON: %s",
		    json_tokener_error_desc(json_tokener_get_error(tok)));
	} else if (rpc_json_members(o) != s.members) {
		json_object_put(o);
		o = NULL;
		rpc_error_set(err, ERR_INVALID_JSON,
		    "not valid JSON: an object has two members of one name");
	}
	json_tokener_free(tok);
	return o;
}
