/* SPDX-License-Identifier: ISC */
/*
 * JSON out: appends to a struct buf.  The caller writes the punctuation with
 * buf_lit(); nothing here keeps state.
 */
#ifndef LLMD_BASE_JOUT_H
#define LLMD_BASE_JOUT_H

#include <stdint.h>

#include "base/str.h"

/* Decimal. */
void	 jout_u64(struct buf *b, uint64_t v);
void	 jout_i64(struct buf *b, int64_t v);
/* Lower-case hexadecimal without leading zeros. */
void	 jout_hex(struct buf *b, uint64_t v);
/* Nanoseconds as milliseconds with three decimals: 12.345. */
void	 jout_ms(struct buf *b, uint64_t ns);
/* Shortest form that reads back the same; null if not finite. */
void	 jout_double(struct buf *b, double v);

/*
 * A string with its quotes from raw bytes: escapes what RFC 8259 needs,
 * invalid UTF-8 becomes U+FFFD.
 */
void	 jout_str(struct buf *b, struct span raw);
void	 jout_strz(struct buf *b, const char *z);
/* As jout_str without the quotes. */
void	 jout_text(struct buf *b, struct span raw);
/*
 * The inside of a valid JSON string, re-encoded canonically: only '"', '\\'
 * and control characters stay escaped, \u003c becomes '<'.  A lone surrogate
 * becomes U+FFFD.  Without quotes.  Never longer than the input by more than
 * a constant factor of 1.
 */
void	 jout_recode(struct buf *b, struct span inner);
/*
 * A JSON value as the inside of a JSON string: white space between tokens
 * removed, then escaped (tool arguments: object -> string).  No quotes.
 */
void	 jout_embed(struct buf *b, struct span value);
/* A valid value with the white space between its tokens removed. */
void	 jout_compact(struct buf *b, struct span value);

#endif
