/* SPDX-License-Identifier: ISC */
/* A hash map from byte strings to pointers; keys are copied, values borrowed.
 * Built once and then read by many threads, or used by one thread. */
#ifndef LLMD_BASE_MAP_H
#define LLMD_BASE_MAP_H

#include <stddef.h>

#include "base/str.h"

struct map;

struct map	*map_new(void);
void		 map_free(struct map *m);
/* Stores v under k; returns the value that was there before, or NULL. */
void		*map_put(struct map *m, struct span k, void *v);
/* NULL if absent. */
void		*map_get(const struct map *m, struct span k);
/* Removes k and returns its value, or NULL. */
void		*map_del(struct map *m, struct span k);
size_t		 map_len(const struct map *m);
/*
 * Iteration in insertion order (of what was never deleted): start with
 * *pos = 0, ends with false.  The map must not change meanwhile.
 */
bool		 map_next(const struct map *m, size_t *pos, struct span *k,
		    void **v);

#endif
