/* SPDX-License-Identifier: ISC */
/*
 * One upstream request of an exchange: encode, send, judge the head, turn the
 * body into the client's form.  Whatever goes wrong before the first event is
 * an error that another deployment may mend (exchange_failed); after it, the
 * stream is broken (exchange_broken).
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "conf/conf.h"
#include "exchange/slot.h"
#include "exchange/state.h"
#include "observe/record.h"
#include "route/table.h"
#include "upstream/catalog.h"
#include "upstream/client.h"

#define ATTEMPT_ERROR_MAX	65536	/* of an error's body */
#define ATTEMPT_RETRY_MAX_S	86400
#define ATTEMPT_OUT_KEEP	262144	/* of the worker's scratch */

/*
 * What to tell the user.
 */

/* " (config.yaml:12)", or nothing for one that was set at run time. */
static const char *
attempt_place(struct exchange *x, unsigned line)
{
	const struct deploy *d = x->at.deploy;

	if (d->file == NULL || line == 0)
		return "";
	return arena_printf(&x->arena, " (%s:%u)", d->file, line);
}

static bool
attempt_is_ollama(const struct deploy *d)
{
	return d->dialect == &dialect_ollama;
}

/* The words of design.md section 9: the backend by its address, and the next
 * step. */
static void
attempt_unreachable(struct exchange *x, const char *what)
{
	const struct deploy *d = x->at.deploy;

	chat_error_set(&x->error, ERR_UPSTREAM_UNREACHABLE, NULL,
	    "%s%s%s. %s", what,
	    strcmp(what, "Connection refused") == 0 ? " to " : ": ",
	    d->backend->authority, attempt_is_ollama(d) ?
	    "Is Ollama running? Start it: ollama serve" :
	    arena_printf(&x->arena, "Is the server running, and api_base "
	    "right?%s", attempt_place(x, d->model_line)));
}

static void
attempt_late(struct exchange *x, const char *what, uint64_t ms)
{
	const struct deploy *d = x->at.deploy;

	chat_error_set(&x->error, ERR_UPSTREAM_TIMEOUT, NULL,
	    "%s (%s) did not answer in time: %s took more than %llu.%llu s",
	    d->label, d->base_url, what, (unsigned long long)ms / 1000,
	    (unsigned long long)ms % 1000 / 100);
}

/* "It has: a, b. " from a catalog, cut to fit. */
static void
attempt_list_models(const struct catalog_answer *a, char *out, size_t size)
{
	size_t n;
	unsigned i;

	n = (size_t)snprintf(out, size, "It has: ");
	for (i = 0; i < a->n; i++) {
		const char *name = a->models[i].name;

		if (n + strlen(name) + 16 > size) {
			n += (size_t)snprintf(out + n, size - n, ", ...");
			break;
		}
		n += (size_t)snprintf(out + n, size - n, "%s%s",
		    i > 0 ? ", " : "", name);
	}
	snprintf(out + n, size - n, ". ");
}

static void
attempt_model_missing(struct exchange *x, const struct catalog_answer *a)
{
	const struct deploy *d = x->at.deploy;
	const char *up = x->at.target.upstream;
	char list[200] = "", place[200];

	if (a != NULL && a->ok && a->n > 0)
		attempt_list_models(a, list, sizeof list);
	else if (a != NULL && a->ok)
		snprintf(list, sizeof list, "It has no models yet. ");
	if (d->model_line == 0)
		snprintf(place, sizeof place, "the route (llmctl routes)");
	else
		snprintf(place, sizeof place, "%s:%u", d->file,
		    d->model_line);
	chat_error_set(&x->error, ERR_MODEL_NOT_FOUND, "model",
	    "Model '%s' not found on %s (%s). %s%s%s%sorrect %s", up,
	    d->backend->name, d->base_url, list,
	    attempt_is_ollama(d) ? "Run: ollama pull " : "",
	    attempt_is_ollama(d) ? up : "",
	    attempt_is_ollama(d) ? ", or c" : "C", place);
}

