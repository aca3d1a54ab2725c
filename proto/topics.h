/* SPDX-License-Identifier: ISC */
#ifndef LLMD_PROTO_TOPICS_H
#define LLMD_PROTO_TOPICS_H

/*
 * Event topics, and the events of each.  An event is a notification
 *
 *   {"jsonrpc":"2.0","method":"event","params":{"sub":"s1",
 *    "c":"<instance>.<seq>","t":<epoch seconds>,"ev":"<name>", ...}}
 *
 * whose further members are in proto/schema/<name>.json.
 */

/* X(sym, name, help) */
#define TOPICS(X)							\
	X(REQUEST, "request", "each request: start, first token, end")	\
	X(LOG, "log", "llmd's log lines")				\
	X(STATE, "state", "routes, configuration, model states")	\
	X(METRICS, "metrics", "one digest a second")

/*
 * X(sym, name, topic, drop)
 *
 * drop is the order in which a full queue gives events up: the lowest first,
 * after COALESCE rows were reduced to the newest per object.
 */
#define TOPIC_EVENTS(X)							\
	X(REQUEST_START, "request.start", REQUEST, LAST)		\
	X(REQUEST_FIRST, "request.first", REQUEST, OLDEST)		\
	X(REQUEST_PROGRESS, "request.progress", REQUEST, COALESCE)	\
	X(REQUEST_END, "request.end", REQUEST, LAST)			\
	X(LOG, "log", LOG, LOGS)					\
	X(ROUTE_CHANGED, "route.changed", STATE, OLDEST)		\
	X(CONFIG_LOADED, "config.loaded", STATE, OLDEST)		\
	X(MODEL_CHANGED, "model.changed", STATE, COALESCE)		\
	X(METRICS, "metrics", METRICS, COALESCE)

/* Notifications that are not events: X(sym, name) */
#define TOPIC_NOTICES(X)						\
	X(HELLO, "hello")						\
	X(EVENT, "event")						\
	X(GAP, "gap")							\
	X(PROGRESS, "progress")						\
	X(PING, "ping")

enum topic_drop {
	TOPIC_DROP_COALESCE,
	TOPIC_DROP_LOGS,
	TOPIC_DROP_OLDEST,
	TOPIC_DROP_LAST
};

#define TOPIC_X(sym, name, help) TOPIC_##sym,
enum topic {
	TOPICS(TOPIC_X)
	TOPIC_COUNT
};
#undef TOPIC_X

#define TOPIC_X(sym, name, topic, drop) TOPIC_EV_##sym,
enum topic_event {
	TOPIC_EVENTS(TOPIC_X)
	TOPIC_EV_COUNT
};
#undef TOPIC_X

#endif
