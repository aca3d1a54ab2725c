/* SPDX-License-Identifier: ISC */
/*
 * Two users, one mechanism: a queue is a buffer that any thread appends to
 * under a mutex and that the queue's own thread takes whole, leaving an empty
 * one, to write it.  So there are never more than two buffers of LOG_QUEUE
 * bytes, and writing, which may block for as long as it likes, happens
 * without the mutex.
 *
 * The log proper queues records (time, level, escaped text) and its thread
 * makes the lines; a log_file queues finished lines.  Each has its own
 * thread, so that a terminal stopped with ^S does not stop the request log.
 *
 * The only mutable globals of the daemon are here.
 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "proto/text.h"

#define LOG_QUEUE	(512 * 1024)
#define LOG_KEEP	(64 * 1024)	/* memory held while idle */
#define LOG_WRITE	(32 * 1024)	/* lines made before a write */
#define LOG_ESCAPED	(2 * LOG_LINE)
#define LOG_STOP_MS	1000
#define LOG_RETRY_MS	100
#define LOG_TELL_MS	60000

struct log_queue {
	pthread_mutex_t	 lock;
	pthread_cond_t	 work;		/* for the thread */
	pthread_cond_t	 idle;		/* nothing is queued or being written */
	pthread_t	 thread;
	struct buf	 fill;
	bool		 running;
	bool		 busy;
	bool		 stop;
	bool		 ended;
	bool		 left;		/* by log_queue_stop: frees itself */
	int		 next_fd;	/* to take over, or -1 */
	uint64_t	 dropped;	/* lines */
	uint64_t	 reported;

	/* The thread's own. */
	int		 fd;
	bool		 own_fd;
	bool		 torn;		/* the last line is not whole */
	struct buf	 batch;
	struct buf	 out;
	uint64_t	 lost;		/* to report with this batch */
	uint64_t	 told_ms;	/* when an error was reported */
	void		(*drain)(struct log_queue *q);
	struct log_file	*file;		/* NULL: the log itself */
};

struct log_record {
	uint64_t	 wall_ns;
	uint32_t	 n;
	enum log_level	 level;
};

struct log_file {
	struct log_queue q;
	char		*path;
};

static struct log_queue log_main = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.next_fd = -1,
	.fd = STDERR_FILENO
};
static pthread_mutex_t log_tap_lock = PTHREAD_MUTEX_INITIALIZER;
static log_tap_cb log_tap;
static void *log_tap_arg;
static atomic_int log_max = LOG_L_INFO;
static bool log_plain = true;

/*
 * Queues
 */

/* Waits up to ms until fd can take PIPE_BUF bytes without blocking. */
static bool
log_wait_fd(int fd, int ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	int r;

	do
		r = poll(&pfd, 1, ms);
	while (r < 0 && errno == EINTR);
	return r == 1;
}

/* True once the queue is to end: no more waiting for a descriptor. */
static bool
log_queue_ending(struct log_queue *q)
{
	bool stop;

	pthread_mutex_lock(&q->lock);
	stop = q->stop;
	pthread_mutex_unlock(&q->lock);
	return stop;
}

/* Tells the log about an error of a file, once a minute. */
static void
log_queue_complain(struct log_queue *q, int err)
{
	uint64_t now = clock_ms();

	if (q->file == NULL || (q->told_ms != 0 &&
	    now - q->told_ms < LOG_TELL_MS))
		return;
	q->told_ms = now;
	errno = err;
	log_warn("cannot write %s", q->file->path);
}

/* write(2) that waits as long as it must; -1 if the error is not one that
 * passes by itself. */
static ssize_t
log_queue_put(struct log_queue *q, const char *p, size_t n)
{
	uint64_t until = 0;
	ssize_t r;
	int err;

	for (;;) {
		if ((r = write(q->fd, p, n)) > 0)
			return r;
		err = r == 0 ? EIO : errno;
		if (err == EINTR)
			continue;
		if (err != EAGAIN)
			log_queue_complain(q, err);
		if (err == EAGAIN)
			log_wait_fd(q->fd, LOG_RETRY_MS);
		else if (err == ENOSPC || err == EDQUOT)
			poll(NULL, 0, LOG_RETRY_MS);
		else
			return -1;
		if (until == 0 && log_queue_ending(q))
			until = clock_ms() + LOG_STOP_MS / 2;
		if (until != 0 && clock_ms() >= until)
			return -1;
	}
}

