/* SPDX-License-Identifier: ISC */
/* LINK: daemon/observe/reqlog.c daemon/observe/live.c daemon/observe/row.c */
/* LINK: daemon/observe/stats.c daemon/observe/hist.c daemon/base/map.c */
/* LINK: daemon/base/hash.c daemon/base/xmalloc.c daemon/base/log.c */
/* LINK: daemon/base/clock.c daemon/base/str.c daemon/base/jout.c */
/* LINK: daemon/base/jscan.c daemon/base/jscan_explain.c proto/errors.c */
/* LINK: proto/text.c proto/text_width.c */
#include <sys/stat.h>

#include <json-c/json.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/jscan.h"
#include "base/log.h"
#include "base/str.h"
#include "observe/live.h"
#include "observe/reqlog.h"
#include "proto/errors.h"

static const char evil[] = "a\r\nb\x1b]52;c;x\x07\"\\\xff\xc2\x85\xe2\x80\xae"
    "{\"id\":\"forged\"}\n%n%s";

static const char *
name_cb(uint16_t id, void *arg)
{
	(void)arg;
	return id == 1 ? evil : id == 2 ? "m@b" : "-";
}

static const char *
deploy_cb(uint16_t model, uint16_t label, void *arg)
{
	(void)model;
	(void)label;
	(void)arg;
	return evil;
}

static const struct live_names names = { name_cb, deploy_cb, NULL };

static void
finish(struct live *l, uint64_t id, unsigned error)
{
	struct record r;

	if (error != 0) {
		memset(&r, 0, sizeof r);
		r.id = id;
		r.kind = RECORD_NOTE;
		r.note = NOTE_ERROR;
		r.len = sizeof evil - 1;
		memcpy(r.text, evil, sizeof evil - 1);
		live_fold(l, &r, 0);
	}
	memset(&r, 0, sizeof r);
	r.id = id;
	r.kind = RECORD_END;
	r.t_ns = 2000000000;
	r.start_ns = 1000000000;
	r.model = 1;
	r.deploy = 2;
	r.key = 1;
	r.status = error == 0 ? 200 : 502;
	r.error = (uint16_t)error;
	live_fold(l, &r, 1795437663000000000ll);
}

/* All of a file; n lines, each ending in '\n'. */
static char *
slurp(const char *path, unsigned *lines)
{
	FILE *f = fopen(path, "r");
	char *text = calloc(1, 65536);
	size_t i, n;

	assert_non_null(f);
	n = fread(text, 1, 65535, f);
	fclose(f);
	*lines = 0;
	for (i = 0; i < n; i++) {
		*lines += text[i] == '\n';
		/* Nothing but printable characters: one event, one line. */
		assert_true(text[i] == '\n' || (unsigned char)text[i] >= 32);
		assert_true(text[i] != 127);
	}
	assert_int_equal(jscan_utf8_valid(text, n), n);
	/* C1 and bidi controls are escapes too. */
	assert_null(strstr(text, "\xc2\x85"));
	assert_null(strstr(text, "\xe2\x80\xae"));
	return text;
}

static char	dir[64];
static char	path[100];

static int
setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/llmd-reqlog-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof path, "%s/requests.log", dir);
	return 0;
}

static int
teardown(void **state)
{
	char old[120];

	(void)state;
	snprintf(old, sizeof old, "%s.1", path);
	unlink(path);
	unlink(old);
	rmdir(dir);
	return 0;
}

static void
test_injection(void **state)
{
	struct live *l = live_new(&names, NULL);
	struct reqlog *q = reqlog_new(l);
	struct json_object *o, *v;
	unsigned lines;
	char *text;

	(void)state;
	assert_true(reqlog_set(q, path, false));
	assert_true(reqlog_on(q));
	finish(l, 0xabc, ERR_UPSTREAM);
	finish(l, 0xabd, 0);
	reqlog_free(q);
	live_free(l);
	text = slurp(path, &lines);
	assert_int_equal(lines, 2);
	*strchr(text, '\n') = '\0';
	o = json_tokener_parse(text);
	assert_non_null(o);
	json_object_object_get_ex(o, "time", &v);
	assert_string_equal(json_object_get_string(v),
	    "2026-11-23T12:41:05.000Z");
	json_object_object_get_ex(o, "id", &v);
	assert_string_equal(json_object_get_string(v), "abc");
	json_object_object_get_ex(o, "status", &v);
	assert_int_equal(json_object_get_int(v), 502);
	json_object_object_get_ex(o, "total_ms", &v);
	assert_int_equal(json_object_get_int(v), 1000);
	json_object_object_get_ex(o, "model", &v);
	assert_memory_equal(json_object_get_string(v), "a\r\nb\x1b", 5);
	assert_non_null(strstr(json_object_get_string(v), "\xc2\x85"
	    "\xe2\x80\xae"));
	json_object_put(o);
	free(text);
}

static void
test_rotation(void **state)
{
	struct live *l = live_new(&names, NULL);
	struct reqlog *q = reqlog_new(l);
	char old[120], *text;
	unsigned lines, i;
	struct stat st;

	(void)state;
	snprintf(old, sizeof old, "%s.1", path);
	assert_true(reqlog_set(q, path, false));
	finish(l, 1, 0);
	reqlog_flush(q);
	/* The log's thread writes: wait for it. */
	for (i = 0; i < 5000 && (stat(path, &st) != 0 || st.st_size == 0);
	    i++)
		usleep(1000);
	assert_int_equal(rename(path, old), 0);
	reqlog_reopen(q);
	finish(l, 2, 0);
	reqlog_free(q);
	live_free(l);
	text = slurp(path, &lines);
	assert_int_equal(lines, 1);
	assert_non_null(strstr(text, "\"id\":\"2\""));
	free(text);
	text = slurp(old, &lines);
	assert_int_equal(lines, 1);
	assert_non_null(strstr(text, "\"id\":\"1\""));
	free(text);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

/* A path that cannot be opened leaves what was there. */
static void
test_bad_path(void **state)
{
	struct live *l = live_new(&names, NULL);
	struct reqlog *q = reqlog_new(l);
	unsigned lines;
	char *text;

	(void)state;
	assert_false(reqlog_on(q));
	finish(l, 1, 0);			/* to nowhere */
	assert_true(reqlog_set(q, path, false));
	assert_false(reqlog_set(q, "/nonexistent/x/y.log", false));
	finish(l, 2, 0);
	assert_true(reqlog_set(q, NULL, false));
	assert_false(reqlog_on(q));
	finish(l, 3, 0);
	reqlog_free(q);
	live_free(l);
	text = slurp(path, &lines);
	assert_int_equal(lines, 1);
	assert_non_null(strstr(text, "\"id\":\"2\""));
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_injection, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_rotation, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_bad_path, setup,
		    teardown)
	};

	log_init(2, LOG_L_ERROR, true);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
