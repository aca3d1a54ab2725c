/* SPDX-License-Identifier: ISC */
/* LINK: daemon/dialect/chat.c daemon/dialect/conv.c daemon/dialect/conv_reply.c daemon/dialect/sse.c daemon/dialect/ndjson.c daemon/dialect/tokens.c */
/* LINK: daemon/dialect/openai.c daemon/dialect/openai_scan.c daemon/dialect/openai_decode.c daemon/dialect/openai_decode_msg.c daemon/dialect/openai_encode.c */
/* LINK: daemon/dialect/openai_reply.c daemon/dialect/openai_error.c daemon/dialect/openai_relay.c daemon/dialect/text.c */
/* LINK: daemon/dialect/ollama.c daemon/dialect/ollama_req.c daemon/dialect/ollama_msg.c daemon/dialect/ollama_tools.c daemon/dialect/ollama_options.c daemon/dialect/ollama_reply.c */
/* LINK: daemon/dialect/image.c daemon/dialect/schema.c */
/* LINK: daemon/base/str.c daemon/base/jscan.c daemon/base/jscan_explain.c daemon/base/jout.c daemon/base/hash.c daemon/base/xmalloc.c proto/errors.c */
/* Requests to Ollama, and what its lines may look like. */
#include "dialect_help.h"

/* A 1x1 PNG. */
#define PNG "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9Q" \
	"DwADhgGAWjR9awAAAABJRU5ErkJggg=="

#define M(rest) "{\"model\":\"up\",\"stream\":false,\"messages\":" rest "}"
#define Q(msgs, rest) "{\"model\":\"q\",\"messages\":" msgs rest "}"
#define HI "[{\"role\":\"user\",\"content\":\"hi\"}]"
#define FN(name, params) "{\"type\":\"function\",\"function\":{\"name\":\"" \
	name "\",\"parameters\":" params "}}"
#define NOARG "{\"type\":\"object\",\"properties\":{}}"

static const struct deploy_param params[] = {
	{ "temperature", { "0.2", 3 } },
	{ "max_tokens", { "99", 2 } },
	{ "num_ctx", { "8192", 4 } },
	{ "keep_alive", { "\"8m\"", 4 } },
	{ "stop", { "\"END\"", 5 } },
	{ "options", { "{\"top_k\":1,\"num_gpu\":2}", 23 } },
	{ "response_format", { "{\"type\":\"json_object\"}", 22 } }
};

