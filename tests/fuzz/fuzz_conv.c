/* SPDX-License-Identifier: ISC */
/* LINK: daemon/dialect/chat.c daemon/dialect/conv.c daemon/dialect/conv_reply.c daemon/dialect/sse.c daemon/dialect/ndjson.c daemon/dialect/tokens.c */
/* LINK: daemon/dialect/openai.c daemon/dialect/openai_scan.c daemon/dialect/openai_decode.c daemon/dialect/openai_decode_msg.c daemon/dialect/openai_encode.c */
/* LINK: daemon/dialect/openai_reply.c daemon/dialect/openai_error.c daemon/dialect/openai_relay.c daemon/dialect/text.c */
/* LINK: daemon/dialect/ollama.c daemon/dialect/ollama_req.c daemon/dialect/ollama_msg.c daemon/dialect/ollama_tools.c daemon/dialect/ollama_options.c daemon/dialect/ollama_reply.c */
/* LINK: daemon/dialect/image.c daemon/dialect/schema.c */
/* LINK: daemon/base/str.c daemon/base/jscan.c daemon/base/jscan_explain.c daemon/base/jout.c daemon/base/hash.c daemon/base/xmalloc.c proto/errors.c */
/*
 * Any bytes as a backend's reply: byte 0 are switches, byte 1 the size of the
 * pieces.  The client's bytes are the same whatever the cuts; what OpenAI
 * clients get are events of strict JSON, [DONE] is the end of a complete
 * answer and an error event the end of another.
 */
#include "dialect/conv.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/jscan.h"
#include "base/xmalloc.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define CHECK(c) do {							\
	if (!(c)) {							\
		fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #c);	\
		abort();						\
	}								\
} while (0)

/* Padding for jscan is behind the literal. */
#define HI "[{\"role\":\"user\",\"content\":\"x\"}]"
#define PAD "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
static const char *const requests[] = {
	"{\"model\":\"m\",\"messages\":" HI ",\"stream\":true}" PAD,
	"{\"model\":\"m\",\"messages\":" HI ",\"stream\":true,"
	    "\"stream_options\":{\"include_usage\":true}}" PAD,
	"{\"model\":\"m\",\"messages\":" HI ",\"stream\":true,"
	    "\"parallel_tool_calls\":false,\"tool_choice\":\"auto\"}" PAD,
	"{\"model\":\"m\",\"messages\":" HI ",\"stream\":true,"
	    "\"functions\":[]}" PAD
};

struct run {
	struct buf		 out;
	enum conv_state		 state;
	struct conv_facts	 facts;
	enum error_id		 error;
	int			 status;	/* of the error, or 0 */
};

static void
run(const uint8_t *in, size_t n, unsigned sw, size_t step, struct run *r)
{
	const struct dialect *front = sw & 1 ? &dialect_text :
	    &dialect_openai;
	struct chat_target t = {
		.back = sw & 2 ? &dialect_openai : &dialect_ollama,
		.upstream = "up", .want_usage = (sw & 4) != 0
	};
	struct arena a = { 0 };
	struct chat_req req;
	struct chat_body body;
	struct chat_error e;
	struct conv_info info = { .created = 1, .event_max = 4096 };
	struct conv *c;
	size_t len;
	char *m;

	CHECK(chat_scan(front, span_z(requests[sw >> 3 & 3]), &a, &req,
	    &e) == 0);
	CHECK(chat_encode(&req, &t, &a, &body, &e) == 0);
	info.id = SPAN_LIT("chatcmpl-1");
	info.model = req.model_name;
	info.include_usage = req.include_usage;
	c = conv_new(&req, &t, &info);
	if (sw & 64) {
		m = xcalloc(1, n + JSCAN_PAD);
		memcpy(m, in, n);
		r->state = conv_reply(c, m, n, &r->out);
		free(m);
		n = 0;
	}
	for (; n > 0; in += len, n -= len) {
		len = step == 0 || step > n ? n : step;
		m = xcalloc(1, len + JSCAN_PAD);
		memcpy(m, in, len);
		r->state = conv_stream(c, m, len, &r->out);
		free(m);
	}
	if (!(sw & 64))
		r->state = conv_stream_end(c, (sw & 32) == 0, &r->out);
	r->facts = *conv_facts(c);
	if (r->facts.error != NULL) {
		r->error = r->facts.error->id;
		r->status = chat_error_status(r->facts.error);
		r->facts.error = NULL;
	}
	conv_free(c);
	arena_fini(&a);
	buf_pad(&r->out);
}

/* Events of what an OpenAI client gets. */
static void
check_stream(struct run *r)
{
	char *p = r->out.p, *end = r->out.p + r->out.n, *lf;
	bool done = false, error = false;
	struct span doc;

	while (p < end) {
		CHECK(!done && !error);
		lf = memmem(p, (size_t)(end - p), "\n\n", 2);
		CHECK(lf != NULL);
		if (*p == ':') {
			CHECK(lf == p + 1);
			p = lf + 2;
			continue;
		}
		CHECK(strncmp(p, "data: ", 6) == 0);
		p += 6;
		CHECK(memchr(p, '\n', (size_t)(lf - p)) == NULL);
		*lf = '\0';
		if (strcmp(p, "[DONE]") == 0) {
			done = true;
		} else {
			CHECK(jscan_document(p, (size_t)(lf - p), &doc));
			error = strncmp(p, "{\"error\":", 9) == 0;
		}
		p = lf + 2;
	}
	CHECK(done == (r->state == CONV_DONE));
	if (r->state == CONV_ERROR)
		CHECK(error == r->facts.started);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct run a = { 0 }, b = { 0 };
	struct span doc;

	if (n < 2)
		return 0;
	run(data + 2, n - 2, data[0], 0, &a);
	run(data + 2, n - 2, data[0], data[1] % 32 + 1, &b);
	CHECK(a.state == b.state && a.state != CONV_OPEN);
	CHECK(span_is(buf_span(&a.out), buf_span(&b.out)));
	CHECK(a.facts.finish == b.facts.finish);
	CHECK(a.facts.usage.out == b.facts.usage.out);
	CHECK(a.error == b.error);
	if (a.out.n != 0)
		CHECK(jscan_utf8_valid(a.out.p, a.out.n) == a.out.n);
	if (a.state == CONV_ERROR)
		CHECK(a.status >= 400);
	if ((data[0] & 65) == 64 && a.state == CONV_DONE)
		CHECK(jscan_document(a.out.p, a.out.n, &doc));
	else if ((data[0] & 65) == 0)
		check_stream(&a);
	buf_fini(&a.out);
	buf_fini(&b.out);
	return 0;
}
