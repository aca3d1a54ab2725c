/* SPDX-License-Identifier: ISC */
/* LINK: daemon/dialect/chat.c daemon/dialect/conv.c daemon/dialect/conv_reply.c daemon/dialect/sse.c daemon/dialect/ndjson.c daemon/dialect/tokens.c */
/* LINK: daemon/dialect/openai.c daemon/dialect/openai_scan.c daemon/dialect/openai_decode.c daemon/dialect/openai_decode_msg.c daemon/dialect/openai_encode.c */
/* LINK: daemon/dialect/openai_reply.c daemon/dialect/openai_error.c daemon/dialect/openai_relay.c daemon/dialect/text.c */
/* LINK: daemon/dialect/ollama.c daemon/dialect/ollama_req.c daemon/dialect/ollama_msg.c daemon/dialect/ollama_tools.c daemon/dialect/ollama_options.c daemon/dialect/ollama_reply.c */
/* LINK: daemon/dialect/image.c daemon/dialect/schema.c */
/* LINK: daemon/base/str.c daemon/base/jscan.c daemon/base/jscan_explain.c daemon/base/jout.c daemon/base/hash.c daemon/base/xmalloc.c proto/errors.c */
/* The OpenAI dialect: what is scanned and spliced, relayed and repaired. */
#include "dialect_help.h"

/*
 * Requests
 */

static void
test_scan(void **state)
{
	struct help h = { 0 };

	(void)state;
	assert_int_equal(help_scan(&h, &dialect_openai, " \n{\"messages\":[],"
	    "\"x\":{\"model\":1},\"mod\\u0065l\":\"a\\/b\",\"stream\":true,"
	    "\"n\":2,\"stream_options\":{\"include_usage\":true}} \n"), 0);
	assert_true(span_eq(h.req.model_name, "a/b"));
	assert_true(span_eq(h.req.model, "\"a\\/b\""));
	assert_true(span_eq(h.req.messages, "[]"));
	assert_true(h.req.stream);
	assert_true(h.req.include_usage);
	assert_int_equal(h.req.n, 2);
	help_fini(&h);
	/* CHAT-02: null is absent. */
	assert_int_equal(help_scan(&h, &dialect_openai, "{\"model\":\"m\","
	    "\"messages\":[{}],\"stream\":null,\"n\":null,"
	    "\"stream_options\":null,\"tools\":null,\"foo\":null}"), 0);
	assert_false(h.req.stream);
	assert_int_equal(h.req.n, 1);
	help_fini(&h);
}

static const struct scan_error {
	const char	*in;
	enum error_id	 id;
	const char	*param, *text;
} scan_errors[] = {
	{ "", ERR_MISSING_PARAM, "messages", "'messages'" },
	{ "  \n", ERR_MISSING_PARAM, "messages", "'messages'" },
	{ "{}", ERR_MISSING_PARAM, "model",
	    "Missing required parameter: 'model'." },
	{ "{\"model\":null,\"messages\":[]}", ERR_MISSING_PARAM, "model",
	    "'model'" },
	{ "{\"model\":5,\"messages\":[]}", ERR_INVALID_PARAM, "model",
	    "'model' must be a string." },
	{ "{\"model\":\"m\"}", ERR_MISSING_PARAM, "messages", "/chat/"
	    "completions: Missing required parameter: 'messages'." },
	{ "{\"model\":\"m\",\"messages\":null}", ERR_MISSING_PARAM,
	    "messages", "'messages'" },
	{ "{\"model\":\"m\",\"messages\":\"hi\"}", ERR_INVALID_PARAM,
	    "messages", "array" },
	{ "[]", ERR_INVALID_PARAM, "request_body", "object" },
	{ "\"x\"", ERR_INVALID_PARAM, "request_body", "object" },
	{ "{\"model\":\"m\"", ERR_INVALID_JSON, "request_body",
	    "line 1 column 13 (char 12)" },
	{ "{\"model\":\"m\",\"messages\":[],}", ERR_INVALID_JSON,
	    "request_body", "Invalid JSON payload" },
	{ "{\"model\":\"m\",\"messages\":[]} x", ERR_INVALID_JSON,
	    "request_body", "Invalid JSON payload" },
	{ "{\"model\":\"a\",\"messages\":[],\"mod\\u0065l\":\"b\"}",
	    ERR_INVALID_JSON, "request_body", "duplicate key 'model'" },
	{ "{\"model\":\"m\",\"messages\":[NaN]}", ERR_INVALID_JSON,
	    "request_body", "Invalid JSON payload" },
	{ "{\"model\":\"m\xff\",\"messages\":[]}", ERR_INVALID_JSON,
	    "request_body", "Invalid JSON payload" },
	{ "\xef\xbb\xbf{\"model\":\"m\",\"messages\":[]}",
	    ERR_INVALID_JSON, "request_body", "Invalid JSON payload" },
	{ "{\"model\":\"m\",\"messages\":[],\"stream\":1}",
	    ERR_INVALID_PARAM, "stream", "'stream'" },
	{ "{\"model\":\"m\",\"messages\":[],\"n\":0}", ERR_INVALID_PARAM,
	    "n", "'n'" },
	{ "{\"model\":\"m\",\"messages\":[],\"n\":\"2\"}",
	    ERR_INVALID_PARAM, "n", "'n'" },
	{ "{\"model\":\"m\",\"messages\":[],\"n\":1.5}",
	    ERR_INVALID_PARAM, "n", "'n'" },
	{ "{\"model\":\"m\",\"messages\":[],\"stream_options\":[]}",
	    ERR_INVALID_PARAM, "stream_options", "object" },
	{ "{\"model\":\"m\",\"messages\":[],\"stream_options\":"
	    "{\"include_usage\":1}}", ERR_INVALID_PARAM,
	    "stream_options.include_usage", "true or false" },
	{ "{\"model\":\"m\",\"messages\":[],\"stream_options\":"
	    "{\"include_usage\":true,\"include_usage\":false}}",
	    ERR_INVALID_JSON, "stream_options.include_usage", "duplicate" }
};

