/* SPDX-License-Identifier: ISC */
/*
 * OpenSSL over the conn's socket.  It may want to write in order to read and
 * the other way round; read_writes and write_reads turn that into the right
 * event, so that the owner only sees CONN_READ and CONN_WRITE.  It also reads
 * ahead: what is left inside is reported by activating the read event.
 */
#include "net/conn_tls.h"

#include <event2/event.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/xmalloc.h"
#include "net/tls.h"

#define CONN_TLS_RECORD	16384	/* most content of a record, RFC 8446 5.1 */

/* Puts TLS on c; the handshake starts from the loop. */
static int
conn_tls_start(struct conn *c, struct tls_policy *p, const char *name)
{
	struct conn_tls *t;
	const char *cause;

	if (tls_policy_load(p, &cause) != 0)
		return -1;
	t = xcalloc(1, sizeof *t);
	t->policy = tls_policy_ref(p);
	t->name = name == NULL ? NULL : xstrdup(name);
	t->ssl = name == NULL ? tls_server_ssl(p) : tls_client_ssl(p, t->name);
	c->tls = t;
	if (t->ssl == NULL || SSL_set_fd(t->ssl, c->fd) != 1) {
		ERR_clear_error();
		conn_tls_free(c);
		return -1;
	}
	c->ready = false;
	c->err = 0;
	t->hello_writes = name != NULL;
	conn_apply(c);
	return 0;
}

int
conn_tls_client(struct conn *c, struct tls_policy *p, const char *name)
{
	return conn_tls_start(c, p, name);
}

int
conn_tls_server(struct conn *c, struct tls_policy *p)
{
	return conn_tls_start(c, p, NULL);
}

void
conn_tls_step(struct conn *c)
{
	struct conn_tls *t = c->tls;
	int r, e, err;

	ERR_clear_error();
	errno = 0;
	r = SSL_do_handshake(t->ssl);
	err = errno;
	if (r == 1) {
		c->ready = true;
		conn_apply(c);
		conn_tls_rouse(c);
		c->cb(c, CONN_READY, c->arg);
		return;
	}
	e = SSL_get_error(t->ssl, r);
	if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE) {
		t->hello_writes = e == SSL_ERROR_WANT_WRITE;
		conn_apply(c);
		return;
	}
	t->broken = true;
	if (e != SSL_ERROR_SYSCALL)
		err = 0;
	tls_failure(t->ssl, err, t->why, sizeof t->why);
	conn_fail(c, err != 0 ? err : EPROTO);
}

int
conn_tls_what(struct conn *c, short event)
{
	struct conn_tls *t = c->tls;
	int what = 0;

	if (c->read_on && t->read_writes == (event == EV_WRITE)) {
		t->read_writes = false;
		what |= CONN_READ;
	}
	if (c->write_on && t->write_reads == (event == EV_READ)) {
		t->write_reads = false;
		what |= CONN_WRITE;
	}
	conn_apply(c);
	return what;
}

void
conn_tls_rouse(struct conn *c)
{
	struct conn_tls *t = c->tls;

	if (c->read_on && (t->eof || t->read_errno != 0 ||
	    SSL_has_pending(t->ssl)))
		event_active(&c->rev, EV_READ, 1);
}

