/* SPDX-License-Identifier: ISC */
/* The command line: llmd's own options and LiteLLM's. */
#ifndef LLMD_OPTIONS_H
#define LLMD_OPTIONS_H

#include <stdbool.h>

#include "conf/conf.h"

enum options_action {
	OPTIONS_RUN, OPTIONS_CHECK, OPTIONS_VERSION, OPTIONS_HELP
};

#define OPTIONS_HOSTS	16

struct options {
	enum options_action	 action;
	bool			 json;		/* with OPTIONS_CHECK */
	struct conf_options	 conf;
	const char		*hosts[OPTIONS_HOSTS];
};

/* Environment variables of LiteLLM (PORT, HOST, ...) fill what the line does
 * not give.  0, or the exit status after a message on stderr. */
int	 options_parse(struct options *o, int argc, char **argv,
	    const struct conf_env *env);
/* The text of --help, on stdout. */
void	 options_help(void);

#endif
