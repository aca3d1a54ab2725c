/* SPDX-License-Identifier: ISC */
#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/show.h"
#include "proto/client.h"
#include "proto/text.h"

/*
 * llmctl tail: requests that llmd has kept, then, with -f, what comes.  The
 * subscription begins at the cursor of the list, so that no request is lost
 * or shown twice.  A lost connection is taken up again at the last cursor;
 * what could not be seen is said in a line that begins with "--" (stderr), or
 * in JSON as {"gap":...}.  Only Ctrl-C ends it.
 */
#define TAIL_PAGE	256
#define TAIL_LINES	10
#define TAIL_BACKOFF_MS	250
#define TAIL_BACKOFF_MAX 5000

struct tail {
	struct run	*run;
	char		*cursor;	/* of the last event seen, or NULL */
	char		*instance;	/* of the llmd that it belongs to */
	double		 began;
	double		 lost;		/* when the connection ended */
	long long	 shown;
	long long	 dropped;
	int		 requests;
	int		 logs;
};

static double
show_tail_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
show_tail_keep(char **where, const char *value)
{
	free(*where);
	if ((*where = strdup(value)) == NULL)
		abort();
}

/* text padded to so many columns, then two blanks. */
static void
show_tail_cell(struct run *r, const char *text, int width)
{
	char *safe = out_escape(&r->out, *text != '\0' ? text : "-");
	int pad = width - text_width(safe);

	printf("%s%*s  ", safe, pad > 0 ? pad : 0, "");
	free(safe);
}

static void
show_tail_status(struct run *r, double status)
{
	enum out_colour c = status >= 500 ? OUT_BAD :
	    status >= 400 ? OUT_WARN : OUT_GOOD;

	if (!isfinite(status)) {
		fputs("  -  ", stdout);
		return;
	}
	printf("%s%3.0f%s  ", out_on(&r->out, c), status, out_off(&r->out, c));
}

/* The end of the line: what was unusual. */
static void
show_tail_note(struct run *r, struct json_object *q)
{
	struct json_object *error = run_get(q, "error");
	const char *finish = run_str(q, "finish");
	int64_t attempts = run_int(q, "attempts");

	if (attempts > 1)
		printf("  %lld attempts", (long long)attempts);
	if (error != NULL) {
		show_text(&r->out, "  ", run_str(error, "code"), "");
		show_text(&r->out, ": ", run_str(error, "message"), "");
	} else if (*finish != '\0' && strcmp(finish, "stop") != 0)
		show_text(&r->out, "  finish=", finish, "");
}

static void
show_tail_request_plain(struct run *r, struct json_object *q, double t)
{
	static const char *const names[] =
	    { "total_ms", "ttft_ms", "tokens_in", "tokens_out", "tps" };
	double v;
	size_t i;

	printf("%.3f\t", t);
	show_text(&r->out, "", run_str(q, "id"), "");
	v = run_num(q, "status");
	printf(isfinite(v) ? "\t%.0f" : "\t-", v);
	show_text(&r->out, "\t", run_str(q, "model"), "");
	show_text(&r->out, "\t", run_str(q, "upstream"), "@");
	show_text(&r->out, "", run_str(q, "backend"), "");
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		v = run_num(q, names[i]);
		printf(isfinite(v) ? "\t%.3f" : "\t-", v);
	}
	show_text(&r->out, "\t", run_str(run_get(q, "error"), "code"), "");
	putchar('\n');
}

static void
show_tail_request(struct tail *tail, struct json_object *q, double t)
{
	struct run *r = tail->run;
	char clock[32], num[TEXT_NUM_MAX], target[512] = "";
	const char *upstream = run_str(q, "upstream");
	double ttft = run_num(q, "ttft_ms"), tps = run_num(q, "tps");

	tail->shown++;
	if (r->out.format == OUT_PLAIN) {
		show_tail_request_plain(r, q, t);
		return;
	}
	if (*upstream != '\0')
		snprintf(target, sizeof(target), "%s@%s", upstream,
		    run_str(q, "backend"));
	out_clock(&r->out, t, clock, sizeof(clock));
	printf("%s  ", clock);
	show_tail_cell(r, run_str(q, "id"), 5);
	show_tail_status(r, run_num(q, "status"));
	show_tail_cell(r, run_str(q, "model"), 14);
	show_tail_cell(r, target, 21);
	show_tail_cell(r, run_str(q, "key"), 6);
	printf("%6s", text_duration(num, sizeof(num), run_num(q, "total_ms")));
	if (isfinite(ttft))
		printf("  ttft %s", text_duration(num, sizeof(num), ttft));
	if (isfinite(tps))
		printf("  %.1f tok/s", tps);
	show_tail_note(r, q);
	putchar('\n');
}

