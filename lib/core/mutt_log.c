#include "mutt_log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "mutt_buf.h"
#include "mutt_time.h"

/* what a pipe takes whole or not at all */
#define LINE_LEN 4096

#define RECORD_MAX 16384
#define TEXT_MAX 1024
#define NAME_SIZE 256
#define FORMATS 128
#define LAST_SIZE 256

/* a traceparent, of which two parts are told */
#define TRACEPARENT 55

typedef struct {
    mutt_log_level_t level;
    const char *module;
    mutt_str_t text;
    mutt_log_about_t about;
    uint64_t repeated; /* lines that this one stands for; 0: itself */
} line_t;

/* Lines with one format, of the window that began at since. */
typedef struct {
    const char *fmt; /* NULL: free, as are all behind it */
    mutt_usec_t since;
    unsigned lines;
    uint64_t held;
    mutt_log_level_t level;
    const char *module;
    char last[LAST_SIZE];
} format_t;

struct mutt_log_s {
    int fd;
    bool json;
    mutt_log_level_t least;
    uint64_t dropped;
    bool cut; /* the last line has no end */
    char service[64];
    char version[64];
    char pod[NAME_SIZE];
    pthread_mutex_t lock;
    format_t formats[FORMATS];
};

static const char *const level_names[] = { "DEBUG", "INFO", "WARNING",
                                           "ERROR" };


mutt_log_t *
mutt_log_create(int fd, const char *service, const char *version,
                const char *pod, bool json)
{
    mutt_log_t *log = calloc(1, sizeof(mutt_log_t));

    if (log == NULL) {
        return NULL;
    }

    log->fd = fd;
    log->json = json;
    log->least = MUTT_LOG_INFO;
    (void) snprintf(log->service, sizeof(log->service), "%s", service);
    (void) snprintf(log->version, sizeof(log->version), "%s", version);
    (void) snprintf(log->pod, sizeof(log->pod), "%s", pod);
    (void) pthread_mutex_init(&log->lock, NULL);

    return log;
}


void
mutt_log_set_level(mutt_log_t *log, mutt_log_level_t least)
{
    __atomic_store_n(&log->least, least, __ATOMIC_RELAXED);
}


bool
mutt_log_wants(const mutt_log_t *log, mutt_log_level_t level)
{
    return level >= __atomic_load_n(&log->least, __ATOMIC_RELAXED);
}


mutt_log_level_t
mutt_log_level_parse(const char *name)
{
    for (int i = 0; i < 4; i++) {
        if (strcasecmp(name, level_names[i]) == 0) {
            return (mutt_log_level_t) i;
        }
    }

    return MUTT_LOG_INFO;
}


static void
add_member(mutt_buf_t *b, const char *name, mutt_str_t value)
{
    mutt_buf_addf(b, "%s\"%s\":", b->len == 1 ? "" : ",", name);
    mutt_buf_add_json(b, value);
}


/* A member that is null without a value. */
static void
add_optional(mutt_buf_t *b, const char *name, mutt_str_t value)
{
    if (value.len > 0) {
        add_member(b, name, value);
    } else {
        mutt_buf_addf(b, ",\"%s\":null", name);
    }
}


/* The ids in the middle of a traceparent. */
static mutt_str_t
part_of(mutt_str_t traceparent, size_t from, size_t len)
{
    return traceparent.len < TRACEPARENT
               ? MUTT_STR("")
               : (mutt_str_t) { traceparent.data + from, len };
}


