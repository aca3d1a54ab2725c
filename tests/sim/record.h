/* SPDX-License-Identifier: ISC */
#ifndef LLMD_SIM_RECORD_H
#define LLMD_SIM_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "buf.h"
#include "http.h"

/* How the answer ended. */
enum record_end {
	RECORD_OPEN,		/* still being answered */
	RECORD_COMPLETE,	/* sent to its end */
	RECORD_CLIENT_FIN,	/* the client left in order before that */
	RECORD_CLIENT_RST,	/* the client reset or the write failed */
	RECORD_SERVER_FIN,	/* cut by script */
	RECORD_SERVER_RST,
	RECORD_SERVER_TLS	/* cut by script without close_notify */
};

/*
 * What one request brought and how its answer went.  Times are in
 * milliseconds since the simulator started, -1 = not yet.  Kept by the list
 * and by the connection that answers it; the last reference frees it.
 */
struct record {
	struct record	*next;
	int		 refs;
	uint64_t	 n;		/* 1, 2, ... ; 0: unlisted */
	uint64_t	 conn;		/* connection id */
	uint64_t	 ordinal;	/* request of that connection, from 1 */
	bool		 tls;
	bool		 malformed;
	struct http_req	 req;		/* body moved in, cut at keep bytes */
	size_t		 body_len;
	char		 sha256[65];	/* of the whole body */
	char		*model;
	char		*script;
	bool		 stream;
	int		 status;
	uint64_t	 bytes;		/* sent, head included */
	double		 at_ms;		/* head complete */
	double		 body_ms;	/* body complete */
	double		 first_ms;	/* first byte of the answer sent */
	double		 end_ms;	/* answer ended */
	double		 closed_ms;	/* connection closed */
	enum record_end	 end;
	enum record_end	 closed_by;	/* RECORD_OPEN while it is open */
};

struct records;
typedef void (*records_cb)(void *);

/* Keeps the newest max records and keep bytes of each body. */
struct records	*records_new(size_t max, size_t keep);
void		 records_free(struct records *);
void		 records_clear(struct records *);
void		 records_log(struct records *, FILE *);
/* Called whenever a record is added or changes. */
void		 records_watch(struct records *, records_cb, void *);

/*
 * Takes the request; the caller owns one reference.  Without keep (calls of
 * the test itself) the record is not listed, counted or logged.
 */
struct record	*records_add(struct records *, struct http_req *,
		    double now_ms, bool keep);
void		 records_finish(struct records *, struct record *,
		    enum record_end, double now_ms);
/* The connection closed; its unfinished answer ended in the same way. */
void		 records_closed(struct records *, uint64_t conn,
		    struct record *last, enum record_end, double now_ms);
void		 record_unref(struct record *);

struct record_query {
	char		*model;
	char		*path;
	uint64_t	 since;		/* records with n greater than this */
	bool		 ended;		/* only those whose answer ended */
	bool		 closed;	/* only those whose connection closed */
};
/* Adds a JSON array of the matching records; returns how many. */
size_t		 records_json(struct records *, const struct record_query *,
		    bool bodies, struct buf *);
size_t		 records_count(struct records *, const struct record_query *);
uint64_t	 records_total(struct records *);

#endif