static const struct enc {
	const char	*in, *want;
	const char	*warning;
	unsigned	 nparams;
	bool		 drop;
} encs[] = {
	{ Q(HI, ""), M(HI), NULL, 0, false },
	/* Moved as bytes. */
	{ Q("[ {\"role\":\"system\", \"content\":\"\\u00e9\\ud83d\\ude00\"},"
	    "{\"content\":\"x\",\"role\":\"user\",\"name\":\"n\"} ]",
	    ",\"user\":\"u\",\"stream\":false,\"unknown\":[1]"),
	    M("[ {\"role\":\"system\", \"content\":\"\\u00e9\\ud83d\\ude00\"},"
	    "{\"content\":\"x\",\"role\":\"user\",\"name\":\"n\"} ]"),
	    NULL, 0, false },
	{ Q(HI, ",\"stream\":true"), "{\"model\":\"up\",\"stream\":true,"
	    "\"messages\":" HI "}", NULL, 0, false },
	/* MSG-01, MSG-03, CHAT-03. */
	{ Q("[{\"role\":\"developer\",\"content\":\"d\"},{\"role\":\"user\","
	    "\"content\":[{\"type\":\"text\",\"text\":\"a\"},\"b\","
	    "{\"type\":\"text\",\"text\":\"\\nc\"}]},{\"role\":\"assistant\""
	    ",\"content\":null,\"reasoning_content\":\"r\",\"tool_calls\":["
	    "{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":"
	    "\"f\",\"arguments\":\"{\\\"a\\\": 1.10}\"}},{\"id\":\"c2\","
	    "\"function\":{\"name\":\"g\",\"arguments\":\"\"}},{\"function\":"
	    "{\"name\":\"h\",\"arguments\":\"{bad\"}}]},{\"role\":\"tool\","
	    "\"tool_call_id\":\"c2\",\"content\":[{\"type\":\"text\","
	    "\"text\":\"21\"}]},{\"role\":\"function\",\"name\":\"old\","
	    "\"content\":\"r\"},{\"role\":\"assistant\",\"content\":[]}]", ""),
	    M("[{\"role\":\"system\",\"content\":\"d\"},{\"role\":\"user\","
	    "\"content\":\"ab\\nc\"},{\"role\":\"assistant\",\"content\":\"\","
	    "\"thinking\":\"r\",\"tool_calls\":[{\"id\":\"c1\",\"function\":{"
	    "\"name\":\"f\",\"arguments\":{\"a\": 1.10}}},{\"id\":\"c2\","
	    "\"function\":{\"name\":\"g\",\"arguments\":{}}},{\"function\":{"
	    "\"name\":\"h\",\"arguments\":{\"_raw\":\"{bad\"}}}]},"
	    "{\"role\":\"tool\",\"content\":\"21\",\"tool_name\":\"g\","
	    "\"tool_call_id\":\"c2\"},{\"role\":\"tool\",\"content\":\"r\","
	    "\"tool_name\":\"old\"},{\"role\":\"assistant\",\"content\":\"\"}"
	    "]"), NULL, 0, false },
	/* PAR-01 to PAR-03. */
	{ Q(HI, ",\"max_tokens\":7,\"max_completion_tokens\":5.0"),
	    M(HI ",\"options\":{\"num_predict\":5}"), NULL, 0, false },
	{ Q(HI, ",\"max_completion_tokens\":5,\"max_tokens\":7"),
	    M(HI ",\"options\":{\"num_predict\":5}"), NULL, 0, false },
	{ Q(HI, ",\"stop\":\"x\""), M(HI ",\"options\":{\"stop\":[\"x\"]}"),
	    NULL, 0, false },
	{ Q(HI, ",\"stop\":[\"a\",\"b\"]"),
	    M(HI ",\"options\":{\"stop\":[\"a\",\"b\"]}"), NULL, 0, false },
	{ Q(HI, ",\"stop\":null,\"temperature\":null"), M(HI), NULL, 0,
	    false },
	{ Q(HI, ",\"stop\":[]"), M(HI), NULL, 0, false },
	{ Q(HI, ",\"temperature\":0,\"seed\":7,\"presence_penalty\":0.10,"
	    "\"frequency_penalty\":-1e-1,\"top_p\":1"),
	    M(HI ",\"options\":{\"temperature\":0,\"top_p\":1,\"seed\":7,"
	    "\"presence_penalty\":0.10,\"frequency_penalty\":-1e-1}"), NULL,
	    0, false },
	/* Ollama's own words, and the deployment's defaults. */
	{ Q(HI, ",\"options\":{\"temperature\":9,\"foo\":1},\"top_k\":4,"
	    "\"repetition_penalty\":1.1,\"keep_alive\":-1,\"think\":false,"
	    "\"temperature\":1,\"num_ctx\":4096"),
	    M(HI ",\"options\":{\"temperature\":9,\"foo\":1,\"top_k\":4,"
	    "\"repeat_penalty\":1.1,\"num_ctx\":4096,\"num_predict\":99,"
	    "\"stop\":[\"END\"]},\"keep_alive\":-1,\"think\":false"), NULL, 5,
	    false },
	{ Q(HI, ""), M(HI ",\"options\":{\"temperature\":0.2,"
	    "\"num_predict\":99,\"num_ctx\":8192,\"stop\":[\"END\"]},"
	    "\"keep_alive\":\"8m\""), NULL, 5, false },
	{ Q("[{\"role\":\"user\",\"content\":\"json\"}]", ",\"top_k\":4"),
	    M("[{\"role\":\"user\",\"content\":\"json\"}],\"format\":"
	    "\"json\",\"options\":{\"top_k\":4,\"temperature\":0.2,"
	    "\"num_predict\":99,\"num_ctx\":8192,\"stop\":[\"END\"],"
	    "\"num_gpu\":2},\"keep_alive\":\"8m\""), NULL, 7, false },
	/* IMG-01 */
	{ Q("[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
	    "\"see\"},{\"type\":\"image_url\",\"image_url\":{\"url\":"
	    "\"data:image/jpg;base64," PNG "\"}},{\"type\":\"image_url\","
	    "\"image_url\":\"data:image\\/png;base64,iVBORw0KGgoAAAANS\\n_"
	    "-U\"}]}]", ""), M("[{\"role\":\"user\",\"content\":\"see\","
	    "\"images\":[\"" PNG "\",\"iVBORw0KGgoAAAANS/+U\"]}]"), NULL, 0,
	    false },
	/* TOOL-11 */
	{ Q(HI, ",\"tools\":[" FN("f", NOARG) "],\"tool_choice\":\"none\""),
	    M(HI), NULL, 0, false },
	{ Q(HI, ",\"tools\":[" FN("f", NOARG) "," FN("g", "{}") ",{\"type\":"
	    "\"function\",\"function\":{\"name\":\"h\",\"strict\":true,"
	    "\"description\":\"d\"}}],\"tool_choice\":\"auto\""),
	    M(HI ",\"tools\":[" FN("f", NOARG) "," FN("g", NOARG) ","
	    "{\"type\":\"function\",\"function\":{\"name\":\"h\","
	    "\"description\":\"d\",\"parameters\":" NOARG "}}]"), NULL, 0,
	    false },
	{ Q(HI, ",\"tools\":[" FN("f", NOARG) "," FN("g", NOARG) "],"
	    "\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":"
	    "\"g\"}}"), M("[{\"role\":\"system\",\"content\":\"You must call "
	    "the function \\\"g\\\" now. Do not answer with text.\"},{"
	    "\"role\":\"user\",\"content\":\"hi\"}],\"tools\":["
	    FN("g", NOARG) "]"), "tool_choice_emulated", 0, false },
	{ Q(HI, ",\"tools\":[" FN("f", NOARG) "],\"tool_choice\":"
	    "\"required\""), M("[{\"role\":\"system\",\"content\":\"You must "
	    "call one of the available functions now. Do not answer with "
	    "text.\"},{\"role\":\"user\",\"content\":\"hi\"}],\"tools\":["
	    FN("f", NOARG) "]"), "tool_choice_emulated", 0, false },
	{ Q(HI, ",\"tools\":[" FN("f", NOARG) "," FN("g", NOARG) "],"
	    "\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":{"
	    "\"mode\":\"auto\",\"tools\":[{\"type\":\"function\",\"function\""
	    ":{\"name\":\"f\"}}]}}"), M(HI ",\"tools\":[" FN("f", NOARG) "]"),
	    NULL, 0, false },
	{ Q(HI, ",\"functions\":[{\"name\":\"f\",\"parameters\":{}}],"
	    "\"function_call\":\"auto\""), M(HI ",\"tools\":["
	    FN("f", NOARG) "]"), NULL, 0, false },
	/* TOOL-12 */
	{ Q(HI, ",\"tools\":[" FN("f", "{\"type\":\"object\",\"properties\":{"
	    "\"a\":{\"$ref\":\"#/$defs/A\"},\"b\":{\"oneOf\":[{\"const\":1},"
	    "{\"type\":\"string\"}]},\"c\":{\"allOf\":[{\"type\":\"null\"}],"
	    "\"description\":\"x\"}},\"$defs\":{\"A\":{\"enum\":[\"$ref\"]}}}"
	    ) "]"), M(HI ",\"tools\":[" FN("f", "{\"type\":\"object\","
	    "\"properties\":{\"a\":{\"enum\":[\"$ref\"]},\"b\":{\"anyOf\":[{"
	    "\"enum\":[1]},{\"type\":\"string\"}]},\"c\":{\"type\":\"null\","
	    "\"description\":\"x\"}}}") "]"), NULL, 0, false },
	/* JSON-01, JSON-02, JSON-04. */
	{ Q("[{\"role\":\"user\",\"content\":\"give Json\"}]",
	    ",\"response_format\":{\"type\":\"json_object\"}"),
	    M("[{\"role\":\"user\",\"content\":\"give Json\"}],"
	    "\"format\":\"json\""), NULL, 0, false },
	{ Q(HI, ",\"response_format\":{\"type\":\"json_object\"}"),
	    M("[{\"role\":\"system\",\"content\":\"Answer with JSON only.\"},"
	    "{\"role\":\"user\",\"content\":\"hi\"}],\"format\":\"json\""),
	    NULL, 0, false },
	{ Q(HI, ",\"response_format\":{\"type\":\"json_schema\","
	    "\"json_schema\":{\"name\":\"n\",\"strict\":true,\"schema\":{"
	    "\"type\":\"object\", \"$ref\":\"#\"}}}"), M(HI ",\"format\":{"
	    "\"type\":\"object\", \"$ref\":\"#\"}"), NULL, 0, false },
	{ Q(HI, ",\"response_format\":{\"type\":\"text\"}"), M(HI), NULL, 0,
	    false },
	{ Q(HI, ",\"tools\":[" FN("f", NOARG) "],\"response_format\":{"
	    "\"type\":\"json_object\"}"), M(HI ",\"tools\":["
	    FN("f", NOARG) "]"), "response_format_after_tools", 0, false },
	{ Q("[{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"json\"}"
	    "]", ",\"tools\":[" FN("f", NOARG) "],\"response_format\":{"
	    "\"type\":\"json_object\"}"), M("[{\"role\":\"tool\",\"content\":"
	    "\"json\",\"tool_call_id\":\"c\"}],\"format\":\"json\""), NULL, 0,
	    false },
	/* Said to be dropped. */
	{ Q(HI, ",\"n\":3,\"logprobs\":true,\"top_logprobs\":2,"
	    "\"reasoning_effort\":\"low\",\"logit_bias\":{\"1\":2},"
	    "\"thinking\":{},\"tools\":[{\"type\":\"custom\",\"custom\":{"
	    "\"name\":\"c\"}}]"), M(HI), NULL, 0, true },
	{ Q(HI, ",\"n\":1,\"logprobs\":false,\"logit_bias\":{ },"
	    "\"reasoning_effort\":null,\"modalities\":[\"text\"]"), M(HI),
	    NULL, 0, false }
};

static void
test_encode(void **state)
{
	struct span doc;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(encs) / sizeof(*encs); i++) {
		struct help h = { 0 };

		h.to.upstream = "up";
		h.to.params = params;
		h.to.nparams = encs[i].nparams;
		h.to.drop_params = encs[i].drop;
		help_open(&h, &dialect_openai, &dialect_ollama, encs[i].in);
		assert_string_equal(h.enc.path, "/api/chat");
		assert_string_equal(help_encoded(&h), encs[i].want);
		assert_true(jscan_document(h.out.p, h.out.n, &doc));
		if (encs[i].warning == NULL)
			assert_null(h.enc.warning);
		else
			assert_string_equal(h.enc.warning, encs[i].warning);
		help_fini(&h);
	}
}

