/* SPDX-License-Identifier: ISC */
/* LINK: proto/cmd.c proto/cmd_help.c proto/cmd_split.c proto/cmd_complete.c */
/* LINK: proto/rpc.c proto/rpc_json.c proto/rpc_param.c proto/errors.c */
/* LINK: proto/text.c proto/text_width.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "proto/cmd.h"
#include "proto/cmd_grammar.h"
#include "proto/rpc.h"

/* Parses a line given as the shell would take it; words stay allocated. */
static int
parse(const char *text, struct cmd_line *line, struct rpc_error *err,
    char ***words)
{
	int argc;

	rpc_error_init(err);
	assert_int_equal(cmd_split(text, words, &argc, err), 0);
	return cmd_parse(argc, *words, line, err);
}

static void
refused(const char *text, const char *message, const char *candidate)
{
	struct cmd_line line;
	struct rpc_error err;
	char **words;

	if (parse(text, &line, &err, &words) == 0)
		fail_msg("accepted: %s", text);
	if (strstr(err.message, message) == NULL)
		fail_msg("%s: %s", text, err.message);
	if (candidate != NULL) {
		assert_non_null(err.candidates);
		assert_string_equal(json_object_get_string(
		    json_object_array_get_idx(err.candidates, 0)), candidate);
	}
	assert_true(err.exit == 64 || err.exit == 65);
	rpc_error_fini(&err);
	cmd_split_free(words);
}

static void
test_parse(void **state)
{
	struct cmd_line line;
	struct rpc_error err;
	char **words;

	(void)state;
	assert_int_equal(parse("-q route set chat a@b,c@d e@f -m 'a b' "
	    "--if-rev=7", &line, &err, &words), 0);
	assert_int_equal(line.cmd, CMD_ROUTE_SET);
	assert_string_equal(cmd_arg(&line, "MODEL", 0), "chat");
	assert_string_equal(cmd_arg(&line, "TARGET", 0), "a@b,c@d");
	assert_string_equal(cmd_arg(&line, "TARGET", 1), "e@f");
	assert_null(cmd_arg(&line, "TARGET", 2));
	assert_null(cmd_arg(&line, "NOPE", 0));
	assert_string_equal(cmd_flag(&line, "--message"), "a b");
	assert_string_equal(cmd_flag(&line, "--quiet"), "");
	assert_null(cmd_flag(&line, "--verbose"));
	assert_int_equal(cmd_flag_int(&line, "--if-rev", 0), 7);
	cmd_split_free(words);
}

static void
test_flags(void **state)
{
	struct cmd_line line;
	struct rpc_error err;
	char **words;

	(void)state;
	assert_int_equal(parse("tail -fn5", &line, &err, &words), 0);
	assert_int_equal(cmd_flag_int(&line, "--lines", 0), 5);
	assert_non_null(cmd_flag(&line, "--follow"));
	cmd_split_free(words);
	assert_int_equal(parse("tail -n 5 -n 6 --json=a,b", &line, &err,
	    &words), 0);
	assert_int_equal(cmd_flag_int(&line, "--lines", 0), 6);
	assert_string_equal(cmd_flag(&line, "--json"), "a,b");
	cmd_split_free(words);
	/* An optional value is never the next word. */
	assert_int_equal(parse("models -w x --json", &line, &err, &words), 0);
	assert_string_equal(cmd_arg(&line, "PATTERN", 0), "x");
	assert_string_equal(cmd_flag(&line, "--watch"), "");
	assert_int_equal(cmd_flag_ms(&line, "--watch", 2000), 2000);
	cmd_split_free(words);
	assert_int_equal(parse("models -w=300ms", &line, &err, &words), 0);
	assert_int_equal(cmd_flag_ms(&line, "--watch", 2000), 300);
	cmd_split_free(words);
	assert_int_equal(parse("test -- -p", &line, &err, &words), 0);
	assert_string_equal(cmd_arg(&line, "MODEL", 0), "-p");
	cmd_split_free(words);
	assert_int_equal(parse("test --help", &line, &err, &words), 0);
	assert_int_equal(line.cmd, CMD_TEST);
	cmd_split_free(words);
	assert_int_equal(parse("", &line, &err, &words), 0);
	assert_int_equal(line.cmd, -1);
	cmd_split_free(words);
}

static void
test_refused(void **state)
{
	(void)state;
	refused("statsu", "no command 'statsu'", "status");
	refused("stat", "no command 'stat'", "status");
	refused("route", "one more word", NULL);
	refused("route st", "no command 'route st'", "route set");
	refused("test", "MODEL is missing", NULL);
	refused("route set chat", "TARGET is missing", NULL);
	refused("status x", "too many", NULL);
	refused("status --bogus", "no flag --bogus", NULL);
	refused("models --refrsh", "no flag", "--refresh");
	refused("status -z", "no flag -z", NULL);
	refused("--follow tail", "before a command", NULL);
	refused("tail -n", "needs a value", NULL);
	refused("tail -n x", "whole number", NULL);
	refused("tail -n -1", "whole number", NULL);
	refused("tail --follow=1", "takes no value", NULL);
	refused("status --timeout 1y", "time such as", NULL);
	refused("status -o xml", "one of table|plain|json|jsonl", NULL);
	refused("status -o jsonn", "one of", "json");
	refused("rpc ping '{\"a\":1,\"a\":2}'", "two members", NULL);
	refused("status '\x1b[2J'", "\\x1b[2J", NULL);
}

