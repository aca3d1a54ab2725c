/* SPDX-License-Identifier: ISC */
/*
 * The vocabulary of OpenBSD's log.c: the x forms do not append strerror.
 * errno is preserved.  Lines go to a bounded queue that a writer thread
 * empties, so that a blocked stderr never blocks a worker; what does not fit
 * is counted and reported.  Before log_start() and after log_stop() lines are
 * written directly.  SIGPIPE has to be ignored.
 *
 * Every argument that came from outside is escaped here: one call, one line,
 * no control character (see proto/text.h).  A message is cut at LOG_LINE
 * bytes, marked by "...".
 *
 *	2026-11-25T03:01:00.123Z warn cannot open x: No such file or directory
 *	llmd: warning: cannot open x: No such file or directory		(plain)
 */
#ifndef LLMD_BASE_LOG_H
#define LLMD_BASE_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LINE	4096

enum log_level { LOG_L_ERROR, LOG_L_WARN, LOG_L_INFO, LOG_L_DEBUG };

/* Who else wants each line: called by the writer thread, text escaped. */
typedef void (*log_tap_cb)(uint64_t wall_ns, enum log_level, const char *text,
    size_t n, void *arg);

/* fd is written to and not closed; plain: no time stamp (a terminal). */
void	 log_init(int fd, enum log_level max, bool plain);
void	 log_set_level(enum log_level max);
enum log_level log_get_level(void);
/* Starts the writer thread; 0, or -1 with errno. */
int	 log_start(void);
/* Empties the queue (at most 1 s) and ends the thread.  One that is stuck in
 * a write is left behind: no log_start after that. */
void	 log_stop(void);
/* One tap; NULL removes it.  The old one is not called any more after this
 * returns.  Not from the tap. */
void	 log_set_tap(log_tap_cb cb, void *arg);
/* Lines that did not fit so far. */
uint64_t log_dropped(void);
const char *log_level_name(enum log_level);

/*
 * A file with a queue and a thread of its own: the request log.  Lines are
 * taken whole.  NULL with errno if it cannot be opened (O_APPEND|O_CREAT,
 * 0600, a symbolic link is refused).  "-" is standard output.  A full disk is
 * waited for.
 */
struct log_file;
struct log_file	*log_file_open(const char *path);
/* Queues whole lines, each with its newline; false if they did not fit and
 * were dropped (counted). */
bool	 log_file_write(struct log_file *f, const char *p, size_t n);
uint64_t log_file_dropped(struct log_file *f);
/* Opens the path again (log rotation); keeps the old file on error. */
void	 log_file_reopen(struct log_file *f);
/* As log_stop. */
void	 log_file_close(struct log_file *f);

#define LOG_PRINTF	__attribute__((format(printf, 1, 2)))
void	 log_warn(const char *fmt, ...) LOG_PRINTF;
void	 log_warnx(const char *fmt, ...) LOG_PRINTF;
void	 log_error(const char *fmt, ...) LOG_PRINTF;
void	 log_errorx(const char *fmt, ...) LOG_PRINTF;
void	 log_info(const char *fmt, ...) LOG_PRINTF;
void	 log_debug(const char *fmt, ...) LOG_PRINTF;
/* Our bug or an impossible start, never a peer's bytes; exits 1. */
void	 fatal(const char *fmt, ...) LOG_PRINTF __attribute__((noreturn));
void	 fatalx(const char *fmt, ...) LOG_PRINTF __attribute__((noreturn));

#endif
