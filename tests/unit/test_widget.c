/* SPDX-License-Identifier: ISC */
/* LINK: tui/widget/table.c tui/widget/flow.c tui/widget/list.c */
/* LINK: tui/widget/spark.c proto/text.c proto/text_width.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/text.h"
#include "tui/widget/flow.h"
#include "tui/widget/list.h"
#include "tui/widget/spark.h"
#include "tui/widget/table.h"

/*
 * The widgets against a screen of bytes instead of curses: the functions of
 * tui/term.h that they use are these.
 */
#define ROWS	12
#define COLUMNS	100

static char screen[ROWS][COLUMNS + 1];
static const struct term term = { .ascii = 1 };

static void
blank(void)
{
	int y;

	for (y = 0; y < ROWS; y++)
		snprintf(screen[y], sizeof(screen[y]), "%*s", COLUMNS, "");
}

static void
assert_line(int y, const char *want)
{
	char got[COLUMNS + 1];
	size_t n;

	snprintf(got, sizeof(got), "%s", screen[y]);
	for (n = strlen(got); n > 0 && got[n - 1] == ' '; n--)
		got[n - 1] = '\0';
	assert_string_equal(got, want);
}

int
term_width(const struct term *t, const char *raw)
{
	char safe[4096];

	text_escape(safe, sizeof(safe), raw, strlen(raw),
	    t->ascii ? TEXT_ASCII : 0);
	return text_width(safe);
}

int
term_put(const struct term *t, int y, int x, int w, enum term_role role,
    const char *raw)
{
	char safe[4096], cut[4096];
	int n;

	(void)role;
	if (w <= 0)
		return 0;
	assert_in_range(y, 0, ROWS - 1);
	assert_in_range(x + w, 0, COLUMNS);
	text_escape(safe, sizeof(safe), raw, strlen(raw),
	    t->ascii ? TEXT_ASCII : 0);
	n = text_cut(cut, sizeof(cut), safe, w, "~");
	memcpy(screen[y] + x, cut, strlen(cut));
	return n;
}

int
term_right(const struct term *t, int y, int x, int w, enum term_role role,
    const char *raw)
{
	int n = term_width(t, raw);

	if (n > w)
		n = w;
	return term_put(t, y, x + w - n, n, role, raw);
}

static const struct table_column columns[] = {
	{ "AGE", 1, 4, 6, 100 },
	{ "NAME", 0, 6, 12, 90 },
	{ "OUT", 1, 4, 8, 50 },
	{ "NOTE", 0, 8, 40, 10 },
};

static void
fill(struct table_cell *c, const char *name, const char *note)
{
	table_set(&c[0], TERM_TEXT, "1.2s");
	table_set(&c[1], TERM_TEXT, name);
	table_set_int(&c[2], -1);
	table_set(&c[3], TERM_TEXT, note);
}

static void
test_table_drops_by_rank(void **state)
{
	struct table_cell c[4];
	struct table t;

	(void)state;
	fill(c, "chat", "n");
	table_init(&t, columns, 4);
	table_measure(&t, &term, c);
	assert_true(table_fit(&t, 40) <= 40);
	assert_int_not_equal(t.w[3], 0);
	table_fit(&t, 16);
	assert_int_equal(t.w[3], 0);
	assert_int_not_equal(t.w[2], 0);
	table_fit(&t, 11);
	assert_int_equal(t.w[2], 0);
	assert_int_not_equal(t.w[1], 0);
	table_fit(&t, 2);
	assert_int_equal(t.w[0], 0);
	assert_int_equal(table_fit(&t, 0), 0);
}

static void
test_table_rows(void **state)
{
	struct table_cell c[4];
	struct table t;

	(void)state;
	blank();
	fill(c, "a name too long by far", "\033[31mred");
	table_init(&t, columns, 4);
	table_measure(&t, &term, c);
	table_fit(&t, 50);
	table_head(&t, &term, 0, 0);
	table_row(&t, &term, 1, 0, c);
	assert_line(0, " AGE NAME          OUT NOTE");
	assert_line(1, "1.2s a name too ~    - \\x1b[31mred");
	/* Narrower contents do not take the width away again. */
	fill(c, "x", "y");
	table_measure(&t, &term, c);
	table_fit(&t, 50);
	assert_int_equal(t.w[1], 12);
}

static void
test_flow_wraps_at_words(void **state)
{
	struct flow f;

	(void)state;
	blank();
	flow_init(&f, 1);
	flow_add(&f, &term, TERM_TEXT, "the quick brown fox\njumps ");
	flow_add(&f, &term, TERM_BOLD, "over the lazydogandmore end");
	assert_int_equal(flow_lines(&f, 10), 6);
	flow_draw(&f, &term, (struct rect){ 0, 0, ROWS, 10 });
	assert_line(0, "the quick");
	assert_line(1, "brown fox");
	assert_line(2, "jumps over");
	assert_line(3, "the");
	assert_line(4, "lazydogand");
	assert_line(5, "more end");
	flow_fini(&f);
}

