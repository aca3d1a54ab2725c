/* SPDX-License-Identifier: ISC */
/* LINK: daemon/control/sub.c daemon/base/xmalloc.c daemon/base/log.c */
/* LINK: daemon/base/clock.c daemon/base/str.c daemon/base/jout.c */
/* LINK: daemon/base/jscan.c daemon/base/jscan_explain.c daemon/base/hash.c */
/* LINK: proto/text.c proto/text_width.c */
#include <json-c/json.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/sub.h"

static void
add(struct sub_queue *q, uint64_t seq, enum topic_event ev, uint64_t object,
    unsigned pad)
{
	char text[4096];

	assert_true(pad < 3900);
	snprintf(text, sizeof text, "\"c\":\"I.%llu\",\"ev\":\"%s\",\"o\":%llu,"
	    "\"pad\":\"%*s\"}", (unsigned long long)seq, sub_event_name(ev),
	    (unsigned long long)object, (int)pad, "");
	sub_queue_add(q, seq, ev, object, (struct span){ text,
	    strlen(text) });
}

/* What was read. */
struct got {
	unsigned	events;
	unsigned	gaps;
	int64_t		dropped;
	uint64_t	seq[20000];
	unsigned	by[TOPIC_EV_COUNT];	/* events that came */
	int64_t		lost[TOPIC_EV_COUNT];	/* events in gaps */
	uint64_t	gap_from, gap_to;
	bool		gap_late;	/* an event after `from` came before */
	char		why[32];
};

static struct json_object *
member(struct json_object *o, const char *key)
{
	struct json_object *v;

	assert_true(json_object_object_get_ex(o, key, &v));
	return v;
}

static uint64_t
seq_of(struct json_object *o, const char *key)
{
	return strtoull(strchr(json_object_get_string(member(o, key)), '.') +
	    1, NULL, 10);
}

static void
one(struct json_object *msg, struct got *g)
{
	struct json_object *p = member(msg, "params");
	const char *m = json_object_get_string(member(msg, "method"));
	unsigned i;

	assert_string_equal(json_object_get_string(member(p, "sub")), "s1");
	if (strcmp(m, "gap") != 0) {
		for (i = 0; i < TOPIC_EV_COUNT; i++)
			g->by[i] += strcmp(json_object_get_string(member(p,
			    "ev")), sub_event_name((enum topic_event)i)) == 0;
		g->seq[g->events++] = seq_of(p, "c");
		return;
	}
	g->gaps++;
	g->dropped += json_object_get_int64(member(p, "dropped"));
	g->gap_from = seq_of(p, "from");
	g->gap_to = seq_of(p, "to");
	g->gap_late = g->events > 0 && g->seq[g->events - 1] > g->gap_from;
	snprintf(g->why, sizeof g->why, "%s",
	    json_object_get_string(member(p, "why")));
	json_object_object_foreach(member(p, "by"), key, val)
		for (i = 0; i < TOPIC_EV_COUNT; i++)
			if (strcmp(key, sub_event_name(
			    (enum topic_event)i)) == 0)
				g->lost[i] += json_object_get_int64(val);
}

static void
read_all(struct sub_queue *q, struct got *g)
{
	struct buf b = { 0 };
	char *line, *save = NULL;
	struct json_object *o;

	while (sub_queue_waits(q))
		sub_queue_take(q, &b, b.n + 65536);
	buf_pad(&b);
	if (b.n > 0)
		assert_int_equal(b.p[b.n - 1], '\n');
	for (line = b.p == NULL ? NULL : strtok_r(b.p, "\n", &save);
	    line != NULL; line = strtok_r(NULL, "\n", &save)) {
		o = json_tokener_parse(line);
		assert_non_null(o);
		one(o, g);
		json_object_put(o);
	}
	buf_fini(&b);
	assert_int_equal(sub_queue_bytes(q), 0);
}

static struct got *
got_new(void)
{
	return calloc(1, sizeof(struct got));
}

static void
test_order(void **state)
{
	struct sub_queue *q = sub_queue_new("s1", "I", SUB_BUFFER);
	struct got *g = got_new();
	unsigned i;

	(void)state;
	for (i = 1; i <= 100; i++)
		add(q, i, TOPIC_EV_REQUEST_PROGRESS, 1, 0);
	read_all(q, g);
	assert_int_equal(g->events, 100);	/* not full: all of them */
	assert_int_equal(g->gaps, 0);
	for (i = 0; i < 100; i++)
		assert_int_equal(g->seq[i], i + 1);
	assert_int_equal(sub_queue_sent(q), 100);
	sub_queue_free(q);
	free(g);
}

/* Starts and ends stay while progress can go; every event is either read or
 * counted, and the gap stands before what follows it. */
