/* A load for milters that decide at RCPT: it talks to them as Postfix does.
 *
 *   cc -O2 -pthread -o load load.c
 *   load SOCKET CONNECTIONS SECONDS ADDRESSES RECIPIENTS [MESSAGES]
 *
 * SOCKET is the path of a unix socket, ADDRESSES a file with an address a line. Each connection
 * stands for one smtpd(8): it negotiates (protocol 6), sends messages of RECIPIENTS recipients
 * each, one after the other, and is replaced after MESSAGES of them (100). As Postfix does, it sends
 * with each step the macros that the milter asks for there, or else its own; sends the macros of a
 * step even where the milter has opted out of it, and only the steps that it wants; waits for an
 * answer only where one is due, and sends what it need not wait for in one write.
 *
 * Prints a line of JSON; the latencies are those of RCPT, in microseconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { OUT_ROOM = 16384, IN_ROOM = 65536, ASKED_ROOM = 1024 };
enum { NO_CONNECT = 1, NO_HELO = 2, NO_MAIL = 4, NO_BODY = 0x10, NO_HEADERS = 0x20, NO_EOH = 0x40,
       NO_DATA = 0x200, QUIET_HEADERS = 0x80, QUIET_CONNECT = 0x1000, QUIET_HELO = 0x2000,
       QUIET_MAIL = 0x4000, QUIET_EOH = 0x40000, QUIET_BODY = 0x80000 };
/* The steps for which macros can be asked (SMFIM_CONNECT and so on), and what Postfix 3.7 sends
   with each unasked, so far as it has a value. */
enum { AT_CONNECT, AT_HELO, AT_MAIL, AT_RCPT, AT_DATA, AT_EOM, AT_EOH, STEPS };
static const char STEP_COMMANDS[] = "CHMRTEN";
static const char *const UNASKED[STEPS] = {
    "j {daemon_name} {daemon_addr} v _", "",
    "i {auth_type} {auth_authen} {mail_addr} {mail_host} {mail_mailer}",
    "i {rcpt_addr} {rcpt_host} {rcpt_mailer}", "i", "i", "i",
};

/* What each macro holds; an address or a queue id that is not known yet is not sent. */
static const char *const MACROS[][2] = {
    {"i", "4Zx8Gk2l1vz"}, {"j", "mail.sender.test"}, {"v", "Postfix 3.7.11"},
    {"_", "localhost [127.0.0.1]"}, {"{auth_type}", "PLAIN"}, {"{auth_authen}", "newsletter"},
    {"{client_addr}", "127.0.0.1"}, {"{daemon_name}", "mail.sender.test"},
    {"{daemon_addr}", "127.0.0.1"}, {"{mail_addr}", "news@sender.test"},
    {"{mail_host}", "sender.test"}, {"{mail_mailer}", "smtp"}, {"{rcpt_mailer}", "smtp"},
    {"{rcpt_addr}", NULL}, {"{rcpt_host}", NULL},
};
enum { MACRO_COUNT = sizeof MACROS / sizeof *MACROS };

struct session {
    pthread_t thread;
    size_t next_address;
    uint64_t recipients, refused, messages, failures;
    uint32_t *nanoseconds;
    size_t measured, room;
};

struct link {
    int fd;
    uint32_t steps;
    char asked[STEPS][ASKED_ROOM];
    const char *recipient; /* the one that is offered */
    int queued;            /* whether the message has an accepted recipient, and so a queue id */
    char out[OUT_ROOM];
    size_t length;
};

static const char *path;
static char **addresses;
static size_t address_count;
static int per_message, a_connection = 100;
static int pause_us;
static double deadline;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

/* -- packets ------------------------------------------------------------------------------- */

static void add(struct link *link, char command, const void *data, size_t length) {
    uint32_t size = htonl(length + 1);
    memcpy(link->out + link->length, &size, 4);
    link->out[link->length + 4] = command;
    memcpy(link->out + link->length + 5, data, length);
    link->length += 5 + length;
}

static size_t put(char *at, const char *text) { return strlen(strcpy(at, text)) + 1; }

/* The value of a macro as Postfix has it at this point; NULL if it has none. */
static const char *value_of(const struct link *link, const char *name, size_t length) {
    if (length == 1 && *name == 'i') return link->queued ? MACROS[0][1] : NULL;
    for (size_t m = 0; m < MACRO_COUNT; m++)
        if (strlen(MACROS[m][0]) == length && !memcmp(MACROS[m][0], name, length)) {
            if (MACROS[m][1] || !link->recipient) return MACROS[m][1];
            const char *at = strrchr(link->recipient, '@');
            return name[6] == 'a' || !at ? link->recipient : at + 1;
        }
    return NULL;
}