/* It shows its end while it grows, and stays where the user scrolled. */
static void
test_flow_follows(void **state)
{
	struct flow f;
	int i;

	(void)state;
	flow_init(&f, 0);
	for (i = 0; i < 20; i++)
		flow_addf(&f, &term, TERM_TEXT, "line %d\n", i);
	blank();
	flow_draw(&f, &term, (struct rect){ 0, 0, 5, 20 });
	assert_line(4, "line 19");
	flow_scroll(&f, -3);
	blank();
	flow_draw(&f, &term, (struct rect){ 0, 0, 5, 20 });
	assert_line(4, "line 16");
	flow_scroll(&f, -1000);
	blank();
	flow_draw(&f, &term, (struct rect){ 0, 0, 5, 20 });
	assert_line(0, "line 0");
	flow_scroll(&f, 1000);
	blank();
	flow_draw(&f, &term, (struct rect){ 0, 0, 5, 20 });
	assert_line(4, "line 19");
	flow_fini(&f);
}

/* Nothing that comes in can leave the rectangle or drive the terminal. */
static void
test_flow_hostile(void **state)
{
	static const char *const texts[] = { "\033[2J\033[H", "\001Z\001",
	    "\r\b\b\b", ("\xe2\x80\xae" "abc"), "\xff\xfe", "a\tb" };
	struct flow f;
	size_t i, j;
	int w, y;

	(void)state;
	flow_init(&f, 0);
	for (i = 0; i < 200; i++)
		flow_add(&f, &term, TERM_TEXT,
		    texts[i % (sizeof(texts) / sizeof(texts[0]))]);
	for (w = 1; w < 40; w++) {
		blank();
		flow_draw(&f, &term, (struct rect){ 1, 3, 6, w });
		for (y = 0; y < ROWS; y++)
			for (j = 0; j < COLUMNS; j++) {
				assert_in_range(screen[y][j], ' ', '~');
				if (y < 1 || y > 6 || j < 3 ||
				    j >= 3 + (size_t)w)
					assert_int_equal(screen[y][j], ' ');
			}
	}
	flow_fini(&f);
}

static void
test_flow_bounded(void **state)
{
	char piece[8192];
	struct flow f;
	int i;

	(void)state;
	memset(piece, 'x', sizeof(piece) - 1);
	piece[sizeof(piece) - 1] = '\0';
	flow_init(&f, 0);
	for (i = 0; i < 100; i++)
		flow_add(&f, &term, TERM_TEXT, piece);
	assert_true(f.len <= FLOW_MAX);
	assert_true(f.lost > 0);
	flow_fini(&f);
}

static void
test_list(void **state)
{
	struct list l = { 0, 0, 0 };

	(void)state;
	list_keep(&l, 100, 10);
	list_move(&l, LIST_UP, 100);
	assert_int_equal(l.sel, 0);
	list_move(&l, LIST_PAGE_DOWN, 100);
	list_move(&l, LIST_PAGE_DOWN, 100);
	assert_int_equal(l.sel, 18);
	assert_int_equal(l.top, 9);
	list_move(&l, LIST_END, 100);
	assert_int_equal(l.sel, 99);
	assert_int_equal(l.top, 90);
	list_keep(&l, 5, 10);		/* it shrank */
	assert_int_equal(l.sel, 4);
	assert_int_equal(l.top, 0);
	list_keep(&l, 0, 0);
	assert_int_equal(l.sel, 0);
}

static void
test_spark(void **state)
{
	double v[] = { 0, 1, 4, 8, -1, 0.0 / 1.0 };

	(void)state;
	blank();
	spark_draw(&term, 0, 0, TERM_TEXT, v, 6);
	assert_int_equal(screen[0][0], ' ');
	assert_int_equal(screen[0][3], '%');
	assert_int_equal(screen[0][4], ' ');
	assert_int_not_equal(screen[0][1], screen[0][2]);
	v[1] = v[2] = v[3] = 0;
	blank();
	spark_draw(&term, 0, 0, TERM_TEXT, v, 6);
	assert_line(0, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_drops_by_rank),
		cmocka_unit_test(test_table_rows),
		cmocka_unit_test(test_flow_wraps_at_words),
		cmocka_unit_test(test_flow_follows),
		cmocka_unit_test(test_flow_hostile),
		cmocka_unit_test(test_flow_bounded),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_spark),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
