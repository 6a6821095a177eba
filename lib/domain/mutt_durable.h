/*
 * What an answer of Redis is worth when machines die, from what Redis says
 * about itself.  Pure: text in, level out.
 */

#ifndef MUTT_DURABLE_H
#define MUTT_DURABLE_H

#include <stdbool.h>

#include "core/mutt_str.h"

/* Each level holds what those below it hold. */
typedef enum {
    MUTT_DURABLE_NONE,   /* gone with the Redis process, or evicted before */
    MUTT_DURABLE_MEMORY, /* survives the process; power loss costs seconds */
    MUTT_DURABLE_FSYNC,  /* survives a power loss */
    MUTT_DURABLE_REPLICA /* others have it too: survives the machine */
} mutt_durable_t;

/* appendfsync, as far as Redis tells */
typedef enum {
    MUTT_FSYNC_UNKNOWN,
    MUTT_FSYNC_NO,
    MUTT_FSYNC_EVERYSEC,
    MUTT_FSYNC_ALWAYS
} mutt_fsync_t;

/* All zero is a Redis that tells nothing. */
typedef struct {
    bool aof;          /* on, and its last write went well */
    bool noeviction;   /* a full Redis refuses rather than evicts */
    bool replica;      /* it is one itself, and takes no events */
    unsigned replicas; /* of its own, that are in sync */
    mutt_fsync_t fsync;
} mutt_durable_facts_t;

/* Takes over what the text of INFO says; fsync stays. */
void mutt_durable_info(mutt_durable_facts_t *facts, mutt_str_t info);

/*
 * appendfsync by its value, or UNKNOWN for what is none; on_rewrite is
 * no-appendfsync-on-rewrite.  With that, "always" holds only between two
 * rewrites of the file, so it is taken for no more than "everysec".
 */
mutt_fsync_t mutt_durable_fsync(mutt_str_t value, mutt_str_t on_rewrite);

/*
 * What a write to this one Redis is worth, at most FSYNC; the lower level
 * where Redis does not tell.
 */
mutt_durable_t mutt_durable_level(const mutt_durable_facts_t *facts);

/* "none", "memory", "fsync", "replica". */
const char *mutt_durable_name(mutt_durable_t level);

#endif
