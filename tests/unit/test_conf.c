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
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "base/log.h"
#include "conf_help.h"

/* Loads a text that must be refused with these words in its remarks. */
static void
must_refuse(const char *text, size_t n, const char *words)
{
	struct conf_world w = conf_help_world(NULL);
	struct conf_options o = conf_help_options("config.yaml");
	struct conf_remarks r = { 0 };
	char *s;

	assert_null(conf_load_text(&w, &o, (struct span){ text, n }, &r));
	assert_true(r.errors > 0);
	s = conf_remarks_text(&r, true);
	if (strstr(s, words) == NULL)
		print_error("%s", s);
	assert_non_null(strstr(s, words));
	free(s);
	conf_remarks_fini(&r);
	assert_true(conf_help_fini(&w));
}

#define REFUSE(t, words)	must_refuse(t, sizeof(t) - 1, words)

static void
test_defaults(void **state)
{
	struct conf_world w = conf_help_world(NULL);
	struct conf *c = conf_help_must_load(&w, "");

	(void)state;
	assert_int_equal(c->port, 4000);
	assert_int_equal(c->nhosts, 0);
	assert_true(c->open);
	assert_false(c->allow_open);
	assert_int_equal(c->public_models, CONF_PUBLIC_AUTO);
	assert_int_equal(c->log_level, LOG_L_INFO);
	assert_int_equal(c->limits.head_ms, 10000);
	assert_int_equal(c->limits.body_max, 64 << 20);
	assert_int_equal(c->limits.total_ms, 6000000);
	assert_int_equal(c->limits.first_event_ms, 600000);
	assert_int_equal(c->limits.stream_commit_ms, 45000);
	assert_int_equal(c->ndeploys, 0);
	assert_null(route_table_at(c->routes, 0));
	assert_string_equal(c->path, "config.yaml");
	conf_free(&w, c);
	assert_true(conf_help_fini(&w));
}

static void
test_settings(void **state)
{
	struct conf_world w = conf_help_world(NULL);
	struct conf *c = conf_help_must_load(&w,
	    "general_settings:\n"
	    "  master_key: os.environ/SET_KEY\n"
	    "  max_request_size_mb: 2\n"
	    "  always_include_stream_usage: yes\n"
	    "litellm_settings: {drop_params: True, request_timeout: 0.5, "
	    "json_logs: 'true', set_verbose: on}\n"
	    "llmd_settings:\n"
	    "  listen: [10.0.0.1, '::1']\n"
	    "  port: '4001'\n"
	    "  public_models: No\n"
	    "  rpm: 100\n"
	    "  request_log: /tmp/x.log\n"
	    "  allowed_hosts: gw.lan\n"
	    "  cors_origins: [https://a, https://b]\n"
	    "  gap_timeout_ms: 7\n"
	    "  event_max_bytes: 64 KiB\n"
	    "  connections: 5\n");

	(void)state;
	assert_false(c->open);
	assert_int_equal(c->keys.n, 1);
	assert_ptr_equal(key_find(&c->keys, SPAN_LIT("sk-set")),
	    &c->keys.rows[0]);
	assert_string_equal(c->keys.rows[0].id, "master");
	assert_int_equal(c->limits.body_max, 2 << 20);
	assert_true(c->always_usage);
	assert_true(c->drop_params);
	assert_true(c->json_logs);
	assert_int_equal(c->log_level, LOG_L_DEBUG);
	assert_int_equal(c->limits.total_ms, 500);
	assert_int_equal(c->nhosts, 2);
	assert_string_equal(c->hosts[0], "10.0.0.1");
	assert_string_equal(c->hosts[1], "::1");
	assert_int_equal(c->port, 4001);
	assert_int_equal(c->public_models, CONF_PUBLIC_NO);
	assert_int_equal(c->rpm, 100);
	assert_string_equal(c->request_log, "/tmp/x.log");
	assert_int_equal(c->nallowed_hosts, 1);
	assert_string_equal(c->allowed_hosts[0], "gw.lan");
	assert_int_equal(c->ncors_origins, 2);
	assert_int_equal(c->limits.gap_ms, 7);
	assert_int_equal(c->limits.event_max, 65536);
	assert_int_equal(c->limits.connections, 5);
	conf_free(&w, c);
	assert_true(conf_help_fini(&w));
}

