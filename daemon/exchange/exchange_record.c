/* SPDX-License-Identifier: ISC */
/* What an exchange tells main: facts as numbers, never formatted here. */
#include <string.h>

#include "base/clock.h"
#include "exchange/state.h"
#include "observe/record.h"
#include "observe/ring.h"
#include "route/table.h"

static void
exchange_record_init(const struct exchange *x, struct record *r,
    enum record_kind kind)
{
	memset(r, 0, sizeof *r);
	r->id = x->id;
	r->t_ns = clock_ns();
	r->kind = (uint8_t)kind;
	r->flags = (x->req.stream ? RECORD_STREAM : 0) |
	    (x->test ? RECORD_TEST : 0) |
	    (x->at.deploy != NULL && x->at.target.back != x->req.front ?
	    RECORD_TRANSLATED : 0);
	r->attempts = (uint8_t)x->ntried;
	r->start_ns = x->start_ns;
	r->first_ns = x->first_ns;
	r->bytes_in = x->bytes_in;
	r->bytes_out = x->bytes_out;
	r->model = x->route == NULL ? 0 : x->route->name_id;
	r->deploy = x->at.deploy == NULL ? 0 : x->at.deploy->name_id;
	r->key = x->key;
	r->port = x->port;
	r->front = x->test;
	r->api = x->test ? RECORD_API_NONE : RECORD_API_CHAT;
	memcpy(r->addr, x->addr, sizeof r->addr);
}

static void
exchange_record_usage(const struct exchange *x, struct record *r)
{
	const struct conv_facts *f;

	if (x->at.conv == NULL)
		return;
	f = conv_facts(x->at.conv);
	r->in = f->usage.in;
	/* Until the end only the events can be counted. */
	r->out = f->usage.out != 0 ? f->usage.out : f->events;
	r->events = f->events;
	r->finish = (uint8_t)f->finish;
	if (f->usage.known)
		r->flags |= RECORD_USAGE;
}

void
exchange_record_phase(struct exchange *x, unsigned phase)
{
	struct record r;

	exchange_record_init(x, &r, x->recorded ? RECORD_PHASE :
	    RECORD_START);
	x->recorded = true;
	r.phase = (uint8_t)phase;
	ring_put(x->env->ring, &r);
}

static void
exchange_record_note(struct exchange *x, enum record_note what,
    struct span text)
{
	struct record r;

	memset(&r, 0, sizeof r);
	r.id = x->id;
	r.t_ns = clock_ns();
	r.kind = RECORD_NOTE;
	r.note = (uint8_t)what;
	do {
		r.len = (uint8_t)(text.n < sizeof r.text ? text.n :
		    sizeof r.text);
		memcpy(r.text, text.p, r.len);
		ring_put(x->env->ring, &r);
		text.p += r.len;
		text.n -= r.len;
		r.note = NOTE_MORE;
	} while (text.n > 0);
}

uint64_t
exchange_record_overhead(const struct exchange *x, uint64_t now_ns)
{
	uint64_t ns = now_ns - x->start_ns;

	if (x->at.sent_ns == 0)
		return ns;
	ns = x->at.sent_ns - x->start_ns;
	if (x->at.data_ns != 0)
		ns += now_ns - x->at.data_ns;
	return ns;
}

void
exchange_record_end(struct exchange *x, int status, enum error_id error)
{
	struct record r;

	if (x->route == NULL && x->req.model_name.n > 0)
		exchange_record_note(x, NOTE_MODEL, (struct span){
		    x->req.model_name.p, x->req.model_name.n < 256 ?
		    x->req.model_name.n : 256 });
	if (error != ERR_NONE && error != ERR_CLIENT_GONE &&
	    x->error.text[0] != '\0')
		exchange_record_note(x, NOTE_ERROR, span_z(x->error.text));
	exchange_record_init(x, &r, RECORD_END);
	exchange_record_usage(x, &r);
	r.phase = PHASE_DONE;
	r.status = (uint16_t)status;
	r.error = (uint16_t)error;
	r.overhead_ns = exchange_record_overhead(x, r.t_ns);
	ring_put(x->env->ring, &r);
}

void
exchange_record_refusal(struct exchange_env *env,
    const struct exchange_args *a, int status, unsigned error)
{
	struct record r;

	memset(&r, 0, sizeof r);
	r.id = a->id;
	r.t_ns = clock_ns();
	r.kind = RECORD_END;
	r.phase = PHASE_DONE;
	r.status = (uint16_t)status;
	r.error = (uint16_t)error;
	r.start_ns = a->start_ns;
	r.overhead_ns = r.t_ns - a->start_ns;
	r.key = a->key;
	r.port = a->port;
	memcpy(r.addr, a->addr, sizeof r.addr);
	ring_put(env->ring, &r);
}

void
exchange_record_first(struct exchange *x)
{
	struct record r;

	exchange_record_init(x, &r, RECORD_FIRST);
	r.phase = PHASE_STREAM;
	ring_put(x->env->ring, &r);
}

void
exchange_record_progress(struct exchange *x)
{
	uint32_t every = ring_progress_ms(x->env->ring);
	struct record r;

	if (every == 0 || x->at.data_ms - x->progress_ms < every)
		return;
	x->progress_ms = x->at.data_ms;
	exchange_record_init(x, &r, RECORD_PROGRESS);
	exchange_record_usage(x, &r);
	r.phase = PHASE_STREAM;
	ring_put(x->env->ring, &r);
}
