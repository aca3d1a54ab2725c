/* SPDX-License-Identifier: ISC */
/* LINK: daemon/dialect/chat.c daemon/dialect/conv.c daemon/dialect/conv_reply.c daemon/dialect/sse.c daemon/dialect/ndjson.c daemon/dialect/tokens.c */
/* LINK: daemon/dialect/openai.c daemon/dialect/openai_scan.c daemon/dialect/openai_decode.c daemon/dialect/openai_decode_msg.c daemon/dialect/openai_encode.c */
/* LINK: daemon/dialect/openai_reply.c daemon/dialect/openai_error.c daemon/dialect/openai_relay.c daemon/dialect/text.c */
/* LINK: daemon/dialect/ollama.c daemon/dialect/ollama_req.c daemon/dialect/ollama_msg.c daemon/dialect/ollama_tools.c daemon/dialect/ollama_options.c daemon/dialect/ollama_reply.c */
/* LINK: daemon/dialect/image.c daemon/dialect/schema.c */
/* LINK: daemon/base/str.c daemon/base/jscan.c daemon/base/jscan_explain.c daemon/base/jout.c daemon/base/hash.c daemon/base/xmalloc.c proto/errors.c */
/*
 * Streams through conversions: the recorded answers of a real Ollama against
 * what an independent translation (Python's json) makes of them, and the
 * golden streams through the relay, whole and cut.
 */
#include "dialect_help.h"

static const char *const goldens[] = {
	"chat_length", "chat_logprobs", "chat_noarg", "chat_reason",
	"chat_text", "chat_texttools", "chat_tools", "chat_tools_oneshot",
	"chat_err"
};
#define NGOLDENS (sizeof(goldens) / sizeof(*goldens))

/* The golden with its model called up-model, as a backend would send it. */
static struct buf
golden_upstream(const struct buf *g)
{
	const char *p = g->p, *q;
	struct buf b = { 0 };

	while ((q = strstr(p, "\"qwen3:8b\"")) != NULL) {
		buf_add(&b, p, (size_t)(q - p));
		buf_lit(&b, "\"up-model\"");
		p = q + 10;
	}
	buf_addz(&b, p);
	buf_pad(&b);
	return b;
}

static void
golden_relay(const char *name, size_t step)
{
	struct buf want = help_file("golden", name, ".sse");
	struct buf in = golden_upstream(&want);
	struct help h = { 0 };
	enum conv_state st;

	help_open(&h, &dialect_openai, &dialect_openai, REQ_STREAM);
	help_feed(&h, in.p, in.n, step);
	st = conv_stream_end(h.conv, true, &h.out);
	if (strcmp(name, "chat_err") == 0)
		assert_int_equal(st, CONV_ERROR);
	else
		assert_int_equal(st, CONV_DONE);
	assert_string_equal(help_out(&h), want.p);
	if (st == CONV_DONE) {
		assert_true(conv_facts(h.conv)->reusable);
		assert_true(conv_facts(h.conv)->usage.known);
		assert_int_equal(conv_facts(h.conv)->usage.in, 11);
		assert_int_equal(conv_facts(h.conv)->usage.out, 7);
	}
	help_fini(&h);
	buf_fini(&in);
	buf_fini(&want);
}

static void
test_golden_relay(void **state)
{
	size_t i, step, max = help_long() ? 4000 : 9;

	(void)state;
	for (i = 0; i < NGOLDENS; i++)
		for (step = 0; step < max; step++)
			golden_relay(goldens[i], step);
}

/* SSE-01: other line ends, no space, BOM, comments give the same. */
static void
golden_odd(const char *name, const char *eol, bool bom, size_t step)
{
	struct buf want = help_file("golden", name, ".sse");
	struct buf up = golden_upstream(&want), in = { 0 };
	struct help h = { 0 };
	const char *p;

	if (bom)
		buf_lit(&in, "\xef\xbb\xbf");
	for (p = up.p; *p != '\0'; p++) {
		if (strncmp(p, "data: ", 6) == 0) {
			buf_lit(&in, "id: 7");
			buf_addz(&in, eol);
			buf_lit(&in, "retry: 1");
			buf_addz(&in, eol);
			buf_lit(&in, "data:");
			p += 5;
		} else if (*p == '\n') {
			buf_addz(&in, eol);
		} else {
			buf_add(&in, p, 1);
		}
	}
	buf_lit(&in, "event: ping");
	buf_addz(&in, eol);
	buf_addz(&in, eol);
	help_open(&h, &dialect_openai, &dialect_openai, REQ_STREAM);
	help_feed(&h, in.p, in.n, step);
	assert_int_equal(conv_stream_end(h.conv, true, &h.out), CONV_DONE);
	assert_string_equal(help_out(&h), want.p);
	help_fini(&h);
	buf_fini(&in);
	buf_fini(&up);
	buf_fini(&want);
}

