/* SPDX-License-Identifier: ISC */
/*
 * What jscan says, for jscan_diff.py.  In: documents, each a 32-bit length
 * (this machine's order) and the bytes.  Out, for each: a byte (1 = a document,
 * 2 = and no key of the top-level object twice), a length and the compact form.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/jout.h"
#include "base/jscan.h"
#include "base/xmalloc.h"

static bool
unique(struct span v)
{
	struct jscan_iter it;
	struct jscan_dup d;
	struct span key, val;
	int r;

	if (!jscan_is_obj(v))
		return true;
	jscan_enter(&it, v, 0);
	jscan_dup_init(&d);
	while ((r = jscan_next(&it, &d, &key, &val)) > 0)
		;
	jscan_dup_fini(&d);
	return r == 0;
}

int
main(void)
{
	struct buf out = { 0 };
	struct span v;
	uint32_t n, len;
	char *p, verdict;

	while (fread(&n, sizeof(n), 1, stdin) == 1) {
		p = xcalloc(1, (size_t)n + JSCAN_PAD);
		if (fread(p, 1, n, stdin) != n)
			return 1;
		out.n = 0;
		verdict = jscan_document(p, n, &v);
		if (verdict) {
			jout_compact(&out, v);
			verdict = unique(v) ? 3 : 1;
		}
		free(p);
		len = (uint32_t)out.n;
		putchar(verdict);
		fwrite(&len, sizeof(len), 1, stdout);
		if (len > 0)
			fwrite(out.p, 1, len, stdout);
	}
	buf_fini(&out);
	return 0;
}
