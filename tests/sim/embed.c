/* SPDX-License-Identifier: ISC */
#include "embed.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
embed_vector(const char *s, size_t len, size_t dim, float *v)
{
	uint64_t h = 14695981039346656037u;
	double sum = 0;
	size_t i;

	for (i = 0; i < len; i++)
		h = (h ^ (unsigned char)s[i]) * 1099511628211u;
	for (i = 0; i < dim; i++) {
		h = h * 6364136223846793005u + 1442695040888963407u;
		v[i] = (float)((double)(h >> 40) / (1 << 23) - 1.0);
		sum += (double)v[i] * (double)v[i];
	}
	for (i = 0; i < dim && sum > 0; i++)
		v[i] = (float)((double)v[i] / sqrt(sum));
}

static void
embed_number(float f, struct buf *b)
{
	char text[40];
	int digits;

	for (digits = 1; digits <= 9; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, (double)f);
		if (strtof(text, NULL) == f)
			break;
	}
	if (strchr(text, 'e') != NULL)
		snprintf(text, sizeof(text), "%.*f", digits + 8, (double)f);
	buf_adds(b, text);
}

void
embed_list(const char *s, size_t len, size_t dim, bool zero, struct buf *b)
{
	float *v;
	size_t i;

	v = buf_alloc(dim * sizeof(*v));
	if (!zero)
		embed_vector(s, len, dim, v);
	buf_addc(b, '[');
	for (i = 0; i < dim; i++) {
		if (i > 0)
			buf_addc(b, ',');
		embed_number(v[i], b);
	}
	buf_addc(b, ']');
	free(v);
}

void
embed_base64(const char *s, size_t len, size_t dim, struct buf *b)
{
	unsigned char *bytes;
	uint32_t u;
	float *v;
	size_t i;

	v = buf_alloc(dim * sizeof(*v));
	bytes = buf_alloc(dim * 4);
	embed_vector(s, len, dim, v);
	for (i = 0; i < dim; i++) {
		memcpy(&u, &v[i], 4);
		bytes[4 * i] = u & 0xff;
		bytes[4 * i + 1] = u >> 8 & 0xff;
		bytes[4 * i + 2] = u >> 16 & 0xff;
		bytes[4 * i + 3] = u >> 24;
	}
	buf_b64_encode(b, bytes, dim * 4);
	free(bytes);
	free(v);
}
