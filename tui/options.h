/* SPDX-License-Identifier: ISC */
#ifndef LLMD_TUI_OPTIONS_H
#define LLMD_TUI_OPTIONS_H

/* llmtop's command line. */
struct options {
	const char	*socket;	/* NULL: search */
	int		 view;		/* enum view_id */
	int		 fps;		/* 1..60 */
	int		 ascii;
	int		 once;
	int		 json;
	int		 readonly;
};

/*
 * Reads argv.  -1: go on; else the exit status, everything having been
 * printed.
 */
int	options_parse(struct options *, int argc, char **argv);

#endif
