/* SPDX-License-Identifier: ISC */
/*
 * The browser guard (design.md section 5): Host never routes and never
 * grants, but on a listener without a key a web page must not be able to
 * spend the user's money, by its Origin or by DNS rebinding.
 */
#ifndef LLMD_HTTP_GUARD_H
#define LLMD_HTTP_GUARD_H

#include <stdbool.h>

#include "base/str.h"

struct conf;

/* localhost, *.localhost or a loopback address, any port; or listed in
 * allowed_hosts. Absent (HTTP/1.0): true. */
bool	 guard_host(const struct conf *c, struct span host);
/* Listed in cors_origins; by default localhost and loopback on any port and
 * the schemes of desktop applications, as Ollama has it. "null" never is. */
bool	 guard_origin(const struct conf *c, struct span origin);

#endif
