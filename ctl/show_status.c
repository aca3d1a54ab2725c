/* SPDX-License-Identifier: ISC */
#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/show.h"
#include "proto/text.h"

/* llmctl status: one screen, what is wrong first. */

static void
show_status_head(struct run *r, struct json_object *s)
{
	struct json_object *config = run_get(s, "config");
	char up[TEXT_NUM_MAX], since[TEXT_NUM_MAX];
	const char *path = run_str(config, "path");
	double loaded = out_time_parse(run_str(config, "loaded"));
	double now = out_time_parse(run_str(s, "time"));
	size_t i;

	show_text(&r->out, "llmd ", run_str(s, "version"), "");
	printf("  up %s  pid %lld  rev %lld\n",
	    text_uptime(up, sizeof(up), run_num(s, "uptime_s")),
	    (long long)run_int(s, "pid"), (long long)run_int(s, "rev"));
	for (i = 0; i < run_len(run_get(s, "listen")); i++)
		show_text(&r->out, "listen    ", json_object_get_string(
		    run_at(run_get(s, "listen"), i)), "\n");
	show_text(&r->out, "config    ", *path != '\0' ? path : "(none)", "");
	printf(" (loaded %s ago, %s)\n", loaded < 0 || now < 0 ? "-" :
	    text_uptime(since, sizeof(since), now - loaded),
	    run_bool(config, "changed") ? "changed on disk since" :
	    "unchanged on disk");
}

/* "! model vision is DOWN: model not pulled" and the next step. */
static void
show_status_problems(struct run *r, struct json_object *s)
{
	struct json_object *list = run_get(s, "not_ok"), *m;
	struct json_object *over = run_get(s, "overrides");
	enum out_colour c;
	size_t i, n = run_len(over);

	for (i = 0; i < run_len(list); i++) {
		m = run_at(list, i);
		c = out_state_colour(run_str(m, "state"));
		printf("%s!%s model ", out_on(&r->out, c),
		    out_off(&r->out, c));
		show_text(&r->out, "", run_str(m, "model"), ": ");
		show_text(&r->out, out_on(&r->out, c),
		    out_state_word(run_str(m, "state")),
		    out_off(&r->out, c));
		show_text(&r->out, ", ", run_str(m, "reason"), "");
		putchar('\n');
		show_text(&r->out, "          -> ", run_str(m, "hint"),
		    "\n");
	}
	if (run_bool(run_get(s, "config"), "changed"))
		puts("! the config file has changed since it was loaded\n"
		    "          -> llmctl reload --dry-run");
	if (n > 0)
		printf("! %zu runtime override%s from the config file\n"
		    "          -> llmctl routes\n", n,
		    n == 1 ? " differs" : "s differ");
	for (i = 0; i < n && r->verbose; i++) {
		char *targets = show_targets(run_get(run_at(over, i),
		    "targets"));

		show_text(&r->out, "  ", run_str(run_at(over, i), "model"),
		    " -> ");
		show_text(&r->out, "", targets, "\n");
		free(targets);
	}
	putchar('\n');
}

static void
show_status_traffic(struct json_object *s)
{
	struct json_object *t = run_get(s, "traffic");
	struct json_object *l = run_get(s, "latency");
	double err = run_num(t, "err_pct"), tps = run_num(l, "decode_p50_tps");
	char a[TEXT_NUM_MAX], b[TEXT_NUM_MAX];

	printf("traffic   %.1f req/s   %.0f tok/s   in-flight %lld   "
	    "queued %lld   errors ", run_num(t, "rps"), run_num(t, "tok_s"),
	    (long long)run_int(t, "in_flight"),
	    (long long)run_int(t, "queued"));
	printf(isfinite(err) ? "%.1f%%" : "-", err);
	printf(" (%s)\n", text_uptime(a, sizeof(a), run_num(t, "window_s")));
	printf("latency   ttft p50 %s p95 %s    decode p50 ",
	    text_duration(a, sizeof(a), run_num(l, "ttft_p50_ms")),
	    text_duration(b, sizeof(b), run_num(l, "ttft_p95_ms")));
	printf(isfinite(tps) ? "%.1f tok/s\n" : "-\n", tps);
}

static void
show_status_backends(struct run *r, struct json_object *s)
{
	struct json_object *list = run_get(s, "backends"), *b;
	struct json_object *c = run_get(s, "control");
	struct json_object *rss = run_get(run_get(s, "memory"), "rss_bytes");
	size_t i, ok = 0, n = run_len(list);
	char size[TEXT_NUM_MAX];

	for (i = 0; i < n; i++)
		ok += strcmp(run_str(run_at(list, i), "state"), "down") != 0;
	printf("backends  %zu: %zu usable", n, ok);
	for (i = 0; i < n; i++) {
		b = run_at(list, i);
		if (strcmp(run_str(b, "state"), "down") != 0 &&
		    strcmp(run_str(b, "state"), "degraded") != 0)
			continue;
		show_text(&r->out, ", ", run_str(b, "backend"), " ");
		show_text(&r->out, "", out_state_word(run_str(b, "state")),
		    "");
		show_text(&r->out, " (", run_str(b, "error"), ")");
	}
	printf("\ncontrol   %lld client%s, %lld dropped events",
	    (long long)run_int(c, "clients"),
	    run_int(c, "clients") == 1 ? "" : "s",
	    (long long)run_int(c, "dropped_events"));
	if (rss != NULL)
		printf("   memory %s", text_size(size, sizeof(size),
		    json_object_get_double(rss)));
	putchar('\n');
}

static void
show_status_plain(struct run *r, struct json_object *s)
{
	struct json_object *t = run_get(s, "traffic");
	struct json_object *m = run_get(s, "models");

	show_text(&r->out, "version\t", run_str(s, "version"), "\n");
	show_text(&r->out, "instance\t", run_str(s, "instance"), "\n");
	printf("pid\t%lld\nrev\t%lld\nuptime_s\t%.0f\n",
	    (long long)run_int(s, "pid"), (long long)run_int(s, "rev"),
	    run_num(s, "uptime_s"));
	if (m != NULL) {
		json_object_object_foreach(m, state, count) {
			printf("models_%s\t%lld\n", state,
			    (long long)json_object_get_int64(count));
		}
	}
	printf("overrides\t%zu\nin_flight\t%lld\nqueued\t%lld\nrps\t%.3f\n",
	    run_len(run_get(s, "overrides")),
	    (long long)run_int(t, "in_flight"),
	    (long long)run_int(t, "queued"), run_num(t, "rps"));
}

int
show_status(struct run *r)
{
	struct json_object *s = run_show(r, "status", NULL);

	if (s == NULL)
		return run_failed(r);
	if (r->out.format == OUT_PLAIN) {
		show_status_plain(r, s);
	} else {
		show_status_head(r, s);
		show_status_problems(r, s);
		show_status_traffic(s);
		show_status_backends(r, s);
	}
	json_object_put(s);
	return 0;
}
