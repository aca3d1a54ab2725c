/* SPDX-License-Identifier: ISC */
/*
 * One table drives parsing, --help and the check that the manual names every
 * option.  LiteLLM's options that make no sense here are accepted, so that a
 * start script need not be changed; each is said to have no effect.
 */
#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS_EX_USAGE	64

enum options_kind {
	OPT_CONFIG, OPT_HOST, OPT_PORT, OPT_SOCKET, OPT_WORKERS, OPT_CHECK,
	OPT_JSON, OPT_VERSION, OPT_HELP, OPT_MODEL, OPT_ALIAS, OPT_API_BASE,
	OPT_TLS_KEY, OPT_TLS_CERT, OPT_DEBUG, OPT_DROP_PARAMS, OPT_TIMEOUT,
	OPT_IGNORED, OPT_IGNORED_ARG
};

struct options_row {
	const char		*name;
	char			 letter;	/* 0: none */
	enum options_kind	 kind;
	const char		*arg;		/* its name, or NULL */
	const char		*help;		/* NULL: not in --help */
};

static const struct options_row options_rows[] = {
	{ "config", 'c', OPT_CONFIG, "FILE",
	    "LiteLLM's config.yaml (default: $CONFIG_FILE_PATH,\n"
	    "./config.yaml, $XDG_CONFIG_HOME/llmd/config.yaml,\n"
	    "/etc/llmd/config.yaml)" },
	{ "port", 'p', OPT_PORT, "N", "port to listen on (4000)" },
	{ "host", 'H', OPT_HOST, "ADDR",
	    "address to listen on (localhost: 127.0.0.1 and ::1);\n"
	    "may be given several times" },
	{ "socket", 's', OPT_SOCKET, "PATH", "control socket for llmctl" },
	{ "workers", 'w', OPT_WORKERS, "N",
	    "threads (one per CPU, at most 4)" },
	{ "check-config", 't', OPT_CHECK, NULL,
	    "check the configuration and exit" },
	{ "json", 0, OPT_JSON, NULL, "with --check-config: as JSON" },
	{ "model", 'm', OPT_MODEL, "MODEL",
	    "serve one model without a file: ollama/llama3" },
	{ "alias", 0, OPT_ALIAS, "NAME", "its public name" },
	{ "api_base", 0, OPT_API_BASE, "URL", "its server" },
	{ "request_timeout", 0, OPT_TIMEOUT, "SECONDS",
	    "for a whole answer (6000)" },
	{ "drop_params", 0, OPT_DROP_PARAMS, NULL,
	    "drop parameters that a backend lacks" },
	{ "ssl_certfile_path", 0, OPT_TLS_CERT, "FILE",
	    "PEM certificate chain: serve https" },
	{ "ssl_keyfile_path", 0, OPT_TLS_KEY, "FILE", "its private key" },
	{ "debug", 'd', OPT_DEBUG, NULL, "log more" },
	{ "version", 'V', OPT_VERSION, NULL, "print the version" },
	{ "help", 'h', OPT_HELP, NULL, "print this" },
	/* Other names of the same. */
	{ "num_workers", 0, OPT_WORKERS, "N", NULL },
	{ "validate_config", 0, OPT_CHECK, NULL, NULL },
	{ "detailed_debug", 0, OPT_DEBUG, NULL, NULL },
	{ "", 'v', OPT_VERSION, NULL, NULL },
	/* Accepted without effect (litellm.md 2.1). */
	{ "run_gunicorn", 0, OPT_IGNORED, NULL, NULL },
	{ "run_hypercorn", 0, OPT_IGNORED, NULL, NULL },
	{ "run_granian", 0, OPT_IGNORED, NULL, NULL },
	{ "granian_threads", 0, OPT_IGNORED_ARG, "N", NULL },
	{ "telemetry", 0, OPT_IGNORED_ARG, "BOOL", NULL },
	{ "reload", 0, OPT_IGNORED, NULL, NULL },
	{ "add_function_to_prompt", 0, OPT_IGNORED, NULL, NULL },
	{ "use_prisma_db_push", 0, OPT_IGNORED, NULL, NULL },
	{ "iam_token_db_auth", 0, OPT_IGNORED, NULL, NULL },
	{ "azure_postgresql_auth", 0, OPT_IGNORED, NULL, NULL },
	{ "enforce_prisma_migration_check", 0, OPT_IGNORED, NULL, NULL },
	{ "use_v2_migration_resolver", 0, OPT_IGNORED, NULL, NULL },
	{ "use_legacy_migration_resolver", 0, OPT_IGNORED, NULL, NULL },
	{ "max_requests_before_restart", 0, OPT_IGNORED_ARG, "N", NULL },
	{ "max_requests_before_restart_jitter", 0, OPT_IGNORED_ARG, "N",
	    NULL },
	{ "timeout_worker_healthcheck", 0, OPT_IGNORED_ARG, "S", NULL },
	{ "keepalive_timeout", 0, OPT_IGNORED_ARG, "S", NULL },
	{ "limit_concurrency", 0, OPT_IGNORED_ARG, "N", NULL },
	{ "prometheus_metrics_port", 0, OPT_IGNORED_ARG, "N", NULL },
	{ "log_config", 0, OPT_IGNORED_ARG, "FILE", NULL },
	{ "ciphers", 0, OPT_IGNORED_ARG, "LIST", NULL },
	{ "max_tokens", 0, OPT_IGNORED_ARG, "N", NULL },
	{ "temperature", 0, OPT_IGNORED_ARG, "X", NULL },
	{ "max_budget", 0, OPT_IGNORED_ARG, "USD", NULL },
	{ "api_version", 0, OPT_IGNORED_ARG, "V", NULL },
	{ "headers", 0, OPT_IGNORED_ARG, "JSON", NULL },
};