static void
attempt_catalog_cb(const struct catalog_answer *a, void *arg)
{
	struct exchange *x = arg;

	x->at.ask = NULL;
	attempt_model_missing(x, a);
	exchange_failed(x, true);
}

/*
 * Ends.
 */

void
attempt_stop(struct exchange *x)
{
	struct attempt *at = &x->at;

	if (at->call != NULL)
		upstream_abort(at->call);
	at->call = NULL;
	if (at->ask != NULL)
		catalog_cancel(at->ask);
	at->ask = NULL;
	conv_free(at->conv);
	at->conv = NULL;
	buf_fini(&at->in);
	if (at->slot)
		slot_release(at->deploy);
	at->slot = false;
}

static void
attempt_count(struct exchange *x, bool failure)
{
	struct deploy_state *st = x->at.deploy->state;

	if (x->test)
		return;
	atomic_fetch_add_explicit(&st->requests, 1, memory_order_relaxed);
	if (failure)
		atomic_fetch_add_explicit(&st->failures, 1,
		    memory_order_relaxed);
}

/* True if another deployment may do better (litellm-measured.md 3.3). */
static bool
attempt_retryable(const struct chat_error *e)
{
	int s = chat_error_status(e);

	return s == 429 || s >= 500 || e->id == ERR_MODEL_NOT_FOUND;
}

/* x->error is set and nothing has reached the client. */
static void
attempt_fail(struct exchange *x)
{
	attempt_count(x, true);
	log_debug("request %llx: %s: %s", (unsigned long long)x->id,
	    x->at.deploy->label, x->error.text);
	exchange_failed(x, attempt_retryable(&x->error));
}

/* As attempt_fail, or the end of a stream that had begun. */
static void
attempt_break(struct exchange *x)
{
	struct buf b = { 0 };

	if (!x->at.event) {
		attempt_fail(x);
		return;
	}
	attempt_count(x, true);
	chat_error_event(x->req.front, &x->error, &b);
	exchange_output(x, buf_span(&b));
	buf_fini(&b);
	exchange_broken(x);
}

void
attempt_timeout(struct exchange *x, const char *what, uint64_t after_ms)
{
	attempt_late(x, what, after_ms);
	attempt_break(x);
}

/*
 * The reply.
 */

static void
attempt_take_conv_error(struct exchange *x)
{
	int64_t retry = x->at.retry_after_s;

	x->error = *conv_facts(x->at.conv)->error;
	if (x->error.retry_after_s < 0 && chat_error_status(&x->error) == 429)
		x->error.retry_after_s = retry;
}

/* Judges conv's state after a piece; false if the exchange is over. */
static bool
attempt_step(struct exchange *x, enum conv_state st)
{
	struct attempt *at = &x->at;
	struct buf *out = &x->env->out;
	const struct conv_facts *f = conv_facts(at->conv);

	if (f->started)
		at->event = true;
	if (out->n > 0 && at->event)
		exchange_output(x, buf_span(out));
	buf_reset(out, ATTEMPT_OUT_KEEP);
	if (st == CONV_OPEN)
		return true;
	if (st == CONV_ERROR) {
		attempt_take_conv_error(x);
		if (!at->event) {
			attempt_fail(x);
			return false;
		}
		attempt_count(x, true);
		exchange_broken(x);
		return false;
	}
	attempt_count(x, false);
	if (at->call != NULL)
		upstream_finish(at->call, f->reusable);
	at->call = NULL;
	exchange_done(x);
	return false;
}

/* The whole body of a reply that is not streamed is at p. */
static void
attempt_whole(struct exchange *x, char *p, size_t n)
{
	struct attempt *at = &x->at;
	struct buf *out = &x->env->out;

	out->n = 0;
	if (conv_reply(at->conv, p, n, out) == CONV_DONE) {
		attempt_count(x, false);
		if (at->call != NULL)
			upstream_finish(at->call, true);
		at->call = NULL;
		exchange_reply(x, buf_span(out));
	} else {
		attempt_take_conv_error(x);
		attempt_fail(x);
	}
	buf_reset(out, ATTEMPT_OUT_KEEP);
}

