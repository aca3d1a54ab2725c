/* SPDX-License-Identifier: ISC */
/*
 * A recursive copy.  Depth is bounded by the scanner's limit for what stands
 * in the document and by SCHEMA_REFS for what references add; everything
 * that is read again or written is taken from a budget.
 */
#include "dialect/schema.h"

#include <stdlib.h>

#include "base/jscan.h"
#include "dialect/dialect.h"

#define SCHEMA_REFS	8	/* references inside references */
#define SCHEMA_DEPTH	100	/* containers */

struct schema {
	struct span	 root;
	struct buf	*out;
	size_t		*work;		/* bytes that may still be touched */
	bool		 failed;
};

static void	 schema_any(struct schema *s, struct span v, unsigned depth,
		    unsigned refs);

/* The member of obj that has the (decoded) name. */
static struct span
schema_member(struct span obj, struct span name)
{
	struct jscan_iter it;
	struct span key, val;
	bool esc;

	if (!jscan_is_obj(obj))
		return SPAN_NONE;
	jscan_enter(&it, obj, 1);
	while (jscan_member(&it, &key, &esc, &val) == 1)
		if (span_is(key, name))
			return val;
	return SPAN_NONE;
}

/* Takes n bytes from the budget; false if that is not in it. */
static bool
schema_afford(struct schema *s, size_t n)
{
	if (n > *s->work)
		s->failed = true;
	else
		*s->work -= n;
	return !s->failed;
}

/* What a local reference ("#/$defs/x", RFC 6901) points to. */
static struct span
schema_resolve(struct schema *s, struct span ref)
{
	struct span v = s->root, el, in = jscan_inner(ref);
	struct jscan_iter it;
	char name[256];
	uint64_t index;
	size_t i, n;

	if (in.n == 0 || *in.p != '#' || !schema_afford(s, s->root.n))
		return SPAN_NONE;
	for (i = 1; i < in.n && v.p != NULL; ) {
		if (in.p[i++] != '/')
			return SPAN_NONE;
		for (n = 0; i < in.n && in.p[i] != '/' && n < sizeof(name);
		    i++) {
			name[n++] = in.p[i];
			if (n > 1 && name[n - 2] == '~' &&
			    (name[n - 1] == '0' || name[n - 1] == '1')) {
				name[n - 2] = name[n - 1] == '0' ? '~' : '/';
				n--;
			}
		}
		if (jscan_is_arr(v)) {
			if (!span_u64((struct span){ name, n }, &index))
				return SPAN_NONE;
			jscan_enter(&it, v, 1);
			v = SPAN_NONE;
			while (jscan_element(&it, &el) == 1)
				if (index-- == 0) {
					v = el;
					break;
				}
		} else {
			v = schema_member(v, (struct span){ name, n });
		}
	}
	return v;
}

static void
schema_put(struct schema *s, struct span v)
{
	if (schema_afford(s, v.n))
		buf_adds(s->out, v);
}

/* "key": with a comma before it unless it is the first. */
static void
schema_key(struct schema *s, bool *first, struct span key)
{
	if (!*first)
		buf_lit(s->out, ",");
	*first = false;
	buf_lit(s->out, "\"");
	schema_put(s, key);
	buf_lit(s->out, "\":");
}

/* Members of a schema object, transformed; may be called for several objects
 * whose members become one (a $ref and its target). */
