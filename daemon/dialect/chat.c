/* SPDX-License-Identifier: ISC */
#include "dialect/chat.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/jscan.h"
#include "dialect/dialect.h"

/* Cuts a text that was truncated at a character. */
static void
chat_error_cut(char *text)
{
	size_t n = strlen(text);

	text[jscan_utf8_valid(text, n)] = '\0';
}

void
chat_error_set(struct chat_error *e, enum error_id id, const char *param,
    const char *fmt, ...)
{
	va_list ap;

	*e = (struct chat_error){
		.id = id, .should_retry = -1, .retry_after_s = -1
	};
	if (param != NULL)
		snprintf(e->param, sizeof(e->param), "%s", param);
	if (fmt == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	chat_error_cut(e->text);
	chat_error_cut(e->param);
}

int
chat_error_status(const struct chat_error *e)
{
	return e->status != 0 ? e->status : error_rows[e->id].status;
}

/* Statuses of a backend that do not go on as they are. */
static const struct chat_status {
	int		 status;
	enum error_id	 id;
	int		 as;		/* 0: the row's */
} chat_statuses[] = {
	{ 400, ERR_INVALID_PARAM, 400 },
	{ 401, ERR_UPSTREAM_AUTH, 0 },
	{ 402, ERR_UPSTREAM, 402 },
	{ 403, ERR_UPSTREAM_AUTH, 0 },
	{ 404, ERR_MODEL_NOT_FOUND, 404 },
	{ 405, ERR_UPSTREAM, 502 },
	{ 407, ERR_UPSTREAM_UNREACHABLE, 502 },
	{ 408, ERR_UPSTREAM_TIMEOUT, 0 },
	{ 409, ERR_INVALID_PARAM, 409 },
	{ 413, ERR_TOO_LARGE, 413 },
	{ 422, ERR_INVALID_PARAM, 422 },
	{ 429, ERR_RATE_LIMIT, 429 },
	{ 499, ERR_UPSTREAM, 502 },
	{ 500, ERR_UPSTREAM, 500 },
	{ 502, ERR_UPSTREAM, 502 },
	{ 503, ERR_UPSTREAM_BUSY, 503 },
	{ 504, ERR_UPSTREAM_TIMEOUT, 504 },
	{ 529, ERR_UPSTREAM_BUSY, 503 }
};

void
chat_error_status_set(struct chat_error *e, int status)
{
	size_t i;

	e->id = ERR_UPSTREAM;
	e->status = 0;
	for (i = 0; i < sizeof(chat_statuses) / sizeof(*chat_statuses); i++)
		if (chat_statuses[i].status == status) {
			e->id = chat_statuses[i].id;
			e->status = chat_statuses[i].as;
			return;
		}
	if (status >= 400 && status < 500) {
		e->id = ERR_INVALID_PARAM;
		e->status = 400;
	}
}

static bool
chat_key_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	    (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.' ||
	    c == '*' || c == '+' || c == '/' || c == '=' || c == '~';
}

/* Prefixes of credentials: what follows them is never shown. */
static const struct chat_secret {
	const char	*prefix;
	size_t		 min;		/* more key characters than this */
} chat_secrets[] = {
	{ "Bearer ", 0 }, { "Basic ", 7 }, { "sk-", 0 }, { "sk_", 0 },
	{ "pk-", 7 }, { "AIza", 7 }, { "gsk_", 0 }, { "xai-", 3 },
	{ "hf_", 3 }, { "key-", 7 }, { "api_key=", 0 }, { "key=", 0 },
	{ "token=", 0 }, { "nvapi-", 0 }, { "r8_", 7 }, { "eyJ", 15 }
};

/* Replaces what looks like a credential by its prefix and three stars. */
static void
chat_error_mask(char *s)
{
	char *p, *end;
	size_t i, k;

	for (p = s; *p != '\0'; p++) {
		if (p != s && chat_key_char(p[-1]) && p[-1] != '=' &&
		    p[-1] != '/')
			continue;
		for (i = 0; i < sizeof(chat_secrets) / sizeof(*chat_secrets);
		    i++) {
			k = strlen(chat_secrets[i].prefix);
			if (strncasecmp(p, chat_secrets[i].prefix, k) != 0)
				continue;
			for (end = p + k; chat_key_char(*end); end++)
				;
			if ((size_t)(end - p) - k <= chat_secrets[i].min)
				continue;
			/* "sk-***" fits where at least one character was;
			 * shorter than three stars: as many as fit. */
			p += k;
			k = (size_t)(end - p) < 3 ? (size_t)(end - p) : 3;
			memset(p, '*', k);
			memmove(p + k, end, strlen(end) + 1);
			p += k - 1;
			break;
		}
	}
}

void
chat_error_plain_set(struct chat_error *e, struct span raw)
{
	char s[2 * CHAT_ERROR_TEXT + 1];
	size_t i, n = raw.n < sizeof(s) ? raw.n : sizeof(s) - 1;

	/* A NUL would hide the rest. */
	for (i = 0; i < n; i++)
		s[i] = raw.p[i] == '\0' ? ' ' : raw.p[i];
	s[n] = '\0';
	chat_error_cut(s);
	if (strcasestr(s, "<html") != NULL ||
	    strcasestr(s, "<!doctype") != NULL)
		return;
	chat_error_mask(s);
	s[sizeof(e->text) - 1] = '\0';
	memcpy(e->text, s, strlen(s) + 1);
	chat_error_cut(e->text);
}

void
chat_error_text_set(struct chat_error *e, struct span inner)
{
	char in[2 * CHAT_ERROR_TEXT], out[2 * CHAT_ERROR_TEXT];
	size_t k, n = 0;

	/* Whole escapes only. */
	while (n < inner.n) {
		k = inner.p[n] != '\\' ? 1 : inner.p[n + 1] == 'u' ? 6 : 2;
		if (n + k > sizeof(in))
			break;
		n += k;
	}
	if (n > 0)
		memcpy(in, inner.p, n);
	n = jscan_unescape((struct span){ in, n }, out);
	chat_error_plain_set(e, (struct span){ out, n });
}

/* Lower case, as LiteLLM and the servers themselves say it. */
static const char *const chat_context_texts[] = {
	"maximum context length", "exceed context limit",
	"model's maximum context limit",
	"is longer than the model's context length",
	"input tokens exceed the configured limit",
	"`inputs` tokens + `max_new_tokens` must be",
	"exceeds the available context size",
	"exceeds the maximum number of tokens allowed",
	"prompt is too long", "prompt: length", "context length",
	"context_length_exceeded", "input length exceeds", "prompt too long"
};

bool
chat_error_is_context(const char *text)
{
	size_t i;

	for (i = 0; i < sizeof(chat_context_texts) /
	    sizeof(*chat_context_texts); i++)
		if (strcasestr(text, chat_context_texts[i]) != NULL)
			return true;
	return false;
}
