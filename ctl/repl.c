/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * GNU readline is GPL-3.0-or-later, and so is an llmctl linked with it;
 * `make EDITLINE=libedit` takes the BSD library instead.  Only this file
 * includes either.
 */
#ifdef USE_LIBEDIT
#include <editline/readline.h>
#else
#include <readline/history.h>
#include <readline/readline.h>
#endif

#include "ctl/offline.h"
#include "ctl/repl_names.h"
#include "ctl/repl_pipe.h"
#include "ctl/run.h"
#include "proto/client.h"

/*
 * llmctl shell: the same parser, help and output as the command line.  The
 * loop polls the terminal, Ctrl-C (a signalfd) and the connection, so that a
 * lost llmd is noticed at the prompt.  Ctrl-C ends the running command or
 * clears the line, never the shell.  Not on a terminal: no prompt, a command
 * per line.
 */
#define REPL_HISTORY	5000
#define REPL_PROMPT_MS	200

struct repl {
	struct run		*run;
	struct repl_names	 names;
	char			*line;		/* from readline, or NULL */
	int			 done;		/* a line or the end came */
	char			**matches;	/* of the completion */
	size_t			 nmatches;
	size_t			 next;
};

/* readline's callbacks take no argument; set while repl_shell runs. */
static struct repl *repl_self;

static void
repl_match_add(const char *word, const char *help, void *arg)
{
	struct repl *s = arg;

	(void)help;
	s->matches = realloc(s->matches,
	    (s->nmatches + 1) * sizeof(*s->matches));
	if (s->matches == NULL ||
	    (s->matches[s->nmatches++] = strdup(word)) == NULL)
		abort();
}

static void
repl_matches_clear(struct repl *s)
{
	for (; s->next < s->nmatches; s->next++)
		free(s->matches[s->next]);
	free(s->matches);
	s->matches = NULL;
	s->nmatches = s->next = 0;
}

/* Gives readline one match after the other; it frees them. */
static char *
repl_match_next(const char *text, int state)
{
	(void)text;
	(void)state;
	if (repl_self->next >= repl_self->nmatches)
		return NULL;
	return repl_self->matches[repl_self->next++];
}

/* Leaves the optional "llmctl" of a pasted line out. */
static void
repl_skip_name(int *argc, char ***argv)
{
	if (*argc > 0 && strcmp((*argv)[0], "llmctl") == 0) {
		(*argc)--;
		(*argv)++;
	}
}

static char **
repl_complete(const char *text, int start, int end)
{
	struct repl *s = repl_self;
	struct rpc_error err;
	char *head, **argv, **words;
	int argc;

	(void)end;
	rl_attempted_completion_over = 1;
	if ((head = strndup(rl_line_buffer, (size_t)start)) == NULL)
		abort();
	rpc_error_init(&err);
	if (cmd_split(head, &words, &argc, &err) == 0) {
		argv = words;
		repl_skip_name(&argc, &argv);
		repl_matches_clear(s);
		cmd_complete(argc, argv, text, repl_names_emit, &s->names,
		    repl_match_add, s);
		cmd_split_free(words);
	}
	rpc_error_fini(&err);
	free(head);
	return rl_completion_matches(text, repl_match_next);
}

/* $XDG_STATE_HOME/llmctl/history, its folders made; the caller frees it. */
static char *
repl_history_path(void)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	char *path, *p;
	int rc;

	if (state != NULL && *state == '/')
		rc = asprintf(&path, "%s/llmctl/history", state);
	else if (home != NULL && *home == '/')
		rc = asprintf(&path, "%s/.local/state/llmctl/history", home);
	else
		return NULL;
	if (rc < 0)
		abort();
	for (p = strchr(path + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
		*p = '\0';
		(void)mkdir(path, 0700);
		*p = '/';
	}
	return path;
}

static void
repl_history_load(void)
{
	char *path = repl_history_path();

	using_history();
	stifle_history(REPL_HISTORY);
	if (path != NULL)
		read_history(path);
	free(path);
}

static void
repl_history_save(void)
{
	char *path = repl_history_path();
	mode_t mask = umask(077);

	if (path != NULL && write_history(path) == 0)
		(void)chmod(path, 0600);
	umask(mask);
	free(path);
}

/* Lines with a leading blank or a key stay out of the history. */
static void
repl_history_add(const char *line)
{
	if (*line != '\0' && *line != ' ' && strstr(line, "--key") == NULL &&
	    strstr(line, " sk-") == NULL)
		add_history(line);
}

/* Runs one line; -1: leave the shell, else the exit status. */
static int
repl_run(struct repl *s, char *line)
{
	struct run *r = s->run;
	struct repl_pipe out;
	char **words, **argv;
	int argc, rc = 0;

	rpc_error_fini(&r->err);
	if (repl_pipe_open(&out, line, &r->err) < 0 ||
	    cmd_split(line, &words, &argc, &r->err) < 0) {
		repl_pipe_close(&out);
		offline_error_print(&r->out, &r->err);
		return run_failed(r);
	}
	argv = words;
	repl_skip_name(&argc, &argv);
	if (argc > 0 && (strcmp(argv[0], "exit") == 0 ||
	    strcmp(argv[0], "quit") == 0))
		rc = -1;
	else if (argc > 0)
		rc = run_words(r, argc, argv);
	cmd_split_free(words);
	repl_pipe_close(&out);
	while (run_interrupted(r))
		;
	return rc;
}

