/* SPDX-License-Identifier: ISC */
/*
 * Strict JSON by pulling: RFC 8259 + UTF-8 (RFC 3629), depth at most
 * JSCAN_DEPTH, no allocation.  Values are spans of the input, so a value that
 * is only moved moves as its bytes.
 *
 * Input must be followed by JSCAN_PAD readable bytes, the first of them NUL
 * (struct buf gives that; never scan an evbuffer).
 */
#ifndef LLMD_BASE_JSCAN_H
#define LLMD_BASE_JSCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define JSCAN_PAD	32
#define JSCAN_DEPTH	128
/* In an object that we interpret: more members than this go through a hash. */
#define JSCAN_MEMBERS	96
#define JSCAN_MEMBERS_MAX (64 * 1024)		/* more are refused */

/* What jscan_explain() found. */
struct jscan_error {
	size_t		 off;		/* byte offset */
	unsigned	 line;		/* from 1 */
	unsigned	 column;	/* in bytes, from 1 */
	const char	*what;		/* static text, e.g. "unexpected end" */
};

/* Skips white space. */
static inline const char *
jscan_ws(const char *p)
{
	while ((unsigned char)*p <= ' ' &&
	    (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	return p;
}

/* Validates the value that starts at p (no white space before it) inside
 * `depth` open containers; returns the byte after it, or NULL. */
const char	*jscan_value(const char *p, unsigned depth);

/* The whole of p[0..n) is one value, white space around it allowed; *v is the
 * value without that.  False: see jscan_explain. */
bool		 jscan_document(const char *p, size_t n, struct span *v);
/* Slow: says where and why jscan_document refused (what is NULL: it did not);
 * with dups also duplicate keys if the top-level value is an object. */
void		 jscan_explain(const char *p, size_t n, bool dups,
		    struct jscan_error *e);

/*
 * Members of an object, in order.  v begins with '{' (not necessarily
 * validated before).  After the last member p stands behind '}'.
 */
struct jscan_iter {
	const char	*p;
	unsigned	 depth;		/* containers open inside the value */
	bool		 first;
};

static inline void
jscan_enter(struct jscan_iter *it, struct span v, unsigned depth)
{
	it->p = v.p + 1;
	it->depth = depth + 1;
	it->first = true;
}

/* 1 = a member, 0 = the end, -1 = not JSON.  key without its quotes, still
 * escaped if *esc. */
int		 jscan_member(struct jscan_iter *it, struct span *key,
		    bool *esc, struct span *val);
/* The same for an array that begins with '['. */
int		 jscan_element(struct jscan_iter *it, struct span *val);

/*
 * Duplicate keys of one object: give each key to jscan_dup_add in turn.  An
 * escaped key is replaced by its decoded form, which lives in d.  For the
 * stack (about 4 KiB); many, long or escaped keys allocate: always fini.
 */
struct jscan_dup {
	unsigned	 n;
	size_t		 used;
	uint64_t	 h[JSCAN_MEMBERS];
	struct span	 k[JSCAN_MEMBERS];
	char		 arena[1024];
	void		*big;		/* hash and decoded keys beyond that */
};

void		 jscan_dup_init(struct jscan_dup *d);
/* 0 = new, -1 = duplicate, -2 = more than JSCAN_MEMBERS_MAX. */
int		 jscan_dup_add(struct jscan_dup *d, struct span *key, bool esc);
void		 jscan_dup_fini(struct jscan_dup *d);

/*
 * The usual loop in one call: the next member with duplicates refused and the
 * key decoded.  1, 0, -1 (not JSON, or more than JSCAN_MEMBERS_MAX members) or
 * -2 (duplicate key, *key names it).
 */
int		 jscan_next(struct jscan_iter *it, struct jscan_dup *d,
		    struct span *key, struct span *val);

/* Kinds, from the first byte of a validated value. */
static inline bool jscan_is_str(struct span v) { return v.n && *v.p == '"'; }
static inline bool jscan_is_obj(struct span v) { return v.n && *v.p == '{'; }
static inline bool jscan_is_arr(struct span v) { return v.n && *v.p == '['; }
static inline bool jscan_is_null(struct span v) { return v.n && *v.p == 'n'; }
static inline bool jscan_is_true(struct span v) { return v.n && *v.p == 't'; }
static inline bool jscan_is_false(struct span v) { return v.n && *v.p == 'f'; }
static inline bool
jscan_is_num(struct span v)
{
	return v.n && (*v.p == '-' || (*v.p >= '0' && *v.p <= '9'));
}

/* The bytes between the quotes of a validated string, still escaped. */
static inline struct span
jscan_inner(struct span v)
{
	return (struct span){ v.p + 1, v.n - 2 };
}

/* A validated number that is a non-negative integer below 2^63 written
 * without sign, fraction or exponent (or with a fraction of zeros). */
bool		 jscan_u64(struct span v, uint64_t *out);
/* A validated number; false if it is none or too large (1e400). */
bool		 jscan_double(struct span v, double *out);
/* Decodes the inside of a validated string into out (at most inner.n bytes);
 * returns the length.  A lone surrogate becomes U+FFFD. */
size_t		 jscan_unescape(struct span inner, char *out);
/* The same for the one escape whose backslash is at *p (a surrogate pair is
 * one): at most 4 bytes of UTF-8; *p moves behind it. */
size_t		 jscan_escape(const char **p, const char *end, char out[4]);
/* True if the validated string value v (with quotes) decodes to lit. */
bool		 jscan_str_eq(struct span v, const char *lit);
/* Decoded, NUL-terminated copy in a; contains no NUL of its own or is NULL
 * (also if v is no string). */
char		*jscan_strdup(struct arena *a, struct span v);
/* Byte length of valid UTF-8 from p (n bytes); == n if all of it is. */
size_t		 jscan_utf8_valid(const char *p, size_t n);
/* Bytes of the one character at p, 0 if it is not valid UTF-8 (RFC 3629). */
size_t		 jscan_utf8_char(const char *p, size_t n);

#endif
