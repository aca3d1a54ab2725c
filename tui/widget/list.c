/* SPDX-License-Identifier: ISC */
#include "tui/widget/list.h"

void
list_move(struct list *l, enum list_move how, int count)
{
	int page = l->height > 1 ? l->height - 1 : 1;

	switch (how) {
	case LIST_UP:
		l->sel--;
		break;
	case LIST_DOWN:
		l->sel++;
		break;
	case LIST_PAGE_UP:
		l->sel -= page;
		break;
	case LIST_PAGE_DOWN:
		l->sel += page;
		break;
	case LIST_HOME:
		l->sel = 0;
		break;
	case LIST_END:
		l->sel = count - 1;
		break;
	}
	list_keep(l, count, l->height);
}

void
list_keep(struct list *l, int count, int height)
{
	l->height = height;
	if (l->sel >= count)
		l->sel = count - 1;
	if (l->sel < 0)
		l->sel = 0;
	if (l->top > l->sel)
		l->top = l->sel;
	if (height > 0 && l->top < l->sel - height + 1)
		l->top = l->sel - height + 1;
	if (l->top > count - height)
		l->top = count - height;
	if (l->top < 0)
		l->top = 0;
}
