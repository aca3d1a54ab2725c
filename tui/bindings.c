/* SPDX-License-Identifier: ISC */
#include "tui/bindings.h"

#include <stddef.h>

const struct binding bindings[] = {
#define BIND_X(scope, key, key2, label, name, bar, change, help, handler) \
	{ label, name, bar, help, handler, key, key2, BIND_##scope, change },
	BINDINGS(BIND_X)
#undef BIND_X
	{ NULL, NULL, NULL, NULL, NULL, 0, 0, BIND_NONE, 0 }
};

const struct binding *
bindings_find(enum bind_scope scope, int key)
{
	const struct binding *b;

	for (b = bindings; b->label != NULL; b++)
		if (b->scope == scope && key != 0 &&
		    (b->key == key || b->key2 == key))
			return b;
	return NULL;
}