/* "gpu-box 3/0> ": in flight and queued; "llmd down> ". */
static void
repl_prompt(struct repl *s, char *dst, size_t cap)
{
	struct run *r = s->run;
	struct json_object *st, *traffic;
	char host[64] = "llmd";
	int timeout_ms = r->timeout_ms;

	gethostname(host, sizeof(host) - 1);
	host[strcspn(host, ".")] = '\0';
	r->timeout_ms = REPL_PROMPT_MS;
	st = run_call(r, "status", NULL);
	r->timeout_ms = timeout_ms;
	traffic = run_get(st, "traffic");
	if (st != NULL)
		snprintf(dst, cap, "%s %lld/%lld> ", host,
		    (long long)run_int(traffic, "in_flight"),
		    (long long)run_int(traffic, "queued"));
	else
		snprintf(dst, cap, "%s> ", r->err.id == ERR_TIMEOUT ?
		    "llmd busy" : "llmd down");
	rpc_error_fini(&r->err);
	json_object_put(st);
}

static void
repl_line_cb(char *line)
{
	repl_self->line = line;
	repl_self->done = 1;
	rl_callback_handler_remove();
}

/* Notices that llmd has gone while nothing runs. */
static void
repl_watch_client(struct run *r)
{
	struct client_msg msg;

	if (client_poll(r->client, 0) >= 0) {
		while (client_next(r->client, &msg))
			;
		return;
	}
	run_disconnect(r);
	fputs("\n-- llmd went away\n", stderr);
	rl_on_new_line();
	rl_redisplay();
}

/* Ends the reading with an empty line: both libraries stand that. */
static void
repl_clear_line(struct repl *s)
{
	fputs("^C\n", stdout);
	fflush(stdout);
	rl_replace_line("", 0);
	rl_callback_handler_remove();
	if ((s->line = strdup("")) == NULL)
		abort();
	s->done = 1;
}

/* Reads a line with editing; NULL at the end (Ctrl-D). */
static char *
repl_read(struct repl *s)
{
	struct run *r = s->run;
	struct pollfd pfd[3];
	char prompt[96];

	repl_prompt(s, prompt, sizeof(prompt));
	s->line = NULL;
	s->done = 0;
	rl_callback_handler_install(prompt, repl_line_cb);
	while (!s->done) {
		pfd[0] = (struct pollfd){ .fd = STDIN_FILENO,
		    .events = POLLIN };
		pfd[1] = (struct pollfd){ .fd = r->signal_fd,
		    .events = POLLIN };
		pfd[2] = (struct pollfd){ .fd = r->client != NULL ?
		    client_fd(r->client) : -1, .events = POLLIN };
		if (poll(pfd, 3, -1) < 0) {
			if (errno != EINTR)
				break;
			continue;	/* a resize: readline sees to it */
		}
		if (pfd[1].revents != 0 && run_interrupted(r))
			repl_clear_line(s);
		if (!s->done && pfd[2].revents != 0)
			repl_watch_client(r);
		if (!s->done && pfd[0].revents != 0)
			rl_callback_read_char();
	}
	return s->line;
}

static void
repl_banner(struct run *r)
{
	const struct client_hello *h = client_hello_get(r->client);
	struct json_object *st = run_call(r, "status", NULL);
	size_t n = run_len(run_get(st, "not_ok"));
	char *server = out_escape(&r->out, h->server);
	char *role = out_escape(&r->out, h->role);

	printf("connected to %s (%s). 'help', Tab, Ctrl-D.", server, role);
	if (n > 0)
		printf("  %zu model%s not ok: status", n,
		    n == 1 ? " is" : "s are");
	putchar('\n');
	free(server);
	free(role);
	json_object_put(st);
	rpc_error_fini(&r->err);
}

static void
repl_readline_init(void)
{
	static char breaks[] = " \t\n\"'|>";

	rl_readline_name = (char *)(uintptr_t)"llmctl";
	rl_catch_signals = 0;
	rl_completer_word_break_characters = breaks;
	rl_attempted_completion_function = repl_complete;
}

static int
repl_interactive(struct repl *s)
{
	char *line;
	int rc = 0;

	repl_readline_init();
	repl_history_load();
	repl_banner(s->run);
	while (rc >= 0 && (line = repl_read(s)) != NULL) {
		repl_history_add(line);
		rc = repl_run(s, line);
		free(line);
		if (rc == RUN_EXIT_INTERRUPT)
			putchar('\n');
	}
	if (rc >= 0)
		putchar('\n');
	repl_history_save();
	return 0;
}

/* A command per line of stdin; the status is the last failure's. */
static int
repl_batch(struct repl *s, int stop_on_error)
{
	char *line = NULL;
	size_t cap = 0;
	int rc, failed = 0;

	while (getline(&line, &cap, stdin) >= 0) {
		if ((rc = repl_run(s, line)) < 0)
			break;
		if (rc > 0)
			failed = rc;
		if (rc > 0 && stop_on_error)
			break;
	}
	free(line);
	return failed;
}

int
repl_shell(struct run *r)
{
	const struct cmd_line *line = r->line;
	int stop = cmd_flag(line, "--exit-on-error") != NULL, rc;
	struct repl s = { .run = r };

	if (r->in_shell) {
		rpc_error_set(&r->err, ERR_USAGE, "this is the shell already");
		return run_failed(r);
	}
	if (run_connect(r) < 0)
		return run_failed(r);
	r->in_shell = 1;
	r->out.in_shell = 1;
	signal(SIGPIPE, SIG_IGN);
	run_catch_interrupt(r);
	repl_names_init(&s.names, r);
	repl_self = &s;
	if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
		rc = repl_interactive(&s);
	else
		rc = repl_batch(&s, stop);
	repl_self = NULL;
	repl_matches_clear(&s);
	repl_names_fini(&s.names);
	r->line = line;
	r->in_shell = 0;
	rpc_error_fini(&r->err);
	return rc;
}
