#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/mutt_http.h"
#include "muttdev.h"

#define TIMEOUT_MS 15000
#define SLICE_MS 200
#define URL_SIZE 2048
#define KEY_SIZE 4096
#define ADVICE_SIZE 128


/* What to do about a refusal; empty when there is nothing to say. */
static void
advise(const client_request_t *what, long status, bool is_mutt, char *advice,
       size_t size)
{
    advice[0] = '\0';

    if (!is_mutt) {
        (void) snprintf(advice, size,
                        ", no answer of a MUTT: is its address "
                        "right?");
    } else if (status == 401) {
        (void) snprintf(advice, size, ", is %s right?",
                        what->variable == NULL ? "MUTT_API_KEY"
                                               : what->variable);
    } else if (status == 403) {
        (void) snprintf(advice, size, ", the key has not this scope");
    } else if (status == 404 && what->list != NULL) {
        (void) snprintf(advice, size, ", \"muttdev %s\" names what there is",
                        what->list);
    } else if (status == 503) {
        (void) snprintf(advice, size,
                        ", try again when \"muttdev status\" is well");
    }
}


mutt_rc_t
client_refused(const client_request_t *what, long status, mutt_str_t body,
               mutt_err_t *err)
{
    char advice[ADVICE_SIZE];
    json_t *answer = json_loadb(body.data, body.len, 0, NULL);
    const char *code = json_string_value(json_object_get(answer, "code"));
    const char *text = json_string_value(json_object_get(answer, "error"));
    char *fields = json_dumps(json_object_get(answer, "fields"), JSON_COMPACT);

    if (text == NULL) {
        text = json_string_value(json_object_get(answer, "message"));
    }

    advise(what, status, code != NULL, advice, sizeof(advice));

    mutt_rc_t rc = mutt_fail(err, status == 412 ? MUTT_STALE : MUTT_UNAVAIL,
                             "status %ld%s%s%s%.100s%s%.100s%s", status,
                             code == NULL ? "" : " ", code == NULL ? "" : code,
                             text == NULL ? "" : ": ", text == NULL ? "" : text,
                             fields == NULL ? "" : " ",
                             fields == NULL ? "" : fields, advice);

    free(fields);
    json_decref(answer);

    return rc;
}


const char *
client_url(const options_t *options, mutt_err_t *err)
{
    static char address[URL_SIZE];
    const char *base =
        options->url == NULL ? muttdev_variable("MUTT_URL") : options->url;

    if (base == NULL || base[0] == '\0') {
        (void) mutt_fail(err, MUTT_CONFIG,
                         "neither --url nor MUTT_URL is given, and there is "
                         "no stack in MUTT_HOME; \"muttdev up\" starts one");
        return NULL;
    }

    if (mutt_http_check_url(base, "the URL", err) != MUTT_OK) {
        return NULL;
    }

    size_t len = strlen(base);

    while (len > 0 && base[len - 1] == '/') {
        len--;
    }

    (void) snprintf(address, sizeof(address), "%.*s", (int) len, base);

    return address;
}


static mutt_rc_t
read_key(const char *path, const char **key, mutt_err_t *err)
{
    static char text[KEY_SIZE];
    FILE *f = fopen(path, "re");

    if (f == NULL) {
        return mutt_fail(err, MUTT_CONFIG, "%.150s: %m", path);
    }

    size_t n = fread(text, 1, sizeof(text) - 1, f);

    (void) fclose(f);
    text[n] = '\0';
    text[strcspn(text, "\r\n")] = '\0';
    *key = text;

    return text[0] == '\0'
               ? mutt_fail(err, MUTT_CONFIG, "%.150s has no key", path)
               : MUTT_OK;
}


mutt_rc_t
client_key(const options_t *options, const char *variable, const char **key,
           mutt_err_t *err)
{
    char name[64];

    (void) snprintf(name, sizeof(name), "%s_FILE", variable);

    const char *path = options->key_file;

    if (path == NULL) {
        *key = muttdev_environment(variable);

        if (*key != NULL) {
            return MUTT_OK;
        }

        path = muttdev_environment(name);
    }

    if (path != NULL) {
        return read_key(path, key, err);
    }

    *key = muttdev_variable(variable);

    return MUTT_OK;
}


/* The command that lists what a path has one of. */
static const char *
list_of(const char *path)
{
    static const struct {
        const char *path;
        const char *command;
    } lists[] = {
        { "config/", "config list" },
        { "dead-letters/", "dlq list" },
        { "keys/", "keys list" },
    };

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        if (strncmp(path, lists[i].path, strlen(lists[i].path)) == 0) {
            return lists[i].command;
        }
    }

    return NULL;
}


