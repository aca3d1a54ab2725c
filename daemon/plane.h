/* SPDX-License-Identifier: ISC */
/*
 * What main runs besides starting and stopping: the live table fed from the
 * workers' rings, the request log, changes of the configuration and the
 * control socket, put together.
 */
#ifndef LLMD_PLANE_H
#define LLMD_PLANE_H

struct conf;
struct conf_options;
struct conf_world;
struct event_base;
struct listen_set;
struct plane;
struct upstream_shared;
struct workers;

/* All borrowed until plane_free. */
struct plane_args {
	struct event_base		*base;
	struct conf_world		*world;
	const struct conf_options	*options;	/* for reload */
	struct conf			*conf;		/* the first one */
	const struct upstream_shared	*shared;
	const struct listen_set		*listen;
	int				 wake_fd;	/* rings write it */
	const char			*instance;
};

/*
 * Before the workers start: takes the control socket's place and opens the
 * request log.  0, or an exit status with *cause and *hint (malloc'd): another
 * llmd runs, a socket path that was asked for cannot be had.
 */
int	 plane_open(const struct plane_args *a, struct plane **out,
	    char **cause, char **hint);
/* The workers run: begin to drain their rings and to answer. */
void	 plane_start(struct plane *p, struct workers *ws);
/* SIGHUP: as llmctl reload, the result goes to the log. */
void	 plane_reload(struct plane *p);
/* SIGUSR1: opens the log files again. */
void	 plane_reopen_logs(struct plane *p);
/* After workers_stop: writes what is left in the rings, closes the socket. */
void	 plane_free(struct plane *p);

#endif
