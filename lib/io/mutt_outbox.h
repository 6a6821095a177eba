/*
 * The forwarder's end of the alert queue.  Admission is one script: breaker,
 * shared sliding limit and pop together, on Redis' clock, so that an alert
 * is taken only when it may be sent at once and parks in the queue, its
 * attempts untouched, when it may not.  Settling is in
 * whatever order the answers came: the oldest deliveries by their number, any
 * other alert by value, since the processing list is bounded by
 * moog_max_inflight and equal items are the same alert.
 */

#ifndef MUTT_OUTBOX_H
#define MUTT_OUTBOX_H

#include <stdint.h>

#include "core/mutt_error.h"
#include "core/mutt_pool.h"
#include "domain/mutt_breaker.h"
#include "mutt_queue.h"

/* The queues' names, from the settings. */
typedef struct {
    mutt_str_t queue;
    mutt_str_t dlq;
    mutt_str_t dead;
} mutt_outbox_names_t;

/* The live settings that admission and settling need. */
typedef struct {
    int64_t rate_limit;
    int64_t rate_period_s;
    bool breaker_enabled;
    int64_t breaker_threshold;
    int64_t breaker_timeout_s;
    int64_t probe_timeout_ms; /* after which a lost probe expires */
} mutt_outbox_limits_t;

typedef struct {
    size_t n;
    mutt_str_t *items; /* live until the next call to Redis */
    bool probe;        /* the one item is the breaker's probe */
    mutt_breaker_state_t breaker;
    mutt_breaker_state_t breaker_before; /* differs: this call moved it */
    int64_t breaker_failures;
    int64_t wait_ms; /* when held back: ask again then; 0: not held */
    bool limited;    /* held back by the limit */
    int64_t queue_depth;
    int64_t retry_depth;
    int64_t dlq_depth;
} mutt_admission_t;

/* What became of one alert. */
typedef enum {
    MUTT_SENT_OK,    /* delivered; resets or closes the breaker */
    MUTT_SENT_RETRY, /* payload into mutt:retry:moog after delay_ms */
    MUTT_SENT_DLQ,   /* payload into mutt:dlq:moog */
    MUTT_SENT_DEAD,  /* payload into mutt:dlq:dead: no alert at all */
    MUTT_SENT_BACK   /* back to the queue as it was: shutdown, held */
} mutt_sent_t;

/* What the answer says about the webhook, for the breaker. */
typedef enum {
    MUTT_SIGN_NONE, /* says nothing: 429, hand-back, item's own fault */
    MUTT_SIGN_GOOD,
    MUTT_SIGN_BAD /* 5xx, 408, timeout, connection; 401, 403, 404 */
} mutt_sign_t;

typedef struct {
    mutt_str_t item; /* as claimed */
    mutt_sent_t sent;
    mutt_sign_t sign;
    mutt_str_t payload; /* for RETRY, DLQ and DEAD */
    int64_t delay_ms;   /* RETRY */
    int64_t hold_ms;    /* BACK: > 0: hold all forwarders that long (429) */
} mutt_settle_t;

/*
 * Delivered alerts that are settled by their number, as they lie together at
 * the old end of the processing list.
 */
typedef struct {
    size_t n;          /* how many; 0: none */
    size_t held;       /* items in the whole list, as far as is known */
    mutt_str_t newest; /* the newest of the n */
} mutt_outbox_run_t;

typedef struct {
    size_t moved;                  /* items this call settled */
    mutt_breaker_state_t from, to; /* from != to: a transition */
} mutt_settled_t;

/*
 * Both calls are begun, and ended, in this order; what has begun has to be
 * ended, in any case but MUTT_UNAVAIL and MUTT_TIMEOUT, which end all.  A
 * settlement may be begun alone, and so may an admission.
 *
 * Settles a run of deliveries and n other alerts.
 */
MUTT_CHECKED mutt_rc_t mutt_outbox_begin_settle(
    mutt_queue_t *queue, const mutt_outbox_names_t *names,
    const mutt_outbox_limits_t *limits, const mutt_outbox_run_t *oldest,
    const mutt_settle_t *settles, size_t n, mutt_err_t *err);

/* Takes as many alerts as may be sent now, at most max. */
MUTT_CHECKED mutt_rc_t mutt_outbox_begin_admit(
    mutt_queue_t *queue, const mutt_outbox_names_t *names,
    const mutt_outbox_limits_t *limits, size_t max, mutt_err_t *err);

/*
 * MUTT_STALE: the list is not as the run says, and nothing was settled.
 * MUTT_AGAIN: to be begun again, nothing was done.
 */
MUTT_CHECKED mutt_rc_t mutt_outbox_end_settle(mutt_queue_t *queue,
                                              mutt_settled_t *settled,
                                              mutt_err_t *err);

/* MUTT_AGAIN: to be begun again, nothing was done. */
MUTT_CHECKED mutt_rc_t mutt_outbox_end_admit(mutt_queue_t *queue,
                                             mutt_pool_t *pool,
                                             mutt_admission_t *admission,
                                             mutt_err_t *err);

/* What is in this worker's processing list, after a reconnection.  The items
 * live until the next call to Redis. */
MUTT_CHECKED mutt_rc_t mutt_outbox_resume(mutt_queue_t *queue,
                                          mutt_pool_t *pool, size_t *n,
                                          mutt_str_t **items, mutt_err_t *err);

/*
 * Moves at most 100 due retries to the alert queue; *moved says how many.
 * longest_ms: none is delayed longer.
 */
MUTT_CHECKED mutt_rc_t mutt_outbox_due(mutt_queue_t *queue,
                                       const mutt_outbox_names_t *names,
                                       int64_t longest_ms, size_t *moved,
                                       mutt_err_t *err);

#endif
