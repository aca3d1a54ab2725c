/* SPDX-License-Identifier: ISC */
#include "proto/cmd.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/cmd_grammar.h"
#include "proto/rpc.h"
#include "proto/text.h"

#define CMD_X(sym, cwords, cargs, cmethod, handler, chelp, cexample)	\
	[CMD_##sym] = { .words = cwords, .args = cargs,			\
	    .method = cmethod, .help = chelp, .example = cexample },
const struct cmd_row cmd_rows[] = { COMMANDS(CMD_X) };
#undef CMD_X

#define CMD_X(sym, fspec, fhelp)					\
	{ .owner = CMD_##sym, .spec = fspec, .help = fhelp },
const struct cmd_flag_row cmd_flag_rows[] = { COMMAND_FLAGS(CMD_X) };
#undef CMD_X
const size_t cmd_flag_count = sizeof(cmd_flag_rows) / sizeof(*cmd_flag_rows);

#define CMD_WORDS_MAX	4	/* words of a command */

static void
cmd_copy(char *dst, size_t cap, const char *from, size_t len)
{
	if (len >= cap)
		len = cap - 1;
	memcpy(dst, from, len);
	dst[len] = '\0';
}

static void
cmd_type_read(const char *s, size_t len, struct cmd_param *p)
{
	static const char *const names[] = {
		[CMD_STR] = "str", [CMD_INT] = "int", [CMD_DUR] = "dur",
		[CMD_MODEL] = "model", [CMD_TARGET] = "target",
		[CMD_REQUEST] = "id", [CMD_METHOD] = "method",
		[CMD_JSON] = "json", [CMD_COMMAND] = "command",
		[CMD_PATH] = "path",
	};
	size_t i;

	p->type = CMD_STR;
	if (memchr(s, '|', len) != NULL) {
		p->type = CMD_CHOICE;
		cmd_copy(p->choices, sizeof(p->choices), s, len);
		return;
	}
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == len && memcmp(names[i], s, len) == 0)
			p->type = (enum cmd_type)i;
}

int
cmd_param_next(const char **grammar, struct cmd_param *p)
{
	const char *s = *grammar + strspn(*grammar, " "), *colon;
	size_t n;

	memset(p, 0, sizeof(*p));
	if (*s == '\0')
		return 0;
	if (*s == '[') {
		p->optional = 1;
		s++;
	}
	n = strcspn(s, " ]");
	*grammar = s + n + (s[n] == ']');
	if (n > 3 && memcmp(s + n - 3, "...", 3) == 0) {
		p->repeat = 1;
		n -= 3;
	}
	colon = memchr(s, ':', n);
	if (colon == NULL)
		colon = s + n;
	cmd_copy(p->name, sizeof(p->name), s, (size_t)(colon - s));
	if (colon < s + n)
		cmd_type_read(colon + 1, (size_t)(s + n - colon - 1), p);
	return 1;
}

void
cmd_flag_read(const char *spec, struct cmd_flag_spec *f)
{
	const char *value;
	size_t n;

	memset(f, 0, sizeof(*f));
	if (spec[0] == '-' && spec[1] != '-') {
		f->letter = spec[1];
		spec += 3;
	}
	n = strcspn(spec, "?=");
	cmd_copy(f->name, sizeof(f->name), spec, n);
	if (spec[n] == '\0')
		return;
	f->has_value = 1;
	f->value_optional = spec[n] == '?';
	value = spec + n + 1 + f->value_optional;
	cmd_param_next(&value, &f->value);
}

/* 1 if row's words begin with these; *full if they are all of them. */
static int
cmd_words_begin(const char *words, int argc, char *const *argv, int *full)
{
	size_t n;
	int i;

	for (i = 0; i < argc; i++) {
		n = strcspn(words, " ");
		if (n == 0 || strlen(argv[i]) != n ||
		    memcmp(words, argv[i], n) != 0)
			return 0;
		words += n + (words[n] == ' ');
	}
	*full = *words == '\0';
	return 1;
}

int
cmd_match(int argc, char *const *argv)
{
	int i, full, some = 0;

	for (i = 0; i < CMD_COUNT; i++) {
		if (!cmd_words_begin(cmd_rows[i].words, argc, argv, &full))
			continue;
		if (full)
			return i;
		some = 1;
	}
	return some ? -1 : -2;
}

int
cmd_find(int argc, char *const *argv)
{
	int i;

	i = argc > 0 ? cmd_match(argc, argv) : -1;
	return i < 0 ? -1 : i;
}

