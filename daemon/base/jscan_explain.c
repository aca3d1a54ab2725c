/* SPDX-License-Identifier: ISC */
/*
 * The reader that says what is wrong.  It shares nothing with the scanner in
 * jscan.c but the rules: it goes byte by byte up to a known end, so that the
 * one can be tested against the other.
 */
#include "base/jscan.h"

struct jscan_reader {
	const char	*p;
	const char	*end;
	const char	*what;
};

#define JSCAN_END	"unexpected end"

/* Notes the error at p; always false. */
static bool
jscan_reader_fail(struct jscan_reader *r, const char *what)
{
	r->what = r->p == r->end ? JSCAN_END : what;
	return false;
}

static void
jscan_reader_ws(struct jscan_reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' ||
	    *r->p == '\n' || *r->p == '\r'))
		r->p++;
}

/* The byte at p, -1 at the end. */
static int
jscan_reader_peek(const struct jscan_reader *r)
{
	return r->p < r->end ? (unsigned char)*r->p : -1;
}

static bool
jscan_reader_is_digit(const struct jscan_reader *r)
{
	int c = jscan_reader_peek(r);

	return c >= '0' && c <= '9';
}

static bool
jscan_reader_escape(struct jscan_reader *r)
{
	int c, i;

	r->p++;
	c = jscan_reader_peek(r);
	if (c <= 0 || strchr("\"\\/bfnrtu", c) == NULL)
		return jscan_reader_fail(r, "no such escape in JSON");
	r->p++;
	if (c != 'u')
		return true;
	for (i = 0; i < 4; i++, r->p++) {
		c = jscan_reader_peek(r);
		if ((c < '0' || c > '9') && (c < 'a' || c > 'f') &&
		    (c < 'A' || c > 'F'))
			return jscan_reader_fail(r,
			    "\\u needs four hexadecimal digits");
	}
	return true;
}

static bool
jscan_reader_string(struct jscan_reader *r)
{
	size_t n;
	int c;

	for (r->p++; (c = jscan_reader_peek(r)) != '"'; ) {
		if (c == '\\') {
			if (!jscan_reader_escape(r))
				return false;
		} else if (c >= 0x80) {
			n = jscan_utf8_char(r->p, (size_t)(r->end - r->p));
			if (n == 0)
				return jscan_reader_fail(r, "invalid UTF-8");
			r->p += n;
		} else if (c < 0x20)
			return jscan_reader_fail(r, "control character in a "
			    "string: write it as an escape");
		else
			r->p++;
	}
	r->p++;
	return true;
}

static bool
jscan_reader_digits(struct jscan_reader *r)
{
	if (!jscan_reader_is_digit(r))
		return jscan_reader_fail(r, "a digit is missing in a number");
	while (jscan_reader_is_digit(r))
		r->p++;
	return true;
}

static bool
jscan_reader_number(struct jscan_reader *r)
{
	if (*r->p == '-')
		r->p++;
	if (jscan_reader_peek(r) == '0') {
		r->p++;
		if (jscan_reader_is_digit(r))
			return jscan_reader_fail(r,
			    "a number may not begin with 0");
	} else if (jscan_reader_peek(r) == 'I')
		return jscan_reader_fail(r, "NaN and Infinity are no JSON");
	else if (!jscan_reader_digits(r))
		return false;
	if (jscan_reader_peek(r) == '.') {
		r->p++;
		if (!jscan_reader_digits(r))
			return false;
	}
	if (jscan_reader_peek(r) == 'e' || jscan_reader_peek(r) == 'E') {
		r->p++;
		if (jscan_reader_peek(r) == '+' || jscan_reader_peek(r) == '-')
			r->p++;
		return jscan_reader_digits(r);
	}
	return true;
}

static bool
jscan_reader_literal(struct jscan_reader *r, const char *lit)
{
	for (; *lit != '\0'; lit++, r->p++)
		if (jscan_reader_peek(r) != *lit)
			return jscan_reader_fail(r,
			    "expected a value: true, false and null are the "
			    "only words in JSON");
	return true;
}

/* A value that is no container, or what is there instead. */
static bool
jscan_reader_scalar(struct jscan_reader *r)
{
	int c = jscan_reader_peek(r);

	switch (c) {
	case '"':
		return jscan_reader_string(r);
	case 't':
		return jscan_reader_literal(r, "true");
	case 'f':
		return jscan_reader_literal(r, "false");
	case 'n':
		return jscan_reader_literal(r, "null");
	case '\'':
		return jscan_reader_fail(r, "strings need double quotes");
	case 'N':
	case 'I':
		return jscan_reader_fail(r, "NaN and Infinity are no JSON");
	case ']':
	case '}':
		return jscan_reader_fail(r,
		    "expected a value (a comma too many?)");
	case '/':
	case '#':
		return jscan_reader_fail(r, "comments are no JSON");
	}
	if (c == '-' || jscan_reader_is_digit(r))
		return jscan_reader_number(r);
	return jscan_reader_fail(r, "expected a value");
}

