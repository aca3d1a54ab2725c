/* SPDX-License-Identifier: ISC */
/*
 * A remark keeps its source line from the moment it is made: the file may
 * have changed when it is printed.  Lines are cut and their secrets masked
 * here, so that no remark can carry a credential to a log or a terminal.
 */
#include "conf/remark.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/jscan.h"
#include "base/xmalloc.h"
#include "proto/text.h"

/* Longer lines are not shown. */
#define REMARK_LINE_MAX	200

/* The byte after the line break at p, or NULL if there is none: the breaks of
 * YAML 1.1, so that line numbers agree with libyaml's. */
static const char *
remark_break(const char *p, const char *end)
{
	const unsigned char *u = (const unsigned char *)p;
	size_t left = (size_t)(end - p);

	if (*p == '\n')
		return p + 1;
	if (*p == '\r')
		return left > 1 && p[1] == '\n' ? p + 2 : p + 1;
	if (left > 1 && u[0] == 0xc2 && u[1] == 0x85)
		return p + 2;
	if (left > 2 && u[0] == 0xe2 && u[1] == 0x80 &&
	    (u[2] == 0xa8 || u[2] == 0xa9))
		return p + 3;
	return NULL;
}

static struct span
remark_line(struct span text, unsigned line)
{
	const char *p = text.p, *end, *start, *next;
	unsigned n = 1;

	if (p == NULL || line == 0)
		return SPAN_NONE;
	end = p + text.n;
	if (text.n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
		p += 3;
	for (start = p; p < end; p = next) {
		if ((next = remark_break(p, end)) == NULL) {
			next = p + 1;
			continue;
		}
		if (n == line)
			return (struct span){ start, (size_t)(p - start) };
		n++;
		start = next;
	}
	if (n == line)
		return (struct span){ start, (size_t)(end - start) };
	return SPAN_NONE;
}

static const char *const remark_secret_keys[] = {
	"key", "password", "secret", "token", "credentials",
	"authorization", "cookie", "key_id"
};

static const char *const remark_secret_values[] = {
	"sk-", "sk_", "gsk_", "AIza", "hf_", "xai-", "nvapi-", "ghp_",
	"github_pat_", "AKIA", "pplx-", "csk-", "r8_", "fw_"
};

static bool
remark_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* True if the key that ends before p (a ':') is a secret's. */
static bool
remark_is_secret(const char *line, const char *colon)
{
	const char *end = colon, *p;
	size_t i, n;

	while (end > line && (end[-1] == ' ' || end[-1] == '"' ||
	    end[-1] == '\''))
		end--;
	for (p = end; p > line && remark_word(p[-1]); p--)
		;
	for (i = 0; i < sizeof(remark_secret_keys) /
	    sizeof(remark_secret_keys[0]); i++) {
		n = strlen(remark_secret_keys[i]);
		if ((size_t)(end - p) >= n && strncasecmp(end - n,
		    remark_secret_keys[i], n) == 0)
			return true;
	}
	return false;
}

/* True for values that only name a secret. */
static bool
remark_is_reference(const char *p)
{
	while (*p == ' ' || *p == '"' || *p == '\'')
		p++;
	return *p == '\0' || strncmp(p, "os.environ", 10) == 0 ||
	    (*p == '$' && strstr(p, ":-") == NULL) ||
	    strncmp(p, "env(", 4) == 0;
}

/* Takes userinfo and query out of the first URL in line. */
static void
remark_mask_url(char *line)
{
	char *p = strstr(line, "://"), *at, *query, *end;

	if (p == NULL)
		return;
	p += 3;
	at = memrchr(p, '@', strcspn(p, "/? \"'"));
	if (at != NULL)
		memmove(p, at + 1, strlen(at + 1) + 1);
	query = p + strcspn(p, "? \"'");
	if (*query == '?' && strchr(query, '=') != NULL) {
		end = query + strcspn(query, " \"'");
		memmove(query, end, strlen(end) + 1);
	}
}

/* Cuts the line where a credential begins. */
static void
remark_mask(char *line)
{
	char *p;
	size_t i;

	for (p = strchr(line, ':'); p != NULL; p = strchr(p + 1, ':'))
		if (remark_is_secret(line, p) && !remark_is_reference(p + 1)) {
			memcpy(p + 1, " ***", 5);
			break;
		}
	for (i = 0; i < sizeof(remark_secret_values) /
	    sizeof(remark_secret_values[0]); i++)
		for (p = strstr(line, remark_secret_values[i]); p != NULL;
		    p = strstr(p + 1, remark_secret_values[i]))
			if ((p == line || !remark_word(p[-1])) &&
			    strlen(p) > 7)
				memcpy(p, "***", 4);
	remark_mask_url(line);
}

/* The line of a mark as it may be shown: tabs as blanks; NULL if there is
 * none or it is too long. */
static char *
remark_source(const struct remark_mark *at)
{
	struct span l;
	char *line, *p;

	if (at == NULL || at->file == NULL)
		return NULL;
	l = remark_line(at->file->text, at->line);
	if (l.p == NULL || l.n == 0 || l.n > REMARK_LINE_MAX ||
	    memchr(l.p, '\0', l.n) != NULL)
		return NULL;
	line = xmalloc(l.n + 8);	/* room for a mask at its end */
	memcpy(line, l.p, l.n);
	line[l.n] = '\0';
	for (p = line; *p != '\0'; p++)
		if (*p == '\t')
			*p = ' ';
	/* Whoever shows it may count on UTF-8. */
	for (p = line; (p += jscan_utf8_valid(p, strlen(p))), *p != '\0';)
		*p = '?';
	remark_mask(line);
	return line;
}

static struct conf_remark *
remark_find(struct conf_remarks *r, enum conf_level level, const char *text)
{
	unsigned i;

	for (i = 0; i < r->n; i++)
		if (r->v[i].level == level &&
		    strcmp(r->v[i].text, text) == 0)
			return &r->v[i];
	return NULL;
}

void
remark_add(struct conf_remarks *r, enum conf_level level,
    const struct remark_mark *at, const char *key, const char *hint,
    const char *fmt, ...)
{
	struct conf_remark *m;
	va_list ap;
	char *text;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) == -1)
		text = xstrdup(fmt);
	va_end(ap);
	if (level == CONF_ERROR)
		r->errors++;
	else
		r->warnings++;
	if (level == CONF_WARNING &&
	    (m = remark_find(r, level, text)) != NULL) {
		m->more++;
		free(text);
		return;
	}
	if (r->n >= CONF_REMARKS_MAX) {
		free(text);
		return;
	}
	r->v = xreallocarray(r->v, r->n + 1, sizeof(*r->v));
	m = &r->v[r->n++];
	memset(m, 0, sizeof(*m));
	m->level = level;
	m->text = text;
	m->key = key != NULL ? xstrdup(key) : NULL;
	m->hint = hint != NULL ? xstrdup(hint) : NULL;
	m->width = 1;
	if (at != NULL && at->file != NULL && *at->file->path != '\0') {
		m->file = xstrdup(at->file->path);
		m->order = at->file->order;
		m->line = at->line;
		m->column = at->column;
		m->width = at->width != 0 ? at->width : 1;
		m->source = remark_source(at);
	}
}

