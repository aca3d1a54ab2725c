/* SPDX-License-Identifier: ISC */
/*
 * A request is judged when its head is complete, before any of its body is
 * read: path, browser guard, route, method, key, coding.  If it is refused and
 * has a body, the gate answers and closes; without one it is answered like any
 * other and the connection lives on.
 */
#include "http/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "access/key.h"
#include "base/xmalloc.h"
#include "conf/conf.h"
#include "dialect/chat.h"
#include "dialect/conv.h"
#include "exchange/exchange.h"
#include "http/gate.h"
#include "http/guard.h"
#include "net/resolve.h"

#define SERVER_GET	(1u << HTTP1_GET | 1u << HTTP1_HEAD)
#define SERVER_POST	(1u << HTTP1_POST)
#define SERVER_ANY	(~0u)

enum server_access {
	SERVER_KEY,		/* a key, if there are keys */
	SERVER_PUBLIC,
	SERVER_MODELS		/* public_models */
};

struct server_route {
	const char		*path;	/* ends with '/': a prefix */
	unsigned		 methods;
	enum server_access	 access;
	server_handler		 handler;	/* NULL: not there yet */
};

/* Exact paths win over prefixes; without /v1 too, as LiteLLM has them. */
static const struct server_route server_routes[] = {
	{ "/v1/chat/completions", SERVER_POST, SERVER_KEY, api_chat },
	{ "/chat/completions", SERVER_POST, SERVER_KEY, api_chat },
	{ "/v1/models", SERVER_GET, SERVER_MODELS, api_models },
	{ "/models", SERVER_GET, SERVER_MODELS, api_models },
	{ "/v1/models/", SERVER_GET, SERVER_MODELS, api_model },
	{ "/models/", SERVER_GET, SERVER_MODELS, api_model },
	{ "/health", SERVER_GET, SERVER_PUBLIC, api_health },
	{ "/health/liveliness", SERVER_GET, SERVER_PUBLIC, api_liveness },
	{ "/health/liveness", SERVER_GET, SERVER_PUBLIC, api_liveness },
	{ "/health/readiness", SERVER_GET, SERVER_PUBLIC, api_readiness },
};

/* What the APIs have and llmd does not, yet: 501 names it. */
static const char *const server_later[] = {
	"/v1/completions", "/completions", "/v1/embeddings", "/embeddings",
	"/v1/responses", "/responses", "/v1/responses/", "/responses/",
	"/v1/messages", "/messages", "/v1/messages/", "/messages/",
	"/engines/", "/openai/", "/v1/audio/", "/audio/", "/v1/images/",
	"/images/", "/v1/moderations", "/moderations", "/v1/rerank",
	"/rerank", "/v2/rerank", "/v1/batches", "/v1/batches/", "/v1/files",
	"/v1/files/", "/v1/fine_tuning/", "/v1/assistants",
	"/v1/assistants/", "/v1/threads", "/v1/threads/",
	"/v1/vector_stores", "/v1/vector_stores/", "/v1/realtime",
	"/v1/videos", "/api/chat", "/api/generate", "/api/embed",
	"/api/embeddings", "/api/tags", "/api/show", "/api/ps",
	"/api/version", "/metrics", "/model/info", "/v1/model/info",
	"/model_group/info", "/key/", "/user/", "/team/", "/spend/",
	"/global/", "/customer/", "/budget/", "/model/", "/config/",
	"/utils/", "/anthropic/", "/gemini/", "/vllm/", "/mistral/",
	"/cohere/", "/bedrock/", "/vertex_ai/", "/azure/",
};

struct server {
	struct exchange_env	*env;
	struct gate		*gate;
	bool			 draining;
	struct buf		 lines;		/* scratch of reply heads */
	time_t			 date_s;
	char			 date[CLOCK_HTTP_LEN + 1];
};

struct exchange_env *
server_env(struct server *s)
{
	return s->env;
}

