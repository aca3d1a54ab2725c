/* SPDX-License-Identifier: ISC */
#include "tui/term.h"

#include <curses.h>
#include <langinfo.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "proto/text.h"

#define TERM_TEXT_MAX	2048	/* bytes of raw text looked at */
#define TERM_RESET_MAX	128

/*
 * What a signal handler needs to give the terminal back, where curses may
 * not be called: the modes before us, and the strings that leave its screen.
 * Written once, by term_open.
 */
static struct {
	struct termios			modes;
	char				reset[TERM_RESET_MAX];
	volatile sig_atomic_t		taken;
} term_saved;

static const int term_fatal_signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL,
	SIGABRT };

static void
term_fatal(int sig)
{
	if (term_saved.taken) {
		term_saved.taken = 0;
		(void)!write(STDOUT_FILENO, term_saved.reset,
		    strlen(term_saved.reset));
		tcsetattr(STDIN_FILENO, TCSANOW, &term_saved.modes);
	}
	raise(sig);		/* SA_RESETHAND: the default now */
}

static void
term_save(void)
{
	static const char *const names[] = { "sgr0", "cnorm", "rmkx",
	    "rmcup" };
	struct sigaction sa;
	const char *s;
	size_t i, used = 0, len;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		s = tigetstr(names[i]);
		if (s == NULL || s == (char *)-1)
			continue;
		len = strlen(s);
		if (used + len >= sizeof(term_saved.reset))
			break;
		memcpy(term_saved.reset + used, s, len);
		used += len;
	}
	term_saved.taken = 1;
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = term_fatal;
	sa.sa_flags = (int)SA_RESETHAND | SA_NODEFER;
	for (i = 0; i < sizeof(term_fatal_signals) / sizeof(int); i++)
		sigaction(term_fatal_signals[i], &sa, NULL);
}

/* Colours by role; with NO_COLOR, or none to have, only bold and dim. */
static void
term_colours(struct term *t)
{
	static const short pairs[TERM_ROLES] = {
		[TERM_GOOD] = COLOR_GREEN, [TERM_WARN] = COLOR_YELLOW,
		[TERM_BAD] = COLOR_RED, [TERM_ACCENT] = COLOR_CYAN,
		[TERM_KEY] = COLOR_CYAN, [TERM_TITLE] = COLOR_BLUE,
	};
	const char *no = getenv("NO_COLOR");
	int i;

	for (i = 0; i < TERM_ROLES; i++)
		t->roles[i] = A_NORMAL;
	t->roles[TERM_DIM] = A_DIM;
	t->roles[TERM_BOLD] = t->roles[TERM_BAD] = A_BOLD;
	t->roles[TERM_KEY] = t->roles[TERM_TITLE] = A_BOLD;
	t->roles[TERM_TAB] = A_REVERSE | A_BOLD;
	if ((no != NULL && *no != '\0') || !has_colors())
		return;
	start_color();
	use_default_colors();
	for (i = 0; i < TERM_ROLES; i++) {
		if (pairs[i] == 0)
			continue;
		init_pair((short)(i + 1), pairs[i], -1);
		t->roles[i] |= (unsigned)COLOR_PAIR(i + 1);
	}
}

int
term_open(struct term *t, int ascii, const char **why)
{
	memset(t, 0, sizeof(*t));
	t->ascii = ascii || strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) ||
	    tcgetattr(STDIN_FILENO, &term_saved.modes) < 0) {
		*why = "llmtop needs a terminal; for scripts: llmtop --once";
		return -1;
	}
	if (getenv("ESCDELAY") == NULL)
		set_escdelay(25);
	if (newterm(NULL, stdout, stdin) == NULL) {
		*why = "curses does not know this $TERM; try TERM=xterm";
		return -1;
	}
	raw();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	intrflush(stdscr, FALSE);
	leaveok(stdscr, FALSE);
	curs_set(0);
	term_colours(t);
	term_save();
	return 0;
}

void
term_close(void)
{
	if (!term_saved.taken)
		return;
	term_saved.taken = 0;
	curs_set(1);
	endwin();
}

void
term_suspend(void)
{
	sigset_t set, old;
	struct sigaction dfl, was;

	memset(&dfl, 0, sizeof(dfl));
	dfl.sa_handler = SIG_DFL;
	endwin();
	sigaction(SIGTSTP, &dfl, &was);
	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	kill(0, SIGTSTP);
	sigprocmask(SIG_UNBLOCK, &set, &old);	/* stops here */
	sigprocmask(SIG_SETMASK, &old, NULL);
	sigaction(SIGTSTP, &was, NULL);
	clearok(curscr, TRUE);
	refresh();
}

static const char *const term_glyphs[2][TERM_GLYPHS] = {
	{
		[TERM_HLINE] = "─", [TERM_VLINE] = "│",
		[TERM_CORNER_TL] = "┌", [TERM_CORNER_TR] = "┐",
		[TERM_CORNER_BL] = "└", [TERM_CORNER_BR] = "┘",
		[TERM_BRANCH] = "├─", [TERM_BRANCH_LAST] = "└─",
		[TERM_ARROW] = "▸", [TERM_ELLIPSIS] = "…",
		[TERM_SHADE] = "·", [TERM_BLOCK] = "█",
	}, {
		[TERM_HLINE] = "-", [TERM_VLINE] = "|",
		[TERM_CORNER_TL] = "+", [TERM_CORNER_TR] = "+",
		[TERM_CORNER_BL] = "+", [TERM_CORNER_BR] = "+",
		[TERM_BRANCH] = "|-", [TERM_BRANCH_LAST] = "`-",
		[TERM_ARROW] = ">", [TERM_ELLIPSIS] = "~",
		[TERM_SHADE] = ".", [TERM_BLOCK] = "=",
	}
};

