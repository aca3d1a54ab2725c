/* SPDX-License-Identifier: ISC */
#include "dialect/ollama.h"

const struct dialect dialect_ollama = {
	.name = "ollama",
	.form = &dialect_ollama,
	.encode = ollama_encode,
	.framing = DIALECT_NDJSON,
	.parse = ollama_parse,
	.parse_whole = ollama_parse_whole,
	.ended = ollama_ended,
	.upstream_error = ollama_upstream_error
};
