/* SPDX-License-Identifier: ISC */
/*
 * `options` and the members beside it.  First come, first served: the
 * client's own `options`, what it said in OpenAI's words, Ollama's words at
 * the top level, and the deployment's defaults last.
 */
#include "dialect/ollama.h"

#include "base/jout.h"
#include "dialect/param.h"

#define OLLAMA_OPTIONS_MAX	64

/* What has been written so far. */
struct ollama_opts {
	struct buf	*b;
	struct span	 names[OLLAMA_OPTIONS_MAX];
	unsigned	 n;
};

/* Ollama's own options (docs/modelfile.md, api/types.go) and words of other
 * servers for them. */
static const struct ollama_option {
	const char	*name;
	const char	*as;		/* NULL: the same */
} ollama_option_names[] = {
	{ "num_ctx", NULL }, { "num_keep", NULL }, { "num_batch", NULL },
	{ "num_gpu", NULL }, { "main_gpu", NULL }, { "num_thread", NULL },
	{ "num_predict", NULL }, { "top_k", NULL }, { "min_p", NULL },
	{ "typical_p", NULL }, { "tfs_z", NULL }, { "repeat_last_n", NULL },
	{ "repeat_penalty", NULL }, { "repetition_penalty", "repeat_penalty" },
	{ "mirostat", NULL }, { "mirostat_eta", NULL },
	{ "mirostat_tau", NULL }, { "use_mmap", NULL }, { "use_mlock", NULL },
	{ "numa", NULL }, { "low_vram", NULL }, { "draft_num_predict", NULL },
	/* In OpenAI's words too: found here in defaults only. */
	{ "temperature", NULL }, { "top_p", NULL }, { "seed", NULL },
	{ "presence_penalty", NULL }, { "frequency_penalty", NULL },
	{ "max_tokens", "num_predict" },
	{ "max_completion_tokens", "num_predict" }, { "stop", NULL }
};

static const char *const ollama_top_names[] = {
	"keep_alive", "think", "format", "truncate", "shift"
};

/* Writes "name": for an option that is new; false if it is not. */
static bool
ollama_option_begin(struct ollama_opts *o, struct span name)
{
	unsigned i;

	for (i = 0; i < o->n; i++)
		if (span_is(o->names[i], name))
			return false;
	if (o->n == OLLAMA_OPTIONS_MAX)
		return false;
	o->names[o->n++] = name;
	if (o->n > 1)
		buf_lit(o->b, ",");
	else
		buf_lit(o->b, ",\"options\":{");
	jout_str(o->b, name);
	buf_lit(o->b, ":");
	return true;
}

static void
ollama_option(struct ollama_opts *o, const char *name, struct span v)
{
	bool list;

	if (v.p == NULL || *v.p == 'n' ||
	    !ollama_option_begin(o, span_z(name)))
		return;
	list = strcmp(name, "stop") == 0 && *v.p == '"';
	if (list)
		buf_lit(o->b, "[");
	buf_adds(o->b, v);
	if (list)
		buf_lit(o->b, "]");
}

/* The name that an option has in Ollama, or NULL if it is none. */
static const char *
ollama_option_name(struct span name)
{
	size_t i;

	for (i = 0; i < sizeof(ollama_option_names) /
	    sizeof(*ollama_option_names); i++)
		if (span_eq(name, ollama_option_names[i].name))
			return ollama_option_names[i].as != NULL ?
			    ollama_option_names[i].as :
			    ollama_option_names[i].name;
	return NULL;
}

/* Members of the client's own options object. */
static int
ollama_options_own(struct ollama_opts *o, struct span v,
    struct chat_error *e)
{
	struct jscan_iter it;
	struct jscan_dup d;
	struct span key, val;
	int k;

