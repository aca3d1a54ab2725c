/* SPDX-License-Identifier: ISC */
#ifndef LLMD_CTL_RUN_H
#define LLMD_CTL_RUN_H

#include <stdint.h>

#include "ctl/out.h"
#include "proto/cmd.h"
#include "proto/rpc.h"

/*
 * One command being run.  A handler reads r->line, talks through run_call,
 * prints to stdout in r->out's format and returns the exit status; on failure
 * it leaves the reason in r->err and returns run_failed(r).
 */
struct client;
struct json_object;

struct run {
	const struct cmd_line	*line;
	struct client		*client;	/* NULL: not connected */
	struct out		 out;
	struct rpc_error	 err;
	const char		*socket;	/* --socket, or NULL */
	int			 timeout_ms;
	int			 verbose;
	int			 in_shell;
	int			 may_ask;	/* stdin and stderr are a tty */
	int			 signal_fd;	/* readable: Ctrl-C; or -1 */
};

#define RUN_EXIT_NO		1	/* ran fine, the answer is no */
#define RUN_EXIT_INTERRUPT	130

/* Every handler of proto/commands.h. */
#define CMD_X(sym, words, args, method, handler, help, example)		\
	int handler(struct run *);
COMMANDS(CMD_X)
#undef CMD_X

/*
 * Runs one parsed command: options of the line, the handler, --watch, and
 * the error message.  Returns the exit status.
 */
int	run_command(struct run *, const struct cmd_line *);
/* Parses and runs words; the same. */
int	run_words(struct run *, int argc, char *const *argv);

/* Connects unless connected; 0, or -1 with r->err. */
int	run_connect(struct run *);
void	run_disconnect(struct run *);
/* Connects, calls, and gives the result (the caller puts it), or NULL. */
struct json_object *run_call(struct run *, const char *method,
	    struct json_object *params);
/* As run_call, and where the format is JSON prints it and gives NULL. */
struct json_object *run_show(struct run *, const char *method,
	    struct json_object *params);

/* The status that r->err stands for; 0 if there is no error. */
int	run_failed(const struct run *);
/* From here on Ctrl-C is a readable r->signal_fd instead of the end. */
void	run_catch_interrupt(struct run *);
void	run_release_interrupt(struct run *);
/* 1 once for each Ctrl-C that was caught. */
int	run_interrupted(struct run *);
/* Sleeps, unless interrupted: then 1. */
int	run_sleep(struct run *, int64_t ms);

/* Readers of results: a missing or null member gives "", NAN, 0 or NULL. */
const char *run_str(struct json_object *, const char *name);
double	run_num(struct json_object *, const char *name);
int64_t	run_int(struct json_object *, const char *name);
int	run_bool(struct json_object *, const char *name);
struct json_object *run_get(struct json_object *, const char *name);
size_t	run_len(struct json_object *array);
struct json_object *run_at(struct json_object *array, size_t i);

#endif
