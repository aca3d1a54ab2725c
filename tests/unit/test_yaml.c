/* SPDX-License-Identifier: ISC */
/* LINK: daemon/conf/yaml.c daemon/conf/yaml_value.c daemon/conf/remark.c */
/* LINK: daemon/base/jout.c daemon/base/hash.c daemon/base/map.c */
/* LINK: daemon/base/str.c daemon/base/xmalloc.c daemon/base/log.c */
/* LINK: daemon/base/clock.c daemon/base/jscan.c */
/* LINK: proto/text.c proto/text_width.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf/yaml.h"

/* text as JSON, or the first error; free it. */
static char *
yaml_to_json(const char *text)
{
	struct remark_file f = { "t", 0, span_z(text) };
	struct conf_remarks r = { 0 };
	struct yaml_node *root;
	struct arena a = { 0 };
	struct buf b = { 0 };

	buf_need(&b, 1);
	if (yaml_parse(&f, &a, &r, &root) == 0) {
		assert_int_equal(r.errors, 0);
		yaml_json(root, &b);
	} else {
		assert_int_equal(r.errors, 1);
		assert_null(root);
		buf_addf(&b, "%u:%u %s", r.v[0].line, r.v[0].column,
		    r.v[0].text);
	}
	buf_pad(&b);
	remark_fini(&r);
	arena_fini(&a);
	return b.p;
}

static void
test_values_as_pyyaml(void **state)
{
	/* Right column: json.dumps(yaml.safe_load(..)) of PyYAML, but for
	 * dates and sexagesimal numbers, which stay text. */
	static const char *const cases[][2] = {
		{ "", "null" }, { "a", "\"a\"" }, { "~", "null" },
		{ "null", "null" }, { "Null", "null" }, { "nUll", "\"nUll\"" },
		{ "true", "true" }, { "Yes", "true" }, { "OFF", "false" },
		{ "y", "\"y\"" }, { "'true'", "\"true\"" },
		{ "1", "1" }, { "-1", "-1" }, { "+1", "1" },
		{ "1_000", "1000" }, { "0x1F", "31" }, { "0b101", "5" },
		{ "017", "15" }, { "0", "0" }, { "1.5", "1.5" },
		{ "1.", "1" }, { ".5", "0.5" }, { "1e3", "\"1e3\"" },
		{ "1.0e+3", "1000" }, { "1.0e3", "\"1.0e3\"" },
		{ "0.000003", "3e-06" }, { ".nan", "\".nan\"" },
		{ ".inf", "\".inf\"" }, { "\"1\"", "\"1\"" },
		{ "2024-01-02", "\"2024-01-02\"" }, { "1:30", "\"1:30\"" },
		{ "08", "\"08\"" }, { "0o17", "\"0o17\"" },
		{ "1 2", "\"1 2\"" }, { "0x", "\"0x\"" },
		{ "!!str 5", "\"5\"" }, { "! 5", "\"5\"" },
		{ "[]", "[]" }, { "{}", "{}" }, { "[a, [b], {c: d}]",
		    "[\"a\",[\"b\"],{\"c\":\"d\"}]" },
		{ "a: 1\nb:\n- x\n- y: z\n",
		    "{\"a\":1,\"b\":[\"x\",{\"y\":\"z\"}]}" },
		{ "a: |\n  x\n  y\n", "{\"a\":\"x\\ny\\n\"}" },
		{ "a: >-\n  x\n  y\n", "{\"a\":\"x y\"}" },
		{ "a: \"\\u00e9\\n\"", "{\"a\":\"\xc3\xa9\\n\"}" },
		{ "&x a: *x", "{\"a\":\"a\"}" },
		{ "a: &x {b: 1}\nc: {<<: *x, d: 2}\n",
		    "{\"a\":{\"b\":1},\"c\":{\"d\":2,\"b\":1}}" },
		{ "a: &x {b: 1}\nc: {<<: *x, b: 2}\n",
		    "{\"a\":{\"b\":1},\"c\":{\"b\":2}}" },
		{ "'<<': 1", "{\"<<\":1}" },
		{ "a: 1\na: 2\n", "{\"a\":2}" },
		{ "12345678901234567890", "12345678901234567890" },
		{ "-1_2345678901234567890", "-12345678901234567890" },
		{ "# only a comment\n", "null" },
		{ "---\na\n...\n", "\"a\"" },
	};
	size_t i;
	char *s;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		s = yaml_to_json(cases[i][0]);
		if (strcmp(s, cases[i][1]) != 0)
			print_error("%s\n", cases[i][0]);
		assert_string_equal(s, cases[i][1]);
		free(s);
	}
}

