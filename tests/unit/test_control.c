/* SPDX-License-Identifier: ISC */
/* LINK: daemon/control/call.c daemon/control/change.c */
/* LINK: daemon/control/change_diff.c daemon/control/targets.c */
/* LINK: daemon/control/control.c daemon/control/feed.c */
/* LINK: daemon/control/health.c daemon/control/logtap.c */
/* LINK: daemon/control/method.c daemon/control/method_config.c */
/* LINK: daemon/control/method_conn.c daemon/control/method_daemon.c */
/* LINK: daemon/control/method_event.c daemon/control/method_model.c */
/* LINK: daemon/control/method_request.c daemon/control/method_route.c */
/* LINK: daemon/control/method_rpc.c daemon/control/method_session.c */
/* LINK: daemon/control/method_test.c daemon/control/peer.c */
/* LINK: daemon/control/place.c daemon/control/sink_ctl.c */
/* LINK: daemon/control/sub.c daemon/observe/hist.c daemon/observe/live.c */
/* LINK: daemon/observe/pump.c daemon/observe/reqlog.c daemon/observe/ring.c */
/* LINK: daemon/observe/row.c daemon/observe/stats.c daemon/conf/backend.c */
/* LINK: daemon/conf/conf.c daemon/conf/conf_env.c daemon/conf/conf_names.c */
/* LINK: daemon/conf/conf_report.c daemon/conf/entry.c */
/* LINK: daemon/conf/entry_base.c daemon/conf/entry_headers.c */
/* LINK: daemon/conf/entry_params.c daemon/conf/load.c */
/* LINK: daemon/conf/override.c daemon/conf/policy.c */
/* LINK: daemon/conf/providers.c daemon/conf/remark.c daemon/conf/schema.c */
/* LINK: daemon/conf/schema_model.c daemon/conf/schema_settings.c */
/* LINK: daemon/conf/settings.c daemon/conf/source.c daemon/conf/url.c */
/* LINK: daemon/conf/yaml.c daemon/conf/yaml_value.c daemon/access/key.c */
/* LINK: daemon/access/limit.c daemon/route/table.c daemon/base/clock.c */
/* LINK: daemon/base/hash.c daemon/base/jout.c daemon/base/jscan.c */
/* LINK: daemon/base/jscan_explain.c daemon/base/log.c daemon/base/map.c */
/* LINK: daemon/base/mbox.c daemon/base/str.c daemon/base/xmalloc.c */
/* LINK: proto/errors.c proto/frame.c proto/rpc.c proto/rpc_json.c */
/* LINK: proto/rpc_param.c proto/text.c proto/text_width.c */
#include "control_help.h"

#include <json-c/json.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "control/method.h"
#include "proto/rpc.h"

/*
 * A client: its lines, and what came back.
 */

struct client {
	int		 fd;
	struct buf	 in;
	bool		 eof;
	unsigned	 id;
	struct json_object *hello;
};

static void
client_read(struct client *c)
{
	ssize_t n;

	while ((n = read(c->fd, buf_need(&c->in, 65536), 65536)) > 0)
		c->in.n += (size_t)n;
	if (n == 0)
		c->eof = true;
}

/* The next message, or NULL; the caller puts it. */
static struct json_object *
client_next(struct client *c)
{
	struct rpc_error err;
	struct json_object *o;
	unsigned i;
	char *nl;

	for (i = 0; i < 20; i++) {
		nl = c->in.n == 0 ? NULL : memchr(c->in.p, '\n', c->in.n);
		if (nl != NULL)
			break;
		help_turn();
		client_read(c);
	}
	if (c->in.n == 0 || (nl = memchr(c->in.p, '\n', c->in.n)) == NULL)
		return NULL;
	assert_true((size_t)(nl - c->in.p) < RPC_REPLY_MAX);
	rpc_error_init(&err);
	o = rpc_json(c->in.p, (size_t)(nl - c->in.p), &err);
	assert_non_null(o);
	rpc_error_fini(&err);
	buf_drain(&c->in, (size_t)(nl + 1 - c->in.p));
	return o;
}

