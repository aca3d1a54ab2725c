/* SPDX-License-Identifier: ISC */
/* LINK: proto/client.c proto/client_path.c proto/frame.c proto/errors.c */
/* LINK: proto/rpc.c proto/rpc_json.c proto/rpc_param.c */
/* LINK: proto/text.c proto/text_width.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "proto/client.h"
#include "proto/rpc.h"

#define HELLO "{\"jsonrpc\":\"2.0\",\"method\":\"hello\",\"params\":"	\
	"{\"proto\":[1,3],\"server\":\"llmd/9\",\"instance\":\"I\","	\
	"\"pid\":812,\"rev\":42,\"you\":{\"uid\":7,\"gid\":7,"		\
	"\"role\":\"operator\"},\"limits\":{},\"features\":[]}}\n"
#define REPLY(id, r) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"result\":" r "}\n"
#define NOTE(m, p) "{\"jsonrpc\":\"2.0\",\"method\":\"" m "\","		\
	"\"params\":" p "}\n"

/*
 * The peer is the other end of a socketpair.  What it will say is written
 * ahead: ids are known, since the client counts from 1.
 */
struct peer {
	struct client	*client;
	struct rpc_error err;
	int		 fd;
	char		 heard[8192];
};

static void
say(struct peer *p, const char *text)
{
	assert_int_equal(write(p->fd, text, strlen(text)), strlen(text));
}

/* All that the client has written so far. */
static const char *
heard(struct peer *p)
{
	ssize_t n = recv(p->fd, p->heard, sizeof(p->heard) - 1, MSG_DONTWAIT);

	p->heard[n > 0 ? n : 0] = '\0';
	return p->heard;
}

static void
open_peer(struct peer *p, const char *first, const char *name)
{
	struct client_options o = { .name = name, .timeout_ms = 50 };
	int fds[2];

	memset(p, 0, sizeof(*p));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	p->fd = fds[1];
	if (first != NULL)
		say(p, first);
	else
		shutdown(p->fd, SHUT_WR);
	p->client = client_open_fd(fds[0], &o, &p->err);
}

static void
close_peer(struct peer *p)
{
	client_close(p->client);
	close(p->fd);
	rpc_error_fini(&p->err);
}

static int
call(struct peer *p, const char *method, struct json_object **res)
{
	return client_call(p->client, method, NULL, 50, res, &p->err);
}

static void
test_hello(void **state)
{
	const struct client_hello *h;
	struct peer p;

	(void)state;
	open_peer(&p, HELLO, "test/1");
	assert_non_null(p.client);
	h = client_hello_get(p.client);
	assert_string_equal(h->server, "llmd/9");
	assert_string_equal(h->instance, "I");
	assert_string_equal(h->role, "operator");
	assert_int_equal(h->rev, 42);
	assert_int_equal(h->pid, 812);
	assert_int_equal(h->minor, 3);
	assert_non_null(strstr(heard(&p), "\"method\":\"session.init\""));
	close_peer(&p);
}

static void
check_refused(const char *first, enum error_id want)
{
	struct peer p;

	open_peer(&p, first, NULL);
	assert_null(p.client);
	assert_int_equal(p.err.id, want);
	assert_non_null(p.err.hint);
	close_peer(&p);
}

static void
test_not_llmd(void **state)
{
	(void)state;
	check_refused(NULL, ERR_PROTOCOL);
	check_refused("", ERR_TIMEOUT);
	check_refused("HTTP/1.1 400 Bad Request\r\n", ERR_PROTOCOL);
	check_refused(REPLY("1", "{}"), ERR_PROTOCOL);
	check_refused(NOTE("event", "{}"), ERR_PROTOCOL);
	check_refused(NOTE("hello", "{\"proto\":[2,0],\"server\":\"x\"}"),
	    ERR_PROTOCOL);
	check_refused(NOTE("hello", "{\"proto\":\"x\",\"server\":7,"
	    "\"you\":[]}"), ERR_PROTOCOL);
	check_refused("{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":"
	    "-32002,\"message\":\"m\",\"data\":{\"kind\":\"busy\","
	    "\"exit\":75,\"hint\":\"h\"}}}\n", ERR_BUSY);
}