static void
test_coalesce(void **state)
{
	struct sub_queue *q = sub_queue_new("s1", "I", 65536);
	struct got *g = got_new();
	uint64_t seq = 0;
	unsigned i, k;

	(void)state;
	for (i = 0; i < 20; i++)
		add(q, ++seq, TOPIC_EV_REQUEST_START, i, 0);
	for (k = 0; k < 200; k++)
		for (i = 0; i < 20; i++)
			add(q, ++seq, TOPIC_EV_REQUEST_PROGRESS, i, 0);
	for (i = 0; i < 20; i++)
		add(q, ++seq, TOPIC_EV_REQUEST_END, i, 0);
	assert_true(sub_queue_bytes(q) <= 65536);
	read_all(q, g);
	assert_int_equal(g->by[TOPIC_EV_REQUEST_START], 20);
	assert_int_equal(g->by[TOPIC_EV_REQUEST_END], 20);
	assert_true(g->by[TOPIC_EV_REQUEST_PROGRESS] >= 20);
	assert_int_equal(g->events + g->dropped, seq);
	assert_int_equal(g->lost[TOPIC_EV_REQUEST_PROGRESS], g->dropped);
	assert_int_equal(sub_queue_dropped(q), g->dropped);
	assert_int_equal(g->gaps, 1);
	assert_false(g->gap_late);
	assert_string_equal(g->why, "slow_reader");
	for (i = 1; i < g->events; i++)
		assert_true(g->seq[i] > g->seq[i - 1]);
	/* The newest progress of each request is there. */
	for (i = 0; i < 20; i++) {
		for (k = 0; k < g->events; k++)
			if (g->seq[k] == seq - 20 - i)
				break;
		assert_true(k < g->events);
	}
	sub_queue_free(q);
	free(g);
}

static void
test_rounds(void **state)
{
	struct sub_queue *q = sub_queue_new("s1", "I", 65536);
	struct got *g = got_new();
	unsigned i;
	uint64_t seq = 0;

	(void)state;
	for (i = 0; i < 100; i++) {
		add(q, ++seq, TOPIC_EV_REQUEST_START, i, 100);
		add(q, ++seq, TOPIC_EV_LOG, 0, 300);
		add(q, ++seq, TOPIC_EV_REQUEST_FIRST, i, 100);
	}
	read_all(q, g);
	/* Logs went, nothing else had to. */
	assert_true(g->lost[TOPIC_EV_LOG] > 0);
	assert_int_equal(g->lost[TOPIC_EV_REQUEST_FIRST], 0);
	assert_int_equal(g->lost[TOPIC_EV_REQUEST_START], 0);
	assert_int_equal(g->events + g->dropped, seq);
	sub_queue_free(q);
	free(g);

	/* Starts alone: the oldest go. */
	g = got_new();
	q = sub_queue_new("s1", "I", 65536);
	for (i = 1; i <= 2000; i++)
		add(q, i, TOPIC_EV_REQUEST_START, i, 100);
	read_all(q, g);
	assert_int_equal(g->gaps, 1);
	assert_int_equal(g->gap_from, 1);
	assert_int_equal(g->seq[0], g->gap_to + 1);
	assert_int_equal(g->seq[g->events - 1], 2000);
	assert_int_equal(g->events + g->dropped, 2000);
	sub_queue_free(q);
	free(g);
}

static void
test_memory(void **state)
{
	struct sub_queue *q = sub_queue_new("s1", "I", 65536);
	struct got *g = got_new();

	(void)state;
	add(q, 1, TOPIC_EV_REQUEST_START, 1, 0);
	add(q, 2, TOPIC_EV_LOG, 0, 0);
	sub_queue_empty(q);
	assert_int_equal(sub_queue_bytes(q), 0);
	sub_queue_lost(q, 3, TOPIC_EV_LOG);
	add(q, 4, TOPIC_EV_REQUEST_END, 1, 0);
	read_all(q, g);
	assert_int_equal(g->gaps, 1);
	assert_int_equal(g->dropped, 3);
	assert_int_equal(g->gap_from, 1);
	assert_int_equal(g->gap_to, 3);
	assert_string_equal(g->why, "memory");
	assert_int_equal(g->seq[0], 4);
	/* The next gap starts anew. */
	sub_queue_lost(q, 5, TOPIC_EV_LOG);
	read_all(q, g);
	assert_int_equal(g->gaps, 2);
	assert_int_equal(g->gap_from, 5);
	assert_string_equal(g->why, "slow_reader");
	/* One event larger than everything. */
	sub_queue_free(q);
	q = sub_queue_new("s1", "I", 1000);
	add(q, 6, TOPIC_EV_REQUEST_END, 1, 3000);
	assert_int_equal(sub_queue_bytes(q), 0);
	assert_int_equal(sub_queue_dropped(q), 1);
	sub_queue_free(q);
	free(g);
}

static void
test_names(void **state)
{
	(void)state;
	assert_int_equal(sub_topic_find("request"), TOPIC_REQUEST);
	assert_int_equal(sub_topic_find("metrics"), TOPIC_METRICS);
	assert_int_equal(sub_topic_find("Request"), -1);
	assert_int_equal(sub_event_topic(TOPIC_EV_LOG), TOPIC_LOG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_coalesce),
		cmocka_unit_test(test_rounds),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_names)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
