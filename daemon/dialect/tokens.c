/* SPDX-License-Identifier: ISC */
#include "dialect/tokens.h"

#include "base/jscan.h"

#define TOKENS_IMAGE	576
#define TOKENS_MESSAGE	4

uint32_t
tokens_text(uint64_t bytes)
{
	uint64_t n = (bytes + 3) / 4;

	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

/* The quote that ends the string whose inside begins at p, or end. */
static const char *
tokens_string_end(const char *p, const char *end)
{
	const char *q, *b;

	for (q = p; (q = memchr(q, '"', (size_t)(end - q))) != NULL; q++) {
		for (b = q; b > p && b[-1] == '\\'; b--)
			;
		if ((q - b) % 2 == 0)
			return q;
	}
	return end;
}

uint32_t
tokens_prompt(struct span v)
{
	const char *p = v.p, *end = v.p + v.n, *q;
	uint64_t bytes = 0, images = 0, objects = 0, n;

	while (p < end) {
		if (*p != '"') {
			objects += *p++ == '{';
			continue;
		}
		q = tokens_string_end(p + 1, end);
		n = (uint64_t)(q - p) - 1;
		p = q < end ? q + 1 : end;
		/* Keys are followed by a colon and are no text. */
		while (p < end && *p == ' ')
			p++;
		if (p < end && *p == ':')
			continue;
		if (n >= 11 && memcmp(q - n, "data:image/", 11) == 0)
			images++;
		else
			bytes += n;
	}
	n = tokens_text(bytes) + images * TOKENS_IMAGE +
	    objects * TOKENS_MESSAGE;
	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}
