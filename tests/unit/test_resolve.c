/* SPDX-License-Identifier: ISC */
/* LINK: daemon/net/resolve.c daemon/net/resolve_addr.c daemon/base/mbox.c */
/* LINK: daemon/base/xmalloc.c daemon/base/log.c daemon/base/clock.c */
/* LINK: daemon/base/str.c proto/text.c proto/text_width.c */
/*
 * The resolver over a getaddrinfo of our own (it answers by the first letters
 * of the name, and can be held) and a clock that can be moved.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sys/syscall.h>

#include <cmocka.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/mbox.h"
#include "net/resolve.h"

#define WAIT_MS		10000

static _Atomic int	calls;		/* of getaddrinfo */
static _Atomic int	inside;		/* threads held there now */
static _Atomic int	most;		/* that were there at once */
static _Atomic int	mode;		/* for "mode": 0 good, else the error */
static _Atomic int	ahead_s;	/* the clock's offset */
static sem_t		release;

int
clock_gettime(clockid_t id, struct timespec *t)
{
	int r = (int)syscall(SYS_clock_gettime, id, t);

	t->tv_sec += ahead_s;
	return r;
}

static void
fake_address(struct addrinfo ***end, const char *text)
{
	struct addrinfo *ai = calloc(1, sizeof *ai);
	union resolve_addr *a = calloc(1, sizeof *a);

	resolve_literal(text, 0, a);
	ai->ai_family = a->sa.sa_family;
	ai->ai_addr = &a->sa;
	ai->ai_addrlen = resolve_addr_len(a);
	**end = ai;
	*end = &ai->ai_next;
}

int
getaddrinfo(const char *host, const char *service,
    const struct addrinfo *hints, struct addrinfo **out)
{
	struct addrinfo **end = out;
	char text[32];
	int i, n, was;

	(void)service;
	assert_int_equal(hints->ai_socktype, SOCK_STREAM);
	*out = NULL;
	atomic_fetch_add(&calls, 1);
	n = atomic_fetch_add(&inside, 1) + 1;
	for (was = most; was < n; )
		if (atomic_compare_exchange_weak(&most, &was, n))
			break;
	if (strncmp(host, "held", 4) == 0)
		sem_wait(&release);
	atomic_fetch_sub(&inside, 1);
	if (strncmp(host, "none", 4) == 0)
		return EAI_NONAME;
	if (strncmp(host, "again", 5) == 0)
		return EAI_AGAIN;
	if (strncmp(host, "empty", 5) == 0)
		return 0;
	if (strcmp(host, "mode") == 0 && mode != 0)
		return mode;
	if (strcmp(host, "many") == 0)
		for (i = 0; i < 65; i++) {
			snprintf(text, sizeof text, "10.0.0.%d", i);
			fake_address(&end, text);
		}
	fake_address(&end, "127.0.0.1");
	fake_address(&end, "127.0.0.1");
	fake_address(&end, "::1");
	return 0;
}

void
freeaddrinfo(struct addrinfo *list)
{
	struct addrinfo *ai;

	while ((ai = list) != NULL) {
		list = ai->ai_next;
		free(ai->ai_addr);
		free(ai);
	}
}

struct result {
	int			got;
	uint64_t		ticket;
	struct resolve_answer	a;
};

static void
test_cb(const struct resolve_answer *a, uint64_t ticket, void *arg)
{
	struct result *r = arg;

	r->got++;
	r->ticket = ticket;
	r->a = *a;
}

/* Runs what comes until *n answers are there. */
static void
test_wait(struct mbox *mb, const int *n, int want)
{
	struct pollfd p = { .fd = mbox_fd(mb), .events = POLLIN };

	while (*n < want) {
		assert_int_equal(poll(&p, 1, WAIT_MS), 1);
		mbox_run(mb);
	}
}

static bool
test_ask(struct resolve *r, const char *host, struct mbox *mb,
    struct result *res, struct resolve_answer *a)
{
	return resolve_ask(r, host, 4000, mb, test_cb, 7, res, a);
}

/* Asks and waits; the answer is in res->a either way. */
static void
test_get(struct resolve *r, const char *host, struct mbox *mb,
    struct result *res)
{
	int before = res->got;
	struct resolve_answer a;

	if (test_ask(r, host, mb, res, &a))
		res->a = a;
	else
		test_wait(mb, &res->got, before + 1);
}

/* Waits, without a sleep of its own length, until *p has the value. */
static void
test_until(_Atomic int *p, int want)
{
	int i;

	for (i = 0; i < WAIT_MS && *p != want; i++)
		poll(NULL, 0, 1);
	assert_int_equal(*p, want);
}

struct env {
	struct resolve	*r;
	struct mbox	*mb;
};

static int
test_setup(void **state)
{
	struct env *e = calloc(1, sizeof *e);

	calls = most = mode = ahead_s = 0;
	sem_init(&release, 0, 0);
	e->r = resolve_new();
	e->mb = mbox_new(NULL);
	*state = e;
	return e->mb == NULL;
}

static int
test_teardown(void **state)
{
	struct env *e = *state;

	resolve_free(e->r);
	mbox_close(e->mb);
	free(e);
	return 0;
}