/* State of one cmd_parse. */
struct cmd_parser {
	struct cmd_line		*line;
	struct rpc_error	*err;
	char			*words[CMD_WORDS_MAX];
	int			 nwords;
	int			 argc;
	char *const		*argv;
	int			 at;
};

/* Says which words may follow, where those given lead nowhere. */
static int
cmd_unknown_word(struct cmd_parser *p, const char *word)
{
	char list[256] = "", joined[128] = "", safe[64];
	const char *next;
	int i, full;
	size_t n;

	for (i = 0; i < p->nwords; i++) {
		n = strlen(joined);
		snprintf(joined + n, sizeof(joined) - n, "%s ", p->words[i]);
	}
	if (word != NULL) {
		text_escape(safe, sizeof(safe), word, strlen(word), 0);
		rpc_error_set(p->err, ERR_USAGE, "no command '%s%s'", joined,
		    safe);
	} else
		rpc_error_set(p->err, ERR_USAGE, "'%.*s' needs one more word",
		    (int)strlen(joined) - 1, joined);
	for (i = 0; i < CMD_COUNT; i++) {
		if (!cmd_words_begin(cmd_rows[i].words, p->nwords, p->words,
		    &full))
			continue;
		next = cmd_rows[i].words + strlen(joined);
		n = strlen(list);
		snprintf(list + n, sizeof(list) - n, "%s%s", n ? ", " : "",
		    next);
		if (word != NULL && text_distance(word, next) <= 2)
			rpc_error_candidate(p->err, cmd_rows[i].words);
	}
	if (p->nwords > 0)
		rpc_error_hint(p->err, "possible here: %s", list);
	else
		rpc_error_hint(p->err, "llmctl help");
	return -1;
}

/* Checks text against "a|b|c"; err names the nearest ones. */
static int
cmd_choice_check(const struct cmd_param *p, const char *name,
    const char *text, struct rpc_error *err)
{
	size_t len = strlen(text), n;
	char word[24];
	const char *c;

	for (c = p->choices; *c != '\0'; c += n + (c[n] == '|')) {
		n = strcspn(c, "|");
		if (n == len && memcmp(c, text, n) == 0)
			return 0;
	}
	rpc_error_set(err, ERR_USAGE, "%s must be one of %s", name,
	    p->choices);
	rpc_error_field(err, name);
	for (c = p->choices; *c != '\0'; c += n + (c[n] == '|')) {
		n = strcspn(c, "|");
		cmd_copy(word, sizeof(word), c, n);
		rpc_error_suggest(err, text, word);
	}
	return -1;
}

static int
cmd_number_ok(const char *text)
{
	char *end;

	errno = 0;
	(void)strtoll(text, &end, 10);
	return errno == 0 && *text >= '0' && *text <= '9' && *end == '\0';
}

/* Checks a value's form; names of models and requests are llmd's matter. */
static int
cmd_check(const struct cmd_param *p, const char *name, const char *text,
    struct rpc_error *err)
{
	const char *must = NULL;

	switch (p->type) {
	case CMD_STR:
		return 0;
	case CMD_CHOICE:
		return cmd_choice_check(p, name, text, err);
	case CMD_INT:
		if (!cmd_number_ok(text))
			must = "a whole number that is not negative";
		break;
	case CMD_DUR:
		if (text_duration_parse(text) < 0)
			must = "a time such as 250ms, 2s or 1m30s";
		break;
	case CMD_JSON:
		if (strcmp(text, "-") == 0)
			return 0;
		json_object_put(rpc_json(text, strlen(text), err));
		if (err->id == ERR_NONE)
			return 0;
		rpc_error_field(err, name);
		return -1;
	default:
		if (*text == '\0')
			must = "not empty";
	}
	if (must == NULL)
		return 0;
	rpc_error_set(err, ERR_USAGE, "%s must be %s", name, must);
	rpc_error_field(err, name);
	return -1;
}

/* The row of the flag of this letter or long name; -1: none here. */
static int
cmd_flag_find(const struct cmd_line *line, char letter, const char *name,
    size_t len, struct cmd_flag_spec *f)
{
	size_t i;

	for (i = 0; i < cmd_flag_count; i++) {
		if (cmd_flag_rows[i].owner != CMD_GLOBAL &&
		    cmd_flag_rows[i].owner != line->cmd)
			continue;
		cmd_flag_read(cmd_flag_rows[i].spec, f);
		if (name == NULL ? f->letter == letter :
		    strlen(f->name) == len && memcmp(f->name, name, len) == 0)
			return (int)i;
	}
	return -1;
}

