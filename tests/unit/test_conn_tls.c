/* SPDX-License-Identifier: ISC */
/* LINK: daemon/net/conn.c daemon/net/conn_tls.c daemon/net/tls.c */
/* LINK: daemon/net/resolve_addr.c daemon/base/str.c daemon/base/xmalloc.c */
/* LINK: daemon/base/log.c daemon/base/clock.c */
/* LINK: proto/text.c proto/text_width.c */
/*
 * TLS conns against each other, over a socket pair, with certificates made
 * here: a CA, and for good.test and 127.0.0.1 one that is good, one that has
 * expired and one that signed itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <event2/buffer.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "net/conn_tls.h"
#include "net/tls.h"

#include "conn_help.h"

#define DAY	86400

static struct event_base *base;
static char dir[] = "/tmp/test_conn_tls.XXXXXX";

static char *
test_path(const char *name, const char *end)
{
	static char path[32][128];
	static unsigned next;
	char *p = path[next++ % 32];

	snprintf(p, sizeof path[0], "%s/%s.%s", dir, name, end);
	return p;
}

static void
test_write_key(const char *name, EVP_PKEY *key, const EVP_CIPHER *cipher)
{
	unsigned char pw[] = "secret";
	FILE *f = fopen(test_path(name, "key"), "w");

	assert_non_null(f);
	assert_int_equal(PEM_write_PrivateKey(f, key, cipher, pw,
	    cipher == NULL ? 0 : 6, NULL, NULL), 1);
	fclose(f);
}

static void
test_extension(X509 *x, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(e);
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
}

/* Writes NAME.crt and NAME.key, good from..to seconds from now, signed by
 * the issuer, or by itself. */
static X509 *
test_make(const char *name, bool ca, long from, long to, X509 *issuer,
    EVP_PKEY *issuer_key, EVP_PKEY **out_key)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	X509_NAME *subject = X509_get_subject_name(x);
	static long serial = 1;
	FILE *f;

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
	X509_gmtime_adj(X509_getm_notBefore(x), from);
	X509_gmtime_adj(X509_getm_notAfter(x), to);
	X509_set_pubkey(x, key);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
	    (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(x, issuer == NULL ? subject :
	    X509_get_subject_name(issuer));
	if (ca)
		test_extension(x, NID_basic_constraints, "critical,CA:TRUE");
	else
		test_extension(x, NID_subject_alt_name,
		    "DNS:good.test,IP:127.0.0.1,IP:::1");
	assert_true(X509_sign(x, issuer == NULL ? key : issuer_key,
	    EVP_sha256()) > 0);
	f = fopen(test_path(name, "crt"), "w");
	assert_non_null(f);
	assert_int_equal(PEM_write_X509(f, x), 1);
	fclose(f);
	test_write_key(name, key, NULL);
	if (out_key != NULL)
		*out_key = key;
	else
		EVP_PKEY_free(key);
	return x;
}

static int
test_make_all(void **state)
{
	EVP_PKEY *ca_key, *key;
	X509 *ca;
	FILE *f;

	(void)state;
	signal(SIGPIPE, SIG_IGN);	/* as main has it */
	assert_non_null(mkdtemp(dir));
	ca = test_make("ca", true, -DAY, DAY, NULL, NULL, &ca_key);
	X509_free(test_make("good", false, -DAY, DAY, ca, ca_key, &key));
	X509_free(test_make("old", false, -9 * DAY, -DAY, ca, ca_key, NULL));
	X509_free(test_make("self", false, -DAY, DAY, NULL, NULL, NULL));
	X509_free(test_make("other", true, -DAY, DAY, NULL, NULL, NULL));
	test_write_key("locked", key, EVP_aes_128_cbc());
	f = fopen(test_path("rubbish", "crt"), "w");
	assert_non_null(f);
	fputs("hello\n", f);
	fclose(f);
	EVP_PKEY_free(key);
	EVP_PKEY_free(ca_key);
	X509_free(ca);
	return 0;
}

static int
test_remove_all(void **state)
{
	static const char *const names[] = { "ca", "good", "old", "self",
	    "other", "locked", "rubbish" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof names / sizeof names[0]; i++) {
		unlink(test_path(names[i], "crt"));
		unlink(test_path(names[i], "key"));
	}
	return rmdir(dir);
}

