/* SPDX-License-Identifier: ISC */
#include "tui/row.h"

#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/field.h"

static const char *const row_phases[ROW_PHASES] = {
	[ROW_QUEUE] = "queue", [ROW_CONNECT] = "connect",
	[ROW_PREFILL] = "prefill", [ROW_STREAM] = "stream",
	[ROW_DONE] = "done",
};

uint64_t
row_id_parse(const char *s)
{
	uint64_t id = 0;
	size_t i;

	for (i = 0; s[i] != '\0' && i < 16; i++) {
		if (s[i] >= '0' && s[i] <= '9')
			id = id << 4 | (uint64_t)(s[i] - '0');
		else if (s[i] >= 'a' && s[i] <= 'f')
			id = id << 4 | (uint64_t)(s[i] - 'a' + 10);
		else
			return 0;
	}
	return s[i] == '\0' ? id : 0;
}

struct row *
row_new(uint64_t id, unsigned gen)
{
	struct row *r = calloc(1, sizeof(*r));
	int i;

	if (r == NULL)
		abort();
	r->id = id;
	r->gen = gen;
	snprintf(r->name, sizeof(r->name), "%llx", (unsigned long long)id);
	r->started = r->ended = r->queue_ms = r->ttft_ms = NAN;
	r->total_ms = r->tps = NAN;
	r->tokens_in = r->tokens_out = -1;
	r->status = r->queue_pos = -1;
	for (i = 0; i < ROW_PHASES; i++)
		r->at[i] = NAN;
	return r;
}

void
row_free(struct row *r)
{
	if (r == NULL)
		return;
	free(r->model);
	free(r->upstream);
	free(r->backend);
	free(r->key);
	free(r->client);
	free(r->path);
	free(r->finish);
	free(r->code);
	free(r->message);
	free(r);
}

/* Takes a string member where the object has it; 1 if it is another. */
static int
row_take_str(char **dst, struct json_object *o, const char *name)
{
	const char *s;

	if (!field_has(o, name))
		return 0;
	s = field_str(o, name);
	if (*dst == NULL ? *s == '\0' :
	    strncmp(*dst, s, ROW_TEXT_MAX) == 0)
		return 0;
	free(*dst);
	*dst = NULL;
	if (*s != '\0' && (*dst = strndup(s, ROW_TEXT_MAX)) == NULL)
		abort();
	return 1;
}

static int
row_take_num(double *dst, struct json_object *o, const char *name)
{
	double v;

	if (!field_has(o, name))
		return 0;
	v = field_num(o, name);
	if (v == *dst || (isnan(v) && isnan(*dst)))
		return 0;
	*dst = v;
	return 1;
}

static int
row_take_int(int64_t *dst, struct json_object *o, const char *name)
{
	int64_t v;

	if (!field_has(o, name))
		return 0;
	v = field_int(o, name, -1);
	if (v == *dst)
		return 0;
	*dst = v;
	return 1;
}

static int
row_take_small(int *dst, struct json_object *o, const char *name)
{
	int64_t v = *dst;

	if (!row_take_int(&v, o, name))
		return 0;
	*dst = v < -1 || v > 1000000000 ? -1 : (int)v;
	return 1;
}

/* A phase never goes back, but a retry may: connect and prefill again. */
static int
row_take_phase(struct row *r, struct json_object *o, double t)
{
	const char *s = field_str(o, "phase");
	int i;

	for (i = 0; i < ROW_PHASES; i++)
		if (strcmp(s, row_phases[i]) == 0)
			break;
	if (i == ROW_PHASES && isfinite(r->ttft_ms) && r->phase < ROW_STREAM)
		i = ROW_STREAM;
	if (i == ROW_PHASES || r->phase == ROW_DONE)
		return 0;
	if (isnan(r->at[i]))
		r->at[i] = t;
	if ((int)r->phase == i)
		return 0;
	r->phase = (enum row_phase)i;
	return 1;
}

static int
row_take_error(struct row *r, struct json_object *o)
{
	struct json_object *e = field_get(o, "error");
	int changed;

	if (e == NULL)
		return 0;
	changed = row_take_str(&r->code, e, "code");
	return row_take_str(&r->message, e, "message") | changed;
}

/* When it began and ended, from what the object says of it. */
static void
row_take_times(struct row *r, struct json_object *o, double t)
{
	double started = field_time(field_str(o, "started"));
	double age = field_num(o, "age_ms");

	if (isfinite(started))
		r->started = started;
	else if (isnan(r->started))
		r->started = isfinite(age) ? t - age / 1000 : t;
	if (r->phase != ROW_DONE)
		return;
	if (isfinite(r->total_ms))
		r->ended = r->started + r->total_ms / 1000;
	else if (isnan(r->ended))
		r->ended = t;
}

