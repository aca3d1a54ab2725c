/* SPDX-License-Identifier: ISC */
#ifndef LLMD_SIM_EMBED_H
#define LLMD_SIM_EMBED_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"

/* A vector of length 1 that depends on the text only, as float32. */
void	 embed_vector(const char *, size_t len, size_t dim, float *);
/* The same as a JSON array, shortest digits that give the float back. */
void	 embed_list(const char *, size_t len, size_t dim, bool zero,
	    struct buf *);
/* The same as base64 of little-endian float32. */
void	 embed_base64(const char *, size_t len, size_t dim, struct buf *);

#endif
