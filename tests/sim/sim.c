/* SPDX-License-Identifier: ISC */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "control.h"
#include "json.h"
#include "models.h"
#include "ollama.h"
#include "openai.h"
#include "proxy.h"
#include "reply.h"
#include "rules.h"

double
sim_now_ms(const struct sim *sim)
{
	return (double)(loop_now_us() - sim->start_us) / 1000;
}

static bool
sim_is_openai(const char *path)
{
	return strncmp(path, "/v1/", 4) == 0 ||
	    strncmp(path, "/chat/", 6) == 0 || strcmp(path, "/models") == 0 ||
	    strcmp(path, "/embeddings") == 0 ||
	    strcmp(path, "/completions") == 0;
}

/* Whether a model's rule answers here: where text or vectors are made. */
static bool
sim_generates(const struct http_req *req)
{
	return strcmp(req->method, "POST") == 0 &&
	    strcmp(req->path, "/api/show") != 0;
}

/*
 * The script of a request: header x-sim and a model name "sim:..." make one
 * of their own, else the rules, else the plain one.  NULL with the reason.
 */
static struct script *
sim_script(struct sim_call *call, struct buf *err)
{
	const struct http_req *req = &call->conn->rec->req;
	const char *header = http_field(req, "x-sim");
	const char *model = call->model;
	struct script *s;

	if (model != NULL && strncmp(model, "sim:", 4) != 0)
		model = NULL;
	if (header == NULL && model == NULL) {
		s = rules_take(call->sim->rules, call->model, req->path,
		    sim_generates(req));
		return s != NULL ? s : script_ref(call->sim->plain);
	}
	s = script_new(model != NULL ? model : "x-sim");
	if ((model != NULL && script_words(s, model + 4, false, err) < 0) ||
	    (header != NULL && script_words(s, header, true, err) < 0)) {
		script_unref(s);
		return NULL;
	}
	return s;
}

static void
sim_call_fini(struct sim_call *call)
{
	json_free(call->body);
	buf_fini(&call->error);
	script_unref(call->script);
}

/* The body of a scripted status that brought none. */
static void
sim_status(struct sim_call *call, bool openai)
{
	const struct script *s = call->script;
	const struct http_req *req = &call->conn->rec->req;
	const char *auth = http_field(req, "Authorization");
	int status = (int)s->status;
	struct buf text = { 0 };

	if (s->error != NULL)
		buf_adds(&text, s->error);
	else if (status == 401 || status == 403)
		buf_addf(&text, "Incorrect API key provided: %s. You can find "
		    "your API key at https://platform.openai.com/account/"
		    "api-keys.", auth != NULL ? auth : "");
	else if (status == 429)
		buf_adds(&text, "Rate limit reached for requests");
	else
		buf_addf(&text, "The server answered %s",
		    http_reason(status));
	if (openai)
		openai_error(call, status, text.data, NULL, status == 401 ?
		    "invalid_api_key" : status == 429 ? "rate_limit_exceeded" :
		    NULL);
	else
		ollama_error(call, status, "%s", text.data);
	buf_fini(&text);
}

/* The file or raw bytes of a script as a body, event by event. */
static void
sim_body(struct sim_call *call, const struct buf *b, const char *ctype,
    bool events)
{
	const struct script *s = call->script;
	const char *p, *end, *at, *sep;
	struct reply *r;
	bool ndjson = strstr(ctype, "ndjson") != NULL;

	r = reply_new(call->conn, call->script,
	    (int)script_int(s->status, 200), ctype);
	r->stream = events;
	p = b->data;
	end = p + b->len;
	sep = ndjson ? "\n" : "\n\n";
	while (p < end) {
		at = events ? memmem(p, (size_t)(end - p), sep, strlen(sep)) :
		    NULL;
		at = at != NULL ? at + strlen(sep) : end;
		if (r->nevents > 0)
			reply_pause(r, script_us(s->pace));
		reply_event(r, p, (size_t)(at - p));
		p = at;
	}
	reply_go(r);
}

static bool
sim_read_file(const struct sim *sim, const char *name, struct buf *b)
{
	struct buf path = { 0 };
	FILE *f;
	size_t n;

	if (name[0] != '/' && sim->files != NULL)
		buf_addf(&path, "%s/", sim->files);
	buf_adds(&path, name);
	f = fopen(path.data, "r");
	buf_fini(&path);
	if (f == NULL)
		return false;
	do {
		buf_room(b, 65536);
		n = fread(b->data + b->len, 1, 65536, f);
		b->len += n;
	} while (n > 0);
	fclose(f);
	buf_add(b, "", 0);
	return true;
}