/* Lines in p[0..n), an unfinished one too. */
static uint64_t
log_count_lines(const char *p, size_t n)
{
	const char *end = p + n, *nl;
	uint64_t lines = 0;

	for (; p < end; p = nl == NULL ? end : nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		lines++;
	}
	return lines;
}

/* Writes whole lines; returns how many could not be written. */
static uint64_t
log_queue_write(struct log_queue *q, const char *p, size_t n)
{
	const char *end = p + n;
	ssize_t r = 1;

	if (q->torn)
		r = log_queue_put(q, "\n", 1);
	if (r == 1)
		q->torn = false;
	while (p < end && r >= 0)
		if ((r = log_queue_put(q, p, (size_t)(end - p))) > 0) {
			p += r;
			q->torn = p[-1] != '\n';
		}
	return log_count_lines(p, (size_t)(end - p));
}

/* Writes whole lines; those that cannot be written count as dropped. */
static void
log_queue_pour(struct log_queue *q, const char *p, size_t n)
{
	uint64_t lost = log_queue_write(q, p, n);

	if (lost == 0)
		return;
	pthread_mutex_lock(&q->lock);
	q->dropped += lost;
	pthread_mutex_unlock(&q->lock);
}

/* Frees what the queue holds, with its file. */
static void
log_queue_fini(struct log_queue *q)
{
	struct log_file *f = q->file;

	pthread_cond_destroy(&q->work);
	pthread_cond_destroy(&q->idle);
	buf_fini(&q->fill);
	buf_fini(&q->batch);
	buf_fini(&q->out);
	if (f == NULL)
		return;
	if (q->next_fd >= 0)
		close(q->next_fd);
	if (q->own_fd)
		close(q->fd);
	pthread_mutex_destroy(&q->lock);
	free(f->path);
	free(f);
}

static void *
log_queue_thread(void *arg)
{
	struct log_queue *q = arg;
	struct buf swap;
	bool left;

	pthread_mutex_lock(&q->lock);
	for (;;) {
		while (q->fill.n == 0 && !q->stop && q->next_fd < 0)
			pthread_cond_wait(&q->work, &q->lock);
		if (q->fill.n == 0 && q->stop)
			break;
		if (q->next_fd >= 0) {
			if (q->own_fd)
				close(q->fd);
			q->fd = q->next_fd;
			q->next_fd = -1;
			q->own_fd = true;
			q->torn = false;
		}
		swap = q->batch;
		q->batch = q->fill;
		q->fill = swap;
		q->lost = q->dropped - q->reported;
		q->reported = q->dropped;
		q->busy = true;
		pthread_mutex_unlock(&q->lock);
		q->drain(q);
		buf_reset(&q->batch, LOG_KEEP);
		pthread_mutex_lock(&q->lock);
		q->busy = false;
		if (q->fill.n == 0)
			pthread_cond_broadcast(&q->idle);
	}
	q->ended = true;
	left = q->left;
	pthread_cond_broadcast(&q->idle);
	pthread_mutex_unlock(&q->lock);
	if (left)
		log_queue_fini(q);
	return NULL;
}

/* Starts the thread with all signals blocked; 0, or -1 with errno. */
static int
log_queue_start(struct log_queue *q, void (*drain)(struct log_queue *))
{
	pthread_condattr_t attr;
	sigset_t all, old;
	int err;

	q->drain = drain;
	q->stop = q->ended = q->left = q->busy = false;
	q->reported = q->dropped;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&q->work, &attr);
	pthread_cond_init(&q->idle, &attr);
	pthread_condattr_destroy(&attr);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&q->thread, NULL, log_queue_thread, q);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err != 0) {
		pthread_cond_destroy(&q->work);
		pthread_cond_destroy(&q->idle);
		errno = err;
		return -1;
	}
	pthread_mutex_lock(&q->lock);
	q->running = true;
	pthread_mutex_unlock(&q->lock);
	return 0;
}

/* With the lock: waits at most LOG_STOP_MS until the queue is empty, or its
 * thread has ended. */