static int
test_setup(void **state)
{
	(void)state;
	base = help_base();
	return 0;
}

static int
test_teardown(void **state)
{
	(void)state;
	event_base_free(base);
	assert_int_equal(ERR_peek_error(), 0);
	return 0;
}

/* Client c and server s, connected and wanting to read; TLS not started. */
static void
test_pair(struct peer *c, struct peer *s)
{
	int fd[2];

	memset(c, 0, sizeof *c);
	memset(s, 0, sizeof *s);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
	    fd), 0);
	conn_accepted(&c->c, base, fd[0], peer_cb, c);
	conn_accepted(&s->c, base, fd[1], peer_cb, s);
	conn_want(&c->c, true, false);
	conn_want(&s->c, true, false);
}

/* Both ends up, or the client failed. */
static void
test_handshake(struct peer *c, struct peer *s, const char *cert,
    struct tls_policy *p, const char *name)
{
	struct tls_policy *sp = tls_policy_server(test_path(cert, "crt"),
	    test_path(cert, "key"));

	test_pair(c, s);
	assert_int_equal(conn_tls_server(&s->c, sp), 0);
	tls_policy_unref(sp);		/* the conn has its own */
	assert_int_equal(conn_tls_client(&c->c, p, name), 0);
	assert_false(c->ready || c->failed || s->ready);
	RUN_UNTIL(base, (c->ready && s->ready) || c->failed);
}

static struct tls_policy *
test_client(void)
{
	return tls_policy_client(true, test_path("ca", "crt"));
}

static void
test_send(struct peer *p, const char *text)
{
	struct iovec v = { (char *)text, strlen(text) };

	assert_int_equal(conn_writev(&p->c, &v, 1), (int)v.iov_len);
}

static void
test_good(void **state)
{
	static const char *const names[] = { "good.test", "GOOD.test",
	    "good.test.", "127.0.0.1", "::1", "[::1]" };
	struct tls_policy *p = test_client();
	struct peer c, s;
	char b[4];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof names / sizeof names[0]; i++) {
		test_handshake(&c, &s, "good", p, names[i]);
		if (c.failed)
			fail_msg("%s: %s", names[i], conn_error(&c.c));
		assert_int_equal(conn_read(&c.c, b, sizeof b), -1);
		assert_int_equal(errno, EAGAIN);
		test_send(&c, "ping");
		RUN_UNTIL(base, s.n == 4);
		assert_memory_equal(s.in, "ping", 4);
		test_send(&s, "pong");
		RUN_UNTIL(base, c.n == 4);
		/* A clean end on one side, while the other still talks. */
		conn_shutdown(&c.c);
		RUN_UNTIL(base, s.eof);
		test_send(&s, "bye");
		RUN_UNTIL(base, c.n == 7);
		peer_fini(&s);
		RUN_UNTIL(base, c.eof);
		assert_int_equal(c.err, 0);
		peer_fini(&c);
	}
	tls_policy_unref(p);
}

/* The second connection to a name resumes the session of the first; another
 * name and another policy do not. */
static void
test_session(void **state)
{
	struct tls_policy *p = test_client(), *q = test_client();
	struct tls_policy *sp = tls_policy_server(test_path("good", "crt"),
	    test_path("good", "key"));
	static const struct {
		int		 policy;
		const char	*name;
		bool		 reused;
	} rows[] = {
		{ 0, "good.test", false }, { 0, "good.test", true },
		{ 0, "127.0.0.1", false }, { 0, "good.test", true },
		{ 1, "good.test", false }, { 1, "good.test", true },
	};
	struct peer c, s;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		test_pair(&c, &s);
		assert_int_equal(conn_tls_server(&s.c, sp), 0);
		assert_int_equal(conn_tls_client(&c.c, rows[i].policy == 0 ?
		    p : q, rows[i].name), 0);
		RUN_UNTIL(base, (c.ready && s.ready) || c.failed);
		assert_int_equal(SSL_session_reused(c.c.tls->ssl),
		    rows[i].reused);
		test_send(&s, "tickets are before this");
		RUN_UNTIL(base, c.n > 0);
		peer_fini(&c);
		peer_fini(&s);
	}
	tls_policy_unref(p);
	tls_policy_unref(q);
	tls_policy_unref(sp);
}

