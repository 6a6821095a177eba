/*
 * fault_load URL FILE: sends events to ingest over many connections and
 * writes down what became of each, one "id ok|rejected|unknown why" a line,
 * as Jepsen does: what was not answered is unknown, never failed.
 *
 *   -k KEY   API key                   -c N    connections (8)
 *   -r N     events a second (0: as fast as it goes)
 *   -b N     events a request, a list if more than one (1)
 *   -n N     stop after so many events  -t S   stop after so many seconds
 *   -T MS    deadline of a request (2000)
 *   -s SEED  ids differ between seeds   -m TEXT  the message ("fault")
 *   -R       repeats a request until it is ok; else each is sent once
 *
 * An answer is ok if 2xx and rejected if 4xx, or if 503 with a code that
 * says that nothing was queued; everything else is unknown.  SIGTERM ends it
 * after the requests that are under way; then it prints its counts as JSON,
 * with how many answers were those of another request, how long requests
 * took, and the longest time without an ok.
 */

#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/mutt_buf.h"
#include "core/mutt_time.h"

#define CONNECTIONS_MAX 256
#define ID_FORMAT "%08x-0000-7000-8000-%012lx"
#define BATCH_MAX 10000
#define BODY_MAX (64u << 20)
#define ANSWER_MAX 1023
#define WHY_MAX 96
#define WAIT_MS 5

/* a request that was refused is repeated after this */
#define REPEAT_AFTER (MUTT_USEC_SEC / 50)

/* latencies are counted by the millisecond */
#define LATENCIES 60000

typedef enum { OK, REJECTED, UNKNOWN, OUTCOMES } outcome_t;

typedef struct {
    CURL *curl;
    bool busy;
    bool failed;        /* to be sent again */
    mutt_usec_t due;    /* when */
    unsigned long from; /* its ids are from, from + 1, ... */
    unsigned long n;
    bool unsure; /* one of its attempts had an unknown end */
    mutt_buf_t body;
    char answer[ANSWER_MAX + 1];
    size_t answer_len;
    char why[WHY_MAX]; /* status and code, or what the connection died of */
} slot_t;

typedef struct {
    const char *url;
    const char *file;
    const char *key;
    const char *message;
    unsigned connections;
    unsigned long rate;
    unsigned long batch;
    unsigned long count;
    unsigned long seconds;
    unsigned long timeout_ms;
    unsigned seed;
    bool repeats;
} options_t;

static const char *const words[OUTCOMES] = { "ok", "rejected", "unknown" };

static options_t opt = { .key = "",
                         .message = "fault",
                         .connections = 8,
                         .batch = 1,
                         .timeout_ms = 2000 };
static slot_t slots[CONNECTIONS_MAX];
static struct curl_slist *headers;
static CURLM *multi;
static FILE *record;
static volatile sig_atomic_t stopped;

static unsigned long sent;
static unsigned long counts[OUTCOMES];
static unsigned long attempts;
static unsigned long crossed;
static unsigned latencies[LATENCIES + 1];
static mutt_usec_t began;
static mutt_usec_t ok_at;
static mutt_usec_t gap_max;


static void
on_signal(int signo)
{
    (void) signo;
    stopped = 1;
}


static size_t
on_answer(char *data, size_t size, size_t n, void *ctx)
{
    slot_t *s = ctx;
    size_t room = ANSWER_MAX - s->answer_len;
    size_t len = size * n < room ? size * n : room;

    memcpy(s->answer + s->answer_len, data, len);
    s->answer_len += len;

    return size * n;
}


static void
add_event(mutt_buf_t *b, unsigned long id)
{
    mutt_buf_addf(b,
                  "{\"event_id\":\"" ID_FORMAT "\","
                  "\"hostname\":\"h%lu\","
                  "\"timestamp\":\"2026-01-01T00:00:00Z\","
                  "\"message\":\"%s %lu\"}",
                  opt.seed, id, id % 50, opt.message, id);
}


static void
write_body(slot_t *s)
{
    mutt_buf_reset(&s->body);

    mutt_buf_add(&s->body, "[", opt.batch > 1);

    for (unsigned long i = 0; i < s->n; i++) {
        mutt_buf_add(&s->body, ",", i > 0);
        add_event(&s->body, s->from + i);
    }

    mutt_buf_add(&s->body, "]", opt.batch > 1);
}


/* The answer to a single event names it. */
static bool
is_crossed(const slot_t *s)
{
    char id[64];

    (void) snprintf(id, sizeof(id), ID_FORMAT, opt.seed, s->from);

    return opt.batch == 1 && strstr(s->answer, id) == NULL;
}


