/* SPDX-License-Identifier: ISC */
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include <openssl/err.h>

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netdb.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conn.h"
#include "control.h"
#include "models.h"
#include "rules.h"
#include "script.h"

struct main_listener {
	struct main_listener *next;
	struct loop_io	 io;
	struct sim	*sim;
	bool		 tls;
	bool		 control;
};

/* What the command line says. */
struct main_opts {
	const char	*host;
	const char	*port;
	const char	*control_port;
	const char	*tls_port;
	const char	*cert, *key;
	const char	*tls_version;
	const char	*models;
	const char	*log;
	FILE		*log_file;
	size_t		 keep, max;
};

static const char main_usage[] =
"usage: llmsim [options]\n"
"  --port N             listen there (11434); 0 picks one and prints it\n"
"  --host ADDR          address or localhost for both loopbacks (127.0.0.1)\n"
"  --control-port N     a second, always plain port that serves /__sim only\n"
"  --tls CERT KEY       TLS on --port\n"
"  --tls-port N         TLS there instead; --port stays plain\n"
"  --tls-version V      only TLS 1.0, 1.1, 1.2 or 1.3\n"
"  --dialect D          ollama, openai or all (all)\n"
"  --models A,B,C       the models it has (those of the recordings)\n"
"  --key KEY            /v1 wants it as a Bearer token\n"
"  --demo               friendly answers, word by word, for `make run'\n"
"  --pace-ms N          between tokens (0; 33 with --demo)\n"
"  --connect-proxy      tunnels CONNECT requests\n"
"  --connect-to H:P     ... all of them to this address\n"
"  --files DIR          where relative sse_file scripts are\n"
"  --log FILE           one JSON line per answered request\n"
"  --records N          requests kept for /__sim/requests (10000)\n"
"  --keep-body N        bytes kept of each body (1048576)\n"
"  --die-with-parent    ends when the starting process ends\n"
"  --keys               lists the script keys and exits\n"
"  --quiet              no notes; addresses only with --port 0\n";

enum main_opt {
	MAIN_PORT = 256, MAIN_HOST, MAIN_CONTROL, MAIN_TLS, MAIN_TLS_PORT,
	MAIN_TLS_VERSION, MAIN_DIALECT, MAIN_MODELS, MAIN_KEY, MAIN_DEMO,
	MAIN_PACE, MAIN_PROXY, MAIN_PROXY_TO, MAIN_FILES, MAIN_LOG,
	MAIN_RECORDS, MAIN_KEEP, MAIN_DIE, MAIN_KEYS, MAIN_QUIET, MAIN_HELP
};

static const struct option main_options[] = {
	{ "port", required_argument, NULL, MAIN_PORT },
	{ "host", required_argument, NULL, MAIN_HOST },
	{ "control-port", required_argument, NULL, MAIN_CONTROL },
	{ "tls", required_argument, NULL, MAIN_TLS },
	{ "tls-port", required_argument, NULL, MAIN_TLS_PORT },
	{ "tls-version", required_argument, NULL, MAIN_TLS_VERSION },
	{ "dialect", required_argument, NULL, MAIN_DIALECT },
	{ "models", required_argument, NULL, MAIN_MODELS },
	{ "key", required_argument, NULL, MAIN_KEY },
	{ "demo", no_argument, NULL, MAIN_DEMO },
	{ "pace-ms", required_argument, NULL, MAIN_PACE },
	{ "connect-proxy", no_argument, NULL, MAIN_PROXY },
	{ "connect-to", required_argument, NULL, MAIN_PROXY_TO },
	{ "files", required_argument, NULL, MAIN_FILES },
	{ "log", required_argument, NULL, MAIN_LOG },
	{ "records", required_argument, NULL, MAIN_RECORDS },
	{ "keep-body", required_argument, NULL, MAIN_KEEP },
	{ "die-with-parent", no_argument, NULL, MAIN_DIE },
	{ "keys", no_argument, NULL, MAIN_KEYS },
	{ "quiet", no_argument, NULL, MAIN_QUIET },
	{ "help", no_argument, NULL, MAIN_HELP },
	{ NULL, 0, NULL, 0 }
};

static void
main_bad(const char *what)
{
	fprintf(stderr, "llmsim: %s\n%s", what, main_usage);
	exit(2);
}

static enum sim_dialect
main_dialect(const char *s)
{
	if (strcmp(s, "ollama") == 0)
		return SIM_OLLAMA;
	if (strcmp(s, "openai") == 0)
		return SIM_OPENAI;
	if (strcmp(s, "all") != 0)
		main_bad("--dialect is ollama, openai or all");
	return SIM_ALL;
}