static void
test_answer(void **state)
{
	struct env *e = *state;
	struct resolve_answer a;
	struct result res = { 0 };
	char text[64];

	/* A literal needs nobody. */
	assert_true(test_ask(e->r, "[::1]", e->mb, &res, &a));
	assert_int_equal(a.n, 1);
	assert_string_equal(resolve_addr_text(&a.addr[0].sa, text),
	    "[::1]:4000");
	assert_int_equal(calls, 0);
	/* A name: once without the double, with the port. */
	assert_false(test_ask(e->r, "GPU-Box.local", e->mb, &res, &a));
	test_wait(e->mb, &res.got, 1);
	assert_int_equal(res.ticket, 7);
	assert_int_equal(res.a.eai, 0);
	assert_int_equal(res.a.n, 2);
	assert_string_equal(resolve_addr_text(&res.a.addr[0].sa, text),
	    "127.0.0.1:4000");
	assert_string_equal(resolve_addr_text(&res.a.addr[1].sa, text),
	    "[::1]:4000");
	/* Again: at once, whatever the case, with another port. */
	assert_true(resolve_ask(e->r, "gpu-box.LOCAL", 80, e->mb, test_cb, 8,
	    &res, &a));
	assert_string_equal(resolve_addr_text(&a.addr[0].sa, text),
	    "127.0.0.1:80");
	assert_int_equal(calls, 1);
	test_get(e->r, "many", e->mb, &res);
	assert_int_equal(res.a.n, RESOLVE_ADDRS);
}

static void
test_failure(void **state)
{
	struct env *e = *state;
	struct resolve_answer a;
	struct result res = { 0 };
	char name[300];

	test_get(e->r, "none", e->mb, &res);
	assert_int_equal(res.a.n, 0);
	assert_int_equal(res.a.eai, EAI_NONAME);
	assert_string_equal(res.a.error, gai_strerror(EAI_NONAME));
	/* For a second it is known. */
	assert_true(test_ask(e->r, "none", e->mb, &res, &a));
	assert_int_equal(a.eai, EAI_NONAME);
	assert_int_equal(calls, 1);
	ahead_s += 2;
	test_get(e->r, "none", e->mb, &res);
	assert_int_equal(calls, 2);
	test_get(e->r, "empty", e->mb, &res);
	assert_int_equal(res.a.n, 0);
	assert_int_equal(res.a.eai, EAI_NONAME);
	/* What cannot be a name does not get that far. */
	memset(name, 'a', sizeof name);
	name[sizeof name - 1] = '\0';
	calls = 0;
	assert_true(test_ask(e->r, name, e->mb, &res, &a));
	assert_int_equal(a.eai, EAI_NONAME);
	assert_true(test_ask(e->r, "", e->mb, &res, &a));
	assert_int_equal(a.eai, EAI_NONAME);
	assert_int_equal(calls, 0);
}

static void
test_single_flight(void **state)
{
	struct env *e = *state;
	struct resolve_answer a;
	struct result res[50] = { { 0 } };
	int i;

	for (i = 0; i < 50; i++)
		assert_false(test_ask(e->r, "held", e->mb, &res[i], &a));
	test_until(&inside, 1);
	sem_post(&release);
	for (i = 0; i < 50; i++) {
		test_wait(e->mb, &res[i].got, 1);
		assert_int_equal(res[i].a.n, 2);
	}
	assert_int_equal(calls, 1);
}

/* Four threads, no more; what waits is not lost. */
static void
test_threads(void **state)
{
	struct env *e = *state;
	struct resolve_answer a;
	struct result res[20] = { { 0 } };
	char name[16];
	int i;

	for (i = 0; i < 20; i++) {
		snprintf(name, sizeof name, "held%d", i);
		assert_false(test_ask(e->r, name, e->mb, &res[i], &a));
	}
	test_until(&inside, 4);
	assert_int_equal(calls, 4);
	for (i = 0; i < 20; i++)
		sem_post(&release);
	for (i = 0; i < 20; i++)
		test_wait(e->mb, &res[i].got, 1);
	assert_int_equal(calls, 20);
	assert_in_range(most, 1, 4);
}

/* Lets time pass and asks until getaddrinfo was called n times in all; the
 * answers are the old one meanwhile. */
static void
test_refresh(struct env *e, int n)
{
	struct result res = { 0 };
	struct resolve_answer a;

	while (calls < n) {
		ahead_s += 2;
		assert_true(test_ask(e->r, "mode", e->mb, &res, &a));
		assert_int_equal(a.n, 2);
		poll(NULL, 0, 1);
	}
}

/* Asks until the answer is a failure of this kind. */
static void
test_turns(struct env *e, int eai)
{
	struct result res = { 0 };
	int i;

	for (i = 0; i < WAIT_MS && res.a.eai != eai; i++) {
		test_get(e->r, "mode", e->mb, &res);
		poll(NULL, 0, 1);
	}
	assert_int_equal(res.a.eai, eai);
	assert_int_equal(res.a.n, 0);
}