#define U(content) "[{\"role\":\"user\",\"content\":" content "}]"
#define IMG(url) U("[{\"type\":\"text\",\"text\":\"x\"}," \
	"{\"type\":\"image_url\",\"image_url\":{\"url\":\"" url "\"}}]")
static const struct refusal {
	const char	*in, *param;
	enum error_id	 id;
} refusals[] = {
	{ Q(HI, ",\"n\":2"), "n", ERR_UNSUPPORTED_PARAM },
	{ Q(HI, ",\"logprobs\":true"), "logprobs", ERR_UNSUPPORTED_PARAM },
	{ Q(HI, ",\"top_logprobs\":2"), "top_logprobs",
	    ERR_UNSUPPORTED_PARAM },
	{ Q(HI, ",\"logit_bias\":{\"1\":1}"), "logit_bias",
	    ERR_UNSUPPORTED_PARAM },
	{ Q(HI, ",\"reasoning_effort\":\"none\""), "reasoning_effort",
	    ERR_UNSUPPORTED_PARAM },
	{ Q(HI, ",\"reasoning\":{\"effort\":\"low\"}"), "reasoning",
	    ERR_UNSUPPORTED_PARAM },
	{ Q(HI, ",\"modalities\":[\"text\",\"audio\"]"), "modalities",
	    ERR_UNSUPPORTED_PARAM },
	{ Q(HI, ",\"reasoning_effort\":\"very\""), "reasoning_effort",
	    ERR_INVALID_PARAM },
	{ Q(HI, ",\"max_tokens\":0"), "max_tokens", ERR_INVALID_PARAM },
	{ Q(HI, ",\"max_tokens\":-5"), "max_tokens", ERR_INVALID_PARAM },
	{ Q(HI, ",\"max_tokens\":2.5"), "max_tokens", ERR_INVALID_PARAM },
	{ Q(HI, ",\"max_completion_tokens\":1e400"),
	    "max_completion_tokens", ERR_INVALID_PARAM },
	{ Q(HI, ",\"temperature\":\"hot\""), "temperature",
	    ERR_INVALID_PARAM },
	{ Q(HI, ",\"seed\":1.5"), "seed", ERR_INVALID_PARAM },
	{ Q(HI, ",\"stop\":[\"1\",\"2\",\"3\",\"4\",\"5\"]"), "stop",
	    ERR_INVALID_PARAM },
	{ Q(HI, ",\"stop\":5"), "stop", ERR_INVALID_PARAM },
	{ Q(HI, ",\"options\":[]"), "options", ERR_INVALID_PARAM },
	{ Q(HI, ",\"options\":{\"a\":1,\"\\u0061\":2}"), "options",
	    ERR_INVALID_JSON },
	{ Q(HI, ",\"tools\":{}"), "tools", ERR_INVALID_PARAM },
	{ Q(HI, ",\"tools\":[1]"), "tools[0]", ERR_INVALID_PARAM },
	{ Q(HI, ",\"tools\":[{\"type\":\"function\"}]"), "tools[0].function",
	    ERR_INVALID_PARAM },
	{ Q(HI, ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":"
	    "\"\"}}]"), "tools[0].function.name", ERR_INVALID_PARAM },
	{ Q(HI, ",\"tools\":[" FN("f", "[]") "]"),
	    "tools[0].function.parameters", ERR_INVALID_PARAM },
	{ Q(HI, ",\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"c\"}}"
	    "]"), "tools[0].type", ERR_UNSUPPORTED_PARAM },
	{ Q(HI, ",\"tool_choice\":\"required\""), "tool_choice",
	    ERR_INVALID_PARAM },
	{ Q(HI, ",\"tools\":[" FN("f", NOARG) "],\"tool_choice\":{\"type\":"
	    "\"function\",\"function\":{\"name\":\"g\"}}"), "tool_choice",
	    ERR_INVALID_PARAM },
	{ Q(HI, ",\"tool_choice\":\"maybe\""), "tool_choice",
	    ERR_INVALID_PARAM },
	{ Q(HI, ",\"response_format\":\"json\""), "response_format",
	    ERR_INVALID_PARAM },
	{ Q(HI, ",\"response_format\":{\"type\":\"xml\"}"),
	    "response_format.type", ERR_INVALID_PARAM },
	{ Q(HI, ",\"response_format\":{\"type\":\"json_schema\"}"),
	    "response_format.json_schema.schema", ERR_INVALID_PARAM },
	{ Q(HI, ",\"parallel_tool_calls\":1"), "parallel_tool_calls",
	    ERR_INVALID_PARAM },
	{ Q("[]", ""), "messages", ERR_INVALID_PARAM },
	{ Q("[1]", ""), "messages[0]", ERR_INVALID_PARAM },
	{ Q("[{\"content\":\"x\"}]", ""), "messages[0].role",
	    ERR_INVALID_PARAM },
	{ Q("[{\"role\":\"robot\",\"content\":\"x\"}]", ""),
	    "messages[0].role", ERR_INVALID_PARAM },
	{ Q(U("5"), ""), "messages[0].content", ERR_INVALID_PARAM },
	{ Q(U("[5]"), ""), "messages[0].content[0]", ERR_INVALID_PARAM },
	{ Q(U("[{\"type\":\"text\"}]"), ""), "messages[0].content[0].text",
	    ERR_INVALID_PARAM },
	{ Q(U("[{\"text\":\"x\"}]"), ""), "messages[0].content[0].type",
	    ERR_INVALID_PARAM },
	{ Q(U("[{\"type\":\"input_audio\"}]"), ""),
	    "messages[0].content[0].type", ERR_UNSUPPORTED_PARAM },
	{ Q(U("[{\"type\":\"file\"}]"), ""), "messages[0].content[0].type",
	    ERR_UNSUPPORTED_PARAM },
	{ Q(U("[{\"type\":\"video\"}]"), ""), "messages[0].content[0].type",
	    ERR_UNSUPPORTED_PARAM },
	{ Q("[{\"role\":\"user\",\"role\":\"system\",\"content\":\"\"}]", ""),
	    "messages[0]", ERR_INVALID_JSON },
	{ Q("[{\"role\":\"assistant\",\"tool_calls\":[{\"function\":{"
	    "\"name\":\"f\",\"arguments\":5}}]}]", ""),
	    "messages[0].tool_calls[0].function.arguments",
	    ERR_INVALID_PARAM },
	{ Q("[{\"role\":\"tool\",\"tool_call_id\":5,\"content\":\"\"}]", ""),
	    "messages[0].tool_call_id", ERR_INVALID_PARAM },
	{ Q(IMG("http://x/y.png"), ""),
	    "messages[0].content[1].image_url.url", ERR_UNSUPPORTED_IMAGE },
	{ Q(IMG("file:///etc/passwd"), ""),
	    "messages[0].content[1].image_url.url", ERR_UNSUPPORTED_IMAGE },
	{ Q(IMG("data:image/png,abc"), ""),
	    "messages[0].content[1].image_url.url", ERR_INVALID_PARAM },
	{ Q(IMG("data:image/png;base64,"), ""),
	    "messages[0].content[1].image_url.url", ERR_INVALID_PARAM },
	{ Q(IMG("data:image/png;base64,iVBORw0KGgo!"), ""),
	    "messages[0].content[1].image_url.url", ERR_INVALID_PARAM },
	{ Q(IMG("data:image/png;base64,iVBORw0KGgoAA"), ""),
	    "messages[0].content[1].image_url.url", ERR_INVALID_PARAM },
	{ Q(IMG("data:image/png;base64,AAAAAAAAAAAAAAAA"), ""),
	    "messages[0].content[1].image_url.url", ERR_INVALID_PARAM }
};

