/* SPDX-License-Identifier: ISC */
#include "tui/field.h"

#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct json_object *
field_get(struct json_object *o, const char *name)
{
	struct json_object *v = NULL;

	if (json_object_is_type(o, json_type_object))
		json_object_object_get_ex(o, name, &v);
	return v;
}

int
field_has(struct json_object *o, const char *name)
{
	return json_object_is_type(o, json_type_object) &&
	    json_object_object_get_ex(o, name, NULL);
}

const char *
field_str(struct json_object *o, const char *name)
{
	struct json_object *v = field_get(o, name);

	return json_object_is_type(v, json_type_string) ?
	    json_object_get_string(v) : "";
}

double
field_num(struct json_object *o, const char *name)
{
	struct json_object *v = field_get(o, name);

	return json_object_is_type(v, json_type_int) ||
	    json_object_is_type(v, json_type_double) ?
	    json_object_get_double(v) : NAN;
}

int64_t
field_int(struct json_object *o, const char *name, int64_t dflt)
{
	struct json_object *v = field_get(o, name);

	return json_object_is_type(v, json_type_int) ?
	    json_object_get_int64(v) : dflt;
}

int
field_bool(struct json_object *o, const char *name)
{
	struct json_object *v = field_get(o, name);

	return json_object_is_type(v, json_type_boolean) &&
	    json_object_get_boolean(v);
}

size_t
field_len(struct json_object *array)
{
	return json_object_is_type(array, json_type_array) ?
	    json_object_array_length(array) : 0;
}

struct json_object *
field_at(struct json_object *array, size_t i)
{
	return i < field_len(array) ? json_object_array_get_idx(array, i) :
	    NULL;
}

const char *
field_at_str(struct json_object *array, size_t i)
{
	struct json_object *v = field_at(array, i);

	return json_object_is_type(v, json_type_string) ?
	    json_object_get_string(v) : "";
}

struct json_object *
field_params(const char *name, const char *value)
{
	struct json_object *o = json_object_new_object();

	if (value != NULL)
		json_object_object_add(o, name,
		    json_object_new_string(value));
	return o;
}

double
field_time(const char *s)
{
	struct tm tm;
	const char *rest;
	double frac = 0, scale = 0.1;

	memset(&tm, 0, sizeof(tm));
	if ((rest = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm)) == NULL)
		return NAN;
	if (*rest == '.')
		for (rest++; *rest >= '0' && *rest <= '9'; rest++) {
			frac += (*rest - '0') * scale;
			scale /= 10;
		}
	return strcmp(rest, "Z") == 0 ? (double)timegm(&tm) + frac : NAN;
}

char *
field_targets(struct json_object *targets, char *dst, size_t cap)
{
	size_t i, used = 0;
	int n;

	dst[0] = '\0';
	for (i = 0; i < field_len(targets) && used < cap; i++) {
		n = snprintf(dst + used, cap - used, "%s%s",
		    i > 0 ? " > " : "", field_at_str(targets, i));
		used += n > 0 ? (size_t)n : 0;
	}
	return dst;
}
