/* SPDX-License-Identifier: ISC */
/*
 * Where the control socket lives, and that nobody else uses it.
 *
 *   --socket PATH, else
 *   $RUNTIME_DIRECTORY/control.sock	a systemd service
 *   /run/llmd/control.sock		uid 0
 *   $XDG_RUNTIME_DIR/llmd/control.sock	a user
 *   ${TMPDIR:-/tmp}/llmd-UID/control.sock
 *
 * A lock file beside it (control.lock) decides who has it; a socket that
 * nobody answers is removed under that lock only, a file or a symbolic link
 * never.
 */
#ifndef LLMD_CONTROL_PLACE_H
#define LLMD_CONTROL_PLACE_H

#define PLACE_PATH_MAX	107	/* bytes, sun_path without its NUL */

struct place;

struct place_error {
	char	text[400];
	char	hint[400];	/* the next step */
	int	exit;		/* sysexits */
};

/*
 * Takes the place and listens; call it before there are threads (umask).
 * path NULL: the usual places.  NULL with e.
 */
struct place	*place_open(const char *path, struct place_error *e);
/* Removes the socket if it is still ours, gives up the lock. */
void		 place_close(struct place *p);
int		 place_fd(const struct place *p);
const char	*place_path(const struct place *p);

#endif