const char *
term_glyph_get(const struct term *t, enum term_glyph g)
{
	return term_glyphs[t->ascii != 0][g];
}

static unsigned
term_attr(const struct term *t, enum term_role role)
{
	if (t->select)
		return A_REVERSE | (t->frozen ? (unsigned)A_DIM : 0);
	return t->roles[role] | (t->frozen ? (unsigned)A_DIM : 0);
}

/* Escapes raw text into dst; what is far too long is cut first. */
static void
term_escape(const struct term *t, char *dst, size_t cap, const char *raw)
{
	text_escape(dst, cap, raw, strnlen(raw, TERM_TEXT_MAX),
	    t->ascii ? TEXT_ASCII : 0);
}

int
term_width(const struct term *t, const char *raw)
{
	char safe[TEXT_ESCAPE_MAX(TERM_TEXT_MAX)];

	term_escape(t, safe, sizeof(safe), raw);
	return text_width(safe);
}

int
term_put(const struct term *t, int y, int x, int w, enum term_role role,
    const char *raw)
{
	char safe[TEXT_ESCAPE_MAX(TERM_TEXT_MAX)], cut[TERM_TEXT_MAX];
	int n;

	if (w <= 0 || y < 0 || x < 0 || y >= LINES || x >= COLS)
		return 0;
	if (w > COLS - x)
		w = COLS - x;
	term_escape(t, safe, sizeof(safe), raw);
	n = text_cut(cut, sizeof(cut), safe, w,
	    term_glyph_get(t, TERM_ELLIPSIS));
	attrset((attr_t)term_attr(t, role));
	mvaddstr(y, x, cut);
	attrset(A_NORMAL);
	return n;
}

int
term_right(const struct term *t, int y, int x, int w, enum term_role role,
    const char *raw)
{
	int n = term_width(t, raw);

	if (n > w)
		n = w;
	return term_put(t, y, x + w - n, n, role, raw);
}

int
term_printf(const struct term *t, int y, int x, int w, enum term_role role,
    const char *fmt, ...)
{
	char buf[TERM_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	return term_put(t, y, x, w, role, buf);
}

void
term_blank(const struct term *t, int y, int x, int w)
{
	if (y < 0 || y >= LINES || x < 0 || x >= COLS || w <= 0)
		return;
	attrset((attr_t)term_attr(t, TERM_TEXT));
	mvhline(y, x, ' ' | (chtype)term_attr(t, TERM_TEXT),
	    w > COLS - x ? COLS - x : w);
	attrset(A_NORMAL);
}

/* The same one-column glyph w times. */
static void
term_repeat(const struct term *t, int y, int x, int w, enum term_role role,
    const char *glyph)
{
	if (y < 0 || y >= LINES || x < 0)
		return;
	attrset((attr_t)term_attr(t, role));
	for (; w > 0 && x < COLS; w--, x++)
		mvaddstr(y, x, glyph);
	attrset(A_NORMAL);
}

void
term_hline(const struct term *t, int y, int x, int w)
{
	term_repeat(t, y, x, w, TERM_DIM, term_glyph_get(t, TERM_HLINE));
}

struct rect
term_box(const struct term *t, struct rect r, const char *title)
{
	const char *v = term_glyph_get(t, TERM_VLINE);
	int y, right = r.x + r.w - 1, bottom = r.y + r.h - 1;

	if (r.h < 2 || r.w < 4)
		return (struct rect){ r.y, r.x, 0, 0 };
	term_hline(t, r.y, r.x + 1, r.w - 2);
	term_hline(t, bottom, r.x + 1, r.w - 2);
	for (y = r.y + 1; y < bottom; y++) {
		term_put(t, y, r.x, 1, TERM_DIM, v);
		term_blank(t, y, r.x + 1, r.w - 2);
		term_put(t, y, right, 1, TERM_DIM, v);
	}
	term_put(t, r.y, r.x, 1, TERM_DIM, term_glyph_get(t, TERM_CORNER_TL));
	term_put(t, r.y, right, 1, TERM_DIM,
	    term_glyph_get(t, TERM_CORNER_TR));
	term_put(t, bottom, r.x, 1, TERM_DIM,
	    term_glyph_get(t, TERM_CORNER_BL));
	term_put(t, bottom, right, 1, TERM_DIM,
	    term_glyph_get(t, TERM_CORNER_BR));
	if (title != NULL && *title != '\0' && r.w > 6) {
		int n = term_put(t, r.y, r.x + 3, r.w - 6, TERM_TITLE, title);

		term_put(t, r.y, r.x + 2, 1, TERM_TEXT, " ");
		term_put(t, r.y, r.x + 3 + n, 1, TERM_TEXT, " ");
	}
	return (struct rect){ r.y + 1, r.x + 2, r.h - 2, r.w - 4 };
}
