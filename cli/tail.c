/* muttdev tail: events as they are decided, from the live stream. */

#include <ctype.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "api.h"
#include "client.h"
#include "core/mutt_time.h"
#include "io/mutt_http.h"

#define URL_SIZE 4096
#define TEXT_MAX (1u << 20)
#define SLICE_MS 200
#define SECONDS_MAX 86400
/* of one stream; the API's longest */
#define STREAM_SECONDS 300
/* the server may be slow to end it */
#define GRACE_MS 15000
#define AGAIN_MS 1000
#define FAILURES_MAX 5
#define SEVERITY_NONE (-1)

static int run(const options_t *options);

static struct {
    const char *host;
    const char *text;
    long severity;
    long rule;
    long seconds;
} given = { .severity = SEVERITY_NONE };

static const option_t takes[] = {
    { "host", 0, OPTION_TEXT, &given.host, 0, 0 },
    { "text", 0, OPTION_TEXT, &given.text, 0, 0 },
    { "severity", 0, OPTION_COUNT, &given.severity, 0, 7 },
    { "rule", 0, OPTION_COUNT, &given.rule, 1, 2147483647 },
    { "for", 0, OPTION_COUNT, &given.seconds, 1, SECONDS_MAX },
    { 0 },
};

const muttdev_command_t muttdev_tail = {
    .name = "tail",
    .synopsis = "[--host NAME] [--text TEXT] [--severity N] [--rule ID] "
                "[--for SECONDS]",
    .summary = "watch events as they are decided",
    .help =
        "\nOf that host, with that text, of severity N (0 to 7) or worse, "
        "decided by that\nrule; until interrupted, or for SECONDS. It is a "
        "window, not a feed: of many\nevents a second some are shown, and a "
        "line on stderr says how many were not.\n--json prints an object a "
        "line.\n" OPTIONS_HELP,
    .own = takes,
    .run = run,
};

typedef struct {
    const options_t *options;
    const char *host;
    const char *text;
    long severity;
    long rule; /* 0: any */
    long seconds;
    mutt_buf_t lines; /* of the stream, or an answer that is none */
    bool dropped;     /* the next data is of what was not shown */
    bool seen;        /* a stream has begun */
} tail_t;


/* Adds a parameter in the form of a query. */
static void
add_parameter(mutt_buf_t *url, const char *name, const char *value)
{
    if (value == NULL) {
        return;
    }

    mutt_buf_addf(url, "&%s=", name);

    for (const char *s = value; *s != '\0'; s++) {
        if (isalnum((unsigned char) *s)) {
            mutt_buf_add(url, s, 1);
        } else {
            mutt_buf_addf(url, "%%%02X", (unsigned char) *s);
        }
    }
}


static void
add_number(mutt_buf_t *url, const char *name, long value, long none)
{
    if (value != none) {
        mutt_buf_addf(url, "&%s=%ld", name, value);
    }
}


static void
show_dropped(const json_t *event)
{
    (void) fprintf(
        stderr, "muttdev tail: not shown: %s that passed, %s too many\n",
        print_member(event, "sampled_out"), print_member(event, "dropped"));
}


static void
show_text(const char *text, const char *end)
{
    (void) print_text(stdout, mutt_str(text));
    (void) fputs(end, stdout);
}


static void
show_event(const tail_t *tail, const json_t *event)
{
    if (tail->options->json) {
        (void) print_json(event, true);
    } else {
        (void) printf("%.19s %-10s sev %s  ",
                      print_member(event, "received_at"),
                      print_member(event, "outcome"),
                      print_member(event, "syslog_severity"));
        show_text(print_member(event, "hostname"), "  ");
        (void) printf("rule %s %s  ", print_member(event, "matched_rule_id"),
                      print_member(event, "handling_decision"));
        show_text(print_member(event, "message"), "\n");
    }

    (void) fflush(stdout);
}


/* A line of a stream of Server-Sent Events. */
static void
take_line(tail_t *tail, mutt_str_t line)
{
    static const mutt_str_t data = MUTT_STR("data:");
    static const mutt_str_t event = MUTT_STR("event:");

    if (line.len == 0) {
        tail->dropped = false;
    } else if (line.len > event.len &&
               memcmp(line.data, event.data, event.len) == 0) {
        tail->dropped = memmem(line.data, line.len, "dropped", 7) != NULL;
    } else if (line.len > data.len &&
               memcmp(line.data, data.data, data.len) == 0) {
        json_t *about =
            json_loadb(line.data + data.len, line.len - data.len, 0, NULL);

        if (about != NULL && tail->dropped) {
            show_dropped(about);
        } else if (about != NULL) {
            show_event(tail, about);
        }

        json_decref(about);
    }
}


