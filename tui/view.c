/* SPDX-License-Identifier: ISC */
#include "tui/view.h"

#include <string.h>

const struct view *const views[] = {
#define VIEW_X(sym, name)	[VIEW_##sym] = &name,
	VIEWS(VIEW_X)
#undef VIEW_X
};

int
view_find(const char *name)
{
	int i;

	for (i = 0; i < VIEW_COUNT; i++)
		if (strcmp(views[i]->name, name) == 0)
			return i;
	return -1;
}
