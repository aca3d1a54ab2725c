/* SPDX-License-Identifier: ISC */
/*
 * The process: options, configuration, start, signals, stop.  The main thread
 * then serves the control socket and everything that is not a request.
 */
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mbox.h"
#include "base/xmalloc.h"
#include "conf/conf.h"
#include "net/listen.h"
#include "net/resolve.h"
#include "net/tls.h"
#include "notify.h"
#include "options.h"
#include "plane.h"
#include "proto/text.h"
#include "upstream/client.h"
#include "upstream/trust.h"
#include "worker.h"

#define MAIN_EX_CONFIG	78
#define MAIN_GRACE_MS	30000	/* for running requests, after SIGTERM */
#define MAIN_DRAIN_MS	50

extern char **environ;

struct llmd {
	struct event_base	*base;
	struct options		 options;
	struct conf_world	 world;
	char			*found;		/* the path, if not given */
	struct conf		*conf;		/* the first; then workers' */
	struct upstream_shared	 shared;
	struct listen_set	 listen;
	struct mbox		*box;
	struct event		 box_event;
	int			 wake_fd;	/* of the rings */
	char			 instance[8];
	struct workers		*workers;
	struct plane		*plane;
	struct tls_policy	*tls;		/* of our listeners, or NULL */
	pthread_t		 trust_thread;
	bool			 trusting;	/* it was started */
	struct event		 signals[5];
	unsigned		 nsignals;
	struct event		 drain;
	uint64_t		 drain_until_ms; /* 0: not stopping */
	bool			 hup_stops;
	bool			 tty;
};

/*
 * Starting.
 */

static void __attribute__((format(printf, 1, 2)))
main_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

/* What the configuration says may hold anything: malloc'd, safe to print. */
static char *
main_escape(const char *s)
{
	size_t n = strlen(s), cap = TEXT_ESCAPE_MAX(n);
	char *out = xmalloc(cap);

	text_escape(out, cap, s, n, 0);
	return out;
}

/* Remarks on the configuration, and why it is refused. */
static void
main_remarks(const struct conf_remarks *r, bool all)
{
	char *text;

	if (r->n == 0)
		return;
	text = conf_remarks_text(r, all);
	fputs(text, stderr);
	free(text);
}

