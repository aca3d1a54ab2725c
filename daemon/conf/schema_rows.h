/* SPDX-License-Identifier: ISC */
/* The tables of schema.c, one per section, ended by a row without a key. */
#ifndef LLMD_CONF_SCHEMA_ROWS_H
#define LLMD_CONF_SCHEMA_ROWS_H

#include "conf/schema.h"

extern const struct schema_row schema_top_rows[];
extern const struct schema_row schema_entry_rows[];
extern const struct schema_row schema_params_rows[];
extern const struct schema_row schema_info_rows[];
extern const struct schema_row schema_litellm_rows[];
extern const struct schema_row schema_router_rows[];
extern const struct schema_row schema_general_rows[];
extern const struct schema_row schema_llmd_rows[];

/* Stored by the row: type, struct, member, range, default, help. */
#define ACTS(key, type, to, st, m, lo, hi, def, help) \
	{ key, SCHEMA_##type, SCHEMA_ACTS, SCHEMA_TO_##to, \
	    offsetof(struct st, m), lo, hi, def, NULL, help }
/* Read by code; the type is still checked. */
#define CODE(key, type, def, help) \
	{ key, SCHEMA_##type, SCHEMA_ACTS, SCHEMA_TO_NONE, 0, 0, 0, def, \
	    NULL, help }
#define BODY(key, type, lo, hi, help) \
	{ key, SCHEMA_##type, SCHEMA_BODY, SCHEMA_TO_NONE, 0, lo, hi, NULL, \
	    NULL, help }
#define LATER(key, def, help) \
	{ key, SCHEMA_ANY, SCHEMA_LATER, SCHEMA_TO_NONE, 0, 0, 0, def, NULL, \
	    help }
#define QUIET(key, help) \
	{ key, SCHEMA_ANY, SCHEMA_QUIET, SCHEMA_TO_NONE, 0, 0, 0, NULL, \
	    NULL, help }
#define PLACED(key, place) \
	{ key, SCHEMA_ANY, SCHEMA_PLACED, SCHEMA_TO_NONE, 0, 0, 0, NULL, \
	    place, NULL }
#define NOWHERE(key, hint) \
	{ key, SCHEMA_ANY, SCHEMA_NOWHERE, SCHEMA_TO_NONE, 0, 0, 0, NULL, \
	    hint, NULL }
#define REFUSED(key, hint) \
	{ key, SCHEMA_ANY, SCHEMA_REFUSED, SCHEMA_TO_NONE, 0, 0, 0, NULL, \
	    hint, NULL }
#define LAST	{ .key = NULL }

#endif
