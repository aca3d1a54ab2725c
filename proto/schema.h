/* SPDX-License-Identifier: ISC */
#ifndef LLMD_PROTO_SCHEMA_H
#define LLMD_PROTO_SCHEMA_H

#include <stddef.h>

/*
 * The texts of proto/schema, embedded at build time by
 * proto/schema/embed.sh: one JSON Schema (2020-12) per method result, event
 * and notice.  A row of names ends with { NULL, NULL }.
 */
struct schema_text {
	const char	*name;		/* "model.list" */
	const char	*text;		/* JSON */
};

extern const struct schema_text schema_texts[];

#endif