static bool
log_queue_flush(struct log_queue *q, bool end)
{
	uint64_t until_ns = clock_ns() + LOG_STOP_MS * 1000000u;
	struct timespec ts = { .tv_sec = (time_t)(until_ns / 1000000000u),
	    .tv_nsec = (long)(until_ns % 1000000000u) };

	while (end ? !q->ended : q->busy || q->fill.n > 0)
		if (pthread_cond_timedwait(&q->idle, &q->lock, &ts) != 0)
			return false;
	return true;
}

/* Ends the thread and frees the queue; a thread that is stuck in a write does
 * that itself whenever it gets out of it. */
static void
log_queue_stop(struct log_queue *q)
{
	bool ended;

	pthread_mutex_lock(&q->lock);
	q->running = false;
	q->stop = true;
	pthread_cond_signal(&q->work);
	ended = log_queue_flush(q, true);
	q->left = !ended;
	if (!ended)
		pthread_detach(q->thread);
	pthread_mutex_unlock(&q->lock);
	if (!ended)
		return;
	pthread_join(q->thread, NULL);
	log_queue_fini(q);
}

/* With the lock: room for n bytes, or counted as so many lines dropped. */
static bool
log_queue_room(struct log_queue *q, size_t n, uint64_t lines)
{
	if (q->fill.n + n <= LOG_QUEUE)
		return true;
	q->dropped += lines;
	return false;
}

/*
 * The log
 */

void
log_init(int fd, enum log_level max, bool plain)
{
	log_main.fd = fd;
	log_plain = plain;
	log_set_level(max);
}

void
log_set_level(enum log_level max)
{
	atomic_store_explicit(&log_max, (int)max, memory_order_relaxed);
}

enum log_level
log_get_level(void)
{
	return (enum log_level)atomic_load_explicit(&log_max,
	    memory_order_relaxed);
}

const char *
log_level_name(enum log_level level)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };

	return names[level];
}

void
log_set_tap(log_tap_cb cb, void *arg)
{
	pthread_mutex_lock(&log_tap_lock);
	log_tap = cb;
	log_tap_arg = arg;
	pthread_mutex_unlock(&log_tap_lock);
}

uint64_t
log_dropped(void)
{
	uint64_t n;

	pthread_mutex_lock(&log_main.lock);
	n = log_main.dropped;
	pthread_mutex_unlock(&log_main.lock);
	return n;
}

/* One line as people see it. */
static void
log_line(struct buf *b, const struct log_record *r, const char *text)
{
	char when[CLOCK_RFC3339_LEN + 1];

	if (log_plain) {
		buf_lit(b, "llmd: ");
		if (r->level == LOG_L_WARN)
			buf_lit(b, "warning: ");
		else if (r->level == LOG_L_DEBUG)
			buf_lit(b, "debug: ");
	} else {
		clock_rfc3339(r->wall_ns, when);
		buf_add(b, when, CLOCK_RFC3339_LEN);
		buf_lit(b, " ");
		buf_addz(b, log_level_name(r->level));
		buf_lit(b, " ");
	}
	buf_add(b, text, r->n);
	buf_lit(b, "\n");
}

static void
log_tell_tap(const struct log_record *r, const char *text)
{
	pthread_mutex_lock(&log_tap_lock);
	if (log_tap != NULL)
		log_tap(r->wall_ns, r->level, text, r->n, log_tap_arg);
	pthread_mutex_unlock(&log_tap_lock);
}

/* Says how many lines were lost; again with the next batch if that cannot be
 * written either. */
static void
log_main_report(struct log_queue *q)
{
	struct log_record r = { .wall_ns = clock_wall_ns(),
	    .level = LOG_L_WARN };
	char text[96];

	r.n = (uint32_t)snprintf(text, sizeof(text), "log: %llu lines "
	    "dropped: it was blocked or could not be written",
	    (unsigned long long)q->lost);
	q->out.n = 0;
	log_line(&q->out, &r, text);
	if (log_queue_write(q, q->out.p, q->out.n) == 0) {
		log_tell_tap(&r, text);
		return;
	}
	pthread_mutex_lock(&q->lock);
	q->reported -= q->lost;
	pthread_mutex_unlock(&q->lock);
}