static void
test_scan_errors(void **state)
{
	struct help h = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(scan_errors) / sizeof(*scan_errors); i++) {
		assert_int_equal(help_scan(&h, &dialect_openai,
		    scan_errors[i].in), -1);
		assert_int_equal(h.err.id, scan_errors[i].id);
		assert_int_equal(chat_error_status(&h.err), 400);
		assert_string_equal(h.err.param, scan_errors[i].param);
		if (strstr(h.err.text, scan_errors[i].text) == NULL)
			fail_msg("%s: %s", scan_errors[i].in, h.err.text);
		help_fini(&h);
	}
}

/* Depth bombs: refused, and without recursion. */
static void
test_scan_deep(void **state)
{
	struct help h = { 0 };
	struct buf b = { 0 };
	int i;

	(void)state;
	buf_lit(&b, "{\"model\":\"m\",\"messages\":");
	for (i = 0; i < 100000; i++)
		buf_lit(&b, "[");
	buf_pad(&b);
	assert_int_equal(help_scan(&h, &dialect_openai, b.p), -1);
	assert_int_equal(h.err.id, ERR_INVALID_JSON);
	help_fini(&h);
	buf_fini(&b);
}

static const struct deploy_param params[] = {
	{ "temperature", { "0.2", 3 } },
	{ "max_tokens", { "99", 2 } },
	{ "provider", { "{\"order\":[\"x\"]}", 15 } }
};

static const struct splice {
	const char	*in, *want;
	bool		 want_usage;
	unsigned	 nparams;
	const char	*provider;
} splices[] = {
	/* PAS-01: bytes identical but for the model. */
	{ " {\"x\" : 1e-7, \"model\" : \"qwen\",\"messages\": [ {} ],"
	    "\"y\":0.10 ,\"z\":9007199254740993}\n",
	    "{\"x\" : 1e-7, \"model\" : \"up/m\\\"odel\",\"messages\": [ {} ],"
	    "\"y\":0.10 ,\"z\":9007199254740993}", false, 0, "openai" },
	{ "{\"model\":\"q\",\"messages\":[],\"stream\":true}",
	    "{\"model\":\"up/m\\\"odel\",\"messages\":[],\"stream\":true,"
	    "\"stream_options\":{\"include_usage\":true}}", true, 0,
	    "openai" },
	{ "{\"model\":\"q\",\"messages\":[],\"stream\":true}",
	    "{\"model\":\"up/m\\\"odel\",\"messages\":[],\"stream\":true}",
	    true, 0, "mistral" },
	{ "{\"model\":\"q\",\"messages\":[]}",
	    "{\"model\":\"up/m\\\"odel\",\"messages\":[]}", true, 0, NULL },
	{ "{\"stream_options\":{\"x\":[1], \"include_usage\":false},"
	    "\"model\":\"q\",\"messages\":[],\"stream\":true}",
	    "{\"stream_options\":{\"include_usage\":true,\"x\":[1]},"
	    "\"model\":\"up/m\\\"odel\",\"messages\":[],\"stream\":true}",
	    true, 0, "openai" },
	{ "{\"model\":\"q\",\"messages\":[],\"stream\":true,"
	    "\"stream_options\":null}",
	    "{\"model\":\"up/m\\\"odel\",\"messages\":[],\"stream\":true,"
	    "\"stream_options\":{\"include_usage\":true}}", true, 0,
	    "openai" },
	{ "{\"model\":\"q\",\"messages\":[],\"stream\":true,"
	    "\"stream_options\":{\"include_usage\":true}}",
	    "{\"model\":\"up/m\\\"odel\",\"messages\":[],\"stream\":true,"
	    "\"stream_options\":{\"include_usage\":true}}", true, 0,
	    "openai" },
	/* Defaults, where the request has nothing. */
	{ "{\"model\":\"q\",\"messages\":[],\"temperature\":1}",
	    "{\"model\":\"up/m\\\"odel\",\"messages\":[],\"temperature\":1,"
	    "\"max_tokens\":99,\"provider\":{\"order\":[\"x\"]}}", false, 3,
	    "openai" },
	{ "{\"model\":\"q\",\"messages\":[],\"temp\\u0065rature\":1,"
	    "\"max_completion_tokens\":5,\"provider\":1 }",
	    "{\"model\":\"up/m\\\"odel\",\"messages\":[],"
	    "\"temp\\u0065rature\":1,\"max_completion_tokens\":5,"
	    "\"provider\":1 }", false, 3, "openai" },
	{ "{\"temperature\":null,\"model\":\"q\",\"messages\":[]}",
	    "{\"model\":\"up/m\\\"odel\",\"messages\":[],\"temperature\":0.2}",
	    false, 1, "openai" },
	/* LiteLLM's own members stay here. */
	{ "{\"tags\":[1],\"model\":\"q\",\"timeout\":5,\"messages\":[],"
	    "\"cache\":{\"no-cache\":true},\"user\":\"u\","
	    "\"metadata\":{\"a\":1},\"stream\":true}",
	    "{\"model\":\"up/m\\\"odel\",\"messages\":[],\"user\":\"u\","
	    "\"metadata\":{\"a\":1},\"stream\":true,"
	    "\"stream_options\":{\"include_usage\":true}}", true, 0,
	    "openai" }
};

