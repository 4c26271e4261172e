/* A load for a socketmap daemon: so many connections, each asking one question at a time, as
 * Postfix does.
 *
 *     socketmap SOCKET CONNECTIONS SECONDS ADDRESSES
 *
 * ADDRESSES is a file with an address a line. Prints JSON: look-ups a second, the median time of
 * one in microseconds, how many were answered OK.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MOST_SAMPLES 4000000

static char **requests;
static size_t request_count;
static const char *path;
static double seconds;
static atomic_ulong found, failures;

struct client {
    pthread_t thread;
    size_t first;
    unsigned long done;
    uint32_t *samples; /* nanoseconds */
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

/* Reads one netstring; 1 if it begins with OK, 0 if not, -1 at an error. */
static int answer(int fd)
{
    char buffer[2048];
    size_t have = 0;
    for (;;) {
        ssize_t got = read(fd, buffer + have, sizeof buffer - 1 - have);
        if (got <= 0)
            return -1;
        have += (size_t)got;
        buffer[have] = 0;
        char *colon = memchr(buffer, ':', have);
        if (colon && have >= (size_t)(colon - buffer) + 2 + strtoul(buffer, NULL, 10))
            return strncmp(colon + 1, "OK ", 3) == 0;
    }
}

static void *run(void *argument)
{
    struct client *client = argument;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    if (connect(fd, (struct sockaddr *)&address, sizeof address)) {
        failures++;
        return NULL;
    }
    double start = now(), end = start + seconds;
    for (size_t i = client->first; start < end; i = (i + 1) % request_count) {
        size_t length = strlen(requests[i]);
        int ok = write(fd, requests[i], length) == (ssize_t)length ? answer(fd) : -1;
        if (ok < 0) {
            failures++;
            break;
        }
        double stop = now();
        found += (unsigned long)ok;
        if (client->done < MOST_SAMPLES)
            client->samples[client->done] = (uint32_t)((stop - start) * 1e9);
        client->done++;
        start = stop;
    }
    close(fd);
    return NULL;
}

static void read_requests(const char *file)
{
    char line[512];
    FILE *in = fopen(file, "r");
    if (!in) {
        perror(file);
        exit(1);
    }
    while (fgets(line, sizeof line, in)) {
        line[strcspn(line, "\n")] = 0;
        requests = realloc(requests, (request_count + 1) * sizeof *requests);
        if (asprintf(&requests[request_count++], "%zu:transport %s,", strlen(line) + 10, line) < 0)
            exit(1);
    }
    fclose(in);
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 64;
    path = argv[1];
    int count = atoi(argv[2]);
    seconds = atof(argv[3]);
    read_requests(argv[4]);
    struct client *clients = calloc((size_t)count, sizeof *clients);
    double start = now();
    for (int i = 0; i < count; i++) {
        clients[i].first = request_count / (size_t)count * (size_t)i;
        clients[i].samples = malloc(MOST_SAMPLES * sizeof(uint32_t));
        pthread_create(&clients[i].thread, NULL, run, &clients[i]);
    }
    unsigned long total = 0;
    uint32_t *all = NULL;
    size_t sampled = 0;
    for (int i = 0; i < count; i++) {
        pthread_join(clients[i].thread, NULL);
        total += clients[i].done;
        size_t kept = clients[i].done < MOST_SAMPLES ? clients[i].done : MOST_SAMPLES;
        all = realloc(all, (sampled + kept + 1) * sizeof *all);
        memcpy(all + sampled, clients[i].samples, kept * sizeof *all);
        sampled += kept;
    }
    double took = now() - start;
    qsort(all, sampled, sizeof *all, by_size);
    printf("{\"lookups\": %lu, \"rate\": %.1f, \"p50\": %.2f, \"found\": %lu, \"failures\": %lu}\n",
           total, total / took, sampled ? all[sampled / 2] / 1e3 : 0.0, (unsigned long)found,
           (unsigned long)failures);
    return 0;
}
