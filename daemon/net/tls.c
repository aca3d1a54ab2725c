/* SPDX-License-Identifier: ISC */
/*
 * A policy is loaded under its mutex, so that whoever needs it while a helper
 * thread is at it waits for the same result.  Sessions are kept here, not in
 * OpenSSL, by the name they were verified for: one per name, the newest.
 */
#include "net/tls.h"

#include <sys/stat.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xmalloc.h"

#define TLS_SESSIONS	32	/* names; more push out the oldest */

struct tls_session {
	char		*name;
	SSL_SESSION	*session;
};

struct tls_policy {
	atomic_uint		 refs;
	bool			 server;
	bool			 verify;
	char			*ca_file;
	char			*cert_file;
	char			*key_file;

	pthread_mutex_t		 lock;		/* of all below */
	bool			 loaded;
	SSL_CTX			*ctx;		/* NULL: cause says why */
	char			 cause[512];
	struct tls_session	 sessions[TLS_SESSIONS];
	unsigned		 next_session;
};

static const unsigned char	tls_alpn[] = "\x08http/1.1";

static char *
tls_strdup(const char *s)
{
	return s == NULL ? NULL : xstrdup(s);
}

static struct tls_policy *
tls_policy_new(void)
{
	struct tls_policy *p = xcalloc(1, sizeof *p);

	atomic_init(&p->refs, 1);
	pthread_mutex_init(&p->lock, NULL);
	return p;
}

struct tls_policy *
tls_policy_client(bool verify, const char *ca_file)
{
	struct tls_policy *p = tls_policy_new();

	p->verify = verify;
	p->ca_file = tls_strdup(ca_file);
	return p;
}

struct tls_policy *
tls_policy_server(const char *cert_file, const char *key_file)
{
	struct tls_policy *p = tls_policy_new();

	p->server = true;
	p->cert_file = xstrdup(cert_file);
	p->key_file = xstrdup(key_file);
	return p;
}

struct tls_policy *
tls_policy_ref(struct tls_policy *p)
{
	atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
	return p;
}

void
tls_policy_unref(struct tls_policy *p)
{
	unsigned i;

	if (p == NULL || atomic_fetch_sub_explicit(&p->refs, 1,
	    memory_order_acq_rel) != 1)
		return;
	for (i = 0; i < TLS_SESSIONS; i++) {
		free(p->sessions[i].name);
		SSL_SESSION_free(p->sessions[i].session);
	}
	SSL_CTX_free(p->ctx);
	pthread_mutex_destroy(&p->lock);
	free(p->ca_file);
	free(p->cert_file);
	free(p->key_file);
	free(p);
}

/* Called by OpenSSL for each session that may be used again; takes it. */
static int
tls_session_cb(SSL *ssl, SSL_SESSION *session)
{
	struct tls_policy *p = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	const char *name = SSL_get_app_data(ssl);
	struct tls_session *s;
	unsigned i;

	pthread_mutex_lock(&p->lock);
	for (i = 0; i < TLS_SESSIONS; i++)
		if (p->sessions[i].name != NULL &&
		    strcmp(p->sessions[i].name, name) == 0)
			break;
	if (i == TLS_SESSIONS) {
		i = p->next_session;
		p->next_session = (i + 1) % TLS_SESSIONS;
		free(p->sessions[i].name);
		p->sessions[i].name = xstrdup(name);
	}
	s = &p->sessions[i];
	SSL_SESSION_free(s->session);
	s->session = session;
	pthread_mutex_unlock(&p->lock);
	return 1;
}

static void
tls_session_offer(struct tls_policy *p, SSL *ssl, const char *name)
{
	unsigned i;

	pthread_mutex_lock(&p->lock);
	for (i = 0; i < TLS_SESSIONS; i++)
		if (p->sessions[i].name != NULL &&
		    strcmp(p->sessions[i].name, name) == 0 &&
		    SSL_SESSION_is_resumable(p->sessions[i].session))
			SSL_set_session(ssl, p->sessions[i].session);
	pthread_mutex_unlock(&p->lock);
}

/* What OpenSSL says about its last error; empties its queue. */
static const char *
tls_reason(void)
{
	unsigned long e = ERR_peek_last_error(), first = ERR_peek_error();
	const char *text;

	/* A file that cannot be opened: the reason is an errno. */
	if (ERR_GET_LIB(first) == ERR_LIB_SYS)
		text = strerror(ERR_GET_REASON(first));
	else
		text = ERR_reason_error_string(e);
	ERR_clear_error();
	return text == NULL ? "unknown error" : text;
}