static void
add_json(const mutt_log_t *log, mutt_buf_t *b, const line_t *line)
{
    const mutt_log_about_t *about = &line->about;
    char now[MUTT_TIME_LEN + 1];

    mutt_time_format(mutt_time_now(), now);
    MUTT_BUF_LIT(b, "{");
    add_member(b, "timestamp", mutt_str(now));
    add_member(b, "level", mutt_str(level_names[line->level]));
    add_member(b, "message", line->text);
    add_member(b, "service", mutt_str(log->service));
    add_member(b, "version", mutt_str(log->version));
    add_member(b, "pod_name", mutt_str(log->pod));
    add_member(b, "module", mutt_str(line->module));
    add_member(b, "correlation_id",
               about->correlation_id.len > 0 ? about->correlation_id
                                             : MUTT_STR("system"));
    add_optional(b, "trace_id", part_of(about->traceparent, 3, 32));
    add_optional(b, "span_id", part_of(about->traceparent, 36, 16));
    add_optional(b, "error", about->error);

    if (line->repeated > 0) {
        mutt_buf_addf(b, ",\"repeated\":%llu",
                      (unsigned long long) line->repeated);
    }

    if (log->dropped > 0) {
        mutt_buf_addf(b, ",\"dropped_lines\":%llu",
                      (unsigned long long) log->dropped);
    }

    MUTT_BUF_LIT(b, "}\n");
}


static void
add_plain(mutt_buf_t *b, const line_t *line)
{
    char now[MUTT_TIME_LEN + 1];

    mutt_time_format(mutt_time_now(), now);
    mutt_buf_addf(b, "%s %s %s: ", now, level_names[line->level], line->module);
    mutt_buf_add_json(b, line->text);

    if (line->about.error.len > 0) {
        MUTT_BUF_LIT(b, ": ");
        mutt_buf_add_json(b, line->about.error);
    }

    if (line->repeated > 0) {
        mutt_buf_addf(b, " (%llu times)", (unsigned long long) line->repeated);
    }

    MUTT_BUF_LIT(b, "\n");
}


/* Text without its last n bytes, and no character cut in two. */
static mutt_str_t
shorter(mutt_str_t text, size_t n)
{
    text.len -= n < text.len ? n : text.len;

    while (text.len > 0 &&
           ((unsigned char) text.data[text.len] & 0xc0) == 0x80) {
        text.len--;
    }

    return text;
}


/* Writes the record of a line, of at most LINE_LEN bytes. */
static bool
add_record(const mutt_log_t *log, mutt_buf_t *b, line_t line)
{
    for (;;) {
        mutt_buf_reset(b);

        if (log->json) {
            add_json(log, b, &line);
        } else {
            add_plain(b, &line);
        }

        if (!mutt_buf_ok(b) || b->len <= LINE_LEN || line.text.len == 0) {
            return mutt_buf_ok(b) && b->len <= LINE_LEN;
        }

        /* a byte of it is six of JSON at most */
        line.text = shorter(line.text, (b->len - LINE_LEN + 5) / 6);
    }
}


/* Writes what the reader takes now; a log must not stop its writer. */
static bool
offer(mutt_log_t *log, mutt_str_t text)
{
    struct pollfd p = { .fd = log->fd, .events = POLLOUT };

    if (poll(&p, 1, 0) != 1 || (p.revents & POLLOUT) == 0) {
        return false;
    }

    ssize_t n = write(log->fd, text.data, text.len);

    log->cut = n > 0 ? n < (ssize_t) text.len : log->cut;

    return n == (ssize_t) text.len;
}


/* Behind a line that a full disk has cut, the next begins a line of its own. */
static void
emit(mutt_log_t *log, mutt_str_t line)
{
    bool apart = !log->cut || offer(log, MUTT_STR("\n"));

    log->dropped = apart && offer(log, line) ? 0 : log->dropped + 1;
}


static void
put(mutt_log_t *log, const line_t *line)
{
    mutt_buf_t b;

    mutt_buf_init(&b, RECORD_MAX);

    if (add_record(log, &b, *line)) {
        emit(log, mutt_buf_str(&b));
    } else {
        log->dropped++;
    }

    mutt_buf_done(&b);
}