static struct client
client_open(enum method_role role)
{
	struct client c = { .fd = help_peer(role) };

	c.hello = client_next(&c);
	assert_non_null(c.hello);
	return c;
}

static void
client_close(struct client *c)
{
	close(c->fd);
	buf_fini(&c->in);
	json_object_put(c->hello);
	help_turn();
}

static void
client_send(struct client *c, const char *line)
{
	assert_int_equal(write(c->fd, line, strlen(line)), strlen(line));
}

static unsigned
client_ask(struct client *c, const char *method, const char *params)
{
	char line[4096];

	snprintf(line, sizeof line, "{\"jsonrpc\":\"2.0\",\"id\":%u,"
	    "\"method\":\"%s\",\"params\":%s}\n", ++c->id, method, params);
	client_send(c, line);
	return c->id;
}

static struct json_object *
get(struct json_object *o, const char *path)
{
	char key[64];
	size_t n;

	for (; *path != '\0'; path += n + (path[n] == '.')) {
		n = strcspn(path, ".");
		snprintf(key, sizeof key, "%.*s", (int)n, path);
		if (!json_object_object_get_ex(o, key, &o))
			fail_msg("no member %s", key);
	}
	return o;
}

static void
is(struct json_object *o, const char *path, const char *want)
{
	const char *got = json_object_get_string(get(o, path));

	if (got == NULL || strcmp(got, want) != 0)
		fail_msg("%s is %s, not %s", path,
		    got == NULL ? "null" : got, want);
}

/* The answer of a call; notices before it are dropped. */
static struct json_object *
client_call(struct client *c, const char *method, const char *params)
{
	unsigned id = client_ask(c, method, params);
	struct json_object *o, *v;

	while ((o = client_next(c)) != NULL) {
		if (json_object_object_get_ex(o, "id", &v) &&
		    json_object_get_int(v) == (int)id &&
		    !json_object_object_get_ex(o, "method", &v))
			return o;
		json_object_put(o);
	}
	fail_msg("no answer of %s", method);
	return NULL;
}

static void
expect(struct client *c, const char *method, const char *params,
    const char *path, const char *want)
{
	struct json_object *o = client_call(c, method, params);

	is(o, path, want);
	json_object_put(o);
}

static int
setup(void **state)
{
	(void)state;
	help_open();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	return help_close() ? 0 : -1;
}

/*
 * Tests.
 */

static void
test_hello(void **state)
{
	struct client c = client_open(METHOD_OPERATOR);

	(void)state;
	is(c.hello, "method", "hello");
	is(c.hello, "params.instance", "test");
	is(c.hello, "params.you.role", "operator");
	is(c.hello, "params.you.uid", "1000");
	is(c.hello, "params.limits.inflight", "64");
	assert_null(client_next(&c));	/* nothing until it is asked */
	expect(&c, "ping", "{}", "result.instance", "test");
	expect(&c, "session.init", "{\"client\":\"t\",\"proto\":1}",
	    "result.proto", "1");
	expect(&c, "session.init", "{\"client\":\"t\",\"proto\":9}",
	    "error.code", "-32011");
	client_close(&c);
}

static void
test_errors(void **state)
{
	struct client c = client_open(METHOD_VIEWER);
	struct json_object *o;

	(void)state;
	expect(&c, "nope", "{}", "error.code", "-32601");
	expect(&c, "status", "{\"x\":1}", "error.code", "-32602");
	expect(&c, "route.set", "{\"model\":\"chat\",\"targets\":[\"a@b\"]}",
	    "error.data.kind", "permission");
	expect(&c, "request.list", "{\"limit\":0}", "error.data.field",
	    "limit");
	client_send(&c, "nonsense\n");
	o = client_next(&c);
	is(o, "error.code", "-32700");
	assert_null(get(o, "id"));
	json_object_put(o);
	client_send(&c, "[]\n\r\n\n{\"jsonrpc\":\"2.0\","
	    "\"method\":\"ping\"}\n");
	o = client_next(&c);
	is(o, "error.code", "-32600");
	json_object_put(o);
	assert_null(client_next(&c));	/* a notice has no answer */
	expect(&c, "ping", "{}", "result.instance", "test");
	client_close(&c);
}