/* What the answer to a request that has ended says. */
static outcome_t
judge(slot_t *s, CURLcode end)
{
    long code = 0;

    (void) curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &code);
    s->answer[s->answer_len] = '\0';

    if (end != CURLE_OK) {
        (void) snprintf(s->why, WHY_MAX, "%s", curl_easy_strerror(end));
        return UNKNOWN;
    }

    const char *error = strstr(s->answer, "\"code\":\"");

    (void) snprintf(s->why, WHY_MAX, "%ld %.*s", code,
                    error == NULL ? 0 : (int) strcspn(error + 8, "\""),
                    error == NULL ? "" : error + 8);

    if (code >= 200 && code < 300) {
        crossed += is_crossed(s);
        return OK;
    }

    if (code >= 400 && code < 500) {
        return REJECTED;
    }

    return code == 503 && (strstr(s->answer, "\"queue_full\"") != NULL ||
                           strstr(s->answer, "\"busy\"") != NULL)
               ? REJECTED
               : UNKNOWN;
}


static void
write_down(slot_t *s, outcome_t outcome)
{
    if (outcome == REJECTED && s->unsure) {
        outcome = UNKNOWN;
    }

    for (unsigned long i = 0; i < s->n; i++) {
        (void) fprintf(record, ID_FORMAT " %s %s\n", opt.seed, s->from + i,
                       words[outcome], s->why);
    }

    counts[outcome] += s->n;
    s->failed = false;
}


static void
count_latency(slot_t *s)
{
    double seconds = 0;

    (void) curl_easy_getinfo(s->curl, CURLINFO_TOTAL_TIME, &seconds);

    size_t ms = (size_t) (seconds * 1000);

    latencies[ms < LATENCIES ? ms : LATENCIES]++;
}


static void
ended(slot_t *s, CURLcode end)
{
    outcome_t outcome = judge(s, end);
    mutt_usec_t now = mutt_time_mono();

    (void) curl_multi_remove_handle(multi, s->curl);
    s->busy = false;
    s->unsure = s->unsure || outcome == UNKNOWN;
    attempts++;
    count_latency(s);

    if (outcome == OK) {
        gap_max = now - ok_at > gap_max ? now - ok_at : gap_max;
        ok_at = now;
    } else if (opt.repeats && !stopped) {
        s->failed = true;
        s->due = now + REPEAT_AFTER;
        return;
    }

    write_down(s, outcome);
}


static void
post(slot_t *s)
{
    CURL *e = s->curl;

    /* A request that meets a kept connection's end is repeated by libcurl, five
     * times in the life of a handle unless it is reset. */
    curl_easy_reset(e);
    s->answer_len = 0;
    (void) curl_easy_setopt(e, CURLOPT_URL, opt.url);
    (void) curl_easy_setopt(e, CURLOPT_PROXY, "");
    (void) curl_easy_setopt(e, CURLOPT_HTTPHEADER, headers);
    (void) curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    (void) curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long) opt.timeout_ms);
    (void) curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_answer);
    (void) curl_easy_setopt(e, CURLOPT_WRITEDATA, s);
    (void) curl_easy_setopt(e, CURLOPT_PRIVATE, s);
    (void) curl_easy_setopt(e, CURLOPT_POSTFIELDS, s->body.data);
    (void) curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, (long) s->body.len);
    s->busy = curl_multi_add_handle(multi, e) == CURLM_OK;
}


/* How many events may have been sent by now. */
static unsigned long
allowed(mutt_usec_t now)
{
    unsigned long n = opt.count == 0 ? (unsigned long) -1 : opt.count;
    mutt_usec_t passed = now - began;

    if (opt.seconds > 0 &&
        passed >= (mutt_usec_t) opt.seconds * MUTT_USEC_SEC) {
        return 0;
    }

    if (opt.rate > 0) {
        unsigned long due =
            (unsigned long) (passed * (mutt_usec_t) opt.rate / MUTT_USEC_SEC) +
            opt.batch;

        n = due < n ? due : n;
    }

    return n;
}


static void
start_due(slot_t *s, unsigned long most, mutt_usec_t now)
{
    if (s->failed) {
        if (now >= s->due) {
            s->failed = false;
            post(s);
        }

        return;
    }

    if (sent >= most) {
        return;
    }

    s->from = sent + 1;
    s->n = most - sent < opt.batch ? most - sent : opt.batch;
    s->unsure = false;
    sent += s->n;
    write_body(s);
    post(s);
}


/* Whether something is under way, or will be. */
static bool
turn(void)
{
    mutt_usec_t now = mutt_time_mono();
    unsigned long most = stopped ? 0 : allowed(now);
    bool under_way = false;
    CURLMsg *message;
    int running;
    int left;

    for (unsigned i = 0; i < opt.connections; i++) {
        slot_t *s = &slots[i];

        if (s->failed && stopped) {
            write_down(s, s->unsure ? UNKNOWN : REJECTED);
        } else if (!s->busy) {
            start_due(s, most, now);
        }

        under_way = under_way || s->busy || s->failed;
    }

    (void) curl_multi_perform(multi, &running);
    (void) curl_multi_poll(multi, NULL, 0, WAIT_MS, NULL);

    while ((message = curl_multi_info_read(multi, &left)) != NULL) {
        char *slot = NULL;

        if (message->msg != CURLMSG_DONE) {
            continue;
        }

        CURLcode end = message->data.result;

        (void) curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &slot);
        ended((slot_t *) (void *) slot, end);
    }

    return under_way || (!stopped && most > 0 && sent != opt.count);
}


