/* SPDX-License-Identifier: ISC */
#include "proto/text.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

size_t
text_decode(const void *src, size_t len, uint32_t *ch)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *p = src;
	uint32_t c;
	size_t i, n;

	if (len == 0)
		return 0;
	c = p[0];
	if (c < 0x80) {
		*ch = c;
		return 1;
	}
	if (c >= 0xc2 && c <= 0xdf)
		n = 2;
	else if (c >= 0xe0 && c <= 0xef)
		n = 3;
	else if (c >= 0xf0 && c <= 0xf4)
		n = 4;
	else
		return 0;
	if (len < n)
		return 0;
	c &= 0xff >> (n + 1);
	for (i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ch = c;
	return n;
}

int
text_utf8_ok(const void *src, size_t len)
{
	const char *p = src;
	uint32_t ch;
	size_t n;

	for (; len > 0; p += n, len -= n)
		if ((n = text_decode(p, len, &ch)) == 0)
			return 0;
	return 1;
}

int
text_char_unsafe(uint32_t ch)
{
	return ch < 0x20 || (ch >= 0x7f && ch < 0xa0) || ch == 0x61c ||
	    ch == 0x180e || ch == 0x200e || ch == 0x200f ||
	    (ch >= 0x2028 && ch <= 0x202e) ||
	    (ch >= 0x2060 && ch <= 0x206f) || ch == 0xfeff ||
	    (ch >= 0xfff9 && ch <= 0xfffb) ||
	    (ch >= 0xe0000 && ch <= 0xe007f);
}

/* Writes one character (n bytes at p; n = 0: a stray byte) made visible. */
static size_t
text_escape_one(char out[16], const unsigned char *p, size_t n, uint32_t ch,
    int flags)
{
	int lines = flags & TEXT_LINES;

	if (n == 0)
		return (size_t)snprintf(out, 16, "\\x%02x", p[0]);
	if (lines && (ch == '\n' || ch == '\t')) {
		out[0] = (char)ch;
		return 1;
	}
	if (ch == '\n' || ch == '\r' || ch == '\t')
		return (size_t)snprintf(out, 16, "\\%c",
		    ch == '\n' ? 'n' : ch == '\r' ? 'r' : 't');
	if (ch < 0x20 || (ch >= 0x7f && ch < 0xa0))
		return (size_t)snprintf(out, 16, "\\x%02x", ch);
	if (text_char_unsafe(ch) || (ch >= 0x80 && (flags & TEXT_ASCII)))
		return (size_t)snprintf(out, 16, "\\u{%x}", ch);
	memcpy(out, p, n);
	return n;
}

size_t
text_escape(char *dst, size_t cap, const void *src, size_t len, int flags)
{
	const unsigned char *p = src;
	char one[16];
	size_t n, w, total = 0, used = 0;
	uint32_t ch = 0;
	int full = cap == 0;

	for (; len > 0; p += n, len -= n) {
		n = text_decode(p, len, &ch);
		w = text_escape_one(one, p, n, ch, flags);
		if (n == 0)
			n = 1;
		total += w;
		if (full || used + w >= cap) {
			full = 1;
			continue;
		}
		memcpy(dst + used, one, w);
		used += w;
	}
	if (cap > 0)
		dst[used] = '\0';
	return total;
}

int
text_width(const char *s)
{
	size_t len = strlen(s), n;
	uint32_t ch;
	int cols = 0;

	for (; len > 0; s += n, len -= n) {
		if ((n = text_decode(s, len, &ch)) == 0) {
			n = 1;
			cols++;
		} else
			cols += text_char_width(ch);
	}
	return cols;
}

/*
 * Bytes of the longest prefix of s within cols columns, its width in *used.
 * A joiner keeps its neighbours together.
 */
static size_t
text_prefix(const char *s, int cols, int *used)
{
	size_t len = strlen(s), n, at = 0, safe = 0;
	uint32_t ch;
	int w, width = 0, joined = 0;

	*used = 0;
	while (at < len) {
		if ((n = text_decode(s + at, len - at, &ch)) == 0) {
			n = 1;
			ch = '?';
		}
		w = text_char_width(ch);
		if (w > 0 && !joined) {
			safe = at;
			*used = width;
		}
		if (width + w > cols)
			return safe;
		width += w;
		at += n;
		joined = ch == 0x200d;
	}
	*used = width;
	return len;
}

int
text_cut(char *dst, size_t cap, const char *src, int cols, const char *mark)
{
	int markw = text_width(mark), used;
	size_t n;

	if (cap == 0)
		return 0;
	if (cols < 0)
		cols = 0;
	n = text_prefix(src, cols, &used);
	if (src[n] == '\0' && n < cap) {
		memcpy(dst, src, n + 1);
		return used;
	}
	if (markw > cols || strlen(mark) >= cap) {
		mark = "";
		markw = 0;
	}
	n = text_prefix(src, cols - markw, &used);
	while (n > 0 && n + strlen(mark) >= cap)
		n = text_prefix(src, used - 1, &used);
	memcpy(dst, src, n);
	memcpy(dst + n, mark, strlen(mark) + 1);
	return used + markw;
}

