/* SPDX-License-Identifier: ISC */
#include "proto/client_path.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/client.h"
#include "proto/rpc.h"

#define CLIENT_PATH_PLACES	3

/* The places to try; unused ones are NULL. */
struct client_path_list {
	char	*path[CLIENT_PATH_PLACES];
	int	 fixed;		/* named by the user: no other is tried */
};

__attribute__((format(printf, 1, 2)))
static char *
client_path_format(const char *fmt, ...)
{
	va_list ap;
	char *s;
	int rc;

	va_start(ap, fmt);
	rc = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (rc < 0)
		abort();
	return s;
}

/* getenv, with "" as unset. */
static const char *
client_path_env(const char *name)
{
	const char *v = getenv(name);

	return v != NULL && *v != '\0' ? v : NULL;
}

static char *
client_path_tmpdir(void)
{
	const char *tmp = client_path_env("TMPDIR");

	return client_path_format("%s/llmd-%lu", tmp != NULL ? tmp : "/tmp",
	    (unsigned long)geteuid());
}

static void
client_path_list_init(struct client_path_list *l, const char *explicit_path)
{
	const char *env = client_path_env("LLMCTL_SOCKET"), *xdg;
	char *dir;

	memset(l, 0, sizeof(*l));
	if (explicit_path != NULL || env != NULL) {
		l->path[0] = client_path_format("%s",
		    explicit_path != NULL ? explicit_path : env);
		l->fixed = 1;
		return;
	}
	if ((xdg = client_path_env("XDG_RUNTIME_DIR")) != NULL)
		l->path[0] = client_path_format("%s/llmd/control.sock", xdg);
	l->path[1] = client_path_format("/run/llmd/control.sock");
	dir = client_path_tmpdir();
	l->path[2] = client_path_format("%s/control.sock", dir);
	free(dir);
}

static void
client_path_list_fini(struct client_path_list *l)
{
	int i;

	for (i = 0; i < CLIENT_PATH_PLACES; i++)
		free(l->path[i]);
}

char *
client_places(const char *explicit_path)
{
	struct client_path_list l;
	char *out, *more;
	int i;

	client_path_list_init(&l, explicit_path);
	if (l.fixed) {
		out = client_path_format("%s %s", explicit_path != NULL ?
		    "--socket" : "$LLMCTL_SOCKET", l.path[0]);
		client_path_list_fini(&l);
		return out;
	}
	out = client_path_format("$LLMCTL_SOCKET (unset)");
	if (l.path[0] == NULL) {
		more = client_path_format("%s, $XDG_RUNTIME_DIR (unset)",
		    out);
		free(out);
		out = more;
	}
	for (i = 0; i < CLIENT_PATH_PLACES; i++) {
		if (l.path[i] == NULL)
			continue;
		more = client_path_format("%s, %s", out, l.path[i]);
		free(out);
		out = more;
	}
	client_path_list_fini(&l);
	return out;
}

/*
 * Connects to one path: the descriptor, or -errno.  A full backlog is tried
 * again until timeout_ms.
 */
static int
client_path_try(const char *path, int timeout_ms)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd, waited = 0, e;

	if (strlen(path) >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	memcpy(sun.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	while (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0) {
		e = errno;
		if (e == EINTR)
			continue;
		if (e != EAGAIN ||
		    (timeout_ms >= 0 && waited >= timeout_ms)) {
			close(fd);
			return -e;
		}
		poll(NULL, 0, 10);
		waited += 10;
	}
	return fd;
}

/*
 * In a temporary directory anybody could put a socket: the folder must be
 * ours and closed to others.  1 if so, or if it does not exist.
 */
static int
client_path_trusted(void)
{
	char *dir = client_path_tmpdir();
	struct stat st;
	int ok;

	ok = lstat(dir, &st) < 0 || (S_ISDIR(st.st_mode) &&
	    st.st_uid == geteuid() && (st.st_mode & 077) == 0);
	free(dir);
	return ok;
}

static void
client_path_explain(struct rpc_error *err, const char *explicit_path,
    const char *likely)
{
	char *places = client_places(explicit_path), *line;

	line = client_path_format("looked in: %s", places);
	rpc_error_detail(err, line);
	free(line);
	line = client_path_format("likely:    %s", likely);
	rpc_error_detail(err, line);
	free(line);
	free(places);
}

/* Turns an errno of connect into the error that a user can act on. */
static void
client_path_fail(struct rpc_error *err, int e, const char *path,
    const char *explicit_path)
{
	struct stat st;

	switch (e) {
	case ENOENT:
	case ENOTDIR:
		rpc_error_set(err, ERR_NOT_RUNNING,
		    "cannot reach llmd: no such file: %s", path);
		client_path_explain(err, explicit_path,
		    "llmd is not running");
		break;
	case ECONNREFUSED:
		rpc_error_set(err, ERR_STALE_SOCKET,
		    "cannot reach llmd: connection refused: %s", path);
		client_path_explain(err, explicit_path,
		    stat(path, &st) == 0 && !S_ISSOCK(st.st_mode) ?
		    "this file is not a socket" :
		    "llmd has died and left its socket behind");
		break;
	case EACCES:
	case EPERM:
		rpc_error_set(err, ERR_SOCKET_DENIED,
		    "cannot reach llmd: permission denied: %s", path);
		client_path_explain(err, explicit_path,
		    "this user is not in the group of the socket");
		rpc_error_hint(err, "sudo usermod -aG llmd $USER    "
		    "(then log in again)");
		return;
	case ENAMETOOLONG:
		rpc_error_set(err, ERR_USAGE,
		    "the socket path has %zu bytes, at most 107 work: %s",
		    strlen(path), path);
		rpc_error_hint(err, "use a shorter path with --socket");
		return;
	case EAGAIN:
		rpc_error_set(err, ERR_TIMEOUT,
		    "cannot reach llmd: it does not accept: %s", path);
		rpc_error_hint(err, "is it stopped or very busy?  Try again, "
		    "or look at its log");
		return;
	default:
		rpc_error_set(err, ERR_NOT_RUNNING,
		    "cannot reach llmd: %s: %s", strerror(e), path);
		client_path_explain(err, explicit_path,
		    "llmd is not running");
		break;
	}
	rpc_error_hint(err,
	    "llmd --config config.yaml     or     systemctl start llmd");
}

/* Which of two failures says more. */
static int
client_path_rank(int e)
{
	switch (e) {
	case ENOENT:
	case ENOTDIR:
		return 1;
	case ECONNREFUSED:
		return 2;
	default:
		return 3;
	}
}

int
client_path_connect(const char *explicit_path, int timeout_ms, char **path,
    struct rpc_error *err)
{
	struct client_path_list l;
	int i, fd, worst = 0, at = 0;

	client_path_list_init(&l, explicit_path);
	for (i = 0; i < CLIENT_PATH_PLACES; i++) {
		if (l.path[i] == NULL)
			continue;
		if (i == 2 && !client_path_trusted())
			continue;
		fd = client_path_try(l.path[i], timeout_ms);
		if (fd >= 0) {
			*path = l.path[i];
			l.path[i] = NULL;
			client_path_list_fini(&l);
			return fd;
		}
		if (worst == 0 ||
		    client_path_rank(-fd) > client_path_rank(worst)) {
			worst = -fd;
			at = i;
		}
	}
	client_path_fail(err, worst, l.path[at], explicit_path);
	client_path_list_fini(&l);
	return -1;
}
