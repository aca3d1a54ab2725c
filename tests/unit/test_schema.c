/* SPDX-License-Identifier: ISC */
/* LINK: proto/rpc.c proto/rpc_json.c proto/rpc_param.c proto/errors.c */
/* LINK: proto/text.c proto/text_width.c */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "proto/methods.h"
#include "proto/rpc.h"
#include "proto/topics.h"

/* Run from the root of the tree, where the schemas lie. */
#define DIRECTORY	"proto/schema"

/* Names that have a schema besides the methods. */
static const char *const others[] = {
#define TOPIC_X(sym, name, topic, drop) name,
	TOPIC_EVENTS(TOPIC_X)
#undef TOPIC_X
	"hello", "gap", "progress", "error", "request.row",
};

static struct json_object *
load(const char *name)
{
	char path[128], text[65536];
	struct json_object *o;
	struct rpc_error err;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), DIRECTORY "/%s.json", name);
	if ((f = fopen(path, "r")) == NULL)
		fail_msg("no %s", path);
	n = fread(text, 1, sizeof(text), f);
	fclose(f);
	rpc_error_init(&err);
	o = rpc_json(text, n, &err);
	if (o == NULL)
		fail_msg("%s: %s", path, err.message);
	return o;
}

/*
 * An object names every member it may have, and each is required: unknown is
 * null, never a missing key.
 */
static void
check_object(struct json_object *o, const char *name)
{
	struct json_object *props, *required, *v;
	size_t n = 0;

	if (json_object_is_type(o, json_type_array)) {
		for (n = 0; n < json_object_array_length(o); n++)
			check_object(json_object_array_get_idx(o, n), name);
		return;
	}
	if (!json_object_is_type(o, json_type_object))
		return;
	json_object_object_foreach(o, key, member) {
		(void)key;
		check_object(member, name);
	}
	if (!json_object_object_get_ex(o, "properties", &props) ||
	    !json_object_is_type(props, json_type_object) ||
	    !json_object_object_get_ex(o, "additionalProperties", &v))
		return;
	assert_false(json_object_get_boolean(v));
	assert_true(json_object_object_get_ex(o, "required", &required));
	n = json_object_array_length(required);
	if (json_object_object_get_ex(props, "details", NULL))
		n++;
	if (n != (size_t)json_object_object_length(props))
		fail_msg("%s: a member is not required", name);
}

static void
check_schema(const char *name)
{
	struct json_object *o = load(name);
	char id[96];

	snprintf(id, sizeof(id), "urn:llmd:%s:1", name);
	assert_string_equal(rpc_param_str(o, "$id", ""), id);
	assert_string_not_equal(rpc_param_str(o, "title", ""), "");
	check_object(o, name);
	json_object_put(o);
}

static void
test_all(void **state)
{
	struct json_object *o, *props, *list;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		check_schema(others[i]);
	for (i = 0; i < METHOD_ROWS; i++) {
		check_schema(rpc_methods[i].name);
		if (rpc_methods[i].list[0] == '\0')
			continue;
		o = load(rpc_methods[i].name);
		json_object_object_get_ex(o, "properties", &props);
		assert_true(json_object_object_get_ex(props,
		    rpc_methods[i].list, &list));
		assert_string_equal(rpc_param_str(list, "type", ""), "array");
		json_object_put(o);
	}
}

/* A file that no method, event or notice stands for is left over. */
static void
test_none_over(void **state)
{
	DIR *dir = opendir(DIRECTORY);
	struct dirent *e;
	char name[256];
	size_t n, i;

	(void)state;
	assert_non_null(dir);
	while ((e = readdir(dir)) != NULL) {
		n = strlen(e->d_name);
		if (n < 6 || strcmp(e->d_name + n - 5, ".json") != 0)
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)n - 5, e->d_name);
		if (rpc_method_find(name) >= 0)
			continue;
		for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
			if (strcmp(others[i], name) == 0)
				break;
		if (i == sizeof(others) / sizeof(others[0]))
			fail_msg("%s.json stands for nothing", name);
	}
	closedir(dir);
}

/* Every rule of the parameters is one that rpc_params_check can read. */
static void
test_grammars(void **state)
{
	static const char *const types[] =
	    { "str", "int", "num", "bool", "id", "strs", "never" };
	const char *g, *colon;
	size_t i, k, n;

	(void)state;
	for (i = 0; i < METHOD_ROWS; i++) {
		for (g = rpc_methods[i].params; *g != '\0'; g += n) {
			g += strspn(g, " ");
			n = strcspn(g, " ");
			colon = memchr(g, ':', n);
			assert_non_null(colon);
			for (k = 0; k < sizeof(types) / sizeof(types[0]); k++)
				if (strcspn(colon + 1, " [{") ==
				    strlen(types[k]) && strncmp(colon + 1,
				    types[k], strlen(types[k])) == 0)
					break;
			if (k == sizeof(types) / sizeof(types[0]))
				fail_msg("%s: %s", rpc_methods[i].name, g);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_none_over),
		cmocka_unit_test(test_grammars),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
