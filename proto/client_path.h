/* SPDX-License-Identifier: ISC */
#ifndef LLMD_PROTO_CLIENT_PATH_H
#define LLMD_PROTO_CLIENT_PATH_H

/*
 * Where the control socket is looked for: an explicit path alone, else
 * $LLMCTL_SOCKET alone, else $XDG_RUNTIME_DIR/llmd/control.sock,
 * /run/llmd/control.sock, and llmd-UID/control.sock under $TMPDIR or /tmp
 * (that folder must be ours and closed to others).
 */
struct rpc_error;

/*
 * A connected, non-blocking, close-on-exec socket and its path (the caller
 * frees it), or -1 and err: ERR_NOT_RUNNING, ERR_STALE_SOCKET,
 * ERR_SOCKET_DENIED, ERR_TIMEOUT (its backlog stayed full) or ERR_USAGE.
 */
int	client_path_connect(const char *explicit_path, int timeout_ms,
	    char **path, struct rpc_error *err);

#endif