static void
test_fin(void **state)
{
	struct client c = client_open(METHOD_VIEWER);
	struct json_object *o;
	unsigned i, seen = 0;

	(void)state;
	/* The last line lacks its end; both are answered, then it closes. */
	client_send(&c, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":"
	    "\"model.list\"}\n{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":"
	    "\"ping\"}");
	shutdown(c.fd, SHUT_WR);
	for (i = 0; i < 2; i++) {
		o = client_next(&c);
		assert_non_null(get(o, "result"));
		seen |= strcmp(json_object_get_string(get(o, "id")), "x") ==
		    0 ? 2 : 1;
		json_object_put(o);
	}
	assert_int_equal(seen, 3);
	assert_null(client_next(&c));
	assert_true(c.eof);
	assert_int_equal(h.control->npeers, 0);
	client_close(&c);
}

static void
test_long_line(void **state)
{
	struct client c = client_open(METHOD_VIEWER);
	char *big = xmalloc(65537);
	struct json_object *o;
	unsigned i;

	(void)state;
	memset(big, 'x', 65536);
	big[65536] = '\0';
	for (i = 0; i < 40; i++) {
		client_send(&c, big);
		help_turn();
	}
	client_send(&c, "\n");
	o = client_next(&c);
	is(o, "error.code", "-32001");
	json_object_put(o);
	assert_true(peer_bytes(TAILQ_FIRST(&h.control->peers)) < 200000);
	expect(&c, "ping", "{}", "result.instance", "test");
	free(big);
	client_close(&c);
}

/* The 65th call that waits is refused at once; fast ones are not. */
static void
test_lanes(void **state)
{
	struct client c = client_open(METHOD_ADMIN);
	struct json_object *o;

	(void)state;
	h.ws.hold = true;
	client_ask(&c, "config.reload", "{}");
	assert_null(client_next(&c));	/* not before the workers have it */
	assert_int_equal(TAILQ_FIRST(&h.control->peers)->ncalls, 1);
	TAILQ_FIRST(&h.control->peers)->ncalls = PEER_INFLIGHT;
	expect(&c, "status", "{}", "error.data.kind", "busy");
	expect(&c, "ping", "{}", "result.instance", "test");
	TAILQ_FIRST(&h.control->peers)->ncalls = 1;
	h.ws.hold = false;
	h.ws.done(h.ws.arg);
	o = client_next(&c);
	is(o, "result.applied", "true");
	json_object_put(o);
	client_close(&c);
}

static void
test_lists(void **state)
{
	struct client c = client_open(METHOD_VIEWER);
	struct json_object *o, *m;

	(void)state;
	h.backend_down = true;
	o = client_call(&c, "model.list", "{}");
	m = json_object_array_get_idx(get(o, "result.models"), 0);
	is(m, "model", "chat");
	is(m, "state", "down");
	is(m, "hint", "ollama serve  (on gpu1)");
	m = json_object_array_get_idx(get(o, "result.models"), 2);
	is(m, "state", "no_key");
	json_object_put(o);
	h.backend_down = false;
	o = client_call(&c, "model.list", "{\"refresh\":true}");
	m = json_object_array_get_idx(get(o, "result.models"), 0);
	is(m, "state", "ok");
	is(m, "ctx", "32768");
	m = json_object_array_get_idx(get(o, "result.models"), 1);
	is(m, "state", "down");		/* gpu2 has qwen3:8b only */
	is(m, "hint", "ollama pull coder:14b  (on gpu2)");
	json_object_put(o);
	o = client_call(&c, "status", "{}");
	is(o, "result.models.total", "3");
	is(o, "result.models.down", "1");
	m = json_object_array_get_idx(get(o, "result.not_ok"), 0);
	is(m, "model", "code");
	json_object_put(o);
	expect(&c, "model.list", "{\"model\":\"caht\"}", "error.data.kind",
	    "model_not_found");
	client_close(&c);
}

