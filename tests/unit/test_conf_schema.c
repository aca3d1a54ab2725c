/* SPDX-License-Identifier: ISC */
/* LINK: daemon/conf/schema.c daemon/conf/schema_model.c */
/* LINK: daemon/conf/schema_settings.c daemon/conf/remark.c */
/* LINK: daemon/conf/yaml.c daemon/conf/yaml_value.c */
/* LINK: daemon/base/jout.c daemon/base/hash.c daemon/base/map.c */
/* LINK: daemon/base/str.c daemon/base/xmalloc.c daemon/base/log.c */
/* LINK: daemon/base/clock.c daemon/base/jscan.c */
/* LINK: proto/text.c proto/text_width.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "conf/schema.h"

struct target {
	struct conf		 conf;
	struct schema_extra	 extra;
	struct schema_entry	 entry;
	struct conf_remarks	 r;
	struct arena		 nodes;
	struct schema_ctx	 x;
};

static void
target_init(struct target *t)
{
	memset(t, 0, sizeof(*t));
	t->x = (struct schema_ctx){ .remarks = &t->r,
	    .arena = &t->conf.arena,
	    .to = { NULL, &t->conf, &t->extra, &t->entry } };
}

static void
target_fini(struct target *t)
{
	remark_fini(&t->r);
	arena_fini(&t->nodes);
	arena_fini(&t->conf.arena);
}

/* Applies "key: value" to a section. */
static void
target_apply(struct target *t, enum schema_section s, const char *key,
    const char *value)
{
	static char text[512];
	struct remark_file f = { "t", 0, { NULL, 0 } };
	struct yaml_node *root;

	snprintf(text, sizeof(text), "%s: %s\n", key, value);
	f.text = span_z(text);
	assert_int_equal(yaml_parse(&f, &t->nodes, &t->r, &root), 0);
	schema_apply(&t->x, s, root, "p");
}

/* Rows are unique, can be found, explain themselves, and their defaults are
 * values of their own type and range. */
static void
test_rows(void **state)
{
	const struct schema_row *rows, *row;
	struct target t;
	size_t n, i, k;
	int s;

	(void)state;
	for (s = 0; s < SCHEMA_SECTIONS; s++) {
		rows = schema_rows((enum schema_section)s, &n);
		assert_true(n > 0);
		for (i = 0; i < n; i++) {
			row = &rows[i];
			for (k = 0; k < i; k++)
				assert_string_not_equal(rows[k].key,
				    row->key);
			assert_ptr_equal(schema_find((enum schema_section)s,
			    row->key), row);
			if (row->effect == SCHEMA_PLACED ||
			    row->effect == SCHEMA_REFUSED)
				assert_non_null(row->note);
			if (row->effect == SCHEMA_ACTS ||
			    row->effect == SCHEMA_BODY) {
				assert_non_null(row->help);
				assert_int_equal(row->help[strlen(
				    row->help) - 1], '.');
			}
			if (row->effect == SCHEMA_BODY && row->type !=
			    SCHEMA_ANY && row->type != SCHEMA_STR &&
			    row->type != SCHEMA_BOOL)
				assert_true(row->max > row->min);
			if (row->effect != SCHEMA_ACTS || row->def == NULL)
				continue;
			target_init(&t);
			target_apply(&t, (enum schema_section)s, row->key,
			    row->def);
			if (t.r.errors != 0)
				print_error("%s: %s\n", row->key,
				    t.r.v[0].text);
			assert_int_equal(t.r.errors, 0);
			target_fini(&t);
		}
	}
}

