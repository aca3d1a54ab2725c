/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/show.h"
#include "proto/client.h"
#include "proto/text.h"

/*
 * llmctl test: one completion through the same path as any client's, printed
 * as it streams, then its timings.
 */
#define TEST_TOKENS	64
#define TEST_TIMEOUT_MS	600000
#define TEST_PROMPT_MAX	(512 * 1024)

struct test_view {
	struct run	*run;
	char		*text;		/* all of it, for JSON */
	size_t		 len;
	FILE		*memory;
	int		 named;		/* the deployment was printed */
	int		 mid_line;
};

static void
show_test_start(struct test_view *v, struct json_object *p)
{
	struct run *r = v->run;

	if (r->out.quiet || r->out.format != OUT_TABLE)
		return;
	if (v->mid_line)
		putchar('\n');
	v->mid_line = 0;
	show_text(&r->out, "", cmd_arg(r->line, "MODEL", 0), " -> ");
	show_text(&r->out, "", run_str(p, "upstream"), "@");
	show_text(&r->out, "", run_str(p, "backend"), "");
	if (run_int(p, "attempt") > 1)
		printf("     (attempt %lld)",
		    (long long)run_int(p, "attempt"));
	putchar('\n');
	v->named = 1;
}

static void
show_test_text(struct test_view *v, const char *text)
{
	struct run *r = v->run;

	if (*text == '\0')
		return;
	fputs(text, v->memory);
	if (r->out.format >= OUT_JSON)
		return;
	out_escape_lines(&r->out, stdout, text);
	v->mid_line = text[strlen(text) - 1] != '\n';
}

/* What a model thinks is no part of its answer: dim, and only with -v. */
static void
show_test_thinking(struct test_view *v, const char *text)
{
	struct run *r = v->run;

	if (!r->verbose || r->out.format != OUT_TABLE || *text == '\0')
		return;
	fputs(out_on(&r->out, OUT_DIM), stdout);
	out_escape_lines(&r->out, stdout, text);
	fputs(out_off(&r->out, OUT_DIM), stdout);
	v->mid_line = text[strlen(text) - 1] != '\n';
}

/* A `progress` notice of the running call. */
static void
show_test_notice(const char *method, struct json_object *p, void *arg)
{
	struct test_view *v = arg;
	const char *kind = run_str(p, "kind");

	if (strcmp(method, "progress") != 0)
		return;
	if (v->run->out.format == OUT_JSONL)
		out_json_line(&v->run->out, stdout, p);
	if (strcmp(kind, "start") == 0)
		show_test_start(v, p);
	else if (strcmp(kind, "text") == 0)
		show_test_text(v, run_str(p, "text"));
	else if (strcmp(kind, "thinking") == 0)
		show_test_thinking(v, run_str(p, "text"));
	else if (strcmp(kind, "retry") == 0 && !v->run->out.quiet &&
	    v->run->out.format == OUT_TABLE)
		show_text(&v->run->out, "retry: ", run_str(p, "text"), "\n");
	out_flush(&v->run->out);
}

/* The prompt of -p: "-" reads stdin.  The caller frees it; NULL: r->err. */
static char *
show_test_prompt(struct run *r, const char *flag)
{
	char *text;
	size_t n;

	if (strcmp(flag, "-") != 0) {
		if ((text = strdup(flag)) == NULL)
			abort();
		return text;
	}
	if ((text = malloc(TEST_PROMPT_MAX + 1)) == NULL)
		abort();
	n = fread(text, 1, TEST_PROMPT_MAX + 1, stdin);
	if (ferror(stdin))
		rpc_error_set(&r->err, ERR_IO, "cannot read the prompt: %s",
		    strerror(errno));
	else if (n > TEST_PROMPT_MAX)
		rpc_error_set(&r->err, ERR_TOO_LARGE,
		    "the prompt has more than %d bytes", TEST_PROMPT_MAX);
	else if (!text_utf8_ok(text, n) || memchr(text, 0, n) != NULL)
		rpc_error_set(&r->err, ERR_INVALID_PARAM,
		    "the prompt is not valid UTF-8 text");
	if (r->err.kind != NULL) {
		free(text);
		return NULL;
	}
	text[n] = '\0';
	return text;
}

static struct json_object *
show_test_params(struct run *r)
{
	struct json_object *p;
	const char *flag = cmd_flag(r->line, "--prompt");
	char *prompt = NULL;

	if (flag != NULL && (prompt = show_test_prompt(r, flag)) == NULL)
		return NULL;
	p = show_params("model", cmd_arg(r->line, "MODEL", 0));
	if (prompt != NULL)
		json_object_object_add(p, "prompt",
		    json_object_new_string(prompt));
	free(prompt);
	json_object_object_add(p, "max_tokens", json_object_new_int64(
	    cmd_flag_int(r->line, "--max-tokens", TEST_TOKENS)));
	json_object_object_add(p, "stream", json_object_new_boolean(
	    cmd_flag(r->line, "--no-stream") == NULL));
	return p;
}

