/* SPDX-License-Identifier: ISC */
/*
 * The worker threads: each one loop with its listeners, gate, exchanges and
 * upstream pool.  Everything below is called from main's thread.
 */
#ifndef LLMD_WORKER_H
#define LLMD_WORKER_H

#include <stdbool.h>
#include <stdint.h>

struct conf;
struct exchange_env;
struct listen_set;
struct mbox;
struct ring;
struct tls_policy;
struct upstream_shared;
struct workers;

struct workers_args {
	unsigned		 n;
	struct listen_set	*listen;	/* fds are taken over */
	struct conf		*conf;		/* the first snapshot */
	const struct upstream_shared *shared;
	struct tls_policy	*tls;		/* loaded; NULL: plain */
	struct mbox		*main_box;	/* messages back to main */
	int			 ring_wake_fd;
	const char		*instance;
	/* A snapshot that nobody uses any more: main frees it. */
	void			(*conf_free)(struct conf *, void *arg);
	void			*conf_free_arg;
};

/* Starts the threads. */
struct workers	*workers_start(const struct workers_args *a);
unsigned	 workers_count(const struct workers *ws);
struct ring	*workers_ring(struct workers *ws, unsigned i);
/*
 * The mailbox of worker i; messages run there with arg = its struct
 * exchange_env.
 */
struct mbox	*workers_mbox(struct workers *ws, unsigned i);
/* The worker that an id belongs to, or -1. */
int		 workers_of_id(const struct workers *ws, uint64_t id);

/*
 * Gives every worker the new snapshot (taken over).  done is called on main's
 * thread once all have it.
 */
void		 workers_publish(struct workers *ws, struct conf *c,
		    void (*done)(void *arg), void *arg);
struct conf	*workers_conf(const struct workers *ws);

/* No new connections; /health says shutting_down; idle ones are closed. */
void		 workers_drain(struct workers *ws);
/* Requests alive, for the end of the drain. */
unsigned	 workers_busy(const struct workers *ws);
/* Ends the threads now; what is alive is cut.  The rings can still be read. */
void		 workers_stop(struct workers *ws);
/* After workers_stop and a last mbox_run of main's box. */
void		 workers_free(struct workers *ws);

#endif
