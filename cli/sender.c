#include "sender.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* what is read is const */
#define ZLIB_CONST
#include <zlib.h>

#include "client.h"
#include "io/mutt_http.h"
#include "print.h"

#define TIMEOUT_MS 15000
#define SLICE_MS 50
#define URL_SIZE 2048
#define ANSWER_MAX 65536
/* deflate's window and gzip's frame */
#define GZIP_BITS (15 + 16)

/* A request under way. */
typedef struct {
    char *body;
    size_t events;
} parcel_t;

struct sender_s {
    mutt_http_t *http;
    const char *key;
    size_t parallel;
    bool gzip;
    sender_done_t done;
    void *data;
    char url[URL_SIZE];
};


sender_t *
sender_create(const options_t *options, long parallel, bool gzip,
              sender_done_t done, void *data, mutt_err_t *err)
{
    const char *base = client_url(options, err);
    const char *key = NULL;

    if (base == NULL ||
        client_key(options, "MUTT_INGEST_KEY", &key, err) != MUTT_OK) {
        return NULL;
    }

    if (key == NULL) {
        (void) mutt_fail(err, MUTT_CONFIG,
                         "no key: MUTT_INGEST_KEY or --key-file wants one of "
                         "scope ingest");
        return NULL;
    }

    sender_t *s = calloc(1, sizeof(sender_t));

    if (s == NULL) {
        (void) mutt_fail(err, MUTT_NOMEM, "out of memory");
        return NULL;
    }

    s->key = key;
    s->parallel = (size_t) parallel;
    s->gzip = gzip;
    s->done = done;
    s->data = data;
    (void) snprintf(s->url, sizeof(s->url), "%s/api/v2/ingest", base);

    mutt_http_options_t how = {
        .url = s->url,
        .ca = "",
        .timeout_ms = TIMEOUT_MS,
        .connections = parallel,
        .keep = ANSWER_MAX,
    };

    if (mutt_http_create(&how, &s->http, err) != MUTT_OK) {
        free(s);
        return NULL;
    }

    return s;
}


/* A body in gzip's frame, NULL when out of memory. */
static char *
compress_body(mutt_str_t body, size_t *len)
{
    z_stream z = { 0 };

    if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_BITS, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        return NULL;
    }

    uLong bound = deflateBound(&z, (uLong) body.len);
    char *out = malloc(bound);

    z.next_in = (const Bytef *) body.data;
    z.avail_in = (uInt) body.len;
    z.next_out = (Bytef *) out;
    z.avail_out = (uInt) bound;

    if (out != NULL && deflate(&z, Z_FINISH) != Z_STREAM_END) {
        free(out);
        out = NULL;
    }

    *len = z.total_out;
    (void) deflateEnd(&z);

    return out;
}


/* Tells of all requests that are done. */
static void
collect(sender_t *s)
{
    mutt_http_done_t done;

    while (mutt_http_next(s->http, &done)) {
        parcel_t *parcel = done.data;

        s->done(s->data, parcel->events,
                done.send == MUTT_SEND_ANSWERED ? done.status : 0, done.body,
                done.seconds, done.error);
        free(parcel->body);
        free(parcel);
    }
}


void
sender_complain(const muttdev_command_t *command, long status, mutt_str_t body,
                const char *error)
{
    const client_request_t what = { .variable = "MUTT_INGEST_KEY" };
    mutt_err_t err;

    if (status == 0) {
        (void) mutt_fail(&err, MUTT_UNAVAIL,
                         "no answer%s%.150s; is it up? \"muttdev status\" "
                         "tells what runs",
                         error[0] == '\0' ? "" : ": ", error);
    } else {
        (void) client_refused(&what, status, body, &err);
    }

    (void) fprintf(stderr, "muttdev %s: ", command->name);
    (void) print_text(stderr, mutt_str(err.text));
    (void) fputc('\n', stderr);
}


mutt_rc_t
sender_turn(sender_t *sender, int ms, mutt_err_t *err)
{
    mutt_rc_t rc = mutt_http_turn(sender->http, ms, err);

    collect(sender);

    return rc;
}


mutt_rc_t
sender_put(sender_t *sender, mutt_str_t body, size_t events, mutt_err_t *err)
{
    mutt_rc_t rc = MUTT_OK;

    while (rc == MUTT_OK &&
           mutt_http_inflight(sender->http) >= sender->parallel) {
        rc = sender_turn(sender, SLICE_MS, err);
    }

    if (rc != MUTT_OK) {
        return rc;
    }

    parcel_t *parcel = calloc(1, sizeof(parcel_t));
    size_t len = body.len;

    if (parcel != NULL) {
        parcel->events = events;
        parcel->body = sender->gzip ? compress_body(body, &len) : malloc(len);
    }

    if (parcel == NULL || parcel->body == NULL) {
        free(parcel);
        return mutt_fail(err, MUTT_NOMEM, "out of memory");
    }

    if (!sender->gzip) {
        memcpy(parcel->body, body.data, len);
    }

    mutt_http_request_t request = {
        .body = { parcel->body, len },
        .authorization = "",
        .idempotency_key = "",
        .traceparent = "",
        .api_key = sender->key,
        .encoding = sender->gzip ? "gzip" : NULL,
        .data = parcel,
    };

    rc = mutt_http_send(sender->http, &request, err);

    if (rc != MUTT_OK) {
        free(parcel->body);
        free(parcel);
        return rc;
    }

    return sender_turn(sender, 0, err);
}


mutt_rc_t
sender_finish(sender_t *sender, mutt_err_t *err)
{
    mutt_rc_t rc = MUTT_OK;

    while (rc == MUTT_OK && mutt_http_inflight(sender->http) > 0) {
        rc = sender_turn(sender, SLICE_MS, err);
    }

    return rc;
}


void
sender_destroy(sender_t *sender)
{
    mutt_err_t err;

    if (sender == NULL) {
        return;
    }

    /* what is on its way has bodies to be freed */
    (void) (sender_finish(sender, &err) == MUTT_OK);
    mutt_http_destroy(sender->http);
    free(sender);
}