static void
sim_file(struct sim_call *call)
{
	const char *name = call->script->sse_file;
	struct buf b = { 0 };

	if (!sim_read_file(call->sim, name, &b))
		ollama_error(call, 500, "llmsim cannot read %s", name);
	else
		sim_body(call, &b, strstr(name, "ndjson") != NULL ?
		    OLLAMA_NDJSON : "text/event-stream; charset=utf-8", true);
	buf_fini(&b);
}

/* Answers that do not depend on the endpoint; false when it has to. */
static bool
sim_scripted(struct sim_call *call, bool openai)
{
	const struct script *s = call->script;
	bool stream = call->conn->rec->stream;
	const char *ctype;
	struct buf b = { 0 };

	if (s->hang || s->stuck || script_is(s->cut_at, "head") ||
	    s->wire != NULL || s->wire_b64 != NULL) {
		reply_text(call->conn, call->script, 200, NULL, NULL, 0);
	} else if (s->sse_file != NULL) {
		sim_file(call);
	} else if (script_bytes(s->raw, s->raw_b64, &b)) {
		ctype = !stream ? "application/json" : openai ?
		    "text/event-stream; charset=utf-8" : OLLAMA_NDJSON;
		sim_body(call, &b, ctype, stream);
	} else if (script_bytes(s->body, s->body_b64, &b)) {
		sim_body(call, &b, "application/json", false);
	} else if (script_int(s->status, 200) != 200) {
		sim_status(call, openai);
	} else {
		return false;
	}
	buf_fini(&b);
	return true;
}

/* The model and whether the call streams, before anything is checked. */
static void
sim_facts(struct sim_call *call)
{
	struct record *rec = call->conn->rec;
	const struct json *model = json_get(call->body, "model");

	if (model == NULL)
		model = json_get(call->body, "name");
	call->model = json_str(model);
	if (call->model != NULL)
		rec->model = buf_dup(call->model);
	rec->stream = json_bool(json_get(call->body, "stream"),
	    call->body != NULL && strncmp(rec->req.path, "/api/", 5) == 0);
	call->scripted = call->model != NULL &&
	    (strncmp(call->model, "sim:", 4) == 0 ||
	    rules_knows(call->sim->rules, call->model));
}

static void
sim_dispatch(struct sim_call *call)
{
	struct sim *sim = call->sim;
	const char *path = call->conn->rec->req.path;
	bool openai = sim_is_openai(path);

	if (call->script->stuck && ollama_unloads(call)) {
		rules_unstick(sim->rules, call->model);
		script_unref(call->script);
		call->script = script_ref(sim->plain);
	}
	if (sim_scripted(call, openai))
		return;
	if (openai && strncmp(path, "/v1/", 4) != 0 &&
	    sim->dialect == SIM_OLLAMA)
		openai = false;
	if (openai)
		openai_handle(call);
	else if (sim->dialect == SIM_OPENAI)
		openai_error(call, 404, "Invalid URL", NULL, NULL);
	else
		ollama_handle(call);
}

void
sim_handle(struct conn *c)
{
	struct sim_call call = { .sim = c->sim, .conn = c };
	struct record *rec = c->rec;
	struct buf err = { 0 };
	bool control = strncmp(rec->req.path, "/__sim/", 7) == 0;

	if (rec->req.body.len > 0)
		call.body = json_parse(rec->req.body.data, rec->req.body.len,
		    false, &call.error);
	if (control || c->control) {
		call.script = script_ref(c->sim->plain);
		control_handle(&call);
		sim_call_fini(&call);
		return;
	}
	sim_facts(&call);
	call.script = sim_script(&call, &err);
	if (call.script == NULL) {
		call.script = script_ref(c->sim->plain);
		ollama_error(&call, 400, "llmsim: %s", err.data);
	} else {
		rec->script = buf_dup(call.script->label);
		if (c->sim->connect_proxy &&
		    strcmp(rec->req.method, "CONNECT") == 0 &&
		    call.script == c->sim->plain)
			proxy_start(c);
		else
			sim_dispatch(&call);
	}
	buf_fini(&err);
	sim_call_fini(&call);
}

bool
sim_early(struct conn *c)
{
	return c->req.path != NULL && (c->req.length > 0 || c->req.chunked) &&
	    rules_early(c->sim->rules, c->req.path);
}