#define OPTIONS_N	(sizeof options_rows / sizeof options_rows[0])

static int
options_fail(const char *what, const char *arg, const char *hint)
{
	fprintf(stderr, "llmd: %s%s%s%s\n", what, arg == NULL ? "" : " '",
	    arg == NULL ? "" : arg, arg == NULL ? "" : "'");
	fprintf(stderr, "  hint: %s\n", hint);
	return OPTIONS_EX_USAGE;
}

static bool
options_number(const char *s, long min, long max, long *v)
{
	char *end;

	errno = 0;
	*v = strtol(s, &end, 10);
	return errno == 0 && end != s && *end == '\0' && *v >= min &&
	    *v <= max;
}

/* "check-config" is "check_config" too, as LiteLLM writes its own. */
static bool
options_same(const char *name, const char *arg, size_t n)
{
	size_t i;

	if (strlen(name) != n || n == 0)
		return false;
	for (i = 0; i < n; i++)
		if (name[i] != arg[i] && !(strchr("-_", name[i]) != NULL &&
		    strchr("-_", arg[i]) != NULL))
			return false;
	return true;
}

static const struct options_row *
options_find(const char *arg, size_t n)
{
	size_t i;

	for (i = 0; i < OPTIONS_N; i++)
		if (options_same(options_rows[i].name, arg, n))
			return &options_rows[i];
	return NULL;
}

static int
options_port(struct options *o, const char *v)
{
	long n;

	if (!options_number(v, 0, 65535, &n))
		return options_fail("not a port number:", v,
		    "llmd --port 4000");
	o->conf.port = (int)n;
	return 0;
}

static int
options_host(struct options *o, const char *v)
{
	if (o->conf.nhosts == OPTIONS_HOSTS)
		return options_fail("too many addresses", NULL,
		    "at most 16 --host");
	o->hosts[o->conf.nhosts++] = v;
	return 0;
}

static int
options_workers(struct options *o, const char *v)
{
	long n;

	if (!options_number(v, 1, 64, &n))
		return options_fail("not a number of workers from 1 to 64:",
		    v, "llmd --workers 2");
	o->conf.workers = (int)n;
	return 0;
}

static int
options_timeout(struct options *o, const char *v)
{
	char *end;

	o->conf.request_timeout = strtod(v, &end);
	if (end == v || *end != '\0' || !(o->conf.request_timeout > 0))
		return options_fail("not a number of seconds:", v,
		    "llmd --request_timeout 600");
	return 0;
}

static int
options_apply(struct options *o, const struct options_row *r, const char *v)
{
	switch (r->kind) {
	case OPT_CONFIG:
		o->conf.path = v;
		break;
	case OPT_HOST:
		return options_host(o, v);
	case OPT_PORT:
		return options_port(o, v);
	case OPT_SOCKET:
		o->conf.socket_path = v;
		break;
	case OPT_WORKERS:
		return options_workers(o, v);
	case OPT_CHECK:
		o->action = OPTIONS_CHECK;
		break;
	case OPT_JSON:
		o->json = true;
		break;
	case OPT_VERSION:
		o->action = OPTIONS_VERSION;
		break;
	case OPT_HELP:
		o->action = OPTIONS_HELP;
		break;
	case OPT_MODEL:
		o->conf.model = v;
		break;
	case OPT_ALIAS:
		o->conf.alias = v;
		break;
	case OPT_API_BASE:
		o->conf.api_base = v;
		break;
	case OPT_TLS_KEY:
		o->conf.tls_key = v;
		break;
	case OPT_TLS_CERT:
		o->conf.tls_cert = v;
		break;
	case OPT_DEBUG:
		o->conf.debug = true;
		break;
	case OPT_DROP_PARAMS:
		o->conf.drop_params = 1;
		break;
	case OPT_TIMEOUT:
		return options_timeout(o, v);
	case OPT_IGNORED:
	case OPT_IGNORED_ARG:
		fprintf(stderr, "llmd: --%s has no effect here\n", r->name);
		break;
	}
	return 0;
}