const struct conf *
server_conf(const struct server *s)
{
	return s->env->conf;
}

bool
server_draining(const struct server *s)
{
	return s->draining;
}

/*
 * Judging the head.
 */

static bool
server_path_is(const char *pattern, struct span path)
{
	size_t n = strlen(pattern);

	if (pattern[n - 1] == '/')
		return path.n > n && memcmp(path.p, pattern, n) == 0;
	return path.n == n && memcmp(path.p, pattern, n) == 0;
}

/* "/v1/x is not ...": the path was checked, but it may be long. */
static void
server_say(struct server_conn *sc, struct span path, const char *what)
{
	free(sc->text);
	xasprintf(&sc->text, "%.*s%s %s. llmd serves /v1/chat/completions, "
	    "/v1/models and /health", (int)(path.n < 200 ? path.n : 200),
	    path.p, path.n < 200 ? "" : "...", what);
	sc->error_text = sc->text;
}

static enum error_id
server_match(struct server_conn *sc, struct span path)
{
	const struct server_route *r;
	size_t n;
	unsigned i;

	for (i = 0; i < sizeof server_routes / sizeof server_routes[0]; i++) {
		r = &server_routes[i];
		if (!server_path_is(r->path, path))
			continue;
		sc->route = r;
		n = strlen(r->path);
		if (r->path[n - 1] == '/')
			sc->arg = xstrndup(path.p + n, path.n - n);
		return r->methods & 1u << sc->method ? ERR_NONE : ERR_METHOD;
	}
	for (i = 0; i < sizeof server_later / sizeof server_later[0]; i++)
		if (server_path_is(server_later[i], path)) {
			server_say(sc, path, "is not implemented yet");
			return ERR_NOT_IMPLEMENTED;
		}
	server_say(sc, path, "is not an endpoint");
	return ERR_NOT_FOUND;
}

/* The routing of one decoded path: for the key and for the dispatch. */
static enum error_id
server_route(struct server_conn *sc, const struct http1_req *r)
{
	char buf[HTTP1_LINE_MAX];
	struct span path;
	long n;

	if (r->path.n == 1 && *r->path.p == '*')
		return sc->method == HTTP1_OPTIONS ? ERR_NONE :
		    ERR_BAD_REQUEST;
	n = r->path.n > sizeof buf ? -1 : http1_path_decode(r->path, buf);
	if (n < 0) {
		sc->error_text = "The path has a bad escape, an empty or a "
		    "dot segment";
		return ERR_BAD_REQUEST;
	}
	path = (struct span){ buf, (size_t)n };
	if (path.n > 1 && path.p[path.n - 1] == '/')
		path.n--;
	if (sc->method == HTTP1_OPTIONS)
		return ERR_NONE;
	return server_match(sc, path);
}

static void
server_copy(char *out, size_t size, struct span v)
{
	size_t i, n = v.n < size - 1 ? v.n : size - 1;

	for (i = 0; i < n; i++)
		out[i] = v.p[i] >= ' ' && v.p[i] < 0x7f ? v.p[i] : '?';
	out[n] = '\0';
}

/* The fields that the gateway itself looks at, found in one pass. */
struct server_fields {
	struct span	litellm_key, authorization, api_key, x_api_key, goog;
	struct span	origin, encoding, call_id, preflight;
};

static void
server_fields(const struct http1_req *r, struct server_fields *f)
{
	const struct http1_field *h;
	unsigned i;

	memset(f, 0, sizeof *f);
	for (i = 0; i < r->nfields; i++) {
		h = &r->fields[i];
#define SERVER_FIELD(lit, member) \
		if (f->member.p == NULL && span_ieq(h->name, lit)) \
			f->member = h->value
		switch (h->name.n) {
		case 6:
			SERVER_FIELD("origin", origin);
			break;
		case 7:
			SERVER_FIELD("api-key", api_key);
			break;
		case 9:
			SERVER_FIELD("x-api-key", x_api_key);
			break;
		case 13:
			SERVER_FIELD("authorization", authorization);
			break;
		case 14:
			SERVER_FIELD("x-goog-api-key", goog);
			break;
		case 16:
			SERVER_FIELD("content-encoding", encoding);
			break;
		case 17:
			SERVER_FIELD("x-litellm-api-key", litellm_key);
			SERVER_FIELD("x-litellm-call-id", call_id);
			break;
		case 30:
			SERVER_FIELD("access-control-request-headers",
			    preflight);
			break;
		}
#undef SERVER_FIELD
	}
}

