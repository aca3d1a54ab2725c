/* SPDX-License-Identifier: ISC */
#include "tui/widget/table.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/text.h"

void
table_init(struct table *t, const struct table_column *columns, int n)
{
	int i;

	memset(t, 0, sizeof(*t));
	t->columns = columns;
	t->n = n;
	for (i = 0; i < n; i++)
		t->want[i] = (int)strlen(columns[i].title);
}

void
table_measure(struct table *t, const struct term *term,
    const struct table_cell *cells)
{
	int i, w;

	for (i = 0; i < t->n; i++) {
		w = term_width(term, cells[i].text);
		if (w > t->columns[i].max)
			w = t->columns[i].max;
		if (w > t->want[i])
			t->want[i] = w;
	}
}

/* The column still shown that has the lowest (or highest open) rank. */
static int
table_lowest(const struct table *t)
{
	int i, at = -1;

	for (i = 0; i < t->n; i++)
		if (t->w[i] > 0 && (at < 0 ||
		    t->columns[i].rank <= t->columns[at].rank))
			at = i;
	return at;
}

static int
table_used(const struct table *t)
{
	int i, used = 0;

	for (i = 0; i < t->n; i++)
		if (t->w[i] > 0)
			used += t->w[i] + (used > 0);
	return used;
}

/* Grows columns to what `goal` says, the highest rank first. */
static void
table_grow(struct table *t, int width, const int *goal)
{
	int i, best, more, used = table_used(t), done[TABLE_COLUMNS] = { 0 };

	while (used < width) {
		for (best = -1, i = 0; i < t->n; i++)
			if (t->w[i] > 0 && !done[i] && (best < 0 ||
			    t->columns[i].rank > t->columns[best].rank))
				best = i;
		if (best < 0)
			break;
		done[best] = 1;
		more = goal[best] - t->w[best];
		if (more > width - used)
			more = width - used;
		if (more > 0) {
			t->w[best] += more;
			used += more;
		}
	}
}

int
table_fit(struct table *t, int width)
{
	int i, x = 0, least[TABLE_COLUMNS] = { 0 };
	int first[TABLE_COLUMNS] = { 0 };

	for (i = 0; i < t->n; i++) {
		t->w[i] = least[i] = t->columns[i].min;
		first[i] = t->columns[i].rank > TABLE_LAST ? t->want[i] : 0;
	}
	while (table_used(t) > width && (i = table_lowest(t)) >= 0)
		t->w[i] = 0;
	for (i = 0; i < t->n; i++)
		if (t->w[i] > t->want[i])
			t->w[i] = t->want[i];
	table_grow(t, width, first);
	table_grow(t, width, least);
	table_grow(t, width, t->want);
	for (i = 0; i < t->n; i++) {
		t->x[i] = x;
		if (t->w[i] > 0)
			x += t->w[i] + 1;
	}
	return table_used(t);
}

void
table_head(const struct table *t, const struct term *term, int y, int x)
{
	int i;

	for (i = 0; i < t->n; i++) {
		if (t->columns[i].right)
			term_right(term, y, x + t->x[i], t->w[i], TERM_TITLE,
			    t->columns[i].title);
		else
			term_put(term, y, x + t->x[i], t->w[i], TERM_TITLE,
			    t->columns[i].title);
	}
}

void
table_row(const struct table *t, const struct term *term, int y, int x,
    const struct table_cell *cells)
{
	int i;

	for (i = 0; i < t->n; i++) {
		if (t->columns[i].right)
			term_right(term, y, x + t->x[i], t->w[i],
			    cells[i].role, cells[i].text);
		else
			term_put(term, y, x + t->x[i], t->w[i],
			    cells[i].role, cells[i].text);
	}
}

void
table_set(struct table_cell *c, enum term_role role, const char *text)
{
	if (text == NULL || *text == '\0') {
		text = "-";
		role = TERM_DIM;
	}
	c->role = role;
	snprintf(c->text, sizeof(c->text), "%s", text);
}

void
table_setf(struct table_cell *c, enum term_role role, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->text, sizeof(c->text), fmt, ap);
	va_end(ap);
	c->role = role;
}

void
table_set_ms(struct table_cell *c, double ms)
{
	text_duration(c->text, sizeof(c->text), ms);
	c->role = isfinite(ms) ? TERM_TEXT : TERM_DIM;
}

void
table_set_num(struct table_cell *c, double v, int decimals)
{
	if (isfinite(v))
		table_setf(c, TERM_TEXT, "%.*f", decimals, v);
	else
		table_set(c, TERM_DIM, "");
}

void
table_set_int(struct table_cell *c, long long v)
{
	if (v >= 0)
		table_setf(c, TERM_TEXT, "%lld", v);
	else
		table_set(c, TERM_DIM, "");
}