static void
test_call(void **state)
{
	struct json_object *res;
	struct peer p;

	(void)state;
	open_peer(&p, HELLO REPLY("1", "{\"proto\":1}")
	    REPLY("2", "{\"a\":5}"), "t");
	assert_int_equal(call(&p, "status", &res), 0);
	assert_int_equal(rpc_param_int(res, "a", 0), 5);
	json_object_put(res);
	heard(&p);
	say(&p, "{\"jsonrpc\":\"2.0\",\"id\":3,\"error\":{\"code\":-32004,"
	    "\"message\":\"no\",\"data\":{\"kind\":\"not_found\","
	    "\"exit\":66}}}\n");
	assert_int_equal(call(&p, "x", &res), -1);
	assert_int_equal(p.err.id, ERR_NOT_FOUND);
	assert_int_equal(p.err.exit, 66);
	assert_string_equal(heard(&p),
	    "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"x\"}\n");
	close_peer(&p);
}

static void
count_notice(const char *method, struct json_object *params, void *arg)
{
	if (strcmp(method, "progress") == 0)
		*(int *)arg += (int)rpc_param_int(params, "n", 0);
}

static void
test_notices(void **state)
{
	struct client_msg msg;
	struct json_object *res;
	struct peer p;
	int sum = 0;

	(void)state;
	open_peer(&p, HELLO NOTE("event", "{\"n\":1}") REPLY("9", "{}")
	    NOTE("event", "{\"n\":2}") NOTE("ping", "{}") REPLY("1", "{}"),
	    NULL);
	/* Without a callback all that is not the reply is kept, in order. */
	assert_int_equal(call(&p, "a", &res), 0);
	json_object_put(res);
	assert_int_equal(client_poll(p.client, 0), 1);
	assert_int_equal(client_next(p.client, &msg), 1);
	assert_int_equal(msg.kind, CLIENT_MSG_NOTICE);
	assert_int_equal(rpc_param_int(msg.body, "n", 0), 1);
	assert_int_equal(client_next(p.client, &msg), 1);
	assert_int_equal(msg.kind, CLIENT_MSG_REPLY);
	assert_int_equal(msg.id, 9);
	assert_int_equal(client_next(p.client, &msg), 1);
	assert_int_equal(rpc_param_int(msg.body, "n", 0), 2);
	assert_int_equal(client_next(p.client, &msg), 0);
	client_on_notice(p.client, count_notice, &sum);
	say(&p, NOTE("progress", "{\"n\":3}") NOTE("progress", "{\"n\":4}")
	    REPLY("2", "{}"));
	assert_int_equal(call(&p, "b", &res), 0);
	json_object_put(res);
	assert_int_equal(sum, 7);
	assert_int_equal(client_next(p.client, &msg), 0);
	close_peer(&p);
}

static void
test_async(void **state)
{
	struct client_msg msg;
	struct json_object *res;
	struct peer p;
	int64_t one, two;

	(void)state;
	open_peer(&p, HELLO, NULL);
	one = client_send(p.client, "a", NULL);
	two = client_send(p.client, "b", NULL);
	assert_int_equal(one, 1);
	assert_int_equal(two, 2);
	assert_int_equal(client_poll(p.client, 0), 0);
	say(&p, REPLY("2", "null") "{\"jsonrpc\":");
	assert_int_equal(client_poll(p.client, 50), 1);
	assert_int_equal(client_next(p.client, &msg), 1);
	assert_int_equal(msg.id, two);
	assert_null(msg.body);
	assert_int_equal(client_next(p.client, &msg), 0);
	assert_int_equal(client_poll(p.client, 0), 0);
	say(&p, "\"2.0\",\"id\":1,\"error\":{}}\n" REPLY("3", "{}"));
	assert_int_equal(call(&p, "c", &res), 0);
	json_object_put(res);
	assert_int_equal(client_next(p.client, &msg), 1);
	assert_int_equal(msg.kind, CLIENT_MSG_ERROR);
	assert_int_equal(msg.id, one);
	close_peer(&p);
}