/* litellm-measured.md 2: this order. */
static struct span
server_key(const struct server_fields *f)
{
	if (f->litellm_key.p != NULL)
		return key_from_field(f->litellm_key);
	if (f->authorization.p != NULL)
		return key_from_field(f->authorization);
	if (f->api_key.p != NULL)
		return f->api_key;
	if (f->x_api_key.p != NULL)
		return f->x_api_key;
	return f->goog;
}

/* Finds the key, remembering the last one of this connection: compared in
 * constant time, and only while the snapshot is the same. */
static enum error_id
server_auth(struct server *s, struct server_conn *sc,
    const struct server_fields *f)
{
	const struct conf *c = s->env->conf;
	struct span key = server_key(f);
	const struct key_row *row;

	if (key.p == NULL || key.n == 0) {
		sc->error_text = "Authentication Error, No api key passed in.";
		return ERR_INVALID_API_KEY;
	}
	if (sc->auth_rev == c->rev && sc->auth_len != 0 && key_same(key,
	    (struct span){ sc->auth, sc->auth_len })) {
		sc->key = sc->auth_key;
		return ERR_NONE;
	}
	row = key_find(&c->keys, key);
	if (row == NULL) {
		sc->error_text = "Authentication Error, Invalid API key. "
		    "Send the key of this gateway (general_settings."
		    "master_key) as 'Authorization: Bearer KEY'";
		return ERR_INVALID_API_KEY;
	}
	sc->key = row->name_id;
	if (key.n <= sizeof sc->auth) {
		memcpy(sc->auth, key.p, key.n);
		sc->auth_len = (uint8_t)key.n;
		sc->auth_key = row->name_id;
		sc->auth_rev = c->rev;
	}
	return ERR_NONE;
}

/* Whether /v1/models may be seen without a key. */
static bool
server_models_public(const struct server *s, const struct server_conn *sc,
    const struct http1_req *r)
{
	const struct conf *c = s->env->conf;

	if (c->public_models != CONF_PUBLIC_AUTO)
		return c->public_models == CONF_PUBLIC_YES;
	return resolve_is_loopback(gate_peer(sc->gate)) &&
	    guard_host(c, r->host);
}

static enum error_id
server_judge(struct server *s, struct server_conn *sc,
    const struct http1_req *r)
{
	const struct conf *c = s->env->conf;
	struct server_fields f;
	enum error_id id;
	bool known;

	server_fields(r, &f);
	if (f.call_id.p != NULL)
		server_copy(sc->call_id, sizeof sc->call_id, f.call_id);
	known = f.origin.p == NULL || guard_origin(c, f.origin);
	if (f.origin.p != NULL && known && f.origin.n < sizeof sc->origin)
		server_copy(sc->origin, sizeof sc->origin, f.origin);
	id = server_route(sc, r);
	if (c->open && (!known || !guard_host(c, r->host))) {
		sc->error_text = known ? "This Host is not allowed: this "
		    "gateway has no key, so only localhost and "
		    "llmd_settings.allowed_hosts are" : "This web origin is "
		    "not in llmd_settings.cors_origins";
		return ERR_ORIGIN;
	}
	if (sc->method == HTTP1_OPTIONS) {
		if (f.preflight.p != NULL && sc->origin[0] != '\0') {
			sc->preflight = xmalloc(f.preflight.n + 1);
			server_copy(sc->preflight, f.preflight.n + 1,
			    f.preflight);
		}
		return id;
	}
	/* Without a key nobody learns which paths there are. */
	if (!c->open && (sc->route == NULL ||
	    sc->route->access == SERVER_KEY ||
	    (sc->route->access == SERVER_MODELS &&
	    !server_models_public(s, sc, r))) &&
	    (sc->route != NULL || id == ERR_NOT_IMPLEMENTED)) {
		enum error_id denied = server_auth(s, sc, &f);

		if (denied != ERR_NONE)
			return denied;
	}
	if (id == ERR_NONE && f.encoding.p != NULL &&
	    !span_ieq(f.encoding, "identity"))
		return ERR_ENCODING;
	return id;
}