/* router_settings before litellm_settings, the command line before both. */
static void
test_timeouts(void **state)
{
	static const char text[] =
	    "litellm_settings: {request_timeout: 60}\n"
	    "router_settings: {timeout: 30, stream_timeout: 5}\n"
	    "model_list:\n"
	    "- {model_name: a, litellm_params: {model: ollama/a, "
	    "timeout: 1.5, stream_timeout: 0.25}}\n"
	    "- {model_name: b, litellm_params: {model: ollama/b}}\n";
	struct conf_world w = conf_help_world(NULL);
	struct conf_options o = conf_help_options("config.yaml");
	struct conf_remarks r = { 0 };
	struct conf *c = conf_help_must_load(&w, text);

	(void)state;
	assert_int_equal(c->limits.total_ms, 30000);
	assert_int_equal(c->limits.first_event_ms, 5000);
	assert_int_equal(c->deploys[0]->timeout_ms, 1500);
	assert_int_equal(c->deploys[0]->stream_timeout_ms, 250);
	assert_int_equal(c->deploys[1]->timeout_ms, 0);
	conf_free(&w, c);
	o.request_timeout = 2;
	c = conf_load_text(&w, &o, SPAN_LIT(text), &r);
	assert_int_equal(c->limits.total_ms, 2000);
	conf_free(&w, c);
	assert_true(conf_help_fini(&w));
}

static void
test_options_win(void **state)
{
	const char *hosts[] = { "127.0.0.1" };
	struct conf_world w = conf_help_world(NULL);
	struct conf_options o = conf_help_options("config.yaml");
	struct conf_remarks r = { 0 };
	struct conf *c;

	(void)state;
	o.hosts = hosts;
	o.nhosts = 1;
	o.port = 5;
	o.socket_path = "/x";
	o.workers = 3;
	o.drop_params = 0;
	o.debug = true;
	c = conf_load_text(&w, &o, SPAN_LIT(
	    "llmd_settings: {listen: 0.0.0.0, port: 6, workers: 1, "
	    "log_level: error, socket: /y}\n"
	    "litellm_settings: {drop_params: true}\n"), &r);
	assert_non_null(c);
	assert_int_equal(c->nhosts, 1);
	assert_string_equal(c->hosts[0], "127.0.0.1");
	assert_int_equal(c->port, 5);
	assert_string_equal(c->socket_path, "/x");
	assert_int_equal(c->workers, 3);
	assert_false(c->drop_params);
	assert_int_equal(c->log_level, LOG_L_DEBUG);
	conf_free(&w, c);
	/* --host against a file without a key. */
	hosts[0] = "0.0.0.0";
	assert_null(conf_load_text(&w, &o, SPAN_LIT(""), &r));
	conf_remarks_fini(&r);
	assert_true(conf_help_fini(&w));
}

static void
test_environment(void **state)
{
	static char *env[] = {
		(char *)(uintptr_t)"LITELLM_MASTER_KEY=sk-env",
		(char *)(uintptr_t)"PORT=4100",
		(char *)(uintptr_t)"HOST=my-machine",
		(char *)(uintptr_t)"REQUEST_TIMEOUT=9",
		(char *)(uintptr_t)"LITELLM_LOG=ERROR",
		(char *)(uintptr_t)"LITELLM_DROP_PARAMS=True",
		(char *)(uintptr_t)"OPENAI_API_KEY=sk-openai",
		(char *)(uintptr_t)"OPENAI_BASE_URL=http://gpu1:1/v1",
		(char *)(uintptr_t)"HOSTED_VLLM_API_BASE=http://gpu2:2/v1",
		(char *)(uintptr_t)"OR_APP_NAME=mine",
		NULL
	};
	struct conf_world w = conf_help_world(env);
	struct conf *c = conf_help_must_load(&w,
	    "model_list:\n"
	    "- {model_name: a, litellm_params: {model: gpt-4o}}\n"
	    "- {model_name: b, litellm_params: {model: hosted_vllm/x}}\n"
	    "- {model_name: c, litellm_params: {model: openrouter/x, "
	    "api_key: k}}\n");

	(void)state;
	assert_false(c->open);
	assert_non_null(key_find(&c->keys, SPAN_LIT("sk-env")));
	assert_int_equal(c->port, 4100);
	assert_int_equal(c->nhosts, 0);
	assert_int_equal(c->limits.total_ms, 9000);
	assert_int_equal(c->log_level, LOG_L_ERROR);
	assert_true(c->deploys[0]->drop_params);
	assert_string_equal(c->deploys[0]->base_url, "http://gpu1:1/v1");
	assert_string_equal(c->deploys[0]->headers,
	    "Authorization: Bearer sk-openai\r\n");
	assert_string_equal(c->deploys[1]->base_url, "http://gpu2:2/v1");
	assert_string_equal(c->deploys[1]->headers, "");
	assert_string_equal(c->deploys[2]->headers,
	    "Authorization: Bearer k\r\nX-Title: mine\r\n");
	conf_free(&w, c);
	assert_true(conf_help_fini(&w));
	env[0] = (char *)(uintptr_t)"LITELLM_MASTER_KEY=";
	w = conf_help_world(env);
	{
		struct conf_remarks r = { 0 };

		assert_null(conf_help_load(&w, "", &r));
		conf_remarks_fini(&r);
	}
	assert_true(conf_help_fini(&w));
}