static bool
prepare(slot_t *s)
{
    s->curl = curl_easy_init();
    mutt_buf_init(&s->body, BODY_MAX);

    return s->curl != NULL;
}


static bool
open_all(void)
{
    char key[256];

    (void) snprintf(key, sizeof(key), "X-API-KEY: %s", opt.key);
    headers = curl_slist_append(NULL, key);
    headers = curl_slist_append(headers, "Content-Type: application/json");
    headers = curl_slist_append(headers, "Expect:");
    multi = curl_multi_init();
    record = fopen(opt.file, "w");

    if (headers == NULL || multi == NULL || record == NULL) {
        return false;
    }

    (void) curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS,
                             (long) opt.connections);

    for (unsigned i = 0; i < opt.connections; i++) {
        if (!prepare(&slots[i])) {
            return false;
        }
    }

    return true;
}


static int
close_all(void)
{
    for (unsigned i = 0; i < opt.connections; i++) {
        curl_easy_cleanup(slots[i].curl);
        mutt_buf_done(&slots[i].body);
    }

    (void) curl_multi_cleanup(multi);
    curl_slist_free_all(headers);

    return fclose(record);
}


/* The latency in ms that so many of a hundred requests did not exceed. */
static size_t
percentile(unsigned long hundredths)
{
    unsigned long rank = attempts * hundredths / 100;
    unsigned long n = 0;
    size_t ms = 0;

    while (ms < LATENCIES && (n += latencies[ms]) < rank) {
        ms++;
    }

    return ms;
}


static void
report(void)
{
    (void) printf(
        "{\"sent\":%lu,\"ok\":%lu,\"rejected\":%lu,\"unknown\":%lu,"
        "\"requests\":%lu,\"crossed\":%lu,\"seconds\":%.1f,\"p50_ms\":%zu,"
        "\"p99_ms\":%zu,\"max_ms\":%zu,\"gap_ms\":%lld}\n",
        sent, counts[OK], counts[REJECTED], counts[UNKNOWN], attempts, crossed,
        (double) (mutt_time_mono() - began) / (double) MUTT_USEC_SEC,
        percentile(50), percentile(99), percentile(100),
        (long long) (gap_max / 1000));
}


static unsigned long
number(const char *text)
{
    return strtoul(text, NULL, 10);
}


static bool
set_option(int letter)
{
    switch (letter) {
    case 'k':
        opt.key = optarg;
        break;
    case 'm':
        opt.message = optarg;
        break;
    case 'c':
        opt.connections = (unsigned) number(optarg);
        break;
    case 'r':
        opt.rate = number(optarg);
        break;
    case 'b':
        opt.batch = number(optarg);
        break;
    case 'n':
        opt.count = number(optarg);
        break;
    case 't':
        opt.seconds = number(optarg);
        break;
    case 'T':
        opt.timeout_ms = number(optarg);
        break;
    case 's':
        opt.seed = (unsigned) number(optarg);
        break;
    case 'R':
        opt.repeats = true;
        break;
    default:
        return false;
    }

    return true;
}


static bool
set_options(int argc, char **argv)
{
    int letter;

    while ((letter = getopt(argc, argv, "k:m:c:r:b:n:t:T:s:R")) != -1) {
        if (!set_option(letter)) {
            return false;
        }
    }

    if (argc - optind != 2 || opt.connections < 1 ||
        opt.connections > CONNECTIONS_MAX || opt.batch < 1 ||
        opt.batch > BATCH_MAX) {
        return false;
    }

    opt.url = argv[optind];
    opt.file = argv[optind + 1];

    return true;
}


int
main(int argc, char **argv)
{
    struct sigaction stop = { .sa_handler = on_signal };

    if (!set_options(argc, argv)) {
        (void) fprintf(stderr, "usage: fault_load [OPTION]... URL FILE\n");
        return 2;
    }

    (void) sigaction(SIGTERM, &stop, NULL);
    (void) sigaction(SIGINT, &stop, NULL);

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !open_all()) {
        (void) fprintf(stderr, "fault_load: cannot start\n");
        return 1;
    }

    began = mutt_time_mono();
    ok_at = began;

    while (turn()) {
    }

    report();

    int rc = close_all();

    curl_global_cleanup();

    return rc == 0 ? 0 : 1;
}