static int
cmd_flag_unknown(struct cmd_parser *p, const char *word, size_t len)
{
	struct cmd_flag_spec f;
	char typed[64], safe[64];
	size_t i;

	cmd_copy(typed, sizeof(typed), word, len);
	text_escape(safe, sizeof(safe), typed, strlen(typed), 0);
	if (p->line->cmd >= 0)
		rpc_error_set(p->err, ERR_USAGE, "'%s' has no flag %s",
		    cmd_rows[p->line->cmd].words, safe);
	else
		rpc_error_set(p->err, ERR_USAGE, "no flag %s%s", safe,
		    p->nwords == 0 ? " before a command" : "");
	for (i = 0; i < cmd_flag_count; i++) {
		if (cmd_flag_rows[i].owner != CMD_GLOBAL &&
		    cmd_flag_rows[i].owner != p->line->cmd)
			continue;
		cmd_flag_read(cmd_flag_rows[i].spec, &f);
		rpc_error_suggest(p->err, typed, f.name);
	}
	if (p->line->cmd >= 0)
		rpc_error_hint(p->err, "llmctl help %s",
		    cmd_rows[p->line->cmd].words);
	else
		rpc_error_hint(p->err, "llmctl help");
	return -1;
}

/* Keeps a flag; a repeated one replaces the earlier. */
static int
cmd_flag_add(struct cmd_parser *p, int row, const struct cmd_flag_spec *f,
    const char *text)
{
	struct cmd_line *line = p->line;
	size_t i;

	if (f->has_value && !(f->value_optional && *text == '\0') &&
	    cmd_check(&f->value, f->name, text, p->err) < 0)
		return -1;
	for (i = 0; i < line->nflags; i++)
		if (line->flags[i].row == (size_t)row)
			break;
	if (i == CMD_FLAGS_MAX) {
		rpc_error_set(p->err, ERR_USAGE, "too many flags");
		return -1;
	}
	if (i == line->nflags)
		line->nflags++;
	line->flags[i].row = (size_t)row;
	line->flags[i].text = text;
	return 0;
}

/* The next word as the value of a flag. */
static int
cmd_flag_value(struct cmd_parser *p, const struct cmd_flag_spec *f,
    const char **text)
{
	if (p->at + 1 >= p->argc) {
		rpc_error_set(p->err, ERR_USAGE, "%s needs a value: %s",
		    f->name, f->value.name);
		return -1;
	}
	*text = p->argv[++p->at];
	return 0;
}

static int
cmd_flag_long(struct cmd_parser *p, const char *word)
{
	size_t len = strcspn(word, "=");
	struct cmd_flag_spec f;
	const char *text = "";
	int row;

	if ((row = cmd_flag_find(p->line, 0, word, len, &f)) < 0)
		return cmd_flag_unknown(p, word, len);
	if (word[len] == '=') {
		if (!f.has_value) {
			rpc_error_set(p->err, ERR_USAGE, "%s takes no value",
			    f.name);
			return -1;
		}
		text = word + len + 1;
	} else if (f.has_value && !f.value_optional &&
	    cmd_flag_value(p, &f, &text) < 0)
		return -1;
	return cmd_flag_add(p, row, &f, text);
}

/* "-f", "-fn5", "-n 5", "-w=1s". */
static int
cmd_flag_short(struct cmd_parser *p, const char *word)
{
	struct cmd_flag_spec f;
	char one[3] = "-";
	const char *text;
	int row;

	for (word++; *word != '\0'; word++) {
		row = cmd_flag_find(p->line, *word, NULL, 0, &f);
		if (row < 0) {
			one[1] = *word;
			return cmd_flag_unknown(p, one, 2);
		}
		text = "";
		if (f.has_value && (word[1] == '=' ||
		    (word[1] != '\0' && !f.value_optional))) {
			text = word + 1 + (word[1] == '=');
			return cmd_flag_add(p, row, &f, text);
		}
		if (f.has_value && !f.value_optional &&
		    cmd_flag_value(p, &f, &text) < 0)
			return -1;
		if (cmd_flag_add(p, row, &f, text) < 0)
			return -1;
	}
	return 0;
}

/* A word of the command's name. */
static int
cmd_word(struct cmd_parser *p, char *word)
{
	int m;

	if (p->nwords == CMD_WORDS_MAX)
		return cmd_unknown_word(p, word);
	p->words[p->nwords] = word;
	if ((m = cmd_match(p->nwords + 1, p->words)) == -2)
		return cmd_unknown_word(p, word);
	p->nwords++;
	if (m >= 0)
		p->line->cmd = m;
	return 0;
}

