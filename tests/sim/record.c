/* SPDX-License-Identifier: ISC */
#include "record.h"

#include <openssl/evp.h>

#include <stdlib.h>
#include <string.h>

#include "json.h"

struct records {
	struct record	*first;
	struct record	**tail;
	size_t		 count;
	size_t		 max;
	size_t		 keep;
	uint64_t	 n;
	FILE		*log;
	records_cb	 cb;
	void		*arg;
};

static const char *const record_ends[] = {
	[RECORD_OPEN] = "open",
	[RECORD_COMPLETE] = "complete",
	[RECORD_CLIENT_FIN] = "client_fin",
	[RECORD_CLIENT_RST] = "client_rst",
	[RECORD_SERVER_FIN] = "server_fin",
	[RECORD_SERVER_RST] = "server_rst",
	[RECORD_SERVER_TLS] = "server_tls_cut"
};

struct records *
records_new(size_t max, size_t keep)
{
	struct records *rs;

	rs = buf_alloc(sizeof(*rs));
	rs->tail = &rs->first;
	rs->max = max;
	rs->keep = keep;
	return rs;
}

void
record_unref(struct record *r)
{
	if (r == NULL || --r->refs > 0)
		return;
	http_fini(&r->req);
	free(r->model);
	free(r->script);
	free(r);
}

static void
records_pop(struct records *rs)
{
	struct record *r = rs->first;

	rs->first = r->next;
	if (rs->first == NULL)
		rs->tail = &rs->first;
	rs->count--;
	record_unref(r);
}

void
records_clear(struct records *rs)
{
	while (rs->first != NULL)
		records_pop(rs);
}

void
records_free(struct records *rs)
{
	records_clear(rs);
	free(rs);
}

void
records_log(struct records *rs, FILE *log)
{
	rs->log = log;
}

void
records_watch(struct records *rs, records_cb cb, void *arg)
{
	rs->cb = cb;
	rs->arg = arg;
}

static void
records_changed(struct records *rs)
{
	if (rs->cb != NULL)
		rs->cb(rs->arg);
}

static void
record_digest(struct record *r)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned int i, n = 0;

	if (EVP_Digest(r->req.body.data ? r->req.body.data : "",
	    r->req.body.len, md, &n, EVP_sha256(), NULL) != 1)
		return;
	for (i = 0; i < n && i < 32; i++)
		snprintf(r->sha256 + 2 * i, 3, "%02x", md[i]);
}

struct record *
records_add(struct records *rs, struct http_req *req, double now_ms,
    bool keep)
{
	struct record *r;

	r = buf_alloc(sizeof(*r));
	r->refs = 1;
	r->req = *req;
	memset(req, 0, sizeof(*req));
	r->body_len = r->req.body.len;
	r->at_ms = r->body_ms = now_ms;
	r->first_ms = r->end_ms = r->closed_ms = -1;
	if (!keep)
		return r;
	r->n = ++rs->n;
	if (rs->max == 0)
		return r;
	r->refs++;
	*rs->tail = r;
	rs->tail = &r->next;
	if (++rs->count > rs->max)
		records_pop(rs);
	records_changed(rs);
	return r;
}

/* One line of the log file. */
static void
record_log(struct record *r, FILE *f)
{
	struct buf b = { 0 };

	buf_addf(&b, "{\"n\":%llu,\"conn\":%llu,\"method\":",
	    (unsigned long long)r->n, (unsigned long long)r->conn);
	json_quotes(&b, r->req.method ? r->req.method : "");
	buf_adds(&b, ",\"target\":");
	json_quotes(&b, r->req.target ? r->req.target : "");
	buf_adds(&b, ",\"model\":");
	json_quotes(&b, r->model ? r->model : "");
	buf_addf(&b, ",\"status\":%d,\"end\":\"%s\",\"bytes\":%llu,"
	    "\"at_ms\":%.1f,\"first_ms\":%.1f,\"end_ms\":%.1f}\n",
	    r->status, record_ends[r->end], (unsigned long long)r->bytes,
	    r->at_ms, r->first_ms, r->end_ms);
	fwrite(b.data, 1, b.len, f);
	fflush(f);
	buf_fini(&b);
}

/* The answer is over; a body longer than keep is cut now. */
void
records_finish(struct records *rs, struct record *r, enum record_end end,
    double now_ms)
{
	if (r->end != RECORD_OPEN)
		return;
	r->end = end;
	r->end_ms = now_ms;
	if (r->req.body.len > rs->keep) {
		record_digest(r);
		r->req.body.len = rs->keep;
		r->req.body.data = realloc(r->req.body.data, rs->keep + 1);
		if (r->req.body.data == NULL)
			abort();
		r->req.body.data[rs->keep] = '\0';
		r->req.body.cap = rs->keep + 1;
	}
	if (rs->log != NULL && r->n > 0)
		record_log(r, rs->log);
	records_changed(rs);
}

static void
record_close(struct records *rs, struct record *r, enum record_end by,
    double now_ms)
{
	if (r->closed_by != RECORD_OPEN)
		return;
	records_finish(rs, r, by, now_ms);
	r->closed_by = by;
	r->closed_ms = now_ms;
}

void
records_closed(struct records *rs, uint64_t conn, struct record *last,
    enum record_end by, double now_ms)
{
	struct record *r;

	record_close(rs, last, by, now_ms);
	if (last->ordinal > 1)
		for (r = rs->first; r != NULL; r = r->next)
			if (r->conn == conn)
				record_close(rs, r, by, now_ms);
	records_changed(rs);
}

