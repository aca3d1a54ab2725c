/* SPDX-License-Identifier: ISC */
/* LINK: daemon/conf/backend.c daemon/conf/conf.c daemon/conf/conf_env.c */
/* LINK: daemon/conf/conf_names.c daemon/conf/conf_report.c */
/* LINK: daemon/conf/entry.c daemon/conf/entry_base.c */
/* LINK: daemon/conf/entry_headers.c daemon/conf/entry_params.c */
/* LINK: daemon/conf/load.c daemon/conf/override.c daemon/conf/policy.c */
/* LINK: daemon/conf/providers.c daemon/conf/remark.c */
/* LINK: daemon/conf/schema.c daemon/conf/schema_model.c */
/* LINK: daemon/conf/schema_settings.c daemon/conf/settings.c */
/* LINK: daemon/conf/source.c daemon/conf/url.c daemon/conf/yaml.c */
/* LINK: daemon/conf/yaml_value.c daemon/access/key.c */
/* LINK: daemon/access/limit.c daemon/route/table.c daemon/base/clock.c */
/* LINK: daemon/base/hash.c daemon/base/jout.c daemon/base/jscan.c */
/* LINK: daemon/base/log.c daemon/base/map.c daemon/base/str.c */
/* LINK: daemon/base/xmalloc.c proto/text.c proto/text_width.c */
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "conf_help.h"

static void
test_ids_and_states(void **state)
{
	static const char text[] =
	    "model_list:\n"
	    "- {model_name: a, litellm_params: {model: ollama/a}}\n"
	    "- {model_name: a, litellm_params: {model: ollama/a}}\n"
	    "- {model_name: a, litellm_params: {model: ollama/a}, "
	    "model_info: {id: x}}\n";
	struct conf_world w = conf_help_world(NULL);
	struct conf *a = conf_help_must_load(&w, text);
	struct conf *b = conf_help_must_load(&w, text);
	struct deploy_state *kept;
	unsigned i;

	(void)state;
	assert_string_not_equal(a->deploys[0]->id, a->deploys[1]->id);
	assert_int_equal(strlen(a->deploys[0]->id), 16);
	for (i = 0; i < 3; i++) {
		assert_string_equal(a->deploys[i]->id, b->deploys[i]->id);
		assert_ptr_equal(a->deploys[i]->state, b->deploys[i]->state);
	}
	kept = b->deploys[0]->state;
	atomic_store(&kept->requests, 5);
	conf_free(&w, a);
	a = conf_help_must_load(&w, text);
	assert_ptr_equal(a->deploys[0]->state, kept);
	assert_int_equal(atomic_load(&a->deploys[0]->state->requests), 5);
	conf_free(&w, a);
	conf_free(&w, b);
	assert_true(conf_help_fini(&w));
}