static void
show_tail_log(struct tail *tail, struct json_object *e)
{
	struct run *r = tail->run;
	const char *level = run_str(e, "level");
	enum out_colour c = strcmp(level, "error") == 0 ? OUT_BAD :
	    strcmp(level, "warn") == 0 ? OUT_WARN : OUT_DEFAULT;
	char clock[32];

	tail->shown++;
	out_clock(&r->out, run_num(e, "t"), clock, sizeof(clock));
	printf("%s%s", clock, r->out.format == OUT_PLAIN ? "\t" : "  ");
	fputs(out_on(&r->out, c), stdout);
	show_tail_cell(r, level, 5);
	fputs(out_off(&r->out, c), stdout);
	show_tail_cell(r, run_str(e, "module"), 8);
	show_text(&r->out, "", run_str(e, "msg"), "");
	putchar('\n');
}

static void
show_tail_event(struct tail *tail, struct json_object *e)
{
	const char *ev = run_str(e, "ev");
	int request = strcmp(ev, "request.end") == 0;

	if (*run_str(e, "c") != '\0')
		show_tail_keep(&tail->cursor, run_str(e, "c"));
	if (!request && strcmp(ev, "log") != 0)
		return;
	if (tail->run->out.format >= OUT_JSON) {
		tail->shown++;
		out_json_line(&tail->run->out, stdout, e);
	} else if (request)
		show_tail_request(tail, e, run_num(e, "t"));
	else
		show_tail_log(tail, e);
	out_flush(&tail->run->out);
}

/* {"gap":{"why":...}} for programs; people get a line on stderr. */
static void
show_tail_gap_json(struct tail *tail, struct json_object *gap)
{
	struct json_object *o = json_object_new_object();
	struct out all = tail->run->out;

	all.fields = NULL;
	json_object_object_add(o, "gap", json_object_get(gap));
	out_json_line(&all, stdout, o);
	json_object_put(o);
}

static void
show_tail_gap(struct tail *tail, struct json_object *gap)
{
	int64_t dropped = run_int(gap, "dropped");
	char n[TEXT_NUM_MAX];

	tail->dropped += dropped;
	if (tail->run->out.format >= OUT_JSON) {
		show_tail_gap_json(tail, gap);
		return;
	}
	fprintf(stderr, "-- %s events dropped here (%s)\n",
	    text_count(n, sizeof(n), dropped),
	    strcmp(run_str(gap, "why"), "slow_reader") == 0 ?
	    "reader too slow" : "llmd was short of memory");
}

/* Says what happened to the connection: "restarted", "resumed", "expired". */
static void
show_tail_mark(struct tail *tail, const char *why, const char *text)
{
	struct json_object *gap;

	if (tail->run->out.format < OUT_JSON) {
		if (!tail->run->out.quiet)
			fprintf(stderr, "-- %s\n", text);
		return;
	}
	gap = show_params("why", why);
	show_tail_gap_json(tail, gap);
	json_object_put(gap);
}

/* Up to n finished requests, newest first, and the cursor they are true at. */
static struct json_object *
show_tail_fetch(struct tail *tail, int64_t n)
{
	struct json_object *all = json_object_new_array(), *params, *page;
	struct json_object *rows;
	double offset = 0;
	size_t i;

	do {
		params = show_params("state", "done");
		json_object_object_add(params, "limit", json_object_new_int64(
		    n < 1 ? 1 : n > TAIL_PAGE ? TAIL_PAGE : n));
		json_object_object_add(params, "offset",
		    json_object_new_int64((int64_t)offset));
		page = run_call(tail->run, "request.list", params);
		if (page == NULL) {
			json_object_put(all);
			return NULL;
		}
		rows = run_get(page, "requests");
		for (i = 0; i < run_len(rows) && n > 0; i++, n--)
			json_object_array_add(all,
			    json_object_get(run_at(rows, i)));
		if (offset == 0)
			show_tail_keep(&tail->cursor,
			    run_str(page, "cursor"));
		offset = run_num(page, "next_offset");
		json_object_put(page);
	} while (n > 0 && isfinite(offset) && offset > 0);
	return all;
}

