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

#define LINE_MAX 8192
#define TEXT_MAX 1024
#define NAME_SIZE 256

struct mutt_log_s {
    int fd;
    bool json;
    mutt_log_level_t least;
    uint64_t dropped;
    char service[64];
    char version[64];
    char pod[NAME_SIZE];
    pthread_mutex_t lock;
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
mutt_log_destroy(mutt_log_t *log)
{
    if (log == NULL) {
        return;
    }

    (void) pthread_mutex_destroy(&log->lock);
    free(log);
}


void
mutt_log_set_level(mutt_log_t *log, mutt_log_level_t least)
{
    __atomic_store_n(&log->least, least, __ATOMIC_RELAXED);
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


static void
add_record(mutt_log_t *log, mutt_buf_t *b, mutt_log_level_t level,
           const char *module, mutt_str_t correlation_id, mutt_str_t text)
{
    char now[MUTT_TIME_LEN + 1];

    mutt_time_format(mutt_time_now(), now);

    if (!log->json) {
        mutt_buf_addf(b, "%s %s %s: ", now, level_names[level], module);
        mutt_buf_add_json(b, text);
        MUTT_BUF_LIT(b, "\n");
        return;
    }

    MUTT_BUF_LIT(b, "{");
    add_member(b, "timestamp", mutt_str(now));
    add_member(b, "level", mutt_str(level_names[level]));
    add_member(b, "message", text);
    add_member(b, "service", mutt_str(log->service));
    add_member(b, "version", mutt_str(log->version));
    add_member(b, "pod_name", mutt_str(log->pod));
    add_member(b, "module", mutt_str(module));
    add_member(b, "correlation_id", correlation_id);

    if (log->dropped > 0) {
        mutt_buf_addf(b, ",\"dropped_lines\":%llu",
                      (unsigned long long) log->dropped);
    }

    MUTT_BUF_LIT(b, "}\n");
}


/* Writes a line if the reader takes it now; a log must not stop its writer. */
static void
emit(mutt_log_t *log, mutt_str_t line)
{
    struct pollfd p = { .fd = log->fd, .events = POLLOUT };

    if (poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) != 0 &&
        write(log->fd, line.data, line.len) == (ssize_t) line.len) {
        log->dropped = 0;
    } else {
        log->dropped++;
    }
}


static void log_text(mutt_log_t *log, mutt_log_level_t level,
                     const char *module, mutt_str_t correlation_id,
                     const char *fmt, va_list args) MUTT_PRINTF(5, 0);


static void
log_text(mutt_log_t *log, mutt_log_level_t level, const char *module,
         mutt_str_t correlation_id, const char *fmt, va_list args)
{
    char text[TEXT_MAX];
    mutt_buf_t b;

    if (level < __atomic_load_n(&log->least, __ATOMIC_RELAXED)) {
        return;
    }

    (void) vsnprintf(text, sizeof(text), fmt, args);
    mutt_buf_init(&b, LINE_MAX);
    (void) pthread_mutex_lock(&log->lock);
    add_record(log, &b, level, module, correlation_id, mutt_str(text));

    if (mutt_buf_ok(&b)) {
        emit(log, mutt_buf_str(&b));
    } else {
        log->dropped++;
    }

    (void) pthread_mutex_unlock(&log->lock);
    mutt_buf_done(&b);
}


void
mutt_log(mutt_log_t *log, mutt_log_level_t level, const char *module,
         const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    log_text(log, level, module, MUTT_STR("system"), fmt, args);
    va_end(args);
}


void
mutt_log_event(mutt_log_t *log, mutt_log_level_t level, const char *module,
               mutt_str_t correlation_id, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    log_text(log, level, module, correlation_id, fmt, args);
    va_end(args);
}
