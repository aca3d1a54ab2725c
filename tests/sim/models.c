/* SPDX-License-Identifier: ISC */
#include "models.h"

#include <stdlib.h>
#include <string.h>

struct models {
	struct model	*first;
	struct model	*any;
};

/* As recorded from Ollama 0.23.0; digests and times are those of that day. */
static const struct {
	const char	*name;
	unsigned	 caps;
	int64_t		 context;
	int64_t		 size;
	const char	*digest;
	const char	*modified;
	const char	*params;
} models_recorded[] = {
	{ "task-think-model:latest",
	    MODEL_COMPLETION | MODEL_TOOLS | MODEL_THINKING, 4096, 21177981,
	    "56b847f8c66c2f17c31e5eefcafa1068bf8a3dd717f3074665908e1837e0c63c",
	    "2026-11-23T09:00:15.63389996Z", "5.29M" },
	{ "task-api-model:latest", MODEL_COMPLETION | MODEL_TOOLS, 4096,
	    21177892,
	    "8ce96d4af208c2fe90484de858a5100ff9156e8ecf9e24b3a55c1fa7232767c0",
	    "2026-11-23T09:00:15.077515989Z", "5.29M" },
	{ "task-embed-model:latest", MODEL_EMBEDDING, 512, 21176555,
	    "65c4a0176751534447a0993a46dd25044f079189f851778164dc97c0add9b5dd",
	    "2026-11-23T09:00:15.156436676Z", "5.29M" },
	{ "task-plain-model:latest", MODEL_COMPLETION, 4096, 21177564,
	    "f9ea572e17c72e4e289623125c91b1c8881359169e6d9eaaaa4b924c1650c483",
	    "2026-11-23T09:00:15.211613557Z", "5.29M" },
	{ "task-raw-model:latest", MODEL_COMPLETION | MODEL_INSERT, 4096,
	    21176610,
	    "2ff93cf3ceb5704d08c2edf07f7c2c48cbd3976c533e9ba1c668d27c5e6c4a58",
	    "2026-11-23T09:00:15.28654471Z", "5.29M" },
	{ "task-slow-model:latest", MODEL_COMPLETION, 4096, 121054757,
	    "8ce52db693bd6f5cad4b03169045959b7ea31d1bea8ec98366ff1c51daeeffe7",
	    "2026-11-23T09:00:15.581454433Z", "30.26M" },
};

static const struct {
	const char	*name;
	unsigned	 cap;
} models_caps[] = {
	{ "completion", MODEL_COMPLETION }, { "tools", MODEL_TOOLS },
	{ "insert", MODEL_INSERT }, { "vision", MODEL_VISION },
	{ "embedding", MODEL_EMBEDDING }, { "thinking", MODEL_THINKING },
};

/* The recorded template, in the parts that differ between the models. */
static const char model_head[] =
    "{{- range $i, $m := .Messages }}"
    "{{- $last := eq (len (slice $.Messages $i)) 1 }}\n"
    "{{- if eq .Role \"system\" }}[system]{{ .Content }}\n"
    "{{- else if eq .Role \"user\" }}[user]{{ .Content }}\n"
    "{{- else if eq .Role \"assistant\" }}[assistant]";
static const char model_thinks[] =
    "{{ if .Thinking }}<think>{{ .Thinking }}</think>{{ end }}";
static const char model_calls[] =
    "{{ if .ToolCalls }}<tool_call>{{ range .ToolCalls }}"
    "{\"name\": \"{{ .Function.Name }}\", \"arguments\": "
    "{{ .Function.Arguments }}}{{ end }}</tool_call>{{ end }}\n"
    "{{- else if eq .Role \"tool\" }}[tool {{ .ToolName }}]{{ .Content }}";
static const char *const model_words[] = {
	"text", "tool", "tool2", "talktool", "after", "think", "thinktool",
	"json", "utf8", "endless", "repeat", "spaces", "empty", "longline"
};

struct model *
models_first(struct models *ms)
{
	return ms->first;
}

struct model *
models_any(struct models *ms)
{
	return ms->any;
}

size_t
models_count(struct models *ms)
{
	struct model *m;
	size_t n = 0;

	for (m = ms->first; m != NULL; m = m->next)
		n++;
	return n;
}

