/* SPDX-License-Identifier: ISC */
#include "ctl/repl_pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "proto/rpc.h"

/* The first '|' or '>' outside of quotes, or NULL. */
static char *
repl_pipe_find(char *line)
{
	char quote = '\0';

	for (; *line != '\0'; line++) {
		if (quote != '\0') {
			if (*line == quote)
				quote = '\0';
			else if (*line == '\\' && quote == '"' &&
			    line[1] != '\0')
				line++;
		} else if (*line == '\'' || *line == '"')
			quote = *line;
		else if (*line == '\\' && line[1] != '\0')
			line++;
		else if (*line == '|' || *line == '>')
			return line;
	}
	return NULL;
}

/* The first word of s, in place; trailing blanks go. */
static char *
repl_pipe_word(char *s)
{
	s += strspn(s, " \t");
	s[strcspn(s, " \t\r\n")] = '\0';
	return s;
}

/* popen with Ctrl-C as the child expects it. */
static FILE *
repl_pipe_spawn(const char *command)
{
	sigset_t set, old;
	FILE *f;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_UNBLOCK, &set, &old);
	f = popen(command, "we");
	sigprocmask(SIG_SETMASK, &old, NULL);
	return f;
}

static int
repl_pipe_file(char *at, struct rpc_error *err)
{
	int append = at[1] == '>', fd;
	char *path = repl_pipe_word(at + 1 + append);

	if (*path == '\0') {
		rpc_error_set(err, ERR_USAGE, "'>' needs a file name");
		return -1;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC |
	    (append ? O_APPEND : O_TRUNC), 0666);
	if (fd < 0)
		rpc_error_set(err, ERR_IO, "cannot write %s: %s", path,
		    strerror(errno));
	return fd;
}

int
repl_pipe_open(struct repl_pipe *p, char *line, struct rpc_error *err)
{
	char *at = repl_pipe_find(line);
	int fd;

	p->child = NULL;
	p->saved = -1;
	if (at == NULL)
		return 0;
	if (*at == '|') {
		if ((p->child = repl_pipe_spawn(at + 1)) == NULL) {
			rpc_error_set(err, ERR_IO, "cannot run%s: %s", at + 1,
			    strerror(errno));
			return -1;
		}
		fd = fileno(p->child);
	} else if ((fd = repl_pipe_file(at, err)) < 0)
		return -1;
	*at = '\0';
	fflush(stdout);
	p->saved = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	dup2(fd, STDOUT_FILENO);
	if (p->child == NULL)
		close(fd);
	return 0;
}

void
repl_pipe_close(struct repl_pipe *p)
{
	if (p->saved < 0)
		return;
	fflush(stdout);
	dup2(p->saved, STDOUT_FILENO);
	close(p->saved);
	p->saved = -1;
	if (p->child != NULL)
		pclose(p->child);
	p->child = NULL;
}
