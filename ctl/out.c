/* SPDX-License-Identifier: ISC */
#include "ctl/out.h"

#include <errno.h>
#include <json-c/json.h>
#include <langinfo.h>
#include <math.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "proto/rpc.h"
#include "proto/text.h"

#define OUT_EXIT_PIPE	141
#define OUT_WIDTH_MAX	1000

/* 1 if the variable is set to something that means yes. */
static int
out_env_on(const char *name)
{
	const char *v = getenv(name);

	return v != NULL && *v != '\0' && strcmp(v, "0") != 0;
}

static int
out_want_colour(const struct out *o, const char *flag)
{
	const char *v, *term = getenv("TERM");

	if (flag != NULL && strcmp(flag, "auto") != 0)
		return strcmp(flag, "always") == 0;
	v = getenv("NO_COLOR");
	if (v != NULL && *v != '\0')
		return 0;
	if (out_env_on("CLICOLOR_FORCE") || out_env_on("FORCE_COLOR"))
		return 1;
	return o->tty && term != NULL && *term != '\0' &&
	    strcmp(term, "dumb") != 0;
}

static int
out_terminal_width(void)
{
	const char *v = getenv("COLUMNS");
	struct winsize ws;
	long n;

	if (v != NULL && (n = strtol(v, NULL, 10)) > 0 && n <= OUT_WIDTH_MAX)
		return (int)n;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col > 0)
		return ws.ws_col;
	return 80;
}

void
out_init(struct out *o, const char *colour_flag)
{
	memset(o, 0, sizeof(*o));
	o->tty = isatty(STDOUT_FILENO);
	o->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	o->colour = out_want_colour(o, colour_flag);
	o->columns = o->tty ? out_terminal_width() : 0;
}

void
out_flush(const struct out *o)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return;
	if (o->in_shell) {
		__fpurge(stdout);
		clearerr(stdout);
		return;
	}
	if (errno == EPIPE)
		_exit(OUT_EXIT_PIPE);
	fprintf(stderr, "llmctl: cannot write the output: %s\n",
	    errno != 0 ? strerror(errno) : "error");
	_exit(error_rows[ERR_IO].exit);
}

char *
out_escape(const struct out *o, const char *s)
{
	size_t len = strlen(s), cap = TEXT_ESCAPE_MAX(len);
	char *dst = malloc(cap);

	if (dst == NULL)
		abort();
	text_escape(dst, cap, s, len, o->utf8 ? 0 : TEXT_ASCII);
	return dst;
}

void
out_escape_lines(const struct out *o, FILE *f, const char *s)
{
	size_t len = strlen(s), cap = TEXT_ESCAPE_MAX(len);
	char *dst = malloc(cap);

	if (dst == NULL)
		abort();
	text_escape(dst, cap, s, len,
	    TEXT_LINES | (o->utf8 ? 0 : TEXT_ASCII));
	fputs(dst, f);
	free(dst);
}

const char *
out_on(const struct out *o, enum out_colour c)
{
	static const char *const codes[] = {
		[OUT_DEFAULT] = "", [OUT_GOOD] = "\033[32m",
		[OUT_WARN] = "\033[33m", [OUT_BAD] = "\033[31m",
		[OUT_DIM] = "\033[2m",
	};

	return o->colour ? codes[c] : "";
}

const char *
out_off(const struct out *o, enum out_colour c)
{
	return o->colour && c != OUT_DEFAULT ? "\033[0m" : "";
}

enum out_colour
out_state_colour(const char *state)
{
	if (strcmp(state, "ok") == 0)
		return OUT_GOOD;
	if (strcmp(state, "down") == 0)
		return OUT_BAD;
	return OUT_WARN;
}

const char *
out_state_word(const char *state)
{
	if (strcmp(state, "no_key") == 0)
		return "no key";
	if (strcmp(state, "not_yet") == 0)
		return "not yet";
	if (strcmp(state, "down") == 0)
		return "DOWN";
	return state;
}

void
out_clock(const struct out *o, double t, char *dst, size_t cap)
{
	struct tm tm;
	time_t sec;
	int ms;

	if (!isfinite(t) || t < 0 || t > 1e11) {
		snprintf(dst, cap, "-");
		return;
	}
	sec = (time_t)t;
	ms = (int)((t - (double)sec) * 1000);
	if (o->utc)
		gmtime_r(&sec, &tm);
	else
		localtime_r(&sec, &tm);
	snprintf(dst, cap, "%02d:%02d:%02d.%03d", tm.tm_hour, tm.tm_min,
	    tm.tm_sec, ms);
}

double
out_time_parse(const char *s)
{
	struct tm tm = { 0 };
	double frac = 0;
	char *end;

	end = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);
	if (end == NULL)
		return -1;
	if (*end == '.')
		frac = strtod(end, &end);
	if (strcmp(end, "Z") != 0)
		return -1;
	return (double)timegm(&tm) + frac;
}
