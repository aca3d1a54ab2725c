/* SPDX-License-Identifier: ISC */
#ifndef LLMD_SIM_SCRIPT_H
#define LLMD_SIM_SCRIPT_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "json.h"

/*
 * A script says how one request is answered.  Keys come from three places
 * that add up: a rule set over the control endpoint for a model name or a
 * path, the model name itself (sim:key=value;key=value, %XX decoded), and
 * the header x-sim (key=value separated by blanks or semicolons).
 *
 * SCRIPT_KEYS is the only list of them: S string, I integer, F milliseconds
 * (fractions allowed), B boolean, J any JSON.  README.md documents it.
 */
#define SCRIPT_KEYS(S, I, F, B, J)					\
	S(text, "the answer; # words and the default text without it")	\
	B(echo, "answer with the last user message")			\
	J(tokens, "the answer as a list of tokens, sent one by one")	\
	I(token_chars, "characters per token (4)")			\
	B(words, "one word per token")					\
	I(repeat, "say the answer n times")				\
	B(endless, "say it for ever, as fast as the client reads")	\
	S(thinking, "thoughts before the answer")			\
	J(tool_calls, "[{name, arguments (object or text), id}]")	\
	S(tool_ids, "none: calls without id")				\
	S(tool_index, "count, zero (all 0) or none")			\
	B(tool_on_done, "Ollama: calls sit on the done:true line")	\
	B(tool_one_line, "all calls in one line or chunk")		\
	I(tool_delta, "OpenAI: arguments in pieces of n bytes")		\
	I(line_bytes, "first token is n bytes; -1 = no newline ever")	\
	B(logprobs, "logprobs though not asked")			\
	S(model, "the reply names this model")				\
	S(flavor, "openai, ollama or vllm: form of /v1 answers")	\
	S(finish, "finish_reason; missing and null are special")	\
	B(no_finish, "no finish chunk")					\
	B(content_with_finish, "last content and finish in one chunk")	\
	S(usage, "none, always, each or early")				\
	I(prompt_tokens, "usage")					\
	I(completion_tokens, "usage")					\
	B(no_prompt_count, "Ollama: prompt_eval_count left out")	\
	I(done, "how often [DONE] or the done:true line comes (1)")	\
	S(after_done, "bytes after the end marker")			\
	B(role_each, "role on each chunk")				\
	I(empty_deltas, "n empty deltas around the content")		\
	B(json_reply, "JSON answer to a stream request")		\
	I(error_after, "error line after n tokens, then a clean end")	\
	S(error, "its text, and that of an error status")		\
	I(bad_json_at, "event n is broken JSON")			\
	I(bad_utf8_at, "token n holds the bytes ff fe")			\
	I(half_utf8_at, "token n ends inside a character; then FIN")	\
	I(surrogate_at, "token n holds a lone surrogate escape")	\
	F(delay, "before the head")					\
	F(first, "between head and first event")			\
	F(pace, "between tokens")					\
	F(end_delay, "before the last event")				\
	I(chunk, "HTTP chunks of n bytes, -1 = one for the whole body")	\
	I(split, "n bytes per write to the socket")			\
	F(split_ms, "pause between those writes (0.2)")			\
	I(join, "n events in one chunk and write")			\
	B(flush, "one write per event even without pace")		\
	S(framing, "chunked, length, close or both (CL and TE)")	\
	S(content_length, "short, long or a number: a false length")	\
	S(bad_chunk, "size, overflow, negative, crlf or plus")		\
	S(chunk_ext, "chunk extension, as ;a=b")			\
	S(trailer, "trailer line")					\
	B(no_last_chunk, "ends without the last chunk")			\
	S(eol, "lf, crlf or cr: line ends of events")			\
	B(no_space, "data: without the space")				\
	B(bom, "stream begins with a byte order mark")			\
	B(comments, "comment lines between events")			\
	B(ids, "id: lines")						\
	B(retry, "retry: line")						\
	B(ping, "event: ping between events")				\
	B(multi_data, "events as several data: lines")			\
	B(no_final_eol, "last line without its line end")		\
	I(status, "HTTP status")					\
	S(reason, "reason phrase")					\
	J(headers, "{name: value} added to the head")			\
	S(body, "body of the answer")					\
	S(body_b64, "the same in base64")				\
	S(content_type, "content type; none leaves it out")		\
	S(retry_after, "Retry-After")					\
	S(location, "Location")						\
	I(info, "a 1xx status before the answer")			\
	I(info_count, "how many of them (1)")				\
	S(encoding, "gzip or br: content coding")			\
	I(head_bytes, "head padded to n bytes")				\
	S(head_raw, "raw text put into the head")			\
	S(http, "HTTP version in the status line")			\
	S(sse_file, "the body is this file, sent event by event")	\
	S(raw, "the body, byte for byte")				\
	S(raw_b64, "the same in base64")				\
	S(wire, "the whole answer with its head, byte for byte")	\
	S(wire_b64, "the same in base64")				\
	B(hang, "never answer")						\
	B(stuck, "never answer until the model is unloaded (Ollama)")	\
	S(cut_at, "head (before it) or mid_head")			\
	I(cut_after, "cut after n bytes of the body as on the wire")	\
	I(cut_events, "cut after n events")				\
	B(cut_mid, "... and half of the next one")			\
	S(cut, "fin, rst, hang, or tls (no close_notify)")		\
	S(close, "after, idle, reuse or reuse_rst")			\
	F(idle_ms, "close: idle, after this time (50)")			\
	B(no_keepalive, "says Connection: close and closes")		\
	B(ignore_fin, "goes on though the client sent FIN")		\
	B(early, "path rules: answer before the body is read, then close")

#define SCRIPT_INT_UNSET	INT64_MIN

struct script {
	int		 refs;
	char		*label;
#define SCRIPT_S(n, h)	char *n;
#define SCRIPT_I(n, h)	int64_t n;
#define SCRIPT_F(n, h)	double n;
#define SCRIPT_B(n, h)	bool n;
#define SCRIPT_J(n, h)	struct json *n;
	SCRIPT_KEYS(SCRIPT_S, SCRIPT_I, SCRIPT_F, SCRIPT_B, SCRIPT_J)
#undef SCRIPT_S
#undef SCRIPT_I
#undef SCRIPT_F
#undef SCRIPT_B
#undef SCRIPT_J
};

struct script	*script_new(const char *label);
struct script	*script_ref(struct script *);
void		 script_unref(struct script *);
/* 0, or -1 with the reason in err. */
int		 script_set(struct script *, const char *key, const char *value,
		    struct buf *err);
int		 script_merge(struct script *, const struct json *,
		    struct buf *err);
/* key=value separated by ';' (and blanks when blanks is set). */
int		 script_words(struct script *, const char *, bool blanks,
		    struct buf *err);
int64_t		 script_int(int64_t value, int64_t dflt);
uint64_t	 script_us(double ms);
/* Whether a is set and equal to b. */
bool		 script_is(const char *a, const char *b);
/* Bytes of the key, or of its _b64 twin; false when neither is set. */
bool		 script_bytes(const char *text, const char *b64, struct buf *);
void		 script_help(struct buf *);

#endif
