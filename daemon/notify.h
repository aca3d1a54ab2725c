/* SPDX-License-Identifier: ISC */
/* sd_notify(3) without the library: one datagram to $NOTIFY_SOCKET. */
#ifndef LLMD_NOTIFY_H
#define LLMD_NOTIFY_H

/* socket_path: the variable's value, or NULL (then nothing happens); state:
 * "READY=1\nSTATUS=...". */
void	 notify_send(const char *socket_path, const char *state);

#endif
