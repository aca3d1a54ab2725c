/* SPDX-License-Identifier: ISC */
/*
 * Names to addresses by getaddrinfo on up to four threads (mDNS, /etc/hosts
 * and nsswitch must work), so that no worker ever waits.  One resolver per
 * process; single flight per name; answers are kept 30 s (failures 1 s) and
 * served stale, up to 5 minutes old, while a refresh runs or fails for a
 * reason that may pass.  Literal addresses need no thread: resolve_literal.
 */
#ifndef LLMD_NET_RESOLVE_H
#define LLMD_NET_RESOLVE_H

#include <sys/socket.h>

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct mbox;
struct resolve;

#define RESOLVE_ADDRS	16	/* kept of one answer, in the order given */

union resolve_addr {
	struct sockaddr		sa;
	struct sockaddr_in	in;
	struct sockaddr_in6	in6;
};

struct resolve_answer {
	unsigned		 n;
	union resolve_addr	 addr[RESOLVE_ADDRS];
	/* 0, or the EAI_ code with its text in error. */
	int			 eai;
	char			 error[120];
};

/* Called on the asking worker's thread. */
typedef void (*resolve_cb)(const struct resolve_answer *a, uint64_t ticket,
    void *arg);

struct resolve	*resolve_new(void);
/* Ends the threads; those stuck in getaddrinfo are left behind detached. */
void		 resolve_free(struct resolve *r);
/*
 * Answers at once into *a if it is cached or a literal (returns true), else
 * false: the answer comes through mb, with cb(…, ticket, arg).  The caller
 * makes tickets that it can recognise; a ticket nobody waits for any more is
 * simply ignored by it, so nothing needs to be cancelled.
 */
bool		 resolve_ask(struct resolve *r, const char *host,
		    uint16_t port, struct mbox *mb, resolve_cb cb,
		    uint64_t ticket, void *arg, struct resolve_answer *a);
/* "127.0.0.1", "::1" or "[::1]"; false for a name. */
bool		 resolve_literal(const char *host, uint16_t port,
		    union resolve_addr *a);
socklen_t	 resolve_addr_len(const union resolve_addr *a);
/* "127.0.0.1:4000" or "[::1]:4000" into out; returns out. */
char		*resolve_addr_text(const struct sockaddr *sa, char out[64]);
bool		 resolve_is_loopback(const struct sockaddr *sa);

#endif