static struct model *
model_new(const char *name, unsigned caps)
{
	struct model *m;
	uint64_t h = 14695981039346656037u;
	const char *p;
	char digest[65];
	int i;

	m = buf_alloc(sizeof(*m));
	for (p = name; *p != '\0'; p++)
		h = (h ^ (unsigned char)*p) * 1099511628211u;
	for (i = 0; i < 64; i++, h = h * 6364136223846793005u + 1)
		digest[i] = "0123456789abcdef"[h >> 60];
	digest[64] = '\0';
	m->name = buf_alloc(strlen(name) + 8);
	strcpy(m->name, name);
	p = strrchr(name, '/');
	if (strchr(p != NULL ? p : name, ':') == NULL)
		strcat(m->name, ":latest");
	m->caps = caps;
	m->context = 32768;
	m->embed_len = 1024;
	m->size = 5225376047;
	m->digest = buf_dup(digest);
	m->modified = buf_dup("2026-11-23T09:00:15.5Z");
	m->params = buf_dup("8.2B");
	return m;
}

static struct model *
models_add(struct models *ms, const char *name, unsigned caps)
{
	struct model *m = model_new(name, caps), **at;

	for (at = &ms->first; *at != NULL; at = &(*at)->next)
		continue;
	*at = m;
	return m;
}

static void
models_default(struct models *ms)
{
	struct model *m;
	size_t i;

	for (i = 0; i < sizeof(models_recorded) / sizeof(models_recorded[0]);
	    i++) {
		m = models_add(ms, models_recorded[i].name,
		    models_recorded[i].caps);
		free(m->digest);
		free(m->modified);
		free(m->params);
		m->context = models_recorded[i].context;
		m->size = models_recorded[i].size;
		m->digest = buf_dup(models_recorded[i].digest);
		m->modified = buf_dup(models_recorded[i].modified);
		m->params = buf_dup(models_recorded[i].params);
		m->recorded = true;
	}
	models_add(ms, "task-vision-model",
	    MODEL_COMPLETION | MODEL_VISION)->recorded = true;
	models_add(ms, "gpt-4o-mini", MODEL_COMPLETION | MODEL_TOOLS |
	    MODEL_VISION)->openai = true;
	models_add(ms, "text-embedding-3-small", MODEL_EMBEDDING)->openai =
	    true;
	ms->first->next->next->context = 512;
}

struct models *
models_new(const char *list)
{
	struct models *ms;
	struct model *m;
	char *copy, *word, *save = NULL;

	ms = buf_alloc(sizeof(*ms));
	ms->any = model_new("sim", MODEL_COMPLETION | MODEL_TOOLS |
	    MODEL_INSERT | MODEL_VISION | MODEL_THINKING | MODEL_EMBEDDING);
	if (list == NULL) {
		models_default(ms);
		return ms;
	}
	copy = buf_dup(list);
	for (word = strtok_r(copy, ", ", &save); word != NULL;
	    word = strtok_r(NULL, ", ", &save)) {
		m = models_add(ms, word, strstr(word, "embed") != NULL ?
		    MODEL_EMBEDDING : MODEL_COMPLETION | MODEL_TOOLS |
		    (strstr(word, "think") != NULL ? MODEL_THINKING : 0) |
		    (strstr(word, "vision") != NULL ? MODEL_VISION : 0));
		m->recorded = strncmp(word, "task-", 5) == 0;
	}
	free(copy);
	return ms;
}

static void
model_free(struct model *m)
{
	free(m->name);
	free(m->digest);
	free(m->modified);
	free(m->params);
	free(m);
}

void
models_free(struct models *ms)
{
	struct model *m;

	while ((m = ms->first) != NULL) {
		ms->first = m->next;
		model_free(m);
	}
	model_free(ms->any);
	free(ms);
}

struct model *
models_find(struct models *ms, const char *name)
{
	struct model *m;
	size_t n = strlen(name);

	for (m = ms->first; m != NULL; m = m->next)
		if (strcasecmp(m->name, name) == 0 ||
		    (strncasecmp(m->name, name, n) == 0 &&
		    strcmp(m->name + n, ":latest") == 0))
			return m;
	return NULL;
}

static int
models_remove(struct models *ms, const char *name, struct buf *err)
{
	struct model *m = models_find(ms, name), **at;

	if (m == NULL) {
		buf_addf(err, "no model '%s'", name);
		return -1;
	}
	for (at = &ms->first; *at != m; at = &(*at)->next)
		continue;
	*at = m->next;
	model_free(m);
	return 0;
}

