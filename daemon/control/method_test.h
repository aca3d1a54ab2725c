/* SPDX-License-Identifier: ISC */
/* Running tests; inside control/ only. */
#ifndef LLMD_CONTROL_METHOD_TEST_H
#define LLMD_CONTROL_METHOD_TEST_H

struct control;
struct live_event;

/* A request has changed: a test tells its caller of attempts. */
void	 method_test_event(struct control *c, const struct live_event *ev);
/* At the end: nobody is told any more. */
void	 method_test_fini(struct control *c);

#endif
