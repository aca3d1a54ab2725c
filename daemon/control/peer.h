/* SPDX-License-Identifier: ISC */
/*
 * One connection of the control socket.  Inside control/ only.
 */
#ifndef LLMD_CONTROL_PEER_H
#define LLMD_CONTROL_PEER_H

#include <sys/queue.h>
#include <sys/types.h>

#include <event2/event_struct.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "proto/frame.h"
#include "proto/methods.h"
#include "proto/rpc.h"

struct call;
struct control;
struct evbuffer;
struct json_object;
struct peer;
struct subscription;

#define PEER_INFLIGHT	64
#define PEER_REPLIES	(1024 * 1024)	/* more: it is not read from */
#define PEER_BATCH	65536
#define PEER_SUBS	4
#define PEER_STALL_MS	30000
#define PEER_IDLE_MS	60000
#define PEER_PING_MS	30000

TAILQ_HEAD(call_list, call);

struct peer_line {
	STAILQ_ENTRY(peer_line)	 entry;
	size_t			 len;
	char			*text;
};

struct peer {
	TAILQ_ENTRY(peer)	 entry;
	struct control		*ctl;
	int			 fd;
	uid_t			 uid;
	gid_t			 gid;
	pid_t			 pid;
	enum method_role	 role;
	char			 user[64];	/* name, or the number */
	char			 client[96];	/* from session.init */
	struct event		 rd;
	struct event		 wr;
	struct frame		 frame;
	struct evbuffer		*in;
	STAILQ_HEAD(, peer_line) replies;
	size_t			 reply_bytes;
	struct buf		 out;		/* being written */
	size_t			 off;
	struct call_list	 calls;
	unsigned		 ncalls;
	TAILQ_HEAD(, subscription) subs;
	unsigned		 nsubs;
	unsigned		 sub_count;	/* ever */
	uint64_t		 active_ms;	/* the latest line */
	uint64_t		 wrote_ms;	/* output was taken, or none was
						 * waiting */
	bool			 reading;
	bool			 eof;
};
TAILQ_HEAD(peer_list, peer);

/* Takes fd over and says hello. */
struct peer	*peer_new(struct control *ctl, int fd, uid_t uid, gid_t gid,
		    pid_t pid, enum method_role role, const char *user);
/* Ends it: calls are cancelled, subscriptions end. */
void		 peer_free(struct peer *p);
/* What time does to it; false: it was freed. */
bool		 peer_tick(struct peer *p, uint64_t now_ms);
/* Queues an answer or a notice: text is taken. */
void		 peer_line(struct peer *p, char *text, size_t len);
/* There are events to be written. */
void		 peer_wake(struct peer *p);
/* Bytes of all its buffers. */
size_t		 peer_bytes(const struct peer *p);

#endif
