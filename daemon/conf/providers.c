/* SPDX-License-Identifier: ISC */
/*
 * Prefixes, default URLs, variables and forms of authentication are those of
 * LiteLLM 1.106 (get_llm_provider_logic.py and its documentation), but for
 * Gemini, which is called through Google's OpenAI-compatible API.
 */
#include "conf/providers.h"

#include <stdlib.h>
#include <string.h>

#include "conf/schema.h"
#include "dialect/conv.h"

#define WORKS(n, d, b, needed, ...) \
	{ .name = n, .state = PROVIDERS_WORKS, .dialect = &dialect_##d, \
	    .wire = #d, .base = b, .key_needed = needed, __VA_ARGS__ }
#define OPENAI(n, b, ...)	WORKS(n, openai, b, true, \
				    .key_env = { __VA_ARGS__ })
#define NOT_YET(n, w, b, ...) \
	{ .name = n, .state = PROVIDERS_NOT_YET, .wire = w, .base = b, \
	    .key_needed = true, __VA_ARGS__ }
#define NEVER(n, w) \
	{ .name = n, .state = PROVIDERS_NEVER, .wire = w }

static const struct provider providers[] = {
	WORKS("openai", openai, "https://api.openai.com/v1", true,
	    .base_env = { "OPENAI_BASE_URL", "OPENAI_API_BASE" },
	    .key_env = { "OPENAI_API_KEY" }),
	WORKS("text-completion-openai", openai, "https://api.openai.com/v1",
	    true, .base_env = { "OPENAI_BASE_URL", "OPENAI_API_BASE" },
	    .key_env = { "OPENAI_API_KEY" }),
	WORKS("custom_openai", openai, NULL, false, .key_env = { NULL }),
	WORKS("openai_like", openai, NULL, false,
	    .base_env = { "OPENAI_LIKE_API_BASE" },
	    .key_env = { "OPENAI_LIKE_API_KEY" }),
	WORKS("hosted_vllm", openai, NULL, false,
	    .base_env = { "HOSTED_VLLM_API_BASE" },
	    .key_env = { "HOSTED_VLLM_API_KEY" }),
	WORKS("llamafile", openai, "http://127.0.0.1:8080/v1", false,
	    .base_env = { "LLAMAFILE_API_BASE" },
	    .key_env = { "LLAMAFILE_API_KEY" }),
	WORKS("lm_studio", openai, NULL, false,
	    .base_env = { "LM_STUDIO_API_BASE" },
	    .key_env = { "LM_STUDIO_API_KEY" }),
	WORKS("docker_model_runner", openai,
	    "http://localhost:22088/engines/llama.cpp", false,
	    .base_env = { "DOCKER_MODEL_RUNNER_API_BASE" },
	    .key_env = { "DOCKER_MODEL_RUNNER_API_KEY" }),
	WORKS("litellm_proxy", openai, NULL, false,
	    .base_env = { "LITELLM_PROXY_API_BASE" },
	    .key_env = { "LITELLM_PROXY_API_KEY" }),
	WORKS("xinference", openai, "http://127.0.0.1:9997/v1", false,
	    .base_env = { "XINFERENCE_API_BASE" },
	    .key_env = { "XINFERENCE_API_KEY" }),
	WORKS("ollama", ollama, "http://localhost:11434", false,
	    .base_env = { "OLLAMA_API_BASE" },
	    .key_env = { "OLLAMA_API_KEY" }),
	WORKS("ollama_chat", ollama, "http://localhost:11434", false,
	    .base_env = { "OLLAMA_API_BASE" },
	    .key_env = { "OLLAMA_API_KEY" }),
	OPENAI("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY"),
	OPENAI("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
	OPENAI("codestral", "https://codestral.mistral.ai/v1",
	    "CODESTRAL_API_KEY"),
	OPENAI("deepseek", "https://api.deepseek.com/beta",
	    "DEEPSEEK_API_KEY"),
	WORKS("openrouter", openai, "https://openrouter.ai/api/v1", true,
	    .base_env = { "OPENROUTER_API_BASE" },
	    .key_env = { "OPENROUTER_API_KEY", "OR_API_KEY" },
	    .headers = { { "HTTP-Referer", "OR_SITE_URL" },
	    { "X-Title", "OR_APP_NAME" } }),
	OPENAI("together_ai", "https://api.together.xyz/v1",
	    "TOGETHERAI_API_KEY", "TOGETHER_API_KEY", "TOGETHER_AI_API_KEY",
	    "TOGETHER_AI_TOKEN"),
	OPENAI("fireworks_ai", "https://api.fireworks.ai/inference/v1",
	    "FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY",
	    "FIREWORKSAI_API_KEY"),
	OPENAI("xai", "https://api.x.ai/v1", "XAI_API_KEY"),
	OPENAI("perplexity", "https://api.perplexity.ai",
	    "PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY"),
	OPENAI("cerebras", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
	OPENAI("nvidia_nim", "https://integrate.api.nvidia.com/v1",
	    "NVIDIA_NIM_API_KEY"),
	OPENAI("sambanova", "https://api.sambanova.ai/v1",
	    "SAMBANOVA_API_KEY"),
	OPENAI("deepinfra", "https://api.deepinfra.com/v1/openai",
	    "DEEPINFRA_API_KEY"),
	OPENAI("moonshot", "https://api.moonshot.ai/v1",
	    "MOONSHOT_API_KEY"),
	OPENAI("volcengine", "https://ark.cn-beijing.volces.com/api/v3",
	    "VOLCENGINE_API_KEY", "ARK_API_KEY"),
	OPENAI("github", "https://models.inference.ai.azure.com",
	    "GITHUB_API_KEY"),
	OPENAI("meta_llama", "https://api.llama.com/compat/v1",
	    "LLAMA_API_KEY"),
	OPENAI("dashscope",
	    "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
	    "DASHSCOPE_API_KEY"),
	OPENAI("zai", "https://api.z.ai/api/paas/v4", "ZAI_API_KEY"),
	OPENAI("nebius", "https://api.studio.nebius.ai/v1",
	    "NEBIUS_API_KEY"),
	OPENAI("novita", "https://api.novita.ai/v3/openai",
	    "NOVITA_API_KEY"),
	OPENAI("hyperbolic", "https://api.hyperbolic.xyz/v1",
	    "HYPERBOLIC_API_KEY"),
	OPENAI("lambda_ai", "https://api.lambda.ai/v1", "LAMBDA_API_KEY"),
	OPENAI("featherless_ai", "https://api.featherless.ai/v1",
	    "FEATHERLESS_AI_API_KEY"),
	OPENAI("friendliai", "https://api.friendli.ai/serverless/v1",
	    "FRIENDLIAI_API_KEY", "FRIENDLI_TOKEN"),
	OPENAI("gemini",
	    "https://generativelanguage.googleapis.com/v1beta/openai",
	    "GEMINI_API_KEY", "GOOGLE_API_KEY"),
	WORKS("azure_ai", openai, NULL, true,
	    .base_env = { "AZURE_AI_API_BASE" },
	    .key_env = { "AZURE_AI_API_KEY" }, .auth = PROVIDERS_API_KEY),
	NOT_YET("anthropic", "anthropic", "https://api.anthropic.com",
	    .base_env = { "ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL" },
	    .key_env = { "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN" },
	    .auth = PROVIDERS_X_API_KEY),
	NOT_YET("azure", "azure", NULL,
	    .base_env = { "AZURE_API_BASE" },
	    .key_env = { "AZURE_API_KEY" }, .auth = PROVIDERS_API_KEY),
	NEVER("azure_text", "Azure's old completions"),
	NEVER("bedrock", "AWS signatures"),
	NEVER("bedrock_converse", "AWS signatures"),
	NEVER("sagemaker", "AWS signatures"),
	NEVER("sagemaker_chat", "AWS signatures"),
	NEVER("vertex_ai", "Google service accounts"),
	NEVER("vertex_ai_beta", "Google service accounts"),
	NEVER("watsonx", "IBM tokens"),
	NEVER("watsonx_text", "IBM tokens"),
	NEVER("oci", "Oracle signatures"),
	NEVER("cohere", "Cohere's API"),
	NEVER("cohere_chat", "Cohere's API"),
	NEVER("ai21", "AI21's API"),
	NEVER("ai21_chat", "AI21's API"),
	NEVER("anthropic_text", "Anthropic's old completions"),
	NEVER("huggingface", "Hugging Face's API"),
	NEVER("replicate", "Replicate's API"),
	NEVER("cloudflare", "Cloudflare's API"),
	NEVER("databricks", "Databricks' API"),
	NEVER("snowflake", "Snowflake's API"),
	NEVER("predibase", "Predibase's API"),
	NEVER("nlp_cloud", "NLP Cloud's API"),
	NEVER("aleph_alpha", "Aleph Alpha's API"),
	NEVER("palm", "an API that was closed"),
	NEVER("petals", "Python code"),
	NEVER("vllm", "vLLM inside the process"),
	NEVER("triton", "Triton's API"),
	NEVER("oobabooga", "Oobabooga's old API"),
	NEVER("maritalk", "Maritaca's API"),
	NEVER("clarifai", "Clarifai's API"),
	NEVER("baseten", "Baseten's API"),
	NEVER("voyage", "Voyage's API"),
	NEVER("jina_ai", "Jina's API"),
	NEVER("infinity", "Infinity's API"),
	NEVER("deepgram", "Deepgram's API"),
	NEVER("elevenlabs", "ElevenLabs' API"),
	NEVER("assemblyai", "AssemblyAI's API"),
	NEVER("github_copilot", "GitHub's device login"),
	NEVER("chatgpt", "a ChatGPT login"),
	NEVER("text-completion-codestral", "Codestral's completions"),
	NEVER("auto_router", "routing by prompt"),
	NEVER("custom", "Python code"),
};

#define PROVIDERS_N	(sizeof(providers) / sizeof(providers[0]))

/* api_base contains -> provider, for models without a known prefix. */
static const struct {
	const char	*part;
	const char	*name;
} providers_hosts[] = {
	{ "api.groq.com/openai/v1", "groq" },
	{ "codestral.mistral.ai/v1", "codestral" },
	{ "api.mistral.ai/v1", "mistral" },
	{ "api.deepseek.com/v1", "deepseek" },
	{ "api.perplexity.ai", "perplexity" },
	{ "api.deepinfra.com/v1/openai", "deepinfra" },
	{ "integrate.api.nvidia.com/v1", "nvidia_nim" },
	{ "api.cerebras.ai/v1", "cerebras" },
	{ "api.sambanova.ai/v1", "sambanova" },
	{ "api.friendli.ai/serverless/v1", "friendliai" },
	{ "api.llama.com/compat/v1", "meta_llama" },
	{ "api.together.xyz/v1", "together_ai" },
	{ "api.fireworks.ai/inference/v1", "fireworks_ai" },
	{ "api.x.ai/v1", "xai" },
	{ "openrouter.ai/api/v1", "openrouter" },
	{ "api.moonshot.ai/v1", "moonshot" },
	{ "ark.cn-beijing.volces.com/api/v3", "volcengine" },
	{ "dashscope-intl.aliyuncs.com/compatible-mode/v1", "dashscope" },
	{ "models.inference.ai.azure.com", "github" },
};

/* Names without a prefix: begin with -> provider. */
static const struct {
	const char	*start;
	const char	*name;
} providers_bare[] = {
	{ "gpt-", "openai" }, { "chatgpt-", "openai" },
	{ "text-embedding-", "openai" }, { "text-davinci-", "openai" },
	{ "davinci-", "openai" }, { "babbage-", "openai" },
	{ "dall-e-", "openai" }, { "whisper-", "openai" },
	{ "tts-", "openai" }, { "ft:", "openai" },
	{ "omni-moderation", "openai" }, { "text-moderation", "openai" },
	{ "codex-", "openai" }, { "computer-use-", "openai" },
	{ "claude-", "anthropic" }, { "gemini-", "gemini" },
	{ "command", "cohere_chat" }, { "embed-", "cohere" },
};

/* What people write for a provider that has another name. */
static const struct {
	const char	*written;
	const char	*name;
} providers_aliases[] = {
	{ "nvidia", "nvidia_nim" }, { "zhipu", "zai" }, { "zhipuai", "zai" },
	{ "glm", "zai" }, { "mistralai", "mistral" }, { "google", "gemini" },
	{ "google_ai_studio", "gemini" }, { "together", "together_ai" },
	{ "togetherai", "together_ai" }, { "lmstudio", "lm_studio" },
	{ "fireworks", "fireworks_ai" }, { "x-ai", "xai" },
	{ "grok", "xai" }, { "openai_compatible", "openai" },
	{ "openai-compatible", "openai" }, { "llamacpp", "openai" },
	{ "llama.cpp", "openai" }, { "vertexai", "vertex_ai" },
	{ "kimi", "moonshot" }, { "qwen", "dashscope" },
};

const struct provider *
providers_find(struct span name)
{
	size_t i;

	for (i = 0; i < PROVIDERS_N; i++)
		if (span_eq(name, providers[i].name))
			return &providers[i];
	return NULL;
}

static const struct provider *
providers_by_host(const char *api_base)
{
	size_t i;

	for (i = 0; api_base != NULL && i < sizeof(providers_hosts) /
	    sizeof(providers_hosts[0]); i++)
		if (strstr(api_base, providers_hosts[i].part) != NULL)
			return providers_find(span_z(providers_hosts[i].name));
	return NULL;
}

static const struct provider *
providers_by_bare_name(const char *model)
{
	size_t i;

	if (strcmp(model, "*") == 0 ||
	    (model[0] == 'o' && model[1] >= '1' && model[1] <= '9' &&
	    (model[2] == '\0' || model[2] == '-')))
		return providers_find(SPAN_LIT("openai"));
	for (i = 0; i < sizeof(providers_bare) / sizeof(providers_bare[0]);
	    i++)
		if (strncmp(model, providers_bare[i].start,
		    strlen(providers_bare[i].start)) == 0)
			return providers_find(span_z(providers_bare[i].name));
	return NULL;
}

static const char *
providers_similar(struct span prefix, struct arena *a)
{
	const char *words[PROVIDERS_N];
	const char *z = arena_strn(a, prefix.p, prefix.n);
	size_t i;

	for (i = 0; i < sizeof(providers_aliases) /
	    sizeof(providers_aliases[0]); i++)
		if (strcmp(z, providers_aliases[i].written) == 0)
			return providers_aliases[i].name;
	for (i = 0; i < PROVIDERS_N; i++)
		words[i] = providers[i].name;
	return schema_nearest(z, words, PROVIDERS_N);
}

static void
providers_unknown(const char *model, struct span prefix, struct arena *a,
    struct providers_match *m)
{
	const char *near;

	if (prefix.p == NULL) {
		m->why = arena_printf(a, "no provider is known for the model "
		    "'%s'", model);
		m->hint = arena_printf(a, "write provider/model, for example "
		    "ollama/%s", model);
		return;
	}
	m->why = arena_printf(a, "unknown provider '%.*s'", (int)prefix.n,
	    prefix.p);
	if ((near = providers_similar(prefix, a)) != NULL)
		m->hint = arena_printf(a, "did you mean %s/?", near);
	else
		m->hint = arena_printf(a, "write openai/%s with api_base if "
		    "the server speaks OpenAI's API", model);
}

void
providers_resolve(const char *model, const char *custom,
    const char *api_base, struct arena *a, struct providers_match *m)
{
	const char *slash = strchr(model, '/');
	struct span prefix = SPAN_NONE;

	memset(m, 0, sizeof(*m));
	m->upstream = model;
	if (slash != NULL)
		prefix = (struct span){ model, (size_t)(slash - model) };
	if (custom != NULL && *custom != '\0') {
		if (span_eq(prefix, custom))
			m->upstream = slash + 1;
		if ((m->p = providers_find(span_z(custom))) == NULL)
			providers_unknown(model, span_z(custom), a, m);
		return;
	}
	if (slash != NULL && (m->p = providers_find(prefix)) != NULL) {
		m->upstream = slash + 1;
		return;
	}
	if ((m->p = providers_by_host(api_base)) != NULL)
		return;
	if (slash == NULL && (m->p = providers_by_bare_name(model)) != NULL)
		return;
	providers_unknown(model, prefix, a, m);
}
