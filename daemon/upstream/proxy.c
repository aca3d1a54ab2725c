/* SPDX-License-Identifier: ISC */
/* HTTPS_PROXY: http://[user:password@]host[:port][/]. */
#include <openssl/evp.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "base/xmalloc.h"
#include "upstream/client.h"

#define PROXY_PORT	3128	/* where none is given, as squid */

/* Percent-decodes in place; user names hold %40 and the like. */
static size_t
proxy_decode(char *s)
{
	char *r = s, *w = s, hex[3] = { 0 };

	for (; *r != '\0'; r++) {
		if (r[0] == '%' && strspn(r + 1,
		    "0123456789abcdefABCDEF") >= 2) {
			memcpy(hex, r + 1, 2);
			*w++ = (char)strtol(hex, NULL, 16);
			r += 2;
		} else
			*w++ = *r;
	}
	*w = '\0';
	return (size_t)(w - s);
}

/* "Basic ..." from "user:password". */
static char *
proxy_basic(const char *p, size_t n)
{
	char *user = xstrndup(p, n), *out;
	unsigned char b64[1024];

	n = proxy_decode(user);
	if (n > 700)
		n = 700;
	EVP_EncodeBlock(b64, (const unsigned char *)user, (int)n);
	xasprintf(&out, "Basic %s", (const char *)b64);
	free(user);
	return out;
}

int
upstream_proxy_parse(struct upstream_proxy *px, const char *url,
    const char *no_proxy, char **cause)
{
	const char *p = url, *at, *end, *colon = NULL, *host;
	uint64_t port = PROXY_PORT;

	memset(px, 0, sizeof *px);
	if (strncasecmp(p, "http://", 7) == 0)
		p += 7;
	else if (strstr(p, "://") != NULL) {
		xasprintf(cause, "only an http:// proxy can be used "
		    "(CONNECT), not %.*s", (int)(strstr(p, "://") - p), p);
		return -1;
	}
	end = p + strcspn(p, "/?#");
	at = memrchr(p, '@', (size_t)(end - p));
	host = at == NULL ? p : at + 1;
	if (*host == '[') {
		const char *close = memchr(host, ']', (size_t)(end - host));

		if (close != NULL && close + 1 < end && close[1] == ':')
			colon = close + 1;
	} else
		colon = memchr(host, ':', (size_t)(end - host));
	if (colon != NULL && (!span_u64((struct span){ colon + 1,
	    (size_t)(end - colon - 1) }, &port) || port == 0 ||
	    port > 65535)) {
		xasprintf(cause, "the proxy's port is not a number "
		    "from 1 to 65535");
		return -1;
	}
	if (colon == NULL)
		colon = end;
	if (colon > host && *host == '[') {
		host++;
		colon--;
	}
	if (colon == host) {
		xasprintf(cause, "the proxy has no host name");
		return -1;
	}
	px->host = xstrndup(host, (size_t)(colon - host));
	px->port = (uint16_t)port;
	if (at != NULL)
		px->auth = proxy_basic(p, (size_t)(at - p));
	px->no_proxy = no_proxy == NULL ? NULL : xstrdup(no_proxy);
	return 0;
}

void
upstream_proxy_fini(struct upstream_proxy *px)
{
	free(px->host);
	free(px->auth);
	free(px->no_proxy);
	memset(px, 0, sizeof *px);
}