static void
test_overrides(void **state)
{
	static const char text[] =
	    "model_list:\n"
	    "- {model_name: a, litellm_params: {model: ollama/a}}\n"
	    "- {model_name: b, litellm_params: {model: openai/b, api_base: "
	    "'http://gpu1:8000/v1', api_key: kb, rpm: 4, top_k: 3}}\n"
	    "- {model_name: c, litellm_params: {model: groq/c}}\n";
	char *targets[] = {
		(char *)(uintptr_t)"other:7b@gpu1",
		(char *)(uintptr_t)"b", (char *)(uintptr_t)"a@ollama"
	};
	char *gone[] = { (char *)(uintptr_t)"x@gpu7" };
	struct conf_override ov[] = {
		{ (char *)(uintptr_t)"a", targets, 3 },
		{ (char *)(uintptr_t)"b", gone, 1 },
		{ (char *)(uintptr_t)"zzz", targets, 1 },
	};
	struct conf_world w = conf_help_world(NULL);
	struct conf_options o = conf_help_options("config.yaml");
	struct conf_remarks r = { 0 };
	struct conf *base = conf_help_must_load(&w, text), *c;
	const struct route *ra;
	const struct deploy *d;
	char *cause, *candidates;

	(void)state;
	c = conf_again(&w, base, &o, ov, 3, &r);
	assert_non_null(c);
	ra = route_table_find(c->routes, SPAN_LIT("a"));
	assert_true(ra->runtime);
	assert_int_equal(ra->ntiers, 3);
	d = ra->tiers[0].deploys[0];
	assert_string_equal(d->label, "other:7b@gpu1");
	assert_string_equal(d->upstream, "other:7b");
	assert_string_equal(d->headers, "Authorization: Bearer kb\r\n");
	assert_string_equal(conf_help_param(d, "top_k"), "3");
	assert_string_equal(d->model, "a");
	assert_int_equal(d->line, 0);
	assert_ptr_equal(ra->tiers[1].deploys[0], c->deploys[1]);
	assert_ptr_equal(ra->tiers[2].deploys[0], c->deploys[0]);
	assert_int_equal(c->noverrides, 1);
	assert_string_equal(c->overrides[0].targets[2], "a@ollama");
	assert_false(route_table_find(c->routes, SPAN_LIT("b"))->runtime);
	conf_free(&w, base);

	assert_int_equal(conf_override_check(c, "a", "x@gpu1", &cause,
	    &candidates), 0);
	assert_int_equal(conf_override_check(c, "a", "b", &cause,
	    &candidates), 0);
#define BAD(m, t, words, list) do {					\
	assert_int_equal(conf_override_check(c, m, t, &cause,		\
	    &candidates), -1);						\
	assert_non_null(strstr(cause, words));				\
	if ((list) == NULL)						\
		assert_null(candidates);				\
	else								\
		assert_string_equal(candidates, list);			\
	free(cause);							\
	free(candidates);						\
} while (0)
	BAD("a", "x@gpu9", "unknown backend 'gpu9'", "ollama, gpu1, groq");
	BAD("a", "nothing", "no model", "a@ollama, b@gpu1, other:7b@gpu1, b");
	BAD("a", "c", "no deployment that can be used", NULL);
	BAD("a", "c@groq", "GROQ_API_KEY is not set", NULL);
	BAD("a", "d@groq", "no deployment that can be used", NULL);
	BAD("a", "@gpu1", "no model", "a@ollama, b@gpu1, other:7b@gpu1, b");
	BAD("aa", "b", "unknown model 'aa'", "a");
	BAD("qqqqqq", "b", "unknown model 'qqqqqq'", NULL);
	conf_free(&w, c);
	assert_true(conf_help_fini(&w));
}

static void
test_wildcards(void **state)
{
	struct conf_world w = conf_help_world(NULL);
	struct arena a = { 0 };
	struct conf *c = conf_help_must_load(&w,
	    "model_list:\n"
	    "- {model_name: 'google_ai_studio/*', litellm_params: {model: "
	    "'gemini/*', api_key: k}}\n"
	    "- {model_name: '*', litellm_params: {model: ollama/llama3}}\n");
	const struct route *r = route_table_find(c->routes,
	    SPAN_LIT("google_ai_studio/gemini-2.5-flash"));

	(void)state;
	assert_true(r->wildcard);
	assert_string_equal(route_upstream(r, r->all[0],
	    SPAN_LIT("google_ai_studio/gemini-2.5-flash"), &a),
	    "gemini-2.5-flash");
	r = route_table_find(c->routes, SPAN_LIT("anything"));
	assert_string_equal(route_upstream(r, r->all[0],
	    SPAN_LIT("anything"), &a), "llama3");
	arena_fini(&a);
	conf_free(&w, c);
	assert_true(conf_help_fini(&w));
}

/* The complexity router's fallback model answers everything. */
static void
test_router_entries(void **state)
{
	struct conf_world w = conf_help_world(NULL);
	struct conf *c = conf_help_must_load(&w,
	    "model_list:\n"
	    "- {model_name: smart, litellm_params: {model: "
	    "auto_router/complexity_router, complexity_router_config: "
	    "{tiers: {SIMPLE: x, MEDIUM: a}}}}\n"
	    "- {model_name: lost, litellm_params: {model: "
	    "auto_router/complexity_router, "
	    "complexity_router_default_model: nobody}}\n"
	    "- {model_name: a, litellm_params: {model: ollama/a}}\n");
	const struct route *r = route_table_find(c->routes,
	    SPAN_LIT("smart"));

	(void)state;
	assert_int_equal(r->ntiers, 1);
	assert_ptr_equal(r->tiers[0].deploys[0], c->deploys[2]);
	assert_false(r->runtime);
	assert_int_equal(route_table_find(c->routes,
	    SPAN_LIT("lost"))->ntiers, 0);
	conf_free(&w, c);
	assert_true(conf_help_fini(&w));
}

