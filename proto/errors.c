/* SPDX-License-Identifier: ISC */
#include "proto/errors.h"

#define ERRORS_ROW(id, c, st, ot, at, rpc_code, ex, tx) \
	[ERR_##id] = { .code = c, .openai_type = ot, .anthropic_type = at, \
	    .text = tx, .rpc = rpc_code, .status = st, .exit = ex },

const struct error_row error_rows[ERR_MAX] = { ERRORS(ERRORS_ROW) };