static void
test_refuse(void **state)
{
	struct help h = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
		assert_int_equal(help_scan(&h, &dialect_openai,
		    refusals[i].in), 0);
		h.to.back = &dialect_ollama;
		h.to.upstream = "up";
		assert_int_equal(chat_encode(&h.req, &h.to, &h.arena, &h.enc,
		    &h.err), -1);
		assert_string_equal(h.err.param, refusals[i].param);
		assert_int_equal(h.err.id, refusals[i].id);
		assert_int_equal(chat_error_status(&h.err), 400);
		assert_non_null(strstr(h.err.text, refusals[i].id ==
		    ERR_INVALID_JSON ? "duplicate" : refusals[i].param));
		help_fini(&h);
	}
}

/* References to references must not multiply without end. */
static void
test_schema_bomb(void **state)
{
	struct help h = { 0 };
	struct buf b = { 0 };
	int i;

	(void)state;
	buf_lit(&b, "{\"model\":\"m\",\"messages\":[{\"role\":"
	    "\"user\",\"content\":\"x\"}],\"tools\":[{\"type\":"
	    "\"function\",\"function\":{\"name\":\"f\",\"parameters\":{"
	    "\"$defs\":{\"a0\":{\"type\":\"string\"}");
	for (i = 1; i < 30; i++)
		buf_addf(&b, ",\"a%d\":{\"anyOf\":[{\"$ref\":\"#/$defs/a%d\"},"
		    "{\"$ref\":\"#/$defs/a%d\"},{\"$ref\":\"#/$defs/a%d\"},"
		    "{\"$ref\":\"#/$defs/a%d\"},{\"$ref\":\"#/$defs/a%d\"},"
		    "{\"$ref\":\"#/$defs/a%d\"},{\"$ref\":\"#/$defs/a%d\"},"
		    "{\"$ref\":\"#/$defs/a%d\"}]}", i, i - 1, i - 1, i - 1,
		    i - 1, i - 1, i - 1, i - 1, i - 1);
	buf_lit(&b, "},\"properties\":{\"x\":{\"$ref\":\"#/$defs/a29\"},"
	    "\"me\":{\"$ref\":\"#\"}}}}}]}");
	buf_pad(&b);
	assert_int_equal(help_scan(&h, &dialect_openai, b.p), 0);
	h.to.back = &dialect_ollama;
	h.to.upstream = "up";
	assert_int_equal(chat_encode(&h.req, &h.to, &h.arena, &h.enc,
	    &h.err), -1);
	assert_string_equal(h.err.param, "tools[0].function.parameters");
	help_fini(&h);
	buf_fini(&b);
	/* One that only names itself is cut and stays valid. */
	help_open(&h, &dialect_openai, &dialect_ollama, Q(HI, ",\"tools\":["
	    FN("f", "{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":"
	    "\"#\"},\"b\":{\"$ref\":\"http://x/y\"},\"c\":{\"$ref\":\"#/no\"}"
	    "}}") "]"));
	assert_non_null(strstr(help_encoded(&h), "\"b\":{\"$ref\":\"http://"
	    "x/y\"}"));
	help_fini(&h);
}