static void
test_golden_odd(void **state)
{
	static const char *const eols[] = { "\n", "\r\n", "\r" };
	static const size_t steps[] = { 0, 1, 7 };
	size_t i, k, s;

	(void)state;
	for (i = 0; i < NGOLDENS - 1; i++)
		for (k = 0; k < 3; k++)
			for (s = 0; s < 3; s++)
				golden_odd(goldens[i], eols[k], s == 1,
				    steps[s]);
}

/* Parts of a line of the list. */
struct rec {
	char	name[64], how[16], kind[16], clean[8];
};

static void
rec_stream(const struct rec *r, size_t step)
{
	struct buf want = help_file("dialect/ollama", r->name, ".sse"), in;
	const struct conv_facts *f;
	struct help h = { 0 };
	enum conv_state st;
	bool clean;

	in = help_recorded(r->name, &clean);
	assert_int_equal(clean, strcmp(r->clean, "clean") == 0);
	help_open(&h, &dialect_openai, &dialect_ollama, REQ_STREAM);
	help_feed(&h, in.p, in.n, step);
	st = conv_stream_end(h.conv, clean, &h.out);
	f = conv_facts(h.conv);
	help_out(&h);
	if (strcmp(r->kind, "done") == 0) {
		assert_int_equal(st, CONV_DONE);
		assert_string_equal(h.out.p, want.p);
		assert_true(f->usage.known);
		assert_true(f->reusable);
	} else if (strcmp(r->kind, "cut") == 0) {
		assert_int_equal(st, CONV_DONE);
		assert_memory_equal(h.out.p, want.p, want.n);
		assert_non_null(strstr(h.out.p + want.n,
		    "\"choices\":[],\"usage\":{"));
		assert_non_null(strstr(h.out.p, "data: [DONE]\n\n"));
		assert_int_equal(f->finish, CHAT_FINISH_LENGTH);
		assert_string_equal(f->warning, "upstream_repeat_cut");
		assert_false(f->usage.known);
		assert_true(f->usage.out > 0);
	} else {
		assert_int_equal(st, CONV_ERROR);
		assert_memory_equal(h.out.p, want.p, want.n);
		assert_non_null(strstr(h.out.p + want.n,
		    "data: {\"error\":{\"message\":\""));
		assert_null(strstr(h.out.p, "[DONE]"));
		assert_false(f->reusable);
		assert_int_equal(f->error->id, strcmp(r->kind, "error") == 0 ?
		    ERR_UPSTREAM : ERR_UPSTREAM_INCOMPLETE);
	}
	help_fini(&h);
	buf_fini(&in);
	buf_fini(&want);
}

static void
rec_whole(const struct rec *r)
{
	struct buf want = help_file("dialect/ollama", r->name, ".json"), in;
	struct help h = { 0 };
	bool clean;
	char *end;

	in = help_recorded(r->name, &clean);
	/* One recording has two answers behind another. */
	end = strstr(in.p, "}{");
	if (end != NULL)
		end[1] = '\0';
	help_open(&h, &dialect_openai, &dialect_ollama, REQ(""));
	assert_int_equal(help_whole(&h, in.p), CONV_DONE);
	if (strcmp(r->kind, "done") == 0) {
		assert_string_equal(help_out(&h), want.p);
		assert_true(conv_facts(h.conv)->usage.known);
	} else {
		assert_memory_equal(help_out(&h), want.p, want.n);
		assert_false(conv_facts(h.conv)->usage.known);
	}
	assert_int_equal(conv_facts(h.conv)->warning != NULL,
	    strcmp(r->kind, "cut") == 0);
	help_fini(&h);
	buf_fini(&in);
	buf_fini(&want);
}