static void
test_splice(void **state)
{
	struct span doc;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(splices) / sizeof(*splices); i++) {
		struct help h = { 0 };

		h.to.upstream = "up/m\"odel";
		h.to.want_usage = splices[i].want_usage;
		h.to.provider = splices[i].provider;
		h.to.params = params;
		h.to.nparams = splices[i].nparams;
		help_open(&h, &dialect_openai, &dialect_openai,
		    splices[i].in);
		assert_string_equal(h.enc.path, "/chat/completions");
		assert_string_equal(help_encoded(&h), splices[i].want);
		assert_true(jscan_document(h.out.p, h.out.n, &doc));
		help_fini(&h);
	}
}

/*
 * Replies
 */

/* A stream that is relayed; what of it the client gets. */
static void
relay(const char *req, bool want_usage, const char *in, const char *want,
    enum conv_state state)
{
	struct help h = { 0 };
	enum conv_state st;
	size_t step;

	for (step = 0; step < 8; step++) {
		h.to.want_usage = want_usage;
		help_open(&h, &dialect_openai, &dialect_openai, req);
		help_feed(&h, in, strlen(in), step);
		st = conv_stream_end(h.conv, true, &h.out);
		assert_string_equal(help_out(&h), want);
		assert_int_equal(st, state);
		help_fini(&h);
	}
}

#define R_REQ REQ(",\"stream\":true")
#define DONE "data: [DONE]\n\n"
/* A chunk of a backend, and how the client gets it. */
#define U(rest) "data: {\"id\":\"c1\",\"created\":5,\"model\":\"up-model\"," \
	rest "}\n\n"
#define C(rest) "data: {\"id\":\"c1\",\"created\":5,\"model\":\"qwen3:8b\"," \
	rest "}\n\n"
#define CH(delta, fin) "\"choices\":[{\"index\":0,\"delta\":{" delta "}," \
	"\"finish_reason\":" fin "}]"
#define ROLE "\"role\":\"assistant\",\"content\":\"\""