static void add_macros(struct link *link, int step) {
    char data[2 * ASKED_ROOM] = {STEP_COMMANDS[step]};
    size_t length = 1, size;
    for (const char *name = link->asked[step]; *name; name += size + strspn(name + size, " ")) {
        size = strcspn(name, " ");
        const char *value = value_of(link, name, size);
        if (!value) continue;
        memcpy(data + length, name, size);
        data[length + size] = 0;
        length += size + 1;
        length += put(data + length, value);
    }
    add(link, 'D', data, length);
}

static int read_all(int fd, char *data, size_t length) {
    while (length) {
        ssize_t got = read(fd, data, length);
        if (got <= 0) return -1;
        data += got;
        length -= got;
    }
    return 0;
}

/* Sends what was added. */
static int flush(struct link *link) {
    for (size_t sent = 0; sent < link->length;) {
        ssize_t part = write(link->fd, link->out + sent, link->length - sent);
        if (part <= 0) return -1;
        sent += part;
    }
    link->length = 0;
    return 0;
}

/* Sends what was added and returns the milter's answer, -1 if there is none. */
static int answer(struct link *link, char *data, size_t *length) {
    uint32_t size;
    if (flush(link)) return -1;
    if (read_all(link->fd, (char *)&size, 4)) return -1;
    *length = ntohl(size);
    if (*length < 1 || *length > IN_ROOM || read_all(link->fd, data, *length)) return -1;
    return (unsigned char)data[0];
}

/* -- a session ------------------------------------------------------------------------------ */

static int open_link(struct link *link) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char data[IN_ROOM];
    uint32_t offer[3] = {htonl(6), htonl(0x1ff), htonl(0x1fffff)}, stage;
    size_t length;
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    link->length = 0;
    link->recipient = NULL;
    link->queued = 0;
    for (int s = 0; s < STEPS; s++) strcpy(link->asked[s], UNASKED[s]);
    link->fd = socket(AF_UNIX, SOCK_STREAM, 0);
    /* A milter that does not answer is a failure, not a load without an end. */
    struct timeval patience = {.tv_sec = 30};
    setsockopt(link->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(link->fd, (struct sockaddr *)&address, sizeof address)) return -1;
    add(link, 'O', offer, sizeof offer);
    if (answer(link, data, &length) != 'O' || length < 13) return -1;
    memcpy(&link->steps, data + 9, 4);
    link->steps = ntohl(link->steps);
    for (size_t at = 13; at + 4 < length; at += strlen(data + at) + 1) {
        memcpy(&stage, data + at, 4);
        at += 4;
        if (ntohl(stage) < STEPS) snprintf(link->asked[ntohl(stage)], ASKED_ROOM, "%s", data + at);
    }
    return 0;
}

static int step(struct link *link, uint32_t unwanted, uint32_t quiet, char command,
                const char *argument, size_t length) {
    char data[IN_ROOM];
    const char *with_macros = strchr(STEP_COMMANDS, command);
    if (with_macros) add_macros(link, with_macros - STEP_COMMANDS);
    if (link->steps & unwanted) return 0;
    add(link, command, argument, length);
    return (link->steps & quiet) || answer(link, data, &length) == 'c' ? 0 : -1;
}

static void measure(struct session *session, double seconds) {
    if (session->measured == session->room) {
        session->room = session->room ? 2 * session->room : 1 << 16;
        session->nanoseconds = realloc(session->nanoseconds, session->room * sizeof(uint32_t));
    }
    session->nanoseconds[session->measured++] = seconds * 1e9;
}

static int offer_recipient(struct session *session, struct link *link) {
    char argument[512], data[IN_ROOM];
    link->recipient = addresses[session->next_address++ % address_count];
    size_t length = 1 + snprintf(argument, sizeof argument, "<%s>", link->recipient);
    add_macros(link, AT_RCPT);
    add(link, 'R', argument, length);
    double start = now();
    int verdict = answer(link, data, &length);
    measure(session, now() - start);
    session->recipients++;
    session->refused += verdict == 'y';
    link->queued |= verdict == 'c';
    return verdict;
}

enum { ACCEPT = 'a' };

/* What a milter may change at the end of a message, before its verdict: sender, headers,
   recipients. */
static const char CHANGES[] = "ehim+2-";

