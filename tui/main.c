/* SPDX-License-Identifier: ISC */
#include <locale.h>
#include <time.h>

#include "tui/app.h"
#include "tui/once.h"

/*
 * llmtop: a live view of llmd.  tui/app.c is the loop, tui/model.c what it
 * knows, tui/view_*.c what it shows, tui/bindings.h the keys.
 */
int
main(int argc, char **argv)
{
	struct options o;
	int rc;

	setlocale(LC_CTYPE, "");
	tzset();
	if ((rc = options_parse(&o, argc, argv)) >= 0)
		return rc;
	return o.once ? once_run(&o) : app_run(&o);
}
