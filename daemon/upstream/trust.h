/* SPDX-License-Identifier: ISC */
/*
 * The TLS policies of the process: one for each different pair of {verify,
 * CA file}, shared by all threads and loaded once.
 */
#ifndef LLMD_UPSTREAM_TRUST_H
#define LLMD_UPSTREAM_TRUST_H

#include <stdbool.h>

struct tls_policy;
struct trust;

struct trust	*trust_new(void);
void		 trust_free(struct trust *t);
/* Borrowed until trust_free; thread-safe; not loaded yet. ca may be NULL. */
struct tls_policy *trust_get(struct trust *t, bool verify, const char *ca);
/* Loads what is there, for the helper thread; failures are logged. */
void		 trust_load(struct trust *t);

#endif
