/* SPDX-License-Identifier: ISC */
/* What snapshots are made in: environment, names, states of deployments. */
#ifndef LLMD_CONF_WORLD_H
#define LLMD_CONF_WORLD_H

#include <stdint.h>

struct map;

/*
 * The private copy of the environment, taken at start; secrets that were used
 * are overwritten in the process's own block by conf_env_seal.
 */
struct conf_env;
struct conf_env	*conf_env_new(char **environ);
void		 conf_env_free(struct conf_env *e);
/* Value or NULL. */
const char	*conf_env_get(const struct conf_env *e, const char *name);
void		 conf_env_seal(struct conf_env *e, char **environ);

/*
 * Names that outlive snapshots: records carry them as 16-bit numbers.  Only
 * main writes; id 0 is "-".  When full (65,535) everything new is 0.
 */
struct conf_names;
struct conf_names *conf_names_new(void);
void		 conf_names_free(struct conf_names *n);
uint16_t	 conf_names_add(struct conf_names *n, const char *name);
const char	*conf_names_get(const struct conf_names *n, uint16_t id);

/* What lives longer than one snapshot; owned by main. */
struct conf_world {
	struct conf_env		*env;
	struct conf_names	*names;
	struct map		*states;	/* id -> deploy_state */
};

#endif
