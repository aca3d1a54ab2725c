/* SPDX-License-Identifier: ISC */
/*
 * A default for request bodies, from a deployment's litellm_params (members
 * of extra_body included).  Here and not in route/, because the dialects put
 * it into bodies and may not look there.
 */
#ifndef LLMD_DIALECT_PARAM_H
#define LLMD_DIALECT_PARAM_H

#include "base/str.h"

struct deploy_param {
	const char	*name;		/* "temperature" */
	struct span	 json;		/* its value as JSON */
};

#endif
