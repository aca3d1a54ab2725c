/* SPDX-License-Identifier: ISC */
/*
 * A master key anywhere in the file means that the gateway never runs open:
 * one that LiteLLM would overlook is honoured, one without a value refuses.
 */
#include "conf/policy.h"

#include <sys/stat.h>

#include <stdlib.h>

#include "conf/conf_env.h"
#include "conf/url.h"

struct policy_key {
	const struct yaml_pair	*pair;
	const char		*section;	/* where it stands */
	unsigned		 n;		/* how many there are */
};

/* Finds master_key below n; the one of general_settings goes before. */
static void
policy_find(const struct yaml_node *n, const char *section,
    struct policy_key *k)
{
	const struct yaml_pair *p;
	unsigned i;

	if (n->kind == YAML_LIST)
		for (i = 0; i < n->n; i++)
			policy_find(n->items[i], section, k);
	if (n->kind != YAML_MAP)
		return;
	for (i = 0; i < n->n; i++) {
		p = &n->pairs[i];
		if (strcmp(p->key, "master_key") == 0) {
			k->n++;
			if (k->pair == NULL ||
			    strcmp(section, "general_settings") == 0) {
				k->pair = p;
				k->section = section;
			}
		} else
			policy_find(p->value, p->key, k);
	}
}

/* Keys that stand in documentation. */
static bool
policy_well_known(struct span key)
{
	static const char *const known[] = {
		"sk-1234", "sk-12345", "sk-123456", "sk-1234567890"
	};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (key_same(key, span_z(known[i])))
			return true;
	return false;
}

/* The first address that is not loopback, or NULL. */
static const char *
policy_public_host(const struct conf *c)
{
	unsigned i;

	for (i = 0; i < c->nhosts; i++)
		if (!url_is_loopback(c->hosts[i]))
			return c->hosts[i];
	return NULL;
}

/* Takes the key, or says why it cannot be one. */
static void
policy_take(struct load *x, const char *text, const struct remark_mark *at,
    const char *where)
{
	const char *host = policy_public_host(x->c);
	struct span key = span_z(text);
	size_t i;

	while (key.n > 0 && (unsigned char)key.p[key.n - 1] <= ' ')
		key.n--;
	while (key.n > 0 && (unsigned char)*key.p <= ' ') {
		key.p++;
		key.n--;
	}
	if (key.n == 0) {
		remark_add(x->r, CONF_ERROR, at, where,
		    "give it a value: openssl rand -hex 24; or remove it, "
		    "and run without a key on loopback",
		    "%s is empty: an empty key would let everybody in",
		    where);
		return;
	}
	for (i = 0; i < key.n; i++)
		if ((unsigned char)key.p[i] < ' ' || key.p[i] == 0x7f)
			break;
	if (key.n > KEY_LEN_MAX || i < key.n) {
		remark_add(x->r, CONF_ERROR, at, where, NULL,
		    "%s must be one line of at most %d bytes", where,
		    KEY_LEN_MAX);
		return;
	}
	if (policy_well_known(key))
		remark_add(x->r, host != NULL && !x->extra.permit_open ?
		    CONF_ERROR : CONF_WARNING, at, where,
		    "make one: openssl rand -hex 24",
		    host != NULL ? "%s is a well-known key, and llmd listens "
		    "on %s" : "%s is a well-known key%.0s", where, host);
	key_add(&x->c->keys, key, "master", "master key")->name_id =
	    conf_names_add(x->world->names, "master");
}

void
policy_set_key(struct load *x)
{
	static const char name[] = "LITELLM_MASTER_KEY";
	struct policy_key k = { NULL, NULL, 0 };
	const struct yaml_node *v;
	const char *env = load_env(x, name);
	char *where, *hint;

	policy_find(x->root, "the top level", &k);
	if (k.pair == NULL || (yaml_is_null(k.pair->value) &&
	    !k.pair->value->unset && env != NULL && *env != '\0')) {
		if (env != NULL) {
			conf_env_mark(x->world->env, name);
			policy_take(x, env, &x->at, name);
		}
		x->c->open = x->c->keys.n == 0;
		return;
	}
	v = k.pair->value;
	where = arena_printf(&x->nodes, "%s.master_key", k.section);
	if (strcmp(k.section, "general_settings") != 0)
		remark_add(x->r, CONF_WARNING, &k.pair->at, where,
		    "move it to general_settings",
		    "LiteLLM overlooks master_key under %s and runs open: "
		    "llmd takes it", k.section);
	else if (k.n > 1)
		remark_add(x->r, CONF_WARNING, &k.pair->at, where,
		    "remove the others", "master_key stands in %u places: "
		    "this one is used", k.n);
	if (v->unset) {
		hint = arena_printf(&x->nodes, "set %s in llmd's "
		    "environment, or remove master_key to run without a key "
		    "on loopback", v->env);
		remark_add(x->r, CONF_ERROR, &v->at, where, hint,
		    "%s is not set: llmd would run without the key that "
		    "master_key asks for", v->env);
	} else if (v->kind != YAML_TEXT)
		remark_add(x->r, CONF_ERROR, &v->at, where, NULL,
		    "master_key must be text, not %s", yaml_kind_name(v));
	else
		policy_take(x, yaml_is_null(v) ? "" : v->text, &v->at,
		    where);
}

/* Refuses an address that others reach while no key is asked for. */
static void
policy_check_hosts(struct load *x)
{
	const struct yaml_node *n;
	const struct remark_mark *at = &x->at;
	const char *host = policy_public_host(x->c);

	if (x->extra.permit_open)
		x->c->allow_open = true;
	if (host == NULL || !x->c->open || x->c->allow_open)
		return;
	n = yaml_get(yaml_get(x->root, "llmd_settings"), "listen");
	if (x->o->nhosts == 0 && !yaml_is_null(n))
		at = &n->at;
	remark_add(x->r, CONF_ERROR, at, "llmd_settings.listen",
	    "set general_settings.master_key, listen on localhost, or write "
	    "llmd_settings.allow_open: true",
	    "listening on %s without a key would let everybody in", host);
}

static void
policy_check_tls(struct load *x)
{
	const struct conf *c = x->c;

	if ((c->tls_cert == NULL) == (c->tls_key == NULL))
		return;
	remark_add(x->r, CONF_ERROR, &x->at, "llmd_settings",
	    "give both: --ssl_certfile_path and --ssl_keyfile_path",
	    c->tls_cert != NULL ? "tls_cert without tls_key" :
	    "tls_key without tls_cert");
}

/* Other users of this machine and the file. */
static void
policy_check_mode(struct load *x)
{
	mode_t mode = x->sources->n != 0 ? x->sources->v[0]->mode : 0;

	if ((mode & S_IWOTH) != 0)
		remark_add(x->r, CONF_WARNING, &x->at, NULL,
		    "chmod o-w it", "everybody on this machine can change "
		    "this file");
	else if ((mode & S_IROTH) != 0 && x->literal_secret)
		remark_add(x->r, CONF_WARNING, &x->at, NULL,
		    "chmod 600 it, or write keys as os.environ/NAME",
		    "it holds keys, and everybody on this machine can read "
		    "it");
}

void
policy_check(struct load *x)
{
	policy_check_hosts(x);
	policy_check_tls(x);
	policy_check_mode(x);
}