/* Collects an answer. */
static bool
take(void *data, long status, mutt_str_t piece)
{
    mutt_buf_t *answer = data;

    (void) status;
    mutt_buf_add_str(answer, piece);

    return mutt_buf_ok(answer);
}


static mutt_rc_t
ask(mutt_http_t *http, const mutt_http_request_t *request,
    mutt_http_done_t *done, mutt_err_t *err)
{
    mutt_rc_t rc = mutt_http_send(http, request, err);

    while (rc == MUTT_OK && !mutt_http_next(http, done)) {
        rc = mutt_http_turn(http, SLICE_MS, err);
    }

    return rc;
}


mutt_rc_t
client_fetch(const client_request_t *what, long *status, mutt_buf_t *answer,
             mutt_err_t *err)
{
    mutt_http_options_t how = {
        .url = what->address,
        .get = strcmp(what->method, "GET") == 0,
        .ca = "",
        .timeout_ms = what->timeout_ms == 0 ? TIMEOUT_MS : what->timeout_ms,
        .connections = 1,
    };
    mutt_http_request_t request = {
        .method = what->method,
        .body = what->body,
        .authorization = "",
        .idempotency_key = "",
        .traceparent = "",
        .api_key = what->key,
        .type = what->type,
        .encoding = what->encoding,
        .if_match = what->if_match,
        .take = take,
        .data = answer,
    };
    mutt_http_done_t done = { 0 };
    mutt_http_t *http;
    mutt_rc_t rc = mutt_http_create(&how, &http, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    rc = ask(http, &request, &done, err);

    if (rc == MUTT_OK && !mutt_buf_ok(answer)) {
        rc = mutt_fail(err, MUTT_NOMEM, "the answer is too long");
    } else if (rc == MUTT_OK && done.send != MUTT_SEND_ANSWERED) {
        rc = mutt_fail(err, MUTT_UNAVAIL, "no answer from %.100s%s%.100s",
                       what->address, done.error[0] == '\0' ? "" : ": ",
                       done.error);
    }

    *status = done.status;

    if (what->etag != NULL) {
        (void) snprintf(what->etag, CLIENT_ETAG, "%.*s",
                        MUTT_STR_ARG(done.etag));
    }

    mutt_http_destroy(http);

    return rc;
}


mutt_rc_t
client_answer(const client_request_t *what, mutt_buf_t *answer, mutt_err_t *err)
{
    long status = 0;
    mutt_rc_t rc = client_fetch(what, &status, answer, err);

    if (rc == MUTT_UNAVAIL) {
        mutt_err_t cause = *err;

        return mutt_fail(err, rc,
                         "%.180s; is it up? \"muttdev status\" tells what runs",
                         cause.text);
    }

    return rc == MUTT_OK && (status < 200 || status > 299)
               ? client_refused(what, status, mutt_buf_str(answer), err)
               : rc;
}


mutt_rc_t
client_ask(const options_t *options, client_request_t *what, const char *path,
           mutt_buf_t *answer, mutt_err_t *err)
{
    char address[URL_SIZE];
    const char *base = client_url(options, err);

    if (base == NULL) {
        return err->rc;
    }

    mutt_rc_t rc = client_key(options, "MUTT_API_KEY", &what->key, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    (void) snprintf(address, sizeof(address), "%s/api/v2/%s", base, path);
    what->address = address;
    what->list = list_of(path);
    rc = client_answer(what, answer, err);
    what->address = NULL;

    return rc;
}


mutt_rc_t
client_call(const options_t *options, const char *method, const char *path,
            mutt_str_t body, mutt_buf_t *answer, mutt_err_t *err)
{
    client_request_t what = { .method = method, .body = body };

    return client_ask(options, &what, path, answer, err);
}


json_t *
client_json(const options_t *options, const char *method, const char *path,
            const json_t *body, mutt_err_t *err)
{
    char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
    mutt_buf_t answer;
    json_t *value = NULL;

    if (body != NULL && text == NULL) {
        (void) mutt_fail(err, MUTT_INVALID, "the text is not UTF-8");
        return NULL;
    }

    mutt_buf_init(&answer, CLIENT_MAX);

    if (client_call(options, method, path, mutt_str(text), &answer, err) ==
        MUTT_OK) {
        value = answer.len == 0 ? json_object()
                                : json_loadb(answer.data, answer.len,
                                             JSON_DECODE_ANY, NULL);

        if (value == NULL) {
            (void) mutt_fail(err, MUTT_INVALID,
                             "the answer is no JSON: is %s "
                             "a MUTT?",
                             path);
        }
    }

    mutt_buf_done(&answer);
    free(text);

    return value;
}
