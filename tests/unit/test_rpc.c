/* SPDX-License-Identifier: ISC */
/* LINK: proto/rpc.c proto/rpc_json.c proto/rpc_param.c proto/errors.c */
/* LINK: proto/text.c proto/text_width.c */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "proto/methods.h"
#include "proto/rpc.h"

static void
refused(const char *text, size_t len, const char *why)
{
	struct rpc_error err;
	struct json_object *o;

	rpc_error_init(&err);
	o = rpc_json(text, len, &err);
	assert_null(o);
	assert_int_equal(err.id, ERR_INVALID_JSON);
	assert_int_equal(err.code, -32700);
	if (strstr(err.message, why) == NULL)
		fail_msg("%s: %s", text, err.message);
	rpc_error_fini(&err);
}

static void
accepted(const char *text)
{
	struct rpc_error err;
	struct json_object *o;

	rpc_error_init(&err);
	o = rpc_json(text, strlen(text), &err);
	if (err.kind != NULL)
		fail_msg("%s: %s", text, err.message);
	json_object_put(o);
}

static void
test_json_strict(void **state)
{
	static const char *const bad[][2] = {
		{ "", "unexpected end" }, { "{", "member name" },
		{ "{\"a\":1,}", "member name" }, { "[1,]", "not a value" },
		{ "{'a':1}", "member name" }, { "NaN", "not a value" },
		{ "[Infinity]", "not a value" }, { "nul", "not a value" },
		{ "01", "text after" }, { "+1", "not a value" },
		{ "1.", "digits" }, { "1e", "exponent" },
		{ "-", "not a value" },
		{ "\"a\nb\"", "control" }, { "\"\\x\"", "escape" },
		{ "\"\\u12g4\"", "hex" }, { "\"\\ud800\"", "surrogate" },
		{ "\"\\udc00\"", "surrogate" },
		{ "\"\\ud800\\u0041\"", "surrogate" },
		{ "\"\\u0000\"", "u0000" }, { "\"\xff\"", "UTF-8" },
		{ "\"\xed\xa0\x80\"", "UTF-8" }, { "\"abc", "without an end" },
		{ "{\"a\":1,\"a\":2}", "two members" },
		{ "{\"a\":1,\"\\u0061\":2}", "two members" },
		{ "[{\"x\":{\"b\":[],\"b\":{\"c\":1}}}]", "two members" },
		{ "9223372036854775808", "range" }, { "1 2", "text after" },
		{ "{} //", "text after" }, { "/* */ 1", "not a value" },
		{ "{\"a\" 1}", "':'" }, { "[1 2]", "']'" },
		{ "{\"a\":1 \"b\":2}", "'}'" }, { "\"\\", "unfinished" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(bad[i][0], strlen(bad[i][0]), bad[i][1]);
	refused("{\"a\":\0}", 7, "not a value");
	refused("\"a\0b\"", 5, "control");
	accepted(" {\"a\":[1,-2.5e+3,true,false,null,\"\\ud83d\\ude00\"]}\r");
	accepted("-9223372036854775808");
	accepted("null");
	accepted("0");
	accepted("{\"a\":{\"a\":1},\"b\":[{\"a\":1},{\"a\":2}]}");
}

static void
test_json_depth(void **state)
{
	char text[4096];
	int i;

	(void)state;
	for (i = 0; i < RPC_DEPTH_MAX; i++) {
		text[i] = '[';
		text[2 * RPC_DEPTH_MAX - 1 - i] = ']';
	}
	text[2 * RPC_DEPTH_MAX] = '\0';
	accepted(text);
	memset(text, '[', sizeof(text));
	refused(text, sizeof(text), "deep");
}

static int
parse(const char *line, struct rpc_msg *m, struct rpc_error *err)
{
	rpc_error_init(err);
	return rpc_parse(line, strlen(line), m, err);
}

static void
test_parse_good(void **state)
{
	struct rpc_msg m;
	struct rpc_error err;

	(void)state;
	assert_int_equal(parse("{\"jsonrpc\":\"2.0\",\"id\":1,"
	    "\"method\":\"status\",\"params\":{\"a\":1},\"more\":1}", &m,
	    &err), 0);
	assert_int_equal(m.kind, RPC_CALL);
	assert_string_equal(m.method, "status");
	assert_int_equal(json_object_get_int(m.id), 1);
	assert_non_null(m.params);
	rpc_msg_fini(&m);
	assert_int_equal(parse("{\"jsonrpc\":\"2.0\",\"id\":\"x\","
	    "\"method\":\"a\",\"params\":null}", &m, &err), 0);
	assert_null(m.params);
	rpc_msg_fini(&m);
	assert_int_equal(parse("{\"jsonrpc\":\"2.0\",\"method\":\"a\"}", &m,
	    &err), 0);
	assert_int_equal(m.kind, RPC_NOTICE);
	rpc_msg_fini(&m);
	assert_int_equal(parse("{\"jsonrpc\":\"2.0\",\"id\":2,"
	    "\"result\":null}", &m, &err), 0);
	assert_int_equal(m.kind, RPC_RESULT);
	rpc_msg_fini(&m);
	assert_int_equal(parse("{\"jsonrpc\":\"2.0\",\"id\":null,"
	    "\"error\":{}}", &m, &err), 0);
	assert_int_equal(m.kind, RPC_ERROR);
	rpc_msg_fini(&m);
}

static void
test_parse_bad(void **state)
{
	static const char *const bad[] = {
		"[]", "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\"}]",
		"1", "\"x\"", "null", "{}", "{\"id\":1,\"method\":\"a\"}",
		"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"a\"}",
		"{\"jsonrpc\":2.0,\"id\":1,\"method\":\"a\"}",
		"{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"a\"}",
		"{\"jsonrpc\":\"2.0\",\"id\":[],\"method\":\"a\"}",
		"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"a\"}",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}",
		"{\"jsonrpc\":\"2.0\",\"id\":1}",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\","
		    "\"params\":[1]}",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\","
		    "\"result\":1}",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":1,\"error\":{}}",
		"{\"jsonrpc\":\"2.0\",\"id\":null,\"result\":1}",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":3}",
	};
	struct rpc_msg m;
	struct rpc_error err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (parse(bad[i], &m, &err) == 0)
			fail_msg("accepted: %s", bad[i]);
		assert_int_equal(err.code, -32600);
		rpc_msg_fini(&m);
		rpc_error_fini(&err);
	}
	/* The id is there to answer to. */
	assert_int_equal(parse("{\"id\":7,\"method\":\"a\"}", &m, &err), -1);
	assert_int_equal(json_object_get_int(m.id), 7);
	rpc_msg_fini(&m);
	rpc_error_fini(&err);
}