static void
test_relay_repairs(void **state)
{
	(void)state;
	/* STR-02: the role once, and on a chunk that needs it. */
	relay(R_REQ, false, U(CH(ROLE, "null"))
	    U(CH("\"role\":\"assistant\",\"content\":\"a\"", "null"))
	    U(CH("\"content\":\"b\",\"role\":\"assistant\"", "null"))
	    U(CH("\"role\":\"assistant\"", "\"stop\"")) DONE,
	    C(CH(ROLE, "null")) C(CH("\"content\":\"a\"", "null"))
	    C(CH("\"content\":\"b\"", "null")) C(CH("", "\"stop\"")) DONE,
	    CONV_DONE);
	/* No role at all; the model is missing. */
	relay(R_REQ, false, "data: {" CH("\"content\":\"a\"", "null")
	    "}\n\n" U(CH("", "\"length\"")) DONE,
	    "data: {\"model\":\"qwen3:8b\","
	    CH("\"role\":\"assistant\",\"content\":\"a\"", "null") "}\n\n"
	    C(CH("", "\"length\"")) DONE, CONV_DONE);
	/* STR-03: no [DONE]. */
	relay(R_REQ, false, U(CH(ROLE, "null")) U(CH("", "\"stop\"")),
	    C(CH(ROLE, "null")) C(CH("", "\"stop\"")) DONE, CONV_DONE);
	/* STR-04: finish_reason "", unknown, or never. */
	relay(R_REQ, false, U(CH(ROLE, "null")) U(CH("", "\"\"")) DONE,
	    C(CH(ROLE, "null")) C(CH("", "\"stop\"")) DONE, CONV_DONE);
	relay(R_REQ, false, U(CH(ROLE, "null")) U(CH("", "\"eos\"")) DONE,
	    C(CH(ROLE, "null")) C(CH("", "\"stop\"")) DONE, CONV_DONE);
	relay(R_REQ, false, U(CH(ROLE, "null")) U(CH("", "\"max_tokens\""))
	    DONE, C(CH(ROLE, "null")) C(CH("", "\"length\"")) DONE,
	    CONV_DONE);
	relay(R_REQ, false, U(CH(ROLE, "null")) DONE, C(CH(ROLE, "null"))
	    "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\","
	    "\"created\":5,\"model\":\"qwen3:8b\","
	    "\"system_fingerprint\":null,\"choices\":[{\"index\":0,"
	    "\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}]}\n\n"
	    DONE, CONV_DONE);
	/* STR-05: empty chunks. */
	relay(R_REQ, false, U(CH(ROLE, "null")) U(CH("", "null"))
	    U(CH("\"content\":\"\"", "null"))
	    U(CH("\"content\":null,\"tool_calls\":[]", "null"))
	    U("\"choices\":[{\"index\":0,\"delta\":null}]")
	    U(CH("", "\"stop\"")) DONE,
	    C(CH(ROLE, "null")) C(CH("", "\"stop\"")) DONE, CONV_DONE);
	/* delta null, message instead of delta, no index. */
	relay(R_REQ, false,
	    U("\"choices\":[{\"message\":{" ROLE "}}]")
	    U("\"choices\":[{\"delta\":null,\"finish_reason\":\"stop\"}]")
	    DONE, C("\"choices\":[{\"index\":0,\"delta\":{" ROLE "}}]")
	    C("\"choices\":[{\"index\":0,\"delta\":{},"
	    "\"finish_reason\":\"stop\"}]") DONE, CONV_DONE);
	/* REA-04: vLLM's name for reasoning. */
	relay(R_REQ, false, U(CH("\"role\":\"assistant\","
	    "\"reasoning\":\"hm\"", "null"))
	    U(CH("\"reasoning\":\"x\",\"reasoning_content\":\"x\"", "null"))
	    U(CH("", "\"stop\"")) DONE, C(CH("\"role\":\"assistant\","
	    "\"reasoning_content\":\"hm\"", "null"))
	    C(CH("\"reasoning_content\":\"x\"", "null"))
	    C(CH("", "\"stop\"")) DONE, CONV_DONE);
}

#define USAGE "\"choices\":[],\"usage\":{\"prompt_tokens\":3," \
	"\"completion_tokens\":4,\"total_tokens\":7}"
static void
test_relay_usage(void **state)
{
	(void)state;
	/* USE-02: nobody asked. */
	relay(R_REQ, false, U(CH(ROLE, "null")) U(CH("", "\"stop\""))
	    U(USAGE) DONE, C(CH(ROLE, "null")) C(CH("", "\"stop\"")) DONE,
	    CONV_DONE);
	/* We asked, the client must not see it. */
	relay(R_REQ, true, U(CH(ROLE, "null") ",\"usage\":null")
	    U(CH("", "\"stop\"") ",\"usage\":null") U(USAGE) DONE,
	    C(CH(ROLE, "null")) C(CH("", "\"stop\"")) DONE, CONV_DONE);
	/* USE-01: the client asked. */
	relay(REQ_STREAM, true, U(CH(ROLE, "null") ",\"usage\":null")
	    U(CH("", "\"stop\"") ",\"usage\":null") U(USAGE) DONE,
	    C(CH(ROLE, "null") ",\"usage\":null")
	    C(CH("", "\"stop\"") ",\"usage\":null") C(USAGE) DONE,
	    CONV_DONE);
	/* Azure's first chunk. */
	relay(R_REQ, true, U("\"choices\":[],\"prompt_filter_results\":[]")
	    U(CH(ROLE, "null")) U(CH("", "\"stop\"")) DONE,
	    C("\"choices\":[],\"prompt_filter_results\":[]")
	    C(CH(ROLE, "null")) C(CH("", "\"stop\"")) DONE, CONV_DONE);
}

