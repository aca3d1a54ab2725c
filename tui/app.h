/* SPDX-License-Identifier: ISC */
#ifndef LLMD_TUI_APP_H
#define LLMD_TUI_APP_H

#include <stdint.h>

#include "tui/link.h"
#include "tui/model.h"
#include "tui/options.h"
#include "tui/term.h"
#include "tui/view.h"
#include "tui/widget/edit.h"

/*
 * llmtop running: one loop around the terminal, the socket, a timer and
 * signals.  A key goes to the modal on top (a prompt, the inspector, help),
 * else to the view; what they do is in tui/bindings.h.
 */
#define APP_MODALS	8
#define APP_COMMAND	512

struct app;

/*
 * Something on top of a view.  key: 1 if it took the key (with scope
 * BIND_NONE it gets every one).  rows: how many of the body's lines it
 * covers from below; what is left the view draws.  close frees self.
 */
struct modal_ops {
	enum bind_scope	 scope;
	int		 (*rows)(struct app *, void *self, int height);
	void		 (*draw)(struct app *, void *self, struct rect);
	int		 (*key)(struct app *, void *self, int key);
	void		 (*close)(struct app *, void *self);
	/* The same as a command line; may be NULL. */
	const char	*(*command)(struct app *, void *self);
	int		 line;		/* 1: only the last line */
	int		 covers;	/* 1: no tabs, no view beneath */
};

struct app_modal {
	const struct modal_ops	*ops;
	void			*self;
};

struct app {
	struct term		 term;
	struct model		 model;
	struct link		*link;
	const struct options	*opt;
	int			 view;		/* enum view_id */
	void			*states[VIEW_COUNT];
	struct app_modal	 modals[APP_MODALS];
	int			 nmodals;
	char			 search[EDIT_MAX];
	char			 host[64];
	char			 message[512];
	enum term_role		 message_role;
	int64_t			 message_until_ms;
	char			 ran[APP_COMMAND];	/* the last action */
	char			 undo_model[ROW_TEXT_MAX + 1];
	struct json_object	*undo_targets;	/* NULL: nothing to undo */
	double			 now;		/* epoch s */
	int64_t			 now_ms;	/* monotonic */
	double			 lost_at;	/* epoch s; 0: never up */
	double			 frozen_at;	/* data on the screen is of */
	int64_t			 heard_ms;
	int64_t			 page_offset;	/* of request.list; -1: done */
	int64_t			 status_ms;
	int64_t			 frame_ms;	/* when drawn last */
	unsigned		 drawn;		/* model.changes then */
	int			 dirty;
	int			 quit;
	int			 exit;
	int			 clear;
	int			 restarted;	/* say so when subscribed */
};

/* Runs until the user leaves; the exit status. */
int	app_run(const struct options *);

/* One line at the bottom, for some seconds. */
void	app_say(struct app *, enum term_role, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));
/* The llmctl command that does what was just done. */
void	app_ran(struct app *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));
/* Says why not, where there is no connection; 1 if there is one. */
int	app_ready(struct app *);
/* Draws in this turn of the loop. */
void	app_touch(struct app *);

void	app_push(struct app *, const struct modal_ops *, void *self);
void	app_pop(struct app *);
/* The top modal's self if it is of this kind, else NULL. */
void	*app_top(const struct app *, const struct modal_ops *);
/* The same for one anywhere. */
void	*app_modal_find(const struct app *, const struct modal_ops *);
/* Runs the handler of a key of the table as the key would. */
void	app_do(struct app *, const struct binding *);
/* The scope whose keys come first now. */
enum bind_scope app_scope(const struct app *);

void	app_view_set(struct app *, int view);
void	*app_state(const struct app *, enum view_id);
const char *app_model(struct app *);
/* Asks llmd; answers go into the model. */
void	app_ask_routes(struct app *);
void	app_ask_models(struct app *, int refresh);
void	app_ask_status(struct app *);

#endif
