/* SPDX-License-Identifier: ISC */
/*
 * Walks a section of the tree along its rows.  A wrong value of a key that
 * acts is an error; everything that will be ignored is a warning that says
 * so, and names the right place if there is one.
 */
#include "conf/schema.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/jout.h"
#include "base/xmalloc.h"
#include "conf/schema_rows.h"
#include "proto/text.h"

static const struct {
	const char		*name;		/* in messages */
	const struct schema_row	*rows;
} schema_sections[SCHEMA_SECTIONS] = {
	[SCHEMA_TOP] = { "the top level", schema_top_rows },
	[SCHEMA_ENTRY] = { "model_list[]", schema_entry_rows },
	[SCHEMA_PARAMS] = { "litellm_params", schema_params_rows },
	[SCHEMA_INFO] = { "model_info", schema_info_rows },
	[SCHEMA_LITELLM] = { "litellm_settings", schema_litellm_rows },
	[SCHEMA_ROUTER] = { "router_settings", schema_router_rows },
	[SCHEMA_GENERAL] = { "general_settings", schema_general_rows },
	[SCHEMA_LLMD] = { "llmd_settings", schema_llmd_rows },
};

/* Where a key is looked for that does not belong where it stands. */
static const enum schema_section schema_elsewhere[] = {
	SCHEMA_GENERAL, SCHEMA_LITELLM, SCHEMA_ROUTER, SCHEMA_LLMD,
	SCHEMA_PARAMS, SCHEMA_TOP
};

const struct schema_row *
schema_rows(enum schema_section s, size_t *n)
{
	const struct schema_row *rows = schema_sections[s].rows;

	for (*n = 0; rows[*n].key != NULL; (*n)++)
		;
	return rows;
}

const char *
schema_section_name(enum schema_section s)
{
	return schema_sections[s].name;
}

const struct schema_row *
schema_find(enum schema_section s, const char *key)
{
	const struct schema_row *row;

	for (row = schema_sections[s].rows; row->key != NULL; row++)
		if (strcmp(row->key, key) == 0)
			return row;
	return NULL;
}

bool
schema_is_off(const struct yaml_node *n)
{
	bool v;

	if (yaml_is_null(n))
		return true;
	if (n->kind != YAML_TEXT)
		return n->n == 0;
	return *n->text == '\0' || (yaml_bool(n, &v) && !v);
}

const char *
schema_nearest(const char *word, const char *const *words, size_t n)
{
	const char *best = NULL;
	int d, len, least = (int)strlen(word) / 3 + 1;
	size_t i;

	if (least > 3)
		least = 3;
	for (i = 0; i < n; i++) {
		len = (int)strlen(words[i]);
		if (abs(len - (int)strlen(word)) >= least)
			continue;
		d = text_distance(word, words[i]);
		if (d < least) {
			least = d;
			best = words[i];
		}
	}
	return best;
}

/* The key of a section that was probably meant, or NULL. */
static const char *
schema_nearest_key(enum schema_section s, const char *key)
{
	const struct schema_row *row;
	const char *words[256];
	size_t n = 0;

	for (row = schema_sections[s].rows; row->key != NULL; row++)
		if (row->effect != SCHEMA_PLACED &&
		    row->effect != SCHEMA_NOWHERE &&
		    n < sizeof(words) / sizeof(words[0]))
			words[n++] = row->key;
	return schema_nearest(key, words, n);
}

/* "model_list[2].litellm_params.model"; free it. */
static char *
schema_path(const char *path, const char *key)
{
	char *s;

	if (*path == '\0')
		return xstrdup(key);
	xasprintf(&s, "%s.%s", path, key);
	return s;
}

static void
schema_bad(struct schema_ctx *x, const struct yaml_pair *p, const char *path,
    const char *want)
{
	char *full = schema_path(path, p->key);
	const struct yaml_node *v = p->value;
	bool show;

	/* What came from the environment or may be a secret is not shown. */
	show = v->kind == YAML_TEXT && v->env == NULL &&
	    strlen(v->text) <= 40 && strstr(p->key, "key") == NULL;
	remark_add(x->remarks, CONF_ERROR, &v->at, full, NULL,
	    show ? "%s must be %s, not '%s'" : "%s must be %s, not %s",
	    p->key, want, show ? v->text : v->kind == YAML_TEXT ?
	    "this value" : yaml_kind_name(v));
	free(full);
}

