/* SPDX-License-Identifier: ISC */
#include "ollama.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "reply.h"

#define OLLAMA_EPOCH	1795424415	/* 2026-11-23T09:00:15Z */

typedef void (*ollama_cb)(struct sim_call *);

static struct reply *
ollama_new(struct sim_call *call, int status, const char *ctype,
    const struct buf *b)
{
	const char *origin = http_field(&call->conn->rec->req, "Origin");
	struct reply *r;

	r = reply_new(call->conn, call->script, status, ctype);
	if (origin != NULL) {
		reply_field(r, "Access-Control-Allow-Origin", origin);
		reply_field(r, "Vary", "Origin");
	}
	if (b->len > 0)
		reply_event(r, b->data, b->len);
	return r;
}

static void
ollama_reply(struct sim_call *call, int status, const char *ctype,
    const struct buf *b)
{
	reply_go(ollama_new(call, status, ctype, b));
}

void
ollama_error(struct sim_call *call, int status, const char *fmt, ...)
{
	struct buf b = { 0 };
	va_list ap;
	char *text;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	va_end(ap);
	buf_adds(&b, "{\"error\":");
	json_quote(&b, text, strlen(text), true);
	buf_addc(&b, '}');
	free(text);
	ollama_reply(call, status, OLLAMA_JSON, &b);
	buf_fini(&b);
}