static void
test_relay_noise(void **state)
{
	(void)state;
	/* SSE-05, and what stands behind [DONE]. */
	relay(R_REQ, false, ": keepalive\n\nevent: ping\ndata: {}\n\nid: 7\n"
	    "retry: 1\n" U(CH(ROLE, "null")) ":\n\nevent: ping\n\ndata: \n\n"
	    U(CH("", "\"stop\"")) DONE DONE "data: {bad\n\n",
	    ":\n\n" C(CH(ROLE, "null")) ":\n\n" C(CH("", "\"stop\"")) DONE,
	    CONV_DONE);
	/* Several data lines, spaces. */
	relay(R_REQ, false, "data: { \"model\" : \"x\",\ndata: \"choices\":"
	    "[{\"index\":0,\"delta\":{" ROLE "}}]\ndata: }\n\n"
	    U(CH("", "\"stop\"")) DONE, "data: { \"model\" : \"qwen3:8b\", "
	    "\"choices\":[{\"index\":0,\"delta\":{" ROLE "}}] }\n\n"
	    C(CH("", "\"stop\"")) DONE, CONV_DONE);
	/* SSE-04: no UTF-8, half a character, lone surrogates. */
	relay(R_REQ, false, U(CH("\"role\":\"assistant\",\"content\":\"a\xff"
	    "b\xe6\x97 \\ud83d x \\ud83d\\ude80 \\\\ud83d \\ude80\"", "null"))
	    U(CH("", "\"stop\"")) DONE,
	    C(CH("\"role\":\"assistant\",\"content\":\"a\xef\xbf\xbd" "b"
	    "\xef\xbf\xbd \\ufffd x \\ud83d\\ude80 \\\\ud83d \\ufffd\"",
	    "null")) C(CH("", "\"stop\"")) DONE, CONV_DONE);
}

#define ERR_EVENT(m, t, c) "data: {\"error\":{\"message\":\"" m "\"," \
	"\"type\":\"" t "\",\"param\":null,\"code\":\"" c "\"}}\n\n"
static void
test_relay_errors(void **state)
{
	(void)state;
	relay(R_REQ, false, U(CH(ROLE, "null"))
	    "data: {\"error\":{\"message\":\"boom sk-abc123\",\"code\":500,"
	    "\"type\":\"InternalServerError\"}}\n\n" DONE,
	    C(CH(ROLE, "null")) ERR_EVENT("boom sk-***", "server_error",
	    "upstream_error"), CONV_ERROR);
	relay(R_REQ, false, U(CH(ROLE, "null"))
	    "event: error\ndata: {\"message\":\"boom\"}\n\n",
	    C(CH(ROLE, "null")) ERR_EVENT("boom", "server_error",
	    "upstream_error"), CONV_ERROR);
	/* Before the first event nothing is written. */
	relay(R_REQ, false, "data: {\"error\":\"slow down\"}\n\n", "",
	    CONV_ERROR);
	relay(R_REQ, false, "data: {\"object\":\"error\","
	    "\"message\":\"x\",\"code\":400}\n\n", "", CONV_ERROR);
	/* Row 32: bad JSON in mid-stream. */
	relay(R_REQ, false, U(CH(ROLE, "null")) "data: {\"a\":\n\n"
	    U(CH("", "\"stop\"")), C(CH(ROLE, "null"))
	    ERR_EVENT("The backend's answer is not valid JSON",
	    "server_error", "upstream_invalid_response"), CONV_ERROR);
	/* ERR-07: an early end. */
	relay(R_REQ, false, U(CH(ROLE, "null")), C(CH(ROLE, "null"))
	    ERR_EVENT("The backend ended its answer without finishing it",
	    "server_error", "upstream_incomplete"), CONV_ERROR);
	/* Rows 28 and 36: nothing, a page, nonsense. */
	relay(R_REQ, false, "", "", CONV_ERROR);
	relay(R_REQ, false, DONE, "", CONV_ERROR);
	relay(R_REQ, false, "\n <html>busy</html>", "", CONV_ERROR);
	relay(R_REQ, false, "what is this?", "", CONV_ERROR);
	relay(R_REQ, false, ": only\n\n: comments\n\n", "", CONV_ERROR);
}

/* The status that a first error has for the client. */
static void
test_first_error(void **state)
{
	static const struct {
		const char	*in;
		int		 status;
		enum error_id	 id;
	} t[] = {
		{ "data: {\"error\":{\"message\":\"x\",\"code\":429}}\n\n",
		    429, ERR_RATE_LIMIT },
		{ "data: {\"error\":{\"message\":\"x\",\"code\":\"400\"}}\n\n",
		    400, ERR_INVALID_PARAM },
		{ "data: {\"error\":{\"message\":\"This model's maximum "
		    "context length is 5\"}}\n\n", 400, ERR_CONTEXT_LENGTH },
		{ "{\"error\":{\"message\":\"x\",\"type\":"
		    "\"overloaded_error\"}}", 503, ERR_UPSTREAM_BUSY },
		{ "data: {\"error\":{\"message\":\"bad key sk-1\","
		    "\"code\":401}}\n\n", 502, ERR_UPSTREAM_AUTH },
		{ "<html>", 502, ERR_UPSTREAM_INVALID },
		{ "data: x\n\n", 502, ERR_UPSTREAM_INVALID }
	};
	struct help h = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(*t); i++) {
		help_open(&h, &dialect_openai, &dialect_openai, R_REQ);
		help_feed(&h, t[i].in, strlen(t[i].in), 0);
		assert_int_equal(conv_stream_end(h.conv, true, &h.out),
		    CONV_ERROR);
		assert_int_equal(h.out.n, 0);
		assert_false(conv_facts(h.conv)->started);
		assert_int_equal(conv_facts(h.conv)->error->id, t[i].id);
		assert_int_equal(chat_error_status(
		    conv_facts(h.conv)->error), t[i].status);
		assert_null(strstr(conv_facts(h.conv)->error->text, "sk-1"));
		help_fini(&h);
	}
}