/* Prints the last n finished requests; 0, or -1 with run->err. */
static int
show_tail_history(struct tail *tail, int64_t n)
{
	struct json_object *rows = show_tail_fetch(tail, n), *q;
	struct run *r = tail->run;
	double t;
	size_t i;

	if (rows == NULL)
		return -1;
	for (i = run_len(rows); i-- > 0;) {
		q = run_at(rows, i);
		t = out_time_parse(run_str(q, "started")) +
		    run_num(q, "total_ms") / 1000;
		if (r->out.format >= OUT_JSON) {
			tail->shown++;
			json_object_object_add(q, "ev",
			    json_object_new_string("request.end"));
			out_json_line(&r->out, stdout, q);
		} else
			show_tail_request(tail, q, t);
	}
	json_object_put(rows);
	out_flush(&r->out);
	return 0;
}

static struct json_object *
show_tail_params(const struct tail *tail, const char *after)
{
	struct json_object *p = show_params("after", after);
	struct json_object *topics = json_object_new_array();

	if (tail->requests)
		json_object_array_add(topics,
		    json_object_new_string("request"));
	if (tail->logs)
		json_object_array_add(topics, json_object_new_string("log"));
	json_object_object_add(p, "topics", topics);
	json_object_object_add(p, "snapshot", json_object_new_boolean(0));
	/* Progress is not shown here. */
	json_object_object_add(p, "rate_hz", rpc_number(0.1, 1));
	return p;
}

/* Subscribes at tail->cursor, or from now where that is too old. */
static int
show_tail_subscribe(struct tail *tail)
{
	struct run *r = tail->run;
	struct json_object *res;

	res = run_call(r, "event.subscribe",
	    show_tail_params(tail, tail->cursor));
	if (res == NULL && r->err.id == ERR_CURSOR) {
		rpc_error_fini(&r->err);
		show_tail_mark(tail, "cursor_expired",
		    "events were lost here: llmd no longer has them");
		res = run_call(r, "event.subscribe",
		    show_tail_params(tail, NULL));
	}
	if (res == NULL)
		return -1;
	if (tail->cursor == NULL)
		show_tail_keep(&tail->cursor, run_str(res, "cursor"));
	show_tail_keep(&tail->instance,
	    client_hello_get(r->client)->instance);
	json_object_put(res);
	return 0;
}

/* After a new connection: goes on where it was, or says what is missing. */
static int
show_tail_resume(struct tail *tail)
{
	struct run *r = tail->run;
	char text[160], clock[32], after[TEXT_NUM_MAX];

	text_duration(after, sizeof(after),
	    (show_tail_now() - tail->lost) * 1000);
	out_clock(&r->out, tail->lost, clock, sizeof(clock));
	if (strcmp(client_hello_get(r->client)->instance,
	    tail->instance) == 0) {
		snprintf(text, sizeof(text), "connected again after %s",
		    after);
		show_tail_mark(tail, "resumed", text);
		return show_tail_subscribe(tail);
	}
	snprintf(text, sizeof(text), "llmd restarted %.8s, back after %s; "
	    "what it did in between was not seen", clock, after);
	show_tail_mark(tail, "restarted", text);
	free(tail->cursor);
	tail->cursor = NULL;
	if (tail->requests && show_tail_history(tail, TAIL_PAGE) < 0)
		return -1;
	return show_tail_subscribe(tail);
}

/* Errors that waiting does not cure. */
static int
show_tail_is_final(const struct rpc_error *err)
{
	return err->id == ERR_SOCKET_DENIED || err->id == ERR_PROTOCOL ||
	    err->id == ERR_PERMISSION || err->id == ERR_USAGE;
}

