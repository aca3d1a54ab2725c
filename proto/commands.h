/* SPDX-License-Identifier: ISC */
#ifndef LLMD_PROTO_COMMANDS_H
#define LLMD_PROTO_COMMANDS_H

/*
 * Every command of llmctl, its shell and llmtop's palette.
 *
 * X(sym, words, args, method, handler, help, example)
 *
 *   sym      enumerator CMD_<sym>
 *   words    what is typed; no row's words begin with another row's
 *   args     positional arguments: "NAME:type", in brackets if optional,
 *            "..." after it if it may repeat (last one only)
 *   method   of proto/methods.h, or "" for a function of llmctl's own
 *   handler  llmctl's function: a row without one does not link
 *   help     one line
 *   example  a whole command line, or several split by '\n'
 *
 * Types: str int dur model target id method json command path, or choices
 * "a|b|c".  dur is "250ms", "2s", "1m30s".
 */
#define COMMANDS(X)							\
	X(STATUS, "status", "", "status", show_status,			\
	    "llmd at a glance, worst first",				\
	    "llmctl status")						\
	X(MODELS, "models", "[PATTERN:model]", "model.list",		\
	    show_models,						\
	    "models that clients can ask for, and what serves them",	\
	    "llmctl models\nllmctl models 'gpt-*' --json=model,state")	\
	X(TEST, "test", "MODEL:model", "test.run", show_test,		\
	    "one completion, streamed, with its timings",		\
	    "llmctl test task-api-model -p 'Say hi in five words'")	\
	X(PS, "ps", "", "request.list", show_requests_ps,		\
	    "requests in flight",					\
	    "llmctl ps -w")						\
	X(KILL, "kill", "ID:id...", "request.cancel",			\
	    show_requests_kill,						\
	    "cancel requests in flight; their clients get an error",	\
	    "llmctl kill 7f31")						\
	X(TAIL, "tail", "", "event.subscribe", show_tail,		\
	    "finished requests and log lines, as they come",		\
	    "llmctl tail -f\nllmctl tail -n 50 --requests --json")	\
	X(ROUTES, "routes", "[PATTERN:model]", "route.list",		\
	    show_routes,						\
	    "where requests go: tiers, weights, overrides",		\
	    "llmctl routes")						\
	X(ROUTE_SET, "route set", "MODEL:model TARGET:target...",	\
	    "route.set", show_routes_set,				\
	    "send a model's new requests elsewhere",			\
	    "llmctl route set gpt-4o-mini task-api-model\n"		\
	    "llmctl route set chat qwen3:8b@gpu1,qwen3:8b@gpu2")	\
	X(RELOAD, "reload", "", "config.reload", show_reload,		\
	    "check the configuration file, then use it",		\
	    "llmctl reload --dry-run")					\
	X(SHELL, "shell", "", "", repl_shell,				\
	    "these commands at a prompt, with completion",		\
	    "llmctl shell")						\
	X(RPC, "rpc", "[METHOD:method] [JSON:json]", "", show_rpc,	\
	    "call a method of the control socket",			\
	    "llmctl rpc route.list '{\"model\":\"chat\"}'\n"		\
	    "llmctl rpc --schema model.list")				\
	X(VERSION, "version", "", "", offline_version,			\
	    "versions of llmctl, of llmd and of the protocol",		\
	    "llmctl version")						\
	X(HELP, "help", "[COMMAND:command...]", "", offline_help,	\
	    "how to use a command",					\
	    "llmctl help route set")

/*
 * X(sym, spec, help): flags of a command, or of every command (GLOBAL).
 *
 * spec: "-s,--long" with no value, "--long=NAME:type" with one,
 * "--long?=NAME:type" with one that may be left out (then only "=" gives it).
 */
#define COMMAND_FLAGS(X)						\
	X(GLOBAL, "-s,--socket=PATH:path",				\
	    "control socket ($LLMCTL_SOCKET)")				\
	X(GLOBAL, "-o,--output=FMT:table|plain|json|jsonl",		\
	    "how to print ($LLMCTL_OUTPUT)")				\
	X(GLOBAL, "--json?=FIELDS:str",					\
	    "same as -o json; only these fields")			\
	X(GLOBAL, "-w,--watch?=EVERY:dur",				\
	    "repeat, each 2s unless given")				\
	X(GLOBAL, "-q,--quiet", "nothing but data and errors")		\
	X(GLOBAL, "-v,--verbose", "more columns, more reasons")		\
	X(GLOBAL, "--timeout=TIME:dur",					\
	    "longest wait for llmd, 10s ($LLMCTL_TIMEOUT)")		\
	X(GLOBAL, "--no-input", "never ask")				\
	X(GLOBAL, "--utc", "times in UTC")				\
	X(GLOBAL, "--color=WHEN:auto|always|never", "colours")		\
	X(GLOBAL, "-h,--help", "how to use this command")		\
	X(GLOBAL, "-V,--version", "version of llmctl")			\
	X(MODELS, "--refresh", "ask the backends again, not the cache")	\
	X(TEST, "-p,--prompt=TEXT:str", "what to ask; '-' reads it")	\
	X(TEST, "--max-tokens=N:int", "longest answer, 64")		\
	X(TEST, "--no-stream", "wait for the whole answer")		\
	X(TAIL, "-f,--follow", "go on as things happen")		\
	X(TAIL, "-n,--lines=N:int", "how many finished requests first, 10") \
	X(TAIL, "--requests", "requests only")				\
	X(TAIL, "--logs", "log lines only (with -f)")			\
	X(ROUTE_SET, "-m,--message=TEXT:str", "reason, kept with it")	\
	X(ROUTE_SET, "-n,--dry-run", "check and show, change nothing")	\
	X(ROUTE_SET, "--if-rev=N:int", "only if this is the revision")	\
	X(RELOAD, "-n,--dry-run", "check and show, change nothing")	\
	X(RELOAD, "-y,--yes", "do not ask, even if a model goes")	\
	X(RELOAD, "-m,--message=TEXT:str", "reason, kept with it")	\
	X(KILL, "-m,--message=TEXT:str", "reason, kept with it")	\
	X(SHELL, "-e,--exit-on-error", "stop at the first error")	\
	X(RPC, "--list", "every method")				\
	X(RPC, "--schema=NAME:method", "JSON Schema of a result or event")

#define CMD_X(sym, words, args, method, handler, help, example) CMD_##sym,
enum cmd_id {
	COMMANDS(CMD_X)
	CMD_COUNT,
	CMD_GLOBAL		/* owner of flags that all commands have */
};
#undef CMD_X

#endif
