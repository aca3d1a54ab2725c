/* SPDX-License-Identifier: ISC */
#ifndef LLMD_TUI_BINDINGS_H
#define LLMD_TUI_BINDINGS_H

#include <curses.h>

/*
 * Every key, once: what it does, its name for the palette, its word in the
 * footer and its line of help come from these rows.  The keys of the views
 * (1, 2, ...) come from the table of views.
 *
 * X(scope, key, key2, label, name, bar, change, help, handler)
 *
 *   scope    where it works; ALL everywhere, LIST in every view
 *   key      a character, or BIND_FN(KEY_x); key2 the same, 0: none
 *   label    how it is written
 *   name     what the palette calls it; "": not there
 *   bar      its word in the footer; "": not there
 *   change   1: it changes something at llmd, so not with --readonly
 *   handler  void f(struct app *); a row without one does not link
 */
#define BIND_FN(k)	(-(k))
#define BIND_CTRL(c)	((c) & 0x1f)
#define BIND_ESC	27
#define BIND_ENTER	'\r'

#define BINDINGS(X)							\
	X(REQUESTS, BIND_ENTER, '\n', "Enter", "inspect", "inspect", 0,	\
	    "one request: its timeline", view_inspect_open)		\
	X(REQUESTS, 'x', 0, "x", "cancel", "cancel", 1,			\
	    "cancel it; its client gets an error", action_cancel)	\
	X(REQUESTS, ' ', 0, "Space", "freeze", "freeze", 0,		\
	    "freeze the order, and go on", view_requests_freeze)	\
	X(ROUTES, 's', 'w', "s w", "swap", "swap", 1,			\
	    "send its new requests elsewhere", view_routes_swap)	\
	X(ROUTES, BIND_ENTER, '\n', "Enter", "", "", 1,			\
	    "the same", view_routes_swap)				\
	X(ROUTES, '0', 0, "0", "reset", "reset", 1,			\
	    "back to what the config file says", view_routes_reset)	\
	X(ROUTES, 'U', 0, "U", "undo", "undo", 1,			\
	    "take back the last change made here", view_routes_undo)	\
	X(MODELS, 'R', 0, "R", "refresh", "refresh", 0,			\
	    "ask the backends again, not the cache", view_models_refresh) \
	X(LOGS, '+', '=', "+", "more", "more", 0,			\
	    "show lower levels too", view_logs_more)			\
	X(LOGS, '-', 0, "-", "less", "less", 0,				\
	    "only higher levels", view_logs_less)			\
	X(LOGS, 'f', 0, "f", "follow", "follow", 0,			\
	    "back to the newest line", view_logs_follow)		\
	X(INSPECT, BIND_ESC, 'q', "Esc q", "back", "back", 0,		\
	    "back to the list", app_back)				\
	X(INSPECT, 'n', BIND_FN(KEY_DOWN), "n Down", "next", "next", 0,	\
	    "the next request of the list", view_inspect_next)		\
	X(INSPECT, 'p', BIND_FN(KEY_UP), "p Up", "prev", "prev", 0,	\
	    "the one before", view_inspect_prev)			\
	X(INSPECT, 'x', 0, "x", "cancel", "cancel", 1,			\
	    "cancel it", action_cancel)					\
	X(TEST, BIND_ESC, 'q', "Esc q", "stop", "stop, close", 0,	\
	    "cancel the test; close the pane", view_test_stop)		\
	X(TEST, 't', 0, "t", "again", "again", 1,			\
	    "the same test again", view_test_again)			\
	X(TEST, BIND_FN(KEY_UP), 'k', "Up k", "", "scroll", 0,		\
	    "scroll; PgUp, PgDn, g and G too", view_test_up)		\
	X(TEST, BIND_FN(KEY_DOWN), 'j', "Down j", "", "", 0,		\
	    "scroll down", view_test_down)				\
	X(TEST, BIND_FN(KEY_PPAGE), 0, "PgUp", "", "", 0,		\
	    "a page up", view_test_page_up)				\
	X(TEST, BIND_FN(KEY_NPAGE), 0, "PgDn", "", "", 0,		\
	    "a page down", view_test_page_down)				\
	X(TEST, BIND_FN(KEY_END), 'G', "End G", "", "", 0,		\
	    "to the end, and follow", view_test_end)			\
	X(PAGER, BIND_ESC, 'q', "Esc q", "back", "back", 0,		\
	    "close it", app_back)					\
	X(PAGER, BIND_FN(KEY_UP), 'k', "Up k", "", "scroll", 0,		\
	    "a line up", pager_up)					\
	X(PAGER, BIND_FN(KEY_DOWN), 'j', "Down j", "", "", 0,		\
	    "a line down", pager_down)					\
	X(PAGER, BIND_FN(KEY_PPAGE), 'b', "PgUp b", "", "", 0,		\
	    "a page up", pager_page_up)					\
	X(PAGER, BIND_FN(KEY_NPAGE), ' ', "PgDn Space", "", "", 0,	\
	    "a page down", pager_page_down)				\
	X(PAGER, BIND_FN(KEY_HOME), 'g', "Home g", "", "", 0,		\
	    "to the top", pager_home)					\
	X(LIST, 't', 0, "t", "test", "test", 1,				\
	    "fire a test completion and watch it stream", view_test_open) \
	X(LIST, '/', 0, "/", "search", "search", 0,			\
	    "show only rows that hold a text", action_search)		\
	X(LIST, '\\', 0, "\\", "all", "", 0,				\
	    "end the search: show all rows", action_search_end)		\
	X(LIST, ':', 0, ":", "", "", 0,					\
	    "a command of llmctl, or the name of a key", palette_open)	\
	X(LIST, '\t', 0, "Tab", "", "", 0,				\
	    "the next view", app_view_next)				\
	X(LIST, BIND_FN(KEY_BTAB), 0, "Shift-Tab", "", "", 0,		\
	    "the view before", app_view_prev)				\
	X(LIST, BIND_FN(KEY_UP), 'k', "Up k", "", "", 0,		\
	    "move", app_move_up)					\
	X(LIST, BIND_FN(KEY_DOWN), 'j', "Down j", "", "", 0,		\
	    "move", app_move_down)					\
	X(LIST, BIND_FN(KEY_PPAGE), BIND_CTRL('b'), "PgUp", "", "", 0,	\
	    "a page up", app_move_page_up)				\
	X(LIST, BIND_FN(KEY_NPAGE), BIND_CTRL('f'), "PgDn", "", "", 0,	\
	    "a page down", app_move_page_down)				\
	X(LIST, BIND_FN(KEY_HOME), 'g', "Home g", "", "", 0,		\
	    "to the first row, and stay there", app_move_home)		\
	X(LIST, BIND_FN(KEY_END), 'G', "End G", "", "", 0,		\
	    "to the last row", app_move_end)				\
	X(LIST, BIND_ESC, 0, "Esc", "", "", 0,				\
	    "clear the message, then the search", action_escape)	\
	X(LIST, 'q', 0, "q", "quit", "quit", 0,				\
	    "leave llmtop", app_quit)					\
	X(ALL, '?', 0, "?", "help", "", 0,				\
	    "this help", help_open)					\
	X(ALL, BIND_CTRL('l'), 0, "Ctrl-L", "redraw", "", 0,		\
	    "draw the screen anew", app_redraw)				\
	X(ALL, BIND_CTRL('z'), 0, "Ctrl-Z", "", "", 0,			\
	    "suspend", app_suspend)					\
	X(ALL, BIND_CTRL('c'), 0, "Ctrl-C", "", "", 0,			\
	    "leave llmtop", app_quit)

enum bind_scope {
	BIND_REQUESTS,
	BIND_ROUTES,
	BIND_MODELS,
	BIND_LOGS,
	BIND_INSPECT,
	BIND_TEST,
	BIND_PAGER,
	BIND_LIST,
	BIND_ALL,
	BIND_NONE		/* a line editor: every key is its own */
};

struct app;
struct binding {
	const char	*label;
	const char	*name;
	const char	*bar;
	const char	*help;
	void		(*handler)(struct app *);
	int		 key, key2;
	enum bind_scope	 scope;
	int		 change;
};

#define BIND_X(scope, key, key2, label, name, bar, change, help, handler) \
	void handler(struct app *);
BINDINGS(BIND_X)
#undef BIND_X

/* The rows, ended by one without a label. */
extern const struct binding bindings[];
/* The row for a key in a scope, or NULL. */
const struct binding *bindings_find(enum bind_scope, int key);

#endif
