/* SPDX-License-Identifier: ISC */
/* POST /v1/chat/completions. */
#include "exchange/exchange.h"
#include "http/gate.h"
#include "http/server.h"

void
api_chat(struct server *s, struct server_conn *sc)
{
	struct buf body = { 0 };
	struct exchange_args a;

	gate_body(sc->gate, &body);
	server_args_of(sc, &a);
	a.body = &body;
	a.sink = &sc->sink.sink;
	sc->sink.exchange = exchange_start(server_env(s), &a);
}
