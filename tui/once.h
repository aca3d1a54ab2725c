/* SPDX-License-Identifier: ISC */
#ifndef LLMD_TUI_ONCE_H
#define LLMD_TUI_ONCE_H

/* llmtop --once: one table (or one JSON object) on stdout; the exit status. */
struct options;

int	once_run(const struct options *);

#endif