/* A number with an optional k, M, G, KiB, MiB, GiB. */
static bool
schema_bytes(const struct yaml_node *n, double *v)
{
	static const struct {
		const char	*unit;
		double		 factor;
	} units[] = {
		{ "k", 1e3 }, { "kb", 1e3 }, { "kib", 1024 },
		{ "m", 1e6 }, { "mb", 1e6 }, { "mib", 1048576 },
		{ "g", 1e9 }, { "gb", 1e9 }, { "gib", 1073741824 },
	};
	char *end;
	size_t i;

	if (yaml_number(n, v))
		return true;
	if (n->kind != YAML_TEXT || *n->text < '0' || *n->text > '9')
		return false;
	*v = strtod(n->text, &end);
	while (*end == ' ')
		end++;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcasecmp(end, units[i].unit) == 0) {
			*v *= units[i].factor;
			return isfinite(*v);
		}
	return false;
}

static bool
schema_is_whole(enum schema_type t)
{
	return t == SCHEMA_INT || t == SCHEMA_U16 || t == SCHEMA_U32 ||
	    t == SCHEMA_I64 || t == SCHEMA_BYTES32 || t == SCHEMA_BYTES64;
}

/* Reads a number of row's type and range; false with an error. */
static bool
schema_number(struct schema_ctx *x, const struct schema_row *row,
    const struct yaml_pair *p, const char *path, double *v)
{
	bool bytes = row->type == SCHEMA_BYTES32 ||
	    row->type == SCHEMA_BYTES64;
	char want[128];

	if ((bytes ? schema_bytes(p->value, v) : yaml_number(p->value, v)) &&
	    *v >= row->min && *v <= row->max &&
	    (!schema_is_whole(row->type) || *v == floor(*v)))
		return true;
	snprintf(want, sizeof(want), "%s from %.15g to %.15g%s",
	    row->type == SCHEMA_SECONDS ? "a number of seconds" :
	    schema_is_whole(row->type) ? "a whole number" : "a number",
	    row->min, row->max, bytes ? " (or 64MiB, 10k)" : "");
	schema_bad(x, p, path, want);
	return false;
}

/* The word of row->note that the value is, or -1. */
static int
schema_word(const struct schema_row *row, const struct yaml_node *n)
{
	const char *p, *end, *text = n->text;
	bool v;
	int i = 0;

	if (n->kind != YAML_TEXT)
		return -1;
	if (strstr(row->note, "true") != NULL && yaml_bool(n, &v))
		text = v ? "true" : "false";
	for (p = row->note; ; p = end + 1, i++) {
		end = strchrnul(p, '|');
		if (strlen(text) == (size_t)(end - p) &&
		    strncasecmp(text, p, (size_t)(end - p)) == 0)
			return i;
		if (*end == '\0')
			return -1;
	}
}

/* Stores a list of texts; one text is a list of one. */
static bool
schema_store_list(struct schema_ctx *x, const struct yaml_node *n, char *at)
{
	unsigned i, k = 0, len = n->kind == YAML_LIST ? n->n : 1;
	const struct yaml_node *item;
	char **v;

	v = arena_zalloc(x->arena, (len + 1) * sizeof(*v));
	for (i = 0; i < len; i++) {
		item = n->kind == YAML_LIST ? n->items[i] : n;
		if (item->kind != YAML_TEXT)
			return false;
		if (!yaml_is_null(item))
			v[k++] = arena_strn(x->arena, item->text,
			    strlen(item->text));
	}
	if (at != NULL) {
		*(char ***)(void *)at = v;
		*(unsigned *)(void *)(at + sizeof(v)) = k;
	}
	return true;
}

/* Writes a checked number where the row says. */
static void
schema_store_number(const struct schema_row *row, double v, void *at)
{
	switch (row->type) {
	case SCHEMA_INT:
		*(int *)at = (int)v;
		break;
	case SCHEMA_U16:
		*(uint16_t *)at = (uint16_t)v;
		break;
	case SCHEMA_U32:
	case SCHEMA_BYTES32:
		*(uint32_t *)at = (uint32_t)v;
		break;
	case SCHEMA_SECONDS:
		*(uint32_t *)at = (uint32_t)ceil(v * 1000);
		break;
	case SCHEMA_I64:
		*(int64_t *)at = (int64_t)v;
		break;
	case SCHEMA_BYTES64:
		*(uint64_t *)at = (uint64_t)v;
		break;
	default:
		*(double *)at = v;
		break;
	}
}

