/* SPDX-License-Identifier: ISC */
/* LINK: daemon/base/jscan_explain.c daemon/base/hash.c daemon/base/str.c */
/* LINK: daemon/base/xmalloc.c */
/* The tests of test_jscan.c, over the scanner without SIMD. */
#define JSCAN_NO_SIMD
#include "daemon/base/jscan.c"
#include "tests/unit/test_jscan.c"