static void
check_params(const char *grammar, const char *text, enum error_id want,
    const char *field)
{
	struct rpc_error err;
	struct json_object *o;

	rpc_error_init(&err);
	o = rpc_json(text, strlen(text), &err);
	assert_int_equal(err.id, ERR_NONE);
	rpc_params_check(grammar, o, &err);
	if (err.id != want)
		fail_msg("%s / %s: %d %s", grammar, text, err.id,
		    err.message);
	if (field != NULL)
		assert_string_equal(err.field, field);
	json_object_put(o);
	rpc_error_fini(&err);
}

static void
test_params(void **state)
{
	const char *g = "model:str n?:int[1..9] mode?:str{none,full} "
	    "tags?:strs{a,b} rate?:num[0.1..100] on?:bool id?:id "
	    "low?:int[0..] old?:never";

	(void)state;
	check_params(g, "{\"model\":\"x\"}", ERR_NONE, NULL);
	check_params(g, "{\"model\":\"x\",\"n\":9,\"mode\":\"full\","
	    "\"tags\":[\"b\",\"a\"],\"rate\":10,\"on\":false,\"id\":\"7\","
	    "\"low\":0}", ERR_NONE, NULL);
	check_params(g, "{\"model\":\"x\",\"n\":null,\"old\":null}", ERR_NONE,
	    NULL);
	check_params(g, "null", ERR_MISSING_PARAM, "model");
	check_params(g, "{\"model\":null}", ERR_MISSING_PARAM, "model");
	check_params(g, "{\"model\":1}", ERR_INVALID_PARAM, "model");
	check_params(g, "{\"model\":\"x\",\"modle\":1}", ERR_RPC_PARAM,
	    "modle");
	check_params(g, "{\"model\":\"x\",\"n\":0}", ERR_INVALID_PARAM, "n");
	check_params(g, "{\"model\":\"x\",\"n\":10}", ERR_INVALID_PARAM, "n");
	check_params(g, "{\"model\":\"x\",\"n\":1.0}", ERR_INVALID_PARAM,
	    "n");
	check_params(g, "{\"model\":\"x\",\"n\":\"1\"}", ERR_INVALID_PARAM,
	    "n");
	check_params(g, "{\"model\":\"x\",\"mode\":\"fu\"}",
	    ERR_INVALID_PARAM, "mode");
	check_params(g, "{\"model\":\"x\",\"tags\":[\"c\"]}",
	    ERR_INVALID_PARAM, "tags");
	check_params(g, "{\"model\":\"x\",\"tags\":[]}", ERR_INVALID_PARAM,
	    "tags");
	check_params(g, "{\"model\":\"x\",\"tags\":\"a\"}",
	    ERR_INVALID_PARAM, "tags");
	check_params(g, "{\"model\":\"x\",\"rate\":0.01}", ERR_INVALID_PARAM,
	    "rate");
	check_params(g, "{\"model\":\"x\",\"on\":1}", ERR_INVALID_PARAM,
	    "on");
	check_params(g, "{\"model\":\"x\",\"id\":[]}", ERR_INVALID_PARAM,
	    "id");
	check_params(g, "{\"model\":\"x\",\"low\":-1}", ERR_INVALID_PARAM,
	    "low");
	check_params(g, "{\"model\":\"x\",\"old\":\"y\"}", ERR_UNSUPPORTED,
	    "old");
	check_params("", "{\"a\":1}", ERR_RPC_PARAM, "a");
	check_params("", "null", ERR_NONE, NULL);
}

