/* SPDX-License-Identifier: ISC */
#include "conf/load.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "base/jout.h"
#include "base/map.h"
#include "base/xmalloc.h"
#include "conf/conf_env.h"

const char *
load_env(const struct load *x, const char *name)
{
	const char *v;

	if ((v = map_get(x->env, span_z(name))) != NULL)
		return v;
	return conf_env_get(x->world->env, name);
}

const char *
load_path(struct load *x, const char *path)
{
	const char *main_path = x->o->path, *slash;

	if (*path == '/' || main_path == NULL ||
	    (slash = strrchr(main_path, '/')) == NULL)
		return arena_strn(&x->nodes, path, strlen(path));
	return arena_printf(&x->nodes, "%.*s%s",
	    (int)(slash + 1 - main_path), main_path, path);
}

/* The configuration that --model stands for, as YAML (JSON strings are). */
static const struct source *
load_command_line(struct load *x)
{
	const struct conf_options *o = x->o;
	const struct source *s;
	struct buf b = { 0 };

	buf_lit(&b, "model_list:\n- model_name: ");
	jout_strz(&b, o->alias != NULL ? o->alias : o->model);
	buf_lit(&b, "\n  litellm_params:\n    model: ");
	jout_strz(&b, o->model);
	if (o->api_base != NULL) {
		buf_lit(&b, "\n    api_base: ");
		jout_strz(&b, o->api_base);
	}
	buf_lit(&b, "\n");
	s = source_add(x->sources, "--model", buf_span(&b));
	buf_fini(&b);
	return s;
}

static struct yaml_node *
load_empty(struct load *x)
{
	struct yaml_node *n = arena_zalloc(&x->nodes, sizeof(*n));

	n->kind = YAML_MAP;
	n->at = x->at;
	return n;
}

/* Parses the main file; root stays NULL after an error. */
static void
load_main(struct load *x)
{
	static const struct remark_file nowhere = { "", 0, { NULL, 0 } };
	const struct source *s;
	const char *name = x->o->path;
	struct remark_file *f;
	char *cause = NULL;

	x->at = (struct remark_mark){ &nowhere, 0, 0, 0 };
	if (name == NULL && x->o->model != NULL) {
		s = x->sources->n != 0 ? x->sources->v[0] :
		    load_command_line(x);
	} else if (name == NULL) {
		x->root = load_empty(x);
		return;
	} else
		s = source_get(x->sources, name, &cause);
	if (s == NULL) {
		f = arena_zalloc(&x->nodes, sizeof(*f));
		f->path = name;
		x->at.file = f;
		remark_add(x->r, CONF_ERROR, &x->at, NULL,
		    "name an existing file: llmd --config FILE",
		    "cannot read it: %s", cause);
		free(cause);
		return;
	}
	x->at.file = &s->file;
	if (yaml_parse(&s->file, &x->nodes, x->r, &x->root) != 0)
		return;
	if (yaml_is_null(x->root))
		x->root = load_empty(x);
	else if (x->root->kind != YAML_MAP) {
		remark_add(x->r, CONF_ERROR, &x->root->at, NULL,
		    "begin with model_list:",
		    "the file must be a mapping, not %s",
		    yaml_kind_name(x->root));
		x->root = NULL;
	}
}

static void
load_add_pair(struct load *x, struct yaml_node *map,
    const struct yaml_pair *p)
{
	struct yaml_pair *v;

	v = arena_alloc(&x->nodes, (map->n + 1) * sizeof(*v));
	if (map->n != 0)
		memcpy(v, map->pairs, map->n * sizeof(*v));
	v[map->n++] = *p;
	map->pairs = v;
}

/* Lists of both are joined, anything else is replaced. */
static void
load_merge(struct load *x, struct yaml_node *into,
    const struct yaml_node *from)
{
	struct yaml_node *a, *b, *joined;
	struct yaml_pair *old;
	unsigned i;

	for (i = 0; i < from->n; i++) {
		b = from->pairs[i].value;
		if (strcmp(from->pairs[i].key, "include") == 0) {
			remark_add(x->r, CONF_WARNING, &from->pairs[i].at,
			    "include", "list it in the main file",
			    "include inside an included file is ignored");
			continue;
		}
		if ((old = yaml_get_pair(into, from->pairs[i].key)) == NULL) {
			load_add_pair(x, into, &from->pairs[i]);
			continue;
		}
		a = old->value;
		if (a->kind != YAML_LIST || b->kind != YAML_LIST) {
			*old = from->pairs[i];
			continue;
		}
		joined = arena_alloc(&x->nodes, sizeof(*joined));
		*joined = *a;
		joined->n = a->n + b->n;
		joined->items = arena_alloc(&x->nodes,
		    (joined->n + 1) * sizeof(*joined->items));
		if (a->n != 0)
			memcpy(joined->items, a->items,
			    a->n * sizeof(*a->items));
		if (b->n != 0)
			memcpy(joined->items + a->n, b->items,
			    b->n * sizeof(*b->items));
		old->value = joined;
	}
}