static void
test_route_set(void **state)
{
	struct client c = client_open(METHOD_OPERATOR);
	struct json_object *o;

	(void)state;
	o = client_call(&c, "route.set", "{\"model\":\"chat\",\"targets\":"
	    "[\"coder:14b@gpu2\"],\"if_rev\":1,\"reason\":\"fan\","
	    "\"idem\":\"k\"}");
	is(o, "result.rev", "2");
	is(o, "result.before.source", "config");
	is(o, "result.after.source", "runtime");
	assert_string_equal(json_object_get_string(json_object_array_get_idx(
	    get(o, "result.after.targets"), 0)), "coder:14b@gpu2");
	is(o, "result.undo", "1");
	json_object_put(o);
	/* The same again, by its key: no second change. */
	expect(&c, "route.set", "{\"model\":\"chat\",\"targets\":"
	    "[\"coder:14b@gpu2\"],\"if_rev\":1,\"idem\":\"k\"}",
	    "result.rev", "2");
	assert_int_equal(h.ws.published, 1);
	expect(&c, "route.set", "{\"model\":\"chat\",\"targets\":"
	    "[\"code\"],\"if_rev\":1}", "error.code", "-32009");
	expect(&c, "route.set", "{\"model\":\"chat\",\"targets\":"
	    "[\"x@gpu9\"]}", "error.data.field", "targets[0]");
	expect(&c, "route.set", "{\"model\":\"chat\",\"targets\":"
	    "[\"coder:14b@gpu2\"]}", "result.changed", "false");
	expect(&c, "route.set", "{\"model\":\"chat\",\"targets\":"
	    "[\"code\"],\"dry_run\":true}", "result.dry_run", "true");
	assert_int_equal(h.ws.published, 1);
	o = client_call(&c, "route.list", "{\"model\":\"chat\"}");
	is(json_object_array_get_idx(get(o, "result.routes"), 0), "who",
	    "dev-1 1000");
	is(json_object_array_get_idx(get(o, "result.routes"), 0), "why",
	    "fan");
	json_object_put(o);
	/* It survives a reload, also of a file that says other things. */
	expect(&c, "config.reload", "{}", "result.rev", "3");
	o = client_call(&c, "route.list", "{\"model\":\"chat\"}");
	is(json_object_array_get_idx(get(o, "result.routes"), 0), "source",
	    "runtime");
	json_object_put(o);
	/* What the file says ends it. */
	o = client_call(&c, "route.set", "{\"model\":\"chat\",\"targets\":"
	    "[\"qwen3:8b@gpu1\"]}");
	is(o, "result.after.source", "config");
	json_object_put(o);
	client_close(&c);
}