static void
schema_members(struct schema *s, struct span v, bool *first, unsigned depth,
    unsigned refs)
{
	struct jscan_iter it, inner;
	struct span key, val, to;
	struct span one, two;
	bool esc;

	if (!schema_afford(s, v.n))
		return;
	jscan_enter(&it, v, depth);
	while (!s->failed && jscan_member(&it, &key, &esc, &val) == 1) {
		if (KEY_IS(key, "$ref") && jscan_is_str(val)) {
			to = schema_resolve(s, val);
			if (jscan_is_obj(to) && refs < SCHEMA_REFS &&
			    depth < SCHEMA_DEPTH)
				schema_members(s, to, first, depth, refs + 1);
			else if (jscan_is_obj(to)) {
				schema_key(s, first, SPAN_LIT("type"));
				buf_lit(s->out, "\"object\"");
			} else {
				schema_key(s, first, key);
				schema_put(s, val);
			}
			continue;
		}
		if (KEY_IS(key, "allOf") && jscan_is_arr(val)) {
			jscan_enter(&inner, val, depth + 1);
			if (jscan_element(&inner, &one) == 1 &&
			    jscan_is_obj(one) &&
			    jscan_element(&inner, &two) == 0 &&
			    depth < SCHEMA_DEPTH) {
				schema_members(s, one, first, depth, refs);
				continue;
			}
		}
		if (KEY_IS(key, "$defs") || KEY_IS(key, "definitions"))
			continue;	/* inlined where they are used */
		if (KEY_IS(key, "const")) {
			schema_key(s, first, SPAN_LIT("enum"));
			buf_lit(s->out, "[");
			schema_put(s, val);
			buf_lit(s->out, "]");
			continue;
		}
		schema_key(s, first, KEY_IS(key, "oneOf") ?
		    SPAN_LIT("anyOf") : key);
		if (KEY_IS(key, "enum") || KEY_IS(key, "default") ||
		    KEY_IS(key, "examples"))
			schema_put(s, val);
		else
			schema_any(s, val, depth, refs);
	}
}

/* Any value that may hold schemas. */
static void
schema_any(struct schema *s, struct span v, unsigned depth, unsigned refs)
{
	struct jscan_iter it;
	struct span el;
	bool first = true;

	if (s->failed)
		return;
	if (depth >= SCHEMA_DEPTH && (jscan_is_obj(v) || jscan_is_arr(v))) {
		s->failed = true;
		return;
	}
	if (jscan_is_obj(v)) {
		buf_lit(s->out, "{");
		schema_members(s, v, &first, depth + 1, refs);
		buf_lit(s->out, "}");
	} else if (jscan_is_arr(v) && schema_afford(s, v.n)) {
		buf_lit(s->out, "[");
		jscan_enter(&it, v, depth);
		while (!s->failed && jscan_element(&it, &el) == 1) {
			if (!first)
				buf_lit(s->out, ",");
			first = false;
			schema_any(s, el, depth + 1, refs);
		}
		buf_lit(s->out, "]");
	} else {
		schema_put(s, v);
	}
}

/* True if nothing in the schema has to be changed. */
static bool
schema_is_plain(struct span v)
{
	static const char *const words[] = {
		"\"$ref\"", "\"oneOf\"", "\"const\"", "\"allOf\"",
		"\"$defs\"", "\"definitions\""
	};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (memmem(v.p, v.n, words[i], strlen(words[i])) != NULL)
			return false;
	return true;
}

bool
schema_simplify(struct span v, size_t *work, struct buf *out)
{
	struct schema s = { .root = v, .out = out, .work = work };
	size_t before = out->n;
	bool first = true;

	buf_lit(out, "{");
	if (schema_member(v, SPAN_LIT("type")).p == NULL &&
	    schema_member(v, SPAN_LIT("$ref")).p == NULL) {
		schema_key(&s, &first, SPAN_LIT("type"));
		buf_lit(out, "\"object\"");
	}
	if (schema_member(v, SPAN_LIT("properties")).p == NULL &&
	    schema_member(v, SPAN_LIT("$ref")).p == NULL) {
		schema_key(&s, &first, SPAN_LIT("properties"));
		buf_lit(out, "{}");
	}
	if (!schema_is_plain(v)) {
		schema_members(&s, v, &first, 6, 0);
		buf_lit(out, "}");
	} else if (jscan_ws(v.p + 1) != v.p + v.n - 1) {
		if (!first)
			buf_lit(out, ",");
		schema_put(&s, (struct span){ v.p + 1, v.n - 1 });
	} else {
		buf_lit(out, "}");
	}
	if (s.failed)
		out->n = before;
	return !s.failed;
}
