/* SPDX-License-Identifier: ISC */
/*
 * A cell per pair.  Rates come from slots of five seconds, the histogram of
 * five minutes from one of a minute each (made when first needed: a model
 * that is not used takes half a kilobyte).  A slot is valid if its stamp is
 * the slot number of its time; nothing has to be swept.
 */
#include "observe/stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/xmalloc.h"
#include "observe/hist.h"

#define STATS_SLOT_S	5
#define STATS_SLOTS	(STATS_WINDOW_S / STATS_SLOT_S + 1)
#define STATS_MINUTES	5
#define STATS_HOURS	25
#define STATS_S		1000000000ull
#define STATS_ERROR	160

struct stats_slot {
	uint64_t	stamp;
	uint32_t	n;
	uint32_t	failed;
	uint64_t	out;
};

struct stats_minute {
	uint64_t	stamp;
	struct hist	ttft;		/* 10 us */
	struct hist	tps;		/* 1/100 tokens a second */
};

struct stats_cell {
	uint16_t		 model;
	uint16_t		 deploy;
	struct stats_slot	 slots[STATS_SLOTS];
	struct stats_minute	*minutes[STATS_MINUTES];
	struct hist		*ttft;		/* since the start */
	struct {
		uint64_t	 stamp;
		uint64_t	 n;
	}			 hours[STATS_HOURS];
	uint64_t		 total;
	unsigned		 row;
	uint64_t		 last_ns;
	uint64_t		 error_ns;
	char			*error;
};

struct stats {
	uint64_t	 start_ns;
	struct map	*cells;
};

struct stats *
stats_new(uint64_t now_ns)
{
	struct stats *s = xcalloc(1, sizeof *s);

	s->start_ns = now_ns;
	s->cells = map_new();
	return s;
}

void
stats_free(struct stats *s)
{
	struct stats_cell *c;
	struct span key;
	size_t pos = 0;
	unsigned i;
	void *v;

	if (s == NULL)
		return;
	while (map_next(s->cells, &pos, &key, &v)) {
		c = v;
		for (i = 0; i < STATS_MINUTES; i++)
			free(c->minutes[i]);
		free(c->ttft);
		free(c->error);
		free(c);
	}
	map_free(s->cells);
	free(s);
}

static struct stats_cell *
stats_cell(struct stats *s, uint16_t model, uint16_t deploy)
{
	uint16_t pair[2] = { model, deploy };
	struct span key = { (const char *)pair, sizeof pair };
	struct stats_cell *c = map_get(s->cells, key);

	if (c == NULL) {
		c = xcalloc(1, sizeof *c);
		c->model = model;
		c->deploy = deploy;
		map_put(s->cells, key, c);
	}
	return c;
}

static void
stats_add_times(struct stats_cell *c, const struct stats_sample *p,
    uint64_t minute)
{
	struct stats_minute *m = c->minutes[minute % STATS_MINUTES];
	double tps;

	if (p->ttft_us == 0)
		return;
	if (m == NULL) {
		m = xcalloc(1, sizeof *m);
		c->minutes[minute % STATS_MINUTES] = m;
	} else if (m->stamp != minute)
		memset(m, 0, sizeof *m);
	m->stamp = minute;
	if (c->ttft == NULL)
		c->ttft = xcalloc(1, sizeof *c->ttft);
	hist_add(&m->ttft, p->ttft_us / 10);
	hist_add(c->ttft, p->ttft_us / 10);
	if (p->decode_us >= 1000 && p->out > 1) {
		tps = (double)p->out * 1e8 / (double)p->decode_us;
		hist_add(&m->tps, tps > 4e9 ? 4000000000u : (uint32_t)tps);
	}
}

void
stats_add(struct stats *s, const struct stats_sample *p, uint64_t now_ns)
{
	struct stats_cell *c = stats_cell(s, p->model, p->deploy);
	uint64_t sec = (now_ns - s->start_ns) / STATS_S;
	uint64_t n = sec / STATS_SLOT_S + 1, hour = sec / 3600 + 1;
	struct stats_slot *sl = &c->slots[n % STATS_SLOTS];

	if (sl->stamp != n)
		*sl = (struct stats_slot){ .stamp = n };
	sl->n++;
	sl->failed += p->failed;
	sl->out += p->out;
	if (c->hours[hour % STATS_HOURS].stamp != hour)
		c->hours[hour % STATS_HOURS].n = 0;
	c->hours[hour % STATS_HOURS].stamp = hour;
	c->hours[hour % STATS_HOURS].n++;
	c->total++;
	c->last_ns = now_ns;
	stats_add_times(c, p, sec / 60 + 1);
	if (!p->failed) {
		c->row = 0;
		return;
	}
	c->row++;
	c->error_ns = now_ns;
	free(c->error);
	c->error = p->error == NULL ? NULL :
	    xstrndup(p->error, STATS_ERROR);
}

