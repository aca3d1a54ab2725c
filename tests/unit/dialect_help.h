/* SPDX-License-Identifier: ISC */
/* What the tests of dialects share: fixtures, and replies in pieces. */
#ifndef LLMD_TESTS_DIALECT_HELP_H
#define LLMD_TESTS_DIALECT_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/jout.h"
#include "base/jscan.h"
#include "base/xmalloc.h"
#include "dialect/conv.h"
#include "dialect/param.h"

#define FIXTURES "tests/fixtures/"

/* The whole file as a string; fails the test if it is not there. */
static inline struct buf
help_file(const char *dir, const char *name, const char *ext)
{
	struct buf b = { 0 };
	char path[256];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), FIXTURES "%s/%s%s", dir, name, ext);
	f = fopen(path, "rb");
	if (f == NULL)
		fail_msg("%s is missing: run this in the source tree", path);
	while ((n = fread(buf_need(&b, 65536), 1, 65536, f)) > 0)
		b.n += n;
	fclose(f);
	buf_pad(&b);
	return b;
}

/* The body of a recorded answer, chunks undone; *clean: it was complete. */
static inline struct buf
help_recorded(const char *name, bool *clean)
{
	struct buf raw, out = { 0 };
	char path[256], *p, *end;
	bool chunked;
	unsigned long n;

	snprintf(path, sizeof(path), FIXTURES "ollama-wire/%s.txt", name);
	raw = help_file(access(path, R_OK) == 0 ? "ollama-wire" :
	    "dialect/wire", name, ".txt");
	p = strstr(raw.p, "\r\n\r\n");
	end = raw.p + raw.n;
	assert_non_null(p);
	*p = '\0';
	chunked = strcasestr(raw.p, "transfer-encoding: chunked") != NULL;
	p += 4;
	*clean = !chunked;
	if (!chunked)
		buf_add(&out, p, (size_t)(end - p));
	while (chunked && p < end) {
		n = strtoul(p, &p, 16);
		if (n == 0) {
			*clean = p < end;
			break;
		}
		p += 2;
		assert_true(n <= (size_t)(end - p));
		buf_add(&out, p, n);
		p += n + 2;
	}
	buf_pad(&out);
	buf_fini(&raw);
	return out;
}

struct help {
	struct arena		 arena;
	struct buf		 body;
	struct chat_req		 req;
	struct chat_error	 err;
	struct chat_target	 to;
	struct chat_body	 enc;
	struct conv_info	 info;
	struct conv		*conv;
	struct buf		 out;
};

static inline void
help_fini(struct help *h)
{
	conv_free(h->conv);
	buf_fini(&h->out);
	buf_fini(&h->body);
	arena_fini(&h->arena);
	memset(h, 0, sizeof(*h));
}

/* Scans a request; the result of chat_scan. */
static inline int
help_scan(struct help *h, const struct dialect *front, const char *json)
{
	buf_addz(&h->body, json);
	buf_pad(&h->body);
	return chat_scan(front, buf_span(&h->body), &h->arena, &h->req,
	    &h->err);
}

/* A conversion that is ready for a reply to the request. */
static inline void
help_open(struct help *h, const struct dialect *front,
    const struct dialect *back, const char *json)
{
	if (help_scan(h, front, json) != 0)
		fail_msg("scan: %s", h->err.text);
	h->to.back = back;
	if (h->to.upstream == NULL)
		h->to.upstream = "up-model";
	if (chat_encode(&h->req, &h->to, &h->arena, &h->enc, &h->err) != 0)
		fail_msg("encode: %s", h->err.text);
	h->info.id = SPAN_LIT("chatcmpl-abc");
	h->info.created = 1763800000;
	h->info.model = h->req.model_name;
	h->info.include_usage = h->req.include_usage;
	h->conv = conv_new(&h->req, &h->to, &h->info);
}

/* The encoded body as one string, in h->out. */
static inline const char *
help_encoded(struct help *h)
{
	size_t n = 0;
	int i;

	h->out.n = 0;
	for (i = 0; i < h->enc.niov; i++) {
		buf_add(&h->out, h->enc.iov[i].iov_base,
		    h->enc.iov[i].iov_len);
		n += h->enc.iov[i].iov_len;
	}
	assert_int_equal(n, h->enc.len);
	buf_pad(&h->out);
	return h->out.p;
}

/* Gives a stream in pieces of step bytes (0: whole), each alone in exactly
 * enough memory, so that a sanitizer sees every read behind it. */
static inline enum conv_state
help_feed(struct help *h, const char *p, size_t n, size_t step)
{
	enum conv_state st = CONV_OPEN;
	size_t k;
	char *m;

	for (; n > 0; p += k, n -= k) {
		k = step == 0 || step > n ? n : step;
		m = xcalloc(1, k + JSCAN_PAD);
		memcpy(m, p, k);
		st = conv_stream(h->conv, m, k, &h->out);
		free(m);
	}
	return st;
}

static inline enum conv_state
help_whole(struct help *h, const char *json)
{
	size_t n = strlen(json);
	char *m = xcalloc(1, n + JSCAN_PAD);
	enum conv_state st;

	memcpy(m, json, n);
	st = conv_reply(h->conv, m, n, &h->out);
	buf_pad(&h->out);
	free(m);
	return st;
}

/* What has been written, as a string. */
static inline const char *
help_out(struct help *h)
{
	buf_need(&h->out, 1);
	buf_pad(&h->out);
	return h->out.p;
}

static inline bool
help_long(void)
{
	return getenv("LLMD_TEST_LONG") != NULL;
}

#define REQ(rest) "{\"model\":\"qwen3:8b\",\"messages\":[{\"role\":\"user\"," \
	"\"content\":\"hi\"}]" rest "}"
#define REQ_STREAM REQ(",\"stream\":true,\"stream_options\":" \
	"{\"include_usage\":true}")

#endif
