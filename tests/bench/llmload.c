/* SPDX-License-Identifier: ISC */
/*
 * The two ends of `make bench`: a backend that costs next to nothing and a
 * client that holds thousands of streams.  Shares no code with the product;
 * it trusts its peers and is good for nothing else.
 *
 *   llmload serve PORT RATE        OpenAI and Ollama chat; a stream gets RATE
 *                                  events a second for ever
 *   llmload streams HOST PORT N SECONDS PATH MODEL KEY
 *                                  opens N streams, counts for SECONDS, prints
 *                                  one JSON object
 *
 * Each event carries the time it was sent at, so that the client can tell how
 * long the way through the gateway took.
 */
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FDS	65536
#define INBUF	(2u << 20)

struct peer {
	int		 fd;
	char		*in;
	size_t		 n, cap;
	int		 stream;	/* 0 no, 1 SSE, 2 NDJSON */
	int		 idle;		/* a stream without events */
	uint64_t	 events;
	struct peer	*next;		/* in its bucket */
	struct peer	**prev;
};

static struct peer *peers[FDS];
static struct peer *buckets[1000];
static unsigned period_ms = 20;
static char scratch[1 << 18];

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int
nonblock(int fd)
{
	int one = 1;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return fd;
}

static void
peer_close(struct peer *p)
{
	if (p->prev != NULL) {
		*p->prev = p->next;
		if (p->next != NULL)
			p->next->prev = p->prev;
	}
	peers[p->fd] = NULL;
	close(p->fd);
	free(p->in);
	free(p);
}

/*
 * serve
 */

static const char reply_openai[] =
    "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\","
    "\"created\":1763800000,\"model\":\"bench-model\",\"choices\":[{"
    "\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"
    "\"The budget review is on the list for Thursday, high priority.\","
    "\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"stop\"}],"
    "\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":13,"
    "\"total_tokens\":24},\"system_fingerprint\":null}";
static const char reply_ollama[] =
    "{\"model\":\"bench-model\",\"created_at\":\"2026-11-22T10:00:00Z\","
    "\"message\":{\"role\":\"assistant\",\"content\":"
    "\"The budget review is on the list for Thursday, high priority.\"},"
    "\"done\":true,\"done_reason\":\"stop\",\"total_duration\":5000000,"
    "\"prompt_eval_count\":11,\"eval_count\":13,\"eval_duration\":4000000}";

static void
put(struct peer *p, const char *s, size_t n)
{
	/* Loopback buffers are large; a peer that is full loses bytes, and
	 * the count of events tells. */
	if (write(p->fd, s, n) < 0 && errno != EAGAIN)
		p->stream = 0;
}

static void
send_event(struct peer *p)
{
	char body[512], chunk[600];
	int n;

	if (p->stream == 1)
		n = snprintf(body, sizeof body, "data: {\"id\":\"chatcmpl-b\","
		    "\"object\":\"chat.completion.chunk\",\"created\":"
		    "1763800000,\"model\":\"bench-model\",\"choices\":[{"
		    "\"index\":0,\"delta\":{\"content\":\"T%020llu \"},"
		    "\"logprobs\":null,\"finish_reason\":null}]}\n\n",
		    (unsigned long long)now_ns());
	else
		n = snprintf(body, sizeof body, "{\"model\":\"bench-model\","
		    "\"created_at\":\"2026-11-22T10:00:00.123456789Z\","
		    "\"message\":{\"role\":\"assistant\",\"content\":"
		    "\"T%020llu \"},\"done\":false}\n",
		    (unsigned long long)now_ns());
	n = snprintf(chunk, sizeof chunk, "%x\r\n%s\r\n", n, body);
	put(p, chunk, (size_t)n);
	p->events++;
}

static void
start_stream(struct peer *p)
{
	static const char sse[] = "HTTP/1.1 200 OK\r\nContent-Type: "
	    "text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
	static const char nd[] = "HTTP/1.1 200 OK\r\nContent-Type: "
	    "application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n";
	static unsigned turn;
	struct peer **b;

	if (p->stream == 1)
		put(p, sse, sizeof sse - 1);
	else
		put(p, nd, sizeof nd - 1);
	send_event(p);
	if (p->idle)
		return;
	b = &buckets[turn++ % period_ms];
	p->next = *b;
	p->prev = b;
	if (*b != NULL)
		(*b)->prev = &p->next;
	*b = p;
}

