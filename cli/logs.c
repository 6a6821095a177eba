/* muttdev logs: the logs of the private stack, in the order of their time. */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api.h"
#include "log_line.h"
#include "stack.h"

#define LINES_DEFAULT 50
#define LINES_MAX 100000
#define SECONDS_MAX 86400
/* what is read of a log's end */
#define TAIL_BYTES (8 << 20)
#define PIECE 65536
#define SLICE_MS 200

static int run(const options_t *options);

static struct {
    bool follow;
    long n;
    const char *grep;
    const char *level;
    long seconds;
} given = { .n = LINES_DEFAULT, .level = "DEBUG" };

static const option_t takes[] = {
    { "follow", 'f', OPTION_FLAG, &given.follow, 0, 0 },
    { "lines", 'n', OPTION_COUNT, &given.n, 0, LINES_MAX },
    { "grep", 0, OPTION_TEXT, &given.grep, 0, 0 },
    { "level", 0, OPTION_TEXT, &given.level, 0, 0 },
    { "for", 0, OPTION_COUNT, &given.seconds, 1, SECONDS_MAX },
    { 0 },
};

const muttdev_command_t muttdev_logs = {
    .name = "logs",
    .synopsis = "[SERVICE] [-f] [-n N] [--grep TEXT] [--level LEVEL] "
                "[--for SECONDS]",
    .summary = "what the stack's programs log, in one order",
    .help =
        "\nSERVICE is nginx, access, alerter, forwarder, remediation, "
        "retention, redis,\npostgres, sink, prometheus or all, the default, "
        "which is all but access.\nThe last 50 lines, or N, of those that have "
        "TEXT (in any case) and at least\nthat LEVEL: DEBUG, INFO, WARNING, "
        "ERROR; -f goes on with what comes, until\ninterrupted or --for "
        "SECONDS. Of each log the last 8 MiB are read. --json\nprints an "
        "object a line. Where systemd or Kubernetes keep the logs, ask "
        "them.\n" OPTIONS_HELP,
    .own = takes,
    .run = run,
};

/* A log's file; make up names them. */
typedef struct {
    const char *service;
    const char *file;
    bool in_all;
    off_t at;         /* what was read */
    char rest[PIECE]; /* the beginning of a line */
    size_t rest_len;
    log_line_t last; /* its time and level alone */
} source_t;

static source_t sources[] = {
    { .service = "nginx", .file = "error", .in_all = true },
    { .service = "access", .file = "access" },
    { .service = "alerter", .file = "alerter", .in_all = true },
    { .service = "forwarder", .file = "forwarder", .in_all = true },
    { .service = "remediation", .file = "remediation", .in_all = true },
    { .service = "retention", .file = "retention", .in_all = true },
    { .service = "redis", .file = "redis", .in_all = true },
    { .service = "postgres", .file = "postgres", .in_all = true },
    { .service = "sink", .file = "sink", .in_all = true },
    { .service = "prometheus", .file = "prometheus", .in_all = true },
};

#define N_SOURCES (sizeof(sources) / sizeof(sources[0]))

typedef struct {
    const options_t *options;
    const char *home;
    const char *grep;
    mutt_log_level_t level;
    long n;
    long seconds;
    bool follow;
    log_line_t *lines; /* those to be shown */
    size_t n_lines;
    size_t size;
} logs_t;


static const char *
text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text == NULL ? "" : text;
}


static bool
is_wanted(const logs_t *logs, const log_line_t *line, mutt_str_t text)
{
    if (line->level < logs->level) {
        return false;
    }

    if (logs->grep == NULL) {
        return true;
    }

    char *copy = strndup(text.data, text.len);
    bool found = copy != NULL && strcasestr(copy, logs->grep) != NULL;

    free(copy);

    return found;
}


static void
show(const logs_t *logs, const log_line_t *line)
{
    if (logs->options->json) {
        (void) print_json(line->object, true);
        return;
    }

    const char *error = text_of(line->object, "error");
    const char *id = text_of(line->object, "correlation_id");

    (void) printf("%.19s %-7.7s %-12s ", text_of(line->object, "timestamp"),
                  text_of(line->object, "level"),
                  text_of(line->object, "service"));
    (void) print_text(stdout, mutt_str(text_of(line->object, "message")));

    if (error[0] != '\0') {
        (void) fputs(": ", stdout);
        (void) print_text(stdout, mutt_str(error));
    }

    if (id[0] != '\0' && strcmp(id, "system") != 0) {
        (void) fputs("  ", stdout);
        (void) print_text(stdout, mutt_str(id));
    }

    (void) putchar('\n');
}


/* Keeps a line for later; false when out of memory. */
static bool
keep(logs_t *logs, const log_line_t *line)
{
    if (logs->n_lines == logs->size) {
        size_t size = logs->size == 0 ? 1024 : 2 * logs->size;
        log_line_t *grown = realloc(logs->lines, size * sizeof(log_line_t));

        if (grown == NULL) {
            return false;
        }

        logs->lines = grown;
        logs->size = size;
    }

    logs->lines[logs->n_lines++] = *line;

    return true;
}


static void
take_line(logs_t *logs, source_t *source, mutt_str_t text)
{
    log_line_t line;

    if (text.len == 0 ||
        !log_line_read(source->service, text, &source->last, &line)) {
        return;
    }

    source->last = (log_line_t) { .at = line.at, .level = line.level };

    if (!is_wanted(logs, &line, text) || !keep(logs, &line)) {
        json_decref(line.object);
    }
}


