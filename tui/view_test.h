/* SPDX-License-Identifier: ISC */
#ifndef LLMD_TUI_VIEW_TEST_H
#define LLMD_TUI_VIEW_TEST_H

#include <stdint.h>

/* A test completion in a pane of its own. */
struct app;

/* Fires one and opens the pane. */
void	view_test_start(struct app *, const char *model, const char *prompt,
	    int64_t max_tokens);

#endif
