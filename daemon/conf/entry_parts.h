/* SPDX-License-Identifier: ISC */
/* The parts of a deployment: where it is, and what is sent there. */
#ifndef LLMD_CONF_ENTRY_PARTS_H
#define LLMD_CONF_ENTRY_PARTS_H

#include "conf/load.h"
#include "conf/providers.h"
#include "conf/url.h"

/* One entry while it is built. */
struct entry {
	struct load		*x;
	const struct yaml_node	*node;
	const struct yaml_node	*params;
	char			*path;		/* "model_list[3]" */
	char			*params_path;
	struct schema_entry	 e;
	struct providers_match	 match;
	struct deploy		*d;
	struct url		 url;
	bool			 has_url;
	bool			 own_base;	/* api_base is in the file */
	const char		*organization;
};

/* Sets use, why and hint of a deployment that cannot work, and warns. */
void	 entry_refuse(struct entry *b, enum deploy_use use,
	    const struct remark_mark *at, const char *why, const char *hint);

/* Base URL, path, query and backend.  May refuse. */
void	 entry_set_base(struct entry *b);
/* The credential, and all header lines.  May refuse. */
void	 entry_set_headers(struct entry *b);
/* Defaults of the body. */
void	 entry_set_params(struct entry *b);

#endif
