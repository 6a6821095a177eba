#include "events.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/mutt_buf.h"

#define PIECE 65536


static bool
read_file(const char *path, mutt_buf_t *text, mutt_err_t *err)
{
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *f = is_stdin ? stdin : fopen(path, "re");
    char piece[PIECE];
    size_t n;

    if (f == NULL) {
        (void) mutt_fail(err, MUTT_INVALID, "%.200s: %m", path);
        return false;
    }

    errno = 0;

    while ((n = fread(piece, 1, sizeof(piece), f)) > 0) {
        mutt_buf_add(text, piece, n);
    }

    int fault = ferror(f) ? errno : 0;

    if (!is_stdin) {
        (void) fclose(f);
    }

    if (fault != 0 || !mutt_buf_ok(text)) {
        (void) mutt_fail(err, MUTT_INVALID, "%.150s: %.80s", path,
                         fault != 0 ? strerror(fault) : "too long");
        return false;
    }

    return true;
}


/* A value after another, to the end of the text. */
static json_t *
read_values(const char *path, const char *text, size_t len, mutt_err_t *err)
{
    json_t *events = json_array();
    const char *end = text + len;
    long line = 1;

    while (text < end) {
        json_error_t error;
        json_t *value;

        if (strchr(" \t\r\n", *text) != NULL && *text != '\0') {
            line += *text++ == '\n';
            continue;
        }

        value = json_loadb(text, (size_t) (end - text), JSON_DISABLE_EOF_CHECK,
                           &error);

        if (value == NULL) {
            (void) mutt_fail(err, MUTT_INVALID, "%.100s, line %ld: %.100s",
                             path, line + error.line - 1, error.text);
            json_decref(events);
            return NULL;
        }

        for (int i = 0; i < error.position; i++) {
            line += text[i] == '\n';
        }

        text += error.position;

        if (json_is_array(value)) {
            (void) json_array_extend(events, value);
            json_decref(value);
        } else {
            (void) json_array_append_new(events, value);
        }
    }

    return events;
}


json_t *
events_read(const char *path, mutt_err_t *err)
{
    mutt_buf_t text;
    json_t *events = NULL;

    mutt_buf_init(&text, EVENTS_BYTES);

    if (read_file(path, &text, err)) {
        events = read_values(path, text.data, text.len, err);
    }

    mutt_buf_done(&text);

    if (events != NULL && json_array_size(events) == 0) {
        (void) mutt_fail(err, MUTT_INVALID, "%.200s has no events", path);
        json_decref(events);
        return NULL;
    }

    return events;
}


json_t *
events_document(const char *path, mutt_err_t *err)
{
    mutt_buf_t text;
    json_error_t error;
    json_t *value = NULL;

    mutt_buf_init(&text, EVENTS_BYTES);

    if (read_file(path, &text, err)) {
        value = json_loadb(text.data == NULL ? "" : text.data, text.len,
                           JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);

        if (value == NULL) {
            (void) mutt_fail(err, MUTT_INVALID, "%.100s, line %d: %.100s", path,
                             error.line, error.text);
        }
    }

    mutt_buf_done(&text);

    return value;
}