static void
answer(struct peer *p, const char *head, const char *body, size_t n)
{
	int ollama = memmem(head, 64, " /api/", 6) != NULL;
	const char *r = ollama ? reply_ollama : reply_openai;
	char out[2048];
	int len;

	if (memmem(body, n, "\"stream\":true", 13) != NULL) {
		p->idle = memmem(body, n, "idle", 4) != NULL;
		p->stream = ollama ? 2 : 1;
		start_stream(p);
		return;
	}
	len = snprintf(out, sizeof out, "HTTP/1.1 200 OK\r\nContent-Type: "
	    "application/json\r\nContent-Length: %zu\r\n\r\n%s", strlen(r),
	    r);
	put(p, out, (size_t)len);
}

/* One request after the other out of the buffer. */
static void
serve_input(struct peer *p)
{
	char *end, *cl;
	size_t head, body;

	for (;;) {
		p->in[p->n] = '\0';
		end = memmem(p->in, p->n, "\r\n\r\n", 4);
		if (end == NULL)
			return;
		head = (size_t)(end - p->in) + 4;
		cl = strcasestr(p->in, "content-length:");
		body = cl != NULL && cl < end ? strtoul(cl + 15, NULL, 10) : 0;
		if (p->n < head + body)
			return;
		answer(p, p->in, p->in + head, body);
		memmove(p->in, p->in + head + body, p->n - head - body);
		p->n -= head + body;
	}
}

static void
serve_read(struct peer *p)
{
	ssize_t n;

	if (p->cap - p->n < 65536) {
		p->cap = p->cap == 0 ? 4096 + 65536 : p->cap * 2;
		p->in = realloc(p->in, p->cap + 1);
	}
	n = read(p->fd, p->in + p->n, p->cap - p->n);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		peer_close(p);
		return;
	}
	p->n += (size_t)n;
	serve_input(p);
	if (p->n == 0 && p->cap > 262144) {
		free(p->in);
		p->in = NULL;
		p->cap = 0;
	}
}

static void
serve_tick(uint64_t *at)
{
	uint64_t now = now_ns() / 1000000;
	struct peer *p;

	for (; *at < now; (*at)++)
		for (p = buckets[*at % period_ms]; p != NULL; p = p->next)
			send_event(p);
}

static int
serve(int port, unsigned rate)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct itimerspec its = { { 0, 1000000 }, { 0, 1000000 } };
	struct epoll_event ev = { .events = EPOLLIN }, evs[512];
	int l, ep, tf, one = 1, i, n, fd;
	uint64_t at = now_ns() / 1000000, ticks;

	period_ms = rate == 0 ? 1000 : 1000 / rate;
	if (period_ms == 0)
		period_ms = 1;
	l = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(l, (struct sockaddr *)&sa, sizeof sa) != 0 ||
	    listen(l, 4096) != 0) {
		perror("llmload: bind");
		return 1;
	}
	nonblock(l);
	ep = epoll_create1(0);
	ev.data.fd = l;
	epoll_ctl(ep, EPOLL_CTL_ADD, l, &ev);
	tf = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	timerfd_settime(tf, 0, &its, NULL);
	ev.data.fd = tf;
	epoll_ctl(ep, EPOLL_CTL_ADD, tf, &ev);
	for (;;) {
		n = epoll_wait(ep, evs, 512, -1);
		for (i = 0; i < n; i++) {
			fd = evs[i].data.fd;
			if (fd == tf) {
				if (read(tf, &ticks, sizeof ticks) > 0)
					serve_tick(&at);
			} else if (fd == l) {
				while ((fd = accept(l, NULL, NULL)) >= 0 &&
				    fd < FDS) {
					peers[nonblock(fd)] =
					    calloc(1, sizeof(struct peer));
					peers[fd]->fd = fd;
					ev.data.fd = fd;
					epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
				}
			} else if (peers[fd] != NULL)
				serve_read(peers[fd]);
		}
	}
}

/*
 * streams
 */

static int
cmp_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

#define LATENCIES	(1u << 20)
static uint32_t *latency_us;
static uint32_t nlatency;

/* Counts the time stamps in what came: "T" and 20 digits, never split here
 * because each event is written at once. */