/* A key up to its value. */
static bool
jscan_reader_key(struct jscan_reader *r)
{
	int c = jscan_reader_peek(r);

	if (c != '"')
		return jscan_reader_fail(r,
		    c == '\'' ? "strings need double quotes" :
		    c == '}' ? "expected a key (a comma too many?)" :
		    "expected a key in double quotes");
	if (!jscan_reader_string(r))
		return false;
	jscan_reader_ws(r);
	if (jscan_reader_peek(r) != ':')
		return jscan_reader_fail(r, "expected ':' behind a key");
	r->p++;
	jscan_reader_ws(r);
	return true;
}

/* Behind a value: closes containers up to the next value.  *depth is 0 when
 * the whole value has ended. */
static bool
jscan_reader_after(struct jscan_reader *r, const char *closers,
    unsigned *depth)
{
	char close;

	while (*depth > 0) {
		jscan_reader_ws(r);
		close = closers[*depth - 1];
		if (jscan_reader_peek(r) == ',') {
			r->p++;
			jscan_reader_ws(r);
			return close == ']' || jscan_reader_key(r);
		}
		if (jscan_reader_peek(r) != close)
			return jscan_reader_fail(r, close == '}' ?
			    "expected ',' or '}'" : "expected ',' or ']'");
		r->p++;
		(*depth)--;
	}
	return true;
}

static bool
jscan_reader_value(struct jscan_reader *r)
{
	char closers[JSCAN_DEPTH];
	unsigned depth = 0;
	int c;

	do {
		c = jscan_reader_peek(r);
		if (c == '{' || c == '[') {
			if (depth == JSCAN_DEPTH)
				return jscan_reader_fail(r,
				    "nested deeper than 128 levels");
			closers[depth++] = c == '{' ? '}' : ']';
			r->p++;
			jscan_reader_ws(r);
			if (jscan_reader_peek(r) != closers[depth - 1]) {
				if (c == '{' && !jscan_reader_key(r))
					return false;
				continue;
			}
		} else if (!jscan_reader_scalar(r))
			return false;
		if (!jscan_reader_after(r, closers, &depth))
			return false;
	} while (depth > 0);
	return true;
}

static bool
jscan_reader_document(struct jscan_reader *r)
{
	if (r->end - r->p >= 3 && memcmp(r->p, "\xef\xbb\xbf", 3) == 0)
		return jscan_reader_fail(r, "a byte order mark is no JSON");
	jscan_reader_ws(r);
	if (r->p == r->end) {
		r->what = "empty: expected a value";
		return false;
	}
	if (!jscan_reader_value(r))
		return false;
	jscan_reader_ws(r);
	if (r->p != r->end) {
		r->what = "text behind the end of the value";
		return false;
	}
	return true;
}

/* Looks for a key that the object v has twice; leaves p at it. */
static void
jscan_reader_dups(struct jscan_reader *r, struct span v)
{
	struct jscan_iter it;
	struct jscan_dup d;
	struct span key, val;
	const char *at;
	bool esc;
	int dup = 0;

	jscan_enter(&it, v, 0);
	jscan_dup_init(&d);
	while (dup == 0 && jscan_member(&it, &key, &esc, &val) > 0) {
		at = key.p - 1;
		if ((dup = jscan_dup_add(&d, &key, esc)) == 0)
			continue;
		r->p = at;
		r->what = dup == -1 ? "duplicate key" :
		    "too many members in one object";
	}
	jscan_dup_fini(&d);
}

void
jscan_explain(const char *p, size_t n, bool dups, struct jscan_error *e)
{
	struct jscan_reader r = { p, p + n, NULL };
	struct span v;
	const char *q;

	*e = (struct jscan_error){ .line = 1, .column = 1 };
	if (jscan_reader_document(&r) && dups && jscan_document(p, n, &v) &&
	    jscan_is_obj(v))
		jscan_reader_dups(&r, v);
	if (r.what == NULL)
		return;
	e->what = r.what;
	e->off = (size_t)(r.p - p);
	for (q = p; q < r.p; q++) {
		e->column++;
		if (*q == '\n') {
			e->line++;
			e->column = 1;
		}
	}
}
