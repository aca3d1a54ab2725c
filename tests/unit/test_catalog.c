/* SPDX-License-Identifier: ISC */
/* LINK: daemon/upstream/catalog.c daemon/upstream/client.c */
/* LINK: daemon/upstream/link.c daemon/upstream/proxy.c */
/* LINK: daemon/upstream/trust.c daemon/net/conn.c daemon/net/conn_tls.c */
/* LINK: daemon/net/http1.c daemon/net/http1_chunk.c daemon/net/http1_lex.c */
/* LINK: daemon/net/http1_reply.c daemon/net/resolve.c */
/* LINK: daemon/net/resolve_addr.c daemon/net/tls.c */
/* LINK: daemon/base/clock.c daemon/base/hash.c daemon/base/jout.c */
/* LINK: daemon/base/jscan.c daemon/base/jscan_explain.c daemon/base/log.c */
/* LINK: daemon/base/map.c daemon/base/mbox.c daemon/base/str.c */
/* LINK: daemon/base/xmalloc.c proto/text.c proto/text_width.c */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mbox.h"
#include "net/resolve.h"
#include "route/deploy.h"
#include "upstream/catalog.h"
#include "upstream/client.h"
#include "upstream/trust.h"

/*
 * A backend in a thread: one connection at a time, a text for each path.
 */

static const char	*tags_reply;	/* body; NULL: it hangs */
static const char	*show_reply;
static int		 tags_status;
static _Atomic unsigned	 tags_asked, show_asked;
static char		 last_head[4096];
static int		 listen_fd;
static _Atomic bool	 stopping;

static void
serve_reply(int fd, int status, const char *body)
{
	char head[200];
	int n;

	n = snprintf(head, sizeof head, "HTTP/1.1 %d X\r\nContent-Type: "
	    "application/json\r\nContent-Length: %zu\r\nConnection: close"
	    "\r\n\r\n", status, strlen(body));
	if (write(fd, head, (size_t)n) != n || write(fd, body,
	    strlen(body)) != (ssize_t)strlen(body))
		return;
}

static void
serve_one(int fd)
{
	char buf[4096];
	size_t n = 0;
	ssize_t k;

	while ((k = read(fd, buf + n, sizeof buf - 1 - n)) > 0) {
		n += (size_t)k;
		buf[n] = '\0';
		if (strstr(buf, "\r\n\r\n") != NULL && (buf[0] == 'G' ||
		    buf[n - 1] == '}'))
			break;
	}
	if (k <= 0)
		return;
	if (strstr(buf, "/api/show") != NULL) {
		atomic_fetch_add(&show_asked, 1);
		if (show_reply != NULL) {
			serve_reply(fd, 200, show_reply);
			return;
		}
	} else {
		memcpy(last_head, buf, n + 1);
		atomic_fetch_add(&tags_asked, 1);
		if (tags_reply != NULL) {
			serve_reply(fd, tags_status, tags_reply);
			return;
		}
	}
	/* Until the client gives up. */
	k = read(fd, buf, sizeof buf);
}

static void *
serve(void *arg)
{
	int fd;

	(void)arg;
	while ((fd = accept(listen_fd, NULL, NULL)) >= 0) {
		if (!atomic_load(&stopping))
			serve_one(fd);
		close(fd);
		if (atomic_load(&stopping))
			break;
	}
	return NULL;
}

/*
 * The world.
 */

static struct {
	pthread_t		 thread;
	struct event_base	*base;
	struct mbox		*box;
	struct upstream_shared	 shared;
	struct upstream		*up;
	struct catalog		*cat;
	struct backend		 backend;
	struct deploy		 deploy;
	uint16_t		 port;
} w;

/* What the callback saw. */
static struct {
	unsigned	 n;
	bool		 ok, cached, found;
	int		 status;
	char		 error[160];
	unsigned	 models;
	uint32_t	 ctx;
	char		 capabilities[64];
} got;

static char *
str(const char *s)
{
	return (char *)(uintptr_t)s;
}

