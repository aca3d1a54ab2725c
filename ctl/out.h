/* SPDX-License-Identifier: ISC */
#ifndef LLMD_CTL_OUT_H
#define LLMD_CTL_OUT_H

#include <stdint.h>
#include <stdio.h>

/*
 * What goes to stdout.  Commands say what the cells of a table are; the
 * format decides how they look: "table" for people (cut to the terminal's
 * width by dropping columns), "plain" for awk (tabs, raw numbers, "-" for
 * none, no header), "json" one object, "jsonl" one object per line.
 *
 * Strings handed in are raw: they are escaped here.
 */
struct json_object;
struct rpc_error;

enum out_format {
	OUT_TABLE,
	OUT_PLAIN,
	OUT_JSON,
	OUT_JSONL
};

enum out_colour {
	OUT_DEFAULT,
	OUT_GOOD,
	OUT_WARN,
	OUT_BAD,
	OUT_DIM
};

struct out {
	enum out_format	 format;
	const char	*fields;	/* --json=a,b; NULL or "": all */
	int		 tty;		/* stdout is a terminal */
	int		 colour;
	int		 utf8;		/* the locale is UTF-8 */
	int		 utc;
	int		 quiet;
	int		 in_shell;	/* a failed write is no end */
	int		 columns;	/* of the terminal; 0: do not cut */
};

/* Finds out about stdout, the locale and NO_COLOR and its kin. */
void	out_init(struct out *, const char *colour_flag);

/*
 * Flushes stdout.  Where that fails the program ends (141, 74), but not the
 * shell: there what could not be written is dropped.
 */
void	out_flush(const struct out *);

/* Escapes for this locale: the caller frees it. */
char	*out_escape(const struct out *, const char *);
/* The same with line ends kept, straight to f. */
void	out_escape_lines(const struct out *, FILE *f, const char *);

/* "[32m" and "[0m" in colour, or "". */
const char *out_on(const struct out *, enum out_colour);
const char *out_off(const struct out *, enum out_colour);
enum out_colour out_state_colour(const char *state);
/* "no_key" -> "no key", "down" -> "DOWN". */
const char *out_state_word(const char *state);

/* Wall-clock text of epoch seconds: "12:41:01.884". */
void	out_clock(const struct out *, double t, char *dst, size_t cap);
/* RFC 3339, UTC -> epoch seconds; -1: not a time. */
double	out_time_parse(const char *);

/*
 * Prints a result as JSON: {"schema","rev","time","data"}, data being the
 * rows of `list` where the method has a list; jsonl prints a line for each
 * row.  0, or -1 and err when --json names a field that rows do not have.
 */
int	out_json(const struct out *, const char *method, const char *list,
	    struct json_object *result, int64_t rev, struct rpc_error *err);
/* Any value as it is: pretty on a terminal, else one line. */
void	out_json_value(const struct out *, struct json_object *);
/* One object on a line (streams), with the chosen fields where it has them. */
void	out_json_line(const struct out *, FILE *, struct json_object *);

#endif