static void
test_deployment(void **state)
{
	struct conf_world w = conf_help_world(NULL);
	struct conf *c = conf_help_must_load(&w,
	    "model_list:\n"
	    "- model_name: fast\n"
	    "  rpm: 3\n"
	    "  litellm_params:\n"
	    "    model: openai/qwen3:8b\n"
	    "    api_base: https://me:p%40ss@GPU1.lan:8443/base/v1/?a=b#c\n"
	    "    order: -2\n"
	    "    max_tokens: 77\n"
	    "    num_ctx: 4096\n"
	    "    temperature: '0.70'\n"
	    "    seed: 0x10\n"
	    "    stop: [a, 1, yes, null, 1.50]\n"
	    "    keep_alive: 5m\n"
	    "    logprobs: on\n"
	    "    user: 12\n"
	    "    thinking: {type: enabled, budget_tokens: 1_024}\n"
	    "    vendor_option: {x: 'yes', y: 2024-01-02, z: 1e3}\n"
	    "    extra_body: {temperature: 1, model: evil, top_k: 5}\n"
	    "    ssl_verify: off\n"
	    "  model_info: {id: my-id, created: 5, mode: chat}\n");
	const struct deploy *d = c->deploys[0];

	(void)state;
	assert_int_equal(d->use, DEPLOY_OK);
	assert_ptr_equal(d->dialect, &dialect_openai);
	assert_string_equal(d->id, "my-id");
	assert_string_equal(d->upstream, "qwen3:8b");
	assert_string_equal(d->label, "qwen3:8b@gpu1");
	assert_string_equal(conf_names_get(w.names, d->name_id), d->label);
	assert_string_equal(d->base_url, "https://GPU1.lan:8443/base/v1/");
	assert_string_equal(d->base_path, "/base/v1");
	assert_string_equal(d->query, "a=b");
	/* base64 of me:p@ss */
	assert_string_equal(d->headers,
	    "Authorization: Basic bWU6cEBzcw==\r\n");
	assert_string_equal(d->backend->host, "gpu1.lan");
	assert_string_equal(d->backend->authority, "gpu1.lan:8443");
	assert_true(d->backend->tls);
	assert_false(d->backend->tls_verify);
	assert_int_equal(d->rpm, 3);
	assert_int_equal(d->order, -2);
	assert_int_equal(d->max_tokens, 77);
	assert_int_equal(d->ctx, 4096);
	assert_int_equal(d->created, 5);
	assert_int_equal(d->line, 2);
	assert_int_equal(d->model_line, 5);
	assert_string_equal(d->file, "config.yaml");
	assert_string_equal(conf_help_param(d, "max_tokens"), "77");
	assert_string_equal(conf_help_param(d, "temperature"), "1");
	assert_string_equal(conf_help_param(d, "seed"), "16");
	assert_string_equal(conf_help_param(d, "stop"),
	    "[\"a\",1,true,null,1.5]");
	assert_string_equal(conf_help_param(d, "keep_alive"), "\"5m\"");
	assert_string_equal(conf_help_param(d, "logprobs"), "true");
	assert_string_equal(conf_help_param(d, "user"), "\"12\"");
	assert_string_equal(conf_help_param(d, "thinking"),
	    "{\"type\":\"enabled\",\"budget_tokens\":1024}");
	assert_string_equal(conf_help_param(d, "vendor_option"),
	    "{\"x\":\"yes\",\"y\":\"2024-01-02\",\"z\":\"1e3\"}");
	assert_string_equal(conf_help_param(d, "top_k"), "5");
	assert_null(conf_help_param(d, "model"));
	assert_null(conf_help_param(d, "rpm"));
	assert_null(conf_help_param(d, "api_base"));
	assert_null(conf_help_param(d, "ssl_verify"));
	conf_free(&w, c);
	assert_true(conf_help_fini(&w));
}

