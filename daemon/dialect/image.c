/* SPDX-License-Identifier: ISC */
#include "dialect/image.h"

#include <strings.h>

#include "base/jscan.h"

enum { IMAGE_BAD = -1, IMAGE_SPACE = -2, IMAGE_PAD = -3 };

static int
image_digit(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	switch (c) {
	case '+':
	case '-':
		return 62;
	case '/':
	case '_':
		return 63;
	case '=':
		return IMAGE_PAD;
	case ' ':
	case '\t':
	case '\r':
	case '\n':
		return IMAGE_SPACE;
	default:
		return IMAGE_BAD;
	}
}

/* Copies the digits of p[0..n) in the standard alphabet, padded; false: it is
 * not base64. */
static bool
image_recode(const char *p, size_t n, struct buf *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	char *o = buf_need(out, n + 4);
	size_t i, k = 0, pad = 0;
	int d;

	for (i = 0; i < n; i++) {
		d = image_digit((unsigned char)p[i]);
		if (d >= 0 && pad == 0)
			o[k++] = digits[d];
		else if (d == IMAGE_PAD && pad < 2)
			pad++;
		else if (d != IMAGE_SPACE)
			return false;
	}
	if (k == 0 || k % 4 == 1 || (pad != 0 && (k + pad) % 4 != 0))
		return false;
	while (k % 4 != 0)
		o[k++] = '=';
	out->n += k;
	return true;
}

/* The kind of a picture by its first bytes, given as base64. */
static const char *
image_kind(const char *b64, size_t n)
{
	unsigned char h[12] = { 0 };
	size_t i, k;
	unsigned v;

	for (i = 0, k = 0; i + 3 < n && k + 2 < sizeof(h); i += 4, k += 3) {
		v = (unsigned)(image_digit((unsigned char)b64[i]) & 63) << 18 |
		    (unsigned)(image_digit((unsigned char)b64[i + 1]) & 63)
		    << 12 |
		    (unsigned)(image_digit((unsigned char)b64[i + 2]) & 63)
		    << 6 |
		    (unsigned)(image_digit((unsigned char)b64[i + 3]) & 63);
		h[k] = (unsigned char)(v >> 16);
		h[k + 1] = (unsigned char)(v >> 8);
		h[k + 2] = (unsigned char)v;
	}
	if (memcmp(h, "\x89PNG\r\n\x1a\n", 8) == 0)
		return "image/png";
	if (memcmp(h, "\xff\xd8\xff", 3) == 0)
		return "image/jpeg";
	if (memcmp(h, "GIF8", 4) == 0)
		return "image/gif";
	if (memcmp(h, "RIFF", 4) == 0 && memcmp(h + 8, "WEBP", 4) == 0)
		return "image/webp";
	return NULL;
}

/* The payload of a data: URL that is base64; NULL with *e. */
static const char *
image_payload(struct span url, const char *param, struct chat_error *e)
{
	const char *comma;

	if (url.n < 5 || strncasecmp(url.p, "data:", 5) != 0) {
		chat_error_set(e, ERR_UNSUPPORTED_IMAGE, param,
		    "'%s': image URLs are not fetched. Send the image as a "
		    "data: URL (data:image/png;base64,...).", param);
		return NULL;
	}
	comma = memchr(url.p, ',', url.n > 256 ? 256 : url.n);
	if (comma == NULL || comma - url.p < 12 ||
	    strncasecmp(comma - 7, ";base64", 7) != 0) {
		chat_error_set(e, ERR_INVALID_PARAM, param,
		    "'%s' must be a base64 data: URL "
		    "(data:image/png;base64,...).", param);
		return NULL;
	}
	return comma + 1;
}

int
image_decode(struct span url, const char *param, struct buf *out,
    const char **mime, struct chat_error *e)
{
	struct buf plain = { 0 };
	size_t before = out->n;
	const char *p, *kind;
	bool ok;

	/* "\/" and "\n" are usual in JSON. */
	if (memchr(url.p, '\\', url.n) != NULL) {
		plain.n = jscan_unescape(url, buf_need(&plain, url.n));
		url = buf_span(&plain);
	}
	p = image_payload(url, param, e);
	if (p == NULL) {
		buf_fini(&plain);
		return -1;
	}
	ok = image_recode(p, (size_t)(url.p + url.n - p), out);
	buf_fini(&plain);
	if (!ok) {
		out->n = before;
		chat_error_set(e, ERR_INVALID_PARAM, param,
		    "'%s' is not valid base64.", param);
		return -1;
	}
	kind = image_kind(out->p + before, out->n - before);
	if (kind == NULL) {
		out->n = before;
		chat_error_set(e, ERR_INVALID_PARAM, param,
		    "'%s' is not a PNG, JPEG, GIF or WebP image.", param);
		return -1;
	}
	if (mime != NULL)
		*mime = kind;
	return 0;
}