/* Lines that are whole; what is left begins the next. */
static void
take_text(logs_t *logs, source_t *source)
{
    char *from = source->rest;
    char *end = source->rest + source->rest_len;
    char *feed;

    while ((feed = memchr(from, '\n', (size_t) (end - from))) != NULL) {
        take_line(logs, source, (mutt_str_t) { from, (size_t) (feed - from) });
        from = feed + 1;
    }

    if (from == source->rest && source->rest_len == sizeof(source->rest)) {
        /* no line is that long: it is shown in parts */
        take_line(logs, source, (mutt_str_t) { from, source->rest_len });
        from = end;
    }

    source->rest_len = (size_t) (end - from);
    memmove(source->rest, from, source->rest_len);
}


/* Reads what a log has got since; one that has become shorter is new. */
static void
read_source(logs_t *logs, source_t *source)
{
    char path[STACK_PATH];
    struct stat about;

    (void) snprintf(path, sizeof(path), "%s/log/%s.log", logs->home,
                    source->file);

    FILE *f = fopen(path, "re");

    if (f == NULL || fstat(fileno(f), &about) != 0) {
        if (f != NULL) {
            (void) fclose(f);
        }

        return;
    }

    if (about.st_size < source->at) {
        source->at = 0;
        source->rest_len = 0;
    }

    bool cut = source->at == 0 && about.st_size > TAIL_BYTES;

    if (cut) {
        source->at = about.st_size - TAIL_BYTES;
    }

    size_t n = 1;

    if (fseeko(f, source->at, SEEK_SET) != 0) {
        n = 0;
    }

    while (n > 0) {
        n = fread(source->rest + source->rest_len, 1,
                  sizeof(source->rest) - source->rest_len, f);
        source->rest_len += n;
        source->at += (off_t) n;

        if (cut && n > 0) {
            /* the first line has lost its beginning */
            char *feed = memchr(source->rest, '\n', source->rest_len);
            size_t gone = feed == NULL ? source->rest_len
                                       : (size_t) (feed + 1 - source->rest);

            source->rest_len -= gone;
            memmove(source->rest, source->rest + gone, source->rest_len);
            cut = false;
        }

        take_text(logs, source);
    }

    (void) fclose(f);
}


static int
by_time(const void *a, const void *b)
{
    const log_line_t *x = a;
    const log_line_t *y = b;

    return (x->at > y->at) - (x->at < y->at);
}


/* Shows what was kept, the last n of it, and lets it go. */
static void
flush(logs_t *logs, size_t n)
{
    size_t from = logs->n_lines > n ? logs->n_lines - n : 0;

    if (logs->n_lines > 1) {
        /* glibc's is a merge sort: lines of one moment keep their order */
        qsort(logs->lines, logs->n_lines, sizeof(log_line_t), by_time);
    }

    for (size_t i = 0; i < logs->n_lines; i++) {
        if (i >= from) {
            show(logs, &logs->lines[i]);
        }

        json_decref(logs->lines[i].object);
    }

    logs->n_lines = 0;
    (void) fflush(stdout);
}


static bool
is_chosen(const char *service, const source_t *source)
{
    return strcmp(service, "all") == 0 ? source->in_all
                                       : strcmp(service, source->service) == 0;
}


static int
go(logs_t *logs, const char *service)
{
    mutt_usec_t deadline = mutt_time_mono() + logs->seconds * MUTT_USEC_SEC;
    size_t n = (size_t) logs->n;

    do {
        for (size_t i = 0; i < N_SOURCES; i++) {
            if (is_chosen(service, &sources[i])) {
                read_source(logs, &sources[i]);
            }
        }

        flush(logs, n);
        n = SIZE_MAX;

        if (logs->follow) {
            (void) poll(NULL, 0, SLICE_MS);
        }
    } while (logs->follow && !ferror(stdout) &&
             (logs->seconds == 0 || mutt_time_mono() < deadline));

    free(logs->lines);

    return MUTTDEV_DONE;
}


static bool
is_service(const char *name)
{
    bool found = strcmp(name, "all") == 0;

    for (size_t i = 0; i < N_SOURCES; i++) {
        found = found || strcmp(name, sources[i].service) == 0;
    }

    return found;
}


static bool
read_level(const char *name, mutt_log_level_t *level)
{
    static const char *const names[] = { "DEBUG", "INFO", "WARNING", "ERROR" };

    for (size_t i = 0; i < 4; i++) {
        if (strcasecmp(name, names[i]) == 0) {
            *level = (mutt_log_level_t) i;
            return true;
        }
    }

    return false;
}


static int
run(const options_t *options)
{
    logs_t logs = {
        .options = options,
        .follow = given.follow,
        .n = given.n,
        .grep = given.grep,
        .seconds = given.seconds,
    };
    const char *service = options->n == 0 ? "all" : options->words[0];

    if (!is_service(service)) {
        return options_wrong(&muttdev_logs, "there is no service \"%s\"",
                             service);
    }

    if (!read_level(given.level, &logs.level)) {
        return options_wrong(&muttdev_logs,
                             "--level wants DEBUG, INFO, WARNING or ERROR");
    }

    logs.home = stack_home(options);

    if (logs.home == NULL) {
        (void) fprintf(stderr,
                       "muttdev logs: there is no private stack's state in "
                       "MUTT_HOME; elsewhere journalctl -u mutt-alerter, "
                       "kubectl logs or nginx' error_log have them\n");
        return MUTTDEV_FAILED;
    }

    return go(&logs, service);
}