/* A positional argument: it belongs to the first parameter not yet filled. */
static int
cmd_arg_add(struct cmd_parser *p, const char *text)
{
	struct cmd_line *line = p->line;
	const char *g = cmd_rows[line->cmd].args;
	struct cmd_param param;
	char safe[64];
	size_t row = 0;

	while (cmd_param_next(&g, &param)) {
		if (row < line->nargs && !param.repeat) {
			row++;
			continue;
		}
		if (cmd_check(&param, param.name, text, p->err) < 0)
			return -1;
		if (line->nargs == CMD_ARGS_MAX)
			break;
		line->args[line->nargs].row = row;
		line->args[line->nargs++].text = text;
		return 0;
	}
	text_escape(safe, sizeof(safe), text, strlen(text), 0);
	rpc_error_set(p->err, ERR_USAGE, "%s: one argument too many: '%s'",
	    cmd_rows[line->cmd].words, safe);
	rpc_error_hint(p->err, "llmctl help %s", cmd_rows[line->cmd].words);
	return -1;
}

/* Every required parameter must have got a value. */
static int
cmd_complete_check(struct cmd_parser *p)
{
	struct cmd_line *line = p->line;
	struct cmd_param param;
	const char *g;
	size_t row = 0;
	char *usage;

	if (cmd_flag(line, "--help") != NULL ||
	    cmd_flag(line, "--version") != NULL)
		return 0;
	if (line->cmd < 0)
		return p->nwords > 0 ? cmd_unknown_word(p, NULL) : 0;
	for (g = cmd_rows[line->cmd].args; cmd_param_next(&g, &param); row++) {
		if (param.optional || line->nargs > row)
			continue;
		rpc_error_set(p->err, ERR_USAGE, "%s: %s is missing",
		    cmd_rows[line->cmd].words, param.name);
		usage = cmd_usage(line->cmd);
		rpc_error_hint(p->err, "llmctl %s", usage);
		free(usage);
		return -1;
	}
	return 0;
}

int
cmd_parse(int argc, char *const *argv, struct cmd_line *line,
    struct rpc_error *err)
{
	struct cmd_parser p = { .line = line, .err = err, .argc = argc,
	    .argv = argv };
	char *word;
	int rc, only_args = 0;

	memset(line, 0, sizeof(*line));
	line->cmd = -1;
	for (; p.at < argc; p.at++) {
		word = argv[p.at];
		if (!only_args && strcmp(word, "--") == 0) {
			only_args = 1;
			continue;
		}
		if (!only_args && word[0] == '-' && word[1] == '-')
			rc = cmd_flag_long(&p, word);
		else if (!only_args && word[0] == '-' && word[1] != '\0')
			rc = cmd_flag_short(&p, word);
		else if (line->cmd < 0)
			rc = cmd_word(&p, word);
		else
			rc = cmd_arg_add(&p, word);
		if (rc < 0)
			return -1;
	}
	return cmd_complete_check(&p);
}

const char *
cmd_arg(const struct cmd_line *line, const char *name, size_t nth)
{
	const char *g = line->cmd >= 0 ? cmd_rows[line->cmd].args : "";
	struct cmd_param param;
	size_t row, i;

	for (row = 0; cmd_param_next(&g, &param); row++) {
		if (strcmp(param.name, name) != 0)
			continue;
		for (i = 0; i < line->nargs; i++)
			if (line->args[i].row == row && nth-- == 0)
				return line->args[i].text;
	}
	return NULL;
}

const char *
cmd_flag(const struct cmd_line *line, const char *name)
{
	struct cmd_flag_spec f;
	size_t i;

	for (i = 0; i < line->nflags; i++) {
		cmd_flag_read(cmd_flag_rows[line->flags[i].row].spec, &f);
		if (strcmp(f.name, name) == 0)
			return line->flags[i].text;
	}
	return NULL;
}

int64_t
cmd_flag_int(const struct cmd_line *line, const char *name, int64_t dflt)
{
	const char *text = cmd_flag(line, name);

	return text != NULL && *text != '\0' ? strtoll(text, NULL, 10) : dflt;
}

int64_t
cmd_flag_ms(const struct cmd_line *line, const char *name, int64_t dflt)
{
	const char *text = cmd_flag(line, name);

	return text != NULL && *text != '\0' ?
	    text_duration_parse(text) : dflt;
}
