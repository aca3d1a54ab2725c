/* SPDX-License-Identifier: ISC */
#include "openai.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "embed.h"
#include "json.h"
#include "models.h"
#include "reply.h"
#include "script.h"

#define OPENAI_CREATED	1700000000

const char *
openai_flavor(const struct sim_call *call)
{
	if (call->script->flavor != NULL)
		return call->script->flavor;
	return call->sim->dialect == SIM_OLLAMA ? "ollama" : "openai";
}

static struct reply *
openai_new(struct sim_call *call, int status)
{
	struct reply *r;
	char id[40];

	r = reply_new(call->conn, call->script, status, "application/json");
	if (strcmp(openai_flavor(call), "ollama") == 0)
		return r;
	snprintf(id, sizeof(id), "req_sim%08llx",
	    (unsigned long long)call->conn->rec->n);
	reply_field(r, "openai-processing-ms", "12");
	reply_field(r, "x-request-id", id);
	return r;
}

void
openai_reply(struct sim_call *call, int status, const struct buf *b)
{
	struct reply *r = openai_new(call, status);

	if (b->len > 0)
		reply_event(r, b->data, b->len);
	reply_go(r);
}

static const char *
openai_error_type(const struct sim_call *call, int status)
{
	const char *flavor = openai_flavor(call);

	if (strcmp(flavor, "ollama") == 0)
		return status == 400 ? "invalid_request_error" :
		    status == 404 ? "not_found_error" : "api_error";
	if (strcmp(flavor, "vllm") == 0)
		return status == 404 ? "NotFoundError" :
		    status < 500 ? "BadRequestError" : "InternalServerError";
	if (status == 429)
		return "requests";
	if (status == 403)
		return "permission_error";
	return status < 500 ? "invalid_request_error" : "server_error";
}

void
openai_error_json(struct sim_call *call, int status, const char *message,
    const char *param, const char *code, struct buf *b)
{
	bool vllm = strcmp(openai_flavor(call), "vllm") == 0;

	buf_adds(b, "{\"error\":{\"message\":");
	json_quotes(b, message);
	buf_addf(b, ",\"type\":\"%s\",\"param\":",
	    openai_error_type(call, status));
	if (param != NULL)
		json_quotes(b, param);
	else
		buf_adds(b, "null");
	buf_adds(b, ",\"code\":");
	if (vllm)
		buf_addf(b, "%d", status);
	else if (code != NULL)
		json_quotes(b, code);
	else
		buf_adds(b, "null");
	buf_adds(b, "}}");
}

void
openai_error(struct sim_call *call, int status, const char *message,
    const char *param, const char *code)
{
	struct buf b = { 0 };

	openai_error_json(call, status, message, param, code, &b);
	openai_reply(call, status, &b);
	buf_fini(&b);
}

/* The Bearer key when one is wanted; false after a 401. */
static bool
openai_auth(struct sim_call *call)
{
	const char *auth = http_field(&call->conn->rec->req, "Authorization");
	struct buf b = { 0 };

	if (call->sim->key == NULL)
		return true;
	if (auth != NULL && strncasecmp(auth, "Bearer ", 7) == 0 &&
	    strcmp(auth + 7, call->sim->key) == 0)
		return true;
	if (auth == NULL) {
		buf_adds(&b, "You didn't provide an API key.");
		openai_error(call, 401, b.data, NULL, NULL);
	} else {
		buf_addf(&b, "Incorrect API key provided: %s. You can find "
		    "your API key at https://platform.openai.com/account/"
		    "api-keys.", strncasecmp(auth, "Bearer ", 7) ? auth :
		    auth + 7);
		openai_error(call, 401, b.data, NULL, "invalid_api_key");
	}
	buf_fini(&b);
	return false;
}

static void
openai_model_json(const struct model *m, struct buf *b)
{
	size_t n = strlen(m->name);

	if (n > 7 && strcmp(m->name + n - 7, ":latest") == 0)
		n -= 7;
	buf_adds(b, "{\"id\":");
	json_quote(b, m->name, n, false);
	buf_addf(b, ",\"object\":\"model\",\"created\":%d,"
	    "\"owned_by\":\"%s\"}", OPENAI_CREATED,
	    m->openai ? "system" : "library");
}

static void
openai_models(struct sim_call *call)
{
	struct model *m;
	struct buf b = { 0 };

	buf_adds(&b, "{\"object\":\"list\",\"data\":[");
	for (m = models_first(call->sim->models); m != NULL; m = m->next) {
		openai_model_json(m, &b);
		if (m->next != NULL)
			buf_addc(&b, ',');
	}
	buf_adds(&b, "]}");
	openai_reply(call, 200, &b);
	buf_fini(&b);
}