static void
test_refused(void **state)
{
	static const struct {
		const char	*cert, *ca, *name, *error;
	} rows[] = {
		{ "old", "ca", "good.test",
		    "certificate verify failed: certificate has expired" },
		{ "good", "ca", "bad.test",
		    "certificate verify failed: it is not for bad.test" },
		{ "good", "ca", "127.0.0.2",
		    "certificate verify failed: it is not for 127.0.0.2" },
		{ "good", "ca", "a.good.test",
		    "certificate verify failed: it is not for a.good.test" },
		{ "self", "ca", "good.test",
		    "certificate verify failed: self-signed certificate" },
		{ "good", "other", "good.test", "certificate verify failed: "
		    "unable to get local issuer certificate" },
	};
	struct tls_policy *p;
	struct peer c, s;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		p = tls_policy_client(true, test_path(rows[i].ca, "crt"));
		test_handshake(&c, &s, rows[i].cert, p, rows[i].name);
		assert_true(c.failed && !c.ready);
		assert_string_equal(conn_error(&c.c), rows[i].error);
		assert_int_equal(c.c.err, EPROTO);
		RUN_UNTIL(base, s.failed || s.err != 0);
		peer_fini(&c);
		peer_fini(&s);
		tls_policy_unref(p);
	}
	/* ssl_verify: false takes them all. */
	p = tls_policy_client(false, NULL);
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		test_handshake(&c, &s, rows[i].cert, p, rows[i].name);
		assert_true(c.ready);
		peer_fini(&c);
		peer_fini(&s);
	}
	tls_policy_unref(p);
}

static void
test_truncated(void **state)
{
	struct tls_policy *p = test_client();
	struct peer c, s;

	(void)state;
	test_handshake(&c, &s, "good", p, "good.test");
	test_send(&s, "half");
	shutdown(s.c.fd, SHUT_WR);
	RUN_UNTIL(base, c.err != 0);
	assert_int_equal(c.err, ECONNABORTED);
	assert_int_equal(c.n, 4);
	assert_false(c.eof);
	/* It stays so. */
	assert_int_equal(conn_read(&c.c, c.in, 1), -1);
	assert_int_equal(errno, ECONNABORTED);
	peer_fini(&c);
	peer_fini(&s);
	/* Rubbish in the stream. */
	test_handshake(&c, &s, "good", p, "good.test");
	assert_int_equal(write(s.c.fd, "not a record at all", 19), 19);
	RUN_UNTIL(base, c.err != 0);
	assert_int_equal(c.err, EPROTO);
	peer_fini(&c);
	peer_fini(&s);
	tls_policy_unref(p);
}

/* The other side is no TLS server, or not one that we talk to. */
static void
test_no_tls(void **state)
{
	struct tls_policy *p = test_client();
	SSL_CTX *old = SSL_CTX_new(TLS_server_method());
	struct peer c, s;
	SSL *ssl;

	(void)state;
	test_pair(&c, &s);
	assert_int_equal(conn_tls_client(&c.c, p, "good.test"), 0);
	test_send(&s, "HTTP/1.1 400 Bad Request\r\n\r\n");
	RUN_UNTIL(base, c.failed);
	assert_string_equal(conn_error(&c.c),
	    "the other side does not speak TLS");
	peer_fini(&c);
	peer_fini(&s);
	/* It goes away. */
	test_pair(&c, &s);
	assert_int_equal(conn_tls_client(&c.c, p, "good.test"), 0);
	RUN_UNTIL(base, s.n > 0);
	peer_fini(&s);
	RUN_UNTIL(base, c.failed);
	assert_string_equal(conn_error(&c.c),
	    "the connection was closed in the TLS handshake");
	peer_fini(&c);
	/* TLS 1.1. */
	SSL_CTX_set_min_proto_version(old, TLS1_VERSION);
	SSL_CTX_set_max_proto_version(old, TLS1_1_VERSION);
	SSL_CTX_set_security_level(old, 0);
	SSL_CTX_use_certificate_file(old, test_path("good", "crt"),
	    SSL_FILETYPE_PEM);
	SSL_CTX_use_PrivateKey_file(old, test_path("good", "key"),
	    SSL_FILETYPE_PEM);
	test_pair(&c, &s);
	s.hold = true;
	conn_want(&s.c, false, false);
	assert_int_equal(conn_tls_client(&c.c, p, "good.test"), 0);
	help_run_for(base, 20);
	ssl = SSL_new(old);
	SSL_set_fd(ssl, s.c.fd);
	assert_int_equal(SSL_accept(ssl), -1);
	ERR_clear_error();
	RUN_UNTIL(base, c.failed);
	assert_string_equal(conn_error(&c.c),
	    "no common TLS version (1.2 or newer is needed)");
	SSL_free(ssl);
	SSL_CTX_free(old);
	peer_fini(&c);
	peer_fini(&s);
	tls_policy_unref(p);
}

