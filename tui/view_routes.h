/* SPDX-License-Identifier: ISC */
#ifndef LLMD_TUI_VIEW_ROUTES_H
#define LLMD_TUI_VIEW_ROUTES_H

#include "tui/term.h"

/* "no_key" -> "no key", "down" -> "DOWN !"; and its colour. */
const char	*view_routes_state(const char *state);
enum term_role	 view_routes_role(const char *state);

#endif
