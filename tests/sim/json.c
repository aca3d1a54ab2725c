/* SPDX-License-Identifier: ISC */
#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct json_scan {
	const char	*p;
	const char	*end;
	struct buf	*err;
	int		 depth;
};

static struct json	*json_value(struct json_scan *);

static void *
json_eof(struct json_scan *s)
{
	if (s->err->len == 0)
		buf_adds(s->err, "unexpected EOF");
	return NULL;
}

/* Go's quoteChar: the offending byte as a Go character literal. */
static void *
json_bad(struct json_scan *s, const char *where)
{
	unsigned char c;

	if (s->p >= s->end)
		return json_eof(s);
	if (s->err->len > 0)
		return NULL;
	c = (unsigned char)*s->p;
	buf_adds(s->err, "invalid character ");
	if (c == '\'')
		buf_adds(s->err, "'\\''");
	else if (c == '"')
		buf_adds(s->err, "'\"'");
	else if (c == '\\')
		buf_adds(s->err, "'\\\\'");
	else if (c == '\n')
		buf_adds(s->err, "'\\n'");
	else if (c == '\r')
		buf_adds(s->err, "'\\r'");
	else if (c == '\t')
		buf_adds(s->err, "'\\t'");
	else if (c < 0x20 || c == 0x7f)
		buf_addf(s->err, "'\\x%02x'", c);
	else if (c < 0x80)
		buf_addf(s->err, "'%c'", c);
	else			/* Go prints the byte as the rune U+00xx */
		buf_addf(s->err, "'%c%c'", 0xc0 | c >> 6, 0x80 | (c & 63));
	buf_addf(s->err, " %s", where);
	return NULL;
}

static void
json_space(struct json_scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' ||
	    *s->p == '\r' || *s->p == '\n'))
		s->p++;
}

static struct json *
json_node(enum json_type type, const char *raw)
{
	struct json *v;

	v = buf_alloc(sizeof(*v));
	v->type = type;
	v->raw = raw;
	return v;
}

static void
json_utf8(struct buf *b, uint32_t c)
{
	if (c < 0x80) {
		buf_addc(b, (char)c);
	} else if (c < 0x800) {
		buf_addc(b, (char)(0xc0 | c >> 6));
		buf_addc(b, (char)(0x80 | (c & 63)));
	} else if (c < 0x10000) {
		buf_addc(b, (char)(0xe0 | c >> 12));
		buf_addc(b, (char)(0x80 | (c >> 6 & 63)));
		buf_addc(b, (char)(0x80 | (c & 63)));
	} else {
		buf_addc(b, (char)(0xf0 | c >> 18));
		buf_addc(b, (char)(0x80 | (c >> 12 & 63)));
		buf_addc(b, (char)(0x80 | (c >> 6 & 63)));
		buf_addc(b, (char)(0x80 | (c & 63)));
	}
}

