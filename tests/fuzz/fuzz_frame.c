/* SPDX-License-Identifier: ISC */
/* LINK: daemon/control/call.c daemon/control/change.c */
/* LINK: daemon/control/change_diff.c daemon/control/targets.c */
/* LINK: daemon/control/control.c daemon/control/feed.c */
/* LINK: daemon/control/health.c daemon/control/logtap.c */
/* LINK: daemon/control/method.c daemon/control/method_config.c */
/* LINK: daemon/control/method_conn.c daemon/control/method_daemon.c */
/* LINK: daemon/control/method_event.c daemon/control/method_model.c */
/* LINK: daemon/control/method_request.c daemon/control/method_route.c */
/* LINK: daemon/control/method_rpc.c daemon/control/method_session.c */
/* LINK: daemon/control/method_test.c daemon/control/peer.c */
/* LINK: daemon/control/place.c daemon/control/sink_ctl.c */
/* LINK: daemon/control/sub.c daemon/observe/hist.c daemon/observe/live.c */
/* LINK: daemon/observe/pump.c daemon/observe/reqlog.c daemon/observe/ring.c */
/* LINK: daemon/observe/row.c daemon/observe/stats.c daemon/conf/backend.c */
/* LINK: daemon/conf/conf.c daemon/conf/conf_env.c daemon/conf/conf_names.c */
/* LINK: daemon/conf/conf_report.c daemon/conf/entry.c */
/* LINK: daemon/conf/entry_base.c daemon/conf/entry_headers.c */
/* LINK: daemon/conf/entry_params.c daemon/conf/load.c */
/* LINK: daemon/conf/override.c daemon/conf/policy.c */
/* LINK: daemon/conf/providers.c daemon/conf/remark.c daemon/conf/schema.c */
/* LINK: daemon/conf/schema_model.c daemon/conf/schema_settings.c */
/* LINK: daemon/conf/settings.c daemon/conf/source.c daemon/conf/url.c */
/* LINK: daemon/conf/yaml.c daemon/conf/yaml_value.c daemon/access/key.c */
/* LINK: daemon/access/limit.c daemon/route/table.c daemon/base/clock.c */
/* LINK: daemon/base/hash.c daemon/base/jout.c daemon/base/jscan.c */
/* LINK: daemon/base/jscan_explain.c daemon/base/log.c daemon/base/map.c */
/* LINK: daemon/base/mbox.c daemon/base/str.c daemon/base/xmalloc.c */
/* LINK: proto/errors.c proto/frame.c proto/rpc.c proto/rpc_json.c */
/* LINK: proto/rpc_param.c proto/text.c proto/text_width.c */
/*
 * Bytes from a peer of the control socket to the real handlers, with nothing
 * behind them.  Byte 0: bits 0-1 the role, bits 2-4 the size of the pieces.
 * Whatever comes, each line that goes back is strict JSON of at most 256 KiB,
 * and nothing stays behind when the peer has left.
 */
#include "tests/unit/control_help.h"

#include <json-c/json.h>

#include <stdint.h>

#include "proto/rpc.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool	open_already;

static void
check(char *p, size_t n)
{
	struct rpc_error err;
	struct json_object *o;
	char *nl;

	while (n > 0 && (nl = memchr(p, '\n', n)) != NULL) {
		if (nl - p >= RPC_REPLY_MAX)
			abort();
		rpc_error_init(&err);
		o = rpc_json(p, (size_t)(nl - p), &err);
		if (o == NULL || !json_object_is_type(o, json_type_object))
			abort();
		json_object_put(o);
		rpc_error_fini(&err);
		n -= (size_t)(nl + 1 - p);
		p = nl + 1;
	}
	if (n > 0)
		abort();
}

static void
take(int fd, struct buf *b)
{
	ssize_t n;

	while ((n = read(fd, buf_need(b, 65536), 65536)) > 0)
		b->n += (size_t)n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const size_t steps[] = { 1, 7, 64, 4096, 65536, 3, 500, 20 };
	struct buf b = { 0 };
	struct peer *p;
	size_t step, len;
	unsigned i;
	int fd;

	if (n == 0 || n > 200000)
		return 0;
	if (!open_already) {
		log_init(open("/dev/null", O_WRONLY | O_CLOEXEC),
		    LOG_L_ERROR, true);
		help_open();
		open_already = true;
	}
	h.ws.hang = (data[0] & 0x20) != 0;
	h.backend_down = (data[0] & 0x40) != 0;
	fd = help_peer((enum method_role)((data[0] & 3) % 3));
	step = n > 5000 ? 65536 : steps[data[0] >> 2 & 7];
	for (data++, n--; n > 0; data += len, n -= len) {
		len = n < step ? n : step;
		if (write(fd, data, len) != (ssize_t)len)
			len = 0;	/* full: it has to be read first */
		help_turn();
		take(fd, &b);
	}
	shutdown(fd, SHUT_WR);
	for (i = 0; i < 20; i++) {
		help_turn();
		take(fd, &b);
	}
	close(fd);
	check(b.p, b.n);
	buf_fini(&b);
	/* What each second does: a half-closed peer that leaves is seen. */
	if ((p = TAILQ_FIRST(&h.control->peers)) != NULL)
		peer_tick(p, clock_ms());
	for (i = 0; i < 4; i++)
		help_turn();
	if (h.control->npeers != 0 || h.control->nsubs != 0 ||
	    !TAILQ_EMPTY(&h.control->tests) || h.ws.x != NULL)
		abort();
	return 0;
}