static void
test_headers(void **state)
{
	struct conf_world w = conf_help_world(NULL);
	struct conf *c = conf_help_must_load(&w,
	    "model_list:\n"
	    "- model_name: a\n"
	    "  litellm_params:\n"
	    "    model: openai/a\n"
	    "    api_key: \" sk-a\\n\"\n"
	    "    organization: org\n"
	    "    headers: {X-One: 1, X-Two: no}\n"
	    "    extra_headers: {X-Two: two, Host: evil}\n"
	    "- model_name: b\n"
	    "  litellm_params:\n"
	    "    model: openai/b\n"
	    "    api_key: sk-b\n"
	    "    extra_headers: {authorization: Token t}\n"
	    "- model_name: c\n"
	    "  litellm_params: {model: azure_ai/c, api_key: sk-c, api_base: "
	    "'https://x.services.ai.azure.com/models', "
	    "api_version: 2024-05-01-preview}\n");

	(void)state;
	assert_string_equal(c->deploys[0]->headers,
	    "X-One: 1\r\nX-Two: two\r\nAuthorization: Bearer sk-a\r\n"
	    "OpenAI-Organization: org\r\n");
	assert_string_equal(c->deploys[1]->headers,
	    "authorization: Token t\r\n");
	assert_true(c->deploys[1]->has_key);
	assert_string_equal(c->deploys[2]->headers, "api-key: sk-c\r\n");
	assert_string_equal(c->deploys[2]->query,
	    "api-version=2024-05-01-preview");
	conf_free(&w, c);
	assert_true(conf_help_fini(&w));
}

/* A provider's variable goes to its host, and elsewhere only over TLS. */
static void
test_key_goes_where_it_belongs(void **state)
{
	static char *env[] = {
		(char *)(uintptr_t)"GROQ_API_KEY=gk",
		(char *)(uintptr_t)"OLLAMA_API_KEY=ok", NULL
	};
	struct conf_world w = conf_help_world(env);
	struct conf *c = conf_help_must_load(&w,
	    "model_list:\n"
	    "- {model_name: a, litellm_params: {model: groq/a}}\n"
	    "- {model_name: b, litellm_params: {model: groq/a, api_base: "
	    "'https://api.groq.com/openai/v1'}}\n"
	    "- {model_name: c, litellm_params: {model: groq/a, api_base: "
	    "'https://proxy/v1'}}\n"
	    "- {model_name: d, litellm_params: {model: groq/a, api_base: "
	    "'http://proxy/v1'}}\n"
	    "- {model_name: e, litellm_params: {model: ollama/a, api_base: "
	    "'http://gpu:11434'}}\n"
	    "- {model_name: f, litellm_params: {model: groq/a, api_key: "
	    "os.environ/UNSET}}\n");
	unsigned i;

	(void)state;
	for (i = 0; i < 6; i++) {
		assert_int_equal(c->deploys[i]->use, DEPLOY_OK);
		assert_int_equal(c->deploys[i]->has_key, i != 3);
	}
	assert_string_equal(c->deploys[3]->headers, "");
	assert_string_equal(c->deploys[4]->headers,
	    "Authorization: Bearer ok\r\n");
	conf_free(&w, c);
	assert_true(conf_help_fini(&w));
}

static void
test_weights(void **state)
{
	static const double want[] = { 3, 1, 1e-9, 10, 30, 30, 1, 7, 9, 9 };
	struct conf_world w = conf_help_world(NULL);
	struct conf *c = conf_help_must_load(&w,
	    "model_list:\n"
	    "- {model_name: a, litellm_params: {model: ollama/1, weight: 3}}\n"
	    "- {model_name: a, litellm_params: {model: ollama/2, rpm: 9}}\n"
	    "- {model_name: a, litellm_params: {model: ollama/3, weight: 0}}\n"
	    "- {model_name: b, litellm_params: {model: ollama/1, rpm: 10}}\n"
	    "- {model_name: b, litellm_params: {model: ollama/2}}\n"
	    "- {model_name: b, rpm: 30, litellm_params: {model: ollama/3}}\n"
	    "- {model_name: c, litellm_params: {model: ollama/1}}\n"
	    "- {model_name: d, litellm_params: {model: ollama/1, tpm: 7}}\n"
	    "- {model_name: d, litellm_params: {model: ollama/2, tpm: 9}}\n"
	    "- {model_name: d, litellm_params: {model: ollama/3}}\n");
	unsigned i;

	(void)state;
	for (i = 0; i < 10; i++)
		assert_true(c->deploys[i]->weight == want[i]);
	conf_free(&w, c);
	assert_true(conf_help_fini(&w));
}

static void
test_texts_nobody_should_write(void **state)
{
	(void)state;
	REFUSE("\xff\xfe\x61\x00", "written in UTF-16");
	REFUSE("model_list:\n- \xff\xfe: a\n", "save the file as UTF-8");
	REFUSE("a: b\0c\n", "not readable");
	REFUSE("a: \"b\\0c\"\n", "NUL character");
	REFUSE("? [a, b]\n: c\n", "a key must be a word");
	REFUSE("a: 'open\nb: c\n", "config.yaml:1:4: error: the quote");
	REFUSE("a: {b\n", "config.yaml:");
	REFUSE("%YAML 9.9\n---\na: b\n", "error");
}

