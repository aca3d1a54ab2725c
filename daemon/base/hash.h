/* SPDX-License-Identifier: ISC */
/* Hashes for tables.  Keyed with a random seed, so that nobody outside can
 * choose colliding names. */
#ifndef LLMD_BASE_HASH_H
#define LLMD_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* SipHash-1-3 (Aumasson, Bernstein; the variant of Linux's hash tables). */
uint64_t hash_bytes(const void *p, size_t n, const uint64_t key[2]);
/* FNV-1a 64: stable between runs, for ids derived from configuration. */
uint64_t hash_stable(const void *p, size_t n, uint64_t seed);
/* Fills key from getrandom(2). */
void	 hash_seed(uint64_t key[2]);

#endif
