/* SPDX-License-Identifier: ISC */
#include "conf/url.h"

#include <stdio.h>
#include <strings.h>

bool
url_is_self(const char *host)
{
	return strcasecmp(host, "localhost") == 0 ||
	    strcmp(host, "127.0.0.1") == 0 || strcmp(host, "::1") == 0;
}

/* Four decimal numbers up to 255. */
static bool
url_is_ipv4(const char *host)
{
	unsigned part, digits, n = 0;

	for (;;) {
		for (part = digits = 0; *host >= '0' && *host <= '9'; host++) {
			part = part * 10 + (unsigned)(*host - '0');
			if (++digits > 3)
				return false;
		}
		if (digits == 0 || part > 255)
			return false;
		n++;
		if (*host == '\0')
			return n == 4;
		if (*host++ != '.')
			return false;
	}
}

bool
url_is_literal(const char *host)
{
	return strchr(host, ':') != NULL || url_is_ipv4(host);
}

bool
url_is_loopback(const char *host)
{
	size_t n = strlen(host);

	return url_is_self(host) ||
	    (url_is_ipv4(host) && strncmp(host, "127.", 4) == 0) ||
	    (n > 10 && strcasecmp(host + n - 10, ".localhost") == 0);
}

static bool
url_host_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

static bool
url_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
	    (c >= 'A' && c <= 'F');
}

static int
url_nibble(char c)
{
	return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

static char *
url_decode(struct arena *a, struct span s)
{
	char *out = arena_alloc(a, s.n + 1);
	size_t i, n = 0;

	for (i = 0; i < s.n; i++)
		if (s.p[i] == '%' && i + 2 < s.n && url_hex(s.p[i + 1]) &&
		    url_hex(s.p[i + 2])) {
			out[n++] = (char)(url_nibble(s.p[i + 1]) << 4 |
			    url_nibble(s.p[i + 2]));
			i += 2;
		} else
			out[n++] = s.p[i];
	out[n] = '\0';
	return out;
}

static const char *
url_parse_host(struct span s, struct arena *a, struct url *u)
{
	size_t i;
	char *p;

	if (s.n == 0)
		return "it names no host";
	if (s.n > 253)
		return "its host name is too long";
	if (*s.p == '[') {
		if (s.n < 4 || s.p[s.n - 1] != ']')
			return "its IPv6 address lacks a bracket";
		s = (struct span){ s.p + 1, s.n - 2 };
		for (i = 0; i < s.n; i++)
			if (!url_hex(s.p[i]) && s.p[i] != ':' &&
			    s.p[i] != '.' && s.p[i] != '%' && i < 39)
				return "its IPv6 address is wrong";
		if (memchr(s.p, ':', s.n) == NULL)
			return "its IPv6 address is wrong";
	} else
		for (i = 0; i < s.n; i++)
			if (!url_host_char(s.p[i]))
				return "its host name has a character that "
				    "host names cannot have";
	u->host = arena_strn(a, s.p, s.n);
	for (p = u->host; *p != '\0'; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p + ('a' - 'A'));
	for (i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f)
			return "its host name has a blank";
	return NULL;
}

/* host[:port] */
static const char *
url_parse_authority(struct span s, struct arena *a, struct url *u)
{
	const char *why, *colon = NULL;
	uint64_t port;
	size_t i;
	bool six;

	for (i = s.n; i-- > 0 && s.p[i] != ']';)
		if (s.p[i] == ':') {
			colon = s.p + i;
			break;
		}
	u->port = u->tls ? 443 : 80;
	if (colon != NULL) {
		struct span digits = { colon + 1,
		    (size_t)(s.p + s.n - colon - 1) };

		if (digits.n != 0) {
			if (!span_u64(digits, &port) || port == 0 ||
			    port > 65535)
				return "its port is not a number from 1 to "
				    "65535";
			u->port = (uint16_t)port;
		}
		s.n = (size_t)(colon - s.p);
	}
	if ((why = url_parse_host(s, a, u)) != NULL)
		return why;
	six = strchr(u->host, ':') != NULL;
	if (u->port == (u->tls ? 443 : 80))
		u->authority = arena_printf(a, six ? "[%s]" : "%s", u->host);
	else
		u->authority = arena_printf(a, six ? "[%s]:%u" : "%s:%u",
		    u->host, u->port);
	return NULL;
}

const char *
url_parse(const char *s, struct arena *a, struct url *u)
{
	struct span auth, path;
	const char *why, *p;
	size_t i;

	memset(u, 0, sizeof(*u));
	if (strncasecmp(s, "http://", 7) == 0)
		p = s + 7;
	else if (strncasecmp(s, "https://", 8) == 0) {
		p = s + 8;
		u->tls = true;
	} else
		return "it must begin with http:// or https://";
	for (i = 0; p[i] != '\0'; i++)
		if ((unsigned char)p[i] <= ' ' || (unsigned char)p[i] >= 0x7f)
			return "it has a blank or a character that is not "
			    "ASCII";
	auth = (struct span){ p, strcspn(p, "/?#") };
	path = (struct span){ p + auth.n, strcspn(p + auth.n, "?#") };
	if (path.p[path.n] == '?' && path.p[path.n + 1] != '\0' &&
	    path.p[path.n + 1] != '#')
		u->query = arena_strn(a, path.p + path.n + 1,
		    strcspn(path.p + path.n + 1, "#"));
	for (i = auth.n; i-- > 0;)
		if (auth.p[i] == '@') {
			u->userinfo = url_decode(a,
			    (struct span){ auth.p, i });
			auth = (struct span){ auth.p + i + 1, auth.n - i - 1 };
			break;
		}
	if ((why = url_parse_authority(auth, a, u)) != NULL)
		return why;
	while (path.n > 0 && path.p[path.n - 1] == '/')
		path.n--;
	u->path = arena_strn(a, path.p, path.n);
	return NULL;
}

char *
url_show(const struct url *u, struct arena *a)
{
	return arena_printf(a, "http%s://%s%s", u->tls ? "s" : "",
	    u->authority, u->path);
}

char *
url_mask(const char *s, struct arena *a)
{
	const char *p = strstr(s, "://");
	const char *rest = p != NULL ? p + 3 : s;
	size_t host = strcspn(rest, "/?#");
	size_t all = strcspn(rest, "?#");
	const char *at = memrchr(rest, '@', host);

	if (at == NULL)
		return arena_strn(a, s, (size_t)(rest - s) + all);
	return arena_printf(a, "%.*s%.*s", (int)(rest - s), s,
	    (int)(all - (size_t)(at + 1 - rest)), at + 1);
}
