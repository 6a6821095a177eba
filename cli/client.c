#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "io/mutt_http.h"
#include "muttdev.h"

#define TIMEOUT_MS 10000
#define SLICE_MS 200
#define URL_SIZE 2048


/* What an answer that is no success says of itself. */
static mutt_rc_t
refused(const mutt_http_done_t *done, mutt_err_t *err)
{
    json_t *answer = json_loadb(done->body.data, done->body.len, 0, NULL);
    const char *code = json_string_value(json_object_get(answer, "code"));
    const char *text = json_string_value(json_object_get(answer, "error"));
    char *fields = json_dumps(json_object_get(answer, "fields"), JSON_COMPACT);
    mutt_rc_t rc = mutt_fail(
        err, MUTT_UNAVAIL, "status %ld%s%s%s%.100s%s%.100s%s", done->status,
        code == NULL ? "" : " ", code == NULL ? "" : code,
        text == NULL ? "" : ": ", text == NULL ? "" : text,
        fields == NULL ? "" : " ", fields == NULL ? "" : fields,
        done->status == 401 ? ", is MUTT_API_KEY right?" : "");

    free(fields);
    json_decref(answer);

    return rc;
}


static mutt_rc_t
ask(mutt_http_t *http, const mutt_http_request_t *request, mutt_buf_t *answer,
    mutt_err_t *err)
{
    mutt_http_done_t done = { 0 };
    mutt_rc_t rc = mutt_http_send(http, request, err);

    while (rc == MUTT_OK && !mutt_http_next(http, &done)) {
        rc = mutt_http_turn(http, SLICE_MS, err);
    }

    if (rc != MUTT_OK) {
        return rc;
    }

    if (done.send != MUTT_SEND_ANSWERED) {
        return mutt_fail(err, MUTT_UNAVAIL, "no answer");
    }

    if (done.status < 200 || done.status > 299) {
        return refused(&done, err);
    }

    mutt_buf_add_str(answer, done.body);

    return mutt_buf_ok(answer) ? MUTT_OK
                               : mutt_fail(err, MUTT_NOMEM, "out of memory");
}


mutt_rc_t
client_call(const char *url, const char *method, const char *path,
            mutt_str_t body, mutt_buf_t *answer, mutt_err_t *err)
{
    char address[URL_SIZE];
    const char *key = muttdev_variable("MUTT_API_KEY");
    const char *base = url == NULL ? muttdev_variable("MUTT_URL") : url;
    mutt_http_t *http;

    if (base == NULL || base[0] == '\0') {
        return mutt_fail(err, MUTT_CONFIG,
                         "neither --url nor MUTT_URL is given");
    }

    mutt_rc_t rc = mutt_http_check_url(base, "the URL", err);

    if (rc != MUTT_OK) {
        return rc;
    }

    (void) snprintf(address, sizeof(address), "%s/api/v2/%s", base, path);

    mutt_http_options_t options = {
        .url = address,
        .get = strcmp(method, "GET") == 0,
        .ca = "",
        .timeout_ms = TIMEOUT_MS,
        .connections = 1,
        .keep = CLIENT_MAX,
    };
    mutt_http_request_t request = {
        .method = method,
        .body = body,
        .authorization = "",
        .idempotency_key = "",
        .traceparent = "",
        .api_key = key,
    };

    rc = mutt_http_create(&options, &http, err);

    if (rc == MUTT_OK) {
        rc = ask(http, &request, answer, err);
        mutt_http_destroy(http);
    }

    return rc;
}