static void
test_reload(void **state)
{
	struct client c = client_open(METHOD_OPERATOR);
	struct json_object *o, *m;

	(void)state;
	help_write_config("model_list: [\n");
	o = client_call(&c, "config.reload", "{}");
	is(o, "error.data.kind", "config_invalid");
	is(o, "error.data.exit", "78");
	assert_true(json_object_array_length(get(o, "error.data.details")) >
	    0);
	json_object_put(o);
	assert_int_equal(change_conf(h.change)->rev, 1);
	assert_int_equal(h.ws.published, 0);
	/* A broken file does not keep a route from being changed. */
	expect(&c, "route.set", "{\"model\":\"chat\",\"targets\":"
	    "[\"code\"]}", "result.rev", "2");
	help_write_config("model_list:\n"
	    "  - model_name: chat\n"
	    "    litellm_params: {model: ollama/new, "
	    "api_base: \"http://gpu1:11434\"}\n");
	o = client_call(&c, "config.reload", "{\"dry_run\":true}");
	is(o, "result.applied", "false");
	m = json_object_array_get_idx(get(o, "result.changes"), 0);
	is(m, "op", "~");
	is(m, "what", "model");
	is(m, "name", "chat");
	assert_true(json_object_array_length(get(o, "result.changes")) >= 2);
	json_object_put(o);
	assert_int_equal(change_conf(h.change)->rev, 2);
	o = client_call(&c, "config.reload", "{}");
	is(o, "result.rev", "3");
	/* Its target is gone: the override went with it. */
	assert_int_equal(json_object_array_length(get(o,
	    "result.overrides_kept")), 0);
	assert_true(json_object_array_length(get(o, "result.warnings")) > 0);
	json_object_put(o);
	client_close(&c);
}

static void
test_test_run(void **state)
{
	struct client c = client_open(METHOD_OPERATOR);
	struct json_object *o;

	(void)state;
	client_ask(&c, "test.run", "{\"model\":\"chat\","
	    "\"prompt\":\"a\\\"b\"}");
	o = client_next(&c);
	is(o, "params.kind", "start");
	is(o, "params.backend", "gpu1");
	json_object_put(o);
	o = client_next(&c);
	is(o, "params.kind", "text");
	is(o, "params.text", "hello ");
	is(o, "params.id", "1");
	json_object_put(o);
	json_object_put(client_next(&c));
	o = client_next(&c);
	is(o, "result.ok", "true");
	is(o, "result.tokens_out", "5");
	is(o, "result.upstream", "qwen3:8b");
	json_object_put(o);
	buf_pad(&h.ws.body);
	assert_string_equal(h.ws.body.p, "{\"model\":\"chat\",\"messages\":["
	    "{\"role\":\"user\",\"content\":\"a\\\"b\"}],\"max_tokens\":64,"
	    "\"stream\":true}");
	/* upstream@backend goes by the deployment's id. */
	expect(&c, "test.run", "{\"model\":\"coder:14b@gpu2\"}",
	    "result.model", "coder:14b@gpu2");
	buf_pad(&h.ws.body);
	assert_non_null(strstr(h.ws.body.p, "\"model\":\"d-code\""));
	expect(&c, "test.run", "{\"model\":\"chta\"}", "error.data.kind",
	    "model_not_found");
	/* Tests count for nobody. */
	expect(&c, "status", "{}", "result.traffic.in_flight", "0");
	client_close(&c);
}

/* Text goes on with its reader: 64 KiB, then the exchange waits. */
static void
test_credit(void **state)
{
	struct client c = client_open(METHOD_OPERATOR);
	char *piece = xmalloc(10001);
	struct json_object *o;
	size_t got = 0;
	struct exchange *x;

	(void)state;
	memset(piece, 'y', 10000);
	piece[10000] = '\0';
	h.ws.text = piece;
	h.ws.times = 200;
	h.ws.hang = true;
	client_ask(&c, "test.run", "{\"model\":\"chat\"}");
	help_turn();
	x = h.ws.x;
	assert_non_null(x);
	assert_true(x->sink->ops->queued(x->sink) == SIZE_MAX);
	assert_int_equal(x->drained, 0);
	while (got < 2000000 && (o = client_next(&c)) != NULL) {
		if (strcmp(json_object_get_string(get(o, "params.kind")),
		    "text") == 0)
			got += (size_t)json_object_get_string_len(get(o,
			    "params.text"));
		json_object_put(o);
	}
	assert_int_equal(got, 2000000);
	help_turn();
	assert_int_equal(x->drained, 1);
	assert_int_equal(x->sink->ops->queued(x->sink), 0);
	/* cancel: the call ends, the exchange is gone. */
	expect(&c, "cancel", "{\"id\":1}", "result.cancelled", "true");
	help_turn();
	assert_null(h.ws.x);
	expect(&c, "cancel", "{\"id\":1}", "result.cancelled", "false");
	/* And a caller that leaves. */
	h.ws.times = 1;
	client_ask(&c, "test.run", "{\"model\":\"chat\"}");
	help_turn();
	assert_non_null(h.ws.x);
	client_close(&c);
	help_turn();
	assert_null(h.ws.x);
	assert_true(TAILQ_EMPTY(&h.control->tests));
	free(piece);
}