char *
text_uptime(char *dst, size_t cap, double s)
{
	long long t;

	if (!isfinite(s) || s < 0 || s > 1e15) {
		snprintf(dst, cap, "-");
		return dst;
	}
	t = (long long)s;
	if (t < 60)
		snprintf(dst, cap, "%llds", t);
	else if (t < 3600)
		snprintf(dst, cap, "%lldm%02llds", t / 60, t % 60);
	else if (t < 86400)
		snprintf(dst, cap, "%lldh%02lldm", t / 3600, t / 60 % 60);
	else
		snprintf(dst, cap, "%lldd%02lldh", t / 86400, t / 3600 % 24);
	return dst;
}

char *
text_duration(char *dst, size_t cap, double ms)
{
	if (!isfinite(ms) || ms < 0)
		snprintf(dst, cap, "-");
	else if (ms < 999.5)
		snprintf(dst, cap, "%.0fms", ms);
	else if (ms < 9995)
		snprintf(dst, cap, "%.2fs", ms / 1000);
	else if (ms < 59950)
		snprintf(dst, cap, "%.1fs", ms / 1000);
	else
		text_uptime(dst, cap, (ms + 500) / 1000);
	return dst;
}

char *
text_age(char *dst, size_t cap, double ms)
{
	if (!isfinite(ms) || ms < 0)
		snprintf(dst, cap, "-");
	else if (ms < 59950)
		snprintf(dst, cap, "%.1fs", ms / 1000);
	else
		text_uptime(dst, cap, (ms + 500) / 1000);
	return dst;
}

char *
text_size(char *dst, size_t cap, double bytes)
{
	static const char *const units[] =
	    { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
	size_t i = 0;

	if (!isfinite(bytes) || bytes < 0) {
		snprintf(dst, cap, "-");
		return dst;
	}
	while (bytes >= 1023.5 && i + 1 < sizeof(units) / sizeof(units[0])) {
		bytes /= 1024;
		i++;
	}
	if (i > 0 && bytes < 99.95)
		snprintf(dst, cap, "%.1f %s", bytes, units[i]);
	else
		snprintf(dst, cap, "%.0f %s", bytes, units[i]);
	return dst;
}

char *
text_count(char *dst, size_t cap, int64_t n)
{
	char raw[TEXT_NUM_MAX], out[TEXT_NUM_MAX];
	int len, i, o = 0;

	if (n < 0) {
		snprintf(dst, cap, "-");
		return dst;
	}
	len = snprintf(raw, sizeof(raw), "%lld", (long long)n);
	for (i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			out[o++] = ',';
		out[o++] = raw[i];
	}
	out[o] = '\0';
	snprintf(dst, cap, "%s", out);
	return dst;
}

int64_t
text_duration_parse(const char *s)
{
	static const struct {
		const char	*name;
		double		 ms;
	} units[] = {
		{ "ms", 1 }, { "s", 1e3 }, { "m", 6e4 }, { "h", 36e5 },
		{ "d", 864e5 }, { "", 1e3 },
	};
	double total = 0, v, scale;
	size_t i, n;

	if (*s == '\0')
		return -1;
	while (*s != '\0') {
		if (!isdigit((unsigned char)*s))
			return -1;
		for (v = 0; isdigit((unsigned char)*s); s++)
			v = v * 10 + (*s - '0');
		if (*s == '.')
			for (s++, scale = 0.1; isdigit((unsigned char)*s);
			    s++, scale /= 10)
				v += (*s - '0') * scale;
		n = strcspn(s, "0123456789.");
		for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
			if (strlen(units[i].name) == n &&
			    strncmp(s, units[i].name, n) == 0)
				break;
		if (i == sizeof(units) / sizeof(units[0]))
			return -1;
		total += v * units[i].ms;
		s += n;
	}
	if (total > 1e14)
		return -1;
	return (int64_t)(total + 0.5);
}

#define TEXT_DISTANCE_MAX	64

int
text_distance(const char *a, const char *b)
{
	int row[3][TEXT_DISTANCE_MAX + 1], i, j, la, lb, d, sub;

	la = (int)strnlen(a, TEXT_DISTANCE_MAX);
	lb = (int)strnlen(b, TEXT_DISTANCE_MAX);
	for (j = 0; j <= lb; j++)
		row[0][j] = j;
	for (i = 1; i <= la; i++) {
		int *cur = row[i % 3], *up = row[(i + 2) % 3];
		int *up2 = row[(i + 1) % 3];

		cur[0] = i;
		for (j = 1; j <= lb; j++) {
			sub = up[j - 1] + (a[i - 1] != b[j - 1]);
			d = sub;
			if (up[j] + 1 < d)
				d = up[j] + 1;
			if (cur[j - 1] + 1 < d)
				d = cur[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && up2[j - 2] + 1 < d)
				d = up2[j - 2] + 1;
			cur[j] = d;
		}
	}
	return row[la % 3][lb];
}