/* True if dir has anything in it. */
static bool
tls_dir_filled(const char *dir)
{
	struct dirent *e;
	bool filled = false;
	DIR *d;

	if ((d = opendir(dir)) == NULL)
		return false;
	while (!filled && (e = readdir(d)) != NULL)
		filled = e->d_name[0] != '.';
	closedir(d);
	return filled;
}

/* The system's roots (or SSL_CERT_FILE's and SSL_CERT_DIR's). */
static bool
tls_load_system(struct tls_policy *p, SSL_CTX *ctx)
{
	const char *file = getenv(X509_get_default_cert_file_env());
	const char *dir = getenv(X509_get_default_cert_dir_env());
	struct stat st;

	if (file == NULL)
		file = X509_get_default_cert_file();
	if (dir == NULL)
		dir = X509_get_default_cert_dir();
	if (stat(file, &st) != 0 && !tls_dir_filled(dir)) {
		snprintf(p->cause, sizeof p->cause, "no trusted certificates "
		    "in %s: install the package ca-certificates, or set "
		    "ssl_verify to a PEM file", dir);
		return false;
	}
	if (SSL_CTX_set_default_verify_paths(ctx) == 1)
		return true;
	snprintf(p->cause, sizeof p->cause,
	    "cannot load the system's trusted certificates: %s",
	    tls_reason());
	return false;
}

static bool
tls_load_trust(struct tls_policy *p, SSL_CTX *ctx)
{
	struct stat st;
	bool dir;

	SSL_CTX_set_verify(ctx, p->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
	    NULL);
	if (!p->verify)
		return true;
	if (p->ca_file == NULL)
		return tls_load_system(p, ctx);
	if (stat(p->ca_file, &st) != 0) {
		snprintf(p->cause, sizeof p->cause,
		    "cannot read the trusted certificates %s: %s",
		    p->ca_file, strerror(errno));
		return false;
	}
	dir = S_ISDIR(st.st_mode);
	if (SSL_CTX_load_verify_locations(ctx, dir ? NULL : p->ca_file,
	    dir ? p->ca_file : NULL) == 1)
		return true;
	snprintf(p->cause, sizeof p->cause,
	    "cannot load the trusted certificates %s: %s", p->ca_file,
	    tls_reason());
	return false;
}

/* Instead of asking on the terminal. */
static int
tls_password_cb(char *buf, int size, int rwflag, void *arg)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	*(bool *)arg = true;
	return -1;
}

static bool
tls_load_pair(struct tls_policy *p, SSL_CTX *ctx)
{
	bool encrypted = false;

	SSL_CTX_set_default_passwd_cb(ctx, tls_password_cb);
	SSL_CTX_set_default_passwd_cb_userdata(ctx, &encrypted);
	if (SSL_CTX_use_certificate_chain_file(ctx, p->cert_file) != 1)
		snprintf(p->cause, sizeof p->cause,
		    "cannot load the certificate %s: %s", p->cert_file,
		    tls_reason());
	else if (SSL_CTX_use_PrivateKey_file(ctx, p->key_file,
	    SSL_FILETYPE_PEM) != 1) {
		if (encrypted)
			snprintf(p->cause, sizeof p->cause, "the key %s is "
			    "encrypted. Decrypt it: openssl pkey -in %s -out "
			    "plain.pem", p->key_file, p->key_file);
		else if (ERR_GET_REASON(ERR_peek_last_error()) ==
		    X509_R_KEY_VALUES_MISMATCH)
			snprintf(p->cause, sizeof p->cause, "the key %s does "
			    "not belong to the certificate %s", p->key_file,
			    p->cert_file);
		else
			snprintf(p->cause, sizeof p->cause,
			    "cannot load the key %s: %s", p->key_file,
			    tls_reason());
	}
	SSL_CTX_set_default_passwd_cb(ctx, NULL);
	SSL_CTX_set_default_passwd_cb_userdata(ctx, NULL);
	ERR_clear_error();
	return p->cause[0] == '\0';
}

/* HTTP/1.1 if the client offers it among others; else no ALPN. */
static int
tls_alpn_cb(SSL *ssl, const unsigned char **out, unsigned char *outlen,
    const unsigned char *in, unsigned int inlen, void *arg)
{
	unsigned char *found;

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto(&found, outlen, tls_alpn,
	    sizeof tls_alpn - 1, in, inlen) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*out = found;
	return SSL_TLSEXT_ERR_OK;
}

/* What clients and servers have in common, and their differences. */
static void
tls_ctx_options(struct tls_policy *p, SSL_CTX *ctx)
{
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION |
	    SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_app_data(ctx, p);
	if (p->server) {
		/* Tickets only: nothing here grows with the clients. */
		SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
		SSL_CTX_set_alpn_select_cb(ctx, tls_alpn_cb, NULL);
	} else {
		SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT |
		    SSL_SESS_CACHE_NO_INTERNAL);
		SSL_CTX_sess_set_new_cb(ctx, tls_session_cb);
		SSL_CTX_set_alpn_protos(ctx, tls_alpn, sizeof tls_alpn - 1);
	}
}