static void
openai_no_model(struct sim_call *call, const char *name)
{
	struct buf b = { 0 };

	buf_addf(&b, "The model `%s` does not exist or you do not have access "
	    "to it.", name);
	openai_error(call, 404, b.data, NULL, "model_not_found");
	buf_fini(&b);
}

static void
openai_one_model(struct sim_call *call, const char *raw)
{
	struct model *m;
	struct buf b = { 0 };
	char *name = buf_dup(raw);

	http_unescape(name);
	m = models_find(call->sim->models, name);
	if (m == NULL) {
		openai_no_model(call, name);
	} else {
		openai_model_json(m, &b);
		openai_reply(call, 200, &b);
	}
	free(name);
	buf_fini(&b);
}

/* The checks that all POSTs share; false after an error. */
static bool
openai_check(struct sim_call *call, const char *needs)
{
	struct buf b = { 0 };

	if (call->body == NULL || call->body->type != JSON_OBJECT) {
		openai_error(call, 400, "We could not parse the JSON body of "
		    "your request. (HINT: This likely means you aren't using "
		    "your HTTP library correctly. The OpenAI API expects a "
		    "JSON payload, but what was sent was not valid JSON.)",
		    NULL, NULL);
		return false;
	}
	if (call->model == NULL) {
		openai_error(call, 400, "you must provide a model parameter",
		    NULL, NULL);
		return false;
	}
	if (!call->scripted &&
	    models_find(call->sim->models, call->model) == NULL) {
		openai_no_model(call, call->model);
		return false;
	}
	if (json_get(call->body, needs) != NULL)
		return true;
	buf_addf(&b, "Missing required parameter: '%s'.", needs);
	openai_error(call, 400, b.data, needs, "missing_required_parameter");
	buf_fini(&b);
	return false;
}

static void
openai_embed_item(const struct json *e, size_t i, size_t dim, bool base64,
    struct buf *b)
{
	const char *text = e->type == JSON_STRING ? e->str : e->raw;
	size_t len = e->type == JSON_STRING ? e->len : e->raw_len;

	buf_addf(b, "%s{\"object\":\"embedding\",\"index\":%zu,"
	    "\"embedding\":", i ? "," : "", i);
	if (base64) {
		buf_addc(b, '"');
		embed_base64(text, len, dim, b);
		buf_addc(b, '"');
	} else {
		embed_list(text, len, dim, false, b);
	}
	buf_addc(b, '}');
}

static void
openai_embeddings(struct sim_call *call)
{
	const struct json *input, *e;
	struct buf b = { 0 };
	int64_t dim, tokens = 0;
	size_t n = 0;
	bool base64, list;

	if (!openai_check(call, "input"))
		return;
	input = json_get(call->body, "input");
	base64 = script_is(json_str(json_get(call->body, "encoding_format")),
	    "base64");
	dim = json_int(json_get(call->body, "dimensions"), 1536);
	if (dim < 1 || dim > 65536)
		dim = 1536;
	/* a list of numbers is one input */
	list = input->type == JSON_ARRAY && input->child != NULL &&
	    input->child->type != JSON_NUMBER;
	buf_adds(&b, "{\"object\":\"list\",\"data\":[");
	for (e = list ? input->child : input; e != NULL;
	    e = list ? e->next : NULL) {
		openai_embed_item(e, n++, (size_t)dim, base64, &b);
		tokens += 1 + (int64_t)e->raw_len / 4;
	}
	tokens = script_int(call->script->prompt_tokens, tokens);
	buf_adds(&b, "],\"model\":");
	json_quotes(&b, call->script->model != NULL ? call->script->model :
	    call->model);
	buf_addf(&b, ",\"usage\":{\"prompt_tokens\":%lld,"
	    "\"total_tokens\":%lld}}", (long long)tokens, (long long)tokens);
	openai_reply(call, 200, &b);
	buf_fini(&b);
}

void
openai_handle(struct sim_call *call)
{
	const struct http_req *req = &call->conn->rec->req;
	const char *path = req->path;
	bool post = strcmp(req->method, "POST") == 0;

	if (strncmp(path, "/v1", 3) == 0)
		path += 3;
	if (!openai_auth(call))
		return;
	if (!post && strcmp(path, "/models") == 0)
		openai_models(call);
	else if (!post && strncmp(path, "/models/", 8) == 0)
		openai_one_model(call, path + 8);
	else if (post && strcmp(path, "/chat/completions") == 0) {
		if (openai_check(call, "messages"))
			openai_chat(call, true);
	} else if (post && strcmp(path, "/completions") == 0) {
		if (openai_check(call, "prompt"))
			openai_chat(call, false);
	} else if (post && strcmp(path, "/embeddings") == 0) {
		openai_embeddings(call);
	} else {
		openai_error(call, 404, "Invalid URL", NULL, NULL);
	}
}