/* A body with k times the same text; encoding it must end with param. */
static void
bomb(const char *head, const char *piece, int k, const char *tail,
    const char *param)
{
	struct help h = { 0 };
	struct buf b = { 0 };

	buf_addz(&b, head);
	while (k-- > 0)
		buf_addz(&b, piece);
	buf_addz(&b, tail);
	buf_pad(&b);
	assert_int_equal(help_scan(&h, &dialect_openai, b.p), 0);
	h.to.back = &dialect_ollama;
	h.to.upstream = "up";
	if (param == NULL) {
		assert_int_equal(chat_encode(&h.req, &h.to, &h.arena, &h.enc,
		    &h.err), 0);
	} else {
		assert_int_equal(chat_encode(&h.req, &h.to, &h.arena, &h.enc,
		    &h.err), -1);
		assert_string_equal(h.err.param, param);
	}
	help_fini(&h);
	buf_fini(&b);
}

/* Row 10: each of these ends at once, refused or in linear time. */
static void
test_bombs(void **state)
{
	(void)state;
	bomb("{\"model\":\"m\",\"messages\":[1",
	    ",{\"role\":\"user\",\"content\":\"x\"}", 1000000, "]}",
	    "messages");
	bomb("{\"model\":\"m\",\"messages\":[{\"role\":\"user\","
	    "\"content\":[\"\"", ",\"x\"", 1000000, "]}]}",
	    "messages[0].content");
	bomb("{\"model\":\"m\",\"messages\":[{\"role\":"
	    "\"user\",\"content\":\"x\"}],\"tools\":["
	    FN("f", NOARG), "," FN("f", NOARG), 100000, "]}", "tools");
	bomb("{\"model\":\"m\",\"messages\":[{\"role\":"
	    "\"user\",\"content\":\"x\"}],\"tools\":[{\"type\":"
	    "\"function\",\"function\":{\"name\":\"f\",\"parameters\":"
	    "{\"x\":[0", ",{\"$ref\":\"#/y\"}", 100000, "]}}}]}",
	    "tools[0].function.parameters");
	bomb("{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\","
	    "\"tool_calls\":[{\"id\":\"a\",\"function\":{\"name\":\"f\"}}"
	    "]}", ",{\"role\":\"tool\",\"tool_call_id\":\"b\"}", 60000, "]}",
	    NULL);
	bomb("{\"model\":\"m\",\"messages\":[{\"role\":\"user\","
	    "\"content\":\"", "\\n0123456789", 1000000, "\"}]}", NULL);
}