static void
load_include_one(struct load *x, const struct yaml_node *n)
{
	const struct source *s;
	struct yaml_node *root;
	char *cause = NULL;

	if (n->kind != YAML_TEXT || *n->text == '\0') {
		remark_add(x->r, CONF_ERROR, &n->at, "include", NULL,
		    "include must be a file name or a list of them");
		return;
	}
	s = source_get(x->sources, load_path(x, n->text), &cause);
	if (s == NULL) {
		remark_add(x->r, CONF_ERROR, &n->at, "include",
		    "paths are relative to this file",
		    "cannot read the include '%s': %s", n->text, cause);
		free(cause);
		return;
	}
	if (&s->file == x->at.file) {
		remark_add(x->r, CONF_ERROR, &n->at, "include", NULL,
		    "the file includes itself");
		return;
	}
	if (yaml_parse(&s->file, &x->nodes, x->r, &root) != 0 ||
	    yaml_is_null(root))
		return;
	if (root->kind != YAML_MAP) {
		remark_add(x->r, CONF_ERROR, &root->at, NULL, NULL,
		    "the file must be a mapping, not %s",
		    yaml_kind_name(root));
		return;
	}
	load_merge(x, x->root, root);
}

static void
load_includes(struct load *x)
{
	struct yaml_node *n = yaml_get(x->root, "include");
	unsigned i;

	if (yaml_is_null(n))
		return;
	if (n->kind != YAML_LIST)
		load_include_one(x, n);
	else if (n->n > 64)
		remark_add(x->r, CONF_ERROR, &n->at, "include", NULL,
		    "more than 64 includes");
	else
		for (i = 0; i < n->n; i++)
			load_include_one(x, n->items[i]);
}

static void
load_set(struct load *x, struct span name, struct span value)
{
	map_put(x->env, name, arena_strn(&x->nodes, value.p, value.n));
}

/* One line of an env_file: [export ]NAME=VALUE, quotes taken off, # and blank
 * lines skipped.  False if it is something else. */
static bool
load_env_line(struct load *x, struct span line)
{
	struct span name, value;
	const char *eq;
	size_t i;

	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	line = span_trim(line);
	if (line.n == 0 || *line.p == '#')
		return true;
	if (span_starts(line, "export "))
		line = span_trim((struct span){ line.p + 7, line.n - 7 });
	if ((eq = memchr(line.p, '=', line.n)) == NULL)
		return false;
	name = span_trim((struct span){ line.p, (size_t)(eq - line.p) });
	value = span_trim((struct span){ eq + 1,
	    (size_t)(line.p + line.n - eq - 1) });
	for (i = 0; i < name.n; i++)
		if (!((name.p[i] >= 'A' && name.p[i] <= 'Z') ||
		    (name.p[i] >= 'a' && name.p[i] <= 'z') ||
		    (name.p[i] >= '0' && name.p[i] <= '9') ||
		    name.p[i] == '_'))
			return false;
	if (value.n >= 2 && (*value.p == '"' || *value.p == '\'') &&
	    value.p[value.n - 1] == *value.p)
		value = (struct span){ value.p + 1, value.n - 2 };
	if (name.n == 0 || memchr(value.p, '\0', value.n) != NULL)
		return false;
	load_set(x, name, value);
	return true;
}

/* Reads llmd_settings.env_file, anew at each load. */
static void
load_env_file(struct load *x)
{
	struct yaml_node *n;
	const struct source *s;
	struct remark_mark at;
	const char *p, *end, *nl;
	char *cause = NULL;

	n = yaml_get(yaml_get(x->root, "llmd_settings"), "env_file");
	if (yaml_is_null(n) || n->kind != YAML_TEXT)
		return;
	s = source_get(x->sources, load_path(x, n->text), &cause);
	if (s == NULL) {
		remark_add(x->r, CONF_ERROR, &n->at, "llmd_settings.env_file",
		    "paths are relative to this file",
		    "cannot read '%s': %s", n->text, cause);
		free(cause);
		return;
	}
	/* Lines of this file are never shown: they are secrets. */
	at = (struct remark_mark){ &s->file, 1, 1, 1 };
	end = s->file.text.p + s->file.text.n;
	for (p = s->file.text.p; p < end; p = nl + 1, at.line++) {
		if ((nl = memchr(p, '\n', (size_t)(end - p))) == NULL)
			nl = end;
		if (!load_env_line(x, (struct span){ p, (size_t)(nl - p) }))
			remark_add(x->r, CONF_ERROR, &n->at,
			    "llmd_settings.env_file", NULL,
			    "line %u of '%s' is not NAME=VALUE", at.line,
			    n->text);
	}
}

static const char load_prefix[] = "os.environ/";