static int
setup(void **state)
{
	static const struct upstream_limits limits = { 2000, 2000, 5000 };
	struct sockaddr_in sin = { .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof sin;

	(void)state;
	memset(&w, 0, sizeof w);
	memset(&got, 0, sizeof got);
	tags_status = 200;
	tags_reply = "{\"models\":[{\"name\":\"Qwen3:8b\",\"size\":1},"
	    "{\"name\":\"task:latest\"},{\"size\":2},"
	    "{\"name\":\"a\\u0000b\"}]}";
	show_reply = "{\"capabilities\":[\"completion\",\"vision\"],"
	    "\"model_info\":{\"general.architecture\":\"llama\","
	    "\"llama.context_length\":32768,\"llama.block_count\":1}}";
	tags_asked = show_asked = 0;
	stopping = false;
	listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listen_fd, (struct sockaddr *)&sin, sizeof sin) != 0 ||
	    listen(listen_fd, 16) != 0 || getsockname(listen_fd,
	    (struct sockaddr *)&sin, &len) != 0)
		return -1;
	w.port = ntohs(sin.sin_port);
	if (pthread_create(&w.thread, NULL, serve, NULL) != 0)
		return -1;
	w.base = event_base_new();
	w.box = mbox_new(NULL);
	w.shared.resolve = resolve_new();
	w.shared.trust = trust_new();
	w.up = upstream_new(w.base, &w.shared, w.box, &limits);
	w.cat = catalog_new(w.base, w.up);
	w.backend.name = str("gpu1");
	w.backend.host = str("127.0.0.1");
	w.backend.authority = str("gpu1.test:11434");
	w.backend.port = w.port;
	w.deploy.id = str("d1");
	w.deploy.label = str("task@gpu1");
	w.deploy.provider = str("ollama");
	w.deploy.upstream = str("task");
	w.deploy.base_path = str("");
	w.deploy.headers = str("Authorization: Bearer sk-x\r\n");
	w.deploy.backend = &w.backend;
	return 0;
}

static int
teardown(void **state)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	    .sin_port = htons(w.port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	catalog_free(w.cat);
	upstream_free(w.up);
	trust_free(w.shared.trust);
	resolve_free(w.shared.resolve);
	mbox_close(w.box);
	event_base_free(w.base);
	atomic_store(&stopping, true);
	if (connect(fd, (struct sockaddr *)&sin, sizeof sin) != 0)
		return -1;
	close(fd);
	pthread_join(w.thread, NULL);
	close(listen_fd);
	return 0;
}

static void
answer_cb(const struct catalog_answer *a, void *arg)
{
	const struct catalog_model *m = catalog_find(a, &w.deploy);

	(void)arg;
	got.n++;
	got.ok = a->ok;
	got.cached = a->cached;
	got.status = a->status;
	got.models = a->n;
	strcpy(got.error, a->error);
	got.found = m != NULL;
	got.ctx = m == NULL ? 0 : m->ctx;
	snprintf(got.capabilities, sizeof got.capabilities, "%s",
	    m == NULL || m->capabilities == NULL ? "" : m->capabilities);
}

static void
wait_for(unsigned n)
{
	uint64_t until = clock_ns() + 10000000000ull;

	while (got.n < n && clock_ns() < until)
		event_base_loop(w.base, EVLOOP_ONCE);
	assert_int_equal(got.n, n);
}

static void
ask(bool detail)
{
	unsigned n = got.n;

	catalog_ask(w.cat, &w.deploy, detail, answer_cb, NULL);
	assert_int_equal(got.n, n);	/* never from inside the call */
	wait_for(n + 1);
}

static void
test_ollama(void **state)
{
	(void)state;
	ask(false);
	assert_true(got.ok);
	assert_int_equal(got.models, 2);
	assert_true(got.found);		/* "task" is "task:latest" */
	assert_false(got.cached);
	assert_int_equal(got.ctx, 0);
	assert_non_null(strstr(last_head, "GET /api/tags HTTP/1.1\r\n"));
	assert_non_null(strstr(last_head, "Host: gpu1.test:11434\r\n"));
	assert_non_null(strstr(last_head, "Authorization: Bearer sk-x\r\n"));
	/* The second time from memory, with the detail asked for once. */
	ask(true);
	assert_true(got.cached);
	assert_int_equal(got.ctx, 32768);
	assert_string_equal(got.capabilities, "completion,vision");
	ask(true);
	assert_int_equal(tags_asked, 1);
	assert_int_equal(show_asked, 1);
	/* Case does not matter to Ollama. */
	w.deploy.upstream = str("qwen3:8B");
	ask(false);
	assert_true(got.found);
	w.deploy.upstream = str("qwen3");
	ask(false);
	assert_false(got.found);
	catalog_forget(w.cat);
	ask(false);
	assert_false(got.cached);
	assert_int_equal(tags_asked, 2);
	/* Another credential is another entry. */
	w.deploy.headers = NULL;
	ask(false);
	assert_int_equal(tags_asked, 3);
	assert_null(strstr(last_head, "Authorization"));
}

