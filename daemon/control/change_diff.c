/* SPDX-License-Identifier: ISC */
#include "control/change_diff.h"

#include <json-c/json.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xmalloc.h"
#include "conf/conf.h"

static void
change_diff_add(struct json_object *o, const char *name, const char *s,
    size_t n)
{
	json_object_object_add(o, name, s == NULL ? NULL :
	    json_object_new_string_len(s, (int)n));
}

/* True for "config.yaml:12". */
static bool
change_diff_is_where(const char *w, size_t n)
{
	size_t digits = 0;

	if (memmem(w, n, "//", 2) != NULL)
		return false;	/* an address */
	while (n > 0 && w[n - 1] >= '0' && w[n - 1] <= '9') {
		n--;
		digits++;
	}
	return digits > 0 && n > 1 && w[n - 1] == ':';
}

/* "~ model fast   a@b -> c@d   config.yaml:52" into its parts. */
static struct json_object *
change_diff_row(const char *s)
{
	struct json_object *o = json_object_new_object();
	const char *what, *name, *text, *end = s + strlen(s), *w;
	const char *where = NULL;
	size_t nwhat, nname;

	while (end > s && end[-1] == ' ')
		end--;
	what = *s != '\0' ? s + 1 : s;
	what += strspn(what, " ");
	nwhat = strcspn(what, " ");
	name = what + nwhat;
	name += strspn(name, " ");
	nname = strcspn(name, " ");
	text = name + nname;
	text += strspn(text, " ");
	for (w = end; w > text && w[-1] != ' '; w--)
		;
	if (w < end && change_diff_is_where(w, (size_t)(end - w))) {
		where = w;
		for (; w > text && w[-1] == ' '; w--)
			;
	} else
		w = end;
	change_diff_add(o, "op", *s == '+' || *s == '-' ? s : "~", 1);
	change_diff_add(o, "what", nwhat > 0 ? what : "setting",
	    nwhat > 0 ? nwhat : 7);
	change_diff_add(o, "name", name, nname);
	change_diff_add(o, "text", text, w > text ? (size_t)(w - text) : 0);
	change_diff_add(o, "where", where,
	    where == NULL ? 0 : (size_t)(end - where));
	return o;
}

struct json_object *
change_diff_rows(const struct conf *a, const struct conf *b)
{
	struct json_object *lines = conf_diff_json(a, b);
	struct json_object *out = json_object_new_array(), *l;
	size_t i, n = json_object_array_length(lines);

	for (i = 0; i < n; i++) {
		l = json_object_array_get_idx(lines, i);
		if (json_object_is_type(l, json_type_object))
			json_object_array_add(out, json_object_get(l));
		else
			json_object_array_add(out, change_diff_row(
			    json_object_get_string(l)));
	}
	json_object_put(lines);
	return out;
}

static bool
change_diff_str(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a != b : strcmp(a, b) != 0;
}

static bool
change_diff_hosts(const struct conf *a, const struct conf *b)
{
	unsigned i;

	if (a->nhosts != b->nhosts)
		return true;
	for (i = 0; i < a->nhosts; i++)
		if (change_diff_str(a->hosts[i], b->hosts[i]))
			return true;
	return false;
}

struct json_object *
change_diff_restart(const struct conf *a, const struct conf *b)
{
	struct json_object *out = json_object_new_array();
	char text[128];

	if (a->port != b->port) {
		snprintf(text, sizeof text, "port: still :%u (now :%u is "
		    "asked for)", a->port, b->port);
		json_object_array_add(out, json_object_new_string(text));
	}
	if (change_diff_hosts(a, b))
		json_object_array_add(out, json_object_new_string("host"));
	if (a->workers != b->workers)
		json_object_array_add(out,
		    json_object_new_string("workers"));
	if (change_diff_str(a->tls_cert, b->tls_cert) ||
	    change_diff_str(a->tls_key, b->tls_key))
		json_object_array_add(out, json_object_new_string(
		    "TLS certificate or key"));
	if (change_diff_str(a->socket_path, b->socket_path))
		json_object_array_add(out, json_object_new_string(
		    "control socket"));
	return out;
}

struct json_object *
change_diff_warnings_of(const struct conf_remarks *r, const char *word)
{
	struct json_object *out = json_object_new_array();
	const struct conf_remark *m;
	unsigned i;
	char *s;

	for (i = 0; i < r->n && i < 500; i++) {
		m = &r->v[i];
		if (m->level != CONF_WARNING ||
		    (word != NULL && strstr(m->text, word) == NULL))
			continue;
		if (m->line != 0)
			xasprintf(&s, "%s:%u:%u: %s", m->file != NULL ?
			    m->file : "-", m->line, m->column, m->text);
		else
			s = xstrdup(m->text);
		json_object_array_add(out, json_object_new_string(s));
		free(s);
	}
	return out;
}

struct json_object *
change_diff_warnings(const struct conf_remarks *r)
{
	return change_diff_warnings_of(r, NULL);
}