static bool
record_matches(const struct record *r, const struct record_query *q)
{
	if (r->n <= q->since)
		return false;
	if (q->ended && r->end == RECORD_OPEN)
		return false;
	if (q->closed && r->closed_by == RECORD_OPEN)
		return false;
	if (q->model != NULL &&
	    (r->model == NULL || strcmp(q->model, r->model) != 0))
		return false;
	return q->path == NULL ||
	    (r->req.path != NULL && strcmp(q->path, r->req.path) == 0);
}

size_t
records_count(struct records *rs, const struct record_query *q)
{
	struct record *r;
	size_t n = 0;

	for (r = rs->first; r != NULL; r = r->next)
		n += record_matches(r, q);
	return n;
}

uint64_t
records_total(struct records *rs)
{
	return rs->n;
}

/* Whether the bytes can stand in a JSON string as they are. */
static bool
record_utf8(const char *s, size_t len)
{
	size_t i = 0, n, k;
	unsigned char c;

	while (i < len) {
		c = (unsigned char)s[i];
		n = c < 0x80 ? 0 : c >= 0xc2 && c < 0xe0 ? 1 :
		    c >= 0xe0 && c < 0xf0 ? 2 : c >= 0xf0 && c < 0xf5 ? 3 : 9;
		if (n == 9 || i + n >= len)
			return false;
		for (k = 1; k <= n; k++)
			if (((unsigned char)s[i + k] & 0xc0) != 0x80)
				return false;
		i += n + 1;
	}
	return true;
}

/* Adds a string, bytes that are no UTF-8 as U+00xx. */
static void
record_text(struct buf *b, const char *s)
{
	struct buf t = { 0 };

	if (s == NULL) {
		buf_adds(b, "null");
		return;
	}
	if (record_utf8(s, strlen(s))) {
		json_quotes(b, s);
		return;
	}
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s < 0x80) {
			buf_addc(&t, *s);
		} else {
			buf_addc(&t, (char)(0xc0 | (unsigned char)*s >> 6));
			buf_addc(&t, (char)(0x80 | (*s & 63)));
		}
	}
	json_quote(b, t.data, t.len, false);
	buf_fini(&t);
}

static void
record_ms(struct buf *b, const char *name, double ms)
{
	if (ms < 0)
		buf_addf(b, ",\"%s\":null", name);
	else
		buf_addf(b, ",\"%s\":%.3f", name, ms);
}

static void
record_body(struct record *r, bool bodies, struct buf *b)
{
	struct buf *body = &r->req.body;

	if (r->sha256[0] == '\0')
		record_digest(r);
	buf_addf(b, ",\"body_len\":%zu,\"body_sha256\":\"%s\"", r->body_len,
	    r->sha256);
	if (!bodies)
		return;
	if (body->len == 0 || record_utf8(body->data, body->len)) {
		buf_adds(b, ",\"body\":");
		json_quote(b, body->data ? body->data : "", body->len, false);
	} else {
		buf_adds(b, ",\"body_b64\":\"");
		buf_b64_encode(b, body->data, body->len);
		buf_addc(b, '"');
	}
}

static void
record_json(struct record *r, bool bodies, struct buf *b)
{
	size_t i;

	buf_addf(b, "{\"n\":%llu,\"conn\":%llu,\"conn_request\":%llu,"
	    "\"tls\":%s,\"malformed\":%s,\"method\":",
	    (unsigned long long)r->n, (unsigned long long)r->conn,
	    (unsigned long long)r->ordinal, r->tls ? "true" : "false",
	    r->malformed ? "true" : "false");
	record_text(b, r->req.method);
	buf_adds(b, ",\"target\":");
	record_text(b, r->req.target);
	buf_adds(b, ",\"path\":");
	record_text(b, r->req.path);
	buf_addf(b, ",\"http\":\"1.%d\",\"headers\":[", r->req.minor);
	for (i = 0; i < r->req.nfields; i++) {
		buf_adds(b, i ? ",[" : "[");
		record_text(b, r->req.fields[i].name);
		buf_addc(b, ',');
		record_text(b, r->req.fields[i].value);
		buf_addc(b, ']');
	}
	buf_adds(b, "],\"model\":");
	record_text(b, r->model);
	buf_adds(b, ",\"script\":");
	record_text(b, r->script);
	buf_addf(b, ",\"stream\":%s,\"status\":%d,\"bytes\":%llu,"
	    "\"end\":\"%s\",\"closed_by\":\"%s\"",
	    r->stream ? "true" : "false", r->status,
	    (unsigned long long)r->bytes, record_ends[r->end],
	    record_ends[r->closed_by]);
	record_ms(b, "at_ms", r->at_ms);
	record_ms(b, "body_ms", r->body_ms);
	record_ms(b, "first_ms", r->first_ms);
	record_ms(b, "end_ms", r->end_ms);
	record_ms(b, "closed_ms", r->closed_ms);
	record_body(r, bodies, b);
	buf_addc(b, '}');
}

size_t
records_json(struct records *rs, const struct record_query *q, bool bodies,
    struct buf *b)
{
	struct record *r;
	size_t n = 0;

	buf_addc(b, '[');
	for (r = rs->first; r != NULL; r = r->next) {
		if (!record_matches(r, q))
			continue;
		if (n++ > 0)
			buf_adds(b, ",\n");
		record_json(r, bodies, b);
	}
	buf_addc(b, ']');
	return n;
}
