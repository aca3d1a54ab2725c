/* SPDX-License-Identifier: ISC */
/*
 * What Ollama's server refuses while it decodes a request, in the order and
 * the words of Go's encoding/json and of Ollama's own decoders.
 */
#include <stdlib.h>
#include <string.h>

#include "ollama.h"

enum ollama_type {
	OLLAMA_STRING,
	OLLAMA_BOOL,
	OLLAMA_INT,
	OLLAMA_MAP,
	OLLAMA_MESSAGES,
	OLLAMA_TOOLS,
	OLLAMA_IMAGES,
	OLLAMA_CALLS,
	OLLAMA_KEEP,
	OLLAMA_THINK,
	OLLAMA_ANY
};

struct ollama_field {
	const char	*name;
	enum ollama_type type;
};

static const struct ollama_field ollama_chat_fields[] = {
	{ "model", OLLAMA_STRING }, { "messages", OLLAMA_MESSAGES },
	{ "stream", OLLAMA_BOOL }, { "keep_alive", OLLAMA_KEEP },
	{ "tools", OLLAMA_TOOLS }, { "options", OLLAMA_MAP },
	{ "think", OLLAMA_THINK }, { "truncate", OLLAMA_BOOL },
	{ "shift", OLLAMA_BOOL }, { "_debug_render_only", OLLAMA_BOOL },
	{ "logprobs", OLLAMA_BOOL }, { "top_logprobs", OLLAMA_INT },
	{ NULL, OLLAMA_ANY }
};
static const struct ollama_field ollama_message_fields[] = {
	{ "role", OLLAMA_STRING }, { "content", OLLAMA_STRING },
	{ "thinking", OLLAMA_STRING }, { "images", OLLAMA_IMAGES },
	{ "tool_calls", OLLAMA_CALLS }, { "tool_name", OLLAMA_STRING },
	{ "tool_call_id", OLLAMA_STRING }, { NULL, OLLAMA_ANY }
};
static const struct ollama_field ollama_generate_fields[] = {
	{ "model", OLLAMA_STRING }, { "prompt", OLLAMA_STRING },
	{ "suffix", OLLAMA_STRING }, { "system", OLLAMA_STRING },
	{ "template", OLLAMA_STRING }, { "stream", OLLAMA_BOOL },
	{ "raw", OLLAMA_BOOL }, { "keep_alive", OLLAMA_KEEP },
	{ "images", OLLAMA_IMAGES }, { "options", OLLAMA_MAP },
	{ "think", OLLAMA_THINK }, { "truncate", OLLAMA_BOOL },
	{ "shift", OLLAMA_BOOL }, { "logprobs", OLLAMA_BOOL },
	{ "top_logprobs", OLLAMA_INT }, { NULL, OLLAMA_ANY }
};

static const char *const ollama_kinds[] = {
	[JSON_NULL] = "null", [JSON_FALSE] = "bool", [JSON_TRUE] = "bool",
	[JSON_NUMBER] = "number", [JSON_STRING] = "string",
	[JSON_ARRAY] = "array", [JSON_OBJECT] = "object"
};

static bool	ollama_check_fields(const struct json *, const char *,
		    const char *, const struct ollama_field *, struct buf *);

static bool
ollama_wrong(const struct json *v, const char *where, const char *path,
    const char *type, struct buf *err)
{
	buf_addf(err, "json: cannot unmarshal %s into Go struct field %s.%s%s "
	    "of type %s", ollama_kinds[v->type], where, path, v->key, type);
	return false;
}

static bool
ollama_check_images(const struct json *v, struct buf *err)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/=\r\n";
	const struct json *e;
	size_t n;

	for (e = v->child; e != NULL; e = e->next) {
		if (e->type != JSON_STRING)
			continue;
		n = strspn(e->str, set);
		if (n < e->len) {
			buf_addf(err, "illegal base64 data at input byte %zu",
			    n);
			return false;
		}
	}
	return true;
}

