/* SPDX-License-Identifier: ISC */
/* ping, cancel: about the connection. */
#include <json-c/json.h>

#include <string.h>

#include "base/clock.h"
#include "control/call.h"
#include "control/core.h"
#include "control/method.h"

void
method_conn_ping(struct call *c)
{
	struct json_object *o = json_object_new_object();
	char time[CLOCK_RFC3339_LEN + 1];

	clock_rfc3339(clock_wall_ns(), time);
	json_object_object_add(o, "time", json_object_new_string(time));
	json_object_object_add(o, "instance",
	    json_object_new_string(c->ctl->a.instance));
	call_reply(c, o);
}

static struct call *
method_conn_find(const struct call *me, struct json_object *id)
{
	struct call *c;

	TAILQ_FOREACH(c, &me->peer->calls, entry)
		if (c != me && c->id != NULL && json_object_equal(c->id, id))
			return c;
	return NULL;
}

void
method_conn_cancel(struct call *c)
{
	struct json_object *o, *id = NULL;
	struct call *other;

	json_object_object_get_ex(c->params, "id", &id);
	other = method_conn_find(c, id);
	o = json_object_new_object();
	json_object_object_add(o, "cancelled", json_object_new_boolean(
	    other != NULL && other->cancel != NULL));
	if (other != NULL && other->cancel != NULL)
		other->cancel(other);
	call_reply(c, o);
}
