/* SPDX-License-Identifier: ISC */
#include "tui/once.h"

#include <errno.h>
#include <json-c/json.h>
#include <langinfo.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "proto/client.h"
#include "proto/rpc.h"
#include "proto/text.h"
#include "tui/field.h"
#include "tui/model.h"
#include "tui/options.h"
#include "tui/view_requests.h"

#define ONCE_TIMEOUT_MS	10000
#define ONCE_PAGE	256
#define ONCE_PAGES	64
#define ONCE_DONE	20	/* ended requests in the table */

struct once {
	struct client		*client;
	struct rpc_error	 err;
	struct json_object	*status;
	struct json_object	*requests;	/* live, then ended */
	struct json_object	*routes;
	struct json_object	*models;
};

static struct json_object *
once_call(struct once *o, const char *method, struct json_object *params)
{
	struct json_object *res = NULL;

	if (client_call(o->client, method, params, ONCE_TIMEOUT_MS, &res,
	    &o->err) == 0 && res == NULL)
		rpc_error_set(&o->err, ERR_INTERNAL, "%s: empty answer",
		    method);
	return res;
}

/* Adds requests of one state, page by page, at most so many. */
static int
once_requests(struct once *o, const char *state, int64_t most)
{
	struct json_object *p, *page, *rows;
	int64_t offset = 0;
	size_t i;
	int n;

	for (n = 0; n < ONCE_PAGES && offset >= 0 && most > 0; n++) {
		p = field_params("state", state);
		json_object_object_add(p, "limit", json_object_new_int64(
		    most < ONCE_PAGE ? most : ONCE_PAGE));
		json_object_object_add(p, "offset",
		    json_object_new_int64(offset));
		if ((page = once_call(o, "request.list", p)) == NULL)
			return -1;
		rows = field_get(page, "requests");
		for (i = 0; i < field_len(rows); i++, most--)
			json_object_array_add(o->requests,
			    json_object_get(field_at(rows, i)));
		offset = i > 0 ? field_int(page, "next_offset", -1) : -1;
		json_object_put(page);
	}
	return 0;
}

static int
once_list(struct once *o, const char *method, const char *list,
    struct json_object **dst)
{
	struct json_object *res = once_call(o, method, NULL);

	if (res == NULL)
		return -1;
	*dst = json_object_get(field_get(res, list));
	json_object_put(res);
	return 0;
}

static int
once_ask(struct once *o, const struct options *opt)
{
	o->requests = json_object_new_array();
	if ((o->status = once_call(o, "status", NULL)) == NULL ||
	    once_requests(o, "live", INT64_MAX) < 0 ||
	    once_requests(o, "done", ONCE_DONE) < 0)
		return -1;
	if (!opt->json)
		return 0;
	return once_list(o, "route.list", "routes", &o->routes) < 0 ||
	    once_list(o, "model.list", "models", &o->models) < 0 ? -1 : 0;
}