static void
test_size_and_many_remarks(void **state)
{
	struct conf_world w = conf_help_world(NULL);
	struct conf_options o = conf_help_options("config.yaml");
	struct conf_remarks r = { 0 };
	struct buf b = { 0 };
	struct conf *c;
	char *s;
	int i;

	(void)state;
	for (i = 0; i < 5000; i++)
		buf_addf(&b, "unknown_%d: 1\n", i);
	c = conf_load_text(&w, &o, buf_span(&b), &r);
	assert_non_null(c);
	assert_int_equal(c->remarks.n, CONF_REMARKS_MAX);
	assert_int_equal(c->remarks.warnings, 5001);
	s = conf_remarks_text(&c->remarks, true);
	assert_non_null(strstr(s, "and 4001 more remarks"));
	free(s);
	conf_free(&w, c);
	while (b.n <= 1024 * 1024)
		buf_lit(&b, "# a comment that fills the file\n");
	assert_null(conf_load_text(&w, &o, buf_span(&b), &r));
	assert_non_null(strstr(r.v[0].text, "larger than 1 MiB"));
	conf_remarks_fini(&r);
	buf_fini(&b);
	assert_true(conf_help_fini(&w));
}

static void
test_env_is_sealed(void **state)
{
	char key[] = "MY_KEY=sk-secret", other[] = "MY_OTHER=plain";
	char openai[] = "OPENAI_API_KEY=sk-openai";
	char *env[] = { key, other, openai, NULL };
	struct conf_world w = conf_help_world(env);
	struct conf *c = conf_help_must_load(&w,
	    "model_list:\n"
	    "- {model_name: a, litellm_params: {model: groq/a, api_key: "
	    "os.environ/MY_KEY, user: os.environ/MY_OTHER}}\n"
	    "- {model_name: b, litellm_params: {model: gpt-4o}}\n");

	(void)state;
	conf_env_seal(w.env, env);
	assert_string_equal(key, "MY_KEY=");
	assert_int_equal(key[9], 0);
	assert_string_equal(openai, "OPENAI_API_KEY=");
	assert_string_equal(other, "MY_OTHER=plain");
	assert_string_equal(conf_env_get(w.env, "MY_KEY"), "sk-secret");
	assert_null(conf_env_get(w.env, "NOBODY"));
	conf_free(&w, c);
	assert_true(conf_help_fini(&w));
}

static void
test_names(void **state)
{
	struct conf_names *n = conf_names_new();
	char name[16];
	unsigned i;

	(void)state;
	assert_string_equal(conf_names_get(n, 0), "-");
	assert_int_equal(conf_names_add(n, "-"), 0);
	for (i = 1; i < 65536; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		assert_int_equal(conf_names_add(n, name), i);
	}
	assert_int_equal(conf_names_add(n, "one too many"), 0);
	assert_int_equal(conf_names_add(n, "n777"), 777);
	assert_string_equal(conf_names_get(n, 65535), "n65535");
	conf_names_free(n);
	n = conf_names_new();
	assert_string_equal(conf_names_get(n, 40000), "-");
	assert_string_equal(conf_names_get(n, 3), "-");
	conf_names_free(n);
}

static void
test_diff_and_summary(void **state)
{
	struct conf_world w = conf_help_world(NULL);
	struct conf *a = conf_help_must_load(&w,
	    "model_list:\n"
	    "- {model_name: fast, litellm_params: {model: ollama/a}}\n"
	    "- {model_name: old, litellm_params: {model: ollama/b}}\n"
	    "- {model_name: same, litellm_params: {model: ollama/c, "
	    "rpm: 5}}\n");
	struct conf *b = conf_help_must_load(&w,
	    "model_list:\n"
	    "- {model_name: fast, litellm_params: {model: openai/q, "
	    "api_base: 'http://gpu3.lan:8000/v1'}}\n"
	    "- {model_name: same, litellm_params: {model: ollama/c, "
	    "rpm: 6}}\n"
	    "- {model_name: new, litellm_params: {model: groq/x}}\n"
	    "general_settings: {master_key: sk-x}\n"
	    "litellm_settings: {request_timeout: 30}\n");
	struct json_object *j = conf_diff_json(a, b);
	static const char *const want[] = {
		"~ model fast  a@ollama -> q@gpu3  config.yaml:2",
		"+ model new  x@groq (no key)  config.yaml:4",
		"- model old  b@ollama  config.yaml:3 (was)",
		"+ backend gpu3  http://gpu3.lan:8000",
		"+ backend groq  https://api.groq.com",
		"~ limit c@ollama  rpm 5 -> 6  config.yaml:3",
		"~ setting request timeout ms  6000000 -> 30000",
		"~ master key set: a key is needed",
	};
	size_t i;
	char *s;

	(void)state;
	assert_int_equal(json_object_array_length(j),
	    sizeof(want) / sizeof(want[0]));
	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		assert_string_equal(json_object_get_string(
		    json_object_array_get_idx(j, i)), want[i]);
	json_object_put(j);
	j = conf_diff_json(b, b);
	assert_int_equal(json_object_array_length(j), 0);
	json_object_put(j);
	s = conf_summary(b);
	assert_string_equal(s, "3 models, 1 without key "
	    "(new: GROQ_API_KEY is not set)");
	free(s);
	s = conf_summary(a);
	assert_string_equal(s, "3 models");
	free(s);
	conf_free(&w, a);
	conf_free(&w, b);
	assert_true(conf_help_fini(&w));
}

