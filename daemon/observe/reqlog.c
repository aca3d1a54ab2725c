/* SPDX-License-Identifier: ISC */
#include "observe/reqlog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/jout.h"
#include "base/log.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "observe/live.h"
#include "observe/row.h"

#define REQLOG_BATCH	65536

struct reqlog {
	struct live	*live;
	struct log_file	*file;
	char		*path;
	struct log_file	*out;		/* standard output */
	struct buf	 lines;
};

static void	reqlog_event_cb(const struct live_event *, void *);

struct reqlog *
reqlog_new(struct live *l)
{
	struct reqlog *q = xcalloc(1, sizeof *q);

	q->live = l;
	live_listen(l, reqlog_event_cb, q);
	return q;
}

void
reqlog_free(struct reqlog *q)
{
	if (q == NULL)
		return;
	live_unlisten(q->live, reqlog_event_cb, q);
	reqlog_flush(q);
	if (q->file != NULL)
		log_file_close(q->file);
	if (q->out != NULL)
		log_file_close(q->out);
	free(q->path);
	buf_fini(&q->lines);
	free(q);
}

bool
reqlog_on(const struct reqlog *q)
{
	return q->file != NULL || q->out != NULL;
}

void
reqlog_flush(struct reqlog *q)
{
	/* What does not fit is counted and reported by the log itself. */
	if (q->lines.n == 0)
		return;
	if (q->file != NULL)
		log_file_write(q->file, q->lines.p, q->lines.n);
	if (q->out != NULL)
		log_file_write(q->out, q->lines.p, q->lines.n);
	buf_reset(&q->lines, REQLOG_BATCH);
}

static void
reqlog_line(struct reqlog *q, const struct live_event *ev)
{
	struct buf *b = &q->lines;
	char time[CLOCK_RFC3339_LEN + 1];

	clock_rfc3339(ev->wall_ns, time);
	buf_lit(b, "{\"time\":");
	jout_strz(b, time);
	buf_lit(b, ",");
	row_json(b, q->live, ev->row, ev->row->end_ns);
	buf_lit(b, "}\n");
}

static void
reqlog_event_cb(const struct live_event *ev, void *arg)
{
	struct reqlog *q = arg;

	if (ev->kind != LIVE_END || !reqlog_on(q))
		return;
	reqlog_line(q, ev);
	if (q->lines.n >= REQLOG_BATCH)
		reqlog_flush(q);
}

static bool
reqlog_set_file(struct reqlog *q, const char *path)
{
	struct log_file *f = NULL;

	if (path == NULL ? q->path == NULL :
	    q->path != NULL && strcmp(path, q->path) == 0)
		return true;
	if (path != NULL && (f = log_file_open(path)) == NULL) {
		log_warnx("cannot open the request log %s: %s; create its "
		    "directory or correct llmd_settings.request_log", path,
		    strerror(errno));
		return false;
	}
	reqlog_flush(q);
	if (q->file != NULL)
		log_file_close(q->file);
	q->file = f;
	free(q->path);
	q->path = path == NULL ? NULL : xstrdup(path);
	return true;
}

bool
reqlog_set(struct reqlog *q, const char *path, bool json_logs)
{
	/* One stream of lines, not two, on the same standard output. */
	if (path != NULL && strcmp(path, "-") == 0) {
		path = NULL;
		json_logs = true;
	}
	if (json_logs != (q->out != NULL)) {
		reqlog_flush(q);
		if (q->out != NULL) {
			log_file_close(q->out);
			q->out = NULL;
		} else
			q->out = log_file_open("-");
	}
	return reqlog_set_file(q, path);
}

void
reqlog_reopen(struct reqlog *q)
{
	reqlog_flush(q);
	if (q->file != NULL)
		log_file_reopen(q->file);
}