/* The errno of a failed read or write; EAGAIN sets the flags. */
static int
conn_tls_errno(struct conn_tls *t, int r, int err, bool reading)
{
	unsigned long e;

	switch (SSL_get_error(t->ssl, r)) {
	case SSL_ERROR_WANT_READ:
		t->write_reads = !reading;
		return EAGAIN;
	case SSL_ERROR_WANT_WRITE:
		t->read_writes = reading;
		return EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		t->broken = true;
		return err != 0 ? err : ECONNABORTED;
	default:
		t->broken = true;
		e = ERR_peek_error();
		ERR_clear_error();
#ifdef SSL_R_UNEXPECTED_EOF_WHILE_READING
		if (ERR_GET_REASON(e) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
			return ECONNABORTED;
#endif
		(void)e;
		return EPROTO;
	}
}

ssize_t
conn_tls_read(struct conn *c, void *p, size_t n)
{
	struct conn_tls *t = c->tls;
	size_t got = 0;
	int r, err = 0;

	while (got < n && !t->eof && t->read_errno == 0) {
		ERR_clear_error();
		errno = 0;
		r = SSL_read(t->ssl, (char *)p + got,
		    n - got > INT_MAX ? INT_MAX : (int)(n - got));
		if (r <= 0) {
			err = conn_tls_errno(t, r, errno, true);
			if (err == EAGAIN)
				break;
			t->eof = err == 0;
			t->read_errno = err;
		} else {
			got += (size_t)r;
			if (!SSL_has_pending(t->ssl))
				break;
		}
	}
	if (t->read_writes)
		conn_apply(c);
	if (got > 0) {
		if (err != EAGAIN)
			conn_tls_rouse(c);
		return (ssize_t)got;
	}
	if (n == 0 || t->eof)
		return 0;
	errno = t->read_errno != 0 ? t->read_errno : EAGAIN;
	return -1;
}

/*
 * Finds up to one record of bytes at position *i, off of v: in place if they
 * are in one piece, else gathered in tmp.  A retry after EAGAIN gets at least
 * the bytes of the first try, as OpenSSL wants, for v then starts with them.
 */
static const char *
conn_tls_gather(const struct iovec *v, int n, int i, size_t off, char *tmp,
    size_t *len)
{
	const char *p = (const char *)v[i].iov_base + off;
	size_t k = v[i].iov_len - off;

	if (k >= CONN_TLS_RECORD || i == n - 1) {
		*len = k < CONN_TLS_RECORD ? k : CONN_TLS_RECORD;
		return p;
	}
	for (*len = 0; i < n && *len < CONN_TLS_RECORD; i++, off = 0) {
		k = v[i].iov_len - off;
		if (k > CONN_TLS_RECORD - *len)
			k = CONN_TLS_RECORD - *len;
		if (k > 0)
			memcpy(tmp + *len, (const char *)v[i].iov_base + off,
			    k);
		*len += k;
	}
	return tmp;
}

ssize_t
conn_tls_writev(struct conn *c, const struct iovec *v, int n)
{
	struct conn_tls *t = c->tls;
	char tmp[CONN_TLS_RECORD];
	size_t off = 0, len, total = 0;
	const char *p;
	int i = 0, r, err;

	for (;;) {
		while (i < n && off >= v[i].iov_len) {
			off -= v[i].iov_len;
			i++;
		}
		if (i == n)
			return (ssize_t)total;
		p = conn_tls_gather(v, n, i, off, tmp, &len);
		ERR_clear_error();
		errno = 0;
		r = SSL_write(t->ssl, p, (int)len);
		if (r <= 0)
			break;
		total += (size_t)r;
		off += (size_t)r;
	}
	err = conn_tls_errno(t, r, errno, false);
	if (t->write_reads)
		conn_apply(c);
	if (total > 0)
		return (ssize_t)total;
	errno = err == 0 ? EPIPE : err;
	return -1;
}

void
conn_tls_shutdown(struct conn *c)
{
	if (!c->ready || c->tls->broken ||
	    (SSL_get_shutdown(c->tls->ssl) & SSL_SENT_SHUTDOWN))
		return;
	SSL_shutdown(c->tls->ssl);
	ERR_clear_error();
}

/*
 * Sends close_notify if that is possible; without it OpenSSL would also
 * forget the session.
 */
void
conn_tls_free(struct conn *c)
{
	struct conn_tls *t = c->tls;

	if (t->ssl != NULL) {
		conn_tls_shutdown(c);
		SSL_free(t->ssl);
	}
	tls_policy_unref(t->policy);
	free(t->name);
	free(t);
	c->tls = NULL;
}
