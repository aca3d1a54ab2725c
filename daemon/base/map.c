/* SPDX-License-Identifier: ISC */
/*
 * Entries stand in an array in the order of insertion; an open-addressing
 * index of their numbers (from 1; 0 = free) finds them.  A deleted entry
 * keeps its place without a key until the next rebuild, so probe sequences
 * stay whole.
 */
#include "base/map.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/xmalloc.h"

#define MAP_FIRST	16	/* slots; a power of two */

struct map_entry {
	char		*k;	/* NULL: deleted */
	size_t		 n;
	void		*v;
	uint64_t	 h;
};

struct map {
	uint64_t		 key[2];
	struct map_entry	*e;
	size_t			 used;	/* entries, deleted ones too */
	size_t			 live;
	uint32_t		*slots;
	size_t			 nslots;
};

struct map *
map_new(void)
{
	struct map *m = xcalloc(1, sizeof(*m));

	hash_seed(m->key);
	return m;
}

void
map_free(struct map *m)
{
	size_t i;

	if (m == NULL)
		return;
	for (i = 0; i < m->used; i++)
		free(m->e[i].k);
	free(m->e);
	free(m->slots);
	free(m);
}

/* The entry of k, or NULL. */
static struct map_entry *
map_find(const struct map *m, struct span k, uint64_t h)
{
	struct map_entry *e;
	size_t i;

	if (m->live == 0)
		return NULL;
	for (i = h & (m->nslots - 1); m->slots[i] != 0;
	    i = (i + 1) & (m->nslots - 1)) {
		e = &m->e[m->slots[i] - 1];
		if (e->h == h && e->k != NULL &&
		    span_is((struct span){ e->k, e->n }, k))
			return e;
	}
	return NULL;
}

static void
map_index(struct map *m, size_t entry)
{
	size_t i = m->e[entry].h & (m->nslots - 1);

	while (m->slots[i] != 0)
		i = (i + 1) & (m->nslots - 1);
	m->slots[i] = (uint32_t)(entry + 1);
}

/* Makes room for one more entry: drops the deleted ones, doubles if needed. */
static void
map_rebuild(struct map *m)
{
	size_t i, to = 0, nslots = m->nslots;

	for (i = 0; i < m->used; i++)
		if (m->e[i].k != NULL)
			m->e[to++] = m->e[i];
	m->used = to;
	if (nslots == 0)
		nslots = MAP_FIRST;
	else if (m->live >= nslots / 4)
		nslots *= 2;
	if (nslots != m->nslots) {
		m->e = xreallocarray(m->e, nslots / 2, sizeof(*m->e));
		free(m->slots);
		m->slots = xcalloc(nslots, sizeof(*m->slots));
		m->nslots = nslots;
	} else
		memset(m->slots, 0, nslots * sizeof(*m->slots));
	for (i = 0; i < m->used; i++)
		map_index(m, i);
}

void *
map_put(struct map *m, struct span k, void *v)
{
	uint64_t h = hash_bytes(k.p, k.n, m->key);
	struct map_entry *e = map_find(m, k, h);
	void *old;

	if (e != NULL) {
		old = e->v;
		e->v = v;
		return old;
	}
	if (m->used == m->nslots / 2)
		map_rebuild(m);
	e = &m->e[m->used];
	e->k = span_dup(k);
	e->n = k.n;
	e->v = v;
	e->h = h;
	map_index(m, m->used++);
	m->live++;
	return NULL;
}

void *
map_get(const struct map *m, struct span k)
{
	struct map_entry *e;

	if (m->live == 0)
		return NULL;
	e = map_find(m, k, hash_bytes(k.p, k.n, m->key));
	return e == NULL ? NULL : e->v;
}

void *
map_del(struct map *m, struct span k)
{
	struct map_entry *e;

	e = map_find(m, k, hash_bytes(k.p, k.n, m->key));
	if (e == NULL)
		return NULL;
	free(e->k);
	e->k = NULL;
	m->live--;
	return e->v;
}

size_t
map_len(const struct map *m)
{
	return m->live;
}

bool
map_next(const struct map *m, size_t *pos, struct span *k, void **v)
{
	const struct map_entry *e;

	while (*pos < m->used) {
		e = &m->e[(*pos)++];
		if (e->k == NULL)
			continue;
		*k = (struct span){ e->k, e->n };
		*v = e->v;
		return true;
	}
	return false;
}