/* Arguments of a call in the history must be an object. */
static bool
ollama_check_calls(const struct json *v, struct buf *err)
{
	const struct json *e, *args;

	for (e = v->child; e != NULL; e = e->next) {
		args = json_get(json_get(e, "function"), "arguments");
		if (args == NULL || args->type == JSON_OBJECT)
			continue;
		buf_adds(err, args->type == JSON_STRING ?
		    "Value looks like object, but can't find closing '}' "
		    "symbol" : "Unknown value type");
		return false;
	}
	return true;
}

/* Go's time.ParseDuration, as far as its errors go. */
static bool
ollama_check_keep(const struct json *v, struct buf *err)
{
	const char *p;
	char *end;

	if (v->type == JSON_NUMBER)
		return true;
	if (v->type != JSON_STRING) {
		buf_addf(err, "Unsupported type: '%s'",
		    ollama_kinds[v->type]);
		return false;
	}
	p = v->str + (v->str[0] == '-' || v->str[0] == '+');
	if (strcmp(p, "0") == 0)
		return true;
	do {
		if (strspn(p, "0123456789.") == 0)
			break;
		strtod(p, &end);
		if (strspn(end, "hmsnu") == 0)
			break;
		p = end + strspn(end, "hmsnu");
	} while (*p != '\0');
	if (*p == '\0' && v->len > 0)
		return true;
	buf_adds(err, "time: invalid duration ");
	json_quote(err, v->str, v->len, false);
	return false;
}

static bool
ollama_check_think(const struct json *v, struct buf *err)
{
	static const char *const levels[] = { "high", "medium", "low", "max" };
	size_t i;

	if (v->type == JSON_TRUE || v->type == JSON_FALSE)
		return true;
	for (i = 0; v->type == JSON_STRING && i < 4; i++)
		if (strcmp(v->str, levels[i]) == 0)
			return true;
	if (v->type == JSON_STRING) {
		buf_adds(err, "invalid think value: ");
		json_quote(err, v->str, v->len, false);
		buf_adds(err, " (must be \"high\", \"medium\", \"low\", "
		    "\"max\", true, or false)");
	} else {
		buf_adds(err, "think must be a boolean or string (\"high\", "
		    "\"medium\", \"low\", \"max\", true, or false)");
	}
	return false;
}

static bool
ollama_check_messages(const struct json *v, struct buf *err)
{
	const struct json *e;

	for (e = v->child; e != NULL; e = e->next) {
		if (e->type == JSON_NULL)
			continue;
		if (e->type != JSON_OBJECT) {
			buf_addf(err, "json: cannot unmarshal %s into Go struct"
			    " field ChatRequest.messages of type api.Message",
			    ollama_kinds[e->type]);
			return false;
		}
		if (!ollama_check_fields(e, "ChatRequest", "messages.",
		    ollama_message_fields, err))
			return false;
	}
	return true;
}

static bool
ollama_check_field(const struct json *v, const char *where, const char *path,
    enum ollama_type type, struct buf *err)
{
	bool array = v->type == JSON_ARRAY;

	switch (type) {
	case OLLAMA_STRING:
		return v->type == JSON_STRING ||
		    ollama_wrong(v, where, path, "string", err);
	case OLLAMA_BOOL:
		return v->type == JSON_TRUE || v->type == JSON_FALSE ||
		    ollama_wrong(v, where, path, "bool", err);
	case OLLAMA_INT:
		return v->type == JSON_NUMBER ||
		    ollama_wrong(v, where, path, "int", err);
	case OLLAMA_MAP:
		return v->type == JSON_OBJECT || ollama_wrong(v, where, path,
		    "map[string]interface {}", err);
	case OLLAMA_MESSAGES:
		return array ? ollama_check_messages(v, err) :
		    ollama_wrong(v, where, path, "[]api.Message", err);
	case OLLAMA_TOOLS:
		return array ||
		    ollama_wrong(v, where, path, "api.Tools", err);
	case OLLAMA_IMAGES:
		return array ? ollama_check_images(v, err) :
		    ollama_wrong(v, where, path, "[]api.ImageData", err);
	case OLLAMA_CALLS:
		return array ? ollama_check_calls(v, err) :
		    ollama_wrong(v, where, path, "[]api.ToolCall", err);
	case OLLAMA_KEEP:
		return ollama_check_keep(v, err);
	case OLLAMA_THINK:
		return ollama_check_think(v, err);
	case OLLAMA_ANY:
		break;
	}
	return true;
}