/* The body of an error is complete. */
static void
attempt_refused(struct exchange *x)
{
	struct attempt *at = &x->at;

	buf_pad(&at->in);
	conv_upstream_error(&at->target, at->status, buf_span(&at->in),
	    &x->error);
	if (chat_error_status(&x->error) == 429 ||
	    chat_error_status(&x->error) == 503)
		if (x->error.retry_after_s < 0)
			x->error.retry_after_s = at->retry_after_s;
	if (x->error.id == ERR_UPSTREAM_AUTH)
		log_warnx("%s (%s) refused our credential with %d: check its "
		    "api_key%s", at->deploy->label, at->deploy->base_url,
		    at->status, attempt_place(x, at->deploy->key_line != 0 ?
		    at->deploy->key_line : at->deploy->line));
	if (x->error.id == ERR_MODEL_NOT_FOUND) {
		/* What the backend has instead is the next step. */
		if (at->call != NULL)
			upstream_finish(at->call, true);
		at->call = NULL;
		at->ask = catalog_ask(x->env->catalog, at->deploy, false,
		    attempt_catalog_cb, x);
		return;
	}
	attempt_fail(x);
}

static void
attempt_head_cb(void *arg, const struct http1_reply *r)
{
	struct exchange *x = arg;
	struct attempt *at = &x->at;
	struct span v;

	at->status = r->status;
	at->length = r->body == HTTP1_BODY_LENGTH ? r->length : 0;
	at->retry_after_s = -1;
	if (r->status >= 400) {
		at->refused = true;
		v = http1_reply_field(r, "retry-after");
		if (v.p != NULL)
			at->retry_after_s = clock_retry_after(v.p, v.n,
			    time(NULL));
		if (at->retry_after_s > ATTEMPT_RETRY_MAX_S)
			at->retry_after_s = ATTEMPT_RETRY_MAX_S;
		return;
	}
	v = http1_reply_field(r, "content-encoding");
	if (r->status != 200)
		chat_error_set(&x->error, ERR_UPSTREAM_INVALID, NULL,
		    "%s (%s) answered %d: redirects are not followed and an "
		    "answer is expected to be 200", at->deploy->label,
		    at->deploy->base_url, r->status);
	else if (v.p != NULL && !span_ieq(v, "identity"))
		chat_error_set(&x->error, ERR_UPSTREAM_INVALID, NULL,
		    "%s (%s) answered with content-encoding %.*s though "
		    "identity was asked for", at->deploy->label,
		    at->deploy->base_url, (int)(v.n < 32 ? v.n : 32), v.p);
	else
		return;
	attempt_fail(x);
}

static bool
attempt_gather(struct exchange *x, const char *p, size_t n)
{
	struct attempt *at = &x->at;
	uint64_t max = at->refused ? ATTEMPT_ERROR_MAX :
	    x->conf->limits.reply_max;

	if (at->in.n + n <= max) {
		buf_add(&at->in, p, n);
		return true;
	}
	if (at->refused) {
		/* Enough to tell what is wrong. */
		upstream_abort(at->call);
		at->call = NULL;
		attempt_refused(x);
		return false;
	}
	chat_error_set(&x->error, ERR_UPSTREAM_INVALID, NULL,
	    "The answer of %s is larger than %llu bytes", at->deploy->label,
	    (unsigned long long)max);
	attempt_fail(x);
	return false;
}

static void
attempt_data_cb(void *arg, char *p, size_t n)
{
	struct exchange *x = arg;
	struct attempt *at = &x->at;

	at->data_ns = clock_ns();
	at->data_ms = clock_ms();
	if (at->refused) {
		attempt_gather(x, p, n);
	} else if (!x->req.stream) {
		/* One read and nothing more to come: no copy. */
		if (at->in.n == 0 && at->length == n) {
			memset(p + n, 0, 1);
			attempt_whole(x, p, n);
		} else
			attempt_gather(x, p, n);
	} else {
		if (attempt_step(x, conv_stream(at->conv, p, n,
		    &x->env->out)) && x->sink->ops->queued(x->sink) >
		    x->conf->limits.queue_max && !at->paused) {
			at->paused = true;
			upstream_pause(at->call);
		}
	}
}