static int send_message(struct session *session, struct link *link) {
    static const char mail[] = "<news@sender.test>", header[] = "Subject\0 News";
    char data[IN_ROOM];
    size_t length;
    int accepted = 0;
    link->queued = 0;
    if (step(link, NO_MAIL, QUIET_MAIL, 'M', mail, sizeof mail)) return -1;
    for (int r = 0; r < per_message; r++) {
        int verdict = offer_recipient(session, link);
        if (verdict != 'c' && verdict != 'y') return -1;
        accepted += verdict == 'c';
    }
    session->messages++;
    if (!accepted) {
        add(link, 'A', "", 0);
        return 0;
    }
    add_macros(link, AT_DATA);
    if (!(link->steps & NO_DATA)) {
        add(link, 'T', "", 0);
        int verdict = answer(link, data, &length);
        if (verdict == ACCEPT) return 0; /* it wants no more of this message */
        if (verdict != 'c') return -1;
    } else if (flush(link)) { /* smtpd(8) hands the connection over to cleanup(8) */
        return -1;
    }
    if (step(link, NO_HEADERS, QUIET_HEADERS, 'L', header, sizeof header) ||
        step(link, NO_EOH, QUIET_EOH, 'N', "", 0) ||
        step(link, NO_BODY, QUIET_BODY, 'B', "Hello\r\n", 7))
        return -1;
    int verdict;
    add_macros(link, AT_EOM);
    add(link, 'E', "", 0);
    do verdict = answer(link, data, &length);
    while (verdict > 0 && strchr(CHANGES, verdict));
    return verdict == 'c' ? 0 : -1;
}

static int converse(struct session *session, struct link *link) {
    static const char client[] = "localhost\0004\x9c\x40" "127.0.0.1", helo[] = "app.sender.test";
    if (open_link(link) || step(link, NO_CONNECT, QUIET_CONNECT, 'C', client, sizeof client) ||
        step(link, NO_HELO, QUIET_HELO, 'H', helo, sizeof helo))
        return -1;
    for (int m = 0; m < a_connection && now() < deadline; m++) {
        if (send_message(session, link)) return -1;
        if (pause_us) usleep(pause_us);
    }
    add(link, 'Q', "", 0);
    return write(link->fd, link->out, link->length) < 0;
}

static void *run(void *argument) {
    struct session *session = argument;
    struct link link;
    while (now() < deadline) {
        session->failures += converse(session, &link) != 0;
        close(link.fd);
    }
    return NULL;
}

/* -- figures ---------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
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
        if (length > 320) continue;
        if (address_count == slots) addresses = realloc(addresses, (slots = slots ? 2 * slots : 1024) * sizeof *addresses);
        addresses[address_count++] = strdup(line);
    }
    fclose(file);
}

int main(int count, char **arguments) {
    if (count < 6 || count > 8) {
        fprintf(stderr, "usage: load SOCKET CONNECTIONS SECONDS ADDRESSES RECIPIENTS [MESSAGES [PAUSE]]\n");
        return 64;
    }
    path = arguments[1];
    int connections = atoi(arguments[2]);
    per_message = atoi(arguments[5]);
    if (count > 6) a_connection = atoi(arguments[6]);
    if (count > 7) pause_us = atoi(arguments[7]); /* between two messages: not all that can be done */
    read_addresses(arguments[4]);
    struct session *sessions = calloc(connections, sizeof *sessions), all = {0};
    double start = now();
    deadline = start + atof(arguments[3]);
    for (int s = 0; s < connections; s++) {
        sessions[s].next_address = address_count / connections * s;
        pthread_create(&sessions[s].thread, NULL, run, &sessions[s]);
    }
    for (int s = 0; s < connections; s++) {
        pthread_join(sessions[s].thread, NULL);
        for (size_t m = 0; m < sessions[s].measured; m++) measure(&all, sessions[s].nanoseconds[m] * 1e-9);
        all.recipients += sessions[s].recipients;
        all.refused += sessions[s].refused;
        all.messages += sessions[s].messages;
        all.failures += sessions[s].failures;
    }
    double took = now() - start;
    if (!all.measured) {
        fprintf(stderr, "load: no recipient was answered at %s\n", path);
        return 69;
    }
    qsort(all.nanoseconds, all.measured, sizeof(uint32_t), ascending);
#define PERCENTILE(p) (all.nanoseconds[(all.measured - 1) * (p) / 100] / 1e3)
    printf("{\"recipients_per_second\": %.0f, \"messages_per_second\": %.0f, \"recipients\": %lu, "
           "\"messages\": %lu, \"refused\": %lu, \"failures\": %lu, \"p50\": %.2f, \"p90\": %.2f, \"p99\": %.2f}\n",
           all.recipients / took, all.messages / took, all.recipients, all.messages, all.refused, all.failures,
           PERCENTILE(50), PERCENTILE(90), PERCENTILE(99));
    return 0;
}
