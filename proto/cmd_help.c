/* SPDX-License-Identifier: ISC */
#include "proto/cmd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/cmd_grammar.h"

/* A growing text; out of memory ends the program. */
static FILE *
cmd_memory_open(char **text, size_t *len)
{
	FILE *f = open_memstream(text, len);

	if (f == NULL)
		abort();
	return f;
}

static void
cmd_usage_print(FILE *f, int cmd)
{
	const char *g = cmd_rows[cmd].args;
	struct cmd_param p;

	fputs(cmd_rows[cmd].words, f);
	while (cmd_param_next(&g, &p))
		fprintf(f, p.optional ? " [%s%s]" : " %s%s", p.name,
		    p.repeat ? "..." : "");
}

char *
cmd_usage(int cmd)
{
	char *text;
	size_t len;
	FILE *f = cmd_memory_open(&text, &len);

	cmd_usage_print(f, cmd);
	fclose(f);
	return text;
}

/* "  -s, --socket PATH      control socket" for each flag of owner. */
static void
cmd_flags_print(FILE *f, int owner)
{
	struct cmd_flag_spec s;
	char left[96], value[64];
	size_t i;

	for (i = 0; i < cmd_flag_count; i++) {
		if (cmd_flag_rows[i].owner != owner)
			continue;
		cmd_flag_read(cmd_flag_rows[i].spec, &s);
		value[0] = '\0';
		if (s.has_value)
			snprintf(value, sizeof(value),
			    s.value_optional ? "[=%s]" : " %s",
			    s.value.type == CMD_CHOICE ? s.value.choices :
			    s.value.name);
		if (s.letter != 0)
			snprintf(left, sizeof(left), "-%c, %s%s", s.letter,
			    s.name, value);
		else
			snprintf(left, sizeof(left), "    %s%s", s.name,
			    value);
		if (strlen(left) > 25)
			fprintf(f, "  %s\n%*s%s\n", left, 29, "",
			    cmd_flag_rows[i].help);
		else
			fprintf(f, "  %-25s  %s\n", left,
			    cmd_flag_rows[i].help);
	}
}

static void
cmd_example_print(FILE *f, const char *example)
{
	size_t n;

	for (; *example != '\0'; example += n + (example[n] == '\n')) {
		n = strcspn(example, "\n");
		fprintf(f, "  %.*s\n", (int)n, example);
	}
}

char *
cmd_help(int cmd, const char *program)
{
	char *text;
	size_t len, i;
	FILE *f = cmd_memory_open(&text, &len);
	int own = 0;

	fprintf(f, "%s.\n\n", cmd_rows[cmd].help);
	cmd_example_print(f, cmd_rows[cmd].example);
	fprintf(f, "\nusage: %s ", program);
	cmd_usage_print(f, cmd);
	fputs(" [flags]\n", f);
	for (i = 0; i < cmd_flag_count; i++)
		own |= cmd_flag_rows[i].owner == cmd;
	if (own)
		fputs("\nflags\n", f);
	cmd_flags_print(f, cmd);
	fputs("\nflags of every command\n", f);
	cmd_flags_print(f, CMD_GLOBAL);
	fclose(f);
	return text;
}

char *
cmd_help_all(const char *program)
{
	char *text, *usage;
	size_t len;
	FILE *f = cmd_memory_open(&text, &len);
	int i;

	fprintf(f, "%s talks to llmd, the LLM gateway, over its control "
	    "socket.\n\n", program);
	fprintf(f, "  %s models\n  %s test task-api-model\n"
	    "  %s tail -f\n\n", program, program, program);
	fprintf(f, "usage: %s [flags] COMMAND [arguments] [flags]\n\n",
	    program);
	for (i = 0; i < CMD_COUNT; i++) {
		usage = cmd_usage(i);
		fprintf(f, "  %-27s  %s\n", usage, cmd_rows[i].help);
		free(usage);
	}
	fprintf(f, "\n%s help COMMAND shows its flags and an example.\n",
	    program);
	fclose(f);
	return text;
}