/* A client that speaks plain HTTP to our TLS listener, and one that leaves. */
static void
test_server_noise(void **state)
{
	struct tls_policy *sp = tls_policy_server(test_path("good", "crt"),
	    test_path("good", "key"));
	static const char *const noise[] = { "GET / HTTP/1.1\r\n\r\n",
	    "\x16\x03\x01\xff\xff\x01", "\x80\x2e\x01\x03\x01", "xxxxxxxxxxx" };
	struct peer c, s;
	size_t i;

	(void)state;
	for (i = 0; i < 5; i++) {
		test_pair(&c, &s);
		assert_int_equal(conn_tls_server(&s.c, sp), 0);
		if (i < 4)
			test_send(&c, noise[i]);
		conn_shutdown(&c.c);
		RUN_UNTIL(base, s.failed);
		assert_true(conn_error(&s.c)[0] != '\0');
		assert_true(strchr(conn_error(&s.c), '\n') == NULL);
		if (i == 0)
			assert_string_equal(conn_error(&s.c),
			    "the other side does not speak TLS");
		peer_fini(&c);
		peer_fini(&s);
	}
	tls_policy_unref(sp);
}

static char
test_byte(size_t i)
{
	return (char)(i * 7 + i / 251);
}

/* Megabytes through full sockets: nothing lost, doubled or out of order. */
static void
test_bulk(void **state)
{
	enum { SIZE = 3 << 20 };
	struct tls_policy *p = test_client();
	struct evbuffer *b = evbuffer_new();
	struct peer c, s;
	size_t i, n = 0;
	char piece[997];
	ssize_t r;

	(void)state;
	test_handshake(&c, &s, "good", p, "good.test");
	for (i = 0; n < SIZE; i++) {
		size_t k, len = i % 3 == 0 ? sizeof piece : i % 50;
		char *q = len > 500 || i % 2 ? piece : malloc(len + 1);

		for (k = 0; k < len; k++)
			q[k] = test_byte(n + k);
		evbuffer_add(b, q, len);
		n += len;
		if (q != piece)
			free(q);
	}
	c.step = 1500;
	while (evbuffer_get_length(b) > 0) {
		r = conn_write_evbuffer(&s.c, b);
		assert_true(r > 0 || (r < 0 && errno == EAGAIN));
		if (evbuffer_get_length(b) > 0) {
			s.room = false;
			conn_want(&s.c, true, true);
			RUN_UNTIL(base, s.room);
		}
	}
	RUN_UNTIL(base, c.n == n);
	for (i = 0; i < n; i++)
		if (c.in[i] != test_byte(i))
			fail_msg("byte %zu differs", i);
	evbuffer_free(b);
	peer_fini(&c);
	peer_fini(&s);
	tls_policy_unref(p);
}

/* Small iovecs of changing shape, retried after EAGAIN with more behind. */
static void
test_pieces(void **state)
{
	struct tls_policy *p = test_client();
	struct iovec v[64];
	struct peer c, s;
	static char data[1 << 20];
	size_t i, sent = 0, end = 0, k;
	ssize_t r;
	int n;

	(void)state;
	for (i = 0; i < sizeof data; i++)
		data[i] = test_byte(i);
	test_handshake(&c, &s, "good", p, "good.test");
	while (sent < sizeof data) {
		/* What has been offered stays offered. */
		for (n = 0, k = sent; n < 64 && k < sizeof data; n++) {
			size_t len = n % 7 == 0 ? 0 : 1 + (k * 31) % 3000;

			if (len > sizeof data - k)
				len = sizeof data - k;
			v[n] = (struct iovec){ data + k, len };
			k += len;
			if (k >= end && n > 10)
				break;
		}
		end = k > end ? k : end;
		r = conn_writev(&s.c, v, n);
		assert_true(r > 0 || (r < 0 && errno == EAGAIN));
		if (r > 0)
			sent += (size_t)r;
		else {
			s.room = false;
			conn_want(&s.c, true, true);
			RUN_UNTIL(base, s.room);
		}
	}
	RUN_UNTIL(base, c.n == sizeof data);
	assert_memory_equal(c.in, data, sizeof data);
	peer_fini(&c);
	peer_fini(&s);
	tls_policy_unref(p);
}