static int
json_hex4(struct json_scan *s, uint32_t *out)
{
	uint32_t v = 0;
	int i;
	char c;

	for (i = 0; i < 4; i++, s->p++) {
		if (s->p >= s->end) {
			json_eof(s);
			return -1;
		}
		c = *s->p;
		if (c >= '0' && c <= '9')
			v = v << 4 | (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (uint32_t)(c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			v = v << 4 | (uint32_t)(c - 'A' + 10);
		else {
			json_bad(s, "in \\u hexadecimal character escape");
			return -1;
		}
	}
	*out = v;
	return 0;
}

/* \u escapes: a pair is joined, a lone surrogate becomes U+FFFD. */
static int
json_unicode(struct json_scan *s, struct buf *b)
{
	const char *save;
	uint32_t c, lo;

	if (json_hex4(s, &c) < 0)
		return -1;
	if (c >= 0xd800 && c < 0xdc00 && s->end - s->p >= 6 &&
	    s->p[0] == '\\' && s->p[1] == 'u') {
		save = s->p;
		s->p += 2;
		if (json_hex4(s, &lo) < 0)
			return -1;
		if (lo >= 0xdc00 && lo < 0xe000)
			c = 0x10000 + ((c - 0xd800) << 10) + (lo - 0xdc00);
		else
			s->p = save;
	}
	json_utf8(b, c >= 0xd800 && c < 0xe000 ? 0xfffd : c);
	return 0;
}

static int
json_escape(struct json_scan *s, struct buf *b)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at;

	s->p++;
	if (s->p >= s->end) {
		json_eof(s);
		return -1;
	}
	if (*s->p == 'u') {
		s->p++;
		return json_unicode(s, b);
	}
	at = *s->p ? strchr(from, *s->p) : NULL;
	if (at == NULL) {
		json_bad(s, "in string escape code");
		return -1;
	}
	buf_addc(b, to[at - from]);
	s->p++;
	return 0;
}

/* The string at s->p, which is its opening quote; NULL on error. */
static char *
json_string(struct json_scan *s, size_t *len)
{
	struct buf b = { 0 };
	const char *run;

	s->p++;
	for (;;) {
		run = s->p;
		while (s->p < s->end && *s->p != '"' && *s->p != '\\' &&
		    (unsigned char)*s->p >= 0x20)
			s->p++;
		buf_add(&b, run, (size_t)(s->p - run));
		if (s->p >= s->end || (*s->p != '"' && *s->p != '\\')) {
			json_bad(s, "in string literal");
			break;
		}
		if (*s->p == '"') {
			s->p++;
			*len = b.len;
			return buf_take(&b);
		}
		if (json_escape(s, &b) < 0)
			break;
	}
	buf_fini(&b);
	return NULL;
}

static struct json *
json_word(struct json_scan *s, const char *word, enum json_type type)
{
	char where[48];
	struct json *v;
	const char *raw = s->p;
	size_t i;

	for (i = 0; word[i] != '\0'; i++, s->p++)
		if (s->p >= s->end || *s->p != word[i]) {
			snprintf(where, sizeof(where),
			    "in literal %s (expecting '%c')", word, word[i]);
			return json_bad(s, where);
		}
	v = json_node(type, raw);
	v->raw_len = i;
	return v;
}

static bool
json_digits(struct json_scan *s)
{
	const char *from = s->p;

	while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
		s->p++;
	return s->p > from;
}

static struct json *
json_number(struct json_scan *s)
{
	const char *raw = s->p;
	struct json *v;

	if (*s->p == '-')
		s->p++;
	if (s->p < s->end && *s->p == '0')
		s->p++;
	else if (!json_digits(s))
		return json_bad(s, "in numeric literal");
	if (s->p < s->end && *s->p == '.') {
		s->p++;
		if (!json_digits(s))
			return json_bad(s,
			    "after decimal point in numeric literal");
	}
	if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
		s->p++;
		if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
			s->p++;
		if (!json_digits(s))
			return json_bad(s, "in exponent of numeric literal");
	}
	v = json_node(JSON_NUMBER, raw);
	v->raw_len = (size_t)(s->p - raw);
	return v;
}

/* One "key": value of an object; NULL on error. */
static struct json *
json_member(struct json_scan *s)
{
	struct json *v;
	size_t len;
	char *key;

	if (s->p >= s->end || *s->p != '"')
		return json_bad(s, "looking for beginning of object key "
		    "string");
	key = json_string(s, &len);
	if (key == NULL)
		return NULL;
	json_space(s);
	if (s->p >= s->end || *s->p != ':') {
		free(key);
		return json_bad(s, "after object key");
	}
	s->p++;
	v = json_value(s);
	if (v == NULL) {
		free(key);
		return NULL;
	}
	v->key = key;
	return v;
}

static struct json *
json_container(struct json_scan *s, bool object)
{
	struct json *v, *e, **tail;
	char close = object ? '}' : ']';

	v = json_node(object ? JSON_OBJECT : JSON_ARRAY, s->p++);
	tail = &v->child;
	json_space(s);
	if (s->p < s->end && *s->p == close) {
		v->raw_len = (size_t)(++s->p - v->raw);
		return v;
	}
	for (;;) {
		json_space(s);
		e = object ? json_member(s) : json_value(s);
		if (e == NULL)
			break;
		*tail = e;
		tail = &e->next;
		json_space(s);
		if (s->p < s->end && *s->p == ',') {
			s->p++;
			continue;
		}
		if (s->p < s->end && *s->p == close) {
			v->raw_len = (size_t)(++s->p - v->raw);
			return v;
		}
		json_bad(s, object ? "after object key:value pair" :
		    "after array element");
		break;
	}
	json_free(v);
	return NULL;
}

static struct json *
json_text(struct json_scan *s)
{
	struct json *v;
	const char *raw = s->p;
	size_t len;
	char *str;

	str = json_string(s, &len);
	if (str == NULL)
		return NULL;
	v = json_node(JSON_STRING, raw);
	v->str = str;
	v->len = len;
	v->raw_len = (size_t)(s->p - raw);
	return v;
}

static struct json *
json_value(struct json_scan *s)
{
	struct json *v;
	char c;

	json_space(s);
	if (s->p >= s->end)
		return json_eof(s);
	c = *s->p;
	if (c == '{' || c == '[') {
		if (++s->depth > JSON_DEPTH) {
			if (s->err->len == 0)
				buf_adds(s->err, "exceeded max depth");
			return NULL;
		}
		v = json_container(s, c == '{');
		s->depth--;
		return v;
	}
	if (c == '"')
		return json_text(s);
	if (c == 't')
		return json_word(s, "true", JSON_TRUE);
	if (c == 'f')
		return json_word(s, "false", JSON_FALSE);
	if (c == 'n')
		return json_word(s, "null", JSON_NULL);
	if (c == '-' || (c >= '0' && c <= '9'))
		return json_number(s);
	return json_bad(s, "looking for beginning of value");
}