static void
test_errors_have_places(void **state)
{
	static const char *const cases[][2] = {
		{ "a:\n\t- b", "2:1 a tab cannot indent YAML" },
		{ "a: *x", "1:4 an alias to an anchor" },
		{ "a: &x [*x]", "1:8 an alias to an anchor" },
		{ "a: {<<: 1}", "1:4 '<<' must name" },
		{ "a: {<<: [1]}", "1:4 '<<' must name" },
		{ "[a]: b", "1:1 a key must be a word" },
		{ "\xc3\xa9: b: c", "1:5 mapping values" },
		{ "a: \"x\\0y\"", "1:4 a value contains a NUL" },
		{ "a: b\n---\nc: [", "" },
		{ "a: 1\n b: 2\n", "2:" },
	};
	size_t i;
	char *s;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		s = yaml_to_json(cases[i][0]);
		if (strncmp(s, cases[i][1], strlen(cases[i][1])) != 0)
			print_error("%s: %s\n", cases[i][0], s);
		assert_int_equal(strncmp(s, cases[i][1],
		    strlen(cases[i][1])), 0);
		free(s);
	}
}

static void
test_bounds(void **state)
{
	struct buf b = { 0 };
	char *s;
	int i;

	(void)state;
	/* 32 levels are read, 33 are not. */
	for (i = 0; i < YAML_DEPTH_MAX - 1; i++)
		buf_lit(&b, "[");
	buf_lit(&b, "x");
	for (i = 0; i < YAML_DEPTH_MAX - 1; i++)
		buf_lit(&b, "]");
	buf_pad(&b);
	s = yaml_to_json(b.p);
	assert_int_equal(*s, '[');
	free(s);
	b.n = 0;
	for (i = 0; i < YAML_DEPTH_MAX; i++)
		buf_lit(&b, "[");
	buf_lit(&b, "x");
	buf_pad(&b);
	s = yaml_to_json(b.p);
	assert_non_null(strstr(s, "nested too deeply"));
	free(s);
	/* The same depth by aliases. */
	b.n = 0;
	buf_lit(&b, "- &a0 [x]\n");
	for (i = 1; i < 40; i++)
		buf_addf(&b, "- &a%d [*a%d]\n", i, i - 1);
	buf_pad(&b);
	s = yaml_to_json(b.p);
	assert_non_null(strstr(s, "nested too deeply through aliases"));
	free(s);
	/* Too many nodes without an alias. */
	b.n = 0;
	for (i = 0; i < YAML_NODES_MAX; i++)
		buf_lit(&b, "- \n");
	buf_pad(&b);
	s = yaml_to_json(b.p);
	assert_non_null(strstr(s, "too many values"));
	free(s);
	/* Many keys: found by hash, the last duplicate wins. */
	b.n = 0;
	for (i = 0; i < 30000; i++)
		buf_addf(&b, "k%d: 1\n", i);
	buf_lit(&b, "k5: 2\n");
	buf_pad(&b);
	s = yaml_to_json(b.p);
	assert_non_null(strstr(s, "\"k5\":2"));
	assert_null(strstr(s, "\"k5\":1,"));
	free(s);
	buf_fini(&b);
}

static void
test_numbers(void **state)
{
	static const struct {
		const char	*text;
		bool		 ok;
		double		 v;
	} cases[] = {
		{ "5", true, 5 }, { "1e3", true, 1000 }, { "1e", false, 0 },
		{ "-0x10", true, -16 }, { "0o17", true, 15 },
		{ "1_0.5", true, 10.5 }, { "", false, 0 }, { "-", false, 0 },
		{ "nan", false, 0 }, { "inf", false, 0 }, { "1e999", false, 0 },
		{ "0x1p3", false, 0 }, { "5s", false, 0 }, { " 5", false, 0 },
		{ "--5", false, 0 }, { "_5", false, 0 }, { ".", false, 0 },
		{ "1..2", false, 0 }, { "08", true, 8 }, { "5 ", false, 0 },
	};
	struct yaml_node n = { .kind = YAML_TEXT };
	double v;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		n.text = cases[i].text;
		if (yaml_number(&n, &v) != cases[i].ok)
			print_error("'%s'\n", cases[i].text);
		assert_int_equal(yaml_number(&n, &v), cases[i].ok);
		if (cases[i].ok)
			assert_true(v == cases[i].v);
	}
	assert_false(yaml_number(NULL, &v));
}

static void
test_booleans(void **state)
{
	static const char *const yes[] = { "true", "YES", "On", "y", "1", "T" };
	static const char *const no[] = { "False", "no", "OFF", "N", "0", "f" };
	struct yaml_node n = { .kind = YAML_TEXT };
	bool v;
	size_t i;

	(void)state;
	for (i = 0; i < 6; i++) {
		n.text = yes[i];
		assert_true(yaml_bool(&n, &v) && v);
		n.text = no[i];
		assert_true(yaml_bool(&n, &v) && !v);
	}
	n.text = "maybe";
	assert_false(yaml_bool(&n, &v));
	n.kind = YAML_LIST;
	assert_false(yaml_bool(&n, &v));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values_as_pyyaml),
		cmocka_unit_test(test_errors_have_places),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_booleans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
