/* SPDX-License-Identifier: ISC */
/*
 * Names stand in blocks that never move, so that a thread which got an id
 * with a snapshot reads its name without a lock while main adds others.
 */
#include <stdlib.h>

#include "base/map.h"
#include "base/xmalloc.h"
#include "conf/conf.h"

#define CONF_NAMES_BLOCK	256
#define CONF_NAMES_MAX		65536

struct conf_names {
	struct map	*ids;		/* name -> id + 1 */
	char		**blocks[CONF_NAMES_MAX / CONF_NAMES_BLOCK];
	unsigned	 n;
};

struct conf_names *
conf_names_new(void)
{
	struct conf_names *n = xcalloc(1, sizeof(*n));

	n->ids = map_new();
	conf_names_add(n, "-");		/* id 0 */
	return n;
}

void
conf_names_free(struct conf_names *n)
{
	unsigned i;

	if (n == NULL)
		return;
	for (i = 0; i < n->n; i++)
		free(n->blocks[i / CONF_NAMES_BLOCK][i % CONF_NAMES_BLOCK]);
	for (i = 0; i < CONF_NAMES_MAX / CONF_NAMES_BLOCK; i++)
		free(n->blocks[i]);
	map_free(n->ids);
	free(n);
}

uint16_t
conf_names_add(struct conf_names *n, const char *name)
{
	uintptr_t id = (uintptr_t)map_get(n->ids, span_z(name));
	char ***block;

	if (id != 0)
		return (uint16_t)(id - 1);
	if (n->n == CONF_NAMES_MAX)
		return 0;
	block = &n->blocks[n->n / CONF_NAMES_BLOCK];
	if (*block == NULL)
		*block = xcalloc(CONF_NAMES_BLOCK, sizeof(**block));
	(*block)[n->n % CONF_NAMES_BLOCK] = xstrdup(name);
	map_put(n->ids, span_z(name), (void *)(uintptr_t)(n->n + 1));
	return (uint16_t)n->n++;
}

const char *
conf_names_get(const struct conf_names *n, uint16_t id)
{
	char *const *block = n->blocks[id / CONF_NAMES_BLOCK];
	const char *name = NULL;

	if (block != NULL)
		name = block[id % CONF_NAMES_BLOCK];
	return name != NULL ? name : "-";
}