static void
log_main_drain(struct log_queue *q)
{
	const char *p = q->batch.p, *end = p + q->batch.n;
	struct log_record r;

	q->out.n = 0;
	for (; p < end; p += r.n) {
		memcpy(&r, p, sizeof(r));
		p += sizeof(r);
		log_line(&q->out, &r, p);
		log_tell_tap(&r, p);
		if (q->out.n >= LOG_WRITE) {
			log_queue_pour(q, q->out.p, q->out.n);
			q->out.n = 0;
		}
	}
	log_queue_pour(q, q->out.p, q->out.n);
	if (q->lost > 0)
		log_main_report(q);
}

int
log_start(void)
{
	if (log_main.running)
		return 0;
	return log_queue_start(&log_main, log_main_drain);
}

void
log_stop(void)
{
	if (log_main.running)
		log_queue_stop(&log_main);
}

/* Without the queue: waits at most a second for a descriptor that is full. */
static void
log_direct(const struct log_record *r, const char *text)
{
	struct buf b = { 0 };
	size_t n, off = 0;
	ssize_t w;

	log_line(&b, r, text);
	while (off < b.n && log_wait_fd(log_main.fd, LOG_STOP_MS)) {
		n = b.n - off < 4096 ? b.n - off : 4096;
		w = write(log_main.fd, b.p + off, n);
		if (w < 0 && errno != EINTR && errno != EAGAIN)
			break;
		off += w > 0 ? (size_t)w : 0;
	}
	buf_fini(&b);
}

/* Queues one line of escaped text, or writes it.  force: even if it is too
 * much. */
static void
log_emit(enum log_level level, const char *text, size_t n, bool force)
{
	struct log_record r = { clock_wall_ns(), (uint32_t)n, level };
	struct log_queue *q = &log_main;
	bool queued;

	pthread_mutex_lock(&q->lock);
	queued = q->running;
	if (queued && (force || log_queue_room(q, sizeof(r) + n, 1))) {
		if (q->fill.n == 0)
			pthread_cond_signal(&q->work);
		buf_add(&q->fill, &r, sizeof(r));
		buf_add(&q->fill, text, n);
	}
	pthread_mutex_unlock(&q->lock);
	if (!queued)
		log_direct(&r, text);
}

/* Length of s without a character that was cut at its end. */
static size_t
log_whole(const char *s, size_t n)
{
	size_t i = n;
	uint32_t ch;

	while (i > 0 && n - i < 3 && ((unsigned char)s[i - 1] & 0xc0) == 0x80)
		i--;
	if (i == 0 || (unsigned char)s[i - 1] < 0xc0)
		return n;
	i--;
	return text_decode(s + i, n - i, &ch) == n - i ? n : i;
}

/* Formats, escapes and emits; err 0: no strerror. */
static void __attribute__((format(printf, 4, 0)))
log_vprint(enum log_level level, bool force, int err, const char *fmt,
    va_list ap)
{
	char raw[LOG_LINE], text[LOG_ESCAPED + 4], why[128];
	size_t n, full;
	int r;

	if ((r = vsnprintf(raw, sizeof(raw), fmt, ap)) < 0)
		r = snprintf(raw, sizeof(raw), "(a message that cannot be "
		    "formatted)");
	full = (size_t)r;
	if (full < sizeof(raw) && err != 0) {
		r = snprintf(raw + full, sizeof(raw) - full, ": %s",
		    strerror_r(err, why, sizeof(why)));
		full += r > 0 ? (size_t)r : 0;
	}
	n = full < sizeof(raw) ? full : log_whole(raw, sizeof(raw) - 1);
	if (text_escape(text, LOG_ESCAPED, raw, n, 0) >= LOG_ESCAPED ||
	    n < full)
		memcpy(text + strlen(text), "...", 4);
	log_emit(level, text, strlen(text), force);
}

#define LOG_PRINT(level, err) do {					\
	int saved = errno;						\
	va_list ap;							\
									\
	if ((level) <= log_get_level()) {				\
		va_start(ap, fmt);					\
		log_vprint((level), false, (err), fmt, ap);		\
		va_end(ap);						\
	}								\
	errno = saved;							\
} while (0)

void
log_warn(const char *fmt, ...)
{
	LOG_PRINT(LOG_L_WARN, saved);
}

