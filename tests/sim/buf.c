/* SPDX-License-Identifier: ISC */
#include "buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
buf_oom(void)
{
	fputs("llmsim: out of memory\n", stderr);
	abort();
}

void *
buf_alloc(size_t n)
{
	void *p;

	p = calloc(1, n ? n : 1);
	if (p == NULL)
		buf_oom();
	return p;
}

char *
buf_dupn(const char *s, size_t n)
{
	char *p;

	p = buf_alloc(n + 1);
	if (n > 0)
		memcpy(p, s, n);
	return p;
}

char *
buf_dup(const char *s)
{
	return buf_dupn(s, strlen(s));
}

void
buf_fini(struct buf *b)
{
	free(b->data);
	memset(b, 0, sizeof(*b));
}

/* Empties the buffer; a large block is given back. */
void
buf_clear(struct buf *b)
{
	if (b->cap > 262144) {
		buf_fini(b);
		return;
	}
	b->len = 0;
	if (b->data != NULL)
		b->data[0] = '\0';
}

char *
buf_room(struct buf *b, size_t n)
{
	size_t cap;
	char *p;

	if (b->len + n + 1 > b->cap) {
		cap = b->cap ? b->cap : 256;
		while (cap < b->len + n + 1)
			cap *= 2;
		p = realloc(b->data, cap);
		if (p == NULL)
			buf_oom();
		b->data = p;
		b->cap = cap;
	}
	return b->data + b->len;
}

void
buf_add(struct buf *b, const void *p, size_t n)
{
	buf_room(b, n);
	if (n > 0)
		memcpy(b->data + b->len, p, n);
	b->len += n;
	b->data[b->len] = '\0';
}

void
buf_addc(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void
buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void
buf_fill(struct buf *b, char c, size_t n)
{
	memset(buf_room(b, n), c, n);
	b->len += n;
	b->data[b->len] = '\0';
}

void
buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	buf_room(b, (size_t)n);
	va_start(ap, fmt);
	vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

/* Removes n bytes from the front. */
void
buf_drop(struct buf *b, size_t n)
{
	if (n >= b->len) {
		buf_clear(b);
		return;
	}
	memmove(b->data, b->data + n, b->len - n);
	b->len -= n;
	b->data[b->len] = '\0';
}

char *
buf_take(struct buf *b)
{
	char *p;

	buf_add(b, "", 0);
	p = b->data;
	memset(b, 0, sizeof(*b));
	return p;
}

static int
buf_b64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	if (c == '/')
		return 63;
	return -1;
}

int
buf_b64_decode(struct buf *b, const char *s, size_t n)
{
	uint32_t acc = 0;
	size_t i;
	int v, bits = 0;

	for (i = 0; i < n && s[i] != '='; i++) {
		if (s[i] == '\r' || s[i] == '\n')
			continue;
		v = buf_b64_value(s[i]);
		if (v < 0)
			return -1;
		acc = acc << 6 | (uint32_t)v;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			buf_addc(b, (char)(acc >> bits & 0xff));
		}
	}
	return 0;
}

void
buf_b64_encode(struct buf *b, const void *p, size_t n)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *s = p;
	uint32_t v;
	size_t i;
	char out[4];

	for (i = 0; i < n; i += 3) {
		v = (uint32_t)s[i] << 16;
		if (i + 1 < n)
			v |= (uint32_t)s[i + 1] << 8;
		if (i + 2 < n)
			v |= s[i + 2];
		out[0] = set[v >> 18];
		out[1] = set[v >> 12 & 63];
		out[2] = i + 1 < n ? set[v >> 6 & 63] : '=';
		out[3] = i + 2 < n ? set[v & 63] : '=';
		buf_add(b, out, 4);
	}
}
