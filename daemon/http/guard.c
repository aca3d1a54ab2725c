/* SPDX-License-Identifier: ISC */
#include "http/guard.h"

#include <string.h>
#include <strings.h>

#include "conf/conf.h"
#include "net/resolve.h"

/* Without the port; "[::1]:80" gives "[::1]". */
static struct span
guard_hostname(struct span a)
{
	const char *end;

	if (a.n > 0 && *a.p == '[')
		end = memchr(a.p, ']', a.n);
	else
		end = memchr(a.p, ':', a.n);
	if (end == NULL)
		return a;
	if (*end == ']')
		end++;
	return (struct span){ a.p, (size_t)(end - a.p) };
}

static bool
guard_local(struct span authority)
{
	struct span h = guard_hostname(authority);
	static const char dot[] = ".localhost";
	union resolve_addr a;
	char name[64];

	/* A fully qualified "localhost." is the same name. */
	if (h.n > 1 && h.p[h.n - 1] == '.')
		h.n--;
	if (span_ieq(h, "localhost"))
		return true;
	if (h.n > sizeof dot - 1 && strncasecmp(h.p + h.n - (sizeof dot - 1),
	    dot, sizeof dot - 1) == 0)
		return true;
	if (h.n == 0 || h.n >= sizeof name)
		return false;
	memcpy(name, h.p, h.n);
	name[h.n] = '\0';
	return resolve_literal(name, 1, &a) && resolve_is_loopback(&a.sa);
}

bool
guard_host(const struct conf *c, struct span host)
{
	unsigned i;

	if (host.p == NULL || guard_local(host))
		return true;
	for (i = 0; i < c->nallowed_hosts; i++)
		if (span_ieq(host, c->allowed_hosts[i]) ||
		    span_ieq(guard_hostname(host), c->allowed_hosts[i]))
			return true;
	return false;
}

static bool
guard_default_origin(struct span o)
{
	static const char *const schemes[] = {
		"app://", "file://", "tauri://", "vscode-webview://",
		"vscode-file://"
	};
	unsigned i;

	for (i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
		if (o.n >= strlen(schemes[i]) &&
		    strncasecmp(o.p, schemes[i], strlen(schemes[i])) == 0)
			return true;
	if (o.n > 7 && strncasecmp(o.p, "http://", 7) == 0)
		return guard_local((struct span){ o.p + 7, o.n - 7 });
	if (o.n > 8 && strncasecmp(o.p, "https://", 8) == 0)
		return guard_local((struct span){ o.p + 8, o.n - 8 });
	return false;
}

bool
guard_origin(const struct conf *c, struct span origin)
{
	unsigned i;

	if (c->cors_origins == NULL)
		return guard_default_origin(origin);
	for (i = 0; i < c->ncors_origins; i++)
		if (strcmp(c->cors_origins[i], "*") == 0 ||
		    span_ieq(origin, c->cors_origins[i]))
			return true;
	return false;
}
