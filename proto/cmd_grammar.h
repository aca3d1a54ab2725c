/* SPDX-License-Identifier: ISC */
#ifndef LLMD_PROTO_CMD_GRAMMAR_H
#define LLMD_PROTO_CMD_GRAMMAR_H

#include "proto/cmd.h"

/* The grammar of proto/commands.h, word by word; used by cmd*.c only. */

struct cmd_param {
	char		name[24];
	char		choices[48];	/* "a|b|c" for CMD_CHOICE */
	enum cmd_type	type;
	int		optional;
	int		repeat;
};

struct cmd_flag_row {
	int		 owner;		/* enum cmd_id, or CMD_GLOBAL */
	const char	*spec;
	const char	*help;
};
extern const struct cmd_flag_row cmd_flag_rows[];
extern const size_t cmd_flag_count;

struct cmd_flag_spec {
	char			 letter;	/* 0: none */
	char			 name[24];	/* "--long" */
	int			 has_value;
	int			 value_optional;
	struct cmd_param	 value;
};

/* The next parameter of an args grammar; 0 at its end. */
int	cmd_param_next(const char **grammar, struct cmd_param *);
void	cmd_flag_read(const char *spec, struct cmd_flag_spec *);

/*
 * How far words go: the row they name in full, -1 if they begin some row but
 * name none, -2 if they begin none.
 */
int	cmd_match(int argc, char *const *argv);

#endif
