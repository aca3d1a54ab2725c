/* SPDX-License-Identifier: ISC */
#ifndef LLMD_PROTO_METHODS_H
#define LLMD_PROTO_METHODS_H

/*
 * Every method of the control socket, and the only place where one is named.
 *
 * X(sym, name, role, lane, handler, params, list, help)
 *
 *   sym      enumerator METHOD_<sym>_ROW (the order of the rows)
 *   name     "noun.verb", or one word for the daemon and the connection
 *   role     the least role that may call it: VIEWER OPERATOR ADMIN
 *   lane     FAST is answered from the reader, even when all call slots are
 *            taken; CALL waits its turn; LONG sends `progress` notifications
 *            that carry the call's id, then replies, and stops on `cancel`
 *   handler  the daemon's function: a row without one does not link
 *   params   words "name:type" or "name?:type" (optional; JSON null means
 *            absent); anything else is refused.  Types: str int num bool id
 *            (string or integer) strs (array of strings); "int[1..9]" is a
 *            range, "str{a,b}" and "strs{a,b}" are choices.  "name?:never"
 *            is known but refused as unsupported
 *   list     the result member that holds the rows, or ""
 *   help     one line
 *
 * Results: one JSON Schema per method in proto/schema/<name>.json.
 */
#define METHODS(X)							\
	X(STATUS, "status", VIEWER, CALL, method_daemon_status,		\
	    "", "",							\
	    "what llmd is, what it does now, what is wrong")		\
	X(PING, "ping", VIEWER, FAST, method_conn_ping,			\
	    "", "",							\
	    "answer at once")						\
	X(CANCEL, "cancel", VIEWER, FAST, method_conn_cancel,		\
	    "id:id", "",						\
	    "stop a running call of this connection")			\
	X(SESSION_INIT, "session.init", VIEWER, CALL,			\
	    method_session_init,					\
	    "client:str proto:int[1..99] name?:str", "",		\
	    "say who the client is (optional)")				\
	X(MODEL_LIST, "model.list", VIEWER, CALL, method_model_list,	\
	    "model?:str refresh?:bool", "models",			\
	    "public models, their state and what serves them")		\
	X(ROUTE_LIST, "route.list", VIEWER, CALL, method_route_list,	\
	    "model?:str", "routes",					\
	    "where each model's requests go")				\
	X(ROUTE_SET, "route.set", OPERATOR, CALL, method_route_set,	\
	    "model:str targets:strs if_rev?:int[0..] dry_run?:bool "	\
	    "reason?:str idem?:str", "",				\
	    "send a model's new requests elsewhere")			\
	X(REQUEST_LIST, "request.list", VIEWER, CALL,			\
	    method_request_list,					\
	    "state?:str{live,done,all} model?:str id?:str "		\
	    "limit?:int[1..256] offset?:int[0..1000000]", "requests",	\
	    "requests in flight and kept, newest first")		\
	X(REQUEST_CANCEL, "request.cancel", OPERATOR, FAST,		\
	    method_request_cancel,					\
	    "id:str reason?:str", "",					\
	    "cancel a request; its client gets an error")		\
	X(TEST_RUN, "test.run", OPERATOR, LONG, method_test_run,	\
	    "model:str prompt?:str max_tokens?:int[1..131072] "		\
	    "stream?:bool", "",						\
	    "one completion through the same path as any client")	\
	X(EVENT_SUBSCRIBE, "event.subscribe", VIEWER, CALL,		\
	    method_event_subscribe,					\
	    "topics:strs{request,log,state,metrics} snapshot?:bool "	\
	    "after?:str text?:str{none,latest,full} "			\
	    "rate_hz?:num[0.1..100] buffer?:int[65536..4194304] "	\
	    "filter?:never", "",					\
	    "a snapshot, then events")					\
	X(EVENT_UNSUBSCRIBE, "event.unsubscribe", VIEWER, FAST,		\
	    method_event_unsubscribe,					\
	    "sub:str", "",						\
	    "end a subscription")					\
	X(CONFIG_RELOAD, "config.reload", OPERATOR, CALL,		\
	    method_config_reload,					\
	    "dry_run?:bool if_rev?:int[0..] reason?:str idem?:str", "",	\
	    "check the configuration file, then use it")		\
	X(RPC_LIST, "rpc.list", VIEWER, CALL, method_rpc_list,		\
	    "", "methods",						\
	    "every method with its role and parameters")		\
	X(RPC_SCHEMA, "rpc.schema", VIEWER, CALL, method_rpc_schema,	\
	    "method:str", "",						\
	    "JSON Schema of a method's result or of an event")

enum method_role {
	METHOD_VIEWER,
	METHOD_OPERATOR,
	METHOD_ADMIN
};

enum method_lane {
	METHOD_FAST,
	METHOD_CALL,
	METHOD_LONG
};

#define METHOD_X(sym, name, role, lane, handler, params, list, help)	\
	METHOD_##sym##_ROW,
enum method_row {
	METHODS(METHOD_X)
	METHOD_ROWS
};
#undef METHOD_X

#endif
