/* SPDX-License-Identifier: ISC */
/* Where a deployment lives: entry_set_base. */
#include <stdlib.h>
#include <strings.h>

#include "base/xmalloc.h"
#include "conf/backend.h"
#include "conf/entry_parts.h"
#include "dialect/conv.h"

/* The base URL as written somewhere, and whether that is the file. */
static const char *
entry_base_text(struct entry *b)
{
	const struct provider *p = b->match.p;
	const char *v;
	unsigned i;

	v = b->e.api_base != NULL && *b->e.api_base != '\0' ? b->e.api_base :
	    b->e.base_url;
	if (v != NULL && *v != '\0') {
		b->own_base = true;
		return v;
	}
	if (p == NULL)
		return NULL;
	for (i = 0; i < PROVIDERS_ENV_MAX && p->base_env[i] != NULL; i++)
		if ((v = load_env(b->x, p->base_env[i])) != NULL &&
		    *v != '\0')
			return v;
	return p->base;
}

static bool
entry_cut(char *path, const char *end)
{
	size_t n = strlen(path), k = strlen(end);

	if (n < k || strcmp(path + n - k, end) != 0)
		return false;
	path[n - k] = '\0';
	return true;
}

/* Takes off what belongs to a call and not to the base; true if the URL
 * changed. */
static bool
entry_trim_path(struct entry *b, const struct remark_mark *at)
{
	static const char *const openai[] = {
		"/chat/completions", "/completions", "/embeddings",
		"/responses"
	};
	static const char *const ollama[] = {
		"/api/chat", "/api/generate", "/api/embeddings", "/api/embed",
		"/api/tags", "/api"
	};
	struct url *u = &b->url;
	size_t i;

	if (b->match.p->dialect == &dialect_ollama) {
		for (i = 0; i < sizeof(ollama) / sizeof(ollama[0]); i++)
			if (entry_cut(u->path, ollama[i]))
				return true;
		if (!entry_cut(u->path, "/v1"))
			return false;
		remark_add(b->x->r, CONF_WARNING, at, b->params_path,
		    "remove /v1, or write openai/ for its OpenAI API",
		    "Ollama's own API is not below /v1: it is left out");
		return true;
	}
	for (i = 0; i < sizeof(openai) / sizeof(openai[0]); i++)
		if (entry_cut(u->path, openai[i]))
			return true;
	if (strcmp(b->match.p->name, "gemini") == 0 &&
	    strcmp(u->host, "generativelanguage.googleapis.com") == 0 &&
	    strstr(u->path, "/openai") == NULL) {
		u->path = arena_printf(&b->x->nodes, "%s/openai",
		    *u->path != '\0' ? u->path : "/v1beta");
		return true;
	}
	return false;
}

/* ssl_verify of the entry, else of litellm_settings. */
static void
entry_verify(struct entry *b, bool *verify, const char **ca)
{
	const struct yaml_node *n;

	*verify = true;
	*ca = NULL;
	n = yaml_get(b->params, "ssl_verify");
	if (yaml_is_null(n))
		n = yaml_get(yaml_get(b->x->root, "litellm_settings"),
		    "ssl_verify");
	if (yaml_is_null(n) || n->kind != YAML_TEXT ||
	    yaml_bool(n, verify))
		return;
	*ca = n->text;
}

static void
entry_set_query(struct entry *b)
{
	const struct yaml_node *n = yaml_get(b->params, "api_version");
	const char *p;

	if (b->url.query == NULL && !yaml_is_null(n) &&
	    n->kind == YAML_TEXT && strcmp(b->match.p->name,
	    "azure_ai") == 0) {
		for (p = n->text; *p > ' ' && *p < 0x7f && *p != '#' &&
		    *p != '&'; p++)
			;
		if (*p == '\0')
			b->url.query = arena_printf(&b->x->nodes,
			    "api-version=%s", n->text);
	}
	if (b->url.query != NULL)
		b->d->query = arena_strn(&b->x->c->arena, b->url.query,
		    strlen(b->url.query));
}

void
entry_set_base(struct entry *b)
{
	const struct provider *p = b->match.p;
	struct arena *a = &b->x->c->arena;
	struct deploy *d = b->d;
	const struct yaml_pair *pair;
	const struct remark_mark *at;
	const char *text, *why, *ca;
	bool verify, trimmed;
	char *masked;

	if ((pair = yaml_get_pair(b->params, "api_base")) == NULL)
		pair = yaml_get_pair(b->params, "base_url");
	at = pair != NULL ? &pair->value->at :
	    &yaml_get_pair(b->params, "model")->value->at;
	text = entry_base_text(b);
	if (pair != NULL && pair->value->unset) {
		entry_refuse(b, DEPLOY_SKIPPED, at,
		    arena_printf(a, "%s is not set, so the base URL is "
		    "unknown", pair->value->env),
		    arena_printf(a, "set %s in llmd's environment and "
		    "restart it", pair->value->env));
		return;
	}
	if (text == NULL) {
		if (p->state == PROVIDERS_WORKS)
			entry_refuse(b, DEPLOY_SKIPPED, at,
			    arena_printf(a, "%s needs an api_base", p->name),
			    "write api_base: http://HOST:PORT/v1");
		return;
	}
	masked = url_mask(text, a);
	d->base_url = masked;
	if (p->state == PROVIDERS_NEVER)
		return;
	if ((why = url_parse(text, &b->x->nodes, &b->url)) != NULL) {
		entry_refuse(b, DEPLOY_SKIPPED, at,
		    arena_printf(a, "the base URL '%s' cannot be used: %s",
		    masked, why), "write api_base: http://HOST:PORT/v1");
		return;
	}
	b->has_url = true;
	if (p->dialect != NULL) {
		trimmed = entry_trim_path(b, at);
		if (trimmed)
			d->base_url = url_show(&b->url, a);
	}
	d->base_path = arena_strn(a, b->url.path, strlen(b->url.path));
	entry_set_query(b);
	entry_verify(b, &verify, &ca);
	if (b->url.tls && !verify)
		remark_add(b->x->r, CONF_WARNING, at, b->params_path,
		    "write ssl_verify: FILE with the server's CA",
		    "ssl_verify is off: the certificate of %s is not checked",
		    b->url.host);
	d->backend = backend_get(b->x, &b->url, verify, ca, p);
}
