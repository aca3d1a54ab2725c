/* SPDX-License-Identifier: ISC */
#ifndef LLMD_TUI_ROW_H
#define LLMD_TUI_ROW_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

/*
 * One request as llmtop keeps it: folded from rows and events of
 * proto/schema/request.*.json.  Strings are as llmd sent them (cut at
 * ROW_TEXT_MAX bytes); whoever draws them escapes them.
 */
struct json_object;

#define ROW_TEXT_MAX	512

enum row_phase {
	ROW_QUEUE,
	ROW_CONNECT,
	ROW_PREFILL,
	ROW_STREAM,
	ROW_DONE,
	ROW_PHASES
};

struct row {
	TAILQ_ENTRY(row)	 entry;
	struct row		*chain;		/* of the model's table */
	uint64_t		 id;
	unsigned		 gen;		/* which llmd it was of */
	char			 name[17];	/* id as text */
	char			*model;		/* NULL: none, as below */
	char			*upstream;
	char			*backend;
	char			*key;
	char			*client;
	char			*path;
	char			*finish;
	char			*code;		/* of its error */
	char			*message;
	double			 started;	/* epoch s */
	double			 ended;		/* epoch s; NAN: it runs */
	double			 at[ROW_PHASES]; /* first seen so; NAN */
	double			 queue_ms;	/* NAN: unknown, as below */
	double			 ttft_ms;
	double			 total_ms;
	double			 tps;
	int64_t			 tokens_in;	/* -1: unknown, as below */
	int64_t			 tokens_out;
	int			 status;
	int			 queue_pos;
	int			 attempts;
	enum row_phase		 phase;
	unsigned char		 stream;
	unsigned char		 test;
	unsigned char		 estimated;
	unsigned char		 lost;		/* nobody saw its end */
	unsigned char		 seen;		/* scratch of the model */
};

/* A number from "7f3a"; 0: no id (llmd's begin above it). */
uint64_t row_id_parse(const char *);

struct row *row_new(uint64_t id, unsigned gen);
void	row_free(struct row *);

/*
 * Takes every member that the object has; what it lacks stays.  t: time of
 * the event in epoch seconds.  Returns 1 if something changed that a list
 * shows.
 */
int	row_fold(struct row *, struct json_object *, double t);
/* The request will never be heard of again. */
void	row_lose(struct row *, double t);

/* Its age while it runs, else the time since its end; ms. */
double	row_age_ms(const struct row *, double now);
/* "prefill", "queue #1", "200", "200 r1", "200 cut", "499 gone", "503 !". */
const char *row_state(const struct row *, char *dst, size_t cap);
/* 0: fine, 1: look at it, 2: it failed. */
int	row_badness(const struct row *);
/* "upstream@backend", or "" before there is one. */
const char *row_target(const struct row *, char *dst, size_t cap);
/* What a person should know that no column says; "": nothing. */
const char *row_note(const struct row *, char *dst, size_t cap);
/* 1 if a member holds the text, whatever the case. */
int	row_matches(const struct row *, const char *needle);

#endif