/* After 30 s the old answer is given while a new one is fetched, up to five
 * minutes long, and over failures that may pass. */
static void
test_stale(void **state)
{
	struct env *e = *state;
	struct resolve_answer a;
	struct result res = { 0 };

	test_get(e->r, "mode", e->mb, &res);
	assert_int_equal(calls, 1);
	ahead_s += 29;
	assert_true(test_ask(e->r, "mode", e->mb, &res, &a));
	assert_int_equal(calls, 1);
	mode = EAI_AGAIN;
	test_refresh(e, 2);		/* fails */
	test_refresh(e, 3);		/* fails again */
	/* Too old: the failure counts. */
	ahead_s += 300;
	test_turns(e, EAI_AGAIN);
	/* And it recovers. */
	mode = 0;
	ahead_s += 2;
	test_get(e->r, "mode", e->mb, &res);
	assert_int_equal(res.a.n, 2);
	/* A name that is gone is gone after the first refresh. */
	mode = EAI_NONAME;
	ahead_s += 31;
	assert_true(test_ask(e->r, "mode", e->mb, &res, &a));
	assert_int_equal(a.n, 2);
	test_turns(e, EAI_NONAME);
}

/* More names than are kept, all of them busy: refused, not queued for ever. */
static void
test_many_names(void **state)
{
	struct env *e = *state;
	static struct result res[300];
	struct resolve_answer a;
	char name[32];
	int i, asked = 0, refused = 0;

	memset(res, 0, sizeof res);
	for (i = 0; i < 300; i++) {
		snprintf(name, sizeof name, "held-%d", i);
		if (!test_ask(e->r, name, e->mb, &res[i], &a))
			asked++;
		else if (a.eai == EAI_AGAIN)
			refused++;
	}
	assert_int_equal(asked, 256);
	assert_int_equal(refused, 44);
	for (i = 0; i < 300; i++)
		sem_post(&release);
	for (i = 0; i < 256; i++)
		test_wait(e->mb, &res[i].got, 1);
	/* Room again: the oldest is forgotten. */
	test_get(e->r, "new", e->mb, &res[0]);
	assert_int_equal(res[0].a.n, 2);
	calls = 0;
	assert_true(test_ask(e->r, "held-255", e->mb, &res[0], &a));
	assert_int_equal(calls, 0);
	assert_false(test_ask(e->r, "held-0", e->mb, &res[0], &a));
}

/* The asker is gone: its answer is dropped. */
static void
test_closed_mbox(void **state)
{
	struct env *e = *state;
	struct mbox *gone = mbox_new(NULL);
	struct result res = { 0 }, other = { 0 };
	struct resolve_answer a;

	assert_false(test_ask(e->r, "held", gone, &res, &a));
	assert_false(test_ask(e->r, "held", e->mb, &other, &a));
	mbox_close(gone);
	sem_post(&release);
	test_wait(e->mb, &other.got, 1);
	assert_int_equal(res.got, 0);
}

/* Freed while two threads are stuck, names wait and threads are idle. */
static void
test_free_stuck(void **state)
{
	struct env *e = *state;
	struct resolve *r = resolve_new();
	struct resolve_answer a;
	struct result res = { 0 };
	char name[16];
	int i;

	test_get(r, "a", e->mb, &res);
	for (i = 0; i < 7; i++) {
		snprintf(name, sizeof name, "held%d", i);
		assert_false(test_ask(r, name, e->mb, &res, &a));
	}
	test_until(&inside, 4);
	resolve_free(r);
	assert_int_equal(res.got, 1);
	for (i = 0; i < 4; i++)
		sem_post(&release);
	test_until(&inside, 0);
	resolve_free(NULL);
}

struct asker {
	pthread_t	 thread;
	struct resolve	*r;
	int		 answers;
};

static void *
test_asker(void *arg)
{
	struct asker *k = arg;
	struct mbox *mb = mbox_new(NULL);
	struct result res = { 0 };
	char name[16];
	int i;

	for (i = 0; i < 300; i++) {
		snprintf(name, sizeof name, "%s%d", i % 7 == 0 ? "none" : "x",
		    i % 60);
		test_get(k->r, name, mb, &res);
		k->answers += res.a.n == 2 || res.a.eai == EAI_NONAME;
		if (i % 50 == 0)
			atomic_fetch_add(&ahead_s, 31);
	}
	mbox_close(mb);
	return NULL;
}

static void
test_many_askers(void **state)
{
	struct env *e = *state;
	struct asker k[4] = { { 0 } };
	int i;

	for (i = 0; i < 4; i++) {
		k[i].r = e->r;
		assert_int_equal(pthread_create(&k[i].thread, NULL,
		    test_asker, &k[i]), 0);
	}
	for (i = 0; i < 4; i++) {
		pthread_join(k[i].thread, NULL);
		assert_int_equal(k[i].answers, 300);
	}
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, test_setup, test_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_answer),
		TEST(test_failure),
		TEST(test_single_flight),
		TEST(test_threads),
		TEST(test_stale),
		TEST(test_many_names),
		TEST(test_closed_mbox),
		TEST(test_free_stuck),
		TEST(test_many_askers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
