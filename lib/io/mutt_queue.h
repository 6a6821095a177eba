/*
 * A worker's end of the queues: register, claim, commit, recover; each one
 * atomic script (docs/queue.md).  Identity is kind and pod; every connection
 * registers and gets a fresh token, every claim a batch number, and a script
 * with a stale one does nothing.
 */

#ifndef MUTT_QUEUE_H
#define MUTT_QUEUE_H

#include <stdint.h>

#include "conf/mutt_settings.h"
#include "core/mutt_error.h"
#include "core/mutt_pool.h"
#include "mutt_redis.h"

#define MUTT_TOKEN_SIZE 32

typedef struct mutt_queue_s mutt_queue_t;

/* What commit does with an item. */
typedef enum {
    MUTT_TO_ALERT,        /* payload to the alert queue; forwarding */
    MUTT_TO_LOGGED,       /* terminal: audited only */
    MUTT_TO_SUPPRESSED,   /* terminal: Suppress, Ignore */
    MUTT_TO_UNHANDLED,    /* terminal: no rule; counted by its kind */
    MUTT_TO_RETRY,        /* payload back to the claiming end of the queue */
    MUTT_TO_DLQ,          /* payload to mutt:dlq:alerter */
    MUTT_TO_SHED,         /* the same, for an event that has not failed */
    MUTT_TO_DEAD,         /* payload to mutt:dlq:dead */
    MUTT_TO_DEAD_EXTERNAL /* as dead, for an item that ingest never counted */
} mutt_dest_t;

typedef struct {
    mutt_dest_t dest;
    mutt_str_t payload; /* where dest has one */
    size_t kind;        /* MUTT_TO_UNHANDLED: index into kinds */
} mutt_verdict_t;

/* Unmatched events of one host and folded message within a batch. */
typedef struct {
    mutt_str_t key;       /* mutt:unhandled:{host}:{hash16} */
    int64_t times;        /* how many of them */
    mutt_str_t meta_head; /* the meta-alert's JSON up to the count, no data:
                             not written yet ... */
    mutt_str_t meta_tail; /* ... and after it */
} mutt_unhandled_t;

/* When kinds raise meta-alerts; write fills in the JSON of one that does. */
typedef struct {
    int64_t threshold;
    int64_t expiry_s;
    mutt_rc_t (*write)(void *data, size_t k, mutt_unhandled_t *kind,
                       mutt_err_t *err);
    void *data;
} mutt_raising_t;

typedef struct {
    size_t n;
    mutt_str_t *items;           /* oldest first; live in the pool */
    char token[MUTT_TOKEN_SIZE]; /* of the registration it was made under */
    int64_t number;
    int64_t source_depth;
    int64_t alert_depth; /* of the alert queue, for backpressure */
} mutt_claim_t;

/*
 * A queue end of this kind and pod, not yet connected; NULL when REDIS_URL
 * is none or out of memory.
 */
mutt_queue_t *mutt_queue_create(const mutt_settings_t *settings,
                                const char *kind, const char *pod);
void mutt_queue_destroy(mutt_queue_t *queue);

/*
 * Connects where needed and registers.  The first time in this process's
 * life it also recovers what an earlier life of the same name left
 * (attempts counted).  MUTT_DENIED when another process has taken the name
 * since this one registered.
 */
MUTT_CHECKED mutt_rc_t mutt_queue_register(mutt_queue_t *queue,
                                           mutt_err_t *err);
bool mutt_queue_registered(const mutt_queue_t *queue);

/* For the outbox, which has scripts of its own on the same registration. */
mutt_redis_t *mutt_queue_redis(mutt_queue_t *queue);
const char *mutt_queue_pod(const mutt_queue_t *queue);
const char *mutt_queue_id(const mutt_queue_t *queue);
const char *mutt_queue_processing(const mutt_queue_t *queue);

/* The token held now, or held last; "" before the first registration. */
const char *mutt_queue_token(const mutt_queue_t *queue);

/* Items taken back from an earlier life at the first registration. */
int64_t mutt_queue_recovered(const mutt_queue_t *queue);

/*
 * MUTT_OK for a script's {"OK", ...}; MUTT_STALE or MUTT_FENCED (then no
 * longer registered) for the others.
 */
MUTT_CHECKED mutt_rc_t mutt_queue_check_fence(mutt_queue_t *queue,
                                              const mutt_reply_t *reply,
                                              mutt_err_t *err);

/*
 * Claims up to max (1..1000) items of at most 8 MiB together, or one larger
 * one: first what is still in the processing list, then from the queue.  An
 * item with two or more attempts is claimed alone.  Nothing new is taken
 * while the alert queue holds more than alerts_max, nor more at a time than
 * would fill it up to that; -1: no bound.  MUTT_AGAIN when there is none; the
 * claim's depths are filled all the same.
 */
MUTT_CHECKED mutt_rc_t mutt_queue_claim(mutt_queue_t *queue, size_t max,
                                        int64_t alerts_max, mutt_pool_t *pool,
                                        mutt_claim_t *claim, mutt_err_t *err);

/*
 * Claims more behind a claim that is not settled yet; settling is in the
 * order of the claims.  Whatever goes wrong, both are void and
 * mutt_queue_claim() begins with the items of the first.  MUTT_AGAIN when
 * there is nothing, or an item ought to be alone.
 */
MUTT_CHECKED mutt_rc_t mutt_queue_claim_more(mutt_queue_t *queue, size_t max,
                                             const mutt_claim_t *ahead,
                                             mutt_pool_t *pool,
                                             mutt_claim_t *claim,
                                             mutt_err_t *err);

/*
 * Waits at most wait_ms until the queue is not empty: the doorbell, a
 * BRPOPLPUSH to a list that every claim empties first.  One waiter wakes for
 * one item.  MUTT_OK: claim now; MUTT_AGAIN: look again.
 */
MUTT_CHECKED mutt_rc_t mutt_queue_wait(mutt_queue_t *queue, unsigned wait_ms,
                                       mutt_err_t *err);

/*
 * Whether the last wait could have rung.  A full Redis refuses the doorbell,
 * and only a claim finds out what there is.
 */
bool mutt_queue_rings(const mutt_queue_t *queue);

/*
 * Settles a whole claim, in order: verdicts[i] is of claim->items[i].
 * *metas is how many meta-alerts were raised; the JSON of those that no kind
 * has yet is asked for on the way.  MUTT_STALE or MUTT_FENCED:
 * nothing was moved by this call (a lost earlier reply, or another owner);
 * claim again.
 */
MUTT_CHECKED mutt_rc_t mutt_queue_commit(
    mutt_queue_t *queue, const mutt_claim_t *claim,
    const mutt_verdict_t *verdicts, mutt_unhandled_t *kinds, size_t n_kinds,
    const mutt_raising_t *raising, int64_t *metas, mutt_err_t *err);

typedef struct {
    int64_t alerts; /* in the alert queue */
    int64_t dlq;    /* dead letters of this kind of worker */
    int64_t bell;   /* lifted by a doorbell and not claimed */
} mutt_queue_depths_t;

MUTT_CHECKED mutt_rc_t mutt_queue_depths(mutt_queue_t *queue,
                                         mutt_queue_depths_t *depths,
                                         mutt_err_t *err);

/*
 * Hands everything claimed back to the queue, attempts unchanged, and
 * signs off: the last act of an orderly exit.
 */
MUTT_CHECKED mutt_rc_t mutt_queue_leave(mutt_queue_t *queue, mutt_err_t *err);

#endif
