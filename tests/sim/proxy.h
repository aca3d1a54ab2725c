/* SPDX-License-Identifier: ISC */
#ifndef LLMD_SIM_PROXY_H
#define LLMD_SIM_PROXY_H

#include <stdint.h>

/* The tunnel of one CONNECT request, owned by its connection. */
struct proxy;
struct conn;

/* Connects to the request's target and answers 200 or 502. */
void	 proxy_start(struct conn *);
void	 proxy_io(struct proxy *, uint32_t events);
void	 proxy_close(struct proxy *);

#endif
