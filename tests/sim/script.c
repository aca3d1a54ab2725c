/* SPDX-License-Identifier: ISC */
#include "script.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct script_key {
	const char	*name;
	char		 type;
	size_t		 off;
	const char	*help;
};

static const struct script_key script_keys[] = {
#define SCRIPT_S(n, h)	{ #n, 'S', offsetof(struct script, n), h },
#define SCRIPT_I(n, h)	{ #n, 'I', offsetof(struct script, n), h },
#define SCRIPT_F(n, h)	{ #n, 'F', offsetof(struct script, n), h },
#define SCRIPT_B(n, h)	{ #n, 'B', offsetof(struct script, n), h },
#define SCRIPT_J(n, h)	{ #n, 'J', offsetof(struct script, n), h },
	SCRIPT_KEYS(SCRIPT_S, SCRIPT_I, SCRIPT_F, SCRIPT_B, SCRIPT_J)
#undef SCRIPT_S
#undef SCRIPT_I
#undef SCRIPT_F
#undef SCRIPT_B
#undef SCRIPT_J
};

#define SCRIPT_NKEYS	(sizeof(script_keys) / sizeof(script_keys[0]))

/* Values of the pseudo key fault: names for common combinations. */
static const struct {
	const char	*name;
	const char	*keys;
} script_faults[] = {
	{ "none",		"" },
	{ "hang",		"hang=1" },
	{ "cut_before_head",	"cut_at=head;cut=fin" },
	{ "rst_before_head",	"cut_at=head;cut=rst" },
	{ "cut_mid_head",	"cut_at=mid_head;cut=fin" },
	{ "cut_mid",		"cut_events=2;cut_mid=1;cut=fin" },
	{ "rst_mid",		"cut_events=2;cut_mid=1;cut=rst" },
	{ "tls_cut_mid",	"cut_events=2;cut=tls" },
	{ "stall_mid",		"cut_events=2;cut=hang" },
	{ "no_last_chunk",	"no_last_chunk=1" },
	{ "no_done",		"done=0" },
	{ "two_done",		"done=2" },
	{ "bytes_after_done",	"after_done=data: {\"late\":1}\n\ngarbage" },
	{ "no_finish",		"no_finish=1;done=0" },
	{ "error_line",		"error_after=2" },
	{ "bad_json",		"bad_json_at=1" },
	{ "half_utf8",		"half_utf8_at=1" },
	{ "bad_utf8",		"bad_utf8_at=1" },
	{ "lone_surrogate",	"surrogate_at=1" },
	{ "html",		"status=502;content_type=text/html;body="
				"<html><body>502 Bad Gateway</body></html>\n" },
	{ "empty",		"status=502;content_type=none;body=" },
	{ "gzip",		"encoding=gzip" },
	{ "br",			"encoding=br" },
	{ "head_64k",		"head_bytes=70000" },
	{ "head_crlf",		"head_raw=X-Bad: a\r\n folded\rX-B\1: \n\r\n" },
	{ "head_rubbish",	"wire=rubbish that is no HTTP\r\n\r\n" },
	{ "short_length",	"content_length=short" },
	{ "long_length",	"content_length=long" },
	{ "cl_te",		"framing=both" },
	{ "bad_chunk",		"bad_chunk=size" },
	{ "endless",		"endless=1" },
	{ "endless_line",	"line_bytes=-1" },
	{ "line_10m",		"line_bytes=10485760" },
	{ "line_17m",		"line_bytes=17825792" },
	{ "info_flood",		"info=103;info_count=100" },
	{ "switch_101",		"info=101" },
	{ "stale",		"close=reuse" },
	{ "queue_full",		"status=503;error=server busy, please try "
				"again.  maximum pending requests exceeded" },
	{ "runner_killed",	"error_after=4;error=an error was encountered "
				"while running the model: unexpected EOF" },
	{ "server_terminated",	"cut_events=4;cut=fin" },
	{ "repeat_cut",		"tokens=[\"again\"];repeat=31;done=0;"
				"no_finish=1" },
};