static bool
take(void *data, long status, mutt_str_t piece)
{
    tail_t *tail = data;
    char *from;
    char *feed;

    mutt_buf_add_str(&tail->lines, piece);

    if (!mutt_buf_ok(&tail->lines) || ferror(stdout)) {
        return false;
    }

    if (status != 200) {
        return true;
    }

    tail->seen = true;
    from = tail->lines.data;

    char *end = from + tail->lines.len;

    while ((feed = memchr(from, '\n', (size_t) (end - from))) != NULL) {
        size_t len = (size_t) (feed - from);

        take_line(tail,
                  (mutt_str_t) { from, len - (len > 0 && feed[-1] == '\r') });
        from = feed + 1;
    }

    tail->lines.len = (size_t) (end - from);
    memmove(tail->lines.data, from, tail->lines.len);

    return true;
}


static mutt_rc_t
make_url(const tail_t *tail, long seconds, mutt_buf_t *url, mutt_err_t *err)
{
    const char *base = client_url(tail->options, err);

    if (base == NULL) {
        return err->rc;
    }

    mutt_buf_add_str(url, mutt_str(base));
    mutt_buf_addf(url, "/api/v2/events/stream?seconds=%ld", seconds);
    add_parameter(url, "hostname", tail->host);
    add_parameter(url, "text", tail->text);
    add_number(url, "severity", tail->severity, SEVERITY_NONE);
    add_number(url, "rule_id", tail->rule, 0);
    mutt_buf_add(url, "", 1);

    return mutt_buf_ok(url)
               ? MUTT_OK
               : mutt_fail(err, MUTT_INVALID, "the text is too long");
}


/* One stream, to its end.  MUTT_OK when it was one. */
static mutt_rc_t
watch(tail_t *tail, const char *url, const char *key, long seconds,
      mutt_err_t *err)
{
    mutt_http_options_t how = {
        .url = url,
        .get = true,
        .ca = "",
        .timeout_ms = seconds * 1000 + GRACE_MS,
        .connections = 1,
    };
    mutt_http_request_t request = {
        .method = "GET",
        .authorization = "",
        .idempotency_key = "",
        .traceparent = "",
        .api_key = key,
        .take = take,
        .data = tail,
    };
    mutt_http_done_t done = { 0 };
    mutt_http_t *http;

    mutt_buf_reset(&tail->lines);

    mutt_rc_t rc = mutt_http_create(&how, &http, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    rc = mutt_http_send(http, &request, err);

    while (rc == MUTT_OK && !mutt_http_next(http, &done)) {
        rc = mutt_http_turn(http, SLICE_MS, err);
    }

    if (rc == MUTT_OK && done.status == 0) {
        rc = mutt_fail(err, MUTT_UNAVAIL,
                       "no answer: %.100s; is it up? \"muttdev status\" tells "
                       "what runs",
                       done.error);
    } else if (rc == MUTT_OK && done.status != 200) {
        rc = client_refused(&(client_request_t) { .key = key }, done.status,
                            mutt_buf_str(&tail->lines), err);
    }

    mutt_http_destroy(http);

    return rc;
}


/* Streams one after the other, until the time is over. */
static mutt_rc_t
go(tail_t *tail, mutt_err_t *err)
{
    mutt_usec_t deadline = mutt_time_mono() + tail->seconds * MUTT_USEC_SEC;
    const char *key = NULL;
    mutt_rc_t rc = client_key(tail->options, "MUTT_API_KEY", &key, err);
    int failures = 0;
    long left = STREAM_SECONDS;

    while (rc == MUTT_OK && left > 0 && !ferror(stdout)) {
        mutt_buf_t url;

        if (tail->seconds > 0) {
            mutt_usec_t usec = deadline - mutt_time_mono();

            left = (long) ((usec + MUTT_USEC_SEC - 1) / MUTT_USEC_SEC);
        }

        if (left <= 0) {
            break;
        }

        long seconds = left < STREAM_SECONDS ? left : STREAM_SECONDS;

        mutt_buf_init(&url, URL_SIZE);
        rc = make_url(tail, seconds, &url, err);

        if (rc == MUTT_OK) {
            rc = watch(tail, url.data, key, seconds, err);
        }

        mutt_buf_done(&url);
        failures = rc == MUTT_OK ? 0 : failures + 1;

        /* what was there once may come back: nginx was reloaded, Redis away */
        if (rc != MUTT_OK && tail->seen && failures < FAILURES_MAX) {
            (void) fprintf(stderr, "muttdev tail: %s\n", err->text);
            (void) poll(NULL, 0, AGAIN_MS * failures);
            rc = MUTT_OK;
        }
    }

    return rc;
}


static int
run(const options_t *options)
{
    mutt_err_t err = { 0 };
    tail_t tail = {
        .options = options,
        .host = given.host,
        .text = given.text,
        .severity = given.severity,
        .rule = given.rule,
        .seconds = given.seconds,
    };

    mutt_buf_init(&tail.lines, TEXT_MAX);

    int status = go(&tail, &err) == MUTT_OK ? MUTTDEV_DONE
                                            : api_failed(&muttdev_tail, &err);

    mutt_buf_done(&tail.lines);

    return status;
}
