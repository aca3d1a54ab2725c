/* SPDX-License-Identifier: ISC */
#include "exchange/exchange.h"

#include "dialect/chat.h"

enum error_id
exchange_error_id(const struct chat_error *e)
{
	return e == NULL ? ERR_NONE : e->id;
}

const char *
exchange_error_text(const struct chat_error *e)
{
	return e == NULL ? "" : e->text;
}
