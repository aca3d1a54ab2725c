/* SPDX-License-Identifier: ISC */
#ifndef LLMD_SIM_WIRE_H
#define LLMD_SIM_WIRE_H

struct reply;

/* Turns a collected reply into operations, faults of its script included. */
void	 wire_compile(struct reply *);

#endif
