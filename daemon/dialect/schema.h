/* SPDX-License-Identifier: ISC */
/*
 * JSON schemas for backends that know only a part of the language.  Ollama
 * keeps type, items, description, enum, properties, required and anyOf of a
 * tool's parameters and drops the rest without a word
 * (api/types.go, ToolProperty).
 */
#ifndef LLMD_DIALECT_SCHEMA_H
#define LLMD_DIALECT_SCHEMA_H

#include <stdbool.h>

#include "base/str.h"

/*
 * Appends a tool's parameters (a validated object) with what would be lost
 * put into what is kept: local $ref inlined, oneOf as anyOf, const as enum,
 * allOf of one schema as that schema; type object and properties are added
 * where they are missing.  A reference to itself ends as an open object.
 *
 * *work limits what all schemas of a request may cost (begin with
 * SCHEMA_WORK): bytes read and written, because references may multiply.
 * False: that was not enough, or it is too deep (out is as it was).
 */
#define SCHEMA_WORK	(64u << 20)
bool	 schema_simplify(struct span schema, size_t *work, struct buf *out);

#endif
