/* SPDX-License-Identifier: ISC */
/* Estimates of token counts, for backends that do not report them. */
#ifndef LLMD_DIALECT_TOKENS_H
#define LLMD_DIALECT_TOKENS_H

#include <stdint.h>

#include "base/str.h"

/* Of so many bytes of text: four bytes are a token. */
uint32_t	tokens_text(uint64_t bytes);
/* Of a validated JSON value (messages): its strings; a data: URL is taken
 * for an image of middle size. */
uint32_t	tokens_prompt(struct span messages);

#endif
