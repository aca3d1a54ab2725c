/* SPDX-License-Identifier: ISC */
#ifndef LLMD_TUI_VIEW_LOGS_H
#define LLMD_TUI_VIEW_LOGS_H

/* llmd's log lines, as far as llmtop has seen them. */
struct app;
struct model_log;

/* "12:41:06.310 info  conf     text" in w columns. */
void	view_logs_line(struct app *, const struct model_log *, int y, int x,
	    int w);

#endif
