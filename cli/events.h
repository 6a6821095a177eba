/* Events in a file: one JSON object, an array of them, or one a line. */

#ifndef MUTT_CLI_EVENTS_H
#define MUTT_CLI_EVENTS_H

#include <jansson.h>

#include "core/mutt_error.h"

/* Longest file. */
#define EVENTS_BYTES (256u << 20)

/*
 * Reads a file, "-" for stdin, as an array; NULL with err filled, which names
 * the line, where it is none.
 */
json_t *events_read(const char *path, mutt_err_t *err);

/* The whole of a file as one value of JSON, NULL with err filled. */
json_t *events_document(const char *path, mutt_err_t *err);

#endif
