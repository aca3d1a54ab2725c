/* SPDX-License-Identifier: ISC */
/*
 * TLS policies over OpenSSL: one SSL_CTX for each different answer to "whom
 * do we trust".  A policy is cheap to make; loading it (the trust store alone
 * takes 50 ms) happens once, on whichever thread comes first - normally a
 * helper thread right after llmd listens.
 */
#ifndef LLMD_NET_TLS_H
#define LLMD_NET_TLS_H

#include <stdbool.h>
#include <stddef.h>

struct ssl_st;
struct tls_policy;

/*
 * Client: verify = check chain and name; ca_file = PEM file or directory to
 * trust instead of the system's, or NULL.  TLS 1.2 and newer.  Reference
 * counted, thread-safe.
 */
struct tls_policy *tls_policy_client(bool verify, const char *ca_file);
/* Server: PEM certificate chain and key.  TLS 1.2 and newer. */
struct tls_policy *tls_policy_server(const char *cert_file,
		    const char *key_file);
struct tls_policy *tls_policy_ref(struct tls_policy *p);
void		 tls_policy_unref(struct tls_policy *p);
/*
 * Loads once; 0, or -1 with a message (static until the policy is freed)
 * that names the file.  Thread-safe, later calls return the same.
 */
int		 tls_policy_load(struct tls_policy *p, const char **cause);

/*
 * For net/conn: an SSL for one connection of a loaded policy, or NULL.  The
 * client's verifies the certificate for name (a host name or an address),
 * sends it as SNI if it is a name, and offers the last session with it; name
 * and p must stay until SSL_free.
 */
struct ssl_st	*tls_client_ssl(struct tls_policy *p, const char *name);
struct ssl_st	*tls_server_ssl(struct tls_policy *p);
/*
 * One line on why a handshake failed: errnum, if not 0, or what OpenSSL says.
 * Empties OpenSSL's error queue.
 */
void		 tls_failure(struct ssl_st *ssl, int errnum, char *out,
		    size_t n);

#endif