/* What LiteLLM takes from the environment; the line wins. */
static int
options_environment(struct options *o, const struct conf_env *env)
{
	const char *v;
	int rc = 0;

	if ((v = conf_env_get(env, "PORT")) != NULL && *v != '\0')
		rc = options_port(o, v);
	if (rc == 0 && (v = conf_env_get(env, "NUM_WORKERS")) != NULL &&
	    *v != '\0')
		rc = options_workers(o, v);
	if (rc == 0 && (v = conf_env_get(env, "REQUEST_TIMEOUT")) != NULL &&
	    *v != '\0')
		rc = options_timeout(o, v);
	if ((v = conf_env_get(env, "SSL_KEYFILE_PATH")) != NULL)
		o->conf.tls_key = v;
	if ((v = conf_env_get(env, "SSL_CERTFILE_PATH")) != NULL)
		o->conf.tls_cert = v;
	return rc;
}

/* One long or short option at argv[*i]. */
static int
options_one(struct options *o, int argc, char **argv, int *i)
{
	const char *a = argv[*i], *eq = NULL, *v = NULL;
	const struct options_row *r = NULL;
	size_t n, k;

	if (a[0] == '-' && a[1] == '-' && a[2] != '\0') {
		eq = strchr(a, '=');
		n = eq == NULL ? strlen(a + 2) : (size_t)(eq - a - 2);
		r = options_find(a + 2, n);
	} else if (a[0] == '-' && a[1] != '\0') {
		for (k = 0; k < OPTIONS_N && r == NULL; k++)
			if (options_rows[k].letter == a[1])
				r = &options_rows[k];
		if (r != NULL && a[2] != '\0')
			v = a + 2;
	} else
		return options_fail("unexpected argument", a,
		    "llmd --help lists the options");
	if (r == NULL)
		return options_fail("unknown option", a,
		    "llmd --help lists the options");
	if (eq != NULL)
		v = eq + 1;
	if (r->arg != NULL && v == NULL) {
		if (*i + 1 >= argc)
			return options_fail("a value is missing after", a,
			    "llmd --help lists the options");
		v = argv[++*i];
	} else if (r->arg == NULL && v != NULL)
		return options_fail("this option takes no value:", a,
		    "llmd --help lists the options");
	return options_apply(o, r, v);
}

int
options_parse(struct options *o, int argc, char **argv,
    const struct conf_env *env)
{
	const char *host = conf_env_get(env, "HOST");
	int i, rc;

	memset(o, 0, sizeof *o);
	o->conf.port = -1;
	o->conf.drop_params = -1;
	o->conf.hosts = o->hosts;
	rc = options_environment(o, env);
	for (i = 1; i < argc && rc == 0; i++)
		rc = options_one(o, argc, argv, &i);
	/* Shells set HOST to the machine's name: only an address counts. */
	if (rc == 0 && o->conf.nhosts == 0 && host != NULL && *host != '\0' &&
	    host[strspn(host, "0123456789abcdefABCDEF.:")] == '\0' &&
	    strpbrk(host, ".:") != NULL)
		rc = options_host(o, host);
	if (rc == 0 && (o->conf.tls_key == NULL) !=
	    (o->conf.tls_cert == NULL))
		return options_fail("a TLS certificate and its key are "
		    "needed together", NULL, "llmd --ssl_certfile_path "
		    "cert.pem --ssl_keyfile_path key.pem");
	return rc;
}

void
options_help(void)
{
	const struct options_row *r;
	const char *p;
	char left[64];
	size_t i, n;

	printf("usage: llmd [options]\n\n"
	    "An LLM gateway: serves the OpenAI API on localhost:4000 in front "
	    "of Ollama,\nOpenAI and every OpenAI-compatible server. It loads "
	    "LiteLLM's config.yaml.\n\n");
	for (i = 0; i < OPTIONS_N; i++) {
		r = &options_rows[i];
		if (r->help == NULL)
			continue;
		snprintf(left, sizeof left, "%c%c%s --%s%s%s",
		    r->letter != 0 ? '-' : ' ',
		    r->letter != 0 ? r->letter : ' ',
		    r->letter != 0 ? "," : " ", r->name,
		    r->arg == NULL ? "" : " ", r->arg == NULL ? "" : r->arg);
		if (strlen(left) > 24) {
			printf("  %s\n", left);
			left[0] = '\0';
		}
		for (p = r->help; p != NULL; p = *p == '\0' ? NULL : p + 1) {
			n = strcspn(p, "\n");
			printf("  %-25s %.*s\n", p == r->help ? left : "",
			    (int)n, p);
			p += n;
			if (*p == '\0')
				break;
		}
	}
	printf("\nSignals: HUP reload, USR1 reopen logs, TERM finish what runs "
	    "and stop.\nSee llmd(8), llmd.yaml(5); talk to it with llmctl(1) "
	    "and llmtop(1).\n");
}
