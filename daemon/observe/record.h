/* SPDX-License-Identifier: ISC */
/*
 * What happened, as fixed-size records: written by a worker, never formatted
 * there.  A small request writes two, START and END; END alone holds all that
 * the request log says.
 */
#ifndef LLMD_OBSERVE_RECORD_H
#define LLMD_OBSERVE_RECORD_H

#include <stdint.h>

enum record_kind {
	RECORD_START,		/* accepted and, if it went at once, routed */
	RECORD_PHASE,		/* phase, deploy or attempts changed */
	RECORD_FIRST,		/* first event to the client */
	RECORD_PROGRESS,	/* at most 10/s a stream, while watched */
	RECORD_NOTE,		/* text: precedes the END it belongs to */
	RECORD_END
};

enum record_phase {
	PHASE_QUEUE,		/* waits for a slot */
	PHASE_CONNECT,
	PHASE_PREFILL,		/* sent, nothing came back yet */
	PHASE_STREAM,		/* events come */
	PHASE_DONE
};

/* Flags. */
#define RECORD_STREAM	0x01
#define RECORD_TEST	0x02	/* llmctl test: left out of statistics */
#define RECORD_USAGE	0x04	/* the backend reported the token counts */
#define RECORD_TRANSLATED 0x08

/* Which API was called; 0: none that we have. */
enum record_api { RECORD_API_NONE, RECORD_API_CHAT };

/* What a NOTE's text is; MORE goes on with the one before. */
enum record_note { NOTE_MODEL = 1, NOTE_ERROR, NOTE_MORE };

/* Names are numbers of conf_names (0 is "-"); times are monotonic ns. */
struct record {
	uint64_t	id;		/* counter << 8 | worker */
	uint64_t	t_ns;		/* of this record */
	uint8_t		kind;
	uint8_t		flags;
	uint8_t		phase;
	uint8_t		attempts;
	uint16_t	status;		/* END: HTTP status, 499 = left */
	uint16_t	error;		/* enum error_id */
	union {
		struct {
			uint64_t	start_ns;
			uint64_t	first_ns;	/* 0: no event */
			uint64_t	overhead_ns;	/* our own share */
			uint32_t	bytes_in;
			uint32_t	bytes_out;
			uint32_t	in;		/* tokens */
			uint32_t	out;
			uint32_t	events;
			uint16_t	model;		/* public name */
			uint16_t	deploy;		/* upstream@backend */
			uint16_t	key;		/* name of its id */
			uint16_t	port;		/* client's */
			uint8_t		finish;		/* enum chat_finish */
			uint8_t		front;		/* 1: control */
			uint8_t		api;		/* enum record_api */
			uint8_t		addr[16];	/* v4-mapped */
		};
		struct {
			uint8_t		note;		/* enum record_note */
			uint8_t		len;
			char		text[98];	/* raw bytes, cut */
		};
	};
};

_Static_assert(sizeof(struct record) <= 128, "two cache lines");

#endif
