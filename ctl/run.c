/* SPDX-License-Identifier: ISC */
#include "ctl/run.h"

#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "ctl/offline.h"
#include "proto/client.h"
#include "proto/text.h"

#define RUN_TIMEOUT_MS	10000
#define RUN_WATCH_MS	2000

static int (*const run_handlers[])(struct run *) = {
#define CMD_X(sym, words, args, method, handler, help, example)		\
	[CMD_##sym] = handler,
	COMMANDS(CMD_X)
#undef CMD_X
};

int
run_failed(const struct run *r)
{
	if (r->err.kind == NULL)
		return 0;
	return r->err.exit != 0 ? r->err.exit : error_rows[ERR_INTERNAL].exit;
}

int
run_connect(struct run *r)
{
	struct client_options o = { .path = r->socket,
	    .name = "llmctl/" LLMD_VERSION, .timeout_ms = r->timeout_ms };

	if (r->client == NULL)
		r->client = client_open(&o, &r->err);
	if (r->client == NULL)
		return -1;
	client_on_interrupt(r->client, r->signal_fd);
	return 0;
}

void
run_disconnect(struct run *r)
{
	client_close(r->client);
	r->client = NULL;
}

struct json_object *
run_call(struct run *r, const char *method, struct json_object *params)
{
	struct json_object *result;

	if (run_connect(r) < 0) {
		json_object_put(params);
		return NULL;
	}
	if (client_call(r->client, method, params, r->timeout_ms, &result,
	    &r->err) < 0) {
		if (r->err.id == ERR_CONNECTION_LOST)
			run_disconnect(r);
		if (r->err.id == ERR_RPC_METHOD && r->err.hint == NULL)
			rpc_error_hint(&r->err, "this is llmctl %s, the "
			    "other end is %s: use one release", LLMD_VERSION,
			    client_hello_get(r->client)->server);
		return NULL;
	}
	if (result == NULL)
		rpc_error_set(&r->err, ERR_INTERNAL, "%s: empty answer",
		    method);
	return result;
}

struct json_object *
run_show(struct run *r, const char *method, struct json_object *params)
{
	struct json_object *result = run_call(r, method, params);
	int row = rpc_method_find(method);

	if (result == NULL || r->out.format < OUT_JSON)
		return result;
	out_json(&r->out, method, row >= 0 ? rpc_methods[row].list : "",
	    result, client_hello_get(r->client)->rev, &r->err);
	json_object_put(result);
	return NULL;
}

void
run_catch_interrupt(struct run *r)
{
	sigset_t set;

	if (r->signal_fd >= 0)
		return;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	r->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (r->client != NULL)
		client_on_interrupt(r->client, r->signal_fd);
}

void
run_release_interrupt(struct run *r)
{
	sigset_t set;

	if (r->signal_fd < 0)
		return;
	if (r->client != NULL)
		client_on_interrupt(r->client, -1);
	close(r->signal_fd);
	r->signal_fd = -1;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

int
run_interrupted(struct run *r)
{
	struct signalfd_siginfo info;

	return r->signal_fd >= 0 &&
	    read(r->signal_fd, &info, sizeof(info)) == sizeof(info);
}

int
run_sleep(struct run *r, int64_t ms)
{
	struct pollfd pfd = { .fd = r->signal_fd, .events = POLLIN };

	poll(&pfd, 1, ms > 1000000000 ? 1000000000 : (int)ms);
	return run_interrupted(r);
}

/* $LLMCTL_OUTPUT, --output and --json, the later over the earlier. */
static int
run_format_set(struct run *r, const struct cmd_line *line)
{
	static const char *const names[] = {
		[OUT_TABLE] = "table", [OUT_PLAIN] = "plain",
		[OUT_JSON] = "json", [OUT_JSONL] = "jsonl",
	};
	const char *v = cmd_flag(line, "--output"), *json;
	size_t i;

	if (v == NULL)
		v = getenv("LLMCTL_OUTPUT");
	if (v == NULL || *v == '\0')
		v = names[OUT_TABLE];
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(v, names[i]) == 0)
			break;
	if (i == sizeof(names) / sizeof(names[0])) {
		rpc_error_set(&r->err, ERR_USAGE,
		    "$LLMCTL_OUTPUT must be table, plain, json or jsonl");
		return -1;
	}
	r->out.format = (enum out_format)i;
	if ((json = cmd_flag(line, "--json")) != NULL) {
		if (r->out.format != OUT_JSONL)
			r->out.format = OUT_JSON;
		r->out.fields = json;
	}
	return 0;
}

static int
run_timeout_set(struct run *r, const struct cmd_line *line)
{
	const char *env = getenv("LLMCTL_TIMEOUT");
	int64_t ms = RUN_TIMEOUT_MS;

	if (env != NULL && *env != '\0' &&
	    (ms = text_duration_parse(env)) < 0) {
		rpc_error_set(&r->err, ERR_USAGE,
		    "$LLMCTL_TIMEOUT must be a time such as 10s");
		return -1;
	}
	ms = cmd_flag_ms(line, "--timeout", ms);
	r->timeout_ms = ms < 1 ? 1 : ms > 86400000 ? 86400000 : (int)ms;
	return 0;
}

/* Takes the flags that every command has. */
static int
run_options_set(struct run *r, const struct cmd_line *line)
{
	r->line = line;
	out_init(&r->out, cmd_flag(line, "--color"));
	r->out.quiet = cmd_flag(line, "--quiet") != NULL;
	r->out.utc = cmd_flag(line, "--utc") != NULL;
	r->verbose = cmd_flag(line, "--verbose") != NULL;
	r->may_ask = cmd_flag(line, "--no-input") == NULL &&
	    isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
	r->out.in_shell = r->in_shell;
	if (r->in_shell && cmd_flag(line, "--socket") != NULL) {
		rpc_error_set(&r->err, ERR_USAGE,
		    "the shell keeps to its socket");
		rpc_error_hint(&r->err,
		    "leave it, then: llmctl --socket PATH shell");
		return -1;
	}
	if (!r->in_shell)
		r->socket = cmd_flag(line, "--socket");
	if (run_format_set(r, line) < 0)
		return -1;
	return run_timeout_set(r, line);
}

/* Commands whose output may be repeated. */
static int
run_may_watch(int cmd)
{
	return cmd == CMD_STATUS || cmd == CMD_MODELS || cmd == CMD_PS ||
	    cmd == CMD_ROUTES;
}

static int
run_watch(struct run *r, int64_t every_ms)
{
	int rc;

	run_catch_interrupt(r);
	for (;;) {
		if (r->out.format == OUT_TABLE && r->out.tty)
			fputs("\033[H\033[2J", stdout);
		rc = run_handlers[r->line->cmd](r);
		out_flush(&r->out);
		if (r->err.kind != NULL)
			break;
		if (run_sleep(r, every_ms)) {
			rc = RUN_EXIT_INTERRUPT;
			break;
		}
		if (r->out.format == OUT_TABLE && !r->out.tty)
			putchar('\n');
	}
	if (!r->in_shell)
		run_release_interrupt(r);
	return rc;
}

static int
run_dispatch(struct run *r, const struct cmd_line *line)
{
	int64_t every_ms;

	if (run_options_set(r, line) < 0)
		return run_failed(r);
	if (cmd_flag(line, "--help") != NULL)
		return offline_help_print(line->cmd);
	if (cmd_flag(line, "--version") != NULL)
		return offline_version_print();
	if (line->cmd < 0)
		return offline_help_print(-1);
	if (cmd_flag(line, "--watch") == NULL)
		return run_handlers[line->cmd](r);
	if (!run_may_watch(line->cmd)) {
		rpc_error_set(&r->err, ERR_USAGE,
		    "'%s' cannot be repeated with --watch",
		    cmd_rows[line->cmd].words);
		rpc_error_hint(&r->err, "llmctl help %s",
		    cmd_rows[line->cmd].words);
		return run_failed(r);
	}
	every_ms = cmd_flag_ms(line, "--watch", RUN_WATCH_MS);
	return run_watch(r, every_ms < 100 ? 100 : every_ms);
}

int
run_command(struct run *r, const struct cmd_line *line)
{
	int rc;

	rpc_error_fini(&r->err);
	rc = run_dispatch(r, line);
	out_flush(&r->out);
	if (r->err.id == ERR_CANCELLED && run_interrupted(r)) {
		rpc_error_fini(&r->err);
		rc = RUN_EXIT_INTERRUPT;
	}
	if (r->err.kind != NULL) {
		offline_error_print(&r->out, &r->err);
		rc = run_failed(r);
	}
	return rc;
}

int
run_words(struct run *r, int argc, char *const *argv)
{
	struct cmd_line line;
	int i;

	rpc_error_fini(&r->err);
	if (cmd_parse(argc, argv, &line, &r->err) == 0)
		return run_command(r, &line);
	out_init(&r->out, NULL);
	for (i = 0; i < argc; i++)
		if (strncmp(argv[i], "--json", 6) == 0)
			r->out.format = OUT_JSON;
	offline_error_print(&r->out, &r->err);
	return run_failed(r);
}

struct json_object *
run_get(struct json_object *o, const char *name)
{
	struct json_object *v = NULL;

	if (json_object_is_type(o, json_type_object))
		json_object_object_get_ex(o, name, &v);
	return v;
}

const char *
run_str(struct json_object *o, const char *name)
{
	struct json_object *v = run_get(o, name);

	return json_object_is_type(v, json_type_string) ?
	    json_object_get_string(v) : "";
}

double
run_num(struct json_object *o, const char *name)
{
	struct json_object *v = run_get(o, name);

	return json_object_is_type(v, json_type_int) ||
	    json_object_is_type(v, json_type_double) ?
	    json_object_get_double(v) : NAN;
}

int64_t
run_int(struct json_object *o, const char *name)
{
	return rpc_param_int(json_object_is_type(o, json_type_object) ?
	    o : NULL, name, 0);
}

int
run_bool(struct json_object *o, const char *name)
{
	return json_object_get_boolean(run_get(o, name));
}

size_t
run_len(struct json_object *array)
{
	return json_object_is_type(array, json_type_array) ?
	    json_object_array_length(array) : 0;
}

struct json_object *
run_at(struct json_object *array, size_t i)
{
	return json_object_array_get_idx(array, i);
}
