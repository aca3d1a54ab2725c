/* SPDX-License-Identifier: ISC */
/*
 * OpenSSL's old SHA256_* calls: the new ones look up a provider each time,
 * and the first look-up reads a configuration, which takes 5 ms of the start.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "access/key.h"

#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "base/xmalloc.h"

void
key_hash(struct span key, uint8_t out[KEY_HASH_LEN])
{
	SHA256_CTX ctx;

	SHA256_Init(&ctx);
	if (key.n != 0)
		SHA256_Update(&ctx, key.p, key.n);
	SHA256_Final(out, &ctx);
}

/* Looks at every row, so that the time tells neither whether nor where. */
const struct key_row *
key_find(const struct key_table *t, struct span key)
{
	const struct key_row *found = NULL;
	uint8_t hash[KEY_HASH_LEN];
	uint32_t i;

	if (key.p == NULL || key.n == 0 || key.n > KEY_LEN_MAX)
		return NULL;
	key_hash(key, hash);
	for (i = 0; i < t->n; i++)
		if (CRYPTO_memcmp(hash, t->rows[i].hash, sizeof(hash)) == 0 &&
		    found == NULL)
			found = &t->rows[i];
	return found;
}

struct key_row *
key_add(struct key_table *t, struct span key, const char *id,
    const char *label)
{
	struct key_row *r;

	t->rows = xreallocarray(t->rows, t->n + 1, sizeof(*t->rows));
	r = &t->rows[t->n];
	memset(r, 0, sizeof(*r));
	r->index = t->n++;
	strncpy(r->id, id, sizeof(r->id) - 1);
	r->label = label != NULL ? xstrdup(label) : NULL;
	key_hash(key, r->hash);
	return r;
}

void
key_table_fini(struct key_table *t)
{
	uint32_t i;

	for (i = 0; i < t->n; i++)
		free(t->rows[i].label);
	free(t->rows);
	t->rows = NULL;
	t->n = 0;
}

bool
key_same(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0);
}

/* The rest of v behind a scheme's name and white space, or absent. */
static struct span
key_scheme(struct span v, const char *scheme)
{
	struct span word = v;
	size_t n = strlen(scheme);

	word.n = n;
	if (v.n < n || !span_ieq(word, scheme) ||
	    (v.n > n && v.p[n] != ' ' && v.p[n] != '\t'))
		return SPAN_NONE;
	return span_trim((struct span){ v.p + n, v.n - n });
}

struct span
key_from_field(struct span value)
{
	struct span v, rest;

	if (value.p == NULL)
		return SPAN_NONE;
	v = span_trim(value);
	if (v.n == 0 || key_scheme(v, "basic").p != NULL)
		return SPAN_NONE;
	rest = key_scheme(v, "bearer");
	if (rest.p != NULL)
		v = rest;
	return v.n != 0 ? v : SPAN_NONE;
}
