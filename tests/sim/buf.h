/* SPDX-License-Identifier: ISC */
#ifndef LLMD_SIM_BUF_H
#define LLMD_SIM_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A growable run of bytes, always NUL-terminated after its last byte once
 * something was added.  Out of memory ends the process: the simulator is a
 * test tool and has nothing better to do.
 */
struct buf {
	char	*data;
	size_t	 len;
	size_t	 cap;
};

void	 buf_fini(struct buf *);
void	 buf_clear(struct buf *);
void	 buf_add(struct buf *, const void *, size_t);
void	 buf_addc(struct buf *, char);
void	 buf_adds(struct buf *, const char *);
void	 buf_addf(struct buf *, const char *, ...)
	    __attribute__((format(printf, 2, 3)));
void	 buf_fill(struct buf *, char, size_t);
void	 buf_drop(struct buf *, size_t);
/* Room for n more bytes; the caller writes there and adds to len itself. */
char	*buf_room(struct buf *, size_t);
/* The bytes as a heap string; the buffer is empty afterwards. */
char	*buf_take(struct buf *);

void	*buf_alloc(size_t);
char	*buf_dup(const char *);
char	*buf_dupn(const char *, size_t);
/* Standard base64 with padding; -1 on a bad character. */
int	 buf_b64_decode(struct buf *, const char *, size_t);
void	 buf_b64_encode(struct buf *, const void *, size_t);

#endif