/* What waits may move in memory between the tries. */
static void
test_moving(void **state)
{
	enum { PIECE = 40000 };
	struct tls_policy *p = test_client();
	char *a, *b;
	struct peer c, s;
	struct iovec v;
	size_t sent = 0, i;
	ssize_t r;

	(void)state;
	test_handshake(&c, &s, "good", p, "good.test");
	conn_want(&c.c, false, false);
	a = malloc(PIECE);
	assert_non_null(a);
	for (;;) {
		for (i = 0; i < PIECE; i++)
			a[i] = test_byte(sent + i);
		v = (struct iovec){ a, PIECE };
		if ((r = conn_writev(&s.c, &v, 1)) < 0)
			break;
		sent += (size_t)r;
	}
	assert_int_equal(errno, EAGAIN);
	b = malloc(PIECE);
	assert_non_null(b);
	memcpy(b, a, PIECE);
	free(a);
	conn_want(&c.c, true, false);
	conn_want(&s.c, true, true);
	RUN_UNTIL(base, s.room);
	v = (struct iovec){ b, PIECE };
	r = conn_writev(&s.c, &v, 1);
	assert_true(r > 0);
	sent += (size_t)r;
	RUN_UNTIL(base, c.n == sent);
	for (i = 0; i < sent; i++)
		if (c.in[i] != test_byte(i))
			fail_msg("byte %zu differs", i);
	free(b);
	peer_fini(&c);
	peer_fini(&s);
	tls_policy_unref(p);
}

/* Bytes that are inside OpenSSL already are reported without the socket. */
static void
test_pending(void **state)
{
	struct tls_policy *p = test_client();
	struct peer c, s;
	int i, calls;

	(void)state;
	test_handshake(&c, &s, "good", p, "good.test");
	c.step = 3;
	for (i = 0; i < 10; i++)
		test_send(&s, "0123456789");
	RUN_UNTIL(base, c.n == 100);
	/* Nothing is left: it is quiet, and not busy. */
	calls = c.calls;
	help_run_for(base, 20);
	assert_in_range(c.calls, calls, calls + 1);
	/* Paused with bytes inside, and resumed. */
	c.pause = 103;
	test_send(&s, "abcdefghij");
	RUN_UNTIL(base, c.n == 103);
	help_run_for(base, 20);
	assert_int_equal(c.n, 103);
	c.pause = 0;
	conn_want(&c.c, true, false);
	RUN_UNTIL(base, c.n == 110);
	/* The end comes with the last bytes, or after a pause. */
	conn_want(&c.c, false, false);
	test_send(&s, "xyz!");
	conn_shutdown(&s.c);
	help_run_for(base, 20);
	conn_want(&c.c, true, false);
	RUN_UNTIL(base, c.eof);
	assert_int_equal(c.n, 114);
	peer_fini(&c);
	peer_fini(&s);
	/* Many records and the end, taken in one read. */
	test_handshake(&c, &s, "good", p, "good.test");
	for (i = 0; i < 10; i++)
		test_send(&s, "0123456789");
	conn_shutdown(&s.c);
	RUN_UNTIL(base, c.eof);
	assert_int_equal(c.n, 100);
	peer_fini(&c);
	peer_fini(&s);
	tls_policy_unref(p);
}

static void
test_close_in_callback(void **state)
{
	struct tls_policy *p = test_client();
	struct peer c, s;

	(void)state;
	/* At CONN_READY. */
	test_pair(&c, &s);
	assert_int_equal(conn_tls_client(&c.c, p, "good.test"), 0);
	c.shut = true;
	assert_int_equal(write(s.c.fd, "xxxxxxxxxxx", 11), 11);
	RUN_UNTIL(base, c.failed);
	peer_fini(&s);
	/* At CONN_READ, with more inside. */
	test_handshake(&c, &s, "good", p, "good.test");
	c.calls = 0;
	c.shut = true;
	test_send(&s, "abc");
	RUN_UNTIL(base, c.calls > 0);
	help_run_for(base, 20);
	assert_int_equal(c.calls, 1);
	peer_fini(&s);
	tls_policy_unref(p);
}