int
row_fold(struct row *r, struct json_object *o, double t)
{
	int n = 0;

	if (r->lost) {
		r->lost = 0;
		r->phase = ROW_QUEUE;
		r->ended = NAN;
	}
	n += row_take_str(&r->model, o, "model");
	n += row_take_str(&r->upstream, o, "upstream");
	n += row_take_str(&r->backend, o, "backend");
	n += row_take_str(&r->key, o, "key");
	n += row_take_str(&r->client, o, "client");
	n += row_take_str(&r->path, o, "path");
	n += row_take_str(&r->finish, o, "finish");
	n += row_take_num(&r->queue_ms, o, "queue_ms");
	n += row_take_num(&r->ttft_ms, o, "ttft_ms");
	n += row_take_num(&r->total_ms, o, "total_ms");
	n += row_take_num(&r->tps, o, "tps");
	n += row_take_int(&r->tokens_in, o, "tokens_in");
	n += row_take_int(&r->tokens_out, o, "tokens_out");
	n += row_take_small(&r->status, o, "status");
	n += row_take_small(&r->queue_pos, o, "queue_pos");
	n += row_take_small(&r->attempts, o, "attempts");
	n += row_take_error(r, o);
	n += row_take_phase(r, o, t);
	if (field_has(o, "stream"))
		r->stream = (unsigned char)field_bool(o, "stream");
	if (field_has(o, "origin"))
		r->test = strcmp(field_str(o, "origin"), "test") == 0;
	if (field_has(o, "tokens_estimated"))
		r->estimated = (unsigned char)field_bool(o,
		    "tokens_estimated");
	row_take_times(r, o, t);
	return n > 0;
}

void
row_lose(struct row *r, double t)
{
	r->phase = ROW_DONE;
	r->lost = 1;
	r->ended = t;
}

double
row_age_ms(const struct row *r, double now)
{
	double since = r->phase == ROW_DONE ? r->ended : r->started;

	return isnan(since) || now < since ? 0 : (now - since) * 1000;
}

int
row_badness(const struct row *r)
{
	if (r->phase != ROW_DONE)
		return 0;
	if (r->lost || r->status == 499)
		return 1;
	if (r->status < 0 || r->status >= 400 || r->code != NULL)
		return 2;
	return r->attempts > 1 || (r->finish != NULL &&
	    strcmp(r->finish, "length") == 0);
}

const char *
row_state(const struct row *r, char *dst, size_t cap)
{
	const char *mark = "";

	if (r->lost) {
		snprintf(dst, cap, "lost");
	} else if (r->phase == ROW_QUEUE && r->queue_pos >= 0) {
		snprintf(dst, cap, "queue #%d", r->queue_pos);
	} else if (r->phase == ROW_QUEUE) {
		snprintf(dst, cap, "waiting");	/* for what, nobody said */
	} else if (r->phase != ROW_DONE) {
		snprintf(dst, cap, "%s", row_phases[r->phase]);
	} else if (r->status < 0) {
		snprintf(dst, cap, "failed !");
	} else {
		if (r->status == 499)
			mark = " gone";
		else if (r->status >= 400 || r->code != NULL)
			mark = " !";
		else if (r->finish != NULL && strcmp(r->finish, "length") == 0)
			mark = " cut";
		if (*mark == '\0' && r->attempts > 1)
			snprintf(dst, cap, "%d r%d", r->status,
			    r->attempts - 1);
		else
			snprintf(dst, cap, "%d%s", r->status, mark);
	}
	return dst;
}

const char *
row_target(const struct row *r, char *dst, size_t cap)
{
	if (r->upstream == NULL && r->backend == NULL)
		dst[0] = '\0';
	else
		snprintf(dst, cap, "%s@%s",
		    r->upstream != NULL ? r->upstream : "",
		    r->backend != NULL ? r->backend : "");
	return dst;
}

const char *
row_note(const struct row *r, char *dst, size_t cap)
{
	dst[0] = '\0';
	if (r->lost)
		snprintf(dst, cap, "llmd stopped before its end was seen");
	else if (r->message != NULL || r->code != NULL)
		snprintf(dst, cap, "%s", r->message != NULL ? r->message :
		    r->code);
	else if (r->phase == ROW_QUEUE && r->queue_pos >= 0)
		snprintf(dst, cap, "waits for a slot");
	else if (r->phase < ROW_STREAM)
		snprintf(dst, cap, "no first token yet");
	else if (r->phase == ROW_DONE && r->status == 499)
		snprintf(dst, cap, "client left");
	else if (r->phase == ROW_DONE && r->attempts > 1)
		snprintf(dst, cap, "%d attempts", r->attempts);
	else if (r->finish != NULL && strcmp(r->finish, "stop") != 0)
		snprintf(dst, cap, "finish=%s", r->finish);
	else if (r->test)
		snprintf(dst, cap, "test");
	return dst;
}

int
row_matches(const struct row *r, const char *needle)
{
	const char *in[] = { r->name, r->model, r->upstream, r->backend,
	    r->key, r->client, r->path, r->finish, r->code, r->message };
	char text[ROW_TEXT_MAX * 2 + 2];
	size_t i;

	for (i = 0; i < sizeof(in) / sizeof(in[0]); i++)
		if (in[i] != NULL && strcasestr(in[i], needle) != NULL)
			return 1;
	return strcasestr(row_target(r, text, sizeof(text)), needle) != NULL ||
	    strcasestr(row_state(r, text, sizeof(text)), needle) != NULL;
}