/*
 * Replies
 */

#define L(msg) "{\"model\":\"x\",\"message\":{\"role\":\"assistant\"," \
	msg "},\"done\":false}\n"
#define END(reason) "{\"model\":\"x\",\"message\":{\"role\":\"assistant\"," \
	"\"content\":\"\"},\"done\":true,\"done_reason\":\"" reason "\"," \
	"\"eval_count\":4}\n"
#define CALL(id, name, args) "{" id "\"function\":{\"index\":0,\"name\":\"" \
	name "\",\"arguments\":" args "}}"
#define TOOLS ",\"tools\":[" FN("f", NOARG) "]"

static void
stream(struct help *h, const char *req, const char *in, size_t step)
{
	help_open(h, &dialect_openai, &dialect_ollama, req);
	help_feed(h, in, strlen(in), step);
	conv_stream_end(h->conv, true, &h->out);
	help_out(h);
}

/* TOOL-04 to TOOL-10, USE-03. */
static void
test_calls(void **state)
{
	struct help h = { 0 };
	const char *p, *q;
	size_t step;

	(void)state;
	for (step = 0; step < 9; step++) {
		stream(&h, Q(HI, TOOLS ",\"stream\":true,\"stream_options\":{"
		    "\"include_usage\":true}"),
		    L("\"content\":\"\",\"tool_calls\":["
		    CALL("", "f", "{\"a\":\"\\u003c\\n\"}") ","
		    CALL("\"id\":\"\",", "f", "{ \"a\" : [1, 2] }") "]")
		    L("\"content\":\"\",\"tool_calls\":["
		    CALL("\"id\":\"c\",", "f", "{}") "]")
		    L("\"content\":\"\",\"tool_calls\":["
		    CALL("\"id\":\"c\",", "f", "null") "]")
		    END("stop"), step);
		p = strstr(h.out.p, "\"tool_calls\":[{\"index\":0,\"id\":"
		    "\"call_");
		assert_non_null(p);
		assert_non_null(strstr(p, "\"arguments\":"
		    "\"{\\\"a\\\":\\\"\\\\u003c\\\\n\\\"}\""));
		q = strstr(p, "{\"index\":1,\"id\":\"call_");
		assert_non_null(q);
		assert_memory_not_equal(p + 30, q + 16, 29);
		assert_non_null(strstr(q, "\"{\\\"a\\\":[1,2]}\""));
		assert_non_null(strstr(q, "{\"index\":2,\"id\":\"c\","));
		q = strstr(q, "{\"index\":3,\"id\":\"call_");
		assert_non_null(q);
		assert_non_null(strstr(q, "\"arguments\":\"{}\""));
		assert_non_null(strstr(q, "\"finish_reason\":\"tool_calls\""));
		assert_non_null(strstr(q, "\"prompt_tokens\":0,"
		    "\"completion_tokens\":4,\"total_tokens\":4"));
		assert_true(conv_facts(h.conv)->usage.known);
		help_fini(&h);
	}
	/* On the last line; length wins. */
	stream(&h, Q(HI, TOOLS ",\"stream\":true"), "{\"message\":{"
	    "\"content\":\"t\",\"tool_calls\":[" CALL("", "f", "{}") "]},"
	    "\"done\":true,\"done_reason\":\"length\"}", 0);
	p = strstr(h.out.p, "\"content\":\"t\"");
	assert_non_null(p);
	p = strstr(p, "\"tool_calls\":[{");
	assert_non_null(p);
	assert_non_null(strstr(p, "\"finish_reason\":\"length\""));
	help_fini(&h);
	/* One call only, if that was asked. */
	stream(&h, Q(HI, TOOLS ",\"stream\":true,\"parallel_tool_calls\":"
	    "false"), L("\"content\":\"\",\"tool_calls\":["
	    CALL("", "f", "{}") "," CALL("", "f", "{}") "]") END("stop"), 0);
	assert_non_null(strstr(h.out.p, "\"index\":0,\"id\""));
	assert_null(strstr(h.out.p, "\"index\":1"));
	help_fini(&h);
	/* Asked in the old way. */
	stream(&h, Q(HI, ",\"stream\":true,\"functions\":[{\"name\":\"f\"}]"),
	    L("\"content\":\"\",\"tool_calls\":[" CALL("", "f", "{}") "]")
	    END("stop"), 0);
	assert_non_null(strstr(h.out.p, "\"delta\":{\"function_call\":{"
	    "\"name\":\"f\",\"arguments\":\"{}\"}}"));
	assert_non_null(strstr(h.out.p, "\"finish_reason\":"
	    "\"function_call\""));
	help_fini(&h);
}

