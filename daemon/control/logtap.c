/* SPDX-License-Identifier: ISC */
#include "control/logtap.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/jout.h"
#include "base/log.h"
#include "base/mbox.h"
#include "base/xmalloc.h"
#include "observe/live.h"
#include "proto/topics.h"

/* Counted by its lines: it outlives logtap_free until the last is gone. */
struct logtap {
	_Atomic unsigned	 refs;
	_Atomic unsigned	 pending;
	_Atomic uint64_t	 dropped;
	struct mbox		*box;
	struct live		*live;
};

struct logtap_line {
	struct mbox_msg		 msg;
	struct logtap		*tap;
	uint64_t		 wall_ns;
	enum log_level		 level;
	size_t			 n;
	char			 text[];
};

static void
logtap_unref(struct logtap *t)
{
	if (atomic_fetch_sub(&t->refs, 1) == 1)
		free(t);
}

static void
logtap_line_free(struct logtap_line *l)
{
	atomic_fetch_sub(&l->tap->pending, 1);
	logtap_unref(l->tap);
	free(l);
}

static void
logtap_line_drop(struct mbox_msg *m)
{
	logtap_line_free((struct logtap_line *)m);
}

static void
logtap_line_run(struct mbox_msg *m, void *arg)
{
	struct logtap_line *l = (struct logtap_line *)m;
	struct buf b = { 0 };

	(void)arg;
	buf_addf(&b, "\"level\":\"%s\",\"module\":\"llmd\",\"msg\":",
	    log_level_name(l->level));
	jout_str(&b, (struct span){ l->text, l->n });
	live_note(l->tap->live, TOPIC_EV_LOG, buf_span(&b), true,
	    l->wall_ns);
	buf_fini(&b);
	logtap_line_free(l);
}

/* On the log's thread. */
static void
logtap_cb(uint64_t wall_ns, enum log_level level, const char *text, size_t n,
    void *arg)
{
	struct logtap *t = arg;
	struct logtap_line *l;

	if (atomic_load(&t->pending) >= LOGTAP_PENDING) {
		atomic_fetch_add(&t->dropped, 1);
		return;
	}
	if (n > LOGTAP_LINE)
		n = LOGTAP_LINE;
	l = xmalloc(sizeof *l + n);
	memset(l, 0, sizeof *l);
	l->msg.run = logtap_line_run;
	l->msg.drop = logtap_line_drop;
	l->tap = t;
	l->wall_ns = wall_ns;
	l->level = level;
	l->n = n;
	memcpy(l->text, text, n);
	atomic_fetch_add(&t->pending, 1);
	atomic_fetch_add(&t->refs, 1);
	mbox_post(t->box, &l->msg);
}

struct logtap *
logtap_new(struct mbox *box, struct live *l)
{
	struct logtap *t = xcalloc(1, sizeof *t);

	atomic_store(&t->refs, 1);
	t->box = box;
	t->live = l;
	log_set_tap(logtap_cb, t);
	return t;
}

void
logtap_free(struct logtap *t)
{
	if (t == NULL)
		return;
	log_set_tap(NULL, NULL);
	logtap_unref(t);
}

uint64_t
logtap_dropped(const struct logtap *t)
{
	return t == NULL ? 0 : atomic_load(&t->dropped);
}