struct json *
json_parse(const char *text, size_t len, bool whole, struct buf *err)
{
	struct json_scan s;
	struct json *v;
	char *source;

	source = buf_dupn(text, len);
	s.p = source;
	s.end = source + len;
	s.err = err;
	s.depth = 0;
	v = json_value(&s);
	if (v != NULL && whole) {
		json_space(&s);
		if (s.p < s.end) {
			json_bad(&s, "after top-level value");
			json_free(v);
			v = NULL;
		}
	}
	if (v == NULL) {
		free(source);
		return NULL;
	}
	v->source = source;
	return v;
}

struct json *
json_copy(const struct json *v)
{
	struct buf err = { 0 };
	struct json *copy;

	copy = json_parse(v->raw, v->raw_len, true, &err);
	buf_fini(&err);
	return copy;
}

void
json_free(struct json *v)
{
	struct json *next;

	for (; v != NULL; v = next) {
		next = v->next;
		json_free(v->child);
		free(v->key);
		free(v->str);
		free(v->source);
		free(v);
	}
}

struct json *
json_get(const struct json *v, const char *key)
{
	struct json *e, *found = NULL;

	if (v == NULL || v->type != JSON_OBJECT)
		return NULL;
	for (e = v->child; e != NULL; e = e->next)
		if (strcmp(e->key, key) == 0)
			found = e;
	if (found != NULL && found->type == JSON_NULL)
		return NULL;
	return found;
}

const char *
json_str(const struct json *v)
{
	return v != NULL && v->type == JSON_STRING ? v->str : NULL;
}

bool
json_bool(const struct json *v, bool dflt)
{
	if (v == NULL || (v->type != JSON_TRUE && v->type != JSON_FALSE))
		return dflt;
	return v->type == JSON_TRUE;
}

double
json_num(const struct json *v, double dflt)
{
	if (v == NULL || v->type != JSON_NUMBER)
		return dflt;
	return strtod(v->raw, NULL);
}

int64_t
json_int(const struct json *v, int64_t dflt)
{
	double d;

	if (v == NULL || v->type != JSON_NUMBER)
		return dflt;
	d = strtod(v->raw, NULL);
	if (d > 9e15)
		return 9000000000000000;
	if (d < -9e15)
		return -9000000000000000;
	return (int64_t)d;
}

size_t
json_count(const struct json *v)
{
	const struct json *e;
	size_t n = 0;

	if (v != NULL)
		for (e = v->child; e != NULL; e = e->next)
			n++;
	return n;
}

void
json_quote(struct buf *b, const char *s, size_t len, bool go)
{
	static const char from[] = "\"\\\n\r\t\b\f", to[] = "\"\\nrtbf";
	const char *at;
	size_t i;
	unsigned char c;

	buf_addc(b, '"');
	for (i = 0; i < len; i++) {
		c = (unsigned char)s[i];
		at = c ? strchr(from, c) : NULL;
		if (at != NULL)
			buf_addf(b, "\\%c", to[at - from]);
		else if (c < 0x20 ||
		    (go && (c == '<' || c == '>' || c == '&')))
			buf_addf(b, "\\u%04x", c);
		else
			buf_addc(b, (char)c);
	}
	buf_addc(b, '"');
}

void
json_quotes(struct buf *b, const char *s)
{
	json_quote(b, s, strlen(s), false);
}

static void
json_emit(struct buf *b, const struct json *v, bool go, const char *gap)
{
	const struct json *e;

	if (v->type == JSON_STRING) {
		json_quote(b, v->str, v->len, go);
		return;
	}
	if (v->type != JSON_ARRAY && v->type != JSON_OBJECT) {
		buf_add(b, v->raw, v->raw_len);
		return;
	}
	buf_addc(b, v->type == JSON_OBJECT ? '{' : '[');
	for (e = v->child; e != NULL; e = e->next) {
		if (e != v->child)
			buf_addf(b, ",%s", gap);
		if (v->type == JSON_OBJECT) {
			json_quote(b, e->key, strlen(e->key), go);
			buf_addf(b, ":%s", gap);
		}
		json_emit(b, e, go, gap);
	}
	buf_addc(b, v->type == JSON_OBJECT ? '}' : ']');
}

void
json_compact(struct buf *b, const struct json *v, bool go)
{
	json_emit(b, v, go, "");
}

void
json_spaced(struct buf *b, const struct json *v)
{
	json_emit(b, v, false, " ");
}