static bool
ollama_check_fields(const struct json *o, const char *where,
    const char *path, const struct ollama_field *fields, struct buf *err)
{
	const struct ollama_field *f;
	const struct json *e;

	for (e = o->child; e != NULL; e = e->next) {
		for (f = fields; f->name != NULL; f++)
			if (strcmp(f->name, e->key) == 0)
				break;
		if (f->name == NULL || e->type == JSON_NULL)
			continue;
		if (!ollama_check_field(e, where, path, f->type, err))
			return false;
	}
	return true;
}

static bool
ollama_check_object(const struct json *o, const char *where,
    const struct ollama_field *fields, struct buf *err)
{
	if (o->type != JSON_OBJECT) {
		buf_addf(err, "json: cannot unmarshal %s into Go value of type "
		    "api.%s", ollama_kinds[o->type], where);
		return false;
	}
	return ollama_check_fields(o, where, "", fields, err);
}

bool
ollama_check_chat(const struct json *o, struct buf *err)
{
	return ollama_check_object(o, "ChatRequest", ollama_chat_fields, err);
}

bool
ollama_check_generate(const struct json *o, struct buf *err)
{
	return ollama_check_object(o, "GenerateRequest",
	    ollama_generate_fields, err);
}

/* Types of the options: api.Options.FromMap. */
static const struct {
	const char	*name;
	const char	*type;
} ollama_options[] = {
	{ "num_keep", "integer" }, { "seed", "integer" },
	{ "num_predict", "integer" }, { "top_k", "integer" },
	{ "top_p", "float32" }, { "min_p", "float32" },
	{ "typical_p", "float32" }, { "repeat_last_n", "integer" },
	{ "temperature", "float32" }, { "repeat_penalty", "float32" },
	{ "presence_penalty", "float32" },
	{ "frequency_penalty", "float32" }, { "stop", "array" },
	{ "num_ctx", "integer" }, { "num_batch", "integer" },
	{ "num_gpu", "integer" }, { "main_gpu", "integer" },
	{ "num_thread", "integer" }, { "use_mmap", "boolean" },
};

static bool
ollama_option_fits(const struct json *v, const char *type)
{
	if (strcmp(type, "array") == 0)
		return v->type == JSON_ARRAY;
	if (strcmp(type, "boolean") == 0)
		return v->type == JSON_TRUE || v->type == JSON_FALSE;
	return v->type == JSON_NUMBER;
}

bool
ollama_check_options(const struct json *o, struct buf *err)
{
	const struct json *e;
	size_t i;

	for (e = o != NULL ? o->child : NULL; e != NULL; e = e->next)
		for (i = 0; e->type != JSON_NULL &&
		    i < sizeof(ollama_options) / sizeof(ollama_options[0]);
		    i++) {
			if (strcmp(e->key, ollama_options[i].name) != 0 ||
			    ollama_option_fits(e, ollama_options[i].type))
				continue;
			buf_addf(err, "option \"%s\" must be of type %s",
			    e->key, ollama_options[i].type);
			return false;
		}
	return true;
}

bool
ollama_check_format(const struct json *v, struct buf *err)
{
	static const char *const types[] = { "object", "array", "string",
	    "number", "integer", "boolean", "null" };
	const char *type;
	size_t i;

	if (v == NULL || (v->type == JSON_STRING && (v->len == 0 ||
	    strcmp(v->str, "json") == 0)))
		return true;
	if (v->type != JSON_OBJECT) {
		buf_adds(err, "invalid format: ");
		json_quote(err, v->raw, v->raw_len, false);
		buf_adds(err, "; expected \"json\" or a valid JSON Schema "
		    "object");
		return false;
	}
	type = json_str(json_get(v, "type"));
	for (i = 0; type != NULL && i < 7; i++)
		if (strcmp(type, types[i]) == 0)
			return true;
	if (type == NULL)
		return true;
	buf_adds(err, "invalid JSON schema in format");
	return false;
}
