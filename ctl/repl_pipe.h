/* SPDX-License-Identifier: ISC */
#ifndef LLMD_CTL_REPL_PIPE_H
#define LLMD_CTL_REPL_PIPE_H

#include <stdio.h>

/*
 * "COMMAND | sh command" and "COMMAND > file" (">>" appends) in the shell:
 * stdout goes elsewhere for one command.
 */
struct rpc_error;

struct repl_pipe {
	FILE	*child;		/* of popen, or NULL */
	int	 saved;		/* the real stdout, or -1: nothing changed */
};

/*
 * Cuts the redirection off line, if there is one, and puts it into effect.
 * 0, or -1 and err with nothing changed.
 */
int	repl_pipe_open(struct repl_pipe *, char *line, struct rpc_error *err);
/* Gives stdout back and waits for the child. */
void	repl_pipe_close(struct repl_pipe *);

#endif
