/* A load for the return path: it hands over DSNs as lmtp(8) does.
 *
 *   cc -O2 -pthread -o lmtpload lmtpload.c
 *   lmtpload SOCKET CONNECTIONS SECONDS FIRST RECIPIENT TEMPLATE
 *
 * SOCKET is the path of a unix socket. TEMPLATE is a file with a message, whose lines end in CR LF
 * and of which none begins with a dot; each octet 1 in it stands for the number of the message in
 * decimal, each octet 2 for the same in ten hexadecimal digits. Numbers begin with FIRST. Each
 * connection sends MAIL, RCPT and DATA in one write (PIPELINING, RFC 2920), then the message, and
 * waits for the 250, which means that the bounce is on the disk.
 *
 * Prints a line of JSON; latencies are from MAIL to the last reply, in microseconds. Anything but
 * a bounce that is recorded ends it with code 69.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { REPLY_ROOM = 4096, MOST_PLACES = 64, NUMBER_ROOM = 20 };

struct session {
    pthread_t thread;
    uint32_t *microseconds;
    size_t measured, room;
};

struct link {
    int fd;
    char in[REPLY_ROOM];
    size_t length, used;
};

static const char *path;
static char *template, *envelope;
static size_t template_length;
static atomic_ulong next_number;
static double deadline;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static void give_up(const char *why, const char *what) {
    fprintf(stderr, "lmtpload: %s: %s: %s\n", path, why, what);
    exit(69);
}

static void send_all(struct link *link, const char *data, size_t length) {
    while (length) {
        ssize_t part = write(link->fd, data, length);
        if (part <= 0) give_up("cannot write", "the connection is closed");
        data += part;
        length -= part;
    }
}

/* The next line, without its end. */
static const char *line_of(struct link *link) {
    for (;;) {
        char *start = link->in + link->used;
        char *end = memchr(start, '\n', link->length - link->used);
        if (end) {
            *end = 0;
            link->used = end + 1 - link->in;
            return start;
        }
        memmove(link->in, start, link->length -= link->used);
        link->used = 0;
        if (link->length == sizeof link->in) give_up("a line is too long", "");
        ssize_t got = read(link->fd, link->in + link->length, sizeof link->in - link->length);
        if (got <= 0) give_up("no reply", "the connection is closed");
        link->length += got;
    }
}

/* Reads one reply, whose last line has to begin with a code and hold a word. */
static void expect(struct link *link, const char *code, const char *word) {
    const char *line = line_of(link);
    while (strlen(line) > 3 && line[3] == '-') line = line_of(link);
    if (strncmp(line, code, 3) || !strstr(line, word)) give_up("not what was expected", line);
}

/* The message of a number; returns its length. */
static size_t message_of(unsigned long number, char *out) {
    char *at = out;
    for (const char *from = template; from < template + template_length; from++)
        if (*from == 1) at += sprintf(at, "%lu", number);
        else if (*from == 2) at += sprintf(at, "%010lX", number);
        else *at++ = *from;
    memcpy(at, ".\r\n", 3);
    return at + 3 - out;
}

static void measure(struct session *session, double seconds) {
    if (session->measured == session->room) {
        session->room = session->room ? session->room * 2 : 4096;
        session->microseconds = realloc(session->microseconds, session->room * sizeof(uint32_t));
    }
    session->microseconds[session->measured++] = seconds * 1e6;
}

static void *run(void *data) {
    struct session *session = data;
    struct link link = {.fd = socket(AF_UNIX, SOCK_STREAM, 0)};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = 60};
    char *message = malloc(template_length + MOST_PLACES * NUMBER_ROOM + 3);
    setsockopt(link.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    if (connect(link.fd, (struct sockaddr *)&address, sizeof address)) give_up("cannot connect", "");
    expect(&link, "220", "");
    send_all(&link, "LHLO bench\r\n", 12);
    expect(&link, "250", "");
    for (double start = now(); start < deadline; start = now()) {
        size_t length = message_of(atomic_fetch_add(&next_number, 1), message);
        send_all(&link, envelope, strlen(envelope));
        expect(&link, "250", "");
        expect(&link, "250", "");
        expect(&link, "354", "");
        send_all(&link, message, length);
        expect(&link, "250", "Recorded");
        measure(session, now() - start);
    }
    send_all(&link, "QUIT\r\n", 6);
    close(link.fd);
    free(message);
    return NULL;
}

static void read_template(const char *name) {
    FILE *file = fopen(name, "rb");
    if (!file) give_up("cannot read", name);
    fseek(file, 0, SEEK_END);
    template_length = ftell(file);
    rewind(file);
    template = malloc(template_length);
    size_t places = 0;
    if (fread(template, 1, template_length, file) != template_length) give_up("cannot read", name);
    for (size_t i = 0; i < template_length; i++) places += template[i] == 1 || template[i] == 2;
    if (places > MOST_PLACES) give_up("too many places for numbers", name);
    fclose(file);
}

static int ascending(const void *a, const void *b) {
    uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;
    return one < other ? -1 : one > other;
}

int main(int count, char **arguments) {
    if (count != 7) {
        fprintf(stderr, "usage: lmtpload SOCKET CONNECTIONS SECONDS FIRST RECIPIENT TEMPLATE\n");
        return 64;
    }
    path = arguments[1];
    int connections = atoi(arguments[2]);
    next_number = strtoul(arguments[4], NULL, 10);
    unsigned long first = next_number;
    if (asprintf(&envelope, "MAIL FROM:<>\r\nRCPT TO:<%s>\r\nDATA\r\n", arguments[5]) < 0) return 71;
    read_template(arguments[6]);
    struct session *sessions = calloc(connections, sizeof *sessions), all = {0};
    double start = now();
    deadline = start + atof(arguments[3]);
    for (int s = 0; s < connections; s++) pthread_create(&sessions[s].thread, NULL, run, &sessions[s]);
    for (int s = 0; s < connections; s++) {
        pthread_join(sessions[s].thread, NULL);
        for (size_t m = 0; m < sessions[s].measured; m++) measure(&all, sessions[s].microseconds[m] * 1e-6);
    }
    double took = now() - start;
    if (!all.measured) give_up("no DSN was recorded", "");
    qsort(all.microseconds, all.measured, sizeof(uint32_t), ascending);
    printf("{\"messages\": %lu, \"messages_per_second\": %.1f, \"p50\": %u, \"p99\": %u}\n",
           (unsigned long)next_number - first, all.measured / took, all.microseconds[all.measured / 2],
           all.microseconds[(all.measured - 1) * 99 / 100]);
    return 0;
}
