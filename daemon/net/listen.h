/* SPDX-License-Identifier: ISC */
/*
 * Listening sockets.  "localhost" (and 127.0.0.1, and ::1) means 127.0.0.1 and
 * ::1, so that every client's idea of localhost works.  First a probe
 * bind with SO_REUSEADDR and without SO_REUSEPORT - with it a second llmd
 * would silently take half the traffic, without the other a restart would
 * trip over its own TIME_WAIT -, then one SO_REUSEPORT socket per worker.
 * Sockets passed by systemd (LISTEN_FDS) are taken over.
 */
#ifndef LLMD_NET_LISTEN_H
#define LLMD_NET_LISTEN_H

#include <stdbool.h>
#include <stdint.h>

#include "net/resolve.h"

#define LISTEN_ADDRS	16

struct listen_addr {
	union resolve_addr	 addr;
	bool			 loopback;
};

struct listen_set {
	unsigned		 n;
	struct listen_addr	 addrs[LISTEN_ADDRS];
	unsigned		 workers;
	/* [n * workers]: addrs[i] for worker w is fds[i * workers + w]; who
	 * takes one puts -1 there. */
	int			*fds;
	uint16_t		 port;		/* of the first; 0 is solved */
};

/*
 * Binds every host (a name, an address, "*" or "::": both families) on port
 * (0: any, the same for all) for each of `workers` workers, non-blocking,
 * close-on-exec, backlog 4096 (the kernel caps it).  May block: names, and up
 * to 2 s while another llmd starts on the same port.  0, or -1 with *cause:
 *   cannot listen on 127.0.0.1:4000: Address already in use (pid 4411, python3)
 * and *hint ("stop it (kill 4411), or use another port: ..."), both malloc'd.
 * retry_cmd is the command line without its port, for the hint.  Without
 * IPv6, ::1 and the "::" of "*" are left out silently.
 */
int	 listen_open(struct listen_set *s, const char *const *hosts,
	    unsigned nhosts, uint16_t port, unsigned workers,
	    const char *retry_cmd, char **cause, char **hint);
void	 listen_close(struct listen_set *s);
/* The pid and name (printable) of who listens on the address, or on all
 * addresses, from /proc; false if it cannot be seen. */
bool	 listen_holder(const struct sockaddr *sa, int *pid, char name[64]);

#endif
