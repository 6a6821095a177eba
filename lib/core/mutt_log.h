/*
 * One JSON object a line on stderr (CONTRACT section 10).  Text is escaped,
 * so that one record is one line whatever an event held.  Safe from any
 * thread; a full or closed stderr drops lines and counts them, never blocks.
 */

#ifndef MUTT_LOG_H
#define MUTT_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "mutt_error.h"
#include "mutt_str.h"

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
mutt_log_level_t mutt_log_level_parse(const char *name);

/* module is the part that speaks ("queue", "rules"), a static string. */
void mutt_log(mutt_log_t *log, mutt_log_level_t level, const char *module,
              const char *fmt, ...) MUTT_PRINTF(4, 5);

/* As mutt_log(), with the correlation id of the work in hand. */
void mutt_log_event(mutt_log_t *log, mutt_log_level_t level, const char *module,
                    mutt_str_t correlation_id, const char *fmt, ...)
    MUTT_PRINTF(5, 6);

#endif
