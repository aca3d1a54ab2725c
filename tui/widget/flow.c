/* SPDX-License-Identifier: ISC */
#include "tui/widget/flow.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/text.h"

/*
 * The buffer holds escaped text, '\n', and FLOW_MARK followed by 'A' + role
 * where the colour changes; neither byte pair can come from escaped text.
 */
#define FLOW_MARK	'\001'
#define FLOW_LINE	1024	/* bytes of one line on the screen */

void
flow_init(struct flow *f, int from_top)
{
	memset(f, 0, sizeof(*f));
	f->from_top = from_top;
}

void
flow_fini(struct flow *f)
{
	free(f->text);
}

static void
flow_append(struct flow *f, const char *s, size_t n)
{
	if (f->len + n + 1 > FLOW_MAX) {
		f->lost += n;
		return;
	}
	if (f->len + n + 1 > f->cap) {
		f->cap = (f->len + n + 1) * 2;
		if ((f->text = realloc(f->text, f->cap)) == NULL)
			abort();
	}
	memcpy(f->text + f->len, s, n);
	f->len += n;
	f->text[f->len] = '\0';
}

void
flow_add(struct flow *f, const struct term *t, enum term_role role,
    const char *raw)
{
	size_t len = strlen(raw), n;
	char mark[2] = { FLOW_MARK, (char)('A' + role) }, *safe, *p;

	if (len == 0)
		return;
	if ((safe = malloc(TEXT_ESCAPE_MAX(len))) == NULL)
		abort();
	n = text_escape(safe, TEXT_ESCAPE_MAX(len), raw, len,
	    TEXT_LINES | (t->ascii ? TEXT_ASCII : 0));
	for (p = safe; *p != '\0'; p++)
		if (*p == '\t')
			*p = ' ';
	flow_append(f, mark, 2);
	flow_append(f, safe, n);
	free(safe);
}

void
flow_addf(struct flow *f, const struct term *t, enum term_role role,
    const char *fmt, ...)
{
	char *s;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		abort();
	va_end(ap);
	flow_add(f, t, role, s);
	free(s);
}

/*
 * Finds the end of the screen line that begins at p: *next is where the line
 * after it begins.  Breaks after the last blank that fits, else anywhere.
 */
static const char *
flow_break(const char *p, const char *end, int w, const char **next)
{
	const char *blank = NULL, *start = p;
	uint32_t ch;
	size_t n;
	int used = 0, cw;

	while (p < end && *p != '\n') {
		if (*p == FLOW_MARK && end - p > 1) {
			p += 2;
			continue;
		}
		if ((n = text_decode(p, (size_t)(end - p), &ch)) == 0) {
			n = 1;
			ch = '?';
		}
		cw = text_char_width(ch);
		if (used + cw > w || p - start + (long)n >= FLOW_LINE) {
			if (*p == ' ' || blank == NULL)
				blank = p;
			*next = blank;
			while (*next < end && **next == ' ')
				(*next)++;
			return blank > start ? blank : (*next = p + n);
		}
		used += cw;
		p += n;
		if (ch == ' ')
			blank = p;
	}
	*next = p < end ? p + 1 : p;
	return p;
}

/* Draws one line in its colours; *role goes on to the next. */
static void
flow_line(const struct term *t, int y, int x, int w, const char *p,
    const char *end, enum term_role *role)
{
	char buf[FLOW_LINE + 8];
	size_t n = 0;
	int used = 0;

	for (;; p++) {
		if (p < end && *p != FLOW_MARK) {
			if (n < sizeof(buf) - 1)
				buf[n++] = *p;
			continue;
		}
		buf[n] = '\0';
		if (y >= 0 && n > 0)
			used += term_put(t, y, x + used, w - used, *role, buf);
		n = 0;
		if (p >= end || p + 1 >= end)
			return;
		*role = (enum term_role)(*++p - 'A');
	}
}

int
flow_lines(const struct flow *f, int w)
{
	const char *p = f->text, *end = f->text + f->len, *next;
	int n = 0;

	if (f->len == 0 || w < 1)
		return 0;
	for (; p < end; p = next, n++)
		flow_break(p, end, w, &next);
	return n;
}

void
flow_draw(struct flow *f, const struct term *t, struct rect r)
{
	const char *p = f->text, *end = f->text + f->len, *stop, *next;
	enum term_role role = TERM_TEXT;
	int top, i;

	if (r.w < 1 || r.h < 1 || f->len == 0)
		return;
	f->lines = flow_lines(f, r.w);
	f->height = r.h;
	top = f->lines > r.h ? f->lines - r.h : 0;
	if (f->up > top)
		f->up = top;
	if (f->up < 0)
		f->up = 0;
	top = f->from_top ? f->up : top - f->up;
	for (i = 0, p = f->text; p < end && i < top + r.h; p = next, i++) {
		stop = flow_break(p, end, r.w, &next);
		flow_line(t, i < top ? -1 : r.y + i - top, r.x, r.w, p, stop,
		    &role);
	}
}

void
flow_scroll(struct flow *f, int lines)
{
	int most = f->lines > f->height ? f->lines - f->height : 0;

	f->up += f->from_top ? lines : -lines;
	if (f->up > most)
		f->up = most;
	if (f->up < 0)
		f->up = 0;
}