int
models_set(struct models *ms, const struct json *o, struct buf *err)
{
	const char *name = json_str(json_get(o, "name"));
	const struct json *caps = json_get(o, "capabilities"), *e;
	struct model *m;
	size_t i;

	if (name == NULL) {
		buf_adds(err, "give a \"name\"");
		return -1;
	}
	if (json_bool(json_get(o, "remove"), false))
		return models_remove(ms, name, err);
	m = models_find(ms, name);
	if (m == NULL)
		m = models_add(ms, name, MODEL_COMPLETION | MODEL_TOOLS);
	if (caps != NULL)
		m->caps = 0;
	for (e = caps != NULL ? caps->child : NULL; e != NULL; e = e->next)
		for (i = 0; i < sizeof(models_caps) / sizeof(models_caps[0]);
		    i++)
			if (json_str(e) != NULL &&
			    strcmp(e->str, models_caps[i].name) == 0)
				m->caps |= models_caps[i].cap;
	m->context = json_int(json_get(o, "context_length"), m->context);
	m->embed_len = json_int(json_get(o, "embedding_length"),
	    m->embed_len);
	return 0;
}

static void
model_details(const struct model *m, const char *parent, struct buf *b)
{
	buf_addf(b, "\"details\":{\"parent_model\":\"%s\",\"format\":\"gguf\","
	    "\"family\":\"llama\",\"families\":[\"llama\"],"
	    "\"parameter_size\":\"%s\",\"quantization_level\":\"%s\"}",
	    parent, m->params, m->recorded ? "unknown" : "Q4_K_M");
}

static void
model_entry(const struct model *m, struct buf *b)
{
	buf_adds(b, "{\"name\":");
	json_quote(b, m->name, strlen(m->name), true);
	buf_adds(b, ",\"model\":");
	json_quote(b, m->name, strlen(m->name), true);
}

void
model_tags(struct models *ms, struct buf *b)
{
	struct model *m;
	bool first = true;

	buf_adds(b, "{\"models\":[");
	for (m = ms->first; m != NULL; m = m->next) {
		if (m->openai)
			continue;
		if (!first)
			buf_addc(b, ',');
		first = false;
		model_entry(m, b);
		buf_addf(b, ",\"modified_at\":\"%s\",\"size\":%lld,"
		    "\"digest\":\"%s\",", m->modified, (long long)m->size,
		    m->digest);
		model_details(m, "", b);
		buf_addc(b, '}');
	}
	buf_adds(b, "]}");
}

void
model_ps(struct models *ms, const char *expires, struct buf *b)
{
	struct model *m;
	bool first = true;

	buf_adds(b, "{\"models\":[");
	for (m = ms->first; m != NULL; m = m->next) {
		if (!m->loaded)
			continue;
		if (!first)
			buf_addc(b, ',');
		first = false;
		model_entry(m, b);
		buf_addf(b, ",\"size\":%lld,\"digest\":\"%s\",",
		    m->recorded ? 35950592LL : (long long)m->size, m->digest);
		model_details(m, "", b);
		buf_addf(b, ",\"expires_at\":\"%s\",\"size_vram\":0,"
		    "\"context_length\":%lld}", expires,
		    (long long)m->context);
	}
	buf_adds(b, "]}");
}

static void
model_template(const struct model *m, struct buf *b)
{
	size_t i;

	if ((m->caps & MODEL_EMBEDDING) != 0) {
		buf_adds(b, "{{ .Prompt }}");
		return;
	}
	buf_adds(b, model_head);
	if ((m->caps & MODEL_THINKING) != 0)
		buf_adds(b, model_thinks);
	buf_adds(b, "{{ .Content }}");
	if ((m->caps & MODEL_TOOLS) != 0)
		buf_adds(b, model_calls);
	buf_adds(b, "\n{{- end }}\n{{- if $last }}\n");
	for (i = 0; i < sizeof(model_words) / sizeof(model_words[0]); i++)
		buf_addf(b, "{{- %sif eq .Content \"#%s\" }}<|%s|>\n",
		    i ? "else " : "", model_words[i], model_words[i]);
	if ((m->caps & MODEL_TOOLS) != 0)
		buf_adds(b, "{{- else if eq .Role \"tool\" }}<|after|>\n"
		    "{{- else if $.Tools }}<|tool|>\n");
	if ((m->caps & MODEL_THINKING) != 0)
		buf_adds(b, "{{- else if $.Think }}<|think|>\n");
	buf_adds(b, "{{- else }}<|text|>\n{{- end }}\n{{- end }}\n"
	    "{{- end }}");
	if ((m->caps & MODEL_TOOLS) != 0)
		buf_adds(b, "{{- if false }}{{ .Tools }}{{ end }}");
}

