/* SPDX-License-Identifier: ISC */
#include "upstream/trust.h"

#include <sys/queue.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "net/tls.h"

struct trust_entry {
	SLIST_ENTRY(trust_entry)  entry;
	bool			  verify;
	char			 *ca;
	struct tls_policy	 *policy;
};

struct trust {
	pthread_mutex_t			 mutex;
	SLIST_HEAD(, trust_entry)	 entries;
};

struct trust *
trust_new(void)
{
	struct trust *t = xcalloc(1, sizeof *t);

	pthread_mutex_init(&t->mutex, NULL);
	SLIST_INIT(&t->entries);
	return t;
}

void
trust_free(struct trust *t)
{
	struct trust_entry *e;

	if (t == NULL)
		return;
	while ((e = SLIST_FIRST(&t->entries)) != NULL) {
		SLIST_REMOVE_HEAD(&t->entries, entry);
		tls_policy_unref(e->policy);
		free(e->ca);
		free(e);
	}
	pthread_mutex_destroy(&t->mutex);
	free(t);
}

static bool
trust_same(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

struct tls_policy *
trust_get(struct trust *t, bool verify, const char *ca)
{
	struct trust_entry *e;

	pthread_mutex_lock(&t->mutex);
	SLIST_FOREACH(e, &t->entries, entry)
		if (e->verify == verify && trust_same(e->ca, ca))
			break;
	if (e == NULL) {
		e = xcalloc(1, sizeof *e);
		e->verify = verify;
		e->ca = ca == NULL ? NULL : xstrdup(ca);
		e->policy = tls_policy_client(verify, ca);
		SLIST_INSERT_HEAD(&t->entries, e, entry);
	}
	pthread_mutex_unlock(&t->mutex);
	return e->policy;
}

void
trust_load(struct trust *t)
{
	struct tls_policy *p[64];
	struct trust_entry *e;
	const char *cause;
	unsigned i, n = 0;

	/* Not under the lock: loading takes 50 ms and a worker may ask. */
	pthread_mutex_lock(&t->mutex);
	SLIST_FOREACH(e, &t->entries, entry)
		if (n < sizeof p / sizeof p[0])
			p[n++] = e->policy;
	pthread_mutex_unlock(&t->mutex);
	for (i = 0; i < n; i++)
		if (tls_policy_load(p[i], &cause) != 0)
			log_warnx("TLS: %s", cause);
}
