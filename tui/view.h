/* SPDX-License-Identifier: ISC */
#ifndef LLMD_TUI_VIEW_H
#define LLMD_TUI_VIEW_H

#include "tui/bindings.h"
#include "tui/term.h"
#include "tui/widget/list.h"

/*
 * The views, in the order of their keys 1, 2, ...: a view is a file and a
 * row here.  X(sym, view)
 */
#define VIEWS(X)							\
	X(REQUESTS, view_requests)					\
	X(ROUTES, view_routes)						\
	X(MODELS, view_models)						\
	X(LOGS, view_logs)

struct app;
struct json_object;

/*
 * One view.  `state` is state_size zeroed bytes of its own; it finds them
 * with app_state.  It only reads the model and draws into its rectangle.
 */
struct view {
	const char	*name;		/* of --view, "requests" */
	const char	*title;		/* of the tab, "Requests" */
	enum bind_scope	 scope;
	int		 summary;	/* 1: with the second header line */
	size_t		 state_size;
	void		(*init)(struct app *, void *state);
	void		(*fini)(void *state);		/* or NULL */
	void		(*draw)(struct app *, void *state, struct rect);
	void		(*step)(struct app *, void *state, enum list_move);
	/* The same as a command line. */
	const char	*(*command)(struct app *, void *state);
	/* Raw name of the model of the selected row, or NULL. */
	const char	*(*model)(struct app *, void *state);
	/* What it wants from llmd while shown: asked each second, or NULL. */
	void		(*poll)(struct app *, void *state, int first);
};

#define VIEW_X(sym, name)	VIEW_##sym,
enum view_id {
	VIEWS(VIEW_X)
	VIEW_COUNT
};
#undef VIEW_X

#define VIEW_X(sym, name)	extern const struct view name;
VIEWS(VIEW_X)
#undef VIEW_X

extern const struct view *const views[];	/* VIEW_COUNT of them */
/* By its name; -1: none. */
int	view_find(const char *name);

#endif