static void
attempt_ended(struct exchange *x)
{
	struct attempt *at = &x->at;

	if (at->refused)
		attempt_refused(x);
	else if (x->req.stream)
		attempt_step(x, conv_stream_end(at->conv, true,
		    &x->env->out));
	else {
		buf_pad(&at->in);
		attempt_whole(x, at->in.p, at->in.n);
	}
}

static void
attempt_cut(struct exchange *x, const char *what)
{
	struct attempt *at = &x->at;

	if (at->refused) {
		attempt_refused(x);
		return;
	}
	if (x->req.stream && at->status == 200) {
		/* Complete events may be waiting in it. */
		attempt_step(x, conv_stream_end(at->conv, false,
		    &x->env->out));
		return;
	}
	chat_error_set(&x->error, ERR_UPSTREAM_INCOMPLETE, NULL,
	    "%s (%s) ended before its answer was complete: %s",
	    at->deploy->label, at->deploy->base_url, what);
	attempt_fail(x);
}

static void
attempt_end_cb(void *arg, enum upstream_end how, const char *what)
{
	struct exchange *x = arg;
	struct attempt *at = &x->at;

	at->call = NULL;
	switch (how) {
	case UPSTREAM_OK:
	case UPSTREAM_EOF:
		attempt_ended(x);
		return;
	case UPSTREAM_UNREACHABLE:
		attempt_unreachable(x, what);
		break;
	case UPSTREAM_TIMEOUT:
		chat_error_set(&x->error, ERR_UPSTREAM_TIMEOUT, NULL,
		    "%s cannot be reached: %s", at->deploy->base_url, what);
		break;
	case UPSTREAM_CUT:
		attempt_cut(x, what);
		return;
	case UPSTREAM_INVALID:
		chat_error_set(&x->error, ERR_UPSTREAM_INVALID, NULL,
		    "%s (%s): %s", at->deploy->label, at->deploy->base_url,
		    what);
		break;
	}
	attempt_break(x);
}

static void
attempt_sent_cb(void *arg)
{
	exchange_record_phase(arg, PHASE_PREFILL);
}

static const struct upstream_ops attempt_ops = {
	.sent = attempt_sent_cb,
	.head = attempt_head_cb,
	.data = attempt_data_cb,
	.end = attempt_end_cb,
};

bool
attempt_start(struct exchange *x, const struct deploy *d)
{
	struct attempt *at = &x->at;
	struct upstream_request r;

	memset(at, 0, sizeof *at);
	at->deploy = d;
	at->slot = true;
	at->retry_after_s = -1;
	at->target = (struct chat_target){
		.back = d->dialect,
		.provider = d->provider,
		.upstream = route_upstream(x->route, d, x->req.model_name,
		    &x->arena),
		.params = d->params,
		.nparams = d->nparams,
		.drop_params = d->drop_params || x->conf->drop_params,
		.want_usage = true,
	};
	x->error.id = ERR_NONE;
	if (chat_encode(&x->req, &at->target, &x->arena, &at->body,
	    &x->error) != 0)
		return false;
	at->conv = conv_new(&x->req, &at->target, &x->info);
	r = (struct upstream_request){
		.backend = d->backend,
		.method = "POST",
		.path = { d->base_path, at->body.path, NULL },
		.query = d->query,
		.headers = d->headers,
		.body = at->body.iov,
		.nbody = at->body.niov,
		.body_len = at->body.len,
	};
	at->sent_ns = clock_ns();
	at->call = upstream_call(x->env->up, &r, &attempt_ops, x);
	exchange_record_phase(x, upstream_reused(at->call) ? PHASE_PREFILL :
	    PHASE_CONNECT);
	return true;
}