static void
load_environment(struct load *x)
{
	struct yaml_node *map = yaml_get(x->root, "environment_variables");
	struct yaml_pair *p;
	const char *v;
	unsigned i;

	if (yaml_is_null(map))
		return;
	if (map->kind != YAML_MAP) {
		remark_add(x->r, CONF_ERROR, &map->at,
		    "environment_variables", "write NAME: value below it",
		    "environment_variables must be a mapping, not %s",
		    yaml_kind_name(map));
		return;
	}
	for (i = 0; i < map->n; i++) {
		p = &map->pairs[i];
		if (yaml_is_null(p->value))
			continue;
		if (p->value->kind != YAML_TEXT) {
			remark_add(x->r, CONF_ERROR, &p->value->at, p->key,
			    NULL, "%s must be text, not %s", p->key,
			    yaml_kind_name(p->value));
			continue;
		}
		v = p->value->text;
		if (strncmp(v, load_prefix, sizeof(load_prefix) - 1) == 0)
			v = load_env(x, v + sizeof(load_prefix) - 1);
		if (v != NULL)
			load_set(x, span_z(p->key), span_z(v));
	}
}

static bool
load_name_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	    (c >= '0' && c <= '9') || c == '_';
}

/* The variable that a text means in another program's spelling, or absent:
 * ${X}, ${X:-y}, $X, env("X"), os.environ["X"], os.environ.X. */
static struct span
load_foreign(const char *s)
{
	static const char *const starts[] = {
		"${", "env(\"", "env('", "os.environ[\"", "os.environ['",
		"os.environ.", "os.getenv(\"", "os.getenv('", "env/", "$"
	};
	size_t i, n;

	for (i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		n = strlen(starts[i]);
		if (strncmp(s, starts[i], n) != 0)
			continue;
		s += n;
		for (n = 0; load_name_char(s[n]); n++)
			;
		if (n == 0 || (s[0] >= '0' && s[0] <= '9'))
			break;
		/* $WORD must be all of it. */
		if (strcmp(starts[i], "$") == 0 && s[n] != '\0')
			break;
		return (struct span){ s, n };
	}
	return SPAN_NONE;
}

static void
load_check_text(struct load *x, const struct yaml_node *n, const char *key)
{
	struct span name = load_foreign(n->text);
	const char *inside;
	char *hint;

	if (name.p != NULL) {
		xasprintf(&hint, "write os.environ/%.*s", (int)name.n,
		    name.p);
		remark_add(x->r, CONF_WARNING, &n->at, key, hint,
		    "the variable %.*s is not expanded in this spelling: "
		    "the text is taken as it stands", (int)name.n, name.p);
		free(hint);
	} else if ((inside = strstr(n->text, "${")) != NULL ||
	    (inside = strstr(n->text, load_prefix)) != NULL)
		remark_add(x->r, CONF_WARNING, &n->at, key,
		    "put the whole value into one variable",
		    "a variable inside a text is not expanded: '%.12s' is "
		    "taken as it stands", *inside == '$' ? "${..}" :
		    load_prefix);
}

/* True for keys whose values are credentials. */
static bool
load_is_secret(const char *key)
{
	static const char *const parts[] = {
		"key", "secret", "token", "password", "credential",
		"authorization", "database_url", "redis_url"
	};
	size_t i;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strcasestr(key, parts[i]) != NULL)
			return true;
	return false;
}

static void
load_resolve_text(struct load *x, struct yaml_node *n, const char *key)
{
	const char *v;

	if (strncmp(n->text, load_prefix, sizeof(load_prefix) - 1) != 0) {
		load_check_text(x, n, key);
		/* Shorter ones are placeholders: "dummy", "none". */
		if (strlen(n->text) >= 20 && (strcmp(key, "api_key") == 0 ||
		    strcmp(key, "master_key") == 0))
			x->literal_secret = true;
		return;
	}
	n->env = n->text + sizeof(load_prefix) - 1;
	n->plain = false;
	v = load_env(x, n->env);
	n->unset = v == NULL;
	n->text = v != NULL ? v : "";
	if (load_is_secret(key))
		conf_env_mark(x->world->env, n->env);
}

/* Replaces os.environ/NAME in all values below n; key is the nearest name
 * above it. */
static void
load_resolve(struct load *x, struct yaml_node *n, const char *key)
{
	unsigned i;

	if (n->seen)
		return;
	n->seen = true;
	switch (n->kind) {
	case YAML_TEXT:
		load_resolve_text(x, n, key);
		break;
	case YAML_LIST:
		for (i = 0; i < n->n; i++)
			load_resolve(x, n->items[i], key);
		break;
	case YAML_MAP:
		for (i = 0; i < n->n; i++)
			load_resolve(x, n->pairs[i].value, n->pairs[i].key);
		break;
	}
}

bool
load_tree(struct load *x)
{
	load_main(x);
	if (x->root == NULL)
		return false;
	load_includes(x);
	load_env_file(x);
	load_environment(x);
	load_resolve(x, x->root, "");
	return true;
}
