/* SPDX-License-Identifier: ISC */
/*
 * The request log: one JSON line for each request that ended, to a file
 * (llmd_settings.request_log) and, with litellm_settings.json_logs, the same
 * lines to standard output.  Lines are written in batches by the log thread;
 * never a key, never a body.
 *
 *   {"time":"...Z","id":"7f3a","model":"chat","deployment":"...",
 *    "status":200,...}	the members of proto/schema/request.row.json
 */
#ifndef LLMD_OBSERVE_REQLOG_H
#define LLMD_OBSERVE_REQLOG_H

#include <stdbool.h>

struct live;
struct reqlog;

/* Listens to l until reqlog_free. */
struct reqlog	*reqlog_new(struct live *l);
/* Writes what waits. */
void		 reqlog_free(struct reqlog *q);
/*
 * Where to write: path may be NULL (none) or "-".  The same path again keeps
 * the file.  False if it cannot be opened (logged with the next step); what
 * was open before goes on.
 */
bool		 reqlog_set(struct reqlog *q, const char *path,
		    bool json_logs);
/* Opens the path again, after the file was moved away. */
void		 reqlog_reopen(struct reqlog *q);
/* Hands the lines on; call it after each drain. */
void		 reqlog_flush(struct reqlog *q);
/* True if anything is written anywhere. */
bool		 reqlog_on(const struct reqlog *q);

#endif
