/* SPDX-License-Identifier: ISC */
#include "control/place.h"

#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/xmalloc.h"

#define PLACE_BACKLOG	64
#define PLACE_CONFIG	78	/* sysexits: EX_CONFIG */
#define PLACE_CREATE	73	/* EX_CANTCREAT */
#define PLACE_USAGE	64

struct place {
	int		 fd;
	int		 lock_fd;
	char		*path;
	dev_t		 dev;
	ino_t		 ino;
};

__attribute__((format(printf, 3, 4)))
static void
place_fail(struct place_error *e, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e->text, sizeof e->text, fmt, ap);
	va_end(ap);
	e->exit = code;
	e->hint[0] = '\0';
}

static const char *
place_env(const char *name)
{
	const char *v = getenv(name);

	return v != NULL && *v != '\0' ? v : NULL;
}

/* The group that may use the socket of a service; -1: none. */
static gid_t
place_group(void)
{
	struct group *g = geteuid() == 0 ? getgrnam("llmd") : NULL;

	return g == NULL ? (gid_t)-1 : g->gr_gid;
}

/*
 * Makes the directory if it is not there.  In a temporary directory anybody
 * could have made it first: it must be ours alone.
 */
static int
place_mkdir(const char *dir, mode_t mode, bool ours, struct place_error *e)
{
	struct stat st;

	if (mkdir(dir, mode) == 0) {
		if (mode == 0750 && place_group() != (gid_t)-1 &&
		    chown(dir, (uid_t)-1, place_group()) != 0) {
			place_fail(e, PLACE_CREATE, "cannot give %s to group "
			    "llmd: %s", dir, strerror(errno));
			return -1;
		}
		return 0;
	}
	if (errno != EEXIST) {
		place_fail(e, PLACE_CREATE, "cannot create the directory of "
		    "the control socket, %s: %s", dir, strerror(errno));
		snprintf(e->hint, sizeof e->hint, "use a path you may write "
		    "to: llmd --socket PATH");
		return -1;
	}
	if (lstat(dir, &st) != 0 || !S_ISDIR(st.st_mode) ||
	    (ours && (st.st_uid != geteuid() || (st.st_mode & 077) != 0))) {
		place_fail(e, PLACE_CREATE, "%s is not a directory%s", dir,
		    ours ? " of yours with mode 0700" : "");
		snprintf(e->hint, sizeof e->hint, "remove it, or use another "
		    "place: llmd --socket PATH");
		return -1;
	}
	return 0;
}

/* The usual place for this user; its directory is there afterwards.  (su and
 * cron leave an $XDG_RUNTIME_DIR that is not there.) */
static char *
place_usual(struct place_error *e)
{
	const char *run = place_env("RUNTIME_DIRECTORY");
	const char *xdg = place_env("XDG_RUNTIME_DIR");
	const char *tmp = place_env("TMPDIR");
	struct stat st;
	char *dir, *path;
	int rc;

	if (run != NULL) {
		/* systemd made it; a list is separated by colons. */
		dir = xstrndup(run, strcspn(run, ":"));
		rc = place_mkdir(dir, 0750, false, e);
	} else if (geteuid() == 0) {
		dir = xstrdup("/run/llmd");
		rc = place_mkdir(dir, 0750, false, e);
	} else if (xdg != NULL && stat(xdg, &st) == 0) {
		xasprintf(&dir, "%s/llmd", xdg);
		rc = place_mkdir(dir, 0700, false, e);
	} else {
		xasprintf(&dir, "%s/llmd-%lu", tmp != NULL ? tmp : "/tmp",
		    (unsigned long)geteuid());
		rc = place_mkdir(dir, 0700, true, e);
	}
	path = NULL;
	if (rc == 0)
		xasprintf(&path, "%s/control.sock", dir);
	free(dir);
	return path;
}

/* The pid that the holder of the lock wrote; 0: it has not yet. */
static long
place_holder(int fd)
{
	struct timespec wait = { 0, 5000000 };
	char text[32];
	ssize_t n;
	int i;

	for (i = 0; i < 20; i++) {
		n = pread(fd, text, sizeof text - 1, 0);
		if (n > 0) {
			text[n] = '\0';
			return strtol(text, NULL, 10);
		}
		nanosleep(&wait, NULL);
	}
	return 0;
}

static void
place_taken(struct place_error *e, const char *path, long pid)
{
	if (pid > 0) {
		place_fail(e, PLACE_CONFIG, "another llmd is running (pid "
		    "%ld) with the control socket %s", pid, path);
		snprintf(e->hint, sizeof e->hint, "stop it (kill %ld), or "
		    "give this one its own: llmd --socket PATH", pid);
	} else {
		place_fail(e, PLACE_CONFIG, "another llmd is running with "
		    "the control socket %s", path);
		snprintf(e->hint, sizeof e->hint, "stop it, or give this one "
		    "its own: llmd --socket PATH");
	}
}

