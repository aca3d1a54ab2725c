/* SPDX-License-Identifier: ISC */
/* LINK: daemon/dialect/chat.c daemon/dialect/conv.c daemon/dialect/conv_reply.c daemon/dialect/sse.c daemon/dialect/ndjson.c daemon/dialect/tokens.c */
/* LINK: daemon/dialect/openai.c daemon/dialect/openai_scan.c daemon/dialect/openai_decode.c daemon/dialect/openai_decode_msg.c daemon/dialect/openai_encode.c */
/* LINK: daemon/dialect/openai_reply.c daemon/dialect/openai_error.c daemon/dialect/openai_relay.c daemon/dialect/text.c */
/* LINK: daemon/dialect/ollama.c daemon/dialect/ollama_req.c daemon/dialect/ollama_msg.c daemon/dialect/ollama_tools.c daemon/dialect/ollama_options.c daemon/dialect/ollama_reply.c */
/* LINK: daemon/dialect/image.c daemon/dialect/schema.c */
/* LINK: daemon/base/str.c daemon/base/jscan.c daemon/base/jscan_explain.c daemon/base/jout.c daemon/base/hash.c daemon/base/xmalloc.c proto/errors.c */
/*
 * Any bytes as a chat request: byte 0 are switches.  What is accepted must be
 * strict JSON for each backend, name the model of the target and nothing
 * else's, and survive another turn through the neutral form unchanged.
 */
#include "dialect/openai.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/xmalloc.h"
#include "dialect/param.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define CHECK(c) do {							\
	if (!(c)) {							\
		fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #c);	\
		abort();						\
	}								\
} while (0)

static const struct deploy_param params[] = {
	{ "temperature", { "0.2", 3 } },
	{ "stop", { "\"END\"", 5 } },
	{ "num_ctx", { "8192", 4 } },
	{ "max_tokens", { "9", 1 } }
};

/* The pieces as one padded document. */
static struct buf
join(const struct chat_body *body)
{
	struct buf b = { 0 };
	int i;

	CHECK(body->niov <= CHAT_BODY_IOV);
	for (i = 0; i < body->niov; i++)
		buf_add(&b, body->iov[i].iov_base, body->iov[i].iov_len);
	CHECK(b.n == body->len);
	buf_pad(&b);
	return b;
}

static void
check_error(const struct chat_error *e)
{
	CHECK(chat_error_status(e) == 400);
	CHECK(e->text[0] != '\0');
	CHECK(jscan_utf8_valid(e->text, strlen(e->text)) == strlen(e->text));
	CHECK(jscan_utf8_valid(e->param, strlen(e->param)) ==
	    strlen(e->param));
}

/* Encodes for a backend; true if that worked, then *out is its body. */
static bool
encode(struct chat_req *r, const struct dialect *back, unsigned sw,
    struct arena *a, struct buf *out)
{
	struct chat_target t = {
		.back = back, .provider = "openai", .upstream = "up",
		.params = params, .nparams = sw & 4 ? 4 : 0,
		.drop_params = (sw & 2) != 0, .want_usage = (sw & 8) != 0
	};
	struct chat_body body;
	struct chat_error e;
	struct span doc;

	if (chat_encode(r, &t, a, &body, &e) == -1) {
		CHECK(back == &dialect_ollama);
		check_error(&e);
		return false;
	}
	*out = join(&body);
	CHECK(jscan_document(out->p, out->n, &doc));
	CHECK(jscan_is_obj(doc));
	return true;
}

/* Through the neutral form to OpenAI's, twice: the same. */
static void
turn(struct chat_req *r, struct arena *a)
{
	struct chat_target t = { .back = &dialect_openai, .upstream = "up" };
	struct chat_req again;
	struct chat_body body;
	struct chat_error e;
	struct buf one, two;

	if (!r->decoded) {
		if (openai_decode(r, a, &e) == -1) {
			check_error(&e);
			return;
		}
		r->decoded = true;
	}
	CHECK(openai_encode(r, &t, a, &body, &e) == 0);
	one = join(&body);
	CHECK(chat_scan(&dialect_openai, buf_span(&one), a, &again, &e) == 0);
	CHECK(span_eq(again.model_name, "up"));
	CHECK(openai_decode(&again, a, &e) == 0);
	CHECK(openai_encode(&again, &t, a, &body, &e) == 0);
	two = join(&body);
	CHECK(span_is(buf_span(&one), buf_span(&two)));
	buf_fini(&one);
	buf_fini(&two);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct arena a = { 0 };
	struct chat_req r, again;
	struct chat_error e;
	struct buf out = { 0 };
	char *m;

	if (n < 1)
		return 0;
	m = xcalloc(1, n - 1 + JSCAN_PAD);
	memcpy(m, data + 1, n - 1);
	if (chat_scan(&dialect_openai, (struct span){ m, n - 1 }, &a, &r,
	    &e) == -1) {
		check_error(&e);
	} else {
		if (encode(&r, &dialect_openai, data[0], &a, &out)) {
			CHECK(chat_scan(&dialect_openai, buf_span(&out), &a,
			    &again, &e) == 0);
			CHECK(span_eq(again.model_name, "up"));
			CHECK(again.stream == r.stream && again.n == r.n);
			buf_fini(&out);
		}
		if (encode(&r, &dialect_ollama, data[0], &a, &out))
			buf_fini(&out);
		turn(&r, &a);
	}
	arena_fini(&a);
	free(m);
	return 0;
}
