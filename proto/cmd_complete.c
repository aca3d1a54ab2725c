/* SPDX-License-Identifier: ISC */
#include "proto/cmd.h"

#include <stdio.h>
#include <string.h>

#include "proto/cmd_grammar.h"
#include "proto/rpc.h"
#include "proto/methods.h"

/* Where the words before the cursor have led. */
struct cmd_position {
	char			*words[8];	/* of the command */
	int			 nwords;
	int			 cmd;		/* -1: not complete yet */
	int			 nargs;
	int			 only_args;	/* after "--" */
	int			 wants_value;	/* the cursor is at a value */
	struct cmd_flag_spec	 flag;		/* of that value */
};

struct cmd_completer {
	const char	*partial;
	cmd_names_cb	 names;
	void		*names_arg;
	cmd_emit_cb	 emit;
	void		*emit_arg;
};

static void
cmd_complete_emit(const struct cmd_completer *c, const char *word,
    const char *help)
{
	if (strncmp(word, c->partial, strlen(c->partial)) == 0)
		c->emit(word, help, c->emit_arg);
}

/* Reads a flag before the cursor; its value may be the next word. */
static void
cmd_complete_flag(struct cmd_position *at, const char *word)
{
	struct cmd_flag_spec f;
	size_t i, len = strcspn(word, "=");

	if (word[len] == '=')
		return;
	for (i = 0; i < cmd_flag_count; i++) {
		if (cmd_flag_rows[i].owner != CMD_GLOBAL &&
		    cmd_flag_rows[i].owner != at->cmd)
			continue;
		cmd_flag_read(cmd_flag_rows[i].spec, &f);
		if (strcmp(f.name, word) != 0 && !(word[1] != '-' &&
		    word[1] != '\0' && f.letter == word[strlen(word) - 1]))
			continue;
		at->wants_value = f.has_value && !f.value_optional;
		at->flag = f;
		return;
	}
}

static void
cmd_complete_walk(struct cmd_position *at, int argc, char *const *argv)
{
	int i;

	memset(at, 0, sizeof(*at));
	at->cmd = -1;
	for (i = 0; i < argc; i++) {
		if (at->wants_value)
			at->wants_value = 0;
		else if (!at->only_args && strcmp(argv[i], "--") == 0)
			at->only_args = 1;
		else if (!at->only_args && argv[i][0] == '-' &&
		    argv[i][1] != '\0')
			cmd_complete_flag(at, argv[i]);
		else if (at->cmd >= 0)
			at->nargs++;
		else if (at->nwords < 8) {
			at->words[at->nwords++] = argv[i];
			at->cmd = cmd_find(at->nwords, at->words);
		}
	}
}

/* The next word of every command that begins with those given. */
static void
cmd_complete_words(const struct cmd_completer *c, char *const *words,
    int nwords)
{
	char head[128] = "", next[32], last[32] = "";
	size_t n;
	int i;

	for (i = 0; i < nwords; i++) {
		n = strlen(head);
		snprintf(head + n, sizeof(head) - n, "%s ", words[i]);
	}
	n = strlen(head);
	for (i = 0; i < CMD_COUNT; i++) {
		if (strncmp(cmd_rows[i].words, head, n) != 0)
			continue;
		snprintf(next, sizeof(next), "%.*s",
		    (int)strcspn(cmd_rows[i].words + n, " "),
		    cmd_rows[i].words + n);
		if (strcmp(next, last) != 0)
			cmd_complete_emit(c, next, cmd_rows[i].help);
		snprintf(last, sizeof(last), "%s", next);
	}
}

static void
cmd_complete_flags(const struct cmd_completer *c, int cmd)
{
	struct cmd_flag_spec f;
	size_t i;

	for (i = 0; i < cmd_flag_count; i++) {
		if (cmd_flag_rows[i].owner != CMD_GLOBAL &&
		    cmd_flag_rows[i].owner != cmd)
			continue;
		cmd_flag_read(cmd_flag_rows[i].spec, &f);
		cmd_complete_emit(c, f.name, cmd_flag_rows[i].help);
	}
}

static void
cmd_complete_choices(const struct cmd_completer *c, const char *choices)
{
	char word[48];
	size_t n;

	for (; *choices != '\0'; choices += n + (choices[n] == '|')) {
		n = strcspn(choices, "|");
		snprintf(word, sizeof(word), "%.*s", (int)n, choices);
		cmd_complete_emit(c, word, "");
	}
}

static void
cmd_complete_value(const struct cmd_completer *c, const struct cmd_param *p,
    char *const *words, int nwords)
{
	int i;

	switch (p->type) {
	case CMD_CHOICE:
		cmd_complete_choices(c, p->choices);
		break;
	case CMD_METHOD:
		for (i = 0; i < METHOD_ROWS; i++)
			cmd_complete_emit(c, rpc_methods[i].name,
			    rpc_methods[i].help);
		break;
	case CMD_COMMAND:
		cmd_complete_words(c, words, nwords);
		break;
	default:
		if (c->names != NULL)
			c->names(p->type, c->partial, c->emit, c->emit_arg,
			    c->names_arg);
	}
}

void
cmd_complete(int argc, char *const *argv, const char *partial,
    cmd_names_cb names, void *names_arg, cmd_emit_cb emit, void *emit_arg)
{
	struct cmd_completer c = { .partial = partial, .names = names,
	    .names_arg = names_arg, .emit = emit, .emit_arg = emit_arg };
	struct cmd_position at;
	struct cmd_param p;
	const char *g;
	int i;

	cmd_complete_walk(&at, argc, argv);
	if (at.wants_value) {
		cmd_complete_value(&c, &at.flag.value, NULL, 0);
		return;
	}
	if (!at.only_args && partial[0] == '-') {
		cmd_complete_flags(&c, at.cmd);
		return;
	}
	if (at.cmd < 0) {
		cmd_complete_words(&c, at.words, at.nwords);
		return;
	}
	g = cmd_rows[at.cmd].args;
	for (i = 0; cmd_param_next(&g, &p); i++)
		if (i == at.nargs || p.repeat) {
			cmd_complete_value(&c, &p, argv + argc - at.nargs,
			    at.nargs);
			return;
		}
}