/* Checks the value's type and stores it if the row has a place for it. */
static void
schema_store(struct schema_ctx *x, const struct schema_row *row,
    const struct yaml_pair *p, const char *path)
{
	char *at = row->to == SCHEMA_TO_NONE ? NULL :
	    (char *)x->to[row->to] + row->off;
	const struct yaml_node *n = p->value;
	double d;
	bool b;
	int i;

	switch (row->type) {
	case SCHEMA_ANY:
		return;
	case SCHEMA_BOOL:
		if (!yaml_bool(n, &b))
			schema_bad(x, p, path, "true or false");
		else if (at != NULL)
			*(bool *)(void *)at = b;
		return;
	case SCHEMA_STR:
		if (n->kind != YAML_TEXT)
			schema_bad(x, p, path, "text");
		else if (at != NULL)
			*(char **)(void *)at = arena_strn(x->arena, n->text,
			    strlen(n->text));
		return;
	case SCHEMA_STRS:
		if (n->kind == YAML_MAP || !schema_store_list(x, n, at))
			schema_bad(x, p, path, "text or a list of texts");
		return;
	case SCHEMA_MAP:
		if (n->kind != YAML_MAP)
			schema_bad(x, p, path, "a mapping (name: value)");
		return;
	case SCHEMA_ENUM:
		if ((i = schema_word(row, n)) < 0)
			schema_bad(x, p, path, row->note);
		else if (at != NULL)
			*(int *)(void *)at = i;
		return;
	default:
		if (schema_number(x, row, p, path, &d) && at != NULL)
			schema_store_number(row, d, at);
		return;
	}
}

/* True for what a later key says by default anyway. */
static bool
schema_is_default(const struct schema_row *row, const struct yaml_node *n)
{
	if (row->def == NULL || strcmp(row->def, "true") != 0) {
		if (schema_is_off(n))
			return true;
	}
	return row->def != NULL && n->kind == YAML_TEXT &&
	    strcasecmp(n->text, row->def) == 0;
}

static void
schema_placed(struct schema_ctx *x, enum schema_section s,
    const struct yaml_pair *p, const char *path, const char *place)
{
	char *full = schema_path(path, p->key), *hint;

	xasprintf(&hint, strncmp(place, "the ", 4) == 0 ?
	    "it belongs to %s" : strchr(place, '.') != NULL ?
	    "write it as %s" : "it belongs under %s", place);
	remark_add(x->remarks, CONF_WARNING, &p->at, full, hint,
	    "'%s' has no effect under %s: ignored", p->key,
	    schema_sections[s].name);
	free(hint);
	free(full);
}

bool
schema_forwards(const char *key)
{
	return schema_find(SCHEMA_PARAMS, key) == NULL &&
	    strncmp(key, "supports_", 9) != 0 &&
	    schema_nearest_key(SCHEMA_PARAMS, key) == NULL;
}

/* A key without a row: where it belongs, what may be meant, or only that it
 * is unknown. */
static void
schema_unknown(struct schema_ctx *x, enum schema_section s,
    const struct yaml_pair *p, const char *path)
{
	const struct schema_row *row;
	const char *near;
	char *full, *hint = NULL;
	size_t i;

	if (s == SCHEMA_INFO)
		return;
	if (s == SCHEMA_PARAMS && strncmp(p->key, "supports_", 9) == 0) {
		schema_placed(x, s, p, path, "model_info");
		return;
	}
	if (s == SCHEMA_ENTRY && schema_find(SCHEMA_PARAMS, p->key) != NULL) {
		schema_placed(x, s, p, path, "litellm_params");
		return;
	}
	for (i = 0; s != SCHEMA_PARAMS && s != SCHEMA_ENTRY && i <
	    sizeof(schema_elsewhere) / sizeof(schema_elsewhere[0]); i++) {
		row = schema_elsewhere[i] == s ? NULL :
		    schema_find(schema_elsewhere[i], p->key);
		if (row != NULL && row->effect != SCHEMA_PLACED &&
		    row->effect != SCHEMA_NOWHERE) {
			schema_placed(x, s, p, path,
			    schema_sections[schema_elsewhere[i]].name);
			return;
		}
	}
	full = schema_path(path, p->key);
	if ((near = schema_nearest_key(s, p->key)) != NULL)
		xasprintf(&hint, "did you mean %s?", near);
	remark_add(x->remarks, CONF_WARNING, &p->at, full, hint,
	    s == SCHEMA_PARAMS && near == NULL ?
	    "unknown key '%s': sent to the backend in the body" :
	    "unknown key '%s': ignored", p->key);
	free(hint);
	free(full);
}