/* Status, id and parameter that recorded errors must become. */
static const struct rec_error {
	const char	*name;
	int		 status;
	enum error_id	 id;
	const char	*param;
} rec_errors[] = {
	{ "chat_bad_model_name", 400, ERR_INVALID_PARAM, "" },
	{ "chat_format_bad", 400, ERR_INVALID_PARAM, "response_format" },
	{ "chat_format_bad_schema", 400, ERR_INVALID_PARAM,
	    "response_format" },
	{ "chat_format_true", 400, ERR_INVALID_PARAM, "response_format" },
	{ "chat_on_embed_model", 400, ERR_UNSUPPORTED_PARAM, "model" },
	{ "chat_option_wrong_type", 400, ERR_INVALID_PARAM, "" },
	{ "chat_overflow_truncate_false", 400, ERR_CONTEXT_LENGTH, "" },
	{ "chat_stop_string", 400, ERR_INVALID_PARAM, "stop" },
	{ "chat_think_on_nonthinking", 400, ERR_UNSUPPORTED_PARAM,
	    "reasoning_effort" },
	{ "chat_tools_on_plain_model", 400, ERR_UNSUPPORTED_PARAM, "tools" },
	{ "chat_unknown_model", 404, ERR_MODEL_NOT_FOUND, "model" },
	{ "fault_queue_full_503", 503, ERR_UPSTREAM_BUSY, "" },
	{ "fault_runner_killed_chat_nonstream", 502, ERR_UPSTREAM, "" }
};

static void
rec_status(const struct rec *r)
{
	struct chat_target to = { .back = &dialect_ollama };
	struct chat_error e;
	struct buf in;
	size_t i;
	bool clean;

	in = help_recorded(r->name, &clean);
	conv_upstream_error(&to, atoi(r->kind), buf_span(&in), &e);
	assert_true(e.text[0] != '\0');
	for (i = 0; i < sizeof(rec_errors) / sizeof(*rec_errors); i++) {
		if (strcmp(rec_errors[i].name, r->name) != 0)
			continue;
		assert_int_equal(chat_error_status(&e), rec_errors[i].status);
		assert_int_equal(e.id, rec_errors[i].id);
		assert_string_equal(e.param, rec_errors[i].param);
	}
	buf_fini(&in);
}

static void
test_recorded(void **state)
{
	struct buf list = help_file("dialect/ollama", "LIST", "");
	size_t step, max = help_long() ? 3000 : 8;
	unsigned n = 0;
	struct rec r;
	char *p;

	(void)state;
	for (p = list.p; sscanf(p, "%63s %15s %15s %7s", r.name, r.how,
	    r.kind, r.clean) == 4; p = strchr(p, '\n') + 1, n++) {
		if (strcmp(r.how, "stream") == 0)
			for (step = 0; step < max; step++)
				rec_stream(&r, step);
		else if (strcmp(r.how, "whole") == 0)
			rec_whole(&r);
		else
			rec_status(&r);
	}
	assert_true(n > 60);
	buf_fini(&list);
}

/* The text front: only what the model says. */
static void
test_text_front(void **state)
{
	struct help h = { 0 };
	struct buf in;
	bool clean;

	(void)state;
	in = help_recorded("chat_utf8_stream", &clean);
	help_open(&h, &dialect_text, &dialect_ollama, REQ_STREAM);
	help_feed(&h, in.p, in.n, 5);
	assert_int_equal(conv_stream_end(h.conv, true, &h.out), CONV_DONE);
	assert_non_null(strstr(help_out(&h), "\xf0\x9f"));
	assert_null(strstr(h.out.p, "data:"));
	assert_int_equal(jscan_utf8_valid(h.out.p, h.out.n), h.out.n);
	help_fini(&h);
	buf_fini(&in);
	in = help_file("golden", "chat_reason", ".sse");
	help_open(&h, &dialect_text, &dialect_openai, REQ_STREAM);
	help_feed(&h, in.p, in.n, 3);
	assert_int_equal(conv_stream_end(h.conv, true, &h.out), CONV_DONE);
	assert_string_equal(help_out(&h), "Z\xc3\xbcr \xe2\x9c\x93 "
	    "\xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x91\xa9\xe2\x80\x8d"
	    "\xf0\x9f\x9a\x80");
	help_fini(&h);
	buf_fini(&in);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden_relay),
		cmocka_unit_test(test_golden_odd),
		cmocka_unit_test(test_recorded),
		cmocka_unit_test(test_text_front)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
