/* SPDX-License-Identifier: ISC */
#include <locale.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "ctl/run.h"

/*
 * llmctl: one command and out.  proto/commands.h says what there is, run.c
 * how a command is run, show_*.c what each prints.
 */
int
main(int argc, char **argv)
{
	struct run r;
	int rc;

	setlocale(LC_CTYPE, "");
	tzset();
	memset(&r, 0, sizeof(r));
	r.signal_fd = -1;
	rc = run_words(&r, argc - 1, argv + 1);
	run_disconnect(&r);
	rpc_error_fini(&r.err);
	return rc;
}
