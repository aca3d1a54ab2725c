/* SPDX-License-Identifier: ISC */
#include "embed.h"
#include "ollama.h"
#include "reply.h"

static void
ollama_embed_head(struct sim_call *call, struct buf *b)
{
	const char *name = call->script->model != NULL ? call->script->model :
	    call->model;

	buf_adds(b, "{\"model\":");
	json_quote(b, name, strlen(name), true);
	buf_adds(b, ",\"embeddings\":[");
}

/* Tokens of all inputs, or -1 when one is too long and must not be cut. */
static int64_t
ollama_embed_count(const struct model *m, const struct json *input, bool cut)
{
	const struct json *e = input->type == JSON_ARRAY ? input->child : input;
	int64_t n, total = 0;

	for (; e != NULL; e = input->type == JSON_ARRAY ? e->next : NULL) {
		n = ollama_count(e->str, e->len);
		if (n > m->context) {
			if (!cut)
				return -1;
			n = m->context - 1;
		}
		total += n;
	}
	return total;
}

static bool
ollama_embed_strings(const struct json *input)
{
	const struct json *e;

	if (input == NULL || input->type == JSON_STRING)
		return true;
	if (input->type != JSON_ARRAY)
		return false;
	for (e = input->child; e != NULL; e = e->next)
		if (e->type != JSON_STRING)
			return false;
	return true;
}

static void
ollama_embed_vectors(struct sim_call *call, const struct model *m,
    const struct json *input, int64_t tokens)
{
	bool array = input->type == JSON_ARRAY;
	const struct json *e = array ? input->child : input;
	int64_t dim = json_int(json_get(call->body, "dimensions"),
	    m->embed_len);
	struct buf b = { 0 };

	if (dim <= 0 || dim > 65536)
		dim = m->embed_len;
	ollama_embed_head(call, &b);
	for (; e != NULL; e = array ? e->next : NULL) {
		if (array && e != input->child)
			buf_addc(&b, ',');
		embed_list(e->str, e->len, (size_t)dim,
		    !(m->caps & MODEL_EMBEDDING), &b);
	}
	buf_addf(&b, "],\"total_duration\":%lld,\"load_duration\":1033339,"
	    "\"prompt_eval_count\":%lld}", (long long)tokens * 1000000 + 77,
	    (long long)tokens);
	reply_text(call->conn, call->script, 200, OLLAMA_JSON, b.data, b.len);
	buf_fini(&b);
}

void
ollama_embed(struct sim_call *call)
{
	const struct json *input;
	struct model *m;
	struct buf b = { 0 };
	int64_t n;

	if (call->body == NULL) {
		ollama_error(call, 400, "%s", call->error.len > 0 ?
		    call->error.data : "missing request body");
		return;
	}
	m = ollama_model(call, true);
	if (m == NULL)
		return;
	input = json_get(call->body, "input");
	if (!ollama_embed_strings(input)) {
		ollama_error(call, 400, "invalid input type");
		return;
	}
	if (input == NULL || (input->type == JSON_STRING && input->len == 0) ||
	    (input->type == JSON_ARRAY && input->child == NULL)) {
		ollama_embed_head(call, &b);
		buf_adds(&b, "]}");
		reply_text(call->conn, call->script, 200, OLLAMA_JSON, b.data,
		    b.len);
		buf_fini(&b);
		return;
	}
	n = ollama_embed_count(m, input,
	    json_bool(json_get(call->body, "truncate"), true));
	m->loaded = true;
	if (n < 0)
		ollama_error(call, 400,
		    "the input length exceeds the context length");
	else
		ollama_embed_vectors(call, m, input, n);
}
