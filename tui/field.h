/* SPDX-License-Identifier: ISC */
#ifndef LLMD_TUI_FIELD_H
#define LLMD_TUI_FIELD_H

#include <stddef.h>
#include <stdint.h>

/*
 * Members of JSON objects that llmd sent, read without trust: one that is
 * missing, null or of another type gives "", NAN, the default, 0 or NULL.
 * What is returned is borrowed from the object.
 */
struct json_object;

const char *field_str(struct json_object *, const char *name);
double	field_num(struct json_object *, const char *name);
int64_t	field_int(struct json_object *, const char *name, int64_t dflt);
int	field_bool(struct json_object *, const char *name);
struct json_object *field_get(struct json_object *, const char *name);
/* 1 if the object has the member, be it null. */
int	field_has(struct json_object *, const char *name);
size_t	field_len(struct json_object *array);
struct json_object *field_at(struct json_object *array, size_t i);
const char *field_at_str(struct json_object *array, size_t i);

/* The object with one string member: a start for the params of a call. */
struct json_object *field_params(const char *name, const char *value);

/* RFC 3339 in UTC -> epoch seconds; NAN: not a time. */
double	field_time(const char *);

/*
 * "a@x > b@y" of an array with a string for each tier; cut at cap.  Returns
 * dst.
 */
char	*field_targets(struct json_object *targets, char *dst, size_t cap);

#endif
