/* A line of a log of the stack, whoever wrote it. */

#ifndef MUTT_CLI_LOG_LINE_H
#define MUTT_CLI_LOG_LINE_H

#include <jansson.h>

#include "core/mutt_log.h"
#include "core/mutt_str.h"
#include "core/mutt_time.h"

typedef struct {
    mutt_usec_t at; /* 0: the line does not say */
    mutt_log_level_t level;
    json_t *object; /* "timestamp", "level", "service", "message" and more */
} log_line_t;

/*
 * Reads a line of a service's log: JSON of ours, nginx's, Redis' and
 * PostgreSQL's own; any other line is a message.  What is not in the line is
 * taken from before.  The caller releases the object; false when out of
 * memory.
 */
bool log_line_read(const char *service, mutt_str_t text,
                   const log_line_t *before, log_line_t *line);

#endif
