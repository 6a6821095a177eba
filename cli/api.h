/*
 * Commands that are one request to the management API: a row says what is
 * asked and how the answer is shown.
 */

#ifndef MUTT_CLI_API_H
#define MUTT_CLI_API_H

#include <jansson.h>

#include "options.h"
#include "print.h"

/* What the options of these commands were given. */
typedef struct {
    const char *reason;
    const char *scope;
    const char *expires;
    const char *retire;
    long id;    /* 0: not given */
    long limit; /* 0: not given */
    long n;
} api_fields_t;

extern api_fields_t api_fields;

/* Rows of a command's options, and tables of one. */
#define API_EXPIRES                                                            \
    {                                                                          \
        "expires", 0, OPTION_TEXT, &api_fields.expires, 0, 0                   \
    }
#define API_ID                                                                 \
    {                                                                          \
        "id", 0, OPTION_COUNT, &api_fields.id, 1, 2147483647                   \
    }
#define API_LIMIT                                                              \
    {                                                                          \
        "limit", 0, OPTION_COUNT, &api_fields.limit, 1, 1000000000             \
    }
#define API_REASON                                                             \
    {                                                                          \
        "reason", 0, OPTION_TEXT, &api_fields.reason, 0, 0                     \
    }
#define API_RETIRE                                                             \
    {                                                                          \
        "retire", 0, OPTION_TEXT, &api_fields.retire, 0, 0                     \
    }
#define API_SCOPE                                                              \
    {                                                                          \
        "scope", 0, OPTION_TEXT, &api_fields.scope, 0, 0                       \
    }

extern const option_t api_takes_n[];
extern const option_t api_takes_reason[];

/* What a command asks; in the path %s is its first word, %ld is -n, and what
 * is in brackets is for calls with a word. */
typedef struct {
    const muttdev_command_t *command;
    const char *method;
    const char *path;
    /* What is sent; NULL after a fault that it told. */
    json_t *(*body)(const options_t *options);
    const char *list;        /* the member that has the rows */
    const column_t *columns; /* of the rows, or NULL: show() shows */
    void (*show)(const json_t *answer);
} api_request_t;

/* Runs a command of that kind; returns its exit status. */
int api_run(const options_t *options, const api_request_t *request);

/* Whether a word can be part of a path: letters, digits and _ . - */
bool api_is_name(const char *word);

/* Tells of a failure on stderr; MUTTDEV_FAILED. */
int api_failed(const muttdev_command_t *command, const mutt_err_t *err);

/* The same of Redis or PostgreSQL, which a command asks itself. */
int api_store_failed(const muttdev_command_t *command, const mutt_err_t *err);

/* The body with a reason, where one is given. */
json_t *api_reason(const options_t *options);

/* A row of the list of commands that is such a request; table is of its
 * options, or NULL. */
#define API_COMMAND(row, title, words_text, line, more, table, ...)            \
    static int run_##row(const options_t *options);                            \
    const muttdev_command_t muttdev_##row = {                                  \
        .name = title,                                                         \
        .synopsis = words_text,                                                \
        .summary = line,                                                       \
        .help = more OPTIONS_HELP,                                             \
        .own = table,                                                          \
        .run = run_##row,                                                      \
    };                                                                         \
    static int run_##row(const options_t *options)                             \
    {                                                                          \
        static const api_request_t request = { &muttdev_##row, __VA_ARGS__ };  \
        return api_run(options, &request);                                     \
    }

#endif