static void
test_timeout(void **state)
{
	struct client_msg msg;
	struct json_object *res;
	struct peer p;

	(void)state;
	open_peer(&p, HELLO, NULL);
	assert_int_equal(call(&p, "test.run", &res), -1);
	assert_int_equal(p.err.id, ERR_TIMEOUT);
	assert_int_equal(p.err.exit, 75);
	assert_non_null(strstr(heard(&p),
	    "\"method\":\"cancel\",\"params\":{\"id\":1}"));
	/* The late replies are nobody's. */
	say(&p, REPLY("2", "{}") REPLY("1", "{}") REPLY("3", "{\"a\":1}"));
	assert_int_equal(call(&p, "x", &res), 0);
	assert_int_equal(rpc_param_int(res, "a", 0), 1);
	json_object_put(res);
	assert_int_equal(client_next(p.client, &msg), 0);
	close_peer(&p);
}

static void
test_interrupt(void **state)
{
	struct json_object *res;
	uint64_t one = 1;
	struct peer p;
	int fd = eventfd(0, EFD_NONBLOCK);

	(void)state;
	open_peer(&p, HELLO, NULL);
	client_on_interrupt(p.client, fd);
	assert_int_equal(client_poll(p.client, 0), 0);
	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
	assert_int_equal(client_poll(p.client, -1), 0);
	assert_int_equal(client_call(p.client, "x", NULL, -1, &res, &p.err),
	    -1);
	assert_int_equal(p.err.id, ERR_CANCELLED);
	assert_non_null(strstr(heard(&p), "\"method\":\"cancel\""));
	close_peer(&p);
	close(fd);
}

static void
test_end(void **state)
{
	struct client_msg msg;
	struct json_object *res;
	struct peer p;

	(void)state;
	/* What was said before the end is still read. */
	open_peer(&p, HELLO NOTE("event", "{}") REPLY("1", "{}"), NULL);
	shutdown(p.fd, SHUT_RDWR);
	assert_int_equal(call(&p, "x", &res), 0);
	json_object_put(res);
	assert_int_equal(client_next(p.client, &msg), 1);
	assert_int_equal(client_poll(p.client, -1), -1);
	assert_string_not_equal(client_error(p.client), "");
	assert_int_equal(client_send(p.client, "x", NULL), -1);
	assert_int_equal(call(&p, "x", &res), -1);
	assert_int_equal(p.err.id, ERR_CONNECTION_LOST);
	assert_int_equal(p.err.exit, 69);
	close_peer(&p);
}

static void
test_hostile(void **state)
{
	static const char *const bad[] = {
		"{\n", "[]\n", "{\"jsonrpc\":\"2.0\",\"id\":1}\n",
		"\xff\n", REPLY("1", "NaN"),
	};
	struct json_object *res;
	struct peer p;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		open_peer(&p, HELLO, NULL);
		say(&p, bad[i]);
		say(&p, REPLY("1", "{}"));
		assert_int_equal(call(&p, "x", &res), -1);
		assert_int_equal(p.err.id, ERR_CONNECTION_LOST);
		close_peer(&p);
	}
}