static void
test_split(void **state)
{
	struct rpc_error err;
	char **argv;
	int argc;

	(void)state;
	rpc_error_init(&err);
	assert_int_equal(cmd_split(" a  'b c' \"d\\\"e\" f\\ g '' h'i'j # k",
	    &argv, &argc, &err), 0);
	assert_int_equal(argc, 6);
	assert_string_equal(argv[1], "b c");
	assert_string_equal(argv[2], "d\"e");
	assert_string_equal(argv[3], "f g");
	assert_string_equal(argv[4], "");
	assert_string_equal(argv[5], "hij");
	cmd_split_free(argv);
	assert_int_equal(cmd_split("   ", &argv, &argc, &err), 0);
	assert_int_equal(argc, 0);
	cmd_split_free(argv);
	assert_int_equal(cmd_split("a 'b", &argv, &argc, &err), -1);
	assert_int_equal(err.exit, 64);
	rpc_error_fini(&err);
}

/* Rows that would make parsing ambiguous, or flags that hide each other. */
static void
test_table(void **state)
{
	struct cmd_flag_spec a, b;
	size_t i, k, n;
	char *text;

	(void)state;
	for (i = 0; i < CMD_COUNT; i++) {
		for (k = 0; k < CMD_COUNT; k++) {
			n = strlen(cmd_rows[i].words);
			assert_false(i != k && strncmp(cmd_rows[i].words,
			    cmd_rows[k].words, n) == 0 &&
			    (cmd_rows[k].words[n] == ' ' ||
			    cmd_rows[k].words[n] == '\0'));
		}
		if (cmd_rows[i].method[0] != '\0')
			assert_int_not_equal(
			    rpc_method_find(cmd_rows[i].method), -1);
		text = cmd_help((int)i, "llmctl");
		assert_non_null(strstr(text, cmd_rows[i].words));
		free(text);
	}
	for (i = 0; i < cmd_flag_count; i++) {
		cmd_flag_read(cmd_flag_rows[i].spec, &a);
		assert_memory_equal(a.name, "--", 2);
		for (k = i + 1; k < cmd_flag_count; k++) {
			if (cmd_flag_rows[i].owner != CMD_GLOBAL &&
			    cmd_flag_rows[i].owner != cmd_flag_rows[k].owner)
				continue;
			cmd_flag_read(cmd_flag_rows[k].spec, &b);
			assert_string_not_equal(a.name, b.name);
			assert_false(a.letter != 0 && a.letter == b.letter);
		}
	}
	text = cmd_help_all("llmctl");
	assert_non_null(strstr(text, "route set MODEL TARGET..."));
	free(text);
}

/* Every example of the table is a command line that parses. */
static void
test_examples(void **state)
{
	struct cmd_line line;
	struct rpc_error err;
	char *copy, *rest, *one, **words;
	int i;

	(void)state;
	for (i = 0; i < CMD_COUNT; i++) {
		rest = copy = strdup(cmd_rows[i].example);
		while ((one = strsep(&rest, "\n")) != NULL) {
			assert_memory_equal(one, "llmctl ", 7);
			if (parse(one + 7, &line, &err, &words) != 0)
				fail_msg("%s: %s", one, err.message);
			assert_int_equal(line.cmd, i);
			cmd_split_free(words);
		}
		free(copy);
	}
}

static void
collect(const char *word, const char *help, void *arg)
{
	(void)help;
	strcat(strcat(arg, word), " ");
}

static void
names(enum cmd_type type, const char *prefix, cmd_emit_cb emit,
    void *emit_arg, void *arg)
{
	(void)arg;
	if (type == CMD_MODEL && strncmp("chat", prefix, strlen(prefix)) == 0)
		emit("chat", "", emit_arg);
	if (type == CMD_TARGET)
		emit("qwen@gpu1", "", emit_arg);
}

static void
completes(const char *before, const char *partial, const char *want)
{
	struct rpc_error err;
	char out[1024] = "", **argv;
	int argc;

	rpc_error_init(&err);
	assert_int_equal(cmd_split(before, &argv, &argc, &err), 0);
	cmd_complete(argc, argv, partial, names, NULL, collect, out);
	if (strcmp(out, want) != 0)
		fail_msg("%s|%s -> %s", before, partial, out);
	cmd_split_free(argv);
}

static void
test_complete(void **state)
{
	(void)state;
	completes("", "ro", "routes route ");
	completes("route", "", "set ");
	completes("route set", "", "chat ");
	completes("route set", "x", "");
	completes("route set chat", "", "qwen@gpu1 ");
	completes("route set chat a", "q", "qwen@gpu1 ");
	completes("test", "c", "chat ");
	completes("test chat", "", "");
	completes("status -o", "j", "json jsonl ");
	completes("tail", "--l", "--lines --logs ");
	completes("", "--ver", "--verbose --version ");
	completes("rpc", "event.", "event.subscribe event.unsubscribe ");
	completes("help", "rel", "reload ");
	completes("help route", "", "set ");
	completes("tail --lines", "", "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
