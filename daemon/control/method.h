/* SPDX-License-Identifier: ISC */
/* What handles each row of proto/methods.h; inside control/ only. */
#ifndef LLMD_CONTROL_METHOD_H
#define LLMD_CONTROL_METHOD_H

#include <stddef.h>

#include "proto/methods.h"

struct call;
struct peer;

#define METHOD_X(sym, name, role, lane, handler, params, list, help)	\
	void	handler(struct call *);
METHODS(METHOD_X)
#undef METHOD_X

#define METHOD_PROTO_MAJOR	1
#define METHOD_PROTO_MINOR	0

const char	*method_role_name(enum method_role r);
/* Answers one line of a peer, whatever it holds. */
void		 method_dispatch(struct peer *p, const char *line, size_t len);

#endif
