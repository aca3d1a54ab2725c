/* SPDX-License-Identifier: ISC */
/*
 * Images that stand in a request as data: URLs (RFC 2397).  They are checked
 * and brought into one form; nothing is ever fetched.
 */
#ifndef LLMD_DIALECT_IMAGE_H
#define LLMD_DIALECT_IMAGE_H

#include "base/str.h"
#include "dialect/chat.h"

/*
 * url is the inside of a JSON string.  Appends its picture as standard base64
 * (RFC 4648 section 4, padded, no white space) to out.  PNG, JPEG, GIF and
 * WebP by their first bytes, whatever the URL says; *mime, if not NULL, gets
 * the static name.  param names the place for errors.  0, or -1 with *e and
 * out as it was.
 */
int	 image_decode(struct span url, const char *param, struct buf *out,
	    const char **mime, struct chat_error *e);

#endif
