/* SPDX-License-Identifier: ISC */
#include "tui/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/errors.h"
#include "tui/view.h"

enum options_long {
	OPTIONS_VIEW = 256,
	OPTIONS_ASCII,
	OPTIONS_ONCE,
	OPTIONS_JSON,
	OPTIONS_FPS,
	OPTIONS_READONLY
};

static const struct option options_long[] = {
	{ "socket", required_argument, NULL, 's' },
	{ "view", required_argument, NULL, OPTIONS_VIEW },
	{ "ascii", no_argument, NULL, OPTIONS_ASCII },
	{ "once", no_argument, NULL, OPTIONS_ONCE },
	{ "json", no_argument, NULL, OPTIONS_JSON },
	{ "fps", required_argument, NULL, OPTIONS_FPS },
	{ "readonly", no_argument, NULL, OPTIONS_READONLY },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 }
};

static int
options_help(void)
{
	int i;

	fputs("usage: llmtop [-s PATH] [--view NAME] [--ascii] [--fps N] "
	    "[--readonly]\n"
	    "       llmtop --once [--json] [-s PATH]\n\n"
	    "A live view of llmd: requests, routes, models, logs.  "
	    "Press ? in it for its keys.\n\n"
	    "  -s, --socket PATH  control socket ($LLMCTL_SOCKET)\n"
	    "      --view NAME    begin with", stdout);
	for (i = 0; i < VIEW_COUNT; i++)
		printf("%s %s", i > 0 ? "," : "", views[i]->name);
	fputs("\n"
	    "      --ascii        draw with ASCII only\n"
	    "      --fps N        frames a second at most, 1..60 (10)\n"
	    "      --readonly     no key changes anything\n"
	    "      --once         print one table and leave; with --json "
	    "one object\n"
	    "  -h, --help         this text\n"
	    "  -V, --version      version\n\n"
	    "NO_COLOR is honoured; ESCDELAY too (25 ms).\n", stdout);
	return 0;
}

static int
options_wrong(const char *why)
{
	fputs("llmtop: ", stderr);
	fputs(why, stderr);
	fputs("\n  hint: llmtop --help\n", stderr);
	return error_rows[ERR_USAGE].exit;
}

static int
options_view_set(struct options *o, const char *name)
{
	int i;

	if ((o->view = view_find(name)) >= 0)
		return -1;
	fprintf(stderr, "llmtop: no view of that name\n  it is one of:");
	for (i = 0; i < VIEW_COUNT; i++)
		fprintf(stderr, " %s", views[i]->name);
	fputc('\n', stderr);
	return error_rows[ERR_USAGE].exit;
}

static int
options_fps_set(struct options *o, const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (*text == '\0' || *end != '\0' || n < 1 || n > 60)
		return options_wrong("--fps takes a number, 1 to 60");
	o->fps = (int)n;
	return -1;
}

/* One option; -1: go on. */
static int
options_take(struct options *o, int c)
{
	switch (c) {
	case 's':
		o->socket = optarg;
		return -1;
	case OPTIONS_VIEW:
		return options_view_set(o, optarg);
	case OPTIONS_ASCII:
		o->ascii = 1;
		return -1;
	case OPTIONS_ONCE:
		o->once = 1;
		return -1;
	case OPTIONS_JSON:
		o->json = 1;
		return -1;
	case OPTIONS_FPS:
		return options_fps_set(o, optarg);
	case OPTIONS_READONLY:
		o->readonly = 1;
		return -1;
	case 'h':
		return options_help();
	case 'V':
		puts("llmtop " LLMD_VERSION);
		return 0;
	default:		/* getopt has said what is wrong */
		fputs("  hint: llmtop --help\n", stderr);
		return error_rows[ERR_USAGE].exit;
	}
}

int
options_parse(struct options *o, int argc, char **argv)
{
	int c, rc;

	memset(o, 0, sizeof(*o));
	o->fps = 10;
	while ((c = getopt_long(argc, argv, "s:hV", options_long, NULL)) != -1)
		if ((rc = options_take(o, c)) >= 0)
			return rc;
	if (optind < argc)
		return options_wrong("llmtop takes no arguments; "
		    "to search, press / in it");
	if (o->json && !o->once)
		return options_wrong("--json goes with --once");
	return -1;
}