static void
test_subscribe(void **state)
{
	struct client c = client_open(METHOD_VIEWER), d;
	struct json_object *o;

	(void)state;
	help_record(0x100, RECORD_START, PHASE_CONNECT, 0, ERR_NONE);
	o = client_call(&c, "event.subscribe", "{\"topics\":[\"request\","
	    "\"state\"]}");
	is(o, "result.sub", "s1");
	is(o, "result.cursor", "test.1");
	is(o, "result.snapshot.requests_total", "1");
	is(json_object_array_get_idx(get(o, "result.snapshot.requests"), 0),
	    "id", "100");
	json_object_put(o);
	help_record(0x100, RECORD_FIRST, PHASE_STREAM, 0, ERR_NONE);
	help_record(0x100, RECORD_END, PHASE_DONE, 200, ERR_NONE);
	pump_run(h.pump);
	o = client_next(&c);
	is(o, "params.ev", "request.first");
	is(o, "params.c", "test.2");
	json_object_put(o);
	o = client_next(&c);
	is(o, "params.ev", "request.end");
	is(o, "params.status", "200");
	json_object_put(o);
	d = client_open(METHOD_OPERATOR);
	expect(&d, "route.set", "{\"model\":\"chat\",\"targets\":"
	    "[\"code\"]}", "result.rev", "2");
	o = client_next(&c);
	is(o, "params.ev", "route.changed");
	is(o, "params.who", "dev-1 1000");
	json_object_put(o);
	/* Resuming gives the same again, and no row twice. */
	expect(&d, "event.subscribe", "{\"topics\":[\"request\"],"
	    "\"after\":\"test.1\",\"snapshot\":false}", "result.resumed",
	    "true");
	o = client_next(&d);
	is(o, "params.c", "test.2");
	json_object_put(o);
	o = client_next(&d);
	is(o, "params.c", "test.3");
	json_object_put(o);
	assert_null(client_next(&d));
	expect(&d, "event.subscribe", "{\"topics\":[\"request\"],"
	    "\"after\":\"test.99\"}", "error.code", "-32010");
	expect(&d, "event.subscribe", "{\"topics\":[\"request\"],"
	    "\"after\":\"x\"}", "error.code", "-32602");
	expect(&d, "event.subscribe", "{\"topics\":[\"request\"],"
	    "\"text\":\"full\"}", "error.code", "-32011");
	expect(&d, "event.unsubscribe", "{\"sub\":\"s1\"}", "result.sent",
	    "2");
	client_close(&d);
	client_close(&c);
	assert_int_equal(h.control->nsubs, 0);
}

/* Many readers that do not read: the cap holds, and who reads again gets an
 * exact gap. */
static void
test_memory(void **state)
{
	struct client c[8];
	struct json_object *o;
	struct peer *p;
	int64_t events = 0, dropped = 0;
	size_t sum = 0;
	unsigned i;

	(void)state;
	for (i = 0; i < 8; i++) {
		c[i] = client_open(METHOD_VIEWER);
		expect(&c[i], "event.subscribe", "{\"topics\":[\"request\"],"
		    "\"buffer\":4194304,\"snapshot\":false}", "result.sub",
		    "s1");
	}
	for (i = 0; i < 20000; i++) {
		help_record((uint64_t)(i + 1) << 8, RECORD_END, PHASE_DONE,
		    200, ERR_NONE);
		if (i % 512 == 0)
			help_turn();
	}
	pump_run(h.pump);
	TAILQ_FOREACH(p, &h.control->peers, entry)
		sum += peer_bytes(p);
	assert_true(sum < CONTROL_MEMORY + 5 * 1024 * 1024);
	while ((o = client_next(&c[0])) != NULL) {
		if (strcmp(json_object_get_string(get(o, "method")),
		    "gap") == 0)
			dropped += json_object_get_int64(get(o,
			    "params.dropped"));
		else
			events++;
		json_object_put(o);
	}
	assert_int_equal(events + dropped, 20000);
	for (i = 0; i < 8; i++)
		client_close(&c[i]);
}

