/* SPDX-License-Identifier: ISC */
/* The TLS half of net/conn and what it needs of the other; inside net/. */
#ifndef LLMD_NET_CONN_TLS_H
#define LLMD_NET_CONN_TLS_H

#include <sys/types.h>

#include <stdbool.h>

#include "net/conn.h"

struct conn_tls {
	struct ssl_st		*ssl;
	struct tls_policy	*policy;
	char			*name;		/* NULL: server */
	bool			 hello_writes;	/* the handshake waits for
						 * room, not for bytes */
	bool			 read_writes;	/* reading waits for room */
	bool			 write_reads;	/* writing waits for bytes */
	bool			 broken;	/* no close_notify any more */
	bool			 eof;		/* close_notify came */
	int			 read_errno;	/* every read fails so */
	char			 why[256];
};

/* Makes the loop wait for what is needed now. */
void		 conn_apply(struct conn *c);
/* Ends the attempt with CONN_FAILED; c may be gone afterwards. */
void		 conn_fail(struct conn *c, int errnum);

/* Goes on with the handshake; c may be gone afterwards. */
void		 conn_tls_step(struct conn *c);
/* What an event of the socket (EV_READ or EV_WRITE) means to the owner. */
int		 conn_tls_what(struct conn *c, short event);
/* Reports CONN_READ from the loop if bytes wait inside OpenSSL. */
void		 conn_tls_rouse(struct conn *c);
ssize_t		 conn_tls_read(struct conn *c, void *p, size_t n);
ssize_t		 conn_tls_writev(struct conn *c, const struct iovec *v,
		    int n);
void		 conn_tls_shutdown(struct conn *c);
void		 conn_tls_free(struct conn *c);

#endif
