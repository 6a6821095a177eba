/*
 * Events that a sender says were acknowledged, and where they are.  One look
 * goes over the lists in Redis from the queue towards the dead letters, then
 * over the audit log.  Items move meanwhile, so that only what several looks
 * agree on counts.
 */

#ifndef MUTTDEV_ACKED_H
#define MUTTDEV_ACKED_H

#include "check.h"
#include "core/mutt_buf.h"
#include "io/mutt_pg.h"

typedef struct acked_s acked_t;

typedef struct {
    size_t ids;
    size_t missing;
    size_t doubled;
} acked_verdict_t;

/*
 * Reads a file: an event id a line, alone or followed by a word, of which
 * only "ok" counts.  MUTT_CONFIG when it can't be read or a line is neither.
 */
MUTT_CHECKED mutt_rc_t acked_load(const char *path, acked_t **acked,
                                  mutt_err_t *err);
void acked_free(acked_t *acked);

/* Notes where the events are in Redis; for the last place they were seen. */
MUTT_CHECKED mutt_rc_t acked_look(acked_t *acked, check_t *check,
                                  mutt_err_t *err);

/* Looks until nothing is missing or double, or it stays so. */
MUTT_CHECKED mutt_rc_t acked_judge(acked_t *acked, check_t *check,
                                   mutt_pg_t *pg, acked_verdict_t *verdict,
                                   mutt_err_t *err);

/* A line for each that is missing or double; the same as JSON members. */
void acked_print(const acked_t *acked);
void acked_json(const acked_t *acked, mutt_buf_t *out);

#endif
