/*
 * Commands that are one request to the management API: a row says what is
 * asked and how the answer is shown.
 */

#ifndef MUTT_CLI_API_H
#define MUTT_CLI_API_H

#include <jansson.h>

#include "options.h"
#include "print.h"

/* The options of these commands. */
typedef struct {
    const char *reason;
    const char *scope;
    const char *expires;
    const char *retire;
    long id; /* 0: not given */
    long n;
} api_fields_t;

/* Which of them a command takes. */
#define API_REASON 0x01
#define API_SCOPE 0x02
#define API_EXPIRES 0x04
#define API_RETIRE 0x08
#define API_ID 0x10
#define API_N 0x20

/* What a command asks; in the path %s is its first word, %ld is -n, and what
 * is in brackets is for calls with a word. */
typedef struct {
    const muttdev_command_t *command;
    const char *method;
    const char *path;
    unsigned takes;
    /* What is sent; NULL after a fault that it told. */
    json_t *(*body)(const options_t *options, const api_fields_t *fields);
    const char *list;        /* the member that has the rows */
    const column_t *columns; /* of the rows, or NULL: show() shows */
    void (*show)(const json_t *answer);
} api_request_t;

/* Runs a command of that kind; returns its exit status. */
int api_run(int argc, char **argv, const api_request_t *request);

/* Whether a word can be part of a path: letters, digits and _ . - */
bool api_is_name(const char *word);

/* Tells of a failure on stderr; MUTTDEV_FAILED. */
int api_failed(const muttdev_command_t *command, const mutt_err_t *err);

/* The same of Redis or PostgreSQL, which a command asks itself. */
int api_store_failed(const muttdev_command_t *command, const mutt_err_t *err);

/* The body with a reason, where one is given. */
json_t *api_reason(const options_t *options, const api_fields_t *fields);

/* A row of the list of commands that is such a request. */
#define API_COMMAND(row, title, words_text, line, more, ...)                   \
    static int run_##row(int argc, char **argv);                               \
    const muttdev_command_t muttdev_##row = {                                  \
        .name = title,                                                         \
        .synopsis = words_text,                                                \
        .summary = line,                                                       \
        .help = more OPTIONS_HELP,                                             \
        .run = run_##row,                                                      \
    };                                                                         \
    static int run_##row(int argc, char **argv)                                \
    {                                                                          \
        static const api_request_t request = { &muttdev_##row, __VA_ARGS__ };  \
        return api_run(argc, argv, &request);                                  \
    }

#endif