static void
once_json(struct once *o)
{
	struct json_object *out = json_object_new_object();
	struct json_object *data = json_object_new_object();
	char at[40];
	time_t now = time(NULL);
	struct tm tm;

	strftime(at, sizeof(at), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	json_object_object_add(out, "schema",
	    json_object_new_string("llmtop.once/1"));
	json_object_object_add(out, "rev", json_object_new_int64(
	    field_int(o->status, "rev", 0)));
	json_object_object_add(out, "time", json_object_new_string(at));
	json_object_object_add(data, "status", json_object_get(o->status));
	json_object_object_add(data, "requests",
	    json_object_get(o->requests));
	json_object_object_add(data, "routes", json_object_get(o->routes));
	json_object_object_add(data, "models", json_object_get(o->models));
	json_object_object_add(out, "data", data);
	puts(json_object_to_json_string_ext(out, JSON_C_TO_STRING_PLAIN |
	    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(out);
}

/* The terminal's width, $COLUMNS, or all that there is to say. */
static int
once_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize ws;

	if (columns != NULL && atoi(columns) > 0)
		return atoi(columns) < 500 ? atoi(columns) : 500;
	if (isatty(STDOUT_FILENO) &&
	    ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col > 0)
		return ws.ws_col;
	return 160;
}

/* One line of cells, as table_row draws them on a screen. */
static void
once_line(const struct table *t, const struct term *term,
    const struct table_cell *c)
{
	char safe[TEXT_ESCAPE_MAX(TABLE_CELL)], cut[TABLE_CELL * 4];
	char line[8192] = "";
	size_t n = 0;
	int i, used, pad;

	for (i = 0; i < t->n; i++) {
		if (t->w[i] == 0)
			continue;
		text_escape(safe, sizeof(safe), c[i].text,
		    strlen(c[i].text), term->ascii ? TEXT_ASCII : 0);
		used = text_cut(cut, sizeof(cut), safe, t->w[i],
		    term->ascii ? "~" : "…");
		pad = t->w[i] - used;
		n += (size_t)snprintf(line + n, sizeof(line) - n,
		    "%*s%s%*s ", t->columns[i].right ? pad : 0, "", cut,
		    t->columns[i].right ? 0 : pad, "");
		if (n >= sizeof(line))
			break;
	}
	for (n = strlen(line); n > 0 && line[n - 1] == ' '; n--)
		line[n - 1] = '\0';
	puts(line);
}

static void
once_head(struct once *o)
{
	struct json_object *t = field_get(o->status, "traffic");
	struct json_object *l = field_get(o->status, "latency");
	double err = field_num(t, "err_pct");
	char up[TEXT_NUM_MAX], p50[TEXT_NUM_MAX], p95[TEXT_NUM_MAX];
	char pct[TEXT_NUM_MAX] = "-", version[64];

	text_escape(version, sizeof(version), field_str(o->status,
	    "version"), strlen(field_str(o->status, "version")), TEXT_ASCII);
	if (isfinite(err))
		snprintf(pct, sizeof(pct), "%.1f%%", err);
	printf("llmd %s up %s | rps %.1f infl %lld queue %lld err %s | "
	    "rev %lld\ntok/s %.0f  ttft p50 %s p95 %s\n", version,
	    text_uptime(up, sizeof(up), field_num(o->status, "uptime_s")),
	    field_num(t, "rps"), (long long)field_int(t, "in_flight", 0),
	    (long long)field_int(t, "queued", 0), pct,
	    (long long)field_int(o->status, "rev", 0),
	    field_num(t, "tok_s"), text_duration(p50, sizeof(p50),
	    field_num(l, "ttft_p50_ms")), text_duration(p95, sizeof(p95),
	    field_num(l, "ttft_p95_ms")));
}

static void
once_table(struct once *o, const struct options *opt)
{
	struct table_cell c[VIEW_REQUESTS_COLUMNS];
	struct term term = { .ascii = opt->ascii ||
	    strcmp(nl_langinfo(CODESET), "UTF-8") != 0 };
	struct model *m = malloc(sizeof(*m));
	struct row_list *lists[2];
	const struct row *r;
	struct timespec ts;
	struct table t;
	double now;
	int i, pass;

	if (m == NULL)
		abort();
	clock_gettime(CLOCK_REALTIME, &ts);
	now = (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
	model_init(m);
	model_connected(m, "once", now);
	for (i = 0; i < (int)field_len(o->requests); i++)
		model_fold(m, field_at(o->requests, (size_t)i), now);
	lists[0] = &m->live;
	lists[1] = &m->done;
	table_init(&t, view_requests_columns, VIEW_REQUESTS_COLUMNS);
	for (pass = 0; pass < 2; pass++) {
		for (i = 0; i < 2; i++)
			TAILQ_FOREACH(r, lists[i], entry) {
				view_requests_cells(r, now, c);
				if (pass == 0)
					table_measure(&t, &term, c);
				else
					once_line(&t, &term, c);
			}
		if (pass == 1)
			break;
		table_fit(&t, once_width());
		for (i = 0; i < VIEW_REQUESTS_COLUMNS; i++)
			table_set(&c[i], TERM_TEXT,
			    view_requests_columns[i].title);
		once_line(&t, &term, c);
	}
	if (m->nlive + m->ndone == 0)
		puts("no requests yet");
	model_fini(m);
	free(m);
}

static void
once_complain(const char *before, const char *raw)
{
	char safe[TEXT_ESCAPE_MAX(1024)];

	text_escape(safe, sizeof(safe), raw, strnlen(raw, 1024), 0);
	fprintf(stderr, "%s%s\n", before, safe);
}

/* "llmtop: ..." with everything that helps. */
static int
once_failed(const struct once *o)
{
	size_t i;

	once_complain("llmtop: ", o->err.message);
	for (i = 0; i < field_len(o->err.details); i++)
		once_complain("  ", field_at_str(o->err.details, i));
	if (o->err.hint != NULL)
		once_complain("  hint: ", o->err.hint);
	return o->err.exit != 0 ? o->err.exit :
	    error_rows[ERR_INTERNAL].exit;
}

int
once_run(const struct options *opt)
{
	struct client_options co = { .path = opt->socket,
	    .name = "llmtop/" LLMD_VERSION, .timeout_ms = ONCE_TIMEOUT_MS };
	struct once o;
	int rc = 0;

	memset(&o, 0, sizeof(o));
	rpc_error_init(&o.err);
	o.client = client_open(&co, &o.err);
	if (o.client == NULL || once_ask(&o, opt) < 0) {
		rc = once_failed(&o);
	} else if (opt->json) {
		once_json(&o);
	} else {
		once_head(&o);
		once_table(&o, opt);
	}
	if (rc == 0 && fflush(stdout) != 0) {
		fprintf(stderr, "llmtop: cannot write the output: %s\n",
		    strerror(errno));
		rc = error_rows[ERR_IO].exit;
	}
	json_object_put(o.status);
	json_object_put(o.requests);
	json_object_put(o.routes);
	json_object_put(o.models);
	client_close(o.client);
	rpc_error_fini(&o.err);
	return rc;
}