static void
test_policy_error(struct tls_policy *p, const char *want)
{
	const char *cause = NULL, *again;
	struct peer c, s;

	assert_int_equal(tls_policy_load(p, &cause), -1);
	if (strstr(cause, want) == NULL)
		fail_msg("'%s' does not say '%s'", cause, want);
	assert_int_equal(tls_policy_load(p, &again), -1);
	assert_ptr_equal(cause, again);
	test_pair(&c, &s);
	assert_int_equal(conn_tls_client(&c.c, p, "good.test"), -1);
	assert_null(c.c.tls);
	peer_fini(&c);
	peer_fini(&s);
	tls_policy_unref(p);
}

static void
test_policies(void **state)
{
	const char *cause = "";
	struct tls_policy *p;
	char *crt = test_path("good", "crt"), *key = test_path("good", "key");

	(void)state;
	test_policy_error(tls_policy_client(true, test_path("none", "crt")),
	    "none.crt: No such file or directory");
	test_policy_error(tls_policy_client(true, test_path("rubbish", "crt")),
	    "rubbish.crt");
	test_policy_error(tls_policy_server(test_path("none", "crt"), key),
	    "none.crt: No such file or directory");
	test_policy_error(tls_policy_server(test_path("rubbish", "crt"), key),
	    "cannot load the certificate");
	test_policy_error(tls_policy_server(crt, test_path("none", "key")),
	    "none.key: No such file or directory");
	test_policy_error(tls_policy_server(crt, test_path("self", "key")),
	    "does not belong to the certificate");
	test_policy_error(tls_policy_server(crt, test_path("locked", "key")),
	    "is encrypted. Decrypt it: openssl pkey");
	/* A directory, and an empty system. */
	p = tls_policy_client(true, dir);
	assert_int_equal(tls_policy_load(p, &cause), 0);
	assert_null(cause);
	tls_policy_unref(p);
	setenv("SSL_CERT_FILE", "/nonexistent", 1);
	setenv("SSL_CERT_DIR", "/nonexistent", 1);
	test_policy_error(tls_policy_client(true, NULL), "ca-certificates");
	unsetenv("SSL_CERT_DIR");
	setenv("SSL_CERT_FILE", test_path("ca", "crt"), 1);
	p = tls_policy_client(true, NULL);
	assert_int_equal(tls_policy_load(p, &cause), 0);
	tls_policy_unref(tls_policy_ref(p));
	tls_policy_unref(p);
	tls_policy_unref(NULL);
	unsetenv("SSL_CERT_FILE");
}

static void *
test_policy_thread(void *arg)
{
	struct tls_policy *p = arg;
	const char *cause;
	SSL *ssl;
	int i, good = 0;

	for (i = 0; i < 50; i++) {
		if (tls_policy_load(p, &cause) != 0)
			break;
		ssl = tls_client_ssl(p, i % 2 ? "good.test" : "127.0.0.1");
		good += ssl != NULL;
		SSL_free(ssl);
	}
	tls_policy_unref(p);
	return good == 50 ? p : NULL;
}

/* Many threads come first. */
static void
test_policy_threads(void **state)
{
	struct tls_policy *p = test_client();
	pthread_t t[4];
	void *same;
	int i;

	(void)state;
	for (i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL,
		    test_policy_thread, tls_policy_ref(p)), 0);
	for (i = 0; i < 4; i++) {
		pthread_join(t[i], &same);
		assert_ptr_equal(same, p);
	}
	tls_policy_unref(p);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, test_setup, test_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_policies),
		TEST(test_policy_threads),
		TEST(test_good),
		TEST(test_session),
		TEST(test_refused),
		TEST(test_truncated),
		TEST(test_no_tls),
		TEST(test_server_noise),
		TEST(test_bulk),
		TEST(test_pieces),
		TEST(test_moving),
		TEST(test_pending),
		TEST(test_close_in_callback),
	};

	return cmocka_run_group_tests(tests, test_make_all, test_remove_all);
}