static void
model_info(const struct model *m, struct buf *b)
{
	buf_addf(b, "\"model_info\":{\"general.architecture\":\"llama\","
	    "\"general.file_type\":0,\"general.parameter_count\":5291008,"
	    "\"general.quantization_version\":2,"
	    "\"llama.attention.head_count\":16,"
	    "\"llama.attention.head_count_kv\":16,"
	    "\"llama.attention.layer_norm_rms_epsilon\":0.00001,"
	    "\"llama.block_count\":1,\"llama.context_length\":%lld,"
	    "\"llama.embedding_length\":%lld,"
	    "\"llama.feed_forward_length\":32,", (long long)m->context,
	    (long long)m->embed_len);
	if ((m->caps & MODEL_EMBEDDING) != 0)
		buf_adds(b, "\"llama.pooling_type\":1,");
	buf_adds(b, "\"llama.rope.dimension_count\":64,"
	    "\"llama.rope.freq_base\":10000,\"llama.vocab_size\":486,"
	    "\"tokenizer.ggml.add_bos_token\":true,"
	    "\"tokenizer.ggml.add_eos_token\":false,"
	    "\"tokenizer.ggml.add_space_prefix\":false,"
	    "\"tokenizer.ggml.bos_token_id\":1,"
	    "\"tokenizer.ggml.eos_token_id\":2,"
	    "\"tokenizer.ggml.model\":\"llama\","
	    "\"tokenizer.ggml.pre\":\"default\","
	    "\"tokenizer.ggml.scores\":null,"
	    "\"tokenizer.ggml.token_type\":null,"
	    "\"tokenizer.ggml.tokens\":null,"
	    "\"tokenizer.ggml.unknown_token_id\":0},");
}

static void
model_tensors(struct buf *b)
{
	static const struct {
		const char	*name;
		const char	*shape;
	} tensors[] = {
		{ "token_embd.weight", "1024,486" },
		{ "output_norm.weight", "1024" },
		{ "output.weight", "1024,486" },
		{ "blk.0.attn_norm.weight", "1024" },
		{ "blk.0.ffn_norm.weight", "1024" },
		{ "blk.0.attn_q.weight", "1024,1024" },
		{ "blk.0.attn_k.weight", "1024,1024" },
		{ "blk.0.attn_v.weight", "1024,1024" },
		{ "blk.0.attn_output.weight", "1024,1024" },
		{ "blk.0.ffn_gate.weight", "1024,32" },
		{ "blk.0.ffn_up.weight", "1024,32" },
		{ "blk.0.ffn_down.weight", "32,1024" },
	};
	size_t i;

	buf_adds(b, "\"tensors\":[");
	for (i = 0; i < sizeof(tensors) / sizeof(tensors[0]); i++)
		buf_addf(b, "%s{\"name\":\"%s\",\"type\":\"F32\","
		    "\"shape\":[%s]}", i ? "," : "", tensors[i].name,
		    tensors[i].shape);
	buf_adds(b, "],");
}

static void
model_capabilities(const struct model *m, struct buf *b)
{
	bool first = true;
	size_t i;

	buf_adds(b, "\"capabilities\":[");
	for (i = 0; i < sizeof(models_caps) / sizeof(models_caps[0]); i++) {
		if ((m->caps & models_caps[i].cap) == 0)
			continue;
		buf_addf(b, "%s\"%s\"", first ? "" : ",", models_caps[i].name);
		first = false;
	}
	buf_adds(b, "]");
}

void
model_show(const struct model *m, struct buf *b)
{
	struct buf t = { 0 }, f = { 0 };
	bool lines;

	model_template(m, &t);
	lines = strchr(t.data, '\n') != NULL;
	buf_addf(&f, "# Modelfile generated by \"ollama show\"\n"
	    "# To build a new Modelfile based on this, replace FROM with:\n"
	    "# FROM %s\n\nFROM MODELS\nTEMPLATE %s%s%s\n", m->name,
	    lines ? "\"\"\"" : "", t.data, lines ? "\"\"\"" : "");
	buf_adds(b, "{\"modelfile\":");
	json_quote(b, f.data, f.len, true);
	buf_adds(b, ",\"template\":");
	json_quote(b, t.data, t.len, true);
	buf_addc(b, ',');
	model_details(m, "MODELS", b);
	buf_addc(b, ',');
	model_info(m, b);
	model_tensors(b);
	model_capabilities(m, b);
	buf_addf(b, ",\"modified_at\":\"%s\"}", m->modified);
	buf_fini(&t);
	buf_fini(&f);
}