void
ollama_time(uint64_t request, uint64_t us, struct buf *b)
{
	time_t t = (time_t)(OLLAMA_EPOCH + request + us / 1000000);
	struct tm tm;
	char text[40], frac[16];
	size_t n;

	gmtime_r(&t, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(frac, sizeof(frac), "%09u",
	    (unsigned)(us % 1000000 * 1000 + 101));
	for (n = strlen(frac); n > 0 && frac[n - 1] == '0'; n--)
		frac[n - 1] = '\0';
	buf_addf(b, "%s.%sZ", text, frac);
}

struct model *
ollama_model(struct sim_call *call, bool embed)
{
	const char *name = call->model != NULL ? call->model : "";
	struct model *m;

	m = models_find(call->sim->models, name);
	if (m != NULL && !m->openai)
		return m;
	if (call->scripted)
		return models_any(call->sim->models);
	if (embed && name[0] != '\0')
		ollama_error(call, 404,
		    "model \"%s\" not found, try pulling it first", name);
	else
		ollama_error(call, 404, "model '%s' not found", name);
	return NULL;
}

bool
ollama_unloads(const struct sim_call *call)
{
	const struct json *keep = json_get(call->body, "keep_alive");
	const struct json *messages = json_get(call->body, "messages");
	const struct json *prompt = json_get(call->body, "prompt");

	if (keep == NULL || (messages != NULL && messages->child != NULL) ||
	    (json_str(prompt) != NULL && prompt->len > 0))
		return false;
	return keep->type == JSON_NUMBER ? json_num(keep, 1) == 0 :
	    script_is(json_str(keep), "0") || script_is(json_str(keep), "0s");
}

/* Characters as the recorded tokenizer counts them: a blank is three. */
int64_t
ollama_count(const char *s, size_t len)
{
	int64_t n = 1;			/* BOS */
	size_t i, end;

	for (i = 0; i < len; i++) {
		if (s[i] == '<' && i + 1 < len && s[i + 1] == '|') {
			for (end = i + 2; end < len && s[end] != '>'; end++)
				continue;
			n++;
			i = end;
		} else {
			n += s[i] == ' ' ? 3 : 1;
		}
	}
	return n;
}

static void
ollama_render_calls(const struct json *m, struct buf *b)
{
	const struct json *e, *fn;
	const char *name;

	e = json_get(m, "tool_calls");
	if (e == NULL || e->child == NULL)
		return;
	buf_adds(b, "<tool_call>");
	for (e = e->child; e != NULL; e = e->next) {
		fn = json_get(e, "function");
		name = json_str(json_get(fn, "name"));
		buf_addf(b, "{\"name\": \"%s\", \"arguments\": ",
		    name != NULL ? name : "");
		if (json_get(fn, "arguments") != NULL)
			json_compact(b, json_get(fn, "arguments"), false);
		else
			buf_adds(b, "{}");
		buf_addc(b, '}');
	}
	buf_adds(b, "</tool_call>");
}

static void
ollama_render_message(const struct model *m, const struct json *e,
    int64_t *image, struct buf *b)
{
	const char *role = json_str(json_get(e, "role"));
	const char *content = json_str(json_get(e, "content"));
	const char *tool = json_str(json_get(e, "tool_name"));
	const char *think = json_str(json_get(e, "thinking"));
	size_t i, n = json_count(json_get(e, "images"));

	if (role == NULL)
		return;
	if (strcasecmp(role, "system") == 0 || strcasecmp(role, "user") == 0)
		buf_addf(b, "[%s]", strcasecmp(role, "user") ? "system" :
		    "user");
	else if (strcasecmp(role, "assistant") == 0)
		buf_adds(b, "[assistant]");
	else if (strcasecmp(role, "tool") == 0 && (m->caps & MODEL_TOOLS))
		buf_addf(b, "[tool %s]", tool != NULL ? tool : "");
	else
		return;
	for (i = 0; i < n; i++)
		buf_addf(b, "[img-%lld]", (long long)(*image)++);
	if (strcasecmp(role, "assistant") == 0 && think != NULL &&
	    (m->caps & MODEL_THINKING))
		buf_addf(b, "<think>%s</think>", think);
	if (content != NULL)
		buf_adds(b, content);
	if (strcasecmp(role, "assistant") == 0 && (m->caps & MODEL_TOOLS))
		ollama_render_calls(e, b);
}

void
ollama_render(const struct model *m, const struct json *body, struct buf *b)
{
	static const char words[] = " text tool tool2 talktool after think "
	    "thinktool json utf8 endless repeat spaces empty longline ";
	const struct json *e, *last = NULL, *tools = json_get(body, "tools");
	const struct json *ms = json_get(body, "messages");
	const char *role, *content;
	struct buf w = { 0 };
	int64_t image = 0;

	for (e = ms != NULL ? ms->child : NULL; e != NULL; e = e->next) {
		ollama_render_message(m, e, &image, b);
		last = e;
	}
	role = json_str(json_get(last, "role"));
	content = json_str(json_get(last, "content"));
	if (content != NULL && content[0] == '#')
		buf_addf(&w, " %s ", content + 1);
	if (w.len > 2 && strstr(words, w.data) != NULL)
		buf_addf(b, "<|%s|>", content + 1);
	else if (script_is(role, "tool"))
		buf_adds(b, "<|after|>");
	else if (tools != NULL && tools->child != NULL)
		buf_adds(b, "<|tool|>");
	else if ((m->caps & MODEL_THINKING) &&
	    json_bool(json_get(body, "think"), true))
		buf_adds(b, "<|think|>");
	else
		buf_adds(b, "<|text|>");
	buf_fini(&w);
}

static void
ollama_version(struct sim_call *call)
{
	struct buf b = { 0 };

	buf_adds(&b, "{\"version\":\"0.23.0\"}");
	ollama_reply(call, 200, OLLAMA_JSON, &b);
	buf_fini(&b);
}

static void
ollama_tags(struct sim_call *call)
{
	struct buf b = { 0 };

	model_tags(call->sim->models, &b);
	ollama_reply(call, 200, OLLAMA_JSON, &b);
	buf_fini(&b);
}

static void
ollama_ps(struct sim_call *call)
{
	struct buf b = { 0 }, expires = { 0 };

	ollama_time(call->conn->rec->n + 300, 0, &expires);
	model_ps(call->sim->models, expires.data, &b);
	ollama_reply(call, 200, OLLAMA_JSON, &b);
	buf_fini(&b);
	buf_fini(&expires);
}

static void
ollama_show(struct sim_call *call)
{
	struct model *m;
	struct reply *r;
	struct buf b = { 0 };

	if (call->body == NULL) {
		ollama_error(call, 400, "%s", call->error.len > 0 ?
		    call->error.data : "missing request body");
		return;
	}
	if (call->model == NULL) {
		ollama_error(call, 400, "model is required");
		return;
	}
	m = ollama_model(call, false);
	if (m == NULL)
		return;
	model_show(m, &b);
	r = ollama_new(call, 200, OLLAMA_JSON, &b);
	r->chunked = true;
	reply_go(r);
	buf_fini(&b);
}

static void
ollama_running(struct sim_call *call)
{
	struct buf b = { 0 };

	buf_adds(&b, "Ollama is running");
	ollama_reply(call, 200, "text/plain; charset=utf-8", &b);
	buf_fini(&b);
}

static const struct {
	const char	*path;
	bool		 post;
	ollama_cb	 cb;
} ollama_routes[] = {
	{ "/", false, ollama_running },
	{ "/api/version", false, ollama_version },
	{ "/api/tags", false, ollama_tags },
	{ "/api/ps", false, ollama_ps },
	{ "/api/show", true, ollama_show },
	{ "/api/chat", true, ollama_chat },
	{ "/api/generate", true, ollama_generate },
	{ "/api/embed", true, ollama_embed },
};

/* Names and addresses that a browser page cannot point elsewhere. */
static bool
ollama_local(const char *s, size_t n)
{
	static const char *const suffixes[] = { "localhost", ".localhost",
	    ".local", ".internal" };
	size_t i, k;
	unsigned a, b;
	char host[128];

	if (n >= sizeof(host))
		return false;
	memcpy(host, s, n);
	host[n] = '\0';
	if (host[0] == '[')
		return strncmp(host, "[::1]", 5) == 0 ||
		    strncmp(host, "[::]", 4) == 0 ||
		    strncasecmp(host, "[f", 2) == 0;
	host[strcspn(host, ":")] = '\0';
	if (host[0] == '\0' || strcasecmp(host, "localhost") == 0)
		return true;
	for (i = 1; i < 4; i++) {
		k = strlen(suffixes[i]);
		if (strlen(host) > k &&
		    strcasecmp(host + strlen(host) - k, suffixes[i]) == 0)
			return true;
	}
	if (strspn(host, "0123456789.") != strlen(host) ||
	    sscanf(host, "%u.%u.", &a, &b) != 2)
		return false;
	return a == 127 || a == 10 || a == 0 || (a == 192 && b == 168) ||
	    (a == 172 && b >= 16 && b < 32);
}

static bool
ollama_origin_ok(const char *origin)
{
	static const char *const schemes[] = { "app://", "file://",
	    "tauri://", "vscode-webview://", "vscode-file://" };
	const char *host;
	size_t i;

	for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (strncmp(origin, schemes[i], strlen(schemes[i])) == 0)
			return true;
	if (strncmp(origin, "http://", 7) == 0)
		host = origin + 7;
	else if (strncmp(origin, "https://", 8) == 0)
		host = origin + 8;
	else
		return false;
	return strncmp(host, "localhost", 9) == 0 ||
	    strncmp(host, "127.0.0.1", 9) == 0 ||
	    strncmp(host, "0.0.0.0", 7) == 0 || strncmp(host, "[::1]", 5) == 0;
}

static void
ollama_plain(struct sim_call *call, int status, const char *allow,
    const char *text)
{
	struct reply *r;

	r = reply_new(call->conn, call->script, status, "text/plain");
	if (allow != NULL)
		reply_field(r, "Allow", allow);
	reply_event(r, text, strlen(text));
	reply_go(r);
}

void
ollama_handle(struct sim_call *call)
{
	const struct http_req *req = &call->conn->rec->req;
	const char *origin = http_field(req, "Origin");
	const char *host = http_field(req, "Host");
	bool get, post;
	size_t i;

	if ((origin != NULL && !ollama_origin_ok(origin)) ||
	    (host != NULL && !ollama_local(host, strlen(host)))) {
		reply_text(call->conn, call->script, 403, NULL, NULL, 0);
		return;
	}
	get = strcmp(req->method, "GET") == 0 ||
	    strcmp(req->method, "HEAD") == 0;
	post = strcmp(req->method, "POST") == 0;
	for (i = 0; i < sizeof(ollama_routes) / sizeof(ollama_routes[0]); i++)
		if (strcmp(req->path, ollama_routes[i].path) == 0)
			break;
	if (i == sizeof(ollama_routes) / sizeof(ollama_routes[0]))
		ollama_plain(call, 404, NULL, "404 page not found");
	else if (ollama_routes[i].post ? !post : !get)
		ollama_plain(call, 405, ollama_routes[i].post ? "POST" :
		    "GET, HEAD", "405 method not allowed");
	else
		ollama_routes[i].cb(call);
}