/* Connects again, however long it takes; 1: interrupted; -1: cannot. */
static int
show_tail_reconnect(struct tail *tail)
{
	struct run *r = tail->run;
	int64_t wait_ms = TAIL_BACKOFF_MS;

	tail->lost = show_tail_now();
	run_disconnect(r);
	if (!r->out.quiet && r->out.format < OUT_JSON)
		fputs("-- llmd went away; reconnecting\n", stderr);
	for (;;) {
		rpc_error_fini(&r->err);
		if (run_sleep(r, wait_ms))
			return 1;
		if (run_connect(r) == 0 && show_tail_resume(tail) == 0)
			return 0;
		if (show_tail_is_final(&r->err))
			return -1;
		if (run_interrupted(r))
			return 1;
		run_disconnect(r);
		if ((wait_ms *= 2) > TAIL_BACKOFF_MAX)
			wait_ms = TAIL_BACKOFF_MAX;
	}
}

static void
show_tail_summary(struct tail *tail)
{
	char age[TEXT_NUM_MAX], shown[TEXT_NUM_MAX], lost[TEXT_NUM_MAX];

	if (tail->run->out.quiet || tail->run->out.format >= OUT_JSON)
		return;
	fprintf(stderr, "%s-- %s, %s shown, %s dropped\n",
	    tail->run->out.tty ? "\n" : "",
	    text_duration(age, sizeof(age),
	    (show_tail_now() - tail->began) * 1000),
	    text_count(shown, sizeof(shown), tail->shown),
	    text_count(lost, sizeof(lost), tail->dropped));
}

/* Shows what comes until Ctrl-C (the status) or an error. */
static int
show_tail_follow(struct tail *tail)
{
	struct run *r = tail->run;
	struct client_msg msg;
	int rc;

	for (;;) {
		if (client_poll(r->client, -1) < 0) {
			rc = show_tail_reconnect(tail);
			if (rc < 0)
				return run_failed(r);
			if (rc > 0)
				break;
			continue;
		}
		while (client_next(r->client, &msg)) {
			if (msg.kind != CLIENT_MSG_NOTICE)
				continue;
			if (strcmp(msg.method, "event") == 0)
				show_tail_event(tail, msg.body);
			else if (strcmp(msg.method, "gap") == 0)
				show_tail_gap(tail, msg.body);
		}
		if (run_interrupted(r))
			break;
	}
	rpc_error_fini(&r->err);
	show_tail_summary(tail);
	run_disconnect(r);
	return RUN_EXIT_INTERRUPT;
}

/* Reads --requests, --logs and -f; 0, or -1 with run->err. */
static int
show_tail_options(struct tail *tail, int follow)
{
	struct run *r = tail->run;

	tail->requests = cmd_flag(r->line, "--requests") != NULL;
	tail->logs = cmd_flag(r->line, "--logs") != NULL;
	if (!tail->requests && !tail->logs)
		tail->requests = tail->logs = 1;
	if (follow || tail->requests)
		return 0;
	rpc_error_set(&r->err, ERR_USAGE,
	    "llmd keeps finished requests, but no log lines");
	rpc_error_hint(&r->err, "llmctl tail -f --logs");
	return -1;
}

int
show_tail(struct run *r)
{
	struct tail tail = { .run = r, .began = show_tail_now() };
	int follow = cmd_flag(r->line, "--follow") != NULL, rc;

	if (show_tail_options(&tail, follow) < 0)
		return run_failed(r);
	if (follow)
		run_catch_interrupt(r);
	rc = tail.requests ? show_tail_history(&tail,
	    cmd_flag_int(r->line, "--lines", TAIL_LINES)) : 0;
	if (rc == 0 && follow && show_tail_subscribe(&tail) == 0)
		rc = show_tail_follow(&tail);
	else if (rc == 0 && !follow && tail.shown == 0 &&
	    r->out.format == OUT_TABLE && !r->out.quiet)
		fputs("-- no finished requests yet.  Try: llmctl tail -f\n",
		    stderr);
	free(tail.cursor);
	free(tail.instance);
	return r->err.kind != NULL ? run_failed(r) : rc < 0 ? 0 : rc;
}