/* What is summed over the cells of a query. */
struct stats_sum {
	uint64_t	out;
	uint64_t	error_ns;
	struct hist	ttft;
	struct hist	tps;
	struct hist	all;
};

static void
stats_sum_cell(const struct stats_cell *c, uint64_t sec, unsigned slots,
    struct stats_sum *sum, struct stats_view *v)
{
	uint64_t n = sec / STATS_SLOT_S + 1, minute = sec / 60 + 1;
	uint64_t hour = sec / 3600 + 1;
	unsigned i;

	for (i = 0; i < STATS_SLOTS; i++)
		if (c->slots[i].stamp != 0 && c->slots[i].stamp + slots > n) {
			v->n += c->slots[i].n;
			v->failed += c->slots[i].failed;
			sum->out += c->slots[i].out;
		}
	for (i = 0; i < STATS_MINUTES; i++)
		if (c->minutes[i] != NULL &&
		    c->minutes[i]->stamp + STATS_MINUTES > minute) {
			hist_merge(&sum->ttft, &c->minutes[i]->ttft);
			hist_merge(&sum->tps, &c->minutes[i]->tps);
		}
	if (c->ttft != NULL)
		hist_merge(&sum->all, c->ttft);
	for (i = 0; i < STATS_HOURS; i++)
		if (c->hours[i].stamp != 0 && c->hours[i].stamp + 24 > hour)
			v->day += c->hours[i].n;
	v->total += c->total;
	if (c->last_ns > v->last_ns) {
		v->last_ns = c->last_ns;
		v->row = c->row;
	}
	if (c->error != NULL && c->error_ns > sum->error_ns) {
		sum->error_ns = c->error_ns;
		v->error = c->error;
	}
}

static bool
stats_matches(const struct stats_match *m, const struct stats_cell *c)
{
	if (m == NULL)
		return true;
	return (m->model == 0 || m->model == c->model) &&
	    (m->deploy == 0 || m->deploy == c->deploy) &&
	    (m->accept == NULL || m->accept(c->deploy, m->arg));
}

static double
stats_scale(double q, double by)
{
	return q < 0 ? -1 : q / by;
}

void
stats_query(const struct stats *s, const struct stats_match *m,
    unsigned window_s, uint64_t now_ns, struct stats_view *v)
{
	struct stats_sum *sum = xcalloc(1, sizeof *sum);
	double up = (double)(now_ns - s->start_ns) / 1e9;
	uint64_t sec = (now_ns - s->start_ns) / STATS_S;
	const struct hist *ttft;
	struct span key;
	unsigned slots;
	size_t pos = 0;
	void *c;

	if (window_s > STATS_WINDOW_S)
		window_s = STATS_WINDOW_S;
	slots = window_s / STATS_SLOT_S + 1;
	if (slots < 2)
		slots = 2;
	memset(v, 0, sizeof *v);
	while (map_next(s->cells, &pos, &key, &c))
		if (stats_matches(m, c))
			stats_sum_cell(c, sec, slots, sum, v);
	/* From the start of the oldest slot that counts. */
	v->window_s = up - (double)(sec / STATS_SLOT_S) * STATS_SLOT_S +
	    (slots - 1) * STATS_SLOT_S;
	if (v->window_s > up)
		v->window_s = up;
	if (v->window_s < 1)
		v->window_s = 1;
	v->rps = (double)v->n / v->window_s;
	v->tok_s = (double)sum->out / v->window_s;
	v->err_pct = v->n == 0 ? -1 :
	    100.0 * (double)v->failed / (double)v->n;
	ttft = sum->ttft.n > 0 ? &sum->ttft : &sum->all;
	v->ttft_p50_ms = stats_scale(hist_quantile(ttft, 0.5), 100);
	v->ttft_p95_ms = stats_scale(hist_quantile(ttft, 0.95), 100);
	v->decode_p50_tps = stats_scale(hist_quantile(&sum->tps, 0.5), 100);
	free(sum);
}