/* "0.47s": seconds with two decimals, so that the sums can be checked. */
static void
show_test_seconds(char *dst, size_t cap, double ms)
{
	if (ms >= 0 && ms < 60000)
		snprintf(dst, cap, "%.2fs", ms / 1000);
	else
		text_duration(dst, cap, ms);
}

/* "first token 291ms (queue 12ms)   8 tok in 0.18s = 38.7 tok/s" */
static void
show_test_numbers(struct json_object *res)
{
	double ttft = run_num(res, "ttft_ms"), total = run_num(res, "total_ms");
	double queue = run_num(res, "queue_ms"), tps = run_num(res, "tps");
	double in = run_num(res, "tokens_in"), out = run_num(res, "tokens_out");
	const char *about = run_bool(res, "tokens_estimated") ? "~" : "";
	char num[TEXT_NUM_MAX];

	if (isfinite(ttft))
		printf("  first token %s", text_duration(num, sizeof(num),
		    ttft));
	if (queue >= 1)
		printf(" (queue %s)", text_duration(num, sizeof(num), queue));
	if (isfinite(out) && isfinite(ttft)) {
		show_test_seconds(num, sizeof(num), total - ttft);
		printf("   %s%.0f tok in %s", about, out, num);
		if (isfinite(tps))
			printf(" = %.1f tok/s", tps);
	}
	show_test_seconds(num, sizeof(num), total);
	printf("   total %s", num);
	if (isfinite(in) || isfinite(out)) {
		printf(isfinite(in) ? "   in %.0f" : "   in -", in);
		printf(isfinite(out) ? " out %.0f" : " out -", out);
	}
	putchar('\n');
}

/* A failed test is reported like an error, but its status is "no". */
static void
show_test_failure(struct run *r, struct json_object *res)
{
	struct json_object *e = run_get(res, "error");
	const char *hint = run_str(e, "hint"), *message = run_str(e, "message");
	char total[TEXT_NUM_MAX], *safe;

	show_test_seconds(total, sizeof(total), run_num(res, "total_ms"));
	printf("-- %sFAIL%s  status %lld   total %s\n",
	    out_on(&r->out, OUT_BAD), out_off(&r->out, OUT_BAD),
	    (long long)run_int(res, "status"), total);
	out_flush(&r->out);
	safe = out_escape(&r->out, message);
	fprintf(stderr, "llmctl: %s: %s\n", run_str(e, "code"), safe);
	free(safe);
	if (*hint != '\0') {
		safe = out_escape(&r->out, hint);
		fprintf(stderr, "  hint: %s\n", safe);
		free(safe);
	}
}

static void
show_test_result(struct test_view *v, struct json_object *res)
{
	struct run *r = v->run;

	if (r->out.format >= OUT_JSON) {
		if (run_get(res, "text") == NULL)
			json_object_object_add(res, "text",
			    json_object_new_string_len(v->text,
			    (int)v->len));
		out_json(&r->out, "test.run", "", res,
		    client_hello_get(r->client)->rev, &r->err);
		return;
	}
	if (!v->named && !r->out.quiet && r->out.format == OUT_TABLE &&
	    *run_str(res, "upstream") != '\0')
		show_test_start(v, res);
	show_test_text(v, run_str(res, "text"));
	if (v->mid_line)
		putchar('\n');
	if (!run_bool(res, "ok")) {
		show_test_failure(r, res);
		return;
	}
	if (r->out.quiet || r->out.format != OUT_TABLE)
		return;
	printf("-- %sok%s", out_on(&r->out, OUT_GOOD),
	    out_off(&r->out, OUT_GOOD));
	show_test_numbers(res);
}

int
show_test(struct run *r)
{
	struct test_view v = { .run = r };
	struct json_object *params, *res;
	int ok = 0;

	if ((params = show_test_params(r)) == NULL)
		return run_failed(r);
	if (run_connect(r) < 0) {
		json_object_put(params);
		return run_failed(r);
	}
	if ((v.memory = open_memstream(&v.text, &v.len)) == NULL)
		abort();
	if (cmd_flag(r->line, "--timeout") == NULL)
		r->timeout_ms = TEST_TIMEOUT_MS;
	run_catch_interrupt(r);
	client_on_notice(r->client, show_test_notice, &v);
	res = run_call(r, "test.run", params);
	if (r->client != NULL)
		client_on_notice(r->client, NULL, NULL);
	fclose(v.memory);
	if (res != NULL) {
		ok = run_bool(res, "ok");
		show_test_result(&v, res);
	} else if (v.mid_line)
		putchar('\n');
	free(v.text);
	json_object_put(res);
	if (r->err.kind != NULL)
		return run_failed(r);
	return ok ? 0 : RUN_EXIT_NO;
}
