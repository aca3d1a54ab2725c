/* SPDX-License-Identifier: ISC */
#include "conf/conf_env.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/xmalloc.h"

struct conf_env {
	struct map	*vars;		/* name -> value, owned */
	struct map	*secrets;	/* name -> anything */
};

struct conf_env *
conf_env_new(char **environ_block)
{
	struct conf_env *e = xcalloc(1, sizeof(*e));
	struct span name;
	char **p, *eq;

	e->vars = map_new();
	e->secrets = map_new();
	for (p = environ_block; p != NULL && *p != NULL; p++) {
		if ((eq = strchr(*p, '=')) == NULL)
			continue;
		name = (struct span){ *p, (size_t)(eq - *p) };
		/* As getenv(3): the first one counts. */
		if (map_get(e->vars, name) == NULL)
			map_put(e->vars, name, xstrdup(eq + 1));
	}
	return e;
}

void
conf_env_free(struct conf_env *e)
{
	struct span k;
	size_t pos = 0;
	void *v;

	if (e == NULL)
		return;
	while (map_next(e->vars, &pos, &k, &v)) {
		explicit_bzero(v, strlen(v));
		free(v);
	}
	map_free(e->vars);
	map_free(e->secrets);
	free(e);
}

const char *
conf_env_get(const struct conf_env *e, const char *name)
{
	return map_get(e->vars, span_z(name));
}

void
conf_env_mark(struct conf_env *e, const char *name)
{
	map_put(e->secrets, span_z(name), e);
}

void
conf_env_seal(struct conf_env *e, char **environ_block)
{
	struct span name;
	char **p, *eq;

	for (p = environ_block; p != NULL && *p != NULL; p++) {
		if ((eq = strchr(*p, '=')) == NULL)
			continue;
		name = (struct span){ *p, (size_t)(eq - *p) };
		if (map_get(e->secrets, name) != NULL)
			explicit_bzero(eq + 1, strlen(eq + 1));
	}
}