/* Each type stores what it should, and only that. */
static void
test_store(void **state)
{
	struct target t;

	(void)state;
	target_init(&t);
	target_apply(&t, SCHEMA_LLMD, "port", "'4001'");
	assert_int_equal(t.conf.port, 4001);
	target_apply(&t, SCHEMA_LLMD, "body_max_bytes", "1.5k");
	assert_int_equal(t.r.errors, 1);	/* under 4096 */
	target_apply(&t, SCHEMA_LLMD, "body_max_bytes", "1.5 MiB");
	assert_int_equal(t.conf.limits.body_max, 1572864);
	target_apply(&t, SCHEMA_LLMD, "queue_max_bytes", "10kB");
	assert_int_equal(t.conf.limits.queue_max, 10000);
	target_apply(&t, SCHEMA_LLMD, "public_models", "on");
	assert_int_equal(t.conf.public_models, CONF_PUBLIC_YES);
	target_apply(&t, SCHEMA_LLMD, "public_models", "AUTO");
	assert_int_equal(t.conf.public_models, CONF_PUBLIC_AUTO);
	target_apply(&t, SCHEMA_LLMD, "log_level", "debug");
	assert_int_equal(t.conf.log_level, 3);
	target_apply(&t, SCHEMA_LLMD, "listen", "[a, b]");
	assert_int_equal(t.conf.nhosts, 2);
	assert_string_equal(t.conf.hosts[1], "b");
	target_apply(&t, SCHEMA_LLMD, "listen", "c");
	assert_int_equal(t.conf.nhosts, 1);
	target_apply(&t, SCHEMA_LITELLM, "request_timeout", "0.0001");
	assert_int_equal(t.extra.request_timeout_ms, 1);
	target_apply(&t, SCHEMA_LITELLM, "drop_params", "Yes");
	assert_true(t.conf.drop_params);
	target_apply(&t, SCHEMA_LITELLM, "drop_params", "null");
	assert_true(t.conf.drop_params);
	target_apply(&t, SCHEMA_PARAMS, "weight", "0.5");
	assert_true(t.entry.weight == 0.5);
	target_apply(&t, SCHEMA_PARAMS, "order", "-3");
	assert_int_equal(t.entry.order, -3);
	target_apply(&t, SCHEMA_INFO, "created", "4000000000");
	assert_true(t.entry.created == 4000000000);
	target_apply(&t, SCHEMA_INFO, "anything_else", "[1]");
	assert_int_equal(t.r.errors, 1);
	assert_int_equal(t.r.warnings, 0);
	target_fini(&t);
}

static void
test_later_keys_are_quiet_when_off(void **state)
{
	static const char *const off[] = { "false", "no", "null", "''", "[]",
	    "{}", "0" };
	struct target t;
	size_t i;

	(void)state;
	target_init(&t);
	for (i = 0; i < sizeof(off) / sizeof(off[0]); i++)
		target_apply(&t, SCHEMA_LITELLM, "cache", off[i]);
	target_apply(&t, SCHEMA_GENERAL, "health_check_details", "true");
	target_apply(&t, SCHEMA_GENERAL, "custom_auth", "null");
	target_apply(&t, SCHEMA_GENERAL, "enable_jwt_auth", "off");
	assert_int_equal(t.r.n, 0);
	target_apply(&t, SCHEMA_GENERAL, "health_check_details", "false");
	target_apply(&t, SCHEMA_LITELLM, "cache", "true");
	target_apply(&t, SCHEMA_LITELLM, "cache", "true");
	assert_int_equal(t.r.n, 2);
	assert_int_equal(t.r.v[1].more, 1);
	assert_int_equal(t.r.errors, 0);
	target_apply(&t, SCHEMA_GENERAL, "custom_auth", "a.b");
	assert_int_equal(t.r.errors, 1);
	target_fini(&t);
}

static void
test_what_is_sent_on(void **state)
{
	(void)state;
	assert_true(schema_forwards("vendor_thing"));
	assert_true(schema_forwards("repetition_window"));
	assert_false(schema_forwards("api_kye"));
	assert_false(schema_forwards("temperatur"));
	assert_false(schema_forwards("supports_vision"));
	assert_false(schema_forwards("rpm"));
	assert_false(schema_forwards("temperature"));
}

static void
test_nearest(void **state)
{
	static const char *const words[] = { "model", "api_base", "top_p" };

	(void)state;
	assert_string_equal(schema_nearest("api_bse", words, 3), "api_base");
	assert_string_equal(schema_nearest("modle", words, 3), "model");
	assert_null(schema_nearest("base", words, 3));
	assert_null(schema_nearest("x", words, 3));
	assert_null(schema_nearest("", words, 3));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_store),
		cmocka_unit_test(test_later_keys_are_quiet_when_off),
		cmocka_unit_test(test_what_is_sent_on),
		cmocka_unit_test(test_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