static void
main_print_keys(void)
{
	struct buf b = { 0 };

	script_help(&b);
	fwrite(b.data, 1, b.len, stdout);
	buf_fini(&b);
	exit(0);
}

static void
main_option(struct sim *sim, struct main_opts *o, int c, char **argv)
{
	switch (c) {
	case MAIN_PORT: o->port = optarg; break;
	case MAIN_HOST: o->host = optarg; break;
	case MAIN_CONTROL: o->control_port = optarg; break;
	case MAIN_TLS:
		o->cert = optarg;
		o->key = argv[optind];
		if (o->key == NULL)
			main_bad("--tls wants CERT and KEY");
		optind++;
		break;
	case MAIN_TLS_PORT: o->tls_port = optarg; break;
	case MAIN_TLS_VERSION: o->tls_version = optarg; break;
	case MAIN_DIALECT: sim->dialect = main_dialect(optarg); break;
	case MAIN_MODELS: o->models = optarg; break;
	case MAIN_KEY: sim->key = optarg; break;
	case MAIN_DEMO:
		sim->demo = true;
		if (sim->pace_ms < 0)
			sim->pace_ms = 33;
		break;
	case MAIN_PACE: sim->pace_ms = strtod(optarg, NULL); break;
	case MAIN_PROXY: sim->connect_proxy = true; break;
	case MAIN_PROXY_TO: sim->proxy_to = optarg; break;
	case MAIN_FILES: sim->files = optarg; break;
	case MAIN_LOG: o->log = optarg; break;
	case MAIN_RECORDS: o->max = strtoul(optarg, NULL, 10); break;
	case MAIN_KEEP: o->keep = strtoul(optarg, NULL, 10); break;
	case MAIN_DIE: prctl(PR_SET_PDEATHSIG, SIGTERM); break;
	case MAIN_KEYS: main_print_keys(); break;
	case MAIN_QUIET: sim->quiet = true; break;
	case MAIN_HELP:
		fputs(main_usage, stdout);
		exit(0);
	default:
		fputs(main_usage, stderr);
		exit(2);
	}
}

static void
main_accept(void *arg, uint32_t ev)
{
	struct main_listener *l = arg;
	int i, fd;

	(void)ev;
	for (i = 0; i < 64; i++) {
		fd = accept4(l->io.fd, NULL, NULL,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			break;
		conn_open(l->sim, fd, l->tls, l->control);
	}
	if (i < 64 && (errno == EMFILE || errno == ENFILE))
		usleep(1000);	/* no descriptor: let the test's go first */
}

static void
main_announce(int fd, const char *what, bool tls)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	char host[64], port[16];

	if (getsockname(fd, (struct sockaddr *)&ss, &len) < 0 ||
	    getnameinfo((struct sockaddr *)&ss, len, host, sizeof(host), port,
	    sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return;
	printf(strchr(host, ':') != NULL ? "llmsim: %s on %s://[%s]:%s\n" :
	    "llmsim: %s on %s://%s:%s\n", what, tls ? "https" : "http", host,
	    port);
	fflush(stdout);
}

static void
main_bind(struct sim *sim, const struct addrinfo *ai, bool tls, bool control)
{
	struct main_listener *l;
	int fd, one = 1;

	fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0);
	if (fd < 0)
		err(1, "socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (ai->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) < 0 || listen(fd, 4096) < 0)
		err(1, "cannot listen");
	l = buf_alloc(sizeof(*l));
	l->sim = sim;
	l->tls = tls;
	l->control = control;
	l->io.fd = -1;
	l->io.cb = main_accept;
	l->io.arg = l;
	if (loop_add(sim->loop, &l->io, fd, EPOLLIN) < 0)
		err(1, "epoll");
	l->next = sim->listeners;
	sim->listeners = l;
	if (!sim->quiet || sim->port_0)
		main_announce(fd, control ? "control" : "listening", tls);
}

/* Listens on the address; "localhost" is 127.0.0.1 and, where it is, ::1. */
static void
main_listen(struct sim *sim, const char *host, const char *port, bool tls,
    bool control)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *ai;
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };
	struct addrinfo six = { .ai_family = AF_INET6 };
	int e, fd;

	hints.ai_flags = AI_PASSIVE;
	e = getaddrinfo(strcmp(host, "localhost") == 0 ? "127.0.0.1" : host,
	    port, &hints, &ai);
	if (e != 0)
		errx(1, "%s:%s: %s", host, port, gai_strerror(e));
	main_bind(sim, ai, tls, control);
	freeaddrinfo(ai);
	if (strcmp(host, "localhost") != 0 || strcmp(port, "0") == 0)
		return;
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	sin6.sin6_addr = in6addr_loopback;
	sin6.sin6_port = htons((uint16_t)atoi(port));
	six.ai_addr = (struct sockaddr *)&sin6;
	six.ai_addrlen = sizeof(sin6);
	/* a container may have no ::1 */
	if (fd >= 0 && bind(fd, six.ai_addr, six.ai_addrlen) == 0) {
		close(fd);
		main_bind(sim, &six, tls, control);
	} else if (fd >= 0) {
		close(fd);
	}
}