/* STR-08: a body where a stream was asked for. */
static void
test_synthesised(void **state)
{
	static const char in[] = "\r\n{\"id\":\"x\",\"choices\":[{\"index\":0,"
	    "\"message\":{\"role\":\"assistant\",\"content\":\"Hi\","
	    "\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\","
	    "\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]},"
	    "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":11,"
	    "\"completion_tokens\":7}}";
	struct help h = { 0 };
	size_t step;

	(void)state;
	for (step = 0; step < 9; step++) {
		help_open(&h, &dialect_openai, &dialect_openai, REQ_STREAM);
		help_feed(&h, in, sizeof(in) - 1, step);
		assert_int_equal(h.out.n, 0);
		assert_int_equal(conv_stream_end(h.conv, true, &h.out),
		    CONV_DONE);
		help_out(&h);
		assert_non_null(strstr(h.out.p, "\"delta\":{" ROLE "}"));
		assert_non_null(strstr(h.out.p, "\"delta\":{\"content\":\"Hi\""
		    "}"));
		assert_non_null(strstr(h.out.p, "\"arguments\":\"{}\"}}]}"));
		assert_non_null(strstr(h.out.p, "\"tool_calls\"}],"));
		assert_non_null(strstr(h.out.p, "\"choices\":[],\"usage\":{"
		    "\"prompt_tokens\":11,"));
		assert_non_null(strstr(h.out.p, DONE));
		help_fini(&h);
	}
	/* Cut: no half answer. */
	help_open(&h, &dialect_openai, &dialect_openai, REQ_STREAM);
	help_feed(&h, in, sizeof(in) - 9, 0);
	assert_int_equal(conv_stream_end(h.conv, false, &h.out), CONV_ERROR);
	assert_int_equal(conv_facts(h.conv)->error->id,
	    ERR_UPSTREAM_INCOMPLETE);
	assert_int_equal(h.out.n, 0);
	help_fini(&h);
}

static const struct whole {
	const char	*in, *want;	/* want NULL: refused */
	enum error_id	 id;
} wholes[] = {
	/* PAS-01 */
	{ " {\"id\":\"c\", \"x\":1e-7,\"model\":\"up\",\"choices\":[{\"index\""
	    ":0,\"message\":{\"role\":\"assistant\",\"content\":\"a\"},"
	    "\"finish_reason\":\"stop\"}],\"n\":0.10, \"model_x\":1}\n",
	    "{\"id\":\"c\", \"x\":1e-7,\"model\":\"qwen3:8b\",\"choices\":"
	    "[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"
	    "\"a\"},\"finish_reason\":\"stop\"}],\"n\":0.10, \"model_x\":1}",
	    ERR_NONE },
	{ "{\"choices\":[{\"message\":{\"reasoning\":\"r\",\"content\":null,"
	    "\"tool_calls\":[{}]},\"finish_reason\":null}]}",
	    "{\"model\":\"qwen3:8b\",\"choices\":[{\"index\":0,\"message\":{"
	    "\"reasoning_content\":\"r\",\"content\":null,"
	    "\"tool_calls\":[{}]},\"finish_reason\":\"tool_calls\"}]}",
	    ERR_NONE },
	{ "{\"model\":\"\",\"choices\":[{\"index\":0,\"message\":{}}]}",
	    "{\"model\":\"qwen3:8b\",\"choices\":[{\"index\":0,\"message\":{}"
	    ",\"finish_reason\":\"stop\"}]}", ERR_NONE },
	{ "", NULL, ERR_UPSTREAM_INVALID },
	{ "<html>", NULL, ERR_UPSTREAM_INVALID },
	{ "[]", NULL, ERR_UPSTREAM_INVALID },
	{ "{\"id\":1}", NULL, ERR_UPSTREAM_INVALID },
	{ "{\"choices\":[{\"index\":0}]", NULL, ERR_UPSTREAM_INVALID },
	{ "{\"choices\":[]} {}", NULL, ERR_UPSTREAM_INVALID },
	{ "{\"error\":{\"message\":\"no\"}}", NULL, ERR_UPSTREAM }
};

static void
test_whole(void **state)
{
	struct help h = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(wholes) / sizeof(*wholes); i++) {
		help_open(&h, &dialect_openai, &dialect_openai, REQ(""));
		if (wholes[i].want != NULL) {
			assert_int_equal(help_whole(&h, wholes[i].in),
			    CONV_DONE);
			assert_string_equal(h.out.p, wholes[i].want);
		} else {
			assert_int_equal(help_whole(&h, wholes[i].in),
			    CONV_ERROR);
			assert_int_equal(h.out.n, 0);
			assert_int_equal(conv_facts(h.conv)->error->id,
			    wholes[i].id);
		}
		help_fini(&h);
	}
}