static int
main_check(struct llmd *d, struct conf *c, struct conf_remarks *r)
{
	struct json_object *o;
	char *text;

	if (d->options.json) {
		o = conf_check_json(c, r);
		puts(json_object_to_json_string_ext(o,
		    JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
		json_object_put(o);
	} else {
		main_remarks(r, true);
		if (c != NULL) {
			text = conf_summary(c);
			printf("config OK (%s)\n", text);
			free(text);
		}
	}
	return c == NULL ? MAIN_EX_CONFIG : 0;
}

/* Where the configuration is; NULL after a message. */
static bool
main_find_config(struct llmd *d)
{
	struct conf_options *o = &d->options.conf;

	if (o->path != NULL || o->model != NULL)
		return true;
	o->path = d->found = conf_find(d->world.env);
	if (o->path != NULL)
		return true;
	main_say("llmd: there is no configuration\n"
	    "  looked for: $CONFIG_FILE_PATH, ./config.yaml, "
	    "$XDG_CONFIG_HOME/llmd/config.yaml,\n"
	    "              /etc/llmd/config.yaml\n"
	    "  hint: llmd --config FILE, or without a file: "
	    "llmd --model ollama/llama3");
	return false;
}

static unsigned
main_cgroup_cpus(void)
{
	unsigned long long quota, period;
	unsigned n = 0;
	FILE *f;

	f = fopen("/sys/fs/cgroup/cpu.max", "re");
	if (f == NULL)
		return 0;
	if (fscanf(f, "%llu %llu", &quota, &period) == 2 && period > 0)
		n = (unsigned)((quota + period - 1) / period);
	fclose(f);
	return n;
}

/* min(4, affinity, cgroup quota), at least 1. */
static unsigned
main_workers(const struct conf *c)
{
	unsigned n = 4, k;
	cpu_set_t set;

	if (c->workers != 0)
		return c->workers;
	if (sched_getaffinity(0, sizeof set, &set) == 0 &&
	    (k = (unsigned)CPU_COUNT(&set)) < n)
		n = k;
	k = main_cgroup_cpus();
	if (k != 0 && k < n)
		n = k;
	return n == 0 ? 1 : n;
}

static void
main_instance(char out[8])
{
	unsigned char r[4];
	unsigned i;

	while (getrandom(r, sizeof r, 0) != sizeof r)
		;
	for (i = 0; i < 4; i++)
		out[i] = "0123456789abcdefghijklmnopqrstuv"[r[i] & 31];
	out[4] = '\0';
}

static int
main_proxy(struct llmd *d)
{
	const struct conf_env *e = d->world.env;
	const char *url = conf_env_get(e, "HTTPS_PROXY"), *no;
	char *cause = NULL;

	if (url == NULL)
		url = conf_env_get(e, "https_proxy");
	no = conf_env_get(e, "NO_PROXY");
	if (no == NULL)
		no = conf_env_get(e, "no_proxy");
	if (url == NULL || *url == '\0')
		return 0;
	if (upstream_proxy_parse(&d->shared.proxy, url, no, &cause) == 0)
		return 0;
	main_say("llmd: HTTPS_PROXY cannot be used: %s\n"
	    "  hint: HTTPS_PROXY=http://proxy.example:3128, or unset it",
	    cause);
	free(cause);
	return -1;
}

static int
main_tls(struct llmd *d)
{
	const char *cause;

	if (d->conf->tls_cert == NULL)
		return 0;
	d->tls = tls_policy_server(d->conf->tls_cert, d->conf->tls_key);
	if (tls_policy_load(d->tls, &cause) == 0)
		return 0;
	main_say("llmd: https cannot be served: %s\n"
	    "  hint: --ssl_certfile_path and --ssl_keyfile_path name PEM files "
	    "that llmd can read", cause);
	return -1;
}

static int
main_listen(struct llmd *d, unsigned workers)
{
	static const char *const local[] = { "localhost" };
	struct conf *c = d->conf;
	char *cause = NULL, *hint = NULL, *cmd;

	xasprintf(&cmd, "llmd --config %s",
	    d->options.conf.path == NULL ? "config.yaml" :
	    d->options.conf.path);
	if (listen_open(&d->listen, c->nhosts == 0 ? local :
	    (const char *const *)c->hosts, c->nhosts == 0 ? 1 : c->nhosts,
	    c->port, workers, cmd, &cause, &hint) != 0) {
		main_say("llmd: %s%s%s", cause, hint == NULL ? "" :
		    "\n  hint: ", hint == NULL ? "" : hint);
		free(cause);
		free(hint);
		free(cmd);
		return -1;
	}
	free(cmd);
	return 0;
}

static void
main_conf_free_cb(struct conf *c, void *arg)
{
	struct llmd *d = arg;

	conf_free(&d->world, c);
}

static void *
main_trust_thread(void *arg)
{
	trust_load(arg);
	return NULL;
}

/* Trust stores are read after listening: they take 50 ms. */
static void
main_load_trust(struct llmd *d)
{
	const struct conf *c = d->conf;
	sigset_t all, old;
	unsigned i, n = 0;

	for (i = 0; i < c->nbackends; i++)
		if (c->backends[i]->tls) {
			trust_get(d->shared.trust, c->backends[i]->tls_verify,
			    c->backends[i]->tls_ca);
			n++;
		}
	if (n == 0)
		return;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	d->trusting = pthread_create(&d->trust_thread, NULL,
	    main_trust_thread, d->shared.trust) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* "localhost:4000" for people, whatever the address is. */
static void
main_greet(struct llmd *d)
{
	const struct conf *c = d->conf;
	const char *scheme = c->tls_cert != NULL ? "https" : "http";
	const struct route *r = NULL;
	char *summary = conf_summary(c), *safe = main_escape(summary);
	char addr[64];
	unsigned i;

	main_say("llmd %s: %s", LLMD_VERSION, safe);
	free(summary);
	free(safe);
	if (c->open)
		main_say("llmd: no key is needed%s: general_settings."
		    "master_key sets one", c->nhosts == 0 ?
		    ", on localhost only" : "");
	for (i = 0; i < d->listen.n; i++)
		if (d->listen.addrs[i].loopback)
			break;
	if (i < d->listen.n)
		main_say("llmd: listening on %s://localhost:%u (Press CTRL+C "
		    "to quit)", scheme, d->listen.port);
	else
		main_say("llmd: listening on %s://%s (Press CTRL+C to quit)",
		    scheme, resolve_addr_text(&d->listen.addrs[0].addr.sa,
		    addr));
	for (i = 0; (r = route_table_at(c->routes, i)) != NULL; i++)
		if (r->ntiers > 0 && !r->wildcard)
			break;
	safe = main_escape(r == NULL ? "MODEL" : r->model);
	main_say("try: curl localhost:%u/v1/models   or: llmctl test %s",
	    d->listen.port, safe);
	free(safe);
}

/*
 * Signals and the end.
 */

static void
main_stop_now(struct llmd *d)
{
	event_base_loopbreak(d->base);
}

static void
main_drain_cb(evutil_socket_t fd, short what, void *arg)
{
	struct llmd *d = arg;
	unsigned busy = workers_busy(d->workers);

	(void)fd;
	(void)what;
	if (busy == 0 || clock_ms() >= d->drain_until_ms) {
		if (busy > 0)
			log_warnx("%u requests did not end in time and are "
			    "cut", busy);
		main_stop_now(d);
	}
}

/* Finish what runs, then stop; a second signal stops at once. */
static void
main_stop(struct llmd *d, const char *why)
{
	struct timeval tv = { 0, MAIN_DRAIN_MS * 1000 };
	unsigned busy;

	if (d->drain_until_ms != 0) {
		main_stop_now(d);
		return;
	}
	busy = workers_busy(d->workers);
	d->drain_until_ms = clock_ms() + MAIN_GRACE_MS;
	log_info("%s: stopping%s", why, busy == 0 ? "" :
	    " when the running requests are done (again to stop now)");
	notify_send(conf_env_get(d->world.env, "NOTIFY_SOCKET"),
	    "STOPPING=1\n");
	workers_drain(d->workers);
	event_add(&d->drain, &tv);
	if (busy == 0)
		main_stop_now(d);
}

static void
main_signal_cb(evutil_socket_t sig, short what, void *arg)
{
	struct llmd *d = arg;

	(void)what;
	switch (sig) {
	case SIGHUP:
		if (d->hup_stops)
			main_stop(d, "hangup");
		else
			plane_reload(d->plane);
		break;
	case SIGUSR1:
		plane_reopen_logs(d->plane);
		break;
	case SIGINT:
		main_stop(d, "interrupted");
		break;
	default:
		main_stop(d, "terminated");
		break;
	}
}

static void
main_signal(struct llmd *d, int sig)
{
	struct event *e = &d->signals[d->nsignals++];

	event_assign(e, d->base, sig, EV_SIGNAL | EV_PERSIST, main_signal_cb,
	    d);
	event_add(e, NULL);
}

/* SIGHUP ignored at the start (nohup) stays ignored; with a controlling
 * terminal it means the terminal is gone; else it is "reload". */
static void
main_signals(struct llmd *d)
{
	struct sigaction sa;

	signal(SIGPIPE, SIG_IGN);
	main_signal(d, SIGINT);
	main_signal(d, SIGTERM);
	main_signal(d, SIGUSR1);
	sigaction(SIGHUP, NULL, &sa);
	if (sa.sa_handler != SIG_IGN) {
		d->hup_stops = isatty(STDIN_FILENO) &&
		    getpgrp() == tcgetpgrp(STDIN_FILENO);
		main_signal(d, SIGHUP);
	}
}

static void
main_box_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	mbox_run(arg);
}

static int
main_serve(struct llmd *d)
{
	struct workers_args wa = { .listen = &d->listen, .conf = d->conf,
	    .shared = &d->shared, .main_box = d->box,
	    .ring_wake_fd = d->wake_fd, .instance = d->instance,
	    .conf_free = main_conf_free_cb, .conf_free_arg = d };
	struct plane_args pa = { .base = d->base, .world = &d->world,
	    .options = &d->options.conf, .conf = d->conf,
	    .shared = &d->shared, .listen = &d->listen,
	    .wake_fd = d->wake_fd, .instance = d->instance };
	char *cause = NULL, *hint = NULL;
	int rc;

	wa.n = d->listen.workers;
	rc = plane_open(&pa, &d->plane, &cause, &hint);
	if (rc != 0) {
		main_say("llmd: %s%s%s", cause, hint == NULL ? "" :
		    "\n  hint: ", hint == NULL ? "" : hint);
		free(cause);
		free(hint);
		return rc;
	}
	/* The sockets listen already: what connects now waits its turn. */
	main_greet(d);
	wa.tls = d->tls;
	d->workers = workers_start(&wa);
	plane_start(d->plane, d->workers);
	main_load_trust(d);
	d->conf = NULL;
	notify_send(conf_env_get(d->world.env, "NOTIFY_SOCKET"),
	    "READY=1\n");
	event_base_loop(d->base, EVLOOP_NO_EXIT_ON_EMPTY);
	workers_stop(d->workers);
	mbox_run(d->box);
	plane_free(d->plane);
	workers_free(d->workers);
	return 0;
}

static void
main_loop_init(struct llmd *d)
{
	struct event_config *cfg = event_config_new();

	event_config_set_flag(cfg, EVENT_BASE_FLAG_NOLOCK);
	d->base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	d->box = mbox_new(d);
	d->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (d->base == NULL || d->box == NULL || d->wake_fd < 0)
		fatal("no event loop");
	event_assign(&d->box_event, d->base, mbox_fd(d->box),
	    EV_READ | EV_PERSIST, main_box_cb, d->box);
	event_add(&d->box_event, NULL);
	event_assign(&d->drain, d->base, -1, EV_PERSIST, main_drain_cb, d);
	main_signals(d);
}

static void
main_loop_fini(struct llmd *d)
{
	unsigned i;

	for (i = 0; i < d->nsignals; i++)
		event_del(&d->signals[i]);
	event_del(&d->drain);
	event_del(&d->box_event);
	mbox_close(d->box);
	close(d->wake_fd);
	event_base_free(d->base);
}

/* What runs while the sockets listen: the exit status. */
static int
main_loop(struct llmd *d)
{
	int rc;

	log_set_level((enum log_level)d->conf->log_level);
	/* Core dumps and ptrace would show keys. */
	prctl(PR_SET_DUMPABLE, 0);
	main_instance(d->instance);
	d->shared.resolve = resolve_new();
	d->shared.trust = trust_new();
	main_loop_init(d);
	if (log_start() != 0)
		fatal("no log thread");
	rc = main_serve(d);
	main_loop_fini(d);
	/* OpenSSL's own end must not overtake it. */
	if (d->trusting)
		pthread_join(d->trust_thread, NULL);
	resolve_free(d->shared.resolve);
	trust_free(d->shared.trust);
	log_stop();
	return rc;
}

static int
main_run(struct llmd *d)
{
	int rc = 1;

	if (main_proxy(d) == 0 && main_tls(d) == 0 &&
	    main_listen(d, main_workers(d->conf)) == 0)
		rc = main_loop(d);
	tls_policy_unref(d->tls);
	upstream_proxy_fini(&d->shared.proxy);
	listen_close(&d->listen);
	return rc;
}

static int
main_configured(struct llmd *d)
{
	struct conf_remarks remarks = { 0 };
	int rc;

	if (!main_find_config(d))
		return MAIN_EX_CONFIG;
	d->conf = conf_load(&d->world, &d->options.conf, NULL, 0, &remarks);
	if (d->conf != NULL)
		d->conf->loaded_ns = clock_wall_ns();
	conf_env_seal(d->world.env, environ);
	if (d->options.action == OPTIONS_CHECK) {
		rc = main_check(d, d->conf,
		    d->conf != NULL ? &d->conf->remarks : &remarks);
		conf_remarks_fini(&remarks);
		return rc;
	}
	/* The first line says which keys are missing. */
	main_remarks(d->conf != NULL ? &d->conf->remarks : &remarks,
	    d->conf == NULL);
	conf_remarks_fini(&remarks);
	if (d->conf == NULL) {
		main_say("llmd: not started: the configuration has errors\n"
		    "  hint: correct it; llmd --check-config checks it "
		    "without starting");
		return MAIN_EX_CONFIG;
	}
	return main_run(d);
}

int
main(int argc, char **argv)
{
	struct llmd d = { 0 };
	int rc;

	umask(077);
	d.tty = isatty(STDERR_FILENO);
	log_init(STDERR_FILENO, LOG_L_INFO, d.tty);
	d.world.env = conf_env_new(environ);
	d.world.names = conf_names_new();
	d.world.states = map_new();
	rc = options_parse(&d.options, argc, argv, d.world.env);
	if (rc == 0 && d.options.action == OPTIONS_HELP)
		options_help();
	else if (rc == 0 && d.options.action == OPTIONS_VERSION)
		printf("llmd %s\n", LLMD_VERSION);
	else if (rc == 0)
		rc = main_configured(&d);
	conf_free(&d.world, d.conf);
	free(d.found);
	conf_names_free(d.world.names);
	map_free(d.world.states);
	conf_env_free(d.world.env);
	return rc;
}
