/*
 * Dead letters on their way back: a lease that one process has at a time,
 * a look at the oldest letters, and the moves, each call one atomic script
 * (lua/lease.lua, lua/look.lua, lua/replay.lua).
 */

#ifndef MUTT_REPLAY_H
#define MUTT_REPLAY_H

#include <stdint.h>

#include "conf/mutt_settings.h"
#include "core/mutt_error.h"
#include "core/mutt_pool.h"
#include "mutt_redis.h"

/* The two lists, each with the queue that its letters came from. */
typedef enum {
    MUTT_REPLAY_EVENTS, /* of the alerter, to the ingest queue */
    MUTT_REPLAY_ALERTS, /* of the forwarder, to the alert queue */
    MUTT_REPLAY_LISTS
} mutt_replay_list_t;

typedef struct {
    bool held;
    int64_t depth[MUTT_REPLAY_LISTS];
    int64_t dead;
} mutt_replay_lease_t;

/* What becomes of a letter. */
typedef enum {
    MUTT_REPLAY_BACK,          /* payload to its queue */
    MUTT_REPLAY_DEAD,          /* payload to the dead */
    MUTT_REPLAY_DEAD_EXTERNAL, /* the same, of what ingest never counted */
    MUTT_REPLAY_LATER          /* not yet due: behind the others */
} mutt_replay_dest_t;

typedef struct {
    mutt_str_t letter; /* as mutt_replay_look() gave it */
    mutt_replay_dest_t dest;
    mutt_str_t payload; /* where dest has one */
} mutt_replay_move_t;

/* What a call needs to know besides. */
typedef struct {
    mutt_str_t token;          /* of the lease */
    int64_t warn;              /* alerts from which nothing is replayed */
    int64_t breaker_timeout_s; /* -1: the breaker is switched off */
    int64_t outstanding; /* EVENTS: replayed before, perhaps still claimed */
} mutt_replay_terms_t;

typedef struct {
    int64_t back;
    int64_t dead;
    int64_t later;
    char why[16]; /* why the rest waits: "", warn, pending, breaker, moved */
} mutt_replay_done_t;

/* Takes or renews the lease for ms; 0 gives it back. */
MUTT_CHECKED mutt_rc_t mutt_replay_lease(mutt_redis_t *redis,
                                         const mutt_settings_t *settings,
                                         mutt_str_t token, int64_t ms,
                                         mutt_replay_lease_t *lease,
                                         mutt_err_t *err);

/*
 * The oldest letters of a list, oldest first, at most max of at most 4 MiB
 * together, or one larger one; they live in the pool.  Moves nothing.
 */
MUTT_CHECKED mutt_rc_t mutt_replay_look(mutt_redis_t *redis,
                                        const mutt_settings_t *settings,
                                        mutt_replay_list_t list, size_t max,
                                        mutt_pool_t *pool, size_t *n,
                                        mutt_str_t **letters, mutt_err_t *err);

/*
 * Settles letters in the order they were looked at, as far as the target has
 * room.  MUTT_FENCED without the lease: nothing was moved.
 */
MUTT_CHECKED mutt_rc_t mutt_replay_move(mutt_redis_t *redis,
                                        const mutt_settings_t *settings,
                                        mutt_replay_list_t list,
                                        const mutt_replay_terms_t *terms,
                                        const mutt_replay_move_t *moves,
                                        size_t n, mutt_replay_done_t *done,
                                        mutt_err_t *err);

#endif