static const struct upstream {
	int		 status;
	const char	*body;
	int		 want;
	enum error_id	 id;
	const char	*text, *code, *param;
} upstreams[] = {
	{ 400, "{\"error\":{\"message\":\"Invalid value for 'temperature'.\","
	    "\"type\":\"invalid_request_error\",\"param\":\"temperature\","
	    "\"code\":\"invalid_value\"}}", 400, ERR_INVALID_PARAM,
	    "Invalid value for 'temperature'.", "invalid_value",
	    "temperature" },
	{ 400, "{\"error\":{\"message\":\"This model's maximum context length "
	    "is 8 tokens\"}}", 400, ERR_CONTEXT_LENGTH,
	    "This model's maximum context length is 8 tokens", "", "" },
	{ 400, "{\"object\":\"error\",\"message\":\"bad\",\"type\":"
	    "\"BadRequestError\",\"param\":null,\"code\":400}", 400,
	    ERR_INVALID_PARAM, "bad", "", "" },
	{ 422, "{\"detail\":[{\"loc\":[1],\"msg\":\"field required\"}]}", 422,
	    ERR_INVALID_PARAM, "field required", "", "" },
	{ 400, "{\"detail\":\"nope\"}", 400, ERR_INVALID_PARAM, "nope", "",
	    "" },
	{ 401, "{\"error\":{\"message\":\"Incorrect API key provided: "
	    "CANARY\",\"code\":\"invalid_api_key\"}}", 502,
	    ERR_UPSTREAM_AUTH, "", "", "" },
	{ 404, "404 page not found", 404, ERR_NOT_FOUND, "The backend does not "
	    "know this path: check its base URL (api_base)", "", "" },
	{ 500, "upstream connect error key=abc\n", 500, ERR_UPSTREAM,
	    "upstream connect error key=***", "", "" },
	{ 403, "CANARY", 502, ERR_UPSTREAM_AUTH, "", "", "" },
	{ 404, "{\"error\":{\"message\":\"The model `x` does not exist\","
	    "\"code\":\"model_not_found\"}}", 404, ERR_MODEL_NOT_FOUND,
	    "The model `x` does not exist", "model_not_found", "" },
	{ 404, "{\"detail\":\"Not Found\"}", 404, ERR_NOT_FOUND, "Not Found",
	    "", "" },
	{ 402, "{\"error\":\"pay\"}", 402, ERR_UPSTREAM, "pay",
	    "insufficient_quota", "" },
	{ 429, "{\"error\":{\"message\":\"slow\",\"code\":"
	    "\"rate_limit_exceeded\"}}", 429, ERR_RATE_LIMIT, "slow",
	    "rate_limit_exceeded", "" },
	{ 500, "{\"error\":{\"message\":\"key: Bearer abc.def and "
	    "sk-proj-0123\",\"code\":null}}", 500, ERR_UPSTREAM,
	    "key: Bearer *** and sk-***", "", "" },
	{ 500, "{\"error\":{\"message\":\"<!DOCTYPE html><html>x\"}}", 500,
	    ERR_UPSTREAM, "", "", "" },
	{ 502, "<html>bad</html>", 502, ERR_UPSTREAM, "", "", "" },
	{ 503, "", 503, ERR_UPSTREAM_BUSY, "", "", "" },
	{ 504, "{\"error\":{}}", 504, ERR_UPSTREAM_TIMEOUT, "", "", "" },
	{ 529, "{", 503, ERR_UPSTREAM_BUSY, "", "", "" },
	{ 408, "", 504, ERR_UPSTREAM_TIMEOUT, "", "", "" },
	{ 418, "", 400, ERR_INVALID_PARAM, "", "", "" },
	{ 599, "{\"error\":{\"message\":\"a\\u0000b\\ud800\"}}", 502,
	    ERR_UPSTREAM, "a b\xef\xbf\xbd", "", "" }
};

static void
test_upstream_error(void **state)
{
	struct chat_target to = { .back = &dialect_openai };
	struct chat_error e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(upstreams) / sizeof(*upstreams); i++) {
		conv_upstream_error(&to, upstreams[i].status,
		    span_z(upstreams[i].body), &e);
		assert_int_equal(chat_error_status(&e), upstreams[i].want);
		assert_int_equal(e.id, upstreams[i].id);
		assert_string_equal(e.text, upstreams[i].text);
		assert_string_equal(e.code, upstreams[i].code);
		assert_string_equal(e.param, upstreams[i].param);
	}
}

