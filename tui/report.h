/* SPDX-License-Identifier: ISC */
#ifndef LLMD_TUI_REPORT_H
#define LLMD_TUI_REPORT_H

/* Commands whose answer is a page of text. */
struct app;

void	report_status(struct app *);
void	report_version(struct app *);
/* Checks the configuration file, shows what it would change, and asks. */
void	report_reload(struct app *);

#endif