/* BOM, CRLF and no newline at the end change nothing, columns included. */
static void
test_bom_and_crlf(void **state)
{
	static const char text[] = "\xef\xbb\xbfmodel_list:\r\n"
	    "- model_name: \xc3\xa4\r\n"
	    "  litellm_params: {model: ollama/\xc3\xa4, tpm: 1}\r\n"
	    "xrouter_settings: 1";
	struct conf_world w = conf_help_world(NULL);
	struct conf *c = conf_help_must_load(&w, text);
	char *s = conf_remarks_text(&c->remarks, true);

	(void)state;
	assert_string_equal(c->deploys[0]->model, "\xc3\xa4");
	assert_string_equal(s,
	    "config.yaml:3:37: warning: litellm_params.tpm has no effect "
	    "yet\n"
	    "    3 |   litellm_params: {model: ollama/\xc3\xa4, tpm: 1}\n"
	    "      |                                     ^~~\n"
	    "config.yaml:4:1: warning: unknown key 'xrouter_settings': "
	    "ignored\n"
	    "    4 | xrouter_settings: 1\n"
	    "      | ^~~~~~~~~~~~~~~~ did you mean router_settings?\n");
	free(s);
	conf_free(&w, c);
	assert_true(conf_help_fini(&w));
}

/* Terminal control in a file reaches nobody's terminal. */
static void
test_remarks_are_escaped(void **state)
{
	struct conf_world w = conf_help_world(NULL);
	struct conf *c = conf_help_must_load(&w,
	    "\"\\e]0;x\\a\": 1\n\"\xe2\x80\xae\": 2\n");
	char *s = conf_remarks_text(&c->remarks, true), *p;

	(void)state;
	for (p = s; *p != '\0'; p++)
		assert_true(*p == '\n' || (unsigned char)*p >= ' ');
	assert_null(strstr(s, "\xe2\x80\xae"));
	free(s);
	conf_free(&w, c);
	assert_true(conf_help_fini(&w));
}

static void
test_secrets_are_masked(void **state)
{
	static const char *const texts[] = {
		"model_list:\n- {model_name: a, litellm_params: {model: "
		    "ollama/a, tpm: 1, api_key: CANARY}}\n",
		"model_list:\n- model_name: a\n  litellm_params:\n    model: "
		    "ollama/a\n    api_key: [CANARY]\n",
		"general_settings: {database_url: "
		    "'postgres://u:CANARY@h/db'}\n",
		"general_settings:\n  master_key: \"CANARY\\tCANARY\\0\"\n",
		"general_settings: {password: CANARY}\n",
		"model_list:\n- {model_name: a, litellm_params: {model: "
		    "openai/a, api_base: 'ftp://u:CANARY@h/?k=CANARY'}}\n",
		"model_list:\n- {model_name: a, litellm_params: {model: "
		    "openai/a, api_key: k, api_kye: sk-CANARY}}\n",
		"model_list:\n- {model_name: a, litellm_params: {model: "
		    "openai/a, api_key: \"a\\r\\nCANARY\"}}\n",
		"model_list:\n- {model_name: a, litellm_params: {model: "
		    "openai/a, api_key: '${X:-CANARY}'}}\n",
	};
	struct conf_world w = conf_help_world(NULL);
	struct json_object *j;
	struct conf_remarks r;
	struct conf *c;
	size_t i;
	char *s;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		memset(&r, 0, sizeof(r));
		c = conf_help_load(&w, texts[i], &r);
		s = conf_remarks_text(c != NULL ? &c->remarks : &r, true);
		assert_int_not_equal(strlen(s), 0);
		if (strstr(s, "CANARY") != NULL)
			print_error("%s", s);
		assert_null(strstr(s, "CANARY"));
		free(s);
		j = conf_check_json(c, &r);
		assert_null(strstr(json_object_to_json_string(j), "CANARY"));
		json_object_put(j);
		conf_free(&w, c);
		conf_remarks_fini(&r);
	}
	assert_true(conf_help_fini(&w));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_timeouts),
		cmocka_unit_test(test_options_win),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_deployment),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_key_goes_where_it_belongs),
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_texts_nobody_should_write),
		cmocka_unit_test(test_bom_and_crlf),
		cmocka_unit_test(test_remarks_are_escaped),
		cmocka_unit_test(test_secrets_are_masked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