/* The grammars of the table mean what they say. */
static void
test_methods(void **state)
{
	int i = rpc_method_find("event.subscribe");
	struct rpc_error err;

	(void)state;
	assert_int_equal(i, METHOD_EVENT_SUBSCRIBE_ROW);
	check_params(rpc_methods[i].params,
	    "{\"topics\":[\"request\",\"log\"],\"snapshot\":true,"
	    "\"after\":null,\"text\":\"none\",\"rate_hz\":10,"
	    "\"buffer\":262144}", ERR_NONE, NULL);
	check_params(rpc_methods[i].params,
	    "{\"topics\":[\"log\"],\"filter\":\"a\"}", ERR_UNSUPPORTED,
	    "filter");
	check_params(rpc_methods[METHOD_TEST_RUN_ROW].params,
	    "{\"model\":\"m\",\"max_tokens\":131073}", ERR_INVALID_PARAM,
	    "max_tokens");
	assert_int_equal(rpc_method_find("status"), METHOD_STATUS_ROW);
	assert_int_equal(rpc_method_find("stat"), -1);
	rpc_error_init(&err);
	rpc_error_set(&err, ERR_RPC_METHOD, NULL);
	rpc_method_suggest("model.lst", &err);
	assert_string_equal(json_object_get_string(
	    json_object_array_get_idx(err.candidates, 0)), "model.list");
	rpc_error_fini(&err);
}

