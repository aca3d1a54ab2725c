/* SPDX-License-Identifier: ISC */
#include "base/hash.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"

static inline uint64_t
hash_rot(uint64_t x, unsigned k)
{
	return x << k | x >> (64 - k);
}

static inline void
hash_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = hash_rot(v[1], 13) ^ v[0];
	v[0] = hash_rot(v[0], 32);
	v[2] += v[3];
	v[3] = hash_rot(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = hash_rot(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = hash_rot(v[1], 17) ^ v[2];
	v[2] = hash_rot(v[2], 32);
}

uint64_t
hash_bytes(const void *data, size_t n, const uint64_t key[2])
{
	const unsigned char *p = data;
	uint64_t v[4], m, last = (uint64_t)n << 56;
	size_t i;

	v[0] = key[0] ^ 0x736f6d6570736575u;
	v[1] = key[1] ^ 0x646f72616e646f6du;
	v[2] = key[0] ^ 0x6c7967656e657261u;
	v[3] = key[1] ^ 0x7465646279746573u;
	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&m, p, 8);
		m = le64toh(m);
		v[3] ^= m;
		hash_round(v);
		v[0] ^= m;
	}
	for (i = 0; i < n; i++)
		last |= (uint64_t)p[i] << (8 * i);
	v[3] ^= last;
	hash_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	hash_round(v);
	hash_round(v);
	hash_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t
hash_stable(const void *data, size_t n, uint64_t seed)
{
	const unsigned char *p = data;
	uint64_t h = 0xcbf29ce484222325u ^ seed;
	size_t i;

	for (i = 0; i < n; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	return h;
}

/*
 * getrandom cannot fail on the kernels that we run on, but a sandbox may
 * forbid it: then what differs from run to run must do.
 */
void
hash_seed(uint64_t key[2])
{
	ssize_t r;

	do
		r = getrandom(key, 2 * sizeof(*key), 0);
	while (r < 0 && errno == EINTR);
	if (r == (ssize_t)(2 * sizeof(*key)))
		return;
	key[0] = clock_ns() ^ (uint64_t)getpid() << 40;
	key[1] = clock_wall_ns() ^ (uint64_t)(uintptr_t)&r;
}
