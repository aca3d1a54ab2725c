/* SPDX-License-Identifier: ISC */
#include "conf/settings.h"

#include <math.h>
#include <strings.h>

#include "base/log.h"
#include "conf/url.h"

static void
settings_default(struct conf *c)
{
	c->port = 4000;
	c->log_level = LOG_L_INFO;
	c->limits = (struct conf_limits){
		.head_ms = 10000, .body_idle_ms = 30000,
		.body_min_rate = 1000, .idle_ms = 75000, .write_ms = 60000,
		.linger_ms = 2000, .body_max = 64u << 20,
		.body_total_max = 512u << 20, .queue_max = 256u << 10,
		.connect_ms = 5000, .tls_ms = 10000,
		.first_event_ms = 600000, .gap_ms = 300000,
		.total_ms = 6000000, .stream_commit_ms = 45000,
		.keepalive_ms = 15000, .event_max = 16u << 20,
		.reply_max = 64u << 20, .pool_idle_ms = 50000,
		.connections = 0
	};
}

/* A variable as the YAML scalar it stands for, or false if it is not set. */
static bool
settings_env(const struct load *x, const char *name, struct yaml_node *n)
{
	const char *v = load_env(x, name);

	memset(n, 0, sizeof(*n));
	n->kind = YAML_TEXT;
	n->text = v;
	return v != NULL && *v != '\0';
}

/* LITELLM_LOG's words. */
static void
settings_env_log(struct load *x, const char *word)
{
	static const struct {
		const char	*word;
		int		 level;
	} words[] = {
		{ "debug", LOG_L_DEBUG }, { "info", LOG_L_INFO },
		{ "warning", LOG_L_WARN }, { "warn", LOG_L_WARN },
		{ "error", LOG_L_ERROR }
	};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasecmp(word, words[i].word) == 0)
			x->c->log_level = words[i].level;
}

static void
settings_from_env(struct load *x)
{
	struct conf *c = x->c;
	struct yaml_node n;
	double v;

	if (settings_env(x, "LITELLM_DROP_PARAMS", &n))
		(void)yaml_bool(&n, &c->drop_params);
	if (settings_env(x, "REQUEST_TIMEOUT", &n) && yaml_number(&n, &v) &&
	    v > 0 && v <= 4000000)
		c->limits.total_ms = (uint32_t)ceil(v * 1000);
	if (settings_env(x, "LITELLM_LOG", &n))
		settings_env_log(x, n.text);
	if (settings_env(x, "PORT", &n) && yaml_number(&n, &v) && v >= 1 &&
	    v <= 65535 && v == floor(v))
		c->port = (uint16_t)v;
	/* Shells set HOST to the machine's name: only what can be nothing but
	 * an address to listen on counts. */
	if (settings_env(x, "HOST", &n) && (url_is_literal(n.text) ||
	    strcasecmp(n.text, "localhost") == 0)) {
		c->hosts = arena_zalloc(&c->arena, 2 * sizeof(*c->hosts));
		c->hosts[0] = arena_strn(&c->arena, n.text, strlen(n.text));
		c->nhosts = 1;
	}
	if (settings_env(x, "SSL_CERTFILE_PATH", &n))
		c->tls_cert = arena_strn(&c->arena, n.text, strlen(n.text));
	if (settings_env(x, "SSL_KEYFILE_PATH", &n))
		c->tls_key = arena_strn(&c->arena, n.text, strlen(n.text));
	if (settings_env(x,
	    "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY", &n))
		(void)yaml_bool(&n, &x->extra.permit_open);
}

static char *
settings_copy(struct load *x, const char *s)
{
	return arena_strn(&x->c->arena, s, strlen(s));
}

static void
settings_from_options(struct load *x)
{
	const struct conf_options *o = x->o;
	struct conf *c = x->c;
	unsigned i;

	if (o->nhosts != 0) {
		c->hosts = arena_zalloc(&c->arena,
		    o->nhosts * sizeof(*c->hosts));
		for (i = 0; i < o->nhosts; i++)
			c->hosts[i] = settings_copy(x, o->hosts[i]);
		c->nhosts = o->nhosts;
	}
	if (o->port >= 0 && o->port <= 65535)
		c->port = (uint16_t)o->port;
	if (o->socket_path != NULL)
		c->socket_path = settings_copy(x, o->socket_path);
	if (o->workers > 0)
		c->workers = (unsigned)o->workers;
	if (o->tls_cert != NULL)
		c->tls_cert = settings_copy(x, o->tls_cert);
	if (o->tls_key != NULL)
		c->tls_key = settings_copy(x, o->tls_key);
	if (o->drop_params >= 0)
		c->drop_params = o->drop_params != 0;
	if (o->request_timeout > 0 && o->request_timeout <= 4000000)
		c->limits.total_ms =
		    (uint32_t)ceil(o->request_timeout * 1000);
	if (o->debug)
		c->log_level = LOG_L_DEBUG;
}