	if (!jscan_is_obj(v)) {
		chat_error_set(e, ERR_INVALID_PARAM, "options",
		    "'options' must be an object.");
		return -1;
	}
	jscan_enter(&it, v, 1);
	jscan_dup_init(&d);
	while ((k = jscan_next(&it, &d, &key, &val)) == 1)
		/* Only plain names are remembered: others are not ours. */
		if (key.p >= v.p && key.p < v.p + v.n &&
		    ollama_option_begin(o, key))
			buf_adds(o->b, val);
	jscan_dup_fini(&d);
	if (k == -2)
		chat_error_set(e, ERR_INVALID_JSON, "options",
		    "Invalid JSON payload: duplicate key in 'options'");
	return k == -2 ? -1 : 0;
}

/* max_tokens: Ollama takes 0 for "no limit". */
static int
ollama_num_predict(struct ollama_opts *o, struct span v,
    struct chat_error *e)
{
	uint64_t n;

	if (v.p == NULL)
		return 0;
	if (!jscan_u64(v, &n) || n == 0 || n > INT32_MAX) {
		chat_error_set(e, ERR_INVALID_PARAM, "max_tokens",
		    "'max_tokens' must be a positive integer.");
		return -1;
	}
	if (ollama_option_begin(o, SPAN_LIT("num_predict")))
		jout_u64(o->b, n);
	return 0;
}

static const struct span *
ollama_extra(const struct chat_req *r, const char *name)
{
	unsigned i;

	for (i = 0; i < r->nextras; i++)
		if (span_eq(r->extras[i].name, name))
			return &r->extras[i].value;
	return NULL;
}

/* keep_alive and the like, from the request or from the defaults. */
static void
ollama_top(const struct chat_req *r, const struct chat_target *t,
    struct buf *b)
{
	const struct span *v;
	struct span def;
	unsigned i, k;

	for (i = 0; i < sizeof(ollama_top_names) / sizeof(*ollama_top_names);
	    i++) {
		if (strcmp(ollama_top_names[i], "format") == 0 &&
		    r->format != CHAT_FORMAT_TEXT)
			continue;
		v = ollama_extra(r, ollama_top_names[i]);
		for (k = 0; v == NULL && k < t->nparams; k++)
			if (strcmp(t->params[k].name, ollama_top_names[i]) ==
			    0) {
				def = t->params[k].json;
				v = &def;
			}
		if (v == NULL)
			continue;
		buf_lit(b, ",");
		jout_strz(b, ollama_top_names[i]);
		buf_lit(b, ":");
		buf_adds(b, *v);
	}
}

int
ollama_options(const struct chat_req *r, const struct chat_target *t,
    struct arena *a, struct buf *b, struct chat_error *e)
{
	struct ollama_opts o = { .b = b };
	const struct span *v;
	struct span def;
	const char *name;
	unsigned i;

	v = ollama_extra(r, "options");
	if (v != NULL && ollama_options_own(&o, *v, e) == -1)
		return -1;
	if (ollama_num_predict(&o, r->max_tokens, e) == -1)
		return -1;
	ollama_option(&o, "temperature", r->temperature);
	ollama_option(&o, "top_p", r->top_p);
	ollama_option(&o, "seed", r->seed);
	ollama_option(&o, "stop", r->stop);
	ollama_option(&o, "presence_penalty", r->presence_penalty);
	ollama_option(&o, "frequency_penalty", r->frequency_penalty);
	for (i = 0; i < r->nextras; i++) {
		name = ollama_option_name(r->extras[i].name);
		if (name != NULL)
			ollama_option(&o, name, r->extras[i].value);
	}
	for (i = 0; i < t->nparams; i++) {
		name = ollama_option_name(span_z(t->params[i].name));
		if (name != NULL)
			ollama_option(&o, name, t->params[i].json);
	}
	def = ollama_default(t, "options", a);
	if (def.p != NULL && ollama_options_own(&o, def, e) == -1)
		return -1;
	if (o.n != 0)
		buf_lit(b, "}");
	ollama_top(r, t, b);
	return 0;
}
