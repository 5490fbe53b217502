/*
 * The load generator: keeps `depth` messages in flight on each connection, and counts bytes. It parses no protocol: a reply is
 * `reply` bytes. That makes it the same for every server, and cheaper than any of them.
 *
 *   load PORT CONNECTIONS DEPTH MILLISECONDS REPLY_BYTES RATE < one message
 *
 * With a RATE above 0, it opens RATE connections a second, one per exchange, and ignores CONNECTIONS and DEPTH. Connects to
 * 127.0.0.1 only. Prints one line of JSON; latencies are in microseconds, from the write of a message to the last byte of its
 * reply. Exits with 1 and an error if a server closes, or is silent for ten seconds.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { MOST_BYTES = 1 << 25, READ_BYTES = 1 << 18, BLOCK_BYTES = 1 << 16, BUCKETS = 64 * 32, EVENTS = 256, SILENCE_MS = 10000 };

typedef struct {
  int fd, oldest, newest, blocked; /* indexes into `sent`, a ring of depth + 1 times */
  uint64_t unsent, heard;          /* bytes: still to write, and read of an incomplete reply */
  size_t place;                    /* offset in the message being written */
  uint64_t *sent;
} Connection;

static char *block, *input;
static size_t size, block_size;
static uint64_t reply, counted, buckets[BUCKETS], highest;
static int depth, epoll, port;

static void fail(const char *message) { fprintf(stderr, "load: %s (%s)\n", message, strerror(errno)); exit(1); }

static uint64_t now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1000000000ull + at.tv_nsec;
}

/* 32 buckets for each power of two: a latency is known to 3 %. */
static void count_latency(uint64_t ns) {
  int power = 63 - __builtin_clzll(ns | 32);
  buckets[(power - 5) * 32 + (ns >> (power - 5)) % 32]++;
  if (ns > highest) highest = ns;
  counted++;
}

static double percentile(double share) {
  uint64_t sum = 0, wanted = share * counted;
  for (int at = 0; at < BUCKETS; at++)
    if ((sum += buckets[at]) > wanted) return (at / 32 == 0 ? at : (32.5 + at % 32) * (1ull << (at / 32))) / 1000.0;
  return highest / 1000.0;
}

static void connect_to_server(Connection *to) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int yes = 1;
  to->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (to->fd < 0 || connect(to->fd, (struct sockaddr *)&address, sizeof address) < 0) fail("no connection");
  setsockopt(to->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = to};
  epoll_ctl(epoll, EPOLL_CTL_ADD, to->fd, &event);
  to->oldest = to->newest = to->blocked = 0;
  to->unsent = to->heard = to->place = 0;
}

static void watch_writable(Connection *to, int blocked) {
  if (to->blocked == blocked) return;
  to->blocked = blocked;
  struct epoll_event event = {.events = EPOLLIN | (blocked ? EPOLLOUT : 0), .data.ptr = to};
  epoll_ctl(epoll, EPOLL_CTL_MOD, to->fd, &event);
}

static void write_unsent(Connection *to) {
  while (to->unsent > 0) {
    size_t most = block_size - to->place, wanted = to->unsent < most ? to->unsent : most;
    ssize_t written = send(to->fd, block + to->place, wanted, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (written < 0 && errno != EAGAIN) fail("the server closed during a write");
    if (written > 0) { to->unsent -= written; to->place = (to->place + written) % size; }
    if (written < (ssize_t)wanted) return watch_writable(to, 1);
  }
  watch_writable(to, 0);
}

static void say(Connection *to, int messages, uint64_t at) {
  for (int i = 0; i < messages; i++) { to->sent[to->newest] = at; to->newest = (to->newest + 1) % (depth + 1); }
  to->unsent += messages * size;
  write_unsent(to);
}

/* Reads what has arrived; returns how many replies it completed. */
static int hear(Connection *from) {
  ssize_t length = recv(from->fd, input, READ_BYTES, MSG_DONTWAIT);
  if (length < 0 && errno == EAGAIN) return 0;
  if (length <= 0) fail("the server closed before its reply");
  from->heard += length;
  int answers = from->heard / reply;
  from->heard %= reply;
  if (answers == 0) return 0;
  uint64_t at = now();
  for (int i = 0; i < answers; i++) {
    if (from->oldest == from->newest) fail("more bytes than the replies should have");
    count_latency(at - from->sent[from->oldest]);
    from->oldest = (from->oldest + 1) % (depth + 1);
  }
  return answers;
}

int main(int count, char **arguments) {
  if (count != 7) fail("load PORT CONNECTIONS DEPTH MILLISECONDS REPLY_BYTES RATE < one message");
  port = atoi(arguments[1]), depth = atoi(arguments[3]), reply = atoi(arguments[5]);
  int connections = atoi(arguments[2]), rate = atoi(arguments[6]), open = 0, opened = 0;
  if (rate > 0) { connections = rate * 2; depth = 1; }
  block = malloc(MOST_BYTES), input = malloc(READ_BYTES), epoll = epoll_create1(0);
  size = fread(block, 1, MOST_BYTES, stdin);
  if (size == 0 || size == MOST_BYTES || reply == 0) fail("expected a message below 32 MiB and a reply length above 0");
  for (block_size = size; block_size + size <= BLOCK_BYTES; block_size += size) memcpy(block + block_size, block, size);
  struct epoll_event events[EVENTS];
  Connection *all = calloc(connections, sizeof *all);
  for (int i = 0; i < connections; i++) all[i].sent = malloc((depth + 1) * sizeof(uint64_t)), all[i].fd = -1;

  uint64_t start = now(), end = start + atoll(arguments[4]) * 1000000ull, at = start;
  for (int i = 0; rate == 0 && i < connections; i++, open++) { connect_to_server(&all[i]); say(&all[i], depth, now()); }
  while (at < end || (rate > 0 && open > 0)) {
    /* Open loop: at most one exchange per turn, each at its time, however slow the server is. */
    if (rate > 0 && at < end && at >= start + opened * (1000000000ull / rate)) {
      Connection *to = &all[opened++ % connections];
      if (to->fd >= 0) fail("the server is two seconds behind");
      connect_to_server(to); say(to, 1, at); open++;
    }
    int ready = epoll_wait(epoll, events, EVENTS, rate > 0 ? 1 : SILENCE_MS);
    if (ready == 0 && rate == 0) fail("the server was silent for ten seconds");
    for (int i = 0; i < ready; i++) {
      Connection *of = events[i].data.ptr;
      if (events[i].events & EPOLLOUT) write_unsent(of);
      if (!(events[i].events & ~EPOLLOUT)) continue;
      int answers = hear(of);
      if (rate == 0 && answers > 0) say(of, answers, now());
      else if (answers > 0) { close(of->fd); of->fd = -1; open--; }
    }
    at = now();
    if (at > end + SILENCE_MS * 1000000ull) fail("the server was silent for ten seconds");
  }
  printf("{\"messages\":%lu,\"seconds\":%.6f,\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f}\n", counted, (at - start) / 1e9,
         percentile(0.5), percentile(0.99), percentile(0.999));
}
