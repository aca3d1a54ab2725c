/* SPDX-License-Identifier: ISC */
/*
 * The header lines of a deployment: entry_set_headers.  Whatever stands in
 * them has been checked for characters that would end a line.
 */
#include <stdlib.h>
#include <strings.h>

#include "base/map.h"
#include "base/xmalloc.h"
#include "conf/conf_env.h"
#include "conf/entry_parts.h"

/* A token of RFC 9110 5.6.2. */
static bool
entry_token(const char *s)
{
	const char *p;

	for (p = s; *p != '\0'; p++)
		if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
		    (*p >= '0' && *p <= '9') ||
		    strchr("!#$%&'*+-.^_`|~", *p) != NULL))
			return false;
	return p != s;
}

/* No control character; blanks only inside. */
static bool
entry_value(const char *s)
{
	const char *p;

	for (p = s; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return false;
	return p == s || (*s != ' ' && p[-1] != ' ');
}

/* Headers that are llmd's own to send. */
static bool
entry_reserved(const char *name)
{
	static const char *const own[] = {
		"host", "content-length", "transfer-encoding", "connection",
		"keep-alive", "te", "trailer", "upgrade", "expect",
		"accept-encoding", "content-type", "proxy-authorization",
		"proxy-connection"
	};
	size_t i;

	for (i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (strcasecmp(name, own[i]) == 0)
			return true;
	return false;
}

static bool
entry_add_header(struct entry *b, struct buf *out,
    const struct yaml_pair *p, const char *section)
{
	const struct yaml_node *v = p->value;

	if (v->unset) {
		remark_add(b->x->r, CONF_WARNING, &v->at, section,
		    "set it in llmd's environment",
		    "%s is not set: the header %s is not sent", v->env,
		    p->key);
		return false;
	}
	if (yaml_is_null(v))
		return false;
	if (!entry_token(p->key) || v->kind != YAML_TEXT ||
	    !entry_value(v->text)) {
		remark_add(b->x->r, CONF_ERROR, &p->at, section,
		    "one line of text, without blanks at the ends",
		    "this header cannot be sent");
		return false;
	}
	if (entry_reserved(p->key)) {
		remark_add(b->x->r, CONF_WARNING, &p->at, section, NULL,
		    "the header %s is llmd's own to send: ignored", p->key);
		return false;
	}
	buf_addf(out, "%s: %s\r\n", p->key, v->text);
	return strcasecmp(p->key, "authorization") == 0 ||
	    strcasecmp(p->key, "api-key") == 0 ||
	    strcasecmp(p->key, "x-api-key") == 0;
}

/* extra_headers and headers; true if one of them is a credential. */
static bool
entry_add_extra(struct entry *b, struct buf *out)
{
	static const char *const sections[] = { "headers", "extra_headers" };
	const struct yaml_node *map;
	bool credential = false;
	unsigned i, k;

	for (i = 0; i < 2; i++) {
		map = yaml_get(b->params, sections[i]);
		if (yaml_is_null(map) || map->kind != YAML_MAP)
			continue;
		for (k = 0; k < map->n; k++) {
			/* The same in extra_headers goes before. */
			if (i == 0 && yaml_get(yaml_get(b->params,
			    "extra_headers"), map->pairs[k].key) != NULL)
				continue;
			credential |= entry_add_header(b, out,
			    &map->pairs[k], sections[i]);
		}
	}
	return credential;
}

/* Whether the provider's own key may go to this base URL. */
enum entry_fallback { ENTRY_SEND, ENTRY_SEND_SAY, ENTRY_KEEP };

/*
 * A key from a provider's variable belongs to that provider's host.  LiteLLM
 * sends it to any api_base; here it goes to another host only over TLS, and
 * is said.
 */
static enum entry_fallback
entry_may_fall_back(struct entry *b)
{
	const struct provider *p = b->match.p;
	struct url def;

	if (!b->own_base || p->base == NULL || !b->has_url ||
	    strncmp(p->base, "https:", 6) != 0 ||
	    url_parse(p->base, &b->x->nodes, &def) != NULL ||
	    strcmp(def.host, b->url.host) == 0)
		return ENTRY_SEND;
	return b->url.tls ? ENTRY_SEND_SAY : ENTRY_KEEP;
}

/* The value of the provider's first variable that is set, or NULL. */
static const char *
entry_provider_key(struct entry *b, const char **name)
{
	const struct provider *p = b->match.p;
	const char *v;
	unsigned i;

	for (i = 0; i < PROVIDERS_ENV_MAX && p->key_env[i] != NULL; i++)
		if ((v = load_env(b->x, p->key_env[i])) != NULL &&
		    *v != '\0') {
			*name = p->key_env[i];
			return v;
		}
	return NULL;
}

/* The key of the environment if it may be sent there, or NULL. */
static const char *
entry_fallback_key(struct entry *b, const struct remark_mark *at)
{
	const char *name, *v;

	if ((v = entry_provider_key(b, &name)) == NULL)
		return NULL;
	switch (entry_may_fall_back(b)) {
	case ENTRY_SEND:
		break;
	case ENTRY_SEND_SAY:
		remark_add(b->x->r, CONF_WARNING, at, b->params_path,
		    "write api_key, and nothing is guessed",
		    "no api_key: %s is sent to %s", name, b->url.host);
		break;
	case ENTRY_KEEP:
		remark_add(b->x->r, CONF_WARNING, at, b->params_path,
		    "write api_key: os.environ/NAME if the server needs one",
		    "no api_key: %s is not sent to %s, which has no TLS",
		    name, b->url.host);
		return NULL;
	}
	conf_env_mark(b->x->world->env, name);
	return v;
}

/* One warning for each variable that is missing, however many need it. */
static void
entry_no_key(struct entry *b, const struct remark_mark *at, const char *name,
    const char *what)
{
	struct load *x = b->x;
	struct arena *a = &x->c->arena;
	uintptr_t seen = 0;
	unsigned n;
	char *key;

	if (b->d->use != DEPLOY_OK)
		return;
	b->d->use = DEPLOY_NO_KEY;
	if (name == NULL) {
		entry_refuse(b, DEPLOY_NO_KEY, at,
		    arena_printf(a, "%s", what), "write api_key: "
		    "os.environ/NAME");
		return;
	}
	b->d->why = arena_printf(a, "%s is not set", name);
	b->d->hint = arena_printf(a, "set %s in llmd's environment and "
	    "restart it", name);
	seen = (uintptr_t)map_get(x->unset, span_z(name));
	if (seen != 0 && seen <= x->r->n) {
		x->r->v[seen - 1].more++;
		x->r->warnings++;
		return;
	}
	n = x->r->n;
	xasprintf(&key, "%s.api_key", b->params_path);
	remark_add(x->r, CONF_WARNING, at, key, b->d->hint,
	    "%s is not set: model '%s' has no key", name, b->d->model);
	if (x->r->n > n)
		x->r->v[n].told = true;
	free(key);
	map_put(x->unset, span_z(name), (void *)(uintptr_t)x->r->n);
}

/*
 * The credential: api_key, else the provider's variable.  LiteLLM demands a
 * key, any, for openai/ with an api_base of one's own; here such a server is
 * called without one.
 */
static const char *
entry_key(struct entry *b)
{
	const struct provider *p = b->match.p;
	const struct yaml_pair *pair = yaml_get_pair(b->params, "api_key");
	const struct remark_mark *at;
	const char *key = b->e.api_key;

	if (pair != NULL)
		b->d->key_line = pair->value->at.line;
	if (key != NULL && *key != '\0')
		return key;
	at = pair != NULL ? &pair->value->at :
	    &yaml_get_pair(b->params, "model")->value->at;
	if ((key = entry_fallback_key(b, at)) != NULL)
		return key;
	if (pair != NULL && pair->value->unset) {
		if (p->key_needed)
			entry_no_key(b, at, pair->value->env, NULL);
		else
			remark_add(b->x->r, CONF_WARNING, at, b->params_path,
			    "set it, or remove the line",
			    "%s is not set: %s is called without a key",
			    pair->value->env, p->name);
	} else if (p->key_needed && !b->own_base)
		entry_no_key(b, at, p->key_env[0], "api_key is empty");
	return NULL;
}

static const char entry_base64[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* user:password of the URL, as HTTP clients send it. */
static void
entry_add_basic(struct buf *out, const char *s)
{
	size_t n = strlen(s), i;
	uint32_t w;

	buf_lit(out, "Authorization: Basic ");
	for (i = 0; i < n; i += 3) {
		w = (uint32_t)(unsigned char)s[i] << 16;
		if (i + 1 < n)
			w |= (uint32_t)(unsigned char)s[i + 1] << 8;
		if (i + 2 < n)
			w |= (unsigned char)s[i + 2];
		buf_add(out, &entry_base64[w >> 18], 1);
		buf_add(out, &entry_base64[w >> 12 & 63], 1);
		buf_add(out, i + 1 < n ? &entry_base64[w >> 6 & 63] : "=", 1);
		buf_add(out, i + 2 < n ? &entry_base64[w & 63] : "=", 1);
	}
	buf_lit(out, "\r\n");
}

/* Writes the credential's line; blanks and line ends around it are a common
 * accident of files and are dropped. */
static bool
entry_add_key(struct entry *b, struct buf *out, const char *key)
{
	const struct provider *p = b->match.p;
	const struct yaml_pair *pair = yaml_get_pair(b->params, "api_key");
	size_t n = strlen(key), host = strlen(b->url.host);
	char *clean;

	while (n > 0 && (unsigned char)key[n - 1] <= ' ')
		n--;
	while (n > 0 && (unsigned char)*key <= ' ') {
		key++;
		n--;
	}
	clean = arena_strn(&b->x->nodes, key, n);
	if (!entry_value(clean)) {
		remark_add(b->x->r, CONF_ERROR,
		    pair != NULL ? &pair->value->at : &b->node->at,
		    b->params_path, "it must be one line",
		    "the key of model '%s' has a control character",
		    b->d->model);
		return false;
	}
	if (n == 0)
		return false;
	if (p->auth == PROVIDERS_API_KEY && host >= 10 &&
	    strcmp(b->url.host + host - 10, ".azure.com") == 0)
		buf_addf(out, "api-key: %s\r\n", clean);
	else if (p->auth == PROVIDERS_X_API_KEY)
		buf_addf(out, "x-api-key: %s\r\n", clean);
	else
		buf_addf(out, "Authorization: Bearer %s\r\n", clean);
	return true;
}

static void
entry_add_own(struct entry *b, struct buf *out)
{
	const struct providers_header *h = b->match.p->headers;
	const char *v;
	unsigned i;

	for (i = 0; i < 2; i++)
		if (h[i].name != NULL &&
		    (v = load_env(b->x, h[i].env)) != NULL && *v != '\0' &&
		    entry_value(v))
			buf_addf(out, "%s: %s\r\n", h[i].name, v);
	if (b->organization == NULL || *b->organization == '\0')
		return;
	if (entry_value(b->organization))
		buf_addf(out, "OpenAI-Organization: %s\r\n",
		    b->organization);
	else
		remark_add(b->x->r, CONF_ERROR, &b->node->at, b->params_path,
		    NULL, "organization must be one line of text");
}

void
entry_set_headers(struct entry *b)
{
	struct buf out = { 0 };
	const char *key = NULL;

	if (b->match.p->state == PROVIDERS_NEVER)
		return;
	b->d->has_key = entry_add_extra(b, &out);
	if (!b->d->has_key)
		key = entry_key(b);
	if (key != NULL && b->has_url)
		b->d->has_key = entry_add_key(b, &out, key);
	if (!b->d->has_key && b->has_url && b->url.userinfo != NULL &&
	    *b->url.userinfo != '\0') {
		entry_add_basic(&out, b->url.userinfo);
		b->d->has_key = true;
	}
	entry_add_own(b, &out);
	b->d->headers = arena_strn(&b->x->c->arena, out.n != 0 ? out.p : "",
	    out.n);
	if (out.p != NULL)
		explicit_bzero(out.p, out.n);
	buf_fini(&out);
}