/* Writes the last line that was held back, with how many were. */
static void
tell_held(mutt_log_t *log, format_t *f)
{
    line_t line = { .level = f->level,
                    .module = f->module,
                    .text = mutt_str(f->last),
                    .repeated = f->held };

    if (f->held > 0) {
        put(log, &line);
    }

    f->held = 0;
    f->lines = 0;
}


/* Where a format is counted; NULL when there is no room for one more. */
static format_t *
format_of(mutt_log_t *log, const char *fmt)
{
    for (size_t i = 0; i < FORMATS; i++) {
        format_t *f = &log->formats[i];

        if (f->fmt == NULL || f->fmt == fmt) {
            f->fmt = fmt;
            return f;
        }
    }

    return NULL;
}


/* Whether a line is one too many; then it is counted instead. */
static bool
held_back(mutt_log_t *log, const char *fmt, const line_t *line)
{
    mutt_usec_t now = mutt_time_mono();
    format_t *f = line->level == MUTT_LOG_DEBUG ? NULL : format_of(log, fmt);

    if (f == NULL) {
        return false;
    }

    if (f->lines > 0 && now - f->since >= MUTT_LOG_WINDOW) {
        tell_held(log, f);
    }

    if (f->lines == 0) {
        f->since = now;
    }

    if (f->lines < MUTT_LOG_BURST) {
        f->lines++;
        return false;
    }

    f->level = line->level;
    f->module = line->module;
    f->held++;
    (void) snprintf(f->last, sizeof(f->last), "%.*s", MUTT_STR_ARG(line->text));

    return true;
}


void
mutt_log_tick(mutt_log_t *log, int64_t now)
{
    (void) pthread_mutex_lock(&log->lock);

    for (size_t i = 0; i < FORMATS && log->formats[i].fmt != NULL; i++) {
        format_t *f = &log->formats[i];

        if (f->held > 0 && now - f->since >= MUTT_LOG_WINDOW) {
            tell_held(log, f);
        }
    }

    (void) pthread_mutex_unlock(&log->lock);
}


void
mutt_log_destroy(mutt_log_t *log)
{
    if (log == NULL) {
        return;
    }

    for (size_t i = 0; i < FORMATS; i++) {
        tell_held(log, &log->formats[i]);
    }

    (void) pthread_mutex_destroy(&log->lock);
    free(log);
}


static void log_text(mutt_log_t *log, mutt_log_level_t level,
                     const char *module, const mutt_log_about_t *about,
                     const char *fmt, va_list args) MUTT_PRINTF(5, 0);


static void
log_text(mutt_log_t *log, mutt_log_level_t level, const char *module,
         const mutt_log_about_t *about, const char *fmt, va_list args)
{
    char text[TEXT_MAX];

    if (!mutt_log_wants(log, level)) {
        return;
    }

    (void) vsnprintf(text, sizeof(text), fmt, args);

    line_t line = { .level = level,
                    .module = module,
                    .text = mutt_str(text),
                    .about = *about };

    (void) pthread_mutex_lock(&log->lock);

    if (!held_back(log, fmt, &line)) {
        put(log, &line);
    }

    (void) pthread_mutex_unlock(&log->lock);
}


void
mutt_log(mutt_log_t *log, mutt_log_level_t level, const char *module,
         const char *fmt, ...)
{
    mutt_log_about_t about = { 0 };
    va_list args;

    va_start(args, fmt);
    log_text(log, level, module, &about, fmt, args);
    va_end(args);
}


void
mutt_log_failure(mutt_log_t *log, mutt_log_level_t level, const char *module,
                 const mutt_err_t *err, const char *fmt, ...)
{
    mutt_log_about_t about = { .error = mutt_str(err->text) };
    va_list args;

    va_start(args, fmt);
    log_text(log, level, module, &about, fmt, args);
    va_end(args);
}


void
mutt_log_event(mutt_log_t *log, mutt_log_level_t level, const char *module,
               const mutt_log_about_t *about, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    log_text(log, level, module, about, fmt, args);
    va_end(args);
}
