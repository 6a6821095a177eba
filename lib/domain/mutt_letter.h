/*
 * A dead letter: an event or an alert in a dead letter list, what is to
 * happen with it, and how it is written for that (CONTRACT 2.3 and 5.4).
 */

#ifndef MUTT_LETTER_H
#define MUTT_LETTER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/mutt_buf.h"
#include "core/mutt_error.h"
#include "core/mutt_json_fast.h"
#include "core/mutt_time.h"

typedef struct {
    const mutt_json_member_t *members; /* live in the reader */
    size_t n;
    mutt_str_t correlation_id;
    mutt_str_t reason;     /* of the last failure; "" for none */
    mutt_usec_t failed_at; /* 0 for unknown */
    int64_t attempts;
    int64_t replays;
    bool shed; /* it has not failed: there was no room for it */
} mutt_letter_t;

/*
 * Reads an item of a dead letter list.  MUTT_INVALID when it has no valid
 * envelope.  The letter lives until the reader is used again.
 */
MUTT_CHECKED mutt_rc_t mutt_letter_read(mutt_json_reader_t *reader,
                                        mutt_str_t item, mutt_letter_t *letter,
                                        mutt_err_t *err);

/*
 * When the letter may be replayed: a shed one at once, a failed one after
 * interval_s, three, seven ... of them, with each replay before; a day at
 * most.
 */
mutt_usec_t mutt_letter_due(const mutt_letter_t *letter, int64_t interval_s,
                            mutt_usec_t now);

/* Appends it as it goes back to its queue: no attempts, one replay more. */
void mutt_letter_write_replay(mutt_buf_t *out, const mutt_letter_t *letter);

/* Appends it as it goes to the dead: out of replays, with its last reason. */
void mutt_letter_write_dead(mutt_buf_t *out, const mutt_letter_t *letter,
                            const char *failed_at);

#endif
