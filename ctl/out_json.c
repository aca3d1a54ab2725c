/* SPDX-License-Identifier: ISC */
#include "ctl/out.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/rpc.h"
#include "proto/text.h"

/*
 * Writes JSON text with what could drive a terminal as \u escapes: json-c
 * does so for C0 only, and outside of strings there is none of it.
 */
static void
out_json_write(FILE *f, const char *s, size_t len)
{
	uint32_t ch;
	size_t n;

	for (; len > 0; s += n, len -= n) {
		if ((n = text_decode(s, len, &ch)) == 0) {
			n = 1;
			fputs("\\ufffd", f);
		} else if (ch < 0x7f || !text_char_unsafe(ch))
			fwrite(s, 1, n, f);
		else if (ch < 0x10000)
			fprintf(f, "\\u%04x", ch);
		else
			fprintf(f, "\\u%04x\\u%04x",
			    0xd800 + ((ch - 0x10000) >> 10),
			    0xdc00 + ((ch - 0x10000) & 0x3ff));
	}
	putc('\n', f);
}

static void
out_json_print(FILE *f, struct json_object *v, int pretty)
{
	const char *s;
	size_t len;

	s = json_object_to_json_string_length(v, JSON_C_TO_STRING_NOSLASHESCAPE
	    | (pretty ? JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED :
	    JSON_C_TO_STRING_PLAIN), &len);
	out_json_write(f, s, len);
}

/* The members of row named in "a,b"; others are left out. */
static struct json_object *
out_json_pick(struct json_object *row, const char *fields)
{
	struct json_object *picked = json_object_new_object(), *v;
	char *list = strdup(fields), *rest = list, *name;

	if (picked == NULL || list == NULL)
		abort();
	while ((name = strsep(&rest, ",")) != NULL)
		if (json_object_object_get_ex(row, name, &v))
			json_object_object_add(picked, name,
			    json_object_get(v));
	free(list);
	return picked;
}

/* Every name of fields must be a member of row. */
static int
out_json_fields_check(struct json_object *row, const char *fields,
    struct rpc_error *err)
{
	char *list = strdup(fields), *rest = list, *name, known[512] = "";
	size_t n;
	int rc = 0;

	if (list == NULL)
		abort();
	while (rc == 0 && (name = strsep(&rest, ",")) != NULL) {
		if (json_object_object_get_ex(row, name, NULL))
			continue;
		rc = -1;
		rpc_error_set(err, ERR_USAGE, "no field '%.40s'", name);
		json_object_object_foreach(row, member, value) {
			(void)value;
			n = strlen(known);
			snprintf(known + n, sizeof(known) - n, "%s%s",
			    n > 0 ? "," : "", member);
			rpc_error_suggest(err, name, member);
		}
		rpc_error_hint(err, "fields: %s", known);
	}
	free(list);
	return rc;
}

/* The rows or the object that data is, with the chosen fields only. */
static struct json_object *
out_json_data(const struct out *o, const char *list,
    struct json_object *result, struct rpc_error *err)
{
	struct json_object *data = result, *rows, *row;
	size_t i;

	if (*list != '\0' && !json_object_object_get_ex(result, list, &data))
		data = NULL;
	if (o->fields == NULL || *o->fields == '\0')
		return json_object_get(data);
	if (json_object_is_type(data, json_type_object))
		return out_json_fields_check(data, o->fields, err) < 0 ?
		    NULL : out_json_pick(data, o->fields);
	if (!json_object_is_type(data, json_type_array))
		return json_object_get(data);
	rows = json_object_new_array();
	for (i = 0; i < json_object_array_length(data); i++) {
		row = json_object_array_get_idx(data, i);
		if (out_json_fields_check(row, o->fields, err) < 0) {
			json_object_put(rows);
			return NULL;
		}
		json_object_array_add(rows, out_json_pick(row, o->fields));
	}
	return rows;
}

static struct json_object *
out_json_now(void)
{
	char text[40];
	time_t t = time(NULL);
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_object_new_string(text);
}

int
out_json(const struct out *o, const char *method, const char *list,
    struct json_object *result, int64_t rev, struct rpc_error *err)
{
	struct json_object *root, *data, *v;
	char schema[64];
	size_t i;

	data = out_json_data(o, list, result, err);
	if (err->id != ERR_NONE)
		return -1;
	if (o->format == OUT_JSONL &&
	    json_object_is_type(data, json_type_array)) {
		for (i = 0; i < json_object_array_length(data); i++)
			out_json_print(stdout,
			    json_object_array_get_idx(data, i), 0);
		json_object_put(data);
		out_flush(o);
		return 0;
	}
	root = json_object_new_object();
	snprintf(schema, sizeof(schema), "%s/1", method);
	json_object_object_add(root, "schema", json_object_new_string(schema));
	if (json_object_object_get_ex(result, "rev", &v))
		json_object_object_add(root, "rev", json_object_get(v));
	else
		json_object_object_add(root, "rev", json_object_new_int64(rev));
	json_object_object_add(root, "time", out_json_now());
	json_object_object_add(root, "data", data);
	out_json_print(stdout, root, o->tty && o->format == OUT_JSON);
	json_object_put(root);
	out_flush(o);
	return 0;
}

void
out_json_line(const struct out *o, FILE *f, struct json_object *v)
{
	struct json_object *picked;

	if (o->fields == NULL || *o->fields == '\0') {
		out_json_print(f, v, 0);
	} else {
		picked = out_json_pick(v, o->fields);
		out_json_print(f, picked, 0);
		json_object_put(picked);
	}
	if (f == stdout)
		out_flush(o);
}

void
out_json_value(const struct out *o, struct json_object *v)
{
	out_json_print(stdout, v, o->tty && o->format != OUT_JSONL);
	out_flush(o);
}