static void
test_error_round(void **state)
{
	struct rpc_error a, b;
	struct json_object *o;

	(void)state;
	rpc_error_init(&a);
	rpc_error_init(&b);
	rpc_error_set(&a, ERR_CONFLICT, "rev is %d", 43);
	rpc_error_hint(&a, "llmctl %s", "routes");
	rpc_error_field(&a, "if_rev");
	rpc_error_candidate(&a, "x");
	rpc_error_detail(&a, "line");
	o = rpc_error_json(&a);
	rpc_error_parse(&b, o);
	json_object_put(o);
	assert_int_equal(b.id, ERR_CONFLICT);
	assert_int_equal(b.code, -32009);
	assert_int_equal(b.exit, 75);
	assert_true(b.retryable);
	assert_string_equal(b.kind, "conflict");
	assert_string_equal(b.message, "rev is 43");
	assert_string_equal(b.hint, "llmctl routes");
	assert_string_equal(b.field, "if_rev");
	assert_int_equal(json_object_array_length(b.candidates), 1);
	assert_int_equal(json_object_array_length(b.details), 1);
	/* Its own message may be an argument. */
	rpc_error_set(&b, ERR_TIMEOUT, "was: %s", b.message);
	assert_string_equal(b.message, "was: rev is 43");
	assert_null(b.hint);
	rpc_error_fini(&a);
	rpc_error_fini(&b);
}

/* Whatever a peer sends as an error is survived. */
static void
test_error_hostile(void **state)
{
	static const char *const bad[] = {
		"{}", "{\"code\":\"x\",\"message\":[],\"data\":7}",
		"{\"data\":{\"exit\":0,\"candidates\":[1,{}],\"hint\":{}}}",
		"{\"data\":{\"exit\":4000000000000,\"candidates\":\"x\"}}",
	};
	struct rpc_error err;
	struct json_object *o;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		rpc_error_init(&err);
		o = rpc_json(bad[i], strlen(bad[i]), &err);
		rpc_error_parse(&err, o);
		assert_int_equal(err.exit, 70);
		assert_non_null(err.message);
		assert_non_null(err.kind);
		assert_null(err.candidates);
		json_object_put(o);
		rpc_error_fini(&err);
	}
}

static void
test_build(void **state)
{
	struct json_object *p = json_object_new_object(), *id;
	struct rpc_error err;
	struct rpc_msg m;
	char *line;
	size_t len;

	(void)state;
	json_object_object_add(p, "s", json_object_new_string("a\nb/\xff"));
	line = rpc_call(3, "x.y", p, &len);
	assert_string_equal(line, "{\"jsonrpc\":\"2.0\",\"id\":3,"
	    "\"method\":\"x.y\",\"params\":{\"s\":\"a\\nb/?\"}}\n");
	assert_int_equal(len, strlen(line));
	free(line);
	line = rpc_result(NULL, NULL, &len);
	assert_string_equal(line,
	    "{\"jsonrpc\":\"2.0\",\"id\":null,\"result\":null}\n");
	free(line);
	id = json_object_new_string("q");
	rpc_error_init(&err);
	rpc_error_set(&err, ERR_BUSY, NULL);
	line = rpc_failure(id, &err, &len);
	rpc_error_fini(&err);
	assert_int_equal(parse(line, &m, &err), 0);
	assert_int_equal(m.kind, RPC_ERROR);
	assert_string_equal(json_object_get_string(m.id), "q");
	rpc_msg_fini(&m);
	free(line);
	json_object_put(id);
	line = rpc_notice("gap", NULL, &len);
	assert_string_equal(line,
	    "{\"jsonrpc\":\"2.0\",\"method\":\"gap\"}\n");
	free(line);
}

static void
check_number(double v, int decimals, const char *want)
{
	struct json_object *o = rpc_number(v, decimals);

	assert_string_equal(json_object_to_json_string(o), want);
	json_object_put(o);
}

static void
test_number(void **state)
{
	(void)state;
	check_number(38.9, 1, "38.9");
	check_number(38.899999, 3, "38.9");
	check_number(1, 2, "1.0");
	check_number(0.25, 0, "0");
	check_number(-3.125, 3, "-3.125");
	assert_null(rpc_number(NAN, 1));
	assert_null(rpc_number(INFINITY, 1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_strict),
		cmocka_unit_test(test_json_depth),
		cmocka_unit_test(test_parse_good),
		cmocka_unit_test(test_parse_bad),
		cmocka_unit_test(test_params),
		cmocka_unit_test(test_methods),
		cmocka_unit_test(test_error_round),
		cmocka_unit_test(test_error_hostile),
		cmocka_unit_test(test_build),
		cmocka_unit_test(test_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