static void *
script_slot(struct script *s, const struct script_key *k)
{
	return (char *)s + k->off;
}

struct script *
script_new(const char *label)
{
	const struct script_key *k;
	struct script *s;

	s = buf_alloc(sizeof(*s));
	s->refs = 1;
	s->label = buf_dup(label);
	for (k = script_keys; k < script_keys + SCRIPT_NKEYS; k++) {
		if (k->type == 'I')
			*(int64_t *)script_slot(s, k) = SCRIPT_INT_UNSET;
		else if (k->type == 'F')
			*(double *)script_slot(s, k) = -1;
	}
	return s;
}

struct script *
script_ref(struct script *s)
{
	s->refs++;
	return s;
}

void
script_unref(struct script *s)
{
	const struct script_key *k;

	if (s == NULL || --s->refs > 0)
		return;
	for (k = script_keys; k < script_keys + SCRIPT_NKEYS; k++) {
		if (k->type == 'S')
			free(*(char **)script_slot(s, k));
		else if (k->type == 'J')
			json_free(*(struct json **)script_slot(s, k));
	}
	free(s->label);
	free(s);
}

int64_t
script_int(int64_t value, int64_t dflt)
{
	return value == SCRIPT_INT_UNSET ? dflt : value;
}

uint64_t
script_us(double ms)
{
	return ms > 0 ? (uint64_t)(ms * 1000) : 0;
}

bool
script_is(const char *a, const char *b)
{
	return a != NULL && strcmp(a, b) == 0;
}

bool
script_bytes(const char *text, const char *b64, struct buf *b)
{
	if (text != NULL) {
		buf_adds(b, text);
		return true;
	}
	if (b64 == NULL)
		return false;
	buf_b64_decode(b, b64, strlen(b64));
	return true;
}