/* "x.sock" has "x.lock" beside it. */
static int
place_lock(const char *path, struct place_error *e)
{
	size_t n = strlen(path);
	char *lock, pid[32];
	int fd, len;

	if (n > 5 && strcmp(path + n - 5, ".sock") == 0)
		n -= 5;
	xasprintf(&lock, "%.*s.lock", (int)n, path);
	fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		place_fail(e, PLACE_CREATE, "cannot create %s: %s", lock,
		    errno == ELOOP ? "it is a symbolic link" :
		    strerror(errno));
		if (errno == ENOENT || errno == ENOTDIR)
			snprintf(e->hint, sizeof e->hint, "create its "
			    "directory first, or use another path with "
			    "--socket");
		else
			snprintf(e->hint, sizeof e->hint, "its directory "
			    "must be writable: use another path with "
			    "--socket");
		free(lock);
		return -1;
	}
	free(lock);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		place_taken(e, path, place_holder(fd));
		close(fd);
		return -1;
	}
	len = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)len, 0) != len) {
		/* A full disk; the lock holds all the same. */
	}
	return fd;
}

/* Removes a socket that nobody listens on; 0 if the path is free. */
static int
place_clear(const char *path, const struct sockaddr_un *sun,
    struct place_error *e)
{
	struct ucred cred = { 0 };
	socklen_t len = sizeof cred;
	struct stat st;
	int fd, rc, err;

	if (lstat(path, &st) != 0)
		return 0;
	if (!S_ISSOCK(st.st_mode)) {
		place_fail(e, PLACE_CREATE, "%s exists and is not a socket: "
		    "it is left alone", path);
		snprintf(e->hint, sizeof e->hint, "move it away, or use "
		    "another path with --socket");
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	rc = fd < 0 ? -1 : connect(fd, (const struct sockaddr *)sun,
	    sizeof *sun);
	err = errno;
	if (rc == 0)
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len);
	if (fd >= 0)
		close(fd);
	if (rc == 0 || err == EAGAIN) {
		/* Its lock file was removed, or it is no llmd. */
		place_taken(e, path, cred.pid);
		return -1;
	}
	if (err != ECONNREFUSED && err != ENOENT) {
		place_fail(e, PLACE_CREATE, "cannot tell who has the socket "
		    "%s: %s", path, strerror(err));
		snprintf(e->hint, sizeof e->hint, "use another path with "
		    "--socket");
		return -1;
	}
	if (unlink(path) == 0 || errno == ENOENT)
		return 0;
	place_fail(e, PLACE_CREATE, "cannot remove the stale socket %s: %s",
	    path, strerror(errno));
	snprintf(e->hint, sizeof e->hint, "remove it, or use another path "
	    "with --socket");
	return -1;
}

static int
place_bind(struct place *p, const struct sockaddr_un *sun,
    struct place_error *e)
{
	bool system = geteuid() == 0 || place_env("RUNTIME_DIRECTORY");
	mode_t old;
	int rc;
	struct stat st;

	p->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0);
	if (p->fd < 0)
		goto fail;
	/* Never open for a moment: the mode is right from the first. */
	old = umask(system ? 0117 : 0177);
	rc = bind(p->fd, (const struct sockaddr *)sun, sizeof *sun);
	umask(old);
	if (rc != 0)
		goto fail;
	if (lstat(p->path, &st) == 0) {
		p->dev = st.st_dev;
		p->ino = st.st_ino;
	}
	if (place_group() != (gid_t)-1 &&
	    chown(p->path, (uid_t)-1, place_group()) != 0)
		goto fail;
	if (listen(p->fd, PLACE_BACKLOG) != 0)
		goto fail;
	return 0;
fail:
	place_fail(e, PLACE_CREATE, "cannot open the control socket %s: %s",
	    p->path, strerror(errno));
	snprintf(e->hint, sizeof e->hint, "its directory must be writable: "
	    "use another path with --socket");
	return -1;
}

struct place *
place_open(const char *path, struct place_error *e)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct place *p;
	char *own;

	memset(e, 0, sizeof *e);
	own = path != NULL ? xstrdup(path) : place_usual(e);
	if (own == NULL)
		return NULL;
	if (strlen(own) > PLACE_PATH_MAX || *own == '\0') {
		place_fail(e, PLACE_USAGE, "the socket path has %zu bytes, 1 "
		    "to %d work: %.160s", strlen(own), PLACE_PATH_MAX, own);
		snprintf(e->hint, sizeof e->hint, "use a shorter path with "
		    "--socket");
		free(own);
		return NULL;
	}
	memcpy(sun.sun_path, own, strlen(own) + 1);
	p = xcalloc(1, sizeof *p);
	p->path = own;
	p->fd = -1;
	p->lock_fd = place_lock(own, e);
	if (p->lock_fd < 0 || place_clear(own, &sun, e) != 0 ||
	    place_bind(p, &sun, e) != 0) {
		place_close(p);
		return NULL;
	}
	return p;
}

void
place_close(struct place *p)
{
	struct stat st;

	if (p == NULL)
		return;
	if (p->fd >= 0) {
		if (p->ino != 0 && lstat(p->path, &st) == 0 &&
		    st.st_dev == p->dev && st.st_ino == p->ino)
			unlink(p->path);
		close(p->fd);
	}
	/* The lock file stays: removing it would let two have it. */
	if (p->lock_fd >= 0)
		close(p->lock_fd);
	free(p->path);
	free(p);
}

int
place_fd(const struct place *p)
{
	return p->fd;
}

const char *
place_path(const struct place *p)
{
	return p->path;
}
