#include "forwarder.h"

/* what is delivered is settled together while there is more to send, but not
 * later than this */
#define SETTLE_AFTER (2 * 1000)


/*
 * Whether what is done is to be settled now.  A call costs Redis as much as
 * many alerts in it do, so a busy forwarder settles, and is given more, by the
 * half of what it has in hand; the other half is in flight meanwhile.
 */
static bool
worth_settling(const forwarder_t *f)
{
    return f->n_done > 0 &&
           (f->urgent || !f->more || f->n_done * 2 >= f->used ||
            mutt_time_mono() - f->done_at >= SETTLE_AFTER);
}


/*
 * The oldest alerts in hand, as far as they are done, if all that is done is
 * delivered: then they need not be settled one by one.
 */
static mutt_outbox_run_t
find_run(forwarder_t *f)
{
    mutt_outbox_run_t found = { .held = f->placed };
    slot_t *slot = f->ordered && !f->urgent ? f->oldest : NULL;

    for (slot_t *done = f->done; done != NULL; done = done->next) {
        done->in_run = false;
    }

    while (slot != NULL && slot->done) {
        slot->in_run = true;
        found.n++;
        found.newest = slot->item;
        slot = slot->newer;
    }

    return found;
}


/* What is in the list no more is settled. */
static void
free_done(forwarder_t *f)
{
    while (f->oldest != NULL && f->oldest->in_run) {
        forwarder_displace(f, f->oldest);
    }

    while (f->done != NULL) {
        slot_t *slot = f->done;

        f->done = slot->next;

        if (!slot->in_run) {
            forwarder_displace_equal(f, slot);
        }

        forwarder_free_slot(f, slot);
    }

    f->n_done = 0;
    f->urgent = false;
}


/* Settles all that is done, in one step of Redis. */
static mutt_rc_t
settle(mutt_run_t *run, forwarder_t *f, mutt_err_t *err)
{
    mutt_settle_t settles[SLOTS];
    mutt_settled_t settled;
    mutt_outbox_limits_t limits = forwarder_limits(run);
    mutt_outbox_run_t oldest = find_run(f);
    size_t n = f->n_done - oldest.n;
    size_t at = n;

    /* the one that was done first goes first */
    for (slot_t *slot = f->done; slot != NULL; slot = slot->next) {
        if (!slot->in_run) {
            settles[--at] = slot->settle;
        }
    }

    mutt_rc_t rc = mutt_outbox_settle(mutt_run_queue(run), &f->names, &limits,
                                      &oldest, settles, n, &settled, err);

    if (rc == MUTT_STALE) {
        mutt_log(mutt_run_log(run), MUTT_LOG_WARNING, "queue",
                 "the processing list is not what it was, it is read again");
        return forwarder_resume(run, err);
    }

    if (rc != MUTT_OK) {
        return rc;
    }

    free_done(f);
    forwarder_tell_breaker(run, f, settled.from, settled.to);

    return MUTT_OK;
}


mutt_rc_t
forwarder_collect(mutt_run_t *run, forwarder_t *f, int wait_ms, mutt_err_t *err)
{
    mutt_http_done_t done;
    mutt_rc_t rc = mutt_http_turn(f->http, wait_ms, err);

    while (rc == MUTT_OK && mutt_http_next(f->http, &done)) {
        forwarder_judge(run, f, &done);
    }

    return rc == MUTT_OK && worth_settling(f) ? settle(run, f, err) : rc;
}