static void
server_forget(struct server_conn *sc)
{
	free(sc->arg);
	free(sc->preflight);
	free(sc->text);
	sc->arg = sc->preflight = sc->text = NULL;
}

static enum error_id
server_head_cb(struct gate_conn *g, const struct http1_req *r,
    const char **text, void *arg)
{
	struct server *s = arg;
	struct server_conn *sc = gate_extra(g);

	server_forget(sc);
	sc->gate = g;
	sc->route = NULL;
	sc->error_text = NULL;
	sc->origin[0] = sc->call_id[0] = '\0';
	sc->key = 0;
	sc->method = r->method;
	sc->judged = true;
	sc->id = exchange_id(s->env);
	exchange_id_text(s->env, sc->id, sc->id_text);
	sc->error = server_judge(s, sc, r);
	*text = sc->error_text;
	if (r->chunked || (r->has_length && r->length > 0))
		return sc->error;
	return ERR_NONE;
}

/*
 * Answering.
 */

void
server_reply(struct server_conn *sc, int status, struct span body)
{
	struct sink_head h = { .status = status, .retry_after_s = -1,
	    .should_retry = -1,
	    .content_type = body.n > 0 ? "application/json" : NULL };

	sink_http_reply(&sc->sink, &h, body);
}

void
server_args_of(const struct server_conn *sc, struct exchange_args *a)
{
	const struct sockaddr *sa = gate_peer(sc->gate);

	memset(a, 0, sizeof *a);
	a->front = &dialect_openai;
	a->start_ns = gate_start_ns(sc->gate);
	a->id = sc->id;
	a->key = sc->key;
	if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 =
		    (const struct sockaddr_in6 *)sa;

		memcpy(a->addr, &in6->sin6_addr, 16);
		a->port = ntohs(in6->sin6_port);
	} else if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)sa;

		a->addr[10] = a->addr[11] = 0xff;
		memcpy(a->addr + 12, &in->sin_addr, 4);
		a->port = ntohs(in->sin_port);
	}
}

void
server_error(struct server *s, struct server_conn *sc, enum error_id id,
    const char *text)
{
	struct exchange_args a;
	struct chat_error e;
	struct buf b = { 0 };
	struct sink_head h = { .retry_after_s = -1, .should_retry = -1,
	    .content_type = "application/json", .error = &e };

	chat_error_set(&e, id, NULL, "%s",
	    text != NULL ? text : error_rows[id].text);
	h.status = chat_error_status(&e);
	if (h.status == 501)
		h.should_retry = 0;
	if (id == ERR_METHOD)
		sink_http_header(&sc->sink, "Allow",
		    sc->route->methods == SERVER_POST ? "POST, OPTIONS" :
		    "GET, HEAD, OPTIONS");
	chat_error_body(&dialect_openai, &e, &b);
	server_args_of(sc, &a);
	exchange_record_refusal(s->env, &a, h.status, id);
	sink_http_reply(&sc->sink, &h, buf_span(&b));
	buf_fini(&b);
}

static const char *
server_date(struct server *s)
{
	time_t now = time(NULL);

	if (now != s->date_s) {
		s->date_s = now;
		clock_http_date(now, s->date);
	}
	return s->date;
}

