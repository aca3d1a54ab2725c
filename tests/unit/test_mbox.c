/* SPDX-License-Identifier: ISC */
/* LINK: daemon/base/mbox.c daemon/base/xmalloc.c */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mbox.h"
#include "base/xmalloc.h"

#define POSTERS	4
#define EACH	20000

struct receiver {
	struct mbox	*box;
	unsigned	 runs;
	unsigned	 next[POSTERS];	/* expected number from each */
	unsigned	 disorder;
	bool		 close;		/* the next message closes the mbox */
};

struct message {
	struct mbox_msg	 m;
	unsigned	 poster;
	unsigned	 number;
	atomic_uint	*drops;
};

struct poster {
	pthread_t	 thread;
	struct mbox	*box;
	unsigned	 id;
	unsigned	 taken;
	atomic_uint	*drops;
};

static void
message_run(struct mbox_msg *m, void *arg)
{
	struct message *msg = (struct message *)m;
	struct receiver *r = arg;

	r->runs++;
	if (msg->number != r->next[msg->poster]++)
		r->disorder++;
	free(msg);
	if (r->close) {
		mbox_close(r->box);
		r->box = NULL;
	}
}

static void
message_drop(struct mbox_msg *m)
{
	struct message *msg = (struct message *)m;

	atomic_fetch_add(msg->drops, 1);
	free(msg);
}

static bool
post(struct mbox *b, unsigned poster, unsigned number, atomic_uint *drops)
{
	struct message *msg = xcalloc(1, sizeof(*msg));

	msg->m.run = message_run;
	msg->m.drop = message_drop;
	msg->poster = poster;
	msg->number = number;
	msg->drops = drops;
	return mbox_post(b, &msg->m);
}

static bool
readable(struct mbox *b, int ms)
{
	struct pollfd p = { .fd = mbox_fd(b), .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

static void *
poster_main(void *arg)
{
	struct poster *p = arg;
	unsigned i;

	for (i = 0; i < EACH; i++)
		p->taken += post(p->box, p->id, i, p->drops);
	mbox_unref(p->box);
	return NULL;
}

static void
posters_start(struct poster p[POSTERS], struct mbox *box, atomic_uint *drops)
{
	unsigned i;

	for (i = 0; i < POSTERS; i++) {
		p[i] = (struct poster){ .box = mbox_ref(box), .id = i,
		    .drops = drops };
		assert_int_equal(pthread_create(&p[i].thread, NULL,
		    poster_main, &p[i]), 0);
	}
}

static unsigned
posters_join(struct poster p[POSTERS])
{
	unsigned i, taken = 0;

	for (i = 0; i < POSTERS; i++) {
		pthread_join(p[i].thread, NULL);
		taken += p[i].taken;
	}
	return taken;
}

static void
test_one_thread(void **state)
{
	struct receiver r = { 0 };
	atomic_uint drops = 0;

	(void)state;
	r.box = mbox_new(&r);
	assert_non_null(r.box);
	assert_false(readable(r.box, 0));
	mbox_run(r.box);
	assert_int_equal(r.runs, 0);
	assert_true(post(r.box, 0, 0, &drops));
	assert_true(readable(r.box, 0));
	assert_true(post(r.box, 0, 1, &drops));
	mbox_run(r.box);
	assert_int_equal(r.runs, 2);
	assert_false(readable(r.box, 0));
	/* Undelivered ones are dropped, each once. */
	post(r.box, 0, 2, &drops);
	post(r.box, 0, 3, &drops);
	mbox_close(r.box);
	assert_int_equal(drops, 2);
	assert_int_equal(r.runs, 2);
	mbox_close(NULL);
	mbox_unref(NULL);
}

/* A holder may post after the close: its message is dropped. */
static void
test_post_after_close(void **state)
{
	struct receiver r = { 0 };
	atomic_uint drops = 0;
	struct mbox *held;

	(void)state;
	r.box = mbox_new(&r);
	held = mbox_ref(r.box);
	mbox_close(r.box);
	assert_false(post(held, 0, 0, &drops));
	assert_int_equal(drops, 1);
	mbox_unref(held);
}

/* A message that closes the mbox: the rest of the batch is dropped. */
static void
test_close_in_run(void **state)
{
	struct receiver r = { .close = true };
	atomic_uint drops = 0;
	struct mbox *b = mbox_new(&r);

	(void)state;
	r.box = b;
	post(b, 0, 0, &drops);
	post(b, 0, 1, &drops);
	post(b, 0, 2, &drops);
	mbox_run(b);
	assert_null(r.box);
	assert_int_equal(r.runs, 1);
	assert_int_equal(drops, 2);
}

/* Nothing is lost, nothing comes twice, each poster's order is kept. */
static void
test_many_posters(void **state)
{
	struct receiver r = { 0 };
	struct poster p[POSTERS];
	atomic_uint drops = 0;

	(void)state;
	r.box = mbox_new(&r);
	posters_start(p, r.box, &drops);
	while (r.runs < POSTERS * EACH) {
		assert_true(readable(r.box, 10000));
		mbox_run(r.box);
	}
	assert_int_equal(posters_join(p), POSTERS * EACH);
	assert_int_equal(r.disorder, 0);
	mbox_close(r.box);
	assert_int_equal(drops, 0);
}

/* Closed in the middle: each message is run or dropped, never both. */
static void
test_close_while_posting(void **state)
{
	struct poster p[POSTERS];
	unsigned round;

	(void)state;
	for (round = 0; round < 10; round++) {
		struct receiver r = { 0 };
		atomic_uint drops = 0;

		r.box = mbox_new(&r);
		posters_start(p, r.box, &drops);
		while (r.runs < round * 500) {
			assert_true(readable(r.box, 10000));
			mbox_run(r.box);
		}
		mbox_close(r.box);
		assert_true(posters_join(p) >= r.runs);
		assert_int_equal(r.runs + drops, POSTERS * EACH);
		assert_int_equal(r.disorder, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_thread),
		cmocka_unit_test(test_post_after_close),
		cmocka_unit_test(test_close_in_run),
		cmocka_unit_test(test_many_posters),
		cmocka_unit_test(test_close_while_posting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
