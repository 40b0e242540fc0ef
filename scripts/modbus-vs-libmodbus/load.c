// Load generator for Modbus TCP servers: one process, one epoll loop, one
// outstanding request per connection. Every answer is checked.
//
//   load HOST PORT CONNECTIONS REGISTERS SECONDS SERVER_PID
//
// prints: requests per second, microseconds of server CPU per request, p50 and p99
// of the answer time in microseconds, and the CPU that the server uses without
// requests, in percent of a core. That part, which a meter needs for measuring, is
// not counted as a cost of requests.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct client {
	int fd;
	unsigned short transaction;
	int got;
	long long sent_ns;
	unsigned char answer[300];
};

static void fail(const char *what) {
	perror(what);
	exit(1);
}

static long long now_ns(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

// CPU time of all threads of the server, from the scheduler's own count.
static long long cpu_ns(const char *pid) {
	char path[512];
	snprintf(path, sizeof path, "/proc/%s/task", pid);
	DIR *d = opendir(path);
	if (!d) fail("server process");
	long long sum = 0;
	struct dirent *e;
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.') continue;
		snprintf(path, sizeof path, "/proc/%s/task/%s/schedstat", pid, e->d_name);
		FILE *f = fopen(path, "r");
		long long ns = 0;
		if (f) {
			if (fscanf(f, "%lld", &ns) == 1) sum += ns;
			fclose(f);
		}
	}
	closedir(d);
	return sum;
}

static int registers;

static void ask(struct client *c) {
	unsigned char q[12] = {0, 0, 0, 0, 0, 6, 1, 3, 0x0B, 0xB7, 0, 0};
	c->transaction++;
	q[0] = c->transaction >> 8;
	q[1] = c->transaction;
	q[11] = registers;
	c->got = 0;
	c->sent_ns = now_ns();
	if (send(c->fd, q, sizeof q, MSG_NOSIGNAL) != sizeof q) fail("send");
}

#define BUCKETS 20000 // of one microsecond
static long long histogram[BUCKETS];

static double percentile(long long total, double p) {
	long long seen = 0;
	for (int i = 0; i < BUCKETS; i++)
		if ((seen += histogram[i]) >= total * p) return i;
	return BUCKETS;
}

int main(int argc, char **argv) {
	if (argc != 7) {
		fprintf(stderr, "usage: load HOST PORT CONNECTIONS REGISTERS SECONDS SERVER_PID\n");
		return 2;
	}
	int connections = atoi(argv[3]);
	registers = atoi(argv[4]);
	double seconds = atof(argv[5]);
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2]))};
	if (inet_pton(AF_INET, argv[1], &to.sin_addr) != 1) fail("host");
	long long idle_from = now_ns(), idle_cpu = cpu_ns(argv[6]);
	sleep(1);
	double idle = (double)(cpu_ns(argv[6]) - idle_cpu) / (now_ns() - idle_from);
	int ep = epoll_create1(0);
	struct client *clients = calloc(connections, sizeof *clients);
	for (int i = 0; i < connections; i++) {
		struct client *c = &clients[i];
		c->fd = socket(AF_INET, SOCK_STREAM, 0);
		if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to)) fail("connect");
		int on = 1;
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
		if (epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e)) fail("epoll_ctl");
	}
	for (int i = 0; i < connections; i++) ask(&clients[i]);
	int want = 9 + 2 * registers;
	long long done = 0, cpu = 0, start = now_ns(), warm = start + 300000000LL, end = warm + (long long)(seconds * 1e9);
	int measuring = 0;
	for (;;) {
		struct epoll_event events[256];
		int n = epoll_wait(ep, events, 256, 10000);
		if (n < 0 && errno != EINTR) fail("epoll_wait");
		long long now = now_ns();
		if (!measuring && now >= warm) {
			measuring = 1;
			start = now;
			done = 0;
			memset(histogram, 0, sizeof histogram);
			cpu = cpu_ns(argv[6]);
		}
		if (now >= end) break;
		if (n == 0) {
			fprintf(stderr, "no answer for ten seconds\n");
			return 1;
		}
		for (int i = 0; i < n; i++) {
			struct client *c = events[i].data.ptr;
			ssize_t r = recv(c->fd, c->answer + c->got, sizeof c->answer - c->got, 0);
			if (r <= 0) fail("recv");
			c->got += r;
			if (c->got < want) continue;
			if (c->got > want || c->answer[0] != (c->transaction >> 8) || c->answer[1] != (c->transaction & 255) ||
			    c->answer[7] != 3 || c->answer[8] != 2 * registers) {
				fprintf(stderr, "wrong answer\n");
				return 1;
			}
			long long us = (now_ns() - c->sent_ns) / 1000;
			histogram[us < BUCKETS ? us : BUCKETS - 1]++;
			done++;
			ask(c);
		}
	}
	double took = (now_ns() - start) / 1e9;
	double used = (cpu_ns(argv[6]) - cpu) / 1e3 - idle * took * 1e6;
	printf("%.0f %.2f %.0f %.0f %.1f\n", done / took, used / done, percentile(done, 0.5), percentile(done, 0.99), 100 * idle);
	return 0;
}
