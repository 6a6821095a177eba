/* Settling what is done. */

#include "forwarder.h"

/* what is delivered is settled together while there is more to send, but not
 * later than this */
#define SETTLE_AFTER (2 * 1000)


/* Five eighths of what is in hand are: the rest keeps the forwarder busy until
 * Redis has answered. */
static bool
many_are_done(const forwarder_t *f)
{
    return f->n_done * 8 >= f->used * 5;
}


bool
forwarder_worth_settling(const forwarder_t *f)
{
    return f->n_done > 0 && (f->urgent || !f->more || many_are_done(f) ||
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
    slot_t *slot = f->urgent ? NULL : f->oldest;

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


mutt_rc_t
forwarder_begin_settle(mutt_run_t *run, forwarder_t *f, mutt_err_t *err)
{
    mutt_settle_t settles[SLOTS];
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

    f->settling = f->done;
    f->n_settling = f->n_done;
    f->settling_urgent = f->urgent;
    f->done = NULL;
    f->n_done = 0;
    f->urgent = false;

    return mutt_outbox_begin_settle(mutt_run_queue(run), &f->names, &limits,
                                    &oldest, settles, n, err);
}


/* What is in the list no more. */
static void
free_settled(forwarder_t *f)
{
    while (f->oldest != NULL && f->oldest->in_run) {
        forwarder_displace(f, f->oldest);
    }

    while (f->settling != NULL) {
        slot_t *slot = f->settling;

        f->settling = slot->next;

        if (!slot->in_run) {
            forwarder_displace_equal(f, slot);
        }

        forwarder_free_slot(f, slot);
    }

    f->n_settling = 0;
}


void
forwarder_put_back(forwarder_t *f)
{
    slot_t **end = &f->done;

    if (f->n_settling == 0) {
        return;
    }

    /* the newest is the first of a list, and these are older */
    while (*end != NULL) {
        end = &(*end)->next;
    }

    *end = f->settling;
    f->n_done += f->n_settling;
    f->urgent = f->urgent || f->settling_urgent;
    f->settling = NULL;
    f->n_settling = 0;
}


mutt_rc_t
forwarder_end_settle(mutt_run_t *run, forwarder_t *f, mutt_err_t *err)
{
    mutt_settled_t settled;
    mutt_rc_t rc = mutt_outbox_end_settle(mutt_run_queue(run), &settled, err);

    f->unsettled = rc != MUTT_OK;

    if (rc != MUTT_OK) {
        forwarder_put_back(f);
        return rc;
    }

    free_settled(f);
    forwarder_tell_breaker(run, f, settled.from, settled.to);

    return MUTT_OK;
}