/* RFC 9110 9.3.7 and the preflight of Fetch: no key is sent with it. */
static void
server_options(struct server_conn *sc)
{
	struct sink_http *k = &sc->sink;

	sink_http_header(k, "Allow", "GET, HEAD, POST, OPTIONS");
	if (sc->origin[0] != '\0') {
		sink_http_header(k, "Access-Control-Allow-Methods",
		    "GET, HEAD, POST, OPTIONS");
		sink_http_header(k, "Access-Control-Allow-Headers",
		    sc->preflight != NULL ? sc->preflight :
		    "authorization, content-type");
		sink_http_header(k, "Access-Control-Max-Age", "600");
	}
	server_reply(sc, 204, SPAN_NONE);
}

static void
server_request_cb(struct gate_conn *g, struct evhttp_request *req,
    void *arg)
{
	struct server *s = arg;
	struct server_conn *sc = gate_extra(g);
	struct sink_http *k = &sc->sink;

	sc->judged = false;
	sink_http_init(k, g, req, &s->lines);
	k->head_only = sc->method == HTTP1_HEAD;
	k->request_id = sc->id_text;
	k->call_id = sc->call_id[0] != '\0' ? sc->call_id : sc->id_text;
	k->origin = sc->origin[0] != '\0' ? sc->origin : NULL;
	k->date = server_date(s);
	if (sc->error != ERR_NONE)
		server_error(s, sc, sc->error, sc->error_text);
	else if (sc->method == HTTP1_OPTIONS)
		server_options(sc);
	else
		sc->route->handler(s, sc);
}

static void
server_gone_cb(struct gate_conn *g, void *arg)
{
	struct server_conn *sc = gate_extra(g);

	(void)arg;
	sink_http_gone(&sc->sink);
}

static void
server_closed_cb(struct gate_conn *g, void *arg)
{
	(void)arg;
	server_forget(gate_extra(g));
}

static void
server_refused_cb(struct gate_conn *g, enum error_id id, void *arg)
{
	struct server *s = arg;
	struct server_conn *sc = gate_extra(g);
	struct exchange_args a;

	sc->gate = g;
	server_args_of(sc, &a);
	exchange_record_refusal(s->env, &a, error_rows[id].status, id);
}

static const char *
server_request_id_cb(struct gate_conn *g, void *arg)
{
	struct server *s = arg;
	struct server_conn *sc = gate_extra(g);

	/* A head that is no HTTP was never judged. */
	if (!sc->judged) {
		sc->id = exchange_id(s->env);
		exchange_id_text(s->env, sc->id, sc->id_text);
		sc->key = 0;
	}
	return sc->id_text;
}

static const struct gate_ops server_gate_ops = {
	.head = server_head_cb,
	.request = server_request_cb,
	.gone = server_gone_cb,
	.closed = server_closed_cb,
	.refused = server_refused_cb,
	.request_id = server_request_id_cb,
};

struct server *
server_new(const struct server_args *a)
{
	struct server *s = xcalloc(1, sizeof *s);
	struct gate_args g = {
		.base = a->env->base,
		.shared = a->gates,
		.limits = &a->env->conf->limits,
		.ops = &server_gate_ops,
		.arg = s,
		.extra = sizeof(struct server_conn),
		.tls = a->tls,
		.spare = a->env->spare,
		.nspare = EXCHANGE_SPARES,
	};

	s->env = a->env;
	s->gate = gate_new(&g);
	return s;
}

void
server_free(struct server *s)
{
	if (s == NULL)
		return;
	gate_free(s->gate);
	buf_fini(&s->lines);
	free(s);
}

int
server_listen(struct server *s, int fd)
{
	return gate_listen(s->gate, fd);
}

void
server_reconfigure(struct server *s)
{
	gate_set_limits(s->gate, &s->env->conf->limits);
}

void
server_drain(struct server *s)
{
	s->draining = true;
	gate_drain(s->gate);
}
