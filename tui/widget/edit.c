/* SPDX-License-Identifier: ISC */
#include "tui/widget/edit.h"

#include <curses.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "proto/text.h"

#define EDIT_CTRL(c)	((c) & 0x1f)

void
edit_set(struct edit *e, const char *text)
{
	size_t n;
	uint32_t ch;

	snprintf(e->text, sizeof(e->text), "%s", text);
	for (e->len = 0; e->text[e->len] != '\0'; e->len += n)
		if ((n = text_decode(e->text + e->len,
		    strlen(e->text + e->len), &ch)) == 0)
			break;
	e->text[e->len] = '\0';
	e->at = e->len;
}

/* Bytes of the character before (or after) the cursor. */
static size_t
edit_before(const struct edit *e)
{
	size_t n = 0;

	while (n < e->at) {
		n++;
		if (((unsigned char)e->text[e->at - n] & 0xc0) != 0x80)
			break;
	}
	return n;
}

static size_t
edit_after(const struct edit *e)
{
	uint32_t ch;

	return text_decode(e->text + e->at, e->len - e->at, &ch);
}

static void
edit_cut(struct edit *e, size_t from, size_t to)
{
	memmove(e->text + from, e->text + to, e->len - to + 1);
	e->len -= to - from;
	e->at = from;
}

static void
edit_cut_word(struct edit *e)
{
	size_t from = e->at;

	while (from > 0 && e->text[from - 1] == ' ')
		from--;
	while (from > 0 && e->text[from - 1] != ' ')
		from--;
	edit_cut(e, from, e->at);
}

static int
edit_insert(struct edit *e, uint32_t ch)
{
	char u[4];
	size_t n;

	if (text_char_unsafe(ch) || ch > 0x10ffff)
		return 0;
	if (ch < 0x80) {
		u[0] = (char)ch;
		n = 1;
	} else if (ch < 0x800) {
		u[0] = (char)(0xc0 | ch >> 6);
		u[1] = (char)(0x80 | (ch & 0x3f));
		n = 2;
	} else if (ch < 0x10000) {
		u[0] = (char)(0xe0 | ch >> 12);
		u[1] = (char)(0x80 | (ch >> 6 & 0x3f));
		u[2] = (char)(0x80 | (ch & 0x3f));
		n = 3;
	} else {
		u[0] = (char)(0xf0 | ch >> 18);
		u[1] = (char)(0x80 | (ch >> 12 & 0x3f));
		u[2] = (char)(0x80 | (ch >> 6 & 0x3f));
		u[3] = (char)(0x80 | (ch & 0x3f));
		n = 4;
	}
	if (e->len + n >= sizeof(e->text))
		return 1;
	memmove(e->text + e->at + n, e->text + e->at, e->len - e->at + 1);
	memcpy(e->text + e->at, u, n);
	e->len += n;
	e->at += n;
	return 1;
}

int
edit_key(struct edit *e, int key)
{
	switch (key) {
	case -KEY_LEFT:
	case EDIT_CTRL('b'):
		e->at -= edit_before(e);
		return 1;
	case -KEY_RIGHT:
	case EDIT_CTRL('f'):
		e->at += edit_after(e);
		return 1;
	case -KEY_HOME:
	case EDIT_CTRL('a'):
		e->at = 0;
		return 1;
	case -KEY_END:
	case EDIT_CTRL('e'):
		e->at = e->len;
		return 1;
	case -KEY_BACKSPACE:
	case 0x7f:
	case EDIT_CTRL('h'):
		edit_cut(e, e->at - edit_before(e), e->at);
		return 1;
	case -KEY_DC:
	case EDIT_CTRL('d'):
		edit_cut(e, e->at, e->at + edit_after(e));
		return 1;
	case EDIT_CTRL('u'):
		edit_cut(e, 0, e->at);
		return 1;
	case EDIT_CTRL('k'):
		edit_cut(e, e->at, e->len);
		return 1;
	case EDIT_CTRL('w'):
		edit_cut_word(e);
		return 1;
	}
	return key >= ' ' && edit_insert(e, (uint32_t)key);
}

void
edit_draw(const struct edit *e, const struct term *t, int y, int x, int w)
{
	struct edit head = *e;
	const char *from = e->text;
	size_t n;
	uint32_t ch;

	if (w < 2)
		return;
	head.text[e->at] = '\0';
	while (term_width(t, from - e->text + head.text) > w - 1 &&
	    (n = text_decode(from, strlen(from), &ch)) > 0)
		from += n;
	term_put(t, y, x, w, TERM_TEXT, from);
	move(y, x + term_width(t, from - e->text + head.text));
}