static unsigned
count_events(const char *p, size_t n, uint64_t now)
{
	const char *end = p + n, *t = p;
	unsigned k = 0;

	while ((t = memchr(t, 'T', (size_t)(end - t))) != NULL) {
		if (end - t > 21 && t[1] >= '0' && t[1] <= '9' &&
		    t[21] == ' ') {
			uint64_t at = strtoull(t + 1, NULL, 10);

			latency_us[nlatency++ % LATENCIES] =
			    (uint32_t)((now - at) / 1000);
			k++;
		}
		t++;
	}
	return k;
}

static int
open_stream(struct sockaddr_in *sa, const char *path, const char *model,
    const char *key)
{
	char body[512], req[2048];
	int fd, n;

	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || fd >= FDS ||
	    connect(fd, (struct sockaddr *)sa, sizeof *sa) != 0)
		return -1;
	n = snprintf(body, sizeof body, "{\"model\":\"%s\",\"messages\":[{"
	    "\"role\":\"user\",\"content\":\"Create a high-priority task for "
	    "the quarterly review and remind me on Thursday\"}],"
	    "\"temperature\":0.7,\"max_tokens\":256,\"stream\":true}", model);
	n = snprintf(req, sizeof req, "POST %s HTTP/1.1\r\nHost: localhost\r\n"
	    "Authorization: Bearer %s\r\nContent-Type: application/json\r\n"
	    "Content-Length: %d\r\n\r\n%s", path, key, n, body);
	if (write(fd, req, (size_t)n) != n) {
		close(fd);
		return -1;
	}
	return nonblock(fd);
}

static int
streams(char **v)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
	    .sin_port = htons((uint16_t)atoi(v[1])) };
	unsigned n = (unsigned)atoi(v[2]), i, errors = 0, open = 0;
	double seconds = atof(v[3]);
	struct epoll_event ev = { .events = EPOLLIN }, evs[512];
	uint64_t events = 0, bytes = 0, t0, now, until;
	int ep = epoll_create1(0), k, fd, m;

	inet_pton(AF_INET, v[0], &sa.sin_addr);
	latency_us = malloc(LATENCIES * sizeof *latency_us);
	for (i = 0; i < n; i++) {
		fd = open_stream(&sa, v[4], v[5], v[6]);
		if (fd < 0) {
			errors++;
			continue;
		}
		open++;
		ev.data.fd = fd;
		epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
	}
	/* Everybody is connected: say so, then count. */
	printf("{\"open\":%u}\n", open);
	fflush(stdout);
	t0 = 0;
	until = UINT64_MAX;
	for (;;) {
		m = epoll_wait(ep, evs, 512, 50);
		now = now_ns();
		if (t0 == 0) {
			t0 = now;
			until = t0 + (uint64_t)(seconds * 1e9);
		}
		for (k = 0; k < m; k++) {
			ssize_t r = read(evs[k].data.fd, scratch,
			    sizeof scratch);

			if (r > 0) {
				bytes += (uint64_t)r;
				events += count_events(scratch, (size_t)r,
				    now);
			} else if (r == 0 || errno != EAGAIN) {
				errors++;
				close(evs[k].data.fd);
			}
		}
		if (now >= until)
			break;
	}
	k = (int)(nlatency < LATENCIES ? nlatency : LATENCIES);
	qsort(latency_us, (size_t)k, sizeof *latency_us, cmp_u32);
	printf("{\"events\":%llu,\"bytes\":%llu,\"errors\":%u,\"seconds\":%.3f,"
	    "\"p50_us\":%u,\"p99_us\":%u}\n", (unsigned long long)events,
	    (unsigned long long)bytes, errors, (double)(now - t0) / 1e9,
	    k == 0 ? 0 : latency_us[k / 2],
	    k == 0 ? 0 : latency_us[(size_t)k * 99 / 100]);
	return 0;
}

int
main(int argc, char **argv)
{
	struct rlimit rl;

	signal(SIGPIPE, SIG_IGN);
	getrlimit(RLIMIT_NOFILE, &rl);
	rl.rlim_cur = rl.rlim_max;
	setrlimit(RLIMIT_NOFILE, &rl);
	if (argc == 4 && strcmp(argv[1], "serve") == 0)
		return serve(atoi(argv[2]), (unsigned)atoi(argv[3]));
	if (argc == 9 && strcmp(argv[1], "streams") == 0)
		return streams(argv + 2);
	fprintf(stderr, "usage: llmload serve PORT RATE | "
	    "streams HOST PORT N SECONDS PATH MODEL KEY\n");
	return 64;
}
