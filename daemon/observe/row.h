/* SPDX-License-Identifier: ISC */
/*
 * A live row as JSON: the members of proto/schema/request.row.json, which are
 * those of the request log too.  One writer for all.
 */
#ifndef LLMD_OBSERVE_ROW_H
#define LLMD_OBSERVE_ROW_H

#include <stdint.h>

struct buf;
struct live;
struct live_row;

/* Appends "id":...,"error":... without braces. */
void	 row_json(struct buf *b, const struct live *l,
	    const struct live_row *r, uint64_t now_ns);
/* Appends "deployment":..,"upstream":..,"backend":.. . */
void	 row_json_served(struct buf *b, const struct live *l,
	    const struct live_row *r);
/* The same with "model":.. in front. */
void	 row_json_where(struct buf *b, const struct live *l,
	    const struct live_row *r);
/* Appends "key":..,"client":..,"origin":..,"path":..,"stream":.. . */
void	 row_json_who(struct buf *b, const struct live *l,
	    const struct live_row *r);
/* Appends "tokens_in":..,"tokens_out":.. . */
void	 row_json_tokens(struct buf *b, const struct live_row *r);
/* Appends a number of ns as milliseconds, or null for 0. */
void	 row_json_ms(struct buf *b, uint64_t ns);

/* The public name, or what the client asked for; NULL. */
const char *row_model(const struct live *l, const struct live_row *r);
/* Start to first token in ns, 0: none. */
uint64_t row_ttft_ns(const struct live_row *r);
/* Output tokens a second from the first token on; -1: unknown. */
double	 row_tps(const struct live_row *r);
const char *row_phase(const struct live_row *r);
/* finish_reason, or NULL. */
const char *row_finish(const struct live_row *r);

#endif