static void
test_command_line_model(void **state)
{
	struct conf_world w = conf_help_world(NULL);
	struct conf_options o = conf_help_options(NULL);
	struct conf_remarks r = { 0 };
	struct conf *c;

	(void)state;
	o.model = "ollama/\"odd: name\"";
	o.alias = "mine";
	o.api_base = "http://gpu1:11434";
	c = conf_load(&w, &o, NULL, 0, &r);
	assert_non_null(c);
	assert_int_equal(c->ndeploys, 1);
	assert_string_equal(c->deploys[0]->model, "mine");
	assert_string_equal(c->deploys[0]->upstream, "\"odd: name\"");
	assert_string_equal(c->deploys[0]->base_url, "http://gpu1:11434");
	conf_free(&w, c);
	o.model = NULL;
	c = conf_load(&w, &o, NULL, 0, &r);
	assert_non_null(c);
	assert_int_equal(c->ndeploys, 0);
	conf_free(&w, c);
	assert_true(conf_help_fini(&w));
}

static void
test_files(void **state)
{
	char dir[] = "/tmp/llmd-conf-XXXXXX", path[64], fifo[64];
	struct conf_world w = conf_help_world(NULL);
	struct conf_options o = conf_help_options(path);
	struct conf_remarks r = { 0 };
	struct conf *c;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/config.yaml", dir);
	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	assert_null(conf_load(&w, &o, NULL, 0, &r));
	assert_non_null(strstr(r.v[0].text, "No such file"));
	conf_remarks_fini(&r);
	/* An include that would block, or never end. */
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_non_null(f = fopen(path, "w"));
	fputs("include: [fifo, /dev/zero]\n"
	    "general_settings: {master_key: 0123456789abcdef}\n", f);
	fclose(f);
	assert_null(conf_load(&w, &o, NULL, 0, &r));
	assert_int_equal(r.errors, 2);
	conf_remarks_fini(&r);
	assert_non_null(f = fopen(path, "w"));
	fputs("general_settings:\n"
	    "  master_key: 0123456789abcdef0123456789abcdef\n", f);
	fclose(f);
	assert_int_equal(chmod(path, 0644), 0);
	c = conf_load(&w, &o, NULL, 0, &r);
	assert_non_null(c);
	assert_non_null(strstr(c->remarks.v[0].text, "can read"));
	conf_free(&w, c);
	assert_int_equal(chmod(path, 0666), 0);
	c = conf_load(&w, &o, NULL, 0, &r);
	assert_non_null(strstr(c->remarks.v[0].text, "can change"));
	conf_free(&w, c);
	assert_int_equal(chmod(path, 0600), 0);
	c = conf_load(&w, &o, NULL, 0, &r);
	assert_int_equal(c->remarks.n, 1);	/* no model */
	/* The file changes; a change of routes alone does not read it. */
	assert_int_equal(unlink(path), 0);
	{
		struct conf *d = conf_again(&w, c, &o, NULL, 0, &r);

		assert_non_null(d);
		conf_free(&w, c);
		conf_free(&w, d);
	}
	unlink(fifo);
	rmdir(dir);
	assert_true(conf_help_fini(&w));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ids_and_states),
		cmocka_unit_test(test_overrides),
		cmocka_unit_test(test_wildcards),
		cmocka_unit_test(test_router_entries),
		cmocka_unit_test(test_size_and_many_remarks),
		cmocka_unit_test(test_env_is_sealed),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_diff_and_summary),
		cmocka_unit_test(test_command_line_model),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
