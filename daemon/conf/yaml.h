/* SPDX-License-Identifier: ISC */
/*
 * YAML 1.1 text -> a tree of nodes that know where they stand.  Everything
 * lives in the caller's arena.  Tags run nothing; aliases share nodes and are
 * counted as if written out, so that a bomb is refused.
 */
#ifndef LLMD_CONF_YAML_H
#define LLMD_CONF_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "conf/remark.h"

#define YAML_SIZE_MAX	(1024 * 1024)
#define YAML_DEPTH_MAX	32
#define YAML_NODES_MAX	300000

enum yaml_kind { YAML_TEXT, YAML_LIST, YAML_MAP };

struct yaml_node;

struct yaml_pair {
	const char		*key;
	struct remark_mark	 at;		/* of the key */
	struct yaml_node	*value;
};

struct yaml_node {
	enum yaml_kind		 kind;
	bool			 plain;		/* unquoted: null, true, 1 */
	bool			 seen;		/* os.environ/ was looked at */
	bool			 unset;		/* ... and has no value */
	uint8_t			 height;	/* levels below and with it */
	const char		*env;		/* NAME of os.environ/NAME */
	const char		*text;		/* YAML_TEXT, no NUL inside */
	struct yaml_node	**items;	/* YAML_LIST */
	struct yaml_pair	*pairs;		/* YAML_MAP, keys unique */
	unsigned		 n;
	unsigned		 weight;	/* nodes, aliases written out */
	struct remark_mark	 at;
};

/*
 * Parses the first document of f->text.  0 with *root (NULL if the text is
 * empty), or -1 with an error in r.  Duplicate keys (the last wins), further
 * documents and foreign tags are warnings.
 */
int	 yaml_parse(const struct remark_file *f, struct arena *a,
	    struct conf_remarks *r, struct yaml_node **root);

/* The value of a key of a mapping, or NULL. */
struct yaml_node *yaml_get(const struct yaml_node *n, const char *key);
struct yaml_pair *yaml_get_pair(const struct yaml_node *n, const char *key);

/* True for NULL, an unset variable, and YAML's null. */
bool	 yaml_is_null(const struct yaml_node *n);
/* YAML 1.1's words in any case, y, n, 0, 1; quoted or not. */
bool	 yaml_bool(const struct yaml_node *n, bool *v);
/* Decimal, hexadecimal (0x), octal (0o, 0), binary (0b), '_' between digits;
 * quoted or not.  False: no number, or not finite. */
bool	 yaml_number(const struct yaml_node *n, double *v);
/* As JSON, plain scalars typed as PyYAML does; NaN and such become text. */
void	 yaml_json(const struct yaml_node *n, struct buf *b);
/* What kind of thing it is, for messages: "a list". */
const char *yaml_kind_name(const struct yaml_node *n);

#endif