void
log_warnx(const char *fmt, ...)
{
	LOG_PRINT(LOG_L_WARN, 0);
}

void
log_error(const char *fmt, ...)
{
	LOG_PRINT(LOG_L_ERROR, saved);
}

void
log_errorx(const char *fmt, ...)
{
	LOG_PRINT(LOG_L_ERROR, 0);
}

void
log_info(const char *fmt, ...)
{
	LOG_PRINT(LOG_L_INFO, 0);
}

void
log_debug(const char *fmt, ...)
{
	LOG_PRINT(LOG_L_DEBUG, 0);
}

/*
 * Waits until the queue is written and exits: without atexit handlers when
 * other threads may be running.
 */
static void __attribute__((noreturn))
log_die(void)
{
	struct log_queue *q = &log_main;
	bool running;

	pthread_mutex_lock(&q->lock);
	running = q->running;
	if (running && !pthread_equal(pthread_self(), q->thread))
		log_queue_flush(q, false);
	pthread_mutex_unlock(&q->lock);
	if (running)
		_exit(1);
	exit(1);
}

void
fatal(const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	va_start(ap, fmt);
	log_vprint(LOG_L_ERROR, true, saved, fmt, ap);
	va_end(ap);
	log_die();
}

void
fatalx(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vprint(LOG_L_ERROR, true, 0, fmt, ap);
	va_end(ap);
	log_die();
}

/*
 * Files
 */

/* A new descriptor for path, or -1.  Not blocking: a FIFO without a reader is
 * an error at once, and one with a slow reader is waited for by poll. */
static int
log_file_fd(const char *path)
{
	return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC |
	    O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0600);
}

static void
log_file_drain(struct log_queue *q)
{
	log_queue_pour(q, q->batch.p, q->batch.n);
	if (q->lost > 0)
		log_warnx("%s: %llu lines dropped: it was blocked or could not "
		    "be written", q->file->path, (unsigned long long)q->lost);
}

struct log_file *
log_file_open(const char *path)
{
	bool out = strcmp(path, "-") == 0;
	struct log_file *f;
	int fd = STDOUT_FILENO, err;

	if (!out && (fd = log_file_fd(path)) < 0)
		return NULL;
	f = xcalloc(1, sizeof(*f));
	f->path = xstrdup(out ? "standard output" : path);
	f->q.fd = fd;
	f->q.own_fd = !out;
	f->q.next_fd = -1;
	f->q.file = f;
	pthread_mutex_init(&f->q.lock, NULL);
	if (log_queue_start(&f->q, log_file_drain) < 0) {
		err = errno;
		if (!out)
			close(fd);
		pthread_mutex_destroy(&f->q.lock);
		free(f->path);
		free(f);
		errno = err;
		return NULL;
	}
	return f;
}

bool
log_file_write(struct log_file *f, const char *p, size_t n)
{
	struct log_queue *q = &f->q;
	bool ok;

	pthread_mutex_lock(&q->lock);
	ok = log_queue_room(q, n, 0);
	if (ok) {
		if (q->fill.n == 0)
			pthread_cond_signal(&q->work);
		buf_add(&q->fill, p, n);
	} else
		q->dropped += log_count_lines(p, n);
	pthread_mutex_unlock(&q->lock);
	return ok;
}

uint64_t
log_file_dropped(struct log_file *f)
{
	uint64_t n;

	pthread_mutex_lock(&f->q.lock);
	n = f->q.dropped;
	pthread_mutex_unlock(&f->q.lock);
	return n;
}

void
log_file_reopen(struct log_file *f)
{
	int fd, old;

	if (strcmp(f->path, "standard output") == 0)
		return;
	if ((fd = log_file_fd(f->path)) < 0) {
		log_warn("cannot reopen %s, writing to the old file",
		    f->path);
		return;
	}
	pthread_mutex_lock(&f->q.lock);
	old = f->q.next_fd;
	f->q.next_fd = fd;
	pthread_cond_signal(&f->q.work);
	pthread_mutex_unlock(&f->q.lock);
	if (old >= 0)
		close(old);
}

void
log_file_close(struct log_file *f)
{
	if (f != NULL)
		log_queue_stop(&f->q);
}
