#include "api.h"

#include <stdio.h>
#include <string.h>

#include "client.h"

#define PATH_SIZE 512
#define N_DEFAULT 50

/* of the letters of a name in a path */
#define NAME_LETTERS                                                           \
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"


bool
api_is_name(const char *word)
{
    return word[0] != '\0' && word[strspn(word, NAME_LETTERS)] == '\0' &&
           word[strspn(word, ".")] != '\0';
}


int
api_failed(const muttdev_command_t *command, const mutt_err_t *err)
{
    (void) fprintf(stderr, "muttdev %s: %s\n", command->name, err->text);

    return MUTTDEV_FAILED;
}


int
api_store_failed(const muttdev_command_t *command, const mutt_err_t *err)
{
    (void) fprintf(stderr,
                   "muttdev %s: %s; it is asked at REDIS_URL and DATABASE_URL, "
                   "\"muttdev doctor\" looks closer\n",
                   command->name, err->text);

    return MUTTDEV_FAILED;
}


json_t *
api_reason(const options_t *options, const api_fields_t *fields)
{
    json_t *body = json_object();

    (void) options;

    if (fields->reason != NULL) {
        (void) json_object_set_new(body, "reason", json_string(fields->reason));
    }

    return body;
}


/* The path with the first word and -n in their places. */
static void
make_path(const api_request_t *request, const options_t *options,
          const api_fields_t *fields, char path[PATH_SIZE])
{
    size_t at = 0;

    for (const char *s = request->path; *s != '\0' && at < PATH_SIZE; s++) {
        if (*s == '[' && options->n == 0) {
            s += strcspn(s, "]");
        } else if (*s == '%' && s[1] == 's') {
            at += (size_t) snprintf(path + at, PATH_SIZE - at, "%s",
                                    options->words[0]);
            s++;
        } else if (*s == '%') {
            at +=
                (size_t) snprintf(path + at, PATH_SIZE - at, "%ld", fields->n);
            s += 2;
        } else if (*s != '[' && *s != ']') {
            at += (size_t) snprintf(path + at, PATH_SIZE - at, "%c", *s);
        }
    }
}


static void
show(const api_request_t *request, const json_t *answer)
{
    if (request->columns == NULL) {
        request->show(answer);
    } else {
        print_table(json_object_get(answer, request->list), request->columns);
    }
}


static int
call(const options_t *options, const api_fields_t *fields,
     const api_request_t *request)
{
    char path[PATH_SIZE];
    mutt_err_t err = { 0 };
    json_t *body = NULL;
    int status = MUTTDEV_DONE;

    if (request->body != NULL) {
        body = request->body(options, fields);

        if (body == NULL) {
            return MUTTDEV_USAGE;
        }
    }

    make_path(request, options, fields, path);

    json_t *answer = client_json(options, request->method, path, body, &err);

    if (answer == NULL) {
        status = api_failed(request->command, &err);
    } else if (options->json) {
        status = print_json(answer, true);
    } else {
        show(request, answer);
    }

    json_decref(answer);
    json_decref(body);

    return status;
}


int
api_run(int argc, char **argv, const api_request_t *request)
{
    options_t options;
    api_fields_t fields = { .n = N_DEFAULT };
    const option_t all[] = {
        { "reason", 0, OPTION_TEXT, &fields.reason, 0, 0 },
        { "scope", 0, OPTION_TEXT, &fields.scope, 0, 0 },
        { "expires", 0, OPTION_TEXT, &fields.expires, 0, 0 },
        { "retire", 0, OPTION_TEXT, &fields.retire, 0, 0 },
        { "id", 0, OPTION_COUNT, &fields.id, 1, 2147483647 },
        { "lines", 'n', OPTION_COUNT, &fields.n, 1, 200 },
    };
    option_t own[sizeof(all) / sizeof(all[0]) + 1] = { 0 };
    size_t n = 0;

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if ((request->takes & 1u << i) != 0) {
            own[n++] = all[i];
        }
    }

    int status = options_read(request->command, argc, argv, own, &options);

    if (status != OPTIONS_RUN) {
        return status;
    }

    if (options.n > 0 && !api_is_name(options.words[0])) {
        return options_wrong(request->command, "\"%s\" is no name",
                             options.words[0]);
    }

    return call(&options, &fields, request);
}
