/* SPDX-License-Identifier: ISC */
#include "ctl/table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/text.h"

#define TABLE_GAP	2	/* blanks between columns */
#define TABLE_MIN	8	/* narrowest that a cut column gets */

struct table_cell {
	char		*text;
	enum out_colour	 colour;
};

struct table {
	const struct out		*out;
	const struct table_column	*columns;
	int				*width;
	int				*values;	/* width of the cells */
	char				*hidden;
	struct table_cell		*cells;
	size_t				 ncells;
	size_t				 capacity;
	int				 n;
};

struct table *
table_new(const struct out *o, const struct table_column *columns, int n)
{
	struct table *t = calloc(1, sizeof(*t));

	if (t == NULL ||
	    (t->width = calloc((size_t)n, sizeof(*t->width))) == NULL ||
	    (t->values = calloc((size_t)n, sizeof(*t->values))) == NULL ||
	    (t->hidden = calloc((size_t)n, 1)) == NULL)
		abort();
	t->out = o;
	t->columns = columns;
	t->n = n;
	return t;
}

void
table_free(struct table *t)
{
	size_t i;

	for (i = 0; i < t->ncells; i++)
		free(t->cells[i].text);
	free(t->cells);
	free(t->width);
	free(t->values);
	free(t->hidden);
	free(t);
}

/* Adds a cell; text (escaped) is taken. */
static void
table_add(struct table *t, char *text, enum out_colour colour)
{
	if (t->ncells == t->capacity) {
		t->capacity = t->capacity == 0 ? 64 : t->capacity * 2;
		t->cells = realloc(t->cells,
		    t->capacity * sizeof(*t->cells));
		if (t->cells == NULL)
			abort();
	}
	t->cells[t->ncells].text = text;
	t->cells[t->ncells++].colour = colour;
}

void
table_text(struct table *t, const char *s)
{
	table_add(t, out_escape(t->out, s != NULL && *s != '\0' ? s : "-"),
	    OUT_DEFAULT);
}

void
table_state(struct table *t, const char *state)
{
	enum out_colour c = out_state_colour(state);

	if (t->out->format == OUT_TABLE)
		state = out_state_word(state);
	table_add(t, out_escape(t->out, state), c);
}

/* A number without needless zeros, for programs. */
static void
table_raw(char *dst, size_t cap, double v)
{
	int whole = fabs(v) < 1e15 && v == (double)(int64_t)v;

	snprintf(dst, cap, whole ? "%.0f" : "%.3f", v);
}

void
table_number(struct table *t, double v, enum table_unit unit)
{
	char text[64];

	if (!isfinite(v))
		snprintf(text, sizeof(text), "-");
	else if (t->out->format != OUT_TABLE)
		table_raw(text, sizeof(text), v);
	else if (unit == TABLE_MS)
		text_duration(text, sizeof(text), v);
	else if (unit == TABLE_AGE)
		text_age(text, sizeof(text), v);
	else if (unit == TABLE_COUNT)
		text_count(text, sizeof(text), (int64_t)v);
	else if (unit == TABLE_RATE)
		snprintf(text, sizeof(text), "%.1f", v);
	else
		snprintf(text, sizeof(text), "%.0f", v);
	table_add(t, out_escape(t->out, text), OUT_DEFAULT);
}

static int
table_total(const struct table *t)
{
	int i, total = -TABLE_GAP;

	for (i = 0; i < t->n; i++)
		if (!t->hidden[i])
			total += t->width[i] + TABLE_GAP;
	return total;
}

/*
 * Hides columns, least wanted first, until the rest fits; if the last ones do
 * not fit either, the widest is cut.
 */
static void
table_fit(struct table *t)
{
	int i, drop, over, widest;

	while ((over = table_total(t) - t->out->columns) > 0) {
		drop = widest = -1;
		for (i = 0; i < t->n; i++) {
			if (t->hidden[i])
				continue;
			if (widest < 0 || t->width[i] > t->width[widest])
				widest = i;
			if (t->columns[i].keep < 100 && (drop < 0 ||
			    t->columns[i].keep <= t->columns[drop].keep))
				drop = i;
		}
		if (drop >= 0) {
			t->hidden[drop] = 1;
			continue;
		}
		if (t->width[widest] <= TABLE_MIN)
			return;
		t->width[widest] -= over;
		if (t->width[widest] < TABLE_MIN)
			t->width[widest] = TABLE_MIN;
	}
}

/* One cell, padded unless it is the last of its line. */
static void
table_cell_print(const struct table *t, const char *text, int column,
    enum out_colour colour, int last)
{
	size_t cap = strlen(text) + 8;
	char *cut = malloc(cap);
	int used, pad, before = 0;

	if (cut == NULL)
		abort();
	used = text_cut(cut, cap, text, t->width[column],
	    t->out->utf8 ? "\xe2\x80\xa6" : "~");
	pad = t->width[column] - used;
	if (t->columns[column].align == TABLE_RIGHT)
		before = pad;
	else if (t->columns[column].align == TABLE_UNDER &&
	    used < t->values[column] &&
	    text != t->columns[column].title)
		before = t->values[column] - used;
	printf("%*s%s%s%s", before, "", out_on(t->out, colour), cut,
	    out_off(t->out, colour));
	if (!last)
		printf("%*s", TABLE_GAP + pad - before, "");
	free(cut);
}

static void
table_line_print(const struct table *t, size_t first)
{
	int i, last = 0;

	for (i = 0; i < t->n; i++)
		if (!t->hidden[i])
			last = i;
	for (i = 0; i < t->n; i++) {
		if (t->hidden[i])
			continue;
		if (first == SIZE_MAX)
			table_cell_print(t, t->columns[i].title, i,
			    OUT_DEFAULT, i == last);
		else
			table_cell_print(t, t->cells[first + (size_t)i].text,
			    i, t->cells[first + (size_t)i].colour, i == last);
	}
	putchar('\n');
}

static void
table_print_plain(const struct table *t)
{
	size_t i;

	for (i = 0; i < t->ncells; i++)
		printf("%s%c", t->cells[i].text,
		    (i + 1) % (size_t)t->n == 0 ? '\n' : '\t');
}

void
table_print(struct table *t)
{
	size_t i;
	int w, c;

	if (t->out->format != OUT_TABLE) {
		table_print_plain(t);
		return;
	}
	for (c = 0; c < t->n; c++)
		t->width[c] = text_width(t->columns[c].title);
	for (i = 0; i < t->ncells; i++) {
		c = (int)(i % (size_t)t->n);
		w = text_width(t->cells[i].text);
		if (w > t->values[c])
			t->values[c] = w;
		if (w > t->width[c])
			t->width[c] = w;
	}
	if (t->out->columns > 0)
		table_fit(t);
	table_line_print(t, SIZE_MAX);
	for (i = 0; i + (size_t)t->n <= t->ncells; i += (size_t)t->n)
		table_line_print(t, i);
}
