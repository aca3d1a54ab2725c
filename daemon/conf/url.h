/* SPDX-License-Identifier: ISC */
/* Base URLs of backends. */
#ifndef LLMD_CONF_URL_H
#define LLMD_CONF_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct url {
	bool		 tls;
	char		*host;		/* lower case, without brackets */
	uint16_t	 port;
	char		*authority;	/* for Host: brackets, unusual port */
	char		*path;		/* without '/' at the end: "", "/v1" */
	char		*query;		/* without '?', or NULL */
	char		*userinfo;	/* percent-decoded, or NULL */
};

/* Parses http and https URLs into memory of a; a fragment is dropped.  NULL,
 * or why it cannot be used. */
const char *url_parse(const char *s, struct arena *a, struct url *u);
/* Scheme, authority and path: what may be shown. */
char	*url_show(const struct url *u, struct arena *a);
/* s without userinfo and query, for messages about one that does not parse. */
char	*url_mask(const char *s, struct arena *a);

/* localhost, *.localhost, 127.0.0.0/8, ::1. */
bool	 url_is_loopback(const char *host);
/* The three usual names of this machine: localhost, 127.0.0.1, ::1. */
bool	 url_is_self(const char *host);
/* An IPv4 or IPv6 literal. */
bool	 url_is_literal(const char *host);

#endif