static const char *const settings_strategies[] = {
	"simple-shuffle", "least-busy", "usage-based-routing",
	"usage-based-routing-v2", "latency-based-routing",
	"cost-based-routing", "provider-budget-routing"
};
#define SETTINGS_STRATEGIES	(sizeof(settings_strategies) / \
				    sizeof(settings_strategies[0]))

static void
settings_strategy(struct load *x)
{
	static const char key[] = "router_settings.routing_strategy";
	const struct yaml_node *n;
	const char *near;
	char *hint;
	size_t i;

	n = yaml_get(yaml_get(x->root, "router_settings"),
	    "routing_strategy");
	if (yaml_is_null(n) || n->kind != YAML_TEXT)
		return;
	for (i = 0; i < SETTINGS_STRATEGIES; i++)
		if (strcmp(n->text, settings_strategies[i]) == 0)
			break;
	if (i == 0)
		return;
	if (i < SETTINGS_STRATEGIES) {
		remark_add(x->r, CONF_WARNING, &n->at, key, NULL,
		    "routing_strategy '%s' has no effect yet: "
		    "simple-shuffle is used", n->text);
		return;
	}
	near = schema_nearest(n->text, settings_strategies,
	    SETTINGS_STRATEGIES);
	if (near != NULL)
		hint = arena_printf(&x->nodes, "did you mean %s?", near);
	else
		hint = arena_printf(&x->nodes, "write simple-shuffle, or "
		    "remove the line");
	remark_add(x->r, CONF_ERROR, &n->at, key, hint,
	    "unknown routing_strategy '%s'", n->text);
}

/* Python code may have changed requests: each is named. */
static void
settings_callback(struct load *x, const struct yaml_node *n)
{
	if (n->kind == YAML_TEXT && strchr(n->text, '.') != NULL)
		remark_add(x->r, CONF_WARNING, &n->at, "litellm_settings",
		    "check that nothing depends on it",
		    "the Python callback '%s' is not run", n->text);
}

static void
settings_callbacks(struct load *x, const struct yaml_node *litellm)
{
	static const char *const keys[] = {
		"callbacks", "success_callback", "failure_callback",
		"service_callback", "input_callback"
	};
	const struct yaml_node *n;
	unsigned i, k;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		n = yaml_get(litellm, keys[i]);
		if (n == NULL)
			continue;
		if (n->kind == YAML_LIST)
			for (k = 0; k < n->n; k++)
				settings_callback(x, n->items[k]);
		else
			settings_callback(x, n);
	}
}

/* An empty text is as good as none. */
static void
settings_drop_empty(char **s)
{
	if (*s != NULL && **s == '\0')
		*s = NULL;
}

static void
settings_check_hosts(struct load *x)
{
	const struct yaml_node *n;
	const struct remark_mark *at = &x->at;
	unsigned i;
	const char *p;

	n = yaml_get(yaml_get(x->root, "llmd_settings"), "listen");
	if (x->o->nhosts == 0 && !yaml_is_null(n))
		at = &n->at;
	for (i = 0; i < x->c->nhosts; i++) {
		for (p = x->c->hosts[i]; *p > ' ' && *p < 0x7f &&
		    *p != '/'; p++)
			;
		if (*p != '\0' || p == x->c->hosts[i])
			remark_add(x->r, CONF_ERROR, at,
			    "llmd_settings.listen",
			    "write an address or a host name, the port "
			    "goes to llmd_settings.port",
			    "cannot listen on '%s'", x->c->hosts[i]);
	}
}

void
settings_apply(struct load *x)
{
	const struct yaml_node *root = x->root, *litellm;
	struct schema_extra *e = &x->extra;
	struct conf *c = x->c;
	bool v;

	settings_default(c);
	settings_from_env(x);
	litellm = yaml_get(root, "litellm_settings");
	if (yaml_bool(yaml_get(litellm, "set_verbose"), &v) && v)
		c->log_level = LOG_L_DEBUG;
	schema_apply(&x->schema, SCHEMA_TOP, root, "");
	schema_apply(&x->schema, SCHEMA_LITELLM, litellm,
	    "litellm_settings");
	schema_apply(&x->schema, SCHEMA_ROUTER,
	    yaml_get(root, "router_settings"), "router_settings");
	schema_apply(&x->schema, SCHEMA_GENERAL,
	    yaml_get(root, "general_settings"), "general_settings");
	schema_apply(&x->schema, SCHEMA_LLMD,
	    yaml_get(root, "llmd_settings"), "llmd_settings");
	if (e->request_timeout_ms != 0)
		c->limits.total_ms = e->request_timeout_ms;
	if (e->router_timeout_ms != 0)
		c->limits.total_ms = e->router_timeout_ms;
	if (e->router_stream_timeout_ms != 0)
		c->limits.first_event_ms = e->router_stream_timeout_ms;
	if (e->max_request_mb > 0)
		c->limits.body_max = (uint64_t)(e->max_request_mb * 1048576);
	settings_from_options(x);
	settings_drop_empty(&c->request_log);
	settings_drop_empty(&c->socket_path);
	settings_drop_empty(&c->tls_cert);
	settings_drop_empty(&c->tls_key);
	settings_check_hosts(x);
	settings_strategy(x);
	settings_callbacks(x, litellm);
}