static void
test_requests(void **state)
{
	struct client c = client_open(METHOD_OPERATOR);
	struct json_object *o;
	unsigned i;

	(void)state;
	for (i = 1; i <= 300; i++)
		help_record((uint64_t)i << 8, RECORD_END, PHASE_DONE, 200,
		    ERR_NONE);
	o = client_call(&c, "request.list", "{\"state\":\"done\","
	    "\"limit\":256}");
	is(o, "result.total", "300");
	is(o, "result.next_offset", "256");
	is(json_object_array_get_idx(get(o, "result.requests"), 0), "id",
	    "12c00");
	json_object_put(o);
	o = client_call(&c, "request.list", "{\"state\":\"done\","
	    "\"limit\":256,\"offset\":256}");
	assert_int_equal(json_object_array_length(get(o,
	    "result.requests")), 44);
	assert_null(get(o, "result.next_offset"));
	json_object_put(o);
	expect(&c, "request.list", "{\"state\":\"all\",\"id\":"
	    "\"req_test_12C00\"}", "result.total", "1");
	expect(&c, "request.cancel", "{\"id\":\"12c00\"}",
	    "error.data.kind", "not_found");
	/* One in flight. */
	h.ws.hang = true;
	client_ask(&c, "test.run", "{\"model\":\"chat\"}");
	help_turn();
	assert_non_null(h.ws.x);
	expect(&c, "request.cancel", "{\"id\":\"100\"}", "error.data.kind",
	    "not_found");
	client_close(&c);
}

/* Time: who does not read is closed, who is idle too, who listens is not. */
static void
test_time(void **state)
{
	struct client c = client_open(METHOD_VIEWER);
	struct client d = client_open(METHOD_VIEWER);
	struct json_object *o;
	struct peer *p, *q;

	(void)state;
	expect(&d, "event.subscribe", "{\"topics\":[\"state\"]}",
	    "result.sub", "s1");
	p = TAILQ_FIRST(&h.control->peers);
	q = TAILQ_NEXT(p, entry);
	assert_true(peer_tick(p, clock_ms() + PEER_IDLE_MS - 1000));
	assert_false(peer_tick(p, clock_ms() + PEER_IDLE_MS + 1000));
	assert_null(client_next(&c));
	assert_true(c.eof);
	assert_true(peer_tick(q, clock_ms() + 10 * PEER_IDLE_MS));
	o = client_next(&d);
	is(o, "method", "ping");
	json_object_put(o);
	/* Output that nobody takes. */
	sub_queue_add(TAILQ_FIRST(&q->subs)->queue, 1, TOPIC_EV_LOG, 0,
	    SPAN_LIT("\"c\":\"test.1\"}"));
	assert_true(peer_tick(q, clock_ms() + PEER_STALL_MS - 1000));
	assert_false(peer_tick(q, clock_ms() + PEER_STALL_MS + 1000));
	assert_int_equal(h.control->npeers, 0);
	client_close(&c);
	client_close(&d);
}

int
main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_hello), T(test_errors), T(test_fin),
		T(test_long_line), T(test_lanes), T(test_lists),
		T(test_route_set), T(test_reload), T(test_test_run),
		T(test_credit), T(test_subscribe), T(test_memory),
		T(test_requests), T(test_time)
	};

	log_init(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_L_ERROR, true);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
