/* SPDX-License-Identifier: ISC */
/*
 * The live table: every request in flight, those that ended lately, and the
 * order of events that everybody sees.  Main's; records of the workers' rings
 * are folded in one by one, and each change gets main's next sequence number.
 * Times are monotonic ns and an argument.
 */
#ifndef LLMD_OBSERVE_LIVE_H
#define LLMD_OBSERVE_LIVE_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "observe/record.h"

struct live;
struct stats;

#define LIVE_HISTORY	8192		/* events kept */
#define LIVE_TEXT_MAX	(1024 * 1024)	/* bytes of texts kept in them */

/* One request, read-only to others. */
struct live_row {
	TAILQ_ENTRY(live_row)	 entry;
	struct live_row		*next;		/* in its hash chain */
	unsigned		 refs;
	uint64_t		 id;
	uint64_t		 start_ns;
	uint64_t		 wall_ns;	/* of the start */
	uint64_t		 first_ns;	/* 0: no event yet */
	uint64_t		 end_ns;	/* 0: alive */
	uint64_t		 last_ns;	/* of the latest record */
	uint64_t		 queue_ns;	/* waited for a slot */
	uint64_t		 queued_ns;	/* since when; 0: it does not */
	uint32_t		 in, out, events;
	uint32_t		 bytes_in, bytes_out;
	uint16_t		 status, error;
	uint16_t		 model, deploy, key, port;
	uint8_t			 flags, phase, attempts, finish, front, api;
	bool			 done;
	uint8_t			 addr[16];
	char			*model_text;	/* unknown model as sent */
	char			*error_text;
	char			**noted;	/* which of them came last */
};
TAILQ_HEAD(live_rows, live_row);

enum live_kind {
	LIVE_START,
	LIVE_PHASE,
	LIVE_FIRST,
	LIVE_PROGRESS,
	LIVE_END,
	LIVE_NOTE	/* from live_note: a tag and a text */
};

struct live_event {
	uint64_t		 seq;		/* from 1, no gaps */
	uint64_t		 wall_ns;
	enum live_kind		 kind;
	unsigned		 tag;		/* LIVE_NOTE */
	const struct live_row	*row;		/* else */
	struct span		 text;		/* LIVE_NOTE */
};

/* The event is borrowed for the call. */
typedef void (*live_event_cb)(const struct live_event *ev, void *arg);

/* Numbers to names: "-" or NULL for what is unknown. */
struct live_names {
	const char	*(*name)(uint16_t id, void *arg);
	/* Id of the deployment `label` ("upstream@backend") of a model. */
	const char	*(*deploy_id)(uint16_t model, uint16_t label,
			    void *arg);
	void		*arg;
};

/* stats may be NULL. */
struct live	*live_new(const struct live_names *names,
		    struct stats *stats);
void		 live_free(struct live *l);
/* Two listeners at most: the request log and the subscriptions; after the
 * row has changed. */
void		 live_listen(struct live *l, live_event_cb cb, void *arg);
void		 live_unlisten(struct live *l, live_event_cb cb, void *arg);

/* wall_minus_mono turns the one clock into the other. */
void		 live_fold(struct live *l, const struct record *r,
		    int64_t wall_minus_mono);
/* An event of main itself; keep: it can be replayed.  text is copied. */
void		 live_note(struct live *l, unsigned tag, struct span text,
		    bool keep, uint64_t wall_ns);

uint64_t	 live_seq(const struct live *l);
/*
 * Calls cb for each kept event after seq, oldest first.  False: what followed
 * seq is no longer kept, and nothing was called.
 */
bool		 live_replay(const struct live *l, uint64_t seq,
		    live_event_cb cb, void *arg);
/* The oldest seq that live_replay takes. */
uint64_t	 live_oldest(const struct live *l);

/* Newest first; NULL at the end. */
const struct live_row *live_first(const struct live *l);
const struct live_row *live_done_first(const struct live *l);
const struct live_row *live_next(const struct live_row *r);
/* Alive or lately ended; NULL. */
const struct live_row *live_find(const struct live *l, uint64_t id);
unsigned	 live_count(const struct live *l);
unsigned	 live_queued(const struct live *l);
uint64_t	 live_total(const struct live *l);
const char	*live_name(const struct live *l, uint16_t id);
/* As live_names.deploy_id, but remembered: also for what a reload removed. */
const char	*live_deploy_id(const struct live *l, uint16_t model,
		    uint16_t label);

#endif
