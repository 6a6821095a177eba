/*
 * One JSON object a line on stderr (CONTRACT section 10).  Text is escaped,
 * so that one record is one line whatever an event held, and no longer than
 * what a pipe takes in one piece.  Safe from any thread; a full or closed
 * stderr drops lines and counts them, never blocks.
 *
 * What is said with one format again and again is held back after some lines
 * within some seconds; the last of the lines held back is written with their
 * number when that time is over.
 */

#ifndef MUTT_LOG_H
#define MUTT_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "mutt_error.h"
#include "mutt_str.h"

/* Lines with one format that are written within a window of so many
 * microseconds; DEBUG's all are. */
#define MUTT_LOG_BURST 20
#define MUTT_LOG_WINDOW INT64_C(10000000)

typedef enum {
    MUTT_LOG_DEBUG,
    MUTT_LOG_INFO,
    MUTT_LOG_WARNING,
    MUTT_LOG_ERROR
} mutt_log_level_t;

typedef struct mutt_log_s mutt_log_t;

/* A log of a service to file descriptor fd; NULL when out of memory. */
mutt_log_t *mutt_log_create(int fd, const char *service, const char *version,
                            const char *pod, bool json);
void mutt_log_destroy(mutt_log_t *log);
void mutt_log_set_level(mutt_log_t *log, mutt_log_level_t least);

/* Whether lines of a level are written: to be asked before a line an event. */
bool mutt_log_wants(const mutt_log_t *log, mutt_log_level_t level);

mutt_log_level_t mutt_log_level_parse(const char *name);

/* module is the part that speaks ("queue", "rules"), a static string. */
void mutt_log(mutt_log_t *log, mutt_log_level_t level, const char *module,
              const char *fmt, ...) MUTT_PRINTF(4, 5);

/* As mutt_log(), with the failure that it is about. */
void mutt_log_failure(mutt_log_t *log, mutt_log_level_t level,
                      const char *module, const mutt_err_t *err,
                      const char *fmt, ...) MUTT_PRINTF(5, 6);

/* The work in hand; empty where there is nothing of the kind. */
typedef struct {
    mutt_str_t correlation_id;
    mutt_str_t traceparent;
    mutt_str_t error;
} mutt_log_about_t;

void mutt_log_event(mutt_log_t *log, mutt_log_level_t level, const char *module,
                    const mutt_log_about_t *about, const char *fmt, ...)
    MUTT_PRINTF(5, 6);

/* Writes what was held back by a window that is over at a moment of the
 * monotonic clock; to be called now and then. */
void mutt_log_tick(mutt_log_t *log, int64_t now);

#endif
