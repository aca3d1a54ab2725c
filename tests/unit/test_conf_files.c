/* SPDX-License-Identifier: ISC */
/* LINK: daemon/conf/backend.c daemon/conf/conf.c daemon/conf/conf_env.c */
/* LINK: daemon/conf/conf_names.c daemon/conf/conf_report.c */
/* LINK: daemon/conf/entry.c daemon/conf/entry_base.c */
/* LINK: daemon/conf/entry_headers.c daemon/conf/entry_params.c */
/* LINK: daemon/conf/load.c daemon/conf/override.c daemon/conf/policy.c */
/* LINK: daemon/conf/providers.c daemon/conf/remark.c */
/* LINK: daemon/conf/schema.c daemon/conf/schema_model.c */
/* LINK: daemon/conf/schema_settings.c daemon/conf/settings.c */
/* LINK: daemon/conf/source.c daemon/conf/url.c daemon/conf/yaml.c */
/* LINK: daemon/conf/yaml_value.c daemon/access/key.c */
/* LINK: daemon/access/limit.c daemon/route/table.c daemon/base/clock.c */
/* LINK: daemon/base/hash.c daemon/base/jout.c daemon/base/jscan.c */
/* LINK: daemon/base/log.c daemon/base/map.c daemon/base/str.c */
/* LINK: daemon/base/xmalloc.c proto/text.c proto/text_width.c */
/*
 * Every file of tests/fixtures/conf, against what it says about itself: lines
 * "#= LINE:COLUMN LEVEL TEXT" are all remarks, lines "#> MODEL | LABEL | STATE
 * | BASE" all deployments of a file that loads.
 */
#include <sys/types.h>

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "conf_help.h"

#define FIXTURES	"tests/fixtures/conf"

static int
line_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Collects lines and gives them sorted, as one text. */
struct lines {
	char		*v[256];
	unsigned	 n;
};

static char *
lines_text(struct lines *l)
{
	struct buf b = { 0 };
	unsigned i;

	qsort(l->v, l->n, sizeof(*l->v), line_cmp);
	buf_need(&b, 1);
	for (i = 0; i < l->n; i++) {
		buf_addf(&b, "%s\n", l->v[i]);
		free(l->v[i]);
	}
	buf_pad(&b);
	return b.p;
}

static char *
expected_lines(const char *path)
{
	struct lines l = { 0 };
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	while ((n = getline(&line, &cap, f)) > 0)
		if (strncmp(line, "#= ", 3) == 0 ||
		    strncmp(line, "#> ", 3) == 0) {
			line[n - 1] = '\0';
			assert_true(l.n < 256);
			l.v[l.n++] = strdup(line);
		}
	free(line);
	fclose(f);
	return lines_text(&l);
}

static void
add_remarks(struct lines *l, struct json_object *list, const char *level,
    const char *main_file)
{
	struct json_object *m;
	struct buf b;
	const char *file;
	size_t i;
	int more;

#define GET(o, k)	json_object_get_string(json_object_object_get(o, k))
	for (i = 0; i < json_object_array_length(list); i++) {
		m = json_object_array_get_idx(list, i);
		/* Depends on the umask of the checkout. */
		if (strncmp(GET(m, "text"), "it holds keys", 13) == 0)
			continue;
		file = GET(m, "file");
		memset(&b, 0, sizeof(b));
		buf_lit(&b, "#= ");
		if (strcmp(file, main_file) != 0)
			buf_addf(&b, "%s:", file);
		buf_addf(&b, "%s:%s %s %s", GET(m, "line"),
		    GET(m, "column"), level, GET(m, "text"));
		more = json_object_get_int(json_object_object_get(m,
		    "more"));
		if (more != 0)
			buf_addf(&b, " (and %d more)", more);
		buf_pad(&b);
		assert_true(l->n < 256);
		l->v[l->n++] = b.p;
	}
}

static char *
actual_lines(const struct conf *c, const struct conf_remarks *r,
    const char *path)
{
	struct json_object *j = conf_check_json(c, r), *list, *d;
	struct lines l = { 0 };
	struct buf b;
	size_t i;

	add_remarks(&l, json_object_object_get(j, "errors"), "error", path);
	add_remarks(&l, json_object_object_get(j, "warnings"), "warning",
	    path);
	list = json_object_object_get(j, "deployments");
	for (i = 0; i < json_object_array_length(list); i++) {
		d = json_object_array_get_idx(list, i);
		memset(&b, 0, sizeof(b));
		buf_addf(&b, "#> %s | %s | %s | %s", GET(d, "name"),
		    GET(d, "label"), GET(d, "state"),
		    json_object_object_get(d, "base_used") != NULL ?
		    GET(d, "base_used") : "-");
		buf_pad(&b);
		assert_true(l.n < 256);
		l.v[l.n++] = b.p;
	}
	assert_int_equal(json_object_get_boolean(json_object_object_get(j,
	    "ok")), c != NULL);
	json_object_put(j);
	return lines_text(&l);
}

static void
test_fixture(const char *name)
{
	struct conf_world w = conf_help_world(NULL);
	struct conf_options o = conf_help_options(name);
	struct conf_remarks r = { 0 };
	struct conf *c = conf_load(&w, &o, NULL, 0, &r);
	char *got = actual_lines(c, &r, name), *want = expected_lines(name);
	char *text = conf_remarks_text(c != NULL ? &c->remarks : &r, true);

	if (strcmp(got, want) != 0)
		print_error("%s\n", name);
	assert_string_equal(got, want);
	/* What must never be shown, however it is spelt. */
	assert_null(strstr(text, "hunter"));
	assert_null(strstr(text, "sk-set"));
	assert_true(c != NULL || r.errors != 0);
	free(text);
	free(got);
	free(want);
	conf_free(&w, c);
	conf_remarks_fini(&r);
	assert_true(conf_help_fini(&w));
}

static void
test_all_fixtures(void **state)
{
	struct dirent *e;
	unsigned n = 0;
	size_t len;
	DIR *d;

	(void)state;
	assert_int_equal(chdir(FIXTURES), 0);
	assert_non_null(d = opendir("."));
	while ((e = readdir(d)) != NULL) {
		len = strlen(e->d_name);
		if (len < 5 || strcmp(e->d_name + len - 5, ".yaml") != 0)
			continue;
		test_fixture(e->d_name);
		n++;
	}
	closedir(d);
	assert_true(n >= 60);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_fixtures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