static const struct script_key *
script_find(const char *name)
{
	const struct script_key *k;

	for (k = script_keys; k < script_keys + SCRIPT_NKEYS; k++)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

static void
script_put_json(struct script *s, const struct script_key *k, struct json *v)
{
	struct json **slot = script_slot(s, k);

	json_free(*slot);
	*slot = v;
}

static void
script_put_str(struct script *s, const struct script_key *k, const char *v)
{
	char **slot = script_slot(s, k);
	char *copy = buf_dup(v);

	free(*slot);
	*slot = copy;
}

static int
script_fault(struct script *s, const char *name, struct buf *err)
{
	size_t i;

	for (i = 0; i < sizeof(script_faults) / sizeof(script_faults[0]); i++)
		if (strcmp(script_faults[i].name, name) == 0)
			return script_words(s, script_faults[i].keys, false,
			    err);
	buf_addf(err, "unknown fault '%s' (llmsim --keys lists them)", name);
	return -1;
}

static int
script_wrong(const char *key, const char *want, struct buf *err)
{
	buf_addf(err, "script key '%s' wants %s", key, want);
	return -1;
}

int
script_set(struct script *s, const char *key, const char *value,
    struct buf *err)
{
	const struct script_key *k;
	struct json *v;
	char *end;
	double d;

	if (strcmp(key, "fault") == 0)
		return script_fault(s, value, err);
	k = script_find(key);
	if (k == NULL) {
		buf_addf(err, "unknown script key '%s' (llmsim --keys lists "
		    "them)", key);
		return -1;
	}
	if (k->type == 'S') {
		script_put_str(s, k, value);
	} else if (k->type == 'B') {
		*(bool *)script_slot(s, k) = strcmp(value, "0") != 0 &&
		    strcmp(value, "false") != 0;
	} else if (k->type == 'J') {
		v = json_parse(value, strlen(value), true, err);
		if (v == NULL)
			return -1;
		script_put_json(s, k, v);
	} else {
		d = strtod(value, &end);
		if (*value == '\0' || *end != '\0')
			return script_wrong(key, "a number", err);
		if (k->type == 'I')
			*(int64_t *)script_slot(s, k) = (int64_t)d;
		else
			*(double *)script_slot(s, k) = d;
	}
	return 0;
}

static int
script_member(struct script *s, const struct json *e, struct buf *err)
{
	const struct script_key *k;

	k = script_find(e->key);
	if (k == NULL || e->type == JSON_STRING)
		return script_set(s, e->key, e->str ? e->str : "", err);
	if (k->type == 'J') {
		script_put_json(s, k, json_copy(e));
	} else if (e->type == JSON_NULL) {
		if (k->type == 'S')
			script_put_str(s, k, "null");
	} else if (k->type == 'B') {
		if (e->type != JSON_TRUE && e->type != JSON_FALSE)
			return script_wrong(e->key, "true or false", err);
		*(bool *)script_slot(s, k) = e->type == JSON_TRUE;
	} else if (k->type == 'S') {
		if (e->type != JSON_NUMBER)
			return script_wrong(e->key, "a string", err);
		char *text = buf_dupn(e->raw, e->raw_len);

		script_put_str(s, k, text);
		free(text);
	} else if (e->type != JSON_NUMBER) {
		return script_wrong(e->key, "a number", err);
	} else if (k->type == 'I') {
		*(int64_t *)script_slot(s, k) = json_int(e, 0);
	} else {
		*(double *)script_slot(s, k) = json_num(e, 0);
	}
	return 0;
}

/* Sets every member of the object; fault first, so that others refine it. */
int
script_merge(struct script *s, const struct json *o, struct buf *err)
{
	const struct json *e;

	if (o == NULL || o->type != JSON_OBJECT) {
		buf_adds(err, "a script is a JSON object");
		return -1;
	}
	e = json_get(o, "fault");
	if (e != NULL && script_set(s, "fault", e->str ? e->str : "", err) < 0)
		return -1;
	for (e = o->child; e != NULL; e = e->next)
		if (strcmp(e->key, "fault") != 0 &&
		    script_member(s, e, err) < 0)
			return -1;
	return 0;
}

static void
script_unpercent(char *s)
{
	char *out = s, hex[3] = "";

	for (; *s != '\0'; s++) {
		if (*s == '%' && strspn(s + 1, "0123456789abcdefABCDEF") >= 2) {
			memcpy(hex, s + 1, 2);
			*out++ = (char)strtol(hex, NULL, 16);
			s += 2;
		} else {
			*out++ = *s;
		}
	}
	*out = '\0';
}

int
script_words(struct script *s, const char *text, bool blanks,
    struct buf *err)
{
	const char *sep = blanks ? "; \t," : ";";
	char *copy, *word, *save = NULL, *value;
	int rc = 0;

	copy = buf_dup(text);
	for (word = strtok_r(copy, sep, &save); word != NULL && rc == 0;
	    word = strtok_r(NULL, sep, &save)) {
		value = strchr(word, '=');
		if (value != NULL)
			*value++ = '\0';
		else
			value = word + strlen(word);
		script_unpercent(value);
		rc = script_set(s, word, value[0] == '\0' &&
		    script_find(word) != NULL && script_find(word)->type == 'B'
		    ? "1" : value, err);
	}
	free(copy);
	return rc;
}

void
script_help(struct buf *b)
{
	static const char *const types[] = {
		['S'] = "text", ['I'] = "int", ['F'] = "ms", ['B'] = "bool",
		['J'] = "json"
	};
	const struct script_key *k;
	size_t i;

	for (k = script_keys; k < script_keys + SCRIPT_NKEYS; k++)
		buf_addf(b, "%-20s %-5s %s\n", k->name,
		    types[(int)k->type], k->help);
	buf_adds(b, "\nfault=NAME is short for:\n");
	for (i = 0; i < sizeof(script_faults) / sizeof(script_faults[0]); i++) {
		buf_addf(b, "%-20s ", script_faults[i].name);
		json_quotes(b, script_faults[i].keys);
		buf_addc(b, '\n');
	}
}
