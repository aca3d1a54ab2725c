/* SPDX-License-Identifier: ISC */
/* Addresses and their text. */
#include "net/resolve.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

bool
resolve_literal(const char *host, uint16_t port, union resolve_addr *a)
{
	char text[INET6_ADDRSTRLEN];
	size_t n = strlen(host);

	memset(a, 0, sizeof *a);
	if (inet_pton(AF_INET, host, &a->in.sin_addr) == 1) {
		a->in.sin_family = AF_INET;
		a->in.sin_port = htons(port);
		return true;
	}
	if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
		host++;
		n -= 2;
	}
	if (n >= sizeof text)
		return false;
	memcpy(text, host, n);
	text[n] = '\0';
	if (inet_pton(AF_INET6, text, &a->in6.sin6_addr) != 1)
		return false;
	a->in6.sin6_family = AF_INET6;
	a->in6.sin6_port = htons(port);
	return true;
}

socklen_t
resolve_addr_len(const union resolve_addr *a)
{
	return a->sa.sa_family == AF_INET6 ? sizeof a->in6 : sizeof a->in;
}

char *
resolve_addr_text(const struct sockaddr *sa, char out[64])
{
	char ip[INET6_ADDRSTRLEN];
	union resolve_addr a;

	if (sa->sa_family == AF_INET) {
		memcpy(&a.in, sa, sizeof a.in);
		inet_ntop(AF_INET, &a.in.sin_addr, ip, sizeof ip);
		snprintf(out, 64, "%s:%u", ip, ntohs(a.in.sin_port));
	} else if (sa->sa_family == AF_INET6) {
		memcpy(&a.in6, sa, sizeof a.in6);
		inet_ntop(AF_INET6, &a.in6.sin6_addr, ip, sizeof ip);
		snprintf(out, 64, "[%s]:%u", ip, ntohs(a.in6.sin6_port));
	} else
		snprintf(out, 64, "an address of family %d",
		    (int)sa->sa_family);
	return out;
}

bool
resolve_is_loopback(const struct sockaddr *sa)
{
	union resolve_addr a;

	if (sa->sa_family == AF_INET) {
		memcpy(&a.in, sa, sizeof a.in);
		return ntohl(a.in.sin_addr.s_addr) >> 24 == 127;
	}
	if (sa->sa_family != AF_INET6)
		return false;
	memcpy(&a.in6, sa, sizeof a.in6);
	if (IN6_IS_ADDR_V4MAPPED(&a.in6.sin6_addr))
		return a.in6.sin6_addr.s6_addr[12] == 127;
	return IN6_IS_ADDR_LOOPBACK(&a.in6.sin6_addr);
}