static void
test_choice_check(void **state)
{
	struct help h = { 0 };

	(void)state;
	stream(&h, Q(HI, TOOLS ",\"stream\":true,\"tool_choice\":"
	    "\"required\""), L("\"content\":\"no\"") END("stop"), 0);
	assert_string_equal(conv_facts(h.conv)->warning,
	    "tool_choice_not_followed");
	help_fini(&h);
	stream(&h, Q(HI, TOOLS ",\"stream\":true,\"tool_choice\":"
	    "\"required\""), L("\"content\":\"\",\"tool_calls\":["
	    CALL("", "f", "{}") "]") END("stop"), 0);
	assert_null(conv_facts(h.conv)->warning);
	help_fini(&h);
}

/* Lines that are odd, and lines that are wrong. */
static void
test_lines(void **state)
{
	struct help h = { 0 };
	size_t step;

	(void)state;
	for (step = 0; step < 5; step++) {
		/* STR-05, SSE-04, row 34; behind done nothing counts. */
		stream(&h, Q(HI, ",\"stream\":true"), "\n" L("\"content\":\"\"")
		    L("\"content\":\"a\xff\\ud800\\u0041\"") "\r\n"
		    "data: " L("\"content\":null,\"thinking\":\"t\"")
		    "  " END("load") "{\"error\":\"late\"}\n{bad", step);
		assert_non_null(strstr(h.out.p, "\"delta\":{\"content\":"
		    "\"a\xef\xbf\xbd\xef\xbf\xbd" "A\"}"));
		assert_non_null(strstr(h.out.p, "\"reasoning_content\":"
		    "\"t\""));
		assert_null(strstr(h.out.p, "\"content\":\"\"},\"logprobs\":"
		    "null,\"finish_reason\":null}]}\n\ndata: {\"id\":\"chatcmpl"
		    "-abc\",\"object\":\"chat.completion.chunk\",\"created\":"
		    "1763800000,\"model\":\"q\",\"system_fingerprint\":null,"
		    "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"}"));
		assert_null(strstr(h.out.p, "late"));
		assert_non_null(strstr(h.out.p, "data: [DONE]\n\n"));
		assert_null(strstr(h.out.p, "\"usage\""));
		assert_false(conv_facts(h.conv)->reusable);
		help_fini(&h);
		/* A first line that is an error keeps its status. */
		stream(&h, Q(HI, ",\"stream\":true"),
		    "{\"error\":\"model \\\"q\\\" not found, try pulling it "
		    "first\"}\n", step);
		assert_int_equal(h.out.n, 0);
		assert_int_equal(chat_error_status(
		    conv_facts(h.conv)->error), 404);
		help_fini(&h);
		/* Row 32 */
		stream(&h, Q(HI, ",\"stream\":true"), L("\"content\":\"a\"")
		    "{\"message\":\n", step);
		assert_int_equal(conv_facts(h.conv)->error->id,
		    ERR_UPSTREAM_INVALID);
		assert_non_null(strstr(h.out.p, "data: {\"error\":"));
		assert_null(strstr(h.out.p, "[DONE]"));
		help_fini(&h);
		/* Row 36 */
		stream(&h, Q(HI, ",\"stream\":true"), "<html>", step);
		assert_int_equal(conv_facts(h.conv)->error->id,
		    ERR_UPSTREAM_INVALID);
		assert_int_equal(h.out.n, 0);
		help_fini(&h);
		stream(&h, Q(HI, ",\"stream\":true"), "", step);
		assert_int_equal(conv_facts(h.conv)->error->id,
		    ERR_UPSTREAM_INVALID);
		help_fini(&h);
	}
}

static void
test_whole(void **state)
{
	static const char *const bad[] = {
		"", "[]", "{}", "<html>", "{\"message\":{\"content\":\"a\"}",
		"{\"message\":5,\"done\":true}", "{\"error\":\"x\"}"
	};
	struct help h = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		help_open(&h, &dialect_openai, &dialect_ollama, Q(HI, ""));
		assert_int_equal(help_whole(&h, bad[i]), CONV_ERROR);
		assert_int_equal(h.out.n, 0);
		assert_int_equal(chat_error_status(
		    conv_facts(h.conv)->error), 502);
		help_fini(&h);
	}
	help_open(&h, &dialect_text, &dialect_ollama, Q(HI, ""));
	assert_int_equal(help_whole(&h, "{\"message\":{\"content\":"
	    "\"a\\n\\u00e9\xff\"},\"done\":true}"), CONV_DONE);
	assert_string_equal(h.out.p, "a\n\xc3\xa9\xef\xbf\xbd");
	help_fini(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encode),
		cmocka_unit_test(test_refuse),
		cmocka_unit_test(test_schema_bomb),
		cmocka_unit_test(test_bombs),
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_choice_check),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_whole)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
