/*
 * An alerter without rules and PostgreSQL, for tests of the queue: where an
 * item goes is a function of its number, so that a test can tell afterwards
 * whether it went there once.
 *
 *     {"_attempts":A,"_replays":R,"n":N}, by the last digit of N:
 *     0 to 2    the alert queue
 *     3, 4, 5   logged, suppressed, unhandled (of three kinds)
 *     6, 7      dead letters, dead
 *     8, 9      back to the queue once, then the alert queue
 */

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/mutt_uuid.h"
#include "io/mutt_queue.h"
#include "run/mutt_worker.h"

#define POOL_BLOCK 65536
#define KINDS 3
#define WAIT_MS 200
#define WORK_MS_MAX 4

typedef struct {
    mutt_pool_t *pool;
} ctx_t;


static mutt_rc_t
worker_setup(mutt_run_t *run, mutt_err_t *err)
{
    ctx_t *ctx = mutt_run_ctx(run);

    ctx->pool = mutt_pool_create(POOL_BLOCK);

    return ctx->pool == NULL ? mutt_fail(err, MUTT_NOMEM, "out of memory")
                             : MUTT_OK;
}


static void
worker_teardown(mutt_run_t *run)
{
    ctx_t *ctx = mutt_run_ctx(run);

    mutt_pool_destroy(ctx->pool);
}


/* The time that work takes, in which tests kill. */
static void
work(void)
{
    unsigned char r = 0;

    (void) mutt_random(&r, sizeof(r));
    (void) poll(NULL, 0, r % (WORK_MS_MAX + 1));
}


static bool
judge(mutt_str_t item, mutt_pool_t *pool, mutt_unhandled_t *kinds,
      mutt_verdict_t *verdict)
{
    static const mutt_dest_t dests[10] = {
        MUTT_TO_ALERT,      MUTT_TO_ALERT,     MUTT_TO_ALERT, MUTT_TO_LOGGED,
        MUTT_TO_SUPPRESSED, MUTT_TO_UNHANDLED, MUTT_TO_DLQ,   MUTT_TO_DEAD,
        MUTT_TO_RETRY,      MUTT_TO_RETRY,
    };
    unsigned attempts;
    unsigned replays;
    unsigned long n;
    char text[128];

    if (sscanf(item.data, "{\"_attempts\":%u,\"_replays\":%u,\"n\":%lu}",
               &attempts, &replays, &n) != 3) {
        return false;
    }

    verdict->dest = dests[n % 10];
    verdict->payload = item;

    if (verdict->dest == MUTT_TO_UNHANDLED) {
        verdict->kind = n / 10 % KINDS;
        kinds[verdict->kind].times++;
        return true;
    }

    if (verdict->dest != MUTT_TO_RETRY) {
        return true;
    }

    if (replays > 0) {
        verdict->dest = MUTT_TO_ALERT;
        return true;
    }

    (void) snprintf(text, sizeof(text),
                    "{\"_attempts\":%u,\"_replays\":1,\"n\":%lu}", attempts, n);
    verdict->payload = mutt_pool_dup(pool, mutt_str(text));

    return verdict->payload.data != NULL;
}


/* Kinds that a batch has, moved to the front; their number. */
static size_t
compact(mutt_unhandled_t kinds[KINDS])
{
    size_t n = 0;

    for (size_t k = 0; k < KINDS; k++) {
        if (kinds[k].times > 0) {
            kinds[n++] = kinds[k];
        }
    }

    return n;
}


/* The meta-alert of a kind that reaches the threshold. */
static mutt_rc_t
write_meta(void *data, size_t k, mutt_unhandled_t *kind, mutt_err_t *err)
{
    (void) data;
    (void) k;
    (void) err;
    kind->meta_head = MUTT_STR("{\"meta\":");
    kind->meta_tail = MUTT_STR("}");

    return MUTT_OK;
}


static mutt_rc_t
settle(mutt_run_t *run, const mutt_claim_t *claim, mutt_pool_t *pool,
       mutt_err_t *err)
{
    static const char *const keys[KINDS] = { "mutt:unhandled:h:0",
                                             "mutt:unhandled:h:1",
                                             "mutt:unhandled:h:2" };
    const mutt_settings_t *s = mutt_run_settings(run);
    mutt_raising_t raising = {
        .threshold = mutt_set_int(s, MUTT_SET_UNHANDLED_THRESHOLD),
        .expiry_s = mutt_set_int(s, MUTT_SET_UNHANDLED_EXPIRY_SECONDS),
        .write = write_meta,
    };
    mutt_unhandled_t kinds[KINDS];
    mutt_verdict_t *verdicts =
        mutt_pool_calloc(pool, claim->n * sizeof(mutt_verdict_t));
    int64_t metas;

    if (verdicts == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory");
    }

    for (size_t k = 0; k < KINDS; k++) {
        kinds[k] = (mutt_unhandled_t) {
            .key = mutt_str(keys[k]),
        };
    }

    for (size_t i = 0; i < claim->n; i++) {
        if (!judge(claim->items[i], pool, kinds, &verdicts[i])) {
            return mutt_fail(err, MUTT_BUG, "cannot judge an item");
        }
    }

    work();

    return mutt_queue_commit(mutt_run_queue(run), claim, verdicts, kinds,
                             compact(kinds), &raising, &metas, err);
}


static mutt_rc_t
worker_turn(mutt_run_t *run, mutt_err_t *err)
{
    ctx_t *ctx = mutt_run_ctx(run);
    mutt_queue_t *queue = mutt_run_queue(run);
    mutt_claim_t claim;

    mutt_pool_reset(ctx->pool);

    mutt_rc_t rc =
        mutt_queue_claim(queue,
                         (size_t) mutt_set_int(mutt_run_settings(run),
                                               MUTT_SET_ALERTER_BATCH_MAX),
                         -1, ctx->pool, &claim, err);

    if (rc == MUTT_AGAIN) {
        return mutt_queue_wait(queue, WAIT_MS, err);
    }

    if (rc != MUTT_OK) {
        return rc;
    }

    work();

    return settle(run, &claim, ctx->pool, err);
}


static const mutt_worker_t worker = {
    .service = "queue-worker",
    .kind = "alerter",
    .reader = MUTT_S_ALERTER,
    .port = MUTT_SET_METRICS_PORT_ALERTER,
    .watches = { MUTT_WATCH_ALERTERS },
    .ctx_size = sizeof(ctx_t),
    .setup = worker_setup,
    .turn = worker_turn,
    .teardown = worker_teardown,
};


int
main(int argc, char **argv)
{
    return mutt_worker_main(&worker, argc, argv);
}