static int
main_tls_version(const char *s)
{
	return strcmp(s, "1.0") == 0 ? TLS1_VERSION :
	    strcmp(s, "1.1") == 0 ? TLS1_1_VERSION :
	    strcmp(s, "1.2") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
}

static void
main_tls(struct sim *sim, const struct main_opts *o)
{
	SSL_CTX *ctx;
	int v;

	ctx = SSL_CTX_new(TLS_server_method());
	if (ctx == NULL)
		errx(1, "cannot set up TLS");
	if (SSL_CTX_use_certificate_chain_file(ctx, o->cert) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, o->key, SSL_FILETYPE_PEM) != 1)
		errx(1, "cannot load %s and %s: %s", o->cert, o->key,
		    ERR_reason_error_string(ERR_peek_error()));
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	if (o->tls_version != NULL) {
		v = main_tls_version(o->tls_version);
		if (v < TLS1_2_VERSION)
			SSL_CTX_set_cipher_list(ctx, "ALL:@SECLEVEL=0");
		SSL_CTX_set_min_proto_version(ctx, v);
		SSL_CTX_set_max_proto_version(ctx, v);
	}
	sim->tls = ctx;
}

static void
main_signal(void *arg, uint32_t ev)
{
	(void)ev;
	loop_stop(((struct sim *)arg)->loop);
}

/* As many descriptors as the hard limit allows. */
static void
main_limits(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur < rl.rlim_max) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
	signal(SIGPIPE, SIG_IGN);
}

static void
main_start(struct sim *sim, struct main_opts *o)
{
	FILE *log = NULL;

	sim->loop = loop_new();
	sim->start_us = loop_now_us();
	sim->models = models_new(o->models);
	sim->rules = rules_new();
	sim->plain = script_new("plain");
	sim->records = records_new(o->max, o->keep);
	sim->control = control_new(sim);
	if (o->log != NULL) {
		log = fopen(o->log, "a");
		if (log == NULL)
			err(1, "%s", o->log);
		records_log(sim->records, log);
		o->log_file = log;
	}
	if (o->cert != NULL)
		main_tls(sim, o);
	sim->port_0 = strcmp(o->port, "0") == 0;
	main_listen(sim, o->host, o->port,
	    o->cert != NULL && o->tls_port == NULL, false);
	if (o->tls_port != NULL) {
		if (o->cert == NULL)
			main_bad("--tls-port needs --tls CERT KEY");
		main_listen(sim, o->host, o->tls_port, true, false);
	}
	if (o->control_port != NULL)
		main_listen(sim, o->host, o->control_port, false, true);
	if (!sim->quiet)
		fprintf(stderr, "llmsim: pid %d, %zu models\n", (int)getpid(),
		    models_count(sim->models));
}

static void
main_stop(struct sim *sim)
{
	struct main_listener *l;

	while ((l = sim->listeners) != NULL) {
		sim->listeners = l->next;
		close(l->io.fd);
		free(l);
	}
	while (sim->conns != NULL)
		conn_close(sim->conns, RECORD_SERVER_FIN);
	loop_run(sim->loop);		/* only frees what waits */
	control_free(sim->control);
	records_free(sim->records);
	rules_free(sim->rules);
	models_free(sim->models);
	script_unref(sim->plain);
	if (sim->tls != NULL)
		SSL_CTX_free(sim->tls);
	loop_free(sim->loop);
}

int
main(int argc, char **argv)
{
	struct main_opts o = { .host = "127.0.0.1", .port = "11434",
	    .keep = 1024 * 1024, .max = 10000 };
	struct sim sim = { .pace_ms = -1 };
	struct loop_io sig = { .fd = -1, .cb = main_signal, .arg = &sim };
	sigset_t set;
	int c, fd;

	while ((c = getopt_long(argc, argv, "", main_options, NULL)) != -1)
		main_option(&sim, &o, c, argv);
	if (optind != argc)
		main_bad("unexpected argument");
	main_limits();
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	main_start(&sim, &o);
	if (fd < 0 || loop_add(sim.loop, &sig, fd, EPOLLIN) < 0)
		err(1, "signalfd");
	loop_run(sim.loop);
	main_stop(&sim);
	if (o.log_file != NULL)
		fclose(o.log_file);
	close(fd);
	return 0;
}
