/* Load for an smtpd(8) that refuses recipients: unlike smtp-source(1), it goes on after a 550.
 *
 *   cc -O2 -pthread -o refusals refusals.c
 *   refusals PORT SESSIONS RECIPIENTS SENDER ADDRESSES
 *
 * ADDRESSES is a file with an address a line. The sessions share RECIPIENTS of them, each in a mail
 * transaction of its own (MAIL, RCPT, RSET: no message is ever sent), and are replaced after 20
 * transactions, as a mailing program's are. Prints a line of JSON.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 4096, A_SESSION = 20, LONGEST = 320, PATIENCE = 30 };

static int port;
static const char *sender;
static char **addresses;
static size_t address_count;
static long wanted;
static atomic_long offered, refused, accepted, failures;

/* Sends a line, if there is one, and returns the code of the answer; 0 if there is none. */
static int ask(int fd, const char *line) {
    char in[ROOM + 1];
    size_t length = 0;
    if (*line && write(fd, line, strlen(line)) < 0) return 0;
    while (length < ROOM) {
        ssize_t got = read(fd, in + length, ROOM - length);
        if (got <= 0) return 0;
        in[length += got] = 0;
        if (in[length - 1] != '\n') continue;
        char *last = memrchr(in, '\n', length - 1);
        last = last ? last + 1 : in;
        if (strlen(last) > 3 && last[3] == ' ') return atoi(last);
    }
    return 0;
}

static int transaction(int fd) {
    char line[2 * LONGEST];
    long number = atomic_fetch_add(&offered, 1);
    if (number >= wanted) return 0;
    snprintf(line, sizeof line, "MAIL FROM:<%s>\r\n", sender);
    if (ask(fd, line) != 250) return -1;
    snprintf(line, sizeof line, "RCPT TO:<%s>\r\n", addresses[number % address_count]);
    int code = ask(fd, line);
    if (code == 550) atomic_fetch_add(&refused, 1);
    else if (code == 250) atomic_fetch_add(&accepted, 1);
    else return -1;
    return ask(fd, "RSET\r\n") == 250 ? 1 : -1;
}

static int converse(int fd) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct timeval patience = {.tv_sec = PATIENCE};
    int one = 1, more = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, (struct sockaddr *)&address, sizeof address)) return -1;
    if (ask(fd, "") != 220 || ask(fd, "EHLO app.sender.test\r\n") != 250) return -1;
    for (int t = 0; t < A_SESSION && more > 0; t++) more = transaction(fd);
    return more < 0 || ask(fd, "QUIT\r\n") != 221 ? -1 : 0;
}

static void *run(void *unused) {
    (void)unused;
    while (atomic_load(&offered) < wanted && !atomic_load(&failures)) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (converse(fd)) atomic_fetch_add(&failures, 1);
        close(fd);
    }
    return NULL;
}

static void read_addresses(const char *name) {
    FILE *file = fopen(name, "r");
    char *line = NULL;
    size_t room = 0, slots = 0;
    ssize_t length;
    if (!file) {
        perror(name);
        exit(66);
    }
    while ((length = getline(&line, &room, file)) > 0) {
        line[strcspn(line, "\n")] = 0;
        if (!*line || length > LONGEST) continue;
        if (address_count == slots) addresses = realloc(addresses, (slots = slots ? 2 * slots : 1024) * sizeof *addresses);
        addresses[address_count++] = strdup(line);
    }
    fclose(file);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

int main(int count, char **arguments) {
    if (count != 6) {
        fprintf(stderr, "usage: refusals PORT SESSIONS RECIPIENTS SENDER ADDRESSES\n");
        return 64;
    }
    port = atoi(arguments[1]);
    int sessions = atoi(arguments[2]);
    wanted = atol(arguments[3]);
    sender = arguments[4];
    read_addresses(arguments[5]);
    if (!address_count || strlen(sender) > LONGEST || sessions < 1) {
        fprintf(stderr, "refusals: no address, no session, or a sender too long\n");
        return 65;
    }
    pthread_t *threads = calloc(sessions, sizeof *threads);
    double start = now();
    for (int s = 0; s < sessions; s++) pthread_create(&threads[s], NULL, run, NULL);
    for (int s = 0; s < sessions; s++) pthread_join(threads[s], NULL);
    printf("{\"seconds\": %.4f, \"refused\": %ld, \"accepted\": %ld, \"failures\": %ld}\n",
           now() - start, atomic_load(&refused), atomic_load(&accepted), atomic_load(&failures));
    return 0;
}
