/* SPDX-License-Identifier: ISC */
/* What the scalars of a tree mean. */
#include "conf/yaml.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <strings.h>

#include "base/jout.h"

struct yaml_pair *
yaml_get_pair(const struct yaml_node *n, const char *key)
{
	unsigned i;

	if (n == NULL || n->kind != YAML_MAP)
		return NULL;
	for (i = 0; i < n->n; i++)
		if (strcmp(n->pairs[i].key, key) == 0)
			return &n->pairs[i];
	return NULL;
}

struct yaml_node *
yaml_get(const struct yaml_node *n, const char *key)
{
	struct yaml_pair *p = yaml_get_pair(n, key);

	return p != NULL ? p->value : NULL;
}

bool
yaml_is_null(const struct yaml_node *n)
{
	if (n == NULL || n->unset)
		return true;
	return n->kind == YAML_TEXT && n->plain && (*n->text == '\0' ||
	    strcmp(n->text, "~") == 0 || strcmp(n->text, "null") == 0 ||
	    strcmp(n->text, "Null") == 0 || strcmp(n->text, "NULL") == 0);
}

bool
yaml_bool(const struct yaml_node *n, bool *v)
{
	static const char *const words[2][6] = {
		{ "false", "no", "off", "n", "f", "0" },
		{ "true", "yes", "on", "y", "t", "1" },
	};
	unsigned i;

	if (n == NULL || n->kind != YAML_TEXT)
		return false;
	for (i = 0; i < 12; i++)
		if (strcasecmp(n->text, words[i / 6][i % 6]) == 0) {
			*v = i / 6 == 1;
			return true;
		}
	return false;
}

/* PyYAML's booleans: not y, n, 1, 0. */
static bool
yaml_plain_bool(const char *s, bool *v)
{
	static const char *const words[] = {
		"false", "no", "off", "true", "yes", "on"
	};
	unsigned i;

	for (i = 0; i < 6; i++)
		if (strcasecmp(s, words[i]) == 0) {
			*v = i >= 3;
			return true;
		}
	return false;
}

/* Digits of a base with '_' between them; false if there are others. */
static bool
yaml_digits(const char *s, int base, double *v)
{
	double x = 0;
	int d;

	if (*s == '\0' || *s == '_')
		return false;
	for (; *s != '\0'; s++) {
		if (*s == '_')
			continue;
		d = *s >= '0' && *s <= '9' ? *s - '0' :
		    *s >= 'a' && *s <= 'f' ? *s - 'a' + 10 :
		    *s >= 'A' && *s <= 'F' ? *s - 'A' + 10 : 99;
		if (d >= base)
			return false;
		x = x * base + d;
	}
	*v = x;
	return true;
}

/* An integer in one of YAML's spellings, without its sign. */
static bool
yaml_integer(const char *s, double *v)
{
	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
		return yaml_digits(s + 2, 16, v);
	if (s[0] == '0' && (s[1] == 'o' || s[1] == 'O'))
		return yaml_digits(s + 2, 8, v);
	if (s[0] == '0' && (s[1] == 'b' || s[1] == 'B'))
		return yaml_digits(s + 2, 2, v);
	if (s[0] == '0' && s[1] != '\0' && yaml_digits(s + 1, 8, v))
		return true;
	return yaml_digits(s, 10, v);
}

bool
yaml_number(const struct yaml_node *n, double *v)
{
	char copy[64], *end;
	const char *s;
	size_t len = 0;
	bool minus;

	if (n == NULL || n->kind != YAML_TEXT || n->unset)
		return false;
	s = n->text;
	minus = *s == '-';
	if (*s == '-' || *s == '+')
		s++;
	if (!yaml_integer(s, v)) {
		if ((*s < '0' || *s > '9') && *s != '.')
			return false;
		for (; *s != '\0' && len < sizeof(copy) - 1; s++)
			if (*s != '_')
				copy[len++] = *s;
		copy[len] = '\0';
		if (*s != '\0' || strpbrk(copy, "xXpPnN") != NULL)
			return false;
		*v = strtod(copy, &end);
		if (end == copy || *end != '\0')
			return false;
	}
	if (minus)
		*v = -*v;
	return isfinite(*v);
}

/* True for what PyYAML takes for an integer, but for sexagesimal ones. */
static bool
yaml_plain_int(const char *s)
{
	if (*s == '-' || *s == '+')
		s++;
	if (s[0] == '0' && s[1] == 'x')
		return s[2] != '\0' &&
		    s[2 + strspn(s + 2, "0123456789abcdefABCDEF_")] == '\0';
	if (s[0] == '0' && s[1] == 'b')
		return s[2] != '\0' && s[2 + strspn(s + 2, "01_")] == '\0';
	if (s[0] == '0')
		return s[1 + strspn(s + 1, "01234567_")] == '\0';
	return *s >= '1' && *s <= '9' &&
	    s[strspn(s, "0123456789_")] == '\0';
}

/* True for what PyYAML takes for a float: it needs the point, and a sign in
 * the exponent. */
static bool
yaml_plain_float(const char *s)
{
	const char *e;

	if (strchr(s, '.') == NULL)
		return false;
	e = strpbrk(s, "eE");
	return e == NULL || e[1] == '-' || e[1] == '+';
}

/* A decimal integer that is too large for a double's precision, as it is
 * written. */
static void
yaml_json_digits(const char *s, struct buf *b)
{
	if (*s == '-')
		buf_lit(b, "-");
	for (s += *s == '-' || *s == '+'; *s != '\0'; s++)
		if (*s != '_')
			buf_add(b, s, 1);
}

static void
yaml_json_text(const struct yaml_node *n, struct buf *b)
{
	double d;
	bool v;

	if (yaml_is_null(n)) {
		buf_lit(b, "null");
		return;
	}
	if (n->plain && yaml_plain_bool(n->text, &v)) {
		buf_addz(b, v ? "true" : "false");
		return;
	}
	if (n->plain && yaml_plain_int(n->text) && yaml_number(n, &d)) {
		if (fabs(d) < 9e15)
			jout_i64(b, (int64_t)d);
		else if (n->text[strspn(n->text, "+-")] != '0')
			yaml_json_digits(n->text, b);
		else
			jout_double(b, d);
		return;
	}
	if (n->plain && yaml_plain_float(n->text) && yaml_number(n, &d)) {
		jout_double(b, d);
		return;
	}
	jout_strz(b, n->text);
}

void
yaml_json(const struct yaml_node *n, struct buf *b)
{
	unsigned i;

	if (n == NULL) {
		buf_lit(b, "null");
		return;
	}
	switch (n->kind) {
	case YAML_TEXT:
		yaml_json_text(n, b);
		return;
	case YAML_LIST:
		buf_lit(b, "[");
		for (i = 0; i < n->n; i++) {
			if (i != 0)
				buf_lit(b, ",");
			yaml_json(n->items[i], b);
		}
		buf_lit(b, "]");
		return;
	case YAML_MAP:
		buf_lit(b, "{");
		for (i = 0; i < n->n; i++) {
			if (i != 0)
				buf_lit(b, ",");
			jout_strz(b, n->pairs[i].key);
			buf_lit(b, ":");
			yaml_json(n->pairs[i].value, b);
		}
		buf_lit(b, "}");
		return;
	}
}

const char *
yaml_kind_name(const struct yaml_node *n)
{
	if (yaml_is_null(n))
		return "nothing";
	switch (n->kind) {
	case YAML_LIST:
		return "a list";
	case YAML_MAP:
		return "a mapping";
	case YAML_TEXT:
		break;
	}
	return "text";
}
