/* SPDX-License-Identifier: ISC */
#ifndef LLMD_PROTO_CMD_H
#define LLMD_PROTO_CMD_H

#include <stddef.h>
#include <stdint.h>

#include "proto/commands.h"

/*
 * The command language: parsing, usage and completion from the rows of
 * proto/commands.h, for llmctl's command line, its shell and llmtop's
 * palette.  Nothing here prints or talks to llmd.
 */
struct rpc_error;

#define CMD_ARGS_MAX	64
#define CMD_FLAGS_MAX	32

enum cmd_type {
	CMD_STR,
	CMD_INT,
	CMD_DUR,
	CMD_MODEL,
	CMD_TARGET,
	CMD_REQUEST,		/* "id" in a grammar */
	CMD_METHOD,
	CMD_JSON,
	CMD_COMMAND,
	CMD_PATH,
	CMD_CHOICE
};

struct cmd_row {
	const char	*words;
	const char	*args;
	const char	*method;
	const char	*help;
	const char	*example;
};
extern const struct cmd_row cmd_rows[];		/* by enum cmd_id */

struct cmd_value {
	size_t		 row;		/* parameter, or row of flags */
	const char	*text;		/* borrowed from argv; "" if none */
};

/* A parsed command line.  It borrows argv. */
struct cmd_line {
	int			 cmd;	/* enum cmd_id; -1: only flags */
	size_t			 nargs;
	size_t			 nflags;
	struct cmd_value	 args[CMD_ARGS_MAX];
	struct cmd_value	 flags[CMD_FLAGS_MAX];
};

/*
 * Parses words (without the program's name): flags before, between or after
 * the rest, "--" ends them.  0, or -1 and err (ERR_USAGE, or ERR_INVALID_JSON)
 * with candidates and a hint.  Arguments may be missing if --help or
 * --version is among the flags.  Command words are never abbreviated.
 */
int	cmd_parse(int argc, char *const *argv, struct cmd_line *,
	    struct rpc_error *err);

/* The nth value of an argument, or NULL. */
const char *cmd_arg(const struct cmd_line *, const char *name, size_t nth);
/* A flag's value by its long name ("" if it has none), NULL: not given. */
const char *cmd_flag(const struct cmd_line *, const char *name);
int64_t	cmd_flag_int(const struct cmd_line *, const char *name,
	    int64_t dflt);
int64_t	cmd_flag_ms(const struct cmd_line *, const char *name, int64_t dflt);

/* Finds the row whose words are these; -1: none. */
int	cmd_find(int argc, char *const *argv);

/*
 * Cuts a line into words as a shell does: blanks, '..', "..", backslash, and
 * '#' at a word's start begins a comment.  *argv (ended by NULL) goes to
 * cmd_split_free.  0, or -1 and err.
 */
int	cmd_split(const char *line, char ***argv, int *argc,
	    struct rpc_error *err);
void	cmd_split_free(char **argv);

/* Usage, flags and example of one command; the caller frees it. */
char	*cmd_help(int cmd, const char *program);
/* The list of commands, in groups, and how to go on; the caller frees it. */
char	*cmd_help_all(const char *program);
/* "route set MODEL TARGET..."; the caller frees it. */
char	*cmd_usage(int cmd);

typedef void (*cmd_emit_cb)(const char *word, const char *help, void *arg);
/* Emits live names of a type that begin with prefix; may do nothing. */
typedef void (*cmd_names_cb)(enum cmd_type, const char *prefix,
    cmd_emit_cb emit, void *emit_arg, void *arg);

/*
 * Emits what may stand in place of `partial` after the words of argv:
 * commands, flags, choices, methods, and live names through `names`.
 */
void	cmd_complete(int argc, char *const *argv, const char *partial,
	    cmd_names_cb names, void *names_arg, cmd_emit_cb emit,
	    void *emit_arg);

#endif
