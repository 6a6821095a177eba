/* muttdev load: made-up events as fast as they are taken. */

#include <stdio.h>
#include <stdlib.h>

#include "api.h"
#include "core/mutt_buf.h"
#include "core/mutt_time.h"
#include "sender.h"

#define COUNT_DEFAULT 1000
#define COUNT_MAX 10000000
#define THREADS_DEFAULT 4
#define THREADS_MAX 256
#define BATCH_MAX 10000
#define BODY_MAX (64u << 20)
#define HOSTS 100

static int run(const options_t *options);

static struct {
    long count;
    long threads;
    long batch;
    bool gzip;
} given = { COUNT_DEFAULT, THREADS_DEFAULT, 1, false };

static const option_t takes[] = {
    { "count", 0, OPTION_COUNT, &given.count, 1, COUNT_MAX },
    { "threads", 0, OPTION_COUNT, &given.threads, 1, THREADS_MAX },
    { "batch", 0, OPTION_COUNT, &given.batch, 1, BATCH_MAX },
    { "gzip", 0, OPTION_FLAG, &given.gzip, 0, 0 },
    { 0 },
};

const muttdev_command_t muttdev_load = {
    .name = "load",
    .synopsis = "[--count N] [--threads N] [--batch N] [--gzip]",
    .summary = "send made-up events and measure: rate, p50, p99",
    .help =
        "\nN events (1000) in requests of --batch (1), --threads of them (4) "
        "at a time.\nPrints one line of JSON: sent, success, fail, "
        "duration_sec, rate_eps, and p50\nand p99, the seconds of a request. "
        "The events are of program muttdev-load, from\nhosts load-0 to "
        "load-99, with severity 7; no sample rule matches them. Exit\nstatus 1 "
        "when one was not accepted. The key is MUTT_INGEST_KEY.\n" OPTIONS_HELP,
    .own = takes,
    .run = run,
};

typedef struct {
    long count;
    long batch;
    double *times; /* of requests that were answered */
    size_t n_times;
    size_t sent;
    size_t success;
    bool complained; /* of the first failure */
} load_t;


static void
on_done(void *data, size_t events, long status, mutt_str_t body, double seconds,
        const char *error)
{
    load_t *l = data;

    l->sent += events;
    l->times[l->n_times++] = seconds;

    if (status == 200) {
        l->success += events;
    } else if (!l->complained) {
        sender_complain(&muttdev_load, status, body, error);
        l->complained = true;
    }
}


static void
add_event(mutt_buf_t *body, long i, const char *at)
{
    mutt_buf_addf(body,
                  "{\"hostname\":\"load-%ld\",\"program\":\"muttdev-load\","
                  "\"message\":\"muttdev load event %ld\",\"timestamp\":\"%s\","
                  "\"syslog_severity\":7}",
                  i % HOSTS, i, at);
}


static mutt_rc_t
send_all(const load_t *l, sender_t *sender, mutt_err_t *err)
{
    char at[MUTT_TIME_LEN + 1];
    mutt_buf_t body;
    mutt_rc_t rc = MUTT_OK;

    mutt_buf_init(&body, BODY_MAX);
    mutt_time_format(mutt_time_now(), at);

    for (long i = 0; rc == MUTT_OK && i < l->count;) {
        long end = i + l->batch < l->count ? i + l->batch : l->count;
        size_t n = (size_t) (end - i);

        mutt_buf_reset(&body);
        MUTT_BUF_LIT(&body, "[");

        for (; i < end; i++) {
            if (body.len > 1) {
                MUTT_BUF_LIT(&body, ",");
            }

            add_event(&body, i, at);
        }

        MUTT_BUF_LIT(&body, "]");
        rc = mutt_buf_ok(&body)
                 ? sender_put(sender, mutt_buf_str(&body), n, err)
                 : mutt_fail(err, MUTT_NOMEM, "out of memory");
    }

    mutt_buf_done(&body);

    return rc == MUTT_OK ? sender_finish(sender, err) : rc;
}


static int
by_size(const void *a, const void *b)
{
    const double *x = a;
    const double *y = b;

    return (*x > *y) - (*x < *y);
}


static double
percentile(const load_t *l, double share)
{
    return l->n_times == 0
               ? 0
               : l->times[(size_t) (share * (double) (l->n_times - 1))];
}


static int
report(load_t *l, double seconds)
{
    qsort(l->times, l->n_times, sizeof(double), by_size);

    json_t *all = json_pack(
        "{s:I, s:I, s:I, s:f, s:f, s:f, s:f}", "sent", (json_int_t) l->sent,
        "success", (json_int_t) l->success, "fail",
        (json_int_t) (l->sent - l->success), "duration_sec", seconds,
        "rate_eps", seconds > 0 ? (double) l->success / seconds : 0.0, "p50",
        percentile(l, 0.5), "p99", percentile(l, 0.99));

    (void) print_json(all, true);
    json_decref(all);

    return l->success == l->sent ? MUTTDEV_DONE : MUTTDEV_FAILED;
}


static int
run(const options_t *options)
{
    mutt_err_t err = { 0 };
    load_t l = { .count = given.count, .batch = given.batch };

    l.times = calloc((size_t) l.count, sizeof(double));

    if (l.times == NULL) {
        (void) mutt_fail(&err, MUTT_NOMEM, "out of memory");
        return api_failed(&muttdev_load, &err);
    }

    sender_t *sender =
        sender_create(options, given.threads, given.gzip, on_done, &l, &err);
    mutt_usec_t started = mutt_time_mono();
    int status =
        sender != NULL && send_all(&l, sender, &err) == MUTT_OK
            ? report(&l, (double) (mutt_time_mono() - started) / MUTT_USEC_SEC)
            : api_failed(&muttdev_load, &err);

    sender_destroy(sender);
    free(l.times);

    return status;
}