/* A line without end from the peer ends the connection, not the process. */
static void
test_long_line(void **state)
{
	char block[65536];
	struct peer p;
	int i;

	(void)state;
	open_peer(&p, HELLO, NULL);
	memset(block, ' ', sizeof(block));
	for (i = 0; i < 40; i++) {
		if (client_poll(p.client, 0) < 0)
			break;
		send(p.fd, block, sizeof(block), MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	assert_int_equal(client_poll(p.client, 0), -1);
	assert_true(i > 15 && i < 40);
	close_peer(&p);
}

static void
test_long_call(void **state)
{
	struct json_object *params = json_object_new_object(), *res;
	char *text = calloc(1, RPC_LINE_MAX + 1);
	struct peer p;

	(void)state;
	open_peer(&p, HELLO, NULL);
	memset(text, 'a', RPC_LINE_MAX);
	json_object_object_add(params, "x", json_object_new_string(text));
	assert_int_equal(client_call(p.client, "x", params, 50, &res,
	    &p.err), -1);
	assert_int_equal(p.err.id, ERR_TOO_LARGE);
	free(text);
	close_peer(&p);
}

/* A peer that reads nothing cannot make the client wait or grow. */
static void
test_deaf_peer(void **state)
{
	struct json_object *params;
	char text[65536];
	struct peer p;
	int i;

	(void)state;
	open_peer(&p, HELLO, NULL);
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (i = 0; i < 200; i++) {
		params = json_object_new_object();
		json_object_object_add(params, "x",
		    json_object_new_string(text));
		if (client_send(p.client, "x", params) < 0)
			break;
	}
	assert_true(i > 10 && i < 100);
	assert_true(client_events(p.client) & 4);	/* POLLOUT */
	close_peer(&p);
}

/* A folder of our own under the temporary directory. */
struct place {
	char	dir[64];
	char	path[108];
};

static void
place_init(struct place *l)
{
	unsetenv("LLMCTL_SOCKET");
	strcpy(l->dir, "/tmp/llmctl-test-XXXXXX");
	assert_non_null(mkdtemp(l->dir));
	setenv("XDG_RUNTIME_DIR", l->dir, 1);
	setenv("TMPDIR", l->dir, 1);
}

static int
place_listen(struct place *l, const char *sub, mode_t mode)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(l->path, sizeof(l->path), "%s/%s", l->dir, sub);
	assert_int_equal(mkdir(l->path, mode), 0);
	assert_int_equal(chmod(l->path, mode), 0);
	snprintf(l->path, sizeof(l->path), "%s/%s/control.sock", l->dir, sub);
	strcpy(sun.sun_path, l->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(fd, 4), 0);
	return fd;
}

static void
place_fini(struct place *l)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", l->dir);
	assert_int_equal(system(command), 0);
}

/* Opens by search; the listener has said nothing, so a timeout is a find. */
static void
check_open(const char *path, enum error_id want, const char *message)
{
	struct client_options o = { .path = path, .timeout_ms = 20 };
	struct rpc_error err;

	rpc_error_init(&err);
	assert_null(client_open(&o, &err));
	if (err.id != want)
		fail_msg("%d: %s", err.id, err.message);
	if (strstr(err.message, message) == NULL)
		fail_msg("%s", err.message);
	assert_non_null(err.hint);
	rpc_error_fini(&err);
}

static void
test_places(void **state)
{
	struct place l;
	char own[64], lng[200], *text;
	int fd;

	(void)state;
	place_init(&l);
	text = client_places(NULL);
	assert_non_null(strstr(text, "$LLMCTL_SOCKET (unset), /tmp/llmctl"));
	assert_non_null(strstr(text, "/run/llmd/control.sock"));
	free(text);
	fd = place_listen(&l, "llmd", 0700);
	check_open(NULL, ERR_TIMEOUT, "hello");
	check_open("/nowhere/x.sock", ERR_NOT_RUNNING,
	    "no such file: /nowhere/x.sock");
	setenv("LLMCTL_SOCKET", "/nowhere/y.sock", 1);
	check_open(NULL, ERR_NOT_RUNNING, "/nowhere/y.sock");
	unsetenv("LLMCTL_SOCKET");
	close(fd);
	check_open(l.path, ERR_STALE_SOCKET, "connection refused");
	memset(lng, 'x', sizeof(lng) - 1);
	lng[sizeof(lng) - 1] = '\0';
	check_open(lng, ERR_USAGE, "107");
	/* Without XDG: llmd-UID under the temporary directory. */
	unsetenv("XDG_RUNTIME_DIR");
	snprintf(own, sizeof(own), "llmd-%u", (unsigned)geteuid());
	fd = place_listen(&l, own, 0700);
	check_open(NULL, ERR_TIMEOUT, "hello");
	/* Open to others, it is not trusted. */
	snprintf(lng, sizeof(lng), "%s/%s", l.dir, own);
	assert_int_equal(chmod(lng, 0755), 0);
	check_open(NULL, ERR_NOT_RUNNING, "no such file");
	close(fd);
	place_fini(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hello),
		cmocka_unit_test(test_not_llmd),
		cmocka_unit_test(test_call),
		cmocka_unit_test(test_notices),
		cmocka_unit_test(test_async),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_interrupt),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_long_call),
		cmocka_unit_test(test_deaf_peer),
		cmocka_unit_test(test_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