/* A known key whose row does not act. */
static void
schema_other(struct schema_ctx *x, enum schema_section s,
    const struct schema_row *row, const struct yaml_pair *p,
    const char *path)
{
	char *full = schema_path(path, p->key);

	if (row->effect == SCHEMA_LATER && !schema_is_default(row, p->value))
		remark_add(x->remarks, CONF_WARNING, &p->at, full, NULL,
		    s == SCHEMA_TOP ? "%.0s%s has no effect yet" :
		    "%s.%s has no effect yet", schema_sections[s].name,
		    p->key);
	else if (row->effect == SCHEMA_NOWHERE)
		remark_add(x->remarks, CONF_WARNING, &p->at, full, row->note,
		    "'%s' has no effect under %s: ignored", p->key,
		    schema_sections[s].name);
	else if (row->effect == SCHEMA_REFUSED && !schema_is_off(p->value))
		remark_add(x->remarks, CONF_ERROR, &p->at, full, row->note,
		    "%s would decide who gets in, and llmd does not know it",
		    p->key);
	free(full);
	if (row->effect == SCHEMA_PLACED)
		schema_placed(x, s, p, path, row->note);
}

/* Says that a variable without a value leaves the default; keys of
 * deployments whose absence has consequences are remarked there. */
static void
schema_unset(struct schema_ctx *x, const struct yaml_pair *p,
    const char *path)
{
	static const char *const elsewhere[] = {
		"model", "api_key", "api_base", "base_url", "master_key",
		"model_name"
	};
	char *full, *hint;
	size_t i;

	for (i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
		if (strcmp(p->key, elsewhere[i]) == 0)
			return;
	full = schema_path(path, p->key);
	xasprintf(&hint, "set %s in llmd's environment", p->value->env);
	remark_add(x->remarks, CONF_WARNING, &p->value->at, full, hint,
	    "%s is not set: %s keeps its default", p->value->env, p->key);
	free(hint);
	free(full);
}

void
schema_apply(struct schema_ctx *x, enum schema_section s,
    const struct yaml_node *map, const char *path)
{
	const struct schema_row *row;
	const struct yaml_pair *p;
	unsigned i;

	if (yaml_is_null(map))
		return;
	if (map->kind != YAML_MAP) {
		remark_add(x->remarks, CONF_ERROR, &map->at, path,
		    "write name: value below it, indented",
		    "%s must be a mapping, not %s",
		    *path != '\0' ? path : "the file", yaml_kind_name(map));
		return;
	}
	for (i = 0; i < map->n; i++) {
		p = &map->pairs[i];
		row = schema_find(s, p->key);
		if (row == NULL)
			schema_unknown(x, s, p, path);
		else if (row->effect != SCHEMA_ACTS &&
		    row->effect != SCHEMA_BODY)
			schema_other(x, s, row, p, path);
		else if (p->value->unset)
			schema_unset(x, p, path);
		else if (row->effect == SCHEMA_ACTS &&
		    !yaml_is_null(p->value))
			schema_store(x, row, p, path);
	}
}

bool
schema_json(struct schema_ctx *x, const struct schema_row *row,
    const struct yaml_pair *p, const char *path, struct buf *out)
{
	unsigned errors = x->remarks->errors;
	double d;
	bool b;

	switch (row != NULL ? row->type : SCHEMA_ANY) {
	case SCHEMA_BOOL:
		if (yaml_bool(p->value, &b))
			buf_addz(out, b ? "true" : "false");
		else
			schema_bad(x, p, path, "true or false");
		break;
	case SCHEMA_STR:
		if (p->value->kind == YAML_TEXT)
			jout_strz(out, p->value->text);
		else
			schema_bad(x, p, path, "text");
		break;
	case SCHEMA_INT:
	case SCHEMA_I64:
		if (schema_number(x, row, p, path, &d))
			jout_i64(out, (int64_t)d);
		break;
	case SCHEMA_NUM:
		if (schema_number(x, row, p, path, &d))
			jout_double(out, d);
		break;
	default:
		yaml_json(p->value, out);
		break;
	}
	return x->remarks->errors == errors;
}