static void
tls_policy_fill(struct tls_policy *p)
{
	SSL_CTX *ctx;
	bool ok;

	ERR_clear_error();
	ctx = SSL_CTX_new(p->server ? TLS_server_method() :
	    TLS_client_method());
	if (ctx == NULL) {
		snprintf(p->cause, sizeof p->cause,
		    "OpenSSL does not work: %s", tls_reason());
		return;
	}
	tls_ctx_options(p, ctx);
	ok = p->server ? tls_load_pair(p, ctx) : tls_load_trust(p, ctx);
	ERR_clear_error();
	if (ok)
		p->ctx = ctx;
	else
		SSL_CTX_free(ctx);
}

int
tls_policy_load(struct tls_policy *p, const char **cause)
{
	bool ok;

	pthread_mutex_lock(&p->lock);
	if (!p->loaded)
		tls_policy_fill(p);
	p->loaded = true;
	ok = p->ctx != NULL;
	pthread_mutex_unlock(&p->lock);
	*cause = ok ? NULL : p->cause;
	return ok ? 0 : -1;
}

/* name without brackets or a final dot, as certificates have it. */
static void
tls_name_clean(const char *name, char out[256])
{
	size_t n = strlen(name);

	if (n > 1 && name[0] == '[' && name[n - 1] == ']') {
		name++;
		n -= 2;
	}
	if (n > 1 && name[n - 1] == '.')
		n--;
	snprintf(out, 256, "%.*s", n > 255 ? 255 : (int)n, name);
}

struct ssl_st *
tls_client_ssl(struct tls_policy *p, const char *name)
{
	unsigned char addr[sizeof(struct in6_addr)];
	char host[256];
	bool ok;
	SSL *ssl;

	if ((ssl = SSL_new(p->ctx)) == NULL)
		return NULL;
	tls_name_clean(name, host);
	SSL_set_app_data(ssl, (char *)name);
	SSL_set_connect_state(ssl);
	if (inet_pton(AF_INET, host, addr) == 1 ||
	    inet_pton(AF_INET6, host, addr) == 1)
		ok = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl),
		    host) == 1;
	else {
		SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
		ok = SSL_set1_host(ssl, host) == 1 &&
		    SSL_set_tlsext_host_name(ssl, host) == 1;
	}
	if (!ok) {
		SSL_free(ssl);
		return NULL;
	}
	tls_session_offer(p, ssl, name);
	return ssl;
}

struct ssl_st *
tls_server_ssl(struct tls_policy *p)
{
	SSL *ssl = SSL_new(p->ctx);

	if (ssl != NULL)
		SSL_set_accept_state(ssl);
	return ssl;
}

/* The common mistakes in words that help more than OpenSSL's. */
static const char *
tls_failure_text(unsigned long e)
{
	switch (ERR_GET_REASON(e)) {
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_HTTP_REQUEST:
	case SSL_R_PACKET_LENGTH_TOO_LONG:
		return "the other side does not speak TLS";
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
		return "no common TLS version (1.2 or newer is needed)";
#ifdef SSL_R_UNEXPECTED_EOF_WHILE_READING
	case SSL_R_UNEXPECTED_EOF_WHILE_READING:
		return "the connection was closed in the TLS handshake";
#endif
	default:
		return NULL;
	}
}

void
tls_failure(struct ssl_st *ssl, int errnum, char *out, size_t n)
{
	unsigned long e = ERR_peek_error();
	long v = SSL_get_verify_result(ssl);
	const char *text, *name = SSL_get_app_data(ssl);

	if (errnum != 0)
		snprintf(out, n, "%s in the TLS handshake", strerror(errnum));
	else if (ERR_GET_LIB(e) == ERR_LIB_SSL &&
	    ERR_GET_REASON(e) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
		if (v == X509_V_ERR_HOSTNAME_MISMATCH ||
		    v == X509_V_ERR_IP_ADDRESS_MISMATCH)
			snprintf(out, n, "certificate verify failed: it is "
			    "not for %s", name == NULL ? "this name" : name);
		else
			snprintf(out, n, "certificate verify failed: %s",
			    X509_verify_cert_error_string(v));
	} else if (e == 0)
		snprintf(out, n,
		    "the connection was closed in the TLS handshake");
	else if ((text = tls_failure_text(e)) != NULL)
		snprintf(out, n, "%s", text);
	else
		snprintf(out, n, "TLS: %s", tls_reason());
	ERR_clear_error();
}