static void
test_openai(void **state)
{
	(void)state;
	w.deploy.provider = str("openai");
	w.deploy.base_path = str("/v1");
	w.deploy.upstream = str("gpt-x");
	tags_reply = "{\"object\":\"list\",\"data\":[{\"id\":\"gpt-x\","
	    "\"max_model_len\":8192},{\"id\":\"GPT-X\"},{\"id\":7},5]}";
	ask(true);
	assert_non_null(strstr(last_head, "GET /v1/models HTTP/1.1\r\n"));
	assert_int_equal(got.models, 2);
	assert_int_equal(got.ctx, 8192);
	assert_int_equal(show_asked, 0);
	w.deploy.upstream = str("Gpt-x");
	ask(false);
	assert_false(got.found);
	/* A bare array, and Google's prefix. */
	catalog_forget(w.cat);
	tags_reply = "[{\"id\":\"models/gemini-2\"}]";
	w.deploy.upstream = str("gemini-2");
	ask(false);
	assert_true(got.found);
}

static void
test_failures(void **state)
{
	static const struct {
		int		 status;
		const char	*body, *error;
	} bad[] = {
		{ 200, "<html>", "its list of models is not valid JSON" },
		{ 200, "{\"x\":1}", "its list of models is not valid JSON" },
		{ 200, "", "its list of models is not valid JSON" },
		{ 200, "{\"models\":[{\"name\":\"a\"}", "its list of models "
		    "is not valid JSON" },
		{ 401, "{}", "HTTP 401: it refuses our API key" },
		{ 500, "{}", "HTTP 500" }
	};
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		catalog_forget(w.cat);
		tags_status = bad[i].status;
		tags_reply = bad[i].body;
		ask(true);
		assert_false(got.ok);
		assert_string_equal(got.error, bad[i].error);
		assert_int_equal(got.status, bad[i].status);
		assert_int_equal(got.models, 0);
	}
	/* Kept for a moment too. */
	ask(false);
	assert_true(got.cached);
	w.backend.port = 1;
	ask(false);
	assert_string_equal(got.error, "Connection refused");
	assert_int_equal(got.status, 0);
}

/* Two seconds, not more, and all who wait are told. */
static void
test_slow(void **state)
{
	uint64_t start = clock_ns();

	(void)state;
	tags_reply = NULL;
	catalog_ask(w.cat, &w.deploy, false, answer_cb, NULL);
	catalog_ask(w.cat, &w.deploy, true, answer_cb, NULL);
	wait_for(2);
	assert_in_range((clock_ns() - start) / 1000000, 1900, 2900);
	assert_false(got.ok);
	assert_string_equal(got.error, "no answer in 2 s");
	assert_int_equal(tags_asked, 1);
}

/* A list without its detail is an answer all the same. */
static void
test_slow_show(void **state)
{
	uint64_t start = clock_ns();

	(void)state;
	show_reply = NULL;
	ask(true);
	assert_in_range((clock_ns() - start) / 1000000, 1900, 2900);
	assert_true(got.ok && got.found);
	assert_int_equal(got.ctx, 0);
}

static void
test_cancel(void **state)
{
	struct catalog_ask *a, *b;

	(void)state;
	a = catalog_ask(w.cat, &w.deploy, true, answer_cb, NULL);
	b = catalog_ask(w.cat, &w.deploy, true, answer_cb, NULL);
	catalog_cancel(a);
	catalog_ask(w.cat, &w.deploy, false, answer_cb, NULL);
	catalog_cancel(b);
	wait_for(1);
	assert_true(got.ok);
	show_reply = NULL;
	/* One that is cancelled while it asks for detail, one left open. */
	a = catalog_ask(w.cat, &w.deploy, true, answer_cb, NULL);
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	catalog_cancel(a);
	catalog_ask(w.cat, &w.deploy, true, answer_cb, NULL);
	assert_int_equal(got.n, 1);
}

int
main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_ollama), T(test_openai), T(test_failures),
		T(test_slow), T(test_slow_show), T(test_cancel)
	};

	log_init(2, LOG_L_ERROR, true);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