static int
remark_cmp(const void *a, const void *b)
{
	const struct conf_remark *x = a, *y = b;

	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	if (x->level != y->level)
		return x->level < y->level ? -1 : 1;
	return strcmp(x->text, y->text);
}

void
remark_sort(struct conf_remarks *r)
{
	if (r->n > 1)
		qsort(r->v, r->n, sizeof(*r->v), remark_cmp);
}

void
remark_fini(struct conf_remarks *r)
{
	unsigned i;

	for (i = 0; i < r->n; i++) {
		free(r->v[i].file);
		free(r->v[i].key);
		free(r->v[i].text);
		free(r->v[i].hint);
		free(r->v[i].source);
	}
	free(r->v);
	memset(r, 0, sizeof(*r));
}

/* Appends s with everything that could drive a terminal made visible. */
static void
remark_escape(struct buf *b, const char *s)
{
	size_t n = strlen(s), cap = TEXT_ESCAPE_MAX(n);

	b->n += text_escape(buf_need(b, cap), cap, s, n, 0);
}

/* Columns of the first n characters of an unescaped line, as shown. */
static unsigned
remark_columns(const char *line, unsigned n)
{
	struct buf b = { 0 };
	const char *p = line;
	char *head;
	unsigned w, i;

	for (i = 0; i < n && *p != '\0'; i++)
		for (p++; ((unsigned char)*p & 0xc0) == 0x80; p++)
			;
	head = xstrndup(line, (size_t)(p - line));
	remark_escape(&b, head);
	buf_pad(&b);
	w = (unsigned)text_width(b.p) + (n - i);
	free(head);
	buf_fini(&b);
	return w;
}

static void
remark_caret(struct buf *b, const struct conf_remark *m)
{
	unsigned col, end, i, all;

	buf_addf(b, "%5u | ", m->line);
	remark_escape(b, m->source);
	buf_lit(b, "\n      | ");
	col = remark_columns(m->source, m->column - 1);
	all = remark_columns(m->source, (unsigned)strlen(m->source));
	end = remark_columns(m->source, m->column - 1 + m->width);
	if (end > all + 1)
		end = all + 1;
	for (i = 0; i < col; i++)
		buf_lit(b, " ");
	buf_lit(b, "^");
	for (i = col + 1; i < end; i++)
		buf_lit(b, "~");
	if (m->hint != NULL) {
		buf_lit(b, " ");
		remark_escape(b, m->hint);
	}
	buf_lit(b, "\n");
}

static void
remark_print(struct buf *b, const struct conf_remark *m)
{
	if (m->file != NULL) {
		remark_escape(b, m->file);
		if (m->line != 0)
			buf_addf(b, ":%u:%u", m->line, m->column);
		buf_lit(b, ": ");
	}
	buf_addz(b, m->level == CONF_ERROR ? "error: " : "warning: ");
	remark_escape(b, m->text);
	if (m->more != 0)
		buf_addf(b, " (and %u more)", m->more);
	buf_lit(b, "\n");
	if (m->source != NULL && m->line != 0)
		remark_caret(b, m);
	else if (m->hint != NULL) {
		buf_lit(b, "  hint: ");
		remark_escape(b, m->hint);
		buf_lit(b, "\n");
	}
}

char *
remark_text(const struct conf_remarks *r, bool all)
{
	struct buf b = { 0 };
	unsigned i, shown = 0;

	buf_need(&b, 1);
	for (i = 0; i < r->n; i++) {
		if (all || !r->v[i].told)
			remark_print(&b, &r->v[i]);
		shown += 1 + r->v[i].more;
	}
	if (shown < r->errors + r->warnings)
		buf_addf(&b, "and %u more remarks like these\n",
		    r->errors + r->warnings - shown);
	buf_pad(&b);
	return b.p;
}