static void
test_long_error(void **state)
{
	struct chat_target to = { .back = &dialect_openai };
	struct chat_error e;
	struct buf b = { 0 };
	int i;

	(void)state;
	buf_lit(&b, "{\"error\":{\"message\":\"");
	for (i = 0; i < 1000; i++)
		buf_lit(&b, "\\u00e9\xe2\x82\xac\\n");
	buf_lit(&b, "\"}}");
	conv_upstream_error(&to, 500, buf_span(&b), &e);
	assert_true(strlen(e.text) > CHAT_ERROR_TEXT - 8);
	assert_int_equal(jscan_utf8_valid(e.text, strlen(e.text)),
	    strlen(e.text));
	buf_fini(&b);
}

static void
test_error_forms(void **state)
{
	struct chat_error e;
	struct help h = { 0 };

	(void)state;
	chat_error_set(&e, ERR_MODEL_NOT_FOUND, "model", "no \"%s\"\n", "x");
	chat_error_body(&dialect_openai, &e, &h.out);
	assert_string_equal(help_out(&h), "{\"error\":{\"message\":"
	    "\"no \\\"x\\\"\\n\",\"type\":\"invalid_request_error\","
	    "\"param\":\"model\",\"code\":\"model_not_found\"}}");
	h.out.n = 0;
	chat_error_set(&e, ERR_UPSTREAM_TIMEOUT, NULL, NULL);
	chat_error_event(&dialect_openai, &e, &h.out);
	assert_string_equal(help_out(&h), "data: {\"error\":{\"message\":"
	    "\"The backend did not answer in time\",\"type\":"
	    "\"server_error\",\"param\":null,\"code\":\"upstream_timeout\""
	    "}}\n\n");
	assert_int_equal(chat_error_status(&e), 504);
	help_fini(&h);
}

/* Rows 29 and 33. */
static void
test_limits(void **state)
{
	static const char ok[] = U(CH(ROLE, "null")) U(CH("", "\"stop\""))
	    DONE;
	struct help h = { 0 };
	char *big = xcalloc(1, 70000);

	(void)state;
	memset(big, 'x', 65536);
	h.info.event_max = 65000;
	help_open(&h, &dialect_openai, &dialect_openai, R_REQ);
	help_feed(&h, U(CH(ROLE, "null")), strlen(U(CH(ROLE, "null"))), 0);
	assert_int_equal(help_feed(&h, big, 65536, 4096), CONV_ERROR);
	assert_int_equal(conv_facts(h.conv)->error->id, ERR_UPSTREAM_INVALID);
	assert_non_null(strstr(help_out(&h), "upstream_invalid_response"));
	help_fini(&h);
	free(big);
	help_open(&h, &dialect_openai, &dialect_openai, R_REQ);
	assert_int_equal(help_feed(&h, ok, sizeof(ok) - 1, 0), CONV_DONE);
	assert_true(conv_facts(h.conv)->reusable);
	assert_int_equal(help_feed(&h, "\n", 1, 0), CONV_DONE);
	assert_true(conv_facts(h.conv)->reusable);
	assert_int_equal(help_feed(&h, "junk", 4, 0), CONV_DONE);
	assert_false(conv_facts(h.conv)->reusable);
	help_fini(&h);
}

/* SSE-02: 12 MB in one event pass, 17 MB do not. */
static void
test_big(void **state)
{
	static const char tail[] = "\"},\"finish_reason\":null}]}\n\n";
	struct buf in = { 0 };
	struct help h = { 0 };
	size_t head;
	char *p;

	(void)state;
	buf_lit(&in, "data: {\"model\":\"u\",\"choices\":[{\"index\":0,"
	    "\"delta\":{\"role\":\"assistant\",\"content\":\"");
	head = in.n;
	p = buf_need(&in, 17u << 20);
	memset(p, 'x', 17u << 20);
	in.n += 12u << 20;
	buf_lit(&in, tail);
	help_open(&h, &dialect_openai, &dialect_openai, R_REQ);
	assert_int_equal(help_feed(&h, in.p, in.n, 65536), CONV_OPEN);
	assert_int_equal(h.out.n, in.n + 7);
	assert_memory_equal(h.out.p + h.out.n - sizeof(tail) + 1, tail,
	    sizeof(tail) - 1);
	assert_true(conv_facts(h.conv)->started);
	h.out.n = 0;
	memset(in.p + head, 'x', 17u << 20);
	in.n = head + (17u << 20);
	assert_int_equal(help_feed(&h, in.p, in.n, 65536), CONV_ERROR);
	assert_non_null(strstr(help_out(&h), "more than 16 MiB"));
	help_fini(&h);
	buf_fini(&in);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scan),
		cmocka_unit_test(test_scan_errors),
		cmocka_unit_test(test_scan_deep),
		cmocka_unit_test(test_splice),
		cmocka_unit_test(test_relay_repairs),
		cmocka_unit_test(test_relay_usage),
		cmocka_unit_test(test_relay_noise),
		cmocka_unit_test(test_relay_errors),
		cmocka_unit_test(test_first_error),
		cmocka_unit_test(test_synthesised),
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_upstream_error),
		cmocka_unit_test(test_long_error),
		cmocka_unit_test(test_error_forms),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_big)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
