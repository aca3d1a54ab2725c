/* SPDX-License-Identifier: ISC */
/*
 * Who may: the table of client keys of one snapshot.  Row 0 is the master key
 * where there is one.  Only SHA-256 digests are kept; they are compared in
 * constant time, and a lookup does the same work whether the key is known or
 * not.
 */
#ifndef LLMD_ACCESS_KEY_H
#define LLMD_ACCESS_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define KEY_HASH_LEN	32
/* A longer key is never looked at. */
#define KEY_LEN_MAX	512

struct key_row {
	uint32_t	 index;		/* position in its table */
	uint16_t	 name_id;	/* conf_names number of id */
	char		 id[16];	/* "master", or 8 hex digits; in logs */
	char		*label;		/* for people, or NULL */
	uint8_t		 hash[KEY_HASH_LEN];
};

struct key_table {
	struct key_row	*rows;
	uint32_t	 n;		/* 0: no key is needed (open) */
};

void	 key_hash(struct span key, uint8_t out[KEY_HASH_LEN]);
/* The row that key belongs to, or NULL.  About 1 us: cache the answer. */
const struct key_row *key_find(const struct key_table *t, struct span key);
/* Appends a row; key is hashed and not kept. */
struct key_row *key_add(struct key_table *t, struct span key, const char *id,
	    const char *label);
void	 key_table_fini(struct key_table *t);
/* True if a and b hold the same bytes, in time that tells only the length. */
bool	 key_same(struct span a, struct span b);

/*
 * The key in a field value: "Bearer x" in any case, "Basic ..." is no key,
 * a bare key is accepted.  Absent if there is none.
 */
struct span key_from_field(struct span value);

#endif
