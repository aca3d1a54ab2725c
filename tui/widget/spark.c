/* SPDX-License-Identifier: ISC */
#include "tui/widget/spark.h"

#include <math.h>

static const char *const spark_blocks[] = { " ", "▁", "▂", "▃", "▄", "▅", "▆",
	"▇", "█" };
static const char *const spark_ascii[] = { " ", ".", ":", "-", "=", "+", "*",
	"#", "%" };

void
spark_draw(const struct term *t, int y, int x, enum term_role role,
    const double *v, int n)
{
	double most = 0;
	int i, level;

	for (i = 0; i < n; i++)
		if (isfinite(v[i]) && v[i] > most)
			most = v[i];
	for (i = 0; i < n; i++) {
		level = isfinite(v[i]) && v[i] > 0 && most > 0 ?
		    1 + (int)(v[i] / most * 7.0) : 0;
		if (level > 8)
			level = 8;
		if (level > 0)
			term_put(t, y, x + i, 1, role, t->ascii ?
			    spark_ascii[level] : spark_blocks[level]);
	}
}
